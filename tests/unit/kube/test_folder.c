/* A folder of manifests is followed through everything that people, editors and kubelets do to it.
 */
#include "kube.h"

#include "base/clock.h"
#include "kube/folder.h"
#include "kube/manifest.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* wrap: clock_wall_ns */
static int64_t frozen_ns; /* 0 = the real time */
int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void);

int64_t __wrap_clock_wall_ns(void)
{
        return frozen_ns ? frozen_ns : __real_clock_wall_ns();
}

struct world {
        char dir[64];
        struct loop *loop;
        struct loop_timer timer;
        struct folder *folder;
        const char *node;
        int changes;
        int wanted; /* stop the loop at this number of changes */
        bool timed_out;
        struct desired last;
        struct findings findings;
};

static void on_changed(void *ctx, const struct desired *d, const struct findings *f)
{
        struct world *w = ctx;

        desired_done(&w->last);
        for (size_t i = 0; i < d->n; i++)
                assert_int_equal(desired_add(&w->last, link_spec_ref(d->links[i]), NULL), 0);
        findings_clear(&w->findings);
        for (size_t i = 0; i < f->n; i++) {
                w->findings.file = f->list[i].file;
                findings_add(&w->findings, f->list[i].severity, f->list[i].line, f->list[i].path,
                             "%s", f->list[i].text);
        }
        w->changes++;
        if (w->changes == w->wanted)
                loop_stop(w->loop);
}

static void on_timer(void *ctx)
{
        struct world *w = ctx;

        w->timed_out = true;
        loop_stop(w->loop);
}

/* Let the loop run for a while. */
static void rest(struct world *w, int ms)
{
        w->wanted = 0;
        loop_timer_start(&w->timer, ms * NS_PER_MS, LOOP_EXACT);
        loop_run(w->loop);
}

/* Run until n more changes came. */
static void wait_for(struct world *w, int n)
{
        w->wanted = w->changes + n;
        w->timed_out = false;
        loop_timer_start(&w->timer, 10 * NS_PER_S, LOOP_EXACT);
        loop_run(w->loop);
        loop_timer_stop(&w->timer);
        if (w->timed_out)
                print_findings(&w->findings);
        assert_false(w->timed_out);
}

static void put_at(const struct world *w, const char *name, const char *text)
{
        auto_free char *path = xasprintf("%s/%s", w->dir, name);
        auto_fclose FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
}

static void put_link(const struct world *w, const char *file, const char *name, int number)
{
        auto_free char *text = xasprintf("apiVersion: edge.cattle.io/v1alpha1\n"
                                         "kind: DeviceLink\n"
                                         "metadata: {name: %s}\n"
                                         "spec:\n"
                                         "  adaptor: {node: edge-1, name: acme}\n"
                                         "  model: {apiVersion: acme.example/v1, kind: K}\n"
                                         "  template: {spec: {number: %d}}\n",
                                         name, number);

        put_at(w, file, text);
}

static void put_secret(const struct world *w, const char *file, const char *name, const char *value)
{
        auto_free char *text = xasprintf("apiVersion: v1\n"
                                         "kind: Secret\n"
                                         "metadata: {name: %s}\n"
                                         "stringData: {key: '%s'}\n",
                                         name, value);

        put_at(w, file, text);
}

static void put_referring(const struct world *w, const char *file, const char *name,
                          const char *secret)
{
        auto_free char *text = xasprintf("apiVersion: edge.cattle.io/v1alpha1\n"
                                         "kind: DeviceLink\n"
                                         "metadata: {name: %s}\n"
                                         "spec:\n"
                                         "  adaptor: {node: edge-1, name: acme}\n"
                                         "  model: {apiVersion: acme.example/v1, kind: K}\n"
                                         "  references: [{name: r, secret: {name: %s}}]\n"
                                         "  template: {}\n",
                                         name, secret);

        put_at(w, file, text);
}

static void move(const struct world *w, const char *from, const char *to)
{
        auto_free char *a = xasprintf("%s/%s", w->dir, from);
        auto_free char *b = xasprintf("%s/%s", w->dir, to);

        assert_int_equal(rename(a, b), 0);
}

static void drop(const struct world *w, const char *name)
{
        auto_free char *path = xasprintf("%s/%s", w->dir, name);

        assert_int_equal(unlink(path), 0);
}

