/* schedule.h - when which points are due, and how long to wait for a device that is away.
 *
 * Pure but for the random jitter; times are monotonic nanoseconds.  Threads: one at a time.
 */
#ifndef LINK_SCHEDULE_H
#define LINK_SCHEDULE_H

#include "base/backoff.h"

#include <devicelink/adaptor.h>
#include <stdbool.h>

#define SCHEDULE_NEVER INT64_MAX
#define SCHEDULE_INTERVAL_MIN_NS INT64_C(5000000) /* a tick: shorter ones are taken as this */

/* Points of one interval.  Interval 0: read once, after (re)configure and after an outage. */
struct schedule_group {
        int64_t interval_ns;
        int64_t due_ns;
        uint32_t *points; /* ascending */
        uint32_t n;
};

struct schedule {
        struct schedule_group *groups; /* at least one, so that even a device without readable
                                          points is connected */
        size_t n;
        uint32_t *points; /* room for all, behind the groups */
};

void schedule_init(struct schedule *s, const struct dl_info *info);
void schedule_done(struct schedule *s);
/* Everything is due at at_ns, and from there on every interval. */
void schedule_restart(struct schedule *s, int64_t at_ns);
int64_t schedule_due(const struct schedule *s);
/* Is a read of points that are due now a read of all there are?  Then *ret_points and *ret_n are
 * these. */
bool schedule_all_due(const struct schedule *s, int64_t now_ns, const uint32_t **ret_points,
                      size_t *ret_n);
/* Call back for each point that is due. */
void schedule_each(const struct schedule *s, int64_t now_ns, void (*due)(void *ctx, uint32_t point),
                   void *ctx);
/* What was due has been asked for: missed turns are left out, the rhythm stays. */
void schedule_advance(struct schedule *s, int64_t now_ns);

/* Delays for what does not answer: 250 ms at first, doubling to 1.5 s, and as the outage lasts at
 * most a 40th of it, up to 30 s: a device that was away for a minute is found within 1.5 s. */
struct retry {
        struct backoff backoff;
        int64_t down_since_ns; /* 0 = it is not */
};

void retry_reset(struct retry *r);
int64_t retry_next_ns(struct retry *r, int64_t now_ns); /* a delay */

#endif
