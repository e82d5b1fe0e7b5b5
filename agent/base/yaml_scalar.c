#include "yaml_scalar.h"

#include "text.h"

#include <string.h>

static const char tag_prefix[] = "tag:yaml.org,2002:";

bool yaml_tag_is(const char *tag, const char *name)
{
        size_t n = sizeof(tag_prefix) - 1;

        return tag && strncmp(tag, tag_prefix, n) == 0 && strcmp(tag + n, name) == 0;
}

/* --- words -------------------------------------------------------------------------------- */

enum word { WORD_NONE, WORD_NULL, WORD_TRUE, WORD_FALSE, WORD_NO_NUMBER };

static const struct {
        const char *text;
        enum word word;
} words[] = {
        { "", WORD_NULL },           { "~", WORD_NULL },          { "null", WORD_NULL },
        { "Null", WORD_NULL },       { "NULL", WORD_NULL },       { "y", WORD_TRUE },
        { "Y", WORD_TRUE },          { "yes", WORD_TRUE },        { "Yes", WORD_TRUE },
        { "YES", WORD_TRUE },        { "true", WORD_TRUE },       { "True", WORD_TRUE },
        { "TRUE", WORD_TRUE },       { "on", WORD_TRUE },         { "On", WORD_TRUE },
        { "ON", WORD_TRUE },         { "n", WORD_FALSE },         { "N", WORD_FALSE },
        { "no", WORD_FALSE },        { "No", WORD_FALSE },        { "NO", WORD_FALSE },
        { "false", WORD_FALSE },     { "False", WORD_FALSE },     { "FALSE", WORD_FALSE },
        { "off", WORD_FALSE },       { "Off", WORD_FALSE },       { "OFF", WORD_FALSE },
        { ".inf", WORD_NO_NUMBER },  { ".Inf", WORD_NO_NUMBER },  { ".INF", WORD_NO_NUMBER },
        { "+.inf", WORD_NO_NUMBER }, { "+.Inf", WORD_NO_NUMBER }, { "+.INF", WORD_NO_NUMBER },
        { "-.inf", WORD_NO_NUMBER }, { "-.Inf", WORD_NO_NUMBER }, { "-.INF", WORD_NO_NUMBER },
        { ".nan", WORD_NO_NUMBER },  { ".NaN", WORD_NO_NUMBER },  { ".NAN", WORD_NO_NUMBER },
};

static enum word word_of(const char *s, size_t n)
{
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (strlen(words[i].text) == n && memcmp(words[i].text, s, n) == 0)
                        return words[i].word;
        }
        return WORD_NONE;
}

/* --- numbers ------------------------------------------------------------------------------ */

static int digit_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return 99;
}

/* Go's base 0: the prefix names the base. */
static unsigned base_of(const char **s)
{
        const char *p = *s;

        if (p[0] != '0' || p[1] == '\0')
                return 10;
        switch (p[1]) {
        case 'x':
        case 'X':
                *s += 2;
                return 16;
        case 'b':
        case 'B':
                *s += 2;
                return 2;
        case 'o':
        case 'O':
                *s += 2;
                return 8;
        default:
                *s += 1;
                return 8;
        }
}

static bool magnitude(const char *s, uint64_t *ret)
{
        unsigned base = base_of(&s);
        uint64_t v = 0;

        if (*s == '\0')
                return false;
        for (; *s; s++) {
                unsigned d = (unsigned)digit_value(*s);
                if (d >= base || v > (UINT64_MAX - d) / base)
                        return false;
                v = v * base + d;
        }
        *ret = v;
        return true;
}

static bool as_integer(const char *s, struct tree *t)
{
        const uint64_t most = INT64_MAX;
        bool is_negative = *s == '-';
        bool has_sign = is_negative || *s == '+';
        uint64_t v = 0;

        if (!magnitude(s + (has_sign ? 1 : 0), &v))
                return false;
        if (v <= most) {
                t->type = TREE_INT;
                t->as.i = is_negative ? -(int64_t)v : (int64_t)v;
        } else if (is_negative && v == most + 1) {
                t->type = TREE_INT;
                t->as.i = INT64_MIN;
        } else if (!has_sign) {
                t->type = TREE_UINT;
                t->as.u = v;
        } else {
                return false;
        }
        return true;
}

static const char *skip_digits(const char *s)
{
        while (*s >= '0' && *s <= '9')
                s++;
        return s;
}

