/* objects.h - decoded Kubernetes objects: links, Secrets, ConfigMaps, devices given directly.
 *
 * A struct object_set holds what one source gave (a file, one answer of an API server) and is
 * immutable once made; a struct object_index finds objects of many sets by kind and name.
 * Ownership: an index borrows from sets that its owner keeps.
 * Secrets: content never goes into findings or errors.
 * Threads: none shared.
 */
#ifndef KUBE_OBJECTS_H
#define KUBE_OBJECTS_H

#include "kube/devicelink.h"

#include <stdint.h>

enum object_kind {
        OBJECT_LINK,
        OBJECT_DEVICE, /* given directly: shares its names with links */
        OBJECT_SECRET,
        OBJECT_CONFIG_MAP,
};

struct object_item { /* of a Secret or ConfigMap */
        const char *key;
        const void *data; /* followed by a NUL that is not counted */
        size_t len;
};

struct object_set;

struct object {
        enum object_kind kind;
        struct object_set *set;
        uint64_t serial;       /* no two objects of a process have the same */
        const char *kind_name; /* "DeviceLink", "ModbusDevice", ... */
        const char *api_version;
        const char *key;         /* "namespace/name" */
        const char *file;        /* NULL: API server */
        const char *path;        /* of the object in its document: "", "items[2]" */
        const struct tree *doc;  /* outline of the object, for lines; API server: empty */
        struct metadata meta;    /* of every kind */
        struct devicelink link;  /* OBJECT_LINK; .meta is equal to the above */
        const struct tree *spec; /* of the device, with its lines; NULL: not kept */
        const char *spec_json;   /* the same, canonical; OBJECT_LINK, OBJECT_DEVICE */
        size_t spec_json_len;
        const struct object_item *items; /* OBJECT_SECRET, OBJECT_CONFIG_MAP; sorted by key */
        size_t n_items;
};

struct object_set {
        unsigned refs;
        struct arena *arena; /* holds all below */
        struct arena *docs;  /* holds the documents; NULL: not kept */
        struct object *list; /* in the order of the documents */
        size_t n;
        bool wipe;
};

enum {
        OBJECTS_KEEP_SPECS = 1, /* keep the documents, which take ten times the room */
        OBJECTS_WIPE = 2, /* overwrite what held the documents, and the set when it is freed */
};

/* Decode documents (a TREE_LIST whose nodes live in the arena `docs_arena`, which is taken over) of
 * a file.  What is wrong is reported and left out; kinds that are nothing to us are a warning. file
 * is copied; NULL = API server. */
struct object_set *object_set_new(struct arena *docs_arena, const struct tree *docs,
                                  const char *file, unsigned flags, struct findings *f);
struct object_set *object_set_ref(struct object_set *s);
void object_set_free(struct object_set *s); /* drops a reference; NULL is fine */

const struct object_item *object_item(const struct object *o, const char *key); /* NULL: none */

struct object_index {
        const struct object **list; /* links and devices, Secrets, ConfigMaps; each by key */
        size_t n;
        size_t cap;
};

void object_index_done(struct object_index *x);
void object_index_add(struct object_index *x, const struct object_set *s);
/* Sort, once all is added.  Of objects with one name the one added first stays, the others are
 * reported with both places; but a link stays before a device of its name, which is its instance.
 */
void object_index_seal(struct object_index *x, struct findings *f);
/* Of a sealed index; NULL: none.  OBJECT_DEVICE looks for links, too. */
const struct object *object_find(const struct object_index *x, enum object_kind kind,
                                 const char *space, const char *name);

#endif
