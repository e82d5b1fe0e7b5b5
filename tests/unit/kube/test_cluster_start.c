/* References, the start without API server, numbers, the end. */

/* wrap: kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#include "kube.h"

#define PUMP LINKS "/pump"

static struct json_object *referring(const char *secret)
{
        struct json_object *o = link_object("pump", "{}");
        auto_free char *text = xasprintf("[{\"name\":\"r\",\"secret\":{\"name\":\"%s\"}}]", secret);

        json_object_object_add(at(o, "/spec"), "references", parse(text));
        return o;
}

static void secret_is(const char *value)
{
        auto_free char *yaml = xasprintf("apiVersion: v1\nkind: Secret\n"
                                         "metadata: {name: s1, namespace: default}\n"
                                         "stringData: {key: '%s'}\n",
                                         value);
        struct findings f = { 0 };
        struct object_set *before = world.secrets;

        world.secrets = objects_from(yaml, NULL, &f);
        assert_int_equal(f.errors, 0);
        findings_done(&f);
        object_set_free(before);
        world.secret_trouble = NULL;
        world.secret_unknown = false;
}

static void tell_secret(void)
{
        world.watched.changed(world.watched.ctx);
        turn();
}

/* --- references */

static void link_waits_for_the_first_read_of_its_secret(void **state)
{
        (void)state;
        world.secret_trouble = "not read yet";
        world.secret_unknown = true;
        begin();
        put(PUMP, referring("s1"));
        turn();
        assert_string_equal(world.added, "default/s1");
        is_live("modbusdevices");
        serve_all();
        assert_null(driven("default/pump"));
        assert_int_equal(world.n_said, 0);
        secret_is("v1");
        tell_secret();
        assert_non_null(driven("default/pump"));
        assert_null(driven("default/pump")->reference_error);
        assert_string_equal(driven("default/pump")->references[0].data, "v1");
}

static void missing_secret_is_told_by_name(void **state)
{
        (void)state;
        world.secret_trouble = "not found";
        begin();
        put(PUMP, referring("s1"));
        turn();
        is_live("modbusdevices");
        serve_all();
        assert_string_equal(driven("default/pump")->reference_error,
                            "spec.references[0].secret.name: Secret 'default/s1': not found");
        assert_said("Warning FailedFetched cannot fetch the reference parameters: "
                    "spec.references[0].secret.name: Secret 'default/s1': not found, retry in "
                    "10 seconds");
        device("default/pump", CONDITION_FALSE, "unable to fetch the reference parameters", "x");
        serve_all();
        assert_string_equal(
                phase(PUMP),
                "DeviceConnected False Unhealthy 'unable to fetch the reference parameters'");
        assert_int_equal(world.n_said, 1);
        secret_is("v1");
        tell_secret();
        assert_null(driven("default/pump")->reference_error);
}

static void forbidden_secret_is_told_apart_from_a_missing_one(void **state)
{
        (void)state;
        world.secret_trouble = "not found";
        begin();
        put(PUMP, referring("s1"));
        turn();
        is_live("modbusdevices");
        serve_all();
        world.secret_trouble = "forbidden: cannot watch secrets";
        tell_secret();
        assert_string_equal(driven("default/pump")->reference_error,
                            "spec.references[0].secret.name: Secret 'default/s1': forbidden: "
                            "cannot watch secrets");
        assert_int_equal(world.n_said, 2);
}

static void rotated_secret_makes_another_spec_of_its_link_alone(void **state)
{
        struct link_spec *other, *before;

        (void)state;
        secret_is("v1");
        begin();
        healthy("other", "{}");
        put(PUMP, referring("s1"));
        serve_all();
        other = driven("default/other");
        before = driven("default/pump");
        secret_is("v2");
        tell_secret();
        assert_ptr_equal(driven("default/other"), other);
        assert_ptr_not_equal(driven("default/pump"), before);
        assert_string_equal(driven("default/pump")->references[0].data, "v2");
        before = driven("default/pump");
        secret_is("v2"); /* equal content */
        tell_secret();
        assert_ptr_equal(driven("default/pump"), before);
}

