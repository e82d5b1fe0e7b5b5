/* copy.h - what stays of a document when its tree goes. */
#ifndef KUBE_COPY_H
#define KUBE_COPY_H

#include "kube/devicelink.h"

/* Deep copies into the arena. */
struct metadata metadata_copy(struct arena *a, const struct metadata *from);
struct devicelink devicelink_copy(struct arena *a,
                                  const struct devicelink *from); /* no meta, no template.spec */
struct tree *tree_copy(struct arena *a, const struct tree *t);

/* The few nodes of an object that later findings may speak of, mostly without their values. */
struct tree *object_outline(struct arena *a, const struct tree *doc);

#endif
