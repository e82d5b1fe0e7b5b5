/* A failed read never costs the last good value, and a status document is exact to the byte. */

#include "model/state.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define AT_NS (INT64_C(1704161045) * NS_PER_S) /* 2024-01-02T02:04:05Z */

static struct dl_sample sample(uint32_t point, struct dl_value v)
{
        return (struct dl_sample){
                .size = sizeof(struct dl_sample), .point = point, .arrival_ns = AT_NS, .value = v
        };
}

static struct dl_value real32(float v)
{
        return (struct dl_value){ .type = DL_REAL32, .as.r = (double)v };
}

static struct dl_value text(const char *s)
{
        return (struct dl_value){ .type = DL_TEXT, .len = (uint32_t)strlen(s), .as.data = s };
}

static bool apply(struct states *s, struct dl_sample x)
{
        bool changed = false;

        assert_int_equal(states_apply(s, &x, AT_NS, &changed, NULL), 0);
        return changed;
}

static void assert_status(const struct dl_info *info, const struct states *s, const char *want)
{
        struct buf out = BUF(65536);

        status_render(info, s, &out);
        assert_true(buf_ok(&out));
        assert_string_equal(buf_text(&out), want);
        buf_done(&out);
}

#define POINT(n, m)                                                                                \
        {                                                                                          \
                .size = sizeof(struct dl_point), .access = DL_READ, .name = (n), .members = (m)    \
        }

static const struct dl_point two_points[] = {
        POINT("t", "\"name\":\"t\",\"type\":\"float\""),
        POINT("b", "\"name\":\"b\",\"type\":\"boolean\""),
};
static const struct dl_info two = { .size = sizeof(two), .points = two_points, .n_points = 2 };

static void a_modbus_property_is_written_as_the_contract_says(void **state)
{
        static const struct dl_info one = { .points = two_points, .n_points = 1 };
        struct states s = states_new(1);
        struct dl_sample x = sample(0, real32(296.65F));

        (void)state;
        x.flags = DL_SAMPLE_SCALED;
        x.scaled = 23.499994;
        assert_true(apply(&s, x));
        assert_status(&one, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"296.65\","
                      "\"operatedValue\":\"23.499994\",\"updatedAt\":\"2024-01-02T02:04:05Z\"}]}");
        states_done(&s);
}

static void what_was_never_read_has_no_value_and_no_time(void **state)
{
        struct states s = states_new(2);

        (void)state;
        assert_status(&two, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\"},"
                      "{\"name\":\"b\",\"type\":\"boolean\"}]}");
        states_done(&s);
}

static void a_bad_sample_keeps_value_and_time_and_says_why(void **state)
{
        struct states s = states_new(2);
        struct dl_sample bad = sample(0, real32(1));

        (void)state;
        apply(&s, sample(0, real32(296.65F)));
        bad.quality = DL_BAD;
        bad.code = 2;
        bad.arrival_ns += 60 * NS_PER_S;
        bad.error = "exception 2: illegal data address";
        assert_true(apply(&s, bad));
        assert_int_equal(s.list[0].code, 2);
        assert_status(&two, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"296.65\","
                      "\"updatedAt\":\"2024-01-02T02:04:05Z\",\"quality\":\"bad\","
                      "\"error\":\"exception 2: illegal data address\"},"
                      "{\"name\":\"b\",\"type\":\"boolean\"}]}");

        assert_true(apply(&s, sample(0, real32(296.65F))));
        assert_null(s.list[0].error);
        assert_int_equal(s.list[0].code, 0);
        assert_false(apply(&s, sample(0, real32(296.65F))));
        states_done(&s);
}

static void an_uncertain_sample_is_taken_and_named(void **state)
{
        static const struct dl_info one = { .points = two_points, .n_points = 1 };
        struct states s = states_new(1);
        struct dl_sample x = sample(0, real32(1));

        (void)state;
        x.quality = DL_UNCERTAIN;
        x.error = "last usable value";
        apply(&s, x);
        assert_status(&one, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"1\","
                      "\"updatedAt\":\"2024-01-02T02:04:05Z\",\"quality\":\"uncertain\","
                      "\"error\":\"last usable value\"}]}");
        states_done(&s);
}

