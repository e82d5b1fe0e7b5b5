/* From a link to a driven device: each step of the chain, its requests and their failures. */

/* wrap: kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#define PUMP LINKS "/pump"

static void new_link_is_driven_after_two_requests(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{\"a\":1}"));
        turn();
        assert_null(driven("default/pump"));
        served("PATCH", PUMP);
        assert_string_equal(text_in(stored(PUMP), "/metadata/finalizers/0"),
                            "edge.cattle.io/octopus-limb");
        assert_quiet(); /* instances are being read */
        is_live("modbusdevices");
        served("POST", DEVICES);
        assert_int_equal(world.n_calls, 2);
        assert_non_null(driven("default/pump"));
        assert_string_equal(driven("default/pump")->spec_json, "{\"a\":1}");
}

static void conditions_of_a_link_that_is_healthy_at_once_are_one_write(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        served("POST", DEVICES);
        device("default/pump", CONDITION_UNKNOWN, NULL, "");
        assert_quiet();
        device("default/pump", CONDITION_TRUE, NULL, "");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceConnected True Healthy ''");
        assert_int_equal(json_object_array_length(at(stored(PUMP), "/status/conditions")), 5);
        assert_string_equal(text_in(stored(PUMP), "/status/adaptorName"), MODBUS);
        assert_quiet();
}

static void what_takes_long_is_said(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        served("POST", DEVICES);
        rest(1100);
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceConnected Unknown Connecting 'connect device'");
        assert_quiet();
}

static void unchanged_world_costs_no_request(void **state)
{
        unsigned before;
        int changes;

        (void)state;
        begin();
        healthy("pump", "{}");
        before = world.n_calls;
        changes = world.changes;
        tell(PUMP);
        tell(DEVICES "/pump");
        bump(stored(PUMP));
        tell(PUMP);
        bump(stored(DEVICES "/pump"));
        tell(DEVICES "/pump");
        rest(50);
        assert_int_equal(world.n_calls, before);
        assert_int_equal(world.changes, changes);
}

static void link_of_a_node_not_found_is_left_alone(void **state)
{
        struct json_object *o = link_object("pump", "{}");

        (void)state;
        begin();
        json_object_object_del(o, "status");
        put(PUMP, o);
        assert_quiet();
        assert_null(driven("default/pump"));
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
}

static void missing_adaptor_is_said_and_nothing_made(void **state)
{
        (void)state;
        begin();
        world.no_plugin = true;
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "AdaptorExisted False NotFound 'the adaptor isn't existed'");
        assert_quiet();
        assert_null(at(stored(PUMP), "/metadata/finalizers"));
}

static void conflict_reads_the_link_again(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        world.quiet = true; /* the operator was faster, and the watch is slow */
        bump(stored(PUMP));
        served("PATCH", PUMP);
        served("GET", PUMP);
        served("PATCH", PUMP);
        assert_string_equal(text_in(stored(PUMP), "/metadata/finalizers/0"),
                            "edge.cattle.io/octopus-limb");
}

static void refused_finalizer_is_said_and_tried_later(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        refused("PATCH", PUMP, KUBE_FORBIDDEN, 403, "cannot patch devicelinks");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceCreated False Fail 'unable to create device from template'");
        assert_said("Warning FailedCreated cannot change the link's finalizers: cannot patch "
                    "devicelinks");
        assert_quiet();
}

static void unknown_model_is_said_and_tried_again(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        refused("POST", DEVICES, KUBE_MISSING, 404, "404 page not found");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceCreated False Fail 'unable to make device from model'");
        assert_quiet();
        rest(1100);
        served("POST", DEVICES);
        device("default/pump", CONDITION_TRUE, NULL, "");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceConnected True Healthy ''");
}

static void refused_instance_is_said_with_the_servers_words(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        refused("POST", DEVICES, KUBE_REFUSED, 422, "spec.protocol: Required value");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceCreated False Fail 'unable to create device from template'");
        assert_said("Warning FailedCreated unable to create device from template: spec.protocol: "
                    "Required value");
        assert_null(driven("default/pump"));
        assert_quiet();
}

static void set_label(struct json_object *o, const char *value)
{
        auto_free char *text = xasprintf("{\"labels\":{\"a\":\"%s\"}}", value);

        json_object_object_add(at(o, "/spec/template"), "metadata", parse(text));
}

static void link_that_cannot_be_read_is_said(void **state)
{
        struct json_object *o = link_object("pump", "{}");

        (void)state;
        begin();
        set_label(o, "not a label");
        put(PUMP, o);
        turn();
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceCreated False Fail 'unable to create device from template'");
        assert_int_equal(world.n_said, 1);
        assert_non_null(strstr(world.said[0], "Warning FailedCreated cannot read the link: "
                                              "spec.template.metadata.labels.a"));
        assert_quiet();

        o = copy_of(stored(PUMP));
        set_label(o, "label");
        put(PUMP, o);
        turn();
        is_live("modbusdevices");
        serve_all();
        assert_non_null(driven("default/pump"));
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/metadata/labels/a"), "label");

        o = copy_of(stored(PUMP));
        set_label(o, "no label again");
        put(PUMP, o);
        serve_all();
        assert_non_null(driven("default/pump")); /* as it was */
        assert_string_equal(
                phase(PUMP),
                "DeviceConnected False Unhealthy 'unable to update the device from template'");
}

