/* floor.c - the least that the work of the agent can cost: poll N Modbus TCP devices, publish each
 * answer as one JSON message.  No templates, no checks, no recovery: a yardstick, not a program.
 *
 * Device i is 127.0.<1 + i / 250>.<1 + i % 250>; one FC 3 request reads the 4 registers of the
 * clock and one register for each further point.  Polls are spread evenly over the interval, or
 * sent in bursts on ticks of --tick-ms.  With --journal every burst is on disk before it is sent.
 *
 * usage: floor --device-port N --broker-port N [--links N] [--points N] [--interval-ms N]
 *              [--seconds N] [--qos 0|1] [--tick-ms N] [--journal FILE]
 * Prints "ready" when it polls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, OUT_BYTES = 1 << 20, OUT_ROOM = 4096, POINTS_MAX = 120 };

struct options {
        uint64_t device_port, broker_port, links, points, interval_ms, seconds, qos, tick_ms;
        const char *journal;
};

struct device {
        int fd;
        unsigned id;
        uint16_t transaction;
};

struct broker {
        int fd, journal; /* journal: -1 = none */
        unsigned qos;
        uint16_t packet;
        size_t len;
        uint8_t out[OUT_BYTES];
};

static void fail(const char *what)
{
        (void)fprintf(stderr, "floor: %s: %m\n", what);
        exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
        struct timespec t;

        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* --- text, without printf */

static char *put_number(char *p, uint64_t v)
{
        char digits[24];
        size_t n = 0;

        do
                digits[n++] = (char)('0' + v % 10);
        while (v /= 10);
        while (n > 0)
                *p++ = digits[--n];
        return p;
}

static char *put_text(char *p, const char *text)
{
        size_t n = strlen(text);

        memcpy(p, text, n);
        return p + n;
}

/* --- connections */

static int connect_to(in_addr_t address, uint64_t port)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(address) };

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
                fail("connect");
        return fd;
}

static void set_nonblocking(int fd)
{
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                fail("fcntl");
}

static void watch(int epoll, int fd, void *what)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                fail("epoll_ctl");
}

static void broker_connect(struct broker *b, const struct options *o)
{
        static const uint8_t hello[] = { 0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 4,  2,
                                         0,    60, 0, 5, 'f', 'l', 'o', 'o', 'r' };
        uint8_t welcome[4];

        b->fd = connect_to(INADDR_LOOPBACK, o->broker_port);
        if (write(b->fd, hello, sizeof(hello)) != sizeof(hello) ||
            read(b->fd, welcome, sizeof(welcome)) != sizeof(welcome) || welcome[3] != 0)
                fail("the broker's welcome");
        set_nonblocking(b->fd);
        b->qos = (unsigned)o->qos;
        b->journal = -1;
        if (o->journal) {
                b->journal =
                        open(o->journal, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
                if (b->journal < 0)
                        fail(o->journal);
        }
}

static struct device *devices_connect(const struct options *o, int epoll)
{
        struct device *devices = calloc(o->links, sizeof(*devices));

        if (!devices)
                abort();
        for (unsigned i = 0; i < o->links; i++) {
                in_addr_t address = 0x7f000000U | (1 + i / 250) << 8 | (1 + i % 250);
                devices[i].id = i;
                devices[i].fd = connect_to(address, o->device_port);
                set_nonblocking(devices[i].fd);
                watch(epoll, devices[i].fd, &devices[i]);
        }
        return devices;
}

/* --- the work */

static void broker_flush(struct broker *b)
{
        if (b->len > 0 && b->journal >= 0 &&
            (write(b->journal, b->out, b->len) != (ssize_t)b->len || fdatasync(b->journal) < 0))
                fail("journal");
        for (size_t sent = 0; sent < b->len;) {
                ssize_t n = write(b->fd, b->out + sent, b->len - sent);
                if (n > 0)
                        sent += (size_t)n;
                else if (errno == EAGAIN)
                        (void)poll(&(struct pollfd){ .fd = b->fd, .events = POLLOUT }, 1, -1);
                else
                        fail("publish");
        }
        b->len = 0;
}

/* {"ts":<ms>,"values":{"t":<clock>,"r0":<register>,...}} */
static char *put_document(char *p, const uint8_t *registers, uint64_t points)
{
        uint64_t us = 0;

        for (unsigned i = 0; i < 8; i++)
                us = us << 8 | registers[i];
        p = put_text(p, "{\"ts\":");
        p = put_number(p, clock_ns(CLOCK_REALTIME) / 1000000U);
        p = put_text(p, ",\"values\":{\"t\":");
        p = put_number(p, us);
        for (unsigned i = 0; i + 1 < points; i++) {
                p = put_text(p, ",\"r");
                p = put_number(p, i);
                p = put_text(p, "\":");
                p = put_number(p, (uint64_t)registers[8 + 2 * i] << 8 | registers[9 + 2 * i]);
        }
        return put_text(p, "}}");
}

static void publish(struct broker *b, unsigned id, const uint8_t *registers, uint64_t points)
{
        uint8_t *packet = b->out + b->len, *body = packet + 3; /* lengths of 128 to 16383 */
        char *p = put_number(put_text((char *)body + 2, "fl/d"), id);

        body[0] = 0;
        body[1] = (uint8_t)(p - (char *)body - 2);
        if (b->qos > 0) {
                b->packet = b->packet == UINT16_MAX ? 1 : (uint16_t)(b->packet + 1);
                *p++ = (char)(b->packet >> 8);
                *p++ = (char)b->packet;
        }
        p = put_document(p, registers, points);

        size_t len = (size_t)(p - (char *)body);
        packet[0] = (uint8_t)(0x30 | b->qos << 1);
        if (len < 128) {
                packet[1] = (uint8_t)len;
                memmove(packet + 2, body, len);
                b->len += 2 + len;
        } else {
                packet[1] = (uint8_t)(len & 127) | 128;
                packet[2] = (uint8_t)(len >> 7);
                b->len += 3 + len;
        }
        if (b->len > sizeof(b->out) - OUT_ROOM)
                broker_flush(b);
}

static void request(struct device *d, uint64_t points)
{
        d->transaction++;
        const uint8_t frame[12] = {
                (uint8_t)(d->transaction >> 8), (uint8_t)d->transaction, 0, 0, 0, 6, 1, 3, 0, 0, 0,
                (uint8_t)(points + 3)
        };
        if (write(d->fd, frame, sizeof(frame)) != sizeof(frame))
                fail("request");
}

static void on_answer(struct broker *b, const struct device *d, uint64_t points)
{
        uint8_t answer[512];
        ssize_t n = read(d->fd, answer, sizeof(answer));

        if (n == 0 || (n < 0 && errno != EAGAIN))
                fail("a device went away");
        if (n >= (ssize_t)(9 + 2 * (points + 3)))
                publish(b, d->id, answer + 9, points);
}

static void on_broker(const struct broker *b)
{
        uint8_t acks[8192];
        ssize_t n = read(b->fd, acks, sizeof(acks));

        if (n == 0 || (n < 0 && errno != EAGAIN))
                fail("the broker went away");
}

/* When poll number k is due, ns after the start. */
static uint64_t due_ns(const struct options *o, uint64_t k)
{
        uint64_t at = k * o->interval_ms * 1000000U / o->links;
        uint64_t tick = o->tick_ms * 1000000U;

        return tick ? (at + tick - 1) / tick * tick : at;
}

static void run(const struct options *o, struct broker *b, struct device *devices, int epoll)
{
        struct epoll_event events[EVENTS];
        uint64_t began = clock_ns(CLOCK_MONOTONIC), polls = 0;

        for (;;) {
                uint64_t now = clock_ns(CLOCK_MONOTONIC) - began;
                if (now > o->seconds * 1000000000U)
                        return;
                while (due_ns(o, polls) <= now)
                        request(&devices[polls++ % o->links], o->points);

                uint64_t wait_ms = (due_ns(o, polls) - now) / 1000000U;
                int n = epoll_wait(epoll, events, EVENTS, wait_ms > 0 ? (int)wait_ms : 1);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.ptr == b)
                                on_broker(b);
                        else
                                on_answer(b, events[i].data.ptr, o->points);
                }
                broker_flush(b);
        }
}

