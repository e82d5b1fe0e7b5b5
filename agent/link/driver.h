/* driver.h - the parts of a driver: what of its points is to be asked for or written (points.c),
 * and the writes that wait (writes.c).  The home's thread.
 */
#ifndef LINK_DRIVER_H
#define LINK_DRIVER_H

#include "link/sink.h"

static inline int64_t driver_now(const struct dl_sink *s)
{
        return loop_now(s->home->loop);
}

/* The operation has ended with s->rc and s->error. */
void outcome_finish(struct dl_sink *s);
/* The device is away: nothing but the next attempt is due. */
void outcome_wait(struct dl_sink *s);
/* The operation is under way: too long? */
void outcome_check_limit(struct dl_sink *s);
/* The operation is no longer wanted. */
void outcome_hurry(struct dl_sink *s, const char *why);
void outcome_drop_old(struct dl_sink *s);

/* Schedule and flags for s->device.  before (NULL: none): desired values that are what they were
 * there need no writing. */
void points_init(struct dl_sink *s, const struct device *before);
void points_done(struct dl_sink *s);
/* What is due is marked and listed. */
void points_ask(struct dl_sink *s);
void points_unask(struct dl_sink *s);
bool points_asked(const struct dl_sink *s, uint32_t point);
const uint32_t *points_listed(const struct dl_sink *s, size_t *ret_n);
void points_want(struct dl_sink *s, uint32_t point);

struct write_job *writes_desired(struct dl_sink *s); /* of all that is still to be written */
void writes_add(struct dl_sink *s, struct write_job *j);
/* The next one that still makes sense; the others are answered.  NULL: none. */
struct write_job *writes_next(struct dl_sink *s);
void writes_refuse(struct dl_sink *s, const char *why); /* all that wait */
/* Outcome of one point, told by the plugin.  False: no such write is under way. */
bool writes_outcome(struct dl_sink *s, uint32_t point, int rc, uint32_t code, const char *text);
/* The write that s->rc and s->error are of has ended: answer, and remember what is written. */
void writes_ended(struct dl_sink *s, struct write_job *j);

#endif
