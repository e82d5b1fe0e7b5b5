#include "decode.h"

#include "decode_walk.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A key of the largest document, every byte escaped, still fits. */
enum { NAMES_MAX = 128, KEY_JSON_MAX = 32 << 20 };

static void decode_map(struct walk *w, const struct tree *map, const struct field *fields,
                       void *out, bool is_there);

/* --- paths and findings ------------------------------------------------------------------- */

static size_t path_push_key(struct walk *w, const char *key)
{
        size_t was = w->path.len;

        tree_path_key(&w->path, key);
        return was;
}

static size_t path_push_index(struct walk *w, size_t i)
{
        size_t was = w->path.len;

        tree_path_index(&w->path, i);
        return was;
}

static void path_pop(struct walk *w, size_t was)
{
        w->path.len = was;
        w->path.failed = false;
        if (w->path.data)
                w->path.data[was] = '\0';
}

static void missing(struct walk *w, const struct field *fd, int line)
{
        auto_of(buf) struct buf want = BUF(1024);
        size_t was = path_push_key(w, fd->name);

        say_expected(fd, &want);
        findings_add(w->f, FINDING_ERROR, line, buf_text(&w->path), "required: expected %s",
                     buf_text(&want));
        path_pop(w, was);
}

/* --- lists and maps ----------------------------------------------------------------------- */

static bool fits(struct walk *w, const struct field *fd, const struct tree *value)
{
        auto_of(buf) struct buf want = BUF(1024);
        struct field capped = *fd;

        if (!field_has_max(&capped))
                capped.max = LIST_MAX;
        if (field_in_range(&capped, (int64_t)value->n))
                return true;
        say_expected(&capped, &want);
        findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path), "expected %s, got %zu",
                     buf_text(&want), value->n);
        return false;
}

static void take_element(struct walk *w, const struct field *fd, const struct tree *value,
                         void *slot)
{
        if (!fd->sub) {
                (void)decode_text(w, fd, value, false, slot);
                return;
        }
        if (value->type == TREE_MAP) {
                decode_map(w, value, fd->sub, slot, true);
                return;
        }
        const struct field map = { .kind = FIELD_KIND_OBJECT };
        decode_expected(w, &map, value);
        decode_map(w, NULL, fd->sub, slot, false);
}

/* The value that must differ from element to element, with its place in the list. */
struct key_value {
        const struct tree *value;
        size_t index;
        size_t first; /* index of the first with an equal value */
        char *text;
};

static int by_text(const void *a, const void *b)
{
        const struct key_value *x = a;
        const struct key_value *y = b;
        int order = strcmp(x->text, y->text);

        return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static int by_index(const void *a, const void *b)
{
        const struct key_value *x = a;
        const struct key_value *y = b;

        return x->index < y->index ? -1 : x->index > y->index;
}

static void report_repeated(struct walk *w, const struct field *fd, const struct key_value *keys,
                            size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct key_value *k = &keys[i];
                char shown[SHOWN_MAX];
                size_t was = w->path.len;

                if (k->first == k->index)
                        continue;
                auto_free char *list = xstrdup(buf_text(&w->path));
                (void)path_push_index(w, k->index);
                (void)path_push_key(w, fd->unique);
                findings_add(w->f, FINDING_ERROR, k->value->line, buf_text(&w->path),
                             "expected a value of its own, got %s as in %s[%zu]",
                             say_value(k->value, w->is_hidden, shown), list, k->first);
                path_pop(w, was);
        }
}

static void check_unique(struct walk *w, const struct field *fd, const struct tree *list)
{
        auto_free struct key_value *keys = xcalloc(list->n + 1, sizeof(*keys));
        size_t n = 0;
        size_t index = 0;

        TREE_FOREACH (element, list) {
                const struct tree *value = tree_get(element, fd->unique);
                if (value && value->type != TREE_NULL) {
                        auto_of(buf) struct buf json = BUF(KEY_JSON_MAX);
                        tree_json(value, TREE_SORTED, &json);
                        if (buf_ok(&json))
                                keys[n++] = (struct key_value){
                                        .value = value,
                                        .index = index,
                                        .first = index,
                                        .text = buf_take(&json, NULL),
                                };
                }
                index++;
        }
        qsort(keys, n, sizeof(*keys), by_text);
        for (size_t i = 1; i < n; i++) {
                if (strcmp(keys[i - 1].text, keys[i].text) == 0)
                        keys[i].first = keys[i - 1].first;
        }
        qsort(keys, n, sizeof(*keys), by_index);
        report_repeated(w, fd, keys, n);
        for (size_t i = 0; i < n; i++)
                free(keys[i].text);
}

static void take_list(struct walk *w, const struct field *fd, const struct tree *value,
                      struct decoded_list *ret)
{
        char *items = NULL;
        size_t i = 0;

        if (value->type != TREE_LIST) {
                decode_expected(w, fd, value);
                return;
        }
        if (!fits(w, fd, value))
                return;
        items = arena_calloc(w->a, value->n + 1, fd->size);
        TREE_FOREACH (element, value) {
                size_t was = path_push_index(w, i);
                take_element(w, fd, element, items + i * fd->size);
                path_pop(w, was);
                i++;
        }
        if (fd->sub && fd->unique)
                check_unique(w, fd, value);
        ret->items = items;
        ret->n = i;
}

static void take_map(struct walk *w, const struct field *fd, const struct tree *value,
                     struct decoded_list *ret)
{
        struct decoded_pair *pairs = NULL;
        size_t n = 0;

