#include "kube/downward.h"

#include "base/mem.h"
#include "kube/names.h"

#include <string.h>

struct plain_path {
        const char *path;
        size_t offset; /* of a const char * in struct devicelink */
};

static const struct plain_path plain_paths[] = {
        { "metadata.name", offsetof(struct devicelink, meta.name) },
        { "metadata.namespace", offsetof(struct devicelink, meta.space) },
        { "metadata.uid", offsetof(struct devicelink, meta.uid) },
        { "status.nodeName", offsetof(struct devicelink, status.node_name) },
        { "status.nodeHostName", offsetof(struct devicelink, status.node_host_name) },
        { "status.nodeInternalIP", offsetof(struct devicelink, status.node_internal_ip) },
        { "status.nodeInternalDNS", offsetof(struct devicelink, status.node_internal_dns) },
        { "status.nodeExternalIP", offsetof(struct devicelink, status.node_external_ip) },
        { "status.nodeExternalDNS", offsetof(struct devicelink, status.node_external_dns) },
};

struct map_path {
        const char *path;
        size_t offset;    /* of a struct decoded_list of pairs */
        bool lower_check; /* the key is checked in lower case, though looked up as it is */
};

static const struct map_path map_paths[] = {
        { "metadata.labels", offsetof(struct devicelink, meta.labels), false },
        { "metadata.annotations", offsetof(struct devicelink, meta.annotations), true },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const void *member(const struct devicelink *link, size_t offset)
{
        return (const char *)link + offset;
}

static int by_key(const void *a, const void *b)
{
        const struct decoded_pair *const *x = a;
        const struct decoded_pair *const *y = b;

        return strcmp((*x)->key, (*y)->key);
}

static void add_map(const struct decoded_list *map, struct buf *out)
{
        const struct decoded_pair *pairs = map->items;
        auto_free const struct decoded_pair **sorted =
                xreallocarray(NULL, map->n + 1, sizeof(*sorted));

        for (size_t i = 0; i < map->n; i++)
                sorted[i] = &pairs[i];
        if (map->n > 1)
                qsort(sorted, map->n, sizeof(*sorted), by_key);
        for (size_t i = 0; i < map->n; i++)
                buf_addf(out, "%s%s=\"%s\"", i ? ";" : "", sorted[i]->key, sorted[i]->value);
}

static int add_item(const struct decoded_list *map, const char *key, bool lower_check,
                    struct buf *out, struct err *e)
{
        const struct decoded_pair *pairs = map->items;
        auto_free char *checked = xstrdup(key);

        for (char *c = checked; lower_check && *c; c++) {
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c - 'A' + 'a');
        }
        if (!name_is_qualified(checked))
                return err_set(e, DL_CONFIG, "expected a key of the form %s, got '%.80s'",
                               names_qualified_says, key);
        for (size_t i = 0; i < map->n; i++) {
                if (strcmp(pairs[i].key, key) == 0)
                        buf_adds(out, pairs[i].value);
        }
        return 0;
}

/* "a['k']" -> length of a, and k for free(); NULL when there is no such subscript. */
static char *split_subscript(const char *path, size_t *ret_len)
{
        const char *open = strstr(path, "['");
        size_t n = strlen(path);

        if (!open || n < 2 || strcmp(path + n - 2, "']") != 0 || open + 2 > path + n - 2)
                return NULL;
        *ret_len = (size_t)(open - path);
        return xasprintf("%.*s", (int)(path + n - 2 - (open + 2)), open + 2);
}

static int unknown(const char *path, struct err *e)
{
        return err_set(
                e, DL_CONFIG,
                "expected metadata.name, .namespace, .uid, .labels['k'], .annotations['k'] or "
                "status.nodeName, .nodeHostName, .nodeInternalIP, .nodeInternalDNS, "
                ".nodeExternalIP, .nodeExternalDNS, got '%.80s'",
                path);
}

int downward_text(const struct devicelink *link, const char *path, struct buf *out, struct err *e)
{
        size_t len = strlen(path);
        auto_free char *key = split_subscript(path, &len);

        for (size_t i = 0; i < COUNT(map_paths); i++) {
                const struct map_path *m = &map_paths[i];

                if (strlen(m->path) != len || strncmp(path, m->path, len) != 0)
                        continue;
                if (key)
                        return add_item(member(link, m->offset), key, m->lower_check, out, e);
                add_map(member(link, m->offset), out);
                return 0;
        }
        for (size_t i = 0; i < COUNT(plain_paths); i++) {
                const char *const *text = member(link, plain_paths[i].offset);

                if (strlen(plain_paths[i].path) != len ||
                    strncmp(path, plain_paths[i].path, len) != 0)
                        continue;
                if (key)
                        return err_set(e, DL_CONFIG, "%s has no members, got a subscript in '%s'",
                                       plain_paths[i].path, path);
                buf_adds(out, *text ? *text : "");
                return 0;
        }
        return unknown(path, e);
}