static void point(const struct world *w, const char *target, const char *name)
{
        auto_free char *path = xasprintf("%s/%s", w->dir, name);

        assert_int_equal(symlink(target, path), 0);
}

static void make_dir(const struct world *w, const char *name)
{
        auto_free char *path = xasprintf("%s/%s", w->dir, name);

        assert_int_equal(mkdir(path, 0755), 0);
}

static void watch(struct world *w)
{
        struct folder_config config = {
                .loop = w->loop,
                .dir = w->dir,
                .node = w->node,
                .host = "host-1",
                .ctx = w,
                .changed = on_changed,
        };
        struct err e = { 0 };

        if (folder_open(&config, &w->folder, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(w->changes, 1); /* before it returns */
}

static const struct link_spec *find_link(const struct world *w, const char *key)
{
        for (size_t i = 0; i < w->last.n; i++) {
                if (strcmp(w->last.links[i]->key, key) == 0)
                        return w->last.links[i];
        }
        return NULL;
}

static const struct link_spec *link_of(const struct world *w, const char *key)
{
        const struct link_spec *s = find_link(w, key);

        if (!s) {
                fail_msg("there is no link %s", key);
                abort();
        }
        return s;
}

static const char *spec_of(const struct world *w, const char *key)
{
        const struct link_spec *s = find_link(w, key);

        return s ? s->spec_json : "none";
}

static int setup(void **state)
{
        struct world *w = xcalloc(1, sizeof(*w));

        (void)snprintf(w->dir, sizeof(w->dir), "/tmp/devicelink-folder-XXXXXX");
        assert_non_null(mkdtemp(w->dir));
        w->loop = loop_new("test");
        loop_timer_init(&w->timer, w->loop, on_timer, w);
        *state = w;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)st;
        (void)flag;
        (void)ftw;
        return remove(path);
}

static int teardown(void **state)
{
        struct world *w = *state;

        folder_close(w->folder);
        loop_timer_end(&w->timer);
        loop_free(w->loop);
        desired_done(&w->last);
        findings_done(&w->findings);
        (void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(w);
        return 0;
}

/* --- reading */

static void the_whole_set_is_there_before_open_returns(void **state)
{
        struct world *w = *state;

        put_link(w, "b.yaml", "b", 1);
        put_link(w, "a.yml", "a", 2);
        put_at(w, "c.json",
               "{\n\t\"apiVersion\": \"devices.edge.cattle.io/v1alpha1\",\n\t\"kind\": \"K\",\n"
               "\t\"metadata\": {\"name\": \"c\"}, \"spec\": {\"n\": 3}\n}\n");
        put_link(w, ".hidden.yaml", "hidden", 1);
        put_link(w, "notes.txt", "notes", 1);
        make_dir(w, "below");
        put_link(w, "below/d.yaml", "below", 1);
        watch(w);
        assert_clean(&w->findings);
        assert_int_equal(w->last.n, 3);
        assert_string_equal(w->last.links[0]->key, "default/a");
        assert_string_equal(w->last.links[1]->key, "default/b");
        assert_string_equal(w->last.links[2]->key, "default/c");
        assert_string_equal(spec_of(w, "default/c"), "{\"n\":3}");
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
        struct world *w = *state;
        struct folder_config config = { .loop = w->loop, .dir = "/nonexistent/dir" };
        struct err e = { 0 };

        assert_int_equal(folder_open(&config, &w->folder, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "/nonexistent/dir"));
        assert_non_null(strstr(e.text, "No such file or directory"));
        assert_null(w->folder);
}

static void links_of_other_nodes_are_left_alone(void **state)
{
        struct world *w = *state;

        w->node = "edge-2";
        put_link(w, "a.yaml", "a", 1);
        watch(w);
        assert_int_equal(w->last.n, 0);
}

/* --- changes */

static void a_changed_file_changes_its_links_only(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        put_link(w, "b.yaml", "b", 1);
        watch(w);
        const struct link_spec *a = link_spec_ref(w->last.links[0]);
        const struct link_spec *b = link_spec_ref(w->last.links[1]);

        put_link(w, "a.yaml", "a", 2);
        wait_for(w, 1);
        assert_ptr_not_equal(link_of(w, "default/a"), a);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
        assert_ptr_equal(link_of(w, "default/b"), b);
        link_spec_unref((struct link_spec *)(uintptr_t)a);
        link_spec_unref((struct link_spec *)(uintptr_t)b);
}

static void what_means_the_same_is_no_change(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        put_at(w, "a.yaml",
               "# the same, said otherwise\n"
               "kind: DeviceLink\n"
               "apiVersion: edge.cattle.io/v1alpha1\n"
               "metadata:\n  name: a\n  namespace: default\n"
               "spec:\n"
               "  template: {spec: {number: 0x1}}\n"
               "  adaptor: {node: edge-1, name: acme, parameters: {ignored: 1}}\n"
               "  model: {apiVersion: acme.example/v1, kind: K}\n");
        rest(w, 300);
        assert_int_equal(w->changes, 1);
}

static void a_new_file_adds_and_a_deleted_one_removes(void **state)
{
        struct world *w = *state;

        watch(w);
        assert_int_equal(w->last.n, 0);
        put_link(w, "a.yaml", "a", 1);
        wait_for(w, 1);
        assert_int_equal(w->last.n, 1);
        drop(w, "a.yaml");
        wait_for(w, 1);
        assert_int_equal(w->last.n, 0);
}

static void vim_saves_by_renaming_the_old_and_writing_a_new_file(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        put_at(w, "4913", "");
        drop(w, "4913");
        move(w, "a.yaml", "a.yaml~");
        put_link(w, "a.yaml", "a", 2);
        drop(w, "a.yaml~");
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
        rest(w, 200);
        assert_int_equal(w->changes, 2); /* one change, with no moment without the link */
}

static void nano_writes_into_the_file(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        put_at(w, ".a.yaml.swp", "nano 1234");
        put_link(w, "a.yaml", "a", 22);
        drop(w, ".a.yaml.swp");
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":22}");
}

static void sed_i_renames_a_new_file_over_the_old(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        put_link(w, "sedXyz123", "a", 2);
        move(w, "sedXyz123", "a.yaml");
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
}

static void a_change_of_equal_size_and_time_is_seen(void **state)
{
        struct world *w = *state;
        auto_free char *path = xasprintf("%s/a.yaml", w->dir);
        struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

        put_link(w, "a.yaml", "a", 1);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        watch(w);
        rest(w, 200);
        put_link(w, "a.yaml", "a", 2);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
}

static void a_file_from_a_far_century_is_read_and_followed(void **state)
{
        struct world *w = *state;
        auto_free char *path = xasprintf("%s/a.yaml", w->dir);
        /* 2413: more nanoseconds since 1970 than an integer holds */
        struct timespec times[2] = { { .tv_sec = 14000000000 }, { .tv_sec = 14000000000 } };

        put_link(w, "a.yaml", "a", 1);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        watch(w);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":1}");
        put_link(w, "a.yaml", "a", 2);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
}

