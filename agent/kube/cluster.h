/* cluster.h - the agent's side of the API server: links of this node in, instances, conditions,
 * events and status out.
 *
 * A link is driven when the operator has found its node and model, the finalizer is set, the device
 * instance is right and held by this node, and its references are read.  The set of those goes to
 * changed(); what the rooms say about them comes back through cluster_condition(), cluster_status()
 * and cluster_released(), and is written: conditions at once, device status coalesced.
 * API server away: the set stays as it is; a start without it drives what last_known.h kept.
 * Moving     A link that leaves for another node is stopped, then its instance is given back
 *            (instance.h); one that comes is taken when nobody holds it.  After a start, what is
 *            held without a link of this node is given back, too (the state may have been lost).
 * Mass loss  When all links (10 or more) vanish at once together with their CRD, they are kept
 *            running until the CRD is back or keep_ns is over.
 * Threads    The loop.  Hooks may call back.
 */
#ifndef KUBE_CLUSTER_H
#define KUBE_CLUSTER_H

#include "base/histogram.h"
#include "kube/api.h"
#include "model/condition.h"
#include "model/spec.h"

struct cluster;

struct cluster_config {
        struct loop *loop;
        struct kube_api *api;
        const char *node;
        const char *space;       /* only links of this namespace; NULL = of all */
        const char *lease_space; /* where the heartbeat is; NULL = own namespace */
        const char *state_dir;
        int64_t status_interval_ns; /* per link, least time between writes of device status */
        int64_t refresh_ns;         /* times of unchanged values; 0 = never */
        int64_t cleanup_ns;         /* a deleted link's device may take this long to close */
        int64_t keep_ns;            /* see "Mass loss"; 0 = not kept */
        int64_t start_jitter_ns;
        void *ctx;
        /* The kinds of devices that the adaptors here drive, one after the other; NULL: no more. */
        const char *(*kind)(void *ctx, size_t i);
        bool (*adaptor_exists)(void *ctx, const char *adaptor, const char *kind);
        /* As in folder.h. */
        void (*changed)(void *ctx, const struct desired *, const struct findings *);
};

int cluster_open(const struct cluster_config *, struct cluster **ret, struct err *e);

/* From the link room: how a driven link is. */
void cluster_condition(struct cluster *c, const struct link_spec *spec, const struct conditions *,
                       const char *cause);
/* A status document, after every poll. */
void cluster_status(struct cluster *c, const struct link_spec *spec, const char *json, size_t len);
/* Nothing drives the device of this link any more; its line is closed. */
void cluster_released(struct cluster *c, const char *key);
/* Something to tell a person as an Event on the link. */
void cluster_event(struct cluster *c, const struct link_spec *spec, bool warning,
                   const char *reason, const char *action, const char *note);

struct cluster_counts {
        size_t links, driven, waiting; /* waiting: for node, model, finalizer, instance, refs */
        size_t queued;                 /* writes that wait for their turn */
        uint64_t reconciles, errors;
        uint64_t status_writes, condition_writes, conflicts;
        struct histogram times; /* from an event to the end of the reconcile it caused */
};
void cluster_count(const struct cluster *c, struct cluster_counts *ret);
/* NULL: all is well; else what is not ready, for people ("DeviceLinks: forbidden: ...").  Trouble
 * with one kind of devices is in the conditions of its links: whoever writes a link with such a
 * model must not make the agent unready.  The text lives until the next call. */
const char *cluster_trouble(const struct cluster *c);
/* The condition list of a link as last known to be in the API object, NULL: no such link. */
const struct conditions *cluster_conditions(const struct cluster *c, const char *key);
/* The links of this node that nothing drives, in the order of their keys: texts live until the
 * cluster's next event. */
struct cluster_waiting {
        const char *key, *space, *name, *uid;
        const char *node, *adaptor, *api_version, *kind; /* "" = not known */
        const struct conditions *conditions;
        const char *cause; /* what this agent knows of it; "" = nothing */
};
void cluster_each_waiting(const struct cluster *c,
                          void (*each)(void *ctx, const struct cluster_waiting *), void *ctx);

/* Write what waits, at most limit_ns; then done(). */
void cluster_stop(struct cluster *c, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
void cluster_close(struct cluster *c); /* NULL is fine */

#endif
