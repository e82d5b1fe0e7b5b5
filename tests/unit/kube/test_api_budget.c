/* Requests come at the rate that was granted, and are counted within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kube/api_budget.h"
#include "kube/api_counts.h"

static void a_burst_is_granted_and_then_the_rate(void **state)
{
        struct budget b;
        int64_t now = 1000;
        int n = 0;

        (void)state;
        budget_init(&b, 10, 5, now);
        while (budget_take(&b, now))
                n++;
        assert_int_equal(n, 5);
        assert_in_range(budget_wait_ns(&b, now), 100 * NS_PER_MS, 100 * NS_PER_MS + 10);
        assert_false(budget_take(&b, now + 99 * NS_PER_MS));
        now += budget_wait_ns(&b, now);
        assert_int_equal(budget_wait_ns(&b, now), 0);
        assert_true(budget_take(&b, now));
        assert_false(budget_take(&b, now));
        for (n = 0; n < 1000; n++) { /* in the long run no more than the rate */
                now += budget_wait_ns(&b, now);
                assert_true(budget_take(&b, now));
        }
        assert_in_range(now, 100 * NS_PER_S, 101 * NS_PER_S);
}

static void a_pause_saves_no_more_than_the_burst_and_time_never_runs_back(void **state)
{
        struct budget b;
        int n = 0;

        (void)state;
        budget_init(&b, 10, 5, NS_PER_S);
        while (budget_take(&b, 3600 * NS_PER_S))
                n++;
        assert_int_equal(n, 5);
        assert_false(budget_take(&b, 0));
        assert_true(budget_wait_ns(&b, 0) > 0);
}

static void requests_are_counted_by_method_resource_and_code(void **state)
{
        struct counts c = { 0 };

        (void)state;
        counts_add(&c, "GET", "nodes", 200);
        counts_add(&c, "GET", "nodes", 200);
        counts_add(&c, "GET", "nodes", 404);
        counts_add(&c, "WATCH", "nodes", 200);
        assert_int_equal(c.n, 3);
        assert_string_equal(c.rows[0].resource, "nodes");
        assert_int_equal(c.rows[0].n, 2);
        assert_int_equal(c.rows[1].code, 404);
        assert_string_equal(c.rows[2].method, "WATCH");
        counts_done(&c);
}

static void rows_end_at_their_maximum_and_nothing_goes_uncounted(void **state)
{
        struct counts c = { 0 };
        uint64_t sum = 0;
        char resource[32];

        (void)state;
        for (int i = 0; i < 10000; i++) {
                (void)snprintf(resource, sizeof(resource), "r%d", i);
                counts_add(&c, i % 2 ? "GET" : "PUT", resource, 200);
        }
        assert_int_equal(c.n, COUNTS_MAX - COUNTS_OTHER + 2);
        for (size_t i = 0; i < c.n; i++)
                sum += c.rows[i].n;
        assert_int_equal(sum, 10000);
        assert_string_equal(c.rows[c.n - 1].resource, "other");
        assert_int_equal(c.rows[c.n - 1].code, -1);
        counts_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_burst_is_granted_and_then_the_rate),
                cmocka_unit_test(a_pause_saves_no_more_than_the_burst_and_time_never_runs_back),
                cmocka_unit_test(requests_are_counted_by_method_resource_and_code),
                cmocka_unit_test(rows_end_at_their_maximum_and_nothing_goes_uncounted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
