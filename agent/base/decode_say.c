#include "decode_say.h"

#include "text.h"
#include "text_quote.h"

#include <string.h>

bool field_is_bounded(const struct field *fd)
{
        return fd->min != 0 || fd->max != 0;
}

bool field_has_max(const struct field *fd)
{
        return fd->max != INT64_MAX && (fd->max != 0 || fd->min < 0);
}

static bool has_min(const struct field *fd)
{
        return fd->min != INT64_MIN;
}

bool field_in_range(const struct field *fd, int64_t v)
{
        if (!field_is_bounded(fd))
                return true;
        return v >= fd->min && (!field_has_max(fd) || v <= fd->max);
}

/* --- what is expected --------------------------------------------------------------------- */

static void say_bound(const struct field *fd, int64_t v, struct buf *out)
{
        char text[TEXT_REAL_MAX];

        if (fd->kind == FIELD_KIND_DURATION)
                buf_add(out, text, text_duration(v, text));
        else
                buf_addf(out, "%lld", (long long)v);
}

/* "1..63", "at least 1", "at most 63" */
static void say_range(const struct field *fd, struct buf *out)
{
        if (!field_has_max(fd)) {
                buf_adds(out, "at least ");
                say_bound(fd, fd->min, out);
        } else if (!has_min(fd)) {
                buf_adds(out, "at most ");
                say_bound(fd, fd->max, out);
        } else {
                say_bound(fd, fd->min, out);
                buf_adds(out, "..");
                say_bound(fd, fd->max, out);
        }
}

static void say_text(const struct field *fd, struct buf *out)
{
        if (fd->pattern_says)
                buf_adds(out, fd->pattern_says);
        else if (fd->pattern)
                buf_addf(out, "text like %s", fd->pattern);
        else if (fd->min == 1 && !field_has_max(fd))
                buf_adds(out, "text that is not empty");
        else
                buf_adds(out, "text");
        if (field_is_bounded(fd) && (fd->min != 1 || field_has_max(fd))) {
                buf_adds(out, " of ");
                say_range(fd, out);
                buf_adds(out, " characters");
        }
}

static void say_choices(const struct field *fd, struct buf *out)
{
        for (const struct field_choice *c = fd->choices; c->name; c++) {
                if (c != fd->choices)
                        buf_adds(out, c[1].name ? ", " : " or ");
                buf_adds(out, c->name);
        }
}

static void say_elements(const struct field *fd, const char *what, struct buf *out)
{
        buf_adds(out, what);
        if (!field_is_bounded(fd))
                return;
        buf_adds(out, " of ");
        say_range(fd, out);
        buf_adds(out, " elements");
}

void say_expected(const struct field *fd, struct buf *out)
{
        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                say_text(fd, out);
                break;
        case FIELD_KIND_BOOL:
                buf_adds(out, "true or false");
                break;
        case FIELD_KIND_INT:
                if (field_is_bounded(fd))
                        say_range(fd, out);
                else
                        buf_adds(out, "an integer");
                break;
        case FIELD_KIND_REAL:
                buf_adds(out, "a number");
                if (field_is_bounded(fd)) {
                        buf_adds(out, " of ");
                        say_range(fd, out);
                }
                break;
        case FIELD_KIND_DURATION:
                buf_adds(out, "a duration");
                if (field_is_bounded(fd)) {
                        buf_adds(out, " of ");
                        say_range(fd, out);
                } else {
                        buf_adds(out, " like 5s or 1m30s");
                }
                break;
        case FIELD_KIND_CHOICE:
                say_choices(fd, out);
                break;
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
                buf_adds(out, "a map");
                break;
        case FIELD_KIND_LIST:
                say_elements(fd, "a list", out);
                break;
        case FIELD_KIND_MAP:
                say_elements(fd, "a map", out);
                break;
        case FIELD_KIND_TREE:
        case FIELD_KIND_END:
                buf_adds(out, "a value");
                break;
        }
}

/* --- what came ---------------------------------------------------------------------------- */

const char *say_value(const struct tree *t, bool is_hidden, char out[SHOWN_MAX])
{
        char quoted[TEXT_QUOTE_MAX];
        auto_of(buf) struct buf json = BUF(TREE_REAL_JSON_MAX);

        if (!t || t->type == TREE_LIST || t->type == TREE_MAP) {
                (void)snprintf(out, SHOWN_MAX, "%s", tree_type_name(t));
        } else if (is_hidden) {
                (void)snprintf(out, SHOWN_MAX, "%s that is not shown", tree_type_name(t));
        } else if (t->type == TREE_TEXT) {
                (void)snprintf(out, SHOWN_MAX, "\"%s\"", text_quote(t->as.text, t->n, quoted));
        } else {
                tree_json(t, 0, &json);
                (void)snprintf(out, SHOWN_MAX, "%s", buf_text(&json));
        }
        return out;
}

/* --- help --------------------------------------------------------------------------------- */

static void say_type(const struct field *fd, struct buf *out)
{
        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                say_text(fd, out);
                break;
        case FIELD_KIND_INT:
                buf_adds(out, "integer");
                if (field_is_bounded(fd)) {
                        buf_addc(out, ' ');
                        say_range(fd, out);
                }
                break;
        case FIELD_KIND_LIST:
                say_elements(fd, fd->sub ? "list" : "list of texts", out);
                break;
        case FIELD_KIND_MAP:
                say_elements(fd, "map of texts", out);
                break;
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
                buf_adds(out, "map");
                break;
        case FIELD_KIND_TREE:
                buf_adds(out, fd->ignored ? "ignored" : "anything");
                break;
        case FIELD_KIND_BOOL:
        case FIELD_KIND_REAL:
        case FIELD_KIND_DURATION:
        case FIELD_KIND_CHOICE:
        case FIELD_KIND_END:
                say_expected(fd, out);
                break;
        }
        if (fd->required)
                buf_adds(out, ", required");
        if (fd->fallback)
                buf_addf(out, ", default %s", fd->fallback[0] ? fd->fallback : "\"\"");
}

static void say_name(const struct field *fd, struct buf *out)
{
        buf_adds(out, fd->name);
        if (fd->kind == FIELD_KIND_LIST)
                buf_adds(out, "[]");
        if (fd->alias)
                buf_addf(out, ", %s", fd->alias);
}

static size_t widest(const struct field *fields, void (*say)(const struct field *, struct buf *),
                     size_t most)
{
        size_t width = 0;

        for (const struct field *fd = fields; fd->kind != FIELD_KIND_END; fd++) {
                auto_of(buf) struct buf b = BUF(1024);
                say(fd, &b);
                if (b.len > width && b.len <= most)
                        width = b.len;
        }
        return width;
}

static void pad(struct buf *out, size_t from, size_t width)
{
        for (size_t len = out->len - from; len < width; len++)
                buf_addc(out, ' ');
}

void decode_help(const struct field *fields, unsigned indent, struct buf *out)
{
        size_t name_width = widest(fields, say_name, 28);
        size_t type_width = widest(fields, say_type, 44);

        for (const struct field *fd = fields; fd->kind != FIELD_KIND_END; fd++) {
                buf_addf(out, "%*s", (int)indent, "");
                size_t from = out->len;
                say_name(fd, out);
                pad(out, from, name_width);
                buf_adds(out, "  ");
                from = out->len;
                say_type(fd, out);
                if (fd->help) {
                        pad(out, from, type_width);
                        buf_addf(out, "  %s", fd->help);
                }
                buf_addc(out, '\n');
                if (fd->sub && !out->failed)
                        decode_help(fd->sub, indent + 2, out);
        }
}
