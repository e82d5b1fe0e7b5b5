/* How all that is there is read, once and again when its version is gone. */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
#include "reflector_room.h"

/* reference A4 38, 45, 47 */
static void first_a_stream_tells_all_that_is_there(void **state)
{
        struct reflector_config c = config();
        const char *limit = NULL;

        (void)state;
        open_with(&c);
        assert_asks("/apis/edge.cattle.io/v1alpha1/devicelinks?watch=1");
        assert_asks("allowWatchBookmarks=true");
        assert_asks("sendInitialEvents=true");
        assert_asks("resourceVersionMatch=NotOlderThan");
        assert_false(asks("resourceVersion="));
        limit = strstr(sim_call()->path, "timeoutSeconds=");
        assert_in_range(strtol(limit + strlen("timeoutSeconds="), NULL, 10), 300, 600);
        sim_began(sim_call());
        assert_true(event("ADDED", "b", "2", 6));
        assert_true(event("ADDED", "a", "1", 5));
        assert_false(reflector_synced(seen.r));
        assert_true(bookmark(7, false));
        assert_false(reflector_synced(seen.r));
        assert_true(bookmark(10, true));
        assert_true(reflector_synced(seen.r));
        assert_int_equal(reflector_count(seen.r), 2);
        assert_log("+s/b:6 +s/a:5 (live) ");
        assert_int_equal(sim.started, 1);
}

/* reference A4 38, 44, 46 */
static void a_clean_end_goes_on_at_once_from_the_last_version(void **state)
{
        (void)state;
        open_live();
        assert_true(event("MODIFIED", "a", "1", 12));
        assert_true(bookmark(20, false));
        sim_pass(170 * NS_PER_S);
        assert_true(bookmark(25, false));
        sim_pass(170 * NS_PER_S);
        assert_true(bookmark(30, false));
        sim_pass(170 * NS_PER_S);
        assert_true(bookmark(31, false));
        sim_pass(95 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(0);
        if (!sim_call()) /* it was asked for more seconds than these: a jitter */
                sim_pass(NS_PER_S);
        assert_asks("resourceVersion=31");
        assert_false(asks("sendInitialEvents"));
        sim_began(sim_call());
        assert_log("+s/a:12 ");
}

static void answer_list_and_expect_watch(const char *items)
{
        answer_list(10, "", items);
        sim_pass(0);
        assert_asks("watch=1");
        assert_asks("resourceVersion=10");
}

/* reference A3 30, A4 46 */
static void without_initial_events_it_lists_and_watches(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);

        (void)state;
        open_with(&c);
        sim_status(sim_call(), 422, "Invalid", "sendInitialEvents is forbidden for watch");
        assert_asks("/devicelinks?resourceVersion=0");
        assert_false(asks("watch=1"));
        answer_list_and_expect_watch(a);
        assert_false(asks("sendInitialEvents"));
        sim_began(sim_call());
        assert_log("+s/a:5 (live) ");
        assert_true(event("ADDED", "b", "2", 11));
        assert_log("+s/b:11 ");
}

static void where_few_are_selected_it_lists_at_once(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);

        (void)state;
        c.list_first = true;
        open_with(&c);
        assert_asks("/devicelinks?limit=200");
        assert_false(asks("resourceVersion"));
        assert_false(asks("watch=1"));
        answer_list_and_expect_watch(a);
        sim_began(sim_call());
        assert_log("+s/a:5 (live) ");
}

/* reference A4 46 */
static void an_error_within_the_stream_means_no_initial_events(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_began(sim_call());
        error_event(500, "InternalError", "RequestWatchProgress is disabled");
        assert_asks("resourceVersion=0");
        answer_list(10, "", "");
        sim_pass(0);
        assert_asks("watch=1");
        sim_began(sim_call());
        assert_log("(live) ");
}

/* reference A4 46 */
static void a_server_that_does_not_know_initial_events_never_ends_them(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_began(sim_call());
        sim_pass(600 * NS_PER_MS);
        assert_true(event("ADDED", "a", "1", 5));
        sim_pass(600 * NS_PER_MS);
        assert_asks("watch=1"); /* it is still talking */
        sim_pass(500 * NS_PER_MS);
        assert_asks("devicelinks?resourceVersion=0");
        assert_log("+s/a:5 ");
        answer_list(10, "", ""); /* and a is gone by now */
        sim_pass(0);
        sim_began(sim_call());
        assert_log("-s/a:1 (live) ");
}

/* reference A14 */
static void a_stream_that_ends_before_all_is_said_is_not_repeated(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 5));
        sim_end(sim_call());
        assert_asks("devicelinks?resourceVersion=0");
        sim_no_answer(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("devicelinks?resourceVersion=0");
}

/* reference A4 46 */
static void initial_events_are_asked_for_again_after_a_while(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_live_by_list(&c);
        for (int i = 0; i < 20; i++) {
                sim_pass(100 * NS_PER_S);
                assert_true(bookmark(11 + i, false));
        }
        error_event(410, "Expired", "too old resource version: 30 (99)");
        sim_pass(NS_PER_S);
        assert_asks("sendInitialEvents=true");
}

