/* A peer that is gone without a word is noticed, on a silent connection and under a request; a name
 * server that does not answer stops nobody. */
/* wrap: setsockopt getsockopt */
#include "http_peer.h"

#include <linux/filter.h>
#include <netdb.h>
#include <semaphore.h>

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

enum { IDLE_S = 15, PROBE_S = 5, PROBES = 5, SILENCE_MS = 40000 };

/* Where the test is in haste, the idle time and the pause between probes are a second each, which
 * is the least the kernel knows. */
static bool hasty;
static int options_seen;

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
        int v = len == sizeof(int) ? *(const int *)value : 0;
        int quick = v;

        if (level == IPPROTO_TCP && name == TCP_KEEPIDLE && v == IDLE_S) {
                options_seen |= 1;
                quick = 1;
        } else if (level == IPPROTO_TCP && name == TCP_KEEPINTVL && v == PROBE_S) {
                options_seen |= 2;
                quick = 1;
        } else if (level == IPPROTO_TCP && name == TCP_KEEPCNT && v == PROBES) {
                options_seen |= 4;
        } else if (level == IPPROTO_TCP && name == TCP_USER_TIMEOUT && v == SILENCE_MS) {
                options_seen |= 8;
                quick = 3500;
        } else if (level == SOL_SOCKET && name == SO_KEEPALIVE && v == 1) {
                options_seen |= 16;
        }
        if (hasty)
                return __real_setsockopt(fd, level, name, &quick, sizeof(quick));
        return __real_setsockopt(fd, level, name, value, len);
}

/* The silence of connections, if not 0, as the kernel would say it. */
static uint32_t silence_ms;
static int looks;

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        int rc = __real_getsockopt(fd, level, name, value, len);

        if (rc == 0 && level == IPPROTO_TCP && name == TCP_INFO) {
                struct tcp_info *t = value;

                looks++;
                if (silence_ms) {
                        t->tcpi_unacked = 1;
                        t->tcpi_last_ack_recv = silence_ms;
                        t->tcpi_last_data_recv = silence_ms + 1;
                }
        }
        return rc;
}

/* From now on the peer's kernel takes nothing on this connection: the link is cut. */
static void cut(struct peer_connection *c)
{
        struct sock_filter drop[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
        struct sock_fprog program = { .len = 1, .filter = drop };

        assert_int_equal(
                __real_setsockopt(c->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
                0);
}

static void begin_stream(struct peer_connection *c)
{
        char request[8192];

        if (peer_read(c, request, sizeof(request)))
                peer_says(c, "HTTP/1.1 200 OK\r\n\r\nfirst\n");
        peer_wait(c);
}

static bool is_long(void)
{
        const char *s = getenv("DEVICELINK_LONG");

        return s && s[0] == '1';
}

/* In the long form with the real times. */
static void a_cut_link_under_a_silent_stream_is_noticed(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        hasty = !is_long();
        options_seen = 0;
        peer_start(&r->peer, begin_stream);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 0;
        q.data = got_data;
        got_start(&g, r->http, r->loop, &q);
        run_until(r->loop, &g.chunks, 1, 5 * NS_PER_S);
        cut(&r->peer.connections[0]);
        int64_t at = clock_mono_ns();
        run_until(r->loop, &g.done, 1, (hasty ? 8 : 46) * NS_PER_S);
        assert_true(clock_mono_ns() - at < (hasty ? 7 : 45) * NS_PER_S);
        assert_int_equal(g.rc, DL_RETRY);
        assert_int_equal(options_seen, 31);
        hasty = false;
        peer_stop(&r->peer);
}

static void a_cut_link_under_a_request_is_noticed(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, peer_wait);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 0;
        got_start(&g, r->http, r->loop, &q);
        silence_ms = SILENCE_MS - 1;
        run_for(r->loop, 5500 * NS_PER_MS);
        assert_int_equal(g.done, 0);
        assert_true(looks >= 1);
        silence_ms = SILENCE_MS;
        run_until(r->loop, &g.done, 1, 5500 * NS_PER_MS);
        assert_int_equal(g.rc, DL_RETRY);
        silence_ms = 0;
        peer_stop(&r->peer);
}

/* The worst moment: the connection has been dead for half a minute, and what is sent now makes the
 * kernel forget how many of its questions stayed without an answer.  In the short form the
 * request's own limit ends it. */
static void a_request_on_a_dead_connection_does_not_add_its_own_time(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];
        int64_t quiet = is_long() ? 29 * NS_PER_S : NS_PER_S / 10;

        peer_start(&r->peer, hello);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = is_long() ? 0 : NS_PER_S / 2;
        got_start(&g, r->http, r->loop, &q);
        got_wait(&g);
        cut(&r->peer.connections[0]);
        int64_t at = clock_mono_ns();
        run_for(r->loop, quiet);
        got_start(&g, r->http, r->loop, &q);
        run_until(r->loop, &g.done, 1, 46 * NS_PER_S);
        if (is_long()) /* it was sent once more, on a new connection */
                assert_int_equal(g.rc, DL_OK);
        else
                assert_int_equal(g.rc, DL_RETRY);
        assert_true(clock_mono_ns() - at < 45500 * NS_PER_MS);
        got_start(&g, r->http, r->loop, &q); /* connects anew */
        got_wait(&g);
        assert_int_equal(g.rc, DL_OK);
        peer_stop(&r->peer);
}

