/* fake_api.h - an HTTP server that answers as a test wants, for faults that a real one does not
 * show; and credentials that a test can take away.
 *
 * Each connection has a thread, which calls the test's handle() for each request; what it writes is
 * the answer, byte for byte.  It ends the connection by returning false.
 */
#ifndef TEST_FAKE_API_H
#define TEST_FAKE_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/access.h"
#include "loop/loop.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define FAKE_FN __attribute__((unused)) static

enum { FAKE_CONNECTIONS = 64, FAKE_REQUEST_MAX = 1 << 16 };

struct fake_request {
        int fd; /* where the answer goes */
        unsigned number;
        char method[16];
        char target[4096];
        char head[8192]; /* all headers */
        char body[8192];
};

struct fake_api {
        int fd;
        char url[64];
        pthread_t thread;
        pthread_t threads[FAKE_CONNECTIONS];
        size_t n_threads;
        atomic_uint requests;
        atomic_uint connections;
        atomic_bool stop;
        bool (*handle)(void *ctx, struct fake_request *r);
        void *ctx;
};

struct fake_connection {
        struct fake_api *api;
        int fd;
};

/* --- what a handler writes */

FAKE_FN void fake_write(int fd, const char *text, size_t n)
{
        while (n > 0) {
                ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

                if (sent <= 0)
                        return;
                text += sent;
                n -= (size_t)sent;
        }
}

FAKE_FN void fake_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
FAKE_FN void fake_say(int fd, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        auto_free char *text = xvasprintf(format, args);
        va_end(args);
        fake_write(fd, text, strlen(text));
}

/* more: header lines with their ends, or "" */
FAKE_FN void fake_answer(int fd, int status, const char *type, const char *more, const char *body)
{
        fake_say(fd, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                 type, strlen(body), more, body);
}

FAKE_FN void fake_json(int fd, int status, const char *body)
{
        fake_answer(fd, status, "application/json", "", body);
}

FAKE_FN void fake_stream(int fd)
{
        fake_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
}

FAKE_FN void fake_chunk(int fd, const char *text, size_t n)
{
        fake_say(fd, "%zx\r\n", n);
        fake_write(fd, text, n);
        fake_write(fd, "\r\n", 2);
}

FAKE_FN void fake_line(int fd, const char *line)
{
        auto_free char *text = xasprintf("%s\n", line);

        fake_chunk(fd, text, strlen(text));
}

FAKE_FN void fake_stream_end(int fd)
{
        fake_write(fd, "0\r\n\r\n", 5);
}

/* Waits until the peer closes the connection, or the test ends. */
FAKE_FN void fake_hang(struct fake_api *f, int fd)
{
        while (!atomic_load(&f->stop)) {
                struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

                if (poll(&p, 1, 20) > 0)
                        return;
        }
}

/* --- requests */

static bool fake_read_head(struct fake_api *f, int fd, char *text, size_t size, size_t *ret_len)
{
        size_t len = 0;

        text[0] = '\0';
        while (!strstr(text, "\r\n\r\n") && len + 1 < size) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int ready = poll(&p, 1, 20);

                if (atomic_load(&f->stop))
                        return false;
                if (ready <= 0)
                        continue;
                ssize_t n = recv(fd, text + len, size - 1 - len, 0);
                if (n <= 0)
                        return false;
                len += (size_t)n;
                text[len] = '\0';
        }
        *ret_len = len;
        return true;
}

static bool fake_read(struct fake_api *f, int fd, struct fake_request *r)
{
        auto_free char *text = xmalloc(FAKE_REQUEST_MAX);
        size_t len = 0;

        if (!fake_read_head(f, fd, text, FAKE_REQUEST_MAX, &len))
                return false;
        char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length:");
        size_t want = length && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0;
        size_t head = (size_t)(end + 4 - text);

        while (len - head < want) {
                ssize_t n = recv(fd, text + len, FAKE_REQUEST_MAX - 1 - len, 0);
                if (n <= 0)
                        return false;
                len += (size_t)n;
        }
        text[len] = '\0';
        (void)snprintf(r->body, sizeof(r->body), "%s", end + 4);
        end[2] = '\0';
        (void)snprintf(r->head, sizeof(r->head), "%s", text);
        char *space = strchr(text, ' ');
        *space = '\0';
        (void)snprintf(r->method, sizeof(r->method), "%s", text);
        *strchr(space + 1, ' ') = '\0';
        (void)snprintf(r->target, sizeof(r->target), "%s", space + 1);
        r->fd = fd;
        return true;
}

static void *fake_connection(void *arg)
{
        struct fake_connection *c = arg;
        struct fake_request *r = xcalloc(1, sizeof(*r));

        while (fake_read(c->api, c->fd, r)) {
                r->number = atomic_fetch_add(&c->api->requests, 1);
                if (!c->api->handle(c->api->ctx, r))
                        break;
        }
        free(r);
        (void)close(c->fd);
        free(c);
        return NULL;
}

