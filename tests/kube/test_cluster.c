/* The cluster room against a real API server.  The test is the operator, and the rooms that drive
 * devices: what they say is what the test makes them say. */
/* libs: dl_kube */
#include "room.h"

/* --- */

/* octopus 1.2, 1.3; reference A8 94, 98 */
static void link_becomes_a_device_with_an_instance_of_its_own(void **state)
{
        struct json_object *device, *link;

        (void)state;
        apply("a", "");
        client_run_for(&client, 300);
        assert_null(driven("a"));
        found("a", client.kube.node);
        expect_conditions("a", HEALTHY);
        link = link_object("a");
        device = instance("a");
        assert_string_equal(text_at(link, "/metadata/finalizers/0"), "edge.cattle.io/octopus-limb");
        assert_string_equal(text_at(link, "/status/adaptorName"), "adaptors.edge.cattle.io/dummy");
        assert_int_equal(json_object_array_length(at(device, "/metadata/ownerReferences")), 1);
        assert_string_equal(text_at(device, "/metadata/ownerReferences/0/uid"),
                            text_at(link, "/metadata/uid"));
        assert_string_equal(text_at(device, "/metadata/ownerReferences/0/controller"), "true");
        assert_string_equal(text_at(device, "/metadata/labels/room"), "living");
        assert_string_equal(text_at(device, "/metadata/annotations/edge.cattle.io~1node-name"),
                            client.kube.node);
        assert_string_equal(text_at(device, "/spec/protocol/location"), "hall");
        assert_string_equal(driven("a")->uid, text_at(link, "/metadata/uid"));
        json_object_put(device);
        json_object_put(link);
}

/* reference A5 63, 64; A6 82: neither our own echoes nor defaults cause a write */
static void steady_world_costs_no_request(void **state)
{
        static const char status[] = "{\"gear\":\"slow\",\"rotatingSpeed\":10}";
        uint64_t before;

        (void)state;
        healthy("b");
        cluster_status(room.cluster, driven("b"), status, strlen(status));
        expect(true, "b", "/status/gear", "slow");
        client_run_for(&client, 500);
        before = requests();
        for (int i = 0; i < 10; i++) {
                cluster_status(room.cluster, driven("b"), status, strlen(status));
                client_run_for(&client, 100);
        }
        assert_int_equal(requests(), before);
}

static void instance_deleted_by_hand_is_made_again(void **state)
{
        struct json_object *o;

        (void)state;
        healthy("c");
        o = instance("c");
        auto_free char *uid = xstrdup(text_at(o, "/metadata/uid"));
        json_object_put(o);
        assert_int_equal(kube_request(&client.kube, "DELETE",
                                      kube_device_path(&client.kube, PLURAL, "c"), NULL, NULL,
                                      NULL),
                         200);
        expect_event("c", "Recreating");
        expect(true, "c", "/spec/protocol/location", "hall");
        o = instance("c");
        assert_string_not_equal(text_at(o, "/metadata/uid"), uid);
        json_object_put(o);
        expect_conditions("c", HEALTHY);
}

static void instance_edited_by_hand_is_put_right(void **state)
{
        (void)state;
        healthy("d");
        client_run_for(&client, 1100);
        patch(kube_device_path(&client.kube, PLURAL, "d"),
              "{\"spec\":{\"protocol\":{\"location\":\"garden\"}}}");
        expect(true, "d", "/spec/protocol/location", "hall");
        patch(kube_device_path(&client.kube, PLURAL, "d"),
              "{\"metadata\":{\"labels\":{\"room\":null}}}");
        expect(true, "d", "/metadata/labels/room", "living");
}

