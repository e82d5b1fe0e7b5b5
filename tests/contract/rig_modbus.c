/* rig_modbus.c - a Modbus TCP device: libmodbus answers, we make the trouble. */
#include "contract/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 200, CELLS = 200 };

static struct {
        modbus_t *modbus;
        modbus_mapping_t *cells;
        struct sockaddr_in address;
        int listener; /* -1: refusing */
        int clients[CLIENTS_MAX];
        size_t n_clients;
        enum rig_mode mode;
        unsigned contacts;
} device = { .listener = -1 };

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "modbus device: %s: %s\n", what, strerror(errno));
        _exit(1);
}

static void listen_again(void)
{
        const int yes = 1;
        socklen_t len = sizeof(device.address);

        if (device.listener >= 0)
                return;
        device.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(device.listener >= 0, "socket");
        (void)setsockopt(device.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        must(bind(device.listener, (struct sockaddr *)&device.address, len) == 0, "bind");
        must(listen(device.listener, 64) == 0, "listen");
        must(getsockname(device.listener, (struct sockaddr *)&device.address, &len) == 0, "name");
}

static void start(char *address, size_t size)
{
        device.modbus = modbus_new_tcp("127.0.0.1", 1502);
        device.cells = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
        must(device.modbus && device.cells, "libmodbus");
        for (int i = 0; i < CELLS; i++) {
                device.cells->tab_bits[i] = i % 3 == 0;
                device.cells->tab_input_bits[i] = i % 2 == 0;
                device.cells->tab_registers[i] = (uint16_t)(i * 3);
                device.cells->tab_input_registers[i] = (uint16_t)(1000 + i);
        }
        device.address.sin_family = AF_INET;
        device.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listen_again();
        (void)snprintf(address, size, "127.0.0.1:%u", ntohs(device.address.sin_port));
}

static void drop_clients(void)
{
        for (size_t i = 0; i < device.n_clients; i++)
                (void)close(device.clients[i]);
        device.n_clients = 0;
}

static void set(enum rig_mode mode)
{
        drop_clients();
        device.mode = mode;
        if (mode != RIG_REFUSING) {
                listen_again();
                return;
        }
        if (device.listener >= 0)
                (void)close(device.listener);
        device.listener = -1;
}

static size_t fds(struct pollfd list[RIG_FDS_MAX])
{
        size_t n = 0;

        if (device.listener >= 0)
                list[n++] = (struct pollfd){ .fd = device.listener, .events = POLLIN };
        if (device.mode == RIG_BLACK_HOLE)
                return n; /* does not even notice who leaves */
        for (size_t i = 0; i < device.n_clients; i++)
                list[n++] = (struct pollfd){ .fd = device.clients[i], .events = POLLIN };
        return n;
}

static void drop(int fd)
{
        for (size_t i = 0; i < device.n_clients; i++)
                if (device.clients[i] == fd) {
                        device.clients[i] = device.clients[--device.n_clients];
                        (void)close(fd);
                        return;
                }
}

static void pause_ms(long ms)
{
        const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        (void)nanosleep(&t, NULL);
}

static void half_answer(int fd, const uint8_t *request)
{
        uint8_t half[8];

        memcpy(half, request, sizeof(half));
        half[4] = 0;
        half[5] = 40; /* so much was to come */
        (void)send(fd, half, sizeof(half), MSG_NOSIGNAL);
        drop(fd);
}

static void answer(int fd, const uint8_t *request, int n)
{
        switch (device.mode) {
        case RIG_HALF:
                half_answer(fd, request);
                return;
        case RIG_SAYS_NO:
                (void)modbus_reply_exception(device.modbus, request,
                                             MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
                return;
        case RIG_LATE:
                device.mode = RIG_HEALTHY;
                pause_ms(RIG_LATE_MS);
                break;
        case RIG_SLOW:
                pause_ms(RIG_SLOW_MS);
                break;
        case RIG_HEALTHY:
        case RIG_REFUSING:
        case RIG_BLACK_HOLE:
        case RIG_MODES:
                break;
        }
        (void)modbus_reply(device.modbus, request, n, device.cells);
}

static void accept_one(void)
{
        int fd = accept4(device.listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        device.contacts++;
        must(device.n_clients < CLIENTS_MAX, "too many clients");
        device.clients[device.n_clients++] = fd;
}

static void ready(const struct pollfd *one)
{
        uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];

        if (one->fd == device.listener) {
                accept_one();
                return;
        }
        (void)modbus_set_socket(device.modbus, one->fd);
        int n = modbus_receive(device.modbus, request);
        if (n < 0)
                drop(one->fd);
        else if (n > 0)
                answer(one->fd, request, n);
}

static void tick(void) {}

static unsigned contacts(void)
{
        return device.contacts;
}

static void stop(void)
{
        drop_clients();
        if (device.listener >= 0)
                (void)close(device.listener);
        modbus_mapping_free(device.cells);
        modbus_free(device.modbus);
}

const struct rig_kind rig_modbus = {
        .name = "modbus",
        .modes = (1U << RIG_MODES) - 1,
        .counts_contacts = true,
        .start = start,
        .set = set,
        .fds = fds,
        .ready = ready,
        .tick = tick,
        .contacts = contacts,
        .stop = stop,
};
