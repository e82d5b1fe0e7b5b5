#include "kube/lease.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/lease_body.h"

#include <assert.h>
#include <string.h>

enum { BODY_MAX = 4096 };

#define PERIOD_NS (10 * NS_PER_S)
#define DURATION_NS (40 * NS_PER_S)

struct heartbeat {
        struct kube_api *api;
        char *space, *node, *identity;
        char name[LEASE_NAME_SIZE];
        char *path;       /* of the Lease */
        char *collection; /* of its namespace */
        int64_t period_ns, duration_ns;
        struct loop_timer timer;
        struct kube_call *call;
        bool is_post;     /* the call */
        bool acquired;    /* this process has written it */
        int64_t begun_ns; /* the beat under way, monotonic */
        struct backoff backoff;
        char *trouble; /* NULL = none */
        bool said;     /* it was logged */
};

static void answered(void *ctx, struct kube_answer *answer);

static void send(struct heartbeat *h, bool is_post)
{
        auto_of(buf) struct buf body = BUF(BODY_MAX);

        lease_body_add(&(struct lease_body){ .space = h->space,
                                             .name = is_post ? h->name : NULL,
                                             .node = h->node,
                                             .holder = h->identity,
                                             .duration_ns = h->duration_ns,
                                             .now_ns = clock_wall_ns(),
                                             .acquires = !h->acquired,
                                             .transitions = is_post ? 0 : -1 },
                       &body);
        assert(buf_ok(&body));
        h->is_post = is_post;
        h->call = kube_start(
                h->api, &(struct kube_request){ .method = is_post ? "POST" : "PATCH",
                                                .path = is_post ? h->collection : h->path,
                                                .resource = "leases",
                                                .content_type = is_post ? NULL : KUBE_MERGE_PATCH,
                                                .body = buf_text(&body),
                                                .body_len = body.len,
                                                .lane = KUBE_LEASE,
                                                .limit_ns = h->period_ns,
                                                .ctx = h,
                                                .done = answered });
}

static void beat(void *ctx)
{
        struct heartbeat *h = ctx;

        h->begun_ns = clock_mono_ns();
        send(h, false);
}

static void renewed(struct heartbeat *h)
{
        int64_t percent = 90 + random_u32() % 21;
        int64_t next_ns = h->begun_ns + h->period_ns / 100 * percent;

        if (h->said)
                LOG(INFO, "kube.heartbeat", "the heartbeat is renewed again",
                    LOG_STR("path", h->path));
        free(h->trouble);
        h->trouble = NULL;
        h->said = false;
        h->acquired = true;
        backoff_reset(&h->backoff);
        loop_timer_start_at(&h->timer, next_ns, 0);
}

static void failed(struct heartbeat *h, const struct kube_answer *answer)
{
        free(h->trouble);
        h->trouble =
                xasprintf("Lease %s/%s is not renewed: %s", h->space, h->name, answer->message);
        if (!h->said)
                LOG(WARNING, "kube.heartbeat", "the heartbeat is not renewed",
                    LOG_STR("path", h->path), LOG_STR("reason", answer->message));
        h->said = true;
        loop_timer_start(&h->timer, backoff_next_ns(&h->backoff), 0);
}

static void answered(void *ctx, struct kube_answer *answer)
{
        struct heartbeat *h = ctx;

        h->call = NULL;
        if (answer->class == KUBE_OK)
                renewed(h);
        else if (answer->class == KUBE_MISSING && !answer->no_resource && !h->is_post)
                send(h, true);
        else
                failed(h, answer);
}

struct heartbeat *heartbeat_open(const struct heartbeat_config *config)
{
        struct heartbeat *h = xcalloc(1, sizeof(*h));

        h->api = config->api;
        h->space = xstrdup(config->space);
        h->node = xstrdup(config->node);
        h->identity = xstrdup(config->identity);
        h->period_ns = config->period_ns ? config->period_ns : PERIOD_NS;
        h->duration_ns = config->duration_ns ? config->duration_ns : DURATION_NS;
        h->backoff = BACKOFF(h->period_ns / 10, h->period_ns);
        heartbeat_name(h->node, h->name);
        h->path = kube_path(&kube_leases, h->space, h->name, NULL);
        h->collection = kube_path(&kube_leases, h->space, NULL, NULL);
        h->trouble = xasprintf("Lease %s/%s is not written yet", h->space, h->name);
        loop_timer_init(&h->timer, kube_api_loop(h->api), beat, h);
        loop_timer_start(&h->timer, 0, 0);
        return h;
}

void heartbeat_close(struct heartbeat *h)
{
        if (!h)
                return;
        kube_cancel(h->call);
        loop_timer_end(&h->timer);
        free(h->space);
        free(h->node);
        free(h->identity);
        free(h->path);
        free(h->collection);
        free(h->trouble);
        free(h);
}

const char *heartbeat_trouble(const struct heartbeat *h)
{
        return h->trouble;
}
