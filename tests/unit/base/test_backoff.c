/* Delays double up to a maximum, are spread, never stop, and are short again after health. */
/* wrap: getrandom */
#include "base/backoff.h"
#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <cmocka.h>

static bool no_entropy;

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
        return no_entropy ? -1 : __real_getrandom(p, n, flags);
}

static void every_delay_lies_between_half_and_all_of_its_step(void **state)
{
        (void)state;
        for (int round = 0; round < 200; round++) {
                struct backoff b = BACKOFF(NS_PER_S, 60 * NS_PER_S);
                int64_t step = NS_PER_S;
                for (int i = 0; i < 80; i++) {
                        int64_t d = backoff_next_ns(&b);
                        assert_true(d >= step / 2);
                        assert_true(d <= step);
                        step = step * 2 > 60 * NS_PER_S ? 60 * NS_PER_S : step * 2;
                }
        }
}

static void delays_are_spread_over_their_range(void **state)
{
        int low = 0;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                struct backoff b = BACKOFF(1000, 1000);
                low += backoff_next_ns(&b) < 750;
        }
        assert_in_range(low, 350, 650);
}

static void health_makes_the_next_delay_short_again(void **state)
{
        struct backoff b = BACKOFF(NS_PER_MS, NS_PER_S);

        (void)state;
        for (int i = 0; i < 20; i++)
                (void)backoff_next_ns(&b);
        assert_true(backoff_next_ns(&b) >= NS_PER_S / 2);
        backoff_reset(&b);
        assert_true(backoff_next_ns(&b) <= NS_PER_MS);
}

static void extreme_settings_do_not_overflow(void **state)
{
        struct backoff large = BACKOFF(1, INT64_MAX);
        struct backoff upside_down = BACKOFF(100, 10);
        struct backoff zero = BACKOFF(0, 0);
        struct backoff one = BACKOFF(1, 1);

        (void)state;
        for (int i = 0; i < 200; i++) {
                assert_true(backoff_next_ns(&large) >= 0);
                assert_in_range(backoff_next_ns(&upside_down), 5, 10);
                assert_int_equal(backoff_next_ns(&zero), 0);
                assert_int_equal(backoff_next_ns(&one), 1);
        }
        assert_true(backoff_next_ns(&large) >= INT64_MAX / 2);
}

static void random_numbers_use_every_bit(void **state)
{
        uint32_t all_ones = UINT32_MAX;
        uint32_t all_zeros = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                uint32_t r = random_u32();
                all_ones &= r;
                all_zeros |= r;
        }
        assert_int_equal(all_ones, 0);
        assert_true(all_zeros == UINT32_MAX);
}

static void *draw(void *ret)
{
        *(uint64_t *)ret = (uint64_t)random_u32() << 32 | random_u32();
        return NULL;
}

static uint64_t draw_in_a_thread(void)
{
        pthread_t t;
        uint64_t r = 0;

        assert_int_equal(pthread_create(&t, NULL, draw, &r), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        return r;
}

static void threads_draw_different_numbers_with_and_without_the_kernels_entropy(void **state)
{
        (void)state;
        assert_true(draw_in_a_thread() != draw_in_a_thread());
        no_entropy = true;
        uint64_t first = draw_in_a_thread();
        assert_true(first != draw_in_a_thread());
        no_entropy = false;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_delay_lies_between_half_and_all_of_its_step),
                cmocka_unit_test(delays_are_spread_over_their_range),
                cmocka_unit_test(health_makes_the_next_delay_short_again),
                cmocka_unit_test(extreme_settings_do_not_overflow),
                cmocka_unit_test(random_numbers_use_every_bit),
                cmocka_unit_test(
                        threads_draw_different_numbers_with_and_without_the_kernels_entropy),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
