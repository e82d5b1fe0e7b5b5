#include "text.h"

#include "text_locale.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shortest digits.  v = m * 2^e is read back from every decimal between the middles to its
 * neighbours; wanted is the multiple of the greatest power of ten in there.  Both bounds and v are
 * scaled by a power of ten that leaves 18 or 19 digits, exactly, in 128 bits; then digits are
 * dropped while a multiple of ten is left between the bounds.  What does not fit 128 bits (doubles
 * below 1e-14 or above 1e38, mostly) takes the slow way: print with more and more digits and read.
 */

typedef unsigned __int128 u128;

enum { POW5_N = 44, SHORTEST_MAX = 20 };

struct binary { /* a finite, positive number */
        uint64_t m;
        int e;
        bool closer; /* the neighbour below is only half as far away: m is a power of two */
        bool normal;
};

struct decimal { /* digits * 10^exp */
        uint64_t digits;
        int exp;
};

static uint64_t double_bits(double v)
{
        uint64_t bits = 0;

        memcpy(&bits, &v, sizeof(bits));
        return bits;
}

static uint32_t float_bits(float v)
{
        uint32_t bits = 0;

        memcpy(&bits, &v, sizeof(bits));
        return bits;
}

static struct binary split(double v, bool is_float)
{
        int width = is_float ? 23 : 52;
        int bias = is_float ? 127 : 1023;
        uint64_t bits = is_float ? float_bits((float)v) : double_bits(v);
        uint64_t m = bits & ((UINT64_C(1) << width) - 1);
        int e = (int)(bits >> width) & (is_float ? 0xff : 0x7ff);

        if (e == 0)
                return (struct binary){ .m = m, .e = 1 - bias - width };
        return (struct binary){
                .m = m | UINT64_C(1) << width,
                .e = e - bias - width,
                .closer = m == 0 && e > 1,
                .normal = true,
        };
}

static u128 pow5(int n)
{
        static const uint64_t small[] = {
                1,         5,          25,         125,         625,          3125,
                15625,     78125,      390625,     1953125,     9765625,      48828125,
                244140625, 1220703125, 6103515625, 30517578125, 152587890625,
        };

        assert(n >= 0 && n < POW5_N);
        u128 r = small[n & 15];
        for (; n >= 16; n -= 16)
                r *= small[16];
        return r;
}

static int bit_length(uint64_t x)
{
        return x ? 64 - __builtin_clzll(x) : 0;
}

/* floor(e * log10(2)), exact for |e| <= 1650 */
static int log10_pow2(int e)
{
        return (e * 78913) >> 18;
}

struct scaled {
        uint64_t q;
        bool exact;
};

/* x * 2^shift * 10^-k, cut to an integer; the caller has checked that nothing is lost on the way.
 */
static struct scaled scale(uint64_t x, int shift, int k)
{
        if (k > 0) {
                u128 by = pow5(k) << k;
                u128 whole = (u128)x << shift;
                u128 q = whole / by;
                return (struct scaled){ (uint64_t)q, q * by == whole };
        }
        u128 product = x * pow5(-k);
        shift -= k;
        if (shift >= 0)
                return (struct scaled){ (uint64_t)(product << shift), true };
        u128 q = product >> -shift;
        return (struct scaled){ (uint64_t)q, q << -shift == product };
}

static bool fits(uint64_t x, int shift, int k)
{
        if (k > 0)
                return shift >= 0 && bit_length(x) + shift <= 127;
        return -k < POW5_N && bit_length(x) + (-k * 2322 + 999) / 1000 + 1 <= 127;
}

static bool shorten_fast(struct binary b, struct decimal *ret)
{
        uint64_t lower = 4 * b.m - (b.closer ? 1 : 2);
        uint64_t upper = 4 * b.m + 2;
        int k = log10_pow2(b.e) - 2;

        if (!fits(upper, b.e - 2, k))
                return false;

        struct scaled l = scale(lower, b.e - 2, k);
        struct scaled c = scale(4 * b.m, b.e - 2, k);
        struct scaled u = scale(upper, b.e - 2, k);
        /* A decimal in the middle of two neighbours is read as the even one. */
        bool even = b.m % 2 == 0;
        if (!l.exact || !even)
                l.q++;
        if (u.exact && !even)
                u.q--;

        bool zeros = c.exact; /* what was dropped before `last` */
        unsigned last = 0;
        while ((l.q + 9) / 10 <= u.q / 10) {
                zeros = zeros && last == 0;
                last = (unsigned)(c.q % 10);
                l.q = (l.q + 9) / 10;
                c.q /= 10;
                u.q /= 10;
                k++;
        }
        if (last > 5 || (last == 5 && (!zeros || c.q % 2 == 1)))
                c.q++;
        if (c.q < l.q) /* never above u: there is as much room above v as below, or more */
                c.q = l.q;
        *ret = (struct decimal){ c.q, k };
        return true;
}

