/* A loop runs until it is told to stop, sleeps when there is nothing to do, and hands on batches.
 */
#include "base/clock.h"
#include "loop/worker.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

struct turns {
        struct loop *loop;
        struct loop_turn hook;
        struct loop_timer timer;
        int ended;
        int fired;
        int64_t now_fired;
        int64_t now_hook;
        char order[16];
        size_t n;
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

static void a_stop_before_the_run_is_not_lost(void **state)
{
        struct loop *l = loop_new("test");

        (void)state;
        loop_stop(l);
        loop_run(l);
        run_for(l, NS_PER_MS); /* and is used up */
        loop_free(l);
        loop_free(NULL);
}

static void ended(void *ctx)
{
        struct turns *t = ctx;

        t->ended++;
        if (t->ended == 1)
                t->now_hook = loop_now(t->loop);
        t->order[t->n++ % sizeof(t->order)] = 'h';
}

static void ended_too(void *ctx)
{
        struct turns *t = ctx;

        t->order[t->n++ % sizeof(t->order)] = 'H';
}

static void fired(void *ctx)
{
        struct turns *t = ctx;

        t->fired++;
        t->now_fired = loop_now(t->loop);
        t->order[t->n++ % sizeof(t->order)] = 't';
        loop_stop(t->loop);
}

static void hooks_run_in_order_after_all_else_of_the_turn(void **state)
{
        struct turns t = { .loop = loop_new("test") };
        struct loop_turn second = { .ended = ended_too, .ctx = &t };

        (void)state;
        t.hook = (struct loop_turn){ .ended = ended, .ctx = &t };
        loop_on_turn(t.loop, &t.hook);
        loop_on_turn(t.loop, &second);
        loop_timer_init(&t.timer, t.loop, fired, &t);
        loop_timer_start(&t.timer, NS_PER_MS, LOOP_EXACT);
        loop_run(t.loop);
        assert_memory_equal(t.order, "thH", 3);
        loop_timer_end(&t.timer);
        loop_free(t.loop);
}

static void the_time_stands_still_within_a_turn(void **state)
{
        struct turns t = { .loop = loop_new("test") };

        (void)state;
        t.hook = (struct loop_turn){ .ended = ended, .ctx = &t };
        loop_on_turn(t.loop, &t.hook);
        loop_timer_init(&t.timer, t.loop, fired, &t);
        loop_timer_start(&t.timer, NS_PER_MS, LOOP_EXACT);
        int64_t before = loop_now(t.loop);
        loop_run(t.loop);
        assert_true(t.now_fired >= before + NS_PER_MS);
        assert_int_equal(t.now_hook, t.now_fired);
        assert_true(loop_now(t.loop) > t.now_fired);
        loop_timer_end(&t.timer);
        loop_free(t.loop);
}

static void nothing_to_do_means_no_wake_up(void **state)
{
        struct turns t = { .loop = loop_new("test") };
        struct rusage before;
        struct rusage after;

        (void)state;
        t.hook = (struct loop_turn){ .ended = ended, .ctx = &t };
        loop_on_turn(t.loop, &t.hook);
        assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
        run_for(t.loop, 300 * NS_PER_MS);
        assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
        assert_int_equal(t.ended, 1); /* the timer that stops it */
        assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 5);
        loop_free(t.loop);
}

static void caught(void *ctx, int number)
{
        struct turns *t = ctx;

        t->fired = number;
        loop_stop(t->loop);
}

static void raise_it(void *ctx)
{
        (void)ctx;
        (void)kill(getpid(), SIGUSR1);
}

static void signals_come_as_callbacks(void **state)
{
        struct turns t = { .loop = loop_new("test") };
        struct loop_signal s = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(loop_signal_start(&s, t.loop, SIGUSR1, caught, &t, &e), 0);
        loop_timer_init(&t.timer, t.loop, raise_it, NULL);
        loop_timer_start(&t.timer, NS_PER_MS, LOOP_EXACT);
        loop_run(t.loop);
        assert_int_equal(t.fired, SIGUSR1);
        loop_signal_end(&s);
        loop_signal_end(&s);
        assert_int_equal(loop_signal_start(&s, t.loop, SIGKILL, caught, &t, &e), DL_BUG);
        assert_non_null(strstr(e.text, "signal 9"));
        loop_signal_end(&s);
        loop_timer_end(&t.timer);
        loop_free(t.loop);
}

static int count_descriptors(void)
{
        int n = 0;

        for (int fd = 0; fd < 64; fd++)
                n += dup2(fd, fd) == fd;
        return n;
}

static void a_freed_loop_leaves_no_descriptor(void **state)
{
        (void)state;
        loop_free(loop_new("warm")); /* what libuv keeps for the process */
        int before = count_descriptors();
        loop_free(loop_new("test"));
        assert_int_equal(count_descriptors(), before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_stop_before_the_run_is_not_lost),
                cmocka_unit_test(hooks_run_in_order_after_all_else_of_the_turn),
                cmocka_unit_test(the_time_stands_still_within_a_turn),
                cmocka_unit_test(nothing_to_do_means_no_wake_up),
                cmocka_unit_test(signals_come_as_callbacks),
                cmocka_unit_test(a_freed_loop_leaves_no_descriptor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