static void a_mounted_config_map_is_swapped_as_a_whole(void **state)
{
        struct world *w = *state;

        make_dir(w, "..v1");
        put_link(w, "..v1/a.yaml", "a", 1);
        put_link(w, "..v1/b.yaml", "b", 1);
        point(w, "..v1", "..data");
        point(w, "..data/a.yaml", "a.yaml");
        point(w, "..data/b.yaml", "b.yaml");
        watch(w);
        assert_int_equal(w->last.n, 2);

        /* As the kubelet does it: new directory, link swapped by rename, dead names removed. */
        make_dir(w, "..v2");
        put_link(w, "..v2/a.yaml", "a", 2);
        put_link(w, "..v2/c.yaml", "c", 2);
        point(w, "..v2", "..data_tmp");
        move(w, "..data_tmp", "..data");
        point(w, "..data/c.yaml", "c.yaml");
        drop(w, "b.yaml");
        wait_for(w, 1);
        assert_clean(&w->findings);
        assert_int_equal(w->last.n, 2);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
        assert_string_equal(spec_of(w, "default/c"), "{\"number\":2}");
}

static void a_file_that_is_being_written_is_not_read_half(void **state)
{
        struct world *w = *state;
        auto_free char *path = xasprintf("%s/b.yaml", w->dir);

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        rest(w, 200);
        auto_fclose FILE *f = fopen(path, "w"); /* that it is there now shows at once */
        assert_non_null(f);
        (void)fputs("this: is wrong as it stands\n", f);
        for (int i = 0; i < 10; i++) {
                (void)fputs("# slowly\n", f);
                assert_int_equal(fflush(f), 0);
                frozen_ns = __real_clock_wall_ns(); /* however slow this machine is */
                rest(w, 20);
                assert_int_equal(w->changes, 1);
        }
        frozen_ns = 0;
        put_link(w, "b.yaml", "b", 2);
        wait_for(w, 1);
        assert_clean(&w->findings);
        assert_string_equal(spec_of(w, "default/b"), "{\"number\":2}");
}

