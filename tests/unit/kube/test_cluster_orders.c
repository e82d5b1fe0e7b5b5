/* Answers, events and writes of others in the orders that once left a link in a wrong state. */

/* wrap: kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#define PUMP LINKS "/pump"

/* The cluster was set up anew while the agent was down: same names, other uids. */
static void a_link_made_anew_while_the_agent_was_down_leaves_no_file_of_the_old(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        restart();
        json_object_object_del(world.store, PUMP);
        json_object_object_del(world.store, DEVICES "/pump");
        put(PUMP, link_object("pump", "{\"a\":2}"));
        turn();
        is_live("devicelinks");
        serve_all();
        is_live("modbusdevices");
        serve_all();
        assert_non_null(driven("default/pump"));
        assert_int_equal(json_object_object_length(world.kept), 1);
}

/* etcd restored, and edited again before we are back: the same generation, another spec. */
static void a_generation_that_comes_again_after_a_restore_is_another_spec(void **state)
{
        struct json_object *o, *g;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        g = json_object_get(at(stored(PUMP), "/metadata/generation"));
        o = copy_of(stored(PUMP));
        json_object_object_add(at(o, "/spec/template"), "spec", parse("{\"a\":2}"));
        world.quiet = true;
        put(PUMP, o);
        json_object_object_add(at(stored(PUMP), "/metadata"), "generation", g);
        json_object_object_add(at(stored(PUMP), "/metadata"), "resourceVersion",
                               json_object_new_string("50")); /* older than what was seen */
        world.quiet = false;
        tell(PUMP);
        turn();
        serve_all();
        rest(1500);
        serve_all();
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/spec/a"), "2");
}

/* The CRD's schema refuses any write: the give-back is refused, and nobody does it later. */
static void a_give_back_that_is_refused_is_tried_again(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        served("GET", PUMP);
        released("default/pump");
        refused("PATCH", DEVICES "/pump", KUBE_REFUSED, 422, "spec.x: Invalid value");
        rest(7500);
        serve_all();
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "");
}

/* A list after an outage tells of another uid; the garbage collector removes the old instance. */
static void replace_link(void)
{
        take_away(PUMP);
        put(PUMP, link_object("pump", "{\"a\":2}"));
        turn();
        take_away(DEVICES "/pump");
        serve_all();
        released("default/pump");
        serve_all();
}

static void a_replaced_link_leaves_no_file_of_the_old(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        assert_int_equal(json_object_object_length(world.kept), 1);
        replace_link();
        rest(2100);
        serve_all();
        is_live("modbusdevices");
        serve_all();
        assert_non_null(driven("default/pump"));
        assert_int_equal(json_object_object_length(world.kept), 1);
}

static void a_link_deleted_after_it_was_replaced_is_not_driven_offline(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        replace_link();
        assert_non_null(driven("default/pump"));
        delete_link(PUMP);
        released("default/pump");
        serve_all();
        assert_null(stored(PUMP));
        assert_null(cluster_conditions(world.cluster, "default/pump"));
        restart();
        world.away = true;
        rest(5600); /* START_WAIT */
        assert_null(driven("default/pump"));
}

/* Given back, but the answer was lost; another node took it; the link comes back. */
static void a_link_that_comes_back_is_not_driven_while_another_node_holds_its_device(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        served("GET", PUMP);
        released("default/pump");
        /* the server does it, its answer is lost */
        struct call *c = waiting("PATCH", DEVICES "/pump");
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_del(at(o, "/metadata/annotations"), "edge.cattle.io/node-name");
        put(DEVICES "/pump", o); /* the event */
        end_call(c, KUBE_AWAY, 0, NULL, "no answer");
        turn();
        /* n2 takes it: its label and annotation, so it leaves our selection */
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_add(at(o, "/metadata/annotations"), "edge.cattle.io/node-name",
                               json_object_new_string("n2"));
        world.quiet = true;
        put(DEVICES "/pump", o);
        world.quiet = false;
        struct fake_reflector *r = reflector_named("modbusdevices");
        r->config.removed(r->config.ctx, "default", "pump", text_in(o, "/metadata/uid"));
        turn();
        /* back again */
        move_link(PUMP, "n1");
        tell(PUMP);
        turn();
        serve_all();
        rest(2000);
        serve_all();
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "n2");
        assert_null(driven("default/pump"));
}

/* An instance that is deleted while its link is being asked for. */
static void an_instance_that_goes_while_its_link_is_asked_for_is_made_again(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        move_link(PUMP, "n2");
        move_link(PUMP, "n1"); /* and back, before the question is answered */
        take_away(DEVICES "/pump");
        turn();
        serve_all();
        tell(PUMP);
        turn();
        serve_all();
        rest(5000);
        serve_all();
        print_message("%s; instance %s\n", phase(PUMP),
                      stored(DEVICES "/pump") ? "there" : "missing");
        assert_non_null(stored(DEVICES "/pump"));
}

