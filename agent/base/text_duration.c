#include "text.h"

#include "clock.h"
#include "text_quote.h"

#include <stdio.h>
#include <string.h>

static const uint64_t duration_max = (uint64_t)INT64_MAX;

struct cursor {
        const char *p;
        const char *end;
};

static bool at_digit(const struct cursor *c)
{
        return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

/* False: more than 2^63. */
static bool read_whole(struct cursor *c, uint64_t *ret)
{
        uint64_t v = 0;

        for (; at_digit(c); c->p++) {
                if (v > (duration_max + 1) / 10)
                        return false;
                v = v * 10 + (uint64_t)(*c->p - '0');
                if (v > duration_max + 1)
                        return false;
        }
        *ret = v;
        return true;
}

/* Digits after the point; those that no longer fit are passed over. */
static void read_fraction(struct cursor *c, uint64_t *ret, double *ret_scale)
{
        uint64_t v = 0;
        double scale = 1;
        bool full = false;

        for (; at_digit(c); c->p++) {
                if (full || v > duration_max / 10) {
                        full = true;
                        continue;
                }
                uint64_t next = v * 10 + (uint64_t)(*c->p - '0');
                if (next > duration_max + 1) {
                        full = true;
                        continue;
                }
                v = next;
                scale *= 10;
        }
        *ret = v;
        *ret_scale = scale;
}

/* Nanoseconds of the unit; 0 = unknown. */
static uint64_t unit_ns(const char *s, size_t n)
{
        static const struct {
                const char *name;
                uint64_t ns;
        } units[] = {
                { "ns", 1 },
                { "us", 1000 },
                { "\xc2\xb5s", 1000 }, /* micro sign */
                { "\xce\xbcs", 1000 }, /* Greek mu */
                { "ms", 1000000 },
                { "s", 1000000000 },
                { "m", UINT64_C(60000000000) },
                { "h", UINT64_C(3600000000000) },
        };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
                        return units[i].ns;
        }
        return 0;
}

/* One "1.5h"; added to *sum, which stays at or below 2^63.  NULL, or what is wrong. */
static const char *read_part(struct cursor *c, uint64_t *sum)
{
        const char *start = c->p;
        uint64_t whole = 0;
        uint64_t fraction = 0;
        double scale = 1;

        if (!read_whole(c, &whole))
                return "out of range";
        bool digits = c->p > start;
        if (c->p < c->end && *c->p == '.') {
                c->p++;
                start = c->p;
                read_fraction(c, &fraction, &scale);
                digits = digits || c->p > start;
        }
        if (!digits)
                return "not a duration";

        start = c->p;
        while (c->p < c->end && *c->p != '.' && !at_digit(c))
                c->p++;
        if (c->p == start)
                return "missing unit";
        uint64_t unit = unit_ns(start, (size_t)(c->p - start));
        if (unit == 0)
                return "unknown unit";

        uint64_t v = 0;
        if (__builtin_mul_overflow(whole, unit, &v) || v > duration_max + 1)
                return "out of range";
        /* Through a double, as the contract's own arithmetic does it. */
        v += (uint64_t)((double)fraction * ((double)unit / scale));
        if (v > duration_max + 1 - *sum)
                return "out of range";
        *sum += v;
        return NULL;
}

int text_parse_duration(const char *s, size_t n, int64_t *ret_ns, struct err *e)
{
        char quoted[TEXT_QUOTE_MAX];
        struct cursor c = { .p = s, .end = s + n };
        bool negative = n > 0 && s[0] == '-';
        uint64_t sum = 0;
        const char *wrong = NULL;

        if (n > 0 && (s[0] == '-' || s[0] == '+'))
                c.p++;
        if (c.end - c.p == 1 && *c.p == '0') {
                *ret_ns = 0;
                return 0;
        }
        if (c.p == c.end)
                wrong = "not a duration";
        while (!wrong && c.p < c.end)
                wrong = read_part(&c, &sum);
        if (!wrong && !negative && sum > duration_max)
                wrong = "out of range";
        if (wrong)
                return err_set(e, DL_CONFIG,
                               "expected a duration as \"1m30s\" or \"250ms\", got '%s': %s",
                               text_quote(s, n, quoted), wrong);
        *ret_ns = negative ? (int64_t)(0 - sum) : (int64_t)sum;
        return 0;
}

/* v / 10^places with the zeros at the end dropped, then the unit. */
static int put_fraction(char *out, size_t size, uint64_t v, int places, const char *unit)
{
        uint64_t scale = 1;

        for (int i = 0; i < places; i++)
                scale *= 10;
        uint64_t rest = v % scale;
        unsigned long long whole = v / scale;
        if (rest == 0)
                return snprintf(out, size, "%llu%s", whole, unit);
        for (; rest % 10 == 0; rest /= 10)
                places--;
        return snprintf(out, size, "%llu.%0*llu%s", whole, places, (unsigned long long)rest, unit);
}

size_t text_duration(int64_t ns, char out[TEXT_REAL_MAX])
{
        uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
        char *to = out;
        char *end = out + TEXT_REAL_MAX;

        if (ns < 0)
                *to++ = '-';
        if (v < 1000) {
                to += snprintf(to, (size_t)(end - to), "%llu%s", (unsigned long long)v,
                               v ? "ns" : "s");
        } else if (v < 1000000) {
                to += put_fraction(to, (size_t)(end - to), v, 3, "\xc2\xb5s");
        } else if (v < 1000000000) {
                to += put_fraction(to, (size_t)(end - to), v, 6, "ms");
        } else {
                const uint64_t minute = unit_ns("m", 1);
                uint64_t minutes = v / minute;
                if (minutes >= 60)
                        to += snprintf(to, (size_t)(end - to), "%lluh",
                                       (unsigned long long)minutes / 60);
                if (minutes > 0)
                        to += snprintf(to, (size_t)(end - to), "%llum",
                                       (unsigned long long)minutes % 60);
                to += put_fraction(to, (size_t)(end - to), v % minute, 9, "s");
        }
        return (size_t)(to - out);
}
