/* maker.h - from objects to the desired set.
 *
 * Makes one struct link_spec per link (and per device given directly).  A spec is made anew only
 * when its link, or a Secret or ConfigMap that the link refers to, is another object than before;
 * and when what comes out is equal, the old one stays: pointers tell what changed.
 * Threads: none shared.
 */
#ifndef KUBE_MAKER_H
#define KUBE_MAKER_H

#include "kube/objects.h"
#include "model/spec.h"

struct maker;

/* node: only its links, NULL = all; devices given directly are always ours.  host: for uids, and
 * the downward API's status.nodeHostName where the link does not tell one; may be NULL. */
struct maker *maker_new(const char *node, const char *host);
void maker_free(struct maker *m); /* NULL is fine */
/* Who knows why a Secret or ConfigMap is not there, as in refs.h; another reason makes another
 * spec. */
void maker_set_why(struct maker *m,
                   const char *(*why)(void *ctx, enum object_kind kind, const char *space,
                                      const char *name),
                   void *ctx);

/* Of a sealed index.  What cannot be resolved is reported, each time.  Returns whether the set is
 * another one than before. */
bool maker_run(struct maker *m, const struct object_index *x, struct findings *f);
const struct desired *maker_desired(const struct maker *m); /* until the next run */

#endif