static void nobody_looks_at_connections_that_wait_in_peace(void **state)
{
        struct room *r = *state;
        struct got g;
        char url[128];

        peer_start(&r->peer, begin_stream);
        struct http_request q = got_request(&g, url, &r->peer, "/");
        q.limit_ns = 0;
        q.data = got_data;
        got_start(&g, r->http, r->loop, &q);
        run_for(r->loop, 6 * NS_PER_S);
        looks = 0;
        run_for(r->loop, 6 * NS_PER_S);
        assert_int_equal(looks, 0);
        assert_int_equal(g.done, 0);
        http_cancel(g.call);
        peer_stop(&r->peer);
}

/* --- names.  libcurl's own thread calls this: the program's comes before the C library's. */

static sem_t name_server;
static _Atomic int asked;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved names */
__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret)
{
        (void)host;
        (void)service;
        (void)hints;
        (void)ret;
        atomic_fetch_add(&asked, 1);
        (void)sem_wait(&name_server);
        return EAI_AGAIN;
}

static void a_name_server_that_does_not_answer_stops_nobody(void **state)
{
        struct room *r = *state;
        struct got g[2];
        char url[128];
        int64_t at = clock_mono_ns();

        (void)sem_init(&name_server, 0, 0);
        peer_start(&r->peer, hello);
        struct http_request fine = got_request(&g[1], url, &r->peer, "/");
        struct http_request q = { .method = "GET",
                                  .url = "http://api.test/",
                                  .connect_limit_ns = 200 * NS_PER_MS,
                                  .ctx = &g[0],
                                  .done = got_done };
        got_start(&g[0], r->http, r->loop, &q); /* runs into its limit */
        got_start(&g[1], r->http, r->loop, &fine);
        got_wait(&g[1]);
        assert_int_equal(g[1].rc, DL_OK);
        assert_int_equal(g[0].done, 0);
        got_wait(&g[0]);
        assert_int_equal(g[0].rc, DL_RETRY);
        assert_string_equal(g[0].text, "no connection within 0.2 s");

        got_start(&g[0], r->http, r->loop, &q); /* is cancelled */
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(atomic_load(&asked), 2); /* a name is asked for anew */
        http_cancel(g[0].call);

        got_start(&g[0], r->http, r->loop, &q); /* ends with the client */
        run_for(r->loop, 50 * NS_PER_MS);
        http_free(r->http);
        r->http = NULL;
        assert_true(clock_mono_ns() - at < 2 * NS_PER_S);
        for (int i = 0; i < 3; i++)
                (void)sem_post(&name_server);
        peer_pause(100 * NS_PER_MS); /* for the threads that asked */
        peer_stop(&r->peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_cut_link_under_a_silent_stream_is_noticed, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_cut_link_under_a_request_is_noticed, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a_request_on_a_dead_connection_does_not_add_its_own_time, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(nobody_looks_at_connections_that_wait_in_peace,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_name_server_that_does_not_answer_stops_nobody,
                                                set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