static void secret_of_a_link_that_is_not_ours_to_handle_is_not_read(void **state)
{
        struct json_object *o = referring("s1");

        (void)state;
        begin();
        json_object_object_del(o, "status");
        put(PUMP, o);
        turn();
        assert_null(world.added);
}

/* --- a start without API server */

static void known_links_are_driven_when_no_server_answers(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        restart();
        assert_null(driven("default/pump"));
        world.away = true;
        rest(1100);
        assert_non_null(driven("default/pump"));
        assert_string_equal(driven("default/pump")->spec_json, "{\"a\":1}");
        assert_int_equal(world.n_calls, 3);
        assert_quiet();
}

static void server_that_comes_late_finds_devices_untouched(void **state)
{
        struct link_spec *before;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        restart();
        world.away = true;
        rest(1100);
        before = driven("default/pump");
        device("default/pump", CONDITION_TRUE, NULL, "");
        world.away = false;
        tell(PUMP);
        is_live("devicelinks");
        tell(DEVICES "/pump");
        is_live("modbusdevices");
        assert_ptr_equal(driven("default/pump"), before);
        assert_quiet();
}

static void link_deleted_meanwhile_is_stopped_when_the_server_is_back(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        restart();
        world.away = true;
        rest(1100);
        assert_non_null(driven("default/pump"));
        json_object_object_del(world.store, PUMP);
        is_live("devicelinks");
        assert_non_null(driven("default/pump"));
        served("GET", PUMP);
        assert_null(driven("default/pump"));
        assert_int_equal(json_object_object_length(world.kept), 0);
        cluster_released(world.cluster, "default/pump");
        assert_quiet();
        assert_null(cluster_conditions(world.cluster, "default/pump"));
}

static void link_moved_meanwhile_is_given_back(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        restart();
        world.away = true;
        rest(1100);
        set_text_at(&(struct json_object *){ stored(PUMP) }, "/spec/adaptor/node", "n2");
        is_live("devicelinks");
        served("GET", PUMP);
        assert_null(driven("default/pump"));
        cluster_released(world.cluster, "default/pump");
        turn();
        served("GET", DEVICES "/pump");
        served("PATCH", DEVICES "/pump");
        assert_string_equal(
                text_in(stored(DEVICES "/pump"), "/metadata/annotations/edge.cattle.io~1node-name"),
                "");
        assert_quiet();
}

static void spec_changed_meanwhile_is_taken(void **state)
{
        struct json_object *o;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        restart();
        world.away = true;
        rest(1100);
        o = copy_of(stored(PUMP));
        assert_int_equal(json_pointer_set(&o, "/spec/template/spec/a", json_object_new_int(2)), 0);
        put(PUMP, o);
        is_live("devicelinks");
        tell(DEVICES "/pump");
        is_live("modbusdevices");
        serve_all();
        assert_string_equal(driven("default/pump")->spec_json, "{\"a\":2}");
}

static void restart_with_a_server_asks_for_nothing(void **state)
{
        unsigned before;

        (void)state;
        begin();
        healthy("pump", "{\"a\":1}");
        before = world.n_calls;
        restart();
        tell(PUMP);
        is_live("devicelinks");
        assert_null(driven("default/pump")); /* who holds it? */
        tell(DEVICES "/pump");
        is_live("modbusdevices");
        assert_non_null(driven("default/pump"));
        device("default/pump", CONDITION_UNKNOWN, NULL, "");
        device("default/pump", CONDITION_TRUE, NULL, "");
        assert_quiet();
        assert_int_equal(world.n_calls, before);
}

/* --- numbers, trouble, the end */

static void links_are_counted(void **state)
{
        struct cluster_counts n;
        uint64_t all = 0;

        (void)state;
        begin();
        healthy("pump", "{}");
        struct json_object *o = link_object("other", "{}");
        json_object_object_del(o, "status");
        put(LINKS "/other", o);
        turn();
        cluster_count(world.cluster, &n);
        assert_int_equal(n.links, 2);
        assert_int_equal(n.driven, 1);
        assert_int_equal(n.waiting, 1);
        assert_int_equal(n.condition_writes, 1);
        assert_true(n.reconciles >= 2);
        for (size_t i = 0; i < 12; i++)
                all += n.times.buckets[i];
        assert_int_equal(all, n.reconciles);
        assert_int_equal(n.errors, 0);
}

