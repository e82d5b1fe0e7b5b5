/* Event-driven devices: from the desired set to values, conditions and back, whatever goes wrong.
 */

#include "rig.h"

#define ONE "{'unit':1,'interval':50,'points':[{'name':'x'},{'name':'y'}]}"

static bool three_statuses(struct rig *r)
{
        return seen_of(r, "default/a")->statuses >= 3;
}

static void values_arrive_and_the_link_is_healthy(void **state)
{
        struct rig *r = rig_new(2, 2);

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_string_equal(phase(r, "default/a"), "DeviceConnected/Connecting");
        assert_true(spin(r, a_is_healthy, 2000));
        assert_true(spin(r, three_statuses, 2000));
        const struct seen *s = seen_of(r, "default/a");
        assert_int_equal(s->conditions.n, 5);
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(s->conditions.list[i].status, CONDITION_TRUE);
        assert_non_null(strstr(s->document, "{\"properties\":[{\"name\":\"x\",\"value\":100"));
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 1);
        assert_int_equal(atomic_load(&event_fake->unit[1].last_n), 2);
        rig_free(r);
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 1);
}

static bool polled_ten_times(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].reads) >= 10;
}

static void polls_keep_their_interval(void **state)
{
        struct rig *r = rig_new(1, 1);
        int64_t begun = clock_mono_ns();

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, polled_ten_times, 3000));
        assert_in_range(clock_mono_ns() - begun, 440 * NS_PER_MS, 1500 * NS_PER_MS);
        rig_free(r);
}

static void nothing_is_said_before_the_first_poll_has_ended(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_SLOW);
        apply_one(r, "a", EVENT, ONE);
        run_for(r, 100);
        assert_int_equal(seen_of(r, "default/a")->statuses, 0);
        assert_true(spin(r, a_is_healthy, 2000));
        assert_int_equal(seen_of(r, "default/a")->statuses, 1);
        rig_free(r);
}

static void a_dead_device_keeps_its_values_and_is_found_within_two_seconds(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct links_counts c;

        (void)state;
        apply_one(r, "a", EVENT, "{'unit':1,'interval':10000,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_healthy, 2000));
        const struct seen *s = seen_of(r, "default/a");
        assert_string_equal(s->document, "{\"properties\":[{\"name\":\"x\",\"value\":1001}]}");

        apply_one(r, "a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        run_for(r, 100);
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        assert_true(spin(r, a_is_unhealthy, 1000));
        assert_string_equal(conditions_phase(&s->conditions)->message,
                            "received error from adaptor");
        assert_string_equal(s->cause, "mode 1");
        assert_non_null(strstr(s->document, "\"value\":10"));
        assert_non_null(strstr(s->document, "\"quality\":\"bad\",\"error\":\"mode 1\""));
        links_count(r->links, &c);
        assert_int_equal(c.unhealthy, 1);

        int told = s->statuses, reads = atomic_load(&event_fake->unit[1].reads);
        run_for(r, 2500);
        assert_int_equal(s->statuses, told); /* the same trouble is not told again */
        assert_in_range(atomic_load(&event_fake->unit[1].reads) - reads, 2, 12);

        atomic_store(&event_fake->unit[1].mode, FAKE_OK);
        assert_true(spin(r, a_is_healthy, 2000));
        assert_null(strstr(s->document, "quality"));
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 1);
        rig_free(r);
}

static void a_device_that_never_answered_says_so(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_unhealthy, 1000));
        assert_string_equal(conditions_phase(&seen_of(r, "default/a")->conditions)->message,
                            "unable to connect to device");
        rig_free(r);
}

static bool b_is_polled_on(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[2].reads) >= 20;
}

static void one_devices_trouble_is_not_its_neighbours(void **state)
{
        static const int troubles[] = { FAKE_DOWN, FAKE_REFUSE, FAKE_CONFIG, FAKE_BUG, FAKE_HANG };
        struct rig *r = rig_new(1, 1);

        (void)state;
        for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
                atomic_store(&event_fake->unit[2].reads, 0);
                atomic_store(&event_fake->unit[1].mode, troubles[i]);
                want(r, link_of("a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}"));
                want(r, link_of("b", EVENT,
                                "{'unit':2,'channel':'b','interval':20,'points':[{'name':'x'}]}"));
                apply(r);
                assert_true(spin(r, b_is_polled_on, 1500));
                apply(r);
        }
        rig_free(r);
}

