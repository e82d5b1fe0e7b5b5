/* What did not change is not written again, and says since when it has been so. */
#include "kube.h"

#include "base/clock.h"
#include "base/text.h"
#include "kube/report_times.h"

enum { TEXT_MAX = 1 << 20 };

/* 2024-01-02T02:04:05Z */
#define T0 (INT64_C(1704161045) * NS_PER_S)
#define REFRESH (600 * NS_PER_S)

static uint64_t digest(const char *json)
{
        return report_digest(json, strlen(json));
}

/* A document as the agent renders them: values a and b, read after_s seconds after T0. */
static const char *two(const char *a, const char *b, int after_s)
{
        static char text[512];
        char time[TEXT_TIME_MAX];

        (void)text_time(T0 + after_s * NS_PER_S, time);
        (void)snprintf(text, sizeof(text),
                       "{\"properties\":[{\"name\":\"a\",\"value\":\"%s\",\"updatedAt\":\"%s\"},"
                       "{\"name\":\"b\",\"value\":\"%s\",\"updatedAt\":\"%s\"}]}",
                       a, time, b, time);
        return text;
}

/* The times of the two, in seconds after T0. */
static void assert_times(const char *json, int64_t a_s, int64_t b_s)
{
        const char *p = json;
        int64_t want[] = { a_s, b_s };

        for (int i = 0; i < 2; i++) {
                int64_t ns = 0;

                p = strstr(p, "\"updatedAt\":\"");
                assert_non_null(p);
                p += strlen("\"updatedAt\":\"");
                assert_int_equal(text_parse_time(p, 20, &ns, NULL), 0);
                assert_int_equal((ns - T0) / NS_PER_S, want[i]);
        }
}

struct writer {
        struct report_times *times;
        struct buf out;
        int64_t refresh_ns;
};

static int setup(void **state)
{
        struct writer *w = xcalloc(1, sizeof(*w));

        w->times = report_times_new();
        w->out = BUF(TEXT_MAX);
        w->refresh_ns = REFRESH;
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct writer *w = *state;

        report_times_free(w->times);
        buf_done(&w->out);
        free(w);
        return 0;
}

static const char *rendered(struct writer *w, const char *json, int after_s)
{
        size_t cut = 9;

        buf_clear(&w->out);
        report_times_render(w->times, json, strlen(json), T0 + after_s * NS_PER_S, w->refresh_ns,
                            TEXT_MAX, &w->out, &cut);
        assert_true(buf_ok(&w->out));
        assert_int_equal(cut, 0);
        return buf_text(&w->out);
}

static const char *put(struct writer *w, const char *json, int after_s)
{
        const char *ret = rendered(w, json, after_s);

        report_times_written(w->times);
        return ret;
}

/* --- digests */

static void times_make_no_difference(void **state)
{
        (void)state;
        uint64_t one = digest(two("1", "2", 0));
        assert_true(one == digest(two("1", "2", 1)));
        assert_true(one == digest(two("1", "2", 100000)));
        assert_true(digest("{\"properties\":[{\"name\":\"a\",\"updateAt\":\"1\"}]}") ==
                    digest("{\"properties\":[{\"name\":\"a\",\"updateAt\":\"22\"}]}"));
        assert_true(digest("{\"properties\":[{\"updatedAt\":\"1\"}]}") ==
                    digest("{\"properties\":[{\"updatedAt\":\"\"}]}"));
}

static void everything_else_does(void **state)
{
        static const char base[] =
                "{\"properties\":[{\"name\":\"a\",\"value\":\"12\",\"operatedValue\":\"3.000000\","
                "\"updatedAt\":\"2024-01-02T02:04:05Z\",\"quality\":\"bad\",\"error\":\"x\"}]}";
        const char *time = strstr(base, "2024");
        char changed[sizeof(base)];

        (void)state;
        /* Each byte, each single bit. */
        for (size_t i = 0; i < sizeof(base) - 1; i++) {
                if (base + i >= time && base + i < time + 20)
                        continue;
                for (int bit = 0; bit < 7; bit++) {
                        memcpy(changed, base, sizeof(base));
                        changed[i] = (char)(changed[i] ^ (1 << bit));
                        assert_true(digest(changed) != digest(base));
                }
        }
        for (size_t n = 0; n < sizeof(base) - 1; n++)
                assert_true(report_digest(base, n) != digest(base));
}

