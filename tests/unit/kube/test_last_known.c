/* What was known is known after a restart: whole, of this node, or not at all; and no disk stops
 * us. */
/* wrap: fsync renameat loop_timer_start */
#include "base/clock.h"
#include "base/mem.h"
#include "kube/last_known_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __real_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);

static _Atomic int syncs;
static _Atomic int sync_error;
static _Atomic int sync_ms;
static _Atomic int renames;

int __wrap_fsync(int fd)
{
        struct timespec t = { .tv_sec = atomic_load(&sync_ms) / 1000,
                              .tv_nsec = atomic_load(&sync_ms) % 1000 * NS_PER_MS };

        atomic_fetch_add(&syncs, 1);
        (void)nanosleep(&t, NULL);
        errno = atomic_load(&sync_error);
        return errno ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
        atomic_fetch_add(&renames, 1);
        return __real_renameat(from_dir, from, to_dir, to);
}

/* A minute is a fifth of a second. */
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        __real_loop_timer_start(t, after_ns > NS_PER_S ? NS_PER_S / 5 : after_ns, flags);
}

struct room {
        struct loop *loop;
        struct last_known *k;
        char dir[64];
        size_t n; /* read */
        char uids[4][64];
        struct arena *arenas[4];
        const struct tree *objects[4];
        struct instance_seen seen[4];
        struct err e;
};

static void open_it(struct room *r, const char *node)
{
        last_known_close(r->k);
        r->k = NULL;
        assert_int_equal(last_known_open(r->loop, r->dir, node, &r->k, &r->e), 0);
}

static int set_up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        r->loop = loop_new("test");
        (void)snprintf(r->dir, sizeof(r->dir), "/tmp/test_last_known.XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        atomic_store(&syncs, 0);
        atomic_store(&sync_error, 0);
        atomic_store(&sync_ms, 0);
        atomic_store(&renames, 0);
        open_it(r, "node-1");
        *state = r;
        return 0;
}

static void forget(struct room *r)
{
        for (size_t i = 0; i < 4; i++)
                arena_free(steal(&r->arenas[i]));
        r->n = 0;
}

static int tear_down(void **state)
{
        struct room *r = *state;
        auto_free char *command = xasprintf("rm -rf '%s'", r->dir);

        last_known_close(r->k);
        loop_free(r->loop);
        forget(r);
        assert_int_equal(system(command), 0);
        free(r);
        return 0;
}

static void stop(void *ctx)
{
        loop_stop(ctx);
}

static void run_for(struct room *r, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, r->loop, stop, r->loop);
        __real_loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(r->loop);
        loop_timer_end(&t);
}

static void settle(struct room *r)
{
        run_for(r, 200 * NS_PER_MS);
}

static char *path_of(const struct room *r, const char *name)
{
        return xasprintf("%s/links/%s", r->dir, name);
}

static bool exists(const struct room *r, const char *name)
{
        auto_free char *path = path_of(r, name);

        return access(path, F_OK) == 0;
}

static char *content(const struct room *r, const char *name, size_t *ret)
{
        auto_free char *path = path_of(r, name);
        auto_fclose FILE *f = fopen(path, "re");
        char *text = xcalloc(1, 1 << 20);

        assert_non_null(f);
        *ret = fread(text, 1, (1 << 20) - 1, f);
        return text;
}

static void put_file(const struct room *r, const char *name, const char *text, size_t n)
{
        auto_free char *path = path_of(r, name);
        auto_fclose FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
}

static const struct instance_seen seen = { .wanted = UINT64_MAX, .got = 7 };

static void put(struct room *r, const char *uid, const char *more)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_free char *json = xasprintf("{\"kind\":\"DeviceLink\",\"metadata\":{\"name\":\"pump\","
                                         "\"uid\":\"%s\"%s}}",
                                         uid, more);
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, &r->e),
                         0);
        last_known_put(r->k, uid, t, &seen);
}

static void on_each(void *ctx, const struct tree *object, const struct instance_seen *s,
                    struct arena *owned)
{
        struct room *r = ctx;

        assert_true(r->n < 4);
        (void)snprintf(r->uids[r->n], sizeof(r->uids[0]), "%s",
                       tree_text(tree_find(object, "metadata.uid")));
        r->objects[r->n] = object;
        r->seen[r->n] = *s;
        r->arenas[r->n++] = owned;
}

static size_t read_all(struct room *r)
{
        forget(r);
        last_known_read(r->k, on_each, r);
        return r->n;
}

/* --- */

