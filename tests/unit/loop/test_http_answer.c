/* Whatever comes back is an answer within its bounds or a reason why there is none. */
/* libs: PkgConfig::Z */
/* wrap: clock_wall_ns */
#include "http_peer.h"

#include <zlib.h>

int64_t __wrap_clock_wall_ns(void);

int64_t __wrap_clock_wall_ns(void)
{
        return INT64_C(1700000000) * NS_PER_S; /* Tue, 14 Nov 2023 22:13:20 GMT */
}

/* What the peer says to each request; then it closes. */
static const char *said;
static size_t said_len;
static bool byte_by_byte;

static void say(struct peer_connection *c)
{
        char request[8192];
        int on = 1;

        if (!peer_read(c, request, sizeof(request)))
                return;
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (!byte_by_byte) {
                peer_write(c, said, said_len);
                return;
        }
        for (size_t i = 0; i < said_len; i++) {
                peer_write(c, said + i, 1);
                if (i % 16 == 0)
                        peer_pause(NS_PER_MS);
        }
}

static void set_said(const char *text)
{
        said = text;
        said_len = strlen(text);
        byte_by_byte = false;
}

/* One request to a peer that says what is set. */
static void ask(struct room *r, struct got *g, void (*change)(struct http_request *q))
{
        char url[128];

        peer_start(&r->peer, say);
        struct http_request q = got_request(g, url, &r->peer, "/");
        if (change)
                change(&q);
        got_start(g, r->http, r->loop, &q);
        got_wait(g);
        peer_stop(&r->peer);
}

static void ask_for(struct room *r, struct got *g, const char *text)
{
        set_said(text);
        ask(r, g, NULL);
}

static void stream(struct http_request *q)
{
        q->data = got_data;
        q->body_max = 0;
}

static void at_most_ten(struct http_request *q)
{
        q->body_max = 10;
}

static void compressed(struct http_request *q)
{
        q->compressed = true;
}

static void head(struct http_request *q)
{
        q->method = "HEAD";
}

/* --- parts */

static void an_answer_may_come_byte_by_byte(void **state)
{
        struct got g;

        set_said("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
        byte_by_byte = true;
        ask(*state, &g, NULL);
        assert_int_equal(g.rc, DL_OK);
        assert_string_equal(g.body, "hello world");
        assert_string_equal(g.type, "application/json");
        assert_int_equal(g.retry_after_ns, 7 * NS_PER_S);

        byte_by_byte = true;
        ask(*state, &g, stream);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.began, 1);
        assert_int_equal(g.streamed, 11);
        assert_memory_equal(g.body, "hello world", 11);
        assert_int_equal(g.len, 0);
}

static void an_error_instead_of_a_stream_is_collected(void **state)
{
        struct got g;

        set_said("HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n");
        ask(*state, &g, stream);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 404);
        assert_int_equal(g.began_status, 404);
        assert_int_equal(g.streamed, 0);
        assert_string_equal(g.body, "404 page not found\n");
}

static void a_long_error_instead_of_a_stream_is_cut(void **state)
{
        enum { LENGTH = 300000 };
        auto_free char *text = xmalloc(LENGTH + 200);
        int n = snprintf(text, 200, "HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n", LENGTH);
        struct got g;

        memset(text + n, 'x', LENGTH);
        text[n + LENGTH] = '\0';
        set_said(text);
        ask(*state, &g, stream);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 500);
        assert_int_equal(g.len, 64 << 10);
}

static void interim_answers_and_trailers_do_not_count(void **state)
{
        struct got g;

        ask_for(*state, &g,
                "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nContent-Type: a/b\r\n\r\n"
                "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\nWarning: 299 - \"one\"\r\n"
                "warning:  299 - \"two\" \r\n\r\n3\r\nabc\r\n0\r\nRetry-After: 5\r\n\r\n");
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 503);
        assert_int_equal(g.began, 1);
        assert_int_equal(g.retry_after_ns, -1);
        assert_string_equal(g.type, "");
        assert_string_equal(g.warning, "299 - \"one\"\n299 - \"two\"");
        assert_string_equal(g.body, "abc");
}

