/* A tree is walked by name, index and path, compared and built. */
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct tree *parse(struct arena *a, const char *json)
{
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s: %s", json, e.text);
        return t;
}

static const char doc[] = "{\"spec\":{\"list\":[{\"at\":1},{\"at\":2},[7,8]],\"a.b\":{\"c\":3},"
                          "\"it's\":4,\"[0]\":5,\"\":6,\"text\":\"x\"},\"none\":null}";

static void nothing_has_no_children(void **state)
{
        const struct tree text = { .type = TREE_TEXT, .as.text = "x", .n = 1 };

        (void)state;
        assert_null(tree_first(NULL));
        assert_null(tree_first(&text));
        assert_null(tree_get(NULL, "a"));
        assert_null(tree_get(&text, "a"));
        assert_null(tree_at(NULL, 0));
        assert_null(tree_at(&text, 0));
        assert_null(tree_text(NULL));
        assert_string_equal(tree_text(&text), "x");
        assert_string_equal(tree_type_name(NULL), "nothing");
}

static void every_type_has_a_name(void **state)
{
        static const struct {
                const char *json;
                const char *name;
        } rows[] = {
                { "null", "null" },    { "true", "a boolean" },
                { "1", "an integer" }, { "18446744073709551615", "an integer" },
                { "1.5", "a number" }, { "\"\"", "text" },
                { "[]", "a list" },    { "{}", "a map" },
        };
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_string_equal(tree_type_name(parse(a, rows[i].json)), rows[i].name);
}

static void a_list_is_read_by_index_up_to_its_end(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = parse(a, "[10,20,30]");

        (void)state;
        assert_int_equal(tree_at(t, 0)->as.i, 10);
        assert_int_equal(tree_at(t, 2)->as.i, 30);
        assert_null(tree_at(t, 3));
        assert_null(tree_at(t, SIZE_MAX));
        assert_null(tree_get(t, "0"));
}

static void a_path_leads_to_its_node(void **state)
{
        static const struct {
                const char *path;
                int64_t value;
        } rows[] = {
                { "spec.list[0].at", 1 },        { "spec.list[1].at", 2 }, { "spec.list[2][1]", 8 },
                { "spec['a.b'].c", 3 },          { "spec['it''s']", 4 },   { "spec.it's", 4 },
                { "['spec']['list'][0].at", 1 }, { "spec['[0]']", 5 },     { "spec['']", 6 },
        };
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = parse(a, doc);

        (void)state;
        assert_ptr_equal(tree_find(t, ""), t);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct tree *found = tree_find(t, rows[i].path);
                if (!found || found->as.i != rows[i].value)
                        fail_msg("%s", rows[i].path);
        }
}

static void a_path_to_nothing_or_of_bad_form_finds_nothing(void **state)
{
        static const char *const paths[] = {
                "x",
                "spec.x",
                "spec.list[3]",
                "spec.list[0].at.x",
                "spec.list[x]",
                "spec.list[",
                "spec.list[0",
                "spec.list[]",
                "spec.list.0",
                "spec..list",
                ".spec",
                "spec.",
                "spec['a.b'",
                "spec['a.b",
                "spec['",
                "spec.a.b",
                "[0]",
                "spec[0]",
                "spec.list['0']",
                "spec['a.b']c",
                "spec.list[99999999999999999999999]",
                "spec['it's']",
        };
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = parse(a, doc);

        (void)state;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                if (tree_find(t, paths[i]))
                        fail_msg("%s", paths[i]);
        }
        assert_null(tree_find(NULL, "a"));
}

static void the_nearest_node_stands_in_for_what_is_missing(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = parse(a, doc);

        (void)state;
        assert_ptr_equal(tree_find_nearest(t, "nowhere.at.all"), t);
        assert_ptr_equal(tree_find_nearest(t, "spec.list[1].missing"),
                         tree_find(t, "spec.list[1]"));
        assert_ptr_equal(tree_find_nearest(t, "spec.list[9].at"), tree_find(t, "spec.list"));
        assert_ptr_equal(tree_find_nearest(t, "spec.text.more"), tree_find(t, "spec.text"));
        assert_ptr_equal(tree_find_nearest(t, ""), t);
}

