/* `devicelink validate` names every mistake by file, line, path and expectation, and says nothing
 * of what is right. */
/* libs: dl_base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PROGRAM TEST_BUILD "/devicelink"
#define WRONG TEST_DATA "/wrong"
#define GOOD TEST_DATA "/good"

enum { OUTPUT_MAX = 1 << 20 };

struct run {
        char dir[64];
        int code;
        char *out;
        char *err;
};

static char *content_of(const char *path)
{
        struct buf b = BUF(OUTPUT_MAX);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        char chunk[4096];

        assert_true(fd >= 0);
        for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
                buf_add(&b, chunk, (size_t)n);
        assert_true(buf_ok(&b));
        return buf_take(&b, NULL);
}

static void run_done(struct run *r)
{
        free(r->out);
        free(r->err);
        r->out = NULL;
        r->err = NULL;
}

/* args: after "validate", up to NULL. */
static void validate(struct run *r, const char *input, const char *const args[])
{
        const char *argv[16] = { PROGRAM, "validate" };
        auto_free char *out = xasprintf("%s/out", r->dir);
        auto_free char *err = xasprintf("%s/err", r->dir);
        posix_spawn_file_actions_t files;
        int status = 0;
        pid_t pid = 0;

        for (size_t i = 0; args[i]; i++) {
                assert_in_range(i, 0, 12);
                argv[i + 2] = args[i];
        }
        run_done(r);
        assert_int_equal(posix_spawn_file_actions_init(&files), 0);
        (void)posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0);
        (void)posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        (void)posix_spawn_file_actions_addopen(&files, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(
                posix_spawn(&pid, PROGRAM, &files, NULL, (char *const *)(uintptr_t)argv, environ),
                0);
        (void)posix_spawn_file_actions_destroy(&files);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        r->out = content_of(out);
        r->err = content_of(err);
        if (!WIFEXITED(status))
                fail_msg("ended by signal %d: %s", WTERMSIG(status), r->err);
        r->code = WEXITSTATUS(status);
}

#define VALIDATE(r, ...) validate((r), "/dev/null", (const char *const[]){ __VA_ARGS__, NULL })

static void assert_run(const struct run *r, int code)
{
        if (r->code != code)
                fail_msg("exit code %d instead of %d\n%s%s", r->code, code, r->out, r->err);
}

static void assert_says(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("'%s' is not in:\n%s", part, text);
}

static int setup(void **state)
{
        struct run *r = xcalloc(1, sizeof(*r));

        (void)snprintf(r->dir, sizeof(r->dir), "/tmp/devicelink-validate-XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        *state = r;
        return 0;
}

static int teardown(void **state)
{
        static const char *const names[] = { "out", "err", "a.yaml", "b.yaml" };
        struct run *r = *state;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                auto_free char *path = xasprintf("%s/%s", r->dir, names[i]);
                (void)unlink(path);
        }
        (void)rmdir(r->dir);
        run_done(r);
        free(r);
        return 0;
}

/* --- what a wrong manifest's first line says: "# expect: LINE PATH | text fragment" */

struct expectation {
        char *file;
        int64_t line;
        char *path; /* "" = the document */
        char *text;
};

static struct expectation expectation_of(const char *name)
{
        static const char head[] = "# expect: ";
        struct expectation x = { .file = xasprintf("%s/%s", WRONG, name) };
        auto_free char *text = content_of(x.file);
        const char *s = text + strlen(head);
        size_t digits = strspn(s, "0123456789");
        const char *bar = strstr(s, " | ");

        assert_memory_equal(text, head, strlen(head));
        assert_non_null(bar);
        assert_int_equal(text_parse_int(s, digits, 1, 1000, &x.line, NULL), 0);
        s += digits + 1;
        x.path = xasprintf("%.*s", (int)(bar - s), s);
        if (strcmp(x.path, "-") == 0)
                x.path[0] = '\0';
        x.text = xasprintf("%.*s", (int)strcspn(bar + 3, "\n"), bar + 3);
        assert_true(x.text[0] != '\0');
        return x;
}

static void expectation_done(struct expectation *x)
{
        free(x->file);
        free(x->path);
        free(x->text);
}

/* The line of the output that fulfils it. */
static void assert_fulfilled(const struct expectation *x, const char *out)
{
        auto_free char *start = xasprintf("%s:%lld: error: %s%s", x->file, (long long)x->line,
                                          x->path, x->path[0] ? ": " : "");
        const char *at = strstr(out, start);

        for (; at; at = strstr(at + 1, start)) {
                auto_free char *line = xasprintf("%.*s", (int)strcspn(at, "\n"), at);
                if (strstr(line, x->text))
                        return;
        }
        fail_msg("expected '%s...%s' in:\n%s", start, x->text, out);
}

