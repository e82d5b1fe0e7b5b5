/* engine.h - a link at work: readings and writings as one request after the other.
 *
 * A reading asks for the plan's blocks and emits a block's samples as they come; points that the
 * device refuses become bad, each for itself.  A writing sends one request per point, in order, and
 * tells the outcome of each.  A lost line ends either with DL_RETRY; the next one connects again.
 * Threads: the link's reactor.
 */
#ifndef MODBUS_ENGINE_H
#define MODBUS_ENGINE_H

#include "modbus/spec.h"

struct dl_link *engine_new(const struct dl_host *table, struct dl_sink *sink,
                           const struct dl_device *device);
/* The same channel and connection: the line stays, what was learnt about refusals goes. */
void engine_update(struct dl_link *l, const struct dl_device *device);
/* Each ends with the host's done(), perhaps before it returns; one at a time. */
void engine_read(struct dl_link *l, struct dl_ticket *ticket, const uint32_t *points, size_t n);
void engine_write(struct dl_link *l, struct dl_ticket *ticket, const struct dl_write *writes,
                  size_t n);
void engine_free(struct dl_link *l); /* what is under way is forgotten; NULL is fine */

/* Into the plugin contract's error. */
void engine_error(struct dl_error *ret, const struct err *e);

#endif
