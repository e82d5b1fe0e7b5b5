/* cluster_impl.h - what the files of the cluster share.  Private to agent/kube/cluster*.c.
 *
 * cluster.c         life, the turn, numbers
 * cluster_watch.c   reflectors: links, and one per device kind in use
 * cluster_observe.c what is kept of a link's object
 * cluster_links.c   the table of links
 * cluster_take.c    what a link's object that was seen means for it
 * cluster_work.c    what is done about a link at the end of a turn
 * cluster_chain.c   what is next for one link (pure)
 * cluster_write.c   requests: lanes, and the rest after a failure
 * cluster_make.c    requests on links: finalizer, conditions
 * cluster_instance.c  requests on instances
 * cluster_held.c    what is held without a link of this node
 * cluster_leave.c   instances that are given back
 * cluster_gone.c    links that leave, and the loss of all
 * cluster_report.c  device status
 * cluster_keep.c    links on disk
 * cluster_set.c     the desired set and references
 * cluster_say.c     events
 *
 * An event only notes what is known and touches the link; at the end of the turn each touched link
 * is looked at once, then the set, then the requests are started.
 */
#ifndef KUBE_CLUSTER_IMPL_H
#define KUBE_CLUSTER_IMPL_H

#include "base/backoff.h"
#include "base/clock.h"
#include "kube/cluster.h"
#include "kube/cluster_chain.h"
#include "kube/events.h"
#include "kube/instance.h"
#include "kube/last_known.h"
#include "kube/lease.h"
#include "kube/maker.h"
#include "kube/reflector.h"
#include "kube/refs.h"
#include "kube/report_times.h"
#include "kube/watched.h"
#include "loop/loop.h"

enum { CLUSTER_BODY_MAX = 3 * 1024 * 1024 };

/* --- a link's object as last seen, without its spec */

struct observed {
        struct arena *arena; /* holds all below; NULL: nothing was seen */
        const char *version;
        int64_t generation;
        uint64_t digest; /* of what else the decoded object was made of */
        bool deleted, finalizer;
        const struct tree *outline;                      /* what finalizer_patch() needs */
        const char *node, *adaptor, *api_version, *kind; /* of the spec; "" = none */
        struct link_status status;
};

void observed_read(const struct tree *object, const struct object_meta *m, struct observed *ret);
void observed_done(struct observed *o);
/* The object decoded, without what nobody reads; NULL: *ret_wrong says why (for free()).  The arena
 * is taken over. */
struct object_set *observed_decode(const struct tree *object, struct arena *owned,
                                   char **ret_wrong);

/* --- a device kind in use: its instances of this node */

struct cluster_kind {
        struct cluster_kind *next;
        struct cluster *c;
        char *api_version, *kind;
        size_t links; /* that are of it */
        struct kube_resource resource;
        struct arena *arena; /* holds the resource's texts */
        struct reflector *reflector;
        enum reflector_state state;
        bool was_missing; /* the resource, and it has not been read since */
};

/* --- a link */

enum link_life {
        LIFE_KEPT,    /* known from disk, not seen in the cluster */
        LIFE_PRESENT, /* seen, of this node */
        LIFE_ASKING,  /* no longer selected: gone or moved? */
        LIFE_MOVED,   /* of another node: stop, then give the instance back */
        LIFE_ENDED,   /* gone: stop */
        LIFE_ORPHAN,  /* gone together with its CRD: driven on for a while */
};

enum lane_name { LANE_CHAIN, LANE_SAY, LANE_REPORT, LANES };

enum rest_why {
        REST_AWAY,    /* no answer */
        REST_MODEL,   /* no such resource */
        REST_REFUSED, /* this, as things are */
        REST_WAITING, /* somebody else is to do something */
        REST_WHYS
};

struct link_instance {
        enum chain_instance state;
        char *uid;      /* NULL = none known */
        char *version;  /* NULL = none known */
        uint64_t check; /* of all but its status, when it was compared last; 0 = not */
        struct instance_seen seen;
        bool recreate;           /* it was there, and was deleted by hand */
        unsigned fights;         /* times that it went right after our write, in a row */
        bool outrun;             /* it went while a request was under way: the answer is older */
        int64_t written_ns;      /* our last write of it, monotonic */
        uint64_t written_serial; /* of the object that it was made from */
};

struct link_report {
        char *json; /* to be written, or being written; NULL = nothing */
        size_t len;
        uint64_t digest;  /* of it */
        uint64_t sent;    /* digest of the request under way, or the last one */
        uint64_t written; /* digest of what the server holds; 0 = unknown */
        uint64_t refused; /* digest of what it refuses; 0 = none */
        int64_t last_ns;  /* of the last attempt, monotonic; 0 = none */
        bool fresh;       /* .json came after the request under way had begun */
        bool doubted;     /* it was refused once, and the instance looked at */
        bool refresh;     /* times are old: the next document is written as it is */
        bool cut;         /* the last one was too long, and this was said */
        struct backoff backoff;
        struct report_times *times;
        struct kube_call *call;
        struct loop_timer timer;
};

