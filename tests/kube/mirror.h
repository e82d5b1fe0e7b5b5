/* mirror.h - what a reflector told, as text: for tests that wait until it says what is so. */
#ifndef KUBE_MIRROR_H
#define KUBE_MIRROR_H

#include "client.h"

#include "kube/reflector.h"

enum { MIRROR_MAX = 2000 };

struct mirrored {
        char name[64];
        char uid[64];
        int64_t n; /* spec.n */
};

struct mirror {
        struct client *client;
        struct reflector *r;
        struct mirrored list[MIRROR_MAX];
        size_t count;
        size_t upserts, removals; /* calls so far */
        enum reflector_state state;
        char text[512];
        size_t lives; /* times it became LIVE */
        bool has_spec;
};

static struct mirrored *mirror_find(struct mirror *m, const char *name)
{
        for (size_t i = 0; i < m->count; i++) {
                if (strcmp(m->list[i].name, name) == 0)
                        return &m->list[i];
        }
        return NULL;
}

static void mirror_on_upsert(void *ctx, const struct tree *object, const struct object_meta *meta,
                             struct arena *owned)
{
        struct mirror *m = ctx;
        struct mirrored *x = mirror_find(m, meta->name);
        const struct tree *n = tree_find(object, "spec.n");

        m->upserts++;
        m->has_spec = tree_get(object, "spec") != NULL;
        if (!x) {
                assert_true(m->count < MIRROR_MAX);
                x = &m->list[m->count++];
        } else {
                assert_string_equal(x->uid, meta->uid);
        }
        (void)snprintf(x->name, sizeof(x->name), "%s", meta->name);
        (void)snprintf(x->uid, sizeof(x->uid), "%s", meta->uid);
        x->n = n && n->type == TREE_INT ? n->as.i : -1;
        arena_free(owned);
}

static void mirror_on_removed(void *ctx, const char *space, const char *name, const char *uid)
{
        struct mirror *m = ctx;
        struct mirrored *x = mirror_find(m, name);

        (void)space;
        m->removals++;
        assert_non_null(x);
        assert_string_equal(x->uid, uid);
        *x = m->list[--m->count];
}

static void mirror_on_state(void *ctx, enum reflector_state state, const char *text)
{
        struct mirror *m = ctx;

        m->state = state;
        m->lives += state == REFLECTOR_LIVE;
        (void)snprintf(m->text, sizeof(m->text), "%s", text);
}

static bool mirror_keep(void *ctx, const struct tree *object)
{
        const char *node = tree_text(tree_find(object, "spec.node"));

        (void)ctx;
        return node && strcmp(node, "n1") == 0;
}

/* Of the test's own resource, in its namespace; selector may be NULL. */
CLIENT_FN void mirror_open(struct mirror *m, struct client *c, const char *selector,
                           bool metadata_only)
{
        struct reflector_config config = {
                .api = c->api,
                .resource = c->things,
                .space = c->kube.space,
                .field_selector = selector,
                .metadata_only = metadata_only,
                .ctx = m,
                .keep = selector ? mirror_keep : NULL,
                .upsert = mirror_on_upsert,
                .removed = mirror_on_removed,
                .state = mirror_on_state,
        };

        memset(m, 0, sizeof(*m));
        m->client = c;
        m->r = reflector_open(&config);
}

CLIENT_FN void mirror_close(struct mirror *m)
{
        reflector_close(m->r);
        m->r = NULL;
}

/* --- waiting */

struct mirror_wait {
        struct mirror *m;
        const char *name;
        int64_t n; /* of .name; -1 = it is not there */
        size_t count;
        enum reflector_state state;
        size_t lives;
};

static bool mirror_has(void *ctx)
{
        struct mirror_wait *w = ctx;
        const struct mirrored *x = mirror_find(w->m, w->name);

        return x ? x->n == w->n : w->n == -1;
}

static bool mirror_counts(void *ctx)
{
        struct mirror_wait *w = ctx;

        return w->m->count == w->count;
}

static bool mirror_is(void *ctx)
{
        struct mirror_wait *w = ctx;

        return w->m->state == w->state && w->m->lives >= w->lives;
}

/* Until the object has that spec.n; -1: until it is gone. */
CLIENT_FN void mirror_wait(struct mirror *m, const char *name, int64_t n, int ms)
{
        struct mirror_wait w = { .m = m, .name = name, .n = n };

        if (!client_runs_until(m->client, mirror_has, &w, ms))
                fail_msg("%s is not %d within %d ms (state %d %s)", name, (int)n, ms, (int)m->state,
                         m->text);
}

CLIENT_FN void mirror_wait_count(struct mirror *m, size_t count, int ms)
{
        struct mirror_wait w = { .m = m, .count = count };

        if (!client_runs_until(m->client, mirror_counts, &w, ms))
                fail_msg("%zu objects, not %zu (state %d %s)", m->count, count, (int)m->state,
                         m->text);
}

CLIENT_FN void mirror_wait_state(struct mirror *m, enum reflector_state state, size_t lives, int ms)
{
        struct mirror_wait w = { .m = m, .state = state, .lives = lives };

        if (!client_runs_until(m->client, mirror_is, &w, ms))
                fail_msg("state %d (%s), not %d", (int)m->state, m->text, (int)state);
}

#endif
