/* What a line of a watch or a page of a list says, and what is found in it without reading it all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/reflector_event.h"
#include "kube/reflector_table.h"

#include <devicelink/adaptor.h>

static struct json_span span(const char *s)
{
        return (struct json_span){ .at = s, .n = strlen(s) };
}

#define assert_span(s, text)                                                                       \
        do {                                                                                       \
                assert_int_equal((s).n, strlen(text));                                             \
                assert_memory_equal((s).at, (text), strlen(text));                                 \
        } while (0)

/* --- spans */

static void members_are_found_whatever_is_around_them(void **state)
{
        static const char text[] = " { \"a\" : \"x\\\"},{[\" , \"b\":{\"a\":[1,{}],\"c\":2}, "
                                   "\"d\":[ ],\"e\":-1.5e3,\"f\":null } ";
        struct json_span whole, value;

        (void)state;
        assert_true(json_span_whole(text, strlen(text), &whole));
        assert_true(json_span_member(whole, "a", &value));
        assert_span(value, "\"x\\\"},{[\"");
        assert_true(json_span_member(whole, "b", &value));
        assert_span(value, "{\"a\":[1,{}],\"c\":2}");
        assert_true(json_span_member(value, "c", &value));
        assert_span(value, "2");
        assert_true(json_span_member(whole, "d", &value));
        assert_span(value, "[ ]");
        assert_true(json_span_member(whole, "e", &value));
        assert_span(value, "-1.5e3");
        assert_true(json_span_member(whole, "f", &value));
        assert_true(json_span_is(value, "null"));
        assert_false(json_span_member(whole, "c", &value));
        assert_false(json_span_member(whole, "", &value));
}

static void elements_come_one_by_one(void **state)
{
        static const char list[] = "[ {\"a\":[1,2]} ,\"]\",3 , [ ] ]";
        struct json_span item;
        size_t cursor = 0;

        (void)state;
        assert_true(json_span_next(span(list), &cursor, &item));
        assert_span(item, "{\"a\":[1,2]}");
        assert_true(json_span_next(span(list), &cursor, &item));
        assert_span(item, "\"]\"");
        assert_true(json_span_next(span(list), &cursor, &item));
        assert_span(item, "3");
        assert_true(json_span_next(span(list), &cursor, &item));
        assert_span(item, "[ ]");
        assert_false(json_span_next(span(list), &cursor, &item));
        cursor = 0;
        assert_false(json_span_next(span("[]"), &cursor, &item));
        assert_false(json_span_next(span("[ ]"), &cursor, &item));
        assert_false(json_span_next(span("{}"), &cursor, &item));
}

static void what_is_cut_or_torn_is_not_found(void **state)
{
        static const char *const texts[] = {
                "",        " ",      "{",         "}",
                "[",       "\"",     "\"a",       "\"a\\",
                "{\"a\":", "{\"a\"", "{\"a\":1",  "{\"a\":\"",
                "{} x",    "{}{}",   "{\"a\":[}", "{\"a\":\"x\\\"}",
                ",",       ":",
        };
        struct json_span value;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                size_t n = strlen(texts[i]);
                auto_free char *exact = xmemdup(texts[i], n); /* so that reading on is noticed */

                assert_false(json_span_whole(exact, n, &value));
        }
        assert_false(json_span_member(span("{\"a\"}"), "a", &value));
        assert_false(json_span_member(span("{\"a\":}"), "a", &value));
        assert_false(json_span_member(span("{1:2}"), "a", &value));
        assert_false(json_span_member(span("{\"b\":1 \"a\":2}"), "a", &value));
        assert_false(json_span_member(span("[\"a\",1]"), "a", &value));
        assert_false(json_span_member((struct json_span){ .at = "", .n = 0 }, "a", &value));
}

/* --- events */

#define POD                                                                                        \
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"s\",\"uid\":\"u\","        \
        "\"resourceVersion\":\"7\",\"managedFields\":[{\"manager\":\"x\",\"fieldsV1\":"            \
        "{\"f:a\":{}}}],\"labels\":{\"l\":\"1\"}},\"spec\":{\"x\":1}}"

