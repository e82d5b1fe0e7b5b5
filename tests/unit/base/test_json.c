/* JSON is read strictly and exactly, and written in its shortest form. */
#include "base/tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { OUT_MAX = 4 << 20 };

static int parse_n(struct arena *a, const char *s, size_t n, const struct tree **ret, struct err *e)
{
        return tree_parse_json(a, s, n, &tree_limits_default, ret, e);
}

/* What `in` becomes when it is read and written. */
static void expect(const char *in, const char *want, unsigned flags)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(OUT_MAX);
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (parse_n(a, in, strlen(in), &t, &e) < 0)
                fail_msg("%s: %s", in, e.text);
        tree_json(t, flags, &out);
        if (strcmp(buf_text(&out), want) != 0)
                fail_msg("%s: expected %s, got %s", in, want, buf_text(&out));
}

static void refuse_n(const char *in, size_t n, const char *want)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (parse_n(a, in, n, &t, &e) != DL_CONFIG)
                fail_msg("%s was taken", in);
        if (!strstr(e.text, want))
                fail_msg("%s: expected %s, got %s", in, want, e.text);
        assert_null(t);
}

static void refuse(const char *in, const char *want)
{
        refuse_n(in, strlen(in), want);
}

static void white_space_goes_and_order_stays(void **state)
{
        (void)state;
        expect(" { \"b\" : [ 1 , true ,\tnull ] ,\r\n \"a\" : { } } ",
               "{\"b\":[1,true,null],\"a\":{}}", 0);
        expect("[]", "[]", 0);
        expect("\"\"", "\"\"", 0);
        expect("null", "null", 0);
        expect("\xef\xbb\xbf{}", "{}", 0);
}

static void sorted_output_is_canonical_at_every_depth(void **state)
{
        (void)state;
        expect("{\"b\":{\"z\":1,\"y\":2},\"a\":[{\"d\":1,\"c\":2}],\"B\":0}",
               "{\"B\":0,\"a\":[{\"c\":2,\"d\":1}],\"b\":{\"y\":2,\"z\":1}}", TREE_SORTED);
}

