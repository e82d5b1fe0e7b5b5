/* No peer costs more than the limit; connections are shared, let go, and never trusted after a
 * failure.
 */
/* wrap: loop_fd_start */
#include "http_peer.h"

int __wrap_loop_fd_start(struct loop_fd *f, struct loop *l, int fd, unsigned events,
                         void (*ready)(void *ctx, unsigned events), void *ctx, struct err *e);
int __real_loop_fd_start(struct loop_fd *f, struct loop *l, int fd, unsigned events,
                         void (*ready)(void *ctx, unsigned events), void *ctx, struct err *e);

static bool nothing_can_be_watched;

int __wrap_loop_fd_start(struct loop_fd *f, struct loop *l, int fd, unsigned events,
                         void (*ready)(void *ctx, unsigned events), void *ctx, struct err *e)
{
        if (nothing_can_be_watched)
                return err_set(e, DL_BUG, "no watch for %d", fd);
        return __real_loop_fd_start(f, l, fd, events, ready, ctx, e);
}

/* --- limits */

static void a_peer_that_never_answers_costs_the_limit(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, silent);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 200 * NS_PER_MS;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_RETRY);
        assert_int_equal(g.began, 0);
        assert_string_equal(g.text, "no answer within 0.2 s");
        peer_stop(&r->peer);
}

static void an_answer_that_never_ends_costs_the_limit(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, endless);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 200 * NS_PER_MS;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_RETRY);
        assert_int_equal(g.began, 1);
        assert_int_equal(g.status, 200);
        assert_string_equal(g.text, "the answer did not end within 0.2 s");
        peer_stop(&r->peer);
}

/* Its kernel takes the connection, TLS is never spoken. */
static void a_peer_that_never_shakes_hands_costs_the_connect_limit(void **state)
{
        struct room *r = *state;
        struct got g[3];
        char url[128];

        peer_start(&r->peer, silent);
        for (int i = 0; i < 3; i++) { /* those that wait for the first one's connection, too */
                struct http_request q = got_request(&g[i], url, &r->peer, "/");

                (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", r->peer.port);
                q.connect_limit_ns = 300 * NS_PER_MS;
                q.limit_ns = i == 1 ? 0 : 5 * NS_PER_S;
                got_start(&g[i], r->http, r->loop, &q);
        }
        for (int i = 0; i < 3; i++) {
                got_wait(&g[i]);
                assert_int_equal(g[i].rc, DL_RETRY);
        }
        peer_stop(&r->peer);
}

static void without_a_limit_an_answer_may_take_its_time(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, endless);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 0;
        q.connect_limit_ns = 100 * NS_PER_MS;
        q.data = got_data;
        got_start(&g, r->http, r->loop, &q);
        run_for(r->loop, 400 * NS_PER_MS);
        assert_int_equal(g.done, 0);
        assert_true(g.chunks > 10);
        http_cancel(g.call);
        peer_stop(&r->peer);
}

static void nobody_there_is_said_at_once(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, hello);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        peer_stop(&r->peer);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_RETRY);
        assert_non_null(strstr(g.text, "127.0.0.1"));
}

/* --- connections */

static void connections_can_be_forgotten_while_answers_run_on(void **state)
{
        struct room *r = *state;
        struct got g[2];
        char url[2][128];
        struct peer other;

        peer_start(&r->peer, endless);
        peer_start(&other, hello);
        struct http_request q = got_request(&g[0], url[0], &r->peer, "/");
        struct http_request w = got_request(&g[1], url[1], &other, "/");
        q.data = got_data;
        got_start(&g[0], r->http, r->loop, &q);
        got_start(&g[1], r->http, r->loop, &w);
        got_wait(&g[1]);
        http_forget_connections(r->http);
        got_start(&g[1], r->http, r->loop, &w);
        got_wait(&g[1]);
        assert_true(g[1].connect_ns > 0);
        assert_int_equal(atomic_load(&other.n), 2);
        int before = g[0].chunks;
        run_for(r->loop, 50 * NS_PER_MS);
        assert_true(g[0].chunks > before);
        assert_int_equal(g[0].done, 0);
        http_cancel(g[0].call);
        peer_stop(&r->peer);
        peer_stop(&other);
}

/* Answers the first request of a connection, never the second. */
static void once(struct peer_connection *c)
{
        char request[8192];

        if (!peer_read(c, request, sizeof(request)))
                return;
        peer_says(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer_wait(c);
}

static void after_a_failure_the_next_request_connects_anew(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, once);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 200 * NS_PER_MS;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_OK);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_RETRY);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(atomic_load(&r->peer.n), 2);
        peer_stop(&r->peer);
}

