/* wire.c - one Modbus TCP connection. */
#include "modbus/wire.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum { ADDRESSES_MAX = 4, LEVEL_DEBUG = 7 };

/* As good as for ever, and no sum of times overflows. */
static const int64_t timeout_max_ns = 365 * 24 * 3600 * NS_PER_S;

enum wire_state { WIRE_DOWN, WIRE_RESOLVING, WIRE_CONNECTING, WIRE_UP };

struct wire {
        const struct dl_host *table;
        struct dl_sink *sink;
        char *host;
        uint16_t port;
        int64_t timeout_ns;
        wire_answered *answered;
        void *ctx;

        enum wire_state state;
        bool looking_up; /* found() has not come yet, whatever the state */
        int fd;
        struct dl_watch *watch;
        unsigned events; /* watched */
        struct dl_timer *timer;
        int64_t connect_by;
        struct dl_address *addresses; /* while connecting; else NULL */
        size_t n_addresses, next_address;

        bool asked; /* a request is under way */
        struct request request;
        uint8_t unit;
        uint16_t transaction;
        uint8_t *out; /* of the request under way */
        size_t out_len, out_sent;
        uint8_t *in; /* FRAME_MAX bytes; NULL while nothing has come */
        size_t in_len;
};

static void on_ready(void *ctx, unsigned events);
static void on_time(void *ctx);
static void connect_next(struct wire *w);

struct wire *wire_new(const struct dl_host *table, struct dl_sink *sink, const char *host,
                      uint16_t port, int64_t timeout_ns, wire_answered *answered, void *ctx)
{
        struct wire *w = xcalloc(1, sizeof(*w));

        w->table = table;
        w->sink = sink;
        w->host = xstrdup(host);
        w->port = port;
        w->timeout_ns = timeout_ns < timeout_max_ns ? timeout_ns : timeout_max_ns;
        w->answered = answered;
        w->ctx = ctx;
        w->fd = -1;
        return w;
}

/* Of many wires few have a frame under way. */
static void forget_input(struct wire *w)
{
        free(w->in);
        w->in = NULL;
        w->in_len = 0;
}

static void forget_addresses(struct wire *w)
{
        free(w->addresses);
        w->addresses = NULL;
        w->n_addresses = w->next_address = 0;
}

static void close_socket(struct wire *w)
{
        if (w->watch)
                w->table->watch_end(w->watch);
        w->watch = NULL;
        w->events = 0;
        if (w->fd >= 0)
                (void)close(w->fd);
        w->fd = -1;
        forget_input(w);
        w->state = WIRE_DOWN;
}

void wire_free(struct wire *w)
{
        if (!w)
                return;
        close_socket(w);
        forget_addresses(w);
        if (w->timer)
                w->table->timer_end(w->timer);
        free(w->out);
        free(w->host);
        free(w);
}

/* --- outcomes; what follows a call of these must not touch the wire any more */

static void finish(struct wire *w, int rc, const struct answer *a, const struct err *e)
{
        assert(w->asked);
        w->asked = false;
        w->table->timer_set(w->timer, -1);
        w->answered(w->ctx, rc, a, e);
}

static void fail(struct wire *w, struct err *e)
{
        const struct answer none = { 0 };

        close_socket(w);
        forget_addresses(w);
        (void)err_wrap(e, "%s:%u", w->host, w->port);
        if (w->asked)
                finish(w, DL_RETRY, &none, e);
        else
                w->table->log(w->sink, LEVEL_DEBUG, e->text);
}

/* --- sending and receiving */

static void watch_for(struct wire *w, unsigned events)
{
        if (events != w->events)
                w->table->watch_set(w->watch, events);
        w->events = events;
}

static void flush(struct wire *w)
{
        struct err e = { 0 };

        while (w->out_sent < w->out_len) {
                ssize_t n =
                        send(w->fd, w->out + w->out_sent, w->out_len - w->out_sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        watch_for(w, DL_READABLE | DL_WRITABLE);
                        return;
                }
                if (n < 0) {
                        (void)err_set(&e, DL_RETRY, "send: %m");
                        fail(w, &e);
                        return;
                }
                w->out_sent += (size_t)n;
        }
        watch_for(w, DL_READABLE);
}

