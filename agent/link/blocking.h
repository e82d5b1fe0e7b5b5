/* blocking.h - where blocking adaptors live: drivers on the main loop, calls on a small pool of
 * threads.
 *
 * A channel has at most one call under way and its links take turns; channels take turns at the
 * pool.  A device that does not answer holds up its own channel and one thread.
 * Threads: the main loop.
 */
#ifndef LINK_BLOCKING_H
#define LINK_BLOCKING_H

#include "link/sink.h"

struct blocking;

struct blocking *blocking_new(struct gate *gate, struct resolver *resolver,
                              const struct dl_adaptor *adaptor, unsigned max_threads);
const struct dl_adaptor *blocking_adaptor(const struct blocking *b);
struct home *blocking_home(struct blocking *b);
unsigned blocking_threads(struct blocking *b);
bool blocking_busy(const struct blocking *b); /* a call is under way */
/* No call is under way.  Joins. */
void blocking_free(struct blocking *b);

#endif
