/* Links that leave: deleted, moved to another node, or lost together with their CRD. */

/* wrap: kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#define PUMP LINKS "/pump"
#define DISCOVERY "/apis/edge.cattle.io/v1alpha1"

/* --- deleted */

static void deleted_link_goes_when_its_device_is_closed(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        assert_int_equal(json_object_object_length(world.kept), 1);
        delete_link(PUMP);
        assert_null(driven("default/pump"));
        assert_quiet();
        released("default/pump");
        served("PATCH", PUMP);
        assert_null(stored(PUMP));
        assert_quiet();
        assert_null(cluster_conditions(world.cluster, "default/pump"));
        assert_int_equal(json_object_object_length(world.kept), 0);
        assert_null(reflector_named("modbusdevices"));
}

static void deleted_link_whose_device_does_not_close_goes_anyway(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        delete_link(PUMP);
        rest(1100);
        served("PATCH", PUMP);
        assert_null(stored(PUMP));
        assert_said("Warning FailedCleanup the device did not close in time; the link goes "
                    "without it");
        released("default/pump");
        assert_null(cluster_conditions(world.cluster, "default/pump"));
}

static void deleted_link_that_was_never_driven_goes_at_once(void **state)
{
        struct json_object *o = link_object("pump", "{}");

        (void)state;
        begin();
        json_object_object_del(o, "status");
        json_object_object_add(at(o, "/metadata"), "finalizers",
                               parse("[\"edge.cattle.io/octopus-limb\"]"));
        put(PUMP, o);
        assert_quiet();
        delete_link(PUMP);
        served("GET", DEVICES "/pump"); /* does another node hold it? */
        served("PATCH", PUMP);
        assert_null(stored(PUMP));
        assert_quiet();
}

static void finalizers_of_others_stay(void **state)
{
        struct json_object *o = link_object("pump", "{}");

        (void)state;
        begin();
        json_object_object_add(at(o, "/metadata"), "finalizers", parse("[\"example.com/x\"]"));
        put(PUMP, o);
        turn();
        is_live("modbusdevices");
        serve_all();
        assert_int_equal(json_object_array_length(at(stored(PUMP), "/metadata/finalizers")), 2);
        delete_link(PUMP);
        released("default/pump");
        served("PATCH", PUMP);
        assert_string_equal(text_in(stored(PUMP), "/metadata/finalizers/0"), "example.com/x");
        assert_quiet();
}

static void deleted_link_that_another_node_holds_is_waited_for(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{}");
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_add(at(o, "/metadata/annotations"), "edge.cattle.io/node-name",
                               json_object_new_string("n2"));
        put(DEVICES "/pump", o);
        turn();
        assert_null(driven("default/pump")); /* never two nodes */
        released("default/pump");
        delete_link(PUMP);
        served("GET", DEVICES "/pump");
        assert_quiet();
        assert_non_null(stored(PUMP));
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_del(at(o, "/metadata/annotations"), "edge.cattle.io/node-name");
        world.quiet = true;
        put(DEVICES "/pump", o);
        world.quiet = false;
        rest(2100);
        served("GET", DEVICES "/pump");
        served("PATCH", PUMP);
        assert_null(stored(PUMP));
}

static void link_deleted_and_made_anew_is_another_link(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        delete_link(PUMP);
        released("default/pump");
        served("PATCH", PUMP);
        take_away(DEVICES "/pump");
        healthy("pump", "{\"b\":1}");
        assert_string_equal(driven("default/pump")->uid, text_in(stored(PUMP), "/metadata/uid"));
        assert_quiet();
}

static void link_replaced_under_our_hands_stops_the_device_before(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        world.quiet = true;
        take_away(PUMP); /* the watch told of neither */
        world.quiet = false;
        put(PUMP, link_object("pump", "{\"b\":1}"));
        turn();
        assert_null(driven("default/pump"));
        served("PATCH", PUMP);
        served("POST", DEVICES); /* the one before is still there, of another owner */
        served("GET", DEVICES "/pump");
        assert_null(driven("default/pump"));
        served("PATCH", PUMP "/status");
        take_away(DEVICES "/pump");
        turn();
        served("POST", DEVICES);
        assert_string_equal(driven("default/pump")->uid, text_in(stored(PUMP), "/metadata/uid"));
}

