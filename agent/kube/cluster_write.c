/* cluster_write.c - requests: lanes, and the rest after a failure.
 *
 * A link has at most one request of its chain or its conditions under way, and one of its device
 * status.  What is to be written is made when its turn comes, not when it was asked for: what
 * changed meanwhile is in it.  Each lane has its share, so that device status never stands before
 * conditions, nor these before what starts a device.
 */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <assert.h>
#include <string.h>

/* Together no more than the client has under way at once (api.h). */
static const unsigned shares[LANES] = { [LANE_CHAIN] = 20, [LANE_SAY] = 8, [LANE_REPORT] = 4 };

/* --- lanes */

void cluster_lane_add(struct cluster_link *l, enum lane_name lane)
{
        struct lane *x = &l->c->lanes[lane];

        if (l->in_lane[lane])
                return;
        l->in_lane[lane] = true;
        l->lane_next[lane] = NULL;
        if (x->last)
                x->last->lane_next[lane] = l;
        else
                x->first = l;
        x->last = l;
}

static void take_out(struct cluster_link *l, enum lane_name lane)
{
        struct lane *x = &l->c->lanes[lane];
        struct cluster_link *before = NULL;

        if (!l->in_lane[lane])
                return;
        for (struct cluster_link *at = x->first; at != l; at = at->lane_next[lane])
                before = at;
        if (before)
                before->lane_next[lane] = l->lane_next[lane];
        else
                x->first = l->lane_next[lane];
        if (x->last == l)
                x->last = before;
        l->in_lane[lane] = false;
}

static void cancel(struct cluster_link *l, struct kube_call **call, enum lane_name lane)
{
        if (!*call)
                return;
        kube_cancel(*call);
        *call = NULL;
        l->c->lanes[lane].busy--;
}

void cluster_lane_leave(struct cluster_link *l)
{
        for (enum lane_name lane = 0; lane < LANES; lane++)
                take_out(l, lane);
        cancel(l, &l->call, LANE_CHAIN);
        cancel(l, &l->say_call, LANE_SAY);
        cancel(l, &l->report.call, LANE_REPORT);
}

static bool start_step(struct cluster_link *l)
{
        struct chain_verdict v;

        if (l->stale)
                return cluster_make_read(l);
        cluster_link_decide(l, &v);
        switch (v.step) {
        case CHAIN_NONE:
                return false;
        case CHAIN_LOOK:
                return cluster_instance_look(l);
        case CHAIN_CREATE:
                return cluster_instance_make(l);
        case CHAIN_FINALIZE:
                return cluster_make_finalizer(l, true);
        case CHAIN_UNFINALIZE:
                return cluster_make_finalizer(l, false);
        }
        return false;
}

static bool start_chain(struct cluster_link *l)
{
        if (l->call || l->say_call || l->resting || l->c->stopping)
                return false; /* what ends touches the link */
        switch (l->life) {
        case LIFE_PRESENT:
                return start_step(l);
        case LIFE_ASKING:
                return cluster_gone_look(l);
        case LIFE_MOVED:
                return cluster_instance_give_back(l);
        case LIFE_KEPT:
        case LIFE_ENDED:
        case LIFE_ORPHAN:
                break;
        }
        return false;
}

static bool start(struct cluster_link *l, enum lane_name lane)
{
        switch (lane) {
        case LANE_CHAIN:
                return start_chain(l);
        case LANE_SAY:
                return !l->call && !l->say_call && l->life == LIFE_PRESENT &&
                       cluster_make_conditions(l);
        case LANE_REPORT:
                return cluster_report_start(l);
        case LANES:
                break;
        }
        return false;
}

void cluster_lanes_pump(struct cluster *c)
{
        for (enum lane_name lane = 0; lane < LANES; lane++) {
                struct lane *x = &c->lanes[lane];

                while (x->first && x->busy < shares[lane]) {
                        struct cluster_link *l = x->first;

                        take_out(l, lane);
                        if (start(l, lane))
                                x->busy++;
                }
        }
}

bool cluster_lanes_idle(const struct cluster *c)
{
        for (enum lane_name lane = 0; lane < LANES; lane++) {
                if (c->lanes[lane].first || c->lanes[lane].busy > 0)
                        return false;
        }
        return true;
}

