/* What a reflector does when its server is away, silent, refuses it, or does not know the selector.
 */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
#include "reflector_room.h"

/* reference A4 52, A13 142 */
static void an_early_end_goes_on_within_a_second(void **state)
{
        (void)state;
        open_live();
        sim_pass(5 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10");
        sim_http(sim_call(), 429, "text/plain", "Too many requests, please try again later.");
        assert_log("(stale) ");
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10");
        sim_began(sim_call());
        assert_log("(live) ");
}

/* reference A4 50 */
static void a_watch_that_ends_at_once_and_in_vain_is_backed_off(void **state)
{
        (void)state;
        open_live();
        sim_pass(5 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        unsigned before = sim.started;
        for (int i = 0; i < 1000; i++) {
                if (sim_call()) {
                        sim_began(sim_call());
                        sim_end(sim_call());
                }
                sim_pass(NS_PER_S);
        }
        assert_in_range(sim.started - before, 30, 80);
        while (!sim_call())
                sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10");
        assert_log("");
}

static void why_it_does_not_start_is_told_once(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_no_answer(sim_call());
        assert_log("(starting) ");
        assert_string_equal(seen.text, "connection refused");
        sim_pass(NS_PER_S);
        sim_no_answer(sim_call());
        sim_pass(2 * NS_PER_S);
        sim_began(sim_call());
        assert_true(bookmark(10, true));
        assert_log("(live) ");
}

/* reference A3 34 */
static void a_version_from_the_future_is_given_up(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_live_by_list(&c);
        sim_status(sim_call(), 500, "InternalError", "storage");
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10&resourceVersionMatch=NotOlderThan");
        sim_http(sim_call(), 504, "application/json",
                 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":504,\"reason\":\"Timeout\","
                 "\"message\":\"Too large resource version: 10, current: 7\",\"details\":{"
                 "\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}]}}");
        sim_pass(2 * NS_PER_S);
        assert_false(asks("resourceVersion"));
        auto_free char *a = object("a", "1", 3); /* older than what was known: it counts */
        answer_list(7, "", a);
        sim_pass(0);
        assert_asks("resourceVersion=7");
        assert_log("(stale) +s/a:3 -s/b:2 ");
}

/* reference A4 49 */
static void a_silent_watch_is_given_up_and_all_read_anew(void **state)
{
        (void)state;
        open_live();
        sim_pass(179 * NS_PER_S);
        assert_true(bookmark(11, false));
        sim_pass(179 * NS_PER_S);
        assert_non_null(sim_call());
        assert_log("");
        sim_pass(11 * NS_PER_S);
        assert_log("(stale) ");
        sim_pass(NS_PER_S);
        assert_asks("sendInitialEvents=true");
        assert_false(asks("resourceVersion="));
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 3)); /* the server went back in time */
        assert_true(bookmark(4, true));
        assert_log("+s/a:3 -s/b:2 (live) ");
        assert_true(event("MODIFIED", "a", "1", 5));
        assert_log("+s/a:5 ");
}

/* reference A2 21 */
static void a_watch_that_is_never_answered_is_tried_again(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_pass(29 * NS_PER_S);
        assert_non_null(sim_call());
        sim_pass(NS_PER_S);
        assert_null(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("sendInitialEvents=true");
}

/* reference A4 51, 53 */
static void who_may_not_read_waits_for_minutes_and_loses_nothing(void **state)
{
        static const int codes[] = { 401, 403, 404 };
        static const char *const states[] = { "(forbidden) ", "(forbidden) ", "(none) " };

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                open_live();
                sim_pass(200 * NS_PER_S / 2);
                sim_end(sim_call());
                sim_pass(NS_PER_S);
                unsigned before = sim.started;
                for (int s = 0; s < 3600; s++) {
                        if (sim_call())
                                sim_status(sim_call(), codes[i], "Reason", "no, you may not");
                        sim_pass(NS_PER_S);
                }
                assert_in_range(sim.started - before, 25, 60);
                assert_log(states[i]);
                assert_string_equal(seen.text, "no, you may not");
                assert_int_equal(reflector_count(seen.r), 2);
                reflector_retry(seen.r); /* whoever knows better need not wait */
                sim_pass(0);
                assert_asks("sendInitialEvents=true");
                sim_began(sim_call());
                assert_true(event("ADDED", "a", "1", 5));
                assert_true(bookmark(99, true));
                assert_log("-s/b:2 (live) ");
                reflector_close(seen.r);
        }
        seen.r = NULL;
}

/* reference A2 25, A4 53 */
static void a_text_404_is_a_resource_that_is_not_there(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_http(sim_call(), 404, "text/plain; charset=utf-8", "404 page not found\n");
        assert_log("(none) ");
        assert_false(reflector_synced(seen.r));
        sim_pass(NS_PER_S);
        assert_asks("sendInitialEvents=true");
}

/* reference A4 50 */
static void trouble_at_connect_keeps_the_version_or_lists_by_its_kind(void **state)
{
        (void)state;
        open_live();
        sim_no_answer(sim_call()); /* the stream breaks */
        assert_log("(stale) ");
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10");
        sim_no_answer(sim_call());
        sim_pass(2 * NS_PER_S);
        assert_asks("resourceVersion=10");
        sim_http(sim_call(), 429, "text/plain", "later");
        sim_pass(4 * NS_PER_S);
        assert_asks("resourceVersion=10");
        sim_status(sim_call(), 503, "ServiceUnavailable", "away");
        sim_pass(8 * NS_PER_S);
        assert_asks("sendInitialEvents=true");
        assert_log("");
}