/* The connection is there: the request's own time begins. */
static void send_request(struct wire *w)
{
        const struct answer none = { 0 };
        const struct err well = { 0 };

        if (w->out_len == 0) {
                watch_for(w, DL_READABLE);
                finish(w, 0, &none, &well);
                return;
        }
        w->table->timer_set(w->timer, w->timeout_ns);
        w->out_sent = 0;
        flush(w);
}

static void drop_input(struct wire *w, size_t n)
{
        w->in_len -= n;
        memmove(w->in, w->in + n, w->in_len);
        if (w->in_len == 0)
                forget_input(w);
}

static int judge(const struct wire *w, const struct frame *f, struct answer *ret, struct err *e)
{
        if (f->unit != w->unit)
                return err_set(e, DL_RETRY, "answer from unit %u, expected %u", f->unit, w->unit);
        return codec_answer(&w->request, f, ret, e);
}

/* Returns false when the wire was handed on and must not be touched. */
static bool take_frame(struct wire *w, const struct frame *f, size_t size)
{
        uint8_t pdu[FRAME_MAX];
        struct frame copy = *f;
        struct answer a = { 0 };
        struct err e = { 0 };

        memcpy(pdu, f->pdu, f->len);
        copy.pdu = pdu;
        drop_input(w, size);
        if (!w->asked || w->out_sent < w->out_len || w->out_len == 0 ||
            copy.transaction != w->transaction)
                return true; /* late, or nobody asked */

        int rc = judge(w, &copy, &a, &e);
        if (rc == DL_RETRY)
                fail(w, &e);
        else
                finish(w, rc, &a, &e);
        return false;
}

static void take_input(struct wire *w)
{
        struct frame f;
        struct err e = { 0 };
        int size = 0;

        while (w->in_len > 0 && (size = codec_next(w->in, w->in_len, &f, &e)) > 0)
                if (!take_frame(w, &f, (size_t)size))
                        return;
        if (size < 0)
                fail(w, &e);
}

static void receive(struct wire *w)
{
        struct err e = { 0 };

        if (!w->in)
                w->in = xmalloc(FRAME_MAX);
        assert(w->in_len < FRAME_MAX);
        ssize_t n = recv(w->fd, w->in + w->in_len, FRAME_MAX - w->in_len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                if (w->in_len == 0)
                        forget_input(w);
                return;
        }
        if (n <= 0) {
                if (n < 0)
                        (void)err_set(&e, DL_RETRY, "receive: %m");
                else
                        (void)err_set(&e, DL_RETRY, "the device closed the connection");
                fail(w, &e);
                return;
        }
        w->in_len += (size_t)n;
        take_input(w);
}

/* --- connecting */

static int open_socket(struct wire *w, const struct dl_address *a, struct err *e)
{
        struct sockaddr_storage sa = { 0 };
        const int on = 1;

        memcpy(&sa, a->bytes, a->length < sizeof(sa) ? a->length : sizeof(sa));
        w->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (w->fd < 0)
                return err_set(e, DL_RETRY, "socket: %m");
        (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(w->fd, (const struct sockaddr *)&sa, a->length) < 0 && errno != EINPROGRESS)
                return err_set(e, DL_RETRY, "connect: %m");
        w->watch = w->table->watch(w->sink, w->fd, DL_WRITABLE, on_ready, w);
        if (!w->watch)
                return err_set(e, DL_RETRY, "the connection cannot be watched");
        w->events = DL_WRITABLE;
        w->state = WIRE_CONNECTING;
        return 0;
}

/* One address did not work: the next, or failure with the last one's reason. */
static void address_failed(struct wire *w, struct err *e)
{
        close_socket(w);
        if (w->next_address < w->n_addresses && w->table->now(w->sink) < w->connect_by)
                connect_next(w);
        else
                fail(w, e);
}

