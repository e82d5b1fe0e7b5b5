#include "model/value.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/tree.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static bool has_bytes(uint32_t type)
{
        return type == DL_TEXT || type == DL_BYTES || type == DL_JSON;
}

static int check_json(const struct dl_value *v, struct err *e)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;

        if (tree_parse_json(a, v->as.data, v->len, &tree_limits_default, &t, e) < 0) {
                (void)err_wrap(e, "value is not JSON");
                return DL_CONFIG;
        }
        return 0;
}

/* One value that is no array. */
static int check_single(const struct dl_value *v, struct err *e)
{
        switch (v->type) {
        case DL_NONE:
        case DL_INT:
        case DL_UINT:
        case DL_REAL32:
        case DL_REAL:
                return 0;
        case DL_BOOL:
                if (v->as.i != 0 && v->as.i != 1)
                        return err_set(e, DL_CONFIG, "boolean value: expected 0 or 1, got %" PRId64,
                                       v->as.i);
                return 0;
        case DL_TEXT:
        case DL_BYTES:
        case DL_JSON:
                if (v->len > VALUE_BYTES_MAX)
                        return err_set(e, DL_CONFIG, "value: expected at most %d bytes, got %u",
                                       VALUE_BYTES_MAX, v->len);
                if (v->len > 0 && !v->as.data)
                        return err_set(e, DL_CONFIG, "value: %u bytes at no address", v->len);
                return v->type == DL_JSON ? check_json(v, e) : 0;
        default:
                return err_set(e, DL_CONFIG, "value: unknown type %u", v->type);
        }
}

static int check_array(const struct dl_value *v, size_t *ret_bytes, struct err *e)
{
        size_t bytes = 0;

        if (v->len > VALUE_ITEMS_MAX)
                return err_set(e, DL_CONFIG, "array: expected at most %d elements, got %u",
                               VALUE_ITEMS_MAX, v->len);
        if (v->len > 0 && !v->as.items)
                return err_set(e, DL_CONFIG, "array: %u elements at no address", v->len);
        for (uint32_t i = 0; i < v->len; i++) {
                const struct dl_value *item = &v->as.items[i];

                if (item->type == DL_ARRAY || item->type != v->as.items[0].type)
                        return err_set(e, DL_CONFIG,
                                       "array element %u: expected the type of the first, "
                                       "and no array",
                                       i);
                int rc = check_single(item, e);
                if (rc < 0)
                        return rc;
                if (has_bytes(item->type))
                        bytes += item->len;
                if (bytes > VALUE_ARRAY_BYTES_MAX)
                        return err_set(e, DL_CONFIG, "array: expected at most %d bytes in all",
                                       VALUE_ARRAY_BYTES_MAX);
        }
        *ret_bytes = bytes;
        return 0;
}

/* The elements, then their bytes, in one block. */
static void copy_array(const struct dl_value *v, size_t bytes, struct dl_value *ret)
{
        *ret = (struct dl_value){ .type = DL_ARRAY, .len = v->len };
        if (v->len == 0)
                return;

        struct dl_value *items = xmalloc(v->len * sizeof(*items) + bytes);
        char *data = (char *)(items + v->len);
        for (uint32_t i = 0; i < v->len; i++) {
                const struct dl_value *from = &v->as.items[i];

                items[i] = *from;
                if (!has_bytes(from->type))
                        continue;
                items[i].as.data = data;
                if (from->len > 0)
                        memcpy(data, from->as.data, from->len);
                data += from->len;
        }
        ret->as.items = items;
}

int value_check(const struct dl_value *v, struct err *e)
{
        size_t bytes;

        return v->type == DL_ARRAY ? check_array(v, &bytes, e) : check_single(v, e);
}

int value_copy(const struct dl_value *v, struct dl_value *ret, struct err *e)
{
        if (v->type == DL_ARRAY) {
                size_t bytes = 0;
                int rc = check_array(v, &bytes, e);

                if (rc == 0)
                        copy_array(v, bytes, ret);
                return rc;
        }

        int rc = check_single(v, e);
        if (rc < 0)
                return rc;
        struct dl_value copy = *v;
        if (has_bytes(v->type))
                copy.as.data = v->len > 0 ? xmemdup(v->as.data, v->len) : NULL;
        else
                copy.len = 0;
        *ret = copy;
        return 0;
}

