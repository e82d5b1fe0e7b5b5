/* resolve.h - host names to addresses, off the loop.
 *
 * Literals (1.2.3.4, ::1, [::1]) are answered at once, without a thread.  Names go to getaddrinfo()
 * on a pool of two threads, made at the first name; one slow name does not hold up the loop.  Equal
 * names under way share one look-up.
 * Threads: all calls on the loop that was given; the answer comes there.
 */
#ifndef LOOP_RESOLVE_H
#define LOOP_RESOLVE_H

#include "loop/loop.h"

#include <sys/socket.h>

enum { RESOLVE_MAX = 8 }; /* addresses kept per name */

struct resolve_address {
        socklen_t len;
        struct sockaddr_storage sa;
};

struct resolver; /* one per process; any thread may start requests on its own loop */

struct resolver *resolver_new(void);
/* All requests have ended or been cancelled.  Does not wait for a name server: a thread that is
 * still asking one releases what is left when it comes back. */
void resolver_free(struct resolver *r);

struct resolve;

/* found() is called exactly once, perhaps before this returns, unless cancelled; n = 0: reason says
 * why.  NULL is returned when it was called already. */
struct resolve *resolve_start(struct resolver *r, struct loop *l, const char *host, uint16_t port,
                              void (*found)(void *ctx, const struct resolve_address *, size_t n,
                                            const char *reason),
                              void *ctx);
void resolve_cancel(struct resolve *q); /* NULL is fine */

/* "host:port" or "[::1]:502".  DL_CONFIG with the expectation. */
int resolve_split(const char *endpoint, char *host, size_t host_size, uint16_t *ret_port,
                  struct err *e);

#endif
