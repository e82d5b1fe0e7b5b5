/* A request has one end, whatever is done to it and whenever. */
#include "http_peer.h"

static void an_answer_comes_after_the_start(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, hello);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 200);
        assert_int_equal(g.began, 1);
        assert_string_equal(g.body, "hello");
        assert_string_equal(g.type, "text/plain");
        assert_string_equal(g.text, "");
        assert_true(g.connect_ns > 0);
        assert_int_equal(g.retry_after_ns, -1);

        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.connect_ns, 0); /* on the connection that was open */
        assert_int_equal(r->peer.n, 1);
        peer_stop(&r->peer);
}

/* --- ends */

static void a_cancelled_request_is_never_heard_of(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, hello);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        got_start(&g, r->http, r->loop, &q);
        http_cancel(g.call);
        got_start(&g, r->http, r->loop, &q);
        run_for(r->loop, NS_PER_MS); /* somewhere on its way */
        if (g.call)
                http_cancel(g.call);
        int before = g.done;
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(g.done, before);
        http_cancel(NULL);
        peer_stop(&r->peer);
}

static void cancel_in_began(void *ctx, long status)
{
        struct got *g = ctx;

        got_began(ctx, status);
        http_cancel(g->call);
        loop_stop(g->loop);
}

static void cancel_in_data(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;

        got_data(ctx, bytes, n);
        http_cancel(g->call);
        loop_stop(g->loop);
}

static void a_request_may_be_cancelled_in_its_own_callbacks(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, endless);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.began = cancel_in_began;
        q.data = got_data;
        got_start(&g, r->http, r->loop, &q);
        run_until(r->loop, &g.began, 1, 5 * NS_PER_S);
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(g.chunks, 0);
        assert_int_equal(g.done, 0);

        q.began = got_began;
        q.data = cancel_in_data;
        got_start(&g, r->http, r->loop, &q);
        run_until(r->loop, &g.chunks, 1, 5 * NS_PER_S);
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(g.chunks, 1);
        assert_int_equal(g.done, 0);
        peer_stop(&r->peer);
}

static struct got *victim;

static void cancel_other(void *ctx, const char *bytes, size_t n)
{
        got_data(ctx, bytes, n);
        if (victim)
                http_cancel(victim->call);
        victim = NULL;
}

static void cancel_other_when_done(void *ctx, const struct http_answer *a)
{
        got_done(ctx, a);
        if (victim)
                http_cancel(victim->call);
        victim = NULL;
}

static void a_request_may_be_cancelled_in_the_callbacks_of_another(void **state)
{
        struct room *r = *state;
        struct got g[3];
        char url[2][128];
        struct peer other;

        peer_start(&r->peer, endless);
        peer_start(&other, hello);
        struct http_request q = got_request(&g[0], url[0], &r->peer, "/");
        q.data = got_data;
        got_start(&g[0], r->http, r->loop, &q);
        run_until(r->loop, &g[0].chunks, 3, 5 * NS_PER_S);
        q.ctx = &g[1];
        q.data = cancel_other;
        victim = &g[0];
        got_start(&g[1], r->http, r->loop, &q);
        run_until(r->loop, &g[1].chunks, 3, 5 * NS_PER_S);
        int before = g[0].chunks;
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(g[0].chunks, before);
        assert_int_equal(g[0].done, 0);

        struct http_request w = got_request(&g[2], url[1], &other, "/");
        w.done = cancel_other_when_done;
        victim = &g[1];
        got_start(&g[2], r->http, r->loop, &w);
        got_wait(&g[2]);
        before = g[1].chunks;
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(g[1].chunks, before);
        assert_int_equal(g[1].done, 0);
        peer_stop(&r->peer);
        peer_stop(&other);
}

static struct http_request follower;

static void start_in_data(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;
        struct got *next = follower.ctx;

        got_data(ctx, bytes, n);
        if (g->chunks > 1)
                return;
        got_start(next, g->http, g->loop, &follower);
}

static void a_request_may_be_started_in_the_callbacks_of_another(void **state)
{
        struct room *r = *state;
        struct got g[2];
        char url[2][128];
        struct peer other;

        peer_start(&r->peer, endless);
        peer_start(&other, hello);
        memset(g, 0, sizeof(g));
        struct http_request q = got_request(&g[0], url[0], &r->peer, "/");
        follower = got_request(&g[1], url[1], &other, "/");
        q.data = start_in_data;
        got_start(&g[0], r->http, r->loop, &q);
        run_until(r->loop, &g[1].done, 1, 5 * NS_PER_S);
        assert_int_equal(g[1].rc, DL_OK);
        assert_int_equal(g[0].done, 0);
        http_cancel(g[0].call);
        peer_stop(&r->peer);
        peer_stop(&other);
}

/* Started and cancelled before libcurl saw it. */
static void start_and_cancel(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;
        struct got *next = follower.ctx;

        got_data(ctx, bytes, n);
        if (g->chunks == 1) {
                got_start(next, g->http, g->loop, &follower);
                http_cancel(next->call);
        }
}

static void a_start_may_be_taken_back_in_the_same_callback(void **state)
{
        struct room *r = *state;
        struct got g[2];
        char url[128];

        peer_start(&r->peer, endless);
        memset(g, 0, sizeof(g));
        struct http_request q = got_request(&g[0], url, &r->peer, "/");
        follower = q;
        follower.ctx = &g[1];
        q.data = start_and_cancel;
        got_start(&g[0], r->http, r->loop, &q);
        run_until(r->loop, &g[0].chunks, 5, 5 * NS_PER_S);
        assert_int_equal(g[1].began + g[1].done, 0);
        assert_int_equal(atomic_load(&r->peer.n), 1);
        http_cancel(g[0].call);
        peer_stop(&r->peer);
}

static void free_in_done(void *ctx, const struct http_answer *a)
{
        struct got *g = ctx;

        http_free(g->http);
        got_done(ctx, a);
}

static void free_in_data(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;

        http_free(g->http);
        got_data(ctx, bytes, n);
        loop_stop(g->loop);
}

static void the_client_may_be_freed_in_a_callback(void **state)
{
        struct room *r = *state;
        struct got g[2];
        char url[2][128];
        struct peer other;

        peer_start(&r->peer, endless);
        peer_start(&other, hello);
        for (int i = 0; i < 2; i++) {
                struct http *h = http_new(r->loop);
                struct http_request busy = got_request(&g[1], url[1], &r->peer, "/");
                struct http_request q = got_request(&g[0], url[0], i ? &r->peer : &other, "/");

                busy.data = got_data;
                got_start(&g[1], h, r->loop, &busy);
                run_until(r->loop, &g[1].chunks, 1, 5 * NS_PER_S);
                if (i)
                        q.data = free_in_data;
                else
                        q.done = free_in_done;
                got_start(&g[0], h, r->loop, &q);
                run_until(r->loop, i ? &g[0].chunks : &g[0].done, 1, 5 * NS_PER_S);
                int before = g[1].chunks;
                run_for(r->loop, 50 * NS_PER_MS);
                assert_int_equal(g[1].chunks, before);
                assert_int_equal(g[1].done, 0);
                assert_int_equal(g[0].done, i ? 0 : 1);
        }
        peer_stop(&r->peer);
        peer_stop(&other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_answer_comes_after_the_start, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_cancelled_request_is_never_heard_of, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_request_may_be_cancelled_in_its_own_callbacks,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_request_may_be_cancelled_in_the_callbacks_of_another, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_request_may_be_started_in_the_callbacks_of_another, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_start_may_be_taken_back_in_the_same_callback,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_client_may_be_freed_in_a_callback, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