void value_done(struct dl_value *v)
{
        union {
                const void *borrowed;
                void *own;
        } block = { .own = NULL };

        if (v->type == DL_ARRAY)
                block.borrowed = v->as.items;
        else if (has_bytes(v->type))
                block.borrowed = v->as.data;
        free(block.own);
        *v = (struct dl_value){ .type = DL_NONE };
}

/* Reals by their bits: 0 and -0 print differently, and NaN is what it was before. */
bool value_equal(const struct dl_value *a, const struct dl_value *b)
{
        if (a->type != b->type)
                return false;
        if (a->type == DL_NONE)
                return true;
        if (!has_bytes(a->type) && a->type != DL_ARRAY)
                return a->as.u == b->as.u;
        if (a->len != b->len)
                return false;
        if (a->type != DL_ARRAY)
                return a->len == 0 || memcmp(a->as.data, b->as.data, a->len) == 0;
        for (uint32_t i = 0; i < a->len; i++) {
                if (!value_equal(&a->as.items[i], &b->as.items[i]))
                        return false;
        }
        return true;
}

static void number_text(const struct dl_value *v, struct buf *out)
{
        char text[TEXT_REAL_MAX];

        if (v->type == DL_BOOL)
                buf_adds(out, v->as.i ? "true" : "false");
        else if (v->type == DL_INT)
                buf_addf(out, "%" PRId64, v->as.i);
        else if (v->type == DL_UINT)
                buf_addf(out, "%" PRIu64, v->as.u);
        else
                buf_add(out, text, text_real(v->as.r, v->type == DL_REAL32, text));
}

static void array_text(const struct dl_value *v, enum dl_encoding encoding, struct buf *out)
{
        enum dl_encoding each = encoding == DL_AS_TEXT ? DL_AS_JSON : encoding;

        buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i > 0)
                        buf_addc(out, ',');
                value_encode(&v->as.items[i], each, out);
        }
        buf_addc(out, ']');
}

static void bytes_text(const struct dl_value *v, enum dl_encoding encoding, struct buf *out)
{
        bool binary = v->type == DL_BYTES &&
                      (encoding == DL_AS_JSON || !text_is_utf8(v->as.data, v->len));

        if (encoding == DL_AS_HEX)
                buf_add_hex(out, v->as.data, v->len);
        else if (encoding == DL_AS_BASE64 || binary)
                buf_add_base64(out, v->as.data, v->len);
        else
                buf_add(out, v->as.data, v->len);
}

static void value_text(const struct dl_value *v, enum dl_encoding encoding, struct buf *out)
{
        if (v->type == DL_NONE)
                return;
        if (v->type == DL_ARRAY)
                array_text(v, encoding, out);
        else if (!has_bytes(v->type))
                number_text(v, out);
        else if (v->len > 0)
                bytes_text(v, encoding, out);
}

/* JSON has no word for these: they stay texts. */
static bool is_finite(const struct dl_value *v)
{
        if (v->type != DL_REAL && v->type != DL_REAL32)
                return true;
        return __builtin_isfinite(v->as.r) != 0;
}

static void string_of(const struct dl_value *v, enum dl_encoding encoding, struct buf *out)
{
        auto_of(buf) struct buf text = BUF(out->max);

        value_text(v, encoding, &text);
        if (!buf_ok(&text))
                out->failed = true;
        buf_add_json(out, buf_text(&text), text.len);
}

void value_encode(const struct dl_value *v, enum dl_encoding encoding, struct buf *out)
{
        if (v->type == DL_NONE || (v->type == DL_JSON && v->len == 0)) {
                buf_adds(out, "null");
        } else if (encoding == DL_AS_JSON && v->type == DL_JSON) {
                buf_add(out, v->as.data, v->len);
        } else if (encoding == DL_AS_JSON && v->type == DL_ARRAY) {
                array_text(v, encoding, out);
        } else if (v->type == DL_TEXT && encoding != DL_AS_HEX && encoding != DL_AS_BASE64) {
                buf_add_json(out, v->as.data, v->len);
        } else if (has_bytes(v->type) || v->type == DL_ARRAY) {
                string_of(v, encoding, out);
        } else {
                bool quoted = encoding != DL_AS_JSON || !is_finite(v);

                if (quoted)
                        buf_addc(out, '"');
                number_text(v, out);
                if (quoted)
                        buf_addc(out, '"');
        }
}
