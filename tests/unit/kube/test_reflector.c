/* What a reflector asks a server for, and what it makes of the answers. */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
#include "sim_api.h"

#include "kube/reflector.h"

enum { OBJECTS_MAX = 64 };

struct seen {
        struct reflector *r;
        struct buf log; /* "+s/n:v " upserts, "-s/n:uid " removals */
        struct buf states;
        enum reflector_state state;
        char text[256];
        const char *close_at; /* within the log: closes itself */
        bool (*keep)(void *ctx, const struct tree *object);
};

static struct seen seen;

static void maybe_close(void)
{
        if (!seen.close_at || !strstr(buf_text(&seen.log), seen.close_at))
                return;
        reflector_close(seen.r);
        seen.r = NULL;
        seen.close_at = NULL;
}

static void on_upsert(void *ctx, const struct tree *object, const struct object_meta *m,
                      struct arena *owned)
{
        (void)ctx;
        assert_string_equal(tree_text(tree_find(object, "metadata.name")), m->name);
        buf_addf(&seen.log, "+%s/%s:%s ", m->space, m->name, m->version);
        arena_free(owned);
        maybe_close();
}

static void on_removed(void *ctx, const char *space, const char *name, const char *uid)
{
        (void)ctx;
        buf_addf(&seen.log, "-%s/%s:%s ", space, name, uid);
        maybe_close();
}

static const char *const state_names[] = { "starting", "live", "stale", "forbidden", "none" };

static void on_state(void *ctx, enum reflector_state state, const char *text)
{
        (void)ctx;
        seen.state = state;
        (void)snprintf(seen.text, sizeof(seen.text), "%s", text);
        buf_addf(&seen.states, "%s ", state_names[state]);
        buf_addf(&seen.log, "(%s) ", state_names[state]);
        maybe_close();
}

static bool keep_mine(void *ctx, const struct tree *object)
{
        const char *node = tree_text(tree_find(object, "spec.node"));

        (void)ctx;
        return node && strcmp(node, "n1") == 0;
}

static struct reflector_config config(void)
{
        return (struct reflector_config){ .resource = kube_devicelinks,
                                          .upsert = on_upsert,
                                          .removed = on_removed,
                                          .state = on_state };
}

static int set_up(void **state)
{
        (void)state;
        memset(&sim, 0, sizeof(sim));
        sim.now_ns = 1000 * NS_PER_S;
        seen = (struct seen){ .log = BUF(1 << 20), .states = BUF(1 << 16) };
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        reflector_close(seen.r);
        assert_null(sim.calls);
        assert_int_equal(sim.n_timers, 0);
        buf_done(&seen.log);
        buf_done(&seen.states);
        return 0;
}

/* --- shorthand */

static void open_with(const struct reflector_config *c)
{
        seen.r = reflector_open(c);
        assert_null(sim_call());
        sim_pass(0);
}

#define assert_log(text)                                                                           \
        do {                                                                                       \
                assert_string_equal(buf_text(&seen.log), (text));                                  \
                buf_clear(&seen.log);                                                              \
        } while (0)

static bool asks(const char *part)
{
        const struct kube_call *c = sim_call();

        return c && strstr(c->path, part);
}

#define assert_asks(part)                                                                          \
        do {                                                                                       \
                if (!asks(part))                                                                   \
                        fail_msg("%s is not in %s", (part),                                        \
                                 sim_call() ? sim_call()->path : "nothing");                       \
        } while (0)

#define OBJECT_FORMAT                                                                              \
        "{\"kind\":\"DeviceLink\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"s\",\"uid\":"      \
        "\"%s\",\"resourceVersion\":\"%d\"},\"spec\":{\"node\":\"%s\"}}"

static bool event_on(const char *type, const char *name, const char *uid, int version,
                     const char *node)
{
        return sim_line(sim_call(), "{\"type\":\"%s\",\"object\":" OBJECT_FORMAT "}", type, name,
                        uid, version, node);
}

static bool event(const char *type, const char *name, const char *uid, int version)
{
        return event_on(type, name, uid, version, "n1");
}

static bool bookmark(int version, bool end)
{
        return sim_line(sim_call(),
                        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"DeviceLink\",\"metadata\":{"
                        "\"resourceVersion\":\"%d\"%s}}}",
                        version,
                        end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void error_event(int code, const char *reason, const char *message)
{
        assert_false(sim_line(sim_call(),
                              "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":"
                              "\"v1\",\"code\":%d,\"reason\":\"%s\",\"message\":\"%s\"}}",
                              code, reason, message));
}

/* items: objects with commas */
static void answer_list(int version, const char *more, const char *items)
{
        auto_free char *body = xasprintf("{\"kind\":\"DeviceLinkList\",\"metadata\":{"
                                         "\"resourceVersion\":\"%d\",\"continue\":\"%s\"},"
                                         "\"items\":[%s]}",
                                         version, more, items);

        sim_http(sim_call(), 200, "application/json", body);
}

static char *object(const char *name, const char *uid, int version)
{
        return xasprintf(OBJECT_FORMAT, name, uid, version, "n1");
}

/* Two objects by a stream: a (uid 1, version 5), b (uid 2, version 6); the stream is at 10. */
static void open_live_with(const struct reflector_config *c)
{
        open_with(c);
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 5));
        assert_true(event("ADDED", "b", "2", 6));
        assert_true(bookmark(10, true));
        assert_log("+s/a:5 +s/b:6 (live) ");
}

