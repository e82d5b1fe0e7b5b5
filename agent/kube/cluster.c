#include "kube/cluster_impl.h"

#include "base/log.h"

#include <string.h>

/* Without an answer for so long, a start does without the API server. */
#define START_WAIT_NS (5 * NS_PER_S)
#define START_LOOK_NS (1 * NS_PER_S)

/* CPU for the whole set: about a tenth at most. */
#define SET_LINK_NS (20 * NS_PER_US)

enum { TROUBLE_MAX = 4096, FEW_LINKS = 50 };

/* --- the turn */

static void work_off(struct cluster *c)
{
        while (c->dirty) {
                struct cluster_link *l = c->dirty;

                c->dirty = l->dirty_next;
                l->dirty = false;
                cluster_work(l);
        }
}

static void finish_stop(struct cluster *c)
{
        void (*stopped)(void *ctx) = c->stopped;

        loop_timer_stop(&c->stop_limit);
        c->stopped = NULL;
        if (stopped)
                stopped(c->stopped_ctx);
}

/* The set is looked at as a whole: with many links that come one after the other not for each. */
static bool set_is_due(struct cluster *c)
{
        int64_t gap_ns = c->n > FEW_LINKS ? (int64_t)c->n * SET_LINK_NS : 0;

        if (!c->set_dirty || c->stopping)
                return false;
        int64_t now_ns = clock_mono_ns();
        if (c->told && now_ns < c->set_ns + gap_ns) {
                loop_timer_start_at(&c->again, c->set_ns + gap_ns, 0);
                return false;
        }
        c->set_ns = now_ns;
        return true;
}

/* Whether something became known that is not worked off. */
static bool work_some(struct cluster *c)
{
        if (c->dirty)
                work_off(c);
        else if (c->refs_dirty)
                cluster_set_refs(c);
        else if (set_is_due(c))
                cluster_set_update(c);
        else
                return false;
        return true;
}

/* Everything that became known in this turn is worked off together. */
static void on_turn(void *ctx)
{
        struct cluster *c = ctx;

        do {
                while (work_some(c))
                        ;
                cluster_lanes_pump(c);
        } while (c->dirty);
        if (c->idle_kinds)
                cluster_kinds_sweep(c);
        if (c->stopping && cluster_lanes_idle(c))
                finish_stop(c);
}

/* --- what the rooms say */

static enum chain_device device_of(const struct conditions *list, const char **ret_message)
{
        const struct condition *last = conditions_phase(list);

        *ret_message = NULL;
        if (!last || last->type < CONDITION_DEVICE_CREATED)
                return CHAIN_SILENT; /* its adaptor: that is looked up here */
        if (last->type == CONDITION_DEVICE_CREATED)
                return last->status == CONDITION_FALSE ? CHAIN_UNHEALTHY : CHAIN_CONNECTING;
        if (last->status == CONDITION_TRUE)
                return CHAIN_HEALTHY;
        if (last->status == CONDITION_UNKNOWN)
                return CHAIN_CONNECTING;
        *ret_message = last->message;
        return CHAIN_UNHEALTHY;
}

static void say_device(struct cluster_link *l, const char *message, const char *cause)
{
        if (!message || strcmp(message, "unable to connect to device") == 0)
                cluster_say(l, true, "FailedConnected", "Connecting",
                            "cannot connect to device: %s", cause);
        else if (strcmp(message, "received error from adaptor") == 0)
                cluster_say(l, true, "Disconnected", "Receiving", "received error from adaptor: %s",
                            cause);
        else if (strcmp(message, "unable to update the device from template") == 0)
                cluster_say(l, true, "FailedUpdated", "Updating",
                            "unable to update the device from template: %s", cause);
        /* References say themselves what is missing. */
}

void cluster_condition(struct cluster *c, const struct link_spec *spec,
                       const struct conditions *list, const char *cause)
{
        struct cluster_link *l = cluster_link_find(c, spec->key);
        const char *message;

        if (!l || !l->given)
                return;
        l->device = device_of(list, &message);
        free(l->device_message);
        l->device_message = message ? xstrdup(message) : NULL;
        if (l->device == CHAIN_UNHEALTHY)
                say_device(l, message, cause);
        cluster_touch(l);
}

void cluster_released(struct cluster *c, const char *key)
{
        struct cluster_link *l = cluster_link_find(c, key);

        if (!l || l->given)
                return;
        l->closing = false;
        cluster_touch(l);
}

/* --- what is told */

void cluster_count(const struct cluster *c, struct cluster_counts *ret)
{
        *ret = c->counts;
        ret->links = ret->driven = ret->waiting = ret->queued = 0;
        for (size_t i = 0; i < c->n; i++) {
                const struct cluster_link *l = c->list[i];

                for (enum lane_name lane = 0; lane < LANES; lane++)
                        ret->queued += l->in_lane[lane];
                if (l->life == LIFE_ENDED || l->life == LIFE_MOVED)
                        continue;
                ret->links++;
                ret->driven += l->given;
                ret->waiting += !l->given;
        }
}

static void add_trouble(struct buf *b, const char *text)
{
        if (!text)
                return;
        if (b->len > 0)
                buf_adds(b, "; ");
        buf_adds(b, text);
}

const char *cluster_trouble(const struct cluster *c)
{
        struct buf *b = c->trouble;

        buf_clear(b);
        add_trouble(b, c->links_trouble);
        add_trouble(b, heartbeat_trouble(c->heartbeat));
        return b->len > 0 ? buf_text(b) : NULL;
}

const struct conditions *cluster_conditions(const struct cluster *c, const char *key)
{
        const struct cluster_link *l = cluster_link_find(c, key);

        return l ? &l->seen.status.conditions : NULL;
}

