/* Where the program listens, and what is said when it cannot. */
/* wrap: lws_create_context */

#include "rig.h"

#include <libwebsockets.h>
#include <sys/stat.h>

static const char *library_trouble;

struct lws_context *__real_lws_create_context(const struct lws_context_creation_info *info);
struct lws_context *__wrap_lws_create_context(const struct lws_context_creation_info *info);

struct lws_context *__wrap_lws_create_context(const struct lws_context_creation_info *info)
{
        if (!library_trouble)
                return __real_lws_create_context(info);
        _lws_log(LLL_ERR, "%s\n", library_trouble);
        return NULL;
}

static int open_at(struct rig *r, const char *address, const char *socket, struct err *e)
{
        struct serve_config config = rig_config(r, address);

        config.socket = socket;
        int rc = serve_open(&config, &r->serve, e);
        if (rc < 0)
                return rc;
        r->port = serve_port(r->serve);
        serve_close(r->serve);
        return 0;
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        rig_dir(r);
        r->loop = loop_new("main");
        library_trouble = NULL;
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        struct rig *r = *state;

        loop_free(r->loop);
        (void)unlink(r->socket);
        assert_int_equal(rmdir(r->dir), 0);
        free(r);
        return 0;
}

static void addresses_may_be_given_in_many_ways(void **state)
{
        static const char *const good[] = { "127.0.0.1:0", ":0", "0.0.0.0:0", "127.0.0.1:00" };
        struct rig *r = *state;
        struct err e = { 0 };

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                assert_int_equal(open_at(r, good[i], NULL, &e), 0);
                assert_int_not_equal(r->port, 0);
        }
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
        if (fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0) {
                assert_int_equal(open_at(r, "[::1]:0", NULL, &e), 0);
                assert_int_equal(open_at(r, "[::]:0", NULL, &e), 0);
        }
        (void)close(fd);
}

static void a_port_alone_is_every_address(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };
        char port[8];

        assert_int_equal(open_at(r, ":0", NULL, &e), 0);
        (void)snprintf(port, sizeof(port), "%u", r->port);
        struct serve_config config = rig_config(r, port);
        assert_int_equal(serve_open(&config, &r->serve, &e), 0);
        assert_int_equal(serve_port(r->serve), r->port);
        (void)close(dial(r)); /* over IPv4 */
        serve_close(r->serve);
}

static void nowhere_is_fine(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };

        assert_int_equal(open_at(r, NULL, NULL, &e), 0);
        assert_int_equal(r->port, 0);
        assert_int_equal(open_at(r, "0", NULL, &e), 0);
        assert_int_equal(r->port, 0);
        serve_close(NULL);
        serve_changed(NULL);
}

static void wrong_addresses_are_refused(void **state)
{
        static const char *const wrong[] = { "",
                                             "x",
                                             "localhost:80",
                                             "1.2.3.4",
                                             "1.2.3:80x",
                                             "::1:80",
                                             "[::1]",
                                             "[::1:80",
                                             ":-1",
                                             ":65536",
                                             ":99999999999",
                                             "1:2:3",
                                             "300.1.1.1:1",
                                             "[x]:1",
                                             ":",
                                             "8080 " };
        struct rig *r = *state;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct err e = { 0 };
                auto_free char *begin = xasprintf("address '%s': expected PORT", wrong[i]);

                if (open_at(r, wrong[i], NULL, &e) != DL_CONFIG || !strstr(e.text, begin))
                        fail_msg("'%s': %s", wrong[i], e.text);
        }
}

static void an_address_in_use_is_named(void **state)
{
        struct rig *r = *state, other = { 0 };
        struct err e = { 0 };
        struct serve_config config = rig_config(r, "127.0.0.1:0");

        assert_int_equal(serve_open(&config, &r->serve, &e), 0);
        auto_free char *address = xasprintf("127.0.0.1:%u", serve_port(r->serve));
        other.loop = r->loop;
        assert_int_equal(open_at(&other, address, NULL, &e), DL_CONFIG);
        auto_free char *text = xasprintf("cannot listen on '%s': Address already in use", address);
        assert_string_equal(e.text, text);
        assert_int_equal(open_at(&other, "192.0.2.1:0", NULL, &e), DL_CONFIG);
        assert_string_equal(e.text,
                            "cannot listen on '192.0.2.1:0': Cannot assign requested address");
        serve_close(r->serve);
}

static void a_socket_left_over_is_replaced(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = client_socket(AF_UNIX);

        (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", r->socket);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        (void)close(fd);
        assert_int_equal(open_at(r, NULL, r->socket, &e), 0);
        assert_int_not_equal(access(r->socket, F_OK), 0);
}

static void a_socket_in_use_is_not_taken_away(void **state)
{
        struct rig *r = *state, other = { 0 };
        struct err e = { 0 };
        struct serve_config config = rig_config(r, NULL);

        assert_int_equal(serve_open(&config, &r->serve, &e), 0);
        other.loop = r->loop;
        assert_int_equal(open_at(&other, NULL, r->socket, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "agent.sock': Address already in use"));
        assert_int_equal(access(r->socket, F_OK), 0);
        serve_close(r->serve);
}

static void a_file_is_not_taken_for_a_socket(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };
        int fd = open(r->socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        (void)close(fd);
        assert_int_equal(open_at(r, NULL, r->socket, &e), DL_CONFIG);
        assert_int_equal(access(r->socket, F_OK), 0);
}

static void a_path_may_be_longer_than_a_sockets_name(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };
        auto_free char *dir = xasprintf("%s/%0120d", r->dir, 1);
        auto_free char *path = xasprintf("%s/agent.sock", dir);

        assert_int_equal(mkdir(dir, 0700), 0);
        struct serve_config config = rig_config(r, NULL);
        config.socket = path;
        assert_int_equal(serve_open(&config, &r->serve, &e), 0);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        serve_close(r->serve);
        assert_int_equal(rmdir(dir), 0);

        auto_free char *none = xasprintf("%s/none/agent.sock", r->dir);
        assert_int_equal(open_at(r, NULL, none, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "No such file or directory"));
}

static void a_missing_part_of_the_library_is_named(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };

        library_trouble = "lws_create_context: failed to load evlib_uv";
        assert_int_equal(open_at(r, ":0", r->socket, &e), DL_CONFIG);
        assert_string_equal(e.text, "libwebsockets finds no plugin for libuv: install "
                                    "libwebsockets-evlib-uv");
        library_trouble = "no memory";
        assert_int_equal(open_at(r, ":0", r->socket, &e), DL_CONFIG);
        assert_non_null(strstr(e.text, "libwebsockets: "));
        assert_non_null(strstr(e.text, "no memory"));
        assert_int_not_equal(access(r->socket, F_OK), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                TEST(addresses_may_be_given_in_many_ways),
                TEST(a_port_alone_is_every_address),
                TEST(nowhere_is_fine),
                TEST(wrong_addresses_are_refused),
                TEST(an_address_in_use_is_named),
                TEST(a_socket_left_over_is_replaced),
                TEST(a_socket_in_use_is_not_taken_away),
                TEST(a_file_is_not_taken_for_a_socket),
                TEST(a_path_may_be_longer_than_a_sockets_name),
                TEST(a_missing_part_of_the_library_is_named),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
