/* get_print.c - answers of the agent as tables, YAML or JSON; of later ones what has changed. */
#include "get.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { PRINTED_MAX = 128 * 1024 * 1024, GAP = 3 };

static const struct tree_limits limits = { .bytes = 33 * 1024 * 1024,
                                           .nodes = 4000000,
                                           .depth = 64 };

/* --- JSON as people read it */

static void add_json(struct buf *out, const struct tree *t, unsigned depth)
{
        bool is_map = t->type == TREE_MAP;
        bool is_first = true;

        if ((!is_map && t->type != TREE_LIST) || t->n == 0) {
                tree_json(t, 0, out);
                return;
        }
        buf_addc(out, is_map ? '{' : '[');
        TREE_FOREACH (c, t) {
                buf_addf(out, "%s\n%*s", is_first ? "" : ",", 4 * ((int)depth + 1), "");
                is_first = false;
                if (is_map) {
                        buf_add_json(out, c->key, strlen(c->key));
                        buf_adds(out, ": ");
                }
                add_json(out, c, depth + 1);
        }
        buf_addf(out, "\n%*s%c", 4 * (int)depth, "", is_map ? '}' : ']');
}

static void print_document(const struct get_printer *p, const struct tree *t)
{
        auto_of(buf) struct buf out = BUF(PRINTED_MAX);

        if (p->options->form == GET_JSON) {
                add_json(&out, t, 0);
                buf_addc(&out, '\n');
        } else {
                if (p->begun)
                        buf_adds(&out, "---\n");
                (void)tree_yaml(t, &out);
        }
        (void)fwrite(buf_text(&out), 1, out.len, stdout);
}

/* --- tables */

/* Characters, of UTF-8: good enough for names. */
static size_t width_of(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += (*s & 0xc0) != 0x80;
        return n;
}

static void widen(struct get_printer *p, const char *const *cells)
{
        for (size_t i = 0; i < GET_CELLS_MAX && cells[i]; i++) {
                size_t n = width_of(cells[i]);

                if (n > p->widths[i])
                        p->widths[i] = n;
        }
}

static void print_cells(const struct get_printer *p, const char *const *cells)
{
        for (size_t i = 0; i < GET_CELLS_MAX && cells[i]; i++) {
                bool is_last = i + 1 == GET_CELLS_MAX || !cells[i + 1];
                size_t gap = is_last ? 0 : p->widths[i] - width_of(cells[i]) + GAP;

                (void)printf("%s%*s", cells[i], (int)gap, "");
        }
        (void)putchar('\n');
}

static const char *const *cells_of(const struct get_row *r)
{
        return (const char *const *)r->cells;
}

static void print_titles(struct get_printer *p)
{
        const char *titles[GET_CELLS_MAX] = { NULL };

        (void)get_titles(p->options, titles);
        widen(p, titles);
        print_cells(p, titles);
}

static bool is_table(const struct get_options *o)
{
        return o->form == GET_TABLE || o->form == GET_WIDE;
}

/* --- what has changed */

static const char *what(const struct get_options *o)
{
        return o->devices ? "devices" : "links";
}

static void print_gone(struct get_printer *p, struct get_row *r)
{
        const char *titles[GET_CELLS_MAX] = { NULL };
        const char *of = p->options->devices ? "QUALITY" : "STATUS";
        size_t n = get_titles(p->options, titles);

        for (size_t i = 0; i < n; i++) {
                if (strcmp(titles[i], of) != 0)
                        continue;
                free(r->cells[i]);
                r->cells[i] = xstrdup("<gone>");
        }
        widen(p, cells_of(r));
        print_cells(p, cells_of(r));
}

static int order_of(const struct get_row *a, const struct get_row *b)
{
        return !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
}

static void print_changes(struct get_printer *p, const struct get_row *rows,
                          const struct tree **objects, size_t n)
{
        size_t old = 0, now = 0;

        while (old < p->n || now < n) {
                struct get_row *before = old < p->n ? &p->rows[old] : NULL;
                const struct get_row *after = now < n ? &rows[now] : NULL;
                int order = order_of(before, after);

                if (order < 0 && is_table(p->options)) {
                        print_gone(p, before);
                } else if (order > 0 || (order == 0 && strcmp(before->said, after->said) != 0)) {
                        if (is_table(p->options))
                                print_cells(p, cells_of(after));
                        else
                                print_document(p, objects[now]);
                }
                old += order <= 0;
                now += order >= 0;
        }
}

static void print_first(struct get_printer *p, const struct tree *list, const struct get_row *rows,
                        size_t n)
{
        const struct get_options *o = p->options;

        if (!is_table(o)) {
                const struct tree *items = tree_get(list, "items");

                print_document(p, o->name && n == 1 ? tree_first(items) : list);
                return;
        }
        if (n == 0) {
                (void)fprintf(stderr, "No %s found%s%s.\n", what(o),
                              o->space ? " in namespace " : "", o->space ? o->space : "");
                return;
        }
        print_titles(p);
        p->titled = true;
        for (size_t i = 0; i < n; i++)
                print_cells(p, cells_of(&rows[i]));
}

/* --- */

static void forget(struct get_printer *p)
{
        for (size_t i = 0; i < p->n; i++)
                get_row_done(&p->rows[i]);
        free(p->rows);
        p->rows = NULL;
        p->n = 0;
}

static void show(struct get_printer *p, const struct tree *list, struct get_row *rows,
                 const struct tree **objects, size_t n)
{
        for (size_t i = 0; i < n; i++)
                widen(p, cells_of(&rows[i]));
        if (!p->begun || (is_table(p->options) && !p->titled && n > 0))
                print_first(p, list, rows, n);
        else
                print_changes(p, rows, objects, n);
        p->begun = true;
        forget(p);
        p->rows = rows;
        p->n = n;
        (void)fflush(stdout);
}

int get_print(struct get_printer *p, const char *json, size_t len, struct err *e)
{
        auto_of(arena) struct arena *arena = arena_new();
        const struct tree *list = NULL;
        int rc = tree_parse_json(arena, json, len, &limits, &list, e);

        if (rc < 0)
                return err_wrap(e, "answer of the agent");
        const struct tree *items = tree_get(list, "items");
        if (!items || items->type != TREE_LIST)
                return err_set(e, DL_CONFIG, "answer of the agent: expected a list of objects");
        if (p->options->name && items->n == 0 && !p->begun)
                return err_set(e, DL_REFUSED, "%s '%s' not found%s%s", what(p->options),
                               p->options->name, p->options->space ? " in namespace " : "",
                               p->options->space ? p->options->space : "");

        struct get_row *rows = xcalloc(items->n + 1, sizeof(*rows));
        const struct tree **objects = arena_calloc(arena, items->n + 1, sizeof(struct tree *));
        size_t n = 0;
        TREE_FOREACH (c, items) {
                rows[n] = get_row_of(p->options, c, clock_wall_ns());
                objects[n++] = c;
        }
        show(p, list, rows, objects, n);
        return 0;
}

void get_printer_done(struct get_printer *p)
{
        forget(p);
}
