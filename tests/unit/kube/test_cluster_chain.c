/* One link's chain: what an agent does next, and what the list of conditions then says, is the
 * contract's to the letter (octopus 1.2, 1.3). */

#include "kube/cluster_chain.h"

#include "base/buf.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MODBUS "adaptors.edge.cattle.io/modbus"
#define DEVICES "devices.edge.cattle.io/v1alpha1"

struct world {
        struct link_status status;
        struct chain_input in;
        struct chain_verdict v;
        struct buf text;
        int64_t now_ns;
};

/* A link that the operator has just found node and model of. */
static void set_up_world(struct world *w)
{
        *w = (struct world){ .text = BUF(4096), .now_ns = 100 * NS_PER_S };
        w->status = (struct link_status){
                .node_name = "n1",
                .host_name = "",
                .internal_ip = "",
                .internal_dns = "",
                .external_ip = "",
                .external_dns = "",
                .model_api_version = DEVICES,
                .model_kind = "ModbusDevice",
                .adaptor_name = "",
        };
        (void)conditions_set(&w->status.conditions, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL,
                             false, 1 * NS_PER_S);
        (void)conditions_set(&w->status.conditions, CONDITION_MODEL_EXISTED, CONDITION_TRUE, NULL,
                             false, 2 * NS_PER_S);
        w->in = (struct chain_input){
                .node = "n1",
                .spec_node = "n1",
                .spec_adaptor = MODBUS,
                .spec_api_version = DEVICES,
                .spec_kind = "ModbusDevice",
                .status = &w->status,
                .has_plugin = true,
        };
}

static int set_up(void **state)
{
        static struct world w;

        set_up_world(&w);
        *state = &w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        buf_done(&w->text);
        return 0;
}

static void decide(struct world *w)
{
        w->now_ns += NS_PER_S;
        chain_decide(&w->in, w->now_ns, &w->v);
}

/* What was decided is written, and seen. */
static void decide_and_write(struct world *w)
{
        decide(w);
        w->status = w->v.now;
}

/* "AdaptorExisted True Found '' | DeviceCreated ..." of the agent's part of the list. */
static const char *says(struct world *w)
{
        const struct conditions *c = &w->v.now.conditions;

        buf_clear(&w->text);
        for (size_t i = 0; i < c->n; i++) {
                const struct condition *x = &c->list[i];

                if (x->type < CONDITION_ADAPTOR_EXISTED)
                        continue;
                buf_addf(&w->text, "%s%s %s %s '%s'", w->text.len ? " | " : "",
                         condition_type_name(x->type), condition_status_name(x->status),
                         condition_reason_of(x), x->message);
        }
        return buf_text(&w->text);
}

#define ADAPTOR_TRUE "AdaptorExisted True Found ''"
#define CREATED_TRUE "DeviceCreated True Success ''"
#define CREATED_UNKNOWN                                                                            \
        "DeviceCreated Unknown Creating 'verify if there is a corresponding device created'"
#define CONNECTING "DeviceConnected Unknown Connecting 'connect device'"
#define HEALTHY "DeviceConnected True Healthy ''"

