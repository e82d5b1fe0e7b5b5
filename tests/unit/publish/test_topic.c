/* Topics are what subscribers are bound to: they are rendered as Octopus does, to the letter. */
#include "publish/topic.h"

#include "base/mem.h"
#include "publish/will.h"
#include "vectors.h"

#include <string.h>

static struct topic_names names_of(struct json_object *entry, const char *operation)
{
        struct json_object *op = member(entry, "operator");

        return (struct topic_names){ .space = text(entry, "namespace"),
                                     .name = text(entry, "name"),
                                     .uid = text(entry, "uid"),
                                     .path = text(entry, "path"),
                                     .operation = op ? text(op, operation) : NULL };
}

/* What is set for a property overrides the message's, also with a blank. */
static struct topic_names of_property(struct topic_names names, struct json_object *property,
                                      const char *operation)
{
        struct json_object *op = member(property, "operator");
        const char *path = text(property, "path");

        names.path = path && *path ? path : text(property, "name");
        if (op)
                names.operation = text(op, operation);
        return names;
}

static void assert_renders(const char *template, const struct topic_names *names, const char *want)
{
        auto_of(buf) struct buf got = BUF(1 << 20);

        topic_render(template, names, &got);
        if (strcmp(buf_text(&got), want) != 0)
                fail_msg("'%s' renders as '%s', not '%s'", template, buf_text(&got), want);
}

static void assert_will(struct json_object *entry, const struct topic_names *names)
{
        auto_of(buf) struct buf got = BUF(1 << 20);

        (void)will_topic(text(entry, "willTopic"), text(entry, "template"), names, &got, NULL);
        if (strcmp(buf_text(&got), text(entry, "will")) != 0)
                fail_msg("the will of '%s' goes to '%s', not '%s'", text(entry, "template"),
                         buf_text(&got), text(entry, "will"));
}

static void every_recorded_topic_is_rendered_alike(void **state)
{
        struct json_object *list = vectors_open("topic.json");
        size_t n = json_object_array_length(list);

        (void)state;
        assert_int_equal(n, 220);
        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_object_array_get_idx(list, i);
                struct json_object *property = member(entry, "property");
                struct topic_names write = names_of(entry, "write");
                struct topic_names read = names_of(entry, "read");

                assert_will(entry, &write);
                if (property) {
                        write = of_property(write, property, "write");
                        read = of_property(read, property, "read");
                }
                assert_renders(text(entry, "template"), &write, text(entry, "publish"));
                assert_renders(text(entry, "template"), &read, text(entry, "subscribe"));
        }
        (void)json_object_put(list);
}

static const struct topic_names usual = {
        .space = "default", .name = "test", .uid = "uid-xyz", .path = "path-xyz", .operation = "set"
};

