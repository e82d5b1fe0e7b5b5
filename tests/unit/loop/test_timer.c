/* Timers fire once, in order, not early, and together on the ticks. */
#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct probe {
        struct loop *loop;
        struct loop_timer timer;
        struct probe *other;
        int64_t at_ns;
        int fired;
};

static int left; /* probes still to fire before the loop stops */

static void note(void *ctx)
{
        struct probe *p = ctx;

        p->fired++;
        p->at_ns = loop_now(p->loop);
        if (--left == 0)
                loop_stop(p->loop);
}

static void probe_start(struct probe *p, struct loop *l, void (*fired)(void *), int64_t after_ns,
                        unsigned flags)
{
        p->loop = l;
        loop_timer_init(&p->timer, l, fired, p);
        loop_timer_start(&p->timer, after_ns, flags);
}

static int set_up(void **state)
{
        *state = loop_new("test");
        left = 1;
        return 0;
}

static int tear_down(void **state)
{
        loop_free(*state);
        return 0;
}

static void fires_once_and_never_early(void **state)
{
        struct probe p = { 0 };
        int64_t begin = clock_mono_ns();

        probe_start(&p, *state, note, 12345678, LOOP_EXACT);
        assert_true(loop_timer_active(&p.timer));
        loop_run(*state);
        assert_false(loop_timer_active(&p.timer));
        assert_int_equal(p.fired, 1);
        assert_in_range(p.at_ns - begin, 12345678, 12345678 + 200 * NS_PER_MS);
        loop_timer_end(&p.timer);
}

static void timers_of_one_tick_fire_in_one_turn(void **state)
{
        struct probe p[3] = { 0 };
        const int64_t tick = 5 * NS_PER_MS;
        struct loop *l = *state;

        int64_t base = (clock_mono_ns() / tick + 2) * tick;
        left = 3;
        for (size_t i = 0; i < 3; i++) {
                p[i].loop = l;
                loop_timer_init(&p[i].timer, l, note, &p[i]);
                loop_timer_start_at(&p[i].timer, base + 1 + (int64_t)i * NS_PER_MS, 0);
                assert_int_equal(p[i].timer.due_ns, base + tick);
        }
        loop_run(l);
        assert_true(p[0].at_ns >= base + tick);
        assert_int_equal(p[0].at_ns, p[1].at_ns);
        assert_int_equal(p[0].at_ns, p[2].at_ns);
}

static void a_time_on_a_tick_stays_there(void **state)
{
        struct loop *l = *state;
        struct probe p = { .loop = l };
        int64_t on_tick = (clock_mono_ns() / (5 * NS_PER_MS) + 100) * 5 * NS_PER_MS;

        loop_timer_init(&p.timer, l, note, &p);
        loop_timer_start_at(&p.timer, on_tick, 0);
        assert_int_equal(p.timer.due_ns, on_tick);
        loop_timer_start_at(&p.timer, on_tick + 1, LOOP_EXACT);
        assert_int_equal(p.timer.due_ns, on_tick + 1);
        loop_timer_end(&p.timer);
}

static void the_last_start_holds(void **state)
{
        struct probe p = { 0 };
        int64_t begin = clock_mono_ns();

        probe_start(&p, *state, note, 1, LOOP_EXACT);
        loop_timer_start(&p.timer, 3600 * NS_PER_S, 0);
        loop_timer_start(&p.timer, 30 * NS_PER_MS, LOOP_EXACT);
        loop_run(*state);
        assert_int_equal(p.fired, 1);
        assert_true(p.at_ns - begin >= 30 * NS_PER_MS);
}

static void a_stopped_timer_does_not_fire(void **state)
{
        struct probe p = { 0 };
        struct probe end = { 0 };

        probe_start(&p, *state, note, NS_PER_MS, LOOP_EXACT);
        probe_start(&end, *state, note, 20 * NS_PER_MS, LOOP_EXACT);
        loop_timer_stop(&p.timer);
        loop_timer_stop(&p.timer);
        loop_run(*state);
        assert_int_equal(p.fired, 0);
        assert_int_equal(end.fired, 1);
}

static void a_zero_timer_can_be_ended(void **state)
{
        struct loop_timer t = { 0 };

        (void)state;
        loop_timer_stop(&t);
        loop_timer_end(&t);
        assert_false(loop_timer_active(&t));
}

static void end_the_other(void *ctx)
{
        struct probe *p = ctx;

        p->fired++;
        loop_timer_end(&p->other->timer);
        memset(p->other, 0xee, sizeof(*p->other));
        free(p->other);
}

