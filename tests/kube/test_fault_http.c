/* What the HTTP client makes of an API server that dies or stands still.  A cut link is not here
 * but with the client's own tests, where it can be cut.  Numbers: reference A2 and A4. */
/* libs: dl_kube */
#include "http_room.h"

#include <signal.h>
#include <unistd.h>

static int up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        *state = r;
        kube_up_private(&r->k,
                        (const char *const[]){ "--apiserver-arg", "--goaway-chance=0.02", NULL });
        r->loop = loop_new("test");
        return 0;
}

static int begin(void **state)
{
        struct room *r = *state;

        enter(r, r->k.kubeconfig);
        return 0;
}

static void watch(struct room *r, struct got *g)
{
        start(r, g, "/api/v1/configmaps?watch=1", true, false);
        run_until(r, &g->began, 1);
        assert_int_equal(g->status, 200);
}

/* (20, 54) */
static void a_killed_server_ends_its_streams_at_once_and_is_found_again(void **state)
{
        struct room *r = *state;
        struct got w;
        struct got g;

        watch(r, &w);
        kube_signal(&r->k, "kube-apiserver", SIGKILL);
        int64_t at = clock_mono_ns();
        run_until(r, &w.done, 1);
        assert_true(clock_mono_ns() - at < 2 * NS_PER_S);
        assert_int_equal(w.rc, DL_RETRY);
        assert_true(w.text[0]);
        free(w.body);
        get(r, &g, "/version");
        assert_int_equal(g.rc, DL_RETRY);
        assert_int_equal(g.status, 0);
        free(g.body);
        kube_start_again(&r->k, "kube-apiserver");
        get(r, &g, "/version");
        assert_int_equal(g.status, 200);
        assert_true(g.connected);
        free(g.body);
}

/* (20)  The server says GOAWAY to one request in fifty: its connection ends with what it carries,
 * and nothing fails. */
static void a_connection_that_is_to_go_lets_its_streams_end(void **state)
{
        struct room *r = *state;
        struct got w;
        int connections = 0;

        watch(r, &w);
        for (int i = 0; i < 400; i++) {
                struct got g;

                get(r, &g, "/version");
                if (g.rc != DL_OK || g.status != 200)
                        fail_msg("request %d: %s", i, g.text);
                connections += g.connected;
                free(g.body);
        }
        assert_in_range(connections, 1, 40);
        assert_int_equal(w.done, 0);
        http_cancel(w.call);
}

/* (19, 21)  Its kernel acknowledges everything: requests find it by their limit, and what has none,
 * a watch, waits; that one is the bookmark timer's. */
static void a_server_that_stands_still_costs_requests_their_limit_and_no_watch(void **state)
{
        struct room *r = *state;
        struct got w;
        struct got g;

        watch(r, &w);
        kube_signal(&r->k, "kube-apiserver", SIGSTOP);
        start(r, &g, "/version", false, false);
        int64_t at = clock_mono_ns();
        run_until(r, &g.done, 1);
        assert_int_equal(g.rc, DL_RETRY);
        assert_string_equal(g.text, "no answer within 20 s");
        assert_in_range(clock_mono_ns() - at, 19 * NS_PER_S, 22 * NS_PER_S);
        free(g.body);
        assert_int_equal(w.done, 0);

        kube_signal(&r->k, "kube-apiserver", SIGCONT);
        int64_t before = w.data;
        assert_int_equal(kube_request(&r->k, "POST", "/api/v1/namespaces/default/configmaps", NULL,
                                      "{\"metadata\":{\"name\":\"news\"}}", NULL),
                         201);
        for (int i = 0; i < 500 && w.data == before; i++)
                run_for(r, 10 * NS_PER_MS);
        assert_true(w.data > before);
        assert_int_equal(w.done, 0);
        get(r, &g, "/version");
        assert_int_equal(g.status, 200);
        free(g.body);
        http_cancel(w.call);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_killed_server_ends_its_streams_at_once_and_is_found_again,
                                       begin),
                cmocka_unit_test_setup(a_connection_that_is_to_go_lets_its_streams_end, begin),
                cmocka_unit_test_setup(
                        a_server_that_stands_still_costs_requests_their_limit_and_no_watch, begin),
        };

        return cmocka_run_group_tests(tests, up, down);
}
