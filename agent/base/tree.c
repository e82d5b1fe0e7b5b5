#include "tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct tree_limits tree_limits_default = {
        .bytes = (size_t)3 << 20,
        .nodes = 200000,
        .depth = 64,
};

const struct tree *tree_first(const struct tree *t)
{
        return t && (t->type == TREE_LIST || t->type == TREE_MAP) ? t->as.first : NULL;
}

const struct tree *tree_get(const struct tree *map, const char *key)
{
        if (!map || map->type != TREE_MAP)
                return NULL;
        TREE_FOREACH (child, map) {
                if (strcmp(child->key, key) == 0)
                        return child;
        }
        return NULL;
}

const struct tree *tree_at(const struct tree *list, size_t i)
{
        const struct tree *child = NULL;

        if (!list || list->type != TREE_LIST || i >= list->n)
                return NULL;
        for (child = list->as.first; child && i > 0; i--)
                child = child->next;
        return child;
}

const char *tree_text(const struct tree *t)
{
        return t && t->type == TREE_TEXT ? t->as.text : NULL;
}

const char *tree_type_name(const struct tree *t)
{
        if (!t)
                return "nothing";
        switch (t->type) {
        case TREE_NULL:
                return "null";
        case TREE_BOOL:
                return "a boolean";
        case TREE_INT:
        case TREE_UINT:
                return "an integer";
        case TREE_REAL:
                return "a number";
        case TREE_TEXT:
                return "text";
        case TREE_LIST:
                return "a list";
        case TREE_MAP:
                return "a map";
        }
        return "nothing";
}

/* --- paths -------------------------------------------------------------------------------- */

static void add_key(struct buf *path, const char *key, bool is_quoted)
{
        size_t len = strlen(key);

        if (len > path->max - path->len) { /* whole or not at all */
                path->failed = true;
                return;
        }
        for (size_t i = 0; i < len; i++) {
                if (is_quoted && key[i] == '\'')
                        buf_addc(path, '\'');
                /* Paths end up in logs and terminals. */
                bool is_control = (unsigned char)key[i] < 0x20 || key[i] == 0x7f;
                buf_addc(path, is_control ? '?' : key[i]);
        }
}

static bool key_needs_quotes(const char *key)
{
        return key[0] == '\0' || strpbrk(key, ".[]'");
}

void tree_path_key(struct buf *path, const char *key)
{
        if (!key_needs_quotes(key)) {
                if (path->len > 0)
                        buf_addc(path, '.');
                add_key(path, key, false);
                return;
        }
        buf_adds(path, "['");
        add_key(path, key, true);
        buf_adds(path, "']");
}

void tree_path_index(struct buf *path, size_t i)
{
        buf_addf(path, "[%zu]", i);
}

/* Does the quoted key that starts at `s` (after ['), up to its closing quote, equal `key`? */
static bool quoted_equals(const char *s, size_t n, const char *key)
{
        for (size_t i = 0; i < n; i++, key++) {
                if (s[i] != *key || *key == '\0')
                        return false;
                if (s[i] == '\'')
                        i++;
        }
        return *key == '\0';
}

static const struct tree *step_quoted(const struct tree *t, const char **path)
{
        const char *s = *path + 2;
        size_t n = 0;

        while (s[n] != '\0' && !(s[n] == '\'' && s[n + 1] != '\''))
                n += s[n] == '\'' ? 2 : 1;
        if (s[n] != '\'' || s[n + 1] != ']' || t->type != TREE_MAP)
                return NULL;
        *path = s + n + 2;
        TREE_FOREACH (child, t) {
                if (quoted_equals(s, n, child->key))
                        return child;
        }
        return NULL;
}

static const struct tree *step_index(const struct tree *t, const char **path)
{
        const char *s = *path + 1;
        size_t i = 0;

        if (*s < '0' || *s > '9')
                return NULL;
        for (; *s >= '0' && *s <= '9'; s++) {
                if (i > SIZE_MAX / 10 - 1)
                        return NULL;
                i = i * 10 + (size_t)(*s - '0');
        }
        if (*s != ']')
                return NULL;
        *path = s + 1;
        return tree_at(t, i);
}

