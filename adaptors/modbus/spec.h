/* spec.h - the spec of a ModbusDevice (octopus 3.1): tables, checks, the compiled device.
 *
 * The field tables are the single source for names, defaults and bounds.  Everything that is wrong
 * is reported, not only the first.  No I/O.  Threads: any; a compiled device is immutable.
 */
#ifndef MODBUS_SPEC_H
#define MODBUS_SPEC_H

#include "base/mem.h"
#include "modbus/ops.h"
#include "modbus/shape.h"

struct property {
        struct shape shape;
        bool writable;
        const struct op *ops;
        size_t n_ops;
};

struct dl_device {
        struct arena *arena; /* holds all below, and the device itself */
        const char *host;
        uint16_t port;
        uint8_t unit;
        int64_t timeout_ns;
        const struct property *properties; /* index = point */
        struct dl_info info;
};

/* On 0 *ret is for spec_free().  DL_CONFIG: *e holds the first error, all were reported. */
int spec_compile(const struct dl_request *r, struct dl_device **ret, struct err *e);
void spec_free(struct dl_device *d); /* NULL is fine */

#endif
