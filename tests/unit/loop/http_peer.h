/* http_peer.h - a server in the test: a thread accepts, each connection is served by a function of
 * the test on a thread of its own, with blocking reads and writes. */
#ifndef UNIT_LOOP_HTTP_PEER_H
#define UNIT_LOOP_HTTP_PEER_H

#include "base/clock.h"
#include "base/mem.h"
#include "loop/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEER_CONNECTIONS = 256 };

struct peer;

struct peer_connection {
        struct peer *peer;
        pthread_t thread;
        int fd;
        int nth;
};

struct peer {
        void (*_Atomic serve)(struct peer_connection *c);
        int fd;
        int port;
        pthread_t thread;
        pthread_mutex_t lock;
        atomic_int requests;
        atomic_int n; /* connections so far */
        struct peer_connection connections[PEER_CONNECTIONS];
};

static inline void peer_pause(int64_t ns)
{
        struct timespec t = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

        (void)nanosleep(&t, NULL);
}

static inline void *peer_serve(void *ctx)
{
        struct peer_connection *c = ctx;

        void (*serve)(struct peer_connection *) = atomic_load(&c->peer->serve);

        serve(c);
        (void)shutdown(c->fd, SHUT_RDWR);
        return NULL;
}

static inline void *peer_accept(void *ctx)
{
        struct peer *p = ctx;

        for (;;) {
                int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
                int n = atomic_load(&p->n);

                if (fd < 0)
                        return NULL;
                struct peer_connection *c = &p->connections[n];
                *c = (struct peer_connection){ .peer = p, .fd = fd, .nth = n };
                (void)pthread_mutex_lock(&p->lock);
                (void)pthread_create(&c->thread, NULL, peer_serve, c);
                atomic_store(&p->n, n + 1);
                (void)pthread_mutex_unlock(&p->lock);
        }
}

static inline void peer_run(struct peer *p, int fd, void (*serve)(struct peer_connection *c))
{
        atomic_store(&p->serve, serve);
        p->fd = fd;
        atomic_store(&p->n, 0);
        atomic_store(&p->requests, 0);
        (void)pthread_mutex_init(&p->lock, NULL);
        assert_int_equal(listen(p->fd, 256), 0);
        assert_int_equal(pthread_create(&p->thread, NULL, peer_accept, p), 0);
}

static inline void peer_start(struct peer *p, void (*serve)(struct peer_connection *c))
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
        p->port = ntohs(a.sin_port);
        peer_run(p, fd, serve);
}

static inline void peer_stop(struct peer *p)
{
        (void)shutdown(p->fd, SHUT_RDWR);
        (void)pthread_join(p->thread, NULL);
        (void)close(p->fd);
        for (int i = 0; i < atomic_load(&p->n); i++)
                (void)shutdown(p->connections[i].fd, SHUT_RDWR);
        for (int i = 0; i < atomic_load(&p->n); i++) {
                (void)pthread_join(p->connections[i].thread, NULL);
                (void)close(p->connections[i].fd);
        }
        (void)pthread_mutex_destroy(&p->lock);
}

/* One request with its body into `out`; false: the connection ended. */
static inline bool peer_read(struct peer_connection *c, char *out, size_t size)
{
        size_t n = 0;
        size_t body = 0;
        char *end = NULL;

        while (!end || n < (size_t)(end - out) + 4 + body) {
                ssize_t got = n + 1 < size ? read(c->fd, out + n, size - n - 1) : 0;

                if (got <= 0)
                        return false;
                n += (size_t)got;
                out[n] = '\0';
                end = strstr(out, "\r\n\r\n");
                const char *length = strcasestr(out, "\r\nContent-Length:");
                if (end && length && length < end)
                        body = (size_t)strtoul(length + 17, NULL, 10);
        }
        atomic_fetch_add(&c->peer->requests, 1);
        return true;
}

static inline void peer_write(struct peer_connection *c, const char *bytes, size_t n)
{
        while (n) {
                ssize_t put = send(c->fd, bytes, n, MSG_NOSIGNAL);

                if (put <= 0)
                        return;
                bytes += put;
                n -= (size_t)put;
        }
}

static inline void peer_says(struct peer_connection *c, const char *text)
{
        peer_write(c, text, strlen(text));
}

/* Until the other side closes. */
static inline void peer_wait(struct peer_connection *c)
{
        char c1;

        while (read(c->fd, &c1, 1) > 0)
                continue;
}