static void another_spec_is_tried_at_once(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        refused("POST", DEVICES, KUBE_REFUSED, 422, "spec.protocol: Required value");
        served("PATCH", PUMP "/status");

        struct json_object *o = copy_of(stored(PUMP));
        assert_int_equal(json_pointer_set(&o, "/spec/template/spec", parse("{\"b\":2}")), 0);
        put(PUMP, o);
        turn();
        served("POST", DEVICES);
        assert_string_equal(driven("default/pump")->spec_json, "{\"b\":2}");
}

static void lost_answer_is_looked_after(void **state)
{
        (void)state;
        begin();
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        refused("POST", DEVICES, KUBE_AWAY, 0, "connection reset");
        assert_quiet();
        rest(600);
        served("GET", DEVICES "/pump"); /* it is not there */
        served("POST", DEVICES);
        assert_non_null(driven("default/pump"));
}

static void own_instance_of_before_is_adopted(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        o = copy_of(stored(DEVICES "/pump"));
        restart();
        tell(PUMP);
        is_live("devicelinks");
        is_live("modbusdevices"); /* whose list did not tell of it: another label */
        served("POST", DEVICES);
        served("GET", DEVICES "/pump");
        assert_non_null(driven("default/pump"));
        assert_true(json_object_equal(o, stored(DEVICES "/pump")));
        json_object_put(o);
}

static void foreign_object_is_not_adopted(void **state)
{
        (void)state;
        begin();
        json_object_object_add(world.store, DEVICES "/pump",
                               parse("{\"metadata\":{\"name\":\"pump\",\"namespace\":\"default\","
                                     "\"uid\":\"x\",\"resourceVersion\":\"7\"},\"spec\":{}}"));
        put(PUMP, link_object("pump", "{}"));
        turn();
        served("PATCH", PUMP);
        is_live("modbusdevices");
        served("POST", DEVICES);
        served("GET", DEVICES "/pump");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceCreated False Fail 'unable to create device from template'");
        assert_said("Warning FailedCreated unable to create device from template: ModbusDevice "
                    "default/pump is there already, and it belongs to no DeviceLink");
        assert_null(driven("default/pump"));
        assert_quiet();
}

static void another_template_is_put_before_it_is_driven(void **state)
{
        struct link_spec *before;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        before = driven("default/pump");

        struct json_object *o = copy_of(stored(PUMP));
        assert_int_equal(json_pointer_set(&o, "/spec/template/spec/a", json_object_new_int(2)), 0);
        put(PUMP, o);
        turn();
        assert_ptr_equal(driven("default/pump"), before);
        served("GET", DEVICES "/pump");
        assert_ptr_equal(driven("default/pump"), before);
        served("PUT", DEVICES "/pump");
        assert_string_equal(driven("default/pump")->spec_json, "{\"a\":2}");
        assert_quiet();
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "2");
}

static void refused_template_leaves_the_device_as_it_was(void **state)
{
        struct link_spec *before;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        before = driven("default/pump");

        struct json_object *o = copy_of(stored(PUMP));
        assert_int_equal(json_pointer_set(&o, "/spec/template/spec/a", json_object_new_int(2)), 0);
        put(PUMP, o);
        turn();
        served("GET", DEVICES "/pump");
        refused("PUT", DEVICES "/pump", KUBE_REFUSED, 422, "spec.a: Invalid value");
        served("PATCH", PUMP "/status");
        assert_string_equal(
                phase(PUMP),
                "DeviceConnected False Unhealthy 'unable to update the device from template'");
        assert_said("Warning FailedUpdated unable to update the device from template: spec.a: "
                    "Invalid value");
        assert_ptr_equal(driven("default/pump"), before);

        o = copy_of(stored(PUMP));
        assert_int_equal(json_pointer_set(&o, "/spec/template/spec/a", json_object_new_int(1)), 0);
        put(PUMP, o);
        turn();
        served("GET", DEVICES "/pump");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceConnected True Healthy ''");
        assert_ptr_equal(driven("default/pump"), before);
        assert_quiet();
}

static void refusal_of_an_old_template_says_nothing_of_the_new(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        for (int a = 2; a <= 3; a++) {
                o = copy_of(stored(PUMP));
                assert_int_equal(
                        json_pointer_set(&o, "/spec/template/spec/a", json_object_new_int(a)), 0);
                put(PUMP, o);
                turn();
                if (a == 2)
                        served("GET", DEVICES "/pump");
        }
        refused("PUT", DEVICES "/pump", KUBE_REFUSED, 422, "spec.a: Invalid value");
        served("GET", DEVICES "/pump");
        served("PUT", DEVICES "/pump");
        assert_string_equal(driven("default/pump")->spec_json, "{\"a\":3}");
        assert_int_equal(world.n_said, 0);
        assert_quiet();
}

