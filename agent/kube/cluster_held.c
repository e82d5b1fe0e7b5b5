/* cluster_held.c - what is held in this node's name without its agent knowing of it.
 *
 * An agent that starts with an empty state directory does not know of links that moved away while
 * it was down; their new node waits for the instance, and to the operator this one is well.  So
 * once, after the first whole list of links, the instances of each kind that an adaptor here drives
 * are looked through, and those whose link names another node are given back.  One request at a
 * time; a kind that cannot be read is left.
 */
#include "kube/cluster_impl.h"
#include "kube/devicelink.h"

#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define PAGE_ITEMS "200"

static const char devices_version[] = DEVICE_GROUP "/v1alpha1";

struct held {
        char *space, *name, *uid, *owner; /* owner: uid of its link */
};

struct held_look {
        struct cluster *c;
        size_t at;         /* of the kinds */
        bool listed;       /* its first page, or more */
        char *more;        /* the next page; NULL = none */
        struct held *held; /* of this kind, to be looked after */
        size_t n_held;
        struct kube_call *call;
        struct loop_timer timer;
        struct backoff backoff;
};

static void step(struct held_look *s);

static void held_done(struct held *h)
{
        free(h->space);
        free(h->name);
        free(h->uid);
        free(h->owner);
}

void cluster_held_end(struct cluster *c)
{
        struct held_look *s = steal(&c->held);

        if (!s)
                return;
        kube_cancel(s->call);
        loop_timer_end(&s->timer);
        for (size_t i = 0; i < s->n_held; i++)
                held_done(&s->held[i]);
        free(s->held);
        free(s->more);
        free(s);
}

static void ask(struct held_look *s, struct kube_request *r, const char *path,
                void (*done)(void *ctx, struct kube_answer *))
{
        r->path = path;
        r->lane = KUBE_WORK;
        r->ctx = s;
        r->done = done;
        s->call = kube_start(s->c->config.api, r);
}

/* NULL: no more of them. */
static const char *kind_of(const struct held_look *s)
{
        const struct cluster_config *c = &s->c->config;

        return c->kind ? c->kind(c->ctx, s->at) : NULL;
}

static const struct kube_resource *resource_of(const struct held_look *s, struct kube_resource *ret,
                                               struct arena *a)
{
        *ret = kube_resource_of(devices_version, kind_of(s), a);
        return ret;
}

/* False: it is asked again later. */
static bool answered(struct held_look *s, const struct kube_answer *a)
{
        s->call = NULL;
        if (a->class != KUBE_AWAY) {
                backoff_reset(&s->backoff);
                return true;
        }
        loop_timer_start(&s->timer, backoff_next_ns(&s->backoff), 0);
        return false;
}

static void next_held(struct held_look *s)
{
        held_done(&s->held[--s->n_held]);
        step(s);
}

/* --- one that is held */

static void on_released(void *ctx, struct kube_answer *a)
{
        struct held_look *s = ctx;
        const struct held *h = &s->held[s->n_held - 1];

        if (!answered(s, a))
                return;
        if (a->class == KUBE_OK)
                LOG(INFO, "kube.given-back", "held without a link of this node",
                    LOG_STR("path", h->space), LOG_STR("object", h->name));
        else
                LOG(WARNING, "kube.device-refused", a->message, LOG_STR("path", h->space),
                    LOG_STR("object", h->name));
        next_held(s);
}

static void release(struct held_look *s)
{
        const struct held *h = &s->held[s->n_held - 1];
        auto_of(arena) struct arena *arena = arena_new();
        auto_of(buf) struct buf body = BUF(4096);
        struct kube_resource resource;
        auto_free char *path = kube_path(resource_of(s, &resource, arena), h->space, h->name, NULL);

        instance_release(h->uid, s->c->config.node, &body);
        ask(s,
            &(struct kube_request){ .method = "PATCH",
                                    .resource = "devices",
                                    .content_type = KUBE_JSON_PATCH,
                                    .body = buf_text(&body),
                                    .body_len = body.len },
            path, on_released);
}

