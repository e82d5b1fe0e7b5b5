/* Events tell what happened, once, and hold nobody up. */
/* wrap: clock_mono_ns clock_wall_ns loop_timer_init loop_timer_start loop_timer_start_at */
/* wrap: loop_timer_stop loop_timer_end kube_api_loop kube_start kube_cancel */
#include "fake.h"

#include "base/log.h"
#include "kube/event_table.h"
#include "kube/events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define S NS_PER_S
#define MIN (60 * NS_PER_S)
#define PATH "/apis/events.k8s.io/v1/namespaces/plant/events"

static struct events *ev;

static const struct event_about pump = { .api_version = "edge.cattle.io/v1alpha1",
                                         .kind = "DeviceLink",
                                         .space = "plant",
                                         .name = "pump",
                                         .uid = "1-2-3" };

static int setup(void **state)
{
        (void)state;
        fake_reset();
        ev = events_new(&(struct events_config){ .controller = "edge.cattle.io/limb",
                                                 .instance = "edge-1" });
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        events_free(ev);
        fake_reset();
        return 0;
}

static void say(const char *reason, const char *note)
{
        events_say(ev, &pump, true, reason, "Connecting", note);
}

static void answer_all(enum kube_class class)
{
        while (fake.calls)
                fake_answer(fake.calls, class, "{}");
}

/* "POST" or "PATCH" of the only request under way, answered well; "" when there is none. */
static const char *written(void)
{
        static char method[8];

        assert_true(fake.n_calls <= 1);
        (void)snprintf(method, sizeof(method), "%s", fake.calls ? fake.calls->method : "");
        answer_all(KUBE_OK);
        return method;
}

/* --- one Event */

static void an_event_has_all_that_the_api_asks_for(void **state)
{
        static const char *const want[][2] = {
                { "apiVersion", "events.k8s.io/v1" },
                { "kind", "Event" },
                { "metadata.name", "pump.17a66be56b58f200" },
                { "metadata.namespace", "plant" },
                { "eventTime", "2024-01-02T02:20:45.000000Z" },
                { "type", "Warning" },
                { "reason", "FailedConnected" },
                { "action", "Connecting" },
                { "note", "cannot connect to device: \"x\"" },
                { "reportingController", "edge.cattle.io/limb" },
                { "reportingInstance", "edge-1" },
                { "regarding",
                  "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\","
                  "\"namespace\":\"plant\",\"name\":\"pump\",\"uid\":\"1-2-3\"}" },
                { "series", "" },
        };
        char name[64];

        (void)state;
        say("FailedConnected", "cannot connect to device: \"x\"");
        assert_int_equal(fake.n_calls, 1);
        assert_string_equal(fake.calls->method, "POST");
        assert_string_equal(fake.calls->path, PATH);
        assert_int_equal(fake.calls->lane, KUBE_WORK);
        (void)snprintf(name, sizeof(name), "pump.%" PRIx64, (uint64_t)__wrap_clock_wall_ns());
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                assert_string_equal(fake_text(fake.calls, want[i][0]), i == 2 ? name : want[i][1]);
        answer_all(KUBE_OK);
        assert_int_equal(events_dropped(ev), 0);
}

static void what_has_no_namespace_is_told_in_default(void **state)
{
        struct event_about node = {
                .api_version = "v1", .kind = "Node", .name = "edge-1", .uid = NULL
        };

        (void)state;
        events_say(ev, &node, false, "Ready", "Watching", NULL);
        assert_string_equal(fake.calls->path, "/apis/events.k8s.io/v1/namespaces/default/events");
        assert_string_equal(fake_text(fake.calls, "metadata.namespace"), "default");
        assert_string_equal(fake_text(fake.calls, "regarding.namespace"), "");
        assert_string_equal(fake_text(fake.calls, "type"), "Normal");
        assert_string_equal(fake_text(fake.calls, "note"), "");
}

