#include "kube/instance.h"

#include "kube/digest.h"

#include <assert.h>
#include <string.h>

enum { DIGEST_TEXT_MAX = 64 * 1024 * 1024 };

void label_node(const char *node, char ret[LABEL_NODE_SIZE])
{
        digest_fit("", node, ret, LABEL_NODE_SIZE);
}

static const char *or_empty(const char *s)
{
        return s ? s : "";
}

static bool is_text(const struct tree *t, const char *want)
{
        const char *s = tree_text(t);

        return s && strcmp(s, want) == 0;
}

/* --- what it should be */

static const struct tree *wanted_spec(const struct instance_want *w, struct arena *a)
{
        const struct tree *spec = NULL;
        int rc = tree_parse_json(a, w->spec_json, w->spec_json_len, &tree_limits_default, &spec,
                                 NULL);

        assert(rc == 0); /* it was rendered from a tree */
        return rc == 0 ? spec : tree_new(a, TREE_MAP);
}

static void set_text(struct arena *a, struct tree *map, const char *key, const char *value)
{
        tree_append(map, key, tree_new_text(a, value, strlen(value)));
}

static const struct tree *wanted_labels(const struct instance_want *w, struct arena *a)
{
        const struct decoded_list *labels = &w->link->spec.template.meta.labels;
        const struct decoded_pair *pairs = labels->items;
        struct tree *map = tree_new(a, TREE_MAP);
        char node[LABEL_NODE_SIZE];

        for (size_t i = 0; i < labels->n; i++) {
                if (strcmp(pairs[i].key, LABEL_NODE) != 0)
                        set_text(a, map, pairs[i].key, pairs[i].value);
        }
        label_node(w->node, node);
        set_text(a, map, LABEL_NODE, node);
        return map;
}

static bool is_our_annotation(const char *key)
{
        return strcmp(key, ANNOTATION_NODE) == 0 || strcmp(key, ANNOTATION_ADAPTOR) == 0;
}

/* old: the object's, may be NULL. */
static const struct tree *wanted_annotations(const struct instance_want *w, const struct tree *old,
                                             struct arena *a)
{
        struct tree *map = tree_new(a, TREE_MAP);

        TREE_FOREACH (child, old) {
                if (tree_text(child) && !is_our_annotation(child->key))
                        tree_append(map, child->key, tree_new_text(a, child->as.text, child->n));
        }
        set_text(a, map, ANNOTATION_NODE, w->node);
        set_text(a, map, ANNOTATION_ADAPTOR, or_empty(w->link->spec.adaptor.name));
        return map;
}

/* --- whether it is */

/* Whether all that is in `part` is in `whole`: the server adds defaults, within elements too.  A
 * null asks for nothing. */
static bool contains(const struct tree *whole, const struct tree *part)
{
        if (part->type == TREE_NULL)
                return !whole || whole->type == TREE_NULL;
        if (!whole || whole->type != part->type)
                return false;
        if (part->type == TREE_MAP) {
                TREE_FOREACH (child, part) {
                        if (!contains(tree_get(whole, child->key), child))
                                return false;
                }
                return true;
        }
        if (part->type != TREE_LIST)
                return tree_equal(whole, part);
        const struct tree *other = tree_first(whole);
        if (whole->n != part->n)
                return false;
        TREE_FOREACH (child, part) {
                if (!contains(other, child))
                        return false;
                other = other->next;
        }
        return true;
}

static const struct tree *held_spec(const struct tree *object, struct arena *a)
{
        const struct tree *spec = tree_get(object, "spec");

        return spec ? spec : tree_new(a, TREE_MAP);
}

static uint64_t digest_of(const struct tree *t)
{
        auto_of(buf) struct buf text = BUF(DIGEST_TEXT_MAX);

        tree_json(t, TREE_SORTED, &text);
        return digest_bytes(buf_text(&text), text.len);
}

static bool spec_is_right(const struct instance_want *w, const struct tree *object,
                          const struct instance_seen *seen, struct arena *a)
{
        const struct tree *want = wanted_spec(w, a);
        const struct tree *held = held_spec(object, a);

        if (seen->wanted == 0)
                return contains(held, want);
        uint64_t wanted = digest_of(want);
        uint64_t got = digest_of(held);
        if (wanted == seen->wanted)
                return got == seen->got;
        /* Another template than before: what is beyond it may have been in the old one. */
        return got == wanted;
}

static bool owner_is_right(const struct instance_want *w, const struct object_owner *o)
{
        return strcmp(o->api_version, DEVICELINK_API_VERSION) == 0 &&
               strcmp(o->kind, DEVICELINK_KIND) == 0 && strcmp(o->name, w->link->meta.name) == 0 &&
               o->block_deletion;
}

static bool metadata_is_right(const struct instance_want *w, const struct object_meta *m,
                              struct arena *a)
{
        return m->n_owners == 1 && owner_is_right(w, &m->owners[0]) &&
               is_text(tree_get(m->annotations, ANNOTATION_NODE), w->node) &&
               is_text(tree_get(m->annotations, ANNOTATION_ADAPTOR),
                       or_empty(w->link->spec.adaptor.name)) &&
               tree_equal(m->labels, wanted_labels(w, a));
}

