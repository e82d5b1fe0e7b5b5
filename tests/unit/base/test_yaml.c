/* YAML is read as Kubernetes clients read it, every node knows its line, and no input costs much.
 */
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* One reading of a stream, with all that it leaves behind. */
struct reading {
        struct arena *a;
        const struct tree *docs;
        struct findings f;
        struct err e;
        int rc;
};

static void reading_done(struct reading *r)
{
        findings_done(&r->f);
        arena_free(r->a);
}

AUTO_DEFINE(reading, struct reading, reading_done)

static struct reading read_limited(const char *s, size_t n, const struct tree_limits *limits)
{
        struct reading r = { .a = arena_new() };

        r.rc = tree_parse_yaml(r.a, s, n, limits, &r.f, &r.docs, &r.e);
        return r;
}

static struct reading read_text(const char *s)
{
        return read_limited(s, strlen(s), &tree_limits_default);
}

/* All documents of `in`, as a JSON list. */
static void expect(const char *in, const char *want)
{
        auto_of(reading) struct reading r = read_text(in);
        auto_of(buf) struct buf out = BUF(1 << 20);

        if (r.rc < 0 || r.f.n > 0)
                fail_msg("%s: %s", in, r.f.n ? r.f.list[0].text : r.e.text);
        tree_json(r.docs, 0, &out);
        if (strcmp(buf_text(&out), want) != 0)
                fail_msg("%s: expected %s, got %s", in, want, buf_text(&out));
}

/* The first finding has this line, path and text; what could be read is `docs`. */
static void expect_wrong(const char *in, int line, const char *path, const char *text,
                         const char *docs)
{
        auto_of(reading) struct reading r = read_text(in);
        auto_of(buf) struct buf out = BUF(1 << 20);

        assert_int_equal(r.rc, 0);
        if (r.f.errors == 0)
                fail_msg("%s was taken", in);
        const struct finding *f = &r.f.list[0];
        if (f->line != line || strcmp(f->path, path) != 0 || !strstr(f->text, text))
                fail_msg("%s: got line %d, '%s', '%s'", in, f->line, f->path, f->text);
        tree_json(r.docs, 0, &out);
        assert_string_equal(buf_text(&out), docs);
}

struct row {
        const char *in;
        const char *want;
};

static void expect_values(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                auto_free char *in = xasprintf("v: %s\n", rows[i].in);
                auto_free char *want = xasprintf("[{\"v\":%s}]", rows[i].want);
                expect(in, want);
        }
}

#define EXPECT_VALUES(rows) expect_values((rows), sizeof(rows) / sizeof((rows)[0]))

/* --- scalars ------------------------------------------------------------------------------ */

