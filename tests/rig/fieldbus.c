/* fieldbus.c - see fieldbus.h */
#include "rig/fieldbus.h"

#include "rig/process.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A request: transaction, protocol, length, unit; function, address, quantity. */
enum { REQUEST = 12, FUNCTION_AT = 7, ADDRESS_AT = 8, QUANTITY_AT = 10 };
enum { READ_COILS = 1, READ_REGISTERS = 3, ILLEGAL_FUNCTION = 1, QUANTITY_MAX = 120 };
enum { CLIENTS_MAX = 8, GAPS_MAX = 20000, TURN_MS = 100 };

struct client {
        int fd; /* -1 = free */
        bool has_asked;
        size_t len;
        uint8_t bytes[REQUEST * 16];
};

struct device {
        int listener;
        uint16_t port;
        struct client clients[CLIENTS_MAX];
        size_t requests, connections, twice;
        int64_t last_ms; /* 0 = never asked */
};

struct fieldbus {
        pthread_mutex_t lock;
        pthread_t thread;
        bool end;
        int gap_ms;
        struct device *devices;
        size_t n;
        struct fieldbus_gap *gaps;
        size_t n_gaps;
        struct pollfd *fds; /* per device its listener, then its clients */
};

/* --- answers */

static void put16(uint8_t *at, unsigned v)
{
        at[0] = (uint8_t)(v >> 8);
        at[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *at)
{
        return (unsigned)at[0] << 8 | at[1];
}

static unsigned register_at(unsigned address)
{
        float value = (float)(rig_now_ms() % 1000000) / 1000;
        uint32_t bits = 0;

        memcpy(&bits, &value, sizeof(bits));
        return address == 0 ? bits >> 16 : address == 1 ? bits & 0xffff : address;
}

static bool answer(int fd, const uint8_t *request)
{
        uint8_t out[9 + 2 * QUANTITY_MAX] = { 0 };
        unsigned function = request[FUNCTION_AT];
        unsigned quantity = get16(request + QUANTITY_AT);
        size_t n = 9;

        memcpy(out, request, FUNCTION_AT + 1);
        if (quantity > QUANTITY_MAX || (function != READ_COILS && function != READ_REGISTERS)) {
                out[FUNCTION_AT] |= 0x80;
                out[n - 1] = ILLEGAL_FUNCTION;
        } else if (function == READ_COILS) {
                out[n - 1] = (uint8_t)((quantity + 7) / 8);
                n += out[n - 1];
        } else {
                out[n - 1] = (uint8_t)(2 * quantity);
                for (unsigned i = 0; i < quantity; i++, n += 2)
                        put16(out + n, register_at(get16(request + ADDRESS_AT) + i));
        }
        put16(out + 4, (unsigned)n - 6);
        return send(fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

/* --- books */

static void note_gap(struct fieldbus *b, struct device *d, int64_t now)
{
        if (d->last_ms && now - d->last_ms > b->gap_ms && b->n_gaps < GAPS_MAX)
                b->gaps[b->n_gaps++] =
                        (struct fieldbus_gap){ (size_t)(d - b->devices), d->last_ms, now };
        d->last_ms = now;
}

/* Even when what it sent last has not been read yet. */
static bool has_hung_up(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) == 1;
}

static void note_request(struct fieldbus *b, struct device *d, struct client *c)
{
        note_gap(b, d, rig_now_ms());
        d->requests++;
        c->has_asked = true;
        for (struct client *other = d->clients; other < d->clients + CLIENTS_MAX; other++)
                if (other != c && other->fd >= 0 && other->has_asked && !has_hung_up(other->fd)) {
                        d->twice++;
                        return;
                }
}

/* --- sockets */

static void drop(struct client *c)
{
        (void)close(c->fd);
        *c = (struct client){ .fd = -1 };
}

static void serve(struct fieldbus *b, struct device *d, struct client *c)
{
        ssize_t n = recv(c->fd, c->bytes + c->len, sizeof(c->bytes) - c->len, MSG_DONTWAIT);

        if (n <= 0) {
                drop(c);
                return;
        }
        c->len += (size_t)n;
        while (c->len >= REQUEST) {
                note_request(b, d, c);
                if (!answer(c->fd, c->bytes)) {
                        drop(c);
                        return;
                }
                c->len -= REQUEST;
                memmove(c->bytes, c->bytes + REQUEST, c->len);
        }
}

static void take(struct device *d)
{
        int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);

        for (struct client *c = d->clients; fd >= 0 && c < d->clients + CLIENTS_MAX; c++)
                if (c->fd < 0) {
                        c->fd = fd;
                        d->connections++;
                        return;
                }
        if (fd >= 0)
                (void)close(fd);
}

static void turn(struct fieldbus *b)
{
        struct pollfd *at = b->fds;

        for (struct device *d = b->devices; d < b->devices + b->n; d++) {
                struct pollfd *listener = at++;
                for (struct client *c = d->clients; c < d->clients + CLIENTS_MAX; c++, at++)
                        if (at->revents && c->fd >= 0)
                                serve(b, d, c);
                if (listener->revents)
                        take(d);
        }
}

static void fill(struct fieldbus *b)
{
        struct pollfd *at = b->fds;

        for (struct device *d = b->devices; d < b->devices + b->n; d++) {
                *at++ = (struct pollfd){ .fd = d->listener, .events = POLLIN };
                for (struct client *c = d->clients; c < d->clients + CLIENTS_MAX; c++)
                        *at++ = (struct pollfd){ .fd = c->fd, .events = POLLIN };
        }
}

static void *run(void *ctx)
{
        struct fieldbus *b = ctx;
        bool end = false;

        while (!end) {
                fill(b); /* only this thread changes descriptors */
                int n = poll(b->fds, b->n * (1 + CLIENTS_MAX), TURN_MS);
                (void)pthread_mutex_lock(&b->lock);
                if (n > 0)
                        turn(b);
                end = b->end;
                (void)pthread_mutex_unlock(&b->lock);
        }
        return NULL;
}

static void listen_on(struct device *d)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);

        d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (d->listener < 0 || bind(d->listener, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
            listen(d->listener, CLIENTS_MAX) < 0 ||
            getsockname(d->listener, (struct sockaddr *)&a, &len) < 0)
                fail_msg("a device cannot listen");
        d->port = ntohs(a.sin_port);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                d->clients[i].fd = -1;
}

