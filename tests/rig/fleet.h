/* fleet.h - several agents and operators on a private cluster, each with the rights and the token
 * that the manifests give it, reaching the API server through a line that can be cut.
 *
 * manifests/overlays/plain is applied; a member is the real program, and may be killed and started
 * again.  Failures end the test with a message.
 */
#ifndef RIG_FLEET_H
#define RIG_FLEET_H

#include "rig/kube.h"
#include "rig/process.h"
#include "rig/proxy.h"

enum { FLEET_AGENTS = 2, FLEET_OPERATORS = 2 };

struct fleet_member {
        char name[96]; /* of an agent also that of its node, whose Node object is there */
        char kubeconfig[400];
        char log[400];
        char state[400];
        bool is_agent;
        struct process process;
};

struct fleet {
        struct kube kube;
        struct proxy *proxy;
        char dir[256];
        struct fleet_member agents[FLEET_AGENTS];
        struct fleet_member operators[FLEET_OPERATORS];
};

void fleet_up(struct fleet *f); /* nobody of it runs yet */
void fleet_down(struct fleet *f);
void fleet_start(struct fleet_member *m);
/* SIGTERM; fails the test unless it ends with 0 and nothing of what a sanitizer would say. */
void fleet_stop(struct fleet_member *m);
size_t fleet_descriptors(const struct fleet_member *m); /* that it has open */
/* The last lines of each one's log, on stderr. */
void fleet_show_logs(const struct fleet *f);

#endif