static void healthy(struct world *w)
{
        w->in.finalizer = true;
        w->in.accepted = true;
        w->in.instance = CHAIN_RIGHT;
        w->in.device = CHAIN_HEALTHY;
        decide_and_write(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " HEALTHY);
}

/* --- whether it is ours to do */

static void assert_untouched(struct world *w)
{
        decide(w);
        assert_false(w->v.handled);
        assert_false(w->v.drive);
        assert_false(w->v.speak);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_true(conditions_equal(&w->v.now.conditions, &w->status.conditions));
}

static void a_link_whose_node_is_not_found_is_left_alone(void **state)
{
        struct world *w = *state;

        w->status.conditions = (struct conditions){ 0 };
        assert_untouched(w);
        (void)conditions_set(&w->status.conditions, CONDITION_NODE_EXISTED, CONDITION_FALSE,
                             "adaptor node isn't existed", false, NS_PER_S);
        assert_untouched(w);
}

static void a_link_whose_model_is_not_found_is_left_alone(void **state)
{
        struct world *w = *state;

        healthy(w);
        (void)conditions_set(&w->status.conditions, CONDITION_MODEL_EXISTED, CONDITION_FALSE,
                             "model isn't existed", false, NS_PER_S);
        assert_untouched(w);
}

static void a_link_recorded_for_another_node_is_left_alone(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->status.node_name = "n2";
        assert_untouched(w);
        w->status.node_name = "n1";
        w->in.spec_node = "n2";
        assert_untouched(w);
}

static void a_link_recorded_with_another_model_is_left_alone(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.spec_kind = "OPCUADevice";
        assert_untouched(w);
        w->in.spec_kind = "ModbusDevice";
        w->in.spec_api_version = "devices.edge.cattle.io/v2";
        assert_untouched(w);
}

static void an_agent_without_a_name_drives_nothing(void **state)
{
        struct world *w = *state;

        w->in.node = "";
        w->in.spec_node = "";
        w->status.node_name = "";
        assert_untouched(w);
}

/* --- adaptor */

static void a_missing_adaptor_is_said_and_its_name_cleared(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.has_plugin = false;
        decide_and_write(w);
        assert_string_equal(says(w), "AdaptorExisted False NotFound 'the adaptor isn't existed'");
        assert_string_equal(w->v.now.adaptor_name, "");
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_true(w->v.handled);
        assert_true(w->v.speak);
        assert_true(w->v.hurry);
        assert_false(w->v.drive);
}

static void a_missing_adaptor_is_said_once(void **state)
{
        struct world *w = *state;

        w->in.has_plugin = false;
        decide_and_write(w);
        decide(w);
        assert_true(conditions_equal(&w->v.now.conditions, &w->status.conditions));
}

static void an_adaptor_is_recorded_by_its_name(void **state)
{
        struct world *w = *state;

        healthy(w);
        assert_string_equal(w->v.now.adaptor_name, MODBUS);
}

static void another_adaptor_begins_the_list_anew_from_there(void **state)
{
        struct world *w = *state;
        const struct condition *c;

        healthy(w);
        w->in.spec_adaptor = "adaptors.example.com/other";
        w->in.instance = CHAIN_DIFFERS;
        w->in.resting = true; /* so that it says how far it is */
        w->in.device = CHAIN_CONNECTING;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " CONNECTING);
        assert_string_equal(w->v.now.adaptor_name, "adaptors.example.com/other");
        c = conditions_get(&w->v.now.conditions, CONDITION_ADAPTOR_EXISTED);
        assert_int_equal(c->updated_ns, w->now_ns);
}

/* --- finalizer */

static void the_finalizer_is_set_before_anything_is_made(void **state)
{
        struct world *w = *state;

        decide(w);
        assert_int_equal(w->v.step, CHAIN_FINALIZE);
        assert_false(w->v.speak);
        assert_false(w->v.drive);
        assert_false(w->v.accept);
}

static void a_refused_finalizer_is_said_while_it_rests(void **state)
{
        struct world *w = *state;

        w->in.refused = CHAIN_REFUSED_CREATE;
        w->in.resting = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_true(w->v.speak);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | DeviceCreated False Fail 'unable to create device from template'");
}

static void a_finalizer_that_is_taken_away_is_set_again_and_stops_nothing(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.finalizer = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_FINALIZE);
        assert_true(w->v.drive);
}

/* --- instance */

static void an_instance_that_no_list_tells_of_is_made(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_UNSEEN;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_CREATE);
        assert_false(w->v.speak);
        assert_false(w->v.drive);
}

static void nothing_is_made_before_the_list_of_instances_is_read(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.looking = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_false(w->v.speak);
}

static void after_a_lost_answer_it_looks_before_it_makes_another(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_UNSURE;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK);
}

static void an_instance_made_is_said_with_what_comes_next_and_driven(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_RIGHT;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " CONNECTING);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_true(w->v.accept);
        assert_true(w->v.drive);
        assert_true(w->v.speak);
        assert_false(w->v.hurry);
}

static void a_kind_that_the_server_does_not_know_is_said(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_ABSENT;
        w->in.refused = CHAIN_REFUSED_MODEL;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | DeviceCreated False Fail 'unable to make device from model'");
        assert_true(w->v.speak);
        assert_true(w->v.hurry);
        assert_int_equal(w->v.step, CHAIN_NONE);

        w->in.resting = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_CREATE);
}

static void a_refused_instance_is_said(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_ABSENT;
        w->in.refused = CHAIN_REFUSED_CREATE;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | DeviceCreated False Fail 'unable to create device from template'");
        assert_false(w->v.drive);
}

static void a_foreign_object_of_the_name_is_not_adopted(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_FOREIGN;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | DeviceCreated False Fail 'unable to create device from template'");
        assert_false(w->v.accept);
        assert_false(w->v.drive);
        w->in.resting = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK);
}

static void an_instance_that_another_node_holds_is_waited_for(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_HELD;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_UNKNOWN);
        assert_true(w->v.speak);
        assert_false(w->v.hurry);
        w->in.resting = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK);
        w->in.accepted = true;
        decide(w);
        assert_false(w->v.drive);
}

static void an_instance_being_deleted_is_waited_for(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_GOING;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_UNKNOWN);
        assert_true(w->v.drive);
        assert_false(w->v.accept);
}

