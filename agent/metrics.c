/* metrics.c - see metrics.h */
#include "metrics.h"

#include "serve/serve.h"

#include "base/clock.h"
#include "base/text.h"

static void add(struct buf *out, const char *name, const char *type, const char *help, double value)
{
        metric_head(out, name, type, help);
        metric_value(out, name, NULL, 0, value);
}

/* --- adaptors, under the names of Octopus' limb */

struct adaptor_walk {
        struct buf *out;
        const char *name;
};

static void on_connections(void *ctx, const struct links_adaptor *a)
{
        const struct adaptor_walk *w = ctx;
        const struct metric_label label = { "adaptor", a->name };

        metric_value(w->out, w->name, &label, 1, (double)a->connected);
}

static void on_connect_errors(void *ctx, const struct links_adaptor *a)
{
        const struct adaptor_walk *w = ctx;
        const struct metric_label label = { "adaptor", a->name };

        metric_value(w->out, w->name, &label, 1, (double)a->connect_errors);
}

static void on_send_errors(void *ctx, const struct links_adaptor *a)
{
        const struct adaptor_walk *w = ctx;
        const struct metric_label label = { "adaptor", a->name };

        metric_value(w->out, w->name, &label, 1, (double)a->poll_errors);
}

static void on_latency(void *ctx, const struct links_adaptor *a)
{
        const struct adaptor_walk *w = ctx;
        const struct metric_label label = { "adaptor", a->name };

        metric_histogram(w->out, w->name, &label, 1, &a->times);
}

static const struct {
        const char *name, *type, *help;
        void (*each)(void *ctx, const struct links_adaptor *a);
} adaptor_metrics[] = {
        { "limb_connect_connections", "gauge", "Devices that answer, by adaptor.", on_connections },
        { "limb_connect_errors_total", "counter", "Polls of devices that could not be reached.",
          on_connect_errors },
        { "limb_send_errors_total", "counter", "Polls that failed on devices that had answered.",
          on_send_errors },
        { "limb_send_latency_seconds", "histogram", "Time of one poll, connecting included.",
          on_latency },
};

static void add_adaptors(const struct metrics_source *s, struct buf *out)
{
        for (size_t i = 0; i < sizeof(adaptor_metrics) / sizeof(adaptor_metrics[0]); i++) {
                struct adaptor_walk w = { .out = out, .name = adaptor_metrics[i].name };

                metric_head(out, w.name, adaptor_metrics[i].type, adaptor_metrics[i].help);
                links_each_adaptor(s->links, adaptor_metrics[i].each, &w);
        }
}

/* --- links */

struct link_walk {
        struct buf *out;
        const char *name;
        size_t n;
};

static bool is_shown(struct link_walk *w)
{
        return w->n++ < METRICS_LINKS_MAX;
}

static void on_state(void *ctx, const struct links_view *v)
{
        struct link_walk *w = ctx;
        const struct condition *c = conditions_phase(v->conditions);

        if (!is_shown(w))
                return;
        const struct metric_label labels[] = {
                { "namespace", v->spec->space },
                { "name", v->spec->name },
                { "phase", c ? condition_type_name(c->type) : "" },
                { "reason", c ? condition_reason_of(c) : "" },
        };
        metric_value(w->out, w->name, labels, 4, 1);
}

static void on_polls(void *ctx, const struct links_view *v)
{
        struct link_walk *w = ctx;
        const struct metric_label labels[] = { { "namespace", v->spec->space },
                                               { "name", v->spec->name } };

        if (is_shown(w))
                metric_value(w->out, w->name, labels, 2, (double)v->polls);
}

static void on_poll_errors(void *ctx, const struct links_view *v)
{
        static const char *const classes[LINKS_CLASSES] = { "retry", "refused", "config", "bug" };
        struct link_walk *w = ctx;

        if (!is_shown(w))
                return;
        for (size_t i = 0; i < LINKS_CLASSES; i++) {
                const struct metric_label labels[] = { { "namespace", v->spec->space },
                                                       { "name", v->spec->name },
                                                       { "class", classes[i] } };

                if (v->failures[i] > 0)
                        metric_value(w->out, w->name, labels, 3, (double)v->failures[i]);
        }
}

