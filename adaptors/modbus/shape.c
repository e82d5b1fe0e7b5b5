/* shape.c - how a value lies in coils and registers: what fits what, bytes to values. */
#include "modbus/shape.h"

#include <assert.h>
#include <string.h>

/* What every type is on the wire. */
static const struct {
        enum dl_type value;
        uint8_t registers; /* 0 = as many as there are */
} kinds[] = {
        [TYPE_INT16] = { DL_INT, 1 },    [TYPE_INT] = { DL_INT, 2 },
        [TYPE_INT32] = { DL_INT, 2 },    [TYPE_INT64] = { DL_INT, 4 },
        [TYPE_UINT16] = { DL_UINT, 1 },  [TYPE_UINT] = { DL_UINT, 2 },
        [TYPE_UINT32] = { DL_UINT, 2 },  [TYPE_UINT64] = { DL_UINT, 4 },
        [TYPE_FLOAT] = { DL_REAL32, 2 }, [TYPE_DOUBLE] = { DL_REAL, 4 },
        [TYPE_BOOLEAN] = { DL_BOOL, 0 }, [TYPE_HEX_STRING] = { DL_BYTES, 0 },
};

static bool is_bits(const struct shape *s)
{
        return codec_is_bits((uint8_t)s->area);
}

unsigned shape_registers(const struct shape *s)
{
        return kinds[s->type].registers;
}

size_t shape_data_size(const struct shape *s)
{
        return codec_data_size((uint8_t)s->area, s->quantity);
}

bool shape_is_number(const struct shape *s)
{
        return shape_registers(s) != 0;
}

enum dl_type shape_value_type(const struct shape *s)
{
        return kinds[s->type].value;
}

/* --- what fits what */

static int check_bits(const struct shape *s, struct err *e)
{
        if (s->quantity > READ_BITS_MAX)
                return err_at(e, DL_CONFIG, "visitor.quantity", "expected 1..%d coils, got %u",
                              READ_BITS_MAX, s->quantity);
        if (s->quantity == 1 && s->type != TYPE_BOOLEAN)
                return err_at(e, DL_CONFIG, "type", "a single coil or input is a boolean");
        if (s->quantity > 1 && s->type != TYPE_HEX_STRING)
                return err_at(e, DL_CONFIG, "type", "several coils or inputs are a hexString");
        return 0;
}

static int check_registers(const struct shape *s, unsigned *ret_spare, struct err *e)
{
        unsigned needs = s->type == TYPE_HEX_STRING ? 1 : shape_registers(s);

        if (s->type == TYPE_BOOLEAN)
                return err_at(e, DL_CONFIG, "type",
                              "boolean is for coils and discrete inputs, not for registers");
        if (s->quantity > READ_REGISTERS_MAX)
                return err_at(e, DL_CONFIG, "visitor.quantity", "expected 1..%d registers, got %u",
                              READ_REGISTERS_MAX, s->quantity);
        if (s->quantity < needs || (needs == 1 && s->quantity > 1))
                return err_at(e, DL_CONFIG, "visitor.quantity",
                              "expected %u, which this type takes, got %u", needs, s->quantity);
        *ret_spare = s->quantity - needs;
        return 0;
}

int shape_check_read(const struct shape *s, unsigned *ret_spare, struct err *e)
{
        if (is_bits(s)) {
                int rc = check_bits(s, e);
                if (rc == 0)
                        *ret_spare = 0;
                return rc;
        }
        return check_registers(s, ret_spare, e);
}

int shape_check_write(const struct shape *s, struct err *e)
{
        if (s->area == AREA_DISCRETE_INPUT || s->area == AREA_INPUT_REGISTER)
                return err_set(e, DL_REFUSED, "discrete inputs and input registers are read-only");
        if (is_bits(s) && s->quantity > WRITE_BITS_MAX)
                return err_set(e, DL_REFUSED, "at most %d coils can be written, here are %u",
                               WRITE_BITS_MAX, s->quantity);
        if (shape_is_number(s) && s->quantity != shape_registers(s))
                return err_set(e, DL_REFUSED,
                               "quantity must be %u to write this type, here it is %u",
                               shape_registers(s), s->quantity);
        return 0;
}

/* --- bytes to values */

void shape_reorder(enum shape_order order, uint8_t *p, size_t n)
{
        bool reverse = order == ORDER_LITTLE_ENDIAN || order == ORDER_LITTLE_ENDIAN_SWAP;
        bool swap = order == ORDER_BIG_ENDIAN_SWAP || order == ORDER_LITTLE_ENDIAN_SWAP;

        for (size_t i = 0; reverse && i < n / 2; i++) {
                uint8_t c = p[i];
                p[i] = p[n - 1 - i];
                p[n - 1 - i] = c;
        }
        for (size_t i = 0; swap && n > 2 && i < n; i += 2) {
                uint8_t c = p[i];
                p[i] = p[i + 1];
                p[i + 1] = c;
        }
}

const uint8_t *shape_slice(const struct shape *s, uint16_t address, uint16_t quantity,
                           const uint8_t *data, uint8_t *spare, size_t *ret_len)
{
        size_t offset = (size_t)s->address - address;
        size_t size = shape_data_size(s);

        assert(s->address >= address && offset + s->quantity <= quantity);
        *ret_len = size;
        if (!is_bits(s))
                return data + offset * 2;
        if (s->quantity == quantity)
                return data;
        memset(spare, 0, size);
        for (size_t i = 0; i < s->quantity; i++) {
                size_t bit = offset + i;
                if (data[bit / 8] & 1U << bit % 8)
                        spare[i / 8] |= (uint8_t)(1U << i % 8);
        }
        return spare;
}

static uint64_t load(const struct shape *s, const uint8_t *data, size_t size)
{
        uint8_t b[8] = { 0 };
        uint64_t u = 0;

        memcpy(b, data, size);
        shape_reorder(s->order, b, size);
        for (size_t i = 0; i < size; i++)
                u = u << 8 | b[i];
        return u;
}

static int64_t signed_of(uint64_t u, size_t size)
{
        if (size == 2)
                return (int16_t)u;
        return size == 4 ? (int32_t)u : (int64_t)u;
}

static double real_of(uint64_t u, enum dl_type type)
{
        double r;

        if (type == DL_REAL32) {
                uint32_t bits = (uint32_t)u;
                float f;
                memcpy(&f, &bits, sizeof(f));
                return (double)f;
        }
        memcpy(&r, &u, sizeof(r));
        return r;
}

int shape_decode(const struct shape *s, const uint8_t *data, size_t n, struct dl_value *ret,
                 struct err *e)
{
        enum dl_type type = shape_value_type(s);
        unsigned registers = shape_registers(s);
        size_t size = registers ? registers * 2U : shape_data_size(s);

        if (n < size)
                return err_set(e, DL_REFUSED, "answer of %zu bytes, expected %zu", n, size);

        struct dl_value v = { .type = type };
        if (type == DL_BOOL) {
                v.as.i = data[0] != 0;
        } else if (type == DL_BYTES) {
                v.as.data = data;
                v.len = (uint32_t)size;
        } else if (type == DL_UINT) {
                v.as.u = load(s, data, size);
        } else if (type == DL_INT) {
                v.as.i = signed_of(load(s, data, size), size);
        } else {
                v.as.r = real_of(load(s, data, size), type);
        }
        *ret = v;
        return 0;
}
