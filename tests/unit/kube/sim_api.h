/* sim_api.h - the client of api.h and the loop's time, played by a test: it sees each request and
 * answers when it likes; an hour passes in no time.
 */
#ifndef TEST_SIM_API_H
#define TEST_SIM_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kube/api.h"
#include "kube/api_answer.h"

#define SIM_FN __attribute__((unused)) static

struct kube_call {
        struct kube_call *next;
        char *path;
        const char *accept;
        bool is_watch;
        bool has_begun;
        bool is_calling;
        bool cancelled;
        void *ctx;
        void (*began)(void *ctx);
        void (*line)(void *ctx, const char *text, size_t n);
        void (*done)(void *ctx, struct kube_answer *);
        size_t cursor; /* for the test's own use */
        int64_t version;
};

enum { SIM_TIMERS = 256 };

static struct {
        int64_t now_ns;
        struct loop_timer *timers[SIM_TIMERS]; /* those that run */
        size_t n_timers;
        struct kube_call *calls; /* newest first */
        unsigned started;
} sim;

/* --- the loop */

int64_t __wrap_loop_now(const struct loop *l);
int64_t __wrap_loop_now(const struct loop *l)
{
        (void)l;
        return sim.now_ns;
}

void __wrap_loop_timer_stop(struct loop_timer *t);
void __wrap_loop_timer_stop(struct loop_timer *t)
{
        for (size_t i = 0; i < sim.n_timers; i++) {
                if (sim.timers[i] == t)
                        sim.timers[i--] = sim.timers[--sim.n_timers];
        }
}

void __wrap_loop_timer_end(struct loop_timer *t);
void __wrap_loop_timer_end(struct loop_timer *t)
{
        __wrap_loop_timer_stop(t);
}

void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        (void)flags;
        __wrap_loop_timer_stop(t);
        t->due_ns = sim.now_ns + after_ns;
        assert_true(sim.n_timers < SIM_TIMERS);
        sim.timers[sim.n_timers++] = t;
}

/* Let time pass; what is due fires in its order. */
SIM_FN void sim_pass(int64_t ns)
{
        int64_t end = sim.now_ns + ns;

        for (;;) {
                struct loop_timer *first = NULL;

                for (size_t i = 0; i < sim.n_timers; i++) {
                        if (!first || sim.timers[i]->due_ns < first->due_ns)
                                first = sim.timers[i];
                }
                if (!first || first->due_ns > end)
                        break;
                sim.now_ns = first->due_ns > sim.now_ns ? first->due_ns : sim.now_ns;
                __wrap_loop_timer_stop(first);
                first->fired(first->ctx);
        }
        sim.now_ns = end;
}

/* --- the client */

struct loop *__wrap_kube_api_loop(const struct kube_api *a);
struct loop *__wrap_kube_api_loop(const struct kube_api *a)
{
        (void)a;
        return NULL;
}

static struct kube_call *sim_add(const char *path, void *ctx,
                                 void (*done)(void *ctx, struct kube_answer *))
{
        struct kube_call *c = xcalloc(1, sizeof(*c));

        c->path = xstrdup(path);
        c->ctx = ctx;
        c->done = done;
        c->next = sim.calls;
        sim.calls = c;
        sim.started++;
        return c;
}

struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r);
struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r)
{
        (void)a;
        struct kube_call *c = sim_add(r->path, r->ctx, r->done);
        c->accept = r->accept;
        return c;
}

struct kube_call *__wrap_kube_watch(struct kube_api *a, const struct kube_watch_request *r);
struct kube_call *__wrap_kube_watch(struct kube_api *a, const struct kube_watch_request *r)
{
        (void)a;
        struct kube_call *c = sim_add(r->path, r->ctx, r->done);
        c->accept = r->accept;
        c->is_watch = true;
        c->began = r->began;
        c->line = r->line;
        return c;
}

static void sim_drop(struct kube_call *c)
{
        struct kube_call **at = &sim.calls;

        while (*at && *at != c)
                at = &(*at)->next;
        if (!*at)
                fail_msg("a call that has ended is used");
        *at = c->next;
        free(c->path);
        free(c);
}

void __wrap_kube_cancel(struct kube_call *c);
void __wrap_kube_cancel(struct kube_call *c)
{
        if (!c)
                return;
        c->cancelled = true;
        if (!c->is_calling)
                sim_drop(c);
}

/* The one request under way; NULL: none. */
SIM_FN struct kube_call *sim_call(void)
{
        if (sim.calls && sim.calls->next)
                fail_msg("two requests at once: %s and %s", sim.calls->path, sim.calls->next->path);
        return sim.calls;
}

/* --- what the server says to it */

SIM_FN void sim_began(struct kube_call *c)
{
        c->has_begun = true;
        c->is_calling = true;
        c->began(c->ctx);
        c->is_calling = false;
        if (c->cancelled)
                sim_drop(c);
}

/* False: it was cancelled. */
SIM_FN bool sim_line(struct kube_call *c, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
SIM_FN bool sim_line(struct kube_call *c, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        auto_free char *text = xvasprintf(format, args);
        va_end(args);
        size_t n = strlen(text);
        auto_free char *exact = xmemdup(text, n); /* without a NUL */
        c->is_calling = true;
        c->line(c->ctx, exact, n);
        c->is_calling = false;
        if (c->cancelled)
                sim_drop(c);
        else
                return true;
        return false;
}

SIM_FN void sim_answer(struct kube_call *c, struct kube_answer *a)
{
        void (*done)(void *ctx, struct kube_answer *) = c->done;
        void *ctx = c->ctx;

        sim_drop(c);
        done(ctx, a);
        arena_free(a->arena);
}

/* As the real client would class it. */
SIM_FN void sim_http(struct kube_call *c, long status, const char *type, const char *body)
{
        struct kube_answer a;
        struct answer_in in = { .status = status,
                                .content_type = type,
                                .body = body,
                                .len = strlen(body),
                                .raw = !c->is_watch };

        answer_read(&in, &a);
        sim_answer(c, &a);
}

SIM_FN void sim_status(struct kube_call *c, int code, const char *reason, const char *message)
{
        auto_free char *body = xasprintf("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":%d,"
                                         "\"reason\":\"%s\",\"message\":\"%s\"}",
                                         code, reason, message);

        sim_http(c, code, "application/json", body);
}

SIM_FN void sim_no_answer(struct kube_call *c)
{
        struct kube_answer a;

        answer_none(KUBE_AWAY, "connection refused", &a);
        sim_answer(c, &a);
}

/* A watch that has begun ends in order. */
SIM_FN void sim_end(struct kube_call *c)
{
        struct kube_answer a = {
                .class = KUBE_OK, .status = 200, .reason = "", .message = "", .retry_after_ns = -1
        };

        sim_answer(c, &a);
}

#endif
