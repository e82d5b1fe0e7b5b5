/* lease_body.h - what the two writers of Leases send. */
#ifndef KUBE_LEASE_BODY_H
#define KUBE_LEASE_BODY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct lease_body {
        const char *space, *name; /* name NULL: a merge patch; else of a new object */
        const char *version;      /* guards a patch; NULL = no guard */
        const char *node;         /* of a heartbeat: sets its label and annotation; NULL = none */
        const char *holder;
        int64_t duration_ns;
        int64_t now_ns;      /* wall: renewTime */
        bool acquires;       /* acquireTime, too */
        int64_t transitions; /* -1 = as it is */
};

void lease_body_add(const struct lease_body *b, struct buf *out);

#endif
