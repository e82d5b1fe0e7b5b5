/* wire.h - one Modbus TCP connection: a request in, its answer or the reason why not out.
 *
 * Connects when a request comes and there is no connection; names are looked up anew each time.
 * Connecting and answering may take `timeout` each.  What is not an answer to the request under way
 * (another transaction) is dropped; when the time is over, or what comes is not Modbus, the
 * connection goes, and with it everything late or half: the next request starts clean.  A peer that
 * closes an idle connection is nothing to speak of.
 *
 * Event-driven, through the host table; one request at a time.  Threads: the link's reactor.
 */
#ifndef MODBUS_WIRE_H
#define MODBUS_WIRE_H

#include "modbus/codec.h"

struct wire;

/* rc 0: *a is the answer (data valid for the call).  DL_REFUSED: e, and a->exception; the
 * connection is well.  DL_RETRY: e; the connection is gone.  Called once per request, perhaps
 * before wire_ask() returns, and always as the last thing the wire does: the next wire_ask() or
 * wire_free() may come from within. */
typedef void wire_answered(void *ctx, int rc, const struct answer *a, const struct err *e);

/* No I/O.  host is a name or literal, copied. */
struct wire *wire_new(const struct dl_host *table, struct dl_sink *sink, const char *host,
                      uint16_t port, int64_t timeout_ns, wire_answered *answered, void *ctx);
/* The request's data is copied.  q NULL: only see to it that there is a connection. */
void wire_ask(struct wire *w, uint8_t unit, const struct request *q);
void wire_free(struct wire *w); /* a request under way is forgotten; NULL is fine */

#endif
