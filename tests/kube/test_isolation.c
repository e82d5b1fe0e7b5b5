/* test_isolation.c - an agent whose token was stolen can harm its own node only: links and devices
 * of another node the API server refuses it (reference A11 118-123). */
#include "isolation.h"

/* --- links */

#define OWN_LINKS_ONLY "the agent of node node-a may write its own DeviceLinks only"

static void an_agent_writes_status_and_finalizer_of_its_own_link(void **state)
{
        (void)state;
        expect(AGENT_A, "PATCH", LINKS "/ours/status", STATUS, 200);
        expect(AGENT_A, "PATCH", LINKS "/ours", FINALIZER, 200);
        expect(ADMIN, "DELETE", LINKS "/ours", NULL, 200);
        expect(AGENT_A, "PATCH", LINKS "/ours", NO_FINALIZER, 200);
        expect(ADMIN, "GET", LINKS "/ours", NULL, 404);
}

static void status_and_finalizer_of_anothers_link_are_refused(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", LINKS "/theirs/status", STATUS, OWN_LINKS_ONLY);
        expect_refused(AGENT_A, "PATCH", LINKS "/theirs", FINALIZER, OWN_LINKS_ONLY);
        expect(AGENT_B, "PATCH", LINKS "/theirs", FINALIZER, 200);
        expect_refused(AGENT_A, "PATCH", LINKS "/theirs", NO_FINALIZER, OWN_LINKS_ONLY);
        expect(AGENT_B, "PATCH", LINKS "/theirs", NO_FINALIZER, 200);
}

static void a_link_is_neither_taken_over_nor_given_away(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", LINKS "/theirs",
                       "{\"spec\":{\"adaptor\":{\"node\":\"node-a\"}}}", OWN_LINKS_ONLY);
        expect_refused(AGENT_A, "PATCH", LINKS "/ours",
                       "{\"spec\":{\"adaptor\":{\"node\":\"node-b\"}}}", OWN_LINKS_ONLY);
        expect_refused(AGENT_A, "PATCH", LINKS "/ours", "{\"spec\":{\"adaptor\":{\"node\":null}}}",
                       OWN_LINKS_ONLY);
}

static void a_link_of_no_node_is_nobodys(void **state)
{
        (void)state;
        expect(ADMIN, "PATCH", LINKS "/ours", "{\"spec\":{\"adaptor\":{\"node\":null}}}", 200);
        expect_refused(AGENT_A, "PATCH", LINKS "/ours/status", STATUS, OWN_LINKS_ONLY);
        expect(ADMIN, "PATCH", LINKS "/ours", "{\"spec\":null}", 200);
        expect_refused(AGENT_A, "PATCH", LINKS "/ours/status", STATUS, OWN_LINKS_ONLY);
}

static void the_spec_of_an_own_link_is_not_the_agents_to_change(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", LINKS "/ours",
                       "{\"spec\":{\"template\":{\"spec\":{\"a\":1}}}}",
                       "does not change the spec");
}

static void links_are_neither_made_nor_deleted_by_agents(void **state)
{
        (void)state;
        expect(AGENT_A, "POST", LINKS,
               "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\","
               "\"metadata\":{\"name\":\"new\"}}",
               403);
        expect(AGENT_A, "DELETE", LINKS "/ours", NULL, 403);
        expect(AGENT_A, "DELETE", LINKS, NULL, 403);
}

/* --- devices */

#define OWN_DEVICES_ONLY "the agent of node node-a may write devices that it holds or takes only"

static void an_agent_makes_and_writes_devices_of_its_own_node(void **state)
{
        (void)state;
        expect(AGENT_A, "POST", DEVICES, device("new", "node-a"), 201);
        expect(AGENT_A, "PATCH", DEVICES "/new", SPEC, 200);
        expect(AGENT_A, "PATCH", DEVICES "/new/status", VALUES, 200);
}

static void a_device_of_another_node_is_not_made(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "POST", DEVICES, device("new", "node-b"),
                       "the agent of node node-a may make devices of its own node only");
        expect_refused(AGENT_A, "POST", DEVICES, device("new", NULL),
                       "the agent of node node-a may make devices of its own node only");
}

static void a_device_that_another_node_holds_is_neither_written_nor_taken(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", DEVICES "/theirs", SPEC, OWN_DEVICES_ONLY);
        expect_refused(AGENT_A, "PATCH", DEVICES "/theirs/status", VALUES, OWN_DEVICES_ONLY);
        expect_refused(AGENT_A, "PATCH", DEVICES "/theirs", TAKE_FOR("node-a"), OWN_DEVICES_ONLY);
        expect_refused(AGENT_A, "PATCH", DEVICES "/theirs", GIVE_BACK, OWN_DEVICES_ONLY);
}

