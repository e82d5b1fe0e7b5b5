/* link_view.c - see link_view.h */
#include "operator/link_view.h"

#include <ctype.h>
#include <string.h>

const char *crd_name(const char *api_version, const char *kind, struct arena *a)
{
        const char *slash = strchr(api_version, '/');

        if (!slash || slash == api_version || kind[0] == '\0')
                return "";
        char *name = arena_printf(a, "%ss.%.*s", kind, (int)(slash - api_version), api_version);
        for (char *p = name; *p != '.'; p++)
                *p = (char)tolower((unsigned char)*p);
        return name;
}

static const char *copy(struct arena *a, const char *s)
{
        return s[0] != '\0' ? arena_strdup(a, s) : "";
}

static const char *copy_at(struct arena *a, const struct tree *object, const char *path)
{
        const char *s = tree_text(tree_find(object, path));

        return s ? copy(a, s) : "";
}

static void copy_status(struct arena *a, const struct tree *object, struct link_status *ret)
{
        struct link_status s;

        link_status_read(object, &s);
        for (size_t i = 0; i < s.conditions.n; i++) {
                struct condition *c = &s.conditions.list[i];
                c->message = copy(a, c->message);
                if (c->reason)
                        c->reason = copy(a, c->reason);
        }
        s.node_name = copy(a, s.node_name);
        s.host_name = copy(a, s.host_name);
        s.internal_ip = copy(a, s.internal_ip);
        s.internal_dns = copy(a, s.internal_dns);
        s.external_ip = copy(a, s.external_ip);
        s.external_dns = copy(a, s.external_dns);
        s.model_api_version = copy(a, s.model_api_version);
        s.model_kind = copy(a, s.model_kind);
        s.adaptor_name = copy(a, s.adaptor_name);
        *ret = s;
}

static struct tree *text_node(struct arena *a, const char *s)
{
        return tree_new_text(a, s, strlen(s));
}

/* {"metadata":{"resourceVersion":...,"finalizers":[...]}} */
static const struct tree *copy_finalizers(struct arena *a, const struct object_meta *m)
{
        struct tree *object = tree_new(a, TREE_MAP);
        struct tree *meta = tree_new(a, TREE_MAP);
        struct tree *list = tree_new(a, TREE_LIST);

        TREE_FOREACH (child, m->finalizers) {
                if (tree_text(child))
                        tree_append(list, NULL, text_node(a, child->as.text));
        }
        tree_append(meta, "resourceVersion", text_node(a, m->version));
        tree_append(meta, "finalizers", list);
        tree_append(object, "metadata", meta);
        return object;
}

struct link_view *link_view_new(const struct tree *object, const struct object_meta *m)
{
        struct arena *a = arena_new();
        struct link_view *v = arena_calloc(a, 1, sizeof(*v));

        v->arena = a;
        v->space = copy(a, m->space);
        v->name = copy(a, m->name);
        v->uid = copy(a, m->uid);
        v->version = copy(a, m->version);
        v->deleted = m->deleted != NULL;
        if (object_meta_has_finalizer(m, LINK_FINALIZER))
                v->finalizers = copy_finalizers(a, m);
        v->node = copy_at(a, object, "spec.adaptor.node");
        v->api_version = copy_at(a, object, "spec.model.apiVersion");
        v->kind = copy_at(a, object, "spec.model.kind");
        v->crd = crd_name(v->api_version, v->kind, a);
        copy_status(a, object, &v->status);
        v->recorded_crd = crd_name(v->status.model_api_version, v->status.model_kind, a);
        return v;
}

void link_view_free(struct link_view *v)
{
        if (v)
                arena_free(v->arena);
}