static void an_answer_may_have_no_body(void **state)
{
        struct got g;

        ask_for(*state, &g, "HTTP/1.1 204 No Content\r\n\r\n");
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 204);
        assert_string_equal(g.body, "");
        set_said("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
        ask(*state, &g, head);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.len, 0);
        /* As HTTP/1.0 said it: the end of the connection is the end of the answer. */
        ask_for(*state, &g, "HTTP/1.0 200 OK\r\n\r\nto the end");
        assert_int_equal(g.rc, DL_OK);
        assert_string_equal(g.body, "to the end");
}

static void retry_after_is_seconds_or_a_date(void **state)
{
        static const struct {
                const char *value;
                int64_t ns;
        } cases[] = {
                { "1", NS_PER_S },
                { "0", 0 },
                { "120", 120 * NS_PER_S },
                { "Tue, 14 Nov 2023 22:13:50 GMT", 30 * NS_PER_S },
                { "Tue, 14 Nov 2023 22:12:50 GMT", 0 }, /* gone by */
                { "99999999", 86400 * NS_PER_S },
                { "Tue, 14 Nov 2073 22:13:50 GMT", 86400 * NS_PER_S },
                { "99999999999999999999999", -1 },
                { "-5", -1 },
                { "soon", -1 },
                { "", -1 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[256];
                struct got g;

                (void)snprintf(text, sizeof(text),
                               "HTTP/1.1 429 Too Many\r\nRetry-After: %s\r\nContent-Length: 0\r\n"
                               "\r\n",
                               cases[i].value);
                ask_for(*state, &g, text);
                if (g.retry_after_ns != cases[i].ns)
                        fail_msg("Retry-After: %s: %lld", cases[i].value,
                                 (long long)g.retry_after_ns);
        }
}

/* --- bounds */

static void a_body_beyond_its_bound_is_refused(void **state)
{
        struct got g;

        set_said("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
        ask(*state, &g, at_most_ten);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.len, 10);
        set_said("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a");
        ask(*state, &g, at_most_ten);
        assert_int_equal(g.rc, DL_REFUSED);
        assert_int_equal(g.status, 200);
        assert_string_equal(g.text, "the answer is longer than 10 bytes");
        /* A length that is only claimed costs nothing. */
        ask_for(*state, &g, "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nx");
        assert_int_equal(g.rc, DL_RETRY);
        ask_for(*state, &g, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx");
        assert_int_not_equal(g.rc, DL_OK);
}

static void headers_have_a_bound(void **state)
{
        enum { LENGTH = 200000 };
        auto_free char *text = xmalloc(LENGTH + 200);
        struct got g;
        int n = snprintf(text, 200, "HTTP/1.1 200 OK\r\nX: ");

        memset(text + n, 'x', LENGTH);
        (void)snprintf(text + n + LENGTH, 100, "\r\n\r\nbody");
        ask_for(*state, &g, text);
        assert_int_equal(g.rc, DL_RETRY);
        assert_true(g.text[0]);

        n = snprintf(text, 200, "HTTP/1.1 200 OK\r\n");
        while (n < LENGTH)
                n += snprintf(text + n, 100, "Warning: 299 - \"%d\"\r\n", n);
        (void)snprintf(text + n, 100, "\r\nbody");
        ask_for(*state, &g, text);
        assert_int_equal(g.rc, DL_RETRY);
        assert_int_equal(g.began, 0);
        assert_string_equal(g.text, "the answer's headers are longer than 65536 bytes");
}

static char *gzip(size_t n, bool compressible, size_t *ret)
{
        auto_free char *plain = xmalloc(n);
        z_stream z = { 0 };
        unsigned seed = 1;

        for (size_t i = 0; i < n; i++) {
                seed = seed * 1103515245U + 12345U;
                plain[i] = compressible ? 'a' : (char)(seed >> 16);
        }
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        size_t bound = deflateBound(&z, n);
        char *out = xmalloc(bound + 256);
        z.next_in = (unsigned char *)plain;
        z.avail_in = (unsigned)n;
        z.next_out = (unsigned char *)out + 256;
        z.avail_out = (unsigned)bound;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        int len =
                snprintf(out, 256,
                         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
                         z.total_out);
        memmove(out + len, out + 256, z.total_out);
        *ret = (size_t)len + z.total_out;
        assert_int_equal(deflateEnd(&z), Z_OK);
        return out;
}

static void a_packed_answer_is_bounded_unpacked(void **state)
{
        struct got g;
        auto_free char *fits = gzip(1 << 20, false, &said_len);

        said = fits;
        byte_by_byte = false;
        ask(*state, &g, compressed);
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.len, 1 << 20);

        auto_free char *bomb = gzip(64 << 20, true, &said_len);
        assert_true(said_len < 1 << 17);
        said = bomb;
        ask(*state, &g, compressed);
        assert_int_equal(g.rc, DL_REFUSED);
        assert_true(g.len <= 1 << 20);
}

static void a_packed_answer_that_is_cut_or_broken_is_a_failure(void **state)
{
        struct got g;
        auto_free char *text = gzip(4096, false, &said_len);
        size_t whole = said_len;

        said = text;
        said_len -= 100;
        ask(*state, &g, compressed);
        assert_int_equal(g.rc, DL_RETRY);
        said_len = whole;
        memset(text + said_len - 2000, 0xff, 200);
        ask(*state, &g, compressed);
        assert_int_equal(g.rc, DL_RETRY);
}

static void packing_is_asked_for_only_on_demand(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, echo);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.compressed = true;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        assert_non_null(strstr(g.body, "\r\nAccept-Encoding: gzip\r\n"));
        peer_stop(&r->peer);
}

