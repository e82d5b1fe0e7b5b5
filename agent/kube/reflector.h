/* reflector.h - LIST and WATCH of one collection: what is there, kept true through every trouble.
 *
 * Hands over objects one at a time; keeps only key, uid and resourceVersion of each.
 * First      A watch with initial events where the server offers it (reference A4 45/46), else LIST
 *            (resourceVersion 0, then pages of 200) and WATCH with bookmarks.  LIST also when the
 *            initial events make a pause of 1 s: of a resource that nobody writes, kube-apiserver
 *            1.36 tells their end up to 8 s late (measured).  With list_first not even that is
 *            waited for: LIST in pages, 30 ms.
 * Trouble    One path: LIST again after a back-off (0.8 s doubling to 30 s, jitter; reset after 2
 *            min of health); after 410 or a version from the future without a version.  401, 403
 *            and 404 are tried again within minutes; nothing is deleted for them.
 * Silence    180 to 190 s without event or bookmark: LIST again (A4 49).
 * Selector   Where the server does not know the field (400), it asks again without it and `keep`
 *            filters here, with one warning; the field is tried again every 30 min.
 * Threads    The loop.  Callbacks may call reflector_close() of their own.
 */
#ifndef KUBE_REFLECTOR_H
#define KUBE_REFLECTOR_H

#include "kube/api.h"
#include "kube/object_meta.h"

struct reflector;

enum reflector_state {
        REFLECTOR_STARTING,    /* not complete yet */
        REFLECTOR_LIVE,        /* complete, and the watch runs */
        REFLECTOR_STALE,       /* was complete; being mended */
        REFLECTOR_FORBIDDEN,   /* 401, 403 */
        REFLECTOR_NO_RESOURCE, /* 404: the resource itself is gone or not there yet */
};

struct reflector_config {
        struct kube_api *api;
        struct kube_resource resource; /* copied */
        const char *space;             /* NULL = all namespaces */
        const char *name;              /* NULL = all; else only this object (metadata.name=) */
        const char *field_selector;    /* "spec.adaptor.node=n1"; NULL = none */
        const char *label_selector;
        bool metadata_only; /* PartialObjectMetadata */
        bool list_first;    /* few are selected: see First */
        bool secret;        /* only metadata's identity and .data are read; wiped, not logged */
        int64_t start_jitter_ns; /* before the first request: random 0..this */
        void *ctx;
        /* Whether an object is meant where the field selector could not be used; NULL = all. */
        bool (*keep)(void *ctx, const struct tree *object);
        /* A new or changed object, read into an arena that the callee owns (arena_free()). */
        void (*upsert)(void *ctx, const struct tree *object, const struct object_meta *,
                       struct arena *owned);
        /* Gone from what is selected: deleted, or it left the selector (A4 56: the same uid may
         * still exist).  An object of the same name and another uid is removed, then upserted. */
        void (*removed)(void *ctx, const char *space, const char *name, const char *uid);
        /* Every change of state, and LIVE again after each new LIST; STARTING once, when it does
         * not start at once.  text says why.  May be NULL. */
        void (*state)(void *ctx, enum reflector_state, const char *text);
};

struct reflector *reflector_open(const struct reflector_config *);
void reflector_close(struct reflector *r); /* NULL is fine; no callback comes after */
/* Everything was seen at least once. */
bool reflector_synced(const struct reflector *r);
size_t reflector_count(const struct reflector *r);
/* Lines and objects that could not be read; each was logged. */
uint64_t reflector_skipped(const struct reflector *r);
/* What the server answered to a write of ours: taken like an event when it is newer. */
void reflector_feed(struct reflector *r, const struct tree *object, struct arena *owned);
void reflector_retry(struct reflector *r); /* whatever is waited for: try now */

#endif
