/* cluster_work.c - what is done about a link at the end of a turn. */
#include "kube/cluster_impl.h"

#include <string.h>

/* What is only under way is not written when it is over within this time. */
#define UNDER_WAY_NS (1 * NS_PER_S)

void cluster_link_decide(struct cluster_link *l, struct chain_verdict *ret)
{
        const struct cluster_config *config = &l->c->config;
        const struct observed *o = &l->seen;
        struct chain_input in = {
                .node = config->node,
                .spec_node = o->node,
                .spec_adaptor = o->adaptor,
                .spec_api_version = o->api_version,
                .spec_kind = o->kind,
                .status = &o->status,
                .deleted = o->deleted,
                .finalizer = o->finalizer,
                .wrong = l->wrong,
                .has_plugin = config->adaptor_exists(config->ctx, o->adaptor, o->kind),
                .instance = l->instance.state,
                .looking = l->kind && l->kind->state == REFLECTOR_STARTING,
                .refused = l->refused,
                .resting = l->resting,
                .refs_unknown = cluster_set_refs_unknown(l),
                .accepted = l->accepted,
                .busy = cluster_link_busy(l) && !l->orphan,
                .device = l->device,
                .device_message = l->device_message,
        };

        chain_decide(&in, clock_wall_ns(), ret);
}

bool cluster_link_differs(const struct cluster_link *l, const struct chain_verdict *v)
{
        const struct link_status *was = &l->seen.status;

        return was->foreign || strcmp(was->adaptor_name, v->now.adaptor_name) != 0 ||
               !conditions_equal(&was->conditions, &v->now.conditions);
}

void cluster_link_settled(struct cluster_link *l)
{
        struct cluster_counts *counts = &l->c->counts;

        if (l->since_ns == 0)
                return;
        histogram_add(&counts->times, clock_mono_ns() - l->since_ns);
        counts->reconciles++;
        l->since_ns = 0;
}

static void accept_newest(struct cluster_link *l)
{
        if (l->accepted == l->newest)
                return;
        cluster_link_drop_set(l, &l->accepted);
        l->accepted = l->newest;
        l->c->set_dirty = true;
        cluster_keep_put(l);
}

static void drive(struct cluster_link *l, bool on)
{
        on = on && l->accepted;
        if (on != l->drive)
                l->c->set_dirty = true;
        l->drive = on;
}

/* Whether there is something to be written now. */
static bool wants_to_say(struct cluster_link *l, const struct chain_verdict *v)
{
        if (!v->speak || l->stale || !cluster_link_differs(l, v)) {
                l->say_waiting = l->say_due = false;
                if (!l->say_resting)
                        loop_timer_stop(&l->say_timer);
                return false;
        }
        if (l->say_resting)
                return false;
        if (v->hurry || l->say_due || l->c->stopping)
                return true;
        if (!l->say_waiting)
                loop_timer_start(&l->say_timer, UNDER_WAY_NS, 0);
        l->say_waiting = true;
        return false;
}

/* What the operator found is ours to do from now on. */
static void begin(struct cluster_link *l, struct chain_verdict *v)
{
        l->c->refs_dirty = true;
        l->refused = CHAIN_REFUSED_NOTHING;
        cluster_rested(l);
        if (!l->kind)
                cluster_kind_use(l, l->seen.api_version, l->seen.kind);
        cluster_link_decide(l, v);
}

static void work_present(struct cluster_link *l)
{
        struct chain_verdict v;

        if (l->seen.deleted && !cluster_gone_checked(l))
                return;
        cluster_link_decide(l, &v);
        if (v.handled && (!l->handled || !l->kind))
                begin(l, &v);
        l->handled = v.handled;
        if (v.accept) {
                accept_newest(l);
                l->orphan = false;
        }
        drive(l, v.drive || l->orphan);
        if (l->seen.deleted && cluster_link_busy(l) && !l->orphan &&
            !loop_timer_active(&l->cleanup))
                loop_timer_start(&l->cleanup, l->c->config.cleanup_ns, 0);

        bool idle = !l->call && !l->say_call;
        bool step = v.step != CHAIN_NONE || (l->stale && !l->resting);
        bool says = wants_to_say(l, &v);
        if (step && idle)
                cluster_lane_add(l, LANE_CHAIN);
        if (says && idle)
                cluster_lane_add(l, LANE_SAY);
        if (!step && !says && idle)
                cluster_link_settled(l);
}

void cluster_work(struct cluster_link *l)
{
        switch (l->life) {
        case LIFE_KEPT:
                drive(l, l->c->offline);
                break;
        case LIFE_PRESENT:
                work_present(l);
                break;
        case LIFE_ASKING:
                if (!l->call && !l->resting)
                        cluster_lane_add(l, LANE_CHAIN);
                break;
        case LIFE_MOVED:
                drive(l, false);
                if (!l->given && !l->closing && !l->call && !l->resting)
                        cluster_lane_add(l, LANE_CHAIN);
                break;
        case LIFE_ENDED:
                drive(l, false);
                if (!l->given && !l->closing)
                        cluster_link_remove(l);
                break;
        case LIFE_ORPHAN:
                drive(l, true);
                break;
        }
}
