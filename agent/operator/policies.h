/* policies.h - whether the cluster can hold agents to their own nodes.
 *
 * The isolation of nodes is a ValidatingAdmissionPolicy (manifests/base/isolation.yaml).  A cluster
 * without that kind takes the rest of the manifests, and every agent may then write every node's
 * links and devices: the operator asks once what the server offers, and says so (reference A11
 * 125).
 *
 * Threads  The loop.
 */
#ifndef OPERATOR_POLICIES_H
#define OPERATOR_POLICIES_H

#include "kube/api.h"

struct policies;

struct policies *policies_check(struct kube_api *api);
void policies_close(struct policies *p); /* NULL is fine */

#endif
