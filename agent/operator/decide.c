/* decide.c - see decide.h */
#include "operator/decide.h"

#include "kube/devicelink.h"
#include "kube/instance.h"

#include <string.h>

static bool equal(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* --- nodes */

void node_view_read(const struct tree *object, struct node_view *ret)
{
        struct node_view v = { "", "", "", "", "" };
        const struct {
                const char *type;
                const char **to;
        } types[] = {
                { "Hostname", &v.host_name },       { "InternalIP", &v.internal_ip },
                { "InternalDNS", &v.internal_dns }, { "ExternalIP", &v.external_ip },
                { "ExternalDNS", &v.external_dns },
        };

        TREE_FOREACH (child, tree_find(object, "status.addresses")) {
                const char *type = tree_text(tree_get(child, "type"));
                const char *address = tree_text(tree_get(child, "address"));

                for (size_t i = 0; type && address && i < sizeof(types) / sizeof(types[0]); i++) {
                        if (equal(type, types[i].type))
                                *types[i].to = address;
                }
        }
        *ret = v;
}

bool node_view_equal(const struct node_view *a, const struct node_view *b)
{
        return equal(a->host_name, b->host_name) && equal(a->internal_ip, b->internal_ip) &&
               equal(a->internal_dns, b->internal_dns) && equal(a->external_ip, b->external_ip) &&
               equal(a->external_dns, b->external_dns);
}

static void record_node(struct link_status *s, const char *name, const struct node_view *n)
{
        s->node_name = name;
        s->host_name = n->host_name;
        s->internal_ip = n->internal_ip;
        s->internal_dns = n->internal_dns;
        s->external_ip = n->external_ip;
        s->external_dns = n->external_dns;
}

/* --- steps */

/* Others may have written the list: what does not follow from what is before it is nothing to
 * build on. */
static void cut_to_chain(struct conditions *c)
{
        size_t n = 0;

        while (n < c->n && c->list[n].type == (enum condition_type)n &&
               (n == 0 || c->list[n - 1].status == CONDITION_TRUE))
                n++;
        c->n = n;
}

/* False ends the list.  Octopus rewrites a False that repeats itself; here it is left alone: a
 * write that changes nothing but times wakes everybody for nothing. */
static void set_false(struct conditions *c, enum condition_type type, const char *message,
                      int64_t now_ns)
{
        (void)conditions_set(c, type, CONDITION_FALSE, message, false, now_ns);
}

/* Returns whether to go on. */
static bool node_step(const struct link_view *v, const struct decide_facts *f,
                      struct link_status *s)
{
        static const struct node_view none = { "", "", "", "", "" };

        if (!f->node) {
                set_false(&s->conditions, CONDITION_NODE_EXISTED, "adaptor node isn't existed",
                          f->now_ns);
                record_node(s, "", &none);
                return false;
        }
        (void)conditions_set(&s->conditions, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL,
                             !equal(s->node_name, v->node), f->now_ns);
        record_node(s, v->node, f->node);
        return true;
}

static void model_step(const struct link_view *v, const struct decide_facts *f,
                       struct link_status *s)
{
        struct conditions *c = &s->conditions;

        if (f->model == MODEL_SERVED) {
                (void)conditions_set(c, CONDITION_MODEL_EXISTED, CONDITION_TRUE, NULL,
                                     !equal(s->model_api_version, v->api_version) ||
                                             !equal(s->model_kind, v->kind),
                                     f->now_ns);
                s->model_api_version = v->api_version;
                s->model_kind = v->kind;
                return;
        }
        set_false(c, CONDITION_MODEL_EXISTED,
                  f->model == MODEL_MISSING ? "model isn't existed" : "model version isn't served",
                  f->now_ns);
        s->model_api_version = "";
        s->model_kind = "";
}

static void agent_step(const struct decide_facts *f, struct link_status *s)
{
        if ((f->agent == AGENT_SILENT || f->agent == AGENT_GONE) && !f->told &&
            conditions_get(&s->conditions, CONDITION_DEVICE_CONNECTED))
                (void)conditions_set_reason(&s->conditions, CONDITION_DEVICE_CONNECTED,
                                            CONDITION_UNKNOWN, AGENT_LOST_REASON,
                                            AGENT_LOST_MESSAGE, f->now_ns);
}

bool says_agent_lost(const struct link_status *s)
{
        const struct condition *c = conditions_get(&s->conditions, CONDITION_DEVICE_CONNECTED);

        return c && equal(condition_reason_of(c), AGENT_LOST_REASON);
}

/* --- all of it */

/* Deletion comes before everything else; nothing begins any more. */
static enum decision decide_deleted(const struct link_view *v, const struct decide_facts *f,
                                    struct link_status *ret)
{
        bool model_gone = f->model == MODEL_MISSING || f->model == MODEL_UNSERVED;

        if (v->finalizers) {
                if (!f->node || (model_gone && f->agent != AGENT_ALIVE))
                        return DECIDE_LET_GO;
                if (f->agent == AGENT_GONE)
                        return DECIDE_ABANDON;
        }
        agent_step(f, ret);
        return DECIDE_STATUS;
}

enum decision decide(const struct link_view *v, const struct decide_facts *f,
                     struct link_status *ret)
{
        *ret = v->status;
        if (v->deleted)
                return decide_deleted(v, f, ret);
        if (f->node && f->model == MODEL_PENDING)
                return DECIDE_WAIT;
        cut_to_chain(&ret->conditions);
        if (!node_step(v, f, ret) || f->model == MODEL_UNKNOWN)
                return DECIDE_STATUS;
        if (f->old == OLD_UNKNOWN)
                return DECIDE_REMOVE_OLD;
        if (f->old == OLD_HELD)
                (void)conditions_set(&ret->conditions, CONDITION_MODEL_EXISTED, CONDITION_UNKNOWN,
                                     NULL, false, f->now_ns);
        else
                model_step(v, f, ret);
        agent_step(f, ret);
        return DECIDE_STATUS;
}

/* --- instances */

enum holder holder_of(const struct link_view *v, const struct tree *object, struct arena *a,
                      const char **ret_node)
{
        struct object_meta m;

        object_meta_read(object, a, &m);
        const struct object_owner *owner = object_meta_controller(&m);
        if (!owner || !equal(owner->uid, v->uid))
                return HOLDER_FOREIGN;
        const char *node = tree_text(tree_get(m.annotations, ANNOTATION_NODE));
        if (!node || node[0] == '\0' || equal(node, v->node))
                return HOLDER_FREE;
        *ret_node = node;
        return HOLDER_OTHER;
}
