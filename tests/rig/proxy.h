/* proxy.h - a TCP line between a client and a server that a test can cut, refuse or let hang.
 *
 * Threads: one of its own moves the bytes; calls from the test's thread.
 */
#ifndef RIG_PROXY_H
#define RIG_PROXY_H

#include <stddef.h>
#include <stdint.h>

struct proxy;

enum proxy_mode {
        PROXY_PASS,
        PROXY_REFUSE, /* new connections are closed at once */
        PROXY_HANG,   /* new connections are taken, and nothing is ever sent on them */
        PROXY_MUTE,   /* the server's first answer passes, later ones do not arrive */
};

/* Listens on a free port of 127.0.0.1, connects to target_port there. */
struct proxy *proxy_start(uint16_t target_port);
uint16_t proxy_port(const struct proxy *p);
void proxy_set(struct proxy *p, enum proxy_mode mode);
/* Resets every connection, in the middle of whatever it carries; returns when that is done. */
void proxy_cut(struct proxy *p);
size_t proxy_connections(struct proxy *p); /* taken so far */
void proxy_stop(struct proxy *p);          /* NULL is fine */

#endif
