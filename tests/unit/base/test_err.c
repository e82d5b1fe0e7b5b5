/* An error is one line to raise, keeps its place, and never overruns. */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void err_set_returns_its_code_and_clears_the_path(void **state)
{
        struct err e = { .path = "old" };

        (void)state;
        assert_int_equal(err_set(&e, DL_CONFIG, "got %d", 7), DL_CONFIG);
        assert_int_equal(e.rc, DL_CONFIG);
        assert_string_equal(e.path, "");
        assert_string_equal(e.text, "got 7");
}

static void err_at_says_where(void **state)
{
        struct err e = { 0 };

        (void)state;
        assert_int_equal(err_at(&e, DL_REFUSED, "spec.a[3]", "expected %s", "a number"),
                         DL_REFUSED);
        assert_string_equal(e.path, "spec.a[3]");
        assert_string_equal(e.text, "expected a number");
}

static void wrapping_puts_context_before_and_keeps_the_rest(void **state)
{
        struct err e = { 0 };

        (void)state;
        (void)err_at(&e, DL_RETRY, "here", "no answer");
        assert_int_equal(err_wrap(&e, "read %s", "pump"), DL_RETRY);
        assert_string_equal(e.text, "read pump: no answer");
        assert_string_equal(e.path, "here");
}

static void no_struct_is_fine(void **state)
{
        (void)state;
        assert_int_equal(err_set(NULL, DL_RETRY, "x"), DL_RETRY);
        assert_int_equal(err_at(NULL, DL_CONFIG, "p", "x"), DL_CONFIG);
        assert_int_equal(err_wrap(NULL, "x"), DL_BUG);
}

static void percent_m_is_the_errno_of_the_call(void **state)
{
        struct err e = { 0 };

        (void)state;
        errno = ENOENT;
        (void)err_set(&e, DL_CONFIG, "open: %m");
        assert_string_equal(e.text, "open: No such file or directory");
}

static void an_error_may_be_made_from_its_own_text(void **state)
{
        struct err e = { 0 };

        (void)state;
        (void)err_at(&e, DL_RETRY, "a.b", "first");
        (void)err_at(&e, DL_CONFIG, e.path, "second after %s", e.text);
        assert_string_equal(e.path, "a.b");
        assert_string_equal(e.text, "second after first");
        (void)err_wrap(&e, "%s", e.text);
        assert_string_equal(e.text, "second after first: second after first");
}

static void long_texts_are_cut_between_characters(void **state)
{
        struct err e = { 0 };
        char text[1200];

        (void)state;
        for (size_t pad = 0; pad < 4; pad++) {
                memset(text, 'x', pad);
                for (size_t i = pad; i + 3 < sizeof(text); i += 3)
                        memcpy(text + i, "\xe2\x82\xac", 4); /* the euro sign */
                (void)err_at(&e, DL_BUG, text, "%s", text);
                assert_in_range(strlen(e.text), sizeof(e.text) - 3, sizeof(e.text) - 1);
                assert_int_equal((strlen(e.text) - pad) % 3, 0);
                assert_int_equal((strlen(e.path) - pad) % 3, 0);
                assert_int_equal(err_wrap(&e, "%s", text), DL_BUG);
                assert_in_range(strlen(e.text), sizeof(e.text) - 3, sizeof(e.text) - 1);
                assert_int_equal((strlen(e.text) - pad) % 3, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(err_set_returns_its_code_and_clears_the_path),
                cmocka_unit_test(err_at_says_where),
                cmocka_unit_test(wrapping_puts_context_before_and_keeps_the_rest),
                cmocka_unit_test(no_struct_is_fine),
                cmocka_unit_test(percent_m_is_the_errno_of_the_call),
                cmocka_unit_test(an_error_may_be_made_from_its_own_text),
                cmocka_unit_test(long_texts_are_cut_between_characters),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