static void a_wrong_spec_waits_until_it_changes(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_CONFIG);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_unhealthy, 1000));
        assert_string_equal(seen_of(r, "default/a")->cause, "points[0].name: mode 3");
        int reads = atomic_load(&event_fake->unit[1].reads);
        run_for(r, 600);
        assert_int_equal(atomic_load(&event_fake->unit[1].reads), reads);
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 1);

        atomic_store(&event_fake->unit[1].mode, FAKE_OK);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':50,'points':[{'name':'z'}]}");
        assert_true(spin(r, a_is_healthy, 1000));
        rig_free(r);
}

static void a_refused_poll_keeps_the_line_and_the_rhythm(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_REFUSE);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        assert_true(spin(r, polled_ten_times, 1000));
        assert_true(a_is_unhealthy(r));
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 0);
        rig_free(r);
}

static bool polled_twice(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].reads) >= 2;
}

/* A device that refuses is there: the next outage begins with short delays. */
static void a_refused_poll_ends_an_outage(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        run_for(r, 2500);
        atomic_store(&event_fake->unit[1].mode, FAKE_REFUSE);
        atomic_store(&event_fake->unit[1].reads, 0);
        assert_true(spin(r, polled_ten_times, 3000));
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        atomic_store(&event_fake->unit[1].reads, 0);
        assert_true(spin(r, polled_twice, 600));
        rig_free(r);
}

static void a_bad_point_is_shown_and_the_link_stays_healthy(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_ONE_BAD);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        assert_string_equal(seen_of(r, "default/a")->document,
                            "{\"properties\":[{\"name\":\"x\",\"quality\":\"bad\",\"error\":"
                            "\"exception 2\"},{\"name\":\"y\",\"value\":1011}]}");
        rig_free(r);
}

/* --- configuration */

static bool updated_once(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].updates) == 1;
}

static void changed_points_and_interval_keep_the_connection_and_the_values(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct seen *s = seen_of(r, "default/a");

        (void)state;
        apply_one(r, "a", EVENT,
                  "{'unit':1,'interval':60000,'points':[{'name':'x'},{'name':'y'}]}");
        assert_true(spin(r, a_is_healthy, 1000));
        run_for(r, 50);
        assert_int_equal(atomic_load(&event_fake->unit[1].reads), 1);

        atomic_store(&event_fake->unit[1].mode, FAKE_SLOW);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':50,'points':[{'name':'y'},{'name':'z'}]}");
        assert_true(spin(r, updated_once, 1000));
        run_for(r, 100); /* before the slow read is over: y as it was, under its new index */
        assert_string_equal(s->document,
                            "{\"properties\":[{\"name\":\"y\",\"value\":1011},{\"name\":\"z\"}]}");
        atomic_store(&event_fake->unit[1].mode, FAKE_OK);
        assert_true(spin(r, polled_ten_times, 2000)); /* the new interval holds at once */
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 1);
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 0);
        assert_true(a_is_healthy(r));
        rig_free(r);
}

static void a_changed_mqtt_section_touches_nothing_but_is_told(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct seen *s = seen_of(r, "default/a");

        (void)state;
        apply_one(r, "a", EVENT, "{'unit':1,'interval':60000,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_healthy, 1000));
        int told = s->statuses, compiles = atomic_load(&event_fake->compiles);
        apply_one(r, "a", EVENT,
                  "{'unit':1,'interval':60000,'points':[{'name':'x'}],'extension':{'mqtt':1}}");
        assert_int_equal(s->statuses, told);
        run_for(r, 50);
        assert_int_equal(s->statuses, told + 1);
        assert_int_equal(atomic_load(&event_fake->compiles), compiles);
        assert_int_equal(atomic_load(&event_fake->unit[1].updates), 0);
        assert_int_equal(atomic_load(&event_fake->unit[1].reads), 1);
        apply_one(r, "a", EVENT,
                  "{'unit':1,'interval':60000,'points':[{'name':'x'}],'extension':{'mqtt':1}}");
        run_for(r, 50);
        assert_int_equal(s->statuses, told + 1); /* nothing changed, nothing told */
        rig_free(r);
}

static bool reopened(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].opens) == 2;
}

static void another_connection_closes_and_then_opens(void **state)
{
        struct rig *r = rig_new(2, 1);

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        apply_one(
                r, "a", EVENT,
                "{'unit':1,'channel':'z','connection':'z','interval':50,'points':[{'name':'x'}]}");
        assert_string_equal(phase(r, "default/a"), "DeviceConnected/Connecting");
        assert_true(spin(r, reopened, 1000));
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 1);
        assert_true(spin(r, a_is_healthy, 1000));
        rig_free(r);
}