static void long_notes_and_names_are_cut_where_characters_end(void **state)
{
        struct event_about about = pump;
        char name[254], note[3000];

        (void)state;
        for (int shift = 0; shift < 3; shift++) {
                memset(note, 'a', sizeof(note));
                for (size_t i = 1000 + (size_t)shift; i < 2990; i += 3)
                        memcpy(note + i, "\xe2\x82\xac", 3);
                note[sizeof(note) - 1] = '\0';
                say("Long", note);
                size_t n = strlen(fake_text(fake.calls, "note"));
                assert_in_range(n, 1022, 1024);
                assert_memory_equal(fake_text(fake.calls, "note"), note, n);
                answer_all(KUBE_OK);
        }
        say("Odd", "a\xff\xfe");
        assert_string_equal(fake_text(fake.calls, "note"), "a??");
        answer_all(KUBE_OK);

        memset(name, 'n', sizeof(name));
        name[235] = '.';
        name[253] = '\0';
        about.name = name;
        events_say(ev, &about, true, "Long", "Connecting", "");
        const char *made = fake_text(fake.calls, "metadata.name");
        assert_true(strlen(made) <= 253);
        assert_null(strstr(made, ".."));
}

static void a_long_instance_is_cut(void **state)
{
        char instance[200];

        (void)state;
        memset(instance, 'i', sizeof(instance));
        instance[199] = '\0';
        events_free(ev);
        ev = events_new(&(struct events_config){ .controller = "c/d", .instance = instance });
        say("A", "");
        assert_int_equal(strlen(fake_text(fake.calls, "reportingInstance")), 128);
}

/* --- the same again */

static void the_first_repeat_makes_a_series_at_once(void **state)
{
        (void)state;
        say("FailedConnected", "no answer");
        auto_free char *path = xasprintf("%s/%s", PATH, fake_text(fake.calls, "metadata.name"));
        assert_string_equal(written(), "POST");
        fake_run(5 * S);
        say("FailedConnected", "no answer");
        assert_int_equal(fake.n_calls, 1);
        assert_string_equal(fake.calls->method, "PATCH");
        assert_string_equal(fake.calls->content_type, KUBE_MERGE_PATCH);
        assert_string_equal(fake.calls->path, path);
        assert_string_equal(fake.calls->body, "{\"series\":{\"count\":2,\"lastObservedTime\":"
                                              "\"2024-01-02T02:20:50.000000Z\"}}");
        answer_all(KUBE_OK);
}

static void later_repeats_are_counted_and_written_every_half_hour(void **state)
{
        int patches = 0;

        (void)state;
        say("FailedConnected", "no answer");
        (void)written();
        for (int i = 0; i < 6 * 60 * 10; i++) { /* ten hours of one each ten seconds */
                fake_run(10 * S);
                say("FailedConnected", "no answer");
                if (!fake.calls)
                        continue;
                auto_free char *count = xasprintf("%d", i + 2);
                assert_string_equal(fake_text(fake.calls, "series.count"), count);
                assert_string_equal(written(), "PATCH");
                patches++;
        }
        assert_in_range(patches, 19, 20);
        assert_int_equal(events_dropped(ev), 0);
}

static void repeats_while_the_first_is_under_way_wait_for_it(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++)
                say("FailedConnected", "no answer");
        assert_int_equal(fake.n_calls, 1);
        fake_answer(fake.calls, KUBE_OK, "{}");
        assert_int_equal(fake.n_calls, 1);
        assert_string_equal(fake_text(fake.calls, "series.count"), "5");
        assert_string_equal(written(), "PATCH");
        assert_int_equal(fake.n_calls, 0);
}

static void an_event_whose_time_is_over_is_made_anew(void **state)
{
        (void)state;
        say("FailedConnected", "no answer");
        auto_free char *first = xstrdup(fake_text(fake.calls, "metadata.name"));
        (void)written();
        say("FailedConnected", "no answer");
        (void)written();
        fake_run(120 * MIN);
        say("FailedConnected", "no answer");
        fake_answer(fake.calls, KUBE_MISSING, NULL);
        assert_string_equal(fake.calls->method, "POST");
        assert_string_not_equal(fake_text(fake.calls, "metadata.name"), first);
        assert_string_equal(fake_text(fake.calls, "eventTime"), "2024-01-02T04:20:45.000000Z");
        assert_string_equal(fake_text(fake.calls, "note"), "no answer");
        (void)written();
        say("FailedConnected", "no answer");
        assert_string_equal(fake_text(fake.calls, "series.count"), "2");
        (void)written();
        assert_int_equal(events_dropped(ev), 0);
}