        if (value->type != TREE_MAP) {
                decode_expected(w, fd, value);
                return;
        }
        if (!fits(w, fd, value))
                return;
        pairs = arena_calloc(w->a, value->n + 1, sizeof(*pairs));
        TREE_FOREACH (child, value) {
                size_t was = path_push_key(w, child->key);
                if (decode_text(w, fd, child, false, &pairs[n].value))
                        pairs[n++].key = child->key;
                path_pop(w, was);
        }
        ret->items = pairs;
        ret->n = n;
}

static void take_object(struct walk *w, const struct field *fd, const struct tree *value,
                        void *slot)
{
        if (value->type == TREE_MAP) {
                decode_map(w, value, fd->sub, slot, true);
                return;
        }
        decode_expected(w, fd, value);
        decode_map(w, NULL, fd->sub, slot, false);
}

/* --- the walk ----------------------------------------------------------------------------- */

static void take(struct walk *w, const struct field *fd, const struct tree *value, void *slot)
{
        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                (void)decode_text(w, fd, value, true, slot);
                break;
        case FIELD_KIND_BOOL:
        case FIELD_KIND_INT:
        case FIELD_KIND_REAL:
        case FIELD_KIND_DURATION:
        case FIELD_KIND_CHOICE:
                if (!decode_scalar(fd, value, slot))
                        decode_expected(w, fd, value);
                break;
        case FIELD_KIND_OBJECT:
                take_object(w, fd, value, slot);
                break;
        case FIELD_KIND_POINTER:
                *(void **)slot = arena_alloc(w->a, fd->size);
                take_object(w, fd, value, *(void **)slot);
                break;
        case FIELD_KIND_LIST:
                take_list(w, fd, value, slot);
                break;
        case FIELD_KIND_MAP:
                take_map(w, fd, value, slot);
                break;
        case FIELD_KIND_TREE:
                if (!fd->ignored)
                        *(const struct tree **)slot = value;
                break;
        case FIELD_KIND_END:
                break;
        }
}

/* The field's value under either of its names; null is nothing. */
static const struct tree *lookup(struct walk *w, const struct tree *map, const struct field *fd)
{
        const struct tree *value = tree_get(map, fd->name);
        const struct tree *other = fd->alias ? tree_get(map, fd->alias) : NULL;

        if (value && value->type == TREE_NULL)
                value = NULL;
        if (other && other->type == TREE_NULL)
                other = NULL;
        if (value && other) {
                size_t was = path_push_key(w, fd->alias);
                findings_add(w->f, FINDING_WARNING, other->line, buf_text(&w->path),
                             "not used, since %s is given too", fd->name);
                path_pop(w, was);
        }
        return value ? value : other;
}

/* A key that only YAML 1.1 understands. */
static bool is_unquoted_word(const char *key)
{
        return strcmp(key, "true") == 0 || strcmp(key, "false") == 0;
}

static void warn_of_key(struct walk *w, const struct tree *child, const char *const *names,
                        size_t n)
{
        const char *near = text_nearest(child->key, names, n);
        size_t was = path_push_key(w, child->key);

        if (is_unquoted_word(child->key))
                findings_add(w->f, FINDING_WARNING, child->line, buf_text(&w->path),
                             "unknown field; YAML reads the words on, yes, off and no as this: "
                             "such a key needs quotes");
        else
                findings_add(w->f, FINDING_WARNING, child->line, buf_text(&w->path),
                             "unknown field%s%s%s", near ? ", did you mean " : "", near ? near : "",
                             near ? "?" : "");
        path_pop(w, was);
}

static void warn_of_unknown(struct walk *w, const struct tree *map, const struct field *fields)
{
        const char *names[NAMES_MAX];
        size_t n = 0;

        for (const struct field *fd = fields; fd->kind != FIELD_KIND_END && n < NAMES_MAX; fd++)
                names[n++] = fd->name;
        TREE_FOREACH (child, map) {
                const struct field *fd = fields;
                while (fd->kind != FIELD_KIND_END && strcmp(fd->name, child->key) != 0 &&
                       !(fd->alias && strcmp(fd->alias, child->key) == 0))
                        fd++;
                if (fd->kind == FIELD_KIND_END)
                        warn_of_key(w, child, names, n);
        }
}

/* map is NULL for nothing.  is_there: what is required is asked for. */
static void decode_map(struct walk *w, const struct tree *map, const struct field *fields,
                       void *out, bool is_there)
{
        bool was_hidden = w->is_hidden;

        for (const struct field *fd = fields; fd->kind != FIELD_KIND_END; fd++) {
                const struct tree *value = lookup(w, map, fd);
                void *slot = (char *)out + fd->offset;

                decode_fallback(fd, slot);
                if (value) {
                        size_t was = path_push_key(w, value->key);
                        w->is_hidden = was_hidden || fd->secret;
                        take(w, fd, value, slot);
                        w->is_hidden = was_hidden;
                        path_pop(w, was);
                        continue;
                }
                if (fd->required && is_there)
                        missing(w, fd, map ? map->line : 0);
                if (fd->kind == FIELD_KIND_OBJECT)
                        decode_map(w, NULL, fd->sub, slot, false);
        }
        warn_of_unknown(w, map, fields);
}

int decode(const struct tree *t, const struct field *fields, void *out, size_t size,
           struct arena *a, const char *path, struct findings *f)
{
        struct walk w = { .a = a, .f = f, .path = BUF(PATH_MAX_BYTES) };
        size_t errors = f->errors;

        memset(out, 0, size);
        buf_adds(&w.path, path);
        if (t && t->type != TREE_MAP && t->type != TREE_NULL) {
                const struct field map = { .kind = FIELD_KIND_OBJECT };
                decode_expected(&w, &map, t);
                decode_map(&w, NULL, fields, out, false);
        } else {
                decode_map(&w, t, fields, out, true);
        }
        decode_patterns_done(&w);
        buf_done(&w.path);
        return f->errors > errors ? DL_CONFIG : 0;
}