static void template_that_the_server_refuses_leaves_the_device_running(void **state)
{
        const struct link_spec *before;

        (void)state;
        healthy("e");
        before = driven("e");
        patch(kube_link_path(&client.kube, "e"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":null}}}}");
        expect_conditions("e", CREATED "DeviceConnected False Unhealthy 'unable to update the "
                                       "device from template'\n");
        expect_event("e", "FailedUpdated");
        assert_ptr_equal(driven("e"), before);
        patch(kube_link_path(&client.kube, "e"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":{\"location\":\"loft\"}}}}}");
        expect_conditions("e", HEALTHY);
        expect(true, "e", "/spec/protocol/location", "loft");
        assert_non_null(strstr(driven("e")->spec_json, "loft"));
}

static void template_refused_from_the_beginning_is_said(void **state)
{
        (void)state;
        apply("f", "");
        patch(kube_link_path(&client.kube, "f"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":null}}}}");
        found("f", client.kube.node);
        expect_conditions("f", FOUND "AdaptorExisted True Found ''\nDeviceCreated False Fail "
                                     "'unable to create device from template'\n");
        expect_event("f", "FailedCreated");
        assert_null(driven("f"));
}

/* octopus 1.4; reference A9 101, 104, 105 */
static void secret_is_read_rotated_and_missed(void **state)
{
        auto_free char *path = xasprintf("/api/v1/namespaces/%s/secrets", client.kube.space);
        auto_free char *own = xasprintf("%s/s1", path);
        const struct link_spec *before;

        (void)state;
        apply("g", ",\"references\":[{\"name\":\"r\",\"secret\":{\"name\":\"s1\"}}]");
        found("g", client.kube.node);
        expect_event("g", "FailedFetched");
        assert_non_null(driven("g")->reference_error);
        assert_int_equal(kube_request(&client.kube, "POST", path, NULL,
                                      "{\"metadata\":{\"name\":\"s1\"},\"data\":{\"k\":\"djE=\"}}",
                                      NULL),
                         201);
        before = driven("g");
        for (int i = 0; i < 100 && driven("g") == before; i++)
                client_run_for(&client, 50);
        assert_null(driven("g")->reference_error);
        assert_string_equal(driven("g")->references[0].data, "v1");
        before = driven("g");
        patch(own, "{\"data\":{\"k\":\"djI=\"}}");
        for (int i = 0; i < 100 && driven("g") == before; i++)
                client_run_for(&client, 50);
        assert_string_equal(driven("g")->references[0].data, "v2");
}

/* reference A4 56 */
static void moved_link_is_given_back(void **state)
{
        (void)state;
        healthy("h");
        patch(kube_link_path(&client.kube, "h"), "{\"spec\":{\"adaptor\":{\"node\":\"other\"}}}");
        expect(true, "h", "/metadata/annotations/edge.cattle.io~1node-name", "");
        assert_null(driven("h"));
        patch(kube_link_path(&client.kube, "h"), "{\"metadata\":{\"finalizers\":null}}");
}

/* reference A8 94, 95 */
static void deleted_link_goes_when_its_device_is_closed(void **state)
{
        struct json_object *o;

        (void)state;
        healthy("i");
        room.lazy = true;
        assert_int_equal(kube_request(&client.kube, "DELETE", kube_link_path(&client.kube, "i"),
                                      NULL, NULL, NULL),
                         200);
        client_run_for(&client, 1000);
        o = link_object("i");
        assert_non_null(o);
        json_object_put(o);
        room.lazy = false;
        auto_free char *key = xasprintf("%s/i", client.kube.space);
        cluster_released(room.cluster, key);
        expect(false, "i", "", NULL);
}

/* reference A5 61, 67: what is right stays as it is */
static void restarted_agent_finds_its_devices_without_a_write(void **state)
{
        uint64_t writes;
        struct cluster_counts n;

        (void)state;
        healthy("j");
        room_close(&room);
        client_open(&client, NULL);
        room_open(&room, client.kube.node);
        for (int i = 0; i < 400 && !driven("j"); i++)
                client_run_for(&client, 50);
        assert_non_null(driven("j"));
        client_run_for(&client, 1500);
        cluster_count(room.cluster, &n);
        writes = n.condition_writes + n.status_writes;
        assert_int_equal(writes, 0);
        expect_conditions("j", HEALTHY);
}

static void many_links_at_once_are_all_driven(void **state)
{
        enum { MANY = 60 };
        int64_t begin = rig_now_ms();

        (void)state;
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("m-%d", i);

                apply(name, "");
                found(name, client.kube.node);
        }
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("m-%d", i);

                expect_conditions(name, HEALTHY);
        }
        assert_true(rig_now_ms() - begin < 20000);
}

static void stopped(void *ctx)
{
        *(bool *)ctx = true;
}

static bool is_set(void *ctx)
{
        return *(bool *)ctx;
}

static void the_end_writes_the_last_status(void **state)
{
        static const char one[] = "{\"gear\":\"slow\",\"rotatingSpeed\":1}";
        static const char two[] = "{\"gear\":\"fast\",\"rotatingSpeed\":2}";
        bool done = false;

        (void)state;
        healthy("z");
        cluster_status(room.cluster, driven("z"), one, strlen(one));
        expect(true, "z", "/status/gear", "slow");
        cluster_status(room.cluster, driven("z"), two, strlen(two));
        cluster_stop(room.cluster, 5 * NS_PER_S, stopped, &done);
        assert_true(client_runs_until(&client, is_set, &done, 6000));
        expect(true, "z", "/status/gear", "fast");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(link_becomes_a_device_with_an_instance_of_its_own),
                cmocka_unit_test(steady_world_costs_no_request),
                cmocka_unit_test(instance_deleted_by_hand_is_made_again),
                cmocka_unit_test(instance_edited_by_hand_is_put_right),
                cmocka_unit_test(template_that_the_server_refuses_leaves_the_device_running),
                cmocka_unit_test(template_refused_from_the_beginning_is_said),
                cmocka_unit_test(secret_is_read_rotated_and_missed),
                cmocka_unit_test(moved_link_is_given_back),
                cmocka_unit_test(deleted_link_goes_when_its_device_is_closed),
                cmocka_unit_test(restarted_agent_finds_its_devices_without_a_write),
                cmocka_unit_test(many_links_at_once_are_all_driven),
                cmocka_unit_test(the_end_writes_the_last_status),
        };

        return cmocka_run_group_tests(tests, up, down);
}