struct fieldbus *fieldbus_start(size_t n_devices, int gap_ms)
{
        struct fieldbus *b = calloc(1, sizeof(*b));

        b->n = n_devices;
        b->gap_ms = gap_ms;
        b->devices = calloc(n_devices, sizeof(*b->devices));
        b->fds = calloc(n_devices * (1 + CLIENTS_MAX), sizeof(*b->fds));
        b->gaps = calloc(GAPS_MAX, sizeof(*b->gaps));
        for (size_t i = 0; i < n_devices; i++)
                listen_on(&b->devices[i]);
        (void)pthread_mutex_init(&b->lock, NULL);
        if (pthread_create(&b->thread, NULL, run, b) != 0)
                fail_msg("the devices have no thread");
        return b;
}

void fieldbus_stop(struct fieldbus *b)
{
        if (!b)
                return;
        (void)pthread_mutex_lock(&b->lock);
        b->end = true;
        (void)pthread_mutex_unlock(&b->lock);
        (void)pthread_join(b->thread, NULL);
        (void)pthread_mutex_destroy(&b->lock);
        for (struct device *d = b->devices; d < b->devices + b->n; d++) {
                (void)close(d->listener);
                for (struct client *c = d->clients; c < d->clients + CLIENTS_MAX; c++)
                        if (c->fd >= 0)
                                (void)close(c->fd);
        }
        free(b->devices);
        free(b->fds);
        free(b->gaps);
        free(b);
}

uint16_t fieldbus_port(const struct fieldbus *b, size_t device)
{
        return b->devices[device].port;
}

static size_t read_book(struct fieldbus *b, const size_t *book)
{
        (void)pthread_mutex_lock(&b->lock);
        size_t n = *book;
        (void)pthread_mutex_unlock(&b->lock);
        return n;
}

size_t fieldbus_requests(struct fieldbus *b, size_t device)
{
        return read_book(b, &b->devices[device].requests);
}

size_t fieldbus_connections(struct fieldbus *b, size_t device)
{
        return read_book(b, &b->devices[device].connections);
}

size_t fieldbus_twice(struct fieldbus *b, size_t device)
{
        return read_book(b, &b->devices[device].twice);
}

size_t fieldbus_gaps(struct fieldbus *b, struct fieldbus_gap **ret)
{
        int64_t now = rig_now_ms();

        (void)pthread_mutex_lock(&b->lock);
        size_t n = b->n_gaps;
        struct fieldbus_gap *all = calloc(n + b->n, sizeof(*all));
        memcpy(all, b->gaps, n * sizeof(*all));
        for (size_t i = 0; i < b->n; i++)
                if (b->devices[i].last_ms && now - b->devices[i].last_ms > b->gap_ms)
                        all[n++] = (struct fieldbus_gap){ i, b->devices[i].last_ms, 0 };
        (void)pthread_mutex_unlock(&b->lock);
        *ret = all;
        return n;
}