struct cluster_link {
        struct cluster *c;
        char *key, *space, *name;
        char *uid;
        enum link_life life;
        struct observed seen;
        struct object_set *newest;   /* NULL: nothing, or it cannot be read */
        struct object_set *accepted; /* what is driven, or may be; often .newest */
        char *wrong;                 /* why the newest cannot be read */
        struct cluster_kind *kind;
        struct link_instance instance;

        /* towards the rooms */
        bool handled;
        bool drive;
        bool given;   /* in the set that changed() got last */
        bool closing; /* was, and its device is not closed yet */
        enum chain_device device;
        char *device_message; /* NULL: that it cannot be connected */
        char *ref_trouble;    /* why its references do not resolve, as said last; NULL = they do */

        /* deletion */
        bool checked; /* it is not the whole CRD that goes */
        bool orphan;  /* it is: driven on */
        bool overdue; /* the device had its time to close */
        struct loop_timer cleanup;

        /* work */
        bool dirty;
        struct cluster_link *dirty_next;
        bool in_lane[LANES];
        struct cluster_link *lane_next[LANES];
        struct kube_call *call; /* of the chain */
        uint64_t call_serial;   /* of the newest object when it began */
        struct kube_call *say_call;
        enum chain_refusal refused;
        bool stale;         /* the object is to be read again */
        unsigned conflicts; /* of writes of it, in a row */
        bool resting;
        enum rest_why rest_why;
        struct backoff backoff;
        struct loop_timer rest;
        bool say_resting; /* a write of conditions failed */
        bool say_waiting; /* what is under way is not worth a write yet */
        bool say_due;     /* now it is */
        struct backoff say_backoff;
        struct loop_timer say_timer;
        int64_t since_ns; /* an event that is not worked off yet came then, monotonic; 0 = none */
        struct link_report report;
};

struct lane {
        struct cluster_link *first, *last;
        unsigned busy;
};

struct cluster {
        struct cluster_config config; /* texts are copies */
        struct reflector *links_reflector;
        enum reflector_state links_state;
        char *links_trouble;
        bool synced;  /* once */
        bool offline; /* drive what was kept */
        struct cluster_kind *kinds;
        bool idle_kinds; /* there are some that no link uses */
        struct watched *watched;
        struct events *events;
        struct heartbeat *heartbeat;
        struct last_known *keep;
        struct maker *maker;
        struct loop_turn turn;
        struct loop_timer start; /* wait for the first list, then do without */
        int64_t start_ns;
        struct loop_timer again; /* the turn, without an event */

        struct cluster_link **list; /* sorted by key */
        size_t n, cap;
        struct cluster_link *dirty;
        bool set_dirty;
        bool refs_dirty;
        bool told;      /* changed() was called once */
        int64_t set_ns; /* when the set was looked at last, monotonic */
        struct findings findings;

        struct lane lanes[LANES];
        struct loop_timer refresh;

        /* the loss of all */
        struct kube_call *guard_call;
        struct loop_timer guard; /* a moment, until all that go are gone */
        struct loop_timer kept;  /* orphans are driven until then */
        bool crd_gone;

        bool stopping;
        struct loop_timer stop_limit;
        void (*stopped)(void *ctx);
        void *stopped_ctx;

        struct cluster_counts counts;
        struct buf *trouble;    /* what cluster_trouble() said */
        struct held_look *held; /* NULL: none under way */
};

/* --- cluster_watch.c */

void cluster_watch_links(struct cluster *c);
void cluster_kind_use(struct cluster_link *l, const char *api_version, const char *kind);
void cluster_kind_drop(struct cluster_link *l);
void cluster_kinds_sweep(struct cluster *c); /* closes those that no link uses */

/* --- cluster_held.c */

void cluster_held_begin(struct cluster *c); /* links are read */
void cluster_held_end(struct cluster *c);   /* done, or given up */

/* --- cluster_links.c */

struct cluster_link *cluster_link_find(const struct cluster *c, const char *key);
struct cluster_link *cluster_link_find_name(const struct cluster *c, const char *space,
                                            const char *name);
struct cluster_link *cluster_link_add(struct cluster *c, const char *space, const char *name,
                                      const char *uid);
