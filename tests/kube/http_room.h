/* http_room.h - the HTTP client towards a real API server, for the tests here. */
#ifndef KUBE_HTTP_ROOM_H
#define KUBE_HTTP_ROOM_H

#include "base/clock.h"
#include "base/mem.h"
#include "kube/access.h"
#include "rig/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct room {
        struct kube k;
        struct loop *loop;
        struct http *http;
        struct kube_access *access;
        char *authorization;
        int done; /* of all calls */
        int began;
};

struct got {
        struct room *room;
        struct http_call *call;
        int began;
        int done;
        int rc;
        long status;
        size_t len;
        char *body;
        bool connected; /* it made a connection */
        int64_t data;
        char last; /* byte of it */
        char text[256];
};

static inline void on_ready(void *ctx, const char *value, const struct err *e)
{
        struct room *r = ctx;

        assert_null(e);
        free(r->authorization);
        r->authorization = value ? xstrdup(value) : NULL;
}

/* As this kubeconfig says. */
static inline void enter(struct room *r, const char *kubeconfig)
{
        const struct kube_access_config c = { .loop = r->loop, .kubeconfig = kubeconfig };
        struct http_tls tls;
        struct err e = { 0 };

        http_free(r->http);
        kube_access_close(r->access);
        if (kube_access_open(&c, &r->access, &e) < 0)
                fail_msg("%s", e.text);
        r->http = http_new(r->loop);
        kube_access_tls(r->access, &tls);
        assert_int_equal(http_set_tls(r->http, &tls, &e), 0);
        assert_null(kube_access_authorize(r->access, on_ready, r));
}

static inline int down(void **state)
{
        struct room *r = *state;

        http_free(r->http);
        kube_access_close(r->access);
        loop_free(r->loop);
        kube_down(&r->k);
        free(r->authorization);
        free(r);
        return 0;
}

static inline void stop(void *ctx)
{
        loop_stop(ctx);
}

static inline void run_for(struct room *r, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, r->loop, stop, r->loop);
        loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(r->loop);
        loop_timer_end(&t);
}

static inline void run_until(struct room *r, const int *count, int n)
{
        for (int i = 0; i < 3000 && *count < n; i++)
                run_for(r, 10 * NS_PER_MS);
        assert_true(*count >= n);
}

static inline void on_began(void *ctx, long status)
{
        struct got *g = ctx;

        g->began++;
        g->status = status;
        g->room->began++;
}

static inline void on_data(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;

        g->data += (int64_t)n;
        g->last = n ? bytes[n - 1] : g->last;
}

static inline void on_done(void *ctx, const struct http_answer *a)
{
        struct got *g = ctx;

        g->call = NULL;
        g->done++;
        g->room->done++;
        g->rc = a->rc;
        g->status = a->status;
        g->len = a->len;
        free(g->body);
        g->body = xmemdup(a->body, a->len + 1);
        g->connected = a->connect_ns > 0;
        (void)snprintf(g->text, sizeof(g->text), "%s", a->text);
}

static inline void start(struct room *r, struct got *g, const char *path, bool watch,
                         bool compressed)
{
        auto_free char *url = xasprintf("%s%s", kube_access_server(r->access), path);
        const struct http_header authorization = { "Authorization", r->authorization };
        const struct http_request q = { .method = "GET",
                                        .url = url,
                                        .headers = &authorization,
                                        .n_headers = r->authorization ? 1 : 0,
                                        .compressed = compressed,
                                        .body_max = 32 << 20,
                                        .limit_ns = watch ? 0 : 20 * NS_PER_S,
                                        .ctx = g,
                                        .began = on_began,
                                        .data = watch ? on_data : NULL,
                                        .done = on_done };

        *g = (struct got){ .room = r };
        g->call = http_start(r->http, &q);
}

static inline void get(struct room *r, struct got *g, const char *path)
{
        start(r, g, path, false, false);
        for (int i = 0; i < 30000 && !g->done; i++)
                run_for(r, NS_PER_MS);
        assert_int_equal(g->done, 1);
}

#endif