static void booleans_have_many_names_in_three_cases(void **state)
{
        static const struct row rows[] = {
                { "y", "true" },      { "Y", "true" },        { "yes", "true" },
                { "Yes", "true" },    { "YES", "true" },      { "on", "true" },
                { "On", "true" },     { "ON", "true" },       { "true", "true" },
                { "True", "true" },   { "TRUE", "true" },     { "n", "false" },
                { "N", "false" },     { "no", "false" },      { "No", "false" },
                { "NO", "false" },    { "off", "false" },     { "Off", "false" },
                { "OFF", "false" },   { "false", "false" },   { "False", "false" },
                { "FALSE", "false" }, { "yEs", "\"yEs\"" },   { "tRUE", "\"tRUE\"" },
                { "oN", "\"oN\"" },   { "yes!", "\"yes!\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void nulls_have_five_names(void **state)
{
        static const struct row rows[] = {
                { "", "null" },     { "~", "null" },        { "null", "null" }, { "Null", "null" },
                { "NULL", "null" }, { "nULL", "\"nULL\"" }, { "\"\"", "\"\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void integers_come_in_every_base_with_underscores(void **state)
{
        static const struct row rows[] = {
                { "0", "0" },         { "-1", "-1" },       { "+1", "1" },
                { "0x1f", "31" },     { "0X1F", "31" },     { "-0x1F", "-31" },
                { "0b101", "5" },     { "-0B11", "-3" },    { "0o17", "15" },
                { "0O17", "15" },     { "017", "15" },      { "-010", "-8" },
                { "00", "0" },        { "1_000", "1000" },  { "1__0_", "10" },
                { "0x_1f", "31" },    { "0_7", "7" },       { "-_1", "-1" },
                { "_1", "\"_1\"" },   { "0x", "\"0x\"" },   { "0xg", "\"0xg\"" },
                { "0b2", "\"0b2\"" }, { "0o8", "\"0o8\"" }, { "08", "8" }, /* no octal: a real */
                { "09.5", "9.5" },    { "+", "\"+\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void sixty_four_bit_integers_are_exact(void **state)
{
        static const struct row rows[] = {
                { "9223372036854775807", "9223372036854775807" },
                { "9223372036854775808", "9223372036854775808" },
                { "18446744073709551615", "18446744073709551615" },
                { "0xffffffffffffffff", "18446744073709551615" },
                { "01777777777777777777777", "18446744073709551615" },
                { "-9223372036854775808", "-9223372036854775808" },
                { "-0x8000000000000000", "-9223372036854775808" },
                { "-9223372036854775809", "-9223372036854776000" },
                { "18446744073709551616", "18446744073709552000" },
                { "+18446744073709551615", "18446744073709552000" },
                { "0x1ffffffffffffffff", "\"0x1ffffffffffffffff\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void reals_are_decimal(void **state)
{
        static const struct row rows[] = {
                { "1.5", "1.5" },         { "2.50", "2.5" },    { ".5", "0.5" },
                { "+.5", "0.5" },         { "-.5", "-0.5" },    { "1.", "1" },
                { "1e3", "1000" },        { "1E-3", "0.001" },  { "1_0.5_0", "10.5" },
                { ".5_0", "0.5" },        { "._5", "\"._5\"" }, { "1e999", "\"1e999\"" },
                { "1e", "\"1e\"" },       { "e3", "\"e3\"" },   { ".", "\".\"" },
                { "..", "\"..\"" },       { "-.", "\"-.\"" },   { "0x1p3", "\"0x1p3\"" },
                { "1.2.3", "\"1.2.3\"" }, { "inf", "\"inf\"" }, { "nan", "\"nan\"" },
                { "-.nan", "\"-.nan\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void times_durations_and_versions_stay_text(void **state)
{
        static const struct row rows[] = {
                { "2001-01-01", "\"2001-01-01\"" },
                { "2001-12-14t21:59:43.10-05:00", "\"2001-12-14t21:59:43.10-05:00\"" },
                { "08:30", "\"08:30\"" },
                { "190:20:30", "\"190:20:30\"" },
                { "5s", "\"5s\"" },
                { "1m30s", "\"1m30s\"" },
                { "3.1.1", "\"3.1.1\"" },
                { "1,000", "\"1,000\"" },
                { "!!timestamp 2001-01-01", "\"2001-01-01\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void quoted_and_tagged_text_is_text(void **state)
{
        static const struct row rows[] = {
                { "\"yes\"", "\"yes\"" },
                { "'1'", "\"1\"" },
                { "\"null\"", "\"null\"" },
                { "!!str 1", "\"1\"" },
                { "!!str true", "\"true\"" },
                { "!!str", "\"\"" },
                { "! 12", "\"12\"" },
                { "! yes", "\"yes\"" },
                { "|\n  1\n", "\"1\\n\"" },
                { ">-\n  a\n  b\n", "\"a b\"" },
                { "\"\\x41\\u00e9\\U0001F600\"", "\"A\xc3\xa9\xf0\x9f\x98\x80\"" },
                { "\"a\\0b\"", "\"a\\u0000b\"" },
                { "it's # a comment", "\"it's\"" },
                { "a#b", "\"a#b\"" },
                { "<<", "\"<<\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void tags_decide_where_the_text_can_follow(void **state)
{
        static const struct row rows[] = {
                { "!!int \"12\"", "12" },
                { "!!int 0x1f", "31" },
                { "!!float 3", "3" },
                { "!!float 2.5", "2.5" },
                { "!!bool \"yes\"", "true" },
                { "!!null ''", "null" },
                { "!!map {a: 1}", "{\"a\":1}" },
                { "!!seq [1]", "[1]" },
                { "! [1]", "[1]" },
                { "!!binary aGk=", "\"hi\"" },
                { "!!binary |\n  aG\n  k=\n", "\"hi\"" },
        };

        (void)state;
        EXPECT_VALUES(rows);
}

static void a_tag_that_does_not_fit_is_an_error(void **state)
{
        (void)state;
        expect_wrong("v: !!int x\n", 1, "v", "not an integer, as its tag !!int says", "[]");
        expect_wrong("v: !!int 1.5\n", 1, "v", "!!int", "[]");
        expect_wrong("v: !!float x\n", 1, "v", "!!float", "[]");
        expect_wrong("v: !!bool 1\n", 1, "v", "!!bool", "[]");
        expect_wrong("v: !!null 1\n", 1, "v", "!!null", "[]");
        expect_wrong("v: !!binary '*'\n", 1, "v", "not Base64", "[]");
        expect_wrong("v: !!binary /w==\n", 1, "v", "no JSON form", "[]");
        expect_wrong("v: !foo 1\n", 1, "v", "this tag is unknown", "[]");
        expect_wrong("v: !!set {a}\n", 1, "v", "the tag tag:yaml.org,2002:set is unknown", "[]");
        expect_wrong("v: !!map [a]\n", 1, "v", "is unknown", "[]");
        expect_wrong("- !x {}\n", 1, "[0]", "the tag !x is unknown", "[]");
}

static void infinity_and_not_a_number_are_errors(void **state)
{
        static const char *const words[] = { ".inf",  ".Inf",  ".INF", "+.inf",
                                             "-.inf", "-.INF", ".nan", ".NaN" };

        (void)state;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                auto_free char *in = xasprintf("a:\n- 1\n- %s\n", words[i]);
                expect_wrong(in, 3, "a[1]", "no JSON form", "[]");
        }
        expect("v: \".inf\"\n", "[{\"v\":\".inf\"}]");
}

/* --- keys --------------------------------------------------------------------------------- */

static void keys_become_their_json_text(void **state)
{
        (void)state;
        expect("on: 1\noff: 2\n", "[{\"true\":1,\"false\":2}]");
        expect("\"on\": 1\n", "[{\"on\":1}]");
        expect("1: a\n0x10: b\n1.50: c\n", "[{\"1\":\"a\",\"16\":\"b\",\"1.5\":\"c\"}]");
        expect("~: a\n", "[{\"null\":\"a\"}]");
        expect("18446744073709551615: a\n", "[{\"18446744073709551615\":\"a\"}]");
        expect("2001-01-01: a\n", "[{\"2001-01-01\":\"a\"}]");
        expect("? a\n: b\n", "[{\"a\":\"b\"}]");
        expect("&k a: 1\nb: *k\n", "[{\"a\":1,\"b\":\"a\"}]");
        expect("x: &k a\n*k : 2\n", "[{\"x\":\"a\",\"a\":2}]");
        expect("{a, b}\n", "[{\"a\":null,\"b\":null}]");
}

static void a_repeated_key_is_named_with_both_lines(void **state)
{
        (void)state;
        expect_wrong("a: 1\nb: 2\na: 3\n", 3, "", "the key 'a' of line 3 is already on line 1",
                     "[]");
        expect_wrong("s:\n- x: 1\n  y:\n    z: 2\n  x: 3\n", 5, "s[0]",
                     "the key 'x' of line 5 is already on line 2", "[]");
        expect_wrong("1: a\n'1': b\n", 2, "", "the key '1' of line 2 is already on line 1", "[]");
        expect_wrong("yes: a\non: b\n", 2, "", "the key 'true'", "[]");
        expect_wrong("a: {b: 1,\n b: 2}\n", 2, "a", "the key 'b'", "[]");
}

static void every_repeated_key_is_reported(void **state)
{
        auto_of(reading) struct reading r = read_text("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n");

        (void)state;
        assert_int_equal(r.f.errors, 3);
}

static void a_list_or_map_cannot_be_a_key(void **state)
{
        (void)state;
        expect_wrong("x:\n  ? [a]\n  : b\n", 2, "x", "a list cannot be a key", "[]");
        expect_wrong("? {a: 1}\n: b\n", 1, "", "a map cannot be a key", "[]");
        expect_wrong("a: &m [1]\nb: {*m : 1}\n", 2, "b", "a list cannot be a key", "[]");
        expect_wrong("\"a\\0b\": 1\n", 1, "", "a key must not hold U+0000", "[]");
}

/* --- anchors, merges ---------------------------------------------------------------------- */

static void aliases_are_written_out(void **state)
{
        (void)state;
        expect("a: &x [1, {b: 2}]\nc: *x\nd: [*x, *x]\n",
               "[{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":[[1,{\"b\":2}],[1,{\"b\":2}]]}]");
        expect("a: &x 1\nb: &x 2\nc: *x\n", "[{\"a\":1,\"b\":2,\"c\":2}]");
        expect("a: &x\nb: *x\n", "[{\"a\":null,\"b\":null}]");
        expect("&x\na: 1\n", "[{\"a\":1}]");
}

static void an_alias_needs_its_anchor_in_the_same_document(void **state)
{
        (void)state;
        expect_wrong("a: *x\n", 1, "a", "there is no anchor 'x'", "[]");
        expect_wrong("a: &x 1\n---\nb: *x\n", 3, "b", "there is no anchor 'x'", "[{\"a\":1}]");
        expect_wrong("a: &x\n- 1\n- *x\n", 3, "a[1]", "the anchor 'x' of line 1 contains itself",
                     "[]");
}

static void merged_keys_never_replace_own_ones(void **state)
{
        (void)state;
        expect("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n",
               "[{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":3,\"c\":2}}]");
        expect("a: &x {b: 1, c: 2}\nd:\n  b: 3\n  <<: *x\n",
               "[{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":3,\"c\":2}}]");
        expect("d: {<<: {b: 1}}\n", "[{\"d\":{\"b\":1}}]");
        expect("d: {<<: {}}\n", "[{\"d\":{}}]");
        expect("d: {<<: []}\n", "[{\"d\":{}}]");
}

static void of_merged_maps_the_first_wins(void **state)
{
        (void)state;
        expect("- &x {b: 1}\n- &y {b: 2, c: 2}\n- {<<: [*x, *y], d: 4}\n",
               "[[{\"b\":1},{\"b\":2,\"c\":2},{\"d\":4,\"b\":1,\"c\":2}]]");
        expect("- &x {b: 1}\n- &y {<<: *x, c: 2}\n- {<<: *y}\n",
               "[[{\"b\":1},{\"c\":2,\"b\":1},{\"c\":2,\"b\":1}]]");
        expect("- &x {b: 1}\n- {<<: *x, e: 1}\n- *x\n",
               "[[{\"b\":1},{\"e\":1,\"b\":1},{\"b\":1}]]");
}

static void only_maps_can_be_merged(void **state)
{
        (void)state;
        expect_wrong("a:\n  <<: 5\n", 2, "a", "<< takes a map or a list of maps, not an integer",
                     "[]");
        expect_wrong("a:\n  <<: [{b: 1}, 2]\n", 2, "a", "not a list with an integer", "[]");
        expect_wrong("<<: {a: 1}\n<<: {b: 1}\n", 2, "<<", "the key '<<' is repeated", "[]");
        expect("'<<': {b: 1}\n", "[{\"<<\":{\"b\":1}}]");
        expect("!!merge <<: {b: 1}\n", "[{\"b\":1}]");
}

/* --- documents ---------------------------------------------------------------------------- */

static void empty_documents_are_left_out(void **state)
{
        (void)state;
        expect("", "[]");
        expect("\n\n", "[]");
        expect("# only\n# comments\n", "[]");
        expect("---\n---\n", "[]");
        expect("---\n# nothing\n---\na: 1\n---\n~\n...\n---\n- 2\n", "[{\"a\":1},[2]]");
        expect("\xef\xbb\xbf", "[]");
}

static void byte_order_marks_and_line_ends_of_windows_are_fine(void **state)
{
        auto_of(reading) struct reading r = read_text("a: 1\r\nb:\r\n  c: 2\r\n");

        (void)state;
        expect("\xef\xbb\xbf"
               "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
               "[{\"a\":1,\"b\":\"x\\ny\\n\"}]");
        assert_int_equal(tree_find(tree_at(r.docs, 0), "b.c")->line, 3);
}

static void json_is_yaml(void **state)
{
        (void)state;
        expect("{\"a\": [1, true, null, \"x\\n\"],\n\t\"b\": {}}",
               "[{\"a\":[1,true,null,\"x\\n\"],\"b\":{}}]");
}

static void a_syntax_error_keeps_the_documents_before_it(void **state)
{
        (void)state;
        expect_wrong("a: 1\n---\nb: 2\n---\nc: [1\nd: 3\n---\ne: 4\n", 6, "", "",
                     "[{\"a\":1},{\"b\":2}]");
        expect_wrong("a: 1\n---\n- \"x\n", 4, "", "quoted scalar that begins on line 3",
                     "[{\"a\":1}]");
}

static void an_error_of_meaning_costs_only_its_document(void **state)
{
        (void)state;
        expect_wrong("a: 1\n---\nb: .inf\n---\nc: 3\n", 3, "b", "JSON", "[{\"a\":1},{\"c\":3}]");
        expect_wrong("a: 1\n---\nb: {c: 1, c: 2}\n---\nc: 3\n", 3, "b", "'c'",
                     "[{\"a\":1},{\"c\":3}]");
        expect_wrong("a: 1\n---\n? [x, [y]]\n: {z: 1}\n---\nc: 3\n", 3, "", "key",
                     "[{\"a\":1},{\"c\":3}]");
        expect_wrong("a: *no\nb: {c: [1]}\n---\nc: 3\n", 1, "a", "anchor", "[{\"c\":3}]");
}

static void tabs_controls_and_bad_bytes_are_named_with_their_line(void **state)
{
        (void)state;
        expect_wrong("a:\n\tb: 1\n", 2, "", "a tab cannot be used to indent", "[]");
        expect_wrong("a: 1\nb: \x01\n", 2, "", "control characters are not allowed", "[]");
        expect_wrong("a: 1\nb: 2\nc: \xff\n", 3, "", "UTF-8", "[]");
        expect_wrong("a: \xc3\n", 1, "", "UTF-8", "[]");
        expect_wrong("a: @x\n", 1, "", "cannot start any token", "[]");
        expect("a: b\tc\n", "[{\"a\":\"b\\tc\"}]");
}

static void a_nul_byte_is_an_error(void **state)
{
        auto_of(reading) struct reading r = read_limited("a: 1\nb: \0\n", 10, &tree_limits_default);

        (void)state;
        assert_int_equal(r.f.errors, 1);
        assert_int_equal(r.f.list[0].line, 2);
        assert_int_equal(r.docs->n, 0);
}

/* --- lines -------------------------------------------------------------------------------- */

static void every_node_knows_the_line_it_begins_on(void **state)
{
        static const struct {
                const char *path;
                int line;
        } rows[] = {
                { "", 2 },           { "a", 2 },      { "b", 3 },       { "b.c", 4 },
                { "b.d", 6 },        { "b.d[0]", 6 }, { "b.d[1]", 7 },  { "b.d[1].e", 7 },
                { "b.d[1].f", 8 },   { "text", 9 },   { "none", 12 },   { "flow", 13 },
                { "flow[1].x", 14 }, { "alias", 15 }, { "alias.c", 4 },
        };
        auto_of(reading) struct reading r = read_text("# top\n"       /* 1 */
                                                      "a: 1\n"        /* 2 */
                                                      "b: &b\n"       /* 3 */
                                                      "  c: 2\n"      /* 4 */
                                                      "  d:\n"        /* 5 */
                                                      "  - 1\n"       /* 6 */
                                                      "  - e: 1\n"    /* 7 */
                                                      "    f: 2\n"    /* 8 */
                                                      "text: |\n"     /* 9 */
                                                      "  x\n"         /* 10 */
                                                      "  y\n"         /* 11 */
                                                      "none:\n"       /* 12 */
                                                      "flow: [1,\n"   /* 13 */
                                                      "  {x: 1}]\n"   /* 14 */
                                                      "alias: *b\n"); /* 15 */
        const struct tree *t = tree_at(r.docs, 0);

        (void)state;
        assert_non_null(t);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct tree *found = tree_find(t, rows[i].path);
                if (!found || found->line != rows[i].line)
                        fail_msg("%s is on line %d", rows[i].path, found ? found->line : -1);
        }
        assert_int_equal(tree_find_nearest(t, "b.d[1].missing")->line, 7);
}

/* --- limits ------------------------------------------------------------------------------- */

static void more_bytes_than_the_limit_are_an_error_as_a_whole(void **state)
{
        struct tree_limits limits = { .bytes = 5, .nodes = 10, .depth = 3 };
        auto_of(reading) struct reading fits = read_limited("a: 1\n", 5, &limits);
        auto_of(reading) struct reading large = read_limited("a: 12\n", 6, &limits);

        (void)state;
        assert_int_equal(fits.rc, 0);
        assert_int_equal(fits.docs->n, 1);
        assert_int_equal(large.rc, DL_CONFIG);
        assert_null(large.docs);
        assert_string_equal(large.e.text, "larger than 5 bytes");
}

static void nesting_ends_at_its_limit(void **state)
{
        struct tree_limits limits = { .bytes = 1000, .nodes = 100, .depth = 3 };
        auto_of(reading) struct reading fits = read_limited("[[[1]]]", 7, &limits);
        auto_of(reading) struct reading deep = read_limited("a: 1\n---\n[[[[1]]]]", 18, &limits);
        const char *sly = "a: &x [[1]]\nb: [[*x]]\n";
        auto_of(reading) struct reading alias = read_limited(sly, strlen(sly), &limits);

        (void)state;
        assert_int_equal(fits.f.n, 0);
        assert_int_equal(deep.f.errors, 1);
        assert_int_equal(deep.f.list[0].line, 3);
        assert_string_equal(deep.f.list[0].text, "nested deeper than 3");
        assert_int_equal(deep.docs->n, 1);
        assert_int_equal(alias.f.errors, 1);
        assert_int_equal(alias.f.list[0].line, 2);
        assert_string_equal(alias.f.list[0].text, "nested deeper than 3");
}

static void values_end_at_their_limit_in_each_document(void **state)
{
        struct tree_limits limits = { .bytes = 1000, .nodes = 5, .depth = 3 };
        const char *two = "[1,2,3,4]\n---\n[1,2,3,4]\n";
        const char *five = "[1,2,3,4,5]\n";
        const char *alias = "[&x [1], *x, *x]\n";
        auto_of(reading) struct reading fits = read_limited(two, strlen(two), &limits);
        auto_of(reading) struct reading more = read_limited(five, strlen(five), &limits);
        auto_of(reading) struct reading sly = read_limited(alias, strlen(alias), &limits);

        (void)state;
        assert_int_equal(fits.f.n, 0);
        assert_int_equal(fits.docs->n, 2);
        assert_int_equal(more.f.errors, 1);
        assert_string_equal(more.f.list[0].text, "more than 5 values, aliases written out");
        assert_int_equal(sly.f.errors, 1);
}

/* An input of up to the default limit, made of a repeated piece. */
static struct reading read_repeated(const char *head, const char *piece, size_t times)
{
        auto_of(buf) struct buf in = BUF(tree_limits_default.bytes);
        size_t len = strlen(piece);

        buf_adds(&in, head);
        for (size_t i = 0; i < times && in.len + len <= in.max; i++)
                buf_add(&in, piece, len);
        return read_limited(buf_text(&in), in.len, &tree_limits_default);
}

static void an_alias_bomb_is_refused_with_little_memory(void **state)
{
        auto_of(buf) struct buf in = BUF(10000);

        (void)state;
        buf_adds(&in, "a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (int c = 'b'; c <= 'z'; c++) {
                buf_addf(&in, "%c: &%c [", c, c);
                for (int i = 0; i < 9; i++)
                        buf_addf(&in, "*%c,", c - 1);
                buf_adds(&in, "]\n");
        }
        auto_of(reading) struct reading r =
                read_limited(buf_text(&in), in.len, &tree_limits_default);
        assert_int_equal(r.f.errors, 1);
        assert_string_equal(r.f.list[0].text, "more than 200000 values, aliases written out");
        assert_int_equal(r.docs->n, 0);
        assert_true(arena_bytes(r.a) < 100000);
}

static void aliases_of_a_long_text_are_counted_in_bytes(void **state)
{
        auto_of(buf) struct buf in = BUF(tree_limits_default.bytes);

        (void)state;
        buf_adds(&in, "a: &a ");
        for (int i = 0; i < 100000; i++)
                buf_adds(&in, "0123456789");
        buf_adds(&in, "\nb: [*a,*a,*a]\n");
        auto_of(reading) struct reading r =
                read_limited(buf_text(&in), in.len, &tree_limits_default);
        assert_int_equal(r.f.errors, 1);
        assert_string_equal(r.f.list[0].text,
                            "more than 3145728 bytes of text, aliases written out");
}

static void a_merge_bomb_is_refused(void **state)
{
        auto_of(buf) struct buf in = BUF(100000);

        (void)state;
        buf_adds(&in, "a: &a {");
        for (int i = 0; i < 1000; i++)
                buf_addf(&in, "k%d: 1,", i);
        buf_adds(&in, "}\n");
        for (int i = 0; i < 1000; i++)
                buf_addf(&in, "b%d: {<<: *a}\n", i);
        auto_of(reading) struct reading r =
                read_limited(buf_text(&in), in.len, &tree_limits_default);
        assert_int_equal(r.f.errors, 1);
        assert_non_null(strstr(r.f.list[0].text, "more than 200000 values"));
        assert_true(arena_bytes(r.a) < (size_t)32 << 20);
}

static void anchors_are_counted(void **state)
{
        auto_of(reading) struct reading fits = read_repeated("", "- &a 1\n", 1000);
        auto_of(reading) struct reading more = read_repeated("", "- &a 1\n", 1001);

        (void)state;
        assert_int_equal(fits.f.n, 0);
        assert_int_equal(more.f.errors, 1);
        assert_string_equal(more.f.list[0].text, "more than 1000 anchors");
}

static void hostile_shapes_end_quickly(void **state)
{
        static const struct {
                const char *head;
                const char *piece;
        } rows[] = {
                { "", "[" },          { "", "{a: " },         { "", "[{" },
                { "", "{[" },         { "", "- " },           { "", "? " },
                { "", "a:" },         { "", "{? " },          { "", "\t" },
                { "", " " },          { "", "#\n" },          { "", "*a " },
                { "", "! " },         { "", "%a\n" },         { "", "\"" },
                { "a: |\n", " x\n" }, { "[", "," },           { "[", "1," },
                { "a: *b\n", "[" },   { "a: *b\nc: ", "[{" }, { "", "--- {a: 1, a: 2}\n" },
                { "&a [", "*a," },
        };
        struct timespec from = { 0 };
        struct timespec to = { 0 };

        (void)state;
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                auto_of(reading) struct reading r =
                        read_repeated(rows[i].head, rows[i].piece, (size_t)3 << 20);
                assert_int_equal(r.rc, 0);
                assert_true(arena_bytes(r.a) < (size_t)64 << 20);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        assert_true(to.tv_sec - from.tv_sec < 30); /* quadratic work would take hours */
}

static void a_map_of_many_keys_is_fast(void **state)
{
        auto_of(buf) struct buf in = BUF(tree_limits_default.bytes);

        (void)state;
        for (int i = 0; i < 90000; i++)
                buf_addf(&in, "key%d: %d\n", i, i);
        buf_adds(&in, "key17: again\n");
        auto_of(reading) struct reading r =
                read_limited(buf_text(&in), in.len, &tree_limits_default);
        assert_int_equal(r.f.errors, 1);
        assert_string_equal(r.f.list[0].text,
                            "the key 'key17' of line 90001 is already on line 18");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(booleans_have_many_names_in_three_cases),
                cmocka_unit_test(nulls_have_five_names),
                cmocka_unit_test(integers_come_in_every_base_with_underscores),
                cmocka_unit_test(sixty_four_bit_integers_are_exact),
                cmocka_unit_test(reals_are_decimal),
                cmocka_unit_test(times_durations_and_versions_stay_text),
                cmocka_unit_test(quoted_and_tagged_text_is_text),
                cmocka_unit_test(tags_decide_where_the_text_can_follow),
                cmocka_unit_test(a_tag_that_does_not_fit_is_an_error),
                cmocka_unit_test(infinity_and_not_a_number_are_errors),
                cmocka_unit_test(keys_become_their_json_text),
                cmocka_unit_test(a_repeated_key_is_named_with_both_lines),
                cmocka_unit_test(every_repeated_key_is_reported),
                cmocka_unit_test(a_list_or_map_cannot_be_a_key),
                cmocka_unit_test(aliases_are_written_out),
                cmocka_unit_test(an_alias_needs_its_anchor_in_the_same_document),
                cmocka_unit_test(merged_keys_never_replace_own_ones),
                cmocka_unit_test(of_merged_maps_the_first_wins),
                cmocka_unit_test(only_maps_can_be_merged),
                cmocka_unit_test(empty_documents_are_left_out),
                cmocka_unit_test(byte_order_marks_and_line_ends_of_windows_are_fine),
                cmocka_unit_test(json_is_yaml),
                cmocka_unit_test(a_syntax_error_keeps_the_documents_before_it),
                cmocka_unit_test(an_error_of_meaning_costs_only_its_document),
                cmocka_unit_test(tabs_controls_and_bad_bytes_are_named_with_their_line),
                cmocka_unit_test(a_nul_byte_is_an_error),
                cmocka_unit_test(every_node_knows_the_line_it_begins_on),
                cmocka_unit_test(more_bytes_than_the_limit_are_an_error_as_a_whole),
                cmocka_unit_test(nesting_ends_at_its_limit),
                cmocka_unit_test(values_end_at_their_limit_in_each_document),
                cmocka_unit_test(an_alias_bomb_is_refused_with_little_memory),
                cmocka_unit_test(aliases_of_a_long_text_are_counted_in_bytes),
                cmocka_unit_test(a_merge_bomb_is_refused),
                cmocka_unit_test(anchors_are_counted),
                cmocka_unit_test(hostile_shapes_end_quickly),
                cmocka_unit_test(a_map_of_many_keys_is_fast),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
