/* cluster_observe.c - what is kept of a link's object: little, since a node may have a thousand. */
#include "kube/cluster_impl.h"
#include "kube/digest.h"

#include <string.h>

enum { DIGEST_MAX = 4 * 1024 * 1024 };

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static const char *text_at(const struct tree *map, const char *key)
{
        const char *s = tree_text(tree_get(map, key));

        return s ? s : "";
}

/* Most texts of a status are those of the spec. */
static const char *copy(struct arena *a, const char *s, const char *likely)
{
        if (s[0] == '\0')
                return "";
        return strcmp(s, likely) == 0 ? likely : arena_strdup(a, s);
}

static void copy_status(struct observed *o, const struct link_status *from)
{
        struct arena *a = o->arena;
        struct link_status *s = &o->status;

        *s = *from;
        s->node_name = copy(a, s->node_name, o->node);
        s->host_name = copy(a, s->host_name, o->node);
        s->internal_ip = copy(a, s->internal_ip, "");
        s->internal_dns = copy(a, s->internal_dns, "");
        s->external_ip = copy(a, s->external_ip, "");
        s->external_dns = copy(a, s->external_dns, "");
        s->model_api_version = copy(a, s->model_api_version, o->api_version);
        s->model_kind = copy(a, s->model_kind, o->kind);
        s->adaptor_name = copy(a, s->adaptor_name, o->adaptor);
        for (size_t i = 0; i < s->conditions.n; i++) {
                struct condition *c = &s->conditions.list[i];

                c->message = copy(a, c->message, "");
                if (c->reason)
                        c->reason = copy(a, c->reason, "");
        }
}

static const struct tree *outline(struct arena *a, const struct object_meta *m)
{
        struct tree *root = tree_new(a, TREE_MAP);
        struct tree *meta = tree_new(a, TREE_MAP);
        struct tree *finalizers = tree_new(a, TREE_LIST);

        tree_append(root, "metadata", meta);
        tree_append(meta, "resourceVersion", tree_new_text(a, m->version, strlen(m->version)));
        tree_append(meta, "finalizers", finalizers);
        TREE_FOREACH (f, m->finalizers) {
                if (tree_text(f))
                        tree_append(finalizers, NULL, tree_new_text(a, f->as.text, f->n));
        }
        return root;
}

/* What the downward API can tell; the spec has its generation. */
static uint64_t digest_of(const struct object_meta *m, const struct link_status *s)
{
        auto_of(buf) struct buf b = BUF(DIGEST_MAX);

        if (m->labels)
                tree_json(m->labels, 0, &b);
        TREE_FOREACH (x, m->annotations) {
                if (strcmp(x->key, LAST_APPLIED) == 0) /* follows the spec */
                        continue;
                buf_addf(&b, "\n%s\n", x->key);
                tree_json(x, 0, &b);
        }
        buf_addf(&b, "\n%s\n%s\n%s\n%s\n%s\n%s", s->node_name, s->host_name, s->internal_ip,
                 s->internal_dns, s->external_ip, s->external_dns);
        return digest_bytes(buf_text(&b), b.len);
}

void observed_done(struct observed *o)
{
        arena_free(o->arena);
        *o = (struct observed){ 0 };
}

void observed_read(const struct tree *object, const struct object_meta *m, struct observed *ret)
{
        const struct tree *spec = tree_get(object, "spec");
        const struct tree *adaptor = tree_get(spec, "adaptor"), *model = tree_get(spec, "model");
        struct arena *a = arena_new();
        struct link_status status = { 0 };

        link_status_read(object, &status);
        observed_done(ret);
        *ret = (struct observed){
                .arena = a,
                .version = arena_strdup(a, m->version),
                .generation = m->generation,
                .digest = digest_of(m, &status),
                .deleted = m->deleted,
                .finalizer = object_meta_has_finalizer(m, LINK_FINALIZER),
                .outline = outline(a, m),
                .node = arena_strdup(a, text_at(adaptor, "node")),
                .adaptor = arena_strdup(a, text_at(adaptor, "name")),
                .api_version = arena_strdup(a, text_at(model, "apiVersion")),
                .kind = arena_strdup(a, text_at(model, "kind")),
        };
        copy_status(ret, &status);
}

/* --- decoding */

static void adopt(struct arena *a, struct tree *map, const char *key, const struct tree *child)
{
        struct tree *node;

        if (!child)
                return;
        node = tree_new(a, child->type);
        *node = *child;
        node->next = NULL;
        tree_append(map, key, node);
}

static bool reads_annotations(const struct tree *object)
{
        TREE_FOREACH (ref, tree_find(object, "spec.references")) {
                TREE_FOREACH (item, tree_find(ref, "downwardAPI.items")) {
                        const char *path = tree_text(tree_find(item, "fieldRef.fieldPath"));

                        if (path && strncmp(path, "metadata.annotations", 20) == 0)
                                return true;
                }
        }
        return false;
}

/* The object without managed fields and history, which are most of its bytes. */
static const struct tree *stripped(struct arena *a, const struct tree *object)
{
        static const char *const keys[] = { "name", "namespace", "uid", "labels" };
        const struct tree *from = tree_get(object, "metadata");
        struct tree *root = tree_new(a, TREE_MAP);
        struct tree *meta = tree_new(a, TREE_MAP);

        tree_append(root, "apiVersion",
                    tree_new_text(a, DEVICELINK_API_VERSION, strlen(DEVICELINK_API_VERSION)));
        tree_append(root, "kind", tree_new_text(a, DEVICELINK_KIND, strlen(DEVICELINK_KIND)));
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                adopt(a, meta, keys[i], tree_get(from, keys[i]));
        if (reads_annotations(object))
                adopt(a, meta, "annotations", tree_get(from, "annotations"));
        tree_append(root, "metadata", meta);
        adopt(a, root, "spec", tree_get(object, "spec"));
        adopt(a, root, "status", tree_get(object, "status"));
        return root;
}

struct object_set *observed_decode(const struct tree *object, struct arena *owned, char **ret_wrong)
{
        struct tree *docs = tree_new(owned, TREE_LIST);
        struct findings f = { 0 };
        struct object_set *s;
        char first[512];

        adopt(owned, docs, NULL, stripped(owned, object));
        s = object_set_new(owned, docs, NULL, 0, &f);
        if (s->n != 1) {
                object_set_free(s);
                s = NULL;
                *ret_wrong = xstrdup(findings_first(&f, first, sizeof(first)));
        }
        findings_done(&f);
        return s;
}
