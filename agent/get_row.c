/* get_row.c - an object of the agent as cells of a table. */
#include "get.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

enum { PROPERTIES_SHOWN = 8 };

static const char none[] = "<none>";

static const char *text_at(const struct tree *t, const char *path)
{
        const char *s = tree_text(tree_find(t, path));

        return s && s[0] != '\0' ? s : none;
}

size_t get_age(int64_t ns, char out[32])
{
        static const struct {
                int64_t below, big, small; /* in seconds; small = 0: nothing finer */
                char big_unit, small_unit;
        } forms[] = {
                { 120, 1, 0, 's', 0 },           { 600, 60, 1, 'm', 's' },
                { 3 * 3600, 60, 0, 'm', 0 },     { 8 * 3600, 3600, 60, 'h', 'm' },
                { 48 * 3600, 3600, 0, 'h', 0 },  { 8 * 86400, 86400, 3600, 'd', 'h' },
                { INT64_MAX, 86400, 0, 'd', 0 },
        };
        int64_t s = ns > 0 ? ns / NS_PER_S : 0;
        size_t i = 0;

        while (s >= forms[i].below)
                i++;
        int64_t rest = forms[i].small > 0 ? s % forms[i].big / forms[i].small : 0;
        int n = snprintf(out, 32, "%" PRId64 "%c", s / forms[i].big, forms[i].big_unit);
        if (rest > 0)
                n += snprintf(out + n, 32 - (size_t)n, "%" PRId64 "%c", rest, forms[i].small_unit);
        return (size_t)n;
}

/* --- links */

/* Since its first condition: the agent knows of no earlier time. */
static char *age_cell(const struct tree *conditions, int64_t wall_ns)
{
        int64_t first = INT64_MAX, at;
        char text[32];

        TREE_FOREACH (c, conditions) {
                const char *s = tree_text(tree_get(c, "lastTransitionTime"));

                if (s && text_parse_time(s, strlen(s), &at, NULL) == 0 && at < first)
                        first = at;
        }
        if (first == INT64_MAX)
                return xstrdup("<unknown>");
        (void)get_age(wall_ns - first, text);
        return xstrdup(text);
}

static char *good_cell(const struct tree *polls)
{
        const struct tree *t = tree_get(polls, "secondsSinceGood");
        char text[32];

        if (!t)
                return xstrdup("<never>");
        double s = t->type == TREE_REAL ? t->as.r : (double)t->as.i;
        (void)get_age((int64_t)(s * (double)NS_PER_S), text);
        return xstrdup(text);
}

static char *number_cell(const struct tree *t, const char *path)
{
        const struct tree *x = tree_find(t, path);

        return xasprintf("%" PRId64, x && x->type == TREE_INT ? x->as.i : 0);
}

static size_t link_cells(const struct get_options *o, const struct tree *t, int64_t wall_ns,
                         char **cells)
{
        const struct tree *conditions = tree_find(t, "status.conditions"), *phase = NULL;
        size_t n = 0;

        TREE_FOREACH (c, conditions)
                phase = c;
        cells[n++] = xstrdup(text_at(t, "spec.model.kind"));
        cells[n++] = xstrdup(text_at(t, "spec.adaptor.node"));
        cells[n++] = xstrdup(text_at(t, "spec.adaptor.name"));
        cells[n++] = xstrdup(phase ? text_at(phase, "type") : none);
        cells[n++] = xstrdup(phase ? text_at(phase, "reason") : none);
        cells[n++] = age_cell(conditions, wall_ns);
        if (o->form != GET_WIDE)
                return n;
        cells[n++] = number_cell(t, "polls.total");
        cells[n++] = number_cell(t, "polls.failed");
        cells[n++] = good_cell(tree_get(t, "polls"));
        cells[n++] = xstrdup(text_at(t, "agent.cause"));
        return n;
}

/* --- devices */

static void add_property(struct buf *out, size_t i, const char *name, const struct tree *value)
{
        if (i == PROPERTIES_SHOWN)
                buf_adds(out, ",...");
        if (i >= PROPERTIES_SHOWN)
                return;
        buf_addf(out, "%s%s=", i > 0 ? "," : "", name);
        if (value && value->type == TREE_TEXT)
                buf_add(out, value->as.text, value->n);
        else if (value)
                tree_json(value, 0, out);
}

/* The three layouts of a status: a list of properties, a map of them, or nothing but them. */
static char *properties_cell(const struct tree *status)
{
        const struct tree *list = tree_get(status, "properties");
        struct buf out = BUF(64 * 1024);
        size_t i = 0;

        if (list && list->type == TREE_LIST) {
                TREE_FOREACH (p, list)
                        add_property(&out, i++, text_at(p, "name"), tree_get(p, "value"));
        } else {
                TREE_FOREACH (p, list ? list : status)
                        add_property(&out, i++, p->key, p);
        }
        if (out.len == 0)
                buf_adds(&out, none);
        return buf_take(&out, NULL);
}

static size_t device_cells(const struct get_options *o, const struct tree *t, char **cells)
{
        size_t n = 0;

        cells[n++] = xstrdup(text_at(t, "kind"));
        cells[n++] = xstrdup(text_at(t, "agent.endpoint"));
        cells[n++] = xstrdup(text_at(t, "agent.quality"));
        if (o->form == GET_WIDE)
                cells[n++] = properties_cell(tree_get(t, "status"));
        return n;
}

/* --- rows */

size_t get_titles(const struct get_options *o, const char *ret[GET_CELLS_MAX])
{
        static const char *const of_links[] = { "KIND", "NODE",  "ADAPTOR", "PHASE",     "STATUS",
                                                "AGE",  "POLLS", "FAILED",  "LAST GOOD", "CAUSE" };
        static const char *const of_devices[] = { "KIND", "ENDPOINT", "QUALITY", "PROPERTIES" };
        const char *const *titles = o->devices ? of_devices : of_links;
        size_t n_titles = o->devices ? 4 : 10, n = 0;

        if (o->form != GET_WIDE)
                n_titles -= o->devices ? 1 : 4;
        if (!o->space)
                ret[n++] = "NAMESPACE";
        ret[n++] = "NAME";
        for (size_t i = 0; i < n_titles; i++)
                ret[n++] = titles[i];
        return n;
}

/* A cell is a line. */
static void flatten(char *s)
{
        for (; *s; s++) {
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        *s = ' ';
        }
}

static char *said_by(const struct tree *object)
{
        struct buf out = BUF(64 * 1024 * 1024);

        TREE_FOREACH (c, object) {
                if (strcmp(c->key, "polls") != 0)
                        tree_json(c, TREE_SORTED, &out);
        }
        return buf_take(&out, NULL);
}

struct get_row get_row_of(const struct get_options *o, const struct tree *object, int64_t wall_ns)
{
        const char *space = text_at(object, "metadata.namespace");
        const char *name = text_at(object, "metadata.name");
        struct get_row r = { .key = xasprintf("%s/%s", space, name), .said = said_by(object) };
        size_t n = 0;

        if (!o->space)
                r.cells[n++] = xstrdup(space);
        r.cells[n++] = xstrdup(name);
        if (o->devices)
                n += device_cells(o, object, r.cells + n);
        else
                n += link_cells(o, object, wall_ns, r.cells + n);
        while (n > 0)
                flatten(r.cells[--n]);
        return r;
}

void get_row_done(struct get_row *r)
{
        free(r->key);
        free(r->said);
        for (size_t i = 0; i < GET_CELLS_MAX; i++)
                free(r->cells[i]);
        *r = (struct get_row){ 0 };
}