static void *fake_accept(void *arg)
{
        struct fake_api *f = arg;

        while (!atomic_load(&f->stop) && f->n_threads < FAKE_CONNECTIONS) {
                struct pollfd p = { .fd = f->fd, .events = POLLIN };

                if (poll(&p, 1, 20) <= 0)
                        continue;
                struct fake_connection *c = xcalloc(1, sizeof(*c));
                c->api = f;
                c->fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
                atomic_fetch_add(&f->connections, 1);
                (void)pthread_create(&f->threads[f->n_threads++], NULL, fake_connection, c);
        }
        return NULL;
}

FAKE_FN void fake_api_start(struct fake_api *f, bool (*handle)(void *, struct fake_request *),
                            void *ctx)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(at);

        *f = (struct fake_api){ .handle = handle, .ctx = ctx };
        f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(f->fd, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_int_equal(listen(f->fd, 64), 0);
        assert_int_equal(getsockname(f->fd, (struct sockaddr *)&at, &len), 0);
        (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d", ntohs(at.sin_port));
        assert_int_equal(pthread_create(&f->thread, NULL, fake_accept, f), 0);
}

FAKE_FN void fake_api_stop(struct fake_api *f)
{
        atomic_store(&f->stop, true);
        (void)pthread_join(f->thread, NULL);
        for (size_t i = 0; i < f->n_threads; i++)
                (void)pthread_join(f->threads[i], NULL);
        (void)close(f->fd);
}

/* --- credentials: these stand in for access.c */

static struct fake_access {
        const char *server;
        const char *token; /* the value of the header; NULL = none is needed */
        const char *wrong; /* there is none, and why */
        unsigned asked;
        unsigned refused;
        unsigned cancelled;
        bool is_late; /* answers in a later turn */
        struct kube_access_config config;
        struct loop *loop;
} fake_access;

struct kube_access_wait {
        struct loop_timer timer;
        void (*ready)(void *ctx, const char *value, const struct err *e);
        void *ctx;
};

int kube_access_open(const struct kube_access_config *c, struct kube_access **ret, struct err *e)
{
        (void)e;
        fake_access.config = *c;
        fake_access.loop = c->loop;
        *ret = (struct kube_access *)&fake_access;
        return 0;
}

void kube_access_close(struct kube_access *a)
{
        (void)a;
}

const char *kube_access_server(const struct kube_access *a)
{
        (void)a;
        return fake_access.server;
}

const char *kube_access_space(const struct kube_access *a)
{
        (void)a;
        return "default";
}

const char *kube_access_proxy(const struct kube_access *a)
{
        (void)a;
        return "";
}

const char *kube_access_source(const struct kube_access *a)
{
        (void)a;
        return "a test";
}

void kube_access_tls(const struct kube_access *a, struct http_tls *ret)
{
        (void)a;
        *ret = (struct http_tls){ 0 };
}

static void fake_ready(void (*ready)(void *ctx, const char *value, const struct err *e), void *ctx)
{
        struct err e = { 0 };

        if (fake_access.wrong)
                (void)err_set(&e, DL_RETRY, "%s", fake_access.wrong);
        ready(ctx, fake_access.wrong ? NULL : fake_access.token, fake_access.wrong ? &e : NULL);
}

static void fake_late(void *ctx)
{
        struct kube_access_wait *w = ctx;
        struct kube_access_wait copy = *w;

        loop_timer_end(&w->timer);
        free(w);
        fake_ready(copy.ready, copy.ctx);
}

struct kube_access_wait *
kube_access_authorize(struct kube_access *a,
                      void (*ready)(void *ctx, const char *value, const struct err *e), void *ctx)
{
        (void)a;
        fake_access.asked++;
        if (!fake_access.is_late) {
                fake_ready(ready, ctx);
                return NULL;
        }
        struct kube_access_wait *w = xcalloc(1, sizeof(*w));
        w->ready = ready;
        w->ctx = ctx;
        loop_timer_init(&w->timer, fake_access.loop, fake_late, w);
        loop_timer_start(&w->timer, 10 * NS_PER_MS, 0);
        return w;
}

void kube_access_cancel(struct kube_access_wait *w)
{
        fake_access.cancelled++;
        loop_timer_end(&w->timer);
        free(w);
}

void kube_access_refused(struct kube_access *a, int64_t sent_ns)
{
        (void)a;
        (void)sent_ns;
        fake_access.refused++;
}

/* --- the loop, until something is so */

FAKE_FN void fake_stop_loop(void *ctx)
{
        loop_stop(ctx);
}

/* Runs the loop until done() or for so long; true: done() said so. */
FAKE_FN bool fake_run(struct loop *l, bool (*done)(void *ctx), void *ctx, int64_t most_ns)
{
        int64_t end = clock_mono_ns() + most_ns;
        struct loop_timer t;

        loop_timer_init(&t, l, fake_stop_loop, l);
        while (!done(ctx) && clock_mono_ns() < end) {
                loop_timer_start(&t, 5 * NS_PER_MS, 0);
                loop_run(l);
        }
        loop_timer_end(&t);
        return done(ctx);
}

#endif