void cluster_link_remove(struct cluster_link *l); /* from the table, and free it */
void cluster_touch(struct cluster_link *l);
void cluster_link_event(struct cluster_link *l); /* the same, measured */
void cluster_link_drop_set(struct cluster_link *l,
                           struct object_set **set); /* .newest or .accepted */
/* An object of ours was seen: event, or answer to a write.  The arena is taken over. */
void cluster_take(struct cluster *c, const struct tree *object, const struct object_meta *m,
                  struct arena *owned);
/* Another object of the same name: what is left is what the rooms do. */
void cluster_link_renew(struct cluster_link *l, const char *uid);
const struct object *cluster_link_newest(const struct cluster_link *l); /* NULL: none */
const struct object *cluster_link_accepted(const struct cluster_link *l);
bool cluster_link_busy(const struct cluster_link *l);
void cluster_link_decide(struct cluster_link *l, struct chain_verdict *ret);
void cluster_work(struct cluster_link *l); /* at the end of the turn; may free it */
bool cluster_link_differs(const struct cluster_link *l, const struct chain_verdict *v);
void cluster_link_settled(struct cluster_link *l); /* its event is worked off */

/* --- cluster_write.c */

void cluster_lane_add(struct cluster_link *l, enum lane_name lane);
void cluster_lane_leave(struct cluster_link *l); /* all of them, with its requests */
void cluster_lanes_pump(struct cluster *c);
bool cluster_lanes_idle(const struct cluster *c);
void cluster_rest(struct cluster_link *l, enum rest_why why, const struct kube_answer *a);
void cluster_rested(struct cluster_link *l); /* what was tried went well, or is another thing now */
void cluster_rest_init(struct cluster_link *l);
enum rest_why cluster_rest_of(const struct kube_answer *a);
struct write {
        const char *method, *path, *resource, *type;
        const struct buf *body; /* NULL = none */
        enum kube_lane lane;
        bool no_answer; /* only whether it went well is of interest */
        void (*done)(void *ctx, struct kube_answer *);
};
struct kube_call *cluster_write_start(struct cluster_link *l, const struct write *w);
/* As the link's request of the chain: true: started. */
bool cluster_write_chain(struct cluster_link *l, const struct write *w);
/* The same on an instance: fills in path, resource and lane.  name NULL: the collection. */
bool cluster_write_device(struct cluster_link *l, const char *api_version, const char *kind,
                          const char *name, struct write *w);
struct cluster_link *cluster_write_ended(void *ctx, const struct kube_answer *a); /* its end */

/* --- cluster_make.c, cluster_instance.c, cluster_report.c: true: a request was started */

bool cluster_make_finalizer(struct cluster_link *l, bool present);
bool cluster_make_read(struct cluster_link *l);
bool cluster_make_conditions(struct cluster_link *l);
bool cluster_instance_look(struct cluster_link *l);
bool cluster_instance_make(struct cluster_link *l);
bool cluster_instance_give_back(struct cluster_link *l);
/* An instance was seen, in an event or an answer. */
void cluster_instance_take(struct cluster_link *l, const struct tree *object,
                           const struct object_meta *m);
void cluster_instance_gone(struct cluster_link *l, const char *uid); /* uid NULL = whichever */
void cluster_instance_forget(struct cluster_link *l);
bool cluster_report_start(struct cluster_link *l);
void cluster_report_init(struct cluster_link *l);
void cluster_report_done(struct cluster_link *l);
void cluster_report_ready(struct cluster_link *l); /* its instance is there now, or another one */
void cluster_report_again(struct cluster_link *l); /* what waited for its instance */
void cluster_report_refresh(struct cluster *c);    /* begins the timer of all */

/* --- cluster_gone.c */

void cluster_gone_ask(struct cluster_link *l); /* not selected any more */
bool cluster_gone_look(struct cluster_link *l);
void cluster_gone_end(struct cluster_link *l);
/* A deletion: true when it may go on, false while it is found out whether all go. */
bool cluster_gone_checked(struct cluster_link *l);
void cluster_gone_orphan(struct cluster_link *l);
void cluster_gone_crd(struct cluster *c, bool there);
void cluster_gone_init(struct cluster *c);
void cluster_gone_done(struct cluster *c);

/* --- cluster_keep.c, cluster_set.c, cluster_say.c */

void cluster_keep_read(struct cluster *c);
void cluster_keep_put(struct cluster_link *l);
void cluster_set_update(struct cluster *c);
bool cluster_set_refs_unknown(struct cluster_link *l);
void cluster_set_refs(struct cluster *c);
void cluster_set_refs_changed(void *ctx); /* what is referred to is another thing now */
const char *cluster_set_why(void *ctx, enum object_kind kind, const char *space, const char *name);
void cluster_say(struct cluster_link *l, bool warning, const char *reason, const char *action,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
