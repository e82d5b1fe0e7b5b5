/* Metrics are lines that a Prometheus reads. */
#include "base/clock.h"
#include "serve/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static void a_metric_has_a_head_and_samples(void **state)
{
        struct buf out = BUF(1000);

        (void)state;
        metric_head(&out, "links", "gauge", "How many links there are.");
        metric_value(&out, "links", NULL, 0, 3);
        const struct metric_label labels[] = { { "state", "up" }, { "node", "a" } };
        metric_value(&out, "links", labels, 2, 0.25);
        assert_string_equal(buf_text(&out), "# HELP links How many links there are.\n"
                                            "# TYPE links gauge\n"
                                            "links 3\n"
                                            "links{state=\"up\",node=\"a\"} 0.25\n");
        buf_done(&out);
}

static void labels_are_escaped(void **state)
{
        struct buf out = BUF(1000);
        const struct metric_label label = { "x", "a\"b\\c\nd" };

        (void)state;
        metric_value(&out, "m", &label, 1, 1);
        assert_string_equal(buf_text(&out), "m{x=\"a\\\"b\\\\c\\nd\"} 1\n");
        buf_done(&out);
}

static void large_and_special_numbers_can_be_read(void **state)
{
        struct buf out = BUF(1000);

        (void)state;
        metric_value(&out, "m", NULL, 0, 1234567890.0);
        metric_value(&out, "m", NULL, 0, (double)INFINITY);
        metric_value(&out, "m", NULL, 0, (double)NAN);
        assert_string_equal(buf_text(&out), "m 1.23456789e+09\nm +Inf\nm NaN\n");
        buf_done(&out);
}

static void a_histogram_is_cumulated(void **state)
{
        struct histogram h = { 0 };
        struct buf out = BUF(4000);
        const struct metric_label label = { "adaptor", "a" };

        (void)state;
        histogram_add(&h, 5 * NS_PER_MS);
        histogram_add(&h, 250 * NS_PER_MS);
        histogram_add(&h, 245 * NS_PER_MS);
        histogram_add(&h, 11 * NS_PER_S);
        metric_histogram(&out, "h", NULL, 0, &h);
        assert_string_equal(buf_text(&out), "h_bucket{le=\"0.005\"} 1\n"
                                            "h_bucket{le=\"0.01\"} 1\n"
                                            "h_bucket{le=\"0.025\"} 1\n"
                                            "h_bucket{le=\"0.05\"} 1\n"
                                            "h_bucket{le=\"0.1\"} 1\n"
                                            "h_bucket{le=\"0.25\"} 3\n"
                                            "h_bucket{le=\"0.5\"} 3\n"
                                            "h_bucket{le=\"1\"} 3\n"
                                            "h_bucket{le=\"2.5\"} 3\n"
                                            "h_bucket{le=\"5\"} 3\n"
                                            "h_bucket{le=\"10\"} 3\n"
                                            "h_bucket{le=\"+Inf\"} 4\n"
                                            "h_sum 11.5\n"
                                            "h_count 4\n");
        buf_clear(&out);
        metric_histogram(&out, "h", &label, 1, &h);
        assert_non_null(strstr(buf_text(&out), "h_bucket{adaptor=\"a\",le=\"0.25\"} 3\n"));
        assert_non_null(strstr(buf_text(&out), "h_sum{adaptor=\"a\"} 11.5\n"
                                               "h_count{adaptor=\"a\"} 4\n"));
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_metric_has_a_head_and_samples),
                cmocka_unit_test(labels_are_escaped),
                cmocka_unit_test(large_and_special_numbers_can_be_read),
                cmocka_unit_test(a_histogram_is_cumulated),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