static void a_dead_device_makes_every_point_bad(void **state)
{
        struct states s = states_new(2);

        (void)state;
        apply(&s, sample(0, real32(7)));
        states_all_bad(&s, "no answer");
        states_all_bad(&s, "no answer");
        assert_status(&two, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"7\","
                      "\"updatedAt\":\"2024-01-02T02:04:05Z\",\"quality\":\"bad\","
                      "\"error\":\"no answer\"},{\"name\":\"b\",\"type\":\"boolean\","
                      "\"quality\":\"bad\",\"error\":\"no answer\"}]}");
        states_done(&s);
}

static void a_refused_write_shows_beside_good_reads_until_it_is_cleared(void **state)
{
        static const struct dl_info one = { .points = two_points, .n_points = 1 };
        struct states s = states_new(1);

        (void)state;
        states_write_error(&s, 0, 3, "refused");
        apply(&s, sample(0, real32(1)));
        assert_status(&one, &s,
                      "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"1\","
                      "\"updatedAt\":\"2024-01-02T02:04:05Z\",\"error\":\"refused\"}]}");
        assert_int_equal(s.list[0].quality, DL_GOOD);
        assert_int_equal(s.list[0].code, 3);

        states_all_bad(&s, "away");
        assert_string_equal(s.list[0].error, "away");
        apply(&s, sample(0, real32(1)));
        assert_string_equal(s.list[0].error, "refused");
        states_write_error(&s, 0, 0, NULL);
        assert_null(s.list[0].error);
        states_write_error(&s, 9, 0, "no such point is fine");
        states_done(&s);
}

static void samples_that_cannot_be_are_refused_and_change_nothing(void **state)
{
        struct states s = states_new(1);
        struct dl_sample wrong[3] = { sample(1, real32(1)), sample(0, real32(1)),
                                      sample(0, (struct dl_value){ .type = 99 }) };
        struct err e = { 0 };
        bool changed = true;

        (void)state;
        apply(&s, sample(0, real32(5)));
        wrong[1].quality = DL_BAD + 1;
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(states_apply(&s, &wrong[i], 0, &changed, &e), DL_BUG);
                assert_int_equal(e.rc, DL_BUG);
                assert_true(changed);
        }
        assert_true(s.list[0].value.as.r > 4.9 && s.list[0].value.as.r < 5.1);
        states_done(&s);
}

static void without_a_time_of_arrival_now_stands_in(void **state)
{
        struct states s = states_new(1);
        struct dl_sample x = sample(0, real32(1));
        bool changed;

        (void)state;
        x.arrival_ns = 0;
        assert_int_equal(states_apply(&s, &x, 42, &changed, NULL), 0);
        assert_int_equal(s.list[0].arrival_ns, 42);
        states_done(&s);
}

static void texts_are_copied_and_replaced(void **state)
{
        char first[] = "first";
        struct states s = states_new(1);

        (void)state;
        apply(&s, sample(0, text(first)));
        first[0] = 'X';
        assert_memory_equal(s.list[0].value.as.data, "first", 5);
        assert_true(apply(&s, sample(0, text("second"))));
        assert_false(apply(&s, sample(0, text("second"))));
        states_done(&s);
}

static void time_can_have_another_name_or_none(void **state)
{
        static const struct dl_point points[] = { POINT("x", "") };
        struct dl_info info = { .points = points, .n_points = 1, .time_key = "updateAt" };
        struct states s = states_new(1);

        (void)state;
        assert_status(&info, &s, "{}");
        apply(&s, sample(0, real32(1)));
        assert_status(&info, &s,
                      "{\"properties\":[{\"value\":\"1\",\"updateAt\":\"2024-01-02T02:04:05Z\"}]}");
        info.time_key = "";
        assert_status(&info, &s, "{\"properties\":[{\"value\":\"1\"}]}");
        states_done(&s);
}