void cluster_each_waiting(const struct cluster *c,
                          void (*each)(void *ctx, const struct cluster_waiting *), void *ctx)
{
        for (size_t i = 0; i < c->n; i++) {
                const struct cluster_link *l = c->list[i];
                const struct observed *seen = &l->seen;
                bool is_seen = seen->arena;
                const char *cause = l->wrong ? l->wrong : l->ref_trouble;

                if (l->given || l->closing || l->life == LIFE_ENDED || l->life == LIFE_MOVED)
                        continue;
                const struct cluster_waiting w = {
                        .key = l->key,
                        .space = l->space,
                        .name = l->name,
                        .uid = l->uid,
                        .node = is_seen ? seen->node : "",
                        .adaptor = is_seen ? seen->adaptor : "",
                        .api_version = is_seen ? seen->api_version : "",
                        .kind = is_seen ? seen->kind : "",
                        .conditions = &seen->status.conditions,
                        .cause = cause ? cause : "",
                };
                each(ctx, &w);
        }
}

/* --- life */

static void on_start(void *ctx)
{
        struct cluster *c = ctx;
        int64_t now_ns = clock_mono_ns();

        if (now_ns < c->start_ns + START_WAIT_NS && kube_api_away_since(c->config.api) == 0) {
                loop_timer_start(&c->start, START_LOOK_NS, 0);
                return;
        }
        c->offline = true;
        for (size_t i = 0; i < c->n; i++)
                cluster_touch(c->list[i]);
        LOG(WARNING, "kube.offline", "the API server does not answer; known links are driven",
            LOG_INT("links", c->n));
}

static void copy_config(struct cluster *c, const struct cluster_config *config)
{
        c->config = *config;
        c->config.node = xstrdup(config->node);
        c->config.space = config->space ? xstrdup(config->space) : NULL;
        c->config.lease_space =
                xstrdup(config->lease_space ? config->lease_space : kube_api_space(config->api));
        c->config.state_dir = NULL;
}

static void free_text(const char *s)
{
        free((void *)(uintptr_t)s);
}

static void start_watching(struct cluster *c)
{
        const struct watched_config watched = { .api = c->config.api,
                                                .ctx = c,
                                                .changed = cluster_set_refs_changed };
        const struct events_config events = { .api = c->config.api,
                                              .controller = "edge.cattle.io/limb",
                                              .instance = c->config.node };
        const struct heartbeat_config heartbeat = { .api = c->config.api,
                                                    .space = c->config.lease_space,
                                                    .node = c->config.node,
                                                    .identity = c->config.node };

        c->watched = watched_new(&watched);
        c->events = events_new(&events);
        c->heartbeat = heartbeat_open(&heartbeat);
        c->maker = maker_new(c->config.node, NULL);
        maker_set_why(c->maker, cluster_set_why, c);
        cluster_keep_read(c);
        cluster_watch_links(c);
}

static void on_stop_limit(void *ctx)
{
        struct cluster *c = ctx;

        if (c->stopped)
                finish_stop(c);
}

static void on_again(void *ctx)
{
        (void)ctx; /* the end of this turn does it */
}

int cluster_open(const struct cluster_config *config, struct cluster **ret, struct err *e)
{
        struct last_known *keep = NULL;

        if (config->node[0] == '\0')
                return err_set(e, DL_CONFIG, "node name: expected the name of a Node, got nothing");
        int rc = last_known_open(config->loop, config->state_dir, config->node, &keep, e);
        if (rc < 0)
                return rc;

        struct cluster *c = xcalloc(1, sizeof(*c));
        copy_config(c, config);
        c->keep = keep;
        c->trouble = xcalloc(1, sizeof(*c->trouble));
        *c->trouble = BUF(TROUBLE_MAX);
        c->links_trouble = xstrdup("DeviceLinks: not read yet");
        c->turn = (struct loop_turn){ .ended = on_turn, .ctx = c };
        loop_on_turn(config->loop, &c->turn);
        loop_timer_init(&c->start, config->loop, on_start, c);
        loop_timer_init(&c->again, config->loop, on_again, c);
        loop_timer_init(&c->stop_limit, config->loop, on_stop_limit, c);
        cluster_gone_init(c);
        cluster_report_refresh(c);
        c->start_ns = clock_mono_ns();
        loop_timer_start(&c->start, START_LOOK_NS, 0);
        start_watching(c);
        *ret = c;
        return 0;
}

void cluster_stop(struct cluster *c, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        cluster_held_end(c);
        c->stopping = true;
        c->stopped = done;
        c->stopped_ctx = ctx;
        loop_timer_start(&c->stop_limit, limit_ns, 0);
        loop_timer_start(&c->again, 0, LOOP_EXACT);
        for (size_t i = 0; i < c->n; i++) {
                cluster_touch(c->list[i]);
                cluster_report_again(c->list[i]);
        }
}

void cluster_close(struct cluster *c)
{
        if (!c)
                return;
        loop_off_turn(c->config.loop, &c->turn);
        reflector_close(c->links_reflector);
        while (c->n > 0)
                cluster_link_remove(c->list[c->n - 1]);
        free(c->list);
        cluster_kinds_sweep(c);
        cluster_gone_done(c);
        cluster_held_end(c);
        heartbeat_close(c->heartbeat);
        events_free(c->events);
        watched_free(c->watched);
        maker_free(c->maker);
        last_known_close(c->keep);
        loop_timer_end(&c->start);
        loop_timer_end(&c->again);
        loop_timer_end(&c->stop_limit);
        loop_timer_end(&c->refresh);
        findings_done(&c->findings);
        buf_done(c->trouble);
        free(c->trouble);
        free(c->links_trouble);
        free_text(c->config.node);
        free_text(c->config.space);
        free_text(c->config.lease_space);
        free(c);
}
