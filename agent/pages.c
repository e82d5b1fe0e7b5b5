/* pages.c - see pages.h */
#include "pages.h"

#include "metrics.h"
#include "process.h"
#include "view.h"

static void on_ready(void *ctx, struct buf *out)
{
        const struct pages *p = ctx;
        const struct metrics_state s = {
                .stopping = p->stopping,
                .loaded = p->loaded,
                .adaptors = p->adaptors,
                .trouble = p->cluster ? cluster_trouble(p->cluster) : NULL,
                .away_since_ns = p->api ? kube_api_away_since(p->api) : 0,
        };

        metrics_ready(&s, out);
}

static void on_metrics(void *ctx, struct buf *out)
{
        const struct pages *p = ctx;
        struct metrics_source s = { .links = p->links, .publisher = p->publisher };
        struct cluster_counts counts;

        if (p->cluster) {
                cluster_count(p->cluster, &counts);
                s.cluster = &counts;
                s.server = kube_api_server(p->api);
                s.n_requests = kube_api_counts(p->api, &s.requests);
                s.away_since_ns = kube_api_away_since(p->api);
        }
        metrics_write(&s, out);
        process_metrics(out);
}

static const struct conditions *on_conditions(void *ctx, const char *key)
{
        const struct pages *p = ctx;

        return p->cluster ? cluster_conditions(p->cluster, key) : NULL;
}

static void on_links(void *ctx, const struct serve_query *q, struct buf *out)
{
        const struct pages *p = ctx;
        const struct view_source s = { .links = p->links, .ctx = ctx, .conditions = on_conditions };

        view_links(&s, q->space, q->name, out);
}

static void on_devices(void *ctx, const struct serve_query *q, struct buf *out)
{
        const struct pages *p = ctx;
        const struct view_source s = { .links = p->links };

        view_devices(&s, q->space, q->name, out);
}

void pages_config(struct pages *p, struct serve_config *ret)
{
        ret->ctx = p;
        ret->ready = on_ready;
        ret->metrics = on_metrics;
        ret->links = on_links;
        ret->devices = on_devices;
}