static const struct tree *step_name(const struct tree *t, const char **path)
{
        size_t n = strcspn(*path, ".[");
        const char *s = *path;

        *path += n;
        if (n == 0 || t->type != TREE_MAP)
                return NULL;
        TREE_FOREACH (child, t) {
                if (strncmp(child->key, s, n) == 0 && child->key[n] == '\0')
                        return child;
        }
        return NULL;
}

/* The child that the path's first element names; *path then is what follows. */
static const struct tree *step(const struct tree *t, bool first, const char **path)
{
        if ((*path)[0] == '[')
                return (*path)[1] == '\'' ? step_quoted(t, path) : step_index(t, path);
        if (!first) {
                if ((*path)[0] != '.')
                        return NULL;
                (*path)++;
        }
        return step_name(t, path);
}

const struct tree *tree_find(const struct tree *t, const char *path)
{
        bool first = true;

        while (t && *path != '\0') {
                t = step(t, first, &path);
                first = false;
        }
        return t;
}

const struct tree *tree_find_nearest(const struct tree *t, const char *path)
{
        bool first = true;

        assert(t);
        while (*path != '\0') {
                const struct tree *child = step(t, first, &path);
                if (!child)
                        break;
                t = child;
                first = false;
        }
        return t;
}

/* --- order and equality ------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
        const struct tree *const *x = a;
        const struct tree *const *y = b;

        return strcmp((*x)->key, (*y)->key);
}

const struct tree **tree_sorted(const struct tree *map)
{
        const struct tree **list = xcalloc(map->n + 1, sizeof(struct tree *));
        size_t n = 0;

        TREE_FOREACH (child, map) {
                list[n++] = child;
        }
        assert(n == map->n);
        qsort(list, n, sizeof(struct tree *), by_key);
        return list;
}

static bool map_equal(const struct tree *a, const struct tree *b)
{
        auto_free const struct tree **x = tree_sorted(a);
        auto_free const struct tree **y = tree_sorted(b);

        for (size_t i = 0; i < a->n; i++) {
                if (strcmp(x[i]->key, y[i]->key) != 0 || !tree_equal(x[i], y[i]))
                        return false;
        }
        return true;
}

static bool list_equal(const struct tree *a, const struct tree *b)
{
        const struct tree *y = b->as.first;

        TREE_FOREACH (x, a) {
                if (!tree_equal(x, y))
                        return false;
                y = y->next;
        }
        return true;
}

bool tree_equal(const struct tree *a, const struct tree *b)
{
        if (a == b)
                return true;
        if (!a || !b || a->type != b->type)
                return false;
        switch (a->type) {
        case TREE_NULL:
                return true;
        case TREE_BOOL:
                return a->as.b == b->as.b;
        case TREE_INT:
                return a->as.i == b->as.i;
        case TREE_UINT:
                return a->as.u == b->as.u;
        case TREE_REAL:
                return !(a->as.r < b->as.r) && !(a->as.r > b->as.r);
        case TREE_TEXT:
                return a->n == b->n && memcmp(a->as.text, b->as.text, a->n) == 0;
        case TREE_LIST:
                return a->n == b->n && list_equal(a, b);
        case TREE_MAP:
                return a->n == b->n && map_equal(a, b);
        }
        return false;
}

/* --- build -------------------------------------------------------------------------------- */

struct tree *tree_new(struct arena *a, enum tree_type type)
{
        struct tree *t = arena_alloc(a, sizeof(*t));

        t->type = type;
        return t;
}

struct tree *tree_new_text(struct arena *a, const char *s, size_t n)
{
        struct tree *t = tree_new(a, TREE_TEXT);

        t->as.text = arena_strndup(a, s, n);
        t->n = n;
        return t;
}

void tree_append(struct tree *list_or_map, const char *key_in_arena, struct tree *child)
{
        struct tree **end = &list_or_map->as.first;

        assert(list_or_map->type == (key_in_arena ? TREE_MAP : TREE_LIST));
        while (*end)
                end = &(*end)->next;
        child->key = key_in_arena;
        child->next = NULL;
        *end = child;
        list_or_map->n++;
}
