/* test_life.c - one link's whole life on an API server of its own: after each step exactly this
 * list of conditions, these events and this instance. */
#include "rig/site.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINK "boiler"

static struct site site;
static char device_path[256], link_path[256], modbus_uid[64];

static int up(void **state)
{
        (void)state;
        site_up(&site, SITE_PRIVATE, NULL);
        (void)snprintf(link_path, sizeof(link_path), "%s", kube_link_path(&site.kube, LINK));
        (void)snprintf(device_path, sizeof(device_path), "%s",
                       kube_device_path(&site.kube, "modbusdevices", LINK));
        return 0;
}

static int down(void **state)
{
        (void)state;
        site_down(&site);
        return 0;
}

/* --- looking */

/* The member at a dotted path, or NULL. */
static struct json_object *at(struct json_object *o, const char *path)
{
        char key[64];

        for (size_t n; o && *path; path += n + (path[n] == '.')) {
                n = strcspn(path, ".");
                (void)snprintf(key, sizeof(key), "%.*s", (int)n, path);
                if (!json_object_object_get_ex(o, key, &o))
                        return NULL;
        }
        return o;
}

static const char *text_at(struct json_object *o, const char *path)
{
        struct json_object *v = at(o, path);

        return v ? json_object_get_string(v) : "";
}

struct expectation {
        const char *object; /* path of the API */
        const char *member; /* "" = the object exists; NULL = it does not */
        const char *text;
};

static bool is_so(struct kube *k, void *ctx)
{
        const struct expectation *e = ctx;
        struct json_object *o = kube_get(k, e->object);
        bool so = e->member ? o && (!e->text || strcmp(text_at(o, e->member), e->text) == 0) : !o;

        json_object_put(o);
        return so;
}

static void expect(const char *object, const char *member, const char *text)
{
        struct expectation e = { object, member, text };
        char what[400];

        (void)snprintf(what, sizeof(what), "%s: %s = %s", object, member ? member : "(gone)",
                       text ? text : "(there)");
        kube_wait(&site.kube, is_so, &e, 20000, what);
}

static void expect_list(const char *list)
{
        site_expect_conditions(&site, LINK, list, 30000);
}

static void merge(const char *path, const char *body)
{
        long code =
                kube_request(&site.kube, "PATCH", path, "application/merge-patch+json", body, NULL);

        if (code != 200)
                fail_msg("PATCH %s %s: %ld", path, body, code);
}

static size_t count_events(void)
{
        char path[256];
        struct json_object *list = NULL;

        (void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events",
                       site.kube.space);
        list = kube_get(&site.kube, path);
        size_t n = json_object_array_length(at(list, "items"));
        json_object_put(list);
        return n;
}

/* --- the life */

static void secret(const char *user)
{
        kube_apply(&site.kube,
                   "apiVersion: v1\nkind: Secret\nmetadata: {name: broker, namespace: {space}}\n"
                   "stringData: {user: %s, password: \"pass of %s\"}\n",
                   user, user);
}

static void applied(void **state)
{
        char extra[1024];

        (void)state;
        secret("anna");
        (void)snprintf(extra, sizeof(extra),
                       "      extension:\n"
                       "        mqtt:\n"
                       "          client:\n"
                       "            server: tcp://127.0.0.1:%d\n"
                       "            basicAuth:\n"
                       "              usernameRef: {name: broker, item: user}\n"
                       "              passwordRef: {name: broker, item: password}\n"
                       "          message:\n"
                       "            topic: life/:name\n"
                       "  references:\n"
                       "    - name: broker\n"
                       "      secret: {name: broker}\n",
                       site.broker.port);
        site_link(&site, LINK, extra);
        expect_list(site_healthy);
        expect(device_path, "status.properties", NULL);
        expect(link_path, "status.nodeName", site.kube.node);
        expect(link_path, "status.nodeInternalIP", "10.1.2.3");
        expect(link_path, "status.adaptorName", "adaptors.edge.cattle.io/modbus");
        assert_true(broker_log_wait(&site.broker, "u'anna'", 10000));
        struct json_object *o = kube_get(&site.kube, device_path);
        (void)snprintf(modbus_uid, sizeof(modbus_uid), "%s", text_at(o, "metadata.uid"));
        json_object_put(o);
        assert_int_equal(count_events(), 0);
}

static void spec_edited(void **state)
{
        (void)state;
        merge(link_path, "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"floor\":\"2\"}},"
                         "\"spec\":{\"parameters\":{\"syncInterval\":\"300ms\"}}}}}");
        expect(device_path, "spec.parameters.syncInterval", "300ms");
        expect(device_path, "metadata.labels.floor", "2");
        merge(link_path, "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"floor\":null}}}}}");
        expect(device_path, "metadata.labels.floor", "");
        expect(device_path, "metadata.uid", modbus_uid);
        expect_list(site_healthy);
        assert_int_equal(count_events(), 0);
}

static void hand_edits_are_undone(void **state)
{
        (void)state;
        merge(device_path, "{\"metadata\":{\"labels\":{\"stray\":\"x\"}},"
                           "\"spec\":{\"parameters\":{\"syncInterval\":\"1h\"}}}");
        expect(device_path, "spec.parameters.syncInterval", "300ms");
        expect(device_path, "metadata.labels.stray", "");
        assert_int_equal(kube_request(&site.kube, "DELETE", device_path, NULL, NULL, NULL), 200);
        site_expect_event(&site, LINK, "Recreating", "previous device is inactivated", 10000);
        expect(device_path, "spec.parameters.syncInterval", "300ms");
        expect_list(site_healthy);
}

