/* Against libmodbus' server: what we write is what it holds, what it holds is what we read. */
/* libs: PkgConfig::MODBUS Threads::Threads */
#include "unit/modbus/host.h"

#include <modbus/modbus.h>
#include <pthread.h>
#include <sys/socket.h>

enum { UNIT = 17, CELLS = 400 };

static struct server {
        modbus_t *modbus;
        modbus_mapping_t *cells;
        int listener;
        uint16_t port;
        pthread_t thread;
        pthread_mutex_t lock; /* around cells */
        int connection;
        bool stopping;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool hold(int fd)
{
        (void)pthread_mutex_lock(&server.lock);
        bool go_on = !server.stopping;
        server.connection = fd;
        (void)pthread_mutex_unlock(&server.lock);
        return go_on;
}

static void serve(void)
{
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH] = { 0 };
        int n;

        while ((n = modbus_receive(server.modbus, query)) >= 0) {
                if (n == 0 || query[6] != UNIT)
                        continue; /* as a device behind a gateway: not for us, no answer */
                (void)pthread_mutex_lock(&server.lock);
                (void)modbus_reply(server.modbus, query, n, server.cells);
                (void)pthread_mutex_unlock(&server.lock);
        }
}

static void *run(void *ctx)
{
        (void)ctx;
        while (modbus_tcp_accept(server.modbus, &server.listener) >= 0) {
                if (hold(modbus_get_socket(server.modbus)))
                        serve();
                bool go_on = hold(-1);
                modbus_close(server.modbus);
                if (!go_on)
                        break;
        }
        return NULL;
}

static int start_server(void **state)
{
        struct sockaddr_in sa = { 0 };
        socklen_t len = sizeof(sa);

        (void)state;
        server.modbus = modbus_new_tcp("127.0.0.1", 0);
        server.cells = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
        server.listener = modbus_tcp_listen(server.modbus, 4);
        server.stopping = false;
        if (server.listener < 0 || !server.cells ||
            getsockname(server.listener, (struct sockaddr *)&sa, &len) < 0)
                return -1;
        server.port = ntohs(sa.sin_port);
        return pthread_create(&server.thread, NULL, run, NULL);
}

static int stop_server(void **state)
{
        (void)state;
        (void)pthread_mutex_lock(&server.lock);
        server.stopping = true;
        if (server.connection >= 0)
                (void)shutdown(server.connection, SHUT_RDWR);
        (void)shutdown(server.listener, SHUT_RDWR);
        (void)pthread_mutex_unlock(&server.lock);
        (void)pthread_join(server.thread, NULL);
        (void)close(server.listener);
        modbus_mapping_free(server.cells);
        modbus_free(server.modbus);
        return 0;
}

/* --- specs */

static void begin_spec(struct buf *b, unsigned unit)
{
        buf_addf(b,
                 "{\"parameters\":{\"timeout\":\"2s\"},\"protocol\":{\"tcp\":{\"endpoint\":"
                 "\"127.0.0.1:%u\",\"workerID\":%u}},\"properties\":[",
                 server.port, unit);
}

static void add_property(struct buf *b, const char *type, const char *area, unsigned offset,
                         unsigned quantity, const char *order, const char *value)
{
        buf_addf(b, "%s{\"name\":\"%s %u\",\"type\":\"%s\",\"value\":\"%s\",\"visitor\":{",
                 b->data[b->len - 1] == '[' ? "" : ",", area, offset, type, value);
        buf_addf(b, "\"register\":\"%s\",\"offset\":%u,\"quantity\":%u,\"endianness\":\"%s\"}}",
                 area, offset, quantity, order);
}

static void open_rig(struct rig *r, struct buf *b)
{
        buf_adds(b, "]}");
        assert_true(buf_ok(b));
        rig_open(r, buf_text(b));
        buf_done(b);
}

static void write_desired(struct rig *r)
{
        struct dl_write writes[HOST_POINTS];
        size_t n = 0;

        for (uint32_t i = 0; i < r->info->n_points; i++)
                if (r->info->points[i].desired.type != DL_NONE)
                        writes[n++] = (struct dl_write){ sizeof(writes[0]), i,
                                                         r->info->points[i].desired };
        assert_true(n > 0);
        assert_int_equal(rig_write(r, writes, n), DL_OK);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(r->sink.n_written[writes[i].point], 1);
                assert_int_equal(r->sink.written_rc[writes[i].point], DL_OK);
        }
}

