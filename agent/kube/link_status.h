/* link_status.h - the status of a DeviceLink as the API server holds it, and patches of it.
 *
 * Two roles write one ordered list, so every write carries the resourceVersion it was made from
 * (409 when another was faster: read again, decide again).  Merge patches; the list as a whole.
 * Pure; threads: none shared.
 */
#ifndef KUBE_LINK_STATUS_H
#define KUBE_LINK_STATUS_H

#include "base/tree.h"
#include "model/condition.h"

struct link_status {
        struct conditions conditions; /* texts in the tree's arena */
        bool foreign;                 /* entries of unknown type or status were left out: rewrite */
        const char *node_name;        /* never NULL below; "" = none */
        const char *host_name, *internal_ip, *internal_dns, *external_ip, *external_dns;
        const char *model_api_version, *model_kind;
        const char *adaptor_name;
};

/* object: the whole DeviceLink. */
void link_status_read(const struct tree *object, struct link_status *ret);

enum link_status_role { LINK_STATUS_AGENT, LINK_STATUS_OPERATOR };

/* The body of a merge patch of /status that makes `now` from `was`: {"metadata":{"resourceVersion":
 * "..."},"status":{...}} with the fields of the role (agent: conditions, adaptorName; operator:
 * conditions, node*, model), only those that differ, cleared ones as null.  False: nothing differs,
 * out is untouched. */
bool link_status_patch(enum link_status_role role, const struct link_status *was,
                       const struct link_status *now, const char *version, struct buf *out);

/* A finalizer added or removed, guarded by resourceVersion: a merge patch of the object's list as
 * it was read.  False: it is that way already. */
bool finalizer_patch(const struct tree *object, const char *name, bool present, struct buf *out);

#define LINK_FINALIZER "edge.cattle.io/octopus-limb"

#endif
