/* specs.c - wrong specs: refused with a path, never a crash. */
#include "contract/contract.h"

#include "contract/mutate.h"

#include <stdio.h>

enum { MUTATIONS = 1000 };

static int compile(const char *spec, size_t len, struct dl_device **ret, struct dl_error *e,
                   struct reports *r)
{
        int rc = host_compile(subject.kind, spec, len, ret, e, r);

        if (rc != DL_OK && rc != DL_CONFIG)
                fail_msg("compile() gives %d for %.200s", rc, spec);
        if (rc == DL_CONFIG && !e->text[0])
                fail_msg("no error text for %.200s", spec);
        return rc;
}

static void nonsense_is_refused(void **state)
{
        static const char *const texts[] = { "",      " ",    "{",         "}",       "[]",
                                             "null",  "true", "7",         "\"x\"",   "{\"\":}",
                                             "{}{}x", "{1}",  "\xff\xfe{", "{\"a\":", "\x01" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct dl_device *d;
                struct dl_error e;
                struct reports r;

                assert_int_equal(compile(texts[i], strlen(texts[i]), &d, &e, &r), DL_CONFIG);
        }
}

static void an_empty_spec_is_refused_with_the_path_of_what_is_missing(void **state)
{
        struct dl_device *d;
        struct dl_error e;
        struct reports r;

        (void)state;
        assert_int_equal(compile("{}", 2, &d, &e, &r), DL_CONFIG);
        assert_true(e.path[0]);
        assert_true(r.errors > 0);
        assert_true(r.first_path[0]);
}

static void deep_and_large_specs_are_survived(void **state)
{
        auto_of(buf) struct buf spec = BUF(8 << 20);
        struct dl_device *d;
        struct dl_error e;
        struct reports r;

        (void)state;
        for (int i = 0; i < 100000; i++)
                buf_adds(&spec, "{\"a\":[");
        assert_int_equal(compile(buf_text(&spec), spec.len, &d, &e, &r), DL_CONFIG);
        buf_clear(&spec);
        buf_adds(&spec, "{\"a\":\"");
        for (int i = 0; i < 1 << 20; i++)
                buf_addc(&spec, 'x');
        buf_adds(&spec, "\"}");
        assert_int_equal(compile(buf_text(&spec), spec.len, &d, &e, &r), DL_CONFIG);
}

static bool related(const char *a, const char *b)
{
        size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

        return n > 0 && strncmp(a, b, n) == 0;
}

/* Whether one of the reported paths is the place, above it or below. */
static bool names_the_place(const char *paths, const char *place)
{
        auto_free char *copy = xstrdup(paths);
        char *rest = copy;

        for (char *one; (one = strsep(&rest, "\n"));)
                if (related(one, place))
                        return true;
        return false;
}

static void what_has_a_wrong_type_is_named(void **state)
{
        auto_of(buf) struct buf spec = BUF(1 << 20);
        auto_of(buf) struct buf place = BUF(1024);
        size_t refused = 0;

        (void)state;
        for (size_t i = 0; mutate_type(subject.spec, i, &spec, &place); i++) {
                struct dl_device *d;
                struct dl_error e;
                struct reports r;

                if (compile(buf_text(&spec), spec.len, &d, &e, &r) == DL_OK) {
                        device_end(d);
                        continue;
                }
                refused++;
                if (!names_the_place(r.paths, buf_text(&place)))
                        fail_msg("wrong at %s, reported: %s", buf_text(&place), r.paths);
                if (!names_the_place(r.paths, e.path) || !e.path[0])
                        fail_msg("the error's path '%s' is not among the reported", e.path);
        }
        assert_true(refused > 0);
}

static void a_thousand_mutated_specs_are_survived(void **state)
{
        auto_of(buf) struct buf spec = BUF(1 << 20);
        struct dl_device *now = device_new();
        struct seat *s = seat_of(now);
        unsigned accepted = 0;

        (void)state;
        for (unsigned seed = 0; seed < MUTATIONS; seed++) {
                struct dl_device *d;
                struct dl_error e;
                struct reports r;

                mutate(subject.spec, seed, &spec);
                if (compile(buf_text(&spec), spec.len, &d, &e, &r) == DL_CONFIG)
                        continue;
                accepted++;
                describe_is_sane(d);
                const struct dl_info *a = subject.adaptor->describe(now);
                const struct dl_info *b = subject.adaptor->describe(d);
                bool same = strcmp(a->channel, b->channel) == 0 &&
                            strcmp(a->connection, b->connection) == 0;
                if (!same || !subject.adaptor->update || seat_update(s, d, &e) != DL_OK) {
                        seat_close(s);
                        s = seat_of(d);
                }
                device_end(now);
                now = d;
        }
        assert_in_range(accepted, 1, MUTATIONS - 1);
        seat_close(s);
        device_end(now);
}

int run_specs(void)
{
        const struct CMUnitTest tests[] = {
                TEST(nonsense_is_refused),
                TEST(an_empty_spec_is_refused_with_the_path_of_what_is_missing),
                TEST(deep_and_large_specs_are_survived),
                TEST(what_has_a_wrong_type_is_named),
                TEST(a_thousand_mutated_specs_are_survived),
        };

        return cmocka_run_group_tests_name("specs", tests, NULL, NULL);
}
