/* models.h - the CRDs that links name as their model: whether each is there, and which of its
 * versions are served.
 *
 * Existence comes from a watch of the CRDs' metadata; the versions are read by name (GET), only of
 * CRDs that a link names, and again when their generation changes.  What was read last holds until
 * the answer is there, and while there is none.
 * A CRD that is being deleted is gone: it takes no new instances and loses the ones it has.
 * Threads: the loop.
 */
#ifndef OPERATOR_MODELS_H
#define OPERATOR_MODELS_H

#include "kube/api.h"
#include "operator/decide.h"
#include "operator/keyed.h"

#include <sys/queue.h>

struct ward;
LIST_HEAD(model_wards, ward);

struct model;
struct models;

struct models_config {
        struct loop *loop;
        struct kube_api *api;
        void *ctx;
        /* It is there, gone, or serves other versions.  Must not use or drop any. */
        void (*changed)(void *ctx, struct model *m);
};

struct models *models_new(const struct models_config *);
void models_free(struct models *s); /* nobody uses one any more; NULL is fine */

/* crd: from crd_name(), not "" */
struct model *models_use(struct models *s, const char *crd);
void models_drop(struct models *s, struct model *m);

void models_crd(struct models *s, const struct object_meta *m);
void models_crd_gone(struct models *s, const char *crd);

/* m NULL: no CRD can have that name. */
enum model_state model_state(const struct model *m, const char *api_version);
struct model_wards *model_wards(struct model *m); /* that name it: the user's */
/* A version to reach objects by: the wanted one ("group/version") unless it is known that another
 * must do.  For free(). */
char *models_reach(const struct models *s, const char *crd, const char *api_version);

#endif
