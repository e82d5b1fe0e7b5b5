/* operator.c - the watches, who leads, and the end. */
#include "operator/operator.h"

#include "base/clock.h"
#include "base/log.h"
#include "kube/lease.h"
#include "operator/impl.h"

#include <string.h>

#define DRAIN_NS NS_PER_S /* of the time to stop, for what is under way */

static const char controller[] = "edge.cattle.io/brain";

/* --- may anything be done? */

bool operator_is_synced(const struct operator* op)
{
        for (size_t i = 0; i < WATCHES; i++) {
                if (!reflector_synced(op->watches[i].reflector))
                        return false;
        }
        return true;
}

bool operator_may_write(const struct operator* op)
{
        return op->acting && !op->lost && (!op->leader || leader_is(op->leader));
}

/* Who moved before we were here may have left an instance in a lost node's hands. */
static bool is_under_way(const struct link_view *v)
{
        const struct condition *phase = conditions_phase(&v->status.conditions);

        return phase && (phase->type == CONDITION_MODEL_EXISTED ||
                         phase->type == CONDITION_ADAPTOR_EXISTED ||
                         phase->type == CONDITION_DEVICE_CREATED);
}

static void act_when_ready(struct operator* op)
{
        struct ward *l;

        if (op->acting || !op->elected || !operator_is_synced(op))
                return;
        op->acting = true;
        LOG(INFO, "operator.acting", "all is read, and this operator leads",
            LOG_INT("links", op->n_links));
        LIST_FOREACH (l, &op->links, entry) {
                if (is_under_way(l->view))
                        l->check_holder = true;
                ward_enqueue(l);
        }
}

static void on_elected(void *ctx)
{
        struct operator* op = ctx;

        op->elected = true;
        LOG(INFO, "operator.elected", "this operator leads",
            LOG_STR("identity", op->config.identity));
        act_when_ready(op);
}

static void cancel_all(struct operator* op)
{
        struct ward *l;

        LIST_FOREACH (l, &op->links, entry)
                ward_cancel(l);
}

static void on_lost(void *ctx)
{
        struct operator* op = ctx;

        op->lost = true;
        cancel_all(op);
        LOG(ERROR, "operator.lost", "the Lease could not be renewed: another operator may lead",
            LOG_STR("identity", op->config.identity));
        op->config.lost(op->config.ctx);
}

/* --- news */

static void on_link(void *ctx, const struct tree *object, const struct object_meta *m,
                    struct arena *owned)
{
        struct watch *w = ctx;

        operator_take(w->op, object, m);
        arena_free(owned);
}

static void on_link_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        ward_gone(w->op, space, name, uid);
}

static void on_node(void *ctx, const struct tree *object, const struct object_meta *m,
                    struct arena *owned)
{
        struct watch *w = ctx;

        hosts_node(w->op->hosts, object, m, loop_now(w->op->loop));
        arena_free(owned);
}

static void on_node_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        hosts_node_gone(w->op->hosts, name);
}

static void on_crd(void *ctx, const struct tree *object, const struct object_meta *m,
                   struct arena *owned)
{
        struct watch *w = ctx;

        (void)object;
        models_crd(w->op->models, m);
        arena_free(owned);
}

static void on_crd_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        models_crd_gone(w->op->models, name);
}

static void on_lease(void *ctx, const struct tree *object, const struct object_meta *m,
                     struct arena *owned)
{
        struct watch *w = ctx;

        hosts_lease(w->op->hosts, object, m, loop_now(w->op->loop));
        arena_free(owned);
}

static void on_lease_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        hosts_lease_gone(w->op->hosts, name, loop_now(w->op->loop));
}

static void on_state(void *ctx, enum reflector_state state, const char *text)
{
        struct watch *w = ctx;
        struct operator* op = w->op;
        bool is_refused = state == REFLECTOR_FORBIDDEN || state == REFLECTOR_NO_RESOURCE;

        if (is_refused && w->state != state)
                LOG(ERROR, "operator.watch-refused", text, LOG_STR("path", w->what));
        else if (state == REFLECTOR_LIVE && w->state != REFLECTOR_LIVE)
                LOG(INFO, "operator.watching", "read and watched", LOG_STR("path", w->what));
        w->state = state;
        free(w->text);
        w->text = xstrdup(text ? text : "");
        if (w == &op->watches[WATCH_LEASES])
                hosts_watched(op->hosts, state == REFLECTOR_LIVE, loop_now(op->loop));
        act_when_ready(op);
}

/* --- what follows from news */

static void on_host_changed(void *ctx, struct host *h)
{
        static const char *const names[] = {
                [AGENT_UNSEEN] = "unseen",
                [AGENT_ALIVE] = "alive",
                [AGENT_SILENT] = "silent",
                [AGENT_GONE] = "gone",
        };
        struct ward *l;

        (void)ctx;
        if (h->users > 0)
                LOG(INFO, "operator.node", "a node or its agent changed",
                    LOG_STR("node", h->keyed.key), LOG_BOOL("exists", host_node(h) != NULL),
                    LOG_STR("agent", names[h->agent]), LOG_APART(names[h->agent]));
        LIST_FOREACH (l, &h->links, of_host)
                ward_enqueue(l);
        if (!host_is_lost(h))
                return;
        LIST_FOREACH (l, &h->waiting, of_wait) {
                l->check_holder = true;
                l->former_held = false;
                ward_enqueue(l);
        }
}