/* --- every type in every order */

static const char *const orders[] = { "BigEndian", "BigEndianSwap", "LittleEndian",
                                      "LittleEndianSwap" };

/* Which byte of the number, most significant first, stands at each place: octopus 3.1. */
static const unsigned char places[3][4][8] = {
        { { 0, 1 }, { 0, 1 }, { 1, 0 }, { 1, 0 } },
        { { 0, 1, 2, 3 }, { 1, 0, 3, 2 }, { 3, 2, 1, 0 }, { 2, 3, 0, 1 } },
        { { 0, 1, 2, 3, 4, 5, 6, 7 },
          { 1, 0, 3, 2, 5, 4, 7, 6 },
          { 7, 6, 5, 4, 3, 2, 1, 0 },
          { 6, 7, 4, 5, 2, 3, 0, 1 } },
};

static const struct {
        const char *type;
        unsigned quantity;
        const char *text;
        const char *bytes; /* of the number, most significant first */
} types[] = {
        { "int16", 1, "-12345", "cfc7" },
        { "uint16", 1, "54321", "d431" },
        { "int", 2, "-123456789", "f8a432eb" },
        { "int32", 2, "2147483647", "7fffffff" },
        { "uint", 2, "3456789012", "ce0a6a14" },
        { "uint32", 2, "4294967295", "ffffffff" },
        { "float", 2, "296.65", "43945333" },
        { "int64", 4, "-1234567890123456789", "eeddef0b82167eeb" },
        { "uint64", 4, "12345678901234567890", "ab54a98ceb1f0ad2" },
        { "double", 4, "-296.65", "c0728a6666666666" },
};

enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

/* Offset of a type in an order: 16-register cells. */
static unsigned cell_of(unsigned type, unsigned order)
{
        return (type * 4 + order) * 4;
}

static void add_all_types(struct buf *b, const char *area, bool writable)
{
        for (unsigned type = 0; type < N_TYPES; type++)
                for (unsigned order = 0; order < 4; order++)
                        add_property(b, types[type].type, area, cell_of(type, order),
                                     types[type].quantity, orders[order],
                                     writable ? types[type].text : "");
}

static void assert_cell(const uint16_t *cells, unsigned type, unsigned order)
{
        uint8_t bytes[8];
        size_t n = from_hex(types[type].bytes, bytes);
        const unsigned char *place = places[n == 2 ? 0 : n == 4 ? 1 : 2][order];

        for (unsigned i = 0; i < n / 2; i++) {
                unsigned expected = (unsigned)(bytes[place[2 * i]] << 8 | bytes[place[2 * i + 1]]);
                if (cells[cell_of(type, order) + i] != expected)
                        fail_msg("%s %s register %u: %04x, expected %04x", types[type].type,
                                 orders[order], i, cells[cell_of(type, order) + i], expected);
        }
}

static void assert_all_types(const struct rig *r, uint32_t first)
{
        auto_of(arena) struct arena *a = arena_new();

        for (unsigned type = 0; type < N_TYPES; type++) {
                for (unsigned order = 0; order < 4; order++) {
                        uint32_t point = first + type * 4 + order;
                        assert_int_equal(r->sink.n_samples[point], 1);
                        assert_int_equal(r->sink.samples[point].quality, DL_GOOD);
                        assert_string_equal(value_as_text(a, &r->sink.samples[point].value),
                                            types[type].text);
                }
        }
}

static void every_type_in_every_order_arrives_in_the_registers_and_comes_back(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;

        begin_spec(&b, UNIT);
        add_all_types(&b, "HoldingRegister", true);
        add_all_types(&b, "InputRegister", false);
        open_rig(&r, &b);
        write_desired(&r);

        (void)pthread_mutex_lock(&server.lock);
        for (unsigned type = 0; type < N_TYPES; type++)
                for (unsigned order = 0; order < 4; order++)
                        assert_cell(server.cells->tab_registers, type, order);
        memcpy(server.cells->tab_input_registers, server.cells->tab_registers,
               CELLS * sizeof(uint16_t));
        (void)pthread_mutex_unlock(&server.lock);

        assert_int_equal(rig_read(&r), DL_OK);
        assert_all_types(&r, 0);
        assert_all_types(&r, N_TYPES * 4);
        assert_int_equal(r.sink.n_watches, 1); /* one connection for all of it */
        rig_close(&r);
}

