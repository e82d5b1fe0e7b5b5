/* watches.c - the collections that are watched, and where news of each goes. */
#include "base/log.h"
#include "operator/impl.h"

bool watches_are_synced(const struct brain *b)
{
        for (size_t i = 0; i < WATCHES; i++) {
                if (!reflector_synced(b->watches[i].reflector))
                        return false;
        }
        return true;
}

static void on_link(void *ctx, const struct tree *object, const struct object_meta *m,
                    struct arena *owned)
{
        struct watch *w = ctx;

        ward_take(w->brain, object, m);
        arena_free(owned);
}

static void on_link_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        ward_gone(w->brain, space, name, uid);
}

static void on_node(void *ctx, const struct tree *object, const struct object_meta *m,
                    struct arena *owned)
{
        struct watch *w = ctx;

        hosts_node(w->brain->hosts, object, m, loop_now(w->brain->loop));
        arena_free(owned);
}

static void on_node_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        hosts_node_gone(w->brain->hosts, name);
}

static void on_crd(void *ctx, const struct tree *object, const struct object_meta *m,
                   struct arena *owned)
{
        struct watch *w = ctx;

        (void)object;
        models_crd(w->brain->models, m);
        arena_free(owned);
}

static void on_crd_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        models_crd_gone(w->brain->models, name);
}

static void on_lease(void *ctx, const struct tree *object, const struct object_meta *m,
                     struct arena *owned)
{
        struct watch *w = ctx;

        hosts_lease(w->brain->hosts, object, m, loop_now(w->brain->loop));
        arena_free(owned);
}

static void on_lease_gone(void *ctx, const char *space, const char *name, const char *uid)
{
        struct watch *w = ctx;

        (void)space;
        (void)uid;
        hosts_lease_gone(w->brain->hosts, name, loop_now(w->brain->loop));
}

static void on_state(void *ctx, enum reflector_state state, const char *text)
{
        struct watch *w = ctx;
        struct brain *b = w->brain;
        bool is_refused = state == REFLECTOR_FORBIDDEN || state == REFLECTOR_NO_RESOURCE;

        if (is_refused && w->state != state)
                LOG(ERROR, "operator.watch-refused", text, LOG_STR("path", w->what));
        else if (state == REFLECTOR_LIVE && w->state != REFLECTOR_LIVE)
                LOG(INFO, "operator.watching", "read and watched", LOG_STR("path", w->what));
        w->state = state;
        free(w->text);
        w->text = xstrdup(text ? text : "");
        if (w == &b->watches[WATCH_LEASES])
                hosts_watched(b->hosts, state == REFLECTOR_LIVE, loop_now(b->loop));
        brain_act_when_ready(b);
}

/* --- open and close */

static void open_watch(struct brain *b, size_t i, const char *what, struct reflector_config *config)
{
        struct watch *w = &b->watches[i];

        w->brain = b;
        w->what = what;
        w->text = xstrdup("not read yet");
        config->api = b->config.api;
        config->ctx = w;
        config->state = on_state;
        w->reflector = reflector_open(config);
}

void watches_open(struct brain *b, const char *space)
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

        open_watch(b, WATCH_NODES, "Nodes", &nodes);
        open_watch(b, WATCH_CRDS, "CustomResourceDefinitions", &crds);
        open_watch(b, WATCH_LEASES, "Leases", &leases);
        open_watch(b, WATCH_LINKS, "DeviceLinks", &links);
}

void watches_close(struct brain *b)
{
        for (size_t i = 0; i < WATCHES; i++) {
                reflector_close(b->watches[i].reflector);
                free(b->watches[i].text);
        }
}
