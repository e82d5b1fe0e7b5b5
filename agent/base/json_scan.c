#include "json_scan.h"

#include "utf8.h"

#include <string.h>

struct scan {
        const char *s;
        size_t n;
        size_t pos;
        size_t nodes;
        size_t depth;
        struct buf *out;
        const struct tree_limits *limits;
        struct err *e;
};

void json_where(const char *s, size_t n, size_t offset, char *out, size_t size)
{
        size_t line = 1;
        size_t column = 1;

        for (size_t i = 0; i < offset && i < n; i++) {
                column++;
                if (s[i] == '\n') {
                        line++;
                        column = 1;
                }
        }
        (void)snprintf(out, size, "line %zu column %zu", line, column);
}

size_t json_input_offset(const char *s, size_t n, const char *text, size_t offset)
{
        size_t i = 0;

        for (size_t o = 0; o < offset && i < n; i++, o++) {
                /* What differs is white space, or "e0" after an integer. */
                if (text[o] == 'e' && s[i] != 'e')
                        o += 2;
        }
        return i;
}

static int refuse(const struct scan *sc, size_t offset, const char *why)
{
        char where[64];

        json_where(sc->s, sc->n, offset, where, sizeof(where));
        return err_set(sc->e, DL_CONFIG, "%s: %s", where, why);
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char at(const struct scan *sc, size_t pos)
{
        return pos < sc->n ? sc->s[pos] : '\0';
}

static size_t skip_digits(const struct scan *sc, size_t pos)
{
        while (is_digit(at(sc, pos)))
                pos++;
        return pos;
}

/* A key ends before a colon; json-c would cut it at U+0000. */
static bool is_key(const struct scan *sc, size_t after)
{
        while (is_space(at(sc, after)))
                after++;
        return at(sc, after) == ':';
}

static bool starts_with(const struct scan *sc, size_t pos, const char *word)
{
        size_t len = strlen(word);

        return sc->n - pos >= len && memcmp(sc->s + pos, word, len) == 0;
}

static int scan_string(struct scan *sc)
{
        size_t start = sc->pos;
        size_t p = start + 1;
        bool has_nul = false;

        while (p < sc->n && sc->s[p] != '"') {
                size_t len = utf8_length((const unsigned char *)sc->s + p, sc->n - p);
                if (len == 0)
                        return refuse(sc, p, "this is not UTF-8");
                if ((unsigned char)sc->s[p] < 0x20)
                        return refuse(sc, p, "a control character within a string");
                if (sc->s[p] == '\\') {
                        has_nul = has_nul || starts_with(sc, p, "\\u0000");
                        len = 2;
                }
                p += len;
        }
        if (p >= sc->n)
                return refuse(sc, start, "this string does not end");
        sc->pos = p + 1;
        if (has_nul && is_key(sc, sc->pos))
                return refuse(sc, start, "a key must not hold U+0000");
        buf_add(sc->out, sc->s + start, sc->pos - start);
        return 0;
}

static bool fits_64_bits(const char *digits, size_t n, bool is_negative)
{
        const char *most = is_negative ? "9223372036854775808" : "18446744073709551615";
        size_t len = strlen(most);

        return n < len || (n == len && memcmp(digits, most, len) <= 0);
}

static int scan_number(struct scan *sc)
{
        size_t start = sc->pos;
        bool is_negative = sc->s[start] == '-';
        size_t digits = start + (is_negative ? 1 : 0);
        size_t p = skip_digits(sc, digits);
        size_t whole_end = p;

        if (p == digits || (at(sc, digits) == '0' && p > digits + 1))
                return refuse(sc, start, "this is not a number");
        if (at(sc, p) == '.') {
                p = skip_digits(sc, whole_end + 1);
                if (p == whole_end + 1)
                        return refuse(sc, start, "this is not a number");
        }
        if (at(sc, p) == 'e' || at(sc, p) == 'E') {
                size_t exponent = p + 1;
                if (at(sc, exponent) == '+' || at(sc, exponent) == '-')
                        exponent++;
                p = skip_digits(sc, exponent);
                if (p == exponent)
                        return refuse(sc, start, "this is not a number");
        }
        sc->pos = p;
        buf_add(sc->out, sc->s + start, p - start);
        if (p == whole_end && !fits_64_bits(sc->s + digits, p - digits, is_negative))
                buf_adds(sc->out, "e0");
        return 0;
}

static int scan_word(struct scan *sc)
{
        static const char *const words[] = { "true", "false", "null" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (starts_with(sc, sc->pos, words[i])) {
                        buf_adds(sc->out, words[i]);
                        sc->pos += strlen(words[i]);
                        return 0;
                }
        }
        return refuse(sc, sc->pos, "this is not JSON");
}

/* Every value but the root follows a comma or opens a container, so this never counts too few. */
static int scan_mark(struct scan *sc)
{
        char c = sc->s[sc->pos];

        if (c == '[' || c == '{') {
                sc->nodes++;
                sc->depth++;
                if (sc->depth > sc->limits->depth)
                        return err_set(sc->e, DL_CONFIG, "nested deeper than %u",
                                       sc->limits->depth);
        } else if (c == ',') {
                sc->nodes++;
        } else if ((c == ']' || c == '}') && sc->depth > 0) {
                sc->depth--;
        }
        if (sc->nodes > sc->limits->nodes)
                return err_set(sc->e, DL_CONFIG, "more than %zu values", sc->limits->nodes);
        buf_addc(sc->out, c);
        sc->pos++;
        return 0;
}

int json_scan(const char *s, size_t n, const struct tree_limits *limits, struct buf *out,
              struct err *e)
{
        struct scan sc = { .s = s, .n = n, .nodes = 1, .out = out, .limits = limits, .e = e };
        int rc = 0;

        if (starts_with(&sc, 0, "\xef\xbb\xbf"))
                for (; sc.pos < 3; sc.pos++)
                        buf_addc(out, ' ');
        while (rc == 0 && sc.pos < n) {
                char c = s[sc.pos];
                if (is_space(c)) {
                        buf_addc(out, ' ');
                        sc.pos++;
                } else if (c == '"') {
                        rc = scan_string(&sc);
                } else if (c == '-' || is_digit(c)) {
                        rc = scan_number(&sc);
                } else if (c != '\0' && strchr("[]{},:", c)) {
                        rc = scan_mark(&sc);
                } else {
                        rc = scan_word(&sc);
                }
        }
        return rc;
}
