/* Memory is there or the process ends; an arena gives zeroed, aligned memory and one free. */
/* wrap: malloc free */
#include "base/mem.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool fail_malloc;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
        return fail_malloc ? NULL : __real_malloc(n);
}

/* What was freed holding this is counted. */
static const char *secret;
static size_t secrets_freed;

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
        if (p && secret && memmem(p, malloc_usable_size(p), secret, strlen(secret)))
                secrets_freed++;
        __real_free(p);
}

static void copies_hold_what_was_copied(void **state)
{
        auto_free char *s = xstrdup("text");
        auto_free char *m = xmemdup("ab\0c", 4);
        auto_free char *f = xasprintf("%s-%d", "x", 12);
        auto_free char *z = xcalloc(3, 4);

        (void)state;
        assert_string_equal(s, "text");
        assert_memory_equal(m, "ab\0c", 4);
        assert_string_equal(f, "x-12");
        assert_memory_equal(z, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
        s = xrealloc(s, 5000);
        assert_string_equal(s, "text");
}

static void nothing_is_memory_too(void **state)
{
        auto_free void *a = xmalloc(0);
        auto_free void *b = xcalloc(0, 8);
        auto_free void *c = xmemdup(NULL, 0);
        auto_free void *d = xrealloc(NULL, 0);

        (void)state;
        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(c);
        assert_non_null(d);
}

/* The status a child ends with when it runs f. */
static int ends_with(void (*f)(void))
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void)close(STDERR_FILENO);
                f();
                _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void run_out(void)
{
        fail_malloc = true;
        (void)xmalloc(10);
}

static void overflow_array(void)
{
        volatile size_t many = SIZE_MAX / 2;
        (void)xreallocarray(NULL, many, 4);
}

static void overflow_arena(void)
{
        volatile size_t many = SIZE_MAX / 2;
        (void)arena_calloc(arena_new(), many, 4);
}

static void overflow_arena_size(void)
{
        volatile size_t many = SIZE_MAX - 3;
        (void)arena_alloc(arena_new(), many);
}

static void the_process_ends_when_memory_does(void **state)
{
        (void)state;
        assert_true(WIFSIGNALED(ends_with(run_out)));
}

static void a_product_that_overflows_ends_the_process(void **state)
{
        (void)state;
        assert_true(WIFSIGNALED(ends_with(overflow_array)));
        assert_true(WIFSIGNALED(ends_with(overflow_arena)));
        assert_true(WIFSIGNALED(ends_with(overflow_arena_size)));
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        static unsigned char *p[400];
        static size_t size[400];

        (void)state;
        for (size_t i = 0; i < 400; i++) {
                size[i] = i * 37 % 1500;
                p[i] = arena_alloc(a, size[i]);
                assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
                for (size_t k = 0; k < size[i]; k++)
                        assert_int_equal(p[i][k], 0);
                memset(p[i], (int)(i & 0xff), size[i]);
        }
        for (size_t i = 0; i < 400; i++) {
                for (size_t k = 0; k < size[i]; k++)
                        assert_int_equal(p[i][k], i & 0xff);
        }
}

static void arena_text_is_terminated(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        assert_string_equal(arena_strdup(a, "one"), "one");
        assert_string_equal(arena_strndup(a, "three", 2), "th");
        assert_string_equal(arena_strndup(a, NULL, 0), "");
        assert_string_equal(arena_printf(a, "%d-%s", 3, "x"), "3-x");
        assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
        assert_memory_equal(arena_calloc(a, 2, 2), "\0\0\0\0", 4);
}

static void a_large_request_does_not_waste_the_block_in_use(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        char *first = arena_alloc(a, 16);
        char *large = arena_alloc(a, 100000);
        size_t bytes = arena_bytes(a);
        char *second = arena_alloc(a, 16);
        memset(large, 1, 100000);
        assert_ptr_equal(second, first + 16);
        assert_int_equal(arena_bytes(a), bytes);
        assert_in_range(bytes, 100000, 110000);
}

static void an_arena_starts_small_and_grows_with_what_it_holds(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        (void)arena_alloc(a, 100);
        assert_in_range(arena_bytes(a), 100, 1200);
        for (size_t i = 0; i < 10000; i++)
                (void)arena_alloc(a, 64);
        assert_in_range(arena_bytes(a), 640000, 800000);
        arena_free(NULL);
}

static size_t freed_holding(void (*release)(struct arena *a))
{
        struct arena *a = arena_new();
        char *text = NULL;

        for (int i = 0; i < 300; i++)
                text = arena_strdup(a, "hunter2 is the word");
        text = arena_alloc(a, 100000);
        memcpy(text + 50000, "hunter2", 7);
        secrets_freed = 0;
        secret = "hunter2";
        release(a);
        secret = NULL;
        return secrets_freed;
}

static void a_wiped_arena_leaves_nothing_of_what_it_held(void **state)
{
        (void)state;
        assert_true(freed_holding(arena_free) > 1); /* so the test would notice */
        assert_int_equal(freed_holding(arena_wipe_free), 0);
        arena_wipe_free(NULL);
}

static void auto_variables_release_and_steal_hands_over(void **state)
{
        char *kept = NULL;
        int fd = -1;

        (void)state;
        {
                auto_free char *s = xstrdup("kept");
                auto_close int one = dup(STDERR_FILENO);
                auto_close int other = dup(STDERR_FILENO);
                kept = steal(&s);
                assert_null(s);
                fd = steal_fd(&one);
                assert_int_equal(one, -1);
                assert_true(other >= 0);
        }
        assert_string_equal(kept, "kept");
        assert_int_equal(close(fd), 0);
        assert_int_equal(close(fd + 1), -1);
        free(kept);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(copies_hold_what_was_copied),
                cmocka_unit_test(nothing_is_memory_too),
                cmocka_unit_test(the_process_ends_when_memory_does),
                cmocka_unit_test(a_product_that_overflows_ends_the_process),
                cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
                cmocka_unit_test(arena_text_is_terminated),
                cmocka_unit_test(a_large_request_does_not_waste_the_block_in_use),
                cmocka_unit_test(an_arena_starts_small_and_grows_with_what_it_holds),
                cmocka_unit_test(a_wiped_arena_leaves_nothing_of_what_it_held),
                cmocka_unit_test(auto_variables_release_and_steal_hands_over),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
