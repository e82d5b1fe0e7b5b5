/* fake.h - time, timers and an API server that a test turns by hand.
 *
 * For tests that wrap: clock_mono_ns clock_wall_ns loop_timer_init loop_timer_start
 * loop_timer_start_at loop_timer_stop loop_timer_end kube_api_loop kube_start kube_cancel.
 * Requests stand in fake.calls until the test answers them; timers fire in fake_run().
 */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include "base/clock.h"
#include "kube/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct kube_call {
        struct kube_call *next;
        char *method, *path, *body, *content_type;
        enum kube_lane lane;
        int64_t limit_ns, begun_ns;
        void *ctx;
        void (*done)(void *ctx, struct kube_answer *);
};

enum { FAKE_TIMERS = 64, FAKE_START_S = 1000 };

static struct {
        int64_t now_ns;
        int64_t wall_ahead_ns;
        struct loop_timer *timers[FAKE_TIMERS];
        size_t n_timers;
        struct kube_call *calls; /* in the order they came */
        size_t n_calls, cancelled;
        /* Called for each new request; may be NULL. */
        void (*arrived)(struct kube_call *c);
        /* Timers that do not fire now; may be NULL. */
        bool (*is_held)(const struct loop_timer *t);
} fake;

int64_t __wrap_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void)
{
        return fake.now_ns;
}

int64_t __wrap_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void)
{
        return fake.now_ns + fake.wall_ahead_ns;
}

struct loop *__wrap_kube_api_loop(const struct kube_api *a);
struct loop *__wrap_kube_api_loop(const struct kube_api *a)
{
        (void)a;
        return NULL;
}

/* --- timers */

void __wrap_loop_timer_init(struct loop_timer *t, struct loop *l, void (*fired)(void *ctx),
                            void *ctx);
void __wrap_loop_timer_init(struct loop_timer *t, struct loop *l, void (*fired)(void *ctx),
                            void *ctx)
{
        *t = (struct loop_timer){ .loop = l, .fired = fired, .ctx = ctx };
}

void __wrap_loop_timer_stop(struct loop_timer *t);
void __wrap_loop_timer_stop(struct loop_timer *t)
{
        for (size_t i = 0; i < fake.n_timers; i++) {
                if (fake.timers[i] == t)
                        fake.timers[i] = fake.timers[--fake.n_timers];
        }
}

void __wrap_loop_timer_end(struct loop_timer *t);
void __wrap_loop_timer_end(struct loop_timer *t)
{
        __wrap_loop_timer_stop(t);
}

void __wrap_loop_timer_start_at(struct loop_timer *t, int64_t at_ns, unsigned flags);
void __wrap_loop_timer_start_at(struct loop_timer *t, int64_t at_ns, unsigned flags)
{
        (void)flags;
        __wrap_loop_timer_stop(t);
        assert_true(fake.n_timers < FAKE_TIMERS);
        t->due_ns = at_ns;
        fake.timers[fake.n_timers++] = t;
}

void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        __wrap_loop_timer_start_at(t, fake.now_ns + after_ns, flags);
}

/* The one that is due first, NULL: none until then. */
static struct loop_timer *fake_next(int64_t until_ns)
{
        struct loop_timer *first = NULL;

        for (size_t i = 0; i < fake.n_timers; i++) {
                struct loop_timer *t = fake.timers[i];

                if (fake.is_held && fake.is_held(t))
                        continue;
                if (t->due_ns <= until_ns && (!first || t->due_ns < first->due_ns))
                        first = t;
        }
        return first;
}

/* --- requests */

static char *fake_copy(const char *s, size_t n)
{
        char *ret = s ? xmalloc(n + 1) : NULL;

        if (ret) {
                memcpy(ret, s, n);
                ret[n] = '\0';
        }
        return ret;
}

static void fake_call_free(struct kube_call *c)
{
        free(c->method);
        free(c->path);
        free(c->body);
        free(c->content_type);
        free(c);
}

static void fake_unlink(struct kube_call *c)
{
        for (struct kube_call **p = &fake.calls; *p; p = &(*p)->next) {
                if (*p == c) {
                        *p = c->next;
                        fake.n_calls--;
                        return;
                }
        }
        fail_msg("a request that is not under way");
}

struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r);
struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r)
{
        struct kube_call *c = xcalloc(1, sizeof(*c));
        struct kube_call **tail = &fake.calls;

        (void)a;
        c->method = xstrdup(r->method);
        c->path = xstrdup(r->path);
        c->body = fake_copy(r->body, r->body_len);
        c->content_type = r->content_type ? xstrdup(r->content_type) : NULL;
        c->lane = r->lane;
        c->limit_ns = r->limit_ns;
        c->begun_ns = fake.now_ns;
        c->ctx = r->ctx;
        c->done = r->done;
        while (*tail)
                tail = &(*tail)->next;
        *tail = c;
        fake.n_calls++;
        if (fake.arrived)
                fake.arrived(c);
        return c;
}

void __wrap_kube_cancel(struct kube_call *c);
void __wrap_kube_cancel(struct kube_call *c)
{
        if (!c)
                return;
        fake_unlink(c);
        fake.cancelled++;
        fake_call_free(c);
}

/* json may be NULL. */
__attribute__((unused)) static void fake_answer(struct kube_call *c, enum kube_class class,
                                                const char *json)
{
        auto_of(arena) struct arena *a = arena_new();
        struct kube_answer answer = { .class = class,
                                      .arena = a,
                                      .reason = "",
                                      .message = class == KUBE_OK ? "" : "as the test wants it",
                                      .retry_after_ns = -1 };

        if (json &&
            tree_parse_json(a, json, strlen(json), &tree_limits_default, &answer.object, NULL) < 0)
                fail_msg("the answer is no JSON: %s", json);
        fake_unlink(c);
        c->done(c->ctx, &answer);
        fake_call_free(c);
}

/* Let time go on; timers fire when they are due. */
__attribute__((unused)) static void fake_run(int64_t ns)
{
        int64_t until_ns = fake.now_ns + ns;
        struct loop_timer *t = NULL;

        while ((t = fake_next(until_ns))) {
                if (t->due_ns > fake.now_ns)
                        fake.now_ns = t->due_ns;
                __wrap_loop_timer_stop(t);
                t->fired(t->ctx);
        }
        fake.now_ns = until_ns;
}

/* The text of a body at a path, or "". */
__attribute__((unused)) static const char *fake_text(const struct kube_call *c, const char *path)
{
        static char text[4096];
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;

        assert_non_null(c->body);
        assert_int_equal(
                tree_parse_json(a, c->body, strlen(c->body), &tree_limits_default, &t, NULL), 0);
        t = tree_find(t, path);
        if (!t)
                return "";
        auto_of(buf) struct buf out = BUF(sizeof(text) - 1);
        if (t->type == TREE_TEXT)
                buf_add(&out, t->as.text, t->n);
        else
                tree_json(t, 0, &out);
        memcpy(text, buf_text(&out), out.len + 1);
        return text;
}

static void fake_reset(void)
{
        while (fake.calls)
                __wrap_kube_cancel(fake.calls);
        assert_int_equal(fake.n_timers, 0);
        memset(&fake, 0, sizeof(fake));
        fake.now_ns = FAKE_START_S * NS_PER_S;
        fake.wall_ahead_ns = INT64_C(1704161045) * NS_PER_S;
}

#endif
