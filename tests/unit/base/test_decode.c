/* One table parses, defaults, bounds and documents a type; every mistake is named with its place.
 */
#include "base/clock.h"
#include "base/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* --- the tables --------------------------------------------------------------------------- */

struct tcp {
        const char *endpoint;
        int64_t unit;
};

static const struct field tcp_fields[] = {
        FIELD_TEXT(struct tcp, endpoint, "endpoint", .required = true, .help = "host:port"),
        FIELD_INT(struct tcp, unit, "workerID", .required = true, .min = 1, .max = 247,
                  .help = "unit identifier"),
        FIELD_END,
};

struct timing {
        int64_t interval;
        int64_t timeout;
};

static const struct field timing_fields[] = {
        FIELD_DURATION(struct timing, interval, "interval", .fallback = "15s"),
        FIELD_DURATION(struct timing, timeout, "timeout", .fallback = "10s", .min = NS_PER_MS,
                       .max = 60 * NS_PER_S, .required = true),
        FIELD_END,
};

enum { MODE_SLOW = 1, MODE_FAST, MODE_THREE };

static const struct field_choice modes[] = {
        { "slow", MODE_SLOW },
        { "fast", MODE_FAST },
        { "3", MODE_THREE },
        { NULL, 0 },
};

struct point {
        const char *name;
        int64_t offset;
        double scale;
};

static const struct field point_fields[] = {
        FIELD_TEXT(struct point, name, "name", .required = true, .min = 1, .max = 8),
        FIELD_INT(struct point, offset, "offset", .max = 65535),
        FIELD_REAL(struct point, scale, "scale", .fallback = "1.5"),
        FIELD_END,
};

struct all {
        const char *text;
        const char *path;
        const char *filled;
        bool on;
        int64_t number;
        int64_t any_number;
        int64_t from_one;
        double real;
        double percent;
        int mode;
        struct timing timing;
        struct tcp *tcp;
        struct decoded_list points;
        struct decoded_list names;
        struct decoded_list labels;
        const struct tree *value;
        const char *password;
        struct tcp *hidden;
        struct decoded_list keys;
};

static const struct field all_fields[] = {
        FIELD_TEXT(struct all, text, "text", .fallback = "none"),
        FIELD_TEXT(struct all, path, "path", .pattern = "/.*[^/]|/",
                   .pattern_says = "an absolute path"),
        FIELD_TEXT(struct all, filled, "filled", .min = 1),
        FIELD_BOOL(struct all, on, "on", .alias = "enabled", .fallback = "true"),
        FIELD_INT(struct all, number, "number", .min = -5, .max = 5, .fallback = "3"),
        FIELD_INT(struct all, any_number, "anyNumber"),
        FIELD_INT(struct all, from_one, "fromOne", .min = 1),
        FIELD_REAL(struct all, real, "real"),
        FIELD_REAL(struct all, percent, "percent", .min = 0, .max = 100),
        FIELD_CHOICE(struct all, mode, "mode", modes, .fallback = "slow"),
        FIELD_OBJECT(struct all, timing, "timing", timing_fields),
        FIELD_POINTER(struct all, tcp, "tcp", tcp_fields, struct tcp),
        FIELD_LIST(struct all, points, "points", point_fields, struct point, .unique = "name",
                   .max = 4),
        FIELD_TEXTS(struct all, names, "names", .min = 1, .max = 3, .pattern = "[a-z]+",
                    .pattern_says = "lower-case letters"),
        FIELD_MAP(struct all, labels, "labels"),
        FIELD_TREE(struct all, value, "value"),
        FIELD_TEXT(struct all, password, "password", .secret = true, .max = 6, .pattern = "[a-z]*"),
        FIELD_POINTER(struct all, hidden, "hidden", tcp_fields, struct tcp, .secret = true),
        FIELD_LIST(struct all, keys, "keys", point_fields, struct point),
        FIELD_IGNORED("legacy"),
        FIELD_END,
};

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
        struct arena *a;
        struct findings f;
        struct all out;
        int rc;
};

static void reading_done(struct reading *r)
{
        findings_done(&r->f);
        arena_free(r->a);
}

