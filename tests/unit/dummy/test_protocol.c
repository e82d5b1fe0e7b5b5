/* The values of a DummyProtocolDevice: octopus 3.6, checklist 88. */
#include "base/backoff.h"
#include "base/mem.h"
#include "dummy/protocol.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint32_t next;

static uint32_t counted(void)
{
        return next++;
}

static uint32_t fixed(void)
{
        return next;
}

static const char *draw(struct buf *b, const struct shape *s, uint32_t (*random)(void))
{
        buf_clear(b);
        shape_draw(s, random, b);
        assert_true(buf_ok(b));
        return buf_text(b);
}

static void each_type_has_its_member(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        static const struct {
                enum shape_kind kind;
                uint32_t first;
                const char *text;
        } rows[] = {
                { SHAPE_INT, 0, "{\"type\":\"int\",\"intValue\":0}" },
                { SHAPE_INT, 999, "{\"type\":\"int\",\"intValue\":999}" },
                { SHAPE_INT, 1000, "{\"type\":\"int\",\"intValue\":0}" },
                { SHAPE_STRING, 22, "{\"type\":\"string\",\"stringValue\":\"wxyzABCDEF\"}" },
                { SHAPE_STRING, 50, "{\"type\":\"string\",\"stringValue\":\"YZabcdefgh\"}" },
                { SHAPE_BOOLEAN, 0, "{\"type\":\"boolean\",\"booleanValue\":false}" },
                { SHAPE_BOOLEAN, 1, "{\"type\":\"boolean\",\"booleanValue\":true}" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct shape s = { .kind = rows[i].kind };

                next = rows[i].first;
                assert_string_equal(draw(&b, &s, counted), rows[i].text);
        }
}

static void floats_are_canonical_quantities(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        struct shape s = { .kind = SHAPE_FLOAT };
        static const struct {
                uint32_t micro;
                const char *text;
        } rows[] = {
                { 0, "0" },         { 1, "1u" },           { 444595, "444595u" },
                { 500000, "500m" }, { 999999, "999999u" }, { 1000000, "1" },
                { 10, "10u" },      { 1000, "1m" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char want[64];

                next = rows[i].micro;
                (void)snprintf(want, sizeof(want), "{\"type\":\"float\",\"floatValue\":\"%s\"}",
                               rows[i].text);
                assert_string_equal(draw(&b, &s, fixed), want);
        }
}

static void arrays_have_zero_to_nine_elements_and_none_is_left_out(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        const struct shape element = { .kind = SHAPE_INT };
        const struct shape s = { .kind = SHAPE_ARRAY, .element = &element };

        (void)state;
        next = 10;
        assert_string_equal(draw(&b, &s, fixed), "{\"type\":\"array\"}");
        next = 2;
        assert_string_equal(draw(&b, &s, fixed),
                            "{\"type\":\"array\",\"arrayValue\":[{\"type\":\"int\",\"intValue\":2},"
                            "{\"type\":\"int\",\"intValue\":2}]}");
        for (next = 0; next < 10; next++) {
                json_object *v = json_tokener_parse(draw(&b, &s, fixed));
                json_object *list = NULL;

                (void)json_object_object_get_ex(v, "arrayValue", &list);
                assert_int_equal(list ? json_object_array_length(list) : 0, next);
                (void)json_object_put(v);
        }
}

static void objects_have_all_members_that_have_values(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        const struct shape members[] = {
                { .kind = SHAPE_BOOLEAN, .name = "a\"b" },
                { .kind = SHAPE_ARRAY, .name = "nothing known" },
                { .kind = SHAPE_INT, .name = "z" },
        };
        const struct shape s = { .kind = SHAPE_OBJECT, .members = members, .n_members = 3 };
        const struct shape hollow = { .kind = SHAPE_OBJECT,
                                      .members = &members[1],
                                      .n_members = 1 };
        const struct shape empty = { .kind = SHAPE_OBJECT };

        (void)state;
        next = 7;
        assert_string_equal(draw(&b, &s, fixed),
                            "{\"type\":\"object\",\"objectValue\":{"
                            "\"a\\\"b\":{\"type\":\"boolean\",\"booleanValue\":true},"
                            "\"z\":{\"type\":\"int\",\"intValue\":7}}}");
        assert_string_equal(draw(&b, &hollow, fixed), "{\"type\":\"object\"}");
        assert_true(shape_has_value(&s));
        assert_false(shape_has_value(&empty));
        assert_false(shape_has_value(&members[1]));
}

static void values_vary_within_their_ranges(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        const struct shape flag = { .kind = SHAPE_BOOLEAN };
        const struct shape number = { .kind = SHAPE_INT };
        int yes = 0;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                yes += strstr(draw(&b, &flag, random_u32), "true") != NULL;
                json_object *v = json_tokener_parse(draw(&b, &number, random_u32));
                json_object *n = NULL;

                assert_true(json_object_object_get_ex(v, "intValue", &n));
                assert_in_range(json_object_get_int(n), 0, 999);
                (void)json_object_put(v);
        }
        assert_in_range(yes, 300, 700);
}

static void deep_arrays_stay_below_the_limit(void **state)
{
        auto_of(buf) struct buf b = BUF(VALUE_MAX_BYTES);
        enum { DEEP = 16 };
        struct shape chain[DEEP] = { { .kind = SHAPE_INT } };

        (void)state;
        for (int i = 1; i < DEEP; i++)
                chain[i] = (struct shape){ .kind = SHAPE_ARRAY, .element = &chain[i - 1] };
        next = 9;
        struct json_tokener *t = json_tokener_new_ex(100);
        const char *text = draw(&b, &chain[DEEP - 1], fixed);
        json_object *v = json_tokener_parse_ex(t, text, (int)strlen(text));
        assert_non_null(v);
        (void)json_object_put(v);
        json_tokener_free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_type_has_its_member),
                cmocka_unit_test(floats_are_canonical_quantities),
                cmocka_unit_test(arrays_have_zero_to_nine_elements_and_none_is_left_out),
                cmocka_unit_test(objects_have_all_members_that_have_values),
                cmocka_unit_test(values_vary_within_their_ranges),
                cmocka_unit_test(deep_arrays_stay_below_the_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
