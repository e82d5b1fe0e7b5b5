/* Descriptors: what is asked for comes, until it is ended, whatever the callback does. */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
        struct loop *loop;
        struct loop_fd watch;
        struct loop_fd *other;
        int fd;
        int calls;
        unsigned events;
};

static void stop_loop(void *ctx)
{
        loop_stop(ctx);
}

static void run_for(struct loop *l, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, l, stop_loop, l);
        loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(l);
        loop_timer_end(&t);
}

static void pair(int fd[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

static void note(void *ctx, unsigned events)
{
        struct probe *p = ctx;

        p->calls++;
        p->events |= events;
        loop_stop(p->loop);
}

static void note_and_read(void *ctx, unsigned events)
{
        struct probe *p = ctx;
        char c;

        note(ctx, events);
        assert_int_equal(read(p->fd, &c, 1), 1);
}

static void end_self_and_other(void *ctx, unsigned events)
{
        struct probe *p = ctx;

        note(ctx, events);
        loop_fd_end(&p->watch);
        loop_fd_end(p->other);
        memset(&p->watch, 0, sizeof(p->watch));
        memset(p->other, 0, sizeof(*p->other));
}

static int set_up(void **state)
{
        *state = loop_new("test");
        return 0;
}

static int tear_down(void **state)
{
        loop_free(*state);
        return 0;
}

static void reports_reading_and_writing(void **state)
{
        struct probe p = { .loop = *state };
        struct err e = { 0 };
        int fd[2];

        pair(fd);
        p.fd = fd[0];
        assert_int_equal(loop_fd_start(&p.watch, *state, fd[0], LOOP_READ, note_and_read, &p, &e),
                         0);
        run_for(*state, 10 * NS_PER_MS);
        assert_int_equal(p.calls, 0);
        assert_int_equal(write(fd[1], "xy", 2), 2);
        loop_run(*state);
        loop_run(*state);
        assert_int_equal(p.calls, 2);
        assert_int_equal(p.events, LOOP_READ);
        loop_fd_end(&p.watch);
        assert_int_equal(loop_fd_start(&p.watch, *state, fd[0], LOOP_WRITE, note, &p, &e), 0);
        p.events = 0;
        loop_run(*state);
        assert_int_equal(p.events, LOOP_WRITE);
        loop_fd_end(&p.watch);
        (void)close(fd[0]);
        (void)close(fd[1]);
}

static void a_paused_descriptor_is_silent_until_resumed(void **state)
{
        struct probe p = { .loop = *state };
        int fd[2];

        pair(fd);
        p.fd = fd[0];
        assert_int_equal(write(fd[1], "x", 1), 1);
        assert_int_equal(loop_fd_start(&p.watch, *state, fd[0], 0, note_and_read, &p, NULL), 0);
        run_for(*state, 10 * NS_PER_MS);
        assert_int_equal(p.calls, 0);
        loop_fd_set(&p.watch, LOOP_READ);
        loop_run(*state);
        assert_int_equal(p.calls, 1);
        assert_int_equal(write(fd[1], "x", 1), 1);
        loop_fd_set(&p.watch, 0);
        run_for(*state, 10 * NS_PER_MS);
        assert_int_equal(p.calls, 1);
        loop_fd_end(&p.watch);
        loop_fd_set(&p.watch, LOOP_READ); /* ended: nothing happens */
        (void)close(fd[0]);
        (void)close(fd[1]);
}

static void the_far_end_closing_is_a_hangup_only_for_who_asks(void **state)
{
        struct probe p = { .loop = *state };
        int fd[2];

        pair(fd);
        assert_int_equal(loop_fd_start(&p.watch, *state, fd[0], LOOP_HANGUP, note, &p, NULL), 0);
        (void)close(fd[1]);
        loop_run(*state);
        assert_true(p.events & LOOP_HANGUP);
        loop_fd_end(&p.watch);
        p.events = 0;
        assert_int_equal(loop_fd_start(&p.watch, *state, fd[0], LOOP_READ, note, &p, NULL), 0);
        loop_run(*state);
        assert_int_equal(p.events, LOOP_READ);
        loop_fd_end(&p.watch);
        (void)close(fd[0]);
}

static int refused_connection(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(in);
        int taken = socket(AF_INET, SOCK_STREAM, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        assert_true(taken >= 0 && fd >= 0);
        assert_int_equal(bind(taken, (struct sockaddr *)&in, len), 0);
        assert_int_equal(getsockname(taken, (struct sockaddr *)&in, &len), 0);
        (void)close(taken);
        (void)connect(fd, (struct sockaddr *)&in, len);
        return fd;
}

static void an_error_comes_as_hangup_with_what_was_asked_and_again_until_handled(void **state)
{
        struct probe p = { .loop = *state };
        int fd = refused_connection();
        int error = 0;
        socklen_t len = sizeof(error);

        assert_int_equal(loop_fd_start(&p.watch, *state, fd, LOOP_WRITE, note, &p, NULL), 0);
        loop_run(*state);
        assert_true(p.events & LOOP_WRITE);
        assert_true(p.events & LOOP_HANGUP);
        loop_run(*state);
        assert_int_equal(p.calls, 2);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
        assert_int_equal(error, ECONNREFUSED);
        loop_fd_end(&p.watch);
        (void)close(fd);
}

static void a_callback_may_end_itself_and_what_is_ready_with_it(void **state)
{
        struct probe p[2] = { { .loop = *state }, { .loop = *state } };
        int a[2];
        int b[2];

        pair(a);
        pair(b);
        p[0].other = &p[1].watch;
        p[1].other = &p[0].watch;
        assert_int_equal(write(a[1], "x", 1), 1);
        assert_int_equal(write(b[1], "x", 1), 1);
        assert_int_equal(loop_fd_start(&p[0].watch, *state, a[0], LOOP_READ, end_self_and_other,
                                       &p[0], NULL),
                         0);
        assert_int_equal(loop_fd_start(&p[1].watch, *state, b[0], LOOP_READ, end_self_and_other,
                                       &p[1], NULL),
                         0);
        loop_run(*state);
        run_for(*state, 5 * NS_PER_MS);
        assert_int_equal(p[0].calls + p[1].calls, 1);
        for (int i = 0; i < 2; i++) {
                (void)close(a[i]);
                (void)close(b[i]);
        }
}

static void a_number_can_be_watched_again_right_after_its_end(void **state)
{
        struct probe p = { .loop = *state };

        for (int i = 0; i < 50; i++) {
                int fd[2];

                pair(fd);
                assert_int_equal(write(fd[1], "x", 1), 1);
                p.fd = fd[0];
                assert_int_equal(
                        loop_fd_start(&p.watch, *state, fd[0], LOOP_READ, note_and_read, &p, NULL),
                        0);
                if (i % 2)
                        loop_run(*state);
                loop_fd_end(&p.watch);
                loop_fd_end(&p.watch);
                (void)close(fd[0]);
                (void)close(fd[1]);
        }
        assert_int_equal(p.calls, 25);
}

static void descriptors_above_1023_work(void **state)
{
        struct probe p = { .loop = *state };
        struct rlimit limit;
        int fd[2];

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        if (limit.rlim_cur < 2048) {
                limit.rlim_cur = 2048;
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        }
        pair(fd);
        p.fd = fcntl(fd[0], F_DUPFD_CLOEXEC, 1500);
        assert_true(p.fd >= 1500);
        assert_int_equal(write(fd[1], "x", 1), 1);
        assert_int_equal(loop_fd_start(&p.watch, *state, p.fd, LOOP_READ, note_and_read, &p, NULL),
                         0);
        loop_run(*state);
        assert_int_equal(p.calls, 1);
        loop_fd_end(&p.watch);
        (void)close(p.fd);
        (void)close(fd[0]);
        (void)close(fd[1]);
}

static void what_cannot_be_polled_is_said(void **state)
{
        struct loop_fd w = { 0 };
        struct loop_fd twice = { 0 };
        struct err e = { 0 };
        int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        int fd[2];

        assert_true(file >= 0);
        assert_int_equal(loop_fd_start(&w, *state, file, LOOP_READ, note, NULL, &e), DL_BUG);
        assert_non_null(strstr(e.text, "watch descriptor"));
        loop_fd_end(&w);
        assert_int_equal(loop_fd_start(&w, *state, -1, LOOP_READ, note, NULL, &e), DL_BUG);
        (void)close(file);
        pair(fd);
        assert_int_equal(loop_fd_start(&w, *state, fd[0], LOOP_READ, note, NULL, &e), 0);
        assert_int_equal(loop_fd_start(&twice, *state, fd[0], LOOP_READ, note, NULL, &e), DL_BUG);
        loop_fd_end(&w);
        (void)close(fd[0]);
        (void)close(fd[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(reports_reading_and_writing),
                TEST(a_paused_descriptor_is_silent_until_resumed),
                TEST(the_far_end_closing_is_a_hangup_only_for_who_asks),
                TEST(an_error_comes_as_hangup_with_what_was_asked_and_again_until_handled),
                TEST(a_callback_may_end_itself_and_what_is_ready_with_it),
                TEST(a_number_can_be_watched_again_right_after_its_end),
                TEST(descriptors_above_1023_work),
                TEST(what_cannot_be_polled_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
