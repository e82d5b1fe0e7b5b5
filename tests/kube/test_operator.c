/* test_operator.c - the operator alone, on a real API server: nodes, models, instances, agents that
 * fall silent, and links that go without an agent.  Agents are played by the test: their Leases and
 * what they write. */
/* libs: dl_kube */
#include "rig/site.h"

#include "base/clock.h"
#include "kube/lease.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MERGE "application/merge-patch+json"
#define LINK                                                                                       \
        "apiVersion: edge.cattle.io/v1alpha1\n"                                                    \
        "kind: DeviceLink\n"                                                                       \
        "metadata: {name: %s, namespace: {space}}\n"                                               \
        "spec:\n"                                                                                  \
        "  adaptor: {name: adaptors.edge.cattle.io/dummy, node: %s}\n"                             \
        "  model: {apiVersion: %s, kind: %s}\n"                                                    \
        "  template: {spec: {protocol: {location: living-room}}}\n"
#define DEVICES "devices.edge.cattle.io/v1alpha1"
#define FAN "DummySpecialDevice"

#define NODE_MISSING "NodeExisted False NotFound 'adaptor node isn't existed'\n"
#define NODE_OK "NodeExisted True Found ''\n"
#define MODEL_OK "ModelExisted True Found ''\n"
#define MODEL_MISSING "ModelExisted False NotFound 'model isn't existed'\n"
#define UNSERVED "ModelExisted False NotFound 'model version isn't served'\n"
#define ADAPTOR_NEXT                                                                               \
        "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to access'\n"
#define FOUND NODE_OK MODEL_OK ADAPTOR_NEXT

enum { SOON_MS = 10000 }; /* on a machine that does other things as well */

static struct {
        struct kube kube;
        struct process operator;
        char dir[256], log[320];
        uint16_t port;
        char other[96]; /* another node */
} place;

static struct kube *const k = &place.kube;

static void start_operator(void)
{
        char address[32];

        (void)snprintf(address, sizeof(address), "127.0.0.1:%d", place.port);
        process_start(&place.operator, place.log,
                      (const char *const[]){ TEST_BUILD "/devicelink", "operator", "--kubeconfig",
                                             k->kubeconfig, "--lease-namespace", k->space,
                                             "--agent-grace", "2s", "--metrics-addr", address,
                                             NULL });
}

static int up(void **state)
{
        (void)state;
        kube_up(k);
        rig_scratch_make(place.dir);
        (void)snprintf(place.log, sizeof(place.log), "%s/operator.log", place.dir);
        (void)snprintf(place.other, sizeof(place.other), "%s-b", k->node);
        place.port = rig_free_port();
        start_operator();
        return 0;
}

static int down(void **state)
{
        (void)state;
        process_kill(&place.operator);
        kube_down(k);
        rig_scratch_remove(place.dir);
        return 0;
}

static void failed(const char *what)
{
        char *log = rig_read_file(place.log);

        (void)fprintf(stderr, "--- the operator\n%s\n", log);
        free(log);
        fail_msg("%s", what);
}

/* --- what the API server holds */

static char *text_at(const char *path, const char *pointer)
{
        static char text[1024];
        struct json_object *o = kube_get(k, path), *at = NULL;

        text[0] = '\0';
        if (o && json_pointer_get(o, pointer, &at) == 0 && at)
                (void)snprintf(text, sizeof(text), "%s", json_object_get_string(at));
        json_object_put(o);
        return text;
}

static const char *link_text(const char *name, const char *pointer)
{
        return text_at(kube_link_path(k, name), pointer);
}

static void expect_conditions(const char *name, const char *expected, int within_ms)
{
        int64_t limit_ms = rig_now_ms() + within_ms;

        for (;;) {
                char *is = kube_conditions(k, name);
                bool same = strcmp(is, expected) == 0;

                if (!same && rig_now_ms() > limit_ms) {
                        (void)fprintf(stderr, "expected:\n%sgot:\n%s", expected, is);
                        failed(name);
                }
                free(is);
                if (same)
                        return;
                rig_sleep_ms(20);
        }
}

