/* api_metrics.h - what the agent and the operator tell a scraper of their requests to the API
 * server: client-go's names (rest_client_*), as Octopus had them, and by resource ours.
 *
 * Limits   Those of kube_api_counts().
 * Threads  The loop.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "base/buf.h"
#include "kube/api.h"

struct api_requests {
        const char *server;
        const struct kube_count *rows;
        size_t n_rows;
        const struct kube_latency *latencies;
        size_t n_latencies;
};

/* Until the next request ends. */
struct api_requests api_requests_of(const struct kube_api *api);
void api_metrics(const struct api_requests *r, struct buf *out);

#endif
