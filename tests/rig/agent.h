/* agent.h - the real agent over a folder of manifests, with a real broker, in a scratch directory.
 */
#ifndef RIG_AGENT_H
#define RIG_AGENT_H

#include "rig/process.h"

#include <stdint.h>

struct rig {
        char dir[256];       /* scratch */
        char manifests[320]; /* dir/manifests */
        char agent_log[320];
        uint16_t broker_port;
        struct process broker;
        struct process agent;
};

/* A scratch directory with an empty folder of manifests and a broker on a free port. */
void rig_up(struct rig *r);
/* Kills what runs, removes the directory. */
void rig_down(struct rig *r);

void rig_broker_start(struct rig *r); /* on the same port; returns when it listens */
/* Write a manifest: NAME in the folder; format with its arguments gives the text. */
void rig_manifest(struct rig *r, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* The agent on this rig, with more options (NULL-terminated) when not NULL. */
void rig_agent_start(struct rig *r, const char *const more[]);
/* SIGTERM; fails the test unless it ends with 0 within 5 s. */
void rig_agent_stop(struct rig *r);

/* A simulator of Modbus devices on a free port (tests/tools/modbus_sim.c). */
struct rig_device {
        struct process process;
        uint16_t port;
        char output[320];
};

void rig_device_start(struct rig *r, struct rig_device *d, const char *const more[]);

#endif
