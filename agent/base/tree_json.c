#include "json_scan.h"
#include "text.h"
#include "tree.h"

#include <assert.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- reals -------------------------------------------------------------------------------- */

/* A real as 0.d1d2d3... times ten to the point. */
struct digits {
        bool is_negative;
        char d[TEXT_REAL_MAX];
        int n;
        int point;
};

/* Takes the layout of text_real() apart, whatever it chose: "-1.25e+08", "0.5", "1000". */
static void split_real(double v, struct digits *ret)
{
        char text[TEXT_REAL_MAX];
        const char *s = text;
        bool after_point = false;

        *ret = (struct digits){ 0 };
        (void)text_real(v, false, text);
        for (; *s && *s != 'e'; s++) {
                if (*s == '-') {
                        ret->is_negative = true;
                } else if (*s == '.') {
                        after_point = true;
                } else if (*s == '0' && ret->n == 0) {
                        ret->point -= after_point ? 1 : 0;
                } else {
                        ret->d[ret->n++] = *s;
                        ret->point += after_point ? 0 : 1;
                }
        }
        if (*s == 'e') {
                int64_t exponent = 0;
                (void)text_parse_int(s + 1, strlen(s + 1), -400, 400, &exponent, NULL);
                ret->point += (int)exponent;
        }
        while (ret->n > 0 && ret->d[ret->n - 1] == '0')
                ret->n--;
}

size_t tree_real_json(double v, char out[TREE_REAL_JSON_MAX])
{
        struct digits r;
        const char *sign = "";
        int len = 0;

        assert(isfinite(v));
        split_real(v, &r);
        sign = r.is_negative && r.n > 0 ? "-" : "";
        if (r.n == 0)
                len = snprintf(out, TREE_REAL_JSON_MAX, "0");
        else if (r.point > 21 || r.point < -5)
                len = snprintf(out, TREE_REAL_JSON_MAX, "%s%.1s%s%.*se%+d", sign, r.d,
                               r.n > 1 ? "." : "", r.n - 1, r.d + 1, r.point - 1);
        else if (r.point <= 0)
                len = snprintf(out, TREE_REAL_JSON_MAX, "%s0.%.*s%.*s", sign, -r.point, "00000",
                               r.n, r.d);
        else if (r.point >= r.n)
                len = snprintf(out, TREE_REAL_JSON_MAX, "%s%.*s%.*s", sign, r.n, r.d, r.point - r.n,
                               "000000000000000000000");
        else
                len = snprintf(out, TREE_REAL_JSON_MAX, "%s%.*s.%.*s", sign, r.point, r.d,
                               r.n - r.point, r.d + r.point);
        return (size_t)len;
}

struct tree *tree_new_number(struct arena *a, double v)
{
        char text[TREE_REAL_JSON_MAX];
        size_t len = tree_real_json(v, text);
        struct tree *t = tree_new(a, TREE_REAL);

        t->as.r = v;
        if (strpbrk(text, ".e"))
                return t;
        if (text_parse_int(text, len, INT64_MIN, INT64_MAX, &t->as.i, NULL) == 0)
                t->type = TREE_INT;
        else if (text_parse_uint(text, len, UINT64_MAX, &t->as.u, NULL) == 0)
                t->type = TREE_UINT;
        return t;
}

/* --- writing ------------------------------------------------------------------------------ */

static void write_map(const struct tree *t, unsigned flags, struct buf *out)
{
        auto_free const struct tree **sorted = flags & TREE_SORTED ? tree_sorted(t) : NULL;
        const struct tree *child = t->as.first;

        buf_addc(out, '{');
        for (size_t i = 0; i < t->n && !out->failed; i++) {
                if (sorted)
                        child = sorted[i];
                if (i > 0)
                        buf_addc(out, ',');
                buf_add_json(out, child->key, strlen(child->key));
                buf_addc(out, ':');
                tree_json(child, flags, out);
                child = child->next;
        }
        buf_addc(out, '}');
}

static void write_list(const struct tree *t, unsigned flags, struct buf *out)
{
        buf_addc(out, '[');
        TREE_FOREACH (child, t) {
                if (out->failed)
                        break;
                if (child != t->as.first)
                        buf_addc(out, ',');
                tree_json(child, flags, out);
        }
        buf_addc(out, ']');
}

void tree_json(const struct tree *t, unsigned flags, struct buf *out)
{
        char real[TREE_REAL_JSON_MAX];

        if (!t) {
                buf_adds(out, "null");
                return;
        }
        switch (t->type) {
        case TREE_NULL:
                buf_adds(out, "null");
                break;
        case TREE_BOOL:
                buf_adds(out, t->as.b ? "true" : "false");
                break;
        case TREE_INT:
                buf_addf(out, "%lld", (long long)t->as.i);
                break;
        case TREE_UINT:
                buf_addf(out, "%llu", (unsigned long long)t->as.u);
                break;
        case TREE_REAL:
                buf_add(out, real, tree_real_json(t->as.r, real));
                break;
        case TREE_TEXT:
                buf_add_json(out, t->as.text, t->n);
                break;
        case TREE_LIST:
                write_list(t, flags, out);
                break;
        case TREE_MAP:
                write_map(t, flags, out);
                break;
        }
}

/* --- reading ------------------------------------------------------------------------------ */

/* These return NULL when a number cannot be held; the error is set. */
static struct tree *from_jsonc(struct arena *a, struct json_object *o, struct err *e);

