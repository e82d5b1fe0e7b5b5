/* Device instances and the status of links on a real API server, with its defaults, guards and
 * refusals. */
/* libs: dl_kube */
#include "rig/kube.h"

#include "base/clock.h"
#include "kube/instance.h"
#include "kube/link_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 16 };

#define MERGE "application/merge-patch+json"
#define JSON_PATCH "application/json-patch+json"

static struct kube kube;
static struct arena *arena;
static struct devicelink link_of;
static struct decoded_pair labels[1];
static struct instance_want want;
static char device[256], devices[256], link_path[256], status_path[300];

static const struct tree *tree_of(struct json_object *o)
{
        const char *s = json_object_to_json_string(o);
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(arena, s, strlen(s), &tree_limits_default, &t, NULL), 0);
        return t;
}

static const struct tree *get(const char *path)
{
        struct json_object *o = kube_get(&kube, path);

        assert_non_null(o);
        const struct tree *t = tree_of(o);
        json_object_put(o);
        return t;
}

static const char *text(const struct tree *t, const char *path)
{
        const char *s = tree_text(tree_find(t, path));

        return s ? s : "";
}

static long send(const char *method, const char *path, const char *type, const struct buf *body)
{
        assert_true(buf_ok(body));
        return kube_request(&kube, method, path, type, buf_text(body), NULL);
}

static void set_spec(const char *json)
{
        want.spec_json = json;
        want.spec_json_len = strlen(json);
}

static int up(void **state)
{
        (void)state;
        kube_up(&kube);
        arena = arena_new();
        kube_apply(&kube, "apiVersion: edge.cattle.io/v1alpha1\n"
                          "kind: DeviceLink\n"
                          "metadata: {name: pump, namespace: {space}}\n"
                          "spec:\n"
                          "  adaptor: {name: adaptors.edge.cattle.io/modbus, node: edge-1}\n"
                          "  model: {apiVersion: devices.edge.cattle.io/v1alpha1,"
                          " kind: ModbusDevice}\n"
                          "  template: {}\n");
        (void)snprintf(link_path, sizeof(link_path), "%s", kube_link_path(&kube, "pump"));
        (void)snprintf(status_path, sizeof(status_path), "%s/status", link_path);
        (void)snprintf(device, sizeof(device), "%s",
                       kube_device_path(&kube, "modbusdevices", "pump"));
        (void)snprintf(devices, sizeof(devices), "%.*s", (int)(strrchr(device, '/') - device),
                       device);
        labels[0] = (struct decoded_pair){ "app", "pump" };
        link_of = (struct devicelink){
                .meta = { .name = "pump",
                          .space = kube.space,
                          .uid = text(get(link_path), "metadata.uid") },
                .spec = { .adaptor = { .name = "adaptors.edge.cattle.io/modbus" },
                          .model = { DEVICE_API_VERSION, "ModbusDevice" },
                          .template.meta.labels = { labels, 1 } },
        };
        want = (struct instance_want){ .link = &link_of, .node = "edge-1" };
        set_spec("{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:502\",\"workerID\":1}},"
                 "\"parameters\":{\"timeout\":\"3s\"},\"properties\":[{\"name\":\"a\",\"type\":"
                 "\"int16\",\"visitor\":{"
                 "\"register\":\"HoldingRegister\",\"offset\":0,\"quantity\":1}}]}");
        return 0;
}

static int down(void **state)
{
        (void)state;
        arena_free(arena);
        kube_down(&kube);
        return 0;
}

/* Writes until nothing differs, as the agent does; returns how many writes that took. */
static int settle(struct instance_seen *seen)
{
        int writes = 0;

        for (;; writes++) {
                auto_of(buf) struct buf body = BUF(TEXT_MAX);
                const struct tree *t = get(device);
                enum instance_state state = instance_compare(&want, t, seen);

                if (state == INSTANCE_RIGHT) {
                        *seen = instance_remember(&want, t);
                        return writes;
                }
                assert_int_equal(state, INSTANCE_DIFFERS);
                assert_true(writes < 3);
                instance_replace(&want, t, &body);
                assert_int_equal(send("PUT", device, NULL, &body), 200);
                *seen = instance_remember(&want, get(device));
        }
}

static void create(void)
{
        auto_of(buf) struct buf body = BUF(TEXT_MAX);

        instance_create(&want, &body);
        assert_int_equal(send("POST", devices, NULL, &body), 201);
}

static void edit(const char *merge)
{
        assert_int_equal(kube_request(&kube, "PATCH", device, MERGE, merge, NULL), 200);
}

static void what_is_created_is_right_though_the_server_adds_defaults(void **state)
{
        struct instance_seen seen = { 0 };

        (void)state;
        create();
        const struct tree *t = get(device);
        /* Without defaults this test would prove nothing. */
        assert_string_equal(text(t, "spec.parameters.syncInterval"), "15s");
        assert_int_equal(settle(&seen), 0);
        assert_int_equal(settle(&seen), 0);
        assert_string_equal(text(t, "metadata.ownerReferences[0].uid"), link_of.meta.uid);
}