/* Each address gets its share of the time that is left. */
static void connect_next(struct wire *w)
{
        struct err e = { 0 };
        int64_t left = w->connect_by - w->table->now(w->sink);
        size_t share = w->n_addresses - w->next_address;

        /* Negative would stop the timer: the name was found just when its time was over. */
        w->table->timer_set(w->timer, left > 0 ? left / (int64_t)share : 0);
        if (open_socket(w, &w->addresses[w->next_address++], &e) < 0)
                address_failed(w, &e);
}

static void on_found(void *ctx, const struct dl_address *list, size_t n, const char *reason)
{
        struct wire *w = ctx;
        struct err e = { 0 };

        w->looking_up = false;
        if (w->state != WIRE_RESOLVING)
                return; /* the request gave up waiting */
        if (n == 0) {
                (void)err_set(&e, DL_RETRY, "look up: %s", reason ? reason : "no address");
                fail(w, &e);
                return;
        }
        forget_addresses(w);
        w->n_addresses = n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
        w->addresses = xmemdup(list, w->n_addresses * sizeof(*list));
        connect_next(w);
}

static void start_connect(struct wire *w)
{
        w->state = WIRE_RESOLVING;
        w->connect_by = w->table->now(w->sink) + w->timeout_ns;
        w->table->timer_set(w->timer, w->timeout_ns);
        if (!w->looking_up) {
                w->looking_up = true;
                w->table->resolve(w->sink, w->host, w->port, on_found, w);
        }
}

/* A port of this machine that nobody listens on may be the very port a connection goes out from. */
static bool met_itself(int fd)
{
        struct sockaddr_storage here = { 0 };
        struct sockaddr_storage there = { 0 };
        socklen_t here_len = sizeof(here);
        socklen_t there_len = sizeof(there);

        return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
               getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 &&
               here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

static void connected(struct wire *w)
{
        struct err e = { 0 };
        int error = 0;
        socklen_t len = sizeof(error);

        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (!error && met_itself(w->fd))
                error = ECONNREFUSED;
        if (error) {
                errno = error;
                (void)err_set(&e, DL_RETRY, "connect: %m");
                address_failed(w, &e);
                return;
        }
        forget_addresses(w);
        w->state = WIRE_UP;
        send_request(w);
}

/* --- the host's calls */

static void on_ready(void *ctx, unsigned events)
{
        struct wire *w = ctx;

        if (w->state == WIRE_CONNECTING)
                connected(w);
        else if (events & (DL_READABLE | DL_HANGUP))
                receive(w);
        else if (events & DL_WRITABLE)
                flush(w);
}

static void on_time(void *ctx)
{
        struct wire *w = ctx;
        struct err e = { 0 };

        if (!w->asked)
                return;
        if (w->state == WIRE_CONNECTING) {
                (void)err_set(&e, DL_RETRY, "connect: no answer in time");
                address_failed(w, &e);
        } else if (w->state == WIRE_RESOLVING) {
                (void)err_set(&e, DL_RETRY, "look up: no answer in time");
                fail(w, &e);
        } else {
                (void)err_set(&e, DL_RETRY, "no answer in time");
                fail(w, &e);
        }
}

void wire_ask(struct wire *w, uint8_t unit, const struct request *q)
{
        assert(!w->asked);
        if (!w->timer) {
                w->timer = w->table->timer(w->sink, on_time, w);
                w->transaction = (uint16_t)w->table->random();
        }
        w->asked = true;
        w->unit = unit;
        free(w->out);
        w->out = NULL;
        w->out_len = 0;
        if (q) {
                uint8_t frame[FRAME_MAX];

                w->transaction = (uint16_t)(w->transaction + 1);
                w->request = *q;
                w->request.data = NULL;
                w->out_len = codec_frame(w->transaction, unit, q, frame);
                w->out = xmemdup(frame, w->out_len);
        }
        if (w->state == WIRE_UP)
                send_request(w);
        else
                start_connect(w);
}
