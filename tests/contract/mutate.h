/* mutate.h - wrong specs, made from a right one.  Repeatable: equal seeds give equal specs. */
#ifndef CONTRACT_MUTATE_H
#define CONTRACT_MUTATE_H

#include "base/buf.h"

/* Some bytes or one member or element of `spec` (a JSON object) changed. */
void mutate(const char *spec, unsigned seed, struct buf *out);

/* The i-th member or element of spec replaced by a value that fits nowhere; *ret_path: which.
 * false: there are no more. */
bool mutate_type(const char *spec, size_t i, struct buf *out, struct buf *ret_path);

#endif
