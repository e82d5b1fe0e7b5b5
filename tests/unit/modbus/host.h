/* host.h - a host for one event-driven link, over poll(): what the agent's reactor does, in small.
 *
 * One link at a time; everything runs in host_wait().  The test looks at struct dl_sink.
 */
#ifndef TEST_MODBUS_HOST_H
#define TEST_MODBUS_HOST_H

#include "unit/modbus/common.h"

#include "base/backoff.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

enum { HOST_SLOTS = 8, HOST_POINTS = 256, HOST_BYTES = 256 };

struct dl_watch {
        bool used;
        int fd;
        unsigned events;
        void (*ready)(void *ctx, unsigned events);
        void *ctx;
};

struct dl_timer {
        bool used;
        int64_t at_ns; /* 0 = stopped */
        void (*fired)(void *ctx);
        void *ctx;
};

struct dl_ticket {
        bool open;
};

struct dl_sink {
        struct dl_sample samples[HOST_POINTS]; /* the last of each point */
        uint8_t bytes[HOST_POINTS][HOST_BYTES];
        char errors[HOST_POINTS][256];
        unsigned n_samples[HOST_POINTS];
        unsigned n_written[HOST_POINTS];
        int written_rc[HOST_POINTS];
        uint32_t written_code[HOST_POINTS];
        char written_text[HOST_POINTS][256];
        unsigned n_done;
        int rc; /* of the last request */
        struct dl_error error;
        unsigned n_watches; /* ever made: connections tried */
        struct dl_watch watches[HOST_SLOTS];
        struct dl_timer timers[HOST_SLOTS];
        struct dl_ticket ticket;
        /* a look-up that the test answers itself */
        void (*found)(void *ctx, const struct dl_address *, size_t n, const char *reason);
        void *found_ctx;
        uint16_t found_port;
        unsigned n_lookups;
};

static void host_emit(struct dl_sink *s, const struct dl_sample *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint32_t p = list[i].point;
                assert_int_equal(list[i].size, sizeof(list[i]));
                assert_true(p < HOST_POINTS);
                s->samples[p] = list[i];
                s->n_samples[p]++;
                s->errors[p][0] = '\0';
                if (list[i].quality == DL_BAD)
                        (void)snprintf(s->errors[p], sizeof(s->errors[p]), "%s", list[i].error);
                if (list[i].value.type == DL_BYTES) {
                        assert_true(list[i].value.len <= HOST_BYTES);
                        memcpy(s->bytes[p], list[i].value.as.data, list[i].value.len);
                        s->samples[p].value.as.data = s->bytes[p];
                }
        }
}

static void host_wrote(struct dl_sink *s, uint32_t point, int rc, uint32_t code, const char *text)
{
        assert_true(s->ticket.open);
        s->n_written[point]++;
        s->written_rc[point] = rc;
        s->written_code[point] = code;
        (void)snprintf(s->written_text[point], sizeof(s->written_text[point]), "%s",
                       text ? text : "");
}

static void host_log(struct dl_sink *s, int level, const char *text)
{
        (void)s;
        (void)level;
        assert_non_null(text);
}

static struct dl_sink *host_of_ticket; /* one link at a time */

static void host_done(struct dl_ticket *t, int rc, const struct dl_error *e)
{
        assert_true(t->open);
        assert_int_equal(rc < 0, e != NULL);
        t->open = false;
        host_of_ticket->n_done++;
        host_of_ticket->rc = rc;
        host_of_ticket->error = e ? *e : (struct dl_error){ 0 };
}

static int64_t host_now(struct dl_sink *s)
{
        (void)s;
        return clock_mono_ns();
}

static struct dl_watch *host_watch(struct dl_sink *s, int fd, unsigned events,
                                   void (*ready)(void *ctx, unsigned events), void *ctx)
{
        for (size_t i = 0; i < HOST_SLOTS; i++) {
                if (s->watches[i].used)
                        continue;
                s->watches[i] = (struct dl_watch){ true, fd, events, ready, ctx };
                s->n_watches++;
                return &s->watches[i];
        }
        fail_msg("too many watches");
        return NULL;
}

static void host_watch_set(struct dl_watch *w, unsigned events)
{
        assert_true(w->used);
        w->events = events;
}

static void host_watch_end(struct dl_watch *w)
{
        assert_true(w->used);
        w->used = false;
}

static struct dl_timer *host_timer(struct dl_sink *s, void (*fired)(void *ctx), void *ctx)
{
        for (size_t i = 0; i < HOST_SLOTS; i++) {
                if (s->timers[i].used)
                        continue;
                s->timers[i] = (struct dl_timer){ true, 0, fired, ctx };
                return &s->timers[i];
        }
        fail_msg("too many timers");
        return NULL;
}

static void host_timer_set(struct dl_timer *t, int64_t after_ns)
{
        assert_true(t->used);
        t->at_ns = after_ns < 0 ? 0 : clock_mono_ns() + after_ns;
}

static void host_timer_end(struct dl_timer *t)
{
        assert_true(t->used);
        t->used = false;
}

static struct dl_address host_address(const char *literal, uint16_t port)
{
        struct dl_address a = { .size = sizeof(a) };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

        if (inet_pton(AF_INET, literal, &in.sin_addr) == 1) {
                a.length = sizeof(in);
                memcpy(a.bytes, &in, sizeof(in));
        } else {
                assert_int_equal(inet_pton(AF_INET6, literal, &in6.sin6_addr), 1);
                a.length = sizeof(in6);
                memcpy(a.bytes, &in6, sizeof(in6));
        }
        return a;
}