/* --- requests */

struct kube_call *cluster_write_start(struct cluster_link *l, const struct write *w)
{
        struct kube_request request = {
                .method = w->method,
                .path = w->path,
                .resource = w->resource,
                .content_type = w->type,
                .accept = w->no_answer ? KUBE_METADATA : NULL,
                .raw = w->no_answer,
                .body = w->body ? buf_text(w->body) : NULL,
                .body_len = w->body ? w->body->len : 0,
                .lane = w->lane,
                .ctx = l,
                .done = w->done,
        };

        return kube_start(l->c->config.api, &request);
}

bool cluster_write_chain(struct cluster_link *l, const struct write *w)
{
        if (w->body && !buf_ok(w->body)) {
                LOG(ERROR, "kube.too-large", "what is to be written passes its maximum",
                    LOG_STR("link", l->key), LOG_INT("max_bytes", w->body->max));
                l->refused = CHAIN_REFUSED_CREATE;
                cluster_rest(l, REST_REFUSED, NULL);
                return false;
        }
        l->call = cluster_write_start(l, w);
        l->call_serial = cluster_link_newest(l) ? cluster_link_newest(l)->serial : 0;
        return true;
}

bool cluster_write_device(struct cluster_link *l, const char *api_version, const char *kind,
                          const char *name, struct write *w)
{
        auto_of(arena) struct arena *arena = arena_new();
        struct kube_resource resource = kube_resource_of(api_version, kind, arena);
        auto_free char *path = kube_path(&resource, l->space, name, NULL);

        w->path = path;
        w->resource = "devices";
        w->lane = KUBE_URGENT;
        l->instance.outrun = false;
        bool started = cluster_write_chain(l, w);
        w->path = NULL;
        return started;
}

struct cluster_link *cluster_write_ended(void *ctx, const struct kube_answer *a)
{
        struct cluster_link *l = ctx;

        l->call = NULL;
        l->c->lanes[LANE_CHAIN].busy--;
        if (a->class != KUBE_OK && a->class != KUBE_CONFLICT && a->class != KUBE_EXISTS &&
            a->class != KUBE_MISSING)
                l->c->counts.errors++;
        if (a->class == KUBE_CONFLICT)
                l->c->counts.conflicts++;
        cluster_touch(l);
        return l;
}

/* --- rest */

static const struct {
        int64_t first_ns, max_ns;
} rests[REST_WHYS] = {
        [REST_AWAY] = { 500 * NS_PER_MS, 30 * NS_PER_S },
        [REST_MODEL] = { 1 * NS_PER_S, 60 * NS_PER_S },
        [REST_REFUSED] = { 5 * NS_PER_S, 300 * NS_PER_S },
        [REST_WAITING] = { 2 * NS_PER_S, 15 * NS_PER_S },
};

static void on_rested(void *ctx)
{
        struct cluster_link *l = ctx;

        l->resting = false;
        cluster_touch(l);
}

void cluster_rest_init(struct cluster_link *l)
{
        loop_timer_init(&l->rest, l->c->config.loop, on_rested, l);
        l->rest_why = REST_WHYS;
}

void cluster_rest(struct cluster_link *l, enum rest_why why, const struct kube_answer *a)
{
        if (l->rest_why != why)
                l->backoff = BACKOFF(rests[why].first_ns, rests[why].max_ns);
        l->rest_why = why;
        int64_t ns = backoff_next_ns(&l->backoff);
        if (a && a->retry_after_ns > ns)
                ns = a->retry_after_ns;
        l->resting = true;
        loop_timer_start(&l->rest, ns, 0);
}

void cluster_rested(struct cluster_link *l)
{
        loop_timer_stop(&l->rest);
        l->resting = false;
        l->rest_why = REST_WHYS;
}

enum rest_why cluster_rest_of(const struct kube_answer *a)
{
        switch (a->class) {
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                return REST_REFUSED;
        case KUBE_MISSING:
                return a->no_resource ? REST_MODEL : REST_AWAY;
        case KUBE_OK:
        case KUBE_CONFLICT:
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_AWAY:
                break;
        }
        return REST_AWAY;
}
