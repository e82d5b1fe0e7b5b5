/* site.h - a place where DeviceLinks run in a cluster: API server, operator, agent, broker, a
 * Modbus device.
 *
 * All programs are the real ones.  The site's node is kube.node; its Node object is made by
 * site_up(). Failures end the test with a message and the last lines of the programs' logs.
 */
#ifndef RIG_SITE_H
#define RIG_SITE_H

#include "rig/broker.h"
#include "rig/kube.h"

struct site {
        struct kube kube;
        struct broker broker;
        struct process operator;
        struct process agent;
        struct process device; /* tests/tools/modbus_sim --static */
        char dir[256];
        char operator_log[320], agent_log[320];
        uint16_t device_port, agent_port, operator_port; /* the latter two: --metrics-addr */
};

enum { SITE_PRIVATE = 1 /* a cluster of its own */ };

/* Everything runs when it returns; more options for the agent, or NULL. */
void site_up(struct site *s, unsigned flags, const char *const more[]);
void site_down(struct site *s);

void site_operator_start(struct site *s, const char *const more[]);
void site_agent_start(struct site *s, const char *const more[]);
/* One more agent, for another node; no metrics. */
void site_agent_start_on(struct site *s, struct process *p, const char *node,
                         const char *const more[]);
/* SIGTERM; fails the test unless it ends with 0 within 5 s. */
void site_program_stop(struct site *s, struct process *p, const char *log);
void site_device_start(struct site *s); /* on the same port */
void site_device_stop(struct site *s);

/* Apply the thermometer of tests/data/kube/link.yaml: {name}, {endpoint}, {broker} filled in;
 * `extra` (may be "") is put below spec.template.spec, indented by 6. */
void site_link(struct site *s, const char *name, const char *extra);
/* Wait until the list of conditions is exactly this, one a line as kube_conditions() says it. */
void site_expect_conditions(struct site *s, const char *name, const char *expected, int within_ms);
extern const char site_healthy[]; /* all five True */
/* Wait until an Event with this reason about the link is there; its note contains `note`. */
void site_expect_event(struct site *s, const char *name, const char *reason, const char *note,
                       int within_ms);
/* The value of a metric line that begins with this text ("limb_...{...}"), -1 when there is none.
 */
double site_metric(struct site *s, uint16_t port, const char *line);
/* How many connections the device has now. */
unsigned site_device_connections(const struct site *s);
/* Print what the programs said last. */
void site_show_logs(const struct site *s);

#endif