static void bits_and_hex_arrive_and_come_back(void **state)
{
        (void)state;
        static const struct {
                unsigned offset, quantity;
                const char *value;
        } coils[] = { { 0, 1, "true" },   { 1, 1, "false" },  { 2, 2, "02" },      { 4, 8, "a5" },
                      { 12, 10, "cd01" }, { 30, 16, "1234" }, { 50, 17, "ffff01" } };
        enum { N = sizeof(coils) / sizeof(coils[0]) };
        auto_of(arena) struct arena *a = arena_new();
        struct buf b = BUF(64 * 1024);
        struct rig r;

        begin_spec(&b, UNIT);
        for (unsigned i = 0; i < N; i++)
                add_property(&b, coils[i].quantity == 1 ? "boolean" : "hexString", "CoilRegister",
                             coils[i].offset, coils[i].quantity, "BigEndian", coils[i].value);
        for (unsigned i = 0; i < N; i++)
                add_property(&b, coils[i].quantity == 1 ? "boolean" : "hexString",
                             "DiscreteInputRegister", coils[i].offset, coils[i].quantity,
                             "LittleEndian", "");
        add_property(&b, "hexString", "HoldingRegister", 390, 1, "LittleEndian", "AB12");
        open_rig(&r, &b);
        write_desired(&r);

        (void)pthread_mutex_lock(&server.lock);
        for (unsigned i = 1; i < N; i++) {
                uint8_t bytes[8];
                if (coils[i].quantity > 1)
                        (void)from_hex(coils[i].value, bytes);
                for (unsigned k = 0; coils[i].quantity > 1 && k < coils[i].quantity; k++)
                        assert_int_equal(server.cells->tab_bits[coils[i].offset + k],
                                         bytes[k / 8] >> k % 8 & 1);
        }
        assert_int_equal(server.cells->tab_bits[0], 1);
        assert_int_equal(server.cells->tab_registers[390], 0xab12);
        memcpy(server.cells->tab_input_bits, server.cells->tab_bits, CELLS);
        (void)pthread_mutex_unlock(&server.lock);

        assert_int_equal(rig_read(&r), DL_OK);
        for (uint32_t i = 0; i < 2 * N; i++)
                assert_string_equal(value_as_text(a, &r.sink.samples[i].value), coils[i % N].value);
        assert_string_equal(value_as_text(a, &r.sink.samples[2 * N].value), "ab12");
        rig_close(&r);
}

static void operated_values_come_with_the_samples(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;

        begin_spec(&b, UNIT);
        buf_adds(&b, "{\"name\":\"t\",\"type\":\"int16\",\"value\":\"-235\",\"visitor\":{"
                     "\"register\":\"HoldingRegister\",\"offset\":380,\"orderOfOperations\":[{"
                     "\"type\":\"Divide\",\"value\":\"10\"}]}}");
        add_property(&b, "int16", "HoldingRegister", 380, 1, "BigEndian", "");
        open_rig(&r, &b);
        write_desired(&r);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_int_equal(r.sink.samples[0].value.as.i, -235);
        assert_int_equal(r.sink.samples[0].flags, DL_SAMPLE_SCALED);
        assert_true(r.sink.samples[0].scaled > -23.5001 && r.sink.samples[0].scaled < -23.4999);
        assert_int_equal(r.sink.samples[1].flags, 0);
        rig_close(&r);
}

static void a_register_that_is_not_there_costs_only_its_own_property(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;

        begin_spec(&b, UNIT);
        for (unsigned i = CELLS - 20; i < CELLS + 1; i++)
                add_property(&b, "uint16", "HoldingRegister", i, 1, "BigEndian", "");
        open_rig(&r, &b);
        for (unsigned round = 1; round <= 3; round++) {
                assert_int_equal(rig_read(&r), DL_OK);
                for (uint32_t i = 0; i <= 20; i++) {
                        assert_int_equal(r.sink.n_samples[i], round);
                        assert_int_equal(r.sink.samples[i].quality, i == 20 ? DL_BAD : DL_GOOD);
                }
        }
        assert_int_equal(r.sink.samples[20].code, 2);
        assert_string_equal(r.sink.errors[20],
                            "function 3, 1 registers at 400: exception 02, illegal data address");
        rig_close(&r);
}