static void rows_of_the_documented_table_hold(void **state)
{
        static const char *const rows[][2] = {
                { "cattle.io/octopus/:namespace/:name", "cattle.io/octopus/default/test" },
                { "cattle.io/octopus/:uid", "cattle.io/octopus/uid-xyz" },
                { "cattle.io/:operator/octopus/:namespace/ccc/:name/:path",
                  "cattle.io/set/octopus/default/ccc/test/path-xyz" },
                { "cattle.io////octopus///static", "cattle.io/octopus/static" },
                { "/a/:name", "a/test" },
                { "a/:/b", "a/b" },
                { "a/:foo/b", "a/b" },
                { "a/:NAME/b", "a/b" },
                { "a/x:name/b", "a/x:name/b" },
                { "a/../b", "b" },
                { "a/./b", "a/b" },
                { "a/:name/..", "a" },
                { ":path/:operator", "path-xyz/set" },
                { "a/+/:path/#", "a/+/path-xyz/#" },
                { "$share/g/a/:name", "$share/g/a/test" },
                { "a/:operator/:operator", "a/set/set" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_renders(rows[i][0], &usual, rows[i][1]);
}

static void replaced_text_is_cleaned_but_not_rendered_again(void **state)
{
        struct topic_names names = usual;

        (void)state;
        names.path = "p//q/../r/:name";
        names.operation = "x/y";
        assert_renders("a/:operator/:path/z", &names, "a/x/y/p/r/:name/z");
}

static void a_blank_name_drops_its_segment(void **state)
{
        static const struct topic_names none = { 0 };

        (void)state;
        assert_renders("a/:namespace/:name/:uid", &none, "a");
        assert_renders("a/:operator/:path/z", &none, "a/z");
        assert_renders(":name/:uid", &none, "");
}

static void only_a_lower_case_null_operator_is_blank(void **state)
{
        struct topic_names names = usual;

        (void)state;
        names.operation = "null";
        names.path = "null";
        assert_renders("a/:operator/:path", &names, "a/null");
        names.operation = "Null";
        assert_renders("a/:operator/:path", &names, "a/Null/null");
}

static void dots_without_anything_before_them_stay(void **state)
{
        struct topic_names names = usual;

        (void)state;
        assert_renders("../a", &usual, "../a");
        assert_renders("a/../../../b/..", &usual, "../..");
        assert_renders("a/..", &usual, ".");
        names.path = "/../x";
        assert_renders(":path/b", &names, "/x/b");
        names.path = "/..";
        assert_renders(":path", &names, "/");
}

static int check(const char *topic, size_t len, struct err *e)
{
        auto_of(buf) struct buf b = BUF(1 << 20);

        buf_add(&b, topic, len);
        return topic_check(&b, e);
}

static void a_topic_that_no_broker_takes_is_refused(void **state)
{
        struct err e = { 0 };
        auto_free char *large = xmalloc(TOPIC_MAX_BYTES + 1);

        (void)state;
        memset(large, 'a', TOPIC_MAX_BYTES + 1);
        assert_int_equal(check("a/b", 3, &e), 0);
        assert_int_equal(check(large, TOPIC_MAX_BYTES, &e), 0);
        assert_int_equal(check(large, TOPIC_MAX_BYTES + 1, &e), DL_CONFIG);
        assert_int_equal(check("", 0, &e), DL_CONFIG);
        assert_int_equal(check("a/+/b", 5, &e), DL_CONFIG);
        assert_string_equal(e.text, "'a/+/b' cannot be published to: '+' and '#' are wildcards");
        assert_int_equal(check("a/#", 3, &e), DL_CONFIG);
        assert_int_equal(check("a\0b", 3, &e), DL_CONFIG);
        assert_int_equal(check("\xff", 1, &e), DL_CONFIG);
}

static void a_template_that_grows_without_end_is_cut_off(void **state)
{
        auto_of(buf) struct buf template = BUF(1 << 20);
        auto_of(buf) struct buf got = BUF(TOPIC_MAX_BYTES);
        auto_free char *path = xmalloc(60001);
        struct topic_names names = { .path = path };
        struct err e = { 0 };

        (void)state;
        memset(path, 'p', 60000);
        path[60000] = '\0';
        for (int i = 0; i < 1000; i++)
                buf_adds(&template, ":path/");
        topic_render(buf_text(&template), &names, &got);
        assert_int_equal(topic_check(&got, &e), DL_CONFIG);
        assert_string_equal(e.text, "the topic has more than 65535 bytes when rendered");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_topic_is_rendered_alike),
                cmocka_unit_test(rows_of_the_documented_table_hold),
                cmocka_unit_test(replaced_text_is_cleaned_but_not_rendered_again),
                cmocka_unit_test(a_blank_name_drops_its_segment),
                cmocka_unit_test(only_a_lower_case_null_operator_is_blank),
                cmocka_unit_test(dots_without_anything_before_them_stay),
                cmocka_unit_test(a_topic_that_no_broker_takes_is_refused),
                cmocka_unit_test(a_template_that_grows_without_end_is_cut_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
