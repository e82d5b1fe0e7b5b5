/* Requests reach the server once or as often as they may, and what it says comes back. */
/* wrap: backoff_next_ns */
#include "api_room.h"

static void a_request_says_who_asks_and_gets_its_object(void **state)
{
        struct rig *r = *state;

        (void)start(r, "GET", "/api/v1/namespaces/a/pods/p");
        assert_int_equal(r->n_done, 0);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(r->status, 200);
        assert_true(r->has_object);
        assert_string_equal(r->message, "");
        assert_string_equal(buf_text(&r->log), "GET /api/v1/namespaces/a/pods/p\n");
        assert_non_null(strstr(r->head, "\r\nUser-Agent: devicelink/1.0 (agent; node-1)\r\n"));
        assert_non_null(strstr(r->head, "\r\nAuthorization: Bearer t1\r\n"));
        assert_non_null(strstr(r->head, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(r->head, "\r\nAccept-Encoding: gzip\r\n"));
}

static void a_write_names_its_manager_and_asks_for_warnings(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "PATCH",
                                  .path = "/a?x=1",
                                  .resource = "things",
                                  .content_type = KUBE_MERGE_PATCH,
                                  .body = "{\"x\":1}",
                                  .body_len = 7,
                                  .done = on_done };

        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_string_equal(buf_text(&r->log),
                            "PATCH /a?x=1&fieldManager=devicelink-agent&fieldValidation=Warn\n");
        assert_non_null(strstr(r->head, "\r\nContent-Type: application/merge-patch+json\r\n"));
        assert_string_equal(r->body, "{\"x\":1}");
        (void)start(r, "POST", "/b");
        run_until(2, 5 * NS_PER_S);
        assert_non_null(strstr(r->head, "\r\nContent-Type: application/json\r\n"));
}

/* reference A2 24 */
static void reads_are_repeated_after_lost_answers_and_as_the_server_says(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_CUT, ACT_503_AFTER, ACT_TEXT_429, ACT_OK);
        (void)start(r, "GET", "/a");
        run_until(1, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(atomic_load(&r->server.requests), 5);
        assert_true(r->at_ns[3] - r->at_ns[2] >= NS_PER_S);
        assert_true(r->at_ns[4] - r->at_ns[3] >= NS_PER_S);
}

static void an_error_of_the_server_without_a_time_is_the_callers(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_503);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 503);
        assert_string_equal(r->message, "starting");
        assert_int_equal(r->retry_after_ns, -1);
        assert_int_equal(atomic_load(&r->server.requests), 1);
}

/* reference A6 81 */
static void a_post_is_never_sent_again_once_it_may_have_arrived(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_503_AFTER, ACT_429, ACT_OK);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 0);
        (void)start(r, "POST", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 503);
        assert_int_equal(r->retry_after_ns, NS_PER_S);
        assert_int_equal(atomic_load(&r->server.requests), 2);
        (void)start(r, "POST", "/a"); /* 429: it was not taken */
        run_until(3, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(atomic_load(&r->server.requests), 4);
}

static void a_request_with_a_limit_ends_within_it(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "GET",
                                  .path = "/a",
                                  .resource = "things",
                                  .limit_ns = 700 * NS_PER_MS,
                                  .done = on_done };
        int64_t begin = clock_mono_ns();

        ACTS(r, ACT_HANG);
        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_in_range(clock_mono_ns() - begin, 600 * NS_PER_MS, 3 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 0);

        ACTS(r, ACT_503_AFTER); /* its pause would pass the limit */
        (void)kube_start(r->api, &q);
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->status, 503);
}

