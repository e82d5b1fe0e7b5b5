/* cluster_report.c - device status: the latest document of each link, when it says something new.
 *
 * A document is kept only while it waits: one that says what the server holds already costs a look
 * at its digest.  The times of unchanged values are refreshed one link at a time, for all links
 * together at most every REFRESH_STEP_NS.
 */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <assert.h>
#include <string.h>

#define REFRESH_STEP_NS (10 * NS_PER_S)
#define REFUSED_NS (60 * NS_PER_S)

enum { STATUS_MAX = 1024 * 1024 };

static void on_timer(void *ctx)
{
        struct cluster_link *l = ctx;

        cluster_lane_add(l, LANE_REPORT);
}

void cluster_report_init(struct cluster_link *l)
{
        l->report = (struct link_report){ .backoff = BACKOFF(NS_PER_S, 60 * NS_PER_S) };
        loop_timer_init(&l->report.timer, l->c->config.loop, on_timer, l);
}

static void drop(struct link_report *r)
{
        free(r->json);
        r->json = NULL;
        r->len = 0;
}

void cluster_report_done(struct cluster_link *l)
{
        struct link_report *r = &l->report;

        assert(!r->call);
        drop(r);
        report_times_free(r->times);
        r->times = NULL;
        loop_timer_end(&r->timer);
}

static bool is_there(const struct cluster_link *l)
{
        const struct link_instance *x = &l->instance;

        return x->uid && (x->state == CHAIN_RIGHT || x->state == CHAIN_DIFFERS);
}

/* Bring it under way when it is due. */
static void schedule(struct cluster_link *l, int64_t wait_ns)
{
        struct link_report *r = &l->report;
        int64_t due_ns = r->last_ns == 0 ? 0 : r->last_ns + wait_ns;

        if (!r->json || r->call || !is_there(l) || l->in_lane[LANE_REPORT])
                return;
        if (loop_timer_active(&r->timer) && !l->c->stopping)
                return;
        loop_timer_stop(&r->timer);
        if (due_ns <= clock_mono_ns() || l->c->stopping)
                cluster_lane_add(l, LANE_REPORT);
        else
                loop_timer_start_at(&r->timer, due_ns, 0);
}

void cluster_report_ready(struct cluster_link *l)
{
        struct link_report *r = &l->report;

        r->written = r->refused = 0;
        report_times_free(r->times);
        r->times = NULL;
        schedule(l, 0);
}

void cluster_report_again(struct cluster_link *l)
{
        schedule(l, l->c->config.status_interval_ns);
}

/* --- what comes */

static void keep(struct link_report *r, const char *json, size_t len, uint64_t digest)
{
        drop(r);
        r->json = xmemdup(json, len);
        r->len = len;
        r->digest = digest;
        r->fresh = true;
}

void cluster_status(struct cluster *c, const struct link_spec *spec, const char *json, size_t len)
{
        struct cluster_link *l = cluster_link_find(c, spec->key);
        uint64_t digest = report_digest(json, len);

        if (!l || !l->given || strcmp(spec->uid, l->uid) != 0)
                return;
        struct link_report *r = &l->report;
        bool known = digest == (r->call ? r->sent : r->written) || digest == r->refused;
        if (known && !r->refresh) {
                if (!r->call)
                        drop(r);
                else if (r->fresh)
                        keep(r, json, len, digest);
                r->fresh = false;
                return;
        }
        if (r->json && r->digest == digest && !r->fresh)
                return; /* it was tried and waits */
        keep(r, json, len, digest);
        schedule(l, c->config.status_interval_ns);
}

/* --- writing */

static void too_large(struct cluster_link *l, size_t cut)
{
        if (cut > 0 && !l->report.cut) {
                cluster_say(l, true, "StatusTooLarge", "Reporting",
                            "the device's status has over %d bytes: the last %zu properties are "
                            "left out",
                            STATUS_MAX, cut);
                LOG(WARNING, "kube.status-too-large", "a device's status loses its last properties",
                    LOG_STR("link", l->key), LOG_INT("properties", cut));
        }
        l->report.cut = cut > 0;
}

static void written(struct cluster_link *l)
{
        struct link_report *r = &l->report;

        l->c->counts.status_writes++;
        r->written = r->sent;
        r->refused = 0;
        r->refresh = false;
        backoff_reset(&r->backoff);
        report_times_written(r->times);
        if (!r->fresh || r->digest == r->written)
                drop(r);
}

