/* brain.h - the cluster's part: what no agent can do, because it is about nodes and models, or
 * because the agent is gone.
 *
 *   - whether the node and the model of each link exist, and what is told of them (octopus 1.2);
 *   - links of silent agents become Unknown (reason AgentLost);
 *   - finalizers of links whose agent cannot drop them any more; instances that a lost node holds,
 *     and those of a kind that a link has left (octopus 1.3).
 * Of several operators one works, the others keep their caches warm; nothing is written without the
 * Lease, and nothing is decided before links, nodes, CRDs and Leases have been read once.
 * One request is under way per link, 32 in all; a link that fails is tried again after a back-off
 * of at most 60 s.  What is as it should be is not written. Threads: the loop.
 */
#ifndef OPERATOR_BRAIN_H
#define OPERATOR_BRAIN_H

#include "kube/api.h"

struct brain;

struct brain_config {
        struct kube_api *api;
        const char *lease_space; /* of our own Lease and the agents'; NULL = own namespace */
        const char *identity;    /* unique per process start */
        bool elect;              /* false: there is no other operator */
        int64_t grace_ns;        /* a silent agent keeps its deleted links this long */
        void *ctx;
        /* The Lease is another's now; nothing is written any more.  The process should end. */
        void (*lost)(void *ctx);
};

struct brain *brain_open(const struct brain_config *) __attribute__((returns_nonnull));
/* Whether writing is allowed at this moment: for kube_api_config. */
bool brain_may_write(const struct brain *b);
/* What is not ready, a line each; nothing: ready. */
void brain_ready(const struct brain *b, struct buf *out);
/* Prometheus text (octopus 2.4 and ours). */
void brain_metrics(const struct brain *b, struct buf *out);
/* End what is under way, give the Lease up; done() once, within limit_ns. */
void brain_stop(struct brain *b, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
void brain_close(struct brain *b); /* NULL is fine */

#endif