static void a_write_that_is_not_allowed_any_more_is_not_sent(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_OK);
        (void)start(r, "GET", "/read");
        run_until(1, 5 * NS_PER_S);
        n_allowed = 0;
        (void)start(r, "PATCH", "/never");
        (void)start(r, "DELETE", "/never");
        (void)start(r, "GET", "/read");
        run_until(4, 5 * NS_PER_S);
        assert_null(strstr(buf_text(&r->log), "never"));
        struct kube_request lease = { .method = "PATCH",
                                      .path = "/lease",
                                      .resource = "leases",
                                      .lane = KUBE_LEASE,
                                      .body = "{}",
                                      .body_len = 2,
                                      .done = on_done };
        (void)kube_start(r->api, &lease);
        run_until(5, 5 * NS_PER_S);
        assert_non_null(strstr(buf_text(&r->log), "PATCH /lease"));
        (void)start(r, "PATCH", "/never");
        run_until(6, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(r->message, "writing is not allowed now");

        n_allowed = 1; /* while it waits for the connection */
        (void)start(r, "PATCH", "/never");
        run_until(7, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_null(strstr(buf_text(&r->log), "never"));
        assert_int_equal(kube_api_away_since(r->api), 0); /* nobody is to blame */
        n_allowed = UINT_MAX;
}

static void attempts_are_counted_and_end(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK);
        is_hasty = true;
        (void)start(r, "DELETE", "/a");
        run_until(1, 20 * NS_PER_S);
        is_hasty = false;
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(atomic_load(&r->server.requests), 11);
}

/* reference A1 3, A6 80 */
static void credentials_that_were_refused_are_replaced_once(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_401, ACT_OK);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(fake_access.refused, 1);
        assert_int_equal(fake_access.asked, 2);

        ACTS(r, ACT_401);
        (void)start(r, "GET", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_UNAUTHORIZED);
        assert_string_equal(r->reason, "Unauthorized");
        assert_int_equal(fake_access.asked, 4);
}

static void without_credentials_nothing_is_sent_and_the_reason_is_told(void **state)
{
        struct rig *r = *state;

        fake_access.wrong = "the plugin ended with code 1";
        (void)start(r, "GET", "/a");
        assert_int_equal(r->n_done, 0);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_UNAUTHORIZED);
        assert_string_equal(r->message, "no credentials: the plugin ended with code 1");
        assert_int_equal(atomic_load(&r->server.requests), 0);
}

static void a_request_may_wait_for_its_credentials_and_be_cancelled_meanwhile(void **state)
{
        struct rig *r = *state;

        fake_access.is_late = true;
        struct kube_call *c = start(r, "GET", "/cancelled");
        (void)start(r, "GET", "/a");
        kube_cancel(c);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(fake_access.cancelled, 1);
        assert_string_equal(buf_text(&r->log), "GET /a\n");
}

static bool by_path(struct rig *r, struct fake_request *q)
{
        if (strcmp(q->target, "/running") == 0)
                return do_act(r, ACT_HANG, q->fd);
        return do_act(r, strcmp(q->target, "/paused") == 0 ? ACT_BREAK : ACT_OK, q->fd);
}

static void a_cancelled_request_is_silent_wherever_it_is(void **state)
{
        struct rig *r = *state;
        struct kube_call *waiting = NULL, *running = NULL;

        r->special = by_path;
        open_api(r, 0.001, 3);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        running = start(r, "GET", "/running");
        (void)start(r, "GET", "/a");
        waiting = start(r, "GET", "/waiting");
        run_until(2, 5 * NS_PER_S);
        kube_cancel(running);
        kube_cancel(waiting);
        kube_cancel(NULL);
        open_api(r, 0, 0);
        running = start(r, "GET", "/paused");
        unsigned never = 3;
        (void)fake_run(r->loop, is_done, &never, 100 * NS_PER_MS);
        kube_cancel(running);
        (void)fake_run(r->loop, is_done, &never, 600 * NS_PER_MS);
        assert_int_equal(r->n_done, 2);
        assert_null(strstr(buf_text(&r->log), "/waiting"));
        assert_non_null(strstr(buf_text(&r->log), "/paused"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_request_says_who_asks_and_gets_its_object),
                TEST(a_write_names_its_manager_and_asks_for_warnings),
                TEST(reads_are_repeated_after_lost_answers_and_as_the_server_says),
                TEST(an_error_of_the_server_without_a_time_is_the_callers),
                TEST(a_post_is_never_sent_again_once_it_may_have_arrived),
                TEST(a_request_with_a_limit_ends_within_it),
                TEST(a_write_that_is_not_allowed_any_more_is_not_sent),
                TEST(attempts_are_counted_and_end),
                TEST(credentials_that_were_refused_are_replaced_once),
                TEST(without_credentials_nothing_is_sent_and_the_reason_is_told),
                TEST(a_request_may_wait_for_its_credentials_and_be_cancelled_meanwhile),
                TEST(a_cancelled_request_is_silent_wherever_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