static void a_callback_may_end_and_free_a_timer_that_is_due_with_it(void **state)
{
        struct probe p = { .other = xcalloc(1, sizeof(struct probe)) };
        struct probe end = { 0 };

        probe_start(p.other, *state, note, 2 * NS_PER_MS, LOOP_EXACT);
        p.loop = *state;
        loop_timer_init(&p.timer, *state, end_the_other, &p);
        loop_timer_start_at(&p.timer, p.other->timer.due_ns - 1, LOOP_EXACT);
        probe_start(&end, *state, note, 20 * NS_PER_MS, LOOP_EXACT);
        const struct timespec longer = { .tv_nsec = 5 * NS_PER_MS };
        (void)nanosleep(&longer, NULL);
        loop_run(*state);
        assert_int_equal(p.fired, 1);
        assert_int_equal(end.fired, 1);
}

static void at_once_again(void *ctx)
{
        struct probe *p = ctx;

        if (++p->fired < 1000)
                loop_timer_start(&p->timer, 0, LOOP_EXACT);
}

static void a_timer_that_starts_itself_for_now_starves_nobody(void **state)
{
        struct probe greedy = { 0 };
        struct probe end = { 0 };

        probe_start(&greedy, *state, at_once_again, 0, LOOP_EXACT);
        probe_start(&end, *state, note, 0, LOOP_EXACT);
        loop_run(*state);
        assert_int_equal(end.fired, 1);
        assert_in_range(greedy.fired, 1, 10);
        loop_timer_end(&greedy.timer);
}

static void every(void *ctx)
{
        struct probe *p = ctx;

        if (++p->fired == 5) {
                p->at_ns = loop_now(p->loop);
                loop_stop(p->loop);
                return;
        }
        loop_timer_start_at(&p->timer, p->timer.due_ns + 10 * NS_PER_MS, 0);
}

static void repeating_by_absolute_times_does_not_drift(void **state)
{
        struct probe p = { 0 };

        probe_start(&p, *state, every, 10 * NS_PER_MS, 0);
        int64_t first = p.timer.due_ns;
        loop_run(*state);
        assert_int_equal(p.timer.due_ns, first + 40 * NS_PER_MS);
        assert_true(p.at_ns >= p.timer.due_ns);
}

static int64_t latest_ns;
static size_t in_order;

static void check_order(void *ctx)
{
        struct probe *p = ctx;

        in_order += p->timer.due_ns >= latest_ns;
        latest_ns = p->timer.due_ns;
        note(ctx);
}

static void a_thousand_random_timers_fire_in_order(void **state)
{
        enum { N = 1000 };
        struct probe *p = xcalloc(N, sizeof(*p));
        int stopped = 0;

        latest_ns = 0;
        in_order = 0;
        for (size_t i = 0; i < N; i++)
                probe_start(&p[i], *state, check_order, random_u32() % (50 * NS_PER_MS),
                            i % 2 ? LOOP_EXACT : 0);
        for (size_t i = 0; i < N; i++)
                if (random_u32() % 3 == 0) {
                        loop_timer_stop(&p[i].timer);
                        stopped++;
                }
        left = N - stopped;
        loop_run(*state);
        assert_int_equal(in_order, N - stopped);
        for (size_t i = 0; i < N; i++)
                assert_false(loop_timer_active(&p[i].timer));
        free(p);
}

static void very_long_waits_do_not_overflow(void **state)
{
        struct probe p = { 0 };
        struct probe end = { 0 };

        probe_start(&p, *state, note, INT64_MAX, 0);
        assert_int_equal(p.timer.due_ns, INT64_MAX);
        loop_timer_start(&p.timer, -5, LOOP_EXACT);
        probe_start(&end, *state, note, NS_PER_MS, LOOP_EXACT);
        left = 2;
        loop_run(*state);
        assert_int_equal(p.fired, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(fires_once_and_never_early),
                TEST(timers_of_one_tick_fire_in_one_turn),
                TEST(a_time_on_a_tick_stays_there),
                TEST(the_last_start_holds),
                TEST(a_stopped_timer_does_not_fire),
                TEST(a_zero_timer_can_be_ended),
                TEST(a_callback_may_end_and_free_a_timer_that_is_due_with_it),
                TEST(a_timer_that_starts_itself_for_now_starves_nobody),
                TEST(repeating_by_absolute_times_does_not_drift),
                TEST(a_thousand_random_timers_fire_in_order),
                TEST(very_long_waits_do_not_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
