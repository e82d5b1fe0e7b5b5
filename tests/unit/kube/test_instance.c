/* The device instance follows its template: nothing is missed, nothing is written twice. */
#include "kube.h"

#include "kube/digest.h"
#include "kube/instance.h"

enum { TEXT_MAX = 1 << 16 };

static const struct tree *parsed(struct arena *a, const char *json)
{
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s: %s", e.text, json);
        return t;
}

/* --- a link, and its instance as a server would hold it */

struct fixture {
        struct arena *a;
        struct devicelink link;
        struct decoded_pair labels[2];
        struct instance_want want;
};

static void set_spec(struct fixture *f, const char *json)
{
        f->want.spec_json = json;
        f->want.spec_json_len = strlen(json);
}

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof(*f));

        f->a = arena_new();
        f->labels[0] = (struct decoded_pair){ "app", "pump" };
        f->labels[1] = (struct decoded_pair){ "line", "4" };
        f->link.meta =
                (struct metadata){ .name = "pump", .space = "plant", .uid = "0000-link-uid" };
        f->link.spec.adaptor.name = "adaptors.edge.cattle.io/modbus";
        f->link.spec.model.api_version = DEVICE_API_VERSION;
        f->link.spec.model.kind = "ModbusDevice";
        f->link.spec.template.meta.labels = (struct decoded_list){ .items = f->labels, .n = 2 };
        f->want = (struct instance_want){ .link = &f->link, .node = "edge-1" };
        set_spec(f, "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\"}},"
                    "\"properties\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        arena_free(f->a);
        free(f);
        return 0;
}

/* What the server holds: the rest of the metadata, and a spec of its own making. */
struct held {
        const char *labels, *annotations, *owners, *more, *spec;
};

static const char right_labels[] =
        "{\"line\":\"4\",\"edge.cattle.io/node-name\":\"edge-1\",\"app\":\"pump\"}";
static const char right_annotations[] =
        "{\"x\":\"y\",\"edge.cattle.io/node-name\":\"edge-1\","
        "\"edge.cattle.io/adaptor-name\":\"adaptors.edge.cattle.io/modbus\"}";
#define OWNER(uid, controller, block)                                                              \
        "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\",\"name\":\"pump\","   \
        "\"uid\":\"" uid "\",\"controller\":" controller ",\"blockOwnerDeletion\":" block "}"
static const char right_owners[] = "[" OWNER("0000-link-uid", "true", "true") "]";
static const char defaulted_spec[] =
        "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\",\"workerID\":1}},"
        "\"parameters\":{\"timeout\":\"10s\"},"
        "\"properties\":[{\"name\":\"a\",\"readOnly\":false},{\"readOnly\":false,\"name\":\"b\"}]}";

static const struct tree *object_of(struct fixture *f, const struct held *h)
{
        auto_free char *json = xasprintf(
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"ModbusDevice\","
                "\"metadata\":{\"name\":\"pump\",\"namespace\":\"plant\",\"uid\":\"1-1\","
                "\"resourceVersion\":\"77\",\"labels\":%s,\"annotations\":%s,"
                "\"ownerReferences\":%s%s},\"spec\":%s,\"status\":{\"properties\":[]}}",
                h->labels ? h->labels : right_labels,
                h->annotations ? h->annotations : right_annotations,
                h->owners ? h->owners : right_owners, h->more ? h->more : "",
                h->spec ? h->spec : defaulted_spec);

        return parsed(f->a, json);
}

static enum instance_state judged(struct fixture *f, const struct held *h)
{
        static const struct instance_seen nothing;

        return instance_compare(&f->want, object_of(f, h), &nothing);
}

#define HELD(...) (&(const struct held){ __VA_ARGS__ })

/* --- whose it is */

static void what_no_link_or_another_one_owns_is_foreign(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(judged(f, HELD(.owners = "[]")), INSTANCE_FOREIGN);
        assert_int_equal(judged(f, HELD(.owners = "null")), INSTANCE_FOREIGN);
        assert_int_equal(judged(f, HELD(.owners = "[" OWNER("other", "true", "true") "]")),
                         INSTANCE_FOREIGN);
        assert_int_equal(judged(f, HELD(.owners = "[" OWNER("0000-link-uid", "false", "true") "]")),
                         INSTANCE_FOREIGN);
        f->link.meta.uid = "";
        assert_int_equal(judged(f, HELD(.owners = "[" OWNER("", "true", "true") "]")),
                         INSTANCE_FOREIGN);
}

static void what_another_node_holds_is_waited_for(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(
                judged(f, HELD(.annotations = "{\"edge.cattle.io/node-name\":\"edge-2\"}")),
                INSTANCE_HELD);
}