/* reference A4 40 */
static void events_have_a_type_and_an_object(void **state)
{
        static const struct {
                const char *text;
                enum event_type type;
        } good[] = {
                { "{\"type\":\"ADDED\",\"object\":{}}", EVENT_ADDED },
                { "{\"object\":{\"type\":\"x\"},\"type\":\"MODIFIED\"}", EVENT_MODIFIED },
                { "{\"type\":\"DELETED\",\"object\":{}}", EVENT_DELETED },
                { "{\"type\":\"BOOKMARK\",\"object\":{}}", EVENT_BOOKMARK },
                { "{\"type\":\"ERROR\",\"object\":{}}", EVENT_ERROR },
                { "{\"type\":\"CHANGED\",\"object\":{}}", EVENT_OTHER },
                { "{\"type\":7,\"object\":{}}", EVENT_OTHER },
        };
        static const char *const bad[] = { "",
                                           "x",
                                           "[]",
                                           "{}",
                                           "{\"type\":\"ADDED\"}",
                                           "{\"type\":\"ADDED\",\"object\":[]}",
                                           "{\"type\":\"ADDED\",\"object\":null}",
                                           "{\"object\":{}}" };
        struct event ev;
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                assert_int_equal(event_read(good[i].text, strlen(good[i].text), &ev, &e), 0);
                assert_int_equal(ev.type, good[i].type);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(event_read(bad[i], strlen(bad[i]), &ev, &e), DL_CONFIG);
}

static void an_identity_is_found_without_the_rest(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(event_identity(span(POD), a, &m, &e), 0);
        assert_string_equal(m.space, "s");
        assert_string_equal(m.name, "p");
        assert_string_equal(m.uid, "u");
        assert_string_equal(m.version, "7");
        assert_int_equal(event_identity(span("{\"metadata\":{\"name\":\"\\u0061b\","
                                             "\"resourceVersion\":\"1\"}}"),
                                        a, &m, &e),
                         0);
        assert_string_equal(m.name, "ab");
        assert_string_equal(m.space, "");
        assert_int_equal(event_identity(span("{}"), a, &m, &e), DL_CONFIG);
        assert_int_equal(event_identity(span("{\"metadata\":7}"), a, &m, &e), DL_CONFIG);
        assert_int_equal(event_identity(span("{\"metadata\":{\"name\":\"a\"}}"), a, &m, &e),
                         DL_CONFIG);
        assert_int_equal(event_identity(span("{\"metadata\":{\"resourceVersion\":\"1\","
                                             "\"name\":7}}"),
                                        a, &m, &e),
                         DL_CONFIG);
        assert_int_equal(event_identity(span("{\"metadata\":{\"resourceVersion\":\"1\","
                                             "\"name\":\"a\\u0000b\"}}"),
                                        a, &m, &e),
                         DL_CONFIG);
}

/* reference A5 66 */
static void managed_fields_are_left_out(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(event_object(span(POD), a, &t, &e), 0);
        assert_int_equal(tree_find(t, "metadata.managedFields")->type, TREE_NULL);
        assert_string_equal(tree_text(tree_find(t, "metadata.labels.l")), "1");
        assert_int_equal(tree_find(t, "spec.x")->as.i, 1);
        assert_int_equal(event_object(span("{\"metadata\":{},\"spec\":[1]}"), a, &t, &e), 0);
        assert_int_equal(tree_find(t, "spec[0]")->as.i, 1);
        assert_int_equal(event_object(span("{\"a\":nul}"), a, &t, &e), DL_CONFIG);
}

/* reference A1 15, A9 105, 107 */
static void of_a_secret_only_identity_and_data_are_read(void **state)
{
        static const char text[] =
                "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\",\"namespace\":\"n\",\"uid\":"
                "\"u\","
                "\"resourceVersion\":\"3\",\"annotations\":{\"last-applied\":\"aHVudGVy\"}},"
                "\"data\":{\"a\":\"aHVudGVy\",\"b\\u002ec\":\"x\\ny\",\"d\":\"\"},\"immutable\":"
                "true}";
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(event_secret(span(text), a, &t, &e), 0);
        assert_string_equal(tree_text(tree_find(t, "metadata.name")), "s");
        assert_string_equal(tree_text(tree_find(t, "metadata.resourceVersion")), "3");
        assert_null(tree_find(t, "metadata.annotations"));
        assert_string_equal(tree_text(tree_find(t, "data.a")), "aHVudGVy");
        assert_string_equal(tree_text(tree_find(t, "data['b.c']")), "x\ny");
        assert_string_equal(tree_text(tree_find(t, "data.d")), "");
        assert_int_equal(tree_get(t, "data")->n, 3);
        assert_int_equal(event_secret(span("{\"metadata\":{\"name\":\"s\",\"resourceVersion\":"
                                           "\"1\"},\"data\":null}"),
                                      a, &t, &e),
                         0);
        assert_int_equal(tree_get(t, "data")->n, 0);
        assert_int_equal(event_secret(span("{\"metadata\":{\"name\":\"s\",\"resourceVersion\":"
                                           "\"1\"},\"data\":{\"a\":7}}"),
                                      a, &t, &e),
                         DL_CONFIG);
        assert_int_equal(event_secret(span("{}"), a, &t, &e), DL_CONFIG);
}