static void other_words_reasons_and_objects_are_other_events(void **state)
{
        struct event_about other = pump;

        (void)state;
        say("FailedConnected", "no answer");
        assert_string_equal(written(), "POST");
        say("FailedConnected", "connection refused");
        assert_string_equal(written(), "POST");
        say("Disconnected", "no answer");
        assert_string_equal(written(), "POST");
        events_say(ev, &pump, false, "FailedConnected", "Connecting", "no answer");
        assert_string_equal(written(), "POST");
        events_say(ev, &pump, true, "FailedConnected", "Polling", "no answer");
        assert_string_equal(written(), "POST");
        other.uid = "another";
        events_say(ev, &other, true, "FailedConnected", "Connecting", "no answer");
        assert_string_equal(written(), "POST");
        say("FailedConnected", "connection refused");
        assert_string_equal(written(), "PATCH");
}

static void no_two_events_have_one_name(void **state)
{
        (void)state;
        say("A", "");
        say("B", "");
        auto_free char *a = xstrdup(fake_text(fake.calls, "metadata.name"));
        assert_string_not_equal(a, fake_text(fake.calls->next, "metadata.name"));
}

/* --- not too many */

static void an_object_has_a_burst_and_then_one_every_five_minutes(void **state)
{
        char note[16];
        int posts = 0;

        (void)state;
        for (int i = 0; i < 100; i++) {
                (void)snprintf(note, sizeof(note), "%d", i);
                say("Spam", note);
                posts += written()[0] != '\0';
        }
        assert_int_equal(posts, 25);
        assert_int_equal(events_dropped(ev), 75);
        for (int i = 100; i < 100 + 600; i++) { /* 100 minutes */
                fake_run(10 * S);
                (void)snprintf(note, sizeof(note), "%d", i);
                say("Spam", note);
                posts += written()[0] != '\0';
        }
        assert_in_range(posts, 25 + 19, 25 + 20);

        struct event_about other = pump;
        other.name = "fan";
        events_say(ev, &other, true, "Calm", "Connecting", "");
        assert_string_equal(written(), "POST");
}

static void at_most_four_are_under_way_and_a_thousand_wait(void **state)
{
        struct event_about about = pump;
        char name[32];

        (void)state;
        about.name = name;
        for (int i = 0; i < 1100; i++) {
                (void)snprintf(name, sizeof(name), "pump-%d", i);
                events_say(ev, &about, true, "Storm", "Connecting", "");
                assert_int_equal(fake.n_calls, i < 4 ? i + 1 : 4);
        }
        assert_int_equal(events_dropped(ev), 96);
        int posts = 0;
        for (; fake.calls; posts++) {
                assert_true(fake.n_calls <= 4);
                (void)snprintf(name, sizeof(name), "pump-%d", posts); /* in order */
                assert_string_equal(fake_text(fake.calls, "regarding.name"), name);
                fake_answer(fake.calls, KUBE_OK, "{}");
        }
        assert_int_equal(posts, 1004);
}

/* --- trouble */

static void refusals_are_dropped_and_counted_and_never_tried_again(void **state)
{
        static const enum kube_class classes[] = { KUBE_FORBIDDEN, KUBE_MISSING, KUBE_REFUSED,
                                                   KUBE_UNAUTHORIZED, KUBE_CONFLICT };
        uint64_t n = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
                auto_free char *note = xasprintf("%zu", i);

                say("A", note);
                fake_answer(fake.calls, classes[i], NULL);
                fake_run(60 * MIN);
                assert_int_equal(fake.n_calls, 0);
                assert_int_equal(events_dropped(ev), ++n);
        }
        say("A", "0");
        assert_string_equal(written(), "POST"); /* said anew, it is tried anew */
}

static void without_server_it_is_tried_for_two_minutes(void **state)
{
        int tries = 0;

        (void)state;
        say("A", "one");
        int64_t begin_ns = fake.now_ns;
        for (; fake.now_ns - begin_ns < 10 * MIN; fake_run(S)) {
                for (; fake.calls; tries++) {
                        assert_string_equal(fake_text(fake.calls, "eventTime"),
                                            "2024-01-02T02:20:45.000000Z");
                        fake_answer(fake.calls, KUBE_AWAY, NULL);
                }
        }
        assert_int_equal(tries, 12);
        assert_int_equal(events_dropped(ev), 1);
}

