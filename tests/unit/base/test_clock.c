/* Two clocks: one that never steps, one that knows the date. */
/* wrap: clock_gettime */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
        t->tv_sec = id == CLOCK_MONOTONIC ? 12 : 1700000000;
        t->tv_nsec = id == CLOCK_MONOTONIC ? 999999999 : 5;
        return id == CLOCK_MONOTONIC || id == CLOCK_REALTIME ? 0 : -1;
}

static void each_clock_counts_nanoseconds_of_its_own(void **state)
{
        (void)state;
        assert_true(clock_mono_ns() == INT64_C(12999999999));
        assert_true(clock_wall_ns() == INT64_C(1700000000000000005));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_clock_counts_nanoseconds_of_its_own),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
