/* api_metrics.c - see api_metrics.h */
#include "api_metrics.h"

#include "serve/serve.h"

#include <stdio.h>
#include <string.h>

static const char *host_of(const char *server)
{
        const char *slashes = strstr(server, "://");

        return slashes ? slashes + 3 : server;
}

static void code_text(int code, char ret[16])
{
        (void)snprintf(ret, 16, code > 0 ? "%d" : "<error>", code);
}

/* Watches are GETs to a client of Go. */
static const char *method_of(const struct kube_count *c)
{
        return strcmp(c->method, "WATCH") == 0 ? "GET" : c->method;
}

static bool same_row(const struct kube_count *a, const struct kube_count *b)
{
        return a->code == b->code && strcmp(method_of(a), method_of(b)) == 0;
}

/* One row for all resources, written where the first of them stands. */
static void add_rest_client(const struct api_requests *r, struct buf *out)
{
        metric_head(out, "rest_client_requests_total", "counter",
                    "Requests to the API server by what they got.");
        for (size_t i = 0; i < r->n_rows; i++) {
                uint64_t n = 0;
                size_t first = 0;

                while (!same_row(&r->rows[first], &r->rows[i]))
                        first++;
                if (first < i)
                        continue;
                for (size_t k = i; k < r->n_rows; k++) {
                        if (same_row(&r->rows[k], &r->rows[i]))
                                n += r->rows[k].n;
                }
                char code[16];
                code_text(r->rows[i].code, code);
                const struct metric_label labels[] = {
                        { "code", code },
                        { "host", host_of(r->server) },
                        { "method", method_of(&r->rows[i]) },
                };
                metric_value(out, "rest_client_requests_total", labels, 3, (double)n);
        }
}

static void add_latencies(const struct api_requests *r, struct buf *out)
{
        static const char name[] = "rest_client_request_latency_seconds";

        metric_head(out, name, "histogram", "Time of a request to the API server, by verb.");
        for (size_t i = 0; i < r->n_latencies; i++) {
                const struct kube_latency *l = &r->latencies[i];
                const struct metric_label labels[] = {
                        { "url", r->server },
                        { "verb", l->method },
                };
                metric_histogram(out, name, labels, 2, &l->times);
        }
}

static void add_requests(const struct api_requests *r, struct buf *out)
{
        metric_head(out, "devicelink_kube_requests_total", "counter",
                    "Requests to the API server by verb, resource and what they got.");
        for (size_t i = 0; i < r->n_rows; i++) {
                const struct kube_count *c = &r->rows[i];
                char code[16];

                code_text(c->code, code);
                const struct metric_label labels[] = {
                        { "verb", c->method },
                        { "resource", c->resource },
                        { "code", code },
                };
                metric_value(out, "devicelink_kube_requests_total", labels, 3, (double)c->n);
        }
}

struct api_requests api_requests_of(const struct kube_api *api)
{
        struct api_requests ret = { .server = kube_api_server(api) };

        ret.n_rows = kube_api_counts(api, &ret.rows);
        ret.n_latencies = kube_api_latencies(api, &ret.latencies);
        return ret;
}

void api_metrics(const struct api_requests *r, struct buf *out)
{
        add_rest_client(r, out);
        add_latencies(r, out);
        add_requests(r, out);
}
