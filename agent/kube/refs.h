/* refs.h - what a link's references resolve to (octopus 1.4).
 *
 * Values are untrimmed bytes.  A missing object or key fails the whole; of references with one name
 * the last one wins.  Errors name what is missing, never what is inside.
 * Pure; threads: none shared.
 */
#ifndef KUBE_REFS_H
#define KUBE_REFS_H

#include "kube/objects.h"

#include <devicelink/adaptor.h>

struct refs_source {
        void *ctx;
        /* NULL: there is none (yet). */
        const struct object *(*find)(void *ctx, enum object_kind kind, const char *space,
                                     const char *name);
        /* Why there is none, for people; NULL: it does not exist.  The whole may be NULL. */
        const char *(*why)(void *ctx, enum object_kind kind, const char *space, const char *name);
};

/* All items, copied into the arena, in the order of the references; within one by the order of
 * items, or by key.  DL_RETRY: something is not there; DL_CONFIG: the reference is wrong.  e->path
 * is relative to the link: "spec.references[1].secret.items[0]". */
int refs_resolve(const struct devicelink *link, const struct refs_source *source, struct arena *a,
                 const struct dl_reference **ret, size_t *ret_n, struct err *e);

/* Each Secret and ConfigMap that refs_resolve() would ask for. */
void refs_walk(const struct devicelink *link,
               void (*each)(void *ctx, enum object_kind kind, const char *space, const char *name),
               void *ctx);

#endif
