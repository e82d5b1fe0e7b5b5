/* events.h - Kubernetes Events, said without delaying anybody.
 *
 * events.k8s.io/v1; the same again is a series on one Event (A7 92): the first repeat at once, then
 * at most every 30 minutes; gone ones (TTL) are made anew.  Per object 25 at once, then one each 5
 * minutes; at most 1,000 wait, the newest is dropped.  Refusals are dropped and counted.
 * Threads: the loop.
 */
#ifndef KUBE_EVENTS_H
#define KUBE_EVENTS_H

#include "kube/api.h"

struct events;

struct events_config {
        struct kube_api *api;
        const char *controller; /* reportingController, qualified: "edge.cattle.io/limb" */
        const char *component;  /* deprecatedSource.component: "limb" */
        const char *instance;   /* reportingInstance, at most 128: node or Pod name */
};

struct event_about { /* copied */
        const char *api_version, *kind, *space, *name, *uid;
};

struct events *events_new(const struct events_config *);
void events_free(struct events *ev); /* NULL is fine */
/* note is cut at 1,024 bytes. */
void events_say(struct events *ev, const struct event_about *, bool warning, const char *reason,
                const char *action, const char *note);
uint64_t events_dropped(const struct events *ev);

#endif
