/* lease.h - coordination.k8s.io/v1 Leases: the heartbeat of an agent, and leader election (A12).
 *
 * Times of others are never compared with our clock: a lease is expired when it was seen unchanged
 * for its duration on the monotonic clock here.
 * Heartbeat  A merge patch each period (+-10 %), a POST where there is no Lease; after a failure
 *            again after a tenth of the period, doubling up to it.
 * Leader     Each write is a merge patch that holds the resourceVersion it was made from, so that
 *            of two one fails.  Who leads has begun a renewal that succeeded less than the deadline
 *            ago.
 * Threads    The loop.  Callbacks may close.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "kube/api.h"

enum { LEASE_NAME_SIZE = 254 };

/* "devicelink-agent-<node>", with a hash where that is too long. */
void heartbeat_name(const char *node, char ret[LEASE_NAME_SIZE]);
#define HEARTBEAT_LABEL "edge.cattle.io/component=agent" /* of every heartbeat Lease */
#define HEARTBEAT_NODE "edge.cattle.io/node-name"        /* annotation: the whole name */

struct heartbeat;

struct heartbeat_config {
        struct kube_api *api;
        const char *space, *node, *identity;
        int64_t period_ns;   /* 0 = 10 s, with jitter */
        int64_t duration_ns; /* 0 = 40 s */
};

struct heartbeat *heartbeat_open(const struct heartbeat_config *);
void heartbeat_close(struct heartbeat *h); /* the Lease stays; NULL is fine */
/* Text why it is not renewed, or NULL. */
const char *heartbeat_trouble(const struct heartbeat *h);

struct leader;

struct leader_config {
        struct kube_api *api;
        const char *space, *name, *identity;        /* identity: unique per process start */
        int64_t duration_ns, deadline_ns, retry_ns; /* 0 = 15 s, 10 s, 2 s */
        void *ctx;
        void (*elected)(void *ctx); /* at most once */
        /* Renewal failed for deadline_ns, or another holds it: nothing may be written from now on.
         * At most once; it is not tried again. */
        void (*lost)(void *ctx);
};

/* duration > deadline > 1.2 retry */
struct leader *leader_open(const struct leader_config *);
/* To be asked before each write: after a pause of the process it is false before lost() came. */
bool leader_is(const struct leader *l);
const char *leader_holder(const struct leader *l); /* "" = unknown */
/* Give the Lease up (when held) so that the next one comes within 2 s; done() once, within
 * limit_ns, not from within.  It leads no more from now on; lost() is not called. */
void leader_release(struct leader *l, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
void leader_close(struct leader *l); /* NULL is fine */

/* MicroTime: exactly six fraction digits (A7 90). */
enum { MICRO_TIME_SIZE = 40 };
void micro_time(int64_t wall_ns, char ret[MICRO_TIME_SIZE]);

/* Watching others' leases: call with what was read; says whether it is alive. */
struct lease_view {
        char holder[128];
        char renewed[MICRO_TIME_SIZE]; /* renewTime as text: a change is a heartbeat */
        int64_t transitions;
        int64_t duration_ns;
        int64_t seen_ns; /* monotonic, when it was last seen to change */
};
void lease_view_read(struct lease_view *v, const struct tree *lease, int64_t now_ns);
bool lease_view_expired(const struct lease_view *v, int64_t now_ns);

#endif