static void on_staleness(void *ctx, const struct links_view *v)
{
        struct link_walk *w = ctx;
        const struct metric_label labels[] = { { "namespace", v->spec->space },
                                               { "name", v->spec->name } };

        if (is_shown(w) && v->good_ns > 0)
                metric_value(w->out, w->name, labels, 2,
                             (double)(clock_mono_ns() - v->good_ns) / (double)NS_PER_S);
}

static void on_queue(void *ctx, const struct publish_view *v)
{
        struct link_walk *w = ctx;
        const struct metric_label labels[] = { { "namespace", v->spec->space },
                                               { "name", v->spec->name } };

        if (is_shown(w))
                metric_value(w->out, w->name, labels, 2, (double)v->queued);
}

static const struct {
        const char *name, *type, *help;
        void (*each)(void *ctx, const struct links_view *v);
} link_metrics[] = {
        { "devicelink_link_state", "gauge",
          "1, labelled with the last of the link's conditions and its reason.", on_state },
        { "devicelink_link_polls_total", "counter", "Polls that have ended.", on_polls },
        { "devicelink_link_poll_errors_total", "counter",
          "Polls that failed: the device is away (retry), says no (refused), the spec is wrong "
          "(config), the adaptor is (bug).",
          on_poll_errors },
        { "devicelink_link_staleness_seconds", "gauge", "Time since the last good poll.",
          on_staleness },
};

static void add_links(const struct metrics_source *s, struct buf *out)
{
        struct links_counts c;

        links_count(s->links, &c);
        metric_head(out, "devicelink_links", "gauge", "Links by how their device is.");
        const struct metric_label healthy = { "state", "healthy" };
        const struct metric_label unhealthy = { "state", "unhealthy" };
        const struct metric_label connecting = { "state", "connecting" };
        metric_value(out, "devicelink_links", &healthy, 1, (double)c.healthy);
        metric_value(out, "devicelink_links", &unhealthy, 1, (double)c.unhealthy);
        metric_value(out, "devicelink_links", &connecting, 1,
                     (double)(c.links - c.healthy - c.unhealthy));
        add(out, "devicelink_polls_total", "counter", "Polls that have ended.", (double)c.polls);
        add(out, "devicelink_poll_errors_total", "counter", "Polls that failed.",
            (double)c.polls_failed);
        add(out, "devicelink_samples_total", "counter", "Values that devices gave.",
            (double)c.samples);
        add(out, "devicelink_metrics_truncated", "gauge", "Links that are not shown one by one.",
            c.links > METRICS_LINKS_MAX ? (double)(c.links - METRICS_LINKS_MAX) : 0);
        for (size_t i = 0; i < sizeof(link_metrics) / sizeof(link_metrics[0]); i++) {
                struct link_walk w = { .out = out, .name = link_metrics[i].name };

                metric_head(out, w.name, link_metrics[i].type, link_metrics[i].help);
                links_each(s->links, link_metrics[i].each, &w);
        }
}

/* --- publishing */

static void add_publishing(const struct metrics_source *s, struct buf *out)
{
        struct publish_counts c;
        struct link_walk w = { .out = out, .name = "devicelink_link_publish_queue" };

        publish_count(s->publisher, &c);
        add(out, "devicelink_publish_sessions", "gauge", "Sessions with brokers, wanted.",
            (double)c.sessions);
        add(out, "devicelink_publish_sessions_connected", "gauge", "Sessions that are connected.",
            (double)c.connected);
        add(out, "devicelink_publish_messages_total", "counter", "Messages given to a broker.",
            (double)c.published);
        add(out, "devicelink_publish_acknowledged_total", "counter",
            "Messages that a broker acknowledged.", (double)c.acknowledged);
        add(out, "devicelink_publish_dropped_total", "counter",
            "Messages that were dropped: a queue was full, or QoS 0 and the broker away.",
            (double)c.dropped);
        add(out, "devicelink_publish_queue", "gauge", "Messages that wait or are under way.",
            (double)c.queued);
        metric_head(out, w.name, "gauge", "Messages of the link that wait or are under way.");
        publish_each(s->publisher, on_queue, &w);
}

