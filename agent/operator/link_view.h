/* link_view.h - what a DeviceLink says that the operator looks at, without the rest of it.
 *
 * A view is immutable and holds copies: the object it was read from may go.  About 2 KiB each.
 * Pure; threads: none shared.
 */
#ifndef OPERATOR_LINK_VIEW_H
#define OPERATOR_LINK_VIEW_H

#include "kube/link_status.h"
#include "kube/object_meta.h"

struct link_view {
        struct arena *arena; /* holds it all */
        const char *space, *name, *uid, *version;
        const char *node;               /* spec.adaptor.node; "" = none, here and below */
        const char *api_version, *kind; /* spec.model */
        const char *crd;                /* of spec.model: crd_name() */
        const char *recorded_crd;       /* of status.model */
        bool deleted;
        const struct tree *finalizers; /* as finalizer_patch() wants it; NULL: ours is not set */
        struct link_status status;
};

struct link_view *link_view_new(const struct tree *object, const struct object_meta *m)
        __attribute__((returns_nonnull));
void link_view_free(struct link_view *v); /* NULL is fine */

/* The name of the CRD of a model: "modbusdevices.devices.edge.cattle.io", the plural made as
 * octopus 1.2 says; "" where there can be none. */
const char *crd_name(const char *api_version, const char *kind, struct arena *a);

AUTO_DEFINE_PTR(link_view, struct link_view *, link_view_free)

#endif