/* reference A4 44, 45 */
static void a_bookmark_says_how_far_and_whether_all_was_said(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const char *version = NULL;
        bool end = true;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(event_bookmark(span("{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":"
                                             "\"12\",\"creationTimestamp\":null}}"),
                                        a, &version, &end, &e),
                         0);
        assert_string_equal(version, "12");
        assert_false(end);
        assert_int_equal(
                event_bookmark(span("{\"metadata\":{\"resourceVersion\":\"13\",\"annotations\":"
                                    "{\"k8s.io/initial-events-end\":\"true\"}}}"),
                               a, &version, &end, &e),
                0);
        assert_true(end);
        assert_int_equal(event_bookmark(span("{\"metadata\":{}}"), a, &version, &end, &e),
                         DL_CONFIG);
}

static void a_page_has_items_a_version_and_perhaps_more(void **state)
{
        static const char text[] = "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"9\","
                                   "\"continue\":\"a+b/c=\",\"remainingItemCount\":3},"
                                   "\"items\":[{\"a\":1},{\"b\":2}]}\n";
        static const char *const bad[] = {
                "", "[]", "{}", "{\"metadata\":{}}",
                "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":7}"
        };
        auto_of(arena) struct arena *a = arena_new();
        struct list_page p;
        struct json_span item;
        size_t cursor = 0;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(list_page_read(text, strlen(text), a, &p, &e), 0);
        assert_string_equal(p.version, "9");
        assert_string_equal(p.more, "a+b/c=");
        assert_true(json_span_next(p.items, &cursor, &item));
        assert_span(item, "{\"a\":1}");
        static const char none[] = "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":null}";
        assert_int_equal(list_page_read(none, strlen(none), a, &p, &e), 0);
        assert_int_equal(p.items.n, 0);
        assert_string_equal(p.more, "");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(list_page_read(bad[i], strlen(bad[i]), a, &p, &e), DL_CONFIG);
}

/* --- table */

static void a_table_finds_what_was_put_in_any_order(void **state)
{
        struct table t = { 0 };
        char name[16];

        (void)state;
        for (unsigned i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof(name), "n%u", i * 7919 % 1000);
                (void)table_add(&t, i % 2 ? "a" : "b", name, "u", "1");
        }
        assert_int_equal(t.n, 1000);
        assert_null(table_find(&t, "a", "none"));
        struct entry *e = table_find(&t, "a", "n919");
        assert_non_null(e);
        assert_string_equal(e->space, "a");
        assert_string_equal(e->name, "n919");
        assert_string_equal(e->uid, "u");
        entry_set_version(e, "22");
        assert_string_equal(table_add(&t, "a", "n919", "u", "1")->version, "22");
        e = table_take(&t, "a", "n919");
        assert_string_equal(e->version, "22");
        entry_free(e);
        assert_null(table_take(&t, "a", "n919"));
        assert_int_equal(t.n, 999);
        table_done(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(members_are_found_whatever_is_around_them),
                cmocka_unit_test(elements_come_one_by_one),
                cmocka_unit_test(what_is_cut_or_torn_is_not_found),
                cmocka_unit_test(events_have_a_type_and_an_object),
                cmocka_unit_test(an_identity_is_found_without_the_rest),
                cmocka_unit_test(managed_fields_are_left_out),
                cmocka_unit_test(of_a_secret_only_identity_and_data_are_read),
                cmocka_unit_test(a_bookmark_says_how_far_and_whether_all_was_said),
                cmocka_unit_test(a_page_has_items_a_version_and_perhaps_more),
                cmocka_unit_test(a_table_finds_what_was_put_in_any_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
