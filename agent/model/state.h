/* state.h - the last known state of every point of a device, and its status document.
 *
 * Threads: the loop.  Owns copies of all values.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "base/buf.h"
#include "model/value.h"

struct state_note;

struct states {
        struct dl_state *list; /* index = point */
        size_t n;
        struct state_note *notes; /* owns the error texts; NULL until something went wrong */
};

struct states states_new(size_t n);
void states_done(struct states *s);
/* Take a complete sample over: good and uncertain ones replace value, scaled and times; a bad one
 * only the quality, code and error.  `now_ns` (wall) stands in for an arrival of 0.  DL_BUG: no
 * such point, or an ill-formed value.  *ret_changed: value or quality differ from before. */
int states_apply(struct states *s, const struct dl_sample *sample, int64_t now_ns,
                 bool *ret_changed, struct err *e);
/* The device does not answer: every point becomes bad, values stay. */
void states_all_bad(struct states *s, const char *why);
/* What the writer of a point should know: refused with a reason; NULL clears it.  It shows as the
 * point's error, with its quality untouched, until it is cleared; a read error hides it meanwhile.
 */
void states_write_error(struct states *s, size_t point, uint32_t code, const char *why);
/* Carry over values of points with equal name, type and members to another device's points. */
struct states states_move(struct states *from, const struct dl_info *old_info,
                          const struct dl_info *new_info);

/* The status document by dl_info.layout: exactly the contract's bytes (octopus 4.4).  A point that
 * was never read has no value and no time.  No points with content: {}.  With
 * DL_LAYOUT_PROPERTIES a point that is not good also gets "quality" ("bad", "uncertain") and
 * "error". */
void status_render(const struct dl_info *info, const struct states *s, struct buf *out);

#endif