static void what_was_put_is_read_after_a_restart(void **state)
{
        struct room *r = *state;
        struct stat st;
        auto_free char *file = path_of(r, "u-1.json");
        auto_free char *dir = path_of(r, "");

        put(r, "u-1",
            ",\"labels\":{\"a\":\"b \\\"c\\\",\\\"object\\\":\"},\"x\":[1,2.5,null,true]");
        settle(r);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(stat(dir, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        open_it(r, "node-1");
        assert_int_equal(read_all(r), 1);
        assert_string_equal(tree_text(tree_find(r->objects[0], "metadata.name")), "pump");
        assert_string_equal(tree_text(tree_find(r->objects[0], "metadata.labels.a")),
                            "b \"c\",\"object\":");
        assert_int_equal(tree_find(r->objects[0], "metadata.x")->n, 4);
        assert_int_equal(r->seen[0].wanted, UINT64_MAX);
        assert_int_equal(r->seen[0].got, 7);
}

static void what_only_takes_room_is_left_out(void **state)
{
        struct room *r = *state;
        size_t n = 0;

        put(r, "u-1",
            ",\"managedFields\":[{\"manager\":\"x\"}],\"annotations\":{\"keep\":\"1\","
            "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}");
        settle(r);
        auto_free char *text = content(r, "u-1.json", &n);
        assert_null(strstr(text, "managedFields"));
        assert_null(strstr(text, "last-applied"));
        assert_non_null(strstr(text, "\"keep\":\"1\""));
        assert_non_null(strstr(text, "\"node\":\"node-1\""));
        assert_int_equal(text[n - 1], '\n');
}

static void equal_content_is_not_written(void **state)
{
        struct room *r = *state;

        for (int i = 0; i < 5; i++) {
                put(r, "u-1", "");
                settle(r);
        }
        assert_int_equal(atomic_load(&renames), 1);
        put(r, "u-1", ",\"labels\":{}");
        settle(r);
        assert_int_equal(atomic_load(&renames), 2);
        open_it(r, "node-1"); /* also when it was only read, or not even that */
        assert_int_equal(read_all(r), 1);
        put(r, "u-1", ",\"labels\":{}");
        settle(r);
        open_it(r, "node-1");
        put(r, "u-1", ",\"labels\":{}");
        settle(r);
        assert_int_equal(atomic_load(&renames), 2);
}

static void a_batch_syncs_the_directory_once(void **state)
{
        struct room *r = *state;

        for (int i = 0; i < 20; i++) {
                char uid[16];

                (void)snprintf(uid, sizeof(uid), "u-%d", i);
                put(r, uid, "");
                put(r, uid, ",\"labels\":{}"); /* the first is not worth writing */
        }
        assert_int_equal(atomic_load(&syncs), 0); /* not on the loop */
        settle(r);
        assert_int_equal(atomic_load(&renames), 20);
        assert_int_equal(atomic_load(&syncs), 21);
}

static void what_is_removed_is_gone(void **state)
{
        struct room *r = *state;

        put(r, "u-1", "");
        put(r, "u-2", "");
        settle(r);
        last_known_remove(r->k, "u-1");
        last_known_remove(r->k, "u-1");
        last_known_remove(r->k, "never");
        settle(r);
        assert_false(exists(r, "u-1.json"));
        assert_true(exists(r, "u-2.json"));
        put(r, "u-1", "");
        last_known_remove(r->k, "u-2");
        put(r, "u-2", "");
        settle(r);
        assert_true(exists(r, "u-1.json"));
        assert_true(exists(r, "u-2.json"));
}

static void changes_during_a_write_are_not_lost(void **state)
{
        struct room *r = *state;

        atomic_store(&sync_ms, 100);
        put(r, "u-1", "");
        put(r, "u-2", "");
        run_for(r, 120 * NS_PER_MS); /* the first batch is being written */
        put(r, "u-1", ",\"labels\":{\"new\":\"1\"}");
        last_known_remove(r->k, "u-2");
        put(r, "u-3", "");
        last_known_remove(r->k, "u-3");
        run_for(r, 900 * NS_PER_MS);
        size_t n = 0;
        auto_free char *text = content(r, "u-1.json", &n);
        assert_non_null(strstr(text, "new"));
        assert_false(exists(r, "u-2.json"));
        assert_false(exists(r, "u-3.json"));
}

static void closing_writes_what_waits(void **state)
{
        struct room *r = *state;

        put(r, "u-1", ""); /* gathered */
        open_it(r, "node-1");
        assert_true(exists(r, "u-1.json"));
        atomic_store(&sync_ms, 100);
        put(r, "u-2", ""); /* on its way */
        run_for(r, 80 * NS_PER_MS);
        put(r, "u-3", "");
        open_it(r, "node-1");
        assert_true(exists(r, "u-2.json"));
        assert_true(exists(r, "u-3.json"));
        assert_int_equal(read_all(r), 3);
}

static void closing_does_not_wait_for_a_slow_disk(void **state)
{
        struct room *r = *state;
        int64_t at = clock_mono_ns();

        atomic_store(&sync_ms, 300);
        for (int i = 0; i < 100; i++) {
                char uid[16];

                (void)snprintf(uid, sizeof(uid), "u-%d", i);
                put(r, uid, "");
        }
        run_for(r, 100 * NS_PER_MS);
        put(r, "last", "");
        last_known_close(r->k);
        r->k = NULL;
        assert_true(clock_mono_ns() - at < 4 * NS_PER_S);
        assert_true(exists(r, "u-0.json"));
        assert_false(exists(r, "last.json"));
}

/* --- disks that fail */

static void a_disk_that_fails_keeps_the_old_and_is_tried_again(void **state)
{
        struct room *r = *state;
        size_t n = 0;

        put(r, "u-1", "");
        put(r, "u-2", "");
        settle(r);
        atomic_store(&sync_error, EIO);
        put(r, "u-1", ",\"labels\":{\"new\":\"1\"}");
        last_known_remove(r->k, "u-2");
        settle(r);
        auto_free char *old = content(r, "u-1.json", &n);
        assert_null(strstr(old, "new"));
        assert_false(exists(r, ".u-1.new"));
        int before = atomic_load(&syncs);
        put(r, "u-1", ",\"labels\":{\"new\":\"1\"}"); /* nothing new, nothing to hurry for */
        atomic_store(&sync_error, 0);
        run_for(r, 500 * NS_PER_MS);
        assert_true(atomic_load(&syncs) > before);
        auto_free char *new = content(r, "u-1.json", &n);
        assert_non_null(strstr(new, "new"));
        assert_false(exists(r, "u-2.json"));
}

static void a_full_disk_leaves_nothing_half_written(void **state)
{
        struct room *r = *state;
        struct rlimit old;

        (void)sigaction(SIGXFSZ, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        struct rlimit small = { .rlim_cur = 50, .rlim_max = old.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        put(r, "u-1", "");
        settle(r);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_false(exists(r, "u-1.json"));
        assert_false(exists(r, ".u-1.new"));
        run_for(r, 500 * NS_PER_MS);
        assert_true(exists(r, "u-1.json"));
}

/* A file where the directory should be, made in its place later. */
static void a_directory_that_went_is_made_again(void **state)
{
        struct room *r = *state;
        auto_free char *dir = xasprintf("%s/links", r->dir);

        assert_int_equal(rmdir(dir), 0);
        put(r, "u-1", "");
        settle(r);
        assert_true(exists(r, "u-1.json"));
}

static void a_state_directory_that_is_none_is_refused_or_borne(void **state)
{
        struct room *r = *state;
        auto_free char *dir = xasprintf("%s/links", r->dir);
        auto_free char *file = xasprintf("%s/file", r->dir);
        struct last_known *k = NULL;

        last_known_close(r->k);
        r->k = NULL;
        assert_int_equal(rmdir(dir), 0);
        FILE *f = fopen(dir, "we");
        assert_non_null(f);
        (void)fclose(f);
        assert_int_equal(last_known_open(r->loop, r->dir, "node-1", &k, &r->e), DL_CONFIG);
        assert_non_null(strstr(r->e.text, "links': Not a directory"));

        /* Not there, or read-only: links are driven all the same. */
        assert_int_equal(last_known_open(r->loop, file, "node-1", &r->k, &r->e), 0);
        put(r, "u-1", "");
        settle(r);
        assert_int_equal(read_all(r), 0);
}

/* --- files that are not what they should be */

static void a_damaged_file_is_put_aside(void **state)
{
        struct room *r = *state;
        size_t n = 0;

        put(r, "u-1", ",\"labels\":{\"a\":\"1\"}");
        settle(r);
        auto_free char *good = content(r, "u-1.json", &n);
        for (size_t i = 0; i < n; i++) { /* any byte, and cut anywhere */
                auto_free char *bad = xmemdup(good, n);
                bool cut = i % 2 == 0;

                bad[i] ^= 1;
                put_file(r, "u-1.json", cut ? good : bad, cut ? i : n);
                open_it(r, "node-1");
                size_t read = read_all(r);
                /* The end of the line is no loss; the node and the digests are not in the CRC. */
                if (read &&
                    (cut ? i + 1 < n : i + 1 < n && i > (size_t)(strstr(good, "\"crc") - good)))
                        fail_msg("byte %zu (%c), cut %d", i, good[i], cut);
                if (!read && exists(r, "u-1.json"))
                        fail_msg("byte %zu is still there", i);
        }
        assert_true(exists(r, "u-1.bad"));
        put_file(r, "u-1.json", good, n);
        assert_int_equal(read_all(r), 1);
}

static void foreign_and_odd_files_do_no_harm(void **state)
{
        struct room *r = *state;
        size_t n = 0;
        auto_free char *dir = path_of(r, "dir.json");
        auto_free char *fifo = path_of(r, "fifo.json");
        auto_free char *link = path_of(r, "link.json");
        auto_free char *big = path_of(r, "big.json");

        put(r, "u-1", "");
        settle(r);
        auto_free char *good = content(r, "u-1.json", &n);
        put_file(r, "u-2.json", good, n); /* under another name */
        put_file(r, "empty.json", "", 0);
        put_file(r, "list.json", "[]", 2);
        put_file(r, "note.txt", "x", 1);
        put_file(r, ".u-9.new", "x", 1); /* of a crash */
        put_file(r, "big.json", "x", 1);
        assert_int_equal(truncate(big, (3 << 20) + 1), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        assert_int_equal(symlink("/etc/passwd", link), 0);
        open_it(r, "node-1");
        assert_int_equal(read_all(r), 1);
        assert_string_equal(r->uids[0], "u-1");
        assert_true(exists(r, "u-2.bad"));
        assert_true(exists(r, "note.txt"));
        assert_false(exists(r, ".u-9.new"));
        assert_int_equal(read_all(r), 1);

        open_it(r, "node-2");
        assert_int_equal(read_all(r), 0);
        assert_false(exists(r, "u-1.json")); /* of another node: removed */
        assert_false(exists(r, "u-1.bad"));
}

static void few_bad_files_are_kept(void **state)
{
        struct room *r = *state;

        for (int i = 0; i < 150; i++) {
                char name[32];

                (void)snprintf(name, sizeof(name), "u-%d.json", i);
                put_file(r, name, "bad", 3);
        }
        assert_int_equal(read_all(r), 0);
        assert_int_equal(read_all(r), 0);
        int bad = 0;
        for (int i = 0; i < 150; i++) {
                char name[32];

                (void)snprintf(name, sizeof(name), "u-%d.bad", i);
                bad += exists(r, name);
        }
        assert_int_equal(bad, 100);
}

static void a_strange_uid_is_no_path(void **state)
{
        static const char *const strange[] = { "", "../x", "a/b", ".hidden", "a.b" };
        struct room *r = *state;

        for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
                put(r, strange[i], "");
        settle(r);
        assert_int_equal(atomic_load(&renames), 0);
        auto_free char *x = xasprintf("%s/x.json", r->dir);
        assert_int_not_equal(access(x, F_OK), 0);
}

static void count(void *ctx, const struct tree *object, const struct instance_seen *s,
                  struct arena *owned)
{
        int *n = ctx;

        (void)object;
        (void)s;
        (*n)++;
        arena_free(owned);
}

static void two_thousand_links_are_read_in_no_time(void **state)
{
        struct room *r = *state;
        auto_free char *long_text = xasprintf(",\"x\":\"%01500d\"", 7);
        int n = 0;

        for (int i = 0; i < 2000; i++) {
                char uid[16];

                (void)snprintf(uid, sizeof(uid), "u-%d", i);
                put(r, uid, long_text);
        }
        for (int i = 0; i < 100 && !exists(r, "u-999.json"); i++)
                settle(r);
        open_it(r, "node-1");
        int64_t at = clock_mono_ns();
        last_known_read(r->k, count, &n);
        int64_t took = clock_mono_ns() - at;
        print_message("2,000 links read in %d ms\n", (int)(took / NS_PER_MS));
        assert_int_equal(n, 2000);
        assert_true(took < 2 * NS_PER_S);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_put_is_read_after_a_restart, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_only_takes_room_is_left_out, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(equal_content_is_not_written, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_batch_syncs_the_directory_once, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_is_removed_is_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(changes_during_a_write_are_not_lost, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(closing_writes_what_waits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(closing_does_not_wait_for_a_slow_disk, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_disk_that_fails_keeps_the_old_and_is_tried_again,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_half_written, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_directory_that_went_is_made_again, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_state_directory_that_is_none_is_refused_or_borne,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_damaged_file_is_put_aside, set_up, tear_down),
                cmocka_unit_test_setup_teardown(foreign_and_odd_files_do_no_harm, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(few_bad_files_are_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_strange_uid_is_no_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(two_thousand_links_are_read_in_no_time, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