/* --- the API server */

static void add_reconciles(const struct cluster_counts *c, struct buf *out)
{
        const struct metric_label limb = { "controller", "limb_dl" };
        const struct metric_label good[] = { limb, { "result", "success" } };
        const struct metric_label bad[] = { limb, { "result", "error" } };

        metric_head(out, "controller_runtime_reconcile_total", "counter",
                    "Passes over a DeviceLink by how they ended.");
        metric_value(out, "controller_runtime_reconcile_total", good, 2,
                     (double)(c->reconciles - c->errors));
        metric_value(out, "controller_runtime_reconcile_total", bad, 2, (double)c->errors);
        metric_head(out, "controller_runtime_reconcile_errors_total", "counter",
                    "Passes over a DeviceLink that failed.");
        metric_value(out, "controller_runtime_reconcile_errors_total", &limb, 1, (double)c->errors);
        metric_head(out, "controller_runtime_reconcile_time_seconds", "histogram",
                    "Time from an event to the end of what it caused.");
        metric_histogram(out, "controller_runtime_reconcile_time_seconds", &limb, 1, &c->times);
}

static void add_cluster(const struct cluster_counts *c, struct buf *out)
{
        add(out, "devicelink_cluster_links", "gauge", "DeviceLinks of this node.",
            (double)c->links);
        const struct metric_label queue = { "name", "limb_dl" };
        metric_head(out, "workqueue_depth", "gauge",
                    "Writes of links and devices that wait for their turn.");
        metric_value(out, "workqueue_depth", &queue, 1, (double)c->queued);
        add(out, "devicelink_cluster_links_driven", "gauge", "Those whose devices are driven.",
            (double)c->driven);
        add(out, "devicelink_cluster_links_waiting", "gauge",
            "Those that wait for node, model, finalizer, instance or references.",
            (double)c->waiting);
        add(out, "devicelink_cluster_status_writes_total", "counter",
            "Writes of device status to the API server.", (double)c->status_writes);
        add(out, "devicelink_cluster_condition_writes_total", "counter",
            "Writes of conditions to the API server.", (double)c->condition_writes);
        add(out, "devicelink_cluster_conflicts_total", "counter",
            "Writes that another's write had overtaken.", (double)c->conflicts);
}

static double seconds_since(int64_t mono_ns)
{
        return mono_ns > 0 ? (double)(clock_mono_ns() - mono_ns) / (double)NS_PER_S : 0;
}

void metrics_write(const struct metrics_source *s, struct buf *out)
{
        const struct metric_label version = { "version", DEVICELINK_VERSION };

        metric_head(out, "devicelink_build_info", "gauge", "1, labelled with the version.");
        metric_value(out, "devicelink_build_info", &version, 1, 1);
        add_adaptors(s, out);
        add_links(s, out);
        add_publishing(s, out);
        if (!s->cluster)
                return;
        add_reconciles(s->cluster, out);
        add_cluster(s->cluster, out);
        api_metrics(&s->requests, out);
        add(out, "devicelink_kube_away_seconds", "gauge",
            "How long the API server has not answered; 0 = it answers.",
            seconds_since(s->away_since_ns));
}

/* --- readiness */

/* Shorter absences are an API server that restarts. */
static const int64_t away_limit_ns = 30 * NS_PER_S;

void metrics_ready(const struct metrics_state *s, struct buf *out)
{
        int64_t away = s->away_since_ns > 0 ? clock_mono_ns() - s->away_since_ns : 0;

        if (s->stopping)
                buf_adds(out, "agent: it is ending\n");
        if (s->adaptors == 0)
                buf_adds(out, "adaptors: none is loaded\n");
        if (!s->loaded)
                buf_adds(out, "links: not read yet\n");
        if (s->trouble)
                buf_addf(out, "API server: %s\n", s->trouble);
        if (away >= away_limit_ns) {
                char text[TEXT_REAL_MAX];

                (void)text_duration(away / NS_PER_S * NS_PER_S, text);
                buf_addf(out, "API server: no answer for %s\n", text);
        }
}