/* --- what is no answer */

static void a_cut_answer_is_a_failure(void **state)
{
        static const char *const cut[] = {
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n wo",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
                "HTTP/1.1 200 OK\r\nContent-Le",
                "HTTP/1.1 2",
                "",
        };

        for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
                struct got g;

                ask_for(*state, &g, cut[i]);
                if (g.rc != DL_RETRY || !g.text[0])
                        fail_msg("case %zu: rc %d status %ld '%s'", i, g.rc, g.status, g.text);
        }
}

static void garbage_is_a_failure(void **state)
{
        static const char *const garbage[] = {
                "SSH-2.0-OpenSSH_9.2p1\r\n",    "\r\n\r\n\r\n",
                "HTTP/1.1 abc OK\r\n\r\n",      "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
                "\x15\x03\x01\x00\x02\x02\x46",
        };

        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
                struct got g;

                ask_for(*state, &g, garbage[i]);
                if (g.rc != DL_RETRY || !g.text[0])
                        fail_msg("case %zu: rc %d status %ld '%s'", i, g.rc, g.status, g.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_answer_may_come_byte_by_byte, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_error_instead_of_a_stream_is_collected, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_long_error_instead_of_a_stream_is_cut, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(interim_answers_and_trailers_do_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(an_answer_may_have_no_body, set_up, tear_down),
                cmocka_unit_test_setup_teardown(retry_after_is_seconds_or_a_date, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_body_beyond_its_bound_is_refused, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(headers_have_a_bound, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_packed_answer_is_bounded_unpacked, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_packed_answer_that_is_cut_or_broken_is_a_failure,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(packing_is_asked_for_only_on_demand, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_cut_answer_is_a_failure, set_up, tear_down),
                cmocka_unit_test_setup_teardown(garbage_is_a_failure, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