/* --- moved */

static void moved_link_is_stopped_and_its_instance_given_back(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        assert_non_null(driven("default/pump")); /* who knows? */
        served("GET", PUMP);
        assert_null(driven("default/pump"));
        assert_quiet();
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "n1");
        released("default/pump");
        served("PATCH", DEVICES "/pump");
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "");
        assert_quiet();
        assert_null(cluster_conditions(world.cluster, "default/pump"));
        assert_int_equal(json_object_object_length(world.kept), 0);
        /* The finalizer is the other node's now. */
        assert_string_equal(text_in(stored(PUMP), "/metadata/finalizers/0"),
                            "edge.cattle.io/octopus-limb");
}

static void instance_is_given_back_also_when_the_server_was_away(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        refused("GET", PUMP, KUBE_AWAY, 0, "no answer");
        assert_non_null(driven("default/pump"));
        rest(600);
        served("GET", PUMP);
        released("default/pump");
        refused("PATCH", DEVICES "/pump", KUBE_AWAY, 0, "no answer");
        rest(600);
        served("PATCH", DEVICES "/pump");
        assert_quiet();
        assert_null(cluster_conditions(world.cluster, "default/pump"));
}

static void link_that_comes_back_is_driven_again(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        served("GET", PUMP);
        assert_null(driven("default/pump"));
        move_link(PUMP, "n1");
        tell(PUMP);
        turn();
        assert_non_null(driven("default/pump"));
        assert_quiet();
        released("default/pump"); /* late: it is in the set */
        assert_quiet();
}

static void instance_that_another_node_holds_is_taken_when_it_is_free(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        is_live("modbusdevices");
        served("PATCH", PUMP);
        served("POST", DEVICES);
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_add(at(o, "/metadata/annotations"), "edge.cattle.io/node-name",
                               json_object_new_string("n2"));
        put(DEVICES "/pump", o);
        turn();
        assert_null(driven("default/pump"));
        released("default/pump");
        served("GET", DEVICES "/pump");
        rest(1100); /* long enough to be worth telling */
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceCreated Unknown Creating 'verify if there is a "
                                         "corresponding device created'");
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_del(at(o, "/metadata/annotations"), "edge.cattle.io/node-name");
        world.quiet = true; /* our selection does not see it */
        put(DEVICES "/pump", o);
        world.quiet = false;
        rest(1000);
        served("GET", DEVICES "/pump");
        served("PUT", DEVICES "/pump");
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "n1");
        assert_non_null(driven("default/pump"));
}

static void link_that_only_left_the_selection_for_a_moment_runs_on(void **state)
{
        struct fake_reflector *r;
        int changes;

        (void)state;
        begin();
        healthy("pump", "{}");
        changes = world.changes;
        r = reflector_named("devicelinks");
        r->config.removed(r->config.ctx, "default", "pump", text_in(stored(PUMP), "/metadata/uid"));
        turn();
        served("GET", PUMP);
        assert_int_equal(world.changes, changes);
        assert_quiet();
}

static void model_changed_makes_the_new_and_leaves_the_old_to_the_operator(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{}");
        o = copy_of(stored(PUMP));
        set_text_at(&o, "/spec/model/kind", "OPCUADevice");
        put(PUMP, o);
        turn();
        assert_null(driven("default/pump")); /* the operator has not found it */
        assert_quiet();
        o = copy_of(stored(PUMP));
        set_text_at(&o, "/status/model/kind", "OPCUADevice");
        put(PUMP, o);
        turn();
        assert_null(reflector_named("modbusdevices"));
        is_live("opcuadevices");
        served("POST", "/apis/devices.edge.cattle.io/v1alpha1/namespaces/default/opcuadevices");
        assert_string_equal(driven("default/pump")->kind, "OPCUADevice");
        assert_quiet();
        assert_non_null(stored(DEVICES "/pump"));
}

/* --- all at once */

enum { MANY = 12 };

static void begin_many(void)
{
        begin();
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("pump-%d", i);

                healthy(name, "{}");
        }
        assert_int_equal(world.desired.n, MANY);
}

static void delete_many(int from, int to)
{
        for (int i = from; i < to; i++) {
                auto_free char *path = xasprintf(LINKS "/pump-%d", i);

                delete_link(path);
        }
}