/* reference A4 50 */
static void pauses_double_to_30_s_and_are_short_again_after_health(void **state)
{
        struct reflector_config c = config();
        unsigned before = 0;

        (void)state;
        open_with(&c);
        for (int s = 0; s < 600; s++) {
                if (sim_call())
                        sim_no_answer(sim_call());
                sim_pass(NS_PER_S);
        }
        before = sim.started;
        for (int s = 0; s < 600; s++) {
                if (sim_call())
                        sim_no_answer(sim_call());
                sim_pass(NS_PER_S);
        }
        assert_in_range(sim.started - before, 20, 42);
        while (!sim_call())
                sim_pass(NS_PER_S);
        sim_began(sim_call());
        assert_true(bookmark(10, true));
        sim_pass(121 * NS_PER_S);
        sim_no_answer(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10");
}

/* reference A2 24 */
static void the_server_says_how_long_to_wait(void **state)
{
        struct reflector_config c = config();
        struct kube_answer a;

        (void)state;
        open_with(&c);
        answer_none(KUBE_AWAY, "later", &a);
        a.status = 429;
        a.retry_after_ns = 20 * NS_PER_S;
        sim_answer(sim_call(), &a);
        sim_pass(19 * NS_PER_S);
        assert_null(sim_call());
        sim_pass(NS_PER_S);
        assert_non_null(sim_call());
}

/* reference A2 29 */
static void a_list_that_cannot_be_read_is_tried_again_and_removes_nothing(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_live_by_list(&c);
        sim_status(sim_call(), 500, "InternalError", "storage");
        sim_pass(NS_PER_S);
        sim_http(sim_call(), 200, "application/json", "{\"items\":[]}");
        sim_pass(2 * NS_PER_S);
        assert_non_null(sim_call());
        sim_http(sim_call(), 200, "text/html", "<html>please log in</html>");
        assert_log("(stale) ");
        assert_int_equal(reflector_count(seen.r), 2);
}

/* reference A3 36 */
static void a_field_that_the_server_does_not_know_is_filtered_here(void **state)
{
        struct reflector_config c = config();
        auto_free char *other = xasprintf(OBJECT_FORMAT, "x", "9", 7, "n2");

        (void)state;
        c.field_selector = "spec.adaptor.node=n1";
        c.keep = keep_mine;
        open_with(&c);
        assert_asks("fieldSelector=spec.adaptor.node%3Dn1");
        sim_status(sim_call(), 400, "BadRequest", "field label not supported: spec.adaptor.node");
        assert_false(asks("fieldSelector"));
        assert_asks("sendInitialEvents=true");
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 5));
        assert_true(sim_line(sim_call(), "{\"type\":\"ADDED\",\"object\":%s}", other));
        assert_true(bookmark(10, true));
        assert_log("+s/a:5 (live) ");
        assert_true(event_on("MODIFIED", "a", "1", 11, "n2")); /* it leaves */
        assert_true(event_on("MODIFIED", "x", "9", 12, "n1")); /* it comes */
        assert_log("-s/a:1 +s/x:12 ");

        for (int i = 0; i < 18; i++) { /* half an hour later it looks again */
                sim_pass(100 * NS_PER_S);
                assert_true(bookmark(13 + i, false));
        }
        sim_pass(10 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("fieldSelector=spec.adaptor.node%3Dn1&limit=1");
        sim_status(sim_call(), 400, "BadRequest", "field label not supported: spec.adaptor.node");
        assert_asks("resourceVersion=30");
        assert_false(asks("fieldSelector"));
        sim_began(sim_call());
        for (int i = 0; i < 18; i++) {
                sim_pass(100 * NS_PER_S);
                assert_true(bookmark(31 + i, false));
        }
        sim_pass(10 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        answer_list(60, "", "");
        assert_asks("fieldSelector=spec.adaptor.node%3Dn1");
        assert_asks("sendInitialEvents=true");
        assert_log("");
}

/* reference A10 109 */
static void a_selector_that_is_lost_later_changes_nothing_that_is_known(void **state)
{
        struct reflector_config c = config();

        (void)state;
        c.field_selector = "spec.adaptor.node=n1";
        c.keep = keep_mine;
        open_live_with(&c);
        sim_pass(5 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        sim_status(sim_call(), 400, "BadRequest", "field label not supported: spec.adaptor.node");
        assert_false(asks("fieldSelector"));
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 5));
        assert_true(event("ADDED", "b", "2", 6));
        assert_true(bookmark(20, true));
        assert_log("(live) ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(an_early_end_goes_on_within_a_second),
                TEST(a_watch_that_ends_at_once_and_in_vain_is_backed_off),
                TEST(why_it_does_not_start_is_told_once),
                TEST(a_version_from_the_future_is_given_up),
                TEST(a_silent_watch_is_given_up_and_all_read_anew),
                TEST(a_watch_that_is_never_answered_is_tried_again),
                TEST(who_may_not_read_waits_for_minutes_and_loses_nothing),
                TEST(a_text_404_is_a_resource_that_is_not_there),
                TEST(trouble_at_connect_keeps_the_version_or_lists_by_its_kind),
                TEST(pauses_double_to_30_s_and_are_short_again_after_health),
                TEST(the_server_says_how_long_to_wait),
                TEST(a_list_that_cannot_be_read_is_tried_again_and_removes_nothing),
                TEST(a_field_that_the_server_does_not_know_is_filtered_here),
                TEST(a_selector_that_is_lost_later_changes_nothing_that_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
