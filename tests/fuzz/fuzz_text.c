/* No text breaks a parser, and what is printed is read back as it was. */
/* libs: dl_base */
#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

static bool same(double a, double b)
{
        uint64_t a_bits = 0;
        uint64_t b_bits = 0;

        memcpy(&a_bits, &a, sizeof(a));
        memcpy(&b_bits, &b, sizeof(b));
        return isnan(a) ? isnan(b) : a_bits == b_bits;
}

static void reals(const char *s, size_t n)
{
        for (int bits = 32; bits <= 64; bits += 32) {
                double v = 0;
                double back = 0;
                char text[TEXT_REAL_MAX];
                char fixed[TEXT_FIXED_MAX];
                if (text_parse_real(s, n, bits, &v, NULL) != 0)
                        continue;
                size_t len = text_real(v, bits == 32, text);
                check(len == strlen(text));
                check(text_parse_real(text, len, bits, &back, NULL) == 0);
                check(same(v, back));
                check(text_fixed6(v, fixed) < sizeof(fixed));
        }
}

static void real_bits(const uint8_t *data)
{
        char text[TEXT_REAL_MAX];
        double v = 0;
        double back = 0;
        float f = 0;

        memcpy(&v, data, sizeof(v));
        size_t len = text_real(v, false, text);
        check(text_parse_real(text, len, 64, &back, NULL) == 0);
        check(same(v, back));

        memcpy(&f, data, sizeof(f));
        v = (double)f;
        len = text_real(v, true, text);
        check(text_parse_real(text, len, 32, &back, NULL) == 0);
        check(same(v, back));
}

static void durations(const char *s, size_t n)
{
        char text[TEXT_REAL_MAX];
        int64_t v = 0;
        int64_t back = 0;

        if (text_parse_duration(s, n, &v, NULL) != 0)
                return;
        size_t len = text_duration(v, text);
        check(text_parse_duration(text, len, &back, NULL) == 0 && back == v);
}

static void number_bits(const uint8_t *data)
{
        char text[TEXT_TIME_MAX];
        int64_t v = 0;
        int64_t back = 0;

        memcpy(&v, data, sizeof(v));
        size_t len = text_duration(v, text);
        check(text_parse_duration(text, len, &back, NULL) == 0 && back == v);

        len = text_time(v, text);
        if (v > INT64_MIN + 1000000000) { /* its whole second is below the range */
                check(text_parse_time(text, len, &back, NULL) == 0);
                check(back <= v && v - back < 1000000000);
        }
}

static void times(const char *s, size_t n)
{
        char text[TEXT_TIME_MAX];
        int64_t v = 0;

        if (text_parse_time(s, n, &v, NULL) == 0)
                check(text_time(v, text) == strlen("2024-01-02T02:04:05Z"));
}

static void integers(const char *s, size_t n)
{
        int64_t i = 0;
        uint64_t u = 0;
        struct err e = { 0 };

        if (text_parse_int(s, n, -1000, 1000, &i, &e) == 0)
                check(i >= -1000 && i <= 1000);
        else
                check(text_is_utf8(e.text, strlen(e.text)));
        if (text_parse_uint(s, n, 65535, &u, &e) == 0)
                check(u <= 65535);
}

static void bytes(const char *s, size_t n)
{
        auto_of(buf) struct buf b = BUF(1 << 20);
        unsigned char *out = malloc(n / 4 * 3 + 3);
        unsigned char *back = malloc(n + 8);
        size_t len = 0;
        size_t back_len = 0;

        check(out && back);
        if (text_parse_base64(s, n, out, &len, NULL) == 0) {
                buf_add_base64(&b, out, len);
                check(text_parse_base64(buf_text(&b), b.len, back, &back_len, NULL) == 0);
                check(back_len == len && memcmp(out, back, len) == 0);
        }
        (void)text_parse_hex(s, n, back, &len, NULL);
        buf_clear(&b);
        buf_add_json(&b, s, n);
        check(buf_ok(&b) && text_is_utf8(buf_text(&b), b.len));
        free(out);
        free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const words[] = { "name", "endianness", "readOnly" };

        if (size > 65536)
                return 0;
        char *copy = malloc(size + 1);
        check(copy != NULL);
        memcpy(copy, data, size);
        copy[size] = '\0';
        const char *s = (const char *)data; /* without a NUL behind it */
        reals(s, size);
        durations(s, size);
        times(s, size);
        integers(s, size);
        bytes(s, size);
        (void)text_nearest(copy, words, 3);
        if (size >= 8) {
                real_bits(data);
                number_bits(data);
        }
        free(copy);
        return 0;
}
