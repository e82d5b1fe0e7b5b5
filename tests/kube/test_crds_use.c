/* test_crds_use.c - a real API server and crds/: what is reported is kept, people see it, links are
 * found, and new CRDs bear old objects (octopus 1.1, 1.2; reference A10 109, 113, 114, 116, 117).
 */
#include "crds.h"

/* --- status */

static void set_status(struct kube *k, const char *kind, const char *status_json,
                       struct json_object **ret)
{
        char path[700];
        char *body = NULL;

        (void)snprintf(path, sizeof(path), "%s/x/status" STRICT, path_of(k, kind));
        assert_true(asprintf(&body, "{\"status\":%s}", status_json) > 0);
        long status = kube_request(k, "PATCH", path, "application/merge-patch+json", body, ret);
        if (status != 200)
                fail_msg("%s: %s: %ld %s", kind, body, status, json_object_to_json_string(*ret));
        free(body);
}

static void expect_status_kept(struct kube *k, const char *kind, const char *spec,
                               const char *status_json)
{
        auto_of(arena) struct arena *a = arena_new();
        struct json_object *o = NULL;
        const struct tree *sent = NULL;
        struct err e = { 0 };

        assert_int_equal(post(k, kind, spec, "", NULL), 201);
        set_status(k, kind, status_json, &o);
        assert_int_equal(tree_parse_json(a, status_json, strlen(status_json), &tree_limits_default,
                                         &sent, &e),
                         0);
        if (!tree_equal(tree_get(tree_of(a, o), "status"), sent))
                fail_msg("%s: %s becomes %s", kind, status_json, json_object_to_json_string(o));
        json_object_put(o);
}

static void everything_that_an_agent_reports_is_kept(void **state)
{
        struct kube *k = *state;

        expect_status_kept(
                k, "ModbusDevice", "{\"protocol\":{}}",
                "{\"properties\":[{\"name\":\"t\",\"type\":\"float\",\"value\":\"296.65\","
                "\"operatedValue\":\"23.499994\",\"updatedAt\":\"2024-01-02T02:04:05Z\"},"
                "{\"name\":\"t\",\"quality\":\"bad\",\"error\":\"it is away\"}]}");
        expect_status_kept(k, "DummySpecialDevice",
                           "{\"protocol\":{\"location\":\"l\"},\"on\":true}",
                           "{\"gear\":\"fast\",\"rotatingSpeed\":201}");
        expect_status_kept(
                k, "DummyProtocolDevice", "{\"protocol\":{\"ip\":\"i\"}}",
                "{\"properties\":{\"a\":{\"type\":\"array\",\"arrayValue\":[{\"type\":\"int\","
                "\"intValue\":5}]},\"b\":{\"type\":\"boolean\",\"booleanValue\":true},"
                "\"f\":{\"type\":\"float\",\"floatValue\":\"444595u\"},\"o\":{\"type\":\"object\","
                "\"objectValue\":{\"s\":{\"type\":\"string\",\"stringValue\":\"x\"}}}}}");
        expect_status_kept(
                k, "DeviceLink", EMPTY_LINK,
                "{\"nodeName\":\"n\",\"nodeHostName\":\"h\",\"nodeInternalIP\":\"10.0.0.1\","
                "\"nodeInternalDNS\":\"i\",\"nodeExternalIP\":\"1.2.3.4\",\"nodeExternalDNS\":"
                "\"e\",\"model\":{\"apiVersion\":\"a/v1\",\"kind\":\"K\"},\"adaptorName\":\"a\","
                "\"conditions\":[{\"type\":\"T\",\"status\":\"True\",\"reason\":\"R\",\"message\":"
                "\"\",\"lastTransitionTime\":\"2024-01-02T02:04:05Z\",\"lastUpdateTime\":"
                "\"2024-01-02T02:04:05Z\"}]}");
}

