/* guest.c - a libuv loop within ours: its descriptor is watched, its next time is a timer, and it
 * is turned without waiting. */
#include "loop/impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>

enum {
        TURNS_MAX = 16,   /* at once; then others have theirs */
        SETTLE_MAX = 100, /* what was closed takes two or three */
};

struct loop_guest {
        struct loop *host;
        uv_loop_t uv;
        struct loop_fd watch;
        struct loop_timer timer;
        struct loop_turn turn;
        bool running, kicked;
};

/* Descriptors that its callbacks asked for are watched from the next turn on only, and libuv says
 * by a time-out of 0 that there should be one. */
static void run(struct loop_guest *g)
{
        int wait = 0;

        g->kicked = false;
        g->running = true;
        for (int i = 0; i < TURNS_MAX && wait == 0; i++) {
                if (!uv_run(&g->uv, UV_RUN_NOWAIT)) {
                        wait = -1; /* nothing lives on it */
                        break;
                }
                wait = uv_backend_timeout(&g->uv);
        }
        g->running = false;
        if (wait < 0)
                loop_timer_stop(&g->timer);
        else
                loop_timer_start(&g->timer, wait * NS_PER_MS, LOOP_EXACT);
}

static void on_ready(void *ctx, unsigned events)
{
        (void)events;
        run(ctx);
}

static void on_time(void *ctx)
{
        run(ctx);
}

static void on_turn(void *ctx)
{
        struct loop_guest *g = ctx;

        if (g->kicked)
                run(g);
}

int loop_guest_new(struct loop *l, struct loop_guest **ret, struct err *e)
{
        struct loop_guest *g = xcalloc(1, sizeof(*g));
        int rc = uv_loop_init(&g->uv);

        if (rc < 0) {
                free(g);
                return err_set(e, DL_RETRY, "make a loop: %s", uv_strerror(rc));
        }
        g->host = l;
        loop_timer_init(&g->timer, l, on_time, g);
        g->turn = (struct loop_turn){ .ended = on_turn, .ctx = g };
        rc = loop_fd_start(&g->watch, l, uv_backend_fd(&g->uv), LOOP_READ, on_ready, g, e);
        if (rc < 0) {
                (void)uv_loop_close(&g->uv);
                free(g);
                return rc;
        }
        loop_on_turn(l, &g->turn);
        *ret = g;
        return 0;
}

void *loop_guest_native(struct loop_guest *g)
{
        return &g->uv;
}

void loop_guest_kick(struct loop_guest *g)
{
        if (g->running)
                return;
        g->kicked = true;
        if (!g->host->in_turn) /* there may be none soon */
                loop_timer_start(&g->timer, 0, LOOP_EXACT);
}

bool loop_guest_settle(struct loop_guest *g)
{
        int left = 1;

        assert(!g->running);
        g->running = true;
        for (int i = 0; i < SETTLE_MAX && left; i++)
                left = uv_run(&g->uv, UV_RUN_NOWAIT);
        g->running = false;
        return !left;
}

void loop_guest_free(struct loop_guest *g)
{
        if (!g)
                return;
        loop_off_turn(g->host, &g->turn);
        loop_timer_end(&g->timer);
        loop_fd_end(&g->watch);
        int rc = uv_loop_close(&g->uv);
        assert(rc == 0); /* something on it was not ended */
        (void)rc;
        free(g);
}