static void what_waited_is_said_when_the_server_is_back(void **state)
{
        (void)state;
        say("A", "one");
        auto_free char *name = xstrdup(fake_text(fake.calls, "metadata.name"));
        fake_answer(fake.calls, KUBE_AWAY, NULL);
        say("B", "two");
        assert_int_equal(fake.n_calls, 0);
        fake_run(13 * S);
        assert_int_equal(fake.n_calls, 2);
        assert_string_equal(fake_text(fake.calls, "metadata.name"), name);
        /* The answer of the first was lost, not the request. */
        fake_answer(fake.calls, KUBE_EXISTS, NULL);
        fake_answer(fake.calls, KUBE_OK, "{}");
        assert_int_equal(events_dropped(ev), 0);
        fake_run(7 * S);
        say("A", "one");
        assert_string_equal(fake_text(fake.calls, "series.lastObservedTime"),
                            "2024-01-02T02:21:05.000000Z");
}

static void ending_asks_for_nothing_more(void **state)
{
        (void)state;
        for (int i = 0; i < 10; i++) {
                auto_free char *note = xasprintf("%d", i);

                say("A", note);
        }
        fake_answer(fake.calls, KUBE_AWAY, NULL);
        events_free(ev);
        ev = NULL;
        assert_int_equal(fake.n_calls, 0);
        assert_int_equal(fake.n_timers, 0);
        assert_int_equal(fake.cancelled, 3);
}

/* --- the tables */

static void the_oldest_is_forgotten_when_there_are_too_many(void **state)
{
        struct event_table t = { 0 };

        (void)state;
        for (uint64_t i = 0; i < EVENT_TABLE_MAX + 100; i++) {
                struct said s = { .key = i * UINT64_C(0x9e3779b97f4a7c15) + 1,
                                  .said_ns = (int64_t)i,
                                  .is_busy = i == 3 };

                const struct said *at = event_table_add(&t, &s);
                assert_ptr_equal(at, event_table_find(&t, s.key));
        }
        assert_int_equal(t.n_said, EVENT_TABLE_MAX);
        for (uint64_t i = 0; i < EVENT_TABLE_MAX + 100; i++) {
                const struct said *s = event_table_find(&t, i * UINT64_C(0x9e3779b97f4a7c15) + 1);

                assert_int_equal(s != NULL, i > 100 || i == 3);
                if (s)
                        assert_int_equal(s->said_ns, i);
        }
        event_table_remove(&t, 12345);
        assert_int_equal(t.n_said, EVENT_TABLE_MAX);
        event_table_done(&t);
}

static void quotas_are_bounded_and_whole_ones_are_forgotten(void **state)
{
        struct event_table t = { 0 };

        (void)state;
        for (uint64_t i = 0; i < EVENT_TABLE_MAX; i++)
                assert_true(event_table_spend(&t, i * 7919, S));
        assert_false(event_table_spend(&t, 1, S));
        assert_true(event_table_spend(&t, 7919, S));
        assert_true(event_table_spend(&t, 1, 302 * S));
        assert_int_equal(t.n_quotas, 2);
        event_table_done(&t);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(an_event_has_all_that_the_api_asks_for),
                TEST(what_has_no_namespace_is_told_in_default),
                TEST(long_notes_and_names_are_cut_where_characters_end),
                TEST(a_long_instance_is_cut),
                TEST(the_first_repeat_makes_a_series_at_once),
                TEST(later_repeats_are_counted_and_written_every_half_hour),
                TEST(repeats_while_the_first_is_under_way_wait_for_it),
                TEST(an_event_whose_time_is_over_is_made_anew),
                TEST(other_words_reasons_and_objects_are_other_events),
                TEST(no_two_events_have_one_name),
                TEST(an_object_has_a_burst_and_then_one_every_five_minutes),
                TEST(at_most_four_are_under_way_and_a_thousand_wait),
                TEST(refusals_are_dropped_and_counted_and_never_tried_again),
                TEST(without_server_it_is_tried_for_two_minutes),
                TEST(what_waited_is_said_when_the_server_is_back),
                TEST(ending_asks_for_nothing_more),
                cmocka_unit_test(the_oldest_is_forgotten_when_there_are_too_many),
                cmocka_unit_test(quotas_are_bounded_and_whole_ones_are_forgotten),
        };
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        log_setup(null_fd, LOG_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
