/* test_first_light.c - a DeviceLink applied to a real API server becomes a device, an instance with
 * live status, five True conditions and values at a real broker. */
#include "rig/site.h"
#include "rig/subscriber.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct site site;

static int up(void **state)
{
        (void)state;
        site_up(&site, 0, NULL);
        return 0;
}

static int down(void **state)
{
        (void)state;
        site_down(&site);
        return 0;
}

static struct json_object *at(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        if (!json_object_object_get_ex(o, key, &v))
                fail_msg("no '%s' in %s", key, json_object_to_json_string(o));
        return v;
}

static const char *text_at(struct json_object *o, const char *key)
{
        return json_object_get_string(at(o, key));
}

static void applied(const char *name)
{
        char extra[512];

        (void)snprintf(extra, sizeof(extra),
                       "      extension:\n        mqtt:\n          client:\n"
                       "            server: tcp://127.0.0.1:%d\n          message:\n"
                       "            topic: plant/:namespace/:name\n",
                       site.broker.port);
        site_link(&site, name, extra);
}

static void an_applied_link_becomes_healthy_in_five_steps(void **state)
{
        (void)state;
        applied("pump");
        site_expect_conditions(&site, "pump", site_healthy, 20000);
}

static void the_status_names_node_address_model_and_adaptor(void **state)
{
        struct json_object *link = kube_get(&site.kube, kube_link_path(&site.kube, "pump"));
        struct json_object *status = at(link, "status");

        (void)state;
        assert_string_equal(text_at(status, "nodeName"), site.kube.node);
        assert_string_equal(text_at(status, "nodeInternalIP"), "10.1.2.3");
        assert_string_equal(text_at(status, "adaptorName"), "adaptors.edge.cattle.io/modbus");
        assert_string_equal(text_at(at(status, "model"), "kind"), "ModbusDevice");
        json_object_put(link);
}

static void the_instance_is_owned_labelled_annotated_and_has_the_templates_spec(void **state)
{
        struct json_object *link = kube_get(&site.kube, kube_link_path(&site.kube, "pump"));
        struct json_object *device =
                kube_get(&site.kube, kube_device_path(&site.kube, "modbusdevices", "pump"));
        struct json_object *meta = at(device, "metadata");
        struct json_object *owners = at(meta, "ownerReferences");
        struct json_object *notes = at(meta, "annotations");

        (void)state;
        assert_int_equal(json_object_array_length(owners), 1);
        struct json_object *owner = json_object_array_get_idx(owners, 0);
        assert_string_equal(text_at(owner, "uid"), text_at(at(link, "metadata"), "uid"));
        assert_string_equal(text_at(owner, "kind"), "DeviceLink");
        assert_true(json_object_get_boolean(at(owner, "controller")));
        assert_true(json_object_get_boolean(at(owner, "blockOwnerDeletion")));
        assert_string_equal(text_at(notes, "edge.cattle.io/node-name"), site.kube.node);
        assert_string_equal(text_at(notes, "edge.cattle.io/adaptor-name"),
                            "adaptors.edge.cattle.io/modbus");
        assert_string_equal(text_at(at(meta, "labels"), "device"), "pump");
        assert_string_equal(text_at(at(at(device, "spec"), "parameters"), "syncInterval"), "200ms");
        json_object_put(link);
        json_object_put(device);
}

static bool has_value(struct kube *k, void *ctx)
{
        struct json_object *device = kube_get(k, kube_device_path(k, "modbusdevices", "pump"));
        struct json_object *status = NULL, *properties = NULL, *value = NULL;
        bool yes = json_object_object_get_ex(device, "status", &status) &&
                   json_object_object_get_ex(status, "properties", &properties) &&
                   json_object_object_get_ex(json_object_array_get_idx(properties, 0), "value",
                                             &value) &&
                   strcmp(json_object_get_string(value), ctx) == 0;

        json_object_put(device);
        return yes;
}

static void the_instance_shows_what_the_device_says(void **state)
{
        char value[] = "296.65";

        (void)state;
        kube_wait(&site.kube, has_value, value, 10000, "the value in the instance's status");
}

static void the_broker_has_the_value(void **state)
{
        char topic[128];

        (void)state;
        (void)snprintf(topic, sizeof(topic), "plant/%s/pump", site.kube.space);
        struct subscriber *sub = subscriber_start(site.broker.port, topic);
        assert_true(subscriber_wait(sub, 1, 10000));
        assert_non_null(strstr(subscriber_at(sub, 0)->payload, "\"value\":\"296.65\""));
        subscriber_stop(sub);
}

static bool is_gone(struct kube *k, void *ctx)
{
        struct json_object *o = kube_get(k, ctx);

        json_object_put(o);
        return !o;
}

static void a_deleted_link_goes_with_its_instance(void **state)
{
        struct kube *k = &site.kube;
        char *link = strdup(kube_link_path(k, "pump"));
        char *device = strdup(kube_device_path(k, "modbusdevices", "pump"));

        (void)state;
        assert_int_equal(kube_request(k, "DELETE", link, NULL, NULL, NULL), 200);
        kube_wait(k, is_gone, link, 10000, "the link is gone");
        kube_wait(k, is_gone, device, 10000, "the instance is collected");
        free(link);
        free(device);
}

static void both_programs_end_quietly(void **state)
{
        (void)state;
        site_program_stop(&site, &site.agent, site.agent_log);
        site_program_stop(&site, &site.operator, site.operator_log);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_applied_link_becomes_healthy_in_five_steps),
                cmocka_unit_test(the_status_names_node_address_model_and_adaptor),
                cmocka_unit_test(
                        the_instance_is_owned_labelled_annotated_and_has_the_templates_spec),
                cmocka_unit_test(the_instance_shows_what_the_device_says),
                cmocka_unit_test(the_broker_has_the_value),
                cmocka_unit_test(a_deleted_link_goes_with_its_instance),
                cmocka_unit_test(both_programs_end_quietly),
        };

        return cmocka_run_group_tests(tests, up, down);
}
