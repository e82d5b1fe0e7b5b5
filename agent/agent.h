/* agent.h - the running agent: the rooms, and what one tells another.
 *
 * run.c begins and ends them; hooks.c is what lies between.  Threads: the loop.
 */
#ifndef AGENT_H
#define AGENT_H

#include "agent_options.h"
#include "process.h"

#include "kube/cluster.h"
#include "kube/folder.h"
#include "link/links.h"
#include "publish/publish.h"
#include "serve/serve.h"

enum { AGENT_STATUS_BYTES_MAX = 8 * 1024 * 1024 };

struct agent {
        struct agent_options options;
        const char *state; /* directory */
        char host[256];
        struct process process;
        struct loop *loop;
        struct resolver *resolver;
        struct adaptors *adaptors;
        struct links *links;
        struct publisher *publisher;
        struct folder *folder;   /* one of these two */
        struct cluster *cluster; /* with .api */
        struct kube_api *api;
        struct serve *serve;
        struct loop_timer trim;   /* gives memory back after a change */
        struct buf document;      /* the status document being made */
        struct findings reported; /* the findings that were logged last time */
        bool loaded;              /* the first desired set has come */
        unsigned ending;          /* rooms that have not ended yet */
};

/* --- hooks.c: ctx is the struct agent */

void agent_on_status(void *ctx, const struct link_spec *spec, const struct device *device,
                     const struct states *states);
void agent_on_condition(void *ctx, const struct link_spec *spec, const struct conditions *c,
                        const char *cause);
void agent_on_released(void *ctx, const char *key);
void agent_on_publish_state(void *ctx, const struct link_spec *spec, int rc, const char *text);
void agent_on_desired(void *ctx, const struct desired *desired, const struct findings *findings);
bool agent_adaptor_exists(void *ctx, const char *adaptor, const char *kind);
const char *agent_kind(void *ctx, size_t i);

/* What serve asks. */
void agent_ready(void *ctx, struct buf *out);
void agent_metrics(void *ctx, struct buf *out);
void agent_links(void *ctx, const struct serve_query *q, struct buf *out);
void agent_devices(void *ctx, const struct serve_query *q, struct buf *out);

#endif