static void numbers_take_their_shortest_form(void **state)
{
        static const struct {
                const char *in;
                const char *want;
        } rows[] = {
                { "2.50", "2.5" },
                { "1e3", "1000" },
                { "1.0", "1" },
                { "-0", "0" },
                { "-0.0", "0" },
                { "0.1", "0.1" },
                { "1E+2", "100" },
                { "123.456e-2", "1.23456" },
                { "0.000001", "0.000001" },
                { "0.0000001", "1e-7" },
                { "-1.5e-10", "-1.5e-10" },
                { "1e20", "100000000000000000000" },
                { "1e21", "1e+21" },
                { "1.25e+25", "1.25e+25" },
                { "1.7976931348623157e308", "1.7976931348623157e+308" },
                { "5e-324", "5e-324" },
                { "1e-999", "0" },
                { "0.30000000000000004", "0.30000000000000004" },
                { "123456789.125", "123456789.125" },
                { "0e10", "0" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect(rows[i].in, rows[i].want, 0);
}

static void sixty_four_bit_integers_are_exact(void **state)
{
        static const char *const rows[] = {
                "9223372036854775807",  "9223372036854775808",  "18446744073709551615",
                "-9223372036854775808", "9007199254740993",     "-9007199254740993",
                "1000000000000000001",  "18446744073709551614",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect(rows[i], rows[i], 0);
}

static void integers_have_the_type_that_holds_them(void **state)
{
        static const struct {
                const char *in;
                enum tree_type type;
        } rows[] = {
                { "9223372036854775807", TREE_INT },
                { "9223372036854775808", TREE_UINT },
                { "18446744073709551615", TREE_UINT },
                { "18446744073709551616", TREE_REAL },
                { "-9223372036854775808", TREE_INT },
                { "-9223372036854775809", TREE_REAL },
                { "99999999999999999999", TREE_REAL },
                { "1e18", TREE_INT },
                { "1e19", TREE_UINT },
                { "1e20", TREE_REAL },
                { "2.0", TREE_INT },
                { "2.5", TREE_REAL },
        };
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct tree *t = NULL;
                assert_int_equal(parse_n(a, rows[i].in, strlen(rows[i].in), &t, NULL), 0);
                if (t->type != rows[i].type)
                        fail_msg("%s is %s", rows[i].in, tree_type_name(t));
        }
        expect("[18446744073709551616,-9223372036854775809]",
               "[18446744073709552000,-9223372036854776000]", 0);
}

static void of_a_repeated_key_the_last_value_wins(void **state)
{
        (void)state;
        expect("{\"a\":1,\"b\":2,\"a\":{\"c\":3}}", "{\"a\":{\"c\":3},\"b\":2}", 0);
}

static void text_keeps_every_character(void **state)
{
        (void)state;
        expect("\"\\u00e9\\ud83d\\ude00\\n\\t\\\"\\\\\\/\"",
               "\"\xc3\xa9\xf0\x9f\x98\x80\\n\\t\\\"\\\\/\"", 0);
        expect("\"a\\u0000b\"", "\"a\\u0000b\"", 0);
        expect("\"<>&\\u2028\"", "\"<>&\xe2\x80\xa8\"", 0);
        expect("{\"\":{\"k\\u00e9\":1}}", "{\"\":{\"k\xc3\xa9\":1}}", 0);
}

static void half_a_surrogate_becomes_the_replacement_character(void **state)
{
        (void)state;
        expect("\"\\ud83d\"", "\"\xef\xbf\xbd\"", 0);
        expect("\"\\ude00x\"", "\"\xef\xbf\xbdx\"", 0);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
        static const struct {
                const char *in;
                const char *want;
        } rows[] = {
                { "", "line 1 column 1: the text ends too early" },
                { "  ", "ends too early" },
                { "[", "line 1 column 2: the text ends too early" },
                { "{\"a\":", "ends too early" },
                { "[1,]", "line 1 column 4" },
                { "[,1]", "line 1 column 2" },
                { "{\"a\":1,}", "line 1 column 8" },
                { "{\"a\"}", "line 1 column 5" },
                { "{\"a\":}", "line 1 column 6" },
                { "{a:1}", "line 1 column 2: this is not JSON" },
                { "{1:1}", "line 1 column 2" },
                { "{'a':1}", "line 1 column 2" },
                { "[1 2]", "line 1 column 4" },
                { "[}", "line 1 column 2" },
                { "]", "line 1 column 1" },
                { "{\n\"a\": 1\n\"b\": 2}", "line 3 column 1" },
                { "1 2", "line 1 column 3" },
                { "{} x", "line 1 column 4" },
                { "[1] // c", "line 1 column 5" },
                { "/* c */ 1", "line 1 column 1" },
                { "[18446744073709551616,\n\n ]", "line 3 column 2" },
                { "\xef\xbb\xbf[1,]", "line 1 column 7" },
                { "NaN", "line 1 column 1: this is not JSON" },
                { "[Infinity]", "line 1 column 2: this is not JSON" },
                { "-Infinity", "this is not a number" },
                { "True", "this is not JSON" },
                { "nul", "this is not JSON" },
                { "nulll", "line 1 column 5" },
                { "01", "this is not a number" },
                { "-01", "this is not a number" },
                { "1.", "this is not a number" },
                { "1.e5", "this is not a number" },
                { ".5", "this is not JSON" },
                { "+1", "this is not JSON" },
                { "-", "this is not a number" },
                { "1e", "this is not a number" },
                { "1e+", "this is not a number" },
                { "0x10", "line 1 column 2" },
                { "[1e999]", "the number 1e999 is too large" },
                { "\"a", "line 1 column 1: this string does not end" },
                { "\"a\\", "this string does not end" },
                { "\"a\nb\"", "line 1 column 3: a control character within a string" },
                { "\"a\tb\"", "a control character" },
                { "\"\\x\"", "line 1 column 3" },
                { "\"\\u12g4\"", "line 1 column 6" },
                { "\"\xff\"", "line 1 column 2: this is not UTF-8" },
                { "\"\xed\xa0\x80\"", "this is not UTF-8" },
                { "\"\xc3", "this is not UTF-8" },
                { "{\"a\\u0000b\":1}", "a key must not hold U+0000" },
                { "{\"a\\u0000b\" \n :1}", "a key must not hold U+0000" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                refuse(rows[i].in, rows[i].want);
        refuse_n("1\0", 2, "line 1 column 2");
        refuse_n("\"a\0b\"", 5, "a control character");
        refuse_n("\0", 1, "line 1 column 1");
}

static void the_input_need_not_end_with_a_nul(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;

        (void)state;
        assert_int_equal(parse_n(a, "12345", 2, &t, NULL), 0);
        assert_int_equal(t->as.i, 12);
        assert_int_equal(parse_n(a, "[1]]", 3, &t, NULL), 0);
        assert_int_equal(t->n, 1);
}

static char *nested(int depth)
{
        char *s = xmalloc((size_t)depth * 2 + 1);

        memset(s, '[', (size_t)depth);
        memset(s + depth, ']', (size_t)depth);
        s[depth * 2] = '\0';
        return s;
}

static void nesting_ends_at_its_limit(void **state)
{
        auto_free char *fits = nested(64);
        auto_free char *deep = nested(65);
        auto_free char *hostile = nested(1000000);

        (void)state;
        expect(fits, fits, 0);
        refuse(deep, "nested deeper than 64");
        refuse(hostile, "nested deeper than 64");
}

static void more_values_than_the_limit_cost_no_memory(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct tree_limits limits = { .bytes = 1000, .nodes = 10, .depth = 3 };
        const struct tree *t = NULL;
        struct err e = { 0 };
        const char *ten = "[1,2,3,4,5,6,7,8,9]";
        const char *more = "[1,2,3,4,5,6,7,8,9,0]";
        const char *pairs = "{\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,\"a\":1,"
                            "\"a\":1,\"a\":1}";

        (void)state;
        assert_int_equal(tree_parse_json(a, ten, strlen(ten), &limits, &t, &e), 0);
        size_t bytes = arena_bytes(a);
        assert_int_equal(tree_parse_json(a, more, strlen(more), &limits, &t, &e), DL_CONFIG);
        assert_string_equal(e.text, "more than 10 values");
        assert_int_equal(tree_parse_json(a, pairs, strlen(pairs), &limits, &t, &e), DL_CONFIG);
        assert_int_equal(arena_bytes(a), bytes);
}

static void more_bytes_than_the_limit_are_not_looked_at(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct tree_limits limits = { .bytes = 4, .nodes = 10, .depth = 3 };
        const struct tree *t = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(tree_parse_json(a, "1234", 4, &limits, &t, &e), 0);
        assert_int_equal(tree_parse_json(a, "12345", 5, &limits, &t, &e), DL_CONFIG);
        assert_string_equal(e.text, "larger than 4 bytes");
}

static void a_long_number_list_of_rewritten_integers_fits(void **state)
{
        auto_of(buf) struct buf in = BUF(OUT_MAX);
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct err e = { 0 };

        (void)state;
        buf_addc(&in, '[');
        for (int i = 0; i < 10000; i++)
                buf_adds(&in, i ? ",99999999999999999999" : "-9999999999999999999");
        buf_addc(&in, ']');
        assert_int_equal(parse_n(a, buf_text(&in), in.len, &t, &e), 0);
        assert_int_equal(t->n, 10000);
}

static void a_full_buffer_stops_the_writer(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(10);
        const struct tree *t = NULL;
        const char *in = "[1,2,3,{\"a\":[1,2,3,4],\"b\":1},5,6,7]";

        (void)state;
        assert_int_equal(parse_n(a, in, strlen(in), &t, NULL), 0);
        tree_json(t, 0, &out);
        assert_false(buf_ok(&out));
        assert_true(out.len <= 10);
}

static void reals_read_back_as_they_were(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        uint64_t bits = 0x123456789abcdef1;

        (void)state;
        for (int i = 0; i < 20000; i++) {
                char text[TREE_REAL_JSON_MAX];
                const struct tree *t = NULL;
                double v = 0;
                bits = bits * 6364136223846793005u + 1442695040888963407u;
                uint64_t mixed = bits ^ (bits >> 29);
                memcpy(&v, &mixed, sizeof(v));
                if (!isfinite(v))
                        continue;
                size_t len = tree_real_json(v, text);
                assert_true(len < sizeof(text) && len == strlen(text));
                assert_int_equal(parse_n(a, text, len, &t, NULL), 0);
                assert_true(tree_equal(t, tree_new_number(a, v)));
                if (t->type == TREE_REAL)
                        assert_memory_equal(&t->as.r, &v, sizeof(v));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(white_space_goes_and_order_stays),
                cmocka_unit_test(sorted_output_is_canonical_at_every_depth),
                cmocka_unit_test(numbers_take_their_shortest_form),
                cmocka_unit_test(sixty_four_bit_integers_are_exact),
                cmocka_unit_test(integers_have_the_type_that_holds_them),
                cmocka_unit_test(of_a_repeated_key_the_last_value_wins),
                cmocka_unit_test(text_keeps_every_character),
                cmocka_unit_test(half_a_surrogate_becomes_the_replacement_character),
                cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
                cmocka_unit_test(the_input_need_not_end_with_a_nul),
                cmocka_unit_test(nesting_ends_at_its_limit),
                cmocka_unit_test(more_values_than_the_limit_cost_no_memory),
                cmocka_unit_test(more_bytes_than_the_limit_are_not_looked_at),
                cmocka_unit_test(a_long_number_list_of_rewritten_integers_fits),
                cmocka_unit_test(a_full_buffer_stops_the_writer),
                cmocka_unit_test(reals_read_back_as_they_were),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
