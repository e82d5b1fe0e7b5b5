/* reactor.h - where event-driven adaptors live: threads with a loop, links sharded by channel.
 *
 * Threads     reactor_new() and reactor_free() on the main loop; the rest on the reactor's own.
 */
#ifndef LINK_REACTOR_H
#define LINK_REACTOR_H

#include "link/sink.h"

struct reactor;

struct reactor *reactor_new(struct gate *gate, struct resolver *resolver, unsigned number);
/* Everything on it is closed.  Joins. */
void reactor_free(struct reactor *r);
struct home *reactor_home(struct reactor *r);

/* --- for the host table */

/* All links of an adaptor on this reactor. */
struct tenant;

struct dl_watch *reactor_watch(struct dl_sink *s, int fd, unsigned events,
                               void (*ready)(void *ctx, unsigned events), void *ctx);
void reactor_watch_set(struct dl_watch *w, unsigned events);
void reactor_watch_end(struct dl_watch *w);
struct dl_timer *reactor_timer(struct dl_sink *s, void (*fired)(void *ctx), void *ctx);
void reactor_timer_set(struct dl_timer *t, int64_t after_ns);
void reactor_timer_end(struct dl_timer *t);
void reactor_resolve(struct dl_sink *s, const char *host, uint16_t port,
                     void (*found)(void *ctx, const struct dl_address *, size_t n,
                                   const char *reason),
                     void *ctx);

#endif
