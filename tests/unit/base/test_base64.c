/* Base64 is read in either alphabet, mixed, padded at will; hexadecimal in pairs. */
#include "base/buf.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_decodes(const char *s, const char *want, size_t want_len)
{
        unsigned char *out = malloc(strlen(s) / 4 * 3 + 3); /* what the header promises */
        size_t n = 42;

        assert_non_null(out);
        if (text_parse_base64(s, strlen(s), out, &n, NULL) != 0)
                fail_msg("'%s' was refused", s);
        assert_int_equal(n, want_len);
        assert_memory_equal(out, want, want_len);
        free(out);
}

static void assert_refused(const char *s, size_t len)
{
        unsigned char out[64];
        size_t n = 42;
        struct err e = { 0 };

        if (text_parse_base64(s, len, out, &n, &e) != DL_CONFIG)
                fail_msg("'%s' was taken", s);
        assert_int_equal(n, 42);
        assert_true(e.text[0] != '\0');
}

static void any_padding_will_do(void **state)
{
        (void)state;
        assert_decodes("", "", 0);
        assert_decodes("====", "", 0);
        assert_decodes("Zg==", "f", 1);
        assert_decodes("Zg", "f", 1);
        assert_decodes("Zg=", "f", 1);
        assert_decodes("Zg=======", "f", 1);
        assert_decodes("Zm8=", "fo", 2);
        assert_decodes("Zm8", "fo", 2);
        assert_decodes("Zm9v", "foo", 3);
        assert_decodes("Zm9v=", "foo", 3);
        assert_decodes("Zm9vYmFy", "foobar", 6);
        assert_decodes("Y2xvc2Vk", "closed", 6);
}

static void both_alphabets_may_be_mixed(void **state)
{
        (void)state;
        assert_decodes("+/+/", "\xfb\xff\xbf", 3);
        assert_decodes("-_-_", "\xfb\xff\xbf", 3);
        assert_decodes("+_-/", "\xfb\xff\xbf", 3);
}

static void left_over_bits_do_not_matter(void **state)
{
        (void)state;
        assert_decodes("YQ", "a", 1);
        assert_decodes("YR", "a", 1);
        assert_decodes("Yf==", "a", 1);
        assert_decodes("YWL=", "ab", 2);
}

static void everything_else_is_refused(void **state)
{
        (void)state;
        assert_refused("Z", 1);
        assert_refused("Z===", 4);
        assert_refused("Zm9vY", 5);
        assert_refused("Zg==Zg==", 8);
        assert_refused("Z=g", 3);
        assert_refused("Zm 9v", 5);
        assert_refused("Zm9v\n", 5);
        assert_refused("\\/+/", 4);
        assert_refused("Zm9*", 4);
        assert_refused("Zm9\xc3\xa4", 5);
        assert_refused("Zm\0v", 4);
}

static void an_error_does_not_show_what_may_be_secret(void **state)
{
        unsigned char out[64];
        size_t n = 0;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(text_parse_base64("hunter2!", 8, out, &n, &e), DL_CONFIG);
        assert_string_equal(e.text, "expected Base64, got another character at position 7");
        assert_int_equal(text_parse_hex("c0ffee00x", 9, out, &n, &e), DL_CONFIG);
        assert_string_equal(e.text,
                            "expected hexadecimal digits, got another character at position 8");
}

static void what_is_encoded_is_decoded(void **state)
{
        unsigned char in[70];
        unsigned char out[80];

        (void)state;
        for (size_t n = 0; n <= sizeof(in); n++) {
                auto_of(buf) struct buf b = BUF(200);
                size_t got = 0;
                for (size_t i = 0; i < n; i++)
                        in[i] = (unsigned char)(i * 71 + n * 13);
                buf_add_base64(&b, in, n);
                assert_int_equal(text_parse_base64(buf_text(&b), b.len, out, &got, NULL), 0);
                assert_int_equal(got, n);
                assert_memory_equal(out, in, n);
                buf_clear(&b);
                buf_add_hex(&b, in, n);
                assert_int_equal(text_parse_hex(buf_text(&b), b.len, out, &got, NULL), 0);
                assert_int_equal(got, n);
                assert_memory_equal(out, in, n);
        }
}

static void hexadecimal_comes_in_pairs_of_either_case(void **state)
{
        unsigned char out[8];
        size_t n = 42;

        (void)state;
        assert_int_equal(text_parse_hex("00aBFf", 6, out, &n, NULL), 0);
        assert_int_equal(n, 3);
        assert_memory_equal(out, "\x00\xab\xff", 3);
        n = 42;
        assert_int_equal(text_parse_hex("0ab", 3, out, &n, NULL), DL_CONFIG);
        assert_int_equal(text_parse_hex("0x00", 4, out, &n, NULL), DL_CONFIG);
        assert_int_equal(text_parse_hex("0g", 2, out, &n, NULL), DL_CONFIG);
        assert_int_equal(text_parse_hex(" 0", 2, out, &n, NULL), DL_CONFIG);
        assert_int_equal(n, 42);
        assert_int_equal(text_parse_hex("", 0, out, &n, NULL), 0);
        assert_int_equal(n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_padding_will_do),
                cmocka_unit_test(both_alphabets_may_be_mixed),
                cmocka_unit_test(left_over_bits_do_not_matter),
                cmocka_unit_test(everything_else_is_refused),
                cmocka_unit_test(an_error_does_not_show_what_may_be_secret),
                cmocka_unit_test(what_is_encoded_is_decoded),
                cmocka_unit_test(hexadecimal_comes_in_pairs_of_either_case),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
