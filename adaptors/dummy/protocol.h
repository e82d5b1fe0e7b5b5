/* protocol.h - the values of a DummyProtocolDevice: random, of the type that was asked for
 * (octopus 3.6).
 *
 * Pure: the caller brings the random numbers.  Limit: VALUE_MAX_BYTES for one property; arrays stay
 * short when it comes near.
 */
#ifndef DUMMY_PROTOCOL_H
#define DUMMY_PROTOCOL_H

#include "base/buf.h"

#include <stdint.h>

enum shape_kind { SHAPE_STRING, SHAPE_INT, SHAPE_FLOAT, SHAPE_BOOLEAN, SHAPE_ARRAY, SHAPE_OBJECT };

enum { VALUE_MAX_BYTES = 64 * 1024 };

struct shape {
        enum shape_kind kind;
        const char *name;            /* of an object's member */
        const struct shape *element; /* SHAPE_ARRAY; NULL: nothing is known of it */
        const struct shape *members; /* SHAPE_OBJECT, sorted by name */
        size_t n_members;
};

extern const char *const shape_kind_names[]; /* by kind */

/* Arrays and objects that do not say of what are left out, alone and within others. */
bool shape_has_value(const struct shape *s);
/* {"type":"int","intValue":5} */
void shape_draw(const struct shape *s, uint32_t (*random)(void), struct buf *out);

#endif
