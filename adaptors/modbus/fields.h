/* fields.h - a ModbusDevice's spec as it is written: structs, and the tables that fill them.
 *
 * The tables are the single source for names, defaults, bounds and help.  Texts and lists live in
 * the arena of the decoding.
 */
#ifndef MODBUS_FIELDS_H
#define MODBUS_FIELDS_H

#include "base/decode.h"

struct operation_spec {
        int kind; /* enum op_kind */
        const char *value;
};

struct visitor_spec {
        int area; /* enum shape_area */
        int64_t offset;
        int64_t quantity;
        int order; /* enum shape_order */
        struct decoded_list operations;
};

struct property_spec {
        const char *name;
        const char *description;
        int type; /* enum shape_type */
        bool read_only;
        const char *value;
        struct visitor_spec visitor;
};

struct tcp_spec {
        const char *endpoint;
        int64_t unit;
};

struct rtu_spec {
        const char *endpoint;
        int64_t unit;
        int64_t baud_rate;
        int data_bits;
        int parity;
        int stop_bits;
};

struct protocol_spec {
        struct tcp_spec *tcp;
        struct rtu_spec *rtu;
};

struct parameters_spec {
        int64_t sync_interval_ns;
        int64_t timeout_ns;
};

struct spec {
        struct parameters_spec parameters;
        struct protocol_spec protocol;
        struct decoded_list properties;
        const struct tree *extension; /* the publishing side's */
};

extern const struct field spec_fields[]; /* of struct spec */

/* "int32" for TYPE_INT32; NULL for what is no type */
const char *fields_type_name(int type);

#endif
