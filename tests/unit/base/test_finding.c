/* Everything that is wrong is counted; the first 200 are kept, errors before warnings. */
#include "base/finding.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_finding_keeps_file_line_path_and_text(void **state)
{
        struct findings f = { .file = "a.yaml" };

        (void)state;
        findings_add(&f, FINDING_WARNING, 3, "spec.x", "unknown field, did you mean %s?", "y");
        f.file = NULL;
        errno = EACCES;
        findings_add(&f, FINDING_ERROR, 0, "", "read: %m");
        assert_int_equal(f.n, 2);
        assert_int_equal(f.warnings, 1);
        assert_int_equal(f.errors, 1);
        assert_string_equal(f.list[0].file, "a.yaml");
        assert_int_equal(f.list[0].line, 3);
        assert_int_equal(f.list[0].severity, FINDING_WARNING);
        assert_string_equal(f.list[0].path, "spec.x");
        assert_string_equal(f.list[0].text, "unknown field, did you mean y?");
        assert_null(f.list[1].file);
        assert_string_equal(f.list[1].text, "read: Permission denied");
        findings_done(&f);
        assert_int_equal(f.n, 0);
        assert_null(f.list);
}

static void the_first_error_is_told_with_its_path(void **state)
{
        struct findings f = { 0 };
        char text[64];
        char small[8];

        (void)state;
        assert_string_equal(findings_first(&f, text, sizeof(text)), "");
        assert_string_equal(findings_first(NULL, text, sizeof(text)), "");
        findings_add(&f, FINDING_WARNING, 1, "a", "only a warning");
        assert_string_equal(findings_first(&f, text, sizeof(text)), "");
        findings_add(&f, FINDING_ERROR, 1, "spec.b", "expected 1..2, got 3");
        findings_add(&f, FINDING_ERROR, 1, "c", "later");
        assert_string_equal(findings_first(&f, text, sizeof(text)), "spec.b: expected 1..2, got 3");
        assert_string_equal(findings_first(&f, small, sizeof(small)), "spec.b:");
        assert_string_equal(findings_first(&f, small, 0), "");
        findings_clear(&f);
        findings_add(&f, FINDING_ERROR, 0, "", "no document");
        assert_string_equal(findings_first(&f, text, sizeof(text)), "no document");
        findings_done(&f);
}

static void nobody_listening_is_fine(void **state)
{
        (void)state;
        findings_add(NULL, FINDING_ERROR, 1, "a", "b");
}

static void more_than_two_hundred_are_counted_and_not_kept(void **state)
{
        struct findings f = { 0 };

        (void)state;
        for (int i = 0; i < 1000; i++)
                findings_add(&f, FINDING_ERROR, i, "p", "%d", i);
        assert_int_equal(f.n, 200);
        assert_int_equal(f.errors, 1000);
        assert_string_equal(f.list[199].text, "199");
        findings_add(&f, FINDING_WARNING, 1, "p", "w");
        assert_int_equal(f.n, 200);
        assert_int_equal(f.warnings, 1);
        findings_done(&f);
}

static void an_error_takes_the_place_of_the_newest_warning(void **state)
{
        struct findings f = { 0 };
        char text[64];

        (void)state;
        for (int i = 0; i < 250; i++)
                findings_add(&f, FINDING_WARNING, i, "w", "%d", i);
        findings_add(&f, FINDING_ERROR, 1, "e", "first");
        findings_add(&f, FINDING_ERROR, 1, "e", "second");
        assert_int_equal(f.n, 200);
        assert_int_equal(f.warnings, 250);
        assert_int_equal(f.errors, 2);
        assert_string_equal(f.list[197].text, "197");
        assert_string_equal(f.list[198].text, "first");
        assert_string_equal(f.list[199].text, "second");
        assert_string_equal(findings_first(&f, text, sizeof(text)), "e: first");
        findings_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_finding_keeps_file_line_path_and_text),
                cmocka_unit_test(the_first_error_is_told_with_its_path),
                cmocka_unit_test(nobody_listening_is_fine),
                cmocka_unit_test(more_than_two_hundred_are_counted_and_not_kept),
                cmocka_unit_test(an_error_takes_the_place_of_the_newest_warning),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
