/* cluster_gone.c - links that leave: deleted, moved to another node, or lost together with their
 * CRD.
 *
 * Leaving the selection looks like deletion (reference A4 56), so it is asked for by name.  Before
 * a deletion is worked off where there are many links, it is found out whether the CRD itself is
 * going: its discovery then offers no "create" any more.
 */
#include "kube/cluster_impl.h"

#include "base/log.h"
#include "base/text.h"

#include <string.h>

enum { MANY = 10 };

#define GUARD_WAIT_NS (300 * NS_PER_MS)
#define GUARD_AGAIN_NS (2 * NS_PER_S)
#define CRD_BACK_NS (60 * NS_PER_S) /* for links to come back after their CRD */

static const char *node_of(const struct tree *object)
{
        const char *node = tree_text(tree_find(object, "spec.adaptor.node"));

        return node ? node : "";
}

void cluster_gone_end(struct cluster_link *l)
{
        cluster_rested(l);
        if (l->orphan) {
                l->life = LIFE_ORPHAN;
        } else {
                l->life = LIFE_ENDED;
                last_known_remove(l->c->keep, l->uid);
        }
        cluster_touch(l);
}

void cluster_gone_ask(struct cluster_link *l)
{
        if (l->life == LIFE_ORPHAN || l->life == LIFE_ENDED || l->life == LIFE_MOVED)
                return;
        if (l->seen.arena && l->seen.deleted && !l->seen.finalizer) {
                cluster_gone_end(l);
                return;
        }
        l->life = LIFE_ASKING;
        cluster_rested(l);
        cluster_touch(l);
}

static void lost(struct cluster_link *l, bool no_resource)
{
        const struct cluster *c = l->c;

        if (no_resource && c->config.keep_ns > 0 && c->n >= MANY)
                cluster_gone_orphan(l);
        cluster_gone_end(l);
}

static void on_looked(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);
        struct object_meta m = { 0 };

        if (l->life != LIFE_ASKING)
                return;
        if (a->class == KUBE_MISSING) {
                lost(l, a->no_resource);
                return;
        }
        if (a->class != KUBE_OK || !a->object) {
                cluster_rest(l, cluster_rest_of(a), a);
                return;
        }
        object_meta_read(a->object, a->arena, &m);
        cluster_rested(l);
        if (strcmp(m.uid, l->uid) != 0) {
                cluster_gone_end(l);
        } else if (strcmp(node_of(a->object), l->c->config.node) == 0) {
                cluster_take(l->c, a->object, &m, steal(&a->arena));
        } else {
                l->life = LIFE_MOVED;
                LOG(INFO, "kube.moved", "the link is another node's", LOG_STR("link", l->key),
                    LOG_STR("node", node_of(a->object)));
        }
}

bool cluster_gone_look(struct cluster_link *l)
{
        auto_free char *path = kube_path(&kube_devicelinks, l->space, l->name, NULL);
        struct write w = {
                .method = "GET",
                .path = path,
                .resource = "devicelinks",
                .lane = KUBE_URGENT,
                .done = on_looked,
        };

        return cluster_write_chain(l, &w);
}

/* --- the loss of all */

static bool waits(const struct cluster_link *l)
{
        return l->life == LIFE_PRESENT && l->seen.deleted && !l->checked && !l->orphan;
}

bool cluster_gone_checked(struct cluster_link *l)
{
        struct cluster *c = l->c;

        if (l->checked || l->orphan)
                return true;
        if (c->config.keep_ns == 0 || c->n < MANY || c->stopping) {
                l->checked = true;
                return true;
        }
        if (!c->guard_call && !loop_timer_active(&c->guard))
                loop_timer_start(&c->guard, GUARD_WAIT_NS, 0);
        return false;
}

void cluster_gone_orphan(struct cluster_link *l)
{
        struct cluster *c = l->c;

        if (!l->accepted) {
                l->checked = true;
                return;
        }
        l->orphan = true;
        if (loop_timer_active(&c->kept))
                return;
        loop_timer_start(&c->kept, c->config.keep_ns, 0);
        LOG(WARNING, "kube.crd-gone", "the DeviceLink CRD goes; its links are driven on",
            LOG_NS("for", c->config.keep_ns));
}

static bool offers_create(const struct tree *discovery)
{
        const struct tree *resource = kube_discovered(discovery, kube_devicelinks.plural);

        TREE_FOREACH (verb, tree_get(resource, "verbs")) {
                if (text_same(tree_text(verb), "create"))
                        return true;
        }
        return false;
}

static void on_discovery(void *ctx, struct kube_answer *a)
{
        struct cluster *c = ctx;
        bool going = a->class == KUBE_MISSING ||
                     (a->class == KUBE_OK && a->object && !offers_create(a->object));

        c->guard_call = NULL;
        if (a->class == KUBE_AWAY) {
                loop_timer_start(&c->guard, GUARD_AGAIN_NS, 0);
                return;
        }
        for (size_t i = 0; i < c->n; i++) {
                struct cluster_link *l = c->list[i];

                if (!waits(l))
                        continue;
                if (going)
                        cluster_gone_orphan(l);
                else
                        l->checked = true;
                cluster_touch(l);
        }
}

static void on_guard(void *ctx)
{
        struct cluster *c = ctx;
        struct kube_request request = {
                .method = "GET",
                .path = "/apis/" DEVICELINK_API_VERSION,
                .resource = "discovery",
                .lane = KUBE_URGENT,
                .ctx = c,
                .done = on_discovery,
        };

        if (!c->guard_call)
                c->guard_call = kube_start(c->config.api, &request);
}

static void on_kept(void *ctx)
{
        struct cluster *c = ctx;

        LOG(WARNING, "kube.crd-gone", "links that went with their CRD are stopped");
        for (size_t i = 0; i < c->n; i++) {
                struct cluster_link *l = c->list[i];

                if (!l->orphan)
                        continue;
                l->orphan = false;
                if (l->life == LIFE_ORPHAN)
                        cluster_gone_end(l);
                cluster_touch(l);
        }
}

void cluster_gone_crd(struct cluster *c, bool there)
{
        if (!there) {
                c->crd_gone = true;
                return;
        }
        if (!c->crd_gone)
                return;
        c->crd_gone = false;
        int64_t end_ns = clock_mono_ns() + CRD_BACK_NS;
        if (loop_timer_active(&c->kept) && c->kept.due_ns > end_ns)
                loop_timer_start_at(&c->kept, end_ns, 0);
}

void cluster_gone_init(struct cluster *c)
{
        loop_timer_init(&c->guard, c->config.loop, on_guard, c);
        loop_timer_init(&c->kept, c->config.loop, on_kept, c);
}

void cluster_gone_done(struct cluster *c)
{
        kube_cancel(c->guard_call);
        loop_timer_end(&c->guard);
        loop_timer_end(&c->kept);
}