/* --- ways to serve */

static inline void hello(struct peer_connection *c)
{
        char request[8192];

        while (peer_read(c, request, sizeof(request)))
                peer_says(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 5\r\n\r\nhello");
}

static inline void endless(struct peer_connection *c)
{
        char request[8192];

        if (!peer_read(c, request, sizeof(request)))
                return;
        peer_says(c, "HTTP/1.1 200 OK\r\n\r\n");
        while (send(c->fd, "line\n", 5, MSG_NOSIGNAL) == 5)
                peer_pause(NS_PER_MS);
}

static inline void silent(struct peer_connection *c)
{
        peer_wait(c);
}

static inline void echo(struct peer_connection *c)
{
        static _Thread_local char request[8192];
        char head[128];

        while (peer_read(c, request, sizeof(request))) {
                (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                               strlen(request));
                peer_says(c, head);
                peer_says(c, request);
        }
}

/* --- the client's side */

struct got {
        struct loop *loop;
        struct http *http;
        struct http_call *call;
        int done;
        int began;
        long began_status;
        int rc;
        long status;
        size_t len;
        char body[4096]; /* its beginning */
        char type[64];
        char warning[256];
        char text[256];
        int64_t retry_after_ns;
        int64_t connect_ns;
        size_t streamed;
        int chunks;
};

static inline void got_began(void *ctx, long status)
{
        struct got *g = ctx;

        g->began++;
        g->began_status = status;
}

static inline void got_data(void *ctx, const char *bytes, size_t n)
{
        struct got *g = ctx;

        assert_int_equal(g->began, 1);
        if (g->streamed + n < sizeof(g->body))
                memcpy(g->body + g->streamed, bytes, n);
        g->streamed += n;
        g->chunks++;
}

static inline void got_done(void *ctx, const struct http_answer *a)
{
        struct got *g = ctx;

        g->done++;
        g->call = NULL;
        g->rc = a->rc;
        g->status = a->status;
        g->len = a->len;
        assert_int_equal(a->body[a->len], 0);
        if (!g->streamed)
                (void)snprintf(g->body, sizeof(g->body), "%s", a->body);
        (void)snprintf(g->type, sizeof(g->type), "%s", a->content_type);
        (void)snprintf(g->warning, sizeof(g->warning), "%s", a->warning);
        (void)snprintf(g->text, sizeof(g->text), "%s", a->text);
        g->retry_after_ns = a->retry_after_ns;
        g->connect_ns = a->connect_ns;
        loop_stop(g->loop);
}

static inline void got_stop(void *ctx)
{
        loop_stop(ctx);
}

static inline void run_for(struct loop *l, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, l, got_stop, l);
        loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(l);
        loop_timer_end(&t);
}

/* Until *count is at least n. */
static inline void run_until(struct loop *l, const int *count, int n, int64_t within_ns)
{
        int64_t end = clock_mono_ns() + within_ns;

        while (*count < n && clock_mono_ns() < end)
                run_for(l, 20 * NS_PER_MS);
        assert_true(*count >= n);
}

/* A GET of path on the peer with usual bounds; change it, then got_start(). */
static inline struct http_request got_request(struct got *g, char url[128], const struct peer *p,
                                              const char *path)
{
        (void)snprintf(url, 128, "http://127.0.0.1:%d%s", p->port, path);
        return (struct http_request){
                .method = "GET",
                .url = url,
                .body_max = 1 << 20,
                .limit_ns = 10 * NS_PER_S,
                .ctx = g,
                .began = got_began,
                .done = got_done,
        };
}

static inline void got_start(struct got *g, struct http *h, struct loop *l,
                             const struct http_request *r)
{
        *g = (struct got){ .loop = l, .http = h };
        g->call = http_start(h, r);
        assert_non_null(g->call);
        assert_int_equal(g->done, 0);
}

static inline void got_wait(struct got *g)
{
        run_until(g->loop, &g->done, 1, 15 * NS_PER_S);
        assert_int_equal(g->done, 1);
}

/* --- a loop, a client, room for a peer */

struct room {
        struct loop *loop;
        struct http *http;
        struct peer peer;
};

static inline int set_up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        r->loop = loop_new("test");
        r->http = http_new(r->loop);
        *state = r;
        return 0;
}

static inline int tear_down(void **state)
{
        struct room *r = *state;

        http_free(r->http);
        loop_free(r->loop);
        free(r);
        return 0;
}

#endif
