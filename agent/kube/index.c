/* index.c - finding objects of many sets; declared in objects.h. */
#include "kube/objects.h"

#include <string.h>

/* Links and devices share one space of names: the instance of a link has the link's name. */
static int space_of(enum object_kind kind)
{
        return kind == OBJECT_DEVICE ? OBJECT_LINK : (int)kind;
}

static int compare(enum object_kind a_kind, const char *a_key, enum object_kind b_kind,
                   const char *b_key)
{
        int a = space_of(a_kind), b = space_of(b_kind);

        return a != b ? (a > b) - (a < b) : strcmp(a_key, b_key);
}

void object_index_done(struct object_index *x)
{
        free(x->list);
        *x = (struct object_index){ 0 };
}

void object_index_add(struct object_index *x, const struct object_set *s)
{
        if (x->n + s->n > x->cap) {
                x->cap = (x->n + s->n) * 2;
                x->list = xreallocarray(x->list, x->cap, sizeof(*x->list));
        }
        for (size_t i = 0; i < s->n; i++)
                x->list[x->n++] = &s->list[i];
}

struct ranked {
        const struct object *o;
        size_t rank; /* order of adding: qsort() is not stable */
};

static int by_name(const void *a, const void *b)
{
        const struct ranked *x = a;
        const struct ranked *y = b;
        int order = compare(x->o->kind, x->o->key, y->o->kind, y->o->key);

        if (order == 0 && x->o->kind != y->o->kind)
                return x->o->kind == OBJECT_LINK ? -1 : 1;
        return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

/* "pump.yaml:12", for free(). */
static char *place_of(const struct object *o)
{
        const char *file = o->file ? o->file : "the API server";

        return o->doc->line > 0 ? xasprintf("%s:%d", file, o->doc->line) : xstrdup(file);
}

static void report_double(const struct object *first, const struct object *o, struct findings *f)
{
        const char *before = f->file;
        auto_free char *place = place_of(first);

        f->file = o->file;
        if (first->kind != o->kind)
                report_at(
                        f, FINDING_WARNING, o->doc, o->path, "metadata.name",
                        "%s '%s' is the instance of the DeviceLink of %s, which makes it; left out",
                        o->kind_name, o->key, place);
        else
                report_at(f, FINDING_ERROR, o->doc, o->path, "metadata.name",
                          "expected another name: %s '%s' is already in %s, which counts",
                          first->kind_name, o->key, place);
        f->file = before;
}

void object_index_seal(struct object_index *x, struct findings *f)
{
        auto_free struct ranked *sorted = xreallocarray(NULL, x->n + 1, sizeof(*sorted));
        size_t kept = 0;

        for (size_t i = 0; i < x->n; i++)
                sorted[i] = (struct ranked){ .o = x->list[i], .rank = i };
        if (x->n > 1)
                qsort(sorted, x->n, sizeof(*sorted), by_name);
        for (size_t i = 0; i < x->n; i++) {
                const struct object *o = sorted[i].o;
                const struct object *first = kept > 0 ? x->list[kept - 1] : NULL;

                if (first && compare(first->kind, first->key, o->kind, o->key) == 0)
                        report_double(first, o, f);
                else
                        x->list[kept++] = o;
        }
        x->n = kept;
}

const struct object *object_find(const struct object_index *x, enum object_kind kind,
                                 const char *space, const char *name)
{
        auto_free char *key = xasprintf("%s/%s", space, name);
        size_t low = 0, high = x->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct object *o = x->list[middle];
                int order = compare(o->kind, o->key, kind, key);

                if (order == 0)
                        return o;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}
