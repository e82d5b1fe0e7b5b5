/* Values own their bytes, keep 64 bits, and print as the status document wants them. */

#include "model/value.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#define TEXT(s) ((struct dl_value){ .type = DL_TEXT, .len = sizeof(s) - 1, .as.data = (s) })
#define BYTES(s) ((struct dl_value){ .type = DL_BYTES, .len = sizeof(s) - 1, .as.data = (s) })
#define JSON(s) ((struct dl_value){ .type = DL_JSON, .len = sizeof(s) - 1, .as.data = (s) })
#define INT(n) ((struct dl_value){ .type = DL_INT, .as.i = (n) })
#define UINT(n) ((struct dl_value){ .type = DL_UINT, .as.u = (n) })
#define BOOL(n) ((struct dl_value){ .type = DL_BOOL, .as.i = (n) })
#define REAL(n) ((struct dl_value){ .type = DL_REAL, .as.r = (n) })
#define REAL32(n) ((struct dl_value){ .type = DL_REAL32, .as.r = (double)(n) })

static void assert_encoded(struct dl_value v, enum dl_encoding encoding, const char *want)
{
        struct buf out = BUF(4096);

        value_encode(&v, encoding, &out);
        assert_true(buf_ok(&out));
        assert_string_equal(buf_text(&out), want);
        buf_done(&out);
}

static void every_type_prints_in_every_encoding(void **state)
{
        static const struct {
                struct dl_value v;
                const char *text, *hex, *base64, *json;
        } rows[] = {
                { { .type = DL_NONE }, "null", "null", "null", "null" },
                { BOOL(1), "\"true\"", "\"true\"", "\"true\"", "true" },
                { BOOL(0), "\"false\"", "\"false\"", "\"false\"", "false" },
                { INT(-1), "\"-1\"", "\"-1\"", "\"-1\"", "-1" },
                { INT(INT64_MIN), "\"-9223372036854775808\"", "\"-9223372036854775808\"",
                  "\"-9223372036854775808\"", "-9223372036854775808" },
                { UINT(UINT64_MAX), "\"18446744073709551615\"", "\"18446744073709551615\"",
                  "\"18446744073709551615\"", "18446744073709551615" },
                { REAL32(296.65F), "\"296.65\"", "\"296.65\"", "\"296.65\"", "296.65" },
                { REAL(1e22), "\"1e+22\"", "\"1e+22\"", "\"1e+22\"", "1e+22" },
                { REAL((double)NAN), "\"NaN\"", "\"NaN\"", "\"NaN\"", "\"NaN\"" },
                { REAL(-(double)INFINITY), "\"-Inf\"", "\"-Inf\"", "\"-Inf\"", "\"-Inf\"" },
                { TEXT("a\"<b"), "\"a\\\"<b\"", "\"61223c62\"", "\"YSI8Yg==\"", "\"a\\\"<b\"" },
                { TEXT(""), "\"\"", "\"\"", "\"\"", "\"\"" },
                { BYTES("\x0a\xff"), "\"Cv8=\"", "\"0aff\"", "\"Cv8=\"", "\"Cv8=\"" },
                { BYTES("ok"), "\"ok\"", "\"6f6b\"", "\"b2s=\"", "\"b2s=\"" },
                { JSON("{\"a\":1}"), "\"{\\\"a\\\":1}\"", "\"7b2261223a317d\"", "\"eyJhIjoxfQ==\"",
                  "{\"a\":1}" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_encoded(rows[i].v, DL_AS_TEXT, rows[i].text);
                assert_encoded(rows[i].v, DL_AS_HEX, rows[i].hex);
                assert_encoded(rows[i].v, DL_AS_BASE64, rows[i].base64);
                assert_encoded(rows[i].v, DL_AS_JSON, rows[i].json);
        }
}

static void arrays_print_as_json_or_as_its_text(void **state)
{
        const struct dl_value numbers[] = { INT(1), INT(-2) };
        const struct dl_value texts[] = { TEXT("a"), TEXT("b") };
        const struct dl_value a = { .type = DL_ARRAY, .len = 2, .as.items = numbers };
        const struct dl_value b = { .type = DL_ARRAY, .len = 2, .as.items = texts };

        (void)state;
        assert_encoded(a, DL_AS_JSON, "[1,-2]");
        assert_encoded(a, DL_AS_TEXT, "\"[1,-2]\"");
        assert_encoded(b, DL_AS_JSON, "[\"a\",\"b\"]");
        assert_encoded(b, DL_AS_TEXT, "\"[\\\"a\\\",\\\"b\\\"]\"");
        assert_encoded((struct dl_value){ .type = DL_ARRAY }, DL_AS_JSON, "[]");
}

static void a_buffer_that_is_too_small_fails_and_is_not_cut(void **state)
{
        struct dl_value v = BYTES("\xff\xff\xff\xff\xff\xff");
        struct buf out = BUF(6);

        (void)state;
        value_encode(&v, DL_AS_TEXT, &out);
        assert_false(buf_ok(&out));
        buf_done(&out);
}

static void a_copy_lives_on_when_the_original_is_gone(void **state)
{
        char *bytes = xstrdup("gone");
        struct dl_value items[2] = { { .type = DL_TEXT, .len = 4, .as.data = bytes }, TEXT("b") };
        struct dl_value from = { .type = DL_ARRAY, .len = 2, .as.items = items };
        struct dl_value copy, again;

        (void)state;
        assert_int_equal(value_copy(&from, &copy, NULL), 0);
        assert_true(value_equal(&from, &copy));
        memset(bytes, 'x', 4);
        free(bytes);
        memset(items, 0, sizeof(items));
        assert_encoded(copy, DL_AS_JSON, "[\"gone\",\"b\"]");
        assert_int_equal(value_copy(&copy, &again, NULL), 0);
        value_done(&copy);
        assert_int_equal(copy.type, DL_NONE);
        assert_encoded(again, DL_AS_JSON, "[\"gone\",\"b\"]");
        value_done(&again);
        value_done(&again);
}

static void empty_texts_bytes_and_arrays_need_no_address(void **state)
{
        static const uint32_t types[] = { DL_TEXT, DL_BYTES, DL_ARRAY };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                struct dl_value from = { .type = types[i] }, copy;

                assert_int_equal(value_copy(&from, &copy, NULL), 0);
                assert_true(value_equal(&from, &copy));
                value_done(&copy);
        }
}