static void open_live(void)
{
        struct reflector_config c = config();

        open_live_with(&c);
}

/* The same by a list, where the server has no initial events. */
static void open_live_by_list(const struct reflector_config *c)
{
        auto_free char *a = object("a", "1", 5);
        auto_free char *b = object("b", "2", 6);
        auto_free char *both = xasprintf("%s,%s", a, b);

        open_with(c);
        sim_status(sim_call(), 422, "Invalid", "sendInitialEvents is forbidden for watch");
        answer_list(10, "", both);
        sim_pass(0);
        sim_began(sim_call());
        assert_log("+s/a:5 +s/b:6 (live) ");
}

/* --- A4 45, 38, 47 */

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

/* --- A4 38, 44, 46 */

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

/* --- A4 52, 142 */

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

/* --- A4 50 */

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

/* --- A4 46, A3 30, A3 33 */

static void without_initial_events_it_lists_and_watches(void **state)
{
        struct reflector_config c = config();
        auto_free char *a = object("a", "1", 5);

        (void)state;
        open_with(&c);
        sim_status(sim_call(), 422, "Invalid", "sendInitialEvents is forbidden for watch");
        assert_asks("/devicelinks?resourceVersion=0");
        assert_false(asks("watch=1"));
        answer_list(10, "", a);
        sim_pass(0);
        assert_asks("watch=1");
        assert_asks("resourceVersion=10");
        assert_false(asks("sendInitialEvents"));
        sim_began(sim_call());
        assert_log("+s/a:5 (live) ");
        assert_true(event("ADDED", "b", "2", 11));
        assert_log("+s/b:11 ");
}

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

static void a_server_that_does_not_know_initial_events_never_ends_them(void **state)
{
        struct reflector_config c = config();

        (void)state;
        open_with(&c);
        sim_began(sim_call());
        sim_pass(6 * NS_PER_S);
        assert_true(event("ADDED", "a", "1", 5));
        sim_pass(6 * NS_PER_S);
        assert_asks("watch=1"); /* it is still talking */
        sim_pass(5 * NS_PER_S);
        assert_asks("devicelinks?resourceVersion=0");
        assert_log("+s/a:5 ");
        answer_list(10, "", ""); /* and a is gone by now */
        sim_pass(0);
        sim_began(sim_call());
        assert_log("-s/a:1 (live) ");
}

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

/* --- A4 41, 42, 43 */

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

/* --- A3 31 */

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

/* --- A3 34 */

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

/* --- A4 49 */

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

/* --- A4 51, 53 */

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

/* --- A4 50 */

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

/* --- A4 40, A3 32, A4 56 */

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

/* --- A4 40: one bad object harms no other */

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

/* --- A3 36, 37, A10 109 */

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

/* --- A4 58, A13 145 */

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

/* --- answers to own writes */

static void feed(const char *name, const char *uid, int version)
{
        auto_free char *text = object(name, uid, version);
        struct arena *a = arena_new();
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, NULL), 0);
        reflector_feed(seen.r, t, a);
}

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

/* --- the owner may close it at any time */

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
                TEST(first_a_stream_tells_all_that_is_there),
                TEST(a_clean_end_goes_on_at_once_from_the_last_version),
                TEST(an_early_end_goes_on_within_a_second),
                TEST(a_watch_that_ends_at_once_and_in_vain_is_backed_off),
                TEST(why_it_does_not_start_is_told_once),
                TEST(without_initial_events_it_lists_and_watches),
                TEST(an_error_within_the_stream_means_no_initial_events),
                TEST(a_server_that_does_not_know_initial_events_never_ends_them),
                TEST(a_stream_that_ends_before_all_is_said_is_not_repeated),
                TEST(initial_events_are_asked_for_again_after_a_while),
                TEST(what_is_expired_is_read_again_and_never_asked_for_again),
                TEST(after_expiry_a_list_is_the_newest_and_comes_in_pages),
                TEST(pages_that_expire_become_one_list),
                TEST(a_version_from_the_future_is_given_up),
                TEST(a_silent_watch_is_given_up_and_all_read_anew),
                TEST(a_watch_that_is_never_answered_is_tried_again),
                TEST(who_may_not_read_waits_for_minutes_and_loses_nothing),
                TEST(a_text_404_is_a_resource_that_is_not_there),
                TEST(trouble_at_connect_keeps_the_version_or_lists_by_its_kind),
                TEST(pauses_double_to_30_s_and_are_short_again_after_health),
                TEST(the_server_says_how_long_to_wait),
                TEST(events_are_taken_by_what_is_known_not_by_their_name),
                TEST(the_same_name_with_another_uid_is_another_object),
                TEST(a_list_finds_another_uid_too),
                TEST(versions_beyond_64_bits_are_ordered),
                TEST(what_cannot_be_read_is_skipped_and_stays_as_it_was),
                TEST(a_list_that_cannot_be_read_is_tried_again_and_removes_nothing),
                TEST(a_field_that_the_server_does_not_know_is_filtered_here),
                TEST(a_selector_that_is_lost_later_changes_nothing_that_is_known),
                TEST(one_object_is_watched_by_its_name_and_metadata_alone_on_request),
                TEST(a_name_and_a_field_are_both_asked_for),
                TEST(the_start_waits_for_a_random_time),
                TEST(an_answer_to_a_write_counts_when_it_is_news),
                TEST(an_answer_during_a_list_outlives_a_list_that_is_older),
                TEST(it_may_be_closed_from_within_each_callback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
