/* proxy.c - see proxy.h */
#include "rig/proxy.h"

#include "rig/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES_MAX = 256, CHUNK = 16384 };

struct line {
        int client;
        int server; /* -1: it hangs */
        bool answered;
};

struct proxy {
        int listener;
        uint16_t port;
        uint16_t target;
        pthread_t thread;
        atomic_int mode;
        atomic_bool cut;
        atomic_bool end;
        atomic_size_t taken;
        struct line lines[LINES_MAX];
        size_t n;
};

static struct sockaddr_in local(uint16_t port)
{
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* With a reset, not a goodbye. */
static void slam(int fd)
{
        struct linger now = { .l_onoff = 1 };

        if (fd < 0)
                return;
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(fd);
}

static void line_end(struct proxy *p, size_t i)
{
        slam(p->lines[i].client);
        slam(p->lines[i].server);
        p->lines[i] = p->lines[--p->n];
}

static void take(struct proxy *p)
{
        struct sockaddr_in to = local(p->target);
        int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        int server = -1;

        if (client < 0)
                return;
        atomic_fetch_add(&p->taken, 1);
        if (p->n == LINES_MAX || atomic_load(&p->mode) == PROXY_REFUSE) {
                slam(client);
                return;
        }
        if (atomic_load(&p->mode) != PROXY_HANG) {
                server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (connect(server, (struct sockaddr *)&to, sizeof(to)) < 0) {
                        slam(server);
                        slam(client);
                        return;
                }
        }
        p->lines[p->n++] = (struct line){ .client = client, .server = server };
}

/* False when the line is to end.  Blocks while the receiver does: it is a test's line. */
static bool move_bytes(int from, int to)
{
        static char chunk[CHUNK];
        ssize_t n = recv(from, chunk, sizeof(chunk), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN;
        if (n == 0)
                return false;
        for (ssize_t done = 0; to >= 0 && done < n;) {
                ssize_t k = send(to, chunk + done, (size_t)(n - done), MSG_NOSIGNAL);
                if (k < 0)
                        return false;
                done += k;
        }
        return true;
}

static size_t fill(const struct proxy *p, struct pollfd *fds)
{
        size_t n = 0;

        fds[n++] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
        for (size_t i = 0; i < p->n; i++) {
                fds[n++] = (struct pollfd){ .fd = p->lines[i].client, .events = POLLIN };
                fds[n++] = (struct pollfd){ .fd = p->lines[i].server, .events = POLLIN };
        }
        return n;
}

static void serve(struct proxy *p)
{
        struct pollfd fds[1 + 2 * LINES_MAX];
        size_t n = fill(p, fds);

        if (poll(fds, n, 2) <= 0)
                return;
        for (size_t i = p->n; i-- > 0;) {
                struct line l = p->lines[i];
                bool goes_on = true;

                if (fds[1 + 2 * i].revents)
                        goes_on = move_bytes(l.client, l.server);
                if (goes_on && fds[2 + 2 * i].revents) {
                        bool mute = atomic_load(&p->mode) == PROXY_MUTE && l.answered;

                        goes_on = move_bytes(l.server, mute ? -1 : l.client);
                        p->lines[i].answered = true;
                }
                if (!goes_on)
                        line_end(p, i);
        }
        if (fds[0].revents)
                take(p);
}

static void *run(void *ctx)
{
        struct proxy *p = ctx;

        while (!atomic_load(&p->end)) {
                serve(p);
                if (!atomic_load(&p->cut))
                        continue;
                while (p->n)
                        line_end(p, p->n - 1);
                atomic_store(&p->cut, false);
        }
        return NULL;
}

struct proxy *proxy_start(uint16_t target_port)
{
        struct proxy *p = calloc(1, sizeof(*p));
        struct sockaddr_in at = local(0);
        socklen_t len = sizeof(at);

        p->target = target_port;
        p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
            listen(p->listener, LINES_MAX) < 0 ||
            getsockname(p->listener, (struct sockaddr *)&at, &len) < 0)
                fail_msg("the proxy cannot listen");
        p->port = ntohs(at.sin_port);
        if (pthread_create(&p->thread, NULL, run, p) != 0)
                fail_msg("the proxy has no thread");
        return p;
}

uint16_t proxy_port(const struct proxy *p)
{
        return p->port;
}

void proxy_set(struct proxy *p, enum proxy_mode mode)
{
        atomic_store(&p->mode, mode);
}

void proxy_cut(struct proxy *p)
{
        atomic_store(&p->cut, true);
        while (atomic_load(&p->cut))
                rig_sleep_ms(1);
}

size_t proxy_connections(struct proxy *p)
{
        return atomic_load(&p->taken);
}

void proxy_stop(struct proxy *p)
{
        if (!p)
                return;
        atomic_store(&p->end, true);
        (void)pthread_join(p->thread, NULL);
        while (p->n)
                line_end(p, p->n - 1);
        (void)close(p->listener);
        free(p);
}
