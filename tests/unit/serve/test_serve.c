/* Pages are what they should be, each at its place. */

#include "rig.h"

#include <sys/stat.h>

static void health_is_told_over_tcp_and_the_socket(void **state)
{
        const struct rig *r = *state;

        assert_alive(r);
        assert_answer(get_on(dial_unix(r), "/healthz"), "200", "\r\n\r\nok\n");
}

static void readiness_says_what_is_not_ready(void **state)
{
        struct rig *r = *state;

        assert_answer(get_on(dial(r), "/readyz"), "200", "\r\n\r\nok\n");
        r->trouble = "API server: no answer for 30s\nlinks: 2 wait for their node\n";
        assert_answer(get_on(dial(r), "/readyz"), "503",
                      "\r\n\r\nAPI server: no answer for 30s\nlinks: 2 wait for their node\n");
        r->trouble = "";
}

static void metrics_are_made_at_most_once_a_second(void **state)
{
        struct rig *r = *state;

        for (int i = 0; i < 50; i++)
                assert_answer(get_on(dial(r), "/metrics"), "200", "\r\n\r\nm 1\n");
        assert_in_range(atomic_load(&r->metrics_made), 1, 5);
        char *all = get_on(dial(r), "/metrics");
        assert_non_null(strcasestr(all, "content-type: text/plain; version=0.0.4"));
        assert_non_null(strcasestr(all, "content-length: 4\r\n"));
        free(all);
}

static void links_and_devices_are_for_the_socket_only(void **state)
{
        const struct rig *r = *state;

        assert_answer(get_on(dial(r), "/v1/links"), "404", "no such page");
        assert_answer(get_on(dial(r), "/v1/devices"), "404", "no such page");
        assert_answer(get_on(dial_unix(r), "/v1/links"), "200", "\r\n\r\n{\"made\":");
        assert_answer(get_on(dial_unix(r), "/v1/devices"), "200", "\r\n\r\n[]\n");
        assert_answer(get_on(dial_unix(r), "/metrics"), "200", "\r\n\r\nm 1\n");
}

static void queries_are_decoded_and_checked(void **state)
{
        const struct rig *r = *state;

        assert_answer(get_on(dial_unix(r), "/v1/links"), "200", "");
        assert_string_equal(r->asked, "-/-");
        assert_answer(get_on(dial_unix(r), "/v1/links?ns=a%2Fb&name=p%C3%BCmp"), "200", "");
        assert_string_equal(r->asked, "a/b/p\xc3\xbcmp");
        assert_answer(get_on(dial_unix(r), "/v1/links?name="), "200", "");
        assert_string_equal(r->asked, "-/");
        assert_answer(get_on(dial_unix(r), "/v1/links?namespace=a"), "400", "expected ns=");
        assert_answer(get_on(dial_unix(r), "/v1/links?ns=a&ns=b"), "400", "expected ns=");
        assert_answer(get_on(dial_unix(r), "/v1/links?watch=yes"), "400", "expected ns=");
        char *path = xasprintf("/v1/links?name=%01500d", 1);
        assert_answer(get_on(dial_unix(r), path), "400", "expected ns=");
        free(path);
}

static void other_pages_and_methods_are_refused(void **state)
{
        const struct rig *r = *state;
        static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "PATCH" };

        assert_answer(get_on(dial(r), "/"), "404", "no such page");
        assert_answer(get_on(dial(r), "/healthz/x"), "404", "no such page");
        assert_answer(get_on(dial(r), "/../healthz/../v1/links"), "404", "no such page");
        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                int fd = dial(r);
                auto_free char *request = xasprintf(
                        "%s /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", methods[i]);

                say(fd, request);
                assert_answer(hear_all(fd), "405", "expected GET or HEAD");
        }
}

static void heads_have_no_body(void **state)
{
        const struct rig *r = *state;
        int fd = dial(r);

        say(fd, "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        char *all = hear_all(fd);
        assert_non_null(strcasestr(all, "content-length: 4\r\n"));
        assert_string_equal(strstr(all, "\r\n\r\n"), "\r\n\r\n");
        free(all);
}

static void one_connection_serves_many_requests(void **state)
{
        const struct rig *r = *state;
        int fd = dial(r);

        for (int i = 0; i < 20; i++) {
                struct buf all = BUF(100000);

                say(fd, i % 2 ? "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                              : "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_true(hear_until(fd, i % 2 ? "\r\n\r\nok\n" : "\r\n\r\nm 1\n", &all));
                buf_done(&all);
        }
        say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_answer(hear_all(fd), "200", "\r\n\r\nok\n");
}

static void large_answers_arrive_whole(void **state)
{
        struct rig *r = *state;

        (void)usleep(1100000); /* the small one is forgotten */
        r->metrics_bytes = 20 * 1024 * 1024;
        int fd = dial(r);
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        size_t all = 0;
        static char part[65536];
        for (ssize_t n; (n = recv(fd, part, sizeof(part), 0)) > 0;)
                all += (size_t)n;
        (void)close(fd);
        assert_in_range(all, 20 * 1024 * 1024 - 1024, 20 * 1024 * 1024 + 1024);

        (void)usleep(1100000);
        r->metrics_bytes = 33 * 1024 * 1024;
        assert_answer(get_on(dial(r), "/metrics"), "500", "passes 32 MiB");
        r->metrics_bytes = 0;
        (void)usleep(1100000);
        assert_answer(get_on(dial(r), "/metrics"), "200", "\r\n\r\nm 1\n");
}

static void the_socket_is_the_owners_alone(void **state)
{
        const struct rig *r = *state;
        struct stat st;

        assert_int_equal(stat(r->socket, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static unsigned long switches(const struct rig *r)
{
        auto_free char *path = xasprintf("/proc/self/task/%d/status", r->tid);
        FILE *f = fopen(path, "re");
        char line[256];
        unsigned long n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
                        break;
        }
        (void)fclose(f);
        return n;
}

static void nobody_asks_and_nothing_wakes(void **state)
{
        const struct rig *r = *state;

        assert_alive(r);
        (void)usleep(2500000);
        unsigned long before = switches(r);
        (void)usleep(4000000);
        assert_in_range(switches(r) - before, 0, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(health_is_told_over_tcp_and_the_socket),
                cmocka_unit_test(readiness_says_what_is_not_ready),
                cmocka_unit_test(metrics_are_made_at_most_once_a_second),
                cmocka_unit_test(links_and_devices_are_for_the_socket_only),
                cmocka_unit_test(queries_are_decoded_and_checked),
                cmocka_unit_test(other_pages_and_methods_are_refused),
                cmocka_unit_test(heads_have_no_body),
                cmocka_unit_test(one_connection_serves_many_requests),
                cmocka_unit_test(large_answers_arrive_whole),
                cmocka_unit_test(the_socket_is_the_owners_alone),
                cmocka_unit_test(nobody_asks_and_nothing_wakes),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, rig_up, rig_down);
}
