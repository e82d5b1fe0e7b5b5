/* table.h - the compiled properties of a device; equal ones are there once.
 *
 * Of a thousand devices many are of one make, and differ in nothing but their address.
 * Threads: any; a table is immutable once it was shared.
 */
#ifndef MODBUS_TABLE_H
#define MODBUS_TABLE_H

#include "base/mem.h"
#include "modbus/ops.h"
#include "modbus/shape.h"

#include <devicelink/adaptor.h>

struct property {
        struct shape shape;
        bool writable;
        const struct op *ops;
        size_t n_ops;
};

struct table {
        struct table *next; /* of equal slot */
        unsigned refs;
        bool shared;
        uint64_t hash;
        struct arena *arena; /* holds what the two point to */
        size_t n;
        struct property *properties;
        struct dl_point *points;
};

struct table *table_new(size_t n); /* zeroed, with one reference */
/* Takes over the reference; gives one to an equal table, this one or another. */
struct table *table_share(struct table *t);
void table_unref(struct table *t); /* NULL is fine */

#endif