static void answer_discovery(const char *verbs)
{
        auto_free char *text = xasprintf("{\"resources\":[{\"name\":\"devicelinks/status\","
                                         "\"verbs\":[\"create\"]},{\"name\":\"devicelinks\","
                                         "\"verbs\":[%s]}]}",
                                         verbs);
        struct json_object *o = parse(text);

        rest(400);
        end_call(waiting("GET", DISCOVERY), KUBE_OK, 200, o, "");
        json_object_put(o);
        turn();
}

static void devices_of_a_crd_that_goes_run_on(void **state)
{
        (void)state;
        world.config.keep_ns = 60 * NS_PER_S;
        begin_many();
        delete_many(0, MANY);
        assert_int_equal(world.desired.n, MANY);
        answer_discovery("\"get\",\"list\",\"watch\"");
        serve_all(); /* the links are let go, so that the CRD can go */
        assert_null(stored(LINKS "/pump-0"));
        assert_int_equal(world.desired.n, MANY);
        assert_quiet();
}

static void links_that_come_back_with_their_crd_find_their_devices_running(void **state)
{
        (void)state;
        world.config.keep_ns = 60 * NS_PER_S;
        begin_many();
        delete_many(0, MANY);
        answer_discovery("\"get\"");
        serve_all();
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("pump-%d", i);
                auto_free char *path = xasprintf(LINKS "/%s", name);
                auto_free char *instance = xasprintf(DEVICES "/%s", name);

                take_away(instance); /* it goes with its owner */
                put(path, link_object(name, "{}"));
                turn();
                assert_int_equal(world.desired.n, MANY);
        }
        serve_all();
        assert_int_equal(world.desired.n, MANY);
        assert_string_equal(driven("default/pump-3")->uid,
                            text_in(stored(LINKS "/pump-3"), "/metadata/uid"));
}

static void devices_of_a_crd_that_stays_away_are_stopped_in_the_end(void **state)
{
        (void)state;
        world.config.keep_ns = 2 * NS_PER_S;
        begin_many();
        delete_many(0, MANY);
        answer_discovery("\"get\"");
        serve_all();
        assert_int_equal(world.desired.n, MANY);
        rest(2100);
        turn();
        assert_int_equal(world.desired.n, 0);
        assert_quiet();
}

static void many_links_deleted_by_a_person_are_stopped(void **state)
{
        (void)state;
        world.config.keep_ns = 60 * NS_PER_S;
        begin_many();
        delete_many(0, MANY);
        answer_discovery("\"create\",\"get\"");
        assert_int_equal(world.desired.n, 0);
}

static void links_that_vanish_with_their_resource_run_on(void **state)
{
        struct fake_reflector *r;

        (void)state;
        world.config.keep_ns = 60 * NS_PER_S;
        begin_many();
        r = reflector_named("devicelinks");
        r->config.removed(r->config.ctx, "default", "pump-4",
                          text_in(stored(LINKS "/pump-4"), "/metadata/uid"));
        turn();
        refused("GET", LINKS "/pump-4", KUBE_MISSING, 404, "404 page not found");
        assert_non_null(driven("default/pump-4"));
        assert_quiet();
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(deleted_link_goes_when_its_device_is_closed),
                test(deleted_link_whose_device_does_not_close_goes_anyway),
                test(deleted_link_that_was_never_driven_goes_at_once),
                test(finalizers_of_others_stay),
                test(deleted_link_that_another_node_holds_is_waited_for),
                test(link_deleted_and_made_anew_is_another_link),
                test(link_replaced_under_our_hands_stops_the_device_before),
                test(moved_link_is_stopped_and_its_instance_given_back),
                test(instance_is_given_back_also_when_the_server_was_away),
                test(link_that_comes_back_is_driven_again),
                test(instance_that_another_node_holds_is_taken_when_it_is_free),
                test(link_that_only_left_the_selection_for_a_moment_runs_on),
                test(model_changed_makes_the_new_and_leaves_the_old_to_the_operator),
                test(devices_of_a_crd_that_goes_run_on),
                test(links_that_come_back_with_their_crd_find_their_devices_running),
                test(devices_of_a_crd_that_stays_away_are_stopped_in_the_end),
                test(many_links_deleted_by_a_person_are_stopped),
                test(links_that_vanish_with_their_resource_run_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
