#include "decode.h"

#include "decode_say.h"
#include "text.h"
#include "utf8.h"

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 1024, PATTERNS_MAX = 16, NAMES_MAX = 128 };

struct walk {
        struct arena *a;
        struct findings *f;
        struct buf path;
        bool is_hidden; /* within a secret */
        struct {
                const char *text;
                regex_t compiled;
        } patterns[PATTERNS_MAX];
        size_t n_patterns;
};

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

static void expected(struct walk *w, const struct field *fd, const struct tree *value)
{
        auto_of(buf) struct buf want = BUF(1024);
        char shown[SHOWN_MAX];

        say_expected(fd, &want);
        findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path), "expected %s, got %s",
                     buf_text(&want), say_value(value, w->is_hidden, shown));
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

/* --- text --------------------------------------------------------------------------------- */

static const regex_t *pattern_of(struct walk *w, const char *pattern)
{
        for (size_t i = 0; i < w->n_patterns; i++) {
                if (w->patterns[i].text == pattern)
                        return &w->patterns[i].compiled;
        }
        if (w->n_patterns == PATTERNS_MAX) {
                w->n_patterns--;
                regfree(&w->patterns[w->n_patterns].compiled);
        }
        auto_free char *whole = xasprintf("^(%s)$", pattern);
        regex_t *re = &w->patterns[w->n_patterns].compiled;
        int bad = regcomp(re, whole, REG_EXTENDED | REG_NOSUB);
        assert(bad == 0);
        if (bad)
                return NULL;
        w->patterns[w->n_patterns++].text = pattern;
        return re;
}

static bool matches(struct walk *w, const char *pattern, const char *text, size_t n)
{
        const regex_t *re = pattern_of(w, pattern);

        return n <= PATTERN_TEXT_MAX && re && regexec(re, text, 0, NULL, 0) == 0;
}

static int64_t characters(const char *s, size_t n)
{
        int64_t count = 0;

        for (size_t i = 0; i < n; i++)
                count += ((unsigned char)s[i] & 0xc0) != 0x80;
        return count;
}

/* bounds: for a list they are the list's, not its elements'. */
static bool take_text(struct walk *w, const struct field *fd, const struct tree *value,
                      bool has_bounds, const char **ret)
{
        const char *text = tree_text(value);

        if (!text) {
                const struct field plain = { .kind = FIELD_KIND_TEXT };
                bool is_scalar = value->type != TREE_LIST && value->type != TREE_MAP;
                char shown[SHOWN_MAX];
                auto_of(buf) struct buf want = BUF(1024);

                say_expected(has_bounds ? fd : &plain, &want);
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected %s, got %s%s", buf_text(&want),
                             say_value(value, w->is_hidden, shown),
                             is_scalar ? " (text needs quotes here)" : "");
                return false;
        }
        if (memchr(text, '\0', value->n)) {
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected text without U+0000");
                return false;
        }
        if (has_bounds && !field_in_range(fd, characters(text, value->n))) {
                auto_of(buf) struct buf want = BUF(1024);
                if (w->is_hidden || value->n == 0) {
                        expected(w, fd, value);
                        return false;
                }
                say_expected(fd, &want);
                findings_add(w->f, FINDING_ERROR, value->line, buf_text(&w->path),
                             "expected %s, got %lld", buf_text(&want),
                             (long long)characters(text, value->n));
                return false;
        }
        if (fd->pattern && !matches(w, fd->pattern, text, value->n)) {
                const struct field element = { .kind = FIELD_KIND_TEXT,
                                               .pattern = fd->pattern,
                                               .pattern_says = fd->pattern_says };
                expected(w, has_bounds ? fd : &element, value);
                return false;
        }
        *ret = text;
        return true;
}

/* --- scalars ------------------------------------------------------------------------------ */

static bool choose(const struct field *fd, const char *name, int *ret)
{
        for (const struct field_choice *c = fd->choices; c->name; c++) {
                if (strcmp(c->name, name) == 0) {
                        *ret = c->value;
                        return true;
                }
        }
        return false;
}

static bool take_choice(const struct field *fd, const struct tree *value, int *ret)
{
        char digits[24];

        if (value->type == TREE_INT) {
                (void)snprintf(digits, sizeof(digits), "%lld", (long long)value->as.i);
                return choose(fd, digits, ret);
        }
        return value->type == TREE_TEXT && strlen(value->as.text) == value->n &&
               choose(fd, value->as.text, ret);
}

static bool take_int(const struct field *fd, const struct tree *value, int64_t *ret)
{
        if (value->type != TREE_INT || !field_in_range(fd, value->as.i))
                return false;
        *ret = value->as.i;
        return true;
}

