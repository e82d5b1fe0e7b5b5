/* shape_write.c - how a value lies in coils and registers: texts and values to bytes. */
#include "modbus/shape.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* --- texts to values */

static bool is_bits(const struct shape *s)
{
        return codec_is_bits((uint8_t)s->area);
}

static uint64_t uint_max(const struct shape *s)
{
        unsigned registers = shape_registers(s);

        return registers == 1 ? UINT16_MAX : registers == 2 ? UINT32_MAX : UINT64_MAX;
}

static int64_t int_max(const struct shape *s)
{
        return (int64_t)(uint_max(s) >> 1);
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
        size_t size = shape_data_size(s);
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
                               shape_data_size(s) * 2, n);
        int rc = text_parse_hex(text, n, room, &len, e);
        if (rc == 0)
                rc = check_bytes(s, room, len, e);
        if (rc == 0)
                *ret = (struct dl_value){
                        .type = DL_BYTES,
                        .len = (uint32_t)shape_data_size(s),
                        .as.data = room,
                };
        return rc;
}

static int parse_number(const struct shape *s, const char *text, size_t n, struct dl_value *ret,
                        struct err *e)
{
        enum dl_type type = shape_value_type(s);
        struct dl_value v = { .type = type };
        int rc;

        if (type == DL_INT)
                rc = text_parse_int(text, n, -int_max(s) - 1, int_max(s), &v.as.i, e);
        else if (type == DL_UINT)
                rc = text_parse_uint(text, n, uint_max(s), &v.as.u, e);
        else
                rc = text_parse_real(text, n, type == DL_REAL32 ? 32 : 64, &v.as.r, e);
        if (rc == 0)
                *ret = v;
        return rc;
}

int shape_parse(const struct shape *s, const char *text, size_t n, uint8_t *room,
                struct dl_value *ret, struct err *e)
{
        enum dl_type type = shape_value_type(s);
        int rc;

        if (type == DL_BOOL)
                rc = parse_bool(text, n, ret, e);
        else if (type == DL_BYTES)
                rc = parse_hex(s, text, n, room, ret, e);
        else
                rc = parse_number(s, text, n, ret, e);
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

        return err_set(e, DL_REFUSED, "expected %s", wants[shape_value_type(s)]);
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
        enum dl_type type = shape_value_type(s);
        bool negative = false;
        uint64_t u = 0;

        if (!whole_number(v, &negative, &u))
                return no_match(s, e);
        if (type == DL_UINT && ((negative && u != 0) || u > uint_max(s)))
                return err_set(e, DL_REFUSED, "expected 0..%llu, got %s%llu",
                               (unsigned long long)uint_max(s), negative ? "-" : "",
                               (unsigned long long)u);
        if (type == DL_INT && u > (uint64_t)int_max(s) + negative)
                return err_set(e, DL_REFUSED, "expected %lld..%lld, got %s%llu",
                               (long long)(-int_max(s) - 1), (long long)int_max(s),
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
        size_t size = shape_registers(s) * 2U;

        for (size_t i = 0; i < size; i++)
                out[i] = (uint8_t)(u >> (8 * (size - 1 - i)));
        shape_reorder(s->order, out, size);
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
                memcpy(out, v->as.data, shape_data_size(s));
        return rc;
}

int shape_encode(const struct shape *s, const struct dl_value *v, uint8_t *out, struct err *e)
{
        uint8_t room[DATA_MAX];
        struct dl_value parsed = { 0 };
        uint64_t u = 0;

        int rc = shape_check_write(s, e);
        if (rc == 0 && v->type == DL_TEXT) {
                rc = shape_parse(s, v->as.data, v->len, room, &parsed, e);
                v = &parsed;
        }
        if (rc < 0)
                return rc;

        enum dl_type type = shape_value_type(s);
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
