/* fields.c - a ModbusDevice's spec as it is written: the tables. */
#include "modbus/fields.h"

#include "modbus/ops.h"
#include "modbus/shape.h"

static const struct field_choice op_choices[] = {
        { "Add", OP_ADD },
        { "Subtract", OP_SUBTRACT },
        { "Multiply", OP_MULTIPLY },
        { "Divide", OP_DIVIDE },
        { NULL, 0 },
};

static const struct field_choice area_choices[] = {
        { "CoilRegister", AREA_COIL },
        { "DiscreteInputRegister", AREA_DISCRETE_INPUT },
        { "HoldingRegister", AREA_HOLDING_REGISTER },
        { "InputRegister", AREA_INPUT_REGISTER },
        { NULL, 0 },
};

static const struct field_choice order_choices[] = {
        { "BigEndian", ORDER_BIG_ENDIAN },
        { "BigEndianSwap", ORDER_BIG_ENDIAN_SWAP },
        { "LittleEndian", ORDER_LITTLE_ENDIAN },
        { "LittleEndianSwap", ORDER_LITTLE_ENDIAN_SWAP },
        { NULL, 0 },
};

static const struct field_choice type_choices[] = {
        { "int16", TYPE_INT16 },
        { "int", TYPE_INT },
        { "int32", TYPE_INT32 },
        { "int64", TYPE_INT64 },
        { "uint16", TYPE_UINT16 },
        { "uint", TYPE_UINT },
        { "uint32", TYPE_UINT32 },
        { "uint64", TYPE_UINT64 },
        { "float", TYPE_FLOAT },
        { "double", TYPE_DOUBLE },
        { "boolean", TYPE_BOOLEAN },
        { "hexString", TYPE_HEX_STRING },
        { NULL, 0 },
};

static const struct field_choice data_bits_choices[] = {
        { "5", 5 }, { "6", 6 }, { "7", 7 }, { "8", 8 }, { NULL, 0 },
};

static const struct field_choice parity_choices[] = {
        { "N", 'N' },
        { "E", 'E' },
        { "O", 'O' },
        { NULL, 0 },
};

static const struct field_choice stop_bits_choices[] = { { "1", 1 }, { "2", 2 }, { NULL, 0 } };

static const struct field operation_fields[] = {
        FIELD_CHOICE(struct operation_spec, kind, "type", op_choices, .required = true,
                     .help = "what to do with the value so far"),
        FIELD_TEXT(struct operation_spec, value, "value", .required = true,
                   .help = "the other operand, a number"),
        FIELD_END,
};

static const struct field visitor_fields[] = {
        FIELD_CHOICE(struct visitor_spec, area, "register", area_choices, .required = true,
                     .help = "which of the device's four tables"),
        FIELD_INT(struct visitor_spec, offset, "offset", .required = true, .min = 0, .max = 65535,
                  .help = "zero-based protocol address"),
        FIELD_INT(struct visitor_spec, quantity, "quantity", .fallback = "1", .min = 1,
                  .max = 65535, .help = "coils or registers"),
        FIELD_CHOICE(struct visitor_spec, order, "endianness", order_choices,
                     .fallback = "BigEndian", .help = "byte order"),
        FIELD_LIST(struct visitor_spec, operations, "orderOfOperations", operation_fields,
                   struct operation_spec, .help = "arithmetic on what was read, in order"),
        FIELD_END,
};

static const struct field property_fields[] = {
        FIELD_TEXT(struct property_spec, name, "name", .required = true, .help = "unique"),
        FIELD_TEXT(struct property_spec, description, "description", .help = "for people"),
        FIELD_CHOICE(struct property_spec, type, "type", type_choices,
                     .help = "type of the value, must fit register and quantity"),
        FIELD_BOOL(struct property_spec, read_only, "readOnly", .help = "never written"),
        FIELD_TEXT(struct property_spec, value, "value", .fallback = "",
                   .help = "to be written when not empty"),
        FIELD_OBJECT(struct property_spec, visitor, "visitor", visitor_fields, .required = true,
                     .help = "where the value is"),
        FIELD_END,
};

static const struct field tcp_fields[] = {
        FIELD_TEXT(struct tcp_spec, endpoint, "endpoint", .required = true, .help = "host:port"),
        FIELD_INT(struct tcp_spec, unit, "workerID", .required = true, .min = 1, .max = 247,
                  .help = "unit identifier"),
        FIELD_END,
};

static const struct field rtu_fields[] = {
        FIELD_TEXT(struct rtu_spec, endpoint, "endpoint", .required = true, .pattern = "/.*[^/]",
                   .pattern_says = "an absolute path of a serial device", .help = "/dev/ttyS0"),
        FIELD_INT(struct rtu_spec, unit, "workerID", .required = true, .min = 1, .max = 247,
                  .help = "unit identifier"),
        FIELD_INT(struct rtu_spec, baud_rate, "baudRate", .fallback = "19200", .min = 1,
                  .max = INT32_MAX, .help = "bits per second"),
        FIELD_CHOICE(struct rtu_spec, data_bits, "dataBits", data_bits_choices, .fallback = "8",
                     .help = "bits per character"),
        FIELD_CHOICE(struct rtu_spec, parity, "parity", parity_choices, .fallback = "E",
                     .help = "none, even, odd"),
        FIELD_CHOICE(struct rtu_spec, stop_bits, "stopBits", stop_bits_choices, .fallback = "1",
                     .help = "2 goes with parity N"),
        FIELD_END,
};

static const struct field protocol_fields[] = {
        FIELD_POINTER(struct protocol_spec, tcp, "tcp", tcp_fields, struct tcp_spec,
                      .help = "Modbus TCP; wins when rtu is there too"),
        FIELD_POINTER(struct protocol_spec, rtu, "rtu", rtu_fields, struct rtu_spec,
                      .help = "serial line; not supported yet"),
        FIELD_END,
};

static const struct field parameters_fields[] = {
        FIELD_DURATION(struct parameters_spec, sync_interval_ns, "syncInterval", .fallback = "15s",
                       .help = "poll interval; 0 or less: 15s"),
        FIELD_DURATION(struct parameters_spec, timeout_ns, "timeout", .fallback = "10s",
                       .help = "to connect, and for each request; 0 or less: 10s"),
        FIELD_END,
};

const struct field spec_fields[] = {
        FIELD_OBJECT(struct spec, parameters, "parameters", parameters_fields,
                     .help = "how to poll"),
        FIELD_OBJECT(struct spec, protocol, "protocol", protocol_fields, .required = true,
                     .help = "how to reach the device"),
        FIELD_LIST(struct spec, properties, "properties", property_fields, struct property_spec,
                   .max = 65535, .unique = "name", .help = "what to read and write"),
        FIELD_TREE(struct spec, extension, "extension", .help = "publishing (mqtt)"),
        FIELD_END,
};

const char *fields_type_name(int type)
{
        const struct field_choice *c = type_choices;

        while (c->name && c->value != type)
                c++;
        return c->name;
}