AUTO_DEFINE(reading, struct reading, reading_done)

static struct reading read_text(const char *yaml)
{
        struct reading r = { .a = arena_new() };
        struct err e = { 0 };
        const struct tree *docs = NULL;

        assert_int_equal(
                tree_parse_yaml(r.a, yaml, strlen(yaml), &tree_limits_default, &r.f, &docs, &e), 0);
        if (r.f.n)
                fail_msg("%s: %s", yaml, r.f.list[0].text);
        memset(&r.out, 0xa5, sizeof(r.out));
        r.rc = decode(tree_at(docs, 0), all_fields, &r.out, sizeof(r.out), r.a, "spec", &r.f);
        return r;
}

/* The only finding, or the first of several. */
static void expect_finding(const char *yaml, enum finding_severity severity, int line,
                           const char *path, const char *text)
{
        auto_of(reading) struct reading r = read_text(yaml);

        if (r.f.n == 0)
                fail_msg("%s was taken", yaml);
        const struct finding *f = &r.f.list[0];
        assert_int_equal(r.rc, severity == FINDING_ERROR ? DL_CONFIG : 0);
        if (f->severity != severity || f->line != line || strcmp(f->path, path) != 0 ||
            strcmp(f->text, text) != 0)
                fail_msg("%s: got %d, line %d, %s: %s", yaml, (int)f->severity, f->line, f->path,
                         f->text);
}

static void expect_error(const char *yaml, int line, const char *path, const char *text)
{
        expect_finding(yaml, FINDING_ERROR, line, path, text);
}

/* --- values ------------------------------------------------------------------------------- */

static void every_kind_is_stored_in_its_member(void **state)
{
        auto_of(reading) struct reading r =
                read_text("text: a\npath: /dev/tty\nfilled: x\nenabled: no\nnumber: -5\n"
                          "anyNumber: -9223372036854775808\nfromOne: 1\nreal: 2.5\npercent: 100\n"
                          "mode: fast\ntiming: {interval: 250us, timeout: 1m}\n"
                          "tcp: {endpoint: 'h:1', workerID: 247}\n"
                          "points: [{name: p, offset: 65535, scale: 2}, {name: q}]\n"
                          "names: [a, b]\nlabels: {k: v, 'l.m': ''}\nvalue: [1, {a: b}]\n"
                          "password: abc\nlegacy: {any: thing}\n");
        const struct all *o = &r.out;

        (void)state;
        assert_int_equal(r.rc, 0);
        assert_int_equal(r.f.n, 0);
        assert_string_equal(o->text, "a");
        assert_string_equal(o->path, "/dev/tty");
        assert_false(o->on);
        assert_int_equal(o->number, -5);
        assert_true(o->any_number == INT64_MIN);
        assert_true(o->real > 2.49 && o->real < 2.51);
        assert_true(o->percent > 99.9);
        assert_int_equal(o->mode, MODE_FAST);
        assert_int_equal(o->timing.interval, 250 * NS_PER_US);
        assert_int_equal(o->timing.timeout, 60 * NS_PER_S);
        assert_string_equal(o->tcp->endpoint, "h:1");
        assert_int_equal(o->tcp->unit, 247);
        const struct point *points = o->points.items;
        assert_int_equal(o->points.n, 2);
        assert_string_equal(points[0].name, "p");
        assert_int_equal(points[0].offset, 65535);
        assert_true(points[0].scale > 1.9);
        assert_string_equal(points[1].name, "q");
        assert_true(points[1].scale > 1.4 && points[1].scale < 1.6);
        const char *const *names = o->names.items;
        assert_int_equal(o->names.n, 2);
        assert_string_equal(names[1], "b");
        const struct decoded_pair *labels = o->labels.items;
        assert_int_equal(o->labels.n, 2);
        assert_string_equal(labels[1].key, "l.m");
        assert_string_equal(labels[1].value, "");
        assert_int_equal(tree_at(o->value, 0)->as.i, 1);
        assert_string_equal(o->password, "abc");
        assert_null(o->hidden);
}

