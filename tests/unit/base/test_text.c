/* Integers are exact and bounded, UTF-8 is checked, and a slip of the pen finds its word. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse_int(const char *s, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
        return text_parse_int(s, strlen(s), min, max, ret, e);
}

static void integers_are_read_with_sign_and_leading_zeros(void **state)
{
        static const struct {
                const char *text;
                int64_t want;
        } table[] = {
                { "0", 0 },
                { "-0", 0 },
                { "+5", 5 },
                { "-32768", -32768 },
                { "007", 7 },
                { "0000000000000000000000000000000000000000012", 12 },
                { "9223372036854775807", INT64_MAX },
                { "-9223372036854775808", INT64_MIN },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                int64_t v = 42;
                assert_int_equal(parse_int(table[i].text, INT64_MIN, INT64_MAX, &v, NULL), 0);
                assert_true(v == table[i].want);
        }
}

static void what_is_no_integer_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                " 1",
                "1 ",
                "+",
                "-",
                "--1",
                "+-1",
                "1_0",
                "0x10",
                "1.0",
                "1e3",
                "1\n",
                "\xd9\xa3",
                "9223372036854775808",
                "-9223372036854775809",
                "99999999999999999999999",
                "18446744073709551616",
                "-18446744073709551616",
                "18446744073709551621",
                "36893488147419103237",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                int64_t v = 42;
                uint64_t u = 42;
                if (parse_int(wrong[i], INT64_MIN, INT64_MAX, &v, NULL) != DL_CONFIG)
                        fail_msg("'%s' was taken", wrong[i]);
                assert_true(v == 42);
                if (text_parse_uint(wrong[i], strlen(wrong[i]), INT64_MAX, &u, NULL) != DL_CONFIG)
                        fail_msg("'%s' was taken without sign", wrong[i]);
                assert_true(u == 42);
        }
        int64_t v = 42;
        assert_int_equal(text_parse_int("1\0002", 3, 0, 999, &v, NULL), DL_CONFIG);
}

static void integers_out_of_bounds_say_the_bounds(void **state)
{
        struct err e = { 0 };
        int64_t v = 42;
        uint64_t u = 42;

        (void)state;
        assert_int_equal(parse_int("70000", -32768, 32767, &v, &e), DL_CONFIG);
        assert_string_equal(e.text, "expected -32768..32767, got 70000");
        assert_int_equal(parse_int("-32769", -32768, 32767, &v, &e), DL_CONFIG);
        assert_int_equal(parse_int("32767", -32768, 32767, &v, &e), 0);
        assert_true(v == 32767);
        assert_int_equal(text_parse_uint("65536", 5, 65535, &u, &e), DL_CONFIG);
        assert_string_equal(e.text, "expected 0..65535, got 65536");
        assert_int_equal(text_parse_uint("65535", 5, 65535, &u, &e), 0);
        assert_true(u == 65535);
        assert_int_equal(parse_int("x", 0, 1, &v, &e), DL_CONFIG);
        assert_string_equal(e.text, "expected a decimal number, got 'x'");
}

static void unsigned_integers_take_no_sign(void **state)
{
        uint64_t u = 42;

        (void)state;
        assert_int_equal(text_parse_uint("+5", 2, 100, &u, NULL), DL_CONFIG);
        assert_int_equal(text_parse_uint("-5", 2, 100, &u, NULL), DL_CONFIG);
        assert_int_equal(text_parse_uint("", 0, 100, &u, NULL), DL_CONFIG);
        assert_int_equal(text_parse_uint("18446744073709551616", 20, UINT64_MAX, &u, NULL),
                         DL_CONFIG);
        assert_true(u == 42);
        assert_int_equal(text_parse_uint("18446744073709551615", 20, UINT64_MAX, &u, NULL), 0);
        assert_true(u == UINT64_MAX);
}

static void utf8_is_well_formed_or_it_is_not(void **state)
{
        static const char *const right[] = {
                "",
                "abc",
                "\x7f",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xef\xbf\xbf",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
        };
        static const char *const wrong[] = {
                "\x80",
                "\xbf",
                "\xc0\x80",
                "\xc1\xbf",
                "\xc2",
                "\xc2\x41",
                "\xe0\x9f\xbf",
                "\xe2\x82",
                "\xe2\x82\x41",
                "\xed\xa0\x80",
                "\xed\xbf\xbf",
                "\xf0\x8f\xbf\xbf",
                "\xf0\x9f\x98",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "\xff",
                "a\xfe",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                assert_true(text_is_utf8(right[i], strlen(right[i])));
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_false(text_is_utf8(wrong[i], strlen(wrong[i])));
        assert_false(text_is_utf8("a\0b", 3));
}

static void the_nearest_word_is_found_for_a_slip_only(void **state)
{
        static const char *const words[] = { "readOnly", "register", "quantity", "offset",
                                             "name",     "type",     "qos",      "endianness" };
        static const struct {
                const char *word;
                const char *want;
        } table[] = {
                { "readonly", "readOnly" },
                { "radOnly", "readOnly" },
                { "raedOnly", "readOnly" },
                { "regster", "register" },
                { "quanttiy", "quantity" },
                { "Offset", "offset" },
                { "nmae", "name" },
                { "typ", "type" },
                { "endianess", "endianness" },
                { "qso", "qos" },
                { "visitor", NULL },
                { "x", NULL },
                { "value", NULL },
                { "", NULL },
                { "tcp", NULL },
                { "aVeryLongWordThatIsLongerThanAnyFieldWeKnowOf", NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                const char *got = text_nearest(table[i].word, words, 8);
                if (!got != !table[i].want || (got && strcmp(got, table[i].want) != 0))
                        fail_msg("'%s': got %s", table[i].word, got ? got : "nothing");
        }
        assert_null(text_nearest("name", words, 0));
        static const char *const odd[] = { "", "aVeryLongWordThatIsLongerThanAnyFieldWeKnowOf" };
        assert_null(text_nearest("name", odd, 2));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(integers_are_read_with_sign_and_leading_zeros),
                cmocka_unit_test(what_is_no_integer_is_refused),
                cmocka_unit_test(integers_out_of_bounds_say_the_bounds),
                cmocka_unit_test(unsigned_integers_take_no_sign),
                cmocka_unit_test(utf8_is_well_formed_or_it_is_not),
                cmocka_unit_test(the_nearest_word_is_found_for_a_slip_only),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