/* Until there is this text at that place of that object ("" = nothing). */
static void expect_text(const char *path, const char *pointer, const char *expected, int within_ms)
{
        int64_t limit_ms = rig_now_ms() + within_ms;

        while (strcmp(text_at(path, pointer), expected) != 0) {
                if (rig_now_ms() > limit_ms) {
                        (void)fprintf(stderr, "%s%s: expected '%s', got '%s'\n", path, pointer,
                                      expected, text_at(path, pointer));
                        failed(path);
                }
                rig_sleep_ms(20);
        }
}

static void expect_gone(const char *path, int within_ms)
{
        expect_text(path, "/metadata/uid", "", within_ms);
}

static void patch(const char *path, const char *body)
{
        struct json_object *said = NULL;
        long status = kube_request(k, "PATCH", path, MERGE, body, &said);

        if (status != 200)
                fail_msg("PATCH %s: %ld %s", path, status,
                         said ? json_object_to_json_string(said) : "");
        json_object_put(said);
}

static void patch_link(const char *name, const char *body)
{
        patch(kube_link_path(k, name), body);
}

static void delete_link(const char *name)
{
        assert_int_equal(kube_request(k, "DELETE", kube_link_path(k, name), NULL, NULL, NULL), 200);
}

/* What an agent would have written. */
static void patch_status(const char *name, const char *node, const char *last)
{
        char path[600], body[2048];

        (void)snprintf(path, sizeof(path), "%s/status", kube_link_path(k, name));
        (void)snprintf(body, sizeof(body),
                       "{\"status\":{\"nodeName\":\"%s\",\"conditions\":["
                       "{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                       "{\"type\":\"ModelExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                       "{\"type\":\"AdaptorExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                       "{\"type\":\"DeviceCreated\",\"status\":\"True\",\"reason\":\"Success\"},"
                       "{\"type\":\"DeviceConnected\",%s}]}}",
                       node, last);
        patch(path, body);
}

#define HEALTHY "\"status\":\"True\",\"reason\":\"Healthy\""
#define WELL                                                                                       \
        NODE_OK MODEL_OK "AdaptorExisted True Found ''\nDeviceCreated True Success ''\n"           \
                         "DeviceConnected True Healthy ''\n"
#define LOST                                                                                       \
        NODE_OK MODEL_OK "AdaptorExisted True Found ''\nDeviceCreated True Success ''\n"           \
                         "DeviceConnected Unknown AgentLost 'the agent of the node is silent'\n"

static void heartbeat(const char *node, int seconds)
{
        char name[LEASE_NAME_SIZE], now[MICRO_TIME_SIZE], path[600], body[1024];

        heartbeat_name(node, name);
        micro_time(clock_wall_ns(), now);
        (void)snprintf(path, sizeof(path), "/apis/coordination.k8s.io/v1/namespaces/%s/leases",
                       k->space);
        (void)snprintf(body, sizeof(body),
                       "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"edge.cattle.io/component\":"
                       "\"agent\"},\"annotations\":{\"edge.cattle.io/node-name\":\"%s\"}},\"spec\":"
                       "{\"holderIdentity\":\"test\",\"leaseDurationSeconds\":%d,\"renewTime\":"
                       "\"%s\"}}",
                       name, node, seconds, now);
        long status = kube_request(k, "POST", path, NULL, body, NULL);
        if (status == 201)
                return;
        assert_int_equal(status, 409);
        (void)strncat(path, "/", sizeof(path) - strlen(path) - 1);
        (void)strncat(path, name, sizeof(path) - strlen(path) - 1);
        patch(path, body);
}

/* Somebody speaks, so that who does not is silent after his own time. */
static void somebody_speaks(void)
{
        heartbeat("somebody", 40);
}

static void make_instance(const char *name, const char *node)
{
        char path[600], body[1024], uid[64];

        (void)snprintf(uid, sizeof(uid), "%s", link_text(name, "/metadata/uid"));
        (void)snprintf(path, sizeof(path), "%s", kube_device_path(k, "dummyspecialdevices", ""));
        path[strlen(path) - 1] = '\0';
        (void)snprintf(body, sizeof(body),
                       "{\"apiVersion\":\"" DEVICES "\",\"kind\":\"" FAN "\",\"metadata\":{"
                       "\"name\":\"%s\",\"annotations\":{\"edge.cattle.io/node-name\":\"%s\"},"
                       "\"ownerReferences\":[{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":"
                       "\"DeviceLink\",\"name\":\"%s\",\"uid\":\"%s\",\"controller\":true,"
                       "\"blockOwnerDeletion\":true}]},\"spec\":{\"protocol\":{\"location\":"
                       "\"living-room\"},\"on\":true}}",
                       name, node, name, uid);
        assert_int_equal(kube_request(k, "POST", path, NULL, body, NULL), 201);
}

#define HOLDER "/metadata/annotations/edge.cattle.io~1node-name"

static void expect_event(const char *name, const char *reason, const char *note)
{
        struct site s = { .kube = *k };

        (void)snprintf(s.operator_log, sizeof(s.operator_log), "%s", place.log);
        site_expect_event(&s, name, reason, note, SOON_MS);
}

/* --- nodes */

static void a_link_follows_its_node(void **state)
{
        char path[128];

        (void)state;
        kube_apply(k, LINK, "fan", k->node, DEVICES, FAN);
        expect_conditions("fan", NODE_MISSING, 10000);
        assert_string_equal(link_text("fan", "/status/nodeName"), "");

        kube_node(k, k->node, "10.1.2.3");
        expect_conditions("fan", FOUND, SOON_MS);
        assert_string_equal(link_text("fan", "/status/nodeName"), k->node);
        assert_string_equal(link_text("fan", "/status/model/kind"), FAN);
        expect_text(kube_link_path(k, "fan"), "/status/nodeInternalIP", "10.1.2.3", SOON_MS);
        expect_text(kube_link_path(k, "fan"), "/status/nodeHostName", k->node, SOON_MS);

        patch_status("fan", k->node, HEALTHY);
        (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", k->node);
        patch(path,
              "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.1.2.4\"},"
              "{\"type\":\"ExternalDNS\",\"address\":\"n.example.org\"}]}}");
        expect_text(kube_link_path(k, "fan"), "/status/nodeInternalIP", "10.1.2.4", SOON_MS);
        assert_string_equal(link_text("fan", "/status/nodeExternalDNS"), "n.example.org");
        assert_string_equal(link_text("fan", "/status/nodeHostName"), "");
        expect_conditions("fan", WELL, SOON_MS);

        kube_node_delete(k, k->node);
        expect_conditions("fan", NODE_MISSING, SOON_MS);
        assert_string_equal(link_text("fan", "/status/nodeName"), "");
        assert_string_equal(link_text("fan", "/status/nodeInternalIP"), "");
        assert_string_equal(link_text("fan", "/status/nodeExternalDNS"), "");
        assert_string_equal(link_text("fan", "/status/model/kind"), FAN);

        kube_node(k, k->node, "10.1.2.3");
        expect_conditions("fan", FOUND, SOON_MS);
        delete_link("fan");
        expect_gone(kube_link_path(k, "fan"), SOON_MS);
}

static void a_link_without_a_node_name_says_so(void **state)
{
        (void)state;
        kube_apply(k, "apiVersion: edge.cattle.io/v1alpha1\n"
                      "kind: DeviceLink\n"
                      "metadata: {name: nowhere, namespace: {space}}\n"
                      "spec: {adaptor: {}, model: {}, template: {}}\n");
        expect_conditions("nowhere", NODE_MISSING, SOON_MS);
        delete_link("nowhere");
}

static void a_node_that_is_being_deleted_is_gone(void **state)
{
        char path[128];

        (void)state;
        kube_node(k, place.other, "10.1.2.5");
        (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", place.other);
        patch(path, "{\"metadata\":{\"finalizers\":[\"devicelink.test/held\"]}}");
        kube_apply(k, LINK, "leaving", place.other, DEVICES, FAN);
        expect_conditions("leaving", FOUND, SOON_MS);
        assert_int_equal(kube_request(k, "DELETE", path, NULL, NULL, NULL), 200);
        expect_conditions("leaving", NODE_MISSING, SOON_MS);
        patch(path, "{\"metadata\":{\"finalizers\":null}}");
        delete_link("leaving");
}

static void nothing_is_written_twice(void **state)
{
        char version[64];

        (void)state;
        kube_apply(k, LINK, "calm", k->node, DEVICES, FAN);
        expect_conditions("calm", FOUND, SOON_MS);
        rig_sleep_ms(300);
        (void)snprintf(version, sizeof(version), "%s",
                       link_text("calm", "/metadata/resourceVersion"));
        kube_node(k, place.other, "10.1.2.5"); /* something happens */
        rig_sleep_ms(700);
        kube_node_delete(k, place.other);
        assert_string_equal(link_text("calm", "/metadata/resourceVersion"), version);
        delete_link("calm");
}

/* --- models */

static void apply_crd(const char *group, bool second)
{
        static const char version[] =
                "{name: %s, served: %s, storage: %s, schema: {openAPIV3Schema: {type: object, "
                "x-kubernetes-preserve-unknown-fields: true}}}";
        char v1[300], v2[300];

        (void)snprintf(v1, sizeof(v1), version, "v1", "true", "true");
        (void)snprintf(v2, sizeof(v2), version, "v2", second ? "true" : "false", "false");
        kube_apply(k,
                   "apiVersion: apiextensions.k8s.io/v1\n"
                   "kind: CustomResourceDefinition\n"
                   "metadata: {name: gadgets.%s}\n"
                   "spec:\n"
                   "  group: %s\n"
                   "  scope: Namespaced\n"
                   "  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: "
                   "GadgetList}\n"
                   "  versions: [%s, %s]\n",
                   group, group, v1, v2);
}

static void a_link_follows_its_model(void **state)
{
        char group[128], version[160], path[300];

        (void)state;
        (void)snprintf(group, sizeof(group), "%s.example.org", k->space);
        (void)snprintf(version, sizeof(version), "%s/v2", group);
        (void)snprintf(path, sizeof(path),
                       "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.%s", group);
        kube_apply(k, LINK, "gadget", k->node, version, "Gadget");
        expect_conditions("gadget", NODE_OK MODEL_MISSING, SOON_MS);
        assert_string_equal(link_text("gadget", "/status/model"), "");
        assert_string_equal(link_text("gadget", "/status/nodeName"), k->node);

        apply_crd(group, false);
        expect_conditions("gadget", NODE_OK UNSERVED, SOON_MS);
        apply_crd(group, true);
        expect_conditions("gadget", FOUND, SOON_MS);
        assert_string_equal(link_text("gadget", "/status/model/apiVersion"), version);

        apply_crd(group, false);
        expect_conditions("gadget", NODE_OK UNSERVED, SOON_MS);
        assert_string_equal(link_text("gadget", "/status/model"), "");
        apply_crd(group, true);
        expect_conditions("gadget", FOUND, SOON_MS);

        assert_int_equal(kube_request(k, "DELETE", path, NULL, NULL, NULL), 200);
        expect_conditions("gadget", NODE_OK MODEL_MISSING, SOON_MS);
        expect_gone(path, 10000);
        apply_crd(group, true);
        expect_conditions("gadget", FOUND, SOON_MS);
        assert_int_equal(kube_request(k, "DELETE", path, NULL, NULL, NULL), 200);
        delete_link("gadget");
}

static void a_changed_model_removes_the_old_instance(void **state)
{
        char path[600];

        (void)state;
        kube_apply(k, LINK, "turn", k->node, DEVICES, FAN);
        expect_conditions("turn", FOUND, SOON_MS);
        make_instance("turn", k->node);
        (void)snprintf(path, sizeof(path), "%s",
                       kube_device_path(k, "dummyspecialdevices", "turn"));
        patch_link("turn", "{\"spec\":{\"model\":{\"kind\":\"DummyProtocolDevice\"}}}");
        expect_text(kube_link_path(k, "turn"), "/status/model/kind", "DummyProtocolDevice",
                    SOON_MS);
        expect_gone(path, SOON_MS);
        expect_conditions("turn", FOUND, SOON_MS);
        delete_link("turn");
}

static void an_old_instance_in_the_hands_of_a_living_node_is_waited_for(void **state)
{
        char path[600];

        (void)state;
        kube_node(k, place.other, "10.1.2.5");
        heartbeat(place.other, 40);
        kube_apply(k, LINK, "both", place.other, DEVICES, FAN);
        expect_conditions("both", FOUND, SOON_MS);
        make_instance("both", place.other);
        patch_status("both", place.other, HEALTHY);
        (void)snprintf(path, sizeof(path), "%s",
                       kube_device_path(k, "dummyspecialdevices", "both"));
        char body[300];
        (void)snprintf(body, sizeof(body),
                       "{\"spec\":{\"adaptor\":{\"node\":\"%s\"},\"model\":{\"kind\":"
                       "\"DummyProtocolDevice\"}}}",
                       k->node);
        patch_link("both", body);
        expect_conditions("both",
                          NODE_OK "ModelExisted Unknown Confirming 'verify if there is a suitable "
                                  "model as a template'\n",
                          SOON_MS);
        rig_sleep_ms(600);
        assert_string_equal(text_at(path, HOLDER), place.other);
        assert_string_equal(link_text("both", "/status/model/kind"), FAN);
        patch(path, "{\"metadata\":{\"annotations\":{\"edge.cattle.io/node-name\":null}}}");
        expect_gone(path, SOON_MS);
        expect_conditions("both", FOUND, SOON_MS);
        assert_string_equal(link_text("both", "/status/model/kind"), "DummyProtocolDevice");
        delete_link("both");
        kube_node_delete(k, place.other);
}

/* --- moves */

static void move(const char *name, const char *node)
{
        char body[200];

        (void)snprintf(body, sizeof(body), "{\"spec\":{\"adaptor\":{\"node\":\"%s\"}}}", node);
        patch_link(name, body);
}

static void an_instance_is_taken_from_a_node_that_is_gone(void **state)
{
        char path[600];

        (void)state;
        kube_node(k, place.other, "10.1.2.5");
        kube_apply(k, LINK, "mover", place.other, DEVICES, FAN);
        expect_conditions("mover", FOUND, SOON_MS);
        make_instance("mover", place.other);
        patch_status("mover", place.other, HEALTHY);
        (void)snprintf(path, sizeof(path), "%s",
                       kube_device_path(k, "dummyspecialdevices", "mover"));
        kube_node_delete(k, place.other);
        expect_conditions("mover", NODE_MISSING, SOON_MS);
        move("mover", k->node);
        expect_conditions("mover", FOUND, SOON_MS);
        expect_text(path, HOLDER, "", SOON_MS);
        expect_event("mover", "HolderLost", place.other);
        delete_link("mover");
}

static void an_instance_is_taken_from_a_silent_agent_only(void **state)
{
        char path[600];

        (void)state;
        somebody_speaks();
        kube_node(k, place.other, "10.1.2.5");
        heartbeat(place.other, 4);
        kube_apply(k, LINK, "taken", place.other, DEVICES, FAN);
        expect_conditions("taken", FOUND, SOON_MS);
        make_instance("taken", place.other);
        patch_status("taken", place.other, HEALTHY);
        (void)snprintf(path, sizeof(path), "%s",
                       kube_device_path(k, "dummyspecialdevices", "taken"));
        move("taken", k->node);
        expect_conditions("taken", FOUND, SOON_MS); /* at once, whoever holds the instance */
        for (int i = 0; i < 5; i++) {
                heartbeat(place.other, 4);
                assert_string_equal(text_at(path, HOLDER), place.other);
                rig_sleep_ms(500);
        }
        expect_text(path, HOLDER, "", SOON_MS);
        delete_link("taken");
        kube_node_delete(k, place.other);
}

/* --- agents */

static void links_of_a_silent_agent_are_unknown_until_it_writes(void **state)
{
        (void)state;
        somebody_speaks();
        kube_node(k, place.other, "10.1.2.5");
        heartbeat(place.other, 4);
        kube_apply(k, LINK, "up", place.other, DEVICES, FAN);
        kube_apply(k, LINK, "begun", place.other, DEVICES, FAN);
        expect_conditions("up", FOUND, SOON_MS);
        expect_conditions("begun", FOUND, SOON_MS);
        patch_status("up", place.other, HEALTHY);
        for (int i = 0; i < 5; i++) { /* as long as it renews, all is well */
                heartbeat(place.other, 4);
                rig_sleep_ms(700);
        }
        expect_conditions("up", WELL, 0);
        expect_conditions("up", LOST, SOON_MS);
        expect_conditions("begun", FOUND, 0);
        heartbeat(place.other, 4);
        patch_status("up", place.other, HEALTHY);
        rig_sleep_ms(500);
        expect_conditions("up", WELL, 0);
        somebody_speaks();
        expect_conditions("up", LOST, SOON_MS); /* silent again */
        patch_status("up", place.other, HEALTHY);
        rig_sleep_ms(1000);
        expect_conditions("up", WELL, 0); /* who writes lives */
        delete_link("up");
        delete_link("begun");
        kube_node_delete(k, place.other);
}

/* --- deletion */

#define LIMB "\"edge.cattle.io/octopus-limb\""

static void hold(const char *name, const char *finalizers)
{
        char body[200];

        (void)snprintf(body, sizeof(body), "{\"metadata\":{\"finalizers\":[%s]}}", finalizers);
        patch_link(name, body);
}

static void a_deleted_link_of_a_gone_node_goes_at_once(void **state)
{
        (void)state;
        kube_node(k, place.other, "10.1.2.5");
        kube_apply(k, LINK, "orphan", place.other, DEVICES, FAN);
        expect_conditions("orphan", FOUND, SOON_MS);
        hold("orphan", LIMB);
        delete_link("orphan");
        rig_sleep_ms(500); /* its agent would do it */
        assert_string_not_equal(link_text("orphan", "/metadata/uid"), "");
        kube_node_delete(k, place.other);
        expect_gone(kube_link_path(k, "orphan"), SOON_MS);
}

static void a_deleted_link_whose_model_is_gone_goes_without_an_agent(void **state)
{
        char group[128], version[160], path[300];

        (void)state;
        kube_node(k, place.other, "10.1.2.5"); /* where no agent ever was */
        (void)snprintf(group, sizeof(group), "%s.example.com", k->space);
        (void)snprintf(version, sizeof(version), "%s/v2", group);
        (void)snprintf(path, sizeof(path),
                       "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.%s", group);
        apply_crd(group, true);
        kube_apply(k, LINK, "modelless", place.other, version, "Gadget");
        expect_conditions("modelless", FOUND, SOON_MS);
        hold("modelless", LIMB);
        assert_int_equal(kube_request(k, "DELETE", path, NULL, NULL, NULL), 200);
        expect_conditions("modelless", NODE_OK MODEL_MISSING, SOON_MS);
        delete_link("modelless");
        expect_gone(kube_link_path(k, "modelless"), SOON_MS);
        kube_node_delete(k, place.other);
}

static void a_deleted_link_of_a_silent_agent_goes_after_the_grace(void **state)
{
        int64_t began_ms = 0;

        (void)state;
        somebody_speaks();
        kube_node(k, place.other, "10.1.2.5");
        heartbeat(place.other, 4);
        kube_apply(k, LINK, "left", place.other, DEVICES, FAN);
        expect_conditions("left", FOUND, SOON_MS);
        patch_status("left", place.other, HEALTHY);
        hold("left", LIMB ",\"devicelink.test/other\"");
        delete_link("left");
        expect_conditions("left", LOST, SOON_MS);
        began_ms = rig_now_ms();
        expect_text(kube_link_path(k, "left"), "/metadata/finalizers/0", "devicelink.test/other",
                    SOON_MS);
        assert_true(rig_now_ms() - began_ms > 1500); /* --agent-grace 2s */
        expect_event("left", "FailedCleanup", "may be left as it was");
        hold("left", "");
        expect_gone(kube_link_path(k, "left"), SOON_MS);
        kube_node_delete(k, place.other);
}

/* --- many */

static void links_that_wait_are_worked_off_within_seconds(void **state)
{
        const char *is_long = getenv("DEVICELINK_LONG");
        int n = is_long && strcmp(is_long, "1") == 0 ? 1000 : 300;
        char path[300], body[600];

        (void)state;
        assert_int_equal(process_end(&place.operator, SIGTERM, 5000), 0);
        (void)snprintf(path, sizeof(path),
                       "/apis/edge.cattle.io/v1alpha1/namespaces/%s/devicelinks", k->space);
        for (int i = 0; i < n; i++) {
                (void)snprintf(body, sizeof(body),
                               "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":"
                               "\"DeviceLink\",\"metadata\":{\"name\":\"l%04d\"},\"spec\":{"
                               "\"adaptor\":{\"node\":\"%s\"},\"model\":{\"apiVersion\":\"" DEVICES
                               "\",\"kind\":\"" FAN "\"},\"template\":{}}}",
                               i, k->node);
                assert_int_equal(kube_request(k, "POST", path, NULL, body, NULL), 201);
        }
        int64_t began_ms = rig_now_ms();
        start_operator();
        for (int i = 0; i < n; i++) {
                (void)snprintf(body, sizeof(body), "l%04d", i);
                expect_conditions(body, FOUND, 60000);
        }
        print_message("%d links done %d ms after the start\n", n, (int)(rig_now_ms() - began_ms));
        assert_int_equal(kube_request(k, "DELETE", path, NULL, NULL, NULL), 200);
}

/* --- what is told */

static void it_says_who_leads_and_what_it_asked(void **state)
{
        char line[200];

        (void)state;
        assert_true(site_metric(NULL, place.port, "devicelink_operator_leader") > 0);
        (void)snprintf(line, sizeof(line),
                       "rest_client_requests_total{code=\"200\",host=\"%s\",method=\"PATCH\"}",
                       strstr(k->server, "://") + 3);
        assert_true(site_metric(NULL, place.port, line) > 0);
        (void)snprintf(line, sizeof(line),
                       "rest_client_request_latency_seconds_count{url=\"%s\",verb=\"PATCH\"}",
                       k->server);
        assert_true(site_metric(NULL, place.port, line) > 0);
        assert_true(site_metric(NULL, place.port,
                                "devicelink_kube_requests_total{verb=\"PATCH\","
                                "resource=\"devicelinks/status\",code=\"200\"}") > 0);
        assert_true(site_metric(NULL, place.port, "process_resident_memory_bytes") > 0);
}

static int usage(const char *option, const char *value)
{
        struct process p = { 0 };

        process_start(
                &p, place.log,
                (const char *const[]){ TEST_BUILD "/devicelink", "operator", option, value, NULL });
        return process_end(&p, 0, 5000);
}

static void what_it_cannot_start_with_is_told(void **state)
{
        (void)state;
        assert_int_equal(usage("--help", NULL), 0);
        assert_int_equal(usage("--version", NULL), 0);
        assert_int_equal(usage("--bogus", NULL), 2);
        assert_int_equal(usage("extra", NULL), 2);
        assert_int_equal(usage("--leader-elect=perhaps", NULL), 2);
        assert_int_equal(usage("--agent-grace", "-1s"), 2);
        assert_int_equal(usage("--lease-namespace", "Not_One"), 2);
        assert_int_equal(usage("--identity", ""), 2);
        assert_int_equal(usage("--kubeconfig", "/nonexistent/config"), 1);
        assert_true(rig_wait_for_text(place.log, "/nonexistent/config", 100));
}

static void it_ends_quietly(void **state)
{
        char path[300];

        (void)state;
        assert_int_equal(process_end(&place.operator, SIGTERM, 5000), 0);
        (void)snprintf(path, sizeof(path),
                       "/apis/coordination.k8s.io/v1/namespaces/%s/leases/devicelink-operator",
                       k->space);
        assert_string_equal(text_at(path, "/spec/holderIdentity"), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_follows_its_node),
                cmocka_unit_test(a_link_without_a_node_name_says_so),
                cmocka_unit_test(a_node_that_is_being_deleted_is_gone),
                cmocka_unit_test(nothing_is_written_twice),
                cmocka_unit_test(a_link_follows_its_model),
                cmocka_unit_test(a_changed_model_removes_the_old_instance),
                cmocka_unit_test(an_old_instance_in_the_hands_of_a_living_node_is_waited_for),
                cmocka_unit_test(an_instance_is_taken_from_a_node_that_is_gone),
                cmocka_unit_test(an_instance_is_taken_from_a_silent_agent_only),
                cmocka_unit_test(links_of_a_silent_agent_are_unknown_until_it_writes),
                cmocka_unit_test(a_deleted_link_of_a_gone_node_goes_at_once),
                cmocka_unit_test(a_deleted_link_whose_model_is_gone_goes_without_an_agent),
                cmocka_unit_test(a_deleted_link_of_a_silent_agent_goes_after_the_grace),
                cmocka_unit_test(links_that_wait_are_worked_off_within_seconds),
                cmocka_unit_test(it_says_who_leads_and_what_it_asked),
                cmocka_unit_test(it_ends_quietly),
                cmocka_unit_test(what_it_cannot_start_with_is_told),
        };

        return cmocka_run_group_tests(tests, up, down);
}
