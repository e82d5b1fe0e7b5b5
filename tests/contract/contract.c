/* contract.c - one suite that every plugin must pass.
 *
 * usage: contract PLUGIN.so KIND SPEC.json [--device none|file|modbus] [--changed SPEC.json]
 *
 * In the spec, @DEVICE@ becomes the address of the device (which the suite runs, well and ill) and
 * @LOCALHOST@ the same by name.  Exits 0 when all promises are kept. */
#include "contract/contract.h"
#include "loop/worker.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

struct subject subject;

static int threads_before;
static int descriptors_before;

static int count_entries(const char *dir)
{
        DIR *d = opendir(dir);
        int n = 0;

        while (d && readdir(d))
                n++;
        if (d)
                (void)closedir(d);
        return n;
}

void nap_ms(long ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        (void)nanosleep(&t, NULL);
}

int test_begin(void **state)
{
        (void)state;
        rig_set(subject.rig, RIG_HEALTHY);
        threads_before = count_entries("/proc/self/task");
        descriptors_before = count_entries("/proc/self/fd");
        host_up();
        return 0;
}

/* A joined thread may stay in /proc for a moment. */
static void threads_as_before(void)
{
        for (int i = 0; i < 200 && count_entries("/proc/self/task") != threads_before; i++)
                nap_ms(10);
        assert_int_equal(count_entries("/proc/self/task"), threads_before);
}

int test_end(void **state)
{
        (void)state;
        host_down();
        assert_string_equal(host_violations(), "");
        threads_as_before();
        assert_int_equal(count_entries("/proc/self/fd"), descriptors_before);
        return 0;
}

struct dl_device *device_of(const char *spec)
{
        struct dl_device *d = NULL;
        struct dl_error e;
        struct reports r;

        if (host_compile(subject.kind, spec, strlen(spec), &d, &e, &r) < 0)
                fail_msg("the spec does not compile: %s: %s", e.path, e.text);
        assert_int_equal(r.errors, 0);
        return d;
}

struct dl_device *device_new(void)
{
        return device_of(subject.spec);
}

void device_end(struct dl_device *d)
{
        subject.adaptor->discard(d);
}

struct seat *seat_of(const struct dl_device *d)
{
        struct dl_error e;
        int rc;
        struct seat *s = seat_open(d, &rc, &e);

        if (!s)
                fail_msg("open() gives %d: %s", rc, e.text);
        return s;
}

void rig_must(enum rig_mode mode)
{
        if (!rig_can(subject.rig, mode))
                skip();
        rig_set(subject.rig, mode);
}

void reads_again(struct seat *s)
{
        int rc = DL_BUG;

        for (int i = 0; i < 20 && rc < 0; i++) {
                seat_forget(s);
                rc = seat_read(s);
                if (rc < 0)
                        nap_ms(20);
        }
        if (rc < 0)
                fail_msg("the link does not come back: %s", seat_error(s));
}

void all_points_good(struct seat *s, const struct dl_device *d)
{
        size_t n = subject.adaptor->describe(d)->n_points;

        for (uint32_t i = 0; i < n; i++) {
                const struct point_record *p = seat_point(s, i);

                assert_true(p->samples > 0);
                assert_int_equal(p->quality, DL_GOOD);
        }
}

static bool is_json_object(const char *members)
{
        char *text = xasprintf("{%s}", members);
        enum json_tokener_error error;
        json_object *o = json_tokener_parse_verbose(text, &error);
        bool ok = error == json_tokener_success && json_object_is_type(o, json_type_object);

        (void)json_object_put(o);
        free(text);
        return ok;
}

static void point_is_sane(const struct dl_info *info, size_t i)
{
        const struct dl_point *p = &info->points[i];

        assert_int_equal(p->size, sizeof(*p));
        assert_in_range(p->type, DL_NONE, DL_ARRAY);
        assert_int_not_equal(p->access, 0);
        assert_int_equal(p->access & ~(unsigned)(DL_READ | DL_WRITE | DL_PUSH), 0);
        assert_in_range(p->encoding, DL_AS_TEXT, DL_AS_JSON);
        assert_non_null(p->name);
        assert_non_null(p->members);
        assert_true(is_json_object(p->members));
        assert_true(p->interval_ns >= 0);
        if (p->desired.type != DL_NONE)
                assert_true(p->access & DL_WRITE);
        for (size_t k = 0; k < i && info->n_points < 1000; k++)
                assert_string_not_equal(info->points[k].name, p->name);
}

void describe_is_sane(const struct dl_device *d)
{
        const struct dl_info *info = subject.adaptor->describe(d);

        assert_non_null(info);
        assert_ptr_equal(subject.adaptor->describe(d), info);
        assert_int_equal(info->size, sizeof(*info));
        assert_in_range(info->layout, DL_LAYOUT_PROPERTIES, DL_LAYOUT_FLAT);
        assert_non_null(info->channel);
        assert_non_null(info->connection);
        assert_true(info->n_points <= 65535);
        assert_true(info->n_points == 0 || info->points);
        assert_true(info->interval_ns >= 0);
        assert_true(info->timeout_ns > 0);
        for (size_t i = 0; i < info->n_points; i++)
                point_is_sane(info, i);
}

/* --- the command line */

static char *replaced(char *text, const char *mark, const char *with)
{
        char *at = strstr(text, mark);

        if (!at)
                return text;
        char *whole = xasprintf("%.*s%s%s", (int)(at - text), text, with, at + strlen(mark));
        free(text);
        return replaced(whole, mark, with);
}

static char *load_spec(const char *path)
{
        FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t room = 0;

        if (!f || getdelim(&text, &room, '\0', f) < 0) {
                perror(path);
                exit(2);
        }
        (void)fclose(f);
        const char *address = rig_address(subject.rig);
        const char *port = strrchr(address, ':');
        char *by_name = xasprintf("localhost%s", port ? port : "");
        text = replaced(text, "@DEVICE@", address);
        text = replaced(text, "@LOCALHOST@", by_name);
        free(by_name);
        return text;
}

static const struct rig_kind *rig_named(const char *name)
{
        static const struct rig_kind *const all[] = { &rig_none, &rig_file, &rig_modbus };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (strcmp(all[i]->name, name) == 0)
                        return all[i];
        (void)fprintf(stderr, "contract: no device '%s'\n", name);
        exit(2);
}

static _Noreturn void usage(void)
{
        (void)fprintf(stderr, "usage: contract PLUGIN.so KIND SPEC.json [--device none|file|modbus]"
                              " [--changed SPEC.json]\n");
        exit(2);
}

int main(int argc, char **argv)
{
        const struct rig_kind *kind = &rig_none;
        const char *changed = NULL;

        if (argc < 4)
                usage();
        for (int i = 4; i < argc; i += 2) {
                if (i + 1 == argc)
                        usage();
                if (strcmp(argv[i], "--device") == 0)
                        kind = rig_named(argv[i + 1]);
                else if (strcmp(argv[i], "--changed") == 0)
                        changed = argv[i + 1];
                else
                        usage();
        }
        subject.rig = rig_start(kind);
        subject.kind = argv[2];
        subject.spec = load_spec(argv[3]);
        subject.changed = changed ? load_spec(changed) : NULL;
        subject.adaptor = host_load(argv[1]);
        loop_thread_stop(loop_thread_start("warm")); /* what libraries make once is not counted */

        int failed = run_life() + run_trouble() + run_specs();

        rig_stop(subject.rig);
        free(subject.spec);
        free(subject.changed);
        return failed != 0;
}
