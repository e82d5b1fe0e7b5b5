/* test_references.c - Secrets, ConfigMaps and the link's own fields as parameters of a device. */
#include "rig/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct site site;

static const char unfetched[] =
        "NodeExisted True Found ''\n"
        "ModelExisted True Found ''\n"
        "AdaptorExisted True Found ''\n"
        "DeviceCreated True Success ''\n"
        "DeviceConnected False Unhealthy 'unable to fetch the reference parameters'\n";

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

/* A link whose MQTT user is item `item` of a reference written out in `reference`. */
static void link_with(const char *name, const char *item, const char *reference)
{
        char extra[1500];

        (void)snprintf(extra, sizeof(extra),
                       "      extension:\n"
                       "        mqtt:\n"
                       "          client:\n"
                       "            server: tcp://127.0.0.1:%d\n"
                       "            basicAuth:\n"
                       "              usernameRef: {name: r, item: %s}\n"
                       "              password: fixed\n"
                       "          message:\n"
                       "            topic: refs/:name\n"
                       "  references:\n"
                       "    - name: r\n"
                       "      %s\n",
                       site.broker.port, item, reference);
        site_link(&site, name, extra);
}

static void secret(const char *name, const char *key, const char *value)
{
        kube_apply(&site.kube,
                   "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: {space}}\n"
                   "stringData: {%s: %s}\n",
                   name, key, value);
}

static void expect_user(const char *user)
{
        char text[80];

        (void)snprintf(text, sizeof(text), "u'%s'", user);
        if (!broker_log_wait(&site.broker, text, 10000)) {
                site_show_logs(&site);
                fail_msg("no user '%s' at the broker", user);
        }
}

static void a_missing_secret_is_named_and_used_as_soon_as_it_is_there(void **state)
{
        (void)state;
        link_with("missing", "user", "secret: {name: later}");
        site_expect_conditions(&site, "missing", unfetched, 20000);
        site_expect_event(&site, "missing", "FailedFetched", "later", 10000);
        secret("later", "user", "carla");
        expect_user("carla");
        site_expect_conditions(&site, "missing", site_healthy, 10000);
}

static void a_missing_key_is_named_and_used_as_soon_as_it_is_there(void **state)
{
        (void)state;
        secret("keys", "other", "x");
        link_with("nokey", "user", "secret: {name: keys, items: [user]}");
        site_expect_conditions(&site, "nokey", unfetched, 20000);
        site_expect_event(&site, "nokey", "FailedFetched", "user", 10000);
        secret("keys", "user", "dora");
        expect_user("dora");
        site_expect_conditions(&site, "nokey", site_healthy, 10000);
}

static void a_config_map_is_a_source_like_a_secret(void **state)
{
        (void)state;
        kube_apply(&site.kube, "apiVersion: v1\nkind: ConfigMap\n"
                               "metadata: {name: settings, namespace: {space}}\n"
                               "data: {user: emil}\n");
        link_with("mapped", "user", "configMap: {name: settings, items: [user]}");
        expect_user("emil");
        site_expect_conditions(&site, "mapped", site_healthy, 10000);
}

static void a_field_of_the_link_is_a_source(void **state)
{
        (void)state;
        link_with("fielded", "who",
                  "downwardAPI: {items: [{name: who, fieldRef: {fieldPath: metadata.name}}]}");
        expect_user("fielded");
        link_with("addressed", "ip",
                  "downwardAPI: {items: [{name: ip, fieldRef: {fieldPath: "
                  "status.nodeInternalIP}}]}");
        expect_user("10.1.2.3");
}

static void a_rotated_secret_is_used_within_seconds_and_touches_no_other_link(void **state)
{
        (void)state;
        secret("turning", "user", "frida");
        link_with("turns", "user", "secret: {name: turning}");
        expect_user("frida");
        size_t others = broker_log_count(&site.broker, "u'emil'");
        int64_t began_ms = rig_now_ms();
        secret("turning", "user", "gerda");
        expect_user("gerda");
        assert_true(rig_now_ms() - began_ms < 6000);
        assert_int_equal(broker_log_count(&site.broker, "u'emil'"), others);
        site_expect_conditions(&site, "turns", site_healthy, 10000);
}

static void no_content_of_a_secret_is_in_logs_or_status(void **state)
{
        (void)state;
        secret("hidden", "user", "geheim-9d1c");
        link_with("hides", "absent", "secret: {name: hidden, items: [absent]}");
        site_expect_conditions(&site, "hides", unfetched, 20000);
        site_expect_event(&site, "hides", "FailedFetched", "absent", 10000);
        const char *const logs[] = { site.agent_log, site.operator_log };
        for (size_t i = 0; i < 2; i++) {
                char *log = rig_read_file(logs[i]);

                assert_null(strstr(log, "geheim-9d1c"));
                free(log);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_missing_secret_is_named_and_used_as_soon_as_it_is_there),
                cmocka_unit_test(a_missing_key_is_named_and_used_as_soon_as_it_is_there),
                cmocka_unit_test(a_config_map_is_a_source_like_a_secret),
                cmocka_unit_test(a_field_of_the_link_is_a_source),
                cmocka_unit_test(a_rotated_secret_is_used_within_seconds_and_touches_no_other_link),
                cmocka_unit_test(no_content_of_a_secret_is_in_logs_or_status),
        };

        return cmocka_run_group_tests(tests, up, down);
}
