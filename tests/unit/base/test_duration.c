/* Durations and times are read and written as the contract's users write them. */
#include "base/clock.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/base/vectors.h"

static void every_recorded_duration_is_read_or_refused_alike(void **state)
{
        struct json_object *all = vectors_open("duration.json");

        (void)state;
        assert_int_equal(json_object_array_length(all), 45);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
                struct json_object *entry = json_object_array_get_idx(all, i);
                const char *text = vector_text(entry, "text");
                const char *ns = vector_text(entry, "ns");
                const char *error = vector_text(entry, "error");
                int64_t got = 42;
                struct err e = { 0 };
                int rc = text_parse_duration(text, strlen(text), &got, &e);
                if (rc != (error ? DL_CONFIG : 0))
                        fail_msg("'%s': rc %d", text, rc);
                if (!error) {
                        assert_true(got == strtoll(ns, NULL, 10));
                        assert_true(got / NS_PER_MS == strtoll(vector_text(entry, "ms"), NULL, 10));
                        continue;
                }
                assert_true(got == 42);
                if (strcmp(error, "missing-unit") == 0)
                        assert_non_null(strstr(e.text, "missing unit"));
                if (strcmp(error, "unknown-unit") == 0)
                        assert_non_null(strstr(e.text, "unknown unit"));
        }
        json_object_put(all);
}

static int64_t duration(const char *s)
{
        int64_t ns = -42;

        if (text_parse_duration(s, strlen(s), &ns, NULL) != 0)
                fail_msg("'%s' was refused", s);
        return ns;
}

static void every_unit_is_known(void **state)
{
        (void)state;
        assert_true(duration("7ns") == 7);
        assert_true(duration("250us") == 250000);
        assert_true(duration("250\xc2\xb5s") == 250000);
        assert_true(duration("250\xce\xbcs") == 250000);
        assert_true(duration("3ms") == 3 * NS_PER_MS);
        assert_true(duration("1m1m") == 120 * NS_PER_S);
        assert_true(duration("1h2m3.5s") == INT64_C(3723500000000));
        assert_true(duration("0.20000000000000000000s") == 200 * NS_PER_MS);
        assert_true(duration("0") == 0);
        assert_true(duration("-0") == 0);
}

static void the_limits_are_those_of_the_type(void **state)
{
        static const char *const wrong[] = {
                "",
                "9223372036854775808ns",
                "2562048h",
                "99999999999999999999ns",
                "-9223372036854775809ns",
                "9223372036854775807ns1ns",
                "-9223372036854775808ns1ns",
                "-9223372036854775808ns9223372036854775808ns",
                "-9223372036854775808ns9223372036854775807ns9.9ns",
                "9223372036854775.808us",
                "\xb5s",
                "1\xb5s",
                "5",
                "00",
                "1.5.5s",
                "s",
                "--1s",
        };

        (void)state;
        assert_true(duration("9223372036854775807ns") == INT64_MAX);
        assert_true(duration("-9223372036854775808ns") == INT64_MIN);
        assert_true(duration("2562047h47m16.854775807s") == INT64_MAX);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                int64_t ns = 42;
                if (text_parse_duration(wrong[i], strlen(wrong[i]), &ns, NULL) != DL_CONFIG)
                        fail_msg("'%s' was taken", wrong[i]);
                assert_true(ns == 42);
        }
}

static void a_refused_duration_shows_what_was_expected(void **state)
{
        struct err e = { 0 };
        int64_t ns = 0;

        (void)state;
        (void)text_parse_duration("5S", 2, &ns, &e);
        assert_string_equal(e.text, "expected a duration as \"1m30s\" or \"250ms\", got '5S': "
                                    "unknown unit");
}

static const char *written(int64_t ns)
{
        static char text[TEXT_REAL_MAX];
        size_t n = text_duration(ns, text);

        assert_int_equal(n, strlen(text));
        return text;
}

static void durations_are_written_with_their_units(void **state)
{
        (void)state;
        assert_string_equal(written(0), "0s");
        assert_string_equal(written(1), "1ns");
        assert_string_equal(written(1100), "1.1\xc2\xb5s");
        assert_string_equal(written(2200000), "2.2ms");
        assert_string_equal(written(3300000000), "3.3s");
        assert_string_equal(written(90 * NS_PER_S), "1m30s");
        assert_string_equal(written(245001 * NS_PER_MS), "4m5.001s");
        assert_string_equal(written(3600 * NS_PER_S), "1h0m0s");
        assert_string_equal(written(-5 * NS_PER_S), "-5s");
        assert_string_equal(written(INT64_MAX), "2562047h47m16.854775807s");
        assert_string_equal(written(INT64_MIN), "-2562047h47m16.854775808s");
}