static void what_only_looks_like_a_time_is_a_value(void **state)
{
        static const char *const pairs[][2] = {
                { "{\"properties\":[{\"v\":\"\\\"updatedAt\\\":\\\"1\"}]}",
                  "{\"properties\":[{\"v\":\"\\\"updatedAt\\\":\\\"2\"}]}" },
                { "{\"properties\":[{\"x\\\"updatedAt\":\"1\"}]}",
                  "{\"properties\":[{\"x\\\"updatedAt\":\"2\"}]}" },
                { "{\"properties\":[{\"updatedat\":\"1\"}]}",
                  "{\"properties\":[{\"updatedat\":\"2\"}]}" },
                { "{\"properties\":[{\"updateInterval\":\"1\"}]}",
                  "{\"properties\":[{\"updateInterval\":\"2\"}]}" },
                { "{\"properties\":{\"updatedAt\":\"1\"}}",
                  "{\"properties\":{\"updatedAt\":\"2\"}}" },
                { "{\"updatedAt\":\"1\"}", "{\"updatedAt\":\"2\"}" },
                { "{\"properties\":[{\"updatedAt\":1}]}", "{\"properties\":[{\"updatedAt\":2}]}" },
                { "{\"properties\":[{\"updatedAt\":\"1", "{\"properties\":[{\"updatedAt\":\"2" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
                assert_true(digest(pairs[i][0]) != digest(pairs[i][1]));
}

static void a_digest_is_cheap(void **state)
{
        auto_of(buf) struct buf doc = BUF(TEXT_MAX);
        uint64_t sum = 0;
        int64_t best_ns = INT64_MAX;

        (void)state;
        for (int i = 0; doc.len < 100 * 1024; i++)
                buf_addf(&doc,
                         "%s{\"name\":\"property-%d\",\"type\":\"float\",\"value\":\"%d.5\","
                         "\"updatedAt\":\"2024-01-02T02:04:05Z\"}",
                         i > 0 ? "," : "{\"properties\":[", i, i * 37);
        for (int round = 0; round < 20; round++) {
                int64_t begin_ns = clock_mono_ns();

                sum += report_digest(buf_text(&doc), doc.len);
                if (clock_mono_ns() - begin_ns < best_ns)
                        best_ns = clock_mono_ns() - begin_ns;
        }
        assert_true(sum != 0);
        print_message("%.2f us per KiB\n", (double)best_ns / 1000 / 100);
        assert_true(best_ns / 100 < 20 * NS_PER_US); /* 2 us, with room for sanitizers */
}

/* --- rendering */

static void the_first_document_is_written_as_it_is(void **state)
{
        assert_string_equal(put(*state, two("1", "2", 0), 0), two("1", "2", 0));
}

static void an_unchanged_property_keeps_the_time_it_was_written_with(void **state)
{
        (void)put(*state, two("1", "2", 0), 0);
        const char *json = put(*state, two("9", "2", 5), 5);
        assert_times(json, 5, 0);
        assert_non_null(strstr(json, "\"value\":\"9\""));
        assert_times(put(*state, two("9", "3", 8), 8), 5, 8);
        assert_times(put(*state, two("9", "4", 11), 11), 5, 11);
}

static void a_value_that_came_back_is_a_change(void **state)
{
        (void)put(*state, two("1", "2", 0), 0);
        (void)put(*state, two("9", "2", 5), 5);
        assert_times(put(*state, two("1", "2", 10), 10), 10, 0);
}

static void times_are_refreshed_when_they_are_old(void **state)
{
        (void)put(*state, two("1", "2", 0), 1);
        assert_times(put(*state, two("1", "3", 599), 599), 0, 599);
        assert_times(put(*state, two("1", "4", 600), 601), 600, 600);
        assert_times(put(*state, two("1", "4", 1200), 1200), 1200, 1200);
}

static void without_refresh_they_never_are(void **state)
{
        struct writer *w = *state;

        w->refresh_ns = 0;
        (void)put(w, two("1", "2", 0), 0);
        assert_times(put(w, two("1", "3", 1000000), 1000000), 0, 1000000);
}

static void a_time_from_the_future_is_not_kept(void **state)
{
        (void)put(*state, two("1", "2", 1000), 1000);
        assert_times(put(*state, two("1", "3", 10), 10), 10, 10);
}

static void only_what_was_answered_counts_as_written(void **state)
{
        (void)put(*state, two("1", "2", 0), 0);
        (void)rendered(*state, two("5", "2", 3), 3); /* refused */
        assert_times(put(*state, two("5", "2", 6), 6), 6, 0);
}

static void properties_that_come_and_go_are_told_apart(void **state)
{
        static const char one[] = "{\"properties\":[{\"name\":\"a\",\"value\":\"1\",\"updateAt\":"
                                  "\"2024-01-02T02:04:05Z\"}]}";

        (void)put(*state, two("1", "2", 0), 0);
        assert_string_equal(put(*state, one, 0), one);
        assert_times(put(*state, two("1", "2", 5), 5), 5, 5);
        assert_string_equal(put(*state, "{}", 5), "{}");
        assert_times(put(*state, two("1", "2", 9), 9), 9, 9);
}

static void what_has_no_times_stays_byte_for_byte(void **state)
{
        static const char *const docs[] = {
                "{}",
                "{\"gear\":\"fast\",\"rotatingSpeed\":201}",
                "{\"properties\":{\"a\":{\"type\":\"int\",\"intValue\":5},\"b,\":[{\"c\":\"]\"}]}}",
                "{\"properties\":[]}",
                "{\"properties\":[{\"name\":\"a\"},{\"name\":\"}\\\\\",\"quality\":\"bad\"}]}",
                "{\"properties\":[{\"name\":\"a\",\"updatedAt\":\"never\"}],\"more\":[1,2]}",
                "{\"first\":\"properties\",\"properties\":[1.50,18446744073709551615]}",
                " { \"properties\" : [ {\"a\" : 1} , 2 ] } ",
                "[1,2]",
                "nonsense",
                "",
        };

        for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
                assert_string_equal(put(*state, docs[i], 0), docs[i]);
                assert_string_equal(put(*state, docs[i], 50), docs[i]);
        }
}

/* --- size */

static void what_is_too_long_loses_properties_from_its_end(void **state)
{
        struct writer *w = *state;
        const char *whole = two("1", "2", 0);
        size_t len = strlen(whole), around = strlen("{\"properties\":[]}");
        size_t entry = (len - around - 1) / 2;

        for (size_t max = 20; max <= len; max++) {
                size_t cut = 9;

                buf_clear(&w->out);
                report_times_render(w->times, whole, len, T0, REFRESH, max, &w->out, &cut);
                assert_true(w->out.len <= max);
                assert_int_equal(cut, max == len ? 0 : max < around + entry ? 2 : 1);
                if (cut == 2)
                        assert_string_equal(buf_text(&w->out), "{\"properties\":[]}");
                else
                        assert_memory_equal(buf_text(&w->out), whole, w->out.len - 2);
                report_times_written(w->times);
        }
        assert_times(put(w, two("1", "3", 5), 5), 0, 5);
}

static void documents_of_other_forms_are_cut_too(void **state)
{
        static const struct {
                const char *doc, *cut;
                size_t max, n;
        } cases[] = {
                { "{\"properties\":{\"a\":1,\"b\":2}}", "{\"properties\":{\"a\":1}}", 24, 1 },
                { "{\"gear\":\"fast\",\"speed\":201}", "{\"gear\":\"fast\"}", 24, 1 },
                { "{\"properties\":[1,2],\"x\":\"0123456789\"}", "{}", 20, 2 },
                { "nonsense", "{}", 5, 0 },
        };
        struct writer *w = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t cut = 9;

                buf_clear(&w->out);
                report_times_render(w->times, cases[i].doc, strlen(cases[i].doc), T0, REFRESH,
                                    cases[i].max, &w->out, &cut);
                assert_string_equal(buf_text(&w->out), cases[i].cut);
                assert_int_equal(cut, cases[i].n);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_make_no_difference),
                cmocka_unit_test(everything_else_does),
                cmocka_unit_test(what_only_looks_like_a_time_is_a_value),
                cmocka_unit_test(a_digest_is_cheap),
                TEST(the_first_document_is_written_as_it_is),
                TEST(an_unchanged_property_keeps_the_time_it_was_written_with),
                TEST(a_value_that_came_back_is_a_change),
                TEST(times_are_refreshed_when_they_are_old),
                TEST(without_refresh_they_never_are),
                TEST(a_time_from_the_future_is_not_kept),
                TEST(only_what_was_answered_counts_as_written),
                TEST(properties_that_come_and_go_are_told_apart),
                TEST(what_has_no_times_stays_byte_for_byte),
                TEST(what_is_too_long_loses_properties_from_its_end),
                TEST(documents_of_other_forms_are_cut_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