static void hand_edits_are_undone_with_one_write(void **state)
{
        static const char *const edits[] = {
                "{\"spec\":{\"protocol\":{\"tcp\":{\"workerID\":9}}}}",
                "{\"spec\":{\"parameters\":{\"syncInterval\":\"77s\"}}}", /* a default */
                "{\"metadata\":{\"labels\":{\"by\":\"hand\"}}}",
                "{\"metadata\":{\"labels\":{\"app\":null}}}",
                "{\"metadata\":{\"annotations\":{\"edge.cattle.io/adaptor-name\":\"x\"}}}",
                "{\"metadata\":{\"annotations\":{\"edge.cattle.io/node-name\":null}}}",
        };
        struct instance_seen seen = { 0 };

        (void)state;
        create();
        assert_int_equal(settle(&seen), 0);
        for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
                edit(edits[i]);
                assert_int_equal(settle(&seen), 1);
        }
        edit("{\"metadata\":{\"ownerReferences\":null}}");
        assert_int_equal(instance_compare(&want, get(device), &seen), INSTANCE_FOREIGN);
}

static void what_is_not_ours_stays(void **state)
{
        struct instance_seen seen = { 0 };

        (void)state;
        create();
        edit("{\"metadata\":{\"annotations\":{\"note\":\"mine\"},\"finalizers\":[\"test/"
             "stays\"]}}");
        assert_int_equal(settle(&seen), 0);
        edit("{\"spec\":{\"protocol\":{\"tcp\":{\"workerID\":9}}}}");
        assert_int_equal(settle(&seen), 1);
        const struct tree *t = get(device);
        assert_string_equal(text(t, "metadata.annotations.note"), "mine");
        assert_string_equal(text(t, "metadata.finalizers[0]"), "test/stays");

        /* Being deleted, it is waited for. */
        assert_int_equal(kube_request(&kube, "DELETE", device, NULL, NULL, NULL), 200);
        assert_int_equal(instance_compare(&want, get(device), &seen), INSTANCE_GOING);
        edit("{\"metadata\":{\"finalizers\":null}}");
}

static void a_changed_template_is_written_once(void **state)
{
        static const char *const templates[] = {
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:503\",\"workerID\":1}},"
                "\"parameters\":{\"timeout\":\"3s\"}}",
                /* A field less. */
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:503\",\"workerID\":1}}}",
                /* A field that the CRD does not know. */
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:503\",\"workerID\":1}},"
                "\"unheardOf\":{\"of\":1}}",
                /* Nulls, and other spellings of numbers. */
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"1.2.3.4:503\",\"workerID\":1.0},\"rtu\":"
                "null},"
                "\"unheardOf\":2.50}",
        };
        struct instance_seen seen = { 0 };

        (void)state;
        create();
        assert_int_equal(settle(&seen), 0);
        for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
                set_spec(templates[i]);
                assert_int_equal(settle(&seen), 1);
                assert_int_equal(settle(&seen), 0);
        }
        assert_null(tree_find(get(device), "spec.properties"));
        /* Labels too. */
        labels[0].key = "other";
        assert_int_equal(settle(&seen), 1);
        assert_null(tree_find(get(device), "metadata.labels.app"));
}

static void a_stale_write_is_a_conflict(void **state)
{
        auto_of(buf) struct buf body = BUF(TEXT_MAX);

        (void)state;
        create();
        instance_replace(&want, get(device), &body);
        edit("{\"metadata\":{\"annotations\":{\"note\":\"newer\"}}}");
        assert_int_equal(send("PUT", device, NULL, &body), 409);
}

static void only_the_holder_gives_back(void **state)
{
        static const struct instance_seen nothing;
        auto_of(buf) struct buf wrong_node = BUF(TEXT_MAX);
        auto_of(buf) struct buf wrong_uid = BUF(TEXT_MAX);
        auto_of(buf) struct buf right = BUF(TEXT_MAX);

        (void)state;
        create();
        const char *uid = text(get(device), "metadata.uid");
        instance_release(uid, "edge-2", &wrong_node);
        instance_release("another", "edge-1", &wrong_uid);
        instance_release(uid, "edge-1", &right);
        assert_int_equal(send("PATCH", device, JSON_PATCH, &wrong_node), 422);
        assert_int_equal(send("PATCH", device, JSON_PATCH, &wrong_uid), 422);
        want.node = "edge-2";
        assert_int_equal(instance_compare(&want, get(device), &nothing), INSTANCE_HELD);
        assert_int_equal(send("PATCH", device, JSON_PATCH, &right), 200);
        assert_int_equal(instance_compare(&want, get(device), &nothing), INSTANCE_DIFFERS);
        assert_int_equal(send("PATCH", device, JSON_PATCH, &right), 422);
        struct instance_seen seen = { 0 };
        assert_int_equal(settle(&seen), 1);
        assert_int_equal(send("PATCH", device, JSON_PATCH, &right), 422);
}

