/* metrics.h - what the agent tells a scraper and a probe: what Octopus' limb told, and what is
 * ours.
 *
 * Limits     At most METRICS_LINKS_MAX links are shown one by one; devicelink_metrics_truncated
 * says how many are not, and sums are of all.
 *
 * Threads    The loop.
 */
#ifndef METRICS_H
#define METRICS_H

#include "api_metrics.h"

#include "base/buf.h"
#include "kube/cluster.h"
#include "link/links.h"
#include "publish/publish.h"

enum { METRICS_LINKS_MAX = 2000 };

struct metrics_source {
        const struct links *links;
        const struct publisher *publisher;
        /* NULL and 0 without a cluster. */
        const struct cluster_counts *cluster;
        struct api_requests requests;
        int64_t away_since_ns; /* kube_api_away_since() */
};

/* Without process_*: process.h has these. */
void metrics_write(const struct metrics_source *s, struct buf *out);

struct metrics_state {
        bool stopping;
        bool loaded; /* the first desired set was taken over */
        size_t adaptors;
        const char *trouble;   /* cluster_trouble(); NULL = none */
        int64_t away_since_ns; /* 0 = the API server answers, or there is none */
};

/* What is not ready, a line each; nothing when all is. */
void metrics_ready(const struct metrics_state *s, struct buf *out);

#endif
