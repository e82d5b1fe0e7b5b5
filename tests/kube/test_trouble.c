/* test_trouble.c - what is wrong with a link is said in its conditions and events, heals when it is
 * put right, and never delays another. */
#include "rig/site.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CREATED_FIRST                                                                              \
        "NodeExisted True Found ''\n"                                                              \
        "ModelExisted True Found ''\n"                                                             \
        "AdaptorExisted True Found ''\n"
#define CREATED_THEN CREATED_FIRST "DeviceCreated True Success ''\n"

static const char unreachable[] =
        CREATED_THEN "DeviceConnected False Unhealthy 'unable to connect to device'\n";
static const char uncreated[] =
        CREATED_FIRST "DeviceCreated False Fail 'unable to create device from template'\n";
static const char not_updated[] = CREATED_THEN
        "DeviceConnected False Unhealthy 'unable to update the device from template'\n";

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

static void patch(const char *name, const char *type, const char *body)
{
        char content_type[64];

        (void)snprintf(content_type, sizeof(content_type), "application/%s-patch+json", type);
        long code = kube_request(&site.kube, "PATCH", kube_link_path(&site.kube, name),
                                 content_type, body, NULL);
        if (code != 200)
                fail_msg("PATCH %s %s: %ld", name, body, code);
}

static void an_unreachable_device_is_said_with_its_cause_and_retried(void **state)
{
        (void)state;
        site_device_stop(&site);
        site_link(&site, "away", "");
        site_expect_conditions(&site, "away", unreachable, 20000);
        site_expect_event(&site, "away", "FailedConnected", "refused", 10000);
        site_device_start(&site);
        site_expect_conditions(&site, "away", site_healthy, 20000);
}

/* What the agent itself says of a link. */
static void expect_shown(const char *name, const char *phase)
{
        char command[900], line[400] = "";

        (void)snprintf(command, sizeof(command),
                       TEST_BUILD "/devicelink get links %s -n %s --state %s/state | tail -n 1",
                       name, site.kube.space, site.dir);
        FILE *f = popen(command, "re"); // NOLINT(cert-env33-c): nothing of it is foreign
        assert_non_null(f);
        (void)fgets(line, sizeof(line), f);
        assert_int_equal(pclose(f), 0);
        if (!strstr(line, phase))
                fail_msg("no '%s' in '%s'", phase, line);
}

static void a_spec_that_the_server_refuses_is_said_and_heals_when_mended(void **state)
{
        (void)state;
        site_link(&site, "wrong",
                  "        - name: broken\n          type: nonsense\n          visitor:\n"
                  "            register: HoldingRegister\n            offset: 0\n"
                  "            quantity: 1\n");
        site_expect_conditions(&site, "wrong", uncreated, 20000);
        site_expect_event(&site, "wrong", "FailedCreated", "nonsense", 10000);
        expect_shown("wrong", "DeviceCreated");
        patch("wrong", "json",
              "[{\"op\":\"replace\",\"path\":\"/spec/template/spec/properties/1/"
              "type\",\"value\":\"int16\"}]");
        site_expect_conditions(&site, "wrong", site_healthy, 20000);
        expect_shown("wrong", "DeviceConnected");
}

static void a_refused_update_leaves_the_device_running_as_it_was(void **state)
{
        (void)state;
        site_link(&site, "updated", "");
        site_expect_conditions(&site, "updated", site_healthy, 20000);
        unsigned before = site_device_connections(&site);
        patch("updated", "json",
              "[{\"op\":\"replace\",\"path\":\"/spec/template/spec/properties/0/"
              "type\",\"value\":\"nonsense\"}]");
        site_expect_conditions(&site, "updated", not_updated, 20000);
        site_expect_event(&site, "updated", "FailedUpdated", "nonsense", 10000);
        assert_int_equal(site_device_connections(&site), before);
        patch("updated", "json",
              "[{\"op\":\"replace\",\"path\":\"/spec/template/spec/properties/0/"
              "type\",\"value\":\"float\"}]");
        site_expect_conditions(&site, "updated", site_healthy, 20000);
}

static void what_only_the_adaptor_refuses_is_said_too(void **state)
{
        (void)state;
        site_link(&site, "endless", "");
        site_expect_conditions(&site, "endless", site_healthy, 20000);
        patch("endless", "merge",
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":{\"tcp\":"
              "{\"endpoint\":\"no port\"}}}}}}");
        site_expect_event(&site, "endless", "FailedUpdated", "endpoint", 10000);
        char *list = kube_conditions(&site.kube, "endless");
        assert_non_null(strstr(list, "DeviceConnected False Unhealthy"));
        free(list);
        char body[200];
        (void)snprintf(body, sizeof(body),
                       "{\"spec\":{\"template\":{\"spec\":{\"protocol\":{\"tcp\":{\"endpoint\":"
                       "\"127.0.0.1:%d\"}}}}}}",
                       site.device_port);
        patch("endless", "merge", body);
        site_expect_conditions(&site, "endless", site_healthy, 20000);
}

static void a_foreign_object_of_the_name_is_not_adopted(void **state)
{
        char path[256];

        (void)state;
        kube_apply(&site.kube,
                   "apiVersion: devices.edge.cattle.io/v1alpha1\nkind: ModbusDevice\n"
                   "metadata: {name: taken, namespace: {space}}\n"
                   "spec: {protocol: {tcp: {endpoint: \"1.2.3.4:502\", workerID: 1}}}\n");
        site_link(&site, "taken", "");
        site_expect_conditions(&site, "taken", uncreated, 20000);
        site_expect_event(&site, "taken", "FailedCreated", "", 10000);
        (void)snprintf(path, sizeof(path), "%s",
                       kube_device_path(&site.kube, "modbusdevices", "taken"));
        struct json_object *o = kube_get(&site.kube, path), *spec = NULL;
        assert_true(json_object_object_get_ex(o, "spec", &spec));
        assert_non_null(strstr(json_object_to_json_string(spec), "1.2.3.4:502"));
        json_object_put(o);
        assert_int_equal(kube_request(&site.kube, "DELETE", path, NULL, NULL, NULL), 200);
        site_expect_conditions(&site, "taken", site_healthy, 40000);
}

static void a_storm_of_links_half_of_them_unreachable_leaves_the_others_healthy(void **state)
{
        enum { LINKS = 40 };
        char name[32];
        uint16_t good = site.device_port;

        (void)state;
        for (int i = 0; i < LINKS; i++) {
                (void)snprintf(name, sizeof(name), "storm-%d", i);
                /* Nobody listens on port 1. */
                site.device_port = i % 2 ? 1 : good;
                site_link(&site, name, "");
        }
        site.device_port = good;
        for (int i = 0; i < LINKS; i++) {
                (void)snprintf(name, sizeof(name), "storm-%d", i);
                site_expect_conditions(&site, name, i % 2 ? unreachable : site_healthy,
                                       i == 0 ? 10000 : 2000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_unreachable_device_is_said_with_its_cause_and_retried),
                cmocka_unit_test(a_spec_that_the_server_refuses_is_said_and_heals_when_mended),
                cmocka_unit_test(a_refused_update_leaves_the_device_running_as_it_was),
                cmocka_unit_test(what_only_the_adaptor_refuses_is_said_too),
                cmocka_unit_test(a_foreign_object_of_the_name_is_not_adopted),
                cmocka_unit_test(
                        a_storm_of_links_half_of_them_unreachable_leaves_the_others_healthy),
        };

        return cmocka_run_group_tests(tests, up, down);
}