static void trouble_is_told_in_words(void **state)
{
        struct fake_reflector *r;

        (void)state;
        open_world();
        assert_non_null(cluster_trouble(world.cluster));
        r = reflector_named("devicelinks");
        r->config.state(r->config.ctx, REFLECTOR_FORBIDDEN, "cannot list devicelinks");
        assert_string_equal(cluster_trouble(world.cluster), "DeviceLinks: cannot list devicelinks");
        is_live("devicelinks");
        assert_null(cluster_trouble(world.cluster));
}

static void node_without_a_name_is_an_error(void **state)
{
        struct cluster_config config = { .loop = world.loop, .node = "" };
        struct cluster *c = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(cluster_open(&config, &c, &e), DL_CONFIG);
        assert_string_equal(e.text, "node name: expected the name of a Node, got nothing");
        assert_null(c);
}

static void only_links_of_this_node_and_space_are_asked_for(void **state)
{
        struct reflector_config *config;

        (void)state;
        world.config.space = "default";
        begin();
        healthy("pump", "{}");
        config = &reflector_named("devicelinks")->config;
        assert_string_equal(config->space, "default");
        struct json_object *o = link_object("x", "{}");
        struct arena *a = arena_new();
        assert_true(config->keep(config->ctx, tree_of(o, a)));
        set_text_at(&o, "/spec/adaptor/node", "n2");
        assert_false(config->keep(config->ctx, tree_of(o, a)));
        json_object_put(o);
        arena_free(a);
        config = &reflector_named("modbusdevices")->config;
        assert_string_equal(config->label_selector, "edge.cattle.io/node-name=n1");
}

static void stop(void *ctx)
{
        ((struct world *)ctx)->stopped = true;
}

static void the_end_writes_what_waits(void **state)
{
        (void)state;
        world.config.status_interval_ns = 60 * NS_PER_S;
        begin();
        healthy("pump", "{}");
        status("default/pump", "{\"properties\":[]}");
        serve_all();
        status("default/pump", "{\"properties\":[{\"value\":\"2\"}]}");
        assert_quiet();
        cluster_stop(world.cluster, 10 * NS_PER_S, stop, &world);
        turn();
        assert_false(world.stopped);
        served("PATCH", DEVICES "/pump/status");
        assert_true(world.stopped);
        assert_string_equal(text_in(stored(DEVICES "/pump"), "/status/properties/0/value"), "2");
}

static void the_end_waits_only_so_long(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        status("default/pump", "{\"properties\":[]}");
        cluster_stop(world.cluster, 200 * NS_PER_MS, stop, &world);
        rest(100);
        assert_false(world.stopped);
        rest(200);
        assert_true(world.stopped);
}

static void the_end_without_anything_to_write_is_at_once(void **state)
{
        (void)state;
        begin();
        healthy("pump", "{}");
        cluster_stop(world.cluster, 10 * NS_PER_S, stop, &world);
        turn();
        assert_true(world.stopped);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(link_waits_for_the_first_read_of_its_secret),
                test(missing_secret_is_told_by_name),
                test(forbidden_secret_is_told_apart_from_a_missing_one),
                test(rotated_secret_makes_another_spec_of_its_link_alone),
                test(secret_of_a_link_that_is_not_ours_to_handle_is_not_read),
                test(known_links_are_driven_when_no_server_answers),
                test(server_that_comes_late_finds_devices_untouched),
                test(link_deleted_meanwhile_is_stopped_when_the_server_is_back),
                test(link_moved_meanwhile_is_given_back),
                test(spec_changed_meanwhile_is_taken),
                test(restart_with_a_server_asks_for_nothing),
                test(links_are_counted),
                test(trouble_is_told_in_words),
                test(node_without_a_name_is_an_error),
                test(only_links_of_this_node_and_space_are_asked_for),
                test(the_end_writes_what_waits),
                test(the_end_waits_only_so_long),
                test(the_end_without_anything_to_write_is_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