static size_t count(const char *out, const char *part)
{
        size_t n = 0;

        for (const char *at = out; (at = strstr(at, part)); at++)
                n++;
        return n;
}

/* Calls each() for every wrong manifest; returns how many there are. */
static size_t for_each_wrong(void (*each)(struct run *, const struct expectation *), struct run *r)
{
        DIR *d = opendir(WRONG);
        size_t n = 0;

        assert_non_null(d);
        for (const struct dirent *entry; (entry = readdir(d));) {
                if (!strstr(entry->d_name, ".yaml"))
                        continue;
                struct expectation x = expectation_of(entry->d_name);
                each(r, &x);
                expectation_done(&x);
                n++;
        }
        (void)closedir(d);
        return n;
}

static void check_alone(struct run *r, const struct expectation *x)
{
        VALIDATE(r, x->file);
        assert_run(r, 1);
        assert_fulfilled(x, r->out);
        if (count(r->out, ": error: ") != 1)
                fail_msg("one mistake, other errors:\n%s", r->out);
}

static void every_wrong_manifest_is_named_with_line_path_and_expectation(void **state)
{
        assert_in_range(for_each_wrong(check_alone, *state), 40, 1000);
}

static void check_in_folder(struct run *r, const struct expectation *x)
{
        assert_fulfilled(x, r->out);
}

static void in_a_folder_of_wrong_manifests_none_hides_another(void **state)
{
        struct run *r = *state;

        VALIDATE(r, WRONG);
        assert_run(r, 1);
        size_t n = for_each_wrong(check_in_folder, r);
        assert_int_equal(count(r->out, ": error: "), n);
        assert_string_equal(r->err, "");
}

static void of_good_manifests_nothing_is_said(void **state)
{
        struct run *r = *state;

        VALIDATE(r, GOOD);
        assert_run(r, 0);
        assert_string_equal(r->out, "8 devices, 0 errors, 0 warnings\n");
        assert_string_equal(r->err, "");
}

static void only_links_of_the_node_are_looked_at_when_one_is_named(void **state)
{
        struct run *r = *state;

        VALIDATE(r, "--node-name", "somewhere-else", GOOD);
        assert_run(r, 0);
        assert_string_equal(r->out, "3 devices, 0 errors, 0 warnings\n"); /* given directly */
        VALIDATE(r, "--node-name", "edge-worker", GOOD);
        assert_run(r, 0);
        assert_string_equal(r->out, "8 devices, 0 errors, 0 warnings\n");
}

/* --- forms of output */

static void json_has_the_same_findings(void **state)
{
        struct run *r = *state;
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *all = NULL;
        struct err e = { 0 };

        VALIDATE(r, "--format", "json", WRONG "/20-name-missing.yaml", GOOD);
        assert_run(r, 1);
        if (tree_parse_json(a, r->out, strlen(r->out), &tree_limits_default, &all, &e) < 0)
                fail_msg("%s:\n%s", e.text, r->out);
        assert_int_equal(all->type, TREE_LIST);
        assert_int_equal(all->n, 1);
        const struct tree *one = tree_at(all, 0);
        struct expectation x = expectation_of("20-name-missing.yaml");
        assert_string_equal(tree_text(tree_get(one, "file")), x.file);
        assert_int_equal(tree_get(one, "line")->as.i, x.line);
        assert_string_equal(tree_text(tree_get(one, "severity")), "error");
        assert_string_equal(tree_text(tree_get(one, "path")), x.path);
        assert_non_null(strstr(tree_text(tree_get(one, "text")), x.text));
        expectation_done(&x);

        VALIDATE(r, "--format=json", GOOD);
        assert_run(r, 0);
        assert_string_equal(r->out, "[]\n");
}

static void put(const struct run *r, const char *name, const char *text)
{
        auto_free char *path = xasprintf("%s/%s", r->dir, name);
        auto_fclose FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
}

static void a_warning_is_shown_and_is_no_failure(void **state)
{
        struct run *r = *state;
        auto_free char *path = xasprintf("%s/a.yaml", r->dir);
        auto_free char *line =
                xasprintf("%s:5: warning: spec.protocol.lokation: unknown field", path);

        put(r, "a.yaml",
            "apiVersion: devices.edge.cattle.io/v1alpha1\n"
            "kind: DummySpecialDevice\n"
            "metadata: {name: fan}\n"
            "spec:\n"
            "  protocol: {location: here, lokation: there}\n"
            "  'on': true\n");
        VALIDATE(r, path);
        assert_run(r, 0);
        assert_says(r->out, line);
        assert_says(r->out, "1 device, 0 errors, 1 warning\n");
}

