/* value.h - values that own their bytes: copy, compare, print.  See devicelink/adaptor.h for types.
 */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include "base/buf.h"
#include "base/err.h"

#include <devicelink/adaptor.h>
#include <stdbool.h>

enum {
        VALUE_BYTES_MAX = 64 * 1024,
        VALUE_ITEMS_MAX = 4096,
        VALUE_ARRAY_BYTES_MAX = 1024 * 1024, /* of all elements of an array together */
};

/* DL_CONFIG when over a limit or ill-formed; JSON is parsed. */
int value_check(const struct dl_value *v, struct err *e);
/* Deep copy in one allocation at most; DL_CONFIG when over a limit or ill-formed (*ret untouched).
 */
int value_copy(const struct dl_value *v, struct dl_value *ret, struct err *e);
void value_done(struct dl_value *v); /* frees what value_copy() made; leaves DL_NONE */
bool value_equal(const struct dl_value *a, const struct dl_value *b);
/* As a status document shows it (enum dl_encoding). */
void value_encode(const struct dl_value *v, enum dl_encoding, struct buf *out);

#endif