static void expect_defaults(const struct all *o)
{
        assert_string_equal(o->text, "none");
        assert_null(o->path);
        assert_true(o->on);
        assert_int_equal(o->number, 3);
        assert_int_equal(o->any_number, 0);
        assert_int_equal(o->mode, MODE_SLOW);
        assert_int_equal(o->timing.interval, 15 * NS_PER_S);
        assert_int_equal(o->timing.timeout, 10 * NS_PER_S);
        assert_null(o->tcp);
        assert_int_equal(o->points.n, 0);
        assert_null(o->points.items);
        assert_int_equal(o->labels.n, 0);
        assert_null(o->value);
        assert_null(o->password);
}

static void what_is_absent_or_null_gets_its_default(void **state)
{
        auto_of(reading) struct reading empty = read_text("");
        auto_of(reading) struct reading nulls =
                read_text("text:\npath: ~\non: null\nenabled:\nnumber:\nmode:\ntiming:\ntcp:\n"
                          "points:\nnames:\nlabels:\nvalue:\npassword:\nreal:\nlegacy:\n");

        (void)state;
        assert_int_equal(empty.rc, 0);
        expect_defaults(&empty.out);
        /* on is a boolean in YAML, so the key is "true" */
        assert_int_equal(nulls.rc, 0);
        expect_defaults(&nulls.out);
}

static void a_wrong_value_leaves_the_default(void **state)
{
        auto_of(reading) struct reading r =
                read_text("text: 5\nnumber: 6\nmode: x\ntiming: {interval: 5}\npoints: 1\n");

        (void)state;
        assert_int_equal(r.rc, DL_CONFIG);
        assert_int_equal(r.f.errors, 6);
        expect_defaults(&r.out);
}

static void what_an_absent_object_requires_is_not_asked_for(void **state)
{
        auto_of(reading) struct reading r = read_text("text: a\n");

        (void)state;
        assert_int_equal(r.f.n, 0);
        expect_error("timing: {}\n", 1, "spec.timing.timeout",
                     "required: expected a duration of 1ms..1m0s");
        expect_error("tcp:\n  workerID: 1\n", 2, "spec.tcp.endpoint", "required: expected text");
}

static void a_required_field_is_missed_at_the_line_of_its_parent(void **state)
{
        struct tcp out;
        auto_of(arena) struct arena *a = arena_new();
        struct findings f = { 0 };

        (void)state;
        expect_error("text: a\npoints:\n- name: p\n- offset: 1\n", 4, "spec.points[1].name",
                     "required: expected text of 1..8 characters");
        expect_error("text: a\ntcp:\n\n  endpoint: null\n  workerID: 1\n", 4, "spec.tcp.endpoint",
                     "required: expected text");
        assert_int_equal(decode(NULL, tcp_fields, &out, sizeof(out), a, "", &f), DL_CONFIG);
        assert_int_equal(f.errors, 2);
        assert_int_equal(f.list[0].line, 0);
        assert_string_equal(f.list[0].path, "endpoint");
        assert_string_equal(f.list[1].text, "required: expected 1..247");
        findings_done(&f);
}

static void the_second_spelling_is_read_too(void **state)
{
        auto_of(reading) struct reading r = read_text("enabled: false\n");

        (void)state;
        assert_int_equal(r.f.n, 0);
        assert_false(r.out.on);
        expect_error("enabled: 1\n", 1, "spec.enabled", "expected true or false, got 1");
        expect_finding("'on': true\nenabled: false\n", FINDING_WARNING, 2, "spec.enabled",
                       "not used, since on is given too");
}

/* --- messages ----------------------------------------------------------------------------- */