static void what_never_comes_to_rest_is_read_all_the_same(void **state)
{
        struct world *w = *state;

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        for (int i = 0; i < 300 && w->changes == 1; i++) {
                put_link(w, "a.yaml", "a", 2);
                frozen_ns = __real_clock_wall_ns();
                rest(w, 10);
        }
        frozen_ns = 0;
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
}

/* --- what is broken */

static void a_broken_file_keeps_its_last_good_state_and_is_told_once(void **state)
{
        struct world *w = *state;
        auto_free char *file = xasprintf("%s/a.yaml", w->dir);

        put_link(w, "a.yaml", "a", 1);
        put_link(w, "b.yaml", "b", 1);
        watch(w);
        put_at(w, "a.yaml", "kind: [\n");
        wait_for(w, 1);
        assert_int_equal(w->last.n, 2);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":1}");
        assert_true(w->findings.errors > 0);
        assert_string_equal(w->findings.list[0].file, file);
        assert_finding(&w->findings, FINDING_WARNING, 0, "", "what this file last held counts");

        put_link(w, "b.yaml", "b", 2); /* the others go on */
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/b"), "{\"number\":2}");
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":1}");
        rest(w, 300);
        assert_int_equal(w->changes, 3);

        put_link(w, "a.yaml", "a", 3);
        wait_for(w, 1);
        assert_clean(&w->findings);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":3}");
}

static void of_a_file_that_was_never_good_what_is_right_counts(void **state)
{
        struct world *w = *state;

        put_at(w, "a.yaml",
               "apiVersion: devices.edge.cattle.io/v1alpha1\n"
               "kind: K\n"
               "metadata: {name: a}\n"
               "---\n"
               "apiVersion: devices.edge.cattle.io/v1alpha1\n"
               "kind: K\n"
               "metadata: {name: Wrong}\n");
        watch(w);
        assert_int_equal(w->findings.errors, 1);
        assert_int_equal(w->last.n, 1);
        assert_non_null(find_link(w, "default/a"));
}

static void what_is_no_readable_file_is_reported_and_blocks_nobody(void **state)
{
        struct world *w = *state;
        auto_free char *fifo = xasprintf("%s/fifo.yaml", w->dir);
        auto_free char *secret = xasprintf("%s/denied.yaml", w->dir);
        auto_free char *large = xasprintf("%s/large.yaml", w->dir);

        put_link(w, "a.yaml", "a", 1);
        make_dir(w, "dir.yaml");
        assert_int_equal(mkfifo(fifo, 0644), 0);
        point(w, "loop.yaml", "loop.yaml");
        point(w, "nowhere", "dangling.yaml");
        put_link(w, "denied.yaml", "denied", 1);
        assert_int_equal(chmod(secret, 0), 0);
        put_link(w, "large.yaml", "large", 1);
        assert_int_equal(truncate(large, MANIFEST_MAX + 1), 0);
        watch(w);
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "got a directory");
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "expected a regular file");
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "Too many levels of symbolic links");
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "No such file or directory");
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "expected at most 3145728 bytes");
        if (geteuid() != 0)
                assert_finding(&w->findings, FINDING_ERROR, 0, "", "Permission denied");
        assert_non_null(find_link(w, "default/a"));
        assert_null(find_link(w, "default/large"));
}

static void a_name_that_is_taken_is_reported_with_both_places(void **state)
{
        struct world *w = *state;

        put_link(w, "b.yaml", "same", 2);
        watch(w);
        assert_string_equal(spec_of(w, "default/same"), "{\"number\":2}");
        put_link(w, "a.yaml", "same", 1); /* sorts before */
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/same"), "{\"number\":1}");
        assert_finding(&w->findings, FINDING_ERROR, 3, "metadata.name", "/a.yaml:1");
        assert_non_null(strstr(w->findings.list[0].file, "/b.yaml"));
        drop(w, "a.yaml");
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/same"), "{\"number\":2}");
        assert_clean(&w->findings);
}

