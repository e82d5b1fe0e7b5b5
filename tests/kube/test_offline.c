/* test_offline.c - an API server that is away stops no device: neither while the agent runs, nor
 * when the agent starts. */
#include "rig/site.h"
#include "rig/subscriber.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct site site;
static struct subscriber *sub;

static int up(void **state)
{
        char extra[512];

        (void)state;
        site_up(&site, SITE_PRIVATE, NULL);
        sub = subscriber_start(site.broker.port, "offline/#");
        (void)snprintf(extra, sizeof(extra),
                       "      extension:\n        mqtt:\n          client:\n"
                       "            server: tcp://127.0.0.1:%d\n          message:\n"
                       "            topic: offline/:name\n            retained: false\n",
                       site.broker.port);
        site_link(&site, "mill", extra);
        site_expect_conditions(&site, "mill", site_healthy, 20000);
        return 0;
}

static int down(void **state)
{
        (void)state;
        subscriber_stop(sub);
        site_down(&site);
        return 0;
}

/* Polled each 200 ms: so many in this time, and no gap. */
static void expect_values_go_on(int for_ms)
{
        size_t before = subscriber_count(sub);

        assert_true(subscriber_wait(sub, before + 1, 2000));
        int64_t last_ms = rig_now_ms(), end_ms = last_ms + for_ms;
        while (rig_now_ms() < end_ms) {
                size_t n = subscriber_count(sub);

                if (!subscriber_wait(sub, n + 1, 1500))
                        fail_msg("no value for 1.5 s");
        }
}

static void devices_go_on_while_the_api_server_is_killed_and_comes_back(void **state)
{
        (void)state;
        kube_signal(&site.kube, "kube-apiserver", SIGKILL);
        expect_values_go_on(5000);
        kube_start_again(&site.kube, "kube-apiserver");
        expect_values_go_on(5000);
        site_expect_conditions(&site, "mill", site_healthy, 20000);
        assert_int_equal(site_device_connections(&site), 1);
}

static void a_paused_api_server_delays_nothing(void **state)
{
        (void)state;
        kube_signal(&site.kube, "kube-apiserver", SIGSTOP);
        expect_values_go_on(5000);
        kube_signal(&site.kube, "kube-apiserver", SIGCONT);
        site_expect_conditions(&site, "mill", site_healthy, 20000);
}

static void an_agent_that_starts_without_api_server_drives_what_it_knew(void **state)
{
        (void)state;
        site_program_stop(&site, &site.agent, site.agent_log);
        kube_signal(&site.kube, "kube-apiserver", SIGKILL);
        site_agent_start(&site, NULL);
        size_t before = subscriber_count(sub);
        assert_true(subscriber_wait(sub, before + 2, 20000));
        kube_start_again(&site.kube, "kube-apiserver");
        expect_values_go_on(8000);
        site_expect_conditions(&site, "mill", site_healthy, 30000);
        assert_int_equal(site_device_connections(&site), 1);
}

static void what_changed_while_it_was_away_is_followed(void **state)
{
        char path[256];

        (void)state;
        /* Without the API server it lost its leadership, and ended for the Deployment to restart.
         */
        process_kill(&site.operator);
        site_operator_start(&site, NULL);
        (void)snprintf(path, sizeof(path), "%s", kube_link_path(&site.kube, "mill"));
        assert_int_equal(kill(site.agent.pid, SIGKILL), 0);
        process_kill(&site.agent);
        assert_int_equal(kube_request(&site.kube, "DELETE", path, NULL, NULL, NULL), 200);
        site_link(&site, "drill", "");
        site_agent_start(&site, NULL);
        /* The Lease of the operator that was killed holds for 15 s. */
        site_expect_conditions(&site, "drill", site_healthy, 45000);
        for (int i = 0; i < 100; i++) {
                struct json_object *o = kube_get(&site.kube, path);

                json_object_put(o);
                if (!o)
                        return;
                rig_sleep_ms(100);
        }
        fail_msg("the link that was deleted meanwhile is still there");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(devices_go_on_while_the_api_server_is_killed_and_comes_back),
                cmocka_unit_test(a_paused_api_server_delays_nothing),
                cmocka_unit_test(an_agent_that_starts_without_api_server_drives_what_it_knew),
                cmocka_unit_test(what_changed_while_it_was_away_is_followed),
        };

        return cmocka_run_group_tests(tests, up, down);
}