static bool reads_back(double v, bool is_float, struct decimal d)
{
        char text[SHORTEST_MAX + 16];

        (void)snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d.digits, d.exp);
        if (is_float)
                return float_bits(strtof_l(text, NULL, text_c_locale())) == float_bits((float)v);
        return double_bits(strtod_l(text, NULL, text_c_locale())) == /* allowed: "C" locale */
               double_bits(v);
}

/* `digits` significant digits of v, nearest.  Does not look at the decimal point, which a library
 * may have changed. */
static struct decimal print_digits(double v, int digits)
{
        char text[SHORTEST_MAX + 16];
        struct decimal d = { 0 };

        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, v);
        const char *p = text;
        for (; *p != 'e'; p++) {
                if (isdigit((unsigned char)*p))
                        d.digits = d.digits * 10 + (uint64_t)(*p - '0');
        }
        d.exp = (int)strtol(p + 1, NULL, 10) - (digits - 1);
        return d;
}

static struct decimal shorten_slow(double v, bool is_float, struct binary b)
{
        /* Every decimal of so many digits survives a normal number; less are as good as more. */
        int first = !b.normal ? 1 : is_float ? 6 : 15;
        int most = is_float ? 9 : 17;
        struct decimal d = { 0 };

        for (int n = first; n <= most; n++) {
                d = print_digits(v, n);
                if (reads_back(v, is_float, d))
                        break;
                /* Below a power of two is less room than above it. */
                d.digits++;
                if (b.closer && reads_back(v, is_float, d))
                        break;
                d.digits--;
        }
        while (d.digits % 10 == 0) {
                d.digits /= 10;
                d.exp++;
        }
        return d;
}

static char *put_uint(char *to, uint64_t v, int min_digits)
{
        char digits[SHORTEST_MAX];
        int n = 0;

        for (; v > 0 || n < min_digits; v /= 10)
                digits[n++] = (char)('0' + v % 10);
        while (n > 0)
                *to++ = digits[--n];
        return to;
}

static char *put_text(char *to, const char *s)
{
        while (*s)
                *to++ = *s++;
        return to;
}

static char *put_decimal(char *to, struct decimal d)
{
        char digits[SHORTEST_MAX];
        int n = (int)(put_uint(digits, d.digits, 1) - digits);
        int e = d.exp + n - 1; /* of the first digit */

        if (e < -4 || e >= 6) {
                *to++ = digits[0];
                if (n > 1) {
                        *to++ = '.';
                        memcpy(to, digits + 1, (size_t)n - 1);
                        to += n - 1;
                }
                *to++ = 'e';
                *to++ = e < 0 ? '-' : '+';
                return put_uint(to, (uint64_t)abs(e), 2);
        }
        if (e < 0) {
                to = put_text(to, "0.");
                for (int i = -1; i > e; i--)
                        *to++ = '0';
        }
        for (int i = 0; i < n; i++) {
                if (i > 0 && i == e + 1)
                        *to++ = '.';
                *to++ = digits[i];
        }
        for (int i = n; i <= e; i++)
                *to++ = '0';
        return to;
}

static char *put_special(char *to, double v)
{
        return put_text(to, isnan(v) ? "NaN" : signbit(v) ? "-Inf" : "+Inf");
}

size_t text_real(double v, bool is_float, char out[TEXT_REAL_MAX])
{
        char *to = out;
        struct decimal d = { 0 };

        if (is_float)
                v = (double)(float)v;
        if (!isfinite(v)) {
                to = put_special(to, v);
        } else {
                if (signbit(v))
                        *to++ = '-';
                v = fabs(v);
                struct binary b = split(v, is_float);
                if (b.m != 0 && !shorten_fast(b, &d))
                        d = shorten_slow(v, is_float, b);
                to = put_decimal(to, d);
        }
        *to = '\0';
        return (size_t)(to - out);
}

/* v * 10^6 to the nearest integer, halves to even, for v < 2^43. */
static uint64_t millionths(struct binary b)
{
        u128 n = (u128)b.m * 1000000; /* 73 bits */

        if (b.e >= 0)
                return (uint64_t)(n << b.e);
        if (b.e < -126)
                return 0;
        u128 q = n >> -b.e;
        u128 rest = n - (q << -b.e);
        u128 half = (u128)1 << (-b.e - 1);
        if (rest > half || (rest == half && q % 2 == 1))
                q++;
        return (uint64_t)q;
}

size_t text_fixed6(double v, char out[TEXT_FIXED_MAX])
{
        char *to = out;

        if (!isfinite(v)) {
                to = put_special(to, v);
        } else {
                if (signbit(v))
                        *to++ = '-';
                v = fabs(v);
                uint64_t n = 0;
                if (v < 0x1p43) {
                        n = millionths(split(v, false));
                        to = put_uint(to, n / 1000000, 1);
                } else {
                        /* 2^43 and more has at most nine binary places; the C library is exact. */
                        double whole = floor(v);
                        n = millionths(split(v - whole, false));
                        int len = snprintf(to, TEXT_FIXED_MAX - 9, "%.0f", whole);
                        to += len;
                }
                *to++ = '.';
                to = put_uint(to, n % 1000000, 6);
        }
        *to = '\0';
        return (size_t)(to - out);
}
