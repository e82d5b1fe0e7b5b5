/* A loop within a loop: what lives on it is called in time, and ours rests when it does. */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

struct guest_rig {
        struct loop *loop;
        struct loop_guest *guest;
        uv_loop_t *uv;
        uv_timer_t timer;
        uv_poll_t poll;
        uv_idle_t idle;
        int pipe[2];
        int calls, wanted;
        int64_t at_ns;
};

static void stop_loop(void *ctx)
{
        loop_stop(ctx);
}

static void run_for(struct loop *l, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, l, stop_loop, l);
        loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(l);
        loop_timer_end(&t);
}

static int set_up(void **state)
{
        struct guest_rig *g = xcalloc(1, sizeof(*g));
        struct err e = { 0 };

        g->loop = loop_new("test");
        assert_int_equal(loop_guest_new(g->loop, &g->guest, &e), 0);
        g->uv = loop_guest_native(g->guest);
        assert_int_equal(pipe2(g->pipe, O_CLOEXEC | O_NONBLOCK), 0);
        *state = g;
        return 0;
}

static void close_handle(uv_handle_t *h, void *ctx)
{
        (void)ctx;
        if (!uv_is_closing(h))
                uv_close(h, NULL);
}

static int tear_down(void **state)
{
        struct guest_rig *g = *state;

        uv_walk(g->uv, close_handle, NULL);
        assert_true(loop_guest_settle(g->guest));
        loop_guest_free(g->guest);
        loop_free(g->loop);
        (void)close(g->pipe[0]);
        (void)close(g->pipe[1]);
        free(g);
        return 0;
}

static void note(struct guest_rig *g)
{
        g->at_ns = clock_mono_ns();
        if (++g->calls >= g->wanted)
                loop_stop(g->loop);
}

static void on_time(uv_timer_t *t)
{
        note(t->data);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
        struct guest_rig *g = p->data;
        char c;

        assert_int_equal(status, 0);
        (void)events;
        while (read(g->pipe[0], &c, 1) == 1)
                ;
        note(g);
}

static void its_timers_fire_in_time(void **state)
{
        struct guest_rig *g = *state;
        int64_t begun = clock_mono_ns();

        g->wanted = 3;
        g->timer.data = g;
        (void)uv_timer_init(g->uv, &g->timer);
        uv_update_time(g->uv);
        (void)uv_timer_start(&g->timer, on_time, 50, 50);
        loop_guest_kick(g->guest);
        run_for(g->loop, 2 * NS_PER_S);
        assert_int_equal(g->calls, 3);
        assert_in_range(g->at_ns - begun, 140 * NS_PER_MS, 400 * NS_PER_MS);
}

static void its_descriptors_are_watched(void **state)
{
        struct guest_rig *g = *state;

        g->wanted = 1;
        g->poll.data = g;
        (void)uv_poll_init(g->uv, &g->poll, g->pipe[0]);
        (void)uv_poll_start(&g->poll, UV_READABLE, on_poll);
        loop_guest_kick(g->guest);
        run_for(g->loop, 20 * NS_PER_MS);
        assert_int_equal(g->calls, 0);
        for (int i = 1; i <= 3; i++) {
                assert_int_equal(write(g->pipe[1], "x", 1), 1);
                run_for(g->loop, NS_PER_S);
                assert_int_equal(g->calls, i);
        }
}

static void watch_now(uv_timer_t *t)
{
        struct guest_rig *g = t->data;

        (void)uv_poll_start(&g->poll, UV_READABLE, on_poll);
}

/* Nothing else happens after the callback that asks for it. */
static void what_its_callbacks_ask_for_is_watched_at_once(void **state)
{
        struct guest_rig *g = *state;

        g->wanted = 1;
        g->poll.data = g->timer.data = g;
        assert_int_equal(write(g->pipe[1], "x", 1), 1);
        (void)uv_poll_init(g->uv, &g->poll, g->pipe[0]);
        (void)uv_timer_init(g->uv, &g->timer);
        (void)uv_timer_start(&g->timer, watch_now, 10, 0);
        loop_guest_kick(g->guest);
        run_for(g->loop, NS_PER_S);
        assert_int_equal(g->calls, 1);
}

static void on_idle(uv_idle_t *i)
{
        struct guest_rig *g = i->data;

        g->calls++;
}

static void a_busy_guest_leaves_time_to_others(void **state)
{
        struct guest_rig *g = *state;
        int64_t begun = clock_mono_ns();

        g->idle.data = g;
        (void)uv_idle_init(g->uv, &g->idle);
        (void)uv_idle_start(&g->idle, on_idle);
        loop_guest_kick(g->guest);
        run_for(g->loop, 50 * NS_PER_MS);
        assert_in_range(clock_mono_ns() - begun, 50 * NS_PER_MS, 500 * NS_PER_MS);
        assert_true(g->calls > 16);
}

static void nothing_to_do_wakes_nobody(void **state)
{
        struct guest_rig *g = *state;
        struct rusage before, after;

        g->poll.data = g;
        (void)uv_poll_init(g->uv, &g->poll, g->pipe[0]);
        (void)uv_poll_start(&g->poll, UV_READABLE, on_poll);
        loop_guest_kick(g->guest);
        run_for(g->loop, 50 * NS_PER_MS);
        assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
        run_for(g->loop, 500 * NS_PER_MS);
        assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
        assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 3);
}

static void what_is_not_closed_is_noticed(void **state)
{
        struct guest_rig *g = *state;

        (void)uv_timer_init(g->uv, &g->timer);
        (void)uv_timer_start(&g->timer, on_time, 100000, 0);
        assert_false(loop_guest_settle(g->guest));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(its_timers_fire_in_time),
                TEST(its_descriptors_are_watched),
                TEST(what_its_callbacks_ask_for_is_watched_at_once),
                TEST(a_busy_guest_leaves_time_to_others),
                TEST(nothing_to_do_wakes_nobody),
                TEST(what_is_not_closed_is_noticed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
