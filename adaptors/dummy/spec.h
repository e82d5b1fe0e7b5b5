/* spec.h - the specs of both dummy devices, decoded and checked.
 *
 * Ownership: all is in the arena.  Paths in findings are relative to the spec ("protocol.ip").
 */
#ifndef DUMMY_SPEC_H
#define DUMMY_SPEC_H

#include "base/decode.h"
#include "dummy/protocol.h"
#include "dummy/special.h"

enum {
        POINTS_MAX = 65535, /* of one device, by the contract */
        DEPTH_MAX = 16,     /* of arrays and objects in each other */
};

struct special_spec {
        const char *location;
        bool on;
        int gear; /* enum gear */
};

struct protocol_spec {
        const char *ip;
        const struct shape *points; /* those that have values, sorted by name */
        size_t n_points;
};

/* What is written: of a DummySpecialDevice, a DummyProtocolDevice, and one of the latter's
 * properties, at any depth. */
extern const struct field dummy_special_fields[];
extern const struct field dummy_protocol_fields[];
extern const struct field dummy_property_fields[];

/* 0, or DL_CONFIG with errors in f. */
int special_decode(const struct tree *spec, struct arena *a, struct special_spec *ret,
                   struct findings *f);
int protocol_decode(const struct tree *spec, struct arena *a, struct protocol_spec *ret,
                    struct findings *f);

#endif
