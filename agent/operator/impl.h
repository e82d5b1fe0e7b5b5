/* impl.h - what the files of the operator share.  Not for others. */
#ifndef OPERATOR_IMPL_H
#define OPERATOR_IMPL_H

#include "base/backoff.h"
#include "base/histogram.h"
#include "kube/events.h"
#include "kube/reflector.h"
#include "operator/brain.h"
#include "operator/hosts.h"
#include "operator/models.h"

enum { BUSY_MAX = 32, WATCHES = 4, PATCH_BYTES_MAX = 1 << 20 };

/* The kind that a link had, as far as its instance may still be there. */
struct former {
        char *crd, *api_version, *kind; /* all NULL: none */
};

/* A DeviceLink, in our care. */
struct ward {
        struct keyed keyed; /* "namespace/name" */
        struct brain *brain;
        struct link_view *view;
        LIST_ENTRY(ward) entry;
        struct host *host; /* of spec.adaptor.node; NULL = it names none */
        LIST_ENTRY(ward) of_host;
        struct model *model; /* NULL = it names none */
        LIST_ENTRY(ward) of_model;
        struct host *wait; /* holds an instance of the link; NULL = nobody that is known */
        LIST_ENTRY(ward) of_wait;

        char *last_node; /* that was recorded, "" never; NULL = not known */
        struct former former;
        bool former_held;    /* by .wait */
        bool check_holder;   /* of the instance: a node that left may hold it */
        uint64_t told;       /* episode of .host that was said in the link */
        uint64_t telling;    /* the same, in the patch under way */
        bool is_abandoned;   /* the finalizer is being dropped without clean-up */
        char *subject;       /* uid of the instance that is being dealt with */
        struct backoff look; /* for who waits for another node */

        bool queued, busy, again;
        STAILQ_ENTRY(ward) turn;
        struct kube_call *call;
        struct loop_timer retry;
        struct backoff backoff;
        int64_t began_ns;
};

enum result {
        RESULT_DONE,
        RESULT_AGAIN, /* there is more to do */
        RESULT_RETRY, /* after a back-off */
        RESULT_LATER, /* it is refused: minutes */
};
enum { RESULTS = RESULT_LATER + 1 };

struct watch { /* one collection */
        struct brain *brain;
        const char *what; /* for people: "DeviceLinks" */
        struct reflector *reflector;
        enum reflector_state state;
        char *text; /* why */
};

enum { WATCH_LINKS, WATCH_NODES, WATCH_CRDS, WATCH_LEASES };

struct brain {
        struct brain_config config;
        struct loop *loop;
        struct watch watches[WATCHES];
        struct leader *leader;
        struct events *events;
        struct hosts *hosts;
        struct models *models;
        void *index;
        LIST_HEAD(, ward) links;
        STAILQ_HEAD(, ward) queue;
        size_t n_links, n_queued, n_busy;
        struct loop_turn turn;
        struct loop_timer judge;
        int64_t judge_ns; /* what it is set to */
        bool elected, lost;
        bool acting; /* since all was read, and it leads */
        bool stopping, drained;

        struct loop_timer stop_limit;
        int64_t stop_ns;
        void (*stopped)(void *ctx);
        void *stop_ctx;

        uint64_t results[RESULTS];
        struct histogram times; /* of passes */
};

/* --- brain.c */
void brain_act_when_ready(struct brain *b);

/* --- watches.c: news of links, nodes, CRDs and Leases */
void watches_open(struct brain *b, const char *space);
void watches_close(struct brain *b);
bool watches_are_synced(const struct brain *b); /* each was read at least once */

/* --- queue.c: links as they come and go, and whose turn it is */
void ward_take(struct brain *b, const struct tree *object, const struct object_meta *m);
void ward_gone(struct brain *b, const char *space, const char *name, const char *uid);
void wards_free_all(struct brain *b);
void ward_enqueue(struct ward *w);
void queue_pump(struct brain *b);
/* What was begun with ward_work() is over. */
void ward_finish(struct ward *w, enum result r);
void ward_cancel(struct ward *w);                   /* what is under way */
void ward_wait_for(struct ward *w, struct host *h); /* NULL = nobody */
void ward_forget_former(struct ward *w);

/* --- reconcile.c: one pass over one link */
void ward_work(struct ward *w);
/* Said and logged; what to do after such an answer (never RESULT_DONE). */
enum result ward_failed(struct ward *w, const char *what, const struct kube_answer *answer);
void ward_say(const struct ward *w, const char *reason, const char *action, const char *note);

/* --- instances.c: instances of links, left or held by others */
void instance_remove_former(struct ward *w);
void instance_check_holder(struct ward *w);

#endif
