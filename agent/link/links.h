/* links.h - from the desired set to running devices.
 *
 * links_apply() takes the whole desired set; plan (pure) decides start, replace, keep, stop; each
 * link's state machine owns conditions, back-off and last values; channels (threads) run the
 * plugins.
 * Threads: the loop; hooks are called there.
 */
#ifndef LINK_LINKS_H
#define LINK_LINKS_H

#include "base/histogram.h"
#include "link/adaptors.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "model/condition.h"
#include "model/state.h"

struct links;

struct links_hooks {
        void *ctx;
        /* After every poll, batch of pushed values and (re)configure: the device's states changed
         * or were confirmed.  What is given lives for the call. */
        void (*status)(void *ctx, const struct link_spec *, const struct device *,
                       const struct states *);
        /* The condition list changed.  `cause` is the human text behind it, or "". */
        void (*condition)(void *ctx, const struct link_spec *, const struct conditions *,
                          const char *cause);
        /* A link that was desired no longer is, and its device is closed: nothing of it runs.  Not
         * for one that is started anew. */
        void (*released)(void *ctx, const char *key);
};

struct links_config {
        struct loop *loop;
        struct adaptors *adaptors; /* borrowed */
        struct resolver *resolver; /* borrowed */
        unsigned reactors;         /* 0 = one per core */
        unsigned blocking_max;     /* threads per blocking adaptor; 0 = 2 */
        struct links_hooks hooks;
};

struct links *links_new(const struct links_config *);
/* Make the running set the desired one.  Returns at once; d stays the caller's. */
void links_apply(struct links *l, const struct desired *d);

/* The one downlink verb: MQTT commands, twins and RPC are all this.  Points are those of the
 * device that the status hook gave last; values are copied.
 * deadline_ns: monotonic.  A write that is under way by then is not called back.
 * Returns 0, and answer() is called exactly once on the loop, never from within: per-point results
 * in order of `writes`, at the deadline at the latest.  Else it is not called; DL_CONFIG: no such
 * link, or too many writes; DL_RETRY: the link does not run, or 1,024 calls wait. */
struct links_write_result {
        int rc; /* enum dl_rc; DL_RETRY: device away or changed, deadline passed */
        uint32_t code;
        char text[256];
};
int links_write(struct links *l, const char *key, const struct dl_write *writes, size_t n,
                int64_t deadline_ns,
                void (*answer)(void *ctx, const struct links_write_result *, size_t n), void *ctx,
                struct err *e);

struct links_counts {
        size_t links, healthy, unhealthy;
        uint64_t polls, polls_failed, samples;
        unsigned threads;
};
void links_count(const struct links *l, struct links_counts *ret);

/* Why a poll failed: DL_RETRY first, down to DL_BUG. */
enum { LINKS_CLASSES = 4 };

/* How a link is, for people and metrics.  What is given lives for the call. */
struct links_view {
        const struct link_spec *spec;
        const struct conditions *conditions;
        const char *cause;           /* "" = none */
        const struct device *device; /* NULL: not compiled */
        const struct states *states;
        uint64_t polls, polls_failed;
        uint64_t failures[LINKS_CLASSES]; /* of polls_failed */
        int64_t good_ns; /* monotonic, the last poll that went well; 0 = none yet */
};
/* In order of the keys. */
void links_each(const struct links *l, void (*each)(void *ctx, const struct links_view *),
                void *ctx);

/* What an adaptor's links do, for metrics.  Counters never go back. */
struct links_adaptor {
        const char *name;
        size_t connected;                     /* links whose device answers */
        uint64_t connect_errors, poll_errors; /* polls that failed: not connected yet, since then */
        struct histogram times;               /* of polls */
};
void links_each_adaptor(const struct links *l,
                        void (*each)(void *ctx, const struct links_adaptor *), void *ctx);

/* Interrupt, stop, join, free; done() on the loop when nothing runs any more (at most about 3 s:
 * what is stuck in a plugin beyond that is left, and said so).  Then links_free(). */
void links_stop(struct links *l, void (*done)(void *ctx), void *ctx);
void links_free(struct links *l);

#endif
