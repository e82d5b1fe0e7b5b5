/* point_names.h - the points of a device by name.
 *
 * Borrows the names from the info, which outlives it.  Pure; threads: none shared.
 */
#ifndef MODEL_POINT_NAMES_H
#define MODEL_POINT_NAMES_H

#include "base/auto.h"

#include <devicelink/adaptor.h>

struct point_name;

struct point_names {
        struct point_name *list; /* sorted */
        size_t n;
};

struct point_names point_names_new(const struct dl_info *info);
void point_names_done(struct point_names *p);
/* Index of the point; POINT_NONE: there is none.  Of equal names any. */
enum { POINT_NONE = -1 };
long point_names_find(const struct point_names *p, const char *name);
const char *point_names_double(const struct point_names *p); /* a name that stands twice, or NULL */

AUTO_DEFINE(point_names, struct point_names, point_names_done)

#endif