static void a_directory_that_goes_away_keeps_all_until_it_is_back(void **state)
{
        struct world *w = *state;
        auto_free char *away = xasprintf("%s.away", w->dir);

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        assert_int_equal(rename(w->dir, away), 0);
        wait_for(w, 1);
        assert_int_equal(w->last.n, 1);
        assert_finding(&w->findings, FINDING_ERROR, 0, "", "what it last held counts");

        assert_int_equal(mkdir(w->dir, 0755), 0);
        put_link(w, "a.yaml", "a", 2);
        wait_for(w, 1);
        assert_clean(&w->findings);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":2}");
        (void)nftw(away, remove_one, 8, FTW_DEPTH | FTW_PHYS);

        put_link(w, "a.yaml", "a", 3); /* the new one is watched */
        wait_for(w, 1);
        assert_string_equal(spec_of(w, "default/a"), "{\"number\":3}");
}

/* --- references */

static void a_changed_secret_makes_anew_only_who_refers_to_it(void **state)
{
        struct world *w = *state;

        put_secret(w, "s1.yaml", "s1", "one");
        put_secret(w, "s2.yaml", "s2", "one");
        put_referring(w, "a.yaml", "a", "s1");
        put_referring(w, "b.yaml", "b", "s2");
        put_link(w, "c.yaml", "c", 1);
        watch(w);
        assert_clean(&w->findings);
        struct link_spec *b = link_spec_ref(w->last.links[1]);
        struct link_spec *c = link_spec_ref(w->last.links[2]);

        put_secret(w, "s1.yaml", "s1", "two");
        wait_for(w, 1);
        const struct dl_reference *r = link_spec_reference(link_of(w, "default/a"), "r", "key");
        assert_non_null(r);
        assert_memory_equal(r->data, "two", 3);
        assert_ptr_equal(link_of(w, "default/b"), b);
        assert_ptr_equal(link_of(w, "default/c"), c);
        link_spec_unref(b);
        link_spec_unref(c);
}

static void a_missing_secret_is_an_error_of_the_link_until_it_comes(void **state)
{
        struct world *w = *state;

        put_referring(w, "a.yaml", "a", "s1");
        watch(w);
        assert_int_equal(w->last.n, 1);
        const struct link_spec *s = link_of(w, "default/a");
        assert_true(s->has_references);
        assert_string_equal(s->reference_error, "spec.references[0].secret.name: Secret "
                                                "'default/s1' does not exist");
        assert_finding(&w->findings, FINDING_ERROR, 7, "spec.references[0].secret.name",
                       "does not exist");

        put_secret(w, "s1.yaml", "s1", "one");
        wait_for(w, 1);
        assert_clean(&w->findings);
        assert_null(link_of(w, "default/a")->reference_error);

        drop(w, "s1.yaml");
        wait_for(w, 1);
        assert_non_null(link_of(w, "default/a")->reference_error);
        assert_int_equal(w->findings.errors, 1);
}

/* --- reading without watching */

static void files_and_folders_can_be_read_once(void **state)
{
        struct world *w = *state;
        auto_free char *a = xasprintf("%s/a.yaml", w->dir);
        auto_free char *dir = xasprintf("%s/sub/", w->dir);
        auto_free char *odd = xasprintf("%s/sub/odd.txt", w->dir);
        auto_free char *none = xasprintf("%s/none.yaml", w->dir);
        struct desired d = { 0 };
        struct findings f = { 0 };

        put_referring(w, "a.yaml", "a", "s1");
        make_dir(w, "sub");
        put_secret(w, "sub/s.yaml", "s1", "one");
        put_link(w, "sub/odd.txt", "odd", 1);
        const char *paths[] = { a, dir, odd };
        assert_int_equal(folder_read(paths, 3, NULL, "h", &d, &f), 0);
        assert_clean(&f);
        assert_int_equal(d.n, 2);
        assert_null(d.links[0]->reference_error);
        assert_string_equal(d.links[1]->file, odd);
        desired_done(&d);

        const char *missing[] = { a, dir, none };
        assert_int_equal(folder_read(missing, 3, NULL, "h", &d, &f), DL_CONFIG);
        assert_int_equal(d.n, 1);
        assert_finding(&f, FINDING_ERROR, 0, "", "No such file or directory");
        assert_string_equal(f.list[0].file, none);
        desired_done(&d);
        findings_done(&f);
}

