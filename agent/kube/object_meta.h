/* object_meta.h - the metadata of an API object that a controller looks at.
 *
 * Pure; texts and lists are borrowed from the tree and the arena.
 */
#ifndef KUBE_OBJECT_META_H
#define KUBE_OBJECT_META_H

#include "base/tree.h"

struct object_owner {
        const char *api_version, *kind, *name, *uid;
        bool controller, block_deletion;
};

struct object_meta {
        const char *space, *name; /* "" = none */
        const char *uid;
        const char *version; /* resourceVersion */
        int64_t generation;
        const char *deleted;           /* deletionTimestamp; NULL = it is not being deleted */
        const struct tree *finalizers; /* a list of texts, or NULL */
        const struct tree *labels, *annotations; /* maps of texts, or NULL */
        const struct object_owner *owners;
        size_t n_owners;
};

/* Never fails: what is absent or of another type is empty. */
void object_meta_read(const struct tree *object, struct arena *a, struct object_meta *ret);
bool object_meta_has_finalizer(const struct object_meta *m, const char *name);
const struct object_owner *object_meta_controller(const struct object_meta *m); /* NULL: none */
/* "space/name", or "name" */
char *object_meta_key(const struct object_meta *m, struct arena *a);

/* Order of two resourceVersions of one resource: decimal digits of any length.  *ret < 0: a is the
 * older one.  False: they cannot be ordered (not decimal); equal texts always can. */
bool resource_version_order(const char *a, const char *b, int *ret);

#endif