static void on_model_changed(void *ctx, struct model *m)
{
        struct ward *l;

        (void)ctx;
        LIST_FOREACH (l, model_wards(m), of_model)
                ward_enqueue(l);
}

static void on_judge(void *ctx)
{
        struct operator* op = ctx;

        op->judge_ns = INT64_MAX;
        hosts_judge(op->hosts, loop_now(op->loop));
}

/* Nothing is under way: the next operator may begin. */
static void give_up(struct operator* op)
{
        int64_t left_ns = op->stop_ns - loop_now(op->loop);

        loop_timer_stop(&op->stop_limit);
        op->drained = true;
        if (op->leader)
                leader_release(op->leader, left_ns > 0 ? left_ns : 0, op->stopped, op->stop_ctx);
        else
                op->stopped(op->stop_ctx);
}

static void on_turn(void *ctx)
{
        struct operator* op = ctx;

        queue_pump(op);
        if (op->stopping && !op->drained && op->n_busy == 0)
                loop_timer_start(&op->stop_limit, 0, LOOP_EXACT);
        int64_t next_ns = hosts_next(op->hosts);
        if (next_ns == op->judge_ns)
                return;
        op->judge_ns = next_ns;
        if (next_ns == INT64_MAX)
                loop_timer_stop(&op->judge);
        else
                loop_timer_start_at(&op->judge, next_ns, 0);
}

/* --- the beginning */

static void open_watch(struct operator* op, size_t i, const char *what,
                       struct reflector_config *config)
{
        struct watch *w = &op->watches[i];

        w->op = op;
        w->what = what;
        w->text = xstrdup("not read yet");
        config->api = op->config.api;
        config->ctx = w;
        config->state = on_state;
        w->reflector = reflector_open(config);
}

static void open_watches(struct operator* op, const char *space)
{
        struct reflector_config links = {
                .resource = kube_devicelinks,
                .upsert = on_link,
                .removed = on_link_gone,
        };
        struct reflector_config nodes = {
                .resource = kube_nodes,
                .upsert = on_node,
                .removed = on_node_gone,
        };
        struct reflector_config crds = {
                .resource = kube_crds,
                .metadata_only = true,
                .upsert = on_crd,
                .removed = on_crd_gone,
        };
        struct reflector_config leases = {
                .resource = kube_leases,
                .space = space,
                .label_selector = HEARTBEAT_LABEL,
                .upsert = on_lease,
                .removed = on_lease_gone,
        };

        open_watch(op, WATCH_NODES, "Nodes", &nodes);
        open_watch(op, WATCH_CRDS, "CustomResourceDefinitions", &crds);
        open_watch(op, WATCH_LEASES, "Leases", &leases);
        open_watch(op, WATCH_LINKS, "DeviceLinks", &links);
}

static void open_leader(struct operator* op, const char *space)
{
        const struct leader_config config = {
                .api = op->config.api,
                .space = space,
                .name = "devicelink-operator",
                .identity = op->config.identity,
                .ctx = op,
                .elected = on_elected,
                .lost = on_lost,
        };

        if (op->config.elect)
                op->leader = leader_open(&config);
        else
                op->elected = true;
}

static void on_stop_limit(void *ctx)
{
        struct operator* op = ctx;

        cancel_all(op);
        give_up(op);
}

struct operator* operator_open(const struct operator_config *config)
{
        struct operator* op = xcalloc(1, sizeof(*op));
        const char *space = config->lease_space ? config->lease_space : kube_api_space(config->api);

        op->config = *config;
        op->loop = kube_api_loop(config->api);
        LIST_INIT(&op->links);
        STAILQ_INIT(&op->queue);
        op->judge_ns = INT64_MAX;
        loop_timer_init(&op->judge, op->loop, on_judge, op);
        loop_timer_init(&op->stop_limit, op->loop, on_stop_limit, op);
        op->turn = (struct loop_turn){ .ended = on_turn, .ctx = op };
        loop_on_turn(op->loop, &op->turn);
        const struct hosts_config hosts = { .grace_ns = config->grace_ns,
                                            .ctx = op,
                                            .changed = on_host_changed };
        op->hosts = hosts_new(&hosts);
        const struct models_config models = {
                .loop = op->loop, .api = config->api, .ctx = op, .changed = on_model_changed
        };
        op->models = models_new(&models);
        const struct events_config events = { .api = config->api,
                                              .controller = controller,
                                              .instance = config->identity };
        op->events = events_new(&events);
        open_watches(op, space);
        open_leader(op, space);
        return op;
}

/* --- the end */

void operator_stop(struct operator* op, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        int64_t drain_ns = limit_ns / 2 < DRAIN_NS ? limit_ns / 2 : DRAIN_NS;

        op->stopping = true;
        op->stopped = done;
        op->stop_ctx = ctx;
        op->stop_ns = loop_now(op->loop) + limit_ns;
        loop_timer_start(&op->stop_limit, op->n_busy > 0 ? drain_ns : 0, LOOP_EXACT);
}

void operator_close(struct operator* op)
{
        if (!op)
                return;
        op->stopping = true;
        loop_off_turn(op->loop, &op->turn);
        for (size_t i = 0; i < WATCHES; i++) {
                reflector_close(op->watches[i].reflector);
                free(op->watches[i].text);
        }
        if (op->leader)
                leader_close(op->leader);
        wards_free_all(op);
        models_free(op->models);
        hosts_free(op->hosts);
        events_free(op->events);
        loop_timer_end(&op->judge);
        loop_timer_end(&op->stop_limit);
        free(op);
}