/* A list of the vectors as JSON, and as kube_conditions() says it. */
static void write_conditions(struct json_object *list, struct buf *json, struct buf *lines)
{
        buf_adds(json, "{\"conditions\":[");
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *one = json_object_array_get_idx(list, i);
                const char *words[4];

                for (size_t w = 0; w < 4; w++)
                        words[w] = json_object_get_string(json_object_array_get_idx(one, w));
                buf_addf(json,
                         "%s{\"type\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\","
                         "\"message\":\"%s\"}",
                         i > 0 ? "," : "", words[0], words[1], words[2], words[3]);
                buf_addf(lines, "%s %s %s '%s'\n", words[0], words[1], words[2], words[3]);
        }
        buf_adds(json, "]}");
}

static void expect_conditions_kept(struct kube *k, struct json_object *vector)
{
        struct json_object *steps = json_object_object_get(vector, "steps");
        struct json_object *last =
                json_object_array_get_idx(steps, json_object_array_length(steps) - 1);
        struct json_object *o = NULL;
        auto_of(buf) struct buf json = BUF(65536);
        auto_of(buf) struct buf lines = BUF(65536);

        write_conditions(
                json_object_object_get(json_object_object_get(last, "after"), "conditions"), &json,
                &lines);
        set_status(k, "DeviceLink", buf_text(&json), &o);
        json_object_put(o);
        char *said = kube_conditions(k, "x");
        assert_string_equal(said, buf_text(&lines));
        free(said);
}

/* Its last entry is what a person sees: none is sorted, merged or kept. */
static void the_list_of_conditions_keeps_its_order(void **state)
{
        struct json_object *all = json_object_from_file(TEST_DATA "/vectors/conditions.json");
        size_t n = json_object_array_length(all);

        assert_true(n > 50);
        assert_int_equal(post(*state, "DeviceLink", EMPTY_LINK, "", NULL), 201);
        for (size_t i = 0; i < n; i++)
                expect_conditions_kept(*state, json_object_array_get_idx(all, i));
        json_object_put(all);
}

static void a_type_of_condition_is_there_once(void **state)
{
        struct kube *k = *state;
        char path[600];

        assert_int_equal(post(k, "DeviceLink", EMPTY_LINK, "", NULL), 201);
        (void)snprintf(path, sizeof(path), "%s/x/status", path_of(k, "DeviceLink"));
        assert_int_equal(
                kube_request(k, "PATCH", path, "application/merge-patch+json",
                             "{\"status\":{\"conditions\":[{\"type\":\"T\",\"status\":\"True\"},"
                             "{\"type\":\"T\",\"status\":\"False\"}]}}",
                             NULL),
                422);
}

/* --- what people see */

static void expect_said(struct kube *k, const char *const argv[], const char *wanted)
{
        char *said = NULL;
        int code = kube_ctl(k, &said, argv);

        if (code != 0 || !strstr(said, wanted))
                fail_msg("kubectl %s %s: %d, expected '%s' in %s", argv[0], argv[1], code, wanted,
                         said);
        free(said);
}

static void columns_show_where_a_link_stands(void **state)
{
        struct kube *k = *state;
        struct json_object *o = NULL;
        char *said = NULL;

        kube_apply(k, "%s",
                   "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\nmetadata: {name: x}\n"
                   "spec: {adaptor: {node: n1, name: a/b}, model: {kind: K}, template: {}}\n");
        set_status(k, "DeviceLink",
                   "{\"conditions\":[{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":"
                   "\"Found\"},{\"type\":\"ModelExisted\",\"status\":\"False\",\"reason\":"
                   "\"NotFound\"}]}",
                   &o);
        json_object_put(o);
        assert_int_equal(kube_ctl(k, &said, (const char *const[]){ "get", "dl", NULL }), 0);
        char *row = strchr(said, '\n');
        assert_non_null(row);
        *row++ = '\0';
        static const char *const heads[] = { "NAME",  "KIND",   "NODE", "ADAPTOR",
                                             "PHASE", "STATUS", "AGE" };
        static const char *const cells[] = { "x", "K", "n1", "a/b", "ModelExisted", "NotFound" };
        char *rest = NULL;
        char *word = strtok_r(said, " ", &rest);
        for (size_t i = 0; i < 7; i++, word = strtok_r(NULL, " ", &rest))
                assert_string_equal(word, heads[i]);
        assert_null(word);
        word = strtok_r(row, " ", &rest);
        for (size_t i = 0; i < 6; i++, word = strtok_r(NULL, " ", &rest))
                assert_string_equal(word, cells[i]);
        free(said);
}