static void on_link(void *ctx, struct kube_answer *a)
{
        struct held_look *s = ctx;
        const struct held *h = &s->held[s->n_held - 1];
        struct object_meta m = { 0 };

        if (!answered(s, a))
                return;
        if (a->class == KUBE_OK && a->object) {
                const char *node = tree_text(tree_find(a->object, "spec.adaptor.node"));

                object_meta_read(a->object, a->arena, &m);
                if (strcmp(m.uid, h->owner) == 0 && !text_same(node, s->c->config.node)) {
                        release(s);
                        return;
                }
        }
        next_held(s); /* ours after all, or the garbage collector's */
}

static void look(struct held_look *s)
{
        const struct held *h = &s->held[s->n_held - 1];
        auto_free char *path = kube_path(&kube_devicelinks, h->space, h->name, NULL);

        ask(s, &(struct kube_request){ .method = "GET", .resource = "devicelinks" }, path, on_link);
}

/* --- those of a kind */

static void take(struct held_look *s, const struct tree *object, struct arena *a)
{
        const struct cluster_link *l;
        const struct object_owner *owner;
        struct object_meta m;

        object_meta_read(object, a, &m);
        owner = object_meta_controller(&m);
        l = cluster_link_find_name(s->c, m.space, m.name);
        if (!owner ||
            !text_same(tree_text(tree_get(m.annotations, ANNOTATION_NODE)), s->c->config.node) ||
            (l && strcmp(l->uid, owner->uid) == 0))
                return;
        s->held = xreallocarray(s->held, s->n_held + 1, sizeof(*s->held));
        s->held[s->n_held++] = (struct held){ .space = xstrdup(m.space),
                                              .name = xstrdup(m.name),
                                              .uid = xstrdup(m.uid),
                                              .owner = xstrdup(owner->uid) };
}

static void on_list(void *ctx, struct kube_answer *a)
{
        struct held_look *s = ctx;

        if (!answered(s, a))
                return;
        free(steal(&s->more));
        s->listed = true;
        if (a->class == KUBE_OK && a->object) {
                const char *more = tree_text(tree_find(a->object, "metadata.continue"));

                TREE_FOREACH (object, tree_get(a->object, "items"))
                        take(s, object, a->arena);
                s->more = more && more[0] != '\0' ? xstrdup(more) : NULL;
        }
        step(s);
}

static void list(struct held_look *s)
{
        auto_of(arena) struct arena *arena = arena_new();
        struct kube_resource resource;
        auto_free char *base =
                kube_path(resource_of(s, &resource, arena), s->c->config.space, NULL, NULL);
        char node[LABEL_NODE_SIZE];
        auto_of(buf) struct buf path = BUF(32 * 1024);

        label_node(s->c->config.node, node);
        auto_free char *selector = xasprintf(LABEL_NODE "=%s", node);
        buf_adds(&path, base);
        kube_query(&path, "labelSelector", selector);
        kube_query(&path, "limit", PAGE_ITEMS);
        if (s->more)
                kube_query(&path, "continue", s->more);
        ask(s,
            &(struct kube_request){
                    .method = "GET", .resource = "devices", .accept = KUBE_METADATA_LIST },
            buf_text(&path), on_list);
}

static void step(struct held_look *s)
{
        if (s->n_held > 0) {
                look(s);
                return;
        }
        if (s->listed && !s->more) {
                s->at++;
                s->listed = false;
        }
        if (kind_of(s))
                list(s);
        else
                cluster_held_end(s->c);
}

static void on_time(void *ctx)
{
        step(ctx);
}

void cluster_held_begin(struct cluster *c)
{
        struct held_look *s = xcalloc(1, sizeof(*s));

        s->c = c;
        s->backoff = BACKOFF(NS_PER_S, 60 * NS_PER_S);
        loop_timer_init(&s->timer, c->config.loop, on_time, s);
        c->held = s;
        step(s);
}
