/* A stream becomes lines, wherever the reads cut it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kube/lines.h"

#include <devicelink/adaptor.h>

struct seen {
        struct lines lines;
        struct buf text; /* each line in brackets */
        size_t n;
        size_t stop_after; /* 0 = never */
        size_t longest;
};

static bool on_line(void *ctx, const char *text, size_t n)
{
        struct seen *s = ctx;

        buf_addc(&s->text, '[');
        buf_add(&s->text, text, n);
        buf_addc(&s->text, ']');
        s->n++;
        s->longest = n > s->longest ? n : s->longest;
        if (s->n != s->stop_after)
                return true;
        lines_done(&s->lines); /* gone, as its owner may be */
        return false;
}

static struct seen *seen_new(size_t max)
{
        struct seen *s = xcalloc(1, sizeof(*s));

        s->text = BUF((size_t)64 << 20);
        lines_init(&s->lines, max, on_line, s);
        return s;
}

static void seen_free(struct seen *s)
{
        lines_done(&s->lines);
        buf_done(&s->text);
        free(s);
}

static void lines_are_the_same_at_every_read_size(void **state)
{
        static const char stream[] = "one\ntwo two\n\nthree\r\n\r\n{\"a\":\"b\\n\"}\nrest";

        (void)state;
        for (size_t step = 1; step < sizeof(stream); step++) {
                struct seen *s = seen_new(100);

                for (size_t at = 0; at < strlen(stream); at += step) {
                        size_t n = strlen(stream) - at;

                        assert_int_equal(lines_feed(&s->lines, stream + at, n < step ? n : step),
                                         0);
                }
                assert_string_equal(buf_text(&s->text), "[one][two two][three][{\"a\":\"b\\n\"}]");
                assert_true(lines_within(&s->lines));
                assert_int_equal(lines_feed(&s->lines, "\n", 1), 0);
                assert_non_null(strstr(buf_text(&s->text), "[rest]"));
                assert_false(lines_within(&s->lines));
                seen_free(s);
        }
}

static void a_line_that_is_too_long_is_refused_and_one_of_the_limit_is_not(void **state)
{
        struct seen *s = seen_new(8);

        (void)state;
        assert_int_equal(lines_feed(&s->lines, "12345678\n", 9), 0);
        assert_int_equal(lines_feed(&s->lines, "1234", 4), 0);
        assert_int_equal(lines_feed(&s->lines, "5678", 4), 0);
        assert_int_equal(lines_feed(&s->lines, "\n", 1), 0);
        assert_int_equal(s->n, 2);
        assert_int_equal(lines_feed(&s->lines, "123456789\n", 10), DL_REFUSED);
        assert_int_equal(s->n, 2);
        seen_free(s);

        s = seen_new(8);
        assert_int_equal(lines_feed(&s->lines, "1234567", 7), 0);
        assert_int_equal(lines_feed(&s->lines, "89", 2), DL_REFUSED);
        seen_free(s);
}

static void a_reader_that_wants_no_more_may_take_the_lines_with_it(void **state)
{
        struct seen *s = seen_new(100);

        (void)state;
        s->stop_after = 2;
        assert_int_equal(lines_feed(&s->lines, "a", 1), 0);
        assert_int_equal(lines_feed(&s->lines, "b\nc\nd\n", 6), 0);
        assert_string_equal(buf_text(&s->text), "[ab][c]");
        seen_free(s);
}

static void nothing_is_kept_between_lines(void **state)
{
        struct seen *s = seen_new(100);

        (void)state;
        assert_int_equal(lines_feed(&s->lines, "abc", 3), 0);
        assert_non_null(s->lines.part);
        assert_int_equal(lines_feed(&s->lines, "\n", 1), 0);
        assert_null(s->lines.part);
        seen_free(s);
}

/* Quadratic work would take minutes: each byte comes alone. */
static void time_is_linear_in_the_bytes(void **state)
{
        enum { BYTES = 3 << 20 };
        struct seen *s = seen_new(BYTES);
        int64_t begin = clock_mono_ns();

        (void)state;
        for (size_t i = 0; i < BYTES; i++)
                assert_int_equal(lines_feed(&s->lines, "x", 1), 0);
        assert_int_equal(lines_feed(&s->lines, "\n", 1), 0);
        assert_int_equal(s->n, 1);
        assert_int_equal(s->longest, BYTES);
        assert_true(clock_mono_ns() - begin < 20 * NS_PER_S);
        seen_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_the_same_at_every_read_size),
                cmocka_unit_test(a_line_that_is_too_long_is_refused_and_one_of_the_limit_is_not),
                cmocka_unit_test(a_reader_that_wants_no_more_may_take_the_lines_with_it),
                cmocka_unit_test(nothing_is_kept_between_lines),
                cmocka_unit_test(time_is_linear_in_the_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