static void a_manifest_cannot_talk_to_the_terminal(void **state)
{
        struct run *r = *state;
        auto_free char *path = xasprintf("%s/a.yaml", r->dir);

        put(r, "a.yaml", "{apiVersion: v1, kind: \"\\e[31mSecret\"}\n");
        VALIDATE(r, path);
        assert_null(strchr(r->out, '\x1b'));
        assert_says(r->out, "\\x1b[31mSecret");
}

static void secrets_are_not_shown(void **state)
{
        struct run *r = *state;
        auto_free char *path = xasprintf("%s/a.yaml", r->dir);

        put(r, "a.yaml",
            "apiVersion: v1\n"
            "kind: Secret\n"
            "metadata: {name: s}\n"
            "data: {a: hunter2, b: [hunter2], c: {hunter2: 1}}\n"
            "stringData: {d: 424242, e: [hunter2]}\n");
        VALIDATE(r, path);
        assert_run(r, 1);
        assert_int_equal(count(r->out, ": error: "), 5);
        assert_null(strstr(r->out, "hunter2"));
        assert_null(strstr(r->out, "424242"));
}

/* --- where manifests come from */

static void the_standard_input_is_a_file_like_any_other(void **state)
{
        struct run *r = *state;
        static const char *const args[] = { "-", NULL };

        validate(r, GOOD "/list.json", args);
        assert_run(r, 0);
        assert_says(r->out, "1 device, 0 errors");
        validate(r, WRONG "/20-name-missing.yaml", args);
        assert_run(r, 1);
        assert_says(r->out, "<stdin>:5: error: metadata.name: required");
}

static void references_are_looked_up_in_all_that_is_given(void **state)
{
        struct run *r = *state;
        auto_free char *a = xasprintf("%s/a.yaml", r->dir);
        auto_free char *b = xasprintf("%s/b.yaml", r->dir);

        put(r, "a.yaml",
            "apiVersion: edge.cattle.io/v1alpha1\n"
            "kind: DeviceLink\n"
            "metadata: {name: fan}\n"
            "spec:\n"
            "  adaptor: {node: edge-1, name: adaptors.edge.cattle.io/dummy}\n"
            "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: DummySpecialDevice}\n"
            "  references: [{name: x, secret: {name: s}}]\n"
            "  template: {spec: {protocol: {location: here}, 'on': true}}\n");
        put(r, "b.yaml", "{apiVersion: v1, kind: Secret, metadata: {name: s}}\n");
        VALIDATE(r, a);
        assert_run(r, 1);
        assert_says(r->out,
                    ":7: error: spec.references[0].secret.name: Secret 'default/s' does not");
        VALIDATE(r, a, b);
        assert_run(r, 0);
        VALIDATE(r, r->dir);
        assert_run(r, 0);
}

/* --- usage */

static void wrong_usage_has_its_own_exit_code(void **state)
{
        struct run *r = *state;
        static const char *const none[] = { NULL };

        validate(r, "/dev/null", none);
        assert_run(r, 2);
        assert_says(r->err, "a FILE, a DIR or - is missing");
        VALIDATE(r, "--no-such-option", GOOD);
        assert_run(r, 2);
        VALIDATE(r, "--format", "xml", GOOD);
        assert_run(r, 2);
        assert_says(r->err, "expected text or json, got 'xml'");
        VALIDATE(r, "--node-name", "", GOOD);
        assert_run(r, 2);
        VALIDATE(r, "--adaptors", "/nonexistent", GOOD);
        assert_run(r, 2);
        assert_says(r->err, "'/nonexistent': No such file or directory");
        VALIDATE(r, GOOD, "/nonexistent.yaml");
        assert_run(r, 2);
        assert_says(r->out, "/nonexistent.yaml: error: open: No such file or directory");
}

static void help_is_on_the_standard_output(void **state)
{
        struct run *r = *state;

        VALIDATE(r, "--help");
        assert_run(r, 0);
        assert_says(r->out, "usage: devicelink validate");
        assert_says(r->out, "--format");
        assert_says(r->out, "--adaptors");
        assert_says(r->out, "--node-name");
        assert_string_equal(r->err, "");
}

#define RUNNING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                RUNNING(every_wrong_manifest_is_named_with_line_path_and_expectation),
                RUNNING(in_a_folder_of_wrong_manifests_none_hides_another),
                RUNNING(of_good_manifests_nothing_is_said),
                RUNNING(only_links_of_the_node_are_looked_at_when_one_is_named),
                RUNNING(json_has_the_same_findings),
                RUNNING(a_warning_is_shown_and_is_no_failure),
                RUNNING(a_manifest_cannot_talk_to_the_terminal),
                RUNNING(secrets_are_not_shown),
                RUNNING(the_standard_input_is_a_file_like_any_other),
                RUNNING(references_are_looked_up_in_all_that_is_given),
                RUNNING(wrong_usage_has_its_own_exit_code),
                RUNNING(help_is_on_the_standard_output),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
