/* host.h - the table of functions that plugins call, and who is calling.
 *
 * One table for all plugins; which functions work depends on the kind of thread (adaptor.h).
 */
#ifndef LINK_HOST_H
#define LINK_HOST_H

#include "base/buf.h"

#include <devicelink/adaptor.h>

extern const struct dl_host host_table;

/* What a plugin's status() writes to. */
struct dl_out {
        struct buf *buf;
};

#endif
