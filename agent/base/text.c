#include "text.h"

#include "utf8.h"

#include <string.h>

/* What is decoded here may be a secret: error texts give places, not content. */

/* 0..63; -1 = no digit */
static int base64_digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+' || c == '-')
                return 62;
        if (c == '/' || c == '_')
                return 63;
        return -1;
}

int text_parse_base64(const char *s, size_t n, void *out, size_t *ret_len, struct err *e)
{
        unsigned char *to = out;
        unsigned bits = 0;

        while (n > 0 && s[n - 1] == '=')
                n--;
        for (size_t i = 0; i < n; i++) {
                if (base64_digit(s[i]) < 0)
                        return err_set(e, DL_CONFIG,
                                       "expected Base64, got another character at position %zu", i);
        }
        if (n % 4 == 1)
                return err_set(e, DL_CONFIG, "expected Base64, the last character is incomplete");

        for (size_t i = 0; i < n; i++) {
                bits = bits << 6 | (unsigned)base64_digit(s[i]);
                if (i % 4 == 1)
                        *to++ = (unsigned char)(bits >> 4);
                else if (i % 4 == 2)
                        *to++ = (unsigned char)(bits >> 2);
                else if (i % 4 == 3)
                        *to++ = (unsigned char)bits;
        }
        *ret_len = (size_t)(to - (unsigned char *)out);
        return 0;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_parse_hex(const char *s, size_t n, void *out, size_t *ret_len, struct err *e)
{
        unsigned char *to = out;

        for (size_t i = 0; i < n; i++) {
                if (hex_digit(s[i]) < 0)
                        return err_set(e, DL_CONFIG,
                                       "expected hexadecimal digits, got another character at "
                                       "position %zu",
                                       i);
        }
        if (n % 2 != 0)
                return err_set(e, DL_CONFIG, "expected pairs of hexadecimal digits, got %zu digits",
                               n);
        for (size_t i = 0; i < n; i += 2)
                *to++ = (unsigned char)(hex_digit(s[i]) << 4 | hex_digit(s[i + 1]));
        *ret_len = n / 2;
        return 0;
}

bool text_is_utf8(const void *p, size_t n)
{
        const unsigned char *s = p;

        for (size_t i = 0; i < n;) {
                size_t len = utf8_length(s + i, n - i);
                if (len == 0 || s[i] == 0)
                        return false;
                i += len;
        }
        return true;
}

bool text_same(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "") == 0;
}

/* --- the nearest word --------------------------------------------------------------------- */

enum { WORD_MAX = 40, FAR = WORD_MAX };

static int lower(int c)
{
        return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static unsigned min_of(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* Letters to insert, drop, change or swap with their neighbour; case does not count. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
        unsigned rows[3][WORD_MAX + 1];
        unsigned *before = rows[0];
        unsigned *last = rows[1];
        unsigned *row = rows[2];

        for (unsigned j = 0; j <= nb; j++)
                last[j] = before[j] = j;
        for (unsigned i = 1; i <= na; i++) {
                row[0] = i;
                for (unsigned j = 1; j <= nb; j++) {
                        bool same = lower(a[i - 1]) == lower(b[j - 1]);
                        row[j] = min_of(last[j - 1] + !same, min_of(last[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                            lower(a[i - 2]) == lower(b[j - 1]))
                                row[j] = min_of(row[j], before[j - 2] + 1);
                }
                unsigned *free_row = before;
                before = last;
                last = row;
                row = free_row;
        }
        return last[nb];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t n)
{
        size_t len = strnlen(word, WORD_MAX + 1);
        const char *best = NULL;
        unsigned best_distance = FAR;

        if (len == 0 || len > WORD_MAX)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                size_t other = strnlen(candidates[i], WORD_MAX + 1);
                size_t longer = len > other ? len : other;
                if (other == 0 || other > WORD_MAX)
                        continue;
                unsigned d = distance(word, len, candidates[i], other);
                if (d <= (longer + 2) / 4 && d < best_distance) {
                        best = candidates[i];
                        best_distance = d;
                }
        }
        return best;
}