/* reference A4 41, 42, 43 */
static void what_is_expired_is_read_again_and_never_asked_for_again(void **state)
{
        (void)state;
        open_live();
        error_event(410, "Expired", "too old resource version: 10 (212)");
        assert_null(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("sendInitialEvents=true");
        assert_false(asks("resourceVersion="));
        sim_began(sim_call());
        assert_log("(stale) ");
        assert_true(event("ADDED", "a", "1", 5)); /* unchanged: nothing to tell */
        assert_true(event("ADDED", "c", "3", 210));
        assert_log("+s/c:210 ");
        assert_true(bookmark(213, true));
        assert_log("-s/b:2 (live) ");
        sim_pass(5 * NS_PER_S);
        sim_end(sim_call());
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=213");
        sim_status(sim_call(), 410, "Gone", "gone"); /* the same at connect */
        sim_pass(NS_PER_S);
        assert_false(asks("resourceVersion="));
}

/* reference A3 30, 31, 32 */
static void after_expiry_a_list_is_the_newest_and_comes_in_pages(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);
        auto_free char *d = object("d", "4", 7);

        (void)state;
        open_live_by_list(&c);
        error_event(410, "Expired", "too old resource version: 10 (212)");
        sim_pass(NS_PER_S);
        assert_false(asks("resourceVersion"));
        assert_asks("limit=200");
        answer_list(300, "opaque+/=&", a);
        assert_asks("continue=opaque%2B%2F%3D%26");
        assert_asks("limit=200");
        assert_false(asks("resourceVersion"));
        answer_list(300, "", d);
        assert_log("(stale) +s/d:7 -s/b:2 ");
        sim_pass(0);
        assert_asks("resourceVersion=300");
        sim_began(sim_call());
        assert_log("(live) ");
}

/* reference A3 31 */
static void pages_that_expire_become_one_list(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);
        auto_free char *b = object("b", "2", 6);
        auto_free char *both = xasprintf("%s,%s", a, b);

        (void)state;
        for (int i = 0; i < 2; i++) {
                open_live_by_list(&c);
                error_event(410, "Expired", "too old resource version");
                sim_pass(NS_PER_S);
                answer_list(300, "token", a);
                if (i == 0)
                        sim_status(sim_call(), 410, "Expired", "the continue parameter is too old");
                else
                        sim_status(sim_call(), 400, "BadRequest", "continue key is not valid");
                assert_false(asks("limit"));
                assert_false(asks("continue"));
                assert_false(asks("resourceVersion"));
                answer_list(301, "", both);
                sim_pass(0);
                assert_asks("resourceVersion=301");
                sim_began(sim_call());
                assert_log("(stale) (live) "); /* nothing changed */
                reflector_close(seen.r);
        }
        seen.r = NULL;
}

/* reference A4 58, A13 145 */
static void one_object_is_watched_by_its_name_and_metadata_alone_on_request(void **state)
{
        struct reflector_config c = config();

        (void)state;
        c.resource = kube_secrets;
        c.space = "ns";
        c.name = "s1";
        c.label_selector = "a=b";
        c.metadata_only = true;
        open_with(&c);
        assert_asks("/api/v1/namespaces/ns/secrets?fieldSelector=metadata.name%3Ds1&"
                    "labelSelector=a%3Db&watch=1");
        assert_non_null(strstr(sim_call()->accept, "as=PartialObjectMetadata;"));
        sim_status(sim_call(), 422, "Invalid", "forbidden");
        assert_asks("secrets?fieldSelector=metadata.name%3Ds1&labelSelector=a%3Db&resourceVersion");
        assert_non_null(strstr(sim_call()->accept, "as=PartialObjectMetadataList;"));
}

static void a_name_and_a_field_are_both_asked_for(void **state)
{
        struct reflector_config c = config();

        (void)state;
        c.name = "a";
        c.field_selector = "x=y";
        open_with(&c);
        assert_asks("fieldSelector=metadata.name%3Da%2Cx%3Dy&");
}

/* reference A13 142 */
static void the_start_waits_for_a_random_time(void **state)
{
        struct reflector_config c = config();
        unsigned started = 0;

        (void)state;
        c.start_jitter_ns = 10 * NS_PER_S;
        for (int i = 0; i < 50; i++) {
                struct reflector *r = reflector_open(&c);

                sim_pass(5 * NS_PER_S);
                started += sim_call() != NULL;
                sim_pass(5 * NS_PER_S);
                assert_non_null(sim_call());
                reflector_close(r);
        }
        assert_in_range(started, 5, 45);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(first_a_stream_tells_all_that_is_there),
                TEST(a_clean_end_goes_on_at_once_from_the_last_version),
                TEST(without_initial_events_it_lists_and_watches),
                TEST(where_few_are_selected_it_lists_at_once),
                TEST(an_error_within_the_stream_means_no_initial_events),
                TEST(a_server_that_does_not_know_initial_events_never_ends_them),
                TEST(a_stream_that_ends_before_all_is_said_is_not_repeated),
                TEST(initial_events_are_asked_for_again_after_a_while),
                TEST(what_is_expired_is_read_again_and_never_asked_for_again),
                TEST(after_expiry_a_list_is_the_newest_and_comes_in_pages),
                TEST(pages_that_expire_become_one_list),
                TEST(one_object_is_watched_by_its_name_and_metadata_alone_on_request),
                TEST(a_name_and_a_field_are_both_asked_for),
                TEST(the_start_waits_for_a_random_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
