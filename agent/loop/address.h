/* address.h - addresses as text, for resolve.c alone.  Pure. */
#ifndef LOOP_ADDRESS_H
#define LOOP_ADDRESS_H

#include "loop/resolve.h"

/* "1.2.3.4", "::1", "[::1]", "fe80::1%eth0"; the port is 0.  false: not an address. */
bool resolve_literal(const char *host, struct resolve_address *ret);
void resolve_set_port(struct resolve_address *a, uint16_t port);

#endif
