#include "kube/reflector_table.h"

#include "base/mem.h"

#include <string.h>

void entry_free(struct entry *e)
{
        if (!e)
                return;
        free(e->version);
        free(e);
}

void table_done(struct table *t)
{
        for (size_t i = 0; i < t->n; i++)
                entry_free(t->list[i]);
        free(t->list);
        *t = (struct table){ 0 };
}

/* Where it is, or belongs. */
static bool locate(const struct table *t, const char *space, const char *name, size_t *ret)
{
        size_t low = 0, high = t->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(t->list[middle]->space, space);

                if (order == 0)
                        order = strcmp(t->list[middle]->name, name);
                if (order == 0) {
                        *ret = middle;
                        return true;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret = low;
        return false;
}

struct entry *table_find(const struct table *t, const char *space, const char *name)
{
        size_t at = 0;

        return locate(t, space, name, &at) ? t->list[at] : NULL;
}

static struct entry *entry_new(const char *space, const char *name, const char *uid)
{
        size_t space_size = strlen(space) + 1, name_size = strlen(name) + 1;
        size_t uid_size = strlen(uid) + 1;
        struct entry *e = xcalloc(1, sizeof(*e) + space_size + name_size + uid_size);

        memcpy(e->texts, space, space_size);
        memcpy(e->texts + space_size, name, name_size);
        memcpy(e->texts + space_size + name_size, uid, uid_size);
        e->space = e->texts;
        e->name = e->texts + space_size;
        e->uid = e->name + name_size;
        return e;
}

struct entry *table_add(struct table *t, const char *space, const char *name, const char *uid,
                        const char *version)
{
        size_t at = 0;

        if (locate(t, space, name, &at))
                return t->list[at];
        struct entry *e = entry_new(space, name, uid);
        e->version = xstrdup(version);
        if (t->n == t->cap) {
                t->cap = t->cap ? t->cap * 2 : 4;
                t->list = xreallocarray(t->list, t->cap, sizeof(struct entry *));
        }
        memmove(t->list + at + 1, t->list + at, (t->n - at) * sizeof(struct entry *));
        t->list[at] = e;
        t->n++;
        return e;
}

void entry_set_version(struct entry *e, const char *version)
{
        char *copy = xstrdup(version);

        free(e->version);
        e->version = copy;
}

struct entry *table_take(struct table *t, const char *space, const char *name)
{
        size_t at = 0;

        if (!locate(t, space, name, &at))
                return NULL;
        struct entry *e = t->list[at];
        t->n--;
        memmove(t->list + at, t->list + at + 1, (t->n - at) * sizeof(struct entry *));
        return e;
}
