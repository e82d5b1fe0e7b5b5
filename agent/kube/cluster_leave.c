/* cluster_leave.c - instances that this node gives back: of links that moved. */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <string.h>

static bool is_of_link(const struct cluster_link *l, const struct object_meta *m)
{
        const struct object_owner *owner = object_meta_controller(m);

        return owner && strcmp(owner->uid, l->uid) == 0;
}

static void on_given_back(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);

        if (l->life != LIFE_MOVED) { /* it came back meanwhile */
                l->instance.state = CHAIN_UNSURE;
                return;
        }
        if (a->class == KUBE_OK || (a->class == KUBE_MISSING && !a->no_resource)) {
                cluster_gone_end(l);
                return;
        }
        if (a->class == KUBE_REFUSED) /* it is not what it was: who holds it? */
                free(steal(&l->instance.uid));
        l->instance.state = CHAIN_UNSURE; /* it may have arrived */
        if (a->class != KUBE_AWAY)
                LOG(WARNING, "kube.device-refused", a->message, LOG_STR("link", l->key));
        cluster_rest(l, cluster_rest_of(a), a);
}

static bool release(struct cluster_link *l, const char *api_version, const char *kind,
                    const char *uid)
{
        auto_of(buf) struct buf body = BUF(4096);
        struct write w = {
                .method = "PATCH", .type = KUBE_JSON_PATCH, .body = &body, .done = on_given_back
        };

        instance_release(uid, l->c->config.node, &body);
        return cluster_write_device(l, api_version, kind, l->name, &w);
}

/* The model that this node last made an instance of. */
static void model_of(const struct cluster_link *l, const char **ret_version, const char **ret_kind)
{
        const struct object *o = cluster_link_accepted(l);

        if (o) {
                *ret_version = o->link.spec.model.api_version;
                *ret_kind = o->link.spec.model.kind;
        } else {
                *ret_version = l->seen.arena ? l->seen.api_version : "";
                *ret_kind = l->seen.arena ? l->seen.kind : "";
        }
}

static void on_held_seen(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);
        struct object_meta m = { 0 };
        const char *version, *kind, *node;

        if (l->life != LIFE_MOVED) {
                l->instance.state = CHAIN_UNSURE;
                return;
        }
        if (a->class == KUBE_MISSING) {
                cluster_gone_end(l);
                return;
        }
        if (a->class != KUBE_OK || !a->object) {
                cluster_rest(l, cluster_rest_of(a), a);
                return;
        }
        object_meta_read(a->object, a->arena, &m);
        node = tree_text(tree_get(m.annotations, ANNOTATION_NODE));
        model_of(l, &version, &kind);
        if (!is_of_link(l, &m) || !node || strcmp(node, l->c->config.node) != 0)
                cluster_gone_end(l);
        else if (release(l, version, kind, m.uid))
                l->c->lanes[LANE_CHAIN].busy++;
}

bool cluster_instance_give_back(struct cluster_link *l)
{
        const char *version, *kind;
        struct write w = { .method = "GET", .done = on_held_seen };

        model_of(l, &version, &kind);
        if (l->instance.uid)
                return release(l, version, kind, l->instance.uid);
        return cluster_write_device(l, version, kind, l->name, &w);
}
