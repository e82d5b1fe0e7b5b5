/* metrics.c - what the operator tells a scraper: what Octopus' brain told, and what is ours. */
#include "api_metrics.h"
#include "operator/impl.h"
#include "serve/serve.h"

static const struct metric_label brain = { "controller", "brain_dl" };

static void add_reconciles(const struct brain *b, struct buf *out)
{
        static const char *const names[RESULTS] = { "success", "requeue", "error",
                                                    "requeue_after" };

        metric_head(out, "controller_runtime_reconcile_total", "counter",
                    "Passes over a DeviceLink by how they ended.");
        for (size_t i = 0; i < RESULTS; i++) {
                const struct metric_label labels[] = { brain, { "result", names[i] } };
                metric_value(out, "controller_runtime_reconcile_total", labels, 2,
                             (double)b->results[i]);
        }
        metric_head(out, "controller_runtime_reconcile_errors_total", "counter",
                    "Passes over a DeviceLink that failed.");
        metric_value(out, "controller_runtime_reconcile_errors_total", &brain, 1,
                     (double)(b->results[RESULT_RETRY] + b->results[RESULT_LATER]));
        metric_head(out, "controller_runtime_reconcile_time_seconds", "histogram",
                    "Time of one pass over a DeviceLink, with its requests.");
        metric_histogram(out, "controller_runtime_reconcile_time_seconds", &brain, 1, &b->times);
        const struct metric_label queue = { "name", "brain_dl" };
        metric_head(out, "workqueue_depth", "gauge", "DeviceLinks that wait for their turn.");
        metric_value(out, "workqueue_depth", &queue, 1, (double)b->n_queued);
}

static void add_links(const struct brain *b, struct buf *out)
{
        uint64_t counts[CONDITION_COUNT][CONDITION_FALSE + 1] = { 0 };
        uint64_t n_new = 0;
        const struct ward *w;

        LIST_FOREACH (w, &b->links, entry) {
                const struct condition *c = conditions_phase(&w->view->status.conditions);
                if (c)
                        counts[c->type][c->status]++;
                else
                        n_new++;
        }
        metric_head(out, "devicelink_operator_links", "gauge",
                    "DeviceLinks by phase, the last of their conditions.");
        const struct metric_label none[] = { { "phase", "" }, { "status", "" } };
        metric_value(out, "devicelink_operator_links", none, 2, (double)n_new);
        for (enum condition_type t = 0; t < CONDITION_COUNT; t++) {
                for (enum condition_status s = CONDITION_UNKNOWN; s <= CONDITION_FALSE; s++) {
                        const struct metric_label labels[] = {
                                { "phase", condition_type_name(t) },
                                { "status", condition_status_name(s) },
                        };
                        metric_value(out, "devicelink_operator_links", labels, 2,
                                     (double)counts[t][s]);
                }
        }
}

static void add_agents(const struct brain *b, struct buf *out)
{
        static const char *const names[] = {
                [AGENT_UNSEEN] = "unseen",
                [AGENT_ALIVE] = "alive",
                [AGENT_SILENT] = "silent",
                [AGENT_GONE] = "gone",
        };
        size_t counts[AGENT_GONE + 1] = { 0 };

        hosts_count(b->hosts, counts);
        metric_head(out, "devicelink_operator_agents", "gauge",
                    "Nodes that DeviceLinks name, by how their agent is.");
        for (size_t i = 0; i <= AGENT_GONE; i++) {
                const struct metric_label label = { "state", names[i] };
                metric_value(out, "devicelink_operator_agents", &label, 1, (double)counts[i]);
        }
}

static void add_leader(const struct brain *b, struct buf *out)
{
        bool leads = b->leader ? leader_is(b->leader) : b->elected;
        const char *holder = b->leader ? leader_holder(b->leader) : b->config.identity;
        const struct metric_label who = { "holder", holder };

        metric_head(out, "devicelink_operator_leader", "gauge", "1: this operator leads.");
        metric_value(out, "devicelink_operator_leader", NULL, 0, leads ? 1 : 0);
        metric_head(out, "devicelink_operator_leader_info", "gauge", "Who leads.");
        metric_value(out, "devicelink_operator_leader_info", &who, 1, 1);
        metric_head(out, "devicelink_operator_events_dropped_total", "counter",
                    "Events that were not told.");
        metric_value(out, "devicelink_operator_events_dropped_total", NULL, 0,
                     (double)events_dropped(b->events));
}

void brain_metrics(const struct brain *b, struct buf *out)
{
        add_reconciles(b, out);
        const struct api_requests requests = api_requests_of(b->config.api);

        api_metrics(&requests, out);
        add_links(b, out);
        add_agents(b, out);
        add_leader(b, out);
}

void brain_ready(const struct brain *b, struct buf *out)
{
        for (size_t i = 0; i < WATCHES; i++) {
                const struct watch *w = &b->watches[i];
                bool is_refused =
                        w->state == REFLECTOR_FORBIDDEN || w->state == REFLECTOR_NO_RESOURCE;

                if (is_refused || !reflector_synced(w->reflector))
                        buf_addf(out, "%s: %s\n", w->what, w->text);
        }
        if (b->lost)
                buf_adds(out, "the Lease is lost\n");
}