static void a_value_out_of_bounds_is_shown_with_them(void **state)
{
        (void)state;
        expect_error("points:\n- name: a\n  offset: 70000\n", 3, "spec.points[0].offset",
                     "expected 0..65535, got 70000");
        expect_error("points: [{name: a, offset: -1}]\n", 1, "spec.points[0].offset",
                     "expected 0..65535, got -1");
        expect_error("number: 6\n", 1, "spec.number", "expected -5..5, got 6");
        expect_error("number: -6\n", 1, "spec.number", "expected -5..5, got -6");
        expect_error("fromOne: 0\n", 1, "spec.fromOne", "expected at least 1, got 0");
        expect_error("number: 18446744073709551615\n", 1, "spec.number",
                     "expected -5..5, got 18446744073709551615");
        expect_error("percent: 100.5\n", 1, "spec.percent",
                     "expected a number of 0..100, got 100.5");
        expect_error("percent: -1\n", 1, "spec.percent", "expected a number of 0..100, got -1");
        expect_error("timing: {timeout: 2m}\n", 1, "spec.timing.timeout",
                     "expected a duration of 1ms..1m0s, got \"2m\"");
        expect_error("timing: {timeout: 0}\n", 1, "spec.timing.timeout",
                     "expected a duration of 1ms..1m0s, got 0");
        expect_error("points: [{name: abcdefghi}]\n", 1, "spec.points[0].name",
                     "expected text of 1..8 characters, got 9");
        expect_error("points: [{name: ''}]\n", 1, "spec.points[0].name",
                     "expected text of 1..8 characters, got \"\"");
        expect_error("filled: ''\n", 1, "spec.filled", "expected text that is not empty, got \"\"");
        expect_error("points: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]\n", 1,
                     "spec.points", "expected a list of 0..4 elements, got 5");
        expect_error("names: []\n", 1, "spec.names", "expected a list of 1..3 elements, got 0");
}

static void lengths_count_characters_not_bytes(void **state)
{
        auto_of(reading) struct reading r =
                read_text("points: [{name: \"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f"
                          "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\"}]\n");

        (void)state;
        assert_int_equal(r.f.n, 0);
}

static void a_value_of_the_wrong_type_is_shown(void **state)
{
        (void)state;
        expect_error("text: true\n", 1, "spec.text",
                     "expected text, got true (text needs quotes here)");
        expect_error("text: 1.50\n", 1, "spec.text",
                     "expected text, got 1.5 (text needs quotes here)");
        expect_error("text: [a]\n", 1, "spec.text", "expected text, got a list");
        expect_error("'on': 'yes'\n", 1, "spec.on", "expected true or false, got \"yes\"");
        expect_error("anyNumber: 1.5\n", 1, "spec.anyNumber", "expected an integer, got 1.5");
        expect_error("anyNumber: '1'\n", 1, "spec.anyNumber", "expected an integer, got \"1\"");
        expect_error("real: x\n", 1, "spec.real", "expected a number, got \"x\"");
        expect_error("mode: 4\n", 1, "spec.mode", "expected slow, fast or 3, got 4");
        expect_error("mode: []\n", 1, "spec.mode", "expected slow, fast or 3, got a list");
        expect_error("timing: 5s\n", 1, "spec.timing", "expected a map, got \"5s\"");
        expect_error("tcp: []\n", 1, "spec.tcp", "expected a map, got a list");
        expect_error("names: a\n", 1, "spec.names", "expected a list of 1..3 elements, got \"a\"");
        expect_error("labels: [a]\n", 1, "spec.labels", "expected a map, got a list");
        expect_error("timing: {timeout: 1s, interval: 5}\n", 1, "spec.timing.interval",
                     "expected a duration like 5s or 1m30s, got 5");
        expect_error("timing: {timeout: 1s, interval: 5 s}\n", 1, "spec.timing.interval",
                     "expected a duration like 5s or 1m30s, got \"5 s\"");
}

static void an_element_of_the_wrong_type_keeps_its_place(void **state)
{
        auto_of(reading) struct reading r =
                read_text("points: [5, {name: b}]\nnames: [a, 1, c]\nlabels: {a.b: 1, c: d}\n");

        (void)state;
        assert_int_equal(r.f.errors, 3);
        assert_string_equal(r.f.list[0].path, "spec.points[0]");
        assert_string_equal(r.f.list[0].text, "expected a map, got 5");
        assert_string_equal(r.f.list[1].path, "spec.names[1]");
        assert_string_equal(r.f.list[1].text, "expected text, got 1 (text needs quotes here)");
        assert_string_equal(r.f.list[2].path, "spec.labels['a.b']");
        const struct point *points = r.out.points.items;
        assert_int_equal(r.out.points.n, 2);
        assert_null(points[0].name);
        assert_true(points[0].scale > 1.4);
        assert_string_equal(points[1].name, "b");
        const char *const *names = r.out.names.items;
        assert_null(names[1]);
        assert_string_equal(names[2], "c");
        const struct decoded_pair *labels = r.out.labels.items;
        assert_int_equal(r.out.labels.n, 1);
        assert_string_equal(labels[0].key, "c");
}

