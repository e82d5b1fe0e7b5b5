/* host.h - the table of functions that plugins call, and who is calling.
 *
 * One table for all plugins; which functions work depends on the kind of thread (adaptor.h).
 */
#ifndef LINK_HOST_H
#define LINK_HOST_H

#include "base/buf.h"

#include <devicelink/adaptor.h>

extern const struct dl_host host_table;

/* "path: text", or what there is of both; NULL and what does not end are fine. */
enum { HOST_ERROR_MAX = sizeof(struct dl_error) + 2 };
void host_error(const struct dl_error *error, char ret[HOST_ERROR_MAX]);

/* What a plugin's status() writes to. */
struct dl_out {
        struct buf *buf;
};

#endif
