/* watched.h - Secrets and ConfigMaps by name: one watch each, shared by the links that refer to it.
 *
 * Threads: the loop.
 */
#ifndef KUBE_WATCHED_H
#define KUBE_WATCHED_H

#include "kube/api.h"
#include "kube/objects.h"

struct watched;

struct watched_config {
        struct kube_api *api;
        void *ctx;
        void (*changed)(void *ctx); /* coalesced: at most once a turn */
};

struct watched *watched_new(const struct watched_config *);
void watched_free(struct watched *w); /* NULL is fine */
/* The whole set that is needed now: begin, add each (as often as it is referred to), end.  What was
 * not added is no longer watched; its content is wiped. */
void watched_begin(struct watched *w);
void watched_add(struct watched *w, enum object_kind kind, const char *space, const char *name);
void watched_end(struct watched *w);
/* All objects that are there. */
void watched_index(const struct watched *w, struct object_index *x);
/* Why one is not there: "forbidden...", "not found", "not read yet"; NULL: it is there.
 * *ret_unknown: nothing is known about it yet. */
const char *watched_trouble(const struct watched *w, enum object_kind kind, const char *space,
                            const char *name, bool *ret_unknown);
size_t watched_count(const struct watched *w);

#endif
