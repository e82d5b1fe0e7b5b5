/* publish.h - from status documents to brokers: topics, sessions, queues.
 *
 * publish_apply() takes the whole desired set, compiles each link's spec.extension.mqtt, and
 * starts, replaces, keeps or ends sessions: an unchanged section keeps its connection.  MQTT runs
 * on its own thread; nothing here waits for a broker.
 * Threads: the loop.
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "base/finding.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "model/spec.h"

struct publisher;

/* state: what a person should know of a link's session.  rc 0: connected; DL_RETRY: broker away or
 * refusing, being retried; DL_CONFIG: the section is wrong, nothing is published. */
struct publish_hooks {
        void *ctx;
        void (*state)(void *ctx, const struct link_spec *, int rc, const char *text);
};

struct publish_config {
        struct loop *loop;
        struct resolver *resolver;
        const char *node; /* for the client id of shared sessions */
        struct publish_hooks hooks;
};

struct publisher *publish_new(const struct publish_config *);
void publish_apply(struct publisher *p, const struct desired *d);

/* Publish a document for a link.  Copied; a link without a section, or with a wrong one, ignores
 * it. */
void publish_status(struct publisher *p, const char *key, const char *json, size_t len);

/* The checks of publish_apply() for one link, without I/O: spec.extension.mqtt of the device spec.
 * Returns 0 or DL_CONFIG; findings have paths below spec->spec_path and lines. */
int publish_check(const struct link_spec *spec, struct findings *f);

struct publish_counts {
        size_t sessions, connected;
        uint64_t published, acknowledged, dropped; /* dropped: queue full, or QoS 0 while away */
        uint64_t queued;                           /* now */
};
/* A snapshot, taken at the mqtt thread's last turn. */
void publish_count(const struct publisher *p, struct publish_counts *ret);

/* Links that publish, in order of their keys.  What is given lives for the call. */
struct publish_view {
        const struct link_spec *spec;
        bool connected;
        size_t queued; /* messages that the broker has not acknowledged */
};
void publish_each(const struct publisher *p, void (*each)(void *ctx, const struct publish_view *),
                  void *ctx);

/* Disconnect everything gracefully (wills are not sent), at most `limit_ns`; done() on the loop. */
void publish_stop(struct publisher *p, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
void publish_free(struct publisher *p);

#endif
