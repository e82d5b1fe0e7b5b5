/* Device status: on change, the latest, not too often, never twice the same. */

/* wrap: kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: loop_timer_start heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#define PUMP LINKS "/pump"
#define DEVICE DEVICES "/pump"

/* A status document with one property. */
static void poll(int value, int second)
{
        auto_free char *json =
                xasprintf("{\"properties\":[{\"name\":\"p\",\"type\":\"int\",\"value\":\"%d\","
                          "\"updatedAt\":\"2026-01-01T00:00:%02dZ\"}]}",
                          value, second);

        status("default/pump", json);
}

static const char *held(void)
{
        return text_in(stored(DEVICE), "/status/properties/0/value");
}

static void begin_healthy(void)
{
        world.config.status_interval_ns = 300 * NS_PER_MS;
        world.config.refresh_ns = 600 * NS_PER_S;
        begin();
        healthy("pump", "{}");
}

static void first_status_is_written_at_once(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
        assert_quiet();
}

static void status_that_says_nothing_new_is_not_written(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        for (int i = 2; i < 10; i++) {
                poll(1, i);
                rest(50);
        }
        assert_quiet();
        assert_int_equal(world.n_calls, 4); /* finalizer, instance, conditions, status */
}

static void the_latest_is_written_when_the_interval_is_over(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        poll(2, 2);
        poll(3, 3);
        assert_quiet();
        rest(320);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "3");
        assert_quiet();
}

static void value_that_came_back_before_its_write_is_no_write(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        poll(2, 2);
        poll(1, 3);
        rest(320);
        assert_quiet();
}

static void value_that_came_back_during_its_write_is_written(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        rest(320);
        poll(2, 2);
        poll(1, 3); /* 2 is under way */
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "2");
        rest(320);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
        poll(1, 4);
        rest(320);
        assert_quiet();
}

static void value_under_way_that_comes_again_is_written_once(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        poll(2, 2);
        poll(1, 3);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
        rest(320);
        assert_quiet();
}

static void status_without_answer_is_tried_again(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        refused("PATCH", DEVICE "/status", KUBE_AWAY, 0, "no answer");
        poll(1, 2);
        assert_quiet();
        rest(1050);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
}

static void status_of_an_instance_made_anew_is_written_anew(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        served("PATCH", DEVICE "/status");
        take_away(DEVICE);
        turn();
        served("POST", DEVICES);
        assert_string_equal(held(), "");
        rest(320);
        poll(1, 2);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
}

static void status_never_lands_on_another_object_of_the_name(void **state)
{
        (void)state;
        begin_healthy();
        world.quiet = true;
        set_text_at(&(struct json_object *){ stored(DEVICE) }, "/metadata/uid", "another");
        world.quiet = false;
        poll(1, 1);
        served("PATCH", DEVICE "/status"); /* 422: the test of the uid */
        assert_string_equal(held(), "");
        served("GET", DEVICE);
        rest(1050);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "1");
}

static void status_that_the_server_refuses_is_not_sent_for_ever(void **state)
{
        (void)state;
        begin_healthy();
        poll(1, 1);
        refused("PATCH", DEVICE "/status", KUBE_REFUSED, 422, "status.x: Invalid value");
        served("GET", DEVICE);
        rest(1050);
        refused("PATCH", DEVICE "/status", KUBE_REFUSED, 422, "status.x: Invalid value");
        poll(1, 2);
        rest(2100);
        assert_quiet();
        poll(2, 3);
        rest(2100);
        served("PATCH", DEVICE "/status");
        assert_string_equal(held(), "2");
}

