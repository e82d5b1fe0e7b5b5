/* shape.c - how a value lies in coils and registers. */
#include "modbus/shape.h"

#include "base/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* What every type is on the wire. */
static const struct kind {
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

static const struct kind *kind_of(const struct shape *s)
{
        return &kinds[s->type];
}

static unsigned kind_bits(const struct kind *k)
{
        return k->registers * 16U;
}

static bool is_bits(const struct shape *s)
{
        return codec_is_bits((uint8_t)s->area);
}

bool shape_is_number(const struct shape *s)
{
        return kind_of(s)->registers != 0;
}

enum dl_type shape_value_type(const struct shape *s)
{
        return kind_of(s)->value;
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
        unsigned needs = s->type == TYPE_HEX_STRING ? 1 : kind_of(s)->registers;

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
        if (shape_is_number(s) && s->quantity != kind_of(s)->registers)
                return err_set(e, DL_REFUSED,
                               "quantity must be %u to write this type, here it is %u",
                               kind_of(s)->registers, s->quantity);
        return 0;
}

/* --- bytes to values */

/* To the wire's order and back: each of the orders is its own inverse. */
static void reorder(enum shape_order order, uint8_t *p, size_t n)
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
        size_t size = codec_data_size((uint8_t)s->area, s->quantity);

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
        reorder(s->order, b, size);
        for (size_t i = 0; i < size; i++)
                u = u << 8 | b[i];
        return u;
}

static int64_t sign_extend(uint64_t u, unsigned bits)
{
        uint64_t sign = UINT64_C(1) << (bits - 1);

        return (int64_t)((u ^ sign) - sign);
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
        const struct kind *k = kind_of(s);
        size_t size =
                k->registers ? k->registers * 2U : codec_data_size((uint8_t)s->area, s->quantity);

        if (n < size)
                return err_set(e, DL_REFUSED, "answer of %zu bytes, expected %zu", n, size);

        struct dl_value v = { .type = k->value };
        if (k->value == DL_BOOL) {
                v.as.i = data[0] != 0;
        } else if (k->value == DL_BYTES) {
                v.as.data = data;
                v.len = (uint32_t)size;
        } else if (k->value == DL_UINT) {
                v.as.u = load(s, data, size);
        } else if (k->value == DL_INT) {
                v.as.i = sign_extend(load(s, data, size), kind_bits(k));
        } else {
                v.as.r = real_of(load(s, data, size), k->value);
        }
        *ret = v;
        return 0;
}

/* --- texts to values */

static int64_t int_max(const struct kind *k)
{
        return (int64_t)(UINT64_MAX >> (64 - kind_bits(k) + 1));
}

static uint64_t uint_max(const struct kind *k)
{
        return UINT64_MAX >> (64 - kind_bits(k));
}

static int parse_bool(const char *text, size_t n, struct dl_value *ret, struct err *e)
{
        bool yes = n == 4 && memcmp(text, "true", 4) == 0;

        if (!yes && !(n == 5 && memcmp(text, "false", 5) == 0))
                return err_set(e, DL_REFUSED, "expected true or false, got '%.*s'",
                               (int)(n > 32 ? 32 : n), text);
        *ret = (struct dl_value){ .type = DL_BOOL, .as.i = yes };
        return 0;
}

/* For a multiple of 8 coils Octopus took one byte more than there are; a surplus 00 is let pass. */
static int check_bytes(const struct shape *s, const uint8_t *p, size_t n, struct err *e)
{
        size_t size = codec_data_size((uint8_t)s->area, s->quantity);
        bool surplus = is_bits(s) && s->quantity % 8 == 0 && n == size + 1;

        if (surplus && p[size] != 0)
                return err_set(e, DL_REFUSED, "expected %zu hex digits for %u coils, got %zu",
                               size * 2, s->quantity, n * 2);
        if (n != size && !surplus)
                return err_set(e, DL_REFUSED, "expected %zu hex digits, got %zu", size * 2, n * 2);
        return 0;
}

static int parse_hex(const struct shape *s, const char *text, size_t n, uint8_t *room,
                     struct dl_value *ret, struct err *e)
{
        size_t len = 0;

        if (n > 2 * (size_t)DATA_MAX || n % 2 != 0)
                return err_set(e, DL_REFUSED, "expected %zu hex digits, got %zu characters",
                               codec_data_size((uint8_t)s->area, s->quantity) * 2, n);
        int rc = text_parse_hex(text, n, room, &len, e);
        if (rc == 0)
                rc = check_bytes(s, room, len, e);
        if (rc == 0)
                *ret = (struct dl_value){
                        .type = DL_BYTES,
                        .len = (uint32_t)codec_data_size((uint8_t)s->area, s->quantity),
                        .as.data = room,
                };
        return rc;
}

static int parse_number(const struct kind *k, const char *text, size_t n, struct dl_value *ret,
                        struct err *e)
{
        struct dl_value v = { .type = k->value };
        int rc;

        if (k->value == DL_INT)
                rc = text_parse_int(text, n, -int_max(k) - 1, int_max(k), &v.as.i, e);
        else if (k->value == DL_UINT)
                rc = text_parse_uint(text, n, uint_max(k), &v.as.u, e);
        else
                rc = text_parse_real(text, n, k->value == DL_REAL32 ? 32 : 64, &v.as.r, e);
        if (rc == 0)
                *ret = v;
        return rc;
}

int shape_parse(const struct shape *s, const char *text, size_t n, uint8_t *room,
                struct dl_value *ret, struct err *e)
{
        const struct kind *k = kind_of(s);
        int rc;

