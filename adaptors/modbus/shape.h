/* shape.h - how a value lies in coils and registers: bytes <-> values, texts -> values.
 *
 * The four byte orders are named as Octopus behaves (octopus 3.1), not as it is commented.  Wire
 * bytes of 0x0A0B0C0D: BigEndian 0A0B0C0D, BigEndianSwap 0B0A0D0C, LittleEndian 0D0C0B0A,
 * LittleEndianSwap 0C0D0A0B; one register: both Big* AB, both Little* BA.  hexString has no order.
 * Values are DL_INT, DL_UINT, DL_REAL32, DL_REAL, DL_BOOL or, for hexString, DL_BYTES.
 * Pure.  Threads: none shared.
 */
#ifndef MODBUS_SHAPE_H
#define MODBUS_SHAPE_H

#include "modbus/codec.h"

enum shape_type { /* 0 = not given */
                  TYPE_INT16 = 1,
                  TYPE_INT,
                  TYPE_INT32,
                  TYPE_INT64,
                  TYPE_UINT16,
                  TYPE_UINT,
                  TYPE_UINT32,
                  TYPE_UINT64,
                  TYPE_FLOAT,
                  TYPE_DOUBLE,
                  TYPE_BOOLEAN,
                  TYPE_HEX_STRING,
};

enum shape_area { /* 0 = not given; the others are the functions that read them */
                  AREA_COIL = READ_COILS,
                  AREA_DISCRETE_INPUT = READ_DISCRETE_INPUTS,
                  AREA_HOLDING_REGISTER = READ_HOLDING_REGISTERS,
                  AREA_INPUT_REGISTER = READ_INPUT_REGISTERS,
};

enum shape_order {
        ORDER_BIG_ENDIAN,
        ORDER_BIG_ENDIAN_SWAP,
        ORDER_LITTLE_ENDIAN,
        ORDER_LITTLE_ENDIAN_SWAP,
};

struct shape {
        enum shape_type type;
        enum shape_area area;
        enum shape_order order;
        uint16_t address;
        uint16_t quantity;
};

/* Can this be read?  DL_CONFIG: the path "type" or "visitor.quantity" says what does not fit.
 * *ret_spare: registers beyond those that the type needs; they are read and not looked at. */
int shape_check_read(const struct shape *s, unsigned *ret_spare, struct err *e);
/* Can this be written, supposed that it can be read?  DL_REFUSED and a reason when not. */
int shape_check_write(const struct shape *s, struct err *e);
bool shape_is_number(const struct shape *s);
/* What a number's type takes; 0 for boolean and hexString, which take what is there. */
unsigned shape_registers(const struct shape *s);
size_t shape_data_size(const struct shape *s); /* bytes of all of it on the wire */
enum dl_type shape_value_type(const struct shape *s);

/* Turn n bytes, most significant first, into the wire's order, or back: each order is its own
 * inverse. */
void shape_reorder(enum shape_order order, uint8_t *p, size_t n);

/* The bytes of s within the answer to a block that begins at `address` and covers s: registers are
 * pointed to, bits are moved to the front of `spare` (spare bits 0).  A block that is s alone is
 * taken as it came.  `spare` has DATA_MAX bytes; `data` is the whole block's. */
const uint8_t *shape_slice(const struct shape *s, uint16_t address, uint16_t quantity,
                           const uint8_t *data, uint8_t *spare, size_t *ret_len);

/* A value from its bytes (as an answer to s alone carries them).  A hexString points to `data`.
 * DL_REFUSED: too few bytes. */
int shape_decode(const struct shape *s, const uint8_t *data, size_t n, struct dl_value *ret,
                 struct err *e);

/* A value from the text of a spec or command.  A hexString's bytes are put into `room` (DATA_MAX
 * bytes), which the value points to.  DL_REFUSED: not such a value, or out of range. */
int shape_parse(const struct shape *s, const char *text, size_t n, uint8_t *room,
                struct dl_value *ret, struct err *e);

/* The bytes of a value for a write, codec_data_size() of them; out has DATA_MAX.  Takes the value's
 * own type, numbers that fit without loss of more than a real's precision, 0 and 1 for booleans,
 * and texts.  DL_REFUSED: does not fit. */
int shape_encode(const struct shape *s, const struct dl_value *v, uint8_t *out, struct err *e);

#endif