static void what_nobody_holds_is_taken(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(judged(f, HELD(.annotations = "{}")), INSTANCE_DIFFERS);
        assert_int_equal(judged(f, HELD(.annotations = "{\"edge.cattle.io/node-name\":\"\"}")),
                         INSTANCE_DIFFERS);
}

static void what_is_being_deleted_is_waited_for_whoever_owns_it(void **state)
{
        struct fixture *f = *state;
        static const char deleted[] = ",\"deletionTimestamp\":\"2024-01-02T03:04:05Z\"";

        assert_int_equal(judged(f, HELD(.more = deleted)), INSTANCE_GOING);
        assert_int_equal(judged(f, HELD(.more = deleted, .owners = "[]")), INSTANCE_GOING);
}

/* --- metadata */

static void server_defaults_make_no_difference(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(judged(f, HELD(0)), INSTANCE_RIGHT);
}

static void labels_are_exactly_the_templates_and_ours(void **state)
{
        struct fixture *f = *state;
        static const char *const wrong[] = {
                "{\"line\":\"4\",\"edge.cattle.io/node-name\":\"edge-1\"}",
                "{\"line\":\"5\",\"edge.cattle.io/node-name\":\"edge-1\",\"app\":\"pump\"}",
                "{\"line\":\"4\",\"app\":\"pump\"}",
                "{\"line\":\"4\",\"edge.cattle.io/node-name\":\"edge-2\",\"app\":\"pump\"}",
                "{\"x\":\"\",\"line\":\"4\",\"" LABEL_NODE "\":\"edge-1\",\"app\":\"pump\"}",
                "null",
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_int_equal(judged(f, HELD(.labels = wrong[i])), INSTANCE_DIFFERS);
}

static void our_annotations_count_and_others_do_not(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(
                judged(f, HELD(.annotations = "{\"edge.cattle.io/node-name\":\"edge-1\"}")),
                INSTANCE_DIFFERS);
        assert_int_equal(
                judged(f, HELD(.annotations = "{\"edge.cattle.io/node-name\":\"edge-1\","
                                              "\"edge.cattle.io/adaptor-name\":\"other\"}")),
                INSTANCE_DIFFERS);
        assert_int_equal(
                judged(f, HELD(.annotations =
                                       "{\"edge.cattle.io/node-name\":\"edge-1\",\"more\":\"x\","
                                       "\"edge.cattle.io/adaptor-name\":"
                                       "\"adaptors.edge.cattle.io/modbus\"}")),
                INSTANCE_RIGHT);
}

static void there_is_exactly_one_owner(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(
                judged(f, HELD(.owners = "[" OWNER("0000-link-uid", "true",
                                                   "true") "," OWNER("x", "false", "false") "]")),
                INSTANCE_DIFFERS);
        assert_int_equal(judged(f, HELD(.owners = "[" OWNER("0000-link-uid", "true", "false") "]")),
                         INSTANCE_DIFFERS);
}

/* --- the spec, while nothing is known of it */

static void what_the_template_asks_for_must_be_there(void **state)
{
        struct fixture *f = *state;
        static const char *const wrong[] = {
                "{}",
                "null",
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:503\"}},"
                "\"properties\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\"}},"
                "\"properties\":[{\"name\":\"a\"}]}",
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\"}},"
                "\"properties\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\"}},"
                "\"properties\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
                "{\"protocol\":{\"tcp\":\"1.2.3.4:502\"},\"properties\":{}}",
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_int_equal(judged(f, HELD(.spec = wrong[i])), INSTANCE_DIFFERS);
}

static void numbers_are_compared_by_value(void **state)
{
        struct fixture *f = *state;

        set_spec(f, "{\"a\":2.0,\"b\":1e3,\"c\":0.5,\"d\":9007199254740993}");
        assert_int_equal(
                judged(f, HELD(.spec = "{\"a\":2,\"b\":1000,\"c\":5e-1,\"d\":9007199254740993}")),
                INSTANCE_RIGHT);
        assert_int_equal(
                judged(f, HELD(.spec = "{\"a\":2,\"b\":1000,\"c\":5e-1,\"d\":9007199254740992}")),
                INSTANCE_DIFFERS);
}

static void a_null_asks_for_nothing(void **state)
{
        struct fixture *f = *state;

        set_spec(f, "{\"a\":null,\"b\":1}");
        assert_int_equal(judged(f, HELD(.spec = "{\"b\":1}")), INSTANCE_RIGHT);
        assert_int_equal(judged(f, HELD(.spec = "{\"a\":null,\"b\":1}")), INSTANCE_RIGHT);
}

static void an_empty_template_is_right_with_an_absent_spec(void **state)
{
        struct fixture *f = *state;
        static const struct instance_seen nothing;

        set_spec(f, "{}");
        assert_int_equal(judged(f, HELD(.spec = "{\"gear\":\"slow\"}")), INSTANCE_RIGHT);
        auto_free char *json = xasprintf("{\"metadata\":{\"labels\":%s,\"annotations\":%s,"
                                         "\"ownerReferences\":%s}}",
                                         right_labels, right_annotations, right_owners);
        assert_int_equal(instance_compare(&f->want, parsed(f->a, json), &nothing), INSTANCE_RIGHT);
}

/* --- the spec, once it was seen */

static void a_hand_edit_beyond_the_template_is_seen_after_the_first_look(void **state)
{
        struct fixture *f = *state;
        const struct tree *object = object_of(f, HELD(0));
        struct instance_seen seen = instance_remember(&f->want, object);

        assert_int_equal(instance_compare(&f->want, object, &seen), INSTANCE_RIGHT);
        const struct tree *edited =
                object_of(f, HELD(.spec = "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\","
                                          "\"workerID\":9}},\"parameters\":{\"timeout\":\"10s\"},"
                                          "\"properties\":[{\"name\":\"a\",\"readOnly\":false},"
                                          "{\"readOnly\":false,\"name\":\"b\"}]}"));
        assert_int_equal(instance_compare(&f->want, edited, &(struct instance_seen){ 0 }),
                         INSTANCE_RIGHT);
        assert_int_equal(instance_compare(&f->want, edited, &seen), INSTANCE_DIFFERS);
}

static void what_the_server_prunes_is_written_once(void **state)
{
        struct fixture *f = *state;

        set_spec(f, "{\"known\":1,\"unknown\":2}");
        const struct tree *object = object_of(f, HELD(.spec = "{\"known\":1}"));
        struct instance_seen seen = { 0 };
        assert_int_equal(instance_compare(&f->want, object, &seen), INSTANCE_DIFFERS);
        seen = instance_remember(&f->want, object);
        assert_int_equal(instance_compare(&f->want, object, &seen), INSTANCE_RIGHT);
}

static void a_field_removed_from_the_template_is_removed_from_the_device(void **state)
{
        struct fixture *f = *state;

        set_spec(f, "{\"a\":1,\"b\":2}");
        const struct tree *object = object_of(f, HELD(.spec = "{\"a\":1,\"b\":2}"));
        struct instance_seen seen = instance_remember(&f->want, object);
        set_spec(f, "{\"a\":1}");
        assert_int_equal(instance_compare(&f->want, object, &seen), INSTANCE_DIFFERS);
        assert_int_equal(instance_compare(&f->want, object_of(f, HELD(.spec = "{\"a\":1}")), &seen),
                         INSTANCE_RIGHT);
}

static void order_of_keys_is_no_change(void **state)
{
        struct fixture *f = *state;

        set_spec(f, "{\"a\":1,\"b\":[{\"c\":1,\"d\":2}]}");
        struct instance_seen one = instance_remember(
                &f->want, object_of(f, HELD(.spec = "{\"x\":{\"p\":1,\"q\":2}}")));
        set_spec(f, "{\"b\":[{\"d\":2,\"c\":1}],\"a\":1}");
        struct instance_seen two = instance_remember(
                &f->want, object_of(f, HELD(.spec = "{\"x\":{\"q\":2,\"p\":1}}")));
        assert_true(one.wanted == two.wanted && one.got == two.got);
        assert_true(one.wanted != 0 && one.got != 0);
}

/* --- bodies */

static void the_body_of_a_new_instance_is_whole(void **state)
{
        struct fixture *f = *state;
        auto_of(buf) struct buf out = BUF(TEXT_MAX);

        set_spec(f, "{\"rate\":2.50,\"big\":18446744073709551615}");
        instance_create(&f->want, &out);
        assert_string_equal(
                buf_text(&out),
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"ModbusDevice\","
                "\"metadata\":{\"name\":\"pump\",\"namespace\":\"plant\",\"labels\":"
                "{\"app\":\"pump\",\"line\":\"4\",\"edge.cattle.io/node-name\":\"edge-1\"},"
                "\"annotations\":{\"edge.cattle.io/node-name\":\"edge-1\","
                "\"edge.cattle.io/adaptor-name\":\"adaptors.edge.cattle.io/modbus\"},"
                "\"ownerReferences\":[{\"apiVersion\":\"edge.cattle.io/v1alpha1\","
                "\"kind\":\"DeviceLink\",\"name\":\"pump\",\"uid\":\"0000-link-uid\","
                "\"controller\":true,\"blockOwnerDeletion\":true}]},"
                "\"spec\":{\"rate\":2.5,\"big\":18446744073709551615}}");
}

static void what_is_created_is_right(void **state)
{
        struct fixture *f = *state;
        auto_of(buf) struct buf out = BUF(TEXT_MAX);
        static const struct instance_seen nothing;

        f->labels[0].key = LABEL_NODE; /* ours is told, whatever the template says */
        instance_create(&f->want, &out);
        assert_int_equal(instance_compare(&f->want, parsed(f->a, buf_text(&out)), &nothing),
                         INSTANCE_RIGHT);
}

static void a_replaced_instance_keeps_what_is_not_ours(void **state)
{
        struct fixture *f = *state;
        auto_of(buf) struct buf out = BUF(TEXT_MAX);
        auto_free char *json = xasprintf(
                "{\"metadata\":{\"uid\":\"1-1\",\"resourceVersion\":\"77\",\"finalizers\":[\"k/"
                "f\"],"
                "\"labels\":{\"by\":\"hand\"},\"managedFields\":[{}],\"annotations\":"
                "{\"x\":\"y\\u0000z\",\"edge.cattle.io/node-name\":\"\"},\"ownerReferences\":%s},"
                "\"spec\":{\"old\":1},\"status\":{\"properties\":[]},\"extra\":[1]}",
                right_owners);
        static const struct instance_seen nothing;

        instance_replace(&f->want, parsed(f->a, json), &out);
        const struct tree *t = parsed(f->a, buf_text(&out));
        assert_int_equal(instance_compare(&f->want, t, &nothing), INSTANCE_RIGHT);
        assert_string_equal(tree_text(tree_find(t, "metadata.uid")), "1-1");
        assert_string_equal(tree_text(tree_find(t, "metadata.resourceVersion")), "77");
        assert_string_equal(tree_text(tree_find(t, "metadata.finalizers[0]")), "k/f");
        assert_int_equal(tree_find(t, "metadata.annotations.x")->n, 3);
        assert_null(tree_find(t, "metadata.labels.by"));
        assert_null(tree_find(t, "metadata.managedFields"));
        assert_null(tree_find(t, "spec.old"));
        assert_null(tree_get(t, "status"));
        assert_non_null(tree_find(t, "extra[0]"));
}

static void a_holder_gives_back_only_what_it_holds(void **state)
{
        auto_of(buf) struct buf out = BUF(TEXT_MAX);

        (void)state;
        instance_release("1-1", "edge-1", &out);
        assert_string_equal(
                buf_text(&out),
                "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"1-1\"},"
                "{\"op\":\"test\",\"path\":\"/metadata/annotations/edge.cattle.io~1node-name\","
                "\"value\":\"edge-1\"},"
                "{\"op\":\"remove\",\"path\":\"/metadata/annotations/"
                "edge.cattle.io~1node-name\"}]");
}

static void a_status_is_for_one_uid_only(void **state)
{
        auto_of(buf) struct buf out = BUF(TEXT_MAX);

        (void)state;
        instance_status("1-1", "{\"a\":1}", 7, &out);
        assert_string_equal(buf_text(&out),
                            "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"1-1\"},"
                            "{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"a\":1}}]");
}

/* --- names that are too long */

static void a_long_node_name_becomes_a_label_value_of_its_own(void **state)
{
        char one[LABEL_NODE_SIZE], two[LABEL_NODE_SIZE];
        char name[254] = { 0 };

        (void)state;
        label_node("edge-1", one);
        assert_string_equal(one, "edge-1");
        for (size_t n = 60; n < sizeof(name); n++) {
                memset(name, 'n', n);
                name[45] = '.';
                name[n] = '\0';
                label_node(name, one);
                name[n - 1] = 'm';
                label_node(name, two);
                assert_true(strlen(one) == (n < 63 ? n : 63) || strlen(one) == 62);
                assert_string_not_equal(one, two);
                assert_null(strstr(one, ".-"));
                assert_int_equal(n <= 63, strcmp(two, name) == 0);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(what_no_link_or_another_one_owns_is_foreign),
                TEST(what_another_node_holds_is_waited_for),
                TEST(what_nobody_holds_is_taken),
                TEST(what_is_being_deleted_is_waited_for_whoever_owns_it),
                TEST(server_defaults_make_no_difference),
                TEST(labels_are_exactly_the_templates_and_ours),
                TEST(our_annotations_count_and_others_do_not),
                TEST(there_is_exactly_one_owner),
                TEST(what_the_template_asks_for_must_be_there),
                TEST(numbers_are_compared_by_value),
                TEST(a_null_asks_for_nothing),
                TEST(an_empty_template_is_right_with_an_absent_spec),
                TEST(a_hand_edit_beyond_the_template_is_seen_after_the_first_look),
                TEST(what_the_server_prunes_is_written_once),
                TEST(a_field_removed_from_the_template_is_removed_from_the_device),
                TEST(order_of_keys_is_no_change),
                TEST(the_body_of_a_new_instance_is_whole),
                TEST(what_is_created_is_right),
                TEST(a_replaced_instance_keeps_what_is_not_ours),
                TEST(a_holder_gives_back_only_what_it_holds),
                TEST(a_status_is_for_one_uid_only),
                TEST(a_long_node_name_becomes_a_label_value_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