static void a_refused_write_is_told_and_the_next_one_goes_on(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;
        struct dl_error e = { 0 };

        begin_spec(&b, UNIT);
        add_property(&b, "uint16", "HoldingRegister", CELLS + 5, 1, "BigEndian", "");
        add_property(&b, "uint16", "HoldingRegister", 3, 1, "BigEndian", "");
        add_property(&b, "uint16", "InputRegister", 3, 1, "BigEndian", "");
        open_rig(&r, &b);

        const struct dl_value big = { .type = DL_INT, .as.i = 70000 };
        const struct dl_value fits = { .type = DL_INT, .as.i = 4711 };
        const struct dl_write writes[] = { { sizeof(writes[0]), 0, fits },
                                           { sizeof(writes[0]), 1, big },
                                           { sizeof(writes[0]), 2, fits },
                                           { sizeof(writes[0]), 1, fits } };
        assert_int_equal(r.adaptor->check(r.device, 1, &big, &e), DL_REFUSED);
        assert_string_equal(e.text, "expected 0..65535, got 70000");
        assert_int_equal(r.adaptor->check(r.device, 1, &fits, &e), DL_OK);
        assert_int_equal(r.adaptor->check(r.device, 2, &fits, &e), DL_REFUSED);
        assert_int_equal(r.adaptor->check(r.device, 9, &fits, &e), DL_BUG);

        assert_int_equal(rig_write(&r, writes, 4), DL_OK);
        assert_int_equal(r.sink.written_rc[0], DL_REFUSED);
        assert_int_equal(r.sink.written_code[0], 2);
        assert_int_equal(r.sink.n_written[1], 2);
        assert_int_equal(r.sink.written_rc[1], DL_OK); /* the second */
        assert_int_equal(r.sink.written_rc[2], DL_REFUSED);
        assert_string_equal(r.sink.written_text[2], "the property is read-only");
        (void)pthread_mutex_lock(&server.lock);
        assert_int_equal(server.cells->tab_registers[3], 4711);
        (void)pthread_mutex_unlock(&server.lock);
        rig_close(&r);
}

static void an_update_keeps_the_connection(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;
        struct dl_error e = { 0 };

        begin_spec(&b, UNIT);
        add_property(&b, "uint16", "HoldingRegister", 3, 1, "BigEndian", "");
        open_rig(&r, &b);
        assert_int_equal(rig_read(&r), DL_OK);

        struct buf other = BUF(64 * 1024);
        begin_spec(&other, UNIT);
        add_property(&other, "uint16", "HoldingRegister", 7, 1, "BigEndian", "99");
        add_property(&other, "uint16", "HoldingRegister", 3, 1, "BigEndian", "");
        buf_adds(&other, "]}");
        struct dl_device *old = r.device;
        r.device = rig_compile(&r, buf_text(&other));
        buf_done(&other);
        r.info = r.adaptor->describe(r.device);
        assert_int_equal(r.adaptor->update(r.link, r.device, &e), DL_OK);
        r.adaptor->discard(old);

        write_desired(&r);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_int_equal(r.sink.samples[0].value.as.u, 99);
        assert_int_equal(r.sink.n_watches, 1);
        rig_close(&r);
}

static void a_device_without_properties_is_still_reached(void **state)
{
        (void)state;
        struct buf b = BUF(64 * 1024);
        struct rig r;

        begin_spec(&b, UNIT);
        open_rig(&r, &b);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_int_equal(r.sink.n_watches, 1);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_in_every_order_arrives_in_the_registers_and_comes_back),
                cmocka_unit_test(bits_and_hex_arrive_and_come_back),
                cmocka_unit_test(operated_values_come_with_the_samples),
                cmocka_unit_test(a_register_that_is_not_there_costs_only_its_own_property),
                cmocka_unit_test(a_refused_write_is_told_and_the_next_one_goes_on),
                cmocka_unit_test(an_update_keeps_the_connection),
                cmocka_unit_test(a_device_without_properties_is_still_reached),
        };
        return cmocka_run_group_tests(tests, start_server, stop_server);
}