static void no_points_are_an_empty_object_in_every_layout(void **state)
{
        struct states s = states_new(0);
        struct dl_info info = { 0 };

        (void)state;
        for (info.layout = DL_LAYOUT_PROPERTIES; info.layout <= DL_LAYOUT_FLAT; info.layout++)
                assert_status(&info, &s, "{}");
        states_all_bad(&s, "nothing to say it of");
        states_done(&s);
}

static void map_and_flat_layouts_keep_the_order_of_points(void **state)
{
        static struct dl_point points[] = { POINT("gear", ""), POINT("rotatingSpeed", ""),
                                            POINT("on", "") };
        struct dl_info info = { .points = points, .n_points = 3, .layout = DL_LAYOUT_FLAT };
        struct states s = states_new(3);

        (void)state;
        points[1].encoding = points[2].encoding = DL_AS_JSON;
        apply(&s, sample(0, text("fast")));
        apply(&s, sample(1, (struct dl_value){ .type = DL_INT, .as.i = 201 }));
        assert_status(&info, &s, "{\"gear\":\"fast\",\"rotatingSpeed\":201}");
        apply(&s, sample(0, text("slow")));
        apply(&s, sample(1, (struct dl_value){ .type = DL_INT, .as.i = 0 }));
        apply(&s, sample(2, (struct dl_value){ .type = DL_BOOL, .as.i = 0 }));
        assert_status(&info, &s, "{\"gear\":\"slow\"}");
        info.layout = DL_LAYOUT_MAP;
        assert_status(&info, &s,
                      "{\"properties\":{\"gear\":\"slow\",\"rotatingSpeed\":0,\"on\":false}}");
        states_done(&s);
}

static void values_follow_their_names_to_another_device(void **state)
{
        static const struct dl_point new_points[] = {
                POINT("new", "\"name\":\"new\",\"type\":\"int\""),
                POINT("b", "\"name\":\"b\",\"type\":\"boolean\""),
                POINT("t", "\"name\":\"t\",\"type\":\"int\""),
        };
        static const struct dl_info new_info = { .points = new_points, .n_points = 3 };
        struct states s = states_new(2);

        (void)state;
        apply(&s, sample(0, real32(1)));
        apply(&s, sample(1, text("kept")));
        states_write_error(&s, 1, 4, "kept too");

        struct states to = states_move(&s, &two, &new_info);
        assert_int_equal(s.n, 0);
        assert_int_equal(to.n, 3);
        assert_int_equal(to.list[0].value.type, DL_NONE);
        assert_memory_equal(to.list[1].value.as.data, "kept", 4);
        assert_string_equal(to.list[1].error, "kept too");
        assert_int_equal(to.list[2].value.type, DL_NONE);
        states_done(&to);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_modbus_property_is_written_as_the_contract_says),
                cmocka_unit_test(what_was_never_read_has_no_value_and_no_time),
                cmocka_unit_test(a_bad_sample_keeps_value_and_time_and_says_why),
                cmocka_unit_test(an_uncertain_sample_is_taken_and_named),
                cmocka_unit_test(a_dead_device_makes_every_point_bad),
                cmocka_unit_test(a_refused_write_shows_beside_good_reads_until_it_is_cleared),
                cmocka_unit_test(samples_that_cannot_be_are_refused_and_change_nothing),
                cmocka_unit_test(without_a_time_of_arrival_now_stands_in),
                cmocka_unit_test(texts_are_copied_and_replaced),
                cmocka_unit_test(time_can_have_another_name_or_none),
                cmocka_unit_test(no_points_are_an_empty_object_in_every_layout),
                cmocka_unit_test(map_and_flat_layouts_keep_the_order_of_points),
                cmocka_unit_test(values_follow_their_names_to_another_device),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
