/* A plugin that is missing, broken, of a wrong version or doubled is named and harms nobody else.
 */

#include "rig.h"

#include <sys/stat.h>
#include <unistd.h>

#define PLUGINS TEST_BUILD "/tests/plugins"

static struct adaptors *loaded;
static struct findings found;

static int load_all(void **state)
{
        (void)state;
        loaded = adaptors_load(PLUGINS ":" FAKES, &found);
        return 0;
}

static int unload(void **state)
{
        (void)state;
        adaptors_free(loaded);
        findings_done(&found);
        return 0;
}

static const char *said_of(const char *file)
{
        for (size_t i = 0; i < found.n; i++) {
                const char *name = strrchr(found.list[i].file, '/');

                if (name && strcmp(name + 1, file) == 0)
                        return found.list[i].text;
        }
        return "";
}

static void each_broken_plugin_is_refused_with_its_reason(void **state)
{
        static const char *const rows[][2] = {
                { "missing_slots.so", "adaptors.example.com/missing-slots' has no compile()" },
                { "no_interrupt.so", "is blocking but has no interrupt()" },
                { "no_kinds.so", "lists no kinds" },
                { "no_model.so", "has neither read() nor begin_read()" },
                { "no_name.so", "no name" },
                { "null_table.so", "too old" },
                { "size_zero.so", "expected at least" },
                { "two_models.so", "expected one" },
                { "undefined.so", "cannot be loaded" },
                { "wrong_symbol.so", "does not export dl_adaptor_v1()" },
                { "not_a_library.so", "cannot be loaded" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (!strstr(said_of(rows[i][0]), rows[i][1]))
                        fail_msg("%s: '%s' does not say '%s'", rows[i][0], said_of(rows[i][0]),
                                 rows[i][1]);
        }
}

static void the_first_of_a_name_wins(void **state)
{
        (void)state;
        assert_string_equal(said_of("twin_a.so"), "");
        assert_non_null(strstr(said_of("twin_b.so"), "twin_a.so has that name already"));
}

static void good_ones_are_there_beside_the_broken(void **state)
{
        (void)state;
        assert_non_null(adaptors_find(loaded, EVENT, ""));
        assert_non_null(adaptors_find(loaded, BLOCKING, ""));
        assert_non_null(adaptors_find(loaded, "adaptors.example.com/short-table", ""));
        assert_null(adaptors_find(loaded, "nobody", "EventDevice"));
        assert_ptr_equal(adaptors_find(loaded, "", "EventDevice"),
                         adaptors_find(loaded, EVENT, ""));
        assert_null(adaptors_find(loaded, "", "NoSuchKind"));
}

static void a_short_table_is_completed(void **state)
{
        const struct dl_adaptor *a = adaptors_find(loaded, "adaptors.example.com/short-table", "");
        struct dl_error e = { .path = "" };

        (void)state;
        assert_int_equal(a->size, sizeof(*a));
        assert_null(a->status);
        assert_int_equal(a->check(NULL, 0, NULL, &e), DL_OK);
        assert_int_equal(a->update(NULL, NULL, &e), DL_CONFIG);
        assert_int_equal(a->write(NULL, NULL, 0, &e), DL_REFUSED);
        assert_string_equal(e.text, "the adaptor cannot write");
}

static void a_directory_that_is_missing_is_named(void **state)
{
        struct findings f = { 0 };
        struct adaptors *a = adaptors_load("/does/not/exist:" FAKES, &f);

        (void)state;
        assert_int_equal(f.errors, 1);
        assert_string_equal(f.list[0].file, "/does/not/exist");
        assert_int_equal(adaptors_count(a), 2);
        adaptors_free(a);
        findings_done(&f);
}

static void a_fifo_is_not_waited_for(void **state)
{
        char dir[] = "/tmp/test-adaptors-XXXXXX";
        struct findings f = { 0 };

        (void)state;
        assert_non_null(mkdtemp(dir));
        auto_free char *path = xasprintf("%s/fifo.so", dir);
        assert_int_equal(mkfifo(path, 0600), 0);
        struct adaptors *a = adaptors_load(dir, &f);
        assert_int_equal(adaptors_count(a), 0);
        assert_int_equal(f.errors, 1);
        assert_non_null(strstr(f.list[0].text, "expected a regular file"));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
        adaptors_free(a);
        findings_done(&f);
}

static void no_directory_at_all_is_no_adaptor(void **state)
{
        struct findings f = { 0 };
        struct adaptors *a = adaptors_load("", &f);

        (void)state;
        assert_int_equal(adaptors_count(a), 0);
        assert_int_equal(f.n, 0);
        adaptors_free(a);
        adaptors_free(NULL);
}

static int compile_kind(const char *kind, struct findings *f, struct err *e)
{
        const struct dl_adaptor *a = adaptors_find(loaded, "adaptors.example.com/bad-info", "");
        struct link_spec *s = link_of("x", EVENT, "{}");
        struct device *d = NULL;

        assert_non_null(a);
        s->kind = kind;
        int rc = device_compile(a, s, f, &d, e);
        device_unref(d);
        link_spec_unref(s);
        return rc;
}

static void a_plugin_whose_info_breaks_the_contract_makes_no_device(void **state)
{
        static const char *const kinds[] = { "NoDevice",    "UnknownResult", "PositiveResult",
                                             "NoInfo",      "NoChannel",     "NoConnection",
                                             "NoPointName", "SameNames",     "BrokenMembers",
                                             "NoPoints",    "TooManyPoints", "SmallInfo",
                                             "SmallPoint" };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct findings f = { 0 };

                if (compile_kind(kinds[i], &f, &e) != DL_BUG)
                        fail_msg("%s was taken", kinds[i]);
                assert_int_equal(f.errors, 1);
                findings_done(&f);
        }
        assert_int_equal(compile_kind("Good", NULL, &e), 0);
}

