/* What a reflector makes of events, and of answers to its owner's own writes. */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
#include "reflector_room.h"

/* reference A4 40 */
static void events_are_taken_by_what_is_known_not_by_their_name(void **state)
{
        (void)state;
        open_live();
        assert_true(event("ADDED", "a", "1", 11));
        assert_true(event("MODIFIED", "c", "3", 12));
        assert_true(event("MODIFIED", "c", "3", 12)); /* again */
        assert_true(event("MODIFIED", "a", "1", 9));  /* out of date */
        assert_true(event("DELETED", "x", "9", 13));  /* never seen */
        assert_true(event("REPLACED", "a", "1", 14)); /* of another age */
        assert_log("+s/a:11 +s/c:12 ");
        assert_true(event("DELETED", "a", "1", 15));
        assert_true(event("DELETED", "a", "1", 15));
        assert_log("-s/a:1 ");
        assert_int_equal(reflector_skipped(seen.r), 1);
}

/* reference A3 32, A4 56 */
static void the_same_name_with_another_uid_is_another_object(void **state)
{
        (void)state;
        open_live();
        assert_true(event("MODIFIED", "a", "7", 11)); /* its deletion was missed */
        assert_log("-s/a:1 +s/a:11 ");
        assert_true(event("DELETED", "a", "1", 10)); /* the old one's, late */
        assert_log("");
        assert_true(event("DELETED", "a", "7", 12));
        assert_log("-s/a:7 ");
}

/* reference A3 32 */
static void a_list_finds_another_uid_too(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "8", 20);

        (void)state;
        open_live_by_list(&c);
        sim_status(sim_call(), 500, "InternalError", "storage");
        sim_pass(NS_PER_S);
        answer_list(30, "", a);
        assert_log("(stale) -s/a:1 +s/a:20 -s/b:2 ");
}

/* reference A4 48 */
static void versions_beyond_64_bits_are_ordered(void **state)
{
        static const char format[] =
                "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":"
                "\"s\",\"uid\":\"1\",\"resourceVersion\":\"%s\"}}}";

        (void)state;
        open_live();
        assert_true(sim_line(sim_call(), format, "99999999999999999999999998"));
        assert_true(sim_line(sim_call(), format, "99999999999999999999999997"));
        assert_true(sim_line(sim_call(), format, "99999999999999999999999999"));
        assert_log("+s/a:99999999999999999999999998 +s/a:99999999999999999999999999 ");
}

/* reference A4 40 */
static void what_cannot_be_read_is_skipped_and_stays_as_it_was(void **state)
{
        auto_of(buf) struct buf deep = BUF(4096);

        (void)state;
        open_live();
        for (int i = 0; i < 100; i++)
                buf_addc(&deep, '[');
        for (int i = 0; i < 100; i++)
                buf_addc(&deep, ']');
        assert_true(sim_line(sim_call(), "garbage"));
        assert_true(sim_line(sim_call(), "{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}"));
        assert_true(sim_line(sim_call(), "{\"type\":\"DELETED\",\"object\":{}}"));
        assert_true(sim_line(sim_call(), "{\"type\":\"BOOKMARK\",\"object\":{}}"));
        assert_true(sim_line(sim_call(),
                             "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\","
                             "\"namespace\":\"s\",\"uid\":\"1\",\"resourceVersion\":\"11\"},"
                             "\"x\":%s}}",
                             buf_text(&deep)));
        assert_int_equal(reflector_skipped(seen.r), 5);
        assert_true(event("MODIFIED", "b", "2", 12));
        assert_log("+s/b:12 ");
        error_event(410, "Expired", "gone");
        sim_pass(NS_PER_S);
        sim_began(sim_call()); /* and a list that holds it keeps it */
        assert_true(sim_line(sim_call(),
                             "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\","
                             "\"namespace\":\"s\",\"uid\":\"1\",\"resourceVersion\":\"11\"},"
                             "\"x\":%s}}",
                             buf_text(&deep)));
        assert_true(bookmark(20, true));
        assert_log("(stale) -s/b:2 (live) ");
        assert_int_equal(reflector_count(seen.r), 1);
}

static void feed(const char *name, const char *uid, int version)
{
        auto_free char *text = object(name, uid, version);
        struct arena *a = arena_new();
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, NULL), 0);
        reflector_feed(seen.r, t, a);
}

/* reference A5 62 */
static void an_answer_to_a_write_counts_when_it_is_news(void **state)
{
        (void)state;
        open_live();
        feed("a", "1", 12);
        assert_log("+s/a:12 ");
        assert_true(event("MODIFIED", "a", "1", 11)); /* the stream is behind */
        assert_true(event("MODIFIED", "a", "1", 12));
        feed("a", "1", 12);
        feed("a", "1", 11);
        assert_log("");
        feed("c", "3", 14); /* made by us */
        assert_log("+s/c:14 ");
        assert_true(event("ADDED", "c", "3", 14));
        assert_log("");
        assert_true(event("DELETED", "c", "3", 16));
        assert_log("-s/c:3 ");
        feed("c", "3", 15); /* an answer that was overtaken by the deletion: no ghost */
        assert_log("");
        feed("a", "5", 20);
        assert_log("-s/a:1 +s/a:20 ");
}

static void an_answer_during_a_list_outlives_a_list_that_is_older(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);

        (void)state;
        open_live_by_list(&c);
        sim_status(sim_call(), 500, "InternalError", "storage");
        feed("n", "4", 40);
        sim_pass(NS_PER_S);
        assert_asks("resourceVersion=10&resourceVersionMatch=NotOlderThan");
        feed("m", "3", 29);
        answer_list(30, "", a);
        assert_log("(stale) +s/n:40 +s/m:29 -s/b:2 -s/m:3 ");
        sim_pass(0);
        sim_began(sim_call());
        assert_true(event("ADDED", "n", "4", 40));
        assert_log("(live) ");
}

static void it_may_be_closed_from_within_each_callback(void **state)
{
        static const char *const moments[] = { "+s/a:5", "+s/b:6",  "(live)", "-s/a:1",
                                               "-s/b:2", "(stale)", "+s/a:12" };

        (void)state;
        for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
                struct reflector_config c = config();

                seen.close_at = moments[i];
                open_with(&c);
                sim_began(sim_call());
                (void)(seen.r && event("ADDED", "a", "1", 5));
                (void)(seen.r && event("ADDED", "b", "2", 6));
                (void)(seen.r && bookmark(10, true));
                (void)(seen.r && event("MODIFIED", "a", "3", 12));
                if (seen.r)
                        error_event(410, "Expired", "gone");
                sim_pass(seen.r ? NS_PER_S : 0);
                if (seen.r) {
                        sim_status(sim_call(), 422, "Invalid", "no initial events");
                        answer_list(20, "", "");
                }
                assert_null(seen.r);
                assert_null(sim_call());
                buf_clear(&seen.log);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(events_are_taken_by_what_is_known_not_by_their_name),
                TEST(the_same_name_with_another_uid_is_another_object),
                TEST(a_list_finds_another_uid_too),
                TEST(versions_beyond_64_bits_are_ordered),
                TEST(what_cannot_be_read_is_skipped_and_stays_as_it_was),
                TEST(an_answer_to_a_write_counts_when_it_is_news),
                TEST(an_answer_during_a_list_outlives_a_list_that_is_older),
                TEST(it_may_be_closed_from_within_each_callback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