static void an_instance_deleted_by_hand_is_made_again_while_the_device_runs_on(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_ABSENT;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_CREATE);
        assert_true(w->v.drive);
        assert_false(w->v.accept);
        assert_false(w->v.speak); /* it is back in a moment */
}

static void another_template_is_written_before_it_is_driven(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_DIFFERS;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK);
        assert_true(w->v.drive);
        assert_false(w->v.accept);
        assert_false(w->v.speak);
}

static void a_refused_update_leaves_the_device_as_it_was(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_DIFFERS;
        w->in.refused = CHAIN_REFUSED_UPDATE;
        w->in.resting = true;
        decide(w);
        assert_string_equal(says(w),
                            ADAPTOR_TRUE " | " CREATED_TRUE " | DeviceConnected False Unhealthy "
                                         "'unable to update the device from template'");
        assert_true(w->v.drive);
        assert_false(w->v.accept);
        assert_true(w->v.speak);
}

static void trouble_with_the_server_alone_changes_no_condition(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.instance = CHAIN_DIFFERS;
        w->in.resting = true; /* no answer */
        decide(w);
        assert_true(conditions_equal(&w->v.now.conditions, &w->status.conditions));
        w->in.instance = CHAIN_UNSURE;
        decide(w);
        assert_true(conditions_equal(&w->v.now.conditions, &w->status.conditions));
        assert_true(w->v.drive);
}

/* --- references */

static void a_link_waits_for_the_first_read_of_what_it_refers_to(void **state)
{
        struct world *w = *state;

        w->in.finalizer = true;
        w->in.instance = CHAIN_RIGHT;
        w->in.refs_unknown = true;
        decide(w);
        assert_false(w->v.accept);
        assert_false(w->v.drive);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " CONNECTING);
        w->in.accepted = true; /* another reference was added to one that runs */
        decide(w);
        assert_false(w->v.accept);
        assert_true(w->v.drive);
}

/* --- device */

static void what_the_device_says_is_the_last_entry(void **state)
{
        struct world *w = *state;

        healthy(w);
        assert_true(w->v.hurry);
        w->in.device = CHAIN_UNHEALTHY;
        w->in.device_message = "received error from adaptor";
        decide_and_write(w);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | " CREATED_TRUE
                            " | DeviceConnected False Unhealthy 'received error from adaptor'");
        assert_true(w->v.hurry);
        w->in.device = CHAIN_CONNECTING;
        decide_and_write(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " CONNECTING);
        assert_false(w->v.hurry);
}

static void an_adaptor_that_takes_no_spec_is_a_device_that_cannot_be_connected(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.device = CHAIN_UNHEALTHY;
        w->in.device_message = NULL;
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | " CREATED_TRUE
                            " | DeviceConnected False Unhealthy 'unable to connect to device'");
}

static void nothing_new_is_nothing_to_write(void **state)
{
        struct world *w = *state;

        healthy(w);
        decide(w);
        assert_true(conditions_equal(&w->v.now.conditions, &w->status.conditions));
        assert_int_equal(w->v.step, CHAIN_NONE);
}

static void an_operator_that_lost_sight_of_the_agent_is_corrected(void **state)
{
        struct world *w = *state;

        healthy(w);
        (void)conditions_set_reason(&w->status.conditions, CONDITION_DEVICE_CONNECTED,
                                    CONDITION_UNKNOWN, "AgentLost", "the agent is silent",
                                    w->now_ns);
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " HEALTHY);
        assert_true(w->v.speak);
}

static void a_node_that_came_back_goes_through_the_list_again(void **state)
{
        struct world *w = *state;

        healthy(w);
        (void)conditions_set(&w->status.conditions, CONDITION_NODE_EXISTED, CONDITION_FALSE,
                             "adaptor node isn't existed", false, w->now_ns);
        assert_untouched(w);
        (void)conditions_set(&w->status.conditions, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL,
                             false, w->now_ns);
        assert_untouched(w);
        (void)conditions_set(&w->status.conditions, CONDITION_MODEL_EXISTED, CONDITION_TRUE, NULL,
                             false, w->now_ns);
        decide(w);
        assert_string_equal(says(w), ADAPTOR_TRUE " | " CREATED_TRUE " | " HEALTHY);
}

/* --- an object that cannot be read */

static void a_link_that_cannot_be_read_makes_no_device(void **state)
{
        struct world *w = *state;

        w->in.wrong = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_string_equal(says(w), ADAPTOR_TRUE
                            " | DeviceCreated False Fail 'unable to create device from template'");
        assert_true(w->v.speak);
        assert_false(w->v.drive);
}

