/* instance.h - the device instance of a link: what it should be, and whether it is (octopus 1.3).
 *
 * Name and namespace of the link; apiVersion and kind of spec.model; the template's labels and one
 * of ours to select by; two annotations; exactly one ownerReference; spec of the template.
 * The annotation edge.cattle.io/node-name says which node holds the device: an agent takes an
 * instance that nobody holds, gives back what it held (instance_release()), and waits for one that
 * another node holds; so no two nodes drive one device.
 * Pure; threads: none shared.
 */
#ifndef KUBE_INSTANCE_H
#define KUBE_INSTANCE_H

#include "kube/devicelink.h"
#include "kube/object_meta.h"

#define ANNOTATION_NODE "edge.cattle.io/node-name"
#define ANNOTATION_ADAPTOR "edge.cattle.io/adaptor-name"
#define LABEL_NODE "edge.cattle.io/node-name"

enum { LABEL_NODE_SIZE = 64 };

/* The node's name, or, where that is no label value (over 63 characters), its beginning, '-' and a
 * hash. */
void label_node(const char *node, char ret[LABEL_NODE_SIZE]);

struct instance_want {
        const struct devicelink *link; /* meta.uid is the owner's */
        const char *spec_json;         /* of the template; "{}" */
        size_t spec_json_len;
        const char *node;
};

enum instance_state {
        INSTANCE_FOREIGN, /* no owner, or another one: not ours to touch */
        INSTANCE_HELD,    /* ours, but another node holds it */
        INSTANCE_DIFFERS, /* to be written */
        INSTANCE_GOING,   /* being deleted: wait */
        INSTANCE_RIGHT,
};

/* What the server made of a spec (its defaults filled in) is remembered as two digests, so that
 * neither a default nor a hand edit is taken for the other.  Zero: nothing is known; then fields
 * beyond the template's are taken for defaults. */
struct instance_seen {
        uint64_t wanted; /* digest of the template's spec */
        uint64_t got;    /* digest of what the server held after our write */
};

enum instance_state instance_compare(const struct instance_want *w, const struct tree *object,
                                     const struct instance_seen *seen);
/* After our write, or when it is right: what was seen. */
struct instance_seen instance_remember(const struct instance_want *w, const struct tree *object);

/* Body of the POST. */
void instance_create(const struct instance_want *w, struct buf *out);
/* Body of the PUT that makes `object` right: its resourceVersion, finalizers and foreign
 * annotations stay. */
void instance_replace(const struct instance_want *w, const struct tree *object, struct buf *out);
/* JSON patch: nobody holds it any more; fails (422) unless uid and node are these. */
void instance_release(const char *uid, const char *node, struct buf *out);
/* JSON patch of /status: the whole document, on the object with this uid only. */
void instance_status(const char *uid, const char *json, size_t len, struct buf *out);

#endif