static void a_device_shows_where_it_is_reached(void **state)
{
        struct kube *k = *state;

        kube_apply(k, "%s",
                   "apiVersion: devices.edge.cattle.io/v1alpha1\nkind: ModbusDevice\n"
                   "metadata: {name: x}\n"
                   "spec: {protocol: {tcp: {endpoint: \"h:502\", workerID: 17}}}\n");
        expect_said(k, (const char *const[]){ "get", "modbus", NULL }, "h:502      17");
        expect_said(k, (const char *const[]){ "get", "edge", NULL },
                    "modbusdevice.devices.edge.cattle.io/x");
}

static void every_field_is_explained_by_kubectl(void **state)
{
        expect_said(*state,
                    (const char *const[]){ "explain", "dl.spec.references.downwardAPI", NULL },
                    "items\t<[]Object> -required-");
        expect_said(*state,
                    (const char *const[]){ "explain", "modbus.spec.extension.mqtt.client.keepAlive",
                                           NULL },
                    "The longest silence before a ping");
        expect_said(*state, (const char *const[]){ "explain", "dummyspecial.spec.gear", NULL },
                    "ENUM:");
        expect_said(*state, (const char *const[]){ "explain", "dummyprotocol.spec", NULL },
                    "The values to make up");
}

/* --- selection */

static size_t count(struct kube *k, const char *query, long want)
{
        struct json_object *o = NULL;
        char path[700];

        (void)snprintf(path, sizeof(path), "%s%s", path_of(k, "DeviceLink"), query);
        long status = kube_request(k, "GET", path, NULL, NULL, &o);
        if (status != want)
                fail_msg("%s: expected %ld, got %ld %s", path, want, status,
                         json_object_to_json_string(o));
        struct json_object *items = json_object_object_get(o, "items");
        size_t n = items ? json_object_array_length(items) : 0;
        json_object_put(o);
        return n;
}

static void the_server_selects_links_by_node_adaptor_and_kind(void **state)
{
        struct kube *k = *state;

        kube_apply(k, "%s",
                   "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\nmetadata: {name: a}\n"
                   "spec: {adaptor: {node: n1, name: m}, model: {kind: K}, template: {}}\n---\n"
                   "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\nmetadata: {name: b}\n"
                   "spec: {adaptor: {node: n2}, model: {}, template: {}}\n---\n"
                   "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\nmetadata: {name: c}\n"
                   "spec: {adaptor: {}, model: {}, template: {}}\n");
        assert_int_equal(count(k, "", 200), 3);
        assert_int_equal(count(k, "?fieldSelector=spec.adaptor.node%3Dn1", 200), 1);
        assert_int_equal(count(k, "?fieldSelector=spec.adaptor.node%3D", 200), 1);
        assert_int_equal(count(k, "?fieldSelector=spec.adaptor.name%3Dm", 200), 1);
        assert_int_equal(count(k, "?fieldSelector=spec.model.kind%3DK", 200), 1);
        (void)count(k, "?fieldSelector=spec.template%3D", 400);
}

/* --- upgrades */

static void applying_again_changes_nothing(void **state)
{
        const char *const argv[] = { "apply", "--server-side",     "--force-conflicts",
                                     "-f",    TEST_SOURCE "/crds", NULL };
        const char *const versions[] = { "get", "crd", "-o",
                                         "jsonpath={.items[*].metadata.resourceVersion}", NULL };
        char *before = NULL;
        char *after = NULL;

        assert_int_equal(kube_ctl(*state, NULL, argv), 0);
        assert_int_equal(kube_ctl(*state, &before, versions), 0);
        assert_int_equal(kube_ctl(*state, NULL, argv), 0);
        assert_int_equal(kube_ctl(*state, &after, versions), 0);
        assert_string_equal(before, after);
        free(before);
        free(after);
}