static struct tree *from_map(struct arena *a, struct json_object *o, struct err *e)
{
        struct tree *t = tree_new(a, TREE_MAP);
        struct tree **end = &t->as.first;

        json_object_object_foreach(o, key, value)
        {
                struct tree *child = from_jsonc(a, value, e);
                if (!child)
                        return NULL;
                child->key = arena_strdup(a, key);
                *end = child;
                end = &child->next;
                t->n++;
        }
        return t;
}

static struct tree *from_list(struct arena *a, struct json_object *o, struct err *e)
{
        struct tree *t = tree_new(a, TREE_LIST);
        struct tree **end = &t->as.first;

        for (size_t i = 0; i < json_object_array_length(o); i++) {
                struct tree *child = from_jsonc(a, json_object_array_get_idx(o, i), e);
                if (!child)
                        return NULL;
                *end = child;
                end = &child->next;
                t->n++;
        }
        return t;
}

static struct tree *from_real(struct arena *a, struct json_object *o, struct err *e)
{
        double v = json_object_get_double(o);

        if (!isfinite(v)) {
                (void)err_set(e, DL_CONFIG, "the number %.40s is too large",
                              json_object_get_string(o));
                return NULL;
        }
        return tree_new_number(a, v);
}

static struct tree *from_int(struct arena *a, struct json_object *o)
{
        struct tree *t = tree_new(a, TREE_INT);

        t->as.i = json_object_get_int64(o);
        if (t->as.i == INT64_MAX && json_object_get_uint64(o) > INT64_MAX) {
                t->type = TREE_UINT;
                t->as.u = json_object_get_uint64(o);
        }
        return t;
}

static struct tree *from_bool(struct arena *a, struct json_object *o)
{
        struct tree *t = tree_new(a, TREE_BOOL);

        t->as.b = json_object_get_boolean(o);
        return t;
}

/* The recursion is as deep as the scan allowed. */
static struct tree *from_jsonc(struct arena *a, struct json_object *o, struct err *e)
{
        switch (json_object_get_type(o)) {
        case json_type_null:
                break;
        case json_type_boolean:
                return from_bool(a, o);
        case json_type_double:
                return from_real(a, o, e);
        case json_type_int:
                return from_int(a, o);
        case json_type_string:
                return tree_new_text(a, json_object_get_string(o),
                                     (size_t)json_object_get_string_len(o));
        case json_type_array:
                return from_list(a, o, e);
        case json_type_object:
                return from_map(a, o, e);
        }
        return tree_new(a, TREE_NULL);
}

static void json_putp(struct json_object **o)
{
        json_object_put(*o);
}

static void tokener_freep(struct json_tokener **t)
{
        if (*t)
                json_tokener_free(*t);
}

static struct json_object *parse_with(struct json_tokener *tok, int flags, const char *text,
                                      size_t len)
{
        json_tokener_reset(tok);
        json_tokener_set_flags(tok, flags);
        /* With its NUL, or a number on its own would wait for more. */
        return json_tokener_parse_ex(tok, text, (int)len + 1);
}

/* In strict mode json-c 0.18 takes every byte from 0x80 for a control (its issue 875).  So where
 * there are some the grammar is judged on a text without them, and only then are the values read,
 * leniently.  The tokener tells of errors. */
static struct json_object *parse_text(struct json_tokener *tok, const char *text, size_t len)
{
        auto_free char *plain = xmemdup(text, len + 1);
        bool is_plain = true;

        for (size_t i = 0; i < len; i++) {
                if ((unsigned char)plain[i] >= 0x80) {
                        plain[i] = '?';
                        is_plain = false;
                }
        }
        struct json_object *o = parse_with(tok, JSON_TOKENER_STRICT, plain, len);
        if (is_plain || json_tokener_get_error(tok) != json_tokener_success)
                return o;
        json_object_put(o);
        return parse_with(tok, 0, text, len);
}

int tree_parse_json(struct arena *a, const char *s, size_t n, const struct tree_limits *limits,
                    const struct tree **ret, struct err *e)
{
        if (n > limits->bytes)
                return err_set(e, DL_CONFIG, "larger than %zu bytes", limits->bytes);

        /* A rewritten integer has twenty digits and grows by two bytes. */
        auto_of(buf) struct buf text = BUF(n + n / 8 + 1);
        int rc = json_scan(s, n, limits, &text, e);
        if (rc < 0)
                return rc;
        if (!buf_ok(&text) || text.len >= INT_MAX || limits->depth > INT_MAX - 2)
                return err_set(e, DL_CONFIG, "too large for this reader");

        __attribute__((cleanup(tokener_freep))) struct json_tokener *tok =
                json_tokener_new_ex((int)limits->depth + 2);
        __attribute__((cleanup(json_putp))) struct json_object *o = NULL;
        if (!tok)
                return err_set(e, DL_RETRY, "no memory for the JSON reader");
        o = parse_text(tok, buf_text(&text), text.len);
        enum json_tokener_error err = json_tokener_get_error(tok);
        if (err != json_tokener_success) {
                char where[64];
                size_t offset =
                        json_input_offset(s, n, buf_text(&text), json_tokener_get_parse_end(tok));
                json_where(s, n, offset, where, sizeof(where));
                return err_set(e, DL_CONFIG, "%s: %s", where,
                               err == json_tokener_continue || err == json_tokener_error_parse_eof
                                       ? "the text ends too early"
                                       : json_tokener_error_desc(err));
        }
        const struct tree *t = from_jsonc(a, o, e);
        if (!t)
                return DL_CONFIG;
        *ret = t;
        return 0;
}
