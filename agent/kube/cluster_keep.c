/* cluster_keep.c - links on disk: what was right once, for a start without API server. */
#include "kube/cluster_impl.h"

#include <string.h>

/* --- writing */

static void put_text(struct arena *a, struct tree *map, const char *key, const char *text)
{
        if (text && text[0] != '\0')
                tree_append(map, key, tree_new_text(a, text, strlen(text)));
}

static struct tree *put_map(struct arena *a, struct tree *map, const char *key)
{
        struct tree *child = tree_new(a, TREE_MAP);

        tree_append(map, key, child);
        return child;
}

static void put_pairs(struct arena *a, struct tree *map, const char *key,
                      const struct decoded_list *list)
{
        const struct decoded_pair *pairs = list->items;
        struct tree *child;

        if (list->n == 0)
                return;
        child = put_map(a, map, key);
        for (size_t i = 0; i < list->n; i++)
                tree_append(child, pairs[i].key,
                            tree_new_text(a, pairs[i].value, strlen(pairs[i].value)));
}

static void put_items(struct arena *a, struct tree *ref, const char *key,
                      const struct object_items *from)
{
        const char *const *keys;
        struct tree *map, *list;

        if (!from)
                return;
        keys = from->items.items;
        map = put_map(a, ref, key);
        put_text(a, map, "name", from->name);
        if (from->items.n == 0)
                return;
        list = tree_new(a, TREE_LIST);
        tree_append(map, "items", list);
        for (size_t i = 0; i < from->items.n; i++)
                tree_append(list, NULL, tree_new_text(a, keys[i], strlen(keys[i])));
}

static void put_downward(struct arena *a, struct tree *ref, const struct downward_items *from)
{
        const struct downward_item *items;
        struct tree *list;

        if (!from)
                return;
        items = from->items.items;
        list = tree_new(a, TREE_LIST);
        tree_append(put_map(a, ref, "downwardAPI"), "items", list);
        for (size_t i = 0; i < from->items.n; i++) {
                struct tree *item = tree_new(a, TREE_MAP);

                put_text(a, item, "name", items[i].name);
                put_text(a, put_map(a, item, "fieldRef"), "fieldPath", items[i].field.path);
                tree_append(list, NULL, item);
        }
}

static void put_references(struct arena *a, struct tree *spec, const struct devicelink *link)
{
        const struct link_reference *refs = link->spec.references.items;
        struct tree *list;

        if (link->spec.references.n == 0)
                return;
        list = tree_new(a, TREE_LIST);
        tree_append(spec, "references", list);
        for (size_t i = 0; i < link->spec.references.n; i++) {
                struct tree *ref = tree_new(a, TREE_MAP);

                put_text(a, ref, "name", refs[i].name);
                put_items(a, ref, "secret", refs[i].secret);
                put_items(a, ref, "configMap", refs[i].config_map);
                put_downward(a, ref, refs[i].downward);
                tree_append(list, NULL, ref);
        }
}

static void put_spec(struct arena *a, struct tree *root, const struct object *o)
{
        const struct devicelink *link = &o->link;
        struct tree *spec = put_map(a, root, "spec");
        struct tree *adaptor = put_map(a, spec, "adaptor"), *model = put_map(a, spec, "model");
        struct tree *template = put_map(a, spec, "template");
        const struct tree *device = NULL;

        put_text(a, adaptor, "node", link->spec.adaptor.node);
        put_text(a, adaptor, "name", link->spec.adaptor.name);
        put_text(a, model, "apiVersion", link->spec.model.api_version);
        put_text(a, model, "kind", link->spec.model.kind);
        put_references(a, spec, link);
        if (link->spec.template.meta.labels.n > 0)
                put_pairs(a, put_map(a, template, "metadata"), "labels",
                          &link->spec.template.meta.labels);
        if (tree_parse_json(a, o->spec_json, o->spec_json_len, &tree_limits_default, &device,
                            NULL) == 0) {
                struct tree *node = tree_new(a, TREE_MAP);

                *node = *device;
                tree_append(template, "spec", node);
        }
}

static void put_status(struct arena *a, struct tree *root, const struct devicelink *link)
{
        struct tree *status = put_map(a, root, "status");

        put_text(a, status, "nodeName", link->status.node_name);
        put_text(a, status, "nodeHostName", link->status.node_host_name);
        put_text(a, status, "nodeInternalIP", link->status.node_internal_ip);
        put_text(a, status, "nodeInternalDNS", link->status.node_internal_dns);
        put_text(a, status, "nodeExternalIP", link->status.node_external_ip);
        put_text(a, status, "nodeExternalDNS", link->status.node_external_dns);
}

/* All that a link is made of, and nothing that changes without it. */
void cluster_keep_put(struct cluster_link *l)
{
        const struct object *o = cluster_link_accepted(l);
        auto_of(arena) struct arena *a = arena_new();
        struct tree *root = tree_new(a, TREE_MAP);
        struct tree *meta;

        put_text(a, root, "apiVersion", DEVICELINK_API_VERSION);
        put_text(a, root, "kind", DEVICELINK_KIND);
        meta = put_map(a, root, "metadata");
        put_text(a, meta, "name", l->name);
        put_text(a, meta, "namespace", l->space);
        put_text(a, meta, "uid", l->uid);
        put_pairs(a, meta, "labels", &o->meta.labels);
        put_pairs(a, meta, "annotations", &o->meta.annotations);
        put_spec(a, root, o);
        put_status(a, root, &o->link);
        last_known_put(l->c->keep, l->uid, root, &l->instance.seen);
}

/* --- reading */

static void take_kept(void *ctx, const struct tree *object, const struct instance_seen *seen,
                      struct arena *owned)
{
        struct cluster *c = ctx;
        struct object_meta m = { 0 };
        auto_free char *wrong = NULL;

        object_meta_read(object, owned, &m);
        if (m.uid[0] == '\0' || m.name[0] == '\0' || cluster_link_find_name(c, m.space, m.name)) {
                arena_free(owned); /* of two files for one link the second is older or foreign */
                return;
        }
        struct cluster_link *l = cluster_link_add(c, m.space, m.name, m.uid);

        l->life = LIFE_KEPT;
        l->instance.seen = *seen;
        l->accepted = observed_decode(object, owned, &wrong);
        if (l->accepted) {
                cluster_touch(l);
                return;
        }
        last_known_remove(c->keep, l->uid);
        cluster_link_remove(l);
}

void cluster_keep_read(struct cluster *c)
{
        c->refs_dirty = true;
        last_known_read(c->keep, take_kept, c);
}
