#include "kube/copy.h"

#include <string.h>

static const char *text_copy(struct arena *a, const char *s)
{
        return s ? arena_strdup(a, s) : NULL;
}

static struct decoded_list pairs_copy(struct arena *a, const struct decoded_list *from)
{
        const struct decoded_pair *old = from->items;
        struct decoded_pair *pairs = from->n ? arena_calloc(a, from->n, sizeof(*pairs)) : NULL;

        for (size_t i = 0; i < from->n; i++) {
                pairs[i].key = arena_strdup(a, old[i].key);
                pairs[i].value = arena_strdup(a, old[i].value);
        }
        return (struct decoded_list){ .items = pairs, .n = from->n };
}

struct metadata metadata_copy(struct arena *a, const struct metadata *from)
{
        return (struct metadata){
                .name = text_copy(a, from->name),
                .space = text_copy(a, from->space),
                .uid = text_copy(a, from->uid),
                .labels = pairs_copy(a, &from->labels),
                .annotations = pairs_copy(a, &from->annotations),
        };
}

/* --- references */

static struct object_items *object_items_copy(struct arena *a, const struct object_items *from)
{
        if (!from)
                return NULL;
        const char *const *old = from->items.items;
        struct object_items *copy = arena_alloc(a, sizeof(*copy));
        const char **keys = arena_calloc(a, from->items.n + 1, sizeof(*keys));

        for (size_t i = 0; i < from->items.n; i++)
                keys[i] = arena_strdup(a, old[i]);
        copy->name = text_copy(a, from->name);
        copy->items = (struct decoded_list){ .items = keys, .n = from->items.n };
        return copy;
}

static struct downward_items *downward_items_copy(struct arena *a,
                                                  const struct downward_items *from)
{
        if (!from)
                return NULL;
        const struct downward_item *old = from->items.items;
        struct downward_items *copy = arena_alloc(a, sizeof(*copy));
        struct downward_item *items = arena_calloc(a, from->items.n + 1, sizeof(*items));

        for (size_t i = 0; i < from->items.n; i++) {
                items[i].name = text_copy(a, old[i].name);
                items[i].field.path = text_copy(a, old[i].field.path);
        }
        copy->items = (struct decoded_list){ .items = items, .n = from->items.n };
        return copy;
}

static struct decoded_list references_copy(struct arena *a, const struct decoded_list *from)
{
        const struct link_reference *old = from->items;
        struct link_reference *refs = from->n ? arena_calloc(a, from->n, sizeof(*refs)) : NULL;

        for (size_t i = 0; i < from->n; i++) {
                refs[i].name = text_copy(a, old[i].name);
                refs[i].secret = object_items_copy(a, old[i].secret);
                refs[i].config_map = object_items_copy(a, old[i].config_map);
                refs[i].downward = downward_items_copy(a, old[i].downward);
        }
        return (struct decoded_list){ .items = refs, .n = from->n };
}

struct devicelink devicelink_copy(struct arena *a, const struct devicelink *from)
{
        struct devicelink to = { 0 };

        to.spec.adaptor.node = text_copy(a, from->spec.adaptor.node);
        to.spec.adaptor.name = text_copy(a, from->spec.adaptor.name);
        to.spec.model.api_version = text_copy(a, from->spec.model.api_version);
        to.spec.model.kind = text_copy(a, from->spec.model.kind);
        to.spec.references = references_copy(a, &from->spec.references);
        to.spec.template.meta.labels = pairs_copy(a, &from->spec.template.meta.labels);
        to.status.node_name = text_copy(a, from->status.node_name);
        to.status.node_host_name = text_copy(a, from->status.node_host_name);
        to.status.node_internal_ip = text_copy(a, from->status.node_internal_ip);
        to.status.node_internal_dns = text_copy(a, from->status.node_internal_dns);
        to.status.node_external_ip = text_copy(a, from->status.node_external_ip);
        to.status.node_external_dns = text_copy(a, from->status.node_external_dns);
        return to;
}

/* --- trees */

struct tree *tree_copy(struct arena *a, const struct tree *t)
{
        struct tree *copy =
                t->type == TREE_TEXT ? tree_new_text(a, t->as.text, t->n) : tree_new(a, t->type);
        struct tree **tail = &copy->as.first;

        copy->line = t->line;
        copy->key = text_copy(a, t->key);
        if (t->type != TREE_MAP && t->type != TREE_LIST) {
                if (t->type != TREE_TEXT)
                        copy->as = t->as;
                return copy;
        }
        TREE_FOREACH (child, t) {
                *tail = tree_copy(a, child);
                tail = &(*tail)->next;
        }
        copy->n = t->n;
        return copy;
}

struct outline {
        const char *key;
        const struct outline *sub; /* NULL: only its line */
        bool whole;
};

static const struct outline outline_name[] = { { .key = "name" }, { 0 } };
static const struct outline outline_kind[] = { { .key = "kind" }, { 0 } };
static const struct outline outline_spec[] = {
        { .key = "adaptor", .sub = outline_name },
        { .key = "model", .sub = outline_kind },
        { .key = "references", .whole = true },
        { 0 },
};
static const struct outline outline_object[] = {
        { .key = "kind" },
        { .key = "metadata", .sub = outline_name },
        { .key = "spec", .sub = outline_spec },
        { 0 },
};

static const struct outline *find_outline(const struct outline *parts, const char *key)
{
        while (parts->key && strcmp(parts->key, key) != 0)
                parts++;
        return parts->key ? parts : NULL;
}

static struct tree *copy_outline(struct arena *a, const struct tree *t, const struct outline *parts)
{
        struct tree *copy = tree_new(a, parts ? TREE_MAP : TREE_NULL);
        struct tree **tail = &copy->as.first;

        copy->line = t->line;
        if (!parts)
                return copy;
        TREE_FOREACH (child, t) {
                const struct outline *part = child->key ? find_outline(parts, child->key) : NULL;

                if (!part)
                        continue;
                *tail = part->whole ? tree_copy(a, child) : copy_outline(a, child, part->sub);
                (*tail)->key = part->key;
                tail = &(*tail)->next;
                copy->n++;
        }
        return copy;
}

struct tree *object_outline(struct arena *a, const struct tree *doc)
{
        return copy_outline(a, doc, outline_object);
}