static void a_link_that_cannot_be_read_any_more_is_driven_as_it_was(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.wrong = true;
        decide(w);
        assert_string_equal(says(w),
                            ADAPTOR_TRUE " | " CREATED_TRUE " | DeviceConnected False Unhealthy "
                                         "'unable to update the device from template'");
        assert_true(w->v.drive);
        assert_false(w->v.accept);
}

/* --- deletion */

static void a_deleted_link_is_stopped_and_then_let_go(void **state)
{
        struct world *w = *state;

        healthy(w);
        w->in.deleted = true;
        w->in.busy = true;
        decide(w);
        assert_false(w->v.drive);
        assert_false(w->v.speak);
        assert_int_equal(w->v.step, CHAIN_NONE);
        w->in.busy = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_UNFINALIZE);
}

static void deletion_comes_before_every_other_check(void **state)
{
        struct world *w = *state;

        w->in.deleted = true;
        w->in.finalizer = true;
        w->in.has_plugin = false;
        w->in.wrong = true;
        w->in.instance = CHAIN_ABSENT;
        w->status.conditions = (struct conditions){ 0 };
        w->status.node_name = "";
        decide(w);
        assert_int_equal(w->v.step, CHAIN_UNFINALIZE);
}

static void a_deleted_link_without_our_finalizer_is_nothing_to_us(void **state)
{
        struct world *w = *state;

        w->in.deleted = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_NONE);
        assert_false(w->v.speak);
}

static void a_deleted_link_that_another_node_holds_is_waited_for(void **state)
{
        struct world *w = *state;

        w->in.deleted = true;
        w->in.finalizer = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK); /* who holds it? */
        w->in.instance = CHAIN_HELD;
        w->in.resting = true;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_NONE);
        w->in.resting = false;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_LOOK);
}

static void a_deleted_link_goes_when_nobody_may_look_at_its_instance(void **state)
{
        struct world *w = *state;

        w->in.deleted = true;
        w->in.finalizer = true;
        w->in.refused = CHAIN_REFUSED_MODEL;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_UNFINALIZE);
        w->in.refused = CHAIN_REFUSED_CREATE;
        decide(w);
        assert_int_equal(w->v.step, CHAIN_UNFINALIZE);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(a_link_whose_node_is_not_found_is_left_alone),
                test(a_link_whose_model_is_not_found_is_left_alone),
                test(a_link_recorded_for_another_node_is_left_alone),
                test(a_link_recorded_with_another_model_is_left_alone),
                test(an_agent_without_a_name_drives_nothing),
                test(a_missing_adaptor_is_said_and_its_name_cleared),
                test(a_missing_adaptor_is_said_once),
                test(an_adaptor_is_recorded_by_its_name),
                test(another_adaptor_begins_the_list_anew_from_there),
                test(the_finalizer_is_set_before_anything_is_made),
                test(a_refused_finalizer_is_said_while_it_rests),
                test(a_finalizer_that_is_taken_away_is_set_again_and_stops_nothing),
                test(an_instance_that_no_list_tells_of_is_made),
                test(nothing_is_made_before_the_list_of_instances_is_read),
                test(after_a_lost_answer_it_looks_before_it_makes_another),
                test(an_instance_made_is_said_with_what_comes_next_and_driven),
                test(a_kind_that_the_server_does_not_know_is_said),
                test(a_refused_instance_is_said),
                test(a_foreign_object_of_the_name_is_not_adopted),
                test(an_instance_that_another_node_holds_is_waited_for),
                test(an_instance_being_deleted_is_waited_for),
                test(an_instance_deleted_by_hand_is_made_again_while_the_device_runs_on),
                test(another_template_is_written_before_it_is_driven),
                test(a_refused_update_leaves_the_device_as_it_was),
                test(trouble_with_the_server_alone_changes_no_condition),
                test(a_link_waits_for_the_first_read_of_what_it_refers_to),
                test(what_the_device_says_is_the_last_entry),
                test(an_adaptor_that_takes_no_spec_is_a_device_that_cannot_be_connected),
                test(nothing_new_is_nothing_to_write),
                test(an_operator_that_lost_sight_of_the_agent_is_corrected),
                test(a_node_that_came_back_goes_through_the_list_again),
                test(a_link_that_cannot_be_read_makes_no_device),
                test(a_link_that_cannot_be_read_any_more_is_driven_as_it_was),
                test(a_deleted_link_is_stopped_and_then_let_go),
                test(deletion_comes_before_every_other_check),
                test(a_deleted_link_without_our_finalizer_is_nothing_to_us),
                test(a_deleted_link_that_another_node_holds_is_waited_for),
                test(a_deleted_link_goes_when_nobody_may_look_at_its_instance),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
