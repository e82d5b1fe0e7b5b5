#include "model/point_names.h"

#include "base/mem.h"

#include <string.h>

struct point_name {
        const char *name;
        size_t at;
};

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct point_name *)a)->name, ((const struct point_name *)b)->name);
}

struct point_names point_names_new(const struct dl_info *info)
{
        struct point_names p = { .n = info->n_points };

        p.list = xcalloc(p.n > 0 ? p.n : 1, sizeof(*p.list));
        for (size_t i = 0; i < p.n; i++)
                p.list[i] = (struct point_name){ info->points[i].name, i };
        qsort(p.list, p.n, sizeof(*p.list), by_name);
        return p;
}

void point_names_done(struct point_names *p)
{
        free(p->list);
        *p = (struct point_names){ 0 };
}

long point_names_find(const struct point_names *p, const char *name)
{
        const struct point_name key = { name, 0 };
        const struct point_name *hit =
                p->n > 0 ? bsearch(&key, p->list, p->n, sizeof(*p->list), by_name) : NULL;

        return hit ? (long)hit->at : POINT_NONE;
}

const char *point_names_double(const struct point_names *p)
{
        for (size_t i = 1; i < p->n; i++) {
                if (strcmp(p->list[i - 1].name, p->list[i].name) == 0)
                        return p->list[i].name;
        }
        return NULL;
}
