/* fake.h - a device that misbehaves: answers each request the way the test's script says.
 *
 * A thread with a listening socket on 127.0.0.1; connections one after the other.  Good answers
 * hold fake_value(address) in each register.
 */
#ifndef TEST_MODBUS_FAKE_H
#define TEST_MODBUS_FAKE_H

#include "unit/modbus/common.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

enum trick {
        GOOD = 0, /* also when the script is over */
        SILENT,
        LATE,       /* when the client has given up */
        HALF,       /* and nothing more */
        HALF_CLOSE, /* half, then the end */
        BYTEWISE,
        RESET,
        CLOSE, /* without an answer */
        GOOD_CLOSE,
        GARBAGE,
        BAD_LENGTH,
        WRONG_TRANSACTION,
        STRAY_FIRST, /* of another transaction, then the right one */
        DOUBLE,      /* the right one twice */
        WRONG_UNIT,
        WRONG_FUNCTION,
        SHORT,             /* one register too few */
        EXCEPTION = 0x100, /* | code */
};

struct fake {
        const int *script;
        size_t n_script;
        size_t n_requests; /* read after fake_stop() */
        size_t n_connections;
        int listener;
        uint16_t port;
        pthread_t thread;
        pthread_mutex_t lock;
        int connection; /* -1 = none */
        bool stopping;
};

static inline uint16_t fake_value(unsigned address)
{
        return (uint16_t)(address * 3 + 7);
}

static inline void fake_pause(long ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        (void)nanosleep(&t, NULL);
}

/* Until the client closes its side, 5 s at most. */
static inline void fake_wait_for_end(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        assert_int_equal(poll(&p, 1, 5000), 1);
}

/* The peer may be gone already. */
static inline void fake_send(int fd, const uint8_t *p, size_t n)
{
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        (void)sent;
}

static inline size_t fake_answer(const uint8_t *q, uint8_t *out)
{
        unsigned address = (unsigned)(q[8] << 8 | q[9]);
        unsigned quantity = (unsigned)(q[10] << 8 | q[11]);

        memcpy(out, q, 8);
        if (q[7] > 4) { /* a write is confirmed */
                out[4] = 0;
                out[5] = 6;
                memcpy(out + 8, q + 8, 4);
                return 12;
        }
        out[4] = (uint8_t)((3 + 2 * quantity) >> 8);
        out[5] = (uint8_t)(3 + 2 * quantity);
        out[8] = (uint8_t)(2 * quantity);
        for (unsigned i = 0; i < quantity; i++) {
                out[9 + 2 * i] = (uint8_t)(fake_value(address + i) >> 8);
                out[10 + 2 * i] = (uint8_t)fake_value(address + i);
        }
        return 9 + 2 * quantity;
}

static inline void fake_twist(int trick, uint8_t *out, size_t *n)
{
        switch (trick) {
        case GARBAGE:
                memset(out, 0xa5, *n);
                break;
        case BAD_LENGTH:
                out[4] = 1;
                break;
        case WRONG_TRANSACTION:
                out[0] ^= 0x40;
                break;
        case WRONG_UNIT:
                out[6]++;
                break;
        case WRONG_FUNCTION:
                out[7] ^= 7;
                break;
        case SHORT:
                *n -= 2;
                out[5] = (uint8_t)(out[5] - 2);
                out[8] = (uint8_t)(out[8] - 2);
                break;
        default:
                break;
        }
}

/* False: the connection is to end. */
static inline bool fake_play(int fd, int trick, const uint8_t *q)
{
        uint8_t out[300];
        size_t n = fake_answer(q, out);

        if (trick & EXCEPTION) {
                out[5] = 3;
                out[7] |= 0x80;
                out[8] = (uint8_t)trick;
                n = 9;
        }
        fake_twist(trick, out, &n);
        switch (trick) {
        case SILENT:
                return true;
        case LATE:
                fake_wait_for_end(fd);
                break;
        case HALF:
        case HALF_CLOSE:
                fake_send(fd, out, n / 2);
                return trick == HALF;
        case BYTEWISE:
                for (size_t i = 0; i + 1 < n; i++) {
                        fake_send(fd, out + i, 1);
                        fake_pause(1);
                }
                fake_send(fd, out + n - 1, 1);
                return true;
        case RESET: {
                const struct linger hard = { .l_onoff = 1 };
                assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
                return false;
        }
        case CLOSE:
                return false;
        case STRAY_FIRST:
                out[1] ^= 1;
                out[9] ^= 0xff;
                fake_send(fd, out, n);
                out[1] ^= 1;
                out[9] ^= 0xff;
                break;
        case DOUBLE:
                fake_send(fd, out, n);
                break;
        default:
                break;
        }
        fake_send(fd, out, n);
        return trick != GOOD_CLOSE;
}

static inline bool fake_hold(struct fake *f, int fd)
{
        (void)pthread_mutex_lock(&f->lock);
        bool go_on = !f->stopping;
        f->connection = fd;
        (void)pthread_mutex_unlock(&f->lock);
        return go_on;
}

static inline void fake_serve(struct fake *f, int fd)
{
        uint8_t q[300];
        size_t have = 0;

        for (;;) {
                ssize_t n = recv(fd, q + have, sizeof(q) - have, 0);
                if (n <= 0)
                        return;
                have += (size_t)n;
                size_t size = have >= 6 ? 6U + (unsigned)(q[4] << 8 | q[5]) : sizeof(q);
                if (have < size)
                        continue;
                assert_int_equal(have, size); /* one request at a time */
                have = 0;
                size_t i = f->n_requests++;
                if (!fake_play(fd, i < f->n_script ? f->script[i] : GOOD, q))
                        return;
        }
}

static inline void *fake_run(void *ctx)
{
        struct fake *f = ctx;
        int fd;

        while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
                f->n_connections++;
                bool go_on = fake_hold(f, fd);
                if (go_on)
                        fake_serve(f, fd);
                (void)fake_hold(f, -1);
                (void)close(fd);
                if (!go_on)
                        break;
        }
        return NULL;
}

static inline int fake_listen(int backlog, uint16_t *ret_port)
{
        struct sockaddr_in sa = { .sin_family = AF_INET };
        socklen_t len = sizeof(sa);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        assert_int_equal(listen(fd, backlog), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
        *ret_port = ntohs(sa.sin_port);
        return fd;
}

static inline void fake_start(struct fake *f, const int *script, size_t n)
{
        *f = (struct fake){ .script = script, .n_script = n, .connection = -1 };
        f->listener = fake_listen(16, &f->port);
        assert_int_equal(pthread_mutex_init(&f->lock, NULL), 0);
        assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

static inline void fake_stop(struct fake *f)
{
        (void)pthread_mutex_lock(&f->lock);
        f->stopping = true;
        if (f->connection >= 0)
                (void)shutdown(f->connection, SHUT_RDWR);
        (void)shutdown(f->listener, SHUT_RDWR);
        (void)pthread_mutex_unlock(&f->lock);
        (void)pthread_join(f->thread, NULL);
        (void)pthread_mutex_destroy(&f->lock);
        (void)close(f->listener);
}

#endif