/* [-+]? (. digits | digits (. digits?)?) ([eE] [-+]? digits)? */
static bool looks_real(const char *s)
{
        const char *p = NULL;

        if (*s == '-' || *s == '+')
                s++;
        p = skip_digits(s);
        if (p == s && (*p != '.' || skip_digits(p + 1) == p + 1))
                return false;
        if (*p == '.')
                p = skip_digits(p + 1);
        if (*p == 'e' || *p == 'E') {
                p++;
                if (*p == '-' || *p == '+')
                        p++;
                s = p;
                p = skip_digits(p);
                if (p == s)
                        return false;
        }
        return *p == '\0';
}

static bool as_real(struct arena *a, const char *s, struct tree *t)
{
        double v = 0;

        if (text_parse_real(s, strlen(s), 64, &v, NULL) < 0)
                return false;
        const struct tree *number = tree_new_number(a, v);
        t->type = number->type;
        t->as = number->as;
        return true;
}

/* Underscores are taken out wherever they stand.  What begins with a point is a Go literal instead:
 * there they may only stand between digits. */
static bool as_number(struct arena *a, const char *s, size_t n, struct tree *t)
{
        char first = n > 0 ? s[0] : '\0';
        auto_free char *plain = NULL;
        size_t len = 0;

        if (memchr(s, '\0', n))
                return false;
        if (first == '.')
                return as_real(a, s, t);
        if (!(first >= '0' && first <= '9') && first != '+' && first != '-')
                return false;
        plain = xmalloc(n + 1);
        for (size_t i = 0; i < n; i++) {
                if (s[i] != '_')
                        plain[len++] = s[i];
        }
        plain[len] = '\0';
        return as_integer(plain, t) || (looks_real(plain) && as_real(a, plain, t));
}

/* --- scalars ------------------------------------------------------------------------------ */

static void as_text(struct arena *a, const char *s, size_t n, struct tree *t)
{
        t->type = TREE_TEXT;
        t->as.text = arena_strndup(a, s, n);
        t->n = n;
}

static const char *as_binary(struct arena *a, const char *s, size_t n, struct tree *t)
{
        auto_free char *packed = xmalloc(n + 1);
        auto_free char *bytes = xmalloc(n / 4 * 3 + 4);
        size_t len = 0;

        for (size_t i = 0; i < n; i++) {
                if (!strchr(" \t\r\n", s[i]) || s[i] == '\0')
                        packed[len++] = s[i];
        }
        if (text_parse_base64(packed, len, bytes, &len, NULL) < 0)
                return "this is not Base64, as its tag !!binary says";
        if (!text_is_utf8(bytes, len))
                return "!!binary that is not text has no JSON form";
        as_text(a, bytes, len, t);
        return NULL;
}

static const char *as_plain(struct arena *a, const char *s, size_t n, struct tree *t)
{
        enum word word = word_of(s, n);

        switch (word) {
        case WORD_NULL:
                t->type = TREE_NULL;
                break;
        case WORD_TRUE:
        case WORD_FALSE:
                t->type = TREE_BOOL;
                t->as.b = word == WORD_TRUE;
                break;
        case WORD_NO_NUMBER:
                return "infinity and not-a-number have no JSON form";
        case WORD_NONE:
                if (!as_number(a, s, n, t))
                        as_text(a, s, n, t);
                break;
        }
        return NULL;
}

const char *yaml_scalar(struct arena *a, const char *tag, bool is_plain, const char *s, size_t n,
                        struct tree *t)
{
        const char *wrong = NULL;

        if (yaml_tag_is(tag, "str") || yaml_tag_is(tag, "timestamp") || yaml_tag_is(tag, "merge") ||
            (tag ? strcmp(tag, "!") == 0 : !is_plain)) {
                as_text(a, s, n, t);
                return NULL;
        }
        if (yaml_tag_is(tag, "binary"))
                return as_binary(a, s, n, t);

        wrong = as_plain(a, s, n, t);
        if (wrong || !tag)
                return wrong;
        if (yaml_tag_is(tag, "int"))
                return t->type == TREE_INT || t->type == TREE_UINT
                               ? NULL
                               : "this is not an integer, as its tag !!int says";
        if (yaml_tag_is(tag, "float"))
                return t->type == TREE_REAL || t->type == TREE_INT || t->type == TREE_UINT
                               ? NULL
                               : "this is not a number, as its tag !!float says";
        if (yaml_tag_is(tag, "bool"))
                return t->type == TREE_BOOL ? NULL
                                            : "this is not a boolean, as its tag !!bool says";
        if (yaml_tag_is(tag, "null"))
                return t->type == TREE_NULL ? NULL : "this is not null, as its tag !!null says";
        return "this tag is unknown";
}

const char *yaml_key_text(struct arena *a, const struct tree *t)
{
        auto_of(buf) struct buf json = BUF(64);

        if (t->type == TREE_TEXT)
                return t->as.text;
        tree_json(t, 0, &json);
        return arena_strndup(a, buf_text(&json), json.len);
}