static void a_watched_folder_keeps_no_trees_but_they_can_be_had(void **state)
{
        struct world *w = *state;
        auto_of(arena) struct arena *a = arena_new();
        auto_free char *path = xasprintf("%s/a.yaml", w->dir);
        const char *paths[] = { path };
        struct desired d = { 0 };
        struct findings f = { 0 };

        put_link(w, "a.yaml", "a", 1);
        watch(w);
        assert_null(link_of(w, "default/a")->spec);
        assert_int_equal(link_spec_line(link_of(w, "default/a"), "number"), 0);
        const struct tree *t = link_spec_tree(link_of(w, "default/a"), a);
        assert_int_equal(tree_get(t, "number")->as.i, 1);

        /* To be read once is to be checked, for which lines matter. */
        assert_int_equal(folder_read(paths, 1, NULL, "host-1", &d, &f), 0);
        assert_true(tree_equal(link_spec_tree(d.links[0], a), t));
        assert_int_equal(link_spec_line(d.links[0], "number"), 7);
        assert_true(link_spec_equal(d.links[0], link_of(w, "default/a")));
        desired_done(&d);
        findings_done(&f);
}

static void a_thousand_links_are_read_and_one_change_is_one(void **state)
{
        struct world *w = *state;

        for (int i = 0; i < 1000; i++) {
                auto_free char *file = xasprintf("l%d.yaml", i);
                auto_free char *name = xasprintf("l%d", i);

                put_link(w, file, name, i);
        }
        watch(w);
        assert_int_equal(w->last.n, 1000);
        struct desired before = { 0 };
        for (size_t i = 0; i < w->last.n; i++)
                assert_int_equal(desired_add(&before, link_spec_ref(w->last.links[i]), NULL), 0);
        put_link(w, "l500.yaml", "l500", -1);
        wait_for(w, 1);
        size_t other = 0;
        for (size_t i = 0; i < w->last.n; i++)
                other += before.links[i] != w->last.links[i];
        assert_int_equal(other, 1);
        desired_done(&before);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_A_FOLDER(the_whole_set_is_there_before_open_returns),
                IN_A_FOLDER(a_folder_that_is_not_there_is_an_error),
                IN_A_FOLDER(links_of_other_nodes_are_left_alone),
                IN_A_FOLDER(a_changed_file_changes_its_links_only),
                IN_A_FOLDER(what_means_the_same_is_no_change),
                IN_A_FOLDER(a_new_file_adds_and_a_deleted_one_removes),
                IN_A_FOLDER(vim_saves_by_renaming_the_old_and_writing_a_new_file),
                IN_A_FOLDER(nano_writes_into_the_file),
                IN_A_FOLDER(sed_i_renames_a_new_file_over_the_old),
                IN_A_FOLDER(a_change_of_equal_size_and_time_is_seen),
                IN_A_FOLDER(a_file_from_a_far_century_is_read_and_followed),
                IN_A_FOLDER(a_mounted_config_map_is_swapped_as_a_whole),
                IN_A_FOLDER(a_file_that_is_being_written_is_not_read_half),
                IN_A_FOLDER(what_never_comes_to_rest_is_read_all_the_same),
                IN_A_FOLDER(a_broken_file_keeps_its_last_good_state_and_is_told_once),
                IN_A_FOLDER(of_a_file_that_was_never_good_what_is_right_counts),
                IN_A_FOLDER(what_is_no_readable_file_is_reported_and_blocks_nobody),
                IN_A_FOLDER(a_name_that_is_taken_is_reported_with_both_places),
                IN_A_FOLDER(a_directory_that_goes_away_keeps_all_until_it_is_back),
                IN_A_FOLDER(a_changed_secret_makes_anew_only_who_refers_to_it),
                IN_A_FOLDER(a_missing_secret_is_an_error_of_the_link_until_it_comes),
                IN_A_FOLDER(files_and_folders_can_be_read_once),
                IN_A_FOLDER(a_watched_folder_keeps_no_trees_but_they_can_be_had),
                IN_A_FOLDER(a_thousand_links_are_read_and_one_change_is_one),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
