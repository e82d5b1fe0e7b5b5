/* A directory's changes are seen the way editors and kubelets make them. */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
        struct loop *loop;
        struct loop_dir dir;
        int changes;
        bool end_it;
        int at; /* the directory */
        char path[64];
};

static void changed(void *ctx)
{
        struct probe *p = ctx;

        p->changes++;
        if (p->end_it)
                loop_dir_end(&p->dir);
        loop_stop(p->loop);
}

static void give_up(void *ctx)
{
        loop_stop(ctx);
}

/* Whether a change was seen in time. */
static bool sees_change(struct probe *p, int64_t within_ns)
{
        struct loop_timer t;
        int before = p->changes;

        loop_timer_init(&t, p->loop, give_up, p->loop);
        loop_timer_start(&t, within_ns, LOOP_EXACT);
        loop_run(p->loop);
        loop_timer_end(&t);
        return p->changes != before;
}

static void write_file(int at, const char *name, const char *text)
{
        int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void)close(fd);
}

static int set_up(void **state)
{
        struct probe *p = xcalloc(1, sizeof(*p));

        *state = p;
        p->loop = loop_new("test");
        (void)snprintf(p->path, sizeof(p->path), "/tmp/dl-test-dir-XXXXXX");
        assert_non_null(mkdtemp(p->path));
        p->at = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(p->at >= 0);
        assert_int_equal(loop_dir_start(&p->dir, p->loop, p->path, changed, p, NULL), 0);
        return 0;
}

static int tear_down(void **state)
{
        struct probe *p = *state;
        static const char *const names[] = { "a.yaml", "b.yaml", "..data", "..v1/a", "..v2/a" };

        loop_dir_end(&p->dir);
        loop_dir_end(&p->dir);
        loop_free(p->loop);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                (void)unlinkat(p->at, names[i], 0);
        (void)unlinkat(p->at, "..v1", AT_REMOVEDIR);
        (void)unlinkat(p->at, "..v2", AT_REMOVEDIR);
        (void)close(p->at);
        assert_int_equal(rmdir(p->path), 0);
        free(p);
        return 0;
}

static const int64_t soon = 2 * NS_PER_S;
static const int64_t quiet = 50 * NS_PER_MS;

static void writing_making_and_removing_is_seen(void **state)
{
        struct probe *p = *state;

        assert_false(sees_change(p, quiet));
        write_file(p->at, "a.yaml", "1");
        assert_true(sees_change(p, soon));
        write_file(p->at, "a.yaml", "2");
        assert_true(sees_change(p, soon));
        assert_int_equal(fchmodat(p->at, "a.yaml", 0400, 0), 0);
        assert_true(sees_change(p, soon));
        assert_int_equal(unlinkat(p->at, "a.yaml", 0), 0);
        assert_true(sees_change(p, soon));
        assert_false(sees_change(p, quiet));
}

static void an_editors_rename_is_seen(void **state)
{
        struct probe *p = *state;
        char other[] = "/tmp/dl-test-new-XXXXXX";
        int fd = mkstemp(other);

        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(renameat(AT_FDCWD, other, p->at, "a.yaml"), 0);
        assert_true(sees_change(p, soon));
        assert_int_equal(renameat(p->at, "a.yaml", p->at, "b.yaml"), 0);
        assert_true(sees_change(p, soon));
}

static void the_symlink_swap_of_a_configmap_is_seen(void **state)
{
        struct probe *p = *state;

        assert_int_equal(mkdirat(p->at, "..v1", 0700), 0);
        assert_int_equal(mkdirat(p->at, "..v2", 0700), 0);
        write_file(p->at, "..v1/a", "1");
        write_file(p->at, "..v2/a", "2");
        assert_int_equal(symlinkat("..v1", p->at, "..data"), 0);
        assert_true(sees_change(p, soon));
        assert_int_equal(symlinkat("..v2", p->at, "..data_tmp"), 0);
        assert_int_equal(renameat(p->at, "..data_tmp", p->at, "..data"), 0);
        assert_true(sees_change(p, soon));
        assert_false(sees_change(p, quiet));
}

static void many_changes_are_one_call(void **state)
{
        struct probe *p = *state;

        for (int i = 0; i < 200; i++)
                write_file(p->at, i % 2 ? "a.yaml" : "b.yaml", "x");
        assert_true(sees_change(p, soon));
        assert_false(sees_change(p, quiet));
        assert_int_equal(p->changes, 1);
}

static void the_callback_may_end_the_watch(void **state)
{
        struct probe *p = *state;

        p->end_it = true;
        write_file(p->at, "a.yaml", "1");
        assert_true(sees_change(p, soon));
        write_file(p->at, "a.yaml", "2");
        assert_false(sees_change(p, quiet));
}

static void a_directory_that_goes_and_comes_back_is_watched_again(void **state)
{
        struct probe *p = *state;

        (void)close(p->at);
        assert_int_equal(rmdir(p->path), 0);
        assert_true(sees_change(p, soon));
        (void)sees_change(p, quiet);
        assert_int_equal(mkdir(p->path, 0700), 0);
        assert_true(sees_change(p, soon));
        p->at = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        write_file(p->at, "a.yaml", "1");
        assert_true(sees_change(p, soon));
}

static void a_directory_that_is_replaced_is_watched_in_its_place(void **state)
{
        struct probe *p = *state;
        auto_free char *aside = xasprintf("%s-old", p->path);

        assert_int_equal(rename(p->path, aside), 0);
        assert_int_equal(mkdir(p->path, 0700), 0);
        (void)close(p->at);
        p->at = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(sees_change(p, soon));
        (void)sees_change(p, quiet);
        write_file(p->at, "a.yaml", "1");
        assert_true(sees_change(p, soon));
        assert_int_equal(rmdir(aside), 0);
}

static void what_cannot_be_watched_is_said(void **state)
{
        struct probe *p = *state;
        struct loop_dir d = { 0 };
        struct err e = { 0 };

        assert_int_equal(loop_dir_start(&d, p->loop, "/nowhere/at/all", changed, p, &e), DL_CONFIG);
        assert_string_equal(e.text, "watch directory '/nowhere/at/all': No such file or directory");
        write_file(p->at, "a.yaml", "1");
        auto_free char *file = xasprintf("%s/a.yaml", p->path);
        assert_int_equal(loop_dir_start(&d, p->loop, file, changed, p, &e), DL_CONFIG);
        loop_dir_end(&d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(writing_making_and_removing_is_seen),
                TEST(an_editors_rename_is_seen),
                TEST(the_symlink_swap_of_a_configmap_is_seen),
                TEST(many_changes_are_one_call),
                TEST(the_callback_may_end_the_watch),
                TEST(a_directory_that_goes_and_comes_back_is_watched_again),
                TEST(a_directory_that_is_replaced_is_watched_in_its_place),
                TEST(what_cannot_be_watched_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
