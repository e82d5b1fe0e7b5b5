/* test_move.c - a link goes from node to node, and at no time do two agents have its device. */
#include "rig/site.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEASE_MS = 40000 };

static struct site site;
static struct process second;
static char other[80]; /* node */
static char link_path[256], device_path[256];

static int up(void **state)
{
        (void)state;
        site_up(&site, 0, NULL);
        (void)snprintf(other, sizeof(other), "%s-b", site.kube.node);
        kube_node(&site.kube, other, "10.1.2.9");
        site_agent_start_on(&site, &second, other, NULL);
        (void)snprintf(link_path, sizeof(link_path), "%s", kube_link_path(&site.kube, "lathe"));
        (void)snprintf(device_path, sizeof(device_path), "%s",
                       kube_device_path(&site.kube, "modbusdevices", "lathe"));
        return 0;
}

static int down(void **state)
{
        (void)state;
        process_kill(&second);
        site_down(&site);
        return 0;
}

static void move_to(const char *node)
{
        char body[200];

        (void)snprintf(body, sizeof(body), "{\"spec\":{\"adaptor\":{\"node\":\"%s\"}}}", node);
        assert_int_equal(kube_request(&site.kube, "PATCH", link_path,
                                      "application/merge-patch+json", body, NULL),
                         200);
}

/* Node and holder of the instance, as "node holder". */
static void where(char *ret, size_t size)
{
        struct json_object *link = kube_get(&site.kube, link_path);
        struct json_object *device = kube_get(&site.kube, device_path);
        struct json_object *status = NULL, *node = NULL, *meta = NULL, *notes = NULL,
                           *holder = NULL;

        (void)(json_object_object_get_ex(link, "status", &status) &&
               json_object_object_get_ex(status, "nodeName", &node));
        (void)(json_object_object_get_ex(device, "metadata", &meta) &&
               json_object_object_get_ex(meta, "annotations", &notes) &&
               json_object_object_get_ex(notes, "edge.cattle.io/node-name", &holder));
        (void)snprintf(ret, size, "%s %s", node ? json_object_get_string(node) : "",
                       holder ? json_object_get_string(holder) : "");
        json_object_put(link);
        json_object_put(device);
}

/* Until it is healthy there, looking all the time that one agent at most is connected. */
static void expect_healthy_on(const char *node, int within_ms)
{
        int64_t limit_ms = rig_now_ms() + within_ms;
        char expected[200], is[200] = "";

        (void)snprintf(expected, sizeof(expected), "%s %s", node, node);
        for (;;) {
                for (int i = 0; i < 20; i++) {
                        unsigned n = site_device_connections(&site);

                        if (n > 1)
                                fail_msg("%u connections to the device", n);
                        rig_sleep_ms(2);
                }
                char *list = kube_conditions(&site.kube, "lathe");
                where(is, sizeof(is));
                bool there = strcmp(list, site_healthy) == 0 && strcmp(is, expected) == 0 &&
                             site_device_connections(&site) == 1;
                free(list);
                if (there)
                        return;
                if (rig_now_ms() > limit_ms) {
                        site_show_logs(&site);
                        fail_msg("expected '%s', got '%s'", expected, is);
                }
        }
}

static void a_link_moves_with_both_agents_alive(void **state)
{
        (void)state;
        site_link(&site, "lathe", "");
        expect_healthy_on(site.kube.node, 20000);
        move_to(other);
        expect_healthy_on(other, 20000);
        move_to(site.kube.node);
        expect_healthy_on(site.kube.node, 20000);
}

/* Its node gets a new disk: the agent starts without knowing what it held. */
static void a_link_moves_away_from_an_agent_that_lost_its_memory(void **state)
{
        char path[320];

        (void)state;
        process_kill(&site.agent);
        move_to(other);
        (void)snprintf(path, sizeof(path), "%s/state", site.dir);
        rig_scratch_remove(path);
        site_agent_start(&site, NULL);
        expect_healthy_on(other, LEASE_MS - 10000);
        move_to(site.kube.node);
        expect_healthy_on(site.kube.node, 20000);
}

static void a_link_moves_away_from_a_dead_agent_after_its_lease(void **state)
{
        (void)state;
        move_to(other);
        expect_healthy_on(other, 20000);
        process_kill(&second);
        move_to(site.kube.node);
        expect_healthy_on(site.kube.node, LEASE_MS + 30000);
}

static void a_silent_agent_makes_its_links_unknown_and_heals_by_itself(void **state)
{
        (void)state;
        assert_int_equal(kill(site.agent.pid, SIGSTOP), 0);
        site_expect_conditions(&site, "lathe",
                               "NodeExisted True Found ''\n"
                               "ModelExisted True Found ''\n"
                               "AdaptorExisted True Found ''\n"
                               "DeviceCreated True Success ''\n"
                               "DeviceConnected Unknown AgentLost 'the agent of the node is "
                               "silent'\n",
                               2 * LEASE_MS + 30000);
        assert_int_equal(kill(site.agent.pid, SIGCONT), 0);
        site_expect_conditions(&site, "lathe", site_healthy, 20000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_moves_with_both_agents_alive),
                cmocka_unit_test(a_link_moves_away_from_an_agent_that_lost_its_memory),
                cmocka_unit_test(a_link_moves_away_from_a_dead_agent_after_its_lease),
                cmocka_unit_test(a_silent_agent_makes_its_links_unknown_and_heals_by_itself),
        };

        return cmocka_run_group_tests(tests, up, down);
}
