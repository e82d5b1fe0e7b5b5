#include "kube/object_meta.h"

#include <string.h>

/* A text, or "" where there is none.  One that holds U+0000 is no name of anything. */
static const char *text_at(const struct tree *map, const char *key)
{
        const struct tree *t = tree_get(map, key);

        return t && t->type == TREE_TEXT && strlen(t->as.text) == t->n ? t->as.text : "";
}

static const struct tree *get_typed(const struct tree *map, const char *key, enum tree_type type)
{
        const struct tree *t = tree_get(map, key);

        return t && t->type == type ? t : NULL;
}

static bool is_true(const struct tree *map, const char *key)
{
        const struct tree *t = get_typed(map, key, TREE_BOOL);

        return t && t->as.b;
}

static void read_owners(const struct tree *meta, struct arena *a, struct object_meta *ret)
{
        const struct tree *list = get_typed(meta, "ownerReferences", TREE_LIST);

        if (!list)
                return;
        struct object_owner *owners = arena_calloc(a, list->n + 1, sizeof(*owners));
        TREE_FOREACH (t, list) {
                if (t->type != TREE_MAP)
                        continue;
                owners[ret->n_owners++] = (struct object_owner){
                        .api_version = text_at(t, "apiVersion"),
                        .kind = text_at(t, "kind"),
                        .name = text_at(t, "name"),
                        .uid = text_at(t, "uid"),
                        .controller = is_true(t, "controller"),
                        .block_deletion = is_true(t, "blockOwnerDeletion"),
                };
        }
        ret->owners = owners;
}

void object_meta_read(const struct tree *object, struct arena *a, struct object_meta *ret)
{
        const struct tree *meta = tree_get(object, "metadata");
        const struct tree *generation = get_typed(meta, "generation", TREE_INT);
        const char *deleted = text_at(meta, "deletionTimestamp");

        *ret = (struct object_meta){
                .space = text_at(meta, "namespace"),
                .name = text_at(meta, "name"),
                .uid = text_at(meta, "uid"),
                .version = text_at(meta, "resourceVersion"),
                .generation = generation ? generation->as.i : 0,
                .deleted = deleted[0] != '\0' ? deleted : NULL,
                .finalizers = get_typed(meta, "finalizers", TREE_LIST),
                .labels = get_typed(meta, "labels", TREE_MAP),
                .annotations = get_typed(meta, "annotations", TREE_MAP),
        };
        read_owners(meta, a, ret);
}

bool object_meta_has_finalizer(const struct object_meta *m, const char *name)
{
        TREE_FOREACH (t, m->finalizers) {
                if (t->type == TREE_TEXT && strcmp(t->as.text, name) == 0)
                        return true;
        }
        return false;
}

const struct object_owner *object_meta_controller(const struct object_meta *m)
{
        for (size_t i = 0; i < m->n_owners; i++) {
                if (m->owners[i].controller)
                        return &m->owners[i];
        }
        return NULL;
}

char *object_meta_key(const struct object_meta *m, struct arena *a)
{
        if (m->space[0] == '\0')
                return arena_strdup(a, m->name);
        return arena_printf(a, "%s/%s", m->space, m->name);
}

/* "0", or digits without leading zeros. */
static bool is_version(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && strspn(s, "0123456789") == n && (s[0] != '0' || n == 1);
}

bool resource_version_order(const char *a, const char *b, int *ret)
{
        size_t na = strlen(a), nb = strlen(b);

        if (strcmp(a, b) == 0) {
                *ret = 0;
                return true;
        }
        if (!is_version(a) || !is_version(b))
                return false;
        *ret = na != nb ? (na > nb) - (na < nb) : strcmp(a, b);
        return true;
}