static void an_update_that_fails_closes_and_opens(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        atomic_store(&event_fake->unit[1].update_rc, DL_CONFIG);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':50,'points':[{'name':'z'}]}");
        assert_true(spin(r, reopened, 1000));
        assert_true(spin(r, a_is_healthy, 1000));
        rig_free(r);
}

static bool all_closed(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].closes) == atomic_load(&event_fake->unit[1].opens);
}

static void what_is_no_longer_desired_is_closed(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct links_counts c;

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        apply(r);
        assert_true(spin(r, all_closed, 1000));
        links_count(r->links, &c);
        assert_int_equal(c.links, 0);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, reopened, 1000));
        rig_free(r);
}

static void conditions_name_the_step_that_fails(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct seen *s = seen_of(r, "default/a");

        (void)state;
        apply_one(r, "a", "nobody", ONE);
        assert_string_equal(phase(r, "default/a"), "AdaptorExisted/NotFound");
        assert_string_equal(conditions_phase(&s->conditions)->message, "the adaptor isn't existed");
        assert_non_null(strstr(s->cause, "nobody"));

        apply_one(r, "a", EVENT, "{'points':[{'name':'x'},{'name':'y','wrong':1}]}");
        assert_string_equal(phase(r, "default/a"), "DeviceCreated/Fail");
        assert_string_equal(conditions_phase(&s->conditions)->message,
                            "unable to create device from template");
        assert_string_equal(s->cause, "spec.template.spec.points[1].wrong: expected no such");

        struct link_spec *spec = link_of("a", EVENT, ONE);
        spec->reference_error = "secret 'x' does not exist";
        want(r, spec);
        apply(r);
        assert_string_equal(phase(r, "default/a"), "DeviceConnected/Unhealthy");
        assert_string_equal(conditions_phase(&s->conditions)->message,
                            "unable to fetch the reference parameters");
        assert_string_equal(s->cause, "secret 'x' does not exist");

        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        assert_int_equal(s->conditions.n, 5);
        rig_free(r);
}

static void a_broken_update_shows_and_what_ran_goes_on(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct seen *s = seen_of(r, "default/a");

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        apply_one(r, "a", EVENT, "{'unit':1,'points':[{'name':'x'},{'name':'y','wrong':1}]}");
        assert_true(a_is_unhealthy(r));
        assert_string_equal(conditions_phase(&s->conditions)->message,
                            "unable to update the device from template");
        int told = s->statuses;
        run_for(r, 300);
        assert_true(s->statuses >= told + 3);
        assert_true(a_is_unhealthy(r));
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 0);

        apply_one(r, "a", EVENT, ONE);
        assert_true(a_is_healthy(r));
        rig_free(r);
}

/* --- desired values */

static void desired_values_are_written_before_the_first_read_and_when_they_change(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct fake_unit *u = &event_fake->unit[1];

        (void)state;
        apply_one(r, "a", EVENT, "{'unit':1,'interval':30,'points':[{'name':'x','desired':5}]}");
        assert_true(spin(r, polled_ten_times, 2000));
        assert_int_equal(atomic_load(&u->read_first), 0);
        assert_int_equal(atomic_load(&u->writes), 1);
        assert_int_equal(atomic_load(&u->last_value), 5);

        apply_one(r, "a", EVENT,
                  "{'unit':1,'interval':30,'points':[{'name':'y'},{'name':'x','desired':5}]}");
        assert_true(spin(r, updated_once, 1000));
        run_for(r, 100);
        assert_int_equal(atomic_load(&u->writes), 1);

        apply_one(r, "a", EVENT,
                  "{'unit':1,'interval':30,'points':[{'name':'y'},{'name':'x','desired':6}]}");
        run_for(r, 100);
        assert_int_equal(atomic_load(&u->writes), 2);
        assert_int_equal(atomic_load(&u->last_value), 6);
        assert_int_equal(atomic_load(&u->last_point), 1);
        rig_free(r);
}

