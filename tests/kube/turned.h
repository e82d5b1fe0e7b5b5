/* turned.h - the agent's own client in a test, on a loop that is turned by hand: until something is
 * so, or for a while; in between it stands still. */
#ifndef TEST_KUBE_TURNED_H
#define TEST_KUBE_TURNED_H

#include "rig/kube.h"

#include "base/clock.h"
#include "kube/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct turned {
        struct loop *loop;
        struct kube_api *api;
        struct loop_timer look;
        bool (*is_so)(void *ctx);
        void *ctx;
        bool was_so;
        int64_t until_ns;
};

static void turned_look(void *ctx)
{
        struct turned *t = ctx;

        t->was_so = t->is_so && t->is_so(t->ctx);
        if (t->was_so || clock_mono_ns() >= t->until_ns)
                loop_stop(t->loop);
        else
                loop_timer_start(&t->look, 5 * NS_PER_MS, 0);
}

static void turned_up(struct turned *t, const char *kubeconfig)
{
        struct err e = { 0 };

        *t = (struct turned){ .loop = loop_new("test") };
        if (kube_api_open(&(struct kube_api_config){ .loop = t->loop,
                                                     .kubeconfig = kubeconfig,
                                                     .agent = "test/1",
                                                     .manager = "test" },
                          &t->api, &e) < 0)
                fail_msg("%s", e.text);
        loop_timer_init(&t->look, t->loop, turned_look, t);
}

static void turned_down(struct turned *t)
{
        if (!t->loop)
                return;
        loop_timer_end(&t->look);
        kube_api_close(t->api);
        loop_free(t->loop);
        t->loop = NULL;
}

/* Until is_so() says so (NULL: never), at most ms. */
static bool turned_run(struct turned *t, int ms, bool (*is_so)(void *ctx), void *ctx)
{
        t->is_so = is_so;
        t->ctx = ctx;
        t->was_so = false;
        t->until_ns = clock_mono_ns() + ms * NS_PER_MS;
        loop_timer_start(&t->look, 0, 0);
        loop_run(t->loop);
        return t->was_so;
}

static void turned_wait(struct turned *t, int ms, bool (*is_so)(void *ctx), void *ctx,
                        const char *what)
{
        if (!turned_run(t, ms, is_so, ctx))
                fail_msg("not within %d ms: %s", ms, what);
}

/* The text at a dotted path, "" = none; lives as long as o. */
static const char *text_at(struct json_object *o, const char *path)
{
        char key[64];

        for (size_t n = 0; o && *path; path += n + (path[n] == '.')) {
                n = strcspn(path, ".");
                (void)snprintf(key, sizeof(key), "%.*s", (int)n, path);
                if (!json_object_object_get_ex(o, key, &o))
                        return "";
        }
        return o ? json_object_get_string(o) : "";
}

#endif
