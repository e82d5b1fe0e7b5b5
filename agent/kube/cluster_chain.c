#include "kube/cluster_chain.h"

#include <string.h>

static const char message_adaptor[] = "the adaptor isn't existed";
static const char message_model[] = "unable to make device from model";
static const char message_create[] = "unable to create device from template";
static const char message_update[] = "unable to update the device from template";
static const char message_connect[] = "unable to connect to device";

struct deciding {
        const struct chain_input *in;
        struct chain_verdict *v;
        int64_t now_ns;
};

static void set(struct deciding *d, enum condition_type type, enum condition_status status,
                const char *message)
{
        (void)conditions_set(&d->v->now.conditions, type, status, message, false, d->now_ns);
}

/* A step is to be tried before anything is said; one that failed is said first. */
static void step(struct deciding *d, enum chain_step what)
{
        d->v->step = d->in->resting ? CHAIN_NONE : what;
        d->v->speak = d->in->resting;
}

static bool is_true(const struct link_status *s, enum condition_type type)
{
        const struct condition *c = conditions_get(&s->conditions, type);

        return c && c->status == CONDITION_TRUE;
}

static bool found_by_operator(const struct chain_input *in)
{
        const struct link_status *s = in->status;

        return in->node[0] != '\0' && strcmp(in->spec_node, in->node) == 0 &&
               strcmp(s->node_name, in->node) == 0 && is_true(s, CONDITION_NODE_EXISTED) &&
               is_true(s, CONDITION_MODEL_EXISTED) &&
               strcmp(s->model_api_version, in->spec_api_version) == 0 &&
               strcmp(s->model_kind, in->spec_kind) == 0;
}

/* Before everything else (reference A8 95).  While another node holds the device, its deletion work
 * is that node's. */
static void decide_deleted(struct deciding *d)
{
        const struct chain_input *in = d->in;

        if (!in->finalizer || in->busy)
                return;
        if (in->instance == CHAIN_UNSEEN || in->instance == CHAIN_UNSURE ||
            in->instance == CHAIN_HELD)
                step(d, CHAIN_LOOK);
        else
                step(d, CHAIN_UNFINALIZE);
        if (in->refused == CHAIN_REFUSED_MODEL || in->refused == CHAIN_REFUSED_CREATE)
                step(d, CHAIN_UNFINALIZE); /* nobody can look, nobody can hold it */
        d->v->speak = false;
}

static bool decide_adaptor(struct deciding *d)
{
        const struct chain_input *in = d->in;
        struct link_status *now = &d->v->now;
        bool renamed = strcmp(now->adaptor_name, in->spec_adaptor) != 0;

        if (in->has_plugin) {
                (void)conditions_set(&now->conditions, CONDITION_ADAPTOR_EXISTED, CONDITION_TRUE,
                                     NULL, renamed, d->now_ns);
                now->adaptor_name = in->spec_adaptor;
                return true;
        }
        /* Once cleared, the name differs for good: that is no reason to write again. */
        (void)conditions_set(&now->conditions, CONDITION_ADAPTOR_EXISTED, CONDITION_FALSE,
                             message_adaptor, renamed && now->adaptor_name[0] != '\0', d->now_ns);
        now->adaptor_name = "";
        d->v->speak = true;
        return false;
}

static void decide_connected(struct deciding *d)
{
        const struct chain_input *in = d->in;
        enum condition_type type = CONDITION_DEVICE_CONNECTED;

        if (in->refused == CHAIN_REFUSED_UPDATE) {
                set(d, type, CONDITION_FALSE, message_update);
                return;
        }
        switch (in->device) {
        case CHAIN_SILENT:
        case CHAIN_CONNECTING:
                set(d, type, CONDITION_UNKNOWN, NULL);
                break;
        case CHAIN_HEALTHY:
                set(d, type, CONDITION_TRUE, NULL);
                break;
        case CHAIN_UNHEALTHY:
                set(d, type, CONDITION_FALSE,
                    in->device_message ? in->device_message : message_connect);
                break;
        }
}

/* The instance as it should be. */
static void decide_right(struct deciding *d)
{
        const struct chain_input *in = d->in;

        d->v->speak = true;
        d->v->accept = !in->refs_unknown;
        set(d, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL);
        decide_connected(d);
}

static void decide_absent(struct deciding *d)
{
        step(d, CHAIN_CREATE);
        if (d->in->refused == CHAIN_REFUSED_MODEL)
                set(d, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_model);
        else if (d->in->refused != CHAIN_REFUSED_NOTHING)
                set(d, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_create);
        else
                set(d, CONDITION_DEVICE_CREATED, CONDITION_UNKNOWN, NULL);
}

static void decide_differs(struct deciding *d)
{
        step(d, CHAIN_LOOK);
        set(d, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL);
        decide_connected(d);
}

/* The list tells of all at once; what it does not tell is made: if it is there after all, the
 * answer says so. */
static void decide_unseen(struct deciding *d)
{
        if (d->in->looking)
                return;
        decide_absent(d);
}

static void decide_unsure(struct deciding *d)
{
        if (d->in->refused != CHAIN_REFUSED_NOTHING)
                decide_absent(d);
        step(d, CHAIN_LOOK);
}

static void decide_instance(struct deciding *d)
{
        switch (d->in->instance) {
        case CHAIN_UNSEEN:
                decide_unseen(d);
                break;
        case CHAIN_UNSURE:
                decide_unsure(d);
                break;
        case CHAIN_ABSENT:
                decide_absent(d);
                break;
        case CHAIN_FOREIGN:
                step(d, CHAIN_LOOK);
                d->v->drive = false;
                set(d, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_create);
                break;
        case CHAIN_HELD:
                step(d, CHAIN_LOOK);
                d->v->drive = false;
                set(d, CONDITION_DEVICE_CREATED, CONDITION_UNKNOWN, NULL);
                break;
        case CHAIN_GOING:
                step(d, CHAIN_LOOK);
                set(d, CONDITION_DEVICE_CREATED, CONDITION_UNKNOWN, NULL);
                break;
        case CHAIN_DIFFERS:
                decide_differs(d);
                break;
        case CHAIN_RIGHT:
                decide_right(d);
                break;
        }
}

/* A link that cannot be read: what was accepted is driven on, or there is nothing to make. */
static void decide_wrong(struct deciding *d)
{
        d->v->speak = true;
        if (!d->in->accepted) {
                set(d, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_create);
                return;
        }
        set(d, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL);
        set(d, CONDITION_DEVICE_CONNECTED, CONDITION_FALSE, message_update);
}

static void decide_handled(struct deciding *d)
{
        const struct chain_input *in = d->in;

        d->v->handled = true;
        if (!decide_adaptor(d))
                return;
        d->v->drive = in->accepted;
        if (in->wrong) {
                decide_wrong(d);
        } else if (!in->finalizer) {
                step(d, CHAIN_FINALIZE);
                if (in->refused != CHAIN_REFUSED_NOTHING)
                        set(d, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_create);
        } else {
                decide_instance(d);
        }
        if (d->v->accept)
                d->v->drive = true;
}

void chain_decide(const struct chain_input *in, int64_t wall_ns, struct chain_verdict *ret)
{
        struct deciding d = { .in = in, .v = ret, .now_ns = wall_ns };

        *ret = (struct chain_verdict){ .now = *in->status };
        if (in->deleted)
                decide_deleted(&d);
        else if (found_by_operator(in))
                decide_handled(&d);

        const struct condition *phase = conditions_phase(&ret->now.conditions);
        ret->hurry = phase && phase->status != CONDITION_UNKNOWN;
}