/* Names: "both" has two addresses, "nobody" none, "slow" is answered by the test. */
static void host_resolve(struct dl_sink *s, const char *host, uint16_t port,
                         void (*found)(void *ctx, const struct dl_address *, size_t n,
                                       const char *reason),
                         void *ctx)
{
        struct dl_address list[2];

        s->n_lookups++;
        if (strcmp(host, "slow") == 0) {
                s->found = found;
                s->found_ctx = ctx;
                s->found_port = port;
        } else if (strcmp(host, "nobody") == 0) {
                found(ctx, NULL, 0, "no such host");
        } else if (strcmp(host, "both") == 0) {
                list[0] = host_address("127.0.0.2", port);
                list[1] = host_address("127.0.0.1", port);
                found(ctx, list, 2, NULL);
        } else {
                list[0] = host_address(host, port);
                found(ctx, list, 1, NULL);
        }
}

static const struct dl_host host_table = {
        .size = sizeof(host_table),
        .emit = host_emit,
        .wrote = host_wrote,
        .log = host_log,
        .done = host_done,
        .now = host_now,
        .watch = host_watch,
        .watch_set = host_watch_set,
        .watch_end = host_watch_end,
        .timer = host_timer,
        .timer_set = host_timer_set,
        .timer_end = host_timer_end,
        .resolve = host_resolve,
        .random = random_u32,
};

static unsigned host_events(short revents)
{
        return (revents & POLLIN ? (unsigned)DL_READABLE : 0U) |
               (revents & POLLOUT ? (unsigned)DL_WRITABLE : 0U) |
               (revents & (POLLHUP | POLLERR) ? (unsigned)DL_HANGUP : 0U);
}

/* One turn: wait up to 5 ms, call what is ready and due. */
static void host_turn(struct dl_sink *s)
{
        struct pollfd fds[HOST_SLOTS];

        for (size_t i = 0; i < HOST_SLOTS; i++) {
                const struct dl_watch *w = &s->watches[i];
                fds[i] = (struct pollfd){ .fd = w->used ? w->fd : -1 };
                if (w->used && w->events & DL_READABLE)
                        fds[i].events |= POLLIN;
                if (w->used && w->events & DL_WRITABLE)
                        fds[i].events |= POLLOUT;
        }
        assert_true(poll(fds, HOST_SLOTS, 5) >= 0);
        for (size_t i = 0; i < HOST_SLOTS; i++) {
                const struct dl_watch *w = &s->watches[i];
                if (fds[i].revents && w->used && w->fd == fds[i].fd)
                        w->ready(w->ctx, host_events(fds[i].revents));
        }
        for (size_t i = 0; i < HOST_SLOTS; i++) {
                struct dl_timer *t = &s->timers[i];
                if (t->used && t->at_ns && t->at_ns <= clock_mono_ns()) {
                        t->at_ns = 0;
                        t->fired(t->ctx);
                }
        }
}

/* Until the request under way has ended; it must, within 5 s. */
static inline void host_wait(struct dl_sink *s)
{
        int64_t end = clock_mono_ns() + 5 * NS_PER_S;

        while (s->ticket.open) {
                assert_true(clock_mono_ns() < end);
                host_turn(s);
        }
}

static inline void host_run(struct dl_sink *s, int64_t for_ns)
{
        int64_t end = clock_mono_ns() + for_ns;

        while (clock_mono_ns() < end)
                host_turn(s);
}

static inline bool host_is_clean(const struct dl_sink *s)
{
        for (size_t i = 0; i < HOST_SLOTS; i++)
                if (s->watches[i].used || s->timers[i].used)
                        return false;
        return true;
}

/* --- a link under test, through the adaptor's table */

struct rig {
        const struct dl_adaptor *adaptor;
        struct dl_device *device;
        const struct dl_info *info;
        struct dl_link *link;
        struct dl_sink sink;
};

static inline struct dl_device *rig_compile(struct rig *r, const char *spec)
{
        const struct dl_request q = { .size = sizeof(q), .spec = spec, .spec_len = strlen(spec) };
        struct dl_device *d = NULL;
        struct dl_error e = { 0 };

        if (r->adaptor->compile(&q, &d, &e) != DL_OK)
                fail_msg("%s: %s in %s", e.path, e.text, spec);
        return d;
}

static inline void rig_open(struct rig *r, const char *spec)
{
        struct dl_error e = { 0 };

        memset(r, 0, sizeof(*r));
        r->adaptor = dl_adaptor_v1(&host_table);
        host_of_ticket = &r->sink;
        r->device = rig_compile(r, spec);
        r->info = r->adaptor->describe(r->device);
        assert_int_equal(r->adaptor->open(r->device, &r->sink, &r->link, &e), DL_OK);
}

static inline void rig_close(struct rig *r)
{
        r->adaptor->close(r->link);
        assert_true(host_is_clean(&r->sink));
        r->adaptor->discard(r->device);
}

static inline void rig_begin_read(struct rig *r)
{
        uint32_t points[HOST_POINTS];

        for (uint32_t i = 0; i < r->info->n_points; i++)
                points[i] = i;
        assert_false(r->sink.ticket.open);
        r->sink.ticket.open = true;
        r->adaptor->begin_read(r->link, &r->sink.ticket, points, r->info->n_points);
}

/* Read all points; returns the outcome. */
static inline int rig_read(struct rig *r)
{
        rig_begin_read(r);
        host_wait(&r->sink);
        return r->sink.rc;
}

static inline int rig_write(struct rig *r, const struct dl_write *writes, size_t n)
{
        assert_false(r->sink.ticket.open);
        r->sink.ticket.open = true;
        r->adaptor->begin_write(r->link, &r->sink.ticket, writes, n);
        host_wait(&r->sink);
        return r->sink.rc;
}

#endif