static bool take_real(const struct field *fd, const struct tree *value, double *ret)
{
        double v = 0;

        if (value->type == TREE_INT)
                v = (double)value->as.i;
        else if (value->type == TREE_UINT)
                v = (double)value->as.u;
        else if (value->type == TREE_REAL)
                v = value->as.r;
        else
                return false;
        if (field_is_bounded(fd) &&
            (v < (double)fd->min || (field_has_max(fd) && v > (double)fd->max)))
                return false;
        *ret = v;
        return true;
}

static bool take_duration(const struct field *fd, const struct tree *value, int64_t *ret)
{
        int64_t ns = 0;

        if (value->type != TREE_TEXT ||
            text_parse_duration(value->as.text, value->n, &ns, NULL) < 0 || !field_in_range(fd, ns))
                return false;
        *ret = ns;
        return true;
}

static bool take_bool(const struct tree *value, bool *ret)
{
        if (value->type != TREE_BOOL)
                return false;
        *ret = value->as.b;
        return true;
}

/* A table's own default: what does not parse is a mistake of the program. */
static void set_fallback(const struct field *fd, void *slot)
{
        const char *text = fd->fallback;
        bool ok = true;

        if (!text)
                return;
        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                *(const char **)slot = text;
                break;
        case FIELD_KIND_BOOL:
                *(bool *)slot = strcmp(text, "true") == 0;
                ok = *(bool *)slot || strcmp(text, "false") == 0;
                break;
        case FIELD_KIND_INT:
                ok = text_parse_int(text, strlen(text), INT64_MIN, INT64_MAX, slot, NULL) == 0;
                break;
        case FIELD_KIND_REAL:
                ok = text_parse_real(text, strlen(text), 64, slot, NULL) == 0;
                break;
        case FIELD_KIND_DURATION:
                ok = text_parse_duration(text, strlen(text), slot, NULL) == 0;
                break;
        case FIELD_KIND_CHOICE:
                ok = choose(fd, text, slot);
                break;
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
        case FIELD_KIND_LIST:
        case FIELD_KIND_MAP:
        case FIELD_KIND_TREE:
        case FIELD_KIND_END:
                ok = false;
                break;
        }
        assert(ok);
        (void)ok;
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
                (void)take_text(w, fd, value, false, slot);
                return;
        }
        if (value->type == TREE_MAP) {
                decode_map(w, value, fd->sub, slot, true);
                return;
        }
        const struct field map = { .kind = FIELD_KIND_OBJECT };
        expected(w, &map, value);
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
                        auto_of(buf) struct buf json = BUF(PATTERN_TEXT_MAX);
                        tree_json(value, TREE_SORTED, &json);
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
                expected(w, fd, value);
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
                expected(w, fd, value);
                return;
        }
        if (!fits(w, fd, value))
                return;
        pairs = arena_calloc(w->a, value->n + 1, sizeof(*pairs));
        TREE_FOREACH (child, value) {
                size_t was = path_push_key(w, child->key);
                if (take_text(w, fd, child, false, &pairs[n].value))
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
        expected(w, fd, value);
        decode_map(w, NULL, fd->sub, slot, false);
}

/* --- the walk ----------------------------------------------------------------------------- */

static void take(struct walk *w, const struct field *fd, const struct tree *value, void *slot)
{
        bool ok = true;

        switch (fd->kind) {
        case FIELD_KIND_TEXT:
                (void)take_text(w, fd, value, true, slot);
                break;
        case FIELD_KIND_BOOL:
                ok = take_bool(value, slot);
                break;
        case FIELD_KIND_INT:
                ok = take_int(fd, value, slot);
                break;
        case FIELD_KIND_REAL:
                ok = take_real(fd, value, slot);
                break;
        case FIELD_KIND_DURATION:
                ok = take_duration(fd, value, slot);
                break;
        case FIELD_KIND_CHOICE:
                ok = take_choice(fd, value, slot);
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
        if (!ok)
                expected(w, fd, value);
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
                if (fd->kind != FIELD_KIND_END)
                        continue;
                const char *near = text_nearest(child->key, names, n);
                size_t was = path_push_key(w, child->key);
                findings_add(w->f, FINDING_WARNING, child->line, buf_text(&w->path),
                             "unknown field%s%s%s", near ? ", did you mean " : "", near ? near : "",
                             near ? "?" : "");
                path_pop(w, was);
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

                set_fallback(fd, slot);
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
                expected(&w, &map, t);
                decode_map(&w, NULL, fields, out, false);
        } else {
                decode_map(&w, t, fields, out, true);
        }
        for (size_t i = 0; i < w.n_patterns; i++)
                regfree(&w.patterns[i].compiled);
        buf_done(&w.path);
        return f->errors > errors ? DL_CONFIG : 0;
}