        if (k->value == DL_BOOL)
                rc = parse_bool(text, n, ret, e);
        else if (k->value == DL_BYTES)
                rc = parse_hex(s, text, n, room, ret, e);
        else
                rc = parse_number(k, text, n, ret, e);
        return rc == 0 ? 0 : DL_REFUSED;
}

/* --- values to bytes */

static int no_match(const struct shape *s, struct err *e)
{
        static const char *const wants[] = {
                [DL_BOOL] = "true or false",      [DL_INT] = "an integer",
                [DL_UINT] = "a positive integer", [DL_REAL32] = "a number",
                [DL_REAL] = "a number",           [DL_BYTES] = "hex digits",
        };

        return err_set(e, DL_REFUSED, "expected %s", wants[kind_of(s)->value]);
}

/* Any number as an integer: sign and magnitude, so that all 65 bits are exact. */
static bool whole_number(const struct dl_value *v, bool *ret_negative, uint64_t *ret)
{
        switch (v->type) {
        case DL_INT:
                *ret_negative = v->as.i < 0;
                *ret = v->as.i < 0 ? 0 - (uint64_t)v->as.i : (uint64_t)v->as.i;
                return true;
        case DL_UINT:
                *ret_negative = false;
                *ret = v->as.u;
                return true;
        case DL_REAL32:
        case DL_REAL:
                if (!isfinite(v->as.r) || fabs(v->as.r) >= 0x1p64 ||
                    fpclassify(v->as.r - trunc(v->as.r)) != FP_ZERO)
                        return false;
                *ret_negative = v->as.r < 0;
                *ret = (uint64_t)fabs(v->as.r);
                return true;
        default:
                return false;
        }
}

static int fit_integer(const struct shape *s, const struct dl_value *v, uint64_t *ret,
                       struct err *e)
{
        const struct kind *k = kind_of(s);
        bool negative = false;
        uint64_t u = 0;

        if (!whole_number(v, &negative, &u))
                return no_match(s, e);
        if (k->value == DL_UINT && ((negative && u != 0) || u > uint_max(k)))
                return err_set(e, DL_REFUSED, "expected 0..%llu, got %s%llu",
                               (unsigned long long)uint_max(k), negative ? "-" : "",
                               (unsigned long long)u);
        if (k->value == DL_INT && u > (uint64_t)int_max(k) + negative)
                return err_set(e, DL_REFUSED, "expected %lld..%lld, got %s%llu",
                               (long long)(-int_max(k) - 1), (long long)int_max(k),
                               negative ? "-" : "", (unsigned long long)u);
        *ret = negative ? 0 - u : u;
        return 0;
}

static int fit_real(const struct shape *s, const struct dl_value *v, uint64_t *ret, struct err *e)
{
        double r;

        if (v->type == DL_REAL || v->type == DL_REAL32)
                r = v->as.r;
        else if (v->type == DL_INT)
                r = (double)v->as.i;
        else if (v->type == DL_UINT)
                r = (double)v->as.u;
        else
                return no_match(s, e);

        if (s->type == TYPE_DOUBLE) {
                memcpy(ret, &r, sizeof(r));
                return 0;
        }
        /* The first double that would round up to 2^128. */
        if (isfinite(r) && fabs(r) >= 0x1.ffffffp127)
                return err_set(e, DL_REFUSED, "%g is out of a float's range", r);
        float f = (float)r;
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        *ret = bits;
        return 0;
}

static void store(const struct shape *s, uint64_t u, uint8_t *out)
{
        size_t size = kind_of(s)->registers * 2U;

        for (size_t i = 0; i < size; i++)
                out[i] = (uint8_t)(u >> (8 * (size - 1 - i)));
        reorder(s->order, out, size);
}

static int encode_bool(const struct shape *s, const struct dl_value *v, uint8_t *out, struct err *e)
{
        bool negative = false;
        uint64_t u = v->type == DL_BOOL ? (uint64_t)v->as.i : 2;

        if (v->type != DL_BOOL && (!whole_number(v, &negative, &u) || u > 1 || (negative && u)))
                return no_match(s, e);
        out[0] = (uint8_t)u;
        return 0;
}

static int encode_bytes(const struct shape *s, const struct dl_value *v, uint8_t *out,
                        struct err *e)
{
        if (v->type != DL_BYTES)
                return no_match(s, e);
        int rc = check_bytes(s, v->as.data, v->len, e);
        if (rc == 0)
                memcpy(out, v->as.data, codec_data_size((uint8_t)s->area, s->quantity));
        return rc;
}

int shape_encode(const struct shape *s, const struct dl_value *v, uint8_t *out, struct err *e)
{
        uint8_t room[DATA_MAX];
        struct dl_value parsed;
        uint64_t u = 0;

        int rc = shape_check_write(s, e);
        if (rc == 0 && v->type == DL_TEXT) {
                rc = shape_parse(s, v->as.data, v->len, room, &parsed, e);
                v = &parsed;
        }
        if (rc < 0)
                return rc;

        enum dl_type type = kind_of(s)->value;
        if (type == DL_BOOL)
                return encode_bool(s, v, out, e);
        if (type == DL_BYTES)
                return encode_bytes(s, v, out, e);
        if (type == DL_INT || type == DL_UINT)
                rc = fit_integer(s, v, &u, e);
        else
                rc = fit_real(s, v, &u, e);
        if (rc == 0)
                store(s, u, out);
        return rc;
}