static void a_pattern_is_for_the_whole_text(void **state)
{
        auto_of(reading) struct reading r = read_text("path: /\n");

        (void)state;
        assert_int_equal(r.f.n, 0);
        expect_error("path: x/dev\n", 1, "spec.path", "expected an absolute path, got \"x/dev\"");
        expect_error("path: /dev/\n", 1, "spec.path", "expected an absolute path, got \"/dev/\"");
        expect_error("names: [a, b1]\n", 1, "spec.names[1]",
                     "expected lower-case letters, got \"b1\"");
        expect_error("names: [a, \"b\\nc\"]\n", 1, "spec.names[1]",
                     "expected lower-case letters, got \"b?c\"");
}

static void choices_may_be_written_as_text_or_number(void **state)
{
        auto_of(reading) struct reading text = read_text("mode: '3'\n");
        auto_of(reading) struct reading number = read_text("mode: 3\n");

        (void)state;
        assert_int_equal(text.out.mode, MODE_THREE);
        assert_int_equal(number.out.mode, MODE_THREE);
        expect_error("mode: \"slow\\0\"\n", 1, "spec.mode",
                     "expected slow, fast or 3, got \"slow?\"");
}

static void text_with_a_nul_is_refused(void **state)
{
        (void)state;
        expect_error("text: \"a\\0b\"\n", 1, "spec.text", "expected text without U+0000");
        expect_error("labels: {k: \"a\\0b\"}\n", 1, "spec.labels.k",
                     "expected text without U+0000");
}

static void long_and_odd_values_are_shortened_and_escaped(void **state)
{
        auto_of(buf) struct buf in = BUF(10000);

        (void)state;
        buf_adds(&in, "mode: \"\\e[31m\\n");
        for (int i = 0; i < 500; i++)
                buf_adds(&in, "0123456789");
        buf_adds(&in, "\"\n");
        auto_of(reading) struct reading r = read_text(buf_text(&in));
        assert_int_equal(r.f.n, 1);
        assert_non_null(strstr(r.f.list[0].text, "got \"?[31m?0123456789"));
        assert_non_null(strstr(r.f.list[0].text, "...\""));
        assert_true(strlen(r.f.list[0].text) < 110);
}

static void a_path_never_grows_without_end(void **state)
{
        auto_of(buf) struct buf in = BUF(100000);

        (void)state;
        buf_adds(&in, "labels: {? \"");
        for (int i = 0; i < 5000; i++)
                buf_adds(&in, "key");
        buf_adds(&in, "\" : 1, \"b\\n\": 2}\nnumber: 6\n");
        auto_of(reading) struct reading r = read_text(buf_text(&in));
        assert_int_equal(r.f.n, 3);
        assert_string_equal(r.f.list[0].path, "spec.number");
        assert_true(strlen(r.f.list[1].path) <= 1024);
        assert_string_equal(r.f.list[2].path, "spec.labels.b?");
}

static void secrets_are_never_shown(void **state)
{
        static const char *const rows[] = {
                "password: GEHEIM\n",
                "password: 31415926\n",
                "password: geheimgeheim\n",
                "password: [geheim]\n",
                "password: \"geheim\\0\"\n",
                "hidden: GEHEIM\n",
                "hidden: {endpoint: 31415926, workerID: GEHEIM}\n",
                "hidden: {endpoint: [GEHEIM], workerID: 31415926}\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                auto_of(reading) struct reading r = read_text(rows[i]);
                if (r.f.errors == 0)
                        fail_msg("%s was taken", rows[i]);
                for (size_t k = 0; k < r.f.n; k++) {
                        const char *text = r.f.list[k].text;
                        if (strcasestr(text, "geheim") || strstr(text, "31415926"))
                                fail_msg("%s", text);
                }
        }
        expect_error("password: Abc\n", 1, "spec.password",
                     "expected text like [a-z]* of 0..6 characters, got text that is not shown");
        expect_error("number: 9\nhidden: {endpoint: a, workerID: 999}\n", 1, "spec.number",
                     "expected -5..5, got 9");
}

