/* nodelay.h - no Nagle on connections to brokers.
 *
 * paho leaves Nagle's algorithm on and gives no way to its sockets; together with a broker's
 * delayed acknowledgements a message then waits up to 40 ms for the one before it.  So the sockets
 * are found by their peer: once for all connections that came up within a moment. Threads: the mqtt
 * thread.  Limit: 16 distinct peers a moment; further ones keep Nagle.
 */
#ifndef PUBLISH_NODELAY_H
#define PUBLISH_NODELAY_H

#include "loop/loop.h"
#include "loop/resolve.h"

enum { NODELAY_PEERS_MAX = 16 };

struct nodelay {
        struct loop_timer timer;
        struct resolve_address peers[NODELAY_PEERS_MAX];
        size_t n;
};

void nodelay_init(struct nodelay *d, struct loop *l);
void nodelay_end(struct nodelay *d);
/* A connection to this peer has come up. */
void nodelay_connected(struct nodelay *d, const struct resolve_address *peer);

#endif
