/* The HTTP client and the real API server: HTTP/2, many requests on one connection, and who we are
 * there.  Numbers: reference A1 and A2. */
/* libs: dl_kube */
#include "http_room.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS = 100, WATCHES = STREAMS + 1 };

static int up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        *state = r;
        kube_up(&r->k);
        r->loop = loop_new("test");
        return 0;
}

/* Of this process, to the server. */
static int connections(const struct room *r, uint64_t *ret_received)
{
        unsigned port = (unsigned)strtoul(strrchr(r->k.server, ':') + 1, NULL, 10);
        int n = 0;

        *ret_received = 0;
        for (int fd = 0; fd < 1024; fd++) {
                struct sockaddr_in peer = { 0 };
                socklen_t len = sizeof(peer);
                struct tcp_info info = { 0 };
                socklen_t info_len = sizeof(info);

                if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
                    peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
                        continue;
                n++;
                if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) == 0)
                        *ret_received += info.tcpi_bytes_received;
        }
        return n;
}

/* The rig's own connection to the server may be among them. */
static int others(const struct room *r)
{
        uint64_t received;

        return connections(r, &received);
}

/* --- */

/* (16) */
static void many_requests_share_one_connection(void **state)
{
        struct room *r = *state;
        static struct got g[60];
        int before = others(r);
        int connected = 0;

        enter(r, r->k.kubeconfig);
        for (int i = 0; i < 60; i++)
                start(r, &g[i], "/api/v1/namespaces/default", false, false);
        run_until(r, &r->done, 60);
        for (int i = 0; i < 60; i++) {
                assert_int_equal(g[i].rc, DL_OK);
                assert_int_equal(g[i].status, 200);
                connected += g[i].connected;
                free(g[i].body);
        }
        assert_int_equal(connected, 1);
        assert_int_equal(others(r) - before, 1);
}

/* (16) */
static void the_hundred_and_first_watch_opens_a_second_connection(void **state)
{
        struct room *r = *state;
        static struct got g[WATCHES];
        auto_free char *path =
                xasprintf("/api/v1/namespaces/%s/configmaps?watch=1&resourceVersion=0", r->k.space);
        int before = others(r);
        struct got one;

        enter(r, r->k.kubeconfig);
        for (int i = 0; i < STREAMS; i++)
                start(r, &g[i], path, true, false);
        run_until(r, &r->began, STREAMS);
        assert_int_equal(others(r) - before, 1);
        start(r, &g[STREAMS], path, true, false);
        run_until(r, &r->began, WATCHES);
        assert_int_equal(others(r) - before, 2);
        get(r, &one, "/version"); /* and there is room for more */
        assert_int_equal(one.status, 200);
        free(one.body);

        int64_t data = 0;
        for (int i = 0; i < WATCHES; i++)
                data -= g[i].data;
        kube_apply(&r->k, "apiVersion: v1\nkind: ConfigMap\n"
                          "metadata: {name: news, namespace: {space}}\n");
        run_for(r, NS_PER_S);
        int heard = 0;
        for (int i = 0; i < WATCHES; i++) {
                data += g[i].data;
                heard += g[i].data > 0;
                assert_int_equal(g[i].status, 200);
                assert_int_equal(g[i].done, 0);
        }
        assert_int_equal(heard, WATCHES);
        assert_true(data > WATCHES * 100);
        for (int i = 0; i < WATCHES; i++)
                http_cancel(g[i].call);
        get(r, &one, "/version"); /* on one that is still open */
        assert_false(one.connected);
        free(one.body);
}

/* What the library holds of an event that is larger than a call's buffer is asked for at once, not
 * when the server says something else. */
static void an_event_of_any_size_arrives_whole_at_once(void **state)
{
        static const int sizes[] = { 100, 3000, 5000, 16000, 17000, 40000, 200000 };
        struct room *r = *state;
        static struct got g[3];
        auto_free char *where = xasprintf("/api/v1/namespaces/%s/configmaps", r->k.space);
        auto_free char *path = xasprintf("%s?watch=1&resourceVersion=0", where);
        struct got one;

        enter(r, r->k.kubeconfig);
        start(r, &g[0], path, true, false);
        start(r, &g[1], "/api/v1/namespaces?watch=1", true, false);
        start(r, &g[2], path, true, false);
        run_until(r, &r->began, 3);
        get(r, &one, "/version");
        free(one.body);
        run_for(r, 500 * NS_PER_MS);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                int64_t before[] = { g[0].data, 0, g[2].data };
                auto_free char *body =
                        xasprintf("{\"metadata\":{\"name\":\"of-%d\"},\"data\":{\"x\":\"%0*d\"}}",
                                  sizes[i], sizes[i], 7);

                assert_int_equal(kube_request(&r->k, "POST", where, NULL, body, NULL), 201);
                run_for(r, 300 * NS_PER_MS);
                for (int w = 0; w < 3; w += 2) {
                        assert_true(g[w].data - before[w] > sizes[i]);
                        assert_int_equal(g[w].last, '\n');
                }
        }
        for (int i = 0; i < 3; i++)
                http_cancel(g[i].call);
}

