/* Who is slow, many, or talks nonsense harms nobody.  Time runs faster here than it does. */
/* wrap: clock_mono_ns */

#include "rig.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

static _Atomic(int64_t) skipped_ns, frozen_ns;

int64_t __real_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void);

int64_t __wrap_clock_mono_ns(void)
{
        int64_t frozen = atomic_load(&frozen_ns);

        return frozen ? frozen : __real_clock_mono_ns() + atomic_load(&skipped_ns);
}

static void pass(int s)
{
        atomic_fetch_add(&skipped_ns, s * NS_PER_S);
}

static void garbage_is_answered_or_cut(void **state)
{
        const struct rig *r = *state;
        static const char *const garbage[] = {
                "\r\n\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET / HTTP/9.9\r\n\r\n",
                "GET /healthz\r\n\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, "
                "HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
                "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nxxxx",
                "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                "chunked\r\n\r\nffffffff\r\n",
                "GET http://a/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /?%00=%00&&&=&;; HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /healthz HTTP/1.1\r\n: \r\n:::\r\nHost\r\n\r\n",
        };

        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
                for (int where = 0; where < 2; where++) {
                        int fd = where ? dial_unix(r) : dial(r);

                        say(fd, garbage[i]);
                        (void)shutdown(fd, SHUT_WR);
                        char *all = hear_all(fd);
                        assert_null(strstr(all, "(silence)"));
                        assert_null(strstr(all, "101 "));
                        free(all);
                        assert_alive(r);
                }
        }
}

static void random_bytes_harm_nothing(void **state)
{
        const struct rig *r = *state;
        unsigned seed = 1;

        for (int i = 0; i < 300; i++) {
                unsigned char bytes[512];
                size_t n = (size_t)rand_r(&seed) % sizeof(bytes);
                int fd = i % 2 ? dial_unix(r) : dial(r);

                for (size_t k = 0; k < n; k++)
                        bytes[k] = (unsigned char)(rand_r(&seed) >> 4);
                if (i % 3 == 0)
                        memcpy(bytes, "GET /v1/links?", 14);
                (void)send(fd, bytes, n, MSG_NOSIGNAL);
                (void)shutdown(fd, SHUT_WR);
                free(hear_all(fd));
        }
        assert_alive(r);
}

static void huge_requests_are_cut(void **state)
{
        const struct rig *r = *state;
        static char line[1024 * 1024];

        memset(line, 'x', sizeof(line) - 1);
        for (int i = 0; i < 3; i++) {
                static const char *const begin[] = { "GET /",
                                                     "GET /healthz HTTP/1.1\r\nCookie: ", "" };
                int fd = dial(r);

                say(fd, begin[i]);
                say(fd, line);
                char *all = hear_all(fd);
                assert_null(strstr(all, "200"));
                assert_null(strstr(all, "(silence)"));
                free(all);
        }
        int fd = dial(r);
        say(fd, "GET /healthz HTTP/1.1\r\n");
        for (int i = 0; i < 5000; i++)
                say(fd, "Cookie: x=y; a=b; c=d\r\n");
        assert_true(is_closed(fd, 3000));
        (void)close(fd);
        assert_alive(r);
}

/* --- many */

enum { MANY = 1000 };

static void a_thousand_connections_leave_room_for_who_asks(void **state)
{
        const struct rig *r = *state;
        static int fds[2 * MANY];
        int open = 0;

        for (int i = 0; i < 2 * MANY; i++) {
                fds[i] = i % 2 ? dial_unix(r) : dial(r);
                if (i % 100 == 0)
                        assert_alive(r);
        }
        assert_alive(r);
        assert_answer(get_on(dial_unix(r), "/v1/links"), "200", "made");
        (void)usleep(200000);
        for (int i = 0; i < 2 * MANY; i++) {
                struct pollfd p = { .fd = fds[i], .events = POLLIN };

                open += poll(&p, 1, 0) == 0;
        }
        assert_in_range(open, 1, 128);
        for (int i = 0; i < 2 * MANY; i++)
                (void)close(fds[i]);
        assert_alive(r);
}

