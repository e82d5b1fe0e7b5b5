/* modbus_sim.c - a simulator of Modbus TCP devices, for the demo and for tests.
 *
 *   modbus_sim --port N [--units 1,2,7-9] [--static]
 *
 * Listens on 127.0.0.1 (port 0: any; the first line of the output names it), for many clients. Each
 * unit is a device with a thermometer:
 *
 *   holding 0-1   float32 big-endian   temperature in Kelvin, drifting slowly around 296.65
 *   holding 2-3   float32 big-endian   humidity in percent, drifting slowly around 50.5
 *   holding 4-5   int32 big-endian     threshold of the alarm in Kelvin, 324 at start, writable
 *   coil 0        alarm: the temperature is above the threshold
 *
 * --static: nothing drifts and the alarm stays as it was written.  Units that are not there are
 * answered as a gateway does (exception 0B); without --units all of 1 to 247 are there.
 *
 * Speaks through libmodbus, so that it shares no code with the program under test.  libmodbus waits
 * with select(): at most about 1,000 clients, and a client that sends half a request delays the
 * others.
 */
/* libs: PkgConfig::MODBUS m */
#include <errno.h>
#include <math.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UNITS_MAX = 247, CLIENTS_MAX = 1000, UNIT_AT = 6 };
enum { TEMPERATURE = 0, HUMIDITY = 2, THRESHOLD = 4, N_REGISTERS = 6 };
enum { ALARM = 0, N_COILS = 1 };

struct options {
        int port;
        bool fixed;
        bool units[UNITS_MAX + 1];
};

struct sim {
        const struct options *options;
        modbus_t *modbus; /* lent to one client after the other */
        modbus_mapping_t *units[UNITS_MAX + 1];
        struct pollfd fds[1 + CLIENTS_MAX]; /* the first is the listener */
        nfds_t n_fds;
};

static void usage(void)
{
        (void)fprintf(stderr, "usage: modbus_sim --port N [--units 1,2,7-9] [--static]\n");
        exit(2);
}

/* --- devices */

static double seconds(void)
{
        struct timespec t = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put32(modbus_mapping_t *cells, int at, uint32_t v)
{
        cells->tab_registers[at] = (uint16_t)(v >> 16);
        cells->tab_registers[at + 1] = (uint16_t)v;
}

static int32_t get32(const modbus_mapping_t *cells, int at)
{
        return (int32_t)((uint32_t)cells->tab_registers[at] << 16 | cells->tab_registers[at + 1]);
}

/* Not modbus_set_float_abcd(): its order of bytes differs between versions of libmodbus. */
static void put_float(modbus_mapping_t *cells, int at, double v)
{
        float f = (float)v;
        uint32_t bits;

        memcpy(&bits, &f, sizeof(bits));
        put32(cells, at, bits);
}

static void measure(modbus_mapping_t *cells, int unit, double drift)
{
        double phase = seconds() / 30 + unit;
        double temperature = 296.65 + drift * sin(phase);

        put_float(cells, TEMPERATURE, temperature);
        put_float(cells, HUMIDITY, 50.5 + 5 * drift * cos(phase / 2));
        cells->tab_bits[ALARM] = temperature > get32(cells, THRESHOLD);
}

static modbus_mapping_t *make_device(int unit)
{
        modbus_mapping_t *cells = modbus_mapping_new(N_COILS, 0, N_REGISTERS, 0);

        if (!cells) {
                perror("modbus_sim");
                exit(1);
        }
        put32(cells, THRESHOLD, 324);
        measure(cells, unit, 0);
        return cells;
}

/* --- clients */

/* False: the client is gone. */
static bool serve(struct sim *s, int fd)
{
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];

        (void)modbus_set_socket(s->modbus, fd);
        int n = modbus_receive(s->modbus, query);
        if (n < 0)
                return false;
        int unit = query[UNIT_AT];
        if (n == 0)
                return true;
        if (unit > UNITS_MAX || !s->units[unit])
                return modbus_reply_exception(s->modbus, query, MODBUS_EXCEPTION_GATEWAY_TARGET) >=
                       0;
        if (!s->options->fixed)
                measure(s->units[unit], unit, 1.5);
        return modbus_reply(s->modbus, query, n, s->units[unit]) >= 0;
}

static void take_client(struct sim *s)
{
        int fd = accept(s->fds[0].fd, NULL, NULL);

        if (fd < 0)
                return;
        if (s->n_fds == 1 + CLIENTS_MAX || fd >= FD_SETSIZE) {
                (void)close(fd);
                return;
        }
        s->fds[s->n_fds++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void run(struct sim *s)
{
        for (;;) {
                if (poll(s->fds, s->n_fds, -1) < 0 && errno != EINTR) {
                        perror("modbus_sim: poll");
                        exit(1);
                }
                for (nfds_t i = s->n_fds - 1; i > 0; i--) {
                        if (!s->fds[i].revents || serve(s, s->fds[i].fd))
                                continue;
                        (void)close(s->fds[i].fd);
                        s->fds[i] = s->fds[--s->n_fds];
                }
                if (s->fds[0].revents)
                        take_client(s);
        }
}

/* --- start */

static int number(const char *text, char **end, int min, int max)
{
        long v = strtol(text, end, 10);

        if (*end == text || v < min || v > max)
                usage();
        return (int)v;
}

static void take_units(struct options *o, const char *list)
{
        char *at = NULL;

        memset(o->units, 0, sizeof(o->units));
        do {
                int first = number(list, &at, 1, UNITS_MAX);
                int last = *at == '-' ? number(at + 1, &at, first, UNITS_MAX) : first;
                for (int unit = first; unit <= last; unit++)
                        o->units[unit] = true;
                list = at + 1;
        } while (*at == ',');
        if (*at)
                usage();
}

static void take_options(struct options *o, int argc, char **argv)
{
        char *end = NULL;

        *o = (struct options){ .port = -1 };
        take_units(o, "1-247");
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--static") == 0)
                        o->fixed = true;
                else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
                        o->port = number(argv[++i], &end, 0, 65535);
                else if (strcmp(argv[i], "--units") == 0 && i + 1 < argc)
                        take_units(o, argv[++i]);
                else
                        usage();
        }
        if (o->port < 0)
                usage();
}

int main(int argc, char **argv)
{
        static struct options options;
        static struct sim sim = { .options = &options, .n_fds = 1 };
        struct sockaddr_in sa;
        socklen_t len = sizeof(sa);

        take_options(&options, argc, argv);
        for (int unit = 1; unit <= UNITS_MAX; unit++)
                if (options.units[unit])
                        sim.units[unit] = make_device(unit);

        sim.modbus = modbus_new_tcp("127.0.0.1", options.port);
        int listener = sim.modbus ? modbus_tcp_listen(sim.modbus, 128) : -1;
        if (listener < 0 || getsockname(listener, (struct sockaddr *)&sa, &len) < 0) {
                perror("modbus_sim: listen");
                return 1;
        }
        sim.fds[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
        (void)printf("modbus_sim: 127.0.0.1:%u\n", ntohs(sa.sin_port));
        (void)fflush(stdout);
        run(&sim);
        return 0;
}