static void a_refused_desired_value_shows_and_polling_goes_on(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct seen *s = seen_of(r, "default/a");

        (void)state;
        atomic_store(&event_fake->unit[1].write_rc, DL_REFUSED);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':30,'points':[{'name':'x','desired':5}]}");
        assert_true(spin(r, a_is_healthy, 1000));
        assert_true(spin(r, polled_ten_times, 1000));
        assert_non_null(strstr(s->document, "\"error\":\"not now\""));
        assert_null(strstr(s->document, "quality"));
        assert_int_equal(atomic_load(&event_fake->unit[1].writes), 1);

        atomic_store(&event_fake->unit[1].write_rc, DL_OK);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':30,'points':[{'name':'x','desired':6}]}");
        assert_true(spin(r, updated_once, 1000));
        run_for(r, 100);
        assert_null(strstr(s->document, "error"));
        rig_free(r);
}

static void a_desired_value_that_breaks_the_line_does_not_stop_reading(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].write_rc, DL_RETRY);
        apply_one(r, "a", EVENT, "{'unit':1,'interval':30,'points':[{'name':'x','desired':5}]}");
        assert_true(spin(r, polled_ten_times, 5000));
        assert_in_range(atomic_load(&event_fake->unit[1].writes), 2, 12);
        atomic_store(&event_fake->unit[1].write_rc, DL_OK);
        int writes = atomic_load(&event_fake->unit[1].writes);
        run_for(r, 1800);
        assert_int_equal(atomic_load(&event_fake->unit[1].writes), writes + 1);
        assert_true(a_is_healthy(r));
        rig_free(r);
}

/* --- pushed values */

static bool pushed_value_is_there(struct rig *r)
{
        return strstr(seen_of(r, "default/a")->document, "4242") != NULL;
}

static void values_pushed_from_another_thread_arrive(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        apply_one(r, "a", EVENT, "{'unit':1,'interval':0,'points':[{'name':'x','push':true}]}");
        assert_true(spin(r, a_is_healthy, 1000)); /* connected once, though never polled */
        int reads = atomic_load(&event_fake->unit[1].reads);
        event_fake->emit(atomic_load(&event_fake->unit[1].sink), 4242);
        assert_true(spin(r, pushed_value_is_there, 1000));
        assert_int_equal(atomic_load(&event_fake->unit[1].reads), reads);
        rig_free(r);
}

static bool read_again(struct rig *r)
{
        (void)r;
        return atomic_load(&event_fake->unit[1].reads) >= 2;
}

static void a_line_that_goes_by_itself_is_connected_again(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        apply_one(r, "a", EVENT, "{'unit':1,'interval':0,'points':[{'name':'x','push':true}]}");
        assert_true(spin(r, a_is_healthy, 1000));
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        event_fake->state(atomic_load(&event_fake->unit[1].sink), DL_RETRY, "gone");
        assert_true(spin(r, a_is_unhealthy, 1000));
        atomic_store(&event_fake->unit[1].mode, FAKE_OK);
        assert_true(spin(r, read_again, 2000));
        assert_true(spin(r, a_is_healthy, 2000));
        rig_free(r);
}

/* --- plugins that break the contract */

static void what_a_plugin_gets_wrong_harms_nothing(void **state)
{
        static const int modes[] = { FAKE_TWICE, FAKE_WRONG_POINT, FAKE_OVERSIZE, FAKE_WRONG_TYPE };

        (void)state;
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                struct rig *r = rig_new(1, 1);

                atomic_store(&event_fake->unit[1].mode, modes[i]);
                apply_one(r, "a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
                assert_true(spin(r, polled_ten_times, 2000));
                assert_true(a_is_healthy(r));
                assert_non_null(strstr(seen_of(r, "default/a")->document, "\"value\":10"));
                rig_free(r);
        }
}

static void samples_after_close_go_nowhere(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        apply(r);
        assert_true(spin(r, all_closed, 1000));
        run_for(r, 20);
        int told = seen_of(r, "default/a")->statuses;
        event_fake->emit(atomic_load(&event_fake->unit[1].closed_sink), 4242);
        event_fake->state(atomic_load(&event_fake->unit[1].closed_sink), DL_OK, "");
        run_for(r, 50);
        assert_int_equal(seen_of(r, "default/a")->statuses, told);
        rig_free(r);
}

static void a_link_the_plugin_calls_impossible_is_closed_and_tried_later(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_BUG);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_unhealthy, 1000));
        assert_true(spin(r, all_closed, 1000));
        run_for(r, 500);
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 1);
        rig_free(r);
}