static void a_free_device_is_taken_before_anything_is_written_to_it(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", DEVICES "/free", SPEC, OWN_DEVICES_ONLY);
        expect_refused(AGENT_A, "PATCH", DEVICES "/free/status", VALUES, OWN_DEVICES_ONLY);
        expect_refused(AGENT_A, "PATCH", DEVICES "/free", TAKE_FOR("node-b"), OWN_DEVICES_ONLY);
        expect(AGENT_A, "PATCH", DEVICES "/free", TAKE_FOR("node-a"), 200);
        expect(AGENT_A, "PATCH", DEVICES "/free/status", VALUES, 200);
}

static void an_own_device_is_given_back_but_not_to_another(void **state)
{
        (void)state;
        expect_refused(AGENT_A, "PATCH", DEVICES "/ours", TAKE_FOR("node-b"), OWN_DEVICES_ONLY);
        expect(AGENT_A, "PATCH", DEVICES "/ours", GIVE_BACK, 200);
        expect_refused(AGENT_A, "PATCH", DEVICES "/ours/status", VALUES, OWN_DEVICES_ONLY);
}

static void devices_are_not_deleted_by_agents(void **state)
{
        (void)state;
        expect(AGENT_A, "DELETE", DEVICES "/ours", NULL, 403);
        expect(AGENT_A, "DELETE", DEVICES, NULL, 403);
}

/* The old agent writes nothing to the link any more, yet its device finds its way. */
static void a_link_moves_by_giving_the_device_back_and_taking_it(void **state)
{
        (void)state;
        expect(ADMIN, "PATCH", LINKS "/ours", "{\"spec\":{\"adaptor\":{\"node\":\"node-b\"}}}",
               200);
        expect(AGENT_A, "PATCH", LINKS "/ours/status", STATUS, 403);
        expect(AGENT_B, "PATCH", LINKS "/ours/status", STATUS, 200);
        expect(AGENT_B, "PATCH", DEVICES "/ours", TAKE_FOR("node-b"), 403);
        expect(AGENT_A, "PATCH", DEVICES "/ours", GIVE_BACK, 200);
        expect(AGENT_B, "PATCH", DEVICES "/ours", TAKE_FOR("node-b"), 200);
        expect(AGENT_A, "PATCH", DEVICES "/ours/status", VALUES, 403);
        expect(AGENT_B, "PATCH", DEVICES "/ours/status", VALUES, 200);
}

/* Rights for a kind of somebody else's adaptor are bounded without another policy. */
static void devices_of_kinds_that_come_later_are_isolated_too(void **state)
{
        static const char path[] =
                "/apis/devices.edge.cattle.io/v1alpha1/namespaces/plant/otherdevices";
        static const char other[] =
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"OtherDevice\","
                "\"metadata\":{\"name\":\"%s\",\"annotations\":{\"" HELD_BY "\":\"%s\"}}}";
        char *kinds = rig_read_file(TEST_DATA "/kube/other_device.yaml");
        char body[512];

        (void)state;
        kube_apply(&cluster, "%s", kinds);
        free(kinds);
        (void)snprintf(body, sizeof(body), other, "x", "node-b");
        for (int tries = 0; request(ADMIN, "POST", path, body, NULL) != 201; tries++) {
                assert_true(tries < 200);
                rig_sleep_ms(50);
        }
        expect_refused(AGENT_A, "PATCH",
                       "/apis/devices.edge.cattle.io/v1alpha1/namespaces/plant/otherdevices/x",
                       "{\"spec\":{\"a\":1}}", OWN_DEVICES_ONLY);
        (void)snprintf(body, sizeof(body), other, "y", "node-a");
        expect_refused(AGENT_B, "POST", path, body, "may make devices of its own node only");
        expect(AGENT_A, "POST", path, body, 201);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(an_agent_writes_status_and_finalizer_of_its_own_link, fresh),
                cmocka_unit_test_setup(status_and_finalizer_of_anothers_link_are_refused, fresh),
                cmocka_unit_test_setup(a_link_is_neither_taken_over_nor_given_away, fresh),
                cmocka_unit_test_setup(a_link_of_no_node_is_nobodys, fresh),
                cmocka_unit_test_setup(the_spec_of_an_own_link_is_not_the_agents_to_change, fresh),
                cmocka_unit_test_setup(links_are_neither_made_nor_deleted_by_agents, fresh),
                cmocka_unit_test_setup(an_agent_makes_and_writes_devices_of_its_own_node, fresh),
                cmocka_unit_test_setup(a_device_of_another_node_is_not_made, fresh),
                cmocka_unit_test_setup(
                        a_device_that_another_node_holds_is_neither_written_nor_taken, fresh),
                cmocka_unit_test_setup(a_free_device_is_taken_before_anything_is_written_to_it,
                                       fresh),
                cmocka_unit_test_setup(an_own_device_is_given_back_but_not_to_another, fresh),
                cmocka_unit_test_setup(devices_are_not_deleted_by_agents, fresh),
                cmocka_unit_test_setup(a_link_moves_by_giving_the_device_back_and_taking_it, fresh),
                cmocka_unit_test_setup(devices_of_kinds_that_come_later_are_isolated_too, fresh),
        };

        return cmocka_run_group_tests(tests, install, remove_all);
}