/* --- unknown and repeated ----------------------------------------------------------------- */

static void an_unknown_field_is_a_warning_with_the_nearest_name(void **state)
{
        (void)state;
        expect_finding("text: a\nnumbr: 5\n", FINDING_WARNING, 2, "spec.numbr",
                       "unknown field, did you mean number?");
        expect_finding("points:\n- name: a\n  ofset: 5\n", FINDING_WARNING, 3,
                       "spec.points[0].ofset", "unknown field, did you mean offset?");
        expect_finding("quite.different: 5\n", FINDING_WARNING, 1, "spec['quite.different']",
                       "unknown field");
}

static void an_unquoted_on_is_told_apart_from_a_slip(void **state)
{
        (void)state;
        expect_finding(
                "text: a\non: 5\n", FINDING_WARNING, 2, "spec.true",
                "unknown field; YAML reads the words on, yes, off and no as this: such a key "
                "needs quotes");
}

static void many_unknown_fields_end_at_the_limit_of_findings(void **state)
{
        auto_of(buf) struct buf in = BUF(1 << 20);

        (void)state;
        for (int i = 0; i < 20000; i++)
                buf_addf(&in, "nummber%d: 1\n", i);
        buf_adds(&in, "number: 6\n");
        auto_of(reading) struct reading r = read_text(buf_text(&in));
        assert_int_equal(r.f.warnings, 20000);
        assert_int_equal(r.f.errors, 1);
        assert_true(r.f.n <= 200);
}

static void elements_of_a_list_have_names_of_their_own(void **state)
{
        auto_of(reading) struct reading r = read_text("points:\n- name: b\n- name: a\n- name: b\n"
                                                      "- name: b\n");

        (void)state;
        assert_int_equal(r.f.errors, 2);
        assert_int_equal(r.f.list[0].line, 4);
        assert_string_equal(r.f.list[0].path, "spec.points[2].name");
        assert_string_equal(r.f.list[0].text,
                            "expected a value of its own, got \"b\" as in spec.points[0]");
        assert_string_equal(r.f.list[1].path, "spec.points[3].name");
        assert_string_equal(r.f.list[1].text,
                            "expected a value of its own, got \"b\" as in spec.points[0]");
        auto_of(reading) struct reading free = read_text("keys: [{name: b}, {name: b}]\n");
        assert_int_equal(free.f.n, 0);
}

static void long_names_are_compared_to_their_end(void **state)
{
        auto_of(buf) struct buf in = BUF(1 << 20);

        (void)state;
        for (int i = 0; i < 3; i++) {
                buf_adds(&in, i ? "- name: " : "keys:\npoints:\n- name: ");
                for (int k = 0; k < 10000; k++)
                        buf_adds(&in, "0123456789");
                buf_adds(&in, i == 1 ? "a\n" : "b\n");
        }
        auto_of(reading) struct reading r = read_text(buf_text(&in));
        assert_int_equal(r.f.errors, 4); /* three too long, one not unique */
        assert_string_equal(r.f.list[3].path, "spec.points[2].name");
        assert_true(strlen(r.f.list[3].text) < 140);
}

static void lists_without_a_bound_of_their_own_have_one(void **state)
{
        auto_of(buf) struct buf in = BUF(1 << 20);

        (void)state;
        buf_adds(&in, "keys: [");
        for (int i = 0; i < 65536; i++)
                buf_adds(&in, "{},");
        buf_adds(&in, "]\n");
        auto_of(reading) struct reading r = read_text(buf_text(&in));
        assert_int_equal(r.f.errors, 1);
        assert_string_equal(r.f.list[0].text, "expected a list of 0..65535 elements, got 65536");
        assert_int_equal(r.out.keys.n, 0);
}