enum instance_state instance_compare(const struct instance_want *w, const struct tree *object,
                                     const struct instance_seen *seen)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m = { 0 };

        object_meta_read(object, a, &m);
        if (m.deleted)
                return INSTANCE_GOING;

        const struct object_owner *owner = object_meta_controller(&m);
        const char *uid = or_empty(w->link->meta.uid);
        if (!owner || uid[0] == '\0' || strcmp(owner->uid, uid) != 0)
                return INSTANCE_FOREIGN;

        const char *node = or_empty(tree_text(tree_get(m.annotations, ANNOTATION_NODE)));
        if (node[0] != '\0' && strcmp(node, w->node) != 0)
                return INSTANCE_HELD;
        if (!metadata_is_right(w, &m, a) || !spec_is_right(w, object, seen, a))
                return INSTANCE_DIFFERS;
        return INSTANCE_RIGHT;
}

struct instance_seen instance_remember(const struct instance_want *w, const struct tree *object)
{
        auto_of(arena) struct arena *a = arena_new();

        return (struct instance_seen){ .wanted = digest_of(wanted_spec(w, a)),
                                       .got = digest_of(held_spec(object, a)) };
}

/* --- bodies */

static void add_text(struct buf *out, const char *s)
{
        buf_add_json(out, s, strlen(s));
}

static void add_head(const struct instance_want *w, struct buf *out)
{
        buf_adds(out, "{\"apiVersion\":");
        add_text(out, or_empty(w->link->spec.model.api_version));
        buf_adds(out, ",\"kind\":");
        add_text(out, or_empty(w->link->spec.model.kind));
        buf_adds(out, ",\"metadata\":{\"name\":");
        add_text(out, w->link->meta.name);
        buf_adds(out, ",\"namespace\":");
        add_text(out, w->link->meta.space);
}

static void add_owner(const struct instance_want *w, struct buf *out)
{
        buf_adds(out, ",\"ownerReferences\":[{\"apiVersion\":\"" DEVICELINK_API_VERSION
                      "\",\"kind\":\"" DEVICELINK_KIND "\",\"name\":");
        add_text(out, w->link->meta.name);
        buf_adds(out, ",\"uid\":");
        add_text(out, or_empty(w->link->meta.uid));
        buf_adds(out, ",\"controller\":true,\"blockOwnerDeletion\":true}]");
}

/* All of the metadata but what only an object that is there has; then the spec. */
static void add_rest(const struct instance_want *w, const struct tree *annotations, struct arena *a,
                     struct buf *out)
{
        buf_adds(out, ",\"labels\":");
        tree_json(wanted_labels(w, a), 0, out);
        buf_adds(out, ",\"annotations\":");
        tree_json(wanted_annotations(w, annotations, a), 0, out);
        add_owner(w, out);
        buf_adds(out, "},\"spec\":");
        tree_json(wanted_spec(w, a), 0, out);
}

void instance_create(const struct instance_want *w, struct buf *out)
{
        auto_of(arena) struct arena *a = arena_new();

        add_head(w, out);
        add_rest(w, NULL, a, out);
        buf_addc(out, '}');
}

static bool is_of_every_object(const char *key)
{
        static const char *const keys[] = { "apiVersion", "kind", "metadata", "spec", "status" };

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (strcmp(keys[i], key) == 0)
                        return true;
        }
        return false;
}

void instance_replace(const struct instance_want *w, const struct tree *object, struct buf *out)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m = { 0 };

        object_meta_read(object, a, &m);
        add_head(w, out);
        buf_adds(out, ",\"uid\":");
        add_text(out, m.uid);
        buf_adds(out, ",\"resourceVersion\":");
        add_text(out, m.version);
        if (m.finalizers) {
                buf_adds(out, ",\"finalizers\":");
                tree_json(m.finalizers, 0, out);
        }
        add_rest(w, m.annotations, a, out);
        TREE_FOREACH (child, object) {
                if (!child->key || is_of_every_object(child->key))
                        continue;
                buf_addc(out, ',');
                add_text(out, child->key);
                buf_addc(out, ':');
                tree_json(child, 0, out);
        }
        buf_addc(out, '}');
}

#define PATH_NODE "/metadata/annotations/edge.cattle.io~1node-name"

static void add_uid_test(const char *uid, struct buf *out)
{
        buf_adds(out, "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":");
        add_text(out, uid);
        buf_addc(out, '}');
}

void instance_release(const char *uid, const char *node, struct buf *out)
{
        add_uid_test(uid, out);
        buf_adds(out, ",{\"op\":\"test\",\"path\":\"" PATH_NODE "\",\"value\":");
        add_text(out, node);
        buf_adds(out, "},{\"op\":\"remove\",\"path\":\"" PATH_NODE "\"}]");
}

void instance_status(const char *uid, const char *json, size_t len, struct buf *out)
{
        add_uid_test(uid, out);
        buf_adds(out, ",{\"op\":\"add\",\"path\":\"/status\",\"value\":");
        buf_add(out, json, len);
        buf_adds(out, "}]");
}
