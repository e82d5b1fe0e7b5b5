/* A buffer has a maximum, is always terminated, and fails once and for all. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_empty_buffer_is_an_empty_text(void **state)
{
        auto_of(buf) struct buf b = BUF(10);

        (void)state;
        assert_string_equal(buf_text(&b), "");
        assert_true(buf_ok(&b));
        buf_add(&b, NULL, 0);
        assert_string_equal(buf_text(&b), "");
}

static void pieces_add_up_and_stay_terminated(void **state)
{
        auto_of(buf) struct buf b = BUF(1 << 20);

        (void)state;
        for (int i = 0; i < 1000; i++) {
                buf_adds(&b, "ab");
                buf_addc(&b, 'c');
                buf_addf(&b, "%d", i % 10);
                assert_int_equal(strlen(b.data), b.len);
        }
        assert_int_equal(b.len, 4000);
        assert_memory_equal(b.data, "abc0abc1", 8);
        assert_memory_equal(b.data + 3996, "abc9", 4);
}

static void the_maximum_itself_fits(void **state)
{
        auto_of(buf) struct buf b = BUF(100);

        (void)state;
        for (int i = 0; i < 100; i++)
                buf_addc(&b, 'x');
        assert_true(buf_ok(&b));
        assert_int_equal(b.len, 100);
        buf_addc(&b, 'y');
        assert_false(buf_ok(&b));
        assert_int_equal(b.len, 100);
        assert_int_equal(strlen(b.data), 100);
}

static void what_passes_the_maximum_is_left_out_and_so_is_all_that_follows(void **state)
{
        auto_of(buf) struct buf b = BUF(5);

        (void)state;
        buf_adds(&b, "abc");
        buf_adds(&b, "def");
        assert_false(buf_ok(&b));
        assert_string_equal(buf_text(&b), "abc");
        buf_addc(&b, 'd');
        assert_string_equal(buf_text(&b), "abc");
        buf_clear(&b);
        assert_true(buf_ok(&b));
        assert_string_equal(buf_text(&b), "");
        buf_adds(&b, "fresh");
        assert_string_equal(buf_text(&b), "fresh");
}

static void a_format_that_passes_the_maximum_leaves_no_trace(void **state)
{
        auto_of(buf) struct buf b = BUF(70);

        (void)state;
        buf_adds(&b, "abc");
        buf_addf(&b, "%0100d", 7);
        assert_false(buf_ok(&b));
        assert_string_equal(buf_text(&b), "abc");
        assert_int_equal(b.len, 3);
}

static void a_long_format_grows_the_buffer(void **state)
{
        auto_of(buf) struct buf b = BUF(5000);

        (void)state;
        buf_addf(&b, "<%01000d>", 7);
        assert_true(buf_ok(&b));
        assert_int_equal(b.len, 1002);
        assert_int_equal(b.data[1000], '7');
        assert_int_equal(b.data[1001], '>');
}

static void taking_hands_over_the_memory(void **state)
{
        struct buf b = BUF(50);
        size_t n = 0;

        (void)state;
        buf_add(&b, "a\0b", 3);
        auto_free char *p = buf_take(&b, &n);
        assert_int_equal(n, 3);
        assert_memory_equal(p, "a\0b", 4);
        assert_null(b.data);
        assert_int_equal(b.max, 50);
        auto_free char *empty = buf_take(&b, NULL);
        assert_string_equal(empty, "");
}

static const char *json(struct buf *b, const char *s, size_t n)
{
        buf_clear(b);
        buf_add_json(b, s, n);
        return buf_text(b);
}

static void json_escapes_quotes_backslashes_and_controls_only(void **state)
{
        auto_of(buf) struct buf b = BUF(1000);

        (void)state;
        assert_string_equal(json(&b, NULL, 0), "\"\"");
        assert_string_equal(json(&b, "a\"b\\c/d", 7), "\"a\\\"b\\\\c/d\"");
        assert_string_equal(json(&b, "\n\r\t\b\f\x01\x1f\x7f", 8),
                            "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\x7f\"");
        assert_string_equal(json(&b, "a\0b", 3), "\"a\\u0000b\"");
        assert_string_equal(json(&b, "<>&\xe2\x80\xa8", 6), "\"<>&\xe2\x80\xa8\"");
        assert_string_equal(json(&b, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9),
                            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

static void json_replaces_bytes_that_are_not_utf8(void **state)
{
#define BAD "\xef\xbf\xbd"
        auto_of(buf) struct buf b = BUF(1000);

        (void)state;
        assert_string_equal(json(&b,
                                 "a\xff"
                                 "b",
                                 3),
                            "\"a" BAD "b\"");
        assert_string_equal(json(&b, "\xc0\x80", 2), "\"" BAD BAD "\"");
        assert_string_equal(json(&b, "\xed\xa0\x80", 3), "\"" BAD BAD BAD "\"");
        assert_string_equal(json(&b, "\xf4\x90\x80\x80", 4), "\"" BAD BAD BAD BAD "\"");
        assert_string_equal(json(&b, "x\xe2\x82", 3), "\"x" BAD BAD "\"");
}

static void hex_and_base64_are_as_in_the_rfc(void **state)
{
        static const char *const want[] = { "",         "Zg==",     "Zm8=",    "Zm9v",
                                            "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
        auto_of(buf) struct buf b = BUF(1000);

        (void)state;
        for (size_t i = 0; i < 7; i++) {
                buf_clear(&b);
                buf_add_base64(&b, "foobar", i);
                assert_string_equal(buf_text(&b), want[i]);
        }
        buf_clear(&b);
        buf_add_base64(&b, "\xff\xff\xfe", 3);
        assert_string_equal(buf_text(&b), "///+");
        buf_clear(&b);
        buf_add_hex(&b, "\x00\xab\x0f", 3);
        assert_string_equal(buf_text(&b), "00ab0f");
}

static void encodings_respect_the_maximum(void **state)
{
        auto_of(buf) struct buf b = BUF(7);

        (void)state;
        buf_add_base64(&b, "abcd", 4);
        assert_false(buf_ok(&b));
        buf_clear(&b);
        buf_add_hex(&b, "abcd", 4);
        assert_false(buf_ok(&b));
        assert_string_equal(buf_text(&b), "");
        buf_clear(&b);
        buf_add_base64(&b, "abc", 3);
        assert_string_equal(buf_text(&b), "YWJj");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_buffer_is_an_empty_text),
                cmocka_unit_test(pieces_add_up_and_stay_terminated),
                cmocka_unit_test(the_maximum_itself_fits),
                cmocka_unit_test(what_passes_the_maximum_is_left_out_and_so_is_all_that_follows),
                cmocka_unit_test(a_format_that_passes_the_maximum_leaves_no_trace),
                cmocka_unit_test(a_long_format_grows_the_buffer),
                cmocka_unit_test(taking_hands_over_the_memory),
                cmocka_unit_test(json_escapes_quotes_backslashes_and_controls_only),
                cmocka_unit_test(json_replaces_bytes_that_are_not_utf8),
                cmocka_unit_test(hex_and_base64_are_as_in_the_rfc),
                cmocka_unit_test(encodings_respect_the_maximum),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