/* (16)  All at once, when none of the connections is there yet. */
static void many_watches_need_few_connections(void **state)
{
        struct room *r = *state;
        enum { MANY = 250 };
        static struct got g[MANY];
        auto_free char *path =
                xasprintf("/api/v1/namespaces/%s/configmaps?watch=1&resourceVersion=0", r->k.space);
        int before = others(r);

        enter(r, r->k.kubeconfig);
        for (int i = 0; i < MANY; i++)
                start(r, &g[i], path, true, false);
        run_until(r, &r->began, MANY);
        assert_int_equal(others(r) - before, 3);
        for (int i = 0; i < MANY; i++)
                http_cancel(g[i].call);
        run_for(r, 100 * NS_PER_MS);
        assert_int_equal(others(r) - before, 1);
}

/* (23) */
static void a_packed_list_costs_less_and_says_the_same(void **state)
{
        struct room *r = *state;
        auto_free char *path = xasprintf("/api/v1/namespaces/%s/configmaps", r->k.space);
        char filler[8001];
        struct got plain;
        struct got packed;
        uint64_t bytes[3];

        for (size_t i = 0; i < sizeof(filler) - 1; i++)
                filler[i] = "abc def "[i % 8];
        filler[sizeof(filler) - 1] = '\0';
        for (int i = 0; i < 40; i++) {
                auto_free char *where = xasprintf("/api/v1/namespaces/%s/configmaps", r->k.space);
                auto_free char *body = xasprintf(
                        "{\"metadata\":{\"name\":\"m%d\"},\"data\":{\"x\":\"%s\"}}", i, filler);

                assert_int_equal(kube_request(&r->k, "POST", where, NULL, body, NULL), 201);
        }
        enter(r, r->k.kubeconfig);
        (void)connections(r, &bytes[0]);
        start(r, &plain, path, false, false);
        run_until(r, &plain.done, 1);
        (void)connections(r, &bytes[1]);
        start(r, &packed, path, false, true);
        run_until(r, &packed.done, 1);
        (void)connections(r, &bytes[2]);
        assert_int_equal(packed.rc, DL_OK);
        assert_int_equal(packed.len, plain.len);
        assert_memory_equal(packed.body, plain.body, plain.len);
        assert_true(plain.len > 40 * 8000);
        assert_true(bytes[1] - bytes[0] > plain.len);
        assert_true(bytes[2] - bytes[1] < plain.len / 5);
        free(plain.body);
        free(packed.body);
}

/* A kubeconfig for the test's server with this user, and this added to the cluster; for free(). */
static char *kubeconfig_as(struct room *r, const char *user, const char *cluster)
{
        char *path = xasprintf("/tmp/test_http.%d.yaml", (int)getpid());
        auto_fclose FILE *f = fopen(path, "we");

        assert_non_null(f);
        (void)fprintf(f,
                      "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                      "clusters: [{name: c, cluster: {server: '%s', "
                      "certificate-authority: '%s/pki/ca.crt'%s}}]\n"
                      "users: [{name: u, user: {%s}}]\n",
                      r->k.server, r->k.dir, cluster, user);
        return path;
}

/* (3, 12) */
static void a_token_says_who_we_are_and_a_wrong_one_is_told(void **state)
{
        struct room *r = *state;
        auto_free char *node = xasprintf("%s", r->k.node);
        struct got g;

        kube_node(&r->k, node, "192.0.2.1");
        char *token = kube_node_token(&r->k, r->k.space, "default", node);
        auto_free char *user = xasprintf("token: '%s'", token);
        auto_free char *good = kubeconfig_as(r, user, "");
        enter(r, good);
        get(r, &g, "/apis/authentication.k8s.io/v1");
        assert_string_equal(g.text, "");
        assert_int_equal(g.status, 200);
        free(g.body);
        get(r, &g, "/api/v1/nodes");
        assert_int_equal(g.status, 403);
        assert_null(strstr(g.body, token));
        free(g.body);
        auto_free char *bad = kubeconfig_as(r, "token: nonsense", "");
        enter(r, bad);
        get(r, &g, "/api/v1/nodes");
        assert_int_equal(g.rc, DL_OK);
        assert_int_equal(g.status, 401);
        free(g.body);
        (void)unlink(bad);
        free(token);
}

/* (8) */
static void the_server_name_decides_what_is_checked(void **state)
{
        struct room *r = *state;
        struct got g;
        auto_free char *good = kubeconfig_as(r, "", ", tls-server-name: kubernetes.default.svc");
        enter(r, good);
        get(r, &g, "/version");
        assert_int_equal(g.rc, DL_OK);
        assert_true(g.status == 200 || g.status == 401 || g.status == 403);
        free(g.body);
        auto_free char *bad = kubeconfig_as(r, "", ", tls-server-name: elsewhere.test");
        enter(r, bad);
        get(r, &g, "/version");
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "elsewhere.test"));
        free(g.body);
        (void)unlink(bad);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(many_requests_share_one_connection, up, down),
                cmocka_unit_test_setup_teardown(
                        the_hundred_and_first_watch_opens_a_second_connection, up, down),
                cmocka_unit_test_setup_teardown(an_event_of_any_size_arrives_whole_at_once, up,
                                                down),
                cmocka_unit_test_setup_teardown(many_watches_need_few_connections, up, down),
                cmocka_unit_test_setup_teardown(a_packed_list_costs_less_and_says_the_same, up,
                                                down),
                cmocka_unit_test_setup_teardown(a_token_says_who_we_are_and_a_wrong_one_is_told, up,
                                                down),
                cmocka_unit_test_setup_teardown(the_server_name_decides_what_is_checked, up, down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