static void status_that_is_too_large_loses_its_end_and_this_is_said_once(void **state)
{
        auto_of(buf) struct buf json = BUF(4 * 1024 * 1024);

        (void)state;
        begin_healthy();
        for (int round = 0; round < 2; round++) {
                buf_clear(&json);
                buf_adds(&json, "{\"properties\":[");
                for (int i = 0; i < 15000; i++)
                        buf_addf(&json,
                                 "%s{\"name\":\"property-%d\",\"type\":\"int\",\"value\":\"%d\","
                                 "\"updatedAt\":\"2026-01-01T00:00:01Z\"}",
                                 i ? "," : "", i, i + round);
                buf_adds(&json, "]}");
                assert_true(json.len > 1024 * 1024);
                status("default/pump", buf_text(&json));
                struct call *c = waiting("PATCH", DEVICE "/status");
                assert_true(strlen(c->body) < 1024 * 1024 + 256);
                serve(c);
                rest(320);
        }
        assert_int_equal(world.n_said, 1);
        assert_non_null(strstr(world.said[0], "Warning StatusTooLarge the device's status has over "
                                              "1048576 bytes: the last "));
        assert_string_equal(held(), "1");
}

static void conditions_do_not_wait_behind_device_status(void **state)
{
        (void)state;
        begin();
        for (int i = 0; i < 6; i++) {
                auto_free char *name = xasprintf("pump-%d", i);

                healthy(name, "{}");
        }
        for (int i = 0; i < 6; i++) {
                auto_free char *key = xasprintf("default/pump-%d", i);

                status(key, "{\"properties\":[]}");
        }
        device("default/pump-5", CONDITION_FALSE, "received error from adaptor", "x");
        (void)waiting("PATCH", LINKS "/pump-5/status");
        unsigned n = 0;
        for (struct call *c = world.calls; c; c = c->next)
                n += strstr(c->path, "modbusdevices") != NULL;
        assert_int_equal(n, 4);
}

/* In this test's time a second is ten milliseconds for whoever waits long. */
void __real_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        __real_loop_timer_start(t, after_ns >= 10 * NS_PER_S ? after_ns / 100 : after_ns, flags);
}

static void times_are_refreshed_for_all_links_together_rarely(void **state)
{
        (void)state;
        world.config.status_interval_ns = 10 * NS_PER_MS;
        world.config.refresh_ns = 1;
        begin();
        healthy("pump", "{}");
        healthy("other", "{}");
        for (int i = 1; i < 10; i++) {
                poll(1, i);
                status("default/other", "{\"properties\":[]}");
                serve_all();
                rest(25); /* each fourth time one of them is due */
        }
        /* Three for each link, the first status of both, and two times. */
        assert_in_range(world.n_calls, 6 + 2 + 1, 6 + 2 + 3);
}

static void without_refresh_times_stay(void **state)
{
        (void)state;
        world.config.status_interval_ns = 10 * NS_PER_MS;
        world.config.refresh_ns = 0;
        begin();
        healthy("pump", "{}");
        for (int i = 1; i < 10; i++) {
                poll(1, i);
                serve_all();
                rest(25);
        }
        assert_int_equal(world.n_calls, 4);
}

static void status_of_a_link_that_is_not_driven_is_nothing(void **state)
{
        struct link_spec *spec;

        (void)state;
        begin_healthy();
        spec = link_spec_ref(driven("default/pump"));
        world.no_plugin = true;
        bump(stored(PUMP));
        tell(PUMP);
        turn();
        served("PATCH", PUMP "/status");
        assert_null(driven("default/pump"));
        cluster_status(world.cluster, spec, "{}", 2);
        link_spec_unref(spec);
        assert_quiet();
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(first_status_is_written_at_once),
                test(status_that_says_nothing_new_is_not_written),
                test(the_latest_is_written_when_the_interval_is_over),
                test(value_that_came_back_before_its_write_is_no_write),
                test(value_that_came_back_during_its_write_is_written),
                test(value_under_way_that_comes_again_is_written_once),
                test(status_without_answer_is_tried_again),
                test(status_of_an_instance_made_anew_is_written_anew),
                test(status_never_lands_on_another_object_of_the_name),
                test(status_that_the_server_refuses_is_not_sent_for_ever),
                test(status_that_is_too_large_loses_its_end_and_this_is_said_once),
                test(conditions_do_not_wait_behind_device_status),
                test(times_are_refreshed_for_all_links_together_rarely),
                test(without_refresh_times_stay),
                test(status_of_a_link_that_is_not_driven_is_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
