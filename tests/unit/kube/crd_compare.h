/* crd_compare.h - a decode table and the schema of a CRD, compared both ways. */
#ifndef TEST_CRD_COMPARE_H
#define TEST_CRD_COMPARE_H

#include "crds.h"

#include "base/decode.h"

#include <ctype.h>
#include <stdlib.h>

/* A difference that is meant; crd "*": in each. */
struct gap {
        const char *crd;
        const char *path;
        const char *what;
};

/* A field that one table leaves to another one. */
struct deeper {
        const char *crd;
        const char *path;
        const struct field *fields;
        bool map; /* of objects of these fields */
};

enum { GAPS_MAX = 64 };

struct comparison {
        const struct gap *gaps;
        size_t n_gaps;
        const struct deeper *deeper;
        size_t n_deeper;
        const char *crd;
        struct buf path;
        struct buf found; /* a line per difference */
        bool used[GAPS_MAX];
};

static void differ(struct comparison *c, const char *what, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void differ(struct comparison *c, const char *what, const char *format, ...)
{
        const char *path = buf_text(&c->path);
        char text[512];
        va_list ap;

        for (size_t i = 0; i < c->n_gaps; i++) {
                const struct gap *g = &c->gaps[i];

                if ((strcmp(g->crd, c->crd) == 0 || strcmp(g->crd, "*") == 0) &&
                    strcmp(g->path, path) == 0 && strcmp(g->what, what) == 0) {
                        c->used[i] = true;
                        return;
                }
        }
        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        buf_addf(&c->found, "%s: %s: %s: %s\n", c->crd, path, what, text);
}

static void compare_table(struct comparison *c, const struct field *fields,
                          const struct tree *schema);

static size_t into(struct comparison *c, const char *separator, const char *name)
{
        size_t was = c->path.len;

        buf_addf(&c->path, "%s%s", was > 0 ? separator : "", name);
        return was;
}

static void back(struct comparison *c, size_t was)
{
        c->path.len = was;
        c->path.data[was] = '\0';
}

static const char *text_of(const struct tree *schema, const char *key)
{
        const char *s = tree_text(tree_get(schema, key));

        return s ? s : "";
}

/* A scalar as the tables write it; "" for none. */
static const char *scalar(const struct tree *t, char ret[64])
{
        ret[0] = '\0';
        if (t && t->type == TREE_TEXT)
                return t->as.text;
        if (t && t->type == TREE_BOOL)
                (void)snprintf(ret, 64, "%s", t->as.b ? "true" : "false");
        if (t && t->type == TREE_INT)
                (void)snprintf(ret, 64, "%lld", (long long)t->as.i);
        return ret;
}

static void compare_type(struct comparison *c, const struct tree *schema, const char *type)
{
        if (strcmp(text_of(schema, "type"), type) != 0)
                differ(c, "type", "the table says %s, the CRD '%s'", type, text_of(schema, "type"));
}

static void compare_default(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const char *empty = f->kind == FIELD_KIND_BOOL ? "false" : "";
        const char *ours = f->fallback ? f->fallback : empty;
        char room[64];
        const char *theirs = scalar(tree_get(schema, "default"), room);

        if (strcmp(theirs, "") == 0)
                theirs = empty;
        if (strcmp(ours, theirs) != 0)
                differ(c, "default", "the table says '%s', the CRD '%s'", ours, theirs);
}

/* The table's are of the whole text; ^ and $ say that in the CRD, and a leading .* makes ^ void.
 * White space is spelt as each of both engines knows it. */
static void compare_pattern(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const char *theirs = text_of(schema, "pattern");
        char ours[256] = "";

        if (!f->pattern && theirs[0] == '\0')
                return;
        const char *p = f->pattern ? f->pattern : "";
        const char *space = strstr(p, "[^[:space:]]*");
        (void)snprintf(ours, sizeof(ours), "%s%.*s%s$", strncmp(p, ".*", 2) == 0 ? "" : "^",
                       (int)(space ? space - p : (ptrdiff_t)strlen(p)), p, space ? "[^\\s]*" : "");
        if (strcmp(ours, theirs) != 0)
                differ(c, "pattern", "the table means '%s', the CRD says '%s'", ours, theirs);
}

static void compare_bound(struct comparison *c, const char *what, const struct tree *bound,
                          int64_t ours, bool stated)
{
        if (stated && !bound)
                differ(c, "bounds", "%s: the table says %lld, the CRD nothing", what,
                       (long long)ours);
        else if (bound && (!stated || bound->as.i != ours))
                differ(c, "bounds", "%s: the table says %s%lld, the CRD %lld", what,
                       stated ? "" : "not ", (long long)ours, (long long)bound->as.i);
}

/* Small ranges are enums in the CRDs. */
static void compare_int(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const struct tree *list = tree_get(schema, "enum");
        bool bounded = f->min != 0 || f->max != 0;

        if (list) {
                int64_t next = f->min;

                TREE_FOREACH (t, list) {
                        if (t->as.i != next)
                                differ(c, "bounds", "the enum has no %lld", (long long)next);
                        next++;
                }
                if (next - 1 != f->max)
                        differ(c, "bounds", "the enum does not end at %lld", (long long)f->max);
                return;
        }
        compare_bound(c, "minimum", tree_get(schema, "minimum"), f->min, bounded);
        compare_bound(c, "maximum", tree_get(schema, "maximum"), f->max, bounded && f->max != 0);
}

static bool in_enum(const struct tree *list, const char *name)
{
        char room[64];

        TREE_FOREACH (t, list)
                if (strcmp(scalar(t, room), name) == 0)
                        return true;
        return false;
}

static void compare_choice(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const struct tree *list = tree_get(schema, "enum");
        size_t n = 0;

        compare_type(c, schema,
                     isdigit((unsigned char)f->choices[0].name[0]) ? "integer" : "string");
        for (; f->choices[n].name; n++)
                if (!in_enum(list, f->choices[n].name))
                        differ(c, "enum", "the CRD does not know '%s'", f->choices[n].name);
        if (!list || list->n != n)
                differ(c, "enum", "the table has %zu, the CRD %zu", n, list ? list->n : 0);
}

/* What the CRD lets through, the decoder takes. */
static void compare_limit(struct comparison *c, const struct tree *limit, int64_t most, bool stated)
{
        if (!limit || limit->as.i > most || (stated && limit->as.i != most))
                differ(c, "bounds", "the table ends at %lld, the CRD at %lld", (long long)most,
                       limit ? (long long)limit->as.i : -1);
}

static void compare_text(struct comparison *c, const struct field *f, const struct tree *schema)
{
        compare_type(c, schema, "string");
        compare_pattern(c, f, schema);
        if (f->max > 0)
                compare_limit(c, tree_get(schema, "maxLength"), f->max, true);
        else if (f->pattern)
                compare_limit(c, tree_get(schema, "maxLength"), 65536, false);
}

static void compare_list(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const struct tree *keys = tree_get(schema, "x-kubernetes-list-map-keys");
        const struct tree *minimum = tree_get(schema, "minItems");
        char room[64];

        compare_type(c, schema, "array");
        compare_limit(c, tree_get(schema, "maxItems"), f->max > 0 ? f->max : 65535, f->max > 0);
        if ((minimum ? minimum->as.i : 0) != f->min)
                differ(c, "bounds", "minItems: the table says %lld", (long long)f->min);
        if (strcmp(scalar(tree_at(keys, 0), room), f->unique ? f->unique : "") != 0 ||
            (f->unique && strcmp(text_of(schema, "x-kubernetes-list-type"), "map") != 0))
                differ(c, "key", "the table says '%s'", f->unique ? f->unique : "");
        size_t was = into(c, "", "[]");
        if (f->sub)
                compare_table(c, f->sub, tree_get(schema, "items"));
        else
                compare_type(c, tree_get(schema, "items"), "string");
        back(c, was);
}

static void compare_map(struct comparison *c, const struct tree *schema)
{
        compare_type(c, schema, "object");
        compare_limit(c, tree_get(schema, "maxProperties"), 65535, false);
        if (strcmp(text_of(tree_get(schema, "additionalProperties"), "type"), "string") != 0)
                differ(c, "type", "the values are no texts");
}

/* Decoded elsewhere: by another table, or by code. */
static void compare_tree(struct comparison *c, const struct field *f, const struct tree *schema)
{
        const struct tree *any = tree_get(schema, "x-kubernetes-preserve-unknown-fields");

        for (size_t i = 0; i < c->n_deeper; i++) {
                if (strcmp(c->deeper[i].crd, c->crd) != 0 ||
                    strcmp(c->deeper[i].path, buf_text(&c->path)) != 0)
                        continue;
                if (!c->deeper[i].map) {
                        compare_table(c, c->deeper[i].fields, schema);
                        return;
                }
                size_t was = into(c, ".", "*");
                compare_table(c, c->deeper[i].fields, tree_get(schema, "additionalProperties"));
                back(c, was);
                return;
        }
        if (!f->ignored && (!any || !any->as.b))
                differ(c, "shape", "the table takes anything, the CRD does not");
}

static void compare_field(struct comparison *c, const struct field *f, const struct tree *schema)
{
        switch (f->kind) {
        case FIELD_KIND_TEXT:
                compare_text(c, f, schema);
                compare_default(c, f, schema);
                break;
        case FIELD_KIND_DURATION:
                compare_type(c, schema, "string");
                compare_default(c, f, schema);
                break;
        case FIELD_KIND_BOOL:
                compare_type(c, schema, "boolean");
                compare_default(c, f, schema);
                break;
        case FIELD_KIND_INT:
                compare_type(c, schema, "integer");
                compare_int(c, f, schema);
                compare_default(c, f, schema);
                break;
        case FIELD_KIND_CHOICE:
                compare_choice(c, f, schema);
                compare_default(c, f, schema);
                break;
        case FIELD_KIND_OBJECT:
        case FIELD_KIND_POINTER:
                compare_table(c, f->sub, schema);
                break;
        case FIELD_KIND_LIST:
                compare_list(c, f, schema);
                break;
        case FIELD_KIND_MAP:
                compare_map(c, schema);
                break;
        case FIELD_KIND_TREE:
                compare_tree(c, f, schema);
                break;
        case FIELD_KIND_REAL:
        case FIELD_KIND_END:
                differ(c, "kind", "this test does not know it");
                break;
        }
}

static const struct field *field_named(const struct field *fields, const char *name)
{
        for (const struct field *f = fields; f->kind != FIELD_KIND_END; f++)
                if (strcmp(f->name, name) == 0 || (f->alias && strcmp(f->alias, name) == 0))
                        return f;
        return NULL;
}

static void compare_known(struct comparison *c, const struct field *f, const struct tree *schema,
                          const char *name)
{
        const struct tree *mine = tree_get(tree_get(schema, "properties"), name);
        bool required = in_enum(tree_get(schema, "required"), name);
        size_t was = into(c, ".", name);

        if (!mine)
                differ(c, "field", "the CRD does not have it");
        else if (strcmp(buf_text(&c->path), "metadata") != 0) /* the API server's own */
                compare_field(c, f, mine);
        if (required != (f->required && strcmp(name, f->name) == 0))
                differ(c, "required", "the table says %s", f->required ? "yes" : "no");
        back(c, was);
}

__attribute__((unused)) static void compare_table(struct comparison *c, const struct field *fields,
                                                  const struct tree *schema)
{
        compare_type(c, schema, "object");
        for (const struct field *f = fields; f->kind != FIELD_KIND_END; f++) {
                compare_known(c, f, schema, f->name);
                if (f->alias)
                        compare_known(c, f, schema, f->alias);
        }
        TREE_FOREACH (t, tree_get(schema, "properties")) {
                size_t was = into(c, ".", t->key);

                if (!field_named(fields, t->key))
                        differ(c, "field", "the table does not have it");
                back(c, was);
        }
}

#endif
