#include "text.h"

#include "mem.h"
#include "text_locale.h"
#include "text_quote.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (!c_locale)
                abort(); /* only without memory */
}

locale_t text_c_locale(void)
{
        (void)pthread_once(&c_locale_once, make_c_locale);
        return c_locale;
}

static int not_a_number(const char *s, size_t n, struct err *e, const char *expected)
{
        char quoted[TEXT_QUOTE_MAX];

        return err_set(e, DL_CONFIG, "expected %s, got '%s'", expected, text_quote(s, n, quoted));
}

enum digits { DIGITS_FINE, DIGITS_NONE, DIGITS_TOO_LARGE };

static enum digits read_digits(const char *s, size_t n, uint64_t *ret)
{
        uint64_t v = 0;
        bool over = false;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return DIGITS_NONE;
                over |= __builtin_mul_overflow(v, 10, &v);
                over |= __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v);
        }
        if (n == 0)
                return DIGITS_NONE;
        *ret = v;
        return over ? DIGITS_TOO_LARGE : DIGITS_FINE;
}

int text_parse_int(const char *s, size_t n, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
        bool negative = n > 0 && s[0] == '-';
        size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');
        uint64_t v = 0;
        enum digits d = read_digits(s + sign, n - sign, &v);

        if (d == DIGITS_NONE)
                return not_a_number(s, n, e, "a decimal number");

        uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
        int64_t r = negative ? (int64_t)(0 - v) : (int64_t)v;
        if (d == DIGITS_TOO_LARGE || v > most || r < min || r > max) {
                char quoted[TEXT_QUOTE_MAX];
                return err_set(e, DL_CONFIG, "expected %lld..%lld, got %s", (long long)min,
                               (long long)max, text_quote(s, n, quoted));
        }
        *ret = r;
        return 0;
}

int text_parse_uint(const char *s, size_t n, uint64_t max, uint64_t *ret, struct err *e)
{
        uint64_t v = 0;
        enum digits d = read_digits(s, n, &v);

        if (d == DIGITS_NONE)
                return not_a_number(s, n, e, "a decimal number without a sign");
        if (d == DIGITS_TOO_LARGE || v > max) {
                char quoted[TEXT_QUOTE_MAX];
                return err_set(e, DL_CONFIG, "expected 0..%llu, got %s", (unsigned long long)max,
                               text_quote(s, n, quoted));
        }
        *ret = v;
        return 0;
}

/* --- reals -------------------------------------------------------------------------------- */

struct cursor {
        const char *p;
        const char *end;
        char *out; /* the number without underscores */
        bool hex;
        char before; /* '0' after a digit or prefix, '_' after an underscore, else '!' */
};

static bool is_digit(char c, bool hex)
{
        return (c >= '0' && c <= '9') ||
               (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static bool next_is(const struct cursor *c, char lower)
{
        return c->p < c->end && (*c->p | 0x20) == lower;
}

static void take(struct cursor *c)
{
        *c->out++ = *c->p++;
        c->before = '!';
}

/* Digits with single underscores between them (or after a prefix).  Returns how many digits, or -1
 * when an underscore is where none may be. */
static int take_digits(struct cursor *c, bool hex)
{
        int n = 0;

        for (; c->p < c->end && (*c->p == '_' || is_digit(*c->p, hex)); c->p++) {
                if (*c->p == '_') {
                        if (c->before != '0')
                                return -1;
                        c->before = '_';
                        continue;
                }
                *c->out++ = *c->p;
                c->before = '0';
                n = 1; /* more are as good as one */
        }
        return c->before == '_' ? -1 : n;
}

/* Check the form and copy the text to c->out for strtod. */
static bool read_form(struct cursor *c)
{
        if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
                take(c);
        if (c->end - c->p > 2 && c->p[0] == '0' && (c->p[1] | 0x20) == 'x') {
                take(c);
                take(c);
                c->hex = true;
                c->before = '0'; /* an underscore may follow the prefix */
        }

        int digits = take_digits(c, c->hex);
        if (digits < 0)
                return false;
        if (next_is(c, '.')) {
                take(c);
                int more = take_digits(c, c->hex);
                if (more < 0)
                        return false;
                digits += more;
        }
        if (digits == 0)
                return false;

        if (next_is(c, c->hex ? 'p' : 'e')) {
                take(c);
                if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
                        take(c);
                if (take_digits(c, false) <= 0)
                        return false;
        } else if (c->hex) {
                return false;
        }
        *c->out = '\0';
        return c->p == c->end;
}

/* "inf" and "infinity" with a sign, "nan" without, in any case. */
static bool read_special(const char *s, size_t n, double *ret)
{
        bool negative = n > 0 && s[0] == '-';
        size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');
        const char *name = s + sign;
        size_t len = n - sign;

        if ((len == 3 && strncasecmp(name, "inf", 3) == 0) ||
            (len == 8 && strncasecmp(name, "infinity", 8) == 0)) {
                *ret = negative ? -HUGE_VAL : HUGE_VAL;
                return true;
        }
        if (n == 3 && strncasecmp(s, "nan", 3) == 0) {
                *ret = (double)NAN;
                return true;
        }
        return false;
}

int text_parse_real(const char *s, size_t n, int bits, double *ret, struct err *e)
{
        char small[64];
        auto_free char *large = n < sizeof(small) ? NULL : xmalloc(n + 1);
        char *copy = large ? large : small;
        double v = 0;

        if (read_special(s, n, ret))
                return 0;
        struct cursor c = { .p = s, .end = s + n, .out = copy, .before = '!' };
        if (!read_form(&c))
                return not_a_number(s, n, e, "a number");
        if (bits == 32)
                v = (double)strtof_l(copy, NULL, text_c_locale());
        else
                v = strtod_l(copy, NULL, text_c_locale()); /* allowed: form checked, "C" locale */
        if (isinf(v)) {
                char quoted[TEXT_QUOTE_MAX];
                return err_set(e, DL_CONFIG, "%s does not fit a %d-bit float",
                               text_quote(s, n, quoted), bits);
        }
        *ret = v;
        return 0;
}