/* Is it there, and ours? */
static void doubt(struct cluster_link *l)
{
        l->report.doubted = true;
        l->instance.state = CHAIN_UNSURE;
        cluster_touch(l);
}

/* Another object than was meant, or one that is not to be had: looked at first. */
static void not_taken(struct cluster_link *l, const struct kube_answer *a)
{
        struct link_report *r = &l->report;

        if (r->doubted && a->class == KUBE_REFUSED) {
                r->refused = r->sent;
                if (!r->fresh)
                        drop(r);
                LOG(WARNING, "kube.status-refused", a->message, LOG_STR("link", l->key));
                return;
        }
        doubt(l);
}

static void on_written(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = ctx;
        struct link_report *r = &l->report;
        int64_t wait_ns = l->c->config.status_interval_ns;

        r->call = NULL;
        l->c->lanes[LANE_REPORT].busy--;
        r->last_ns = clock_mono_ns();
        if (a->class == KUBE_OK) {
                r->doubted = false;
                written(l);
        } else {
                l->c->counts.errors++;
                if (a->class == KUBE_MISSING || a->class == KUBE_REFUSED ||
                    a->class == KUBE_CONFLICT)
                        not_taken(l, a);
                int64_t back_ns = backoff_next_ns(&r->backoff);
                if (a->class == KUBE_FORBIDDEN || a->class == KUBE_UNAUTHORIZED) {
                        LOG(WARNING, "kube.status-refused", a->message, LOG_STR("link", l->key));
                        back_ns = REFUSED_NS;
                        if (!r->doubted) /* another node may hold it */
                                doubt(l);
                }
                if (a->retry_after_ns > back_ns)
                        back_ns = a->retry_after_ns;
                if (back_ns > wait_ns)
                        wait_ns = back_ns;
        }
        if (!l->c->stopping || a->class == KUBE_OK)
                schedule(l, wait_ns);
}

bool cluster_report_start(struct cluster_link *l)
{
        struct link_report *r = &l->report;
        auto_of(arena) struct arena *arena = arena_new();
        auto_of(buf) struct buf status = BUF(STATUS_MAX), body = BUF(CLUSTER_BODY_MAX);
        size_t cut = 0;

        if (!r->json || r->call || !is_there(l) || l->life != LIFE_PRESENT)
                return false;
        if (!r->times)
                r->times = report_times_new();
        report_times_render(r->times, r->json, r->len, clock_wall_ns(), l->c->config.refresh_ns,
                            STATUS_MAX, &status, &cut);
        too_large(l, cut);
        instance_status(l->instance.uid, buf_text(&status), status.len, &body);

        struct kube_resource resource = kube_resource_of(l->seen.api_version, l->seen.kind, arena);
        auto_free char *path = kube_path(&resource, l->space, l->name, "status");
        struct write w = {
                .method = "PATCH",
                .path = path,
                .resource = "devices/status",
                .type = KUBE_JSON_PATCH,
                .body = &body,
                .lane = KUBE_WORK,
                .no_answer = true,
                .done = on_written,
        };
        r->sent = r->digest;
        r->fresh = false;
        r->call = cluster_write_start(l, &w);
        return true;
}

/* --- old times */

static struct cluster_link *oldest(const struct cluster *c)
{
        struct cluster_link *ret = NULL;

        for (size_t i = 0; i < c->n; i++) {
                struct cluster_link *l = c->list[i];

                if (l->given && l->report.written != 0 && !l->report.refresh &&
                    (!ret || l->report.last_ns < ret->report.last_ns))
                        ret = l;
        }
        return ret;
}

static void wait_for_refresh(struct cluster *c, int64_t ns)
{
        loop_timer_start(&c->refresh, ns > REFRESH_STEP_NS ? ns : REFRESH_STEP_NS, 0);
}

/* The document itself comes with the next poll. */
static void on_refresh(void *ctx)
{
        struct cluster *c = ctx;
        struct cluster_link *l = oldest(c);
        int64_t wait_ns = c->config.refresh_ns;

        if (l)
                wait_ns += l->report.last_ns - clock_mono_ns();
        if (l && wait_ns <= 0)
                l->report.refresh = true;
        wait_for_refresh(c, wait_ns);
}

void cluster_report_refresh(struct cluster *c)
{
        loop_timer_init(&c->refresh, c->config.loop, on_refresh, c);
        if (c->config.refresh_ns > 0)
                wait_for_refresh(c, c->config.refresh_ns);
}
