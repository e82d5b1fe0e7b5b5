/* peers.h - brokers that sessions wait for, so that they need not all look for the same one.
 *
 * Pure; the mqtt thread's.
 */
#ifndef PUBLISH_PEERS_H
#define PUBLISH_PEERS_H

#include <stddef.h>
#include <stdint.h>

struct session;

struct peer_waiter { /* embedded in a session */
        struct peer_waiter *prev, *next;
        struct session *session;
        struct peer *at; /* NULL: it does not wait */
};

struct peer {
        struct peer *next;
        size_t refs;
        struct peer_waiter *waiting;
        size_t n_waiting;
        uint16_t port;
        char host[];
};

struct peer *peer_take(struct peer **peers, const char *host, uint16_t port);
void peer_drop(struct peer **peers, struct peer *p);
void peer_wait(struct peer *p, struct peer_waiter *w);
void peer_unwait(struct peer *p, struct peer_waiter *w); /* also when it does not wait */

#endif
