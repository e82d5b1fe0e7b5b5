/* What is asked for goes out as it was given, the way that was told, or not at all. */
#include "http_peer.h"

/* --- what is refused before it is sent */

static void what_cannot_be_sent_is_said_later_and_once(void **state)
{
        static const char *const urls[] = {
                "", "nonsense://x/", "file:///etc/hosts", "http://", "http://[::1", "ftp://x/",
        };
        struct room *r = *state;

        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                struct got g;
                struct http_request q = {
                        .method = "GET", .url = urls[i], .body_max = 10, .ctx = &g, .done = got_done
                };

                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                assert_int_equal(g.rc, DL_CONFIG);
                assert_int_equal(g.status, 0);
                assert_true(g.text[0]);
        }
}

static void a_header_is_one_line(void **state)
{
        struct room *r = *state;
        static const struct http_header evil[] = { { "X-A", "1\r\nX-B: 2" }, { "X\nY", "1" } };

        peer_start(&r->peer, hello);
        for (size_t i = 0; i < 2; i++) {
                struct got g;
                char url[128];
                struct http_request q = got_request(&g, url, &r->peer, "/");

                q.headers = &evil[i];
                q.n_headers = 1;
                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                assert_int_equal(g.rc, DL_CONFIG);
                assert_null(strstr(g.text, "X-B"));
        }
        assert_int_equal(r->peer.n, 0);
        peer_stop(&r->peer);
}

/* Says what it read. */
static void method_headers_and_body_go_out_as_given(void **state)
{
        static const struct http_header headers[] = {
                { "Authorization", "Bearer abc" },
                { "Content-Type", "application/merge-patch+json" },
                { "X-Empty", "" },
        };
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, echo);
        struct http_request q = got_request(&g, url, &r->peer, "/a?b=c%20d");
        q.method = "PATCH";
        q.headers = headers;
        q.n_headers = 3;
        q.body = "{\"a\":1}";
        q.body_len = 7;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "PATCH /a?b=c%20d HTTP/1.1\r\n"), g.body);
        assert_non_null(strstr(g.body, "\r\nAuthorization: Bearer abc\r\n"));
        assert_non_null(strstr(g.body, "\r\nContent-Type: application/merge-patch+json\r\n"));
        assert_non_null(strstr(g.body, "\r\nX-Empty:\r\n"));
        assert_non_null(strstr(g.body, "\r\nContent-Length: 7\r\n"));
        assert_non_null(strstr(g.body, "\r\n\r\n{\"a\":1}"));
        assert_null(strstr(g.body, "Accept-Encoding"));
        assert_null(strstr(g.body, "Expect"));
        peer_stop(&r->peer);
}

static bool never(void *ctx)
{
        (void)ctx;
        return false;
}

static void what_may_not_be_sent_any_more_is_not_sent(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, echo);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        for (int i = 0; i < 2; i++) { /* over a new connection and one that is there */
                q.may_send = never;
                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                assert_int_equal(g.rc, DL_RETRY);
                assert_int_equal(g.status, 0);
                assert_string_equal(g.text, "it may not be sent any more");
                q.may_send = NULL;
                got_start(&g, r->http, r->loop, &q);
                got_wait(&g);
                assert_int_equal(g.status, 200);
        }
        peer_stop(&r->peer);
}

static void methods_have_a_body_or_none(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, echo);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.method = "POST";
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "POST / HTTP/1.1\r\n"), g.body);
        assert_non_null(strstr(g.body, "\r\nContent-Length: 0\r\n"));

        q.body = "";
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_non_null(strstr(g.body, "\r\nContent-Length: 0\r\n"));

        q.body = "abc";
        q.body_len = 3;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "POST / HTTP/1.1\r\n"), g.body);
        assert_non_null(strstr(g.body, "\r\nContent-Length: 3\r\n"));
        assert_non_null(strstr(g.body, "\r\n\r\nabc"));

        q.body = NULL;
        q.method = "DELETE";
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "DELETE / HTTP/1.1\r\n"), g.body);
        assert_null(strstr(g.body, "Content-Length"));

        q.body = "xyz";
        q.body_len = 3;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "DELETE / HTTP/1.1\r\n"), g.body);
        assert_non_null(strstr(g.body, "\r\n\r\nxyz"));
        assert_null(strstr(g.body, "Content-Type"));
        peer_stop(&r->peer);
}

/* --- proxies: the peer plays one */

static void a_proxy_is_used_as_told_or_as_the_environment_says(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[64];
        char proxy[64];
        struct peer direct;

        peer_start(&r->peer, echo);
        peer_start(&direct, hello);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", direct.port);
        (void)snprintf(proxy, sizeof(proxy), "http://me:secret@127.0.0.1:%d", r->peer.port);
        struct http_request q = {
                .method = "GET", .url = url, .body_max = 4096, .ctx = &g, .done = got_done
        };
        http_set_proxy(r->http, proxy);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "GET http://127.0.0.1:"), g.body);
        assert_non_null(strstr(g.body, "Proxy-Authorization: Basic bWU6c2VjcmV0"));

        (void)setenv("http_proxy", proxy, 1);
        http_set_proxy(r->http, "");
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_string_equal(g.body, "hello");

        http_set_proxy(r->http, NULL);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_ptr_equal(strstr(g.body, "GET http://127.0.0.1:"), g.body);

        (void)setenv("no_proxy", "127.0.0.1", 1);
        http_set_proxy(r->http, NULL);
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_string_equal(g.body, "hello");
        (void)unsetenv("http_proxy");
        (void)unsetenv("no_proxy");
        peer_stop(&r->peer);
        peer_stop(&direct);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_said_later_and_once, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_header_is_one_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(method_headers_and_body_go_out_as_given, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_may_not_be_sent_any_more_is_not_sent, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(methods_have_a_body_or_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_proxy_is_used_as_told_or_as_the_environment_says,
                                                set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
