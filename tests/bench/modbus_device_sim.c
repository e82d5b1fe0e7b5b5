/* modbus_device_sim.c - many Modbus TCP devices for the bench: every 127.x.y.z on one port.
 *
 * Registers 0 to 3 hold the wall clock in microseconds as one big-endian 64-bit number, so that
 * whoever sees it knows how old it is; the others change slowly.  Functions 1 to 4 are answered,
 * writes are confirmed and forgotten.  One thread; bound to the loopback interface.
 *
 * usage: modbus_device_sim [--port N] [--still]
 * Prints "port N" once it listens; ends on SIGTERM.  --still: no register ever changes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
        EVENTS = 256,
        IN_BYTES = 1024,
        OUT_BYTES = 65536,
        HEADER = 6,       /* MBAP up to the length, which counts what follows */
        REQUEST_MIN = 12, /* of the functions we answer */
        ANSWER_MAX = 300,
        READ_MAX = 125,
        BITS_MAX = 2000,
        CLOCK_REGISTERS = 4,
};

static uint64_t still_us; /* 0 = the clock runs */

struct peer {
        int fd;
        size_t len;
        uint8_t in[IN_BYTES];
};

static uint64_t wall_us(void)
{
        struct timespec t;

        if (still_us != 0)
                return still_us;
        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

static void put16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
        return (unsigned)p[0] << 8 | p[1];
}

static unsigned register_at(unsigned address, uint64_t now_us)
{
        if (address < CLOCK_REGISTERS)
                return (unsigned)(now_us >> 16 * (CLOCK_REGISTERS - 1 - address)) & 0xffff;
        return (unsigned)(address * 3U + (now_us >> 20)) & 0xffff;
}

static size_t refuse(uint8_t *out, uint8_t function, uint8_t code)
{
        put16(out + 4, 3);
        out[7] = function | 0x80;
        out[8] = code;
        return 9;
}

/* The answer to one whole request; returns its length. */
static size_t answer(const uint8_t *request, uint8_t *out)
{
        uint8_t function = request[7];
        unsigned address = get16(request + 8), n = get16(request + 10);

        memcpy(out, request, REQUEST_MIN);
        if (function == 3 || function == 4) {
                uint64_t now_us = wall_us();
                if (n < 1 || n > READ_MAX)
                        return refuse(out, function, 3);
                for (unsigned i = 0; i < n; i++)
                        put16(out + 9 + 2 * i, register_at(address + i, now_us));
                out[8] = (uint8_t)(2 * n);
                put16(out + 4, 3 + 2 * n);
                return 9 + 2 * n;
        }
        if (function == 1 || function == 2) {
                unsigned bytes = (n + 7) / 8;
                if (n < 1 || n > BITS_MAX)
                        return refuse(out, function, 3);
                memset(out + 9, 0x55, bytes);
                out[8] = (uint8_t)bytes;
                put16(out + 4, 3 + bytes);
                return 9 + bytes;
        }
        put16(out + 4, REQUEST_MIN - HEADER); /* a write: address and quantity once more */
        return REQUEST_MIN;
}

static void peer_close(struct peer *p)
{
        (void)close(p->fd);
        free(p);
}

/* Answer all whole requests in the peer's buffer. Returns -1 when it is not Modbus. */
static int serve(struct peer *p)
{
        static uint8_t out[OUT_BYTES];
        size_t used = 0, out_len = 0;

        while (p->len - used >= REQUEST_MIN && out_len + ANSWER_MAX <= sizeof(out)) {
                const uint8_t *request = p->in + used;
                size_t len = HEADER + get16(request + 4);
                if (len < REQUEST_MIN || len > IN_BYTES)
                        return -1;
                if (p->len - used < len)
                        break;
                out_len += answer(request, out + out_len);
                used += len;
        }
        memmove(p->in, p->in + used, p->len - used);
        p->len -= used;
        if (out_len > 0 && write(p->fd, out, out_len) != (ssize_t)out_len)
                return -1; /* a peer that does not read its answers */
        return 0;
}

static void on_readable(struct peer *p)
{
        ssize_t n = read(p->fd, p->in + p->len, sizeof(p->in) - p->len);

        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                peer_close(p);
                return;
        }
        p->len += (size_t)n;
        if (serve(p) < 0)
                peer_close(p);
}

static void accept_all(int listener, int epoll)
{
        int one = 1;

        for (;;) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0)
                        return;
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                struct peer *p = calloc(1, sizeof(*p));
                if (!p)
                        abort();
                p->fd = fd;
                struct epoll_event event = { .events = EPOLLIN, .data.ptr = p };
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                        peer_close(p);
        }
}

static int listen_on(uint16_t port)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_ANY) };
        socklen_t len = sizeof(a);

        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        /* Any address, so that all of 127.0.0.0/8 answers, but nothing beyond this machine. */
        if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof("lo")) < 0 ||
            bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4096) < 0 ||
            getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
                perror("modbus_device_sim: listen");
                exit(1);
        }
        (void)printf("port %u\n", ntohs(a.sin_port));
        (void)fflush(stdout);
        return fd;
}

static int open_end(void)
{
        sigset_t ends;

        (void)sigemptyset(&ends);
        (void)sigaddset(&ends, SIGTERM);
        (void)sigaddset(&ends, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &ends, NULL);
        return signalfd(-1, &ends, SFD_CLOEXEC);
}

static uint16_t parse_options(int argc, char **argv)
{
        static const struct option options[] = { { "port", required_argument, NULL, 'p' },
                                                 { "still", no_argument, NULL, 's' },
                                                 { 0 } };
        unsigned long port = 0;

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                char *end = NULL;
                if (c == 's') {
                        still_us = wall_us();
                        continue;
                }
                if (c == 'p')
                        port = strtoul(optarg, &end, 10);
                if (c != 'p' || *end != '\0' || port > 65535) {
                        (void)fputs("usage: modbus_device_sim [--port N] [--still]\n", stderr);
                        exit(2);
                }
        }
        return (uint16_t)port;
}

int main(int argc, char **argv)
{
        struct rlimit files = { 0 };
        struct epoll_event events[EVENTS];
        int listener = listen_on(parse_options(argc, argv)), end = open_end();
        int epoll = epoll_create1(EPOLL_CLOEXEC);

        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        (void)signal(SIGPIPE, SIG_IGN);

        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &listener };
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
        event.data.ptr = &end;
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, end, &event);

        for (;;) {
                int n = epoll_wait(epoll, events, EVENTS, -1);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.ptr == &end)
                                return 0;
                        if (events[i].data.ptr == &listener)
                                accept_all(listener, epoll);
                        else
                                on_readable(events[i].data.ptr);
                }
        }
}