static void usage(void)
{
        (void)fputs("usage: floor --device-port N --broker-port N [--links N] [--points N] "
                    "[--interval-ms N] [--seconds N] [--qos 0|1] [--tick-ms N] [--journal FILE]\n",
                    stderr);
        exit(2);
}

static struct options parse_options(int argc, char **argv)
{
        struct options o = { .links = 1000, .points = 10, .interval_ms = 1000, .seconds = 10 };
        struct {
                const char *name;
                uint64_t *value, max;
        } numbers[] = {
                { "device-port", &o.device_port, 65535 },
                { "broker-port", &o.broker_port, 65535 },
                { "links", &o.links, 60000 },
                { "points", &o.points, POINTS_MAX },
                { "interval-ms", &o.interval_ms, 3600000 },
                { "seconds", &o.seconds, 86400 },
                { "qos", &o.qos, 1 },
                { "tick-ms", &o.tick_ms, 1000 },
        };
        enum { N = sizeof(numbers) / sizeof(numbers[0]) };
        struct option options[N + 2] = { [N] = { "journal", required_argument, NULL, 'j' } };

        for (int i = 0; i < N; i++)
                options[i] = (struct option){ numbers[i].name, required_argument, NULL, i };
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                char *end = NULL;
                if (c == 'j') {
                        o.journal = optarg;
                        continue;
                }
                if (c < 0 || c >= N)
                        usage();
                *numbers[c].value = strtoul(optarg, &end, 10);
                if (*end != '\0' || *numbers[c].value > numbers[c].max)
                        usage();
        }
        if (!o.device_port || !o.broker_port || !o.links || !o.points || !o.interval_ms)
                usage();
        return o;
}

int main(int argc, char **argv)
{
        static struct broker broker;
        struct options o = parse_options(argc, argv);
        struct rlimit files = { 0 };
        int epoll = epoll_create1(EPOLL_CLOEXEC);

        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);

        broker_connect(&broker, &o);
        watch(epoll, broker.fd, &broker);
        struct device *devices = devices_connect(&o, epoll);
        (void)puts("ready");
        (void)fflush(stdout);
        run(&o, &broker, devices, epoll);
        free(devices);
        return 0;
}