static void a_path_that_was_put_together_is_found_again(void **state)
{
        static const char *const keys[] = { "plain", "a.b", "it's", "[x]", "", "'", "a]b", "''" };
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                auto_of(buf) struct buf path = BUF(100);
                struct tree *t = tree_new(a, TREE_MAP);
                struct tree *list = tree_new(a, TREE_LIST);
                struct tree *leaf = tree_new(a, TREE_MAP);
                struct tree *end = tree_new(a, TREE_NULL);
                tree_append(t, keys[i], list);
                tree_append(list, NULL, leaf);
                tree_append(leaf, keys[i], end);
                tree_path_key(&path, keys[i]);
                tree_path_index(&path, 0);
                tree_path_key(&path, keys[i]);
                if (tree_find(t, buf_text(&path)) != end)
                        fail_msg("%s", buf_text(&path));
        }
}

static void a_path_holds_no_controls_and_ends_before_a_key_that_is_too_long(void **state)
{
        auto_of(buf) struct buf path = BUF(10);

        (void)state;
        tree_path_key(&path, "a\n\x1b");
        assert_string_equal(buf_text(&path), "a??");
        tree_path_key(&path, "a key of many bytes");
        assert_true(strncmp(buf_text(&path), "a??.", 3) == 0);
        assert_true(path.len <= 4);
        assert_false(buf_ok(&path));
}

static void equality_ignores_the_order_of_keys_only(void **state)
{
        static const struct {
                const char *a;
                const char *b;
                bool same;
        } rows[] = {
                { "{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1}", true },
                { "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
                { "{\"a\":1}", "{\"b\":1}", false },
                { "[1,2]", "[2,1]", false },
                { "[1]", "[1,1]", false },
                { "1", "1.0", true },
                { "1", "\"1\"", false },
                { "1", "2", false },
                { "2.5", "2.50", true },
                { "2.5", "2.6", false },
                { "18446744073709551615", "18446744073709551615", true },
                { "18446744073709551615", "18446744073709551614", false },
                { "true", "false", false },
                { "null", "null", true },
                { "null", "{}", false },
                { "\"a\\u0000b\"", "\"a\\u0000c\"", false },
                { "\"a\"", "\"a\"", true },
        };
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct tree *x = parse(a, rows[i].a);
                const struct tree *y = parse(a, rows[i].b);
                if (tree_equal(x, y) != rows[i].same || tree_equal(y, x) != rows[i].same)
                        fail_msg("%s %s", rows[i].a, rows[i].b);
        }
        assert_true(tree_equal(NULL, NULL));
        assert_false(tree_equal(NULL, parse(a, "null")));
}

static void children_are_appended_in_order(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf json = BUF(1000);
        struct tree *map = tree_new(a, TREE_MAP);
        struct tree *list = tree_new(a, TREE_LIST);

        (void)state;
        tree_append(map, "z", tree_new_text(a, "x\0y", 3));
        tree_append(map, "a", list);
        tree_append(list, NULL, tree_new_number(a, 2.5));
        tree_append(list, NULL, tree_new_number(a, 3.0));
        assert_int_equal(map->n, 2);
        assert_int_equal(tree_at(list, 1)->type, TREE_INT);
        tree_json(map, 0, &json);
        assert_string_equal(buf_text(&json), "{\"z\":\"x\\u0000y\",\"a\":[2.5,3]}");
}

static void the_default_limits_are_the_stated_ones(void **state)
{
        (void)state;
        assert_int_equal(tree_limits_default.bytes, 3 * 1024 * 1024);
        assert_int_equal(tree_limits_default.nodes, 200000);
        assert_int_equal(tree_limits_default.depth, 64);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_has_no_children),
                cmocka_unit_test(every_type_has_a_name),
                cmocka_unit_test(a_list_is_read_by_index_up_to_its_end),
                cmocka_unit_test(a_path_leads_to_its_node),
                cmocka_unit_test(a_path_to_nothing_or_of_bad_form_finds_nothing),
                cmocka_unit_test(the_nearest_node_stands_in_for_what_is_missing),
                cmocka_unit_test(a_path_that_was_put_together_is_found_again),
                cmocka_unit_test(a_path_holds_no_controls_and_ends_before_a_key_that_is_too_long),
                cmocka_unit_test(equality_ignores_the_order_of_keys_only),
                cmocka_unit_test(children_are_appended_in_order),
                cmocka_unit_test(the_default_limits_are_the_stated_ones),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