static void secret_rotated(void **state)
{
        (void)state;
        assert_int_equal(broker_log_count(&site.broker, "u'berta'"), 0);
        secret("berta");
        assert_true(broker_log_wait(&site.broker, "u'berta'", 10000));
        expect_list(site_healthy);
}

static void device_dead_and_back(void **state)
{
        (void)state;
        site_device_stop(&site);
        expect_list("NodeExisted True Found ''\n"
                    "ModelExisted True Found ''\n"
                    "AdaptorExisted True Found ''\n"
                    "DeviceCreated True Success ''\n"
                    "DeviceConnected False Unhealthy 'received error from adaptor'\n");
        site_expect_event(&site, LINK, "Disconnected", "received error from adaptor", 10000);
        site_device_start(&site);
        expect_list(site_healthy);
}

static void node_deleted_and_back(void **state)
{
        (void)state;
        kube_node_delete(&site.kube, site.kube.node);
        expect_list("NodeExisted False NotFound 'adaptor node isn't existed'\n");
        expect(link_path, "status.nodeName", "");
        expect(link_path, "status.nodeInternalIP", "");
        kube_node(&site.kube, site.kube.node, "10.1.2.4");
        expect_list(site_healthy);
        expect(link_path, "status.nodeInternalIP", "10.1.2.4");
}

static void crd_deleted_and_back(void **state)
{
        static const char crd[] = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                  "modbusdevices.devices.edge.cattle.io";

        (void)state;
        assert_int_equal(kube_request(&site.kube, "DELETE", crd, NULL, NULL, NULL), 200);
        expect_list("NodeExisted True Found ''\n"
                    "ModelExisted False NotFound 'model isn't existed'\n");
        expect(link_path, "status.model", "");
        char *said = NULL;
        assert_int_equal(
                kube_ctl(&site.kube, &said,
                         (const char *const[]){ "apply", "--server-side", "-f",
                                                TEST_SOURCE "/crds/modbusdevices.yaml", NULL }),
                0);
        free(said);
        expect_list(site_healthy);
        expect(device_path, "spec.parameters.syncInterval", "300ms");
}

static void model_changed(void **state)
{
        char special[256];

        (void)state;
        (void)snprintf(special, sizeof(special), "%s",
                       kube_device_path(&site.kube, "dummyspecialdevices", LINK));
        assert_int_equal(kube_request(&site.kube, "PATCH", link_path, "application/json-patch+json",
                                      "[{\"op\":\"replace\",\"path\":\"/spec/model/kind\","
                                      "\"value\":\"DummySpecialDevice\"},"
                                      "{\"op\":\"replace\",\"path\":\"/spec/adaptor/name\","
                                      "\"value\":\"adaptors.edge.cattle.io/dummy\"},"
                                      "{\"op\":\"replace\",\"path\":\"/spec/template/spec\","
                                      "\"value\":{\"protocol\":{\"location\":\"living_room\"},"
                                      "\"gear\":\"slow\",\"on\":true}}]",
                                      NULL),
                         200);
        expect(device_path, NULL, NULL);
        expect(special, "spec.gear", "slow");
        expect_list(site_healthy);
        expect(link_path, "status.model.kind", "DummySpecialDevice");
        expect(link_path, "status.adaptorName", "adaptors.edge.cattle.io/dummy");
        expect(special, "status.gear", "slow");
}

static void an_unknown_adaptor_is_said(void **state)
{
        (void)state;
        merge(link_path, "{\"spec\":{\"adaptor\":{\"name\":\"example.com/none\"}}}");
        expect_list("NodeExisted True Found ''\n"
                    "ModelExisted True Found ''\n"
                    "AdaptorExisted False NotFound 'the adaptor isn't existed'\n");
        expect(link_path, "status.adaptorName", "");
        merge(link_path, "{\"spec\":{\"adaptor\":{\"name\":\"adaptors.edge.cattle.io/dummy\"}}}");
        expect_list(site_healthy);
}

static void link_deleted(void **state)
{
        char special[256];

        (void)state;
        (void)snprintf(special, sizeof(special), "%s",
                       kube_device_path(&site.kube, "dummyspecialdevices", LINK));
        assert_int_equal(kube_request(&site.kube, "DELETE", link_path, NULL, NULL, NULL), 200);
        expect(link_path, NULL, NULL);
        expect(special, NULL, NULL);
        site_program_stop(&site, &site.agent, site.agent_log);
        site_program_stop(&site, &site.operator, site.operator_log);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(applied),
                cmocka_unit_test(spec_edited),
                cmocka_unit_test(hand_edits_are_undone),
                cmocka_unit_test(secret_rotated),
                cmocka_unit_test(device_dead_and_back),
                cmocka_unit_test(node_deleted_and_back),
                cmocka_unit_test(crd_deleted_and_back),
                cmocka_unit_test(model_changed),
                cmocka_unit_test(an_unknown_adaptor_is_said),
                cmocka_unit_test(link_deleted),
        };

        return cmocka_run_group_tests(tests, up, down);
}
