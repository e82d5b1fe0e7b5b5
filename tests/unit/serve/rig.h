/* rig.h - a server on a thread of its own, and a client that speaks plain bytes. */
#ifndef SERVE_TEST_RIG_H
#define SERVE_TEST_RIG_H

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct rig {
        char dir[64];
        char socket[96];
        struct loop *loop;
        struct serve *serve;
        pthread_t thread;
        sem_t running;
        uint16_t port;
        pid_t tid;
        /* What the pages say. */
        const char *_Atomic trouble;
        atomic_size_t metrics_bytes;
        atomic_int metrics_made, links_made;
        char asked[64]; /* of the last query */
};

static inline void rig_ready(void *ctx, struct buf *out)
{
        const struct rig *r = ctx;

        buf_adds(out, r->trouble);
}

static inline void rig_metrics(void *ctx, struct buf *out)
{
        struct rig *r = ctx;

        buf_adds(out, "m 1\n");
        for (size_t i = 4; i + 1024 <= r->metrics_bytes; i += 1024) {
                static const char line[1024];

                buf_add(out, line, sizeof(line));
        }
        atomic_fetch_add(&r->metrics_made, 1);
}

static inline void rig_links(void *ctx, const struct serve_query *q, struct buf *out)
{
        struct rig *r = ctx;

        (void)snprintf(r->asked, sizeof(r->asked), "%s/%s", q->space ? q->space : "-",
                       q->name ? q->name : "-");
        buf_addf(out, "{\"made\":%d,\"watch\":%d", atomic_fetch_add(&r->links_made, 1) + 1,
                 q->watch);
        if (q->name && strcmp(q->name, "large") == 0) {
                buf_adds(out, ",\"text\":\"");
                for (int i = 0; i < 300000; i++)
                        buf_adds(out, "0123456789");
                buf_addc(out, '"');
        }
        buf_addc(out, '}');
}

static inline void rig_devices(void *ctx, const struct serve_query *q, struct buf *out)
{
        (void)ctx;
        (void)q;
        buf_adds(out, "[]");
}

static inline struct serve_config rig_config(struct rig *r, const char *address)
{
        return (struct serve_config){
                .loop = r->loop,
                .address = address,
                .socket = r->socket,
                .ctx = r,
                .ready = rig_ready,
                .metrics = rig_metrics,
                .links = rig_links,
                .devices = rig_devices,
        };
}

static inline void *rig_run(void *ctx)
{
        struct rig *r = ctx;
        const struct serve_config config = rig_config(r, "127.0.0.1:0");
        struct err e = { 0 };

        r->tid = gettid();
        if (serve_open(&config, &r->serve, &e) < 0) {
                (void)fprintf(stderr, "%s\n", e.text);
                abort();
        }
        r->port = serve_port(r->serve);
        (void)sem_post(&r->running);
        loop_run(r->loop);
        serve_close(r->serve);
        return NULL;
}

static inline void rig_dir(struct rig *r)
{
        (void)snprintf(r->dir, sizeof(r->dir), "/tmp/serve-test-XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        (void)snprintf(r->socket, sizeof(r->socket), "%s/agent.sock", r->dir);
        r->trouble = "";
}

static inline int rig_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        rig_dir(r);
        r->loop = loop_new("main");
        (void)sem_init(&r->running, 0, 0);
        assert_int_equal(pthread_create(&r->thread, NULL, rig_run, r), 0);
        (void)sem_wait(&r->running);
        *state = r;
        return 0;
}

static inline int rig_down(void **state)
{
        struct rig *r = *state;

        loop_stop(r->loop);
        (void)pthread_join(r->thread, NULL);
        loop_free(r->loop);
        assert_int_not_equal(access(r->socket, F_OK), 0);
        assert_int_equal(rmdir(r->dir), 0);
        (void)sem_destroy(&r->running);
        free(r);
        return 0;
}

struct rig_message {
        struct loop_message head;
        struct rig *rig;
};

static inline void rig_tell(struct loop_message *m, bool cancelled)
{
        struct rig_message *t = (struct rig_message *)m;

        if (!cancelled)
                serve_changed(t->rig->serve);
        free(t);
}

static inline void rig_changed(struct rig *r)
{
        struct rig_message *m = xcalloc(1, sizeof(*m));

        m->head.deliver = rig_tell;
        m->rig = r;
        loop_post(r->loop, &m->head);
}

static inline void rig_close(struct loop_message *m, bool cancelled)
{
        struct rig *r = ((struct rig_message *)m)->rig;

        if (!cancelled) {
                serve_close(r->serve);
                r->serve = NULL;
                loop_stop(r->loop);
        }
        free(m);
}

/* From within a callback of the loop. */
static inline void rig_close_within(struct rig *r)
{
        struct rig_message *m = xcalloc(1, sizeof(*m));

        m->head.deliver = rig_close;
        m->rig = r;
        loop_post(r->loop, &m->head);
}

/* --- the client; nothing takes longer than 5 s */

static inline int client_socket(int family)
{
        static const struct timeval limit = { .tv_sec = 5 };
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        return fd;
}

static inline int dial(const struct rig *r)
{
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_port = htons(r->port),
                                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int fd = client_socket(AF_INET);

        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        return fd;
}

static inline int dial_unix(const struct rig *r)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = client_socket(AF_UNIX);

        (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", r->socket);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        return fd;
}

static inline void say(int fd, const char *text)
{
        (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* All until the peer closes; for free(). */
static inline char *hear_all(int fd)
{
        struct buf all = BUF(256 * 1024 * 1024);
        static char part[65536];
        ssize_t n;

        while ((n = recv(fd, part, sizeof(part), 0)) > 0)
                buf_add(&all, part, (size_t)n);
        if (n < 0 && errno == EAGAIN)
                buf_adds(&all, "(silence)");
        (void)close(fd);
        buf_addc(&all, '\0');
        return buf_take(&all, NULL);
}

/* What is there until `text` has been seen. */
static inline bool hear_until(int fd, const char *text, struct buf *all)
{
        char part[4096];
        ssize_t n;

        while (!strstr(buf_text(all), text)) {
                n = recv(fd, part, sizeof(part), 0);
                if (n <= 0)
                        return false;
                buf_add(all, part, (size_t)n);
        }
        return true;
}

static inline char *get_on(int fd, const char *path)
{
        auto_free char *request =
                xasprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

        say(fd, request);
        return hear_all(fd);
}

static inline void assert_answer(char *answer, const char *status, const char *part)
{
        if (strncmp(answer + 9, status, strlen(status)) != 0 || !strstr(answer, part)) {
                print_error("not %s '%s': %s\n", status, part, answer);
                fail();
        }
        free(answer);
}

static inline void assert_alive(const struct rig *r)
{
        assert_answer(get_on(dial(r), "/healthz"), "200", "\r\n\r\nok\n");
}

static inline bool is_closed(int fd, int within_ms)
{
        struct timeval limit = { .tv_sec = within_ms / 1000, .tv_usec = within_ms % 1000 * 1000 };
        char c[4096];
        ssize_t n;

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        do
                n = recv(fd, c, sizeof(c), 0);
        while (n > 0);
        return n == 0 || errno == ECONNRESET;
}

static inline void quiet_log(void)
{
        log_setup(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_FORMAT_TEXT);
}

#endif