static void few_idle_connections_are_kept(void **state)
{
        struct room *r = *state;
        enum { CALLS = 40 };
        static struct got g[CALLS];
        char url[128];

        peer_start(&r->peer, hello);
        struct http_request q = got_request(g, url, &r->peer, "/");
        for (int i = 0; i < CALLS; i++) {
                q.ctx = &g[i];
                got_start(&g[i], r->http, r->loop, &q);
        }
        for (int i = 0; i < CALLS; i++)
                got_wait(&g[i]);
        run_for(r->loop, 50 * NS_PER_MS);
        int open = 0;
        for (int i = 0; i < atomic_load(&r->peer.n); i++) {
                struct pollfd p = { .fd = r->peer.connections[i].fd, .events = POLLRDHUP };

                open += poll(&p, 1, 0) == 0;
        }
        assert_in_range(open, 1, 4);
        peer_stop(&r->peer);
}

static void elsewhere(struct peer_connection *c)
{
        char request[8192];

        while (peer_read(c, request, sizeof(request)))
                peer_says(c, "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
}

static void a_redirect_is_an_answer(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, elsewhere);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 302);
        assert_int_equal(atomic_load(&r->peer.requests), 1);
        peer_stop(&r->peer);
}

static void a_unix_socket_takes_all_requests(void **state)
{
        struct room *r = *state;
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        struct got g;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/test_http.%d", (int)getpid());
        (void)unlink(a.sun_path);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        peer_run(&r->peer, fd, hello);
        http_set_unix_socket(r->http, a.sun_path);
        struct http_request q = { .method = "GET",
                                  .url = "http://devicelink/x",
                                  .body_max = 10,
                                  .ctx = &g,
                                  .done = got_done };
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_string_equal(g.body, "hello");
        assert_int_equal(unlink(a.sun_path), 0);
        peer_stop(&r->peer);
}

/* Answers the first request of a connection, reads the second one and ends. */
static void once_and_end(struct peer_connection *c)
{
        char request[8192];

        if (!peer_read(c, request, sizeof(request)))
                return;
        peer_says(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        (void)peer_read(c, request, sizeof(request));
}

static void a_connection_that_dies_costs_a_repeat_but_never_a_second_post(void **state)
{
        static const struct {
                const char *method;
                const char *body;
                int rc;
                int requests;
        } cases[] = {
                { "GET", NULL, DL_OK, 3 },
                { "PATCH", "{}", DL_OK, 3 },
                { "POST", "{}", DL_RETRY, 2 },
        };
        struct room *r = *state;

        for (size_t i = 0; i < 3; i++) {
                struct got g;
                char url[128];

                peer_start(&r->peer, once_and_end);
                struct http_request q = got_request(&g, url, &r->peer, "/");
                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                q.method = cases[i].method;
                q.body = cases[i].body;
                q.body_len = q.body ? strlen(q.body) : 0;
                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                assert_int_equal(g.rc, cases[i].rc);
                assert_int_equal(atomic_load(&r->peer.requests), cases[i].requests);
                peer_stop(&r->peer);
                http_forget_connections(r->http);
        }
}

static struct http_request second;

static void ask_again(void *ctx, const struct http_answer *a)
{
        struct got *g = ctx;

        got_done(ctx, a);
        nothing_can_be_watched = false;
        got_start(second.ctx, g->http, g->loop, &second);
}

static void a_connection_that_cannot_be_watched_ends_its_requests_only(void **state)
{
        struct room *r = *state;
        struct got g[3];
        char url[3][128];
        struct peer other;

        peer_start(&r->peer, endless);
        peer_start(&other, hello);
        struct http_request q = got_request(&g[0], url[0], &r->peer, "/");
        q.data = got_data;
        got_start(&g[0], r->http, r->loop, &q);
        run_until(r->loop, &g[0].chunks, 1, 5 * NS_PER_S);
        http_forget_connections(r->http);
        memset(g + 1, 0, sizeof(g[1]) * 2);
        struct http_request w = got_request(&g[1], url[1], &other, "/");
        second = got_request(&g[2], url[2], &other, "/");
        w.done = ask_again;
        nothing_can_be_watched = true;
        got_start(&g[1], r->http, r->loop, &w);
        run_until(r->loop, &g[2].done, 1, 5 * NS_PER_S);
        assert_int_equal(g[1].rc, DL_RETRY);
        assert_string_equal(g[1].text, "cannot watch the connection");
        assert_int_equal(g[2].rc, DL_OK);
        assert_int_equal(g[0].done, 0);
        http_cancel(g[0].call);
        peer_stop(&r->peer);
        peer_stop(&other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_peer_that_never_answers_costs_the_limit, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(an_answer_that_never_ends_costs_the_limit, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_never_shakes_hands_costs_the_connect_limit, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_a_limit_an_answer_may_take_its_time, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(nobody_there_is_said_at_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(connections_can_be_forgotten_while_answers_run_on,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(after_a_failure_the_next_request_connects_anew,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(few_idle_connections_are_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_redirect_is_an_answer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_unix_socket_takes_all_requests, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a_connection_that_dies_costs_a_repeat_but_never_a_second_post, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_connection_that_cannot_be_watched_ends_its_requests_only, set_up,
                        tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
