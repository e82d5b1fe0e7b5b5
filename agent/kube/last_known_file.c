/* last_known_file.c - the text of one kept link, and whether a text is one. */
#include "kube/last_known_impl.h"

#include "base/buf.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

static const char last_applied[] = "kubectl.kubernetes.io/last-applied-configuration";
static const char object_mark[] = ",\"object\":"; /* quotes within texts are escaped */

bool last_known_is_uid(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

        return n > 0 && n <= LAST_KNOWN_UID && s[n] == '\0';
}

/* --- writing */

static bool is_dropped(const char *parent, const char *key)
{
        if (strcmp(parent, "metadata") == 0)
                return strcmp(key, "managedFields") == 0;
        return strcmp(parent, "annotations") == 0 && strcmp(key, last_applied) == 0;
}

/* The map without what only takes room; its other values are shared. */
static struct tree *lean(struct arena *a, const struct tree *map, const char *name, unsigned depth)
{
        struct tree *copy = tree_new(a, map->type);
        struct tree **end = &copy->as.first;

        TREE_FOREACH (child, map) {
                bool open = depth < 2 && child->type == TREE_MAP;
                struct tree *t;

                if (is_dropped(name, child->key))
                        continue;
                if (open) {
                        t = lean(a, child, child->key, depth + 1);
                } else {
                        t = tree_new(a, child->type);
                        *t = *child;
                }
                t->key = child->key;
                t->next = NULL;
                *end = t;
                end = &t->next;
                copy->n++;
        }
        return copy;
}

static uint32_t crc_of(const char *text, size_t n)
{
        return (uint32_t)crc32(0, (const unsigned char *)text, (unsigned)n);
}

char *last_known_text(const char *node, const struct tree *object, const struct instance_seen *seen,
                      size_t *ret_len)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf json = BUF(LAST_KNOWN_BYTES);
        struct buf out = BUF(LAST_KNOWN_BYTES);

        tree_json(lean(a, object, "", 0), TREE_SORTED, &json);
        buf_adds(&out, "{\"version\":1,\"node\":");
        buf_add_json(&out, node, strlen(node));
        buf_addf(&out,
                 ",\"seen\":{\"wanted\":%" PRIu64 ",\"got\":%" PRIu64 "},\"crc\":%" PRIu32 "%s",
                 seen->wanted, seen->got, crc_of(buf_text(&json), json.len), object_mark);
        buf_add(&out, buf_text(&json), json.len);
        buf_adds(&out, "}\n");
        if (buf_ok(&json) && buf_ok(&out))
                return buf_take(&out, ret_len);
        buf_done(&out);
        return NULL;
}

/* --- reading */

static bool number_at(const struct tree *t, const char *key, uint64_t *ret)
{
        const struct tree *v = tree_get(t, key);

        if (v && v->type == TREE_INT && v->as.i >= 0)
                *ret = (uint64_t)v->as.i;
        else if (v && v->type == TREE_UINT)
                *ret = v->as.u;
        else
                return false;
        return true;
}

static int check_crc(const char *text, size_t n, uint64_t crc, struct err *e)
{
        const char *mark = memmem(text, n, object_mark, sizeof(object_mark) - 1);
        const char *end = memrchr(text, '}', n);

        if (!mark || !end || end < mark + sizeof(object_mark) - 1)
                return err_set(e, DL_CONFIG, "expected an object");
        mark += sizeof(object_mark) - 1;
        if (crc_of(mark, (size_t)(end - mark)) != crc)
                return err_set(e, DL_CONFIG, "its checksum is wrong");
        return 0;
}

int last_known_parse(const char *text, size_t n, const char *node, const char *uid, struct arena *a,
                     const struct tree **ret, struct instance_seen *ret_seen, struct err *e)
{
        const struct tree_limits limits = { .bytes = LAST_KNOWN_BYTES,
                                            .nodes = tree_limits_default.nodes,
                                            .depth = tree_limits_default.depth };
        struct instance_seen seen = { 0 };
        const struct tree *t = NULL;
        uint64_t version = 0;
        uint64_t crc = 0;

        if (tree_parse_json(a, text, n, &limits, &t, e) < 0)
                return e ? e->rc : DL_CONFIG;
        if (!number_at(t, "version", &version) || version != 1)
                return err_set(e, DL_CONFIG, "version: expected 1");
        const struct tree *object = tree_get(t, "object");
        const struct tree *kept = tree_get(t, "seen");
        if (!number_at(t, "crc", &crc) || !number_at(kept, "wanted", &seen.wanted) ||
            !number_at(kept, "got", &seen.got) || !object || object->type != TREE_MAP)
                return err_set(e, DL_CONFIG, "expected crc, seen and object");
        if (check_crc(text, n, crc, e) < 0)
                return DL_CONFIG;
        const char *of_node = tree_text(tree_get(t, "node"));
        if (!of_node || strcmp(of_node, node) != 0)
                return err_set(e, DL_REFUSED, "it is of node '%.100s'", of_node ? of_node : "");
        const char *of_uid = tree_text(tree_find(object, "metadata.uid"));
        if (!of_uid || strcmp(of_uid, uid) != 0)
                return err_set(e, DL_CONFIG, "it is of another link");
        *ret = object;
        *ret_seen = seen;
        return 0;
}
