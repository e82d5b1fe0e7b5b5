/* The fan of a DummySpecialDevice: octopus 3.5, checklist 86. */
#include "base/clock.h"
#include "dummy/special.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t start = 1000 * NS_PER_S;

static void every_gear_starts_at_its_first_speed_and_gains_one_a_period_up_to_its_cap(void **state)
{
        static const struct {
                enum gear gear;
                int32_t first, last;
                int64_t period_ns;
                const char *name;
        } rows[] = {
                { GEAR_SLOW, 0, 100, 3 * NS_PER_S, "slow" },
                { GEAR_MIDDLE, 100, 200, 2 * NS_PER_S, "middle" },
                { GEAR_FAST, 200, 300, NS_PER_S, "fast" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct fan f = { 0 };

                assert_string_equal(gear_name(rows[i].gear), rows[i].name);
                assert_int_equal(gear_period_ns(rows[i].gear), rows[i].period_ns);
                fan_set(&f, true, rows[i].gear, start);
                for (int32_t n = 0; n < 150; n++) {
                        int32_t want = rows[i].first + n;

                        assert_int_equal(fan_speed(&f, start + n * rows[i].period_ns),
                                         want < rows[i].last ? want : rows[i].last);
                }
                assert_int_equal(fan_speed(&f, start + 1000000 * NS_PER_S), rows[i].last);
        }
}

static void a_report_a_little_early_or_late_shows_the_speed_it_is_meant_for(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, true, GEAR_FAST, start);
        assert_int_equal(fan_speed(&f, start + 7), 200);
        assert_int_equal(fan_speed(&f, start + 10 * NS_PER_S - 50 * NS_PER_MS), 210);
        assert_int_equal(fan_speed(&f, start + 10 * NS_PER_S + 50 * NS_PER_MS), 210);
        assert_int_equal(fan_speed(&f, start + 10 * NS_PER_S + 800 * NS_PER_MS), 210);
}

static void off_freezes_and_on_goes_on_from_there(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, true, GEAR_FAST, start);
        assert_int_equal(fan_speed(&f, start), 200);
        fan_set(&f, false, GEAR_FAST, start + 5 * NS_PER_S);
        assert_int_equal(fan_speed(&f, start + 100 * NS_PER_S), 205);
        fan_set(&f, true, GEAR_FAST, start + 200 * NS_PER_S);
        assert_int_equal(fan_speed(&f, start + 201 * NS_PER_S), 205);
        assert_int_equal(fan_speed(&f, start + 203 * NS_PER_S), 207);
        fan_set(&f, true, GEAR_FAST, start + 204 * NS_PER_S); /* nothing changed */
        assert_int_equal(fan_speed(&f, start + 204 * NS_PER_S), 208);
}

static void off_before_the_first_look_keeps_the_speed(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, true, GEAR_MIDDLE, start);
        fan_set(&f, false, GEAR_MIDDLE, start + 50 * NS_PER_S);
        assert_int_equal(fan_speed(&f, start + 60 * NS_PER_S), 100);
}

static void another_gear_starts_anew(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, true, GEAR_FAST, start);
        assert_int_equal(fan_speed(&f, start), 200);
        fan_set(&f, true, GEAR_SLOW, start + 5 * NS_PER_S);
        assert_int_equal(fan_speed(&f, start + 5 * NS_PER_S), 0);
        assert_int_equal(fan_speed(&f, start + 11 * NS_PER_S), 2);
}

static void created_off_shows_nothing_and_starts_when_turned_on(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, false, GEAR_SLOW, start);
        assert_false(f.started);
        fan_set(&f, true, GEAR_SLOW, start + NS_PER_S);
        assert_true(f.started);
        assert_int_equal(fan_speed(&f, start + NS_PER_S), 0);
        assert_int_equal(fan_speed(&f, start + 4 * NS_PER_S), 1);
}

static void a_gear_changed_while_off_is_shown_once_on(void **state)
{
        struct fan f = { 0 };

        (void)state;
        fan_set(&f, true, GEAR_SLOW, start);
        assert_int_equal(fan_speed(&f, start), 0);
        fan_set(&f, false, GEAR_FAST, start + 3 * NS_PER_S);
        assert_int_equal(f.gear, GEAR_SLOW);
        assert_int_equal(fan_speed(&f, start + 9 * NS_PER_S), 1);
        fan_set(&f, true, GEAR_FAST, start + 9 * NS_PER_S);
        assert_int_equal(f.gear, GEAR_FAST);
        assert_int_equal(fan_speed(&f, start + 9 * NS_PER_S), 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                        every_gear_starts_at_its_first_speed_and_gains_one_a_period_up_to_its_cap),
                cmocka_unit_test(a_report_a_little_early_or_late_shows_the_speed_it_is_meant_for),
                cmocka_unit_test(off_freezes_and_on_goes_on_from_there),
                cmocka_unit_test(off_before_the_first_look_keeps_the_speed),
                cmocka_unit_test(another_gear_starts_anew),
                cmocka_unit_test(created_off_shows_nothing_and_starts_when_turned_on),
                cmocka_unit_test(a_gear_changed_while_off_is_shown_once_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
