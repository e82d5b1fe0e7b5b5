/* Points are asked for in their rhythm, and a device that is away is asked again, ever more rarely.
 */

#include "link/schedule.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS NS_PER_MS

static const struct dl_point points[] = {
        { .access = DL_READ, .name = "a" },
        { .access = DL_READ, .name = "b", .interval_ns = 50 * MS },
        { .access = DL_PUSH, .name = "c" },
        { .access = DL_READ | DL_WRITE, .name = "d" },
};

static void count(void *ctx, uint32_t point)
{
        unsigned *mask = ctx;

        *mask |= 1U << point;
}

static unsigned due_at(struct schedule *s, int64_t now)
{
        unsigned mask = 0;

        schedule_each(s, now, count, &mask);
        schedule_advance(s, now);
        return mask;
}

static void every_point_keeps_its_own_interval(void **state)
{
        static const struct dl_info info = { .points = points,
                                             .n_points = 4,
                                             .interval_ns = 100 * MS };
        struct schedule s;

        (void)state;
        schedule_init(&s, &info);
        schedule_restart(&s, 1000 * MS);
        assert_int_equal(schedule_due(&s), 1000 * MS);
        assert_int_equal(due_at(&s, 1000 * MS), 0xb);
        assert_int_equal(due_at(&s, 1050 * MS), 0x2);
        assert_int_equal(due_at(&s, 1100 * MS), 0xb);
        assert_int_equal(schedule_due(&s), 1150 * MS);
        schedule_done(&s);
}

static void what_was_missed_is_left_out_and_the_rhythm_stays(void **state)
{
        static const struct dl_info info = { .points = points,
                                             .n_points = 1,
                                             .interval_ns = 100 * MS };
        struct schedule s;
        const uint32_t *list;
        size_t n;

        (void)state;
        schedule_init(&s, &info);
        schedule_restart(&s, 0);
        assert_true(schedule_all_due(&s, 0, &list, &n));
        assert_int_equal(n, 1);
        schedule_advance(&s, 730 * MS);
        assert_int_equal(schedule_due(&s), 800 * MS);
        assert_false(schedule_all_due(&s, 799 * MS, &list, &n));
        schedule_done(&s);
}

static void without_an_interval_it_is_read_once(void **state)
{
        static const struct dl_info info = { .points = points, .n_points = 1 };
        static const struct dl_info pushed = { .points = points + 2, .n_points = 1 };
        struct schedule s;

        (void)state;
        schedule_init(&s, &info);
        schedule_restart(&s, 5);
        assert_int_equal(due_at(&s, 5), 1);
        assert_true(schedule_due(&s) == SCHEDULE_NEVER);
        schedule_done(&s);

        schedule_init(&s, &pushed); /* connected, though there is nothing to read */
        schedule_restart(&s, 5);
        assert_int_equal(schedule_due(&s), 5);
        assert_int_equal(due_at(&s, 5), 0);
        assert_true(schedule_due(&s) == SCHEDULE_NEVER);
        schedule_done(&s);
}

static void tiny_intervals_are_a_tick(void **state)
{
        static const struct dl_info info = { .points = points, .n_points = 1, .interval_ns = 1 };
        struct schedule s;

        (void)state;
        schedule_init(&s, &info);
        schedule_restart(&s, 0);
        schedule_advance(&s, 0);
        assert_int_equal(schedule_due(&s), SCHEDULE_INTERVAL_MIN_NS);
        schedule_done(&s);
}

static void retries_are_quick_first_and_never_stop(void **state)
{
        struct retry r;
        int64_t now = NS_PER_S, longest = 0;

        (void)state;
        retry_reset(&r);
        int64_t first = retry_next_ns(&r, now);
        assert_in_range(first, 125 * MS, 250 * MS);
        for (; now < 61 * NS_PER_S;) {
                int64_t d = retry_next_ns(&r, now);

                assert_in_range(d, 1, 1600 * MS);
                now += d;
        }
        for (; now < 3600 * NS_PER_S;) {
                int64_t d = retry_next_ns(&r, now);

                assert_in_range(d, 1, 30 * NS_PER_S);
                longest = d > longest ? d : longest;
                now += d;
        }
        assert_true(longest > 20 * NS_PER_S);
        retry_reset(&r);
        assert_in_range(retry_next_ns(&r, now), 125 * MS, 250 * MS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_point_keeps_its_own_interval),
                cmocka_unit_test(what_was_missed_is_left_out_and_the_rhythm_stays),
                cmocka_unit_test(without_an_interval_it_is_read_once),
                cmocka_unit_test(tiny_intervals_are_a_tick),
                cmocka_unit_test(retries_are_quick_first_and_never_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
