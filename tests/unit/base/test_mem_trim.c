/* What is given back is missed by nobody. */
#include "base/mem.h"
#include "base/text.h"
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static long resident_file_kb(void)
{
        auto_fclose FILE *f = fopen("/proc/self/status", "re");
        char line[128];
        long kb = -1;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (sscanf(line, "RssFile: %ld", &kb) == 1)
                        break;
        }
        return kb;
}

static const char constant[] = "constants stay what they are";
static int written = 1;
static const char *const pointers[] = { constant, "and so do pointers to them" };

static void use_everything(void)
{
        auto_of(arena) struct arena *a = arena_new();
        static const char json[] = "{\"a\":[1,2.5,\"x\"]}";
        const struct tree *t = NULL;
        char text[TEXT_REAL_MAX];

        assert_int_equal(tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, NULL), 0);
        assert_int_equal(tree_find(t, "a")->n, 3);
        (void)text_real(0.1, false, text);
        assert_string_equal(text, "0.1");
        assert_string_equal(pointers[0], "constants stay what they are");
        assert_string_equal(pointers[1], "and so do pointers to them");
}

static void everything_works_on(void **state)
{
        char *heap = xstrdup("heap");

        (void)state;
        written = 42;
        for (int i = 0; i < 20; i++) {
                mem_trim();
                use_everything();
                assert_int_equal(written, 42);
                assert_string_equal(heap, "heap");
        }
        free(heap);
}

static void pages_of_code_are_given_back(void **state)
{
        (void)state;
        use_everything();
        long before = resident_file_kb();
        mem_trim();
        long after = resident_file_kb();
        assert_true(before > 0);
        if (after > before * 3 / 4)
                fail_msg("%ld KB of files before, %ld after", before, after);
}

static atomic_bool stop;

static void *work(void *ctx)
{
        (void)ctx;
        while (!atomic_load(&stop))
                use_everything();
        return NULL;
}

static void other_threads_do_not_notice(void **state)
{
        pthread_t threads[2];

        (void)state;
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
        for (int i = 0; i < 50; i++)
                mem_trim();
        atomic_store(&stop, true);
        for (size_t i = 0; i < 2; i++)
                (void)pthread_join(threads[i], NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_works_on),
                cmocka_unit_test(pages_of_code_are_given_back),
                cmocka_unit_test(other_threads_do_not_notice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
