/* A request has one end, whatever is done to it and whenever; connections are shared and let go. */
#include "http_peer.h"

struct room {
        struct loop *loop;
        struct http *http;
        struct peer peer;
};

static int set_up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        r->loop = loop_new("test");
        r->http = http_new(r->loop);
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        struct room *r = *state;

        http_free(r->http);
        loop_free(r->loop);
        free(r);
        return 0;
}

static void hello(struct peer_connection *c)
{
        char request[8192];

        while (peer_read(c, request, sizeof(request)))
                peer_says(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 5\r\n\r\nhello");
}

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_answer_comes_after_the_start, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
