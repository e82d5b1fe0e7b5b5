/* items.h - the content of Secrets and ConfigMaps: read, checked, sorted by key. */
#ifndef KUBE_ITEMS_H
#define KUBE_ITEMS_H

#include "kube/objects.h"

/* Fill o->items from `data` (Base64 in a Secret) and `stringData`, which wins; both may be NULL.
 * What is wrong is reported by key, never by content. */
void items_read(struct arena *a, struct object *o, const struct tree *data,
                const struct tree *string_data, struct findings *f);

#endif
