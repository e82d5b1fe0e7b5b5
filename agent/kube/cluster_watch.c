/* cluster_watch.c - reflectors: the links of this node, and one per device kind in use. */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <string.h>

static void set_trouble(char **trouble, enum reflector_state state, const char *what,
                        const char *text)
{
        bool well = state == REFLECTOR_LIVE || state == REFLECTOR_STALE;

        free(*trouble);
        *trouble = well ? NULL : xasprintf("%s: %s", what, text && text[0] ? text : "not read yet");
}

/* --- links */

static bool keep_link(void *ctx, const struct tree *object)
{
        const struct cluster *c = ctx;
        const char *node = tree_text(tree_find(object, "spec.adaptor.node"));

        return node && strcmp(node, c->config.node) == 0;
}

static void on_link(void *ctx, const struct tree *object, const struct object_meta *m,
                    struct arena *owned)
{
        cluster_take(ctx, object, m, owned);
}

static void on_link_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct cluster_link *l = cluster_link_find_name(ctx, space, name);

        if (l && strcmp(l->uid, uid) == 0)
                cluster_gone_ask(l);
}

/* The first whole list: what is known from disk and not in it has to be asked for. */
static void first_sync(struct cluster *c)
{
        c->synced = true;
        c->set_dirty = true;
        loop_timer_stop(&c->start);
        for (size_t i = 0; i < c->n; i++) {
                if (c->list[i]->life == LIFE_KEPT)
                        cluster_gone_ask(c->list[i]);
        }
        c->offline = false;
        cluster_held_begin(c);
        LOG(INFO, "kube.synced", "links read", LOG_INT("links", c->n));
}

static void on_links_state(void *ctx, enum reflector_state state, const char *text)
{
        struct cluster *c = ctx;

        c->links_state = state;
        set_trouble(&c->links_trouble, state, "DeviceLinks", text);
        if (state == REFLECTOR_LIVE && !c->synced)
                first_sync(c);
        if (state == REFLECTOR_LIVE || state == REFLECTOR_NO_RESOURCE)
                cluster_gone_crd(c, state == REFLECTOR_LIVE);
}

void cluster_watch_links(struct cluster *c)
{
        auto_free char *selector = xasprintf("spec.adaptor.node=%s", c->config.node);
        struct reflector_config config = {
                .api = c->config.api,
                .resource = kube_devicelinks,
                .space = c->config.space,
                .field_selector = selector,
                .start_jitter_ns = c->config.start_jitter_ns,
                .ctx = c,
                .keep = keep_link,
                .upsert = on_link,
                .removed = on_link_gone,
                .state = on_links_state,
        };

        c->links_reflector = reflector_open(&config);
}

/* --- instances */

static struct cluster_link *link_of(const struct cluster_kind *k, const char *space,
                                    const char *name)
{
        struct cluster_link *l = cluster_link_find_name(k->c, space, name);

        if (!l || l->kind != k)
                return NULL;
        if (l->life == LIFE_PRESENT)
                return l;
        if (l->instance.state != CHAIN_UNSEEN) /* should the link come back, it is looked at */
                l->instance.state = CHAIN_UNSURE;
        return NULL;
}

static void on_instance(void *ctx, const struct tree *object, const struct object_meta *m,
                        struct arena *owned)
{
        struct cluster_link *l = link_of(ctx, m->space, m->name);

        if (l)
                cluster_instance_take(l, object, m);
        arena_free(owned);
}

static void on_instance_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct cluster_link *l = link_of(ctx, space, name);

        if (l)
                cluster_instance_gone(l, uid);
}

static void on_instances_state(void *ctx, enum reflector_state state, const char *text)
{
        struct cluster_kind *k = ctx;
        bool back = k->was_missing && state == REFLECTOR_LIVE;

        if (k->state == state)
                return;
        k->state = state;
        k->was_missing = state == REFLECTOR_NO_RESOURCE || (k->was_missing && !back);
        (void)text; /* the reflector logs it; a kind that nobody may read makes no agent unready */
        for (size_t i = 0; i < k->c->n; i++) {
                struct cluster_link *l = k->c->list[i];

                if (l->kind != k || l->instance.state == CHAIN_RIGHT)
                        continue;
                if (back)
                        cluster_rested(l);
                cluster_touch(l);
        }
}

static struct cluster_kind *kind_open(struct cluster *c, const char *api_version, const char *kind)
{
        struct cluster_kind *k = xcalloc(1, sizeof(*k));
        char node[LABEL_NODE_SIZE];

        k->c = c;
        k->api_version = xstrdup(api_version);
        k->kind = xstrdup(kind);
        k->state = REFLECTOR_STARTING;
        k->arena = arena_new();
        k->resource = kube_resource_of(api_version, kind, k->arena);
        k->next = c->kinds;
        c->kinds = k;

        label_node(c->config.node, node);
        struct reflector_config config = {
                .api = c->config.api,
                .resource = k->resource,
                .space = c->config.space,
                .label_selector = arena_printf(k->arena, LABEL_NODE "=%s", node),
                .list_first = true,
                .ctx = k,
                .upsert = on_instance,
                .removed = on_instance_gone,
                .state = on_instances_state,
        };
        k->reflector = reflector_open(&config);
        return k;
}

static void kind_close(struct cluster_kind *k)
{
        struct cluster_kind **at = &k->c->kinds;

        while (*at != k)
                at = &(*at)->next;
        *at = k->next;
        reflector_close(k->reflector);
        arena_free(k->arena);
        free(k->api_version);
        free(k->kind);
        free(k);
}

void cluster_kind_use(struct cluster_link *l, const char *api_version, const char *kind)
{
        struct cluster_kind *k = l->c->kinds;

        while (k && (strcmp(k->kind, kind) != 0 || strcmp(k->api_version, api_version) != 0))
                k = k->next;
        if (!k)
                k = kind_open(l->c, api_version, kind);
        k->links++;
        l->kind = k;
}

void cluster_kind_drop(struct cluster_link *l)
{
        struct cluster_kind *k = l->kind;

        l->kind = NULL;
        if (k && --k->links == 0)
                k->c->idle_kinds = true;
}

void cluster_kinds_sweep(struct cluster *c)
{
        struct cluster_kind *next;

        c->idle_kinds = false;
        for (struct cluster_kind *k = c->kinds; k; k = next) {
                next = k->next;
                if (k->links == 0)
                        kind_close(k);
        }
}
