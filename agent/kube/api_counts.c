#include "kube/api_counts.h"

#include <string.h>

static struct kube_count *find(const struct counts *c, const char *method, const char *resource,
                               int code)
{
        for (size_t i = 0; i < c->n; i++) {
                struct kube_count *row = &c->rows[i];

                if (row->code == code && strcmp(row->method, method) == 0 &&
                    strcmp(row->resource, resource) == 0)
                        return row;
        }
        return NULL;
}

static struct kube_count *add_row(struct counts *c, const char *method, const char *resource,
                                  int code)
{
        struct kube_count *row = NULL;

        if (!c->texts)
                c->texts = arena_new();
        if (c->n % 8 == 0)
                c->rows = xreallocarray(c->rows, c->n + 8, sizeof(*c->rows));
        row = &c->rows[c->n++];
        *row = (struct kube_count){ .method = arena_strdup(c->texts, method),
                                    .resource = arena_strdup(c->texts, resource),
                                    .code = code };
        return row;
}

void counts_add(struct counts *c, const char *method, const char *resource, int code)
{
        struct kube_count *row = find(c, method, resource, code);

        if (!row && c->n < COUNTS_MAX - COUNTS_OTHER)
                row = add_row(c, method, resource, code);
        if (!row)
                row = find(c, method, "other", -1);
        if (!row && c->n < COUNTS_MAX)
                row = add_row(c, method, "other", -1);
        if (row)
                row->n++;
}

void counts_time(struct counts *c, const char *method, int64_t ns)
{
        size_t i = 0;

        while (i < c->n_latencies && strcmp(c->latencies[i].method, method) != 0)
                i++;
        if (i == COUNTS_METHODS)
                return; /* there are not so many */
        if (i == c->n_latencies) {
                if (!c->texts)
                        c->texts = arena_new();
                c->latencies[c->n_latencies++].method = arena_strdup(c->texts, method);
        }
        histogram_add(&c->latencies[i].times, ns);
}

void counts_done(struct counts *c)
{
        free(c->rows);
        arena_free(c->texts);
        *c = (struct counts){ 0 };
}
