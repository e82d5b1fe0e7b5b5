/* What a controller looks at in an object's metadata; nothing in it can harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/object_meta.h"

static struct object_meta read_json(struct arena *a, const char *json)
{
        const struct tree *t = NULL;
        struct object_meta m;
        struct err e = { 0 };

        if (tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s", e.text);
        object_meta_read(t, a, &m);
        return m;
}

static void everything_a_controller_asks_for_is_read(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m = read_json(
                a,
                "{\"metadata\":{\"name\":\"pump\",\"namespace\":\"plant\",\"uid\":\"u1\","
                "\"resourceVersion\":\"42\",\"generation\":7,"
                "\"deletionTimestamp\":\"2026-01-02T03:04:05Z\",\"finalizers\":[\"a\",\"b\"],"
                "\"labels\":{\"x\":\"1\"},\"annotations\":{\"y\":\"2\"},"
                "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\","
                "\"uid\":\"u2\"},{\"apiVersion\":\"e/v1\",\"kind\":\"DeviceLink\",\"name\":\"d\","
                "\"uid\":\"u3\",\"controller\":true,\"blockOwnerDeletion\":true}]}}");

        (void)state;
        assert_string_equal(m.name, "pump");
        assert_string_equal(m.space, "plant");
        assert_string_equal(m.uid, "u1");
        assert_string_equal(m.version, "42");
        assert_int_equal(m.generation, 7);
        assert_string_equal(m.deleted, "2026-01-02T03:04:05Z");
        assert_true(object_meta_has_finalizer(&m, "b"));
        assert_false(object_meta_has_finalizer(&m, "c"));
        assert_string_equal(tree_text(tree_get(m.labels, "x")), "1");
        assert_string_equal(tree_text(tree_get(m.annotations, "y")), "2");
        assert_int_equal(m.n_owners, 2);
        assert_false(m.owners[0].controller || m.owners[0].block_deletion);
        assert_string_equal(object_meta_controller(&m)->uid, "u3");
        assert_true(object_meta_controller(&m)->block_deletion);
        assert_string_equal(object_meta_key(&m, a), "plant/pump");
}

static void what_is_absent_or_of_another_type_is_empty(void **state)
{
        static const char *const odd[] = {
                "{}",
                "[]",
                "7",
                "{\"metadata\":null}",
                "{\"metadata\":[1]}",
                "{\"metadata\":{\"name\":1,\"namespace\":[],\"uid\":{},\"resourceVersion\":2,"
                "\"generation\":\"7\",\"deletionTimestamp\":null,\"finalizers\":{\"a\":1},"
                "\"labels\":[],\"annotations\":\"x\",\"ownerReferences\":{\"controller\":true}}}",
                "{\"metadata\":{\"name\":\"a\\u0000b\",\"ownerReferences\":[1,null,\"x\"]}}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                auto_of(arena) struct arena *a = arena_new();
                struct object_meta m = read_json(a, odd[i]);

                assert_string_equal(m.name, "");
                assert_string_equal(m.space, "");
                assert_string_equal(m.uid, "");
                assert_string_equal(m.version, "");
                assert_int_equal(m.generation, 0);
                assert_null(m.deleted);
                assert_null(m.finalizers);
                assert_null(m.labels);
                assert_null(m.annotations);
                assert_int_equal(m.n_owners, 0);
                assert_null(object_meta_controller(&m));
                assert_false(object_meta_has_finalizer(&m, "a"));
                assert_string_equal(object_meta_key(&m, a), "");
        }
}

static void an_object_of_no_namespace_has_its_name_as_key(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m = read_json(a, "{\"metadata\":{\"name\":\"node-1\"}}");

        (void)state;
        assert_string_equal(object_meta_key(&m, a), "node-1");
}

static void finalizers_of_other_types_are_passed_over(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m = read_json(a, "{\"metadata\":{\"finalizers\":[1,null,\"a\"]}}");

        (void)state;
        assert_true(object_meta_has_finalizer(&m, "a"));
}

static void versions_order_as_numbers_of_any_length(void **state)
{
        static const struct {
                const char *a, *b;
                int order;
        } good[] = {
                { "1", "2", -1 },
                { "9", "10", -1 },
                { "100", "99", 1 },
                { "7", "7", 0 },
                { "0", "1", -1 },
                { "18446744073709551615", "18446744073709551616", -1 },
                { "340282366920938463463374607431768211456", "99", 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                int order = 99;

                assert_true(resource_version_order(good[i].a, good[i].b, &order));
                assert_int_equal((order > 0) - (order < 0), good[i].order);
        }
}

static void versions_that_are_no_numbers_are_equal_or_nothing(void **state)
{
        static const char *const odd[][2] = {
                { "", "1" },   { "1", "" },   { "a", "1" },   { "01", "2" },
                { "1", "1 " }, { "-1", "1" }, { "1a", "1b" }, { "00", "0" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                int order = 99;

                assert_false(resource_version_order(odd[i][0], odd[i][1], &order));
                assert_int_equal(order, 99);
                assert_true(resource_version_order(odd[i][0], odd[i][0], &order));
                assert_int_equal(order, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_a_controller_asks_for_is_read),
                cmocka_unit_test(what_is_absent_or_of_another_type_is_empty),
                cmocka_unit_test(an_object_of_no_namespace_has_its_name_as_key),
                cmocka_unit_test(finalizers_of_other_types_are_passed_over),
                cmocka_unit_test(versions_order_as_numbers_of_any_length),
                cmocka_unit_test(versions_that_are_no_numbers_are_equal_or_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