/* crds/modbusdevices.yaml in a group of this test's own. */
static char *private_crd(struct kube *k)
{
        char *text = rig_read_file(TEST_SOURCE "/crds/modbusdevices.yaml");
        char *ret = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&ret, &len);
        static const char group[] = "devices.edge.cattle.io";
        char *end = strstr(text, "additionalPrinterColumns");

        assert_non_null(f);
        assert_non_null(end);
        const char *at = text;
        for (const char *hit; (hit = strstr(at, group)) && hit < end; at = hit + strlen(group)) {
                bool annotation = hit[strlen(group)] == '/';
                (void)fprintf(f, "%.*s%s%s", (int)(hit - at), at, annotation ? group : k->space,
                              annotation ? "" : ".test");
        }
        (void)fputs(at, f);
        (void)fclose(f);
        free(text);
        char *copy = strdup(ret); /* gcc takes `ret` for dangling otherwise */
        free(ret);
        return copy;
}

static void wait_served(struct kube *k, const char *path)
{
        int64_t until = rig_now_ms() + 20000;

        while (kube_request(k, "GET", path, NULL, NULL, NULL) != 200) {
                assert_true(rig_now_ms() < until);
                rig_sleep_ms(50);
        }
}

/* A CRD that takes anything, then ours: the object breaks its rules in every way. */
static void an_object_that_a_new_crd_refuses_can_still_be_let_go(void **state)
{
        struct kube *k = *state;
        char *crd = private_crd(k);
        char path[300];
        char one[320];
        char status[340];
        char name[200];

        (void)snprintf(path, sizeof(path), "/apis/%s.test/v1alpha1/namespaces/%s/modbusdevices",
                       k->space, k->space);
        (void)snprintf(one, sizeof(one), "%s/x", path);
        (void)snprintf(status, sizeof(status), "%s/status", one);
        (void)snprintf(name, sizeof(name), "modbusdevices.%s.test", k->space);
        const char *schema = strstr(crd, "        openAPIV3Schema:");
        assert_non_null(schema);
        int before = (int)(schema - crd);
        kube_apply(k,
                   "%.*s        openAPIV3Schema: {type: object, "
                   "x-kubernetes-preserve-unknown-fields: true}\n",
                   before, crd);
        wait_served(k, path);
        char *body = NULL;
        assert_true(asprintf(&body,
                             "{\"apiVersion\":\"%s.test/v1alpha1\",\"kind\":\"ModbusDevice\","
                             "\"metadata\":{\"name\":\"x\",\"finalizers\":[\"a.b/c\"]},\"spec\":"
                             "{\"protocol\":5,\"properties\":[{\"name\":\"a\"},{\"name\":\"a\"}]}}",
                             k->space) > 0);
        assert_int_equal(kube_request(k, "POST", path, NULL, body, NULL), 201);
        kube_apply(k, "%s", crd);
        wait_served(k, path);
        assert_int_equal(kube_request(k, "PATCH", status, "application/merge-patch+json",
                                      "{\"status\":{\"properties\":[{\"name\":\"a\"}]}}", NULL),
                         200);
        assert_int_equal(kube_request(k, "DELETE", one, NULL, NULL, NULL), 200);
        assert_int_equal(kube_request(k, "PATCH", one, "application/merge-patch+json",
                                      "{\"metadata\":{\"finalizers\":null}}", NULL),
                         200);
        assert_null(kube_get(k, one));
        assert_int_equal(kube_ctl(k, NULL, (const char *const[]){ "delete", "crd", name, NULL }),
                         0);
        free(body);
        free(crd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(everything_that_an_agent_reports_is_kept, up, down),
                cmocka_unit_test_setup_teardown(the_list_of_conditions_keeps_its_order, up, down),
                cmocka_unit_test_setup_teardown(a_type_of_condition_is_there_once, up, down),
                cmocka_unit_test_setup_teardown(columns_show_where_a_link_stands, up, down),
                cmocka_unit_test_setup_teardown(a_device_shows_where_it_is_reached, up, down),
                cmocka_unit_test_setup_teardown(every_field_is_explained_by_kubectl, up, down),
                cmocka_unit_test_setup_teardown(the_server_selects_links_by_node_adaptor_and_kind,
                                                up, down),
                cmocka_unit_test_setup_teardown(applying_again_changes_nothing, up, down),
                cmocka_unit_test_setup_teardown(
                        an_object_that_a_new_crd_refuses_can_still_be_let_go, up, down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
