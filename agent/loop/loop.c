/* loop.c - a loop's life and its turns; signals.
 *
 * A turn is: what libuv polled, then the timers that are due, then the turn hooks, then the clock
 * is set.  Timers come after descriptors so that an answer which has arrived beats its own time-out
 * even when the thread was held up. */
#include "loop/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <sys/timerfd.h>

void loop_turn_begin(struct loop *l)
{
        if (l->in_turn)
                return;
        l->in_turn = true;
        l->now_ns = clock_mono_ns();
}

static void on_wake(uv_async_t *a)
{
        struct loop *l = a->data;

        loop_turn_begin(l);
        loop_mail_take(l, false);
}

static void on_clock(uv_poll_t *p, int status, int events)
{
        struct loop *l = p->data;

        (void)status;
        (void)events;
        loop_turn_begin(l);
        l->armed_ns = -1;
}

static void after_poll(uv_check_t *c)
{
        struct loop *l = c->data;

        if (l->in_turn) {
                loop_timers_run(l);
                for (struct loop_turn *t = l->turns; t; t = t->next)
                        t->ended(t->ctx);
                l->in_turn = false;
        }
        loop_timers_arm(l);
        if (atomic_load(&l->stop))
                uv_stop(&l->uv);
}

/* Only a process without descriptors gets here, and the next thing it does would fail, too. */
static void must(int rc, const char *what)
{
        if (rc >= 0)
                return;
        LOG(ERROR, "loop.make", "cannot make an event loop", LOG_STR("step", what),
            LOG_STR("error", uv_strerror(rc)));
        _exit(1);
}

struct loop *loop_new(const char *name)
{
        struct loop *l = xcalloc(1, sizeof(*l));

        (void)snprintf(l->name, sizeof(l->name), "%s", name);
        must(uv_loop_init(&l->uv), "loop");
        must(uv_async_init(&l->uv, &l->wake, on_wake), "async");
        l->wake.data = l;
        must(uv_check_init(&l->uv, &l->after_poll), "check");
        l->after_poll.data = l;
        must(uv_check_start(&l->after_poll, after_poll), "check");
        l->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        must(l->clock_fd < 0 ? uv_translate_sys_error(errno) : 0, "timerfd");
        must(uv_poll_init(&l->uv, &l->clock, l->clock_fd), "clock");
        l->clock.data = l;
        must(uv_poll_start(&l->clock, UV_READABLE, on_clock), "clock");
        return l;
}

void loop_free(struct loop *l)
{
        if (!l)
                return;
        loop_mail_take(l, true);
        assert(l->n_timers == 0);
        uv_close((uv_handle_t *)&l->wake, NULL);
        uv_close((uv_handle_t *)&l->after_poll, NULL);
        uv_close((uv_handle_t *)&l->clock, NULL);
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
        int rc = uv_loop_close(&l->uv);
        assert(rc == 0); /* something on the loop was not ended */
        (void)rc;
        (void)close(l->clock_fd);
        free(l->timers);
        free(l);
}

void loop_run(struct loop *l)
{
        loop_timers_arm(l);
        while (!atomic_load(&l->stop))
                (void)uv_run(&l->uv, UV_RUN_DEFAULT);
        atomic_store(&l->stop, false);
}

void loop_stop(struct loop *l)
{
        atomic_store(&l->stop, true);
        (void)uv_async_send(&l->wake);
}

int64_t loop_now(const struct loop *l)
{
        return l->in_turn ? l->now_ns : clock_mono_ns();
}

void loop_on_turn(struct loop *l, struct loop_turn *t)
{
        struct loop_turn **end = &l->turns;

        while (*end)
                end = &(*end)->next;
        t->next = NULL;
        *end = t;
}

void loop_off_turn(struct loop *l, struct loop_turn *t)
{
        struct loop_turn **at = &l->turns;

        while (*at && *at != t)
                at = &(*at)->next;
        if (*at)
                *at = t->next;
}

/* --- signals */

struct caught {
        uv_signal_t uv; /* first: what is closed is what is freed */
        struct loop *loop;
        struct loop_signal *owner;
};

static void free_caught(uv_handle_t *h)
{
        free(h->data);
}

static void on_signal(uv_signal_t *h, int number)
{
        struct caught *c = h->data;

        loop_turn_begin(c->loop);
        c->owner->caught(c->owner->ctx, number);
}

int loop_signal_start(struct loop_signal *s, struct loop *l, int number,
                      void (*caught)(void *ctx, int number), void *ctx, struct err *e)
{
        struct caught *c = xcalloc(1, sizeof(*c));

        c->loop = l;
        c->owner = s;
        int rc = uv_signal_init(&l->uv, &c->uv);
        if (rc < 0) {
                free(c);
                return err_set(e, DL_BUG, "signal %d: %s", number, uv_strerror(rc));
        }
        c->uv.data = c;
        rc = uv_signal_start(&c->uv, on_signal, number);
        if (rc < 0) {
                uv_close((uv_handle_t *)&c->uv, free_caught);
                return err_set(e, DL_BUG, "signal %d: %s", number, uv_strerror(rc));
        }
        *s = (struct loop_signal){ .impl = c, .caught = caught, .ctx = ctx };
        return 0;
}

void loop_signal_end(struct loop_signal *s)
{
        struct caught *c = s->impl;

        if (!c)
                return;
        s->impl = NULL;
        uv_close((uv_handle_t *)&c->uv, free_caught);
}
