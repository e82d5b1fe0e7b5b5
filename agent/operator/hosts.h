/* hosts.h - the nodes that links name: whether each is there, with which addresses, and whether its
 * agent lives.
 *
 * An agent lives as long as its heartbeat Lease changes; it is silent when the Lease was seen
 * unchanged for its own duration (40 s where there is none), on our clock alone, and gone when it
 * has been silent for the grace.  Our own view may be what is broken, so
 *   - while the Leases are not being watched, and for one duration after that, nobody becomes
 * silent;
 *   - the same when this process itself did not run for a while;
 *   - when no agent at all spoke lately, each has one more duration.
 * Only nodes that somebody looks at (hosts_use()) are judged.
 * Times are passed in (monotonic ns).  Threads: none shared.
 */
#ifndef OPERATOR_HOSTS_H
#define OPERATOR_HOSTS_H

#include "kube/lease.h"
#include "operator/decide.h"
#include "operator/keyed.h"

#include <sys/queue.h>

struct ward;
LIST_HEAD(ward_list, ward);

struct host {
        struct keyed keyed; /* the node's name */
        LIST_ENTRY(host) entry;
        struct ward_list links;   /* that name it: the user's */
        struct ward_list waiting; /* for it to give an instance back: the user's */
        size_t users;
        bool said_lost;      /* the user's */
        struct arena *arena; /* of the view; NULL: there is no Node, or it is being deleted */
        struct node_view view;
        enum agent_state agent;
        uint64_t episode; /* of silence: no two of any host are the same; 0 = never */
        bool has_lease;
        bool extended; /* had its further duration */
        struct lease_view lease;
        int64_t since_ns;  /* it is known, its Node is there, or its Lease is not */
        int64_t silent_ns; /* since when */
};

struct hosts;

struct hosts_config {
        int64_t grace_ns;
        void *ctx;
        /* Node, addresses or agent are not what they were.  Must not use or drop any. */
        void (*changed)(void *ctx, struct host *h);
};

struct hosts *hosts_new(const struct hosts_config *);
void hosts_free(struct hosts *s); /* nobody uses one any more; NULL is fine */

struct host *hosts_use(struct hosts *s, const char *node, int64_t now_ns);
void hosts_drop(struct hosts *s, struct host *h);

void hosts_node(struct hosts *s, const struct tree *object, const struct object_meta *m,
                int64_t now_ns);
void hosts_node_gone(struct hosts *s, const char *node);
/* Leases that are no agent's (by name and annotation) are left out. */
void hosts_lease(struct hosts *s, const struct tree *object, const struct object_meta *m,
                 int64_t now_ns);
void hosts_lease_gone(struct hosts *s, const char *lease, int64_t now_ns);
/* Whether what is seen of the Leases is how they are now. */
void hosts_watched(struct hosts *s, bool live, int64_t now_ns);

void hosts_judge(struct hosts *s, int64_t now_ns);
int64_t hosts_next(const struct hosts *s); /* when to judge; INT64_MAX: not now */

/* How many that are used, by enum agent_state; ret has room for all. */
void hosts_count(const struct hosts *s, size_t *ret);

const struct node_view *host_node(const struct host *h); /* NULL: there is no Node */
/* Nobody drives anything there, as far as can be known: no Node, or a silent agent. */
bool host_is_lost(const struct host *h);

#endif