static void what_is_written_is_read_back(void **state)
{
        (void)state;
        for (int64_t ns = 1; ns < INT64_MAX / 7; ns = ns * 3 + ns / 5 + 1) {
                assert_true(duration(written(ns)) == ns);
                assert_true(duration(written(-ns)) == -ns);
        }
}

/* --- times -------------------------------------------------------------------------------- */

static const char *time_text(int64_t wall_ns)
{
        static char text[TEXT_TIME_MAX];
        size_t n = text_time(wall_ns, text);

        assert_int_equal(n, strlen(text));
        return text;
}

static int64_t parse_time(const char *s)
{
        int64_t ns = -42;

        if (text_parse_time(s, strlen(s), &ns, NULL) != 0)
                fail_msg("'%s' was refused", s);
        return ns;
}

static void times_are_utc_with_whole_seconds(void **state)
{
        (void)state;
        assert_string_equal(time_text(0), "1970-01-01T00:00:00Z");
        assert_string_equal(time_text(INT64_C(1704161045999999999)), "2024-01-02T02:04:05Z");
        assert_string_equal(time_text(-1), "1969-12-31T23:59:59Z");
        assert_string_equal(time_text(951782400 * NS_PER_S), "2000-02-29T00:00:00Z");
        assert_string_equal(time_text(INT64_MAX), "2262-04-11T23:47:16Z");
        assert_string_equal(time_text(INT64_MIN), "1677-09-21T00:12:43Z");
}

static void times_are_read_with_fraction_and_zone(void **state)
{
        (void)state;
        assert_true(parse_time("1970-01-01T00:00:00Z") == 0);
        assert_true(parse_time("2024-01-02T02:04:05Z") == 1704161045 * NS_PER_S);
        assert_true(parse_time("2024-01-02T02:04:05.25Z") ==
                    1704161045 * NS_PER_S + 250 * NS_PER_MS);
        assert_true(parse_time("2024-01-02T02:04:05.1234567899Z") ==
                    1704161045 * NS_PER_S + 123456789);
        assert_true(parse_time("2024-01-02T03:34:05+01:30") == 1704161045 * NS_PER_S);
        assert_true(parse_time("2024-01-01T21:04:05-05:00") == 1704161045 * NS_PER_S);
        assert_true(parse_time("2262-04-11T23:47:16.854775807Z") == INT64_MAX);
        assert_true(parse_time("1677-09-21T00:12:43.145224192Z") == INT64_MIN);
}

static void every_day_of_four_centuries_goes_both_ways(void **state)
{
        (void)state;
        for (int64_t day = -100000; day < 100000; day++) {
                int64_t ns = (day * 86400 + (day & 0xffff)) * NS_PER_S;
                assert_true(parse_time(time_text(ns)) == ns);
        }
}

static void what_is_no_time_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "2024-01-02",
                "2024-01-02T02:04:05",
                "2024-01-02 02:04:05Z",
                "2024-01-02T02:04Z",
                "2024-1-02T02:04:05Z",
                "2024-13-02T02:04:05Z",
                "2024-00-02T02:04:05Z",
                "2024-02-30T02:04:05Z",
                "2023-02-29T02:04:05Z",
                "1900-02-29T02:04:05Z",
                "2024-01-00T02:04:05Z",
                "2024-01-02T24:00:00Z",
                "2024-01-02T02:60:05Z",
                "2024-01-02T02:04:60Z",
                "2024-01-02T02:04:05.Z",
                "2024-01-02T02:04:05,5Z",
                "2024-01-02T02:04:05z",
                "2024-01-02T02:04:05Zx",
                "2024-01-02T02:04:05+0100",
                "2024-01-02T02:04:05+24:00",
                "2024-01-02T02:04:05+01:60",
                "2024-01-02T02:04:05+01",
                "+024-01-02T02:04:05Z",
                "2262-04-11T23:47:16.854775808Z",
                "1677-09-21T00:12:43.145224191Z",
                "9999-12-31T23:59:59Z",
                "0000-01-01T00:00:00Z",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                int64_t ns = 42;
                struct err e = { 0 };
                if (text_parse_time(wrong[i], strlen(wrong[i]), &ns, &e) != DL_CONFIG)
                        fail_msg("'%s' was taken", wrong[i]);
                assert_true(ns == 42);
                assert_true(e.text[0] != '\0');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_duration_is_read_or_refused_alike),
                cmocka_unit_test(every_unit_is_known),
                cmocka_unit_test(the_limits_are_those_of_the_type),
                cmocka_unit_test(a_refused_duration_shows_what_was_expected),
                cmocka_unit_test(durations_are_written_with_their_units),
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(times_are_utc_with_whole_seconds),
                cmocka_unit_test(times_are_read_with_fraction_and_zone),
                cmocka_unit_test(every_day_of_four_centuries_goes_both_ways),
                cmocka_unit_test(what_is_no_time_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
