/* hooks.c - what one room tells another. */
#include "agent.h"

#include "metrics.h"
#include "view.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

static const int64_t TRIM_NS = 3 * NS_PER_S;

static void tell_watchers(struct agent *a)
{
        if (a->serve)
                serve_changed(a->serve);
}

void agent_on_status(void *ctx, const struct link_spec *spec, const struct device *device,
                     const struct states *states)
{
        struct agent *a = ctx;

        buf_clear(&a->document);
        device_status(device, states, &a->document);
        if (!buf_ok(&a->document)) {
                LOG(ERROR, "agent.status-too-large",
                    "status document passes its maximum, not published", LOG_STR("link", spec->key),
                    LOG_INT("max_bytes", AGENT_STATUS_BYTES_MAX));
                return;
        }
        publish_status(a->publisher, spec->key, buf_text(&a->document), a->document.len);
        if (a->cluster)
                cluster_status(a->cluster, spec, buf_text(&a->document), a->document.len);
        tell_watchers(a);
}

void agent_on_condition(void *ctx, const struct link_spec *spec, const struct conditions *c,
                        const char *cause)
{
        struct agent *a = ctx;

        if (a->cluster)
                cluster_condition(a->cluster, spec, c, cause);
        tell_watchers(a);
}

void agent_on_released(void *ctx, const char *key)
{
        struct agent *a = ctx;

        if (a->cluster)
                cluster_released(a->cluster, key);
        tell_watchers(a);
}

const char *agent_kind(void *ctx, size_t i)
{
        const struct agent *a = ctx;

        for (size_t k = 0; k < adaptors_count(a->adaptors); k++) {
                for (const char *const *kind = adaptors_at(a->adaptors, k)->kinds; *kind; kind++) {
                        if (i-- == 0)
                                return *kind;
                }
        }
        return NULL;
}

bool agent_adaptor_exists(void *ctx, const char *adaptor, const char *kind)
{
        const struct agent *a = ctx;

        return adaptors_find(a->adaptors, adaptor, kind) != NULL;
}

void agent_on_publish_state(void *ctx, const struct link_spec *spec, int rc, const char *text)
{
        struct agent *a = ctx;

        if (rc < 0 && a->cluster)
                cluster_event(a->cluster, spec, true, "FailedPublish", "Publish", text);
        if (rc == DL_OK)
                LOG(INFO, "publish.connected", text, LOG_STR("link", spec->key));
        else
                LOG(WARNING, rc == DL_CONFIG ? "publish.refused" : "publish.away", text,
                    LOG_STR("link", spec->key));
}

static bool finding_known(const struct findings *known, const struct finding *f)
{
        for (size_t i = 0; i < known->n; i++) {
                const struct finding *k = &known->list[i];
                if (strcmp(k->text, f->text) == 0 && strcmp(k->path, f->path) == 0 &&
                    strcmp(k->file ? k->file : "", f->file ? f->file : "") == 0)
                        return true;
        }
        return false;
}

/* Log what is new, and remember all. */
static void report_findings(struct agent *a, const struct findings *all)
{
        struct findings now = { 0 };

        for (size_t i = 0; i < all->n; i++) {
                const struct finding *f = &all->list[i];
                now.file = f->file;
                findings_add(&now, f->severity, f->line, f->path, "%s", f->text);
                if (finding_known(&a->reported, f))
                        continue;
                if (f->severity == FINDING_ERROR)
                        LOG(ERROR, "manifest.wrong", f->text, LOG_STR("file", f->file),
                            LOG_INT("line", f->line), LOG_STR("path", f->path));
                else
                        LOG(WARNING, "manifest.warning", f->text, LOG_STR("file", f->file),
                            LOG_INT("line", f->line), LOG_STR("path", f->path));
        }
        findings_done(&a->reported);
        a->reported = now;
        a->reported.file = NULL;
}

void agent_on_desired(void *ctx, const struct desired *desired, const struct findings *findings)
{
        struct agent *a = ctx;

        if (a->process.stopping)
                return;
        report_findings(a, findings);
        LOG(INFO, "agent.desired", "desired set read", LOG_INT("links", desired->n),
            LOG_INT("errors", findings->errors));
        /* Sessions first, so that the first status of a link finds its session. */
        publish_apply(a->publisher, desired);
        links_apply(a->links, desired);
        a->loaded = true;
        /* Making specs takes many times the memory of what stays. */
        loop_timer_start(&a->trim, TRIM_NS, 0);
}

/* --- what serve asks */

void agent_ready(void *ctx, struct buf *out)
{
        const struct agent *a = ctx;
        const struct metrics_state state = {
                .stopping = a->process.stopping,
                .loaded = a->loaded,
                .adaptors = adaptors_count(a->adaptors),
                .trouble = a->cluster ? cluster_trouble(a->cluster) : NULL,
                .away_since_ns = a->api ? kube_api_away_since(a->api) : 0,
        };

        metrics_ready(&state, out);
}

void agent_metrics(void *ctx, struct buf *out)
{
        const struct agent *a = ctx;
        struct cluster_counts counts;
        struct metrics_source source = { .links = a->links, .publisher = a->publisher };

        if (a->cluster) {
                cluster_count(a->cluster, &counts);
                source.cluster = &counts;
                source.requests = api_requests_of(a->api);
                source.away_since_ns = kube_api_away_since(a->api);
        }
        metrics_write(&source, out);
        process_metrics(out);
}

static const struct conditions *conditions_of(void *ctx, const char *key)
{
        const struct agent *a = ctx;

        return a->cluster ? cluster_conditions(a->cluster, key) : NULL;
}

void agent_links(void *ctx, const struct serve_query *q, struct buf *out)
{
        struct agent *a = ctx;
        const struct view_source source = {
                .links = a->links, .ctx = a, .conditions = conditions_of, .cluster = a->cluster
        };

        view_links(&source, q->space, q->name, out);
}

void agent_devices(void *ctx, const struct serve_query *q, struct buf *out)
{
        struct agent *a = ctx;
        const struct view_source source = { .links = a->links,
                                            .ctx = a,
                                            .conditions = conditions_of };

        view_devices(&source, q->space, q->name, out);
}