static void a_status_goes_to_the_object_it_is_meant_for(void **state)
{
        static const char one[] = "{\"properties\":[{\"name\":\"a\",\"value\":\"1\"}]}";
        static const char two[] = "{}";
        auto_of(buf) struct buf body = BUF(TEXT_MAX);
        char path[300];

        (void)state;
        create();
        (void)snprintf(path, sizeof(path), "%s/status", device);
        const char *uid = text(get(device), "metadata.uid");
        instance_status("another", one, strlen(one), &body);
        assert_int_equal(send("PATCH", path, JSON_PATCH, &body), 422);
        assert_null(tree_find(get(device), "status"));
        buf_clear(&body);
        instance_status(uid, one, strlen(one), &body);
        assert_int_equal(send("PATCH", path, JSON_PATCH, &body), 200);
        assert_string_equal(text(get(device), "status.properties[0].value"), "1");
        buf_clear(&body);
        instance_status(uid, two, strlen(two), &body);
        assert_int_equal(send("PATCH", path, JSON_PATCH, &body), 200);
        assert_int_equal(tree_find(get(device), "status")->n, 0);
}

/* --- the link */

static struct link_status read_link(void)
{
        struct link_status s = { 0 };

        link_status_read(get(link_path), &s);
        return s;
}

static long write_status(enum link_status_role role, const struct link_status *now,
                         const char *version)
{
        struct link_status was = read_link();
        auto_of(buf) struct buf body = BUF(TEXT_MAX);

        assert_true(link_status_patch(role, &was, now, version, &body));
        return send("PATCH", status_path, MERGE, &body);
}

static void a_links_status_reads_as_it_was_written(void **state)
{
        struct link_status now = read_link();
        auto_of(buf) struct buf none = BUF(TEXT_MAX);

        (void)state;
        now.node_name = "edge-1";
        now.internal_ip = "10.0.0.1";
        now.model_api_version = DEVICE_API_VERSION;
        now.model_kind = "ModbusDevice";
        (void)conditions_set(&now.conditions, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, true,
                             clock_wall_ns());
        (void)conditions_set(&now.conditions, CONDITION_MODEL_EXISTED, CONDITION_TRUE, NULL, true,
                             clock_wall_ns());
        const char *version = text(get(link_path), "metadata.resourceVersion");
        assert_int_equal(write_status(LINK_STATUS_OPERATOR, &now, version), 200);
        struct link_status back = read_link();
        assert_false(link_status_patch(LINK_STATUS_OPERATOR, &back, &now, "1", &none));
        assert_string_equal(back.node_name, "edge-1");
        assert_string_equal(back.model_kind, "ModbusDevice");
        char *shown = kube_conditions(&kube, "pump");
        assert_string_equal(shown, "NodeExisted True Found ''\nModelExisted True Found ''\n"
                                   "AdaptorExisted Unknown Confirming 'verify if there is a "
                                   "suitable adaptor to access'\n");
        free(shown);

        /* What another wrote meanwhile is not lost. */
        now.adaptor_name = "a";
        assert_int_equal(write_status(LINK_STATUS_AGENT, &now, version), 409);
        struct link_status cleared = back;
        cleared.node_name = cleared.internal_ip = "";
        cleared.model_api_version = cleared.model_kind = "";
        (void)conditions_set(&cleared.conditions, CONDITION_NODE_EXISTED, CONDITION_FALSE,
                             "adaptor node isn't existed", true, clock_wall_ns());
        version = text(get(link_path), "metadata.resourceVersion");
        assert_int_equal(write_status(LINK_STATUS_OPERATOR, &cleared, version), 200);
        const struct tree *t = get(link_path);
        assert_null(tree_find(t, "status.nodeName"));
        assert_null(tree_find(t, "status.model"));
        assert_int_equal(tree_find(t, "status.conditions")->n, 1);
        assert_int_equal(tree_find(t, "status")->n, 1);
}

static void a_finalizer_is_put_on_and_taken_off_under_guard(void **state)
{
        auto_of(buf) struct buf body = BUF(TEXT_MAX);

        (void)state;
        const struct tree *old = get(link_path);
        assert_true(finalizer_patch(old, LINK_FINALIZER, true, &body));
        assert_int_equal(send("PATCH", link_path, MERGE, &body), 200);
        assert_int_equal(send("PATCH", link_path, MERGE, &body), 409);
        const struct tree *t = get(link_path);
        assert_string_equal(text(t, "metadata.finalizers[0]"), LINK_FINALIZER);
        buf_clear(&body);
        assert_false(finalizer_patch(t, LINK_FINALIZER, true, &body));
        assert_true(finalizer_patch(t, LINK_FINALIZER, false, &body));
        assert_int_equal(send("PATCH", link_path, MERGE, &body), 200);
        assert_null(tree_find(get(link_path), "metadata.finalizers"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
        const struct CMUnitTest tests[] = {
                TEST(what_is_created_is_right_though_the_server_adds_defaults),
                TEST(hand_edits_are_undone_with_one_write),
                TEST(what_is_not_ours_stays),
                TEST(a_changed_template_is_written_once),
                TEST(a_stale_write_is_a_conflict),
                TEST(only_the_holder_gives_back),
                TEST(a_status_goes_to_the_object_it_is_meant_for),
                TEST(a_links_status_reads_as_it_was_written),
                TEST(a_finalizer_is_put_on_and_taken_off_under_guard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
