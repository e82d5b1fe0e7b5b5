/* api.c - the client as a whole: who gets a turn, and what is known of the server. */
#include "kube/api_impl.h"
#include "kube/digest.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/* For heartbeats and elections alone; far more than they need. */
static const double lease_rate = 10, lease_burst = 20;
static const double work_rate = 100, work_burst = 200;

/* --- turns */

void api_enter(struct kube_api *a)
{
        a->depth++;
}

static void destroy(struct kube_api *a)
{
        while (a->calls)
                call_free(a->calls);
        loop_timer_end(&a->turn);
        http_free(a->http);
        kube_access_close(a->access);
        counts_done(&a->counts);
        free(a->agent);
        free(a->manager);
        free(a);
}

void api_leave(struct kube_api *a)
{
        if (--a->depth > 0)
                return;
        if (a->closed)
                destroy(a);
        else
                api_turn(a);
}

static bool give_turn(struct kube_api *a, enum kube_lane lane, struct budget *b, int64_t now)
{
        struct kube_call *c = TAILQ_FIRST(&a->lanes[lane]);

        if (!c || !budget_take(b, now))
                return false;
        TAILQ_REMOVE(&a->lanes[lane], c, turn);
        call_run(c);
        return true;
}

static int64_t lane_wait(const struct kube_api *a, enum kube_lane lane, const struct budget *b,
                         int64_t now)
{
        return TAILQ_EMPTY(&a->lanes[lane]) ? INT64_MAX : budget_wait_ns(b, now);
}

void api_turn(struct kube_api *a)
{
        int64_t now = loop_now(a->loop);
        int64_t wait = INT64_MAX;

        while (give_turn(a, KUBE_LEASE, &a->leases, now))
                ;
        while (a->under_way < API_UNDER_WAY &&
               (give_turn(a, KUBE_URGENT, &a->work, now) || give_turn(a, KUBE_WORK, &a->work, now)))
                ;
        wait = lane_wait(a, KUBE_LEASE, &a->leases, now);
        for (int lane = 0; lane < KUBE_LEASE && a->under_way < API_UNDER_WAY; lane++) {
                int64_t ns = lane_wait(a, (enum kube_lane)lane, &a->work, now);

                wait = ns < wait ? ns : wait;
        }
        if (wait == INT64_MAX)
                loop_timer_stop(&a->turn);
        else
                loop_timer_start(&a->turn, wait, 0);
}

static void on_turn(void *ctx)
{
        api_turn(ctx);
}

/* --- what is known of the server */

void api_note(struct kube_api *a, const struct kube_call *c, long status, const char *why)
{
        if (status == 0 && a->away_ns == 0) {
                a->away_ns = c->sent_ns;
                LOG(WARNING, "kube.away", "the API server does not answer",
                    LOG_STR("peer", kube_access_server(a->access)), LOG_STR("error", why));
        } else if (status > 0 && a->away_ns > 0) {
                LOG(INFO, "kube.back", "the API server answers again",
                    LOG_STR("peer", kube_access_server(a->access)),
                    LOG_NS("after", loop_now(a->loop) - a->away_ns));
                a->away_ns = 0;
        }
}

/* When the table is full the oldest is forgotten. */
static bool is_new_warning(struct kube_api *a, uint64_t what)
{
        for (size_t i = 0; i < a->n_warnings && i < API_WARNINGS; i++) {
                if (a->warnings[i] == what)
                        return false;
        }
        a->warnings[a->n_warnings++ % API_WARNINGS] = what;
        return true;
}

/* Each is a line `299 - "text"`; the text's quotes and backslashes are escaped. */
void api_warn(struct kube_api *a, const struct kube_call *c, const char *warnings)
{
        while (*warnings) {
                size_t n = strcspn(warnings, "\n");
                const char *quote = memchr(warnings, '"', n);
                const char *from = quote ? quote + 1 : warnings;
                size_t len = n - (size_t)(from - warnings);

                if (quote && len > 0 && from[len - 1] == '"')
                        len--;
                if (is_new_warning(a, digest_bytes(from, len))) {
                        auto_free char *text = xasprintf("%.*s", (int)len, from);

                        LOG(WARNING, "kube.warning", text, LOG_STR("resource", c->resource),
                            LOG_STR("method", c->method), LOG_APART(text));
                }
                warnings += n + (warnings[n] == '\n');
        }
}

/* --- open and close */

static int set_tls(struct kube_api *a, struct err *e)
{
        struct http_tls tls = { 0 };

        kube_access_tls(a->access, &tls);
        return http_set_tls(a->http, &tls, e);
}

static void on_access_changed(void *ctx)
{
        struct kube_api *a = ctx;
        struct err e = { 0 };

        if (set_tls(a, &e) < 0)
                LOG(ERROR, "kube.tls", "the new certificates cannot be used, the old ones stay",
                    LOG_STR("error", e.text));
        else
                LOG(INFO, "kube.tls", "new certificates are in use");
}

int kube_api_open(const struct kube_api_config *config, struct kube_api **ret, struct err *e)
{
        struct kube_api *a = xcalloc(1, sizeof(*a));
        const struct kube_access_config access = {
                .loop = config->loop,
                .kubeconfig = config->kubeconfig,
                .changed = on_access_changed,
                .ctx = a,
        };
        int64_t now = loop_now(config->loop);
        int rc = kube_access_open(&access, &a->access, e);

        if (rc < 0) {
                free(a);
                return rc;
        }
        a->loop = config->loop;
        a->http = http_new(a->loop);
        loop_timer_init(&a->turn, a->loop, on_turn, a);
        rc = set_tls(a, e);
        if (rc < 0) {
                destroy(a);
                return rc;
        }
        http_set_proxy(a->http, kube_access_proxy(a->access));
        a->agent = xstrdup(config->agent);
        a->manager = xstrdup(config->manager);
        a->may_write = config->may_write;
        a->ctx = config->ctx;
        budget_init(&a->work, config->rate > 0 ? config->rate : work_rate,
                    config->burst > 0 ? config->burst : work_burst, now);
        budget_init(&a->leases, lease_rate, lease_burst, now);
        for (int lane = 0; lane < API_LANES; lane++)
                TAILQ_INIT(&a->lanes[lane]);
        *ret = a;
        return 0;
}

void kube_api_close(struct kube_api *a)
{
        if (!a)
                return;
        a->closed = true;
        if (a->depth == 0)
                destroy(a);
}

struct loop *kube_api_loop(const struct kube_api *a)
{
        return a->loop;
}

const char *kube_api_space(const struct kube_api *a)
{
        return kube_access_space(a->access);
}

const char *kube_api_server(const struct kube_api *a)
{
        return kube_access_server(a->access);
}

size_t kube_api_counts(const struct kube_api *a, const struct kube_count **ret)
{
        *ret = a->counts.rows;
        return a->counts.n;
}

size_t kube_api_latencies(const struct kube_api *a, const struct kube_latency **ret)
{
        *ret = a->counts.latencies;
        return a->counts.n_latencies;
}

int64_t kube_api_away_since(const struct kube_api *a)
{
        return a->away_ns;
}
