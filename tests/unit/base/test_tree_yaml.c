/* What is written as YAML is read back as it was. */
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static const struct tree *json(struct arena *a, const char *text)
{
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s: %s", text, e.text);
        return t;
}

static void it_looks_as_kubectl_prints_it(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(10000);

        (void)state;
        assert_true(tree_yaml(json(a, "{\"kind\":\"List\",\"items\":[{\"name\":\"a b\",\"n\":1,"
                                      "\"on\":\"yes\",\"none\":null,\"list\":[],\"map\":{},"
                                      "\"deep\":[[1,2],{\"x\":true}]},\"2024-01-02T02:04:05Z\"]}"),
                              &out));
        assert_string_equal(buf_text(&out), "kind: List\n"
                                            "items:\n"
                                            "- name: a b\n"
                                            "  \"n\": 1\n"
                                            "  \"on\": \"yes\"\n"
                                            "  none: null\n"
                                            "  list: []\n"
                                            "  map: {}\n"
                                            "  deep:\n"
                                            "  - - 1\n"
                                            "    - 2\n"
                                            "  - x: true\n"
                                            "- \"2024-01-02T02:04:05Z\"\n");
}

static void assert_comes_back(const char *text)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(100000);
        const struct tree *t = json(a, text), *back = NULL;
        struct findings f = { 0 };
        struct err e = { 0 };

        assert_true(tree_yaml(t, &out));
        int rc = tree_parse_yaml(a, buf_text(&out), out.len, &tree_limits_default, &f, &back, &e);
        if (rc < 0 || f.n > 0 || back->n != 1 || !tree_equal(t, tree_at(back, 0)))
                fail_msg("%s became:\n%s", text, buf_text(&out));
        findings_done(&f);
}

static void everything_comes_back_as_it_was(void **state)
{
        static const char *const texts[] = {
                "[]",
                "{}",
                "[[],{},[[]]]",
                "[0,-1,9223372036854775807,-9223372036854775808,18446744073709551615]",
                "[0.5,-2.25,1e-7,1e21,1.7976931348623157e308,5e-324]",
                "[true,false,null]",
                "[\"true\",\"false\",\"null\",\"~\",\"\",\"yes\",\"No\",\"ON\",\"off\",\"y\","
                "\"n\"]",
                "[\"1\",\"-1\",\"0x1F\",\"0b1\",\"0o7\",\"017\",\"1_000\",\"1.5\",\"1e3\",\".5\","
                "\"+1\"]",
                "[\".inf\",\"-.Inf\",\".nan\",\"1:30\",\"2024-01-02\",\"12e03\",\"0x\",\"1e999\"]",
                "[\"a: b\",\"- x\",\"a #b\",\"#\",\":\",\"?\",\"-\",\"@a\",\"`\",\"%a\",\"&a\","
                "\"*a\",\"!a\",\"|\",\">\",\"[\",\"{\",\"]\",\"}\",\",\",\"'\",\"\\\"\",\"---\","
                "\"...\"]",
                "[\" a\",\"a \",\"a\\tb\",\"\\t\",\"a\\nb\",\"\\n\",\"a\\n\",\"\\na\",\"a\\r\\nb\","
                "\"\\u0001\\u001f\\u007f\"]",
                "[\"p\xc3\xbcmp \xf0\x9f\x98\x80\",\"\\u0085\\u2028\\u2029\",\"\\ufeffx\"]",
                "{\"\":1,\"a b\":2,\"1\":3,\"yes\":4,\"a: "
                "b\":5,\"~\":6,\"<<\":{\"a\":7},\"\\n\":8}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_comes_back(texts[i]);
}

static void long_texts_stay_on_their_line(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(10000);
        char word[] = "word word word word word word word word word word word word word word word "
                      "word word word word";

        (void)state;
        struct tree *t = tree_new(a, TREE_MAP);
        tree_append(t, "a", tree_new_text(a, word, strlen(word)));
        assert_true(tree_yaml(t, &out));
        assert_int_equal(out.len, strlen(word) + 4);
}

static void a_maximum_is_kept(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(20);

        (void)state;
        assert_false(tree_yaml(json(a, "[\"aaaaaaaaaa\",\"aaaaaaaaaa\"]"), &out));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_looks_as_kubectl_prints_it),
                cmocka_unit_test(everything_comes_back_as_it_was),
                cmocka_unit_test(long_texts_stay_on_their_line),
                cmocka_unit_test(a_maximum_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