static void who_reads_an_answer_is_not_sent_away(void **state)
{
        struct rig *r = *state;
        int readers[64];

        pass(2);
        atomic_store(&frozen_ns, __wrap_clock_mono_ns()); /* all get the same page */
        r->metrics_bytes = 16 * 1024 * 1024;
        for (int i = 0; i < 64; i++) {
                readers[i] = dial(r);
                say(readers[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                struct pollfd p = { .fd = readers[i], .events = POLLIN };
                assert_int_equal(poll(&p, 1, 5000), 1);
        }
        int fd = dial(r);
        assert_true(is_closed(fd, 2000)); /* no room */
        (void)close(fd);
        /* The other place is not concerned. */
        assert_answer(get_on(dial_unix(r), "/healthz"), "200", "ok");
        atomic_store(&frozen_ns, 0);
        for (int i = 0; i < 64; i++)
                assert_false(is_closed(readers[i], 1));
        for (int i = 0; i < 64; i++)
                (void)close(readers[i]);
        (void)usleep(300000);
        assert_alive(r);
        r->metrics_bytes = 0;
}

/* --- slow */

static void who_does_not_ask_is_cut_after_10_s(void **state)
{
        const struct rig *r = *state;
        int silent = dial(r), slow = dial_unix(r), again = dial(r);
        struct buf all = BUF(100000);

        say(slow, "GET /heal");
        say(again, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(again, "\r\n\r\nok\n", &all));
        buf_done(&all);
        (void)usleep(1200000);
        for (int i = 0; i < 8; i++) {
                pass(1);
                say(slow, "t");
        }
        assert_false(is_closed(silent, 100));
        assert_false(is_closed(slow, 100));
        pass(3);
        assert_true(is_closed(silent, 2500));
        assert_true(is_closed(slow, 2500));
        assert_true(is_closed(again, 2500));
        (void)close(silent);
        (void)close(slow);
        (void)close(again);
}

static void who_does_not_read_is_cut_after_30_s(void **state)
{
        struct rig *r = *state;
        int fd = dial(r);

        pass(2);
        r->metrics_bytes = 16 * 1024 * 1024;
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        (void)usleep(300000);
        r->metrics_bytes = 0;
        assert_alive(r);
        pass(25);
        (void)usleep(1300000);
        assert_alive(r);
        pass(6);
        (void)usleep(1300000);
        size_t all = 0;
        static char part[65536];
        ssize_t n;
        while ((n = recv(fd, part, sizeof(part), 0)) > 0)
                all += (size_t)n;
        assert_true(n == 0 || errno == ECONNRESET);
        assert_in_range(all, 1, 15 * 1024 * 1024);
        (void)close(fd);
}

/* --- watching */

static void watchers_hear_of_changes_twice_a_second_at_most(void **state)
{
        struct rig *r = *state;
        int fd = dial_unix(r);
        struct buf all = BUF(100000);

        atomic_store(&r->links_made, 0);
        say(fd, "GET /v1/links?watch=1&ns=a HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(fd, "{\"made\":1,\"watch\":1}\n\r\n", &all));
        assert_non_null(strcasestr(buf_text(&all), "transfer-encoding: chunked\r\n"));
        assert_non_null(strstr(buf_text(&all), "\r\n\r\n00000015\r\n{"));
        assert_string_equal(r->asked, "a/-");
        (void)usleep(700000);
        assert_int_equal(atomic_load(&r->links_made), 1); /* nothing has changed */

        int64_t begun = __real_clock_mono_ns();
        while (__real_clock_mono_ns() - begun < 2 * NS_PER_S) {
                rig_changed(r);
                (void)usleep(2000);
        }
        assert_in_range(atomic_load(&r->links_made), 4, 7);
        assert_true(hear_until(fd, "{\"made\":4,\"watch\":1}\n\r\n00000015\r\n", &all));
        /* It may go on for long, saying nothing. */
        pass(100);
        assert_false(is_closed(fd, 2500));
        buf_done(&all);
        (void)close(fd);
}

static void a_slow_watcher_hears_the_latest(void **state)
{
        struct rig *r = *state;
        int fd = dial_unix(r);
        int small = 1;

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        say(fd, "GET /v1/links?watch=1&name=large HTTP/1.1\r\nHost: x\r\n\r\n");
        (void)usleep(200000);
        int first = atomic_load(&r->links_made);
        for (int i = 0; i < 4; i++) {
                rig_changed(r);
                (void)usleep(600000);
        }
        assert_int_equal(atomic_load(&r->links_made), first); /* it has not read that one */
        struct buf all = BUF(20 * 1024 * 1024);
        char next[32];
        (void)snprintf(next, sizeof(next), "{\"made\":%d,", first + 1);
        static char part[65536];
        ssize_t n;
        while (!strstr(buf_text(&all) + (all.len > 70000 ? all.len - 70000 : 0), next)) {
                n = recv(fd, part, sizeof(part), 0);
                assert_true(n > 0);
                buf_add(&all, part, (size_t)n);
        }
        (void)usleep(800000);
        assert_int_equal(atomic_load(&r->links_made), first + 1);
        buf_done(&all);
        /* What it was sent last it never reads: */
        pass(32);
        (void)usleep(1300000);
        do
                n = recv(fd, part, sizeof(part), 0);
        while (n > 0);
        assert_true(n == 0 || errno == ECONNRESET);
        (void)close(fd);
}

static void sixteen_may_watch(void **state)
{
        struct rig *r = *state;
        int fds[17];

        for (int i = 0; i < 16; i++) {
                struct buf all = BUF(10000);

                fds[i] = dial_unix(r);
                say(fds[i], "GET /v1/devices?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_true(hear_until(fds[i], "[]\n", &all));
                buf_done(&all);
        }
        assert_answer(get_on(dial_unix(r), "/v1/links?watch=1"), "503", "too many");
        (void)close(fds[0]);
        (void)usleep(200000);
        fds[0] = dial_unix(r);
        struct buf all = BUF(10000);
        say(fds[0], "GET /v1/links?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(fds[0], "watch", &all));
        buf_done(&all);
        for (int i = 0; i < 16; i++)
                (void)close(fds[i]);
        (void)usleep(200000);
        int fd = dial_unix(r);
        say(fd, "GET /v1/links?watch=1 HTTP/1.0\r\nHost: x\r\n\r\n");
        assert_answer(hear_all(fd), "400", "HTTP/1.1");
}

static int64_t cpu_ns(const struct rig *r)
{
        auto_free char *path = xasprintf("/proc/self/task/%d/schedstat", r->tid);
        FILE *f = fopen(path, "re");
        long ns = -1;

        assert_non_null(f);
        assert_int_equal(fscanf(f, "%ld", &ns), 1);
        (void)fclose(f);
        return ns;
}

/* What it had to do is done soon; then there is nothing. */
static void assert_rests(const struct rig *r)
{
        int64_t used = 0;

        for (int i = 0; i < 10; i++) {
                int64_t before = cpu_ns(r);

                (void)usleep(300000);
                used = cpu_ns(r) - before;
                if (used < 15 * NS_PER_MS)
                        return;
        }
        fail_msg("%ld ms of 300", (long)(used / NS_PER_MS));
}

static void who_goes_or_talks_during_an_answer_costs_nothing(void **state)
{
        struct rig *r = *state;
        struct buf all = BUF(10000);
        int fd = dial_unix(r);

        say(fd, "GET /v1/links?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(fd, "watch", &all));
        assert_rests(r);
        say(fd, "GET /v1/links?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_rests(r);
        (void)shutdown(fd, SHUT_WR);
        assert_rests(r);
        assert_true(is_closed(fd, 100));
        (void)close(fd);
        buf_done(&all);

        pass(2);
        r->metrics_bytes = 16 * 1024 * 1024;
        fd = dial(r);
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_rests(r);
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_rests(r);
        (void)close(fd);
        fd = dial(r);
        say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\n");
        (void)shutdown(fd, SHUT_WR);
        assert_rests(r);
        (void)close(fd);
        assert_rests(r);
        r->metrics_bytes = 0;
}

/* --- the end */

/* Without event descriptors: libwebsockets 4.3.5 forgets the one of its own. */
static unsigned count_files(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        for (struct dirent *e; (e = readdir(d));) {
                char to[64] = "";

                n += readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1) > 0 &&
                     strcmp(to, "anon_inode:[eventfd]") != 0;
        }
        (void)closedir(d);
        return n;
}

static void the_end_leaves_nothing_whoever_is_connected(void **state)
{
        unsigned before = 0;

        (void)state;
        for (int i = 0; i < 10; i++) {
                void *own = NULL;

                (void)rig_up(&own);
                struct rig *r = own;
                int fds[] = { dial(r), dial(r), dial(r), dial_unix(r) };
                r->metrics_bytes = 8 * 1024 * 1024;
                say(fds[1], "GET /hea");
                say(fds[2], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                say(fds[3], "GET /v1/links?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n");
                (void)usleep((unsigned)i * 5000);
                if (i % 3 == 0)
                        rig_close_within(r);
                (void)rig_down(&own);
                for (size_t k = 0; k < 4; k++) {
                        assert_true(is_closed(fds[k], 1000));
                        (void)close(fds[k]);
                }
                if (i == 1)
                        before = count_files();
        }
        assert_int_equal(count_files(), before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(garbage_is_answered_or_cut),
                cmocka_unit_test(random_bytes_harm_nothing),
                cmocka_unit_test(huge_requests_are_cut),
                cmocka_unit_test(a_thousand_connections_leave_room_for_who_asks),
                cmocka_unit_test(who_reads_an_answer_is_not_sent_away),
                cmocka_unit_test(who_does_not_ask_is_cut_after_10_s),
                cmocka_unit_test(who_does_not_read_is_cut_after_30_s),
                cmocka_unit_test(watchers_hear_of_changes_twice_a_second_at_most),
                cmocka_unit_test(a_slow_watcher_hears_the_latest),
                cmocka_unit_test(sixteen_may_watch),
                cmocka_unit_test(who_goes_or_talks_during_an_answer_costs_nothing),
                cmocka_unit_test(the_end_leaves_nothing_whoever_is_connected),
        };
        struct rlimit files;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        quiet_log();
        return cmocka_run_group_tests(tests, rig_up, rig_down);
}