static void instance_deleted_by_hand_is_made_again(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        take_away(DEVICES "/pump");
        turn();
        assert_non_null(driven("default/pump"));
        served("POST", DEVICES);
        assert_said("Warning Recreating previous device is inactivated");
        assert_quiet();
        assert_string_equal(phase(PUMP), "DeviceConnected True Healthy ''");
}

/* The event of its deletion is here before the answer to what was written just before. */
static void instance_deleted_while_it_is_put_right_is_made_again(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        rest(1100);
        edit_instance_by_hand();
        turn();
        served("GET", DEVICES "/pump");
        struct call *late = waiting("PUT", DEVICES "/pump");
        struct json_object *written = parse(late->body);
        take_away(DEVICES "/pump");
        end_call(late, KUBE_OK, 200, written, "");
        json_object_put(written);
        turn();
        served("GET", DEVICES "/pump");
        served("POST", DEVICES);
        assert_said("Warning Recreating previous device is inactivated");
        assert_quiet();
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "1");
}

static void instance_edited_by_hand_is_put_right(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        rest(1100);
        edit_instance_by_hand();
        turn();
        served("GET", DEVICES "/pump");
        served("PUT", DEVICES "/pump");
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "1");
        assert_quiet();
}

static void who_undoes_our_writes_at_once_is_not_fought_in_a_loop(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        rest(1100);
        for (int i = 0; i < 2; i++) {
                edit_instance_by_hand();
                serve_all();
        }
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "9");
        rest(2100);
        serve_all();
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "1");
}

static void another_adaptor_is_recorded_and_the_instance_follows(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{}");
        o = copy_of(stored(PUMP));
        set_text_at(&o, "/spec/adaptor/name", "example.com/other");
        put(PUMP, o);
        serve_all();
        assert_string_equal(text_in(stored(PUMP), "/status/adaptorName"), "example.com/other");
        assert_string_equal(text_in(stored(DEVICES "/pump"),
                                    "/metadata/annotations/edge.cattle.io~1adaptor-name"),
                            "example.com/other");
        assert_string_equal(driven("default/pump")->adaptor, "example.com/other");
}

static void trouble_of_the_device_is_said(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        device("default/pump", CONDITION_FALSE, "received error from adaptor", "no route");
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP),
                            "DeviceConnected False Unhealthy 'received error from adaptor'");
        assert_said("Warning Disconnected received error from adaptor: no route");
        device("default/pump", CONDITION_FALSE, "unable to connect to device", "refused");
        served("PATCH", PUMP "/status");
        assert_said("Warning FailedConnected cannot connect to device: refused");
        device("default/pump", CONDITION_TRUE, NULL, "");
        served("PATCH", PUMP "/status");
        assert_quiet();
}

static void operator_that_lost_sight_is_corrected(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{}");
        o = copy_of(stored(PUMP));
        set_text_at(&o, "/status/conditions/4/status", "Unknown");
        set_text_at(&o, "/status/conditions/4/reason", "AgentLost");
        json_object_object_add(world.store, PUMP, o);
        bump(o);
        tell(PUMP);
        turn();
        served("PATCH", PUMP "/status");
        assert_string_equal(phase(PUMP), "DeviceConnected True Healthy ''");
        assert_quiet();
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(new_link_is_driven_after_two_requests),
                test(conditions_of_a_link_that_is_healthy_at_once_are_one_write),
                test(what_takes_long_is_said),
                test(unchanged_world_costs_no_request),
                test(link_of_a_node_not_found_is_left_alone),
                test(missing_adaptor_is_said_and_nothing_made),
                test(conflict_reads_the_link_again),
                test(refused_finalizer_is_said_and_tried_later),
                test(unknown_model_is_said_and_tried_again),
                test(refused_instance_is_said_with_the_servers_words),
                test(link_that_cannot_be_read_is_said),
                test(another_spec_is_tried_at_once),
                test(lost_answer_is_looked_after),
                test(own_instance_of_before_is_adopted),
                test(foreign_object_is_not_adopted),
                test(another_template_is_put_before_it_is_driven),
                test(refused_template_leaves_the_device_as_it_was),
                test(refusal_of_an_old_template_says_nothing_of_the_new),
                test(instance_deleted_by_hand_is_made_again),
                test(instance_deleted_while_it_is_put_right_is_made_again),
                test(instance_edited_by_hand_is_put_right),
                test(who_undoes_our_writes_at_once_is_not_fought_in_a_loop),
                test(another_adaptor_is_recorded_and_the_instance_follows),
                test(trouble_of_the_device_is_said),
                test(operator_that_lost_sight_is_corrected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
