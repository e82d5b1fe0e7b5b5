/* api_path.c - where things are on an API server. */
#include "kube/api.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { PATH_MAX_BYTES = 16 * 1024 }; /* what an API server reads of a request's first line, less */

const struct kube_resource kube_devicelinks = { "edge.cattle.io", "v1alpha1", "devicelinks" };
const struct kube_resource kube_nodes = { "", "v1", "nodes" };
const struct kube_resource kube_secrets = { "", "v1", "secrets" };
const struct kube_resource kube_config_maps = { "", "v1", "configmaps" };
const struct kube_resource kube_leases = { "coordination.k8s.io", "v1", "leases" };
const struct kube_resource kube_events = { "events.k8s.io", "v1", "events" };
const struct kube_resource kube_crds = { "apiextensions.k8s.io", "v1",
                                         "customresourcedefinitions" };

struct kube_resource kube_resource_of(const char *api_version, const char *kind, struct arena *a)
{
        const char *slash = strchr(api_version, '/');
        char *plural = arena_printf(a, "%ss", kind);

        for (char *p = plural; *p; p++) {
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char)(*p - 'A' + 'a');
        }
        return (struct kube_resource){
                .group = slash ? arena_strndup(a, api_version, (size_t)(slash - api_version)) : "",
                .version = arena_strdup(a, slash ? slash + 1 : api_version),
                .plural = plural,
        };
}

const struct tree *kube_discovered(const struct tree *list, const char *plural)
{
        TREE_FOREACH (resource, tree_get(list, "resources")) {
                if (text_same(tree_text(tree_get(resource, "name")), plural))
                        return resource;
        }
        return NULL;
}

static bool is_plain(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct buf *path, const char *s)
{
        for (; *s; s++) {
                if (is_plain((unsigned char)*s))
                        buf_addc(path, *s);
                else
                        buf_addf(path, "%%%02X", (unsigned char)*s);
        }
}

/* What no name can be must not become the collection, or another object. */
static void add_segment(struct buf *path, const char *s)
{
        bool is_none = s[0] == '\0' || strcmp(s, ".") == 0 || strcmp(s, "..") == 0;

        buf_addc(path, '/');
        add_encoded(path, is_none ? "-" : s);
}

char *kube_path(const struct kube_resource *r, const char *space, const char *name, const char *sub)
{
        struct buf path = BUF(PATH_MAX_BYTES);

        buf_adds(&path, r->group[0] != '\0' ? "/apis" : "/api");
        if (r->group[0] != '\0')
                add_segment(&path, r->group);
        add_segment(&path, r->version);
        if (space) {
                buf_adds(&path, "/namespaces");
                add_segment(&path, space);
        }
        add_segment(&path, r->plural);
        if (name)
                add_segment(&path, name);
        if (sub)
                add_segment(&path, sub);
        if (!buf_ok(&path)) { /* longer than any name: it names nothing */
                buf_clear(&path);
                buf_adds(&path, "/-");
        }
        return buf_take(&path, NULL);
}

void kube_query(struct buf *path, const char *key, const char *value)
{
        buf_addc(path, path->len > 0 && strchr(buf_text(path), '?') ? '&' : '?');
        buf_adds(path, key);
        buf_addc(path, '=');
        add_encoded(path, value);
}
