/* events.h - Kubernetes Events, said without delaying anybody.
 *
 * events.k8s.io/v1.  The same again, in the same words, is a series on one Event (A7 92): the first
 * repeat at once, then at most every 30 minutes, when it happens; gone ones (TTL) are made anew.
 * Per object 25 writes at once, then one each 5 minutes; at most 1,000 wait, the newest is dropped;
 * at most 4 requests are under way, of one Event one.
 * Refusals are dropped, counted, and said once; without API server it is tried for two minutes.
 * Memory     of the last 4,096 Events, 48 bytes each; the oldest is forgotten, and made anew.
 * Threads    The loop.
 */
#ifndef KUBE_EVENTS_H
#define KUBE_EVENTS_H

#include "kube/api.h"

struct events;

struct events_config {
        struct kube_api *api;
        const char *controller; /* reportingController, qualified: "edge.cattle.io/limb" */
        const char *instance;   /* reportingInstance, at most 128: node or Pod name */
};

struct event_about { /* copied */
        const char *api_version, *kind, *space, *name, *uid;
};

struct events *events_new(const struct events_config *);
void events_free(struct events *ev); /* NULL is fine */
/* note is cut at 1,024 bytes; reason and action are not empty; all texts are copied. */
void events_say(struct events *ev, const struct event_about *, bool warning, const char *reason,
                const char *action, const char *note);
uint64_t events_dropped(const struct events *ev); /* refused, too many, or not answered */

#endif
