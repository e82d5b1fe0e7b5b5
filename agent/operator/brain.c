/* brain.c - who leads, what follows from news, and the end. */
#include "operator/brain.h"

#include "base/clock.h"
#include "base/log.h"
#include "kube/lease.h"
#include "operator/impl.h"

#include <string.h>

#define DRAIN_NS NS_PER_S /* of the time to stop, for what is under way */

static const char controller[] = "edge.cattle.io/brain";

/* --- may anything be done? */

bool brain_may_write(const struct brain *b)
{
        return b->acting && !b->lost && (!b->leader || leader_is(b->leader));
}

/* Who moved before we were here may have left an instance in a lost node's hands. */
static bool is_under_way(const struct link_view *v)
{
        const struct condition *phase = conditions_phase(&v->status.conditions);

        return phase && (phase->type == CONDITION_MODEL_EXISTED ||
                         phase->type == CONDITION_ADAPTOR_EXISTED ||
                         phase->type == CONDITION_DEVICE_CREATED);
}

void brain_act_when_ready(struct brain *b)
{
        struct ward *w;

        if (b->acting || !b->elected || !watches_are_synced(b))
                return;
        b->acting = true;
        LOG(INFO, "operator.acting", "all is read, and this operator leads",
            LOG_INT("links", b->n_links));
        LIST_FOREACH (w, &b->links, entry) {
                if (is_under_way(w->view))
                        w->check_holder = true;
                ward_enqueue(w);
        }
}

static void on_elected(void *ctx)
{
        struct brain *b = ctx;

        b->elected = true;
        LOG(INFO, "operator.elected", "this operator leads",
            LOG_STR("identity", b->config.identity));
        brain_act_when_ready(b);
}

static void cancel_all(struct brain *b)
{
        struct ward *w;

        LIST_FOREACH (w, &b->links, entry)
                ward_cancel(w);
}

static void on_lost(void *ctx)
{
        struct brain *b = ctx;

        b->lost = true;
        cancel_all(b);
        LOG(ERROR, "operator.lost", "the Lease could not be renewed: another operator may lead",
            LOG_STR("identity", b->config.identity));
        b->config.lost(b->config.ctx);
}

/* --- what follows from news */

static void tell_host(struct host *h)
{
        static const char *const names[] = {
                [AGENT_UNSEEN] = "unseen",
                [AGENT_ALIVE] = "alive",
                [AGENT_SILENT] = "silent",
                [AGENT_GONE] = "gone",
        };
        bool is_lost = host_is_lost(h);

        if (h->users == 0 || h->said_lost == is_lost)
                return;
        h->said_lost = is_lost;
        if (is_lost)
                LOG(WARNING, "operator.node-lost", "a node is gone, or its agent silent",
                    LOG_STR("node", h->keyed.key), LOG_BOOL("exists", host_node(h) != NULL),
                    LOG_STR("agent", names[h->agent]), LOG_APART(h->keyed.key));
        else
                LOG(INFO, "operator.node-back", "a lost node is back",
                    LOG_STR("node", h->keyed.key), LOG_APART(h->keyed.key));
}

static void on_host_changed(void *ctx, struct host *h)
{
        struct ward *w;

        (void)ctx;
        tell_host(h);
        LIST_FOREACH (w, &h->links, of_host)
                ward_enqueue(w);
        if (!host_is_lost(h))
                return;
        LIST_FOREACH (w, &h->waiting, of_wait) {
                w->check_holder = true;
                w->former_held = false;
                ward_enqueue(w);
        }
}

static void on_model_changed(void *ctx, struct model *m)
{
        struct ward *w;

        (void)ctx;
        LIST_FOREACH (w, model_wards(m), of_model)
                ward_enqueue(w);
}

static void on_judge(void *ctx)
{
        struct brain *b = ctx;

        b->judge_ns = INT64_MAX;
        hosts_judge(b->hosts, loop_now(b->loop));
}

/* Nothing is under way: the next operator may begin. */
static void give_up(struct brain *b)
{
        int64_t left_ns = b->stop_ns - loop_now(b->loop);

        loop_timer_stop(&b->stop_limit);
        b->drained = true;
        if (b->leader)
                leader_release(b->leader, left_ns > 0 ? left_ns : 0, b->stopped, b->stop_ctx);
        else
                b->stopped(b->stop_ctx);
}

static void on_turn(void *ctx)
{
        struct brain *b = ctx;

        queue_pump(b);
        if (b->stopping && !b->drained && b->n_busy == 0)
                loop_timer_start(&b->stop_limit, 0, LOOP_EXACT);
        int64_t next_ns = hosts_next(b->hosts);
        if (next_ns == b->judge_ns)
                return;
        b->judge_ns = next_ns;
        if (next_ns == INT64_MAX)
                loop_timer_stop(&b->judge);
        else
                loop_timer_start_at(&b->judge, next_ns, 0);
}

/* --- the beginning */

static void open_leader(struct brain *b, const char *space)
{
        const struct leader_config config = {
                .api = b->config.api,
                .space = space,
                .name = "devicelink-operator",
                .identity = b->config.identity,
                .ctx = b,
                .elected = on_elected,
                .lost = on_lost,
        };

        if (b->config.elect)
                b->leader = leader_open(&config);
        else
                b->elected = true;
}

static void on_stop_limit(void *ctx)
{
        struct brain *b = ctx;

        cancel_all(b);
        give_up(b);
}

struct brain *brain_open(const struct brain_config *config)
{
        struct brain *b = xcalloc(1, sizeof(*b));
        const char *space = config->lease_space ? config->lease_space : kube_api_space(config->api);

        b->config = *config;
        b->loop = kube_api_loop(config->api);
        LIST_INIT(&b->links);
        STAILQ_INIT(&b->queue);
        b->judge_ns = INT64_MAX;
        loop_timer_init(&b->judge, b->loop, on_judge, b);
        loop_timer_init(&b->stop_limit, b->loop, on_stop_limit, b);
        b->turn = (struct loop_turn){ .ended = on_turn, .ctx = b };
        loop_on_turn(b->loop, &b->turn);
        const struct hosts_config hosts = { .grace_ns = config->grace_ns,
                                            .ctx = b,
                                            .changed = on_host_changed };
        b->hosts = hosts_new(&hosts);
        const struct models_config models = {
                .loop = b->loop, .api = config->api, .ctx = b, .changed = on_model_changed
        };
        b->models = models_new(&models);
        const struct events_config events = { .api = config->api,
                                              .controller = controller,
                                              .instance = config->identity };
        b->events = events_new(&events);
        watches_open(b, space);
        open_leader(b, space);
        return b;
}

/* --- the end */

void brain_stop(struct brain *b, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        int64_t drain_ns = limit_ns / 2 < DRAIN_NS ? limit_ns / 2 : DRAIN_NS;

        b->stopping = true;
        b->stopped = done;
        b->stop_ctx = ctx;
        b->stop_ns = loop_now(b->loop) + limit_ns;
        loop_timer_start(&b->stop_limit, b->n_busy > 0 ? drain_ns : 0, LOOP_EXACT);
}

void brain_close(struct brain *b)
{
        if (!b)
                return;
        b->stopping = true;
        loop_off_turn(b->loop, &b->turn);
        watches_close(b);
        if (b->leader)
                leader_close(b->leader);
        wards_free_all(b);
        models_free(b->models);
        hosts_free(b->hosts);
        events_free(b->events);
        loop_timer_end(&b->judge);
        loop_timer_end(&b->stop_limit);
        free(b);
}