static void what_passes_a_limit_is_refused_and_the_result_untouched(void **state)
{
        char *big = xcalloc(1, VALUE_BYTES_MAX + 1);
        struct dl_value *many = xcalloc(VALUE_ITEMS_MAX + 1, sizeof(*many));
        const struct dl_value nested[] = { { .type = DL_ARRAY } };
        const struct dl_value mixed[] = { INT(1), REAL(1) };
        const struct dl_value bad[] = {
                { .type = DL_BYTES, .len = VALUE_BYTES_MAX + 1, .as.data = big },
                { .type = DL_ARRAY, .len = VALUE_ITEMS_MAX + 1, .as.items = many },
                { .type = DL_ARRAY, .len = 1, .as.items = nested },
                { .type = DL_ARRAY, .len = 2, .as.items = mixed },
                { .type = DL_ARRAY, .len = 2 },
                { .type = DL_TEXT, .len = 2 },
                { .type = DL_ARRAY + 1 },
                BOOL(2),
                JSON("{\"a\":"),
                JSON("1 2"),
                { .type = DL_JSON },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct dl_value ret = INT(77);
                struct err e = { 0 };

                assert_int_equal(value_copy(&bad[i], &ret, &e), DL_CONFIG);
                assert_int_equal(ret.as.i, 77);
                assert_true(e.text[0] != '\0');
                assert_int_equal(value_check(&bad[i], NULL), DL_CONFIG);
        }
        free(big);
        free(many);
}

static void a_large_array_is_bounded_in_all(void **state)
{
        char *big = xcalloc(1, VALUE_BYTES_MAX);
        struct dl_value items[VALUE_ARRAY_BYTES_MAX / VALUE_BYTES_MAX + 1];
        struct dl_value v = { .type = DL_ARRAY, .as.items = items }, copy;

        (void)state;
        for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
                items[i] = (struct dl_value){ DL_BYTES, VALUE_BYTES_MAX, { .data = big } };
        v.len = VALUE_ARRAY_BYTES_MAX / VALUE_BYTES_MAX;
        assert_int_equal(value_copy(&v, &copy, NULL), 0);
        value_done(&copy);
        v.len++;
        assert_int_equal(value_copy(&v, &copy, NULL), DL_CONFIG);
        free(big);
}

static void reals_are_compared_by_their_bits(void **state)
{
        (void)state;
        assert_true(value_equal(&REAL((double)NAN), &REAL((double)NAN)));
        assert_false(value_equal(&REAL(0.0), &REAL(-0.0)));
        assert_false(value_equal(&REAL(1.0), &REAL32(1.0F)));
        assert_false(value_equal(&INT(1), &UINT(1)));
        assert_false(value_equal(&TEXT("ab"), &TEXT("ac")));
        assert_false(value_equal(&TEXT("ab"), &TEXT("a")));
        assert_true(value_equal(&(struct dl_value){ .as.i = 1 }, &(struct dl_value){ .as.i = 2 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_prints_in_every_encoding),
                cmocka_unit_test(arrays_print_as_json_or_as_its_text),
                cmocka_unit_test(a_buffer_that_is_too_small_fails_and_is_not_cut),
                cmocka_unit_test(a_copy_lives_on_when_the_original_is_gone),
                cmocka_unit_test(empty_texts_bytes_and_arrays_need_no_address),
                cmocka_unit_test(what_passes_a_limit_is_refused_and_the_result_untouched),
                cmocka_unit_test(a_large_array_is_bounded_in_all),
                cmocka_unit_test(reals_are_compared_by_their_bits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