static void a_link_that_cannot_be_opened_is_retried(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].open_rc, DL_RETRY);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_unhealthy, 1000));
        assert_string_equal(seen_of(r, "default/a")->cause, "cannot be opened");
        atomic_store(&event_fake->unit[1].open_rc, DL_OK);
        assert_true(spin(r, a_is_healthy, 2000));
        rig_free(r);
}

static void names_are_looked_up_for_the_plugin(void **state)
{
        static const int modes[] = { FAKE_LOOK_UP, FAKE_LITERAL };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct rig *r = rig_new(1, 1);

                atomic_store(&event_fake->unit[1].mode, modes[i]);
                apply_one(r, "a", EVENT, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
                assert_true(spin(r, polled_ten_times, 3000));
                assert_true(a_is_healthy(r));
                rig_free(r); /* perhaps amid a look-up: its answer is not wanted any more */
        }
}

static void what_a_plugin_leaves_behind_is_ended_for_it(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_LEAVE);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 1000));
        apply(r);
        assert_true(spin(r, all_closed, 1000));
        run_for(r, 100); /* its timer would have fired by now, into memory that is free */
        rig_free(r);
}

/* --- many */

static bool all_polled(struct rig *r)
{
        struct links_counts c;

        links_count(r->links, &c);
        return c.healthy == 1000;
}

static void a_thousand_links_are_polled_within_three_seconds_by_two_threads(void **state)
{
        struct rig *r = rig_new(2, 2);
        struct links_counts c;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                char name[16], spec[128];

                (void)snprintf(name, sizeof(name), "l%d", i);
                (void)snprintf(spec, sizeof(spec),
                               "{'unit':%d,'channel':'c%d','interval':1000,"
                               "'points':[{'name':'x'},{'name':'y'}]}",
                               i, i);
                want(r, link_of(name, EVENT, spec));
        }
        apply(r);
        assert_true(spin(r, all_polled, 3000));
        run_for(r, 1200);
        links_count(r->links, &c);
        assert_int_equal(c.threads, 2);
        assert_true(c.polls >= 2000);
        assert_int_equal(c.polls_failed, 0);
        assert_int_equal(c.samples, 2 * c.polls);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_arrive_and_the_link_is_healthy),
                cmocka_unit_test(polls_keep_their_interval),
                cmocka_unit_test(nothing_is_said_before_the_first_poll_has_ended),
                cmocka_unit_test(a_dead_device_keeps_its_values_and_is_found_within_two_seconds),
                cmocka_unit_test(a_device_that_never_answered_says_so),
                cmocka_unit_test(one_devices_trouble_is_not_its_neighbours),
                cmocka_unit_test(a_wrong_spec_waits_until_it_changes),
                cmocka_unit_test(a_refused_poll_keeps_the_line_and_the_rhythm),
                cmocka_unit_test(a_refused_poll_ends_an_outage),
                cmocka_unit_test(a_bad_point_is_shown_and_the_link_stays_healthy),
                cmocka_unit_test(changed_points_and_interval_keep_the_connection_and_the_values),
                cmocka_unit_test(a_changed_mqtt_section_touches_nothing_but_is_told),
                cmocka_unit_test(another_connection_closes_and_then_opens),
                cmocka_unit_test(an_update_that_fails_closes_and_opens),
                cmocka_unit_test(what_is_no_longer_desired_is_closed),
                cmocka_unit_test(conditions_name_the_step_that_fails),
                cmocka_unit_test(a_broken_update_shows_and_what_ran_goes_on),
                cmocka_unit_test(
                        desired_values_are_written_before_the_first_read_and_when_they_change),
                cmocka_unit_test(a_refused_desired_value_shows_and_polling_goes_on),
                cmocka_unit_test(a_desired_value_that_breaks_the_line_does_not_stop_reading),
                cmocka_unit_test(values_pushed_from_another_thread_arrive),
                cmocka_unit_test(a_line_that_goes_by_itself_is_connected_again),
                cmocka_unit_test(what_a_plugin_gets_wrong_harms_nothing),
                cmocka_unit_test(samples_after_close_go_nowhere),
                cmocka_unit_test(a_link_the_plugin_calls_impossible_is_closed_and_tried_later),
                cmocka_unit_test(a_link_that_cannot_be_opened_is_retried),
                cmocka_unit_test(names_are_looked_up_for_the_plugin),
                cmocka_unit_test(what_a_plugin_leaves_behind_is_ended_for_it),
                cmocka_unit_test(a_thousand_links_are_polled_within_three_seconds_by_two_threads),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