static void everything_wrong_is_reported_at_once(void **state)
{
        auto_of(reading) struct reading r =
                read_text("text: 1\nnumber: 9\nmode: x\ntcp: {workerID: 0}\nwhat: 1\n"
                          "points: [{offset: 1}, {name: a, offset: x}]\n");

        (void)state;
        assert_int_equal(r.f.errors, 7);
        assert_int_equal(r.f.warnings, 1);
}

static void a_document_that_is_no_map_is_one_error(void **state)
{
        expect_error("- 1\n", 1, "spec", "expected a map, got a list");
        expect_error("text\n", 1, "spec", "expected a map, got \"text\"");
        auto_of(reading) struct reading r = read_text("- 1\n");
        (void)state;
        assert_int_equal(r.f.n, 1);
        expect_defaults(&r.out);
}

/* --- help --------------------------------------------------------------------------------- */

static void help_has_a_line_for_every_field(void **state)
{
        auto_of(buf) struct buf out = BUF(10000);

        (void)state;
        decode_help(tcp_fields, 2, &out);
        assert_string_equal(buf_text(&out),
                            "  endpoint  text, required            host:port\n"
                            "  workerID  integer 1..247, required  unit identifier\n");
        buf_clear(&out);
        decode_help(all_fields, 0, &out);
        assert_non_null(strstr(buf_text(&out), "on, enabled  true or false, default true\n"));
        assert_non_null(strstr(buf_text(&out), "mode         slow, fast or 3, default slow\n"));
        assert_non_null(strstr(buf_text(&out),
                               "  timeout   a duration of 1ms..1m0s, required, default 10s\n"));
        assert_non_null(strstr(buf_text(&out), "points[]     list of 0..4 elements\n"));
        assert_non_null(strstr(buf_text(&out), "names[]      list of texts of 1..3 elements\n"));
        assert_non_null(strstr(buf_text(&out), "labels       map of texts\n"));
        assert_non_null(strstr(buf_text(&out), "legacy       ignored\n"));
        assert_non_null(strstr(buf_text(&out), "path         an absolute path\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_is_stored_in_its_member),
                cmocka_unit_test(what_is_absent_or_null_gets_its_default),
                cmocka_unit_test(a_wrong_value_leaves_the_default),
                cmocka_unit_test(what_an_absent_object_requires_is_not_asked_for),
                cmocka_unit_test(a_required_field_is_missed_at_the_line_of_its_parent),
                cmocka_unit_test(the_second_spelling_is_read_too),
                cmocka_unit_test(a_value_out_of_bounds_is_shown_with_them),
                cmocka_unit_test(lengths_count_characters_not_bytes),
                cmocka_unit_test(a_value_of_the_wrong_type_is_shown),
                cmocka_unit_test(an_element_of_the_wrong_type_keeps_its_place),
                cmocka_unit_test(a_pattern_is_for_the_whole_text),
                cmocka_unit_test(choices_may_be_written_as_text_or_number),
                cmocka_unit_test(text_with_a_nul_is_refused),
                cmocka_unit_test(long_and_odd_values_are_shortened_and_escaped),
                cmocka_unit_test(a_path_never_grows_without_end),
                cmocka_unit_test(secrets_are_never_shown),
                cmocka_unit_test(an_unknown_field_is_a_warning_with_the_nearest_name),
                cmocka_unit_test(an_unquoted_on_is_told_apart_from_a_slip),
                cmocka_unit_test(many_unknown_fields_end_at_the_limit_of_findings),
                cmocka_unit_test(elements_of_a_list_have_names_of_their_own),
                cmocka_unit_test(long_names_are_compared_to_their_end),
                cmocka_unit_test(lists_without_a_bound_of_their_own_have_one),
                cmocka_unit_test(everything_wrong_is_reported_at_once),
                cmocka_unit_test(a_document_that_is_no_map_is_one_error),
                cmocka_unit_test(help_has_a_line_for_every_field),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