#define OTHERS "/apis/devices.edge.cattle.io/v1alpha1/namespaces/default/otherdevices"
/* Another model with the same template while a look at the former is under way. */
static void an_answer_of_the_model_before_says_nothing_of_the_new(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        rest(1100);
        /* somebody touches the instance: a look is under way */
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_add(at(o, "/metadata/labels"), "x", json_object_new_string("y"));
        put(DEVICES "/pump", o);
        turn();
        waiting("GET", DEVICES "/pump");
        /* it is undone, and the model changed (kind; operator records it) */
        o = copy_of(stored(DEVICES "/pump"));
        json_object_object_del(at(o, "/metadata/labels"), "x");
        world.quiet = true;
        put(DEVICES "/pump", o);
        world.quiet = false;
        o = copy_of(stored(PUMP));
        set_text_at(&o, "/spec/model/kind", "OtherDevice");
        set_text_at(&o, "/status/model/kind", "OtherDevice");
        put(PUMP, o);
        turn();
        is_live("otherdevices");
        served("GET", DEVICES "/pump");
        serve_all();
        rest(3000);
        serve_all();
        print_message("%s; new instance %s, old %s\n", phase(PUMP),
                      stored(OTHERS "/pump") ? "there" : "missing",
                      stored(DEVICES "/pump") ? "there" : "missing");
        assert_non_null(stored(OTHERS "/pump"));
}

/* Somebody deletes what we make, at once: requests without any time passing. */
static void who_deletes_what_we_make_at_once_is_not_fought_in_a_loop(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        unsigned before = world.n_calls;
        for (int i = 0; i < 25 && stored(DEVICES "/pump"); i++) {
                take_away(DEVICES "/pump");
                serve_all();
        }
        assert_true(world.n_calls - before < 20);
}

/* 409 for ever from a webhook. */
static void conflicts_in_a_row_are_not_fought_in_a_loop(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        device("default/pump", CONDITION_FALSE, "x", "y");
        unsigned before = world.n_calls;
        for (int i = 0; i < 50 && world.calls; i++) {
                if (strcmp(world.calls->method, "PATCH") == 0)
                        end_call(world.calls, KUBE_CONFLICT, 409, NULL, "denied");
                else
                        serve(world.calls);
                turn();
        }
        assert_true(world.n_calls - before < 20);
        serve_all();
}

/* --- a start without memory */

static const char *one_kind(void *ctx, size_t i)
{
        (void)ctx;
        return i == 0 ? "ModbusDevice" : NULL;
}

/* The instance of the link pump of this node, held by n1; we know of neither. */
static struct json_object *begin_unknowing(const char *node)
{
        struct json_object *o = link_object("pump", "{}");

        set_text_at(&o, "/spec/adaptor/node", node);
        world.quiet = true;
        put(PUMP, o);
        auto_free char *text = xasprintf(
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"ModbusDevice\","
                "\"metadata\":{\"name\":\"pump\",\"namespace\":\"default\",\"annotations\":{"
                "\"edge.cattle.io/node-name\":\"n1\"},\"ownerReferences\":[{\"apiVersion\":"
                "\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\",\"name\":\"pump\",\"uid\":"
                "\"%s\",\"controller\":true}]},\"spec\":{}}",
                text_in(stored(PUMP), "/metadata/uid"));
        put(DEVICES "/pump", parse(text));
        world.quiet = false;
        world.config.kind = one_kind;
        begin();
        struct call *list =
                waiting("GET", "/apis/devices.edge.cattle.io/v1alpha1/modbusdevices"
                               "?labelSelector=edge.cattle.io%2Fnode-name%3Dn1&limit=200");
        struct json_object *body = parse("{\"metadata\":{},\"items\":[]}");
        json_object_array_add(at(body, "/items"), copy_of(stored(DEVICES "/pump")));
        end_call(list, KUBE_OK, 200, body, "");
        json_object_put(body);
        return stored(DEVICES "/pump");
}

static void what_is_held_for_a_link_that_moved_unseen_is_given_back(void **state)
{
        (void)state;
        struct json_object *o = begin_unknowing("n2");

        refused("GET", PUMP, KUBE_AWAY, 0, "no answer");
        rest(1300);
        served("GET", PUMP);
        served("PATCH", DEVICES "/pump");
        assert_string_equal(text_in(o, "/metadata/annotations/edge.cattle.io~1node-name"), "");
        assert_quiet();
}

static void what_is_held_for_a_link_of_ours_stays(void **state)
{
        (void)state;
        struct json_object *o = begin_unknowing("n1");

        served("GET", PUMP);
        assert_quiet();
        assert_string_equal(text_in(o, "/metadata/annotations/edge.cattle.io~1node-name"), "n1");
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                test(a_link_made_anew_while_the_agent_was_down_leaves_no_file_of_the_old),
                test(a_generation_that_comes_again_after_a_restore_is_another_spec),
                test(a_give_back_that_is_refused_is_tried_again),
                test(a_replaced_link_leaves_no_file_of_the_old),
                test(a_link_deleted_after_it_was_replaced_is_not_driven_offline),
                test(a_link_that_comes_back_is_not_driven_while_another_node_holds_its_device),
                test(an_instance_that_goes_while_its_link_is_asked_for_is_made_again),
                test(an_answer_of_the_model_before_says_nothing_of_the_new),
                test(who_deletes_what_we_make_at_once_is_not_fought_in_a_loop),
                test(conflicts_in_a_row_are_not_fought_in_a_loop),
                test(what_is_held_for_a_link_that_moved_unseen_is_given_back),
                test(what_is_held_for_a_link_of_ours_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
