/* impl.h - links on the main loop: what the files links.c, apply.c, link.c, counts.c,
 * release.c, downlink.c share. */
#ifndef LINK_IMPL_H
#define LINK_IMPL_H

#include "link/blocking.h"
#include "link/links.h"
#include "link/plan.h"
#include "link/reactor.h"

enum line { LINE_UNKNOWN, LINE_UP, LINE_DOWN };

/* Why a link does not run as it should. */
enum fault { FAULT_NONE, FAULT_ADAPTOR, FAULT_SPEC, FAULT_REFERENCES };

struct link {
        struct links *links;
        struct link_spec *spec;        /* the desired one */
        struct link_spec *target_spec; /* what `target` was compiled from */
        struct device *target;         /* what the sink is, or will be; NULL: nothing runs */
        struct device *device;         /* what indexes of samples and states mean now */
        struct states states;
        struct conditions conditions;
        struct dl_sink *sink;
        struct dl_sink *waiting_for; /* the old one must be closed before a new one opens */
        enum line line;
        enum fault fault;
        char *cause; /* of the fault or of the line being down; NULL = none */
        bool was_up; /* since it was started */
        bool polled; /* at least once, or values were carried over */
        bool touched;
        struct link *touched_next;
        uint64_t polls;
        uint64_t failures[LINKS_CLASSES];
        int64_t good_ns; /* monotonic, the last poll that went well; 0 = none */
};

struct links {
        struct links_config config;
        struct gate *gate;
        struct link **list; /* sorted by key */
        size_t n;
        struct reactor **reactors; /* made when needed */
        size_t *reactor_sinks;     /* open on each */
        unsigned n_reactors;
        struct blocking **pools;
        size_t n_pools;
        size_t open_sinks;
        struct dl_sink *closing;
        struct dl_sink *quarantine; /* newest first */
        size_t n_quarantine;
        struct link *touched;
        struct loop_message announce;
        bool announcing;
        char **dropped; /* keys of links that had nothing to close */
        size_t n_dropped;
        struct write_pending *pending;
        uint64_t last_write_id;
        struct links_counts counts;
        struct links_adaptor *adaptors; /* in the order of adaptors_at() */
        struct loop_timer stop_timer;
        bool stopping, stopped, abandoned;
        void (*stop_done)(void *ctx);
        void *stop_ctx;
};

/* --- link.c: one link */

/* What links_apply() found out about a desired link. */
struct candidate {
        struct link_spec *spec;
        const struct dl_adaptor *adaptor;
        struct device *device; /* a reference, or NULL */
        enum fault fault;
        char *cause;
};

struct link *link_new(struct links *l, struct link_spec *spec);
void link_free(struct link *k); /* its device is stopped */
void link_start(struct link *k, const struct candidate *c, int64_t after_ns);
void link_update(struct link *k, const struct candidate *c);
void link_replace(struct link *k, const struct candidate *c);
void link_stop(struct link *k);
/* What the link's conditions were recorded for has another name in the spec. */
enum { RENAMED_NODE = 1, RENAMED_MODEL = 2, RENAMED_ADAPTOR = 4 };
/* Conditions and status after a change of the spec or the device. */
void link_configured(struct link *k, const struct candidate *c, unsigned renamed);
void link_touch(struct link *k); /* its status is to be told */
void link_take(struct link *k, const struct record *r);
/* The old one is gone, or never will be. */
void link_old_closed(struct link *k);

/* --- links.c: where sinks live */

struct dl_sink *links_open(struct links *l, struct link *k, int64_t after_ns);
void links_close(struct links *l, struct dl_sink *s);
/* NULL: none of that name.  stuck: those as well that nobody waits for any more. */
struct dl_sink *links_closing(struct links *l, const char *key, bool stuck);
struct link *links_find(const struct links *l, const char *key);

void links_announce(struct links *l); /* status hooks and release_dropped(), soon */

/* --- release.c */

void release_later(struct links *l, const char *key);  /* it is no longer desired */
void release_closed(struct links *l, const char *key); /* a sink of it is buried */
void release_dropped(struct links *l);
void release_done(struct links *l);

/* --- counts.c */

void counts_init(struct links *l);
/* A poll has ended; before k->line is set. */
void counts_polled(struct link *k, const struct record_result *r);

/* --- command.c */

/* device and job are handed over; NULL where the kind has none. */
void command_post(struct dl_sink *s, enum command_kind kind, struct device *device,
                  struct write_job *job, int64_t after_ns);

/* --- downlink.c */

void downlink_written(struct links *l, const struct record_written *r);
void downlink_cancel(struct links *l); /* answer everything that waits */

#endif