static void a_kind_the_adaptor_does_not_drive_is_refused(void **state)
{
        struct findings f = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(compile_kind("Unlisted", &f, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "Unlisted"));
        assert_int_equal(f.errors, 1);
        findings_done(&f);
}

static void findings_have_the_path_and_line_of_the_document(void **state)
{
        static const char yaml[] = "kind: X\n"
                                   "spec:\n"
                                   "  template:\n"
                                   "    spec:\n"
                                   "      points:\n"
                                   "      - name: a\n"
                                   "      - name: b\n"
                                   "        wrong: 1\n";
        struct arena *arena = arena_new();
        struct findings f = { 0 };
        struct err e = { 0 };
        const struct tree *documents = NULL;
        struct device *d = NULL;

        (void)state;
        assert_int_equal(tree_parse_yaml(arena, yaml, sizeof(yaml) - 1, &tree_limits_default, &f,
                                         &documents, &e),
                         0);
        struct link_spec *s = link_of("x", EVENT, "{}");
        s->spec = tree_find(tree_at(documents, 0), "spec.template.spec");
        s->spec_json = NULL; /* made when it is not there */
        s->file = "a.yaml";
        assert_int_equal(device_compile(adaptors_find(loaded, EVENT, ""), s, &f, &d, &e),
                         DL_CONFIG);
        assert_int_equal(f.n, 1);
        assert_string_equal(f.list[0].path, "spec.template.spec.points[1].wrong");
        assert_string_equal(f.list[0].file, "a.yaml");
        assert_int_equal(f.list[0].line, 8);
        assert_string_equal(e.path, "points[1].wrong");
        findings_done(&f);
        link_spec_unref(s);
        arena_free(arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_broken_plugin_is_refused_with_its_reason),
                cmocka_unit_test(the_first_of_a_name_wins),
                cmocka_unit_test(good_ones_are_there_beside_the_broken),
                cmocka_unit_test(a_short_table_is_completed),
                cmocka_unit_test(a_directory_that_is_missing_is_named),
                cmocka_unit_test(no_directory_at_all_is_no_adaptor),
                cmocka_unit_test(a_fifo_is_not_waited_for),
                cmocka_unit_test(a_plugin_whose_info_breaks_the_contract_makes_no_device),
                cmocka_unit_test(a_kind_the_adaptor_does_not_drive_is_refused),
                cmocka_unit_test(findings_have_the_path_and_line_of_the_document),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, load_all, unload);
}
