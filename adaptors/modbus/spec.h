/* spec.h - the spec of a ModbusDevice (octopus 3.1): tables, checks, the compiled device.
 *
 * The field tables are the single source for names, defaults and bounds.  Everything that is wrong
 * is reported, not only the first.  No I/O.  Threads: any; a compiled device is immutable.
 */
#ifndef MODBUS_SPEC_H
#define MODBUS_SPEC_H

#include "base/mem.h"
#include "modbus/table.h"

struct dl_device {
        struct arena *arena; /* holds all below but the table, and the device itself */
        struct table *table; /* of properties; a reference */
        const char *host;
        uint16_t port;
        uint8_t unit;
        int64_t timeout_ns;
        const struct property *properties; /* index = point; the table's, as info.points is */
        struct dl_info info;
};

/* On 0 *ret is for spec_free().  DL_CONFIG: *e holds the first error, all were reported. */
int spec_compile(const struct dl_request *r, struct dl_device **ret, struct err *e);
void spec_free(struct dl_device *d); /* NULL is fine */

#endif
