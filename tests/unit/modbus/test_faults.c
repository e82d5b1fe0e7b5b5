/* Whatever a device does to a request, the link says so within the timeout, and the next request is
 * answered as if nothing had been. */
/* libs: Threads::Threads */
#include "unit/modbus/fake.h"
#include "unit/modbus/host.h"

#define TIMEOUT_MS 400

/* Two registers that are one block, on a host that the fake listens on. */
static void open_link(struct rig *r, const char *host, uint16_t port)
{
        char spec[1024];

        (void)snprintf(spec, sizeof(spec),
                       "{\"parameters\":{\"timeout\":\"%dms\"},\"protocol\":{\"tcp\":{\"endpoint\":"
                       "\"%s:%u\",\"workerID\":1}},\"properties\":["
                       "{\"name\":\"a\",\"type\":\"uint16\",\"visitor\":{\"register\":"
                       "\"HoldingRegister\",\"offset\":10}},"
                       "{\"name\":\"b\",\"type\":\"uint16\",\"visitor\":{\"register\":"
                       "\"HoldingRegister\",\"offset\":11}}]}",
                       TIMEOUT_MS, host, port);
        rig_open(r, spec);
}

static void assert_good(const struct rig *r)
{
        for (uint32_t i = 0; i < 2; i++) {
                assert_int_equal(r->sink.samples[i].quality, DL_GOOD);
                assert_int_equal(r->sink.samples[i].value.as.u, fake_value(10 + i));
        }
}

/* Play the trick on the first request: what comes of it, and is the next reading well? */
static void assert_recovers(int trick, int rc, const char *text, size_t connections)
{
        struct fake f;
        struct rig r;
        int64_t start = clock_mono_ns();

        fake_start(&f, &trick, 1);
        open_link(&r, "127.0.0.1", f.port);
        if (rig_read(&r) != rc || !strstr(r.sink.error.text, text))
                fail_msg("trick %d: rc %d '%s'", trick, r.sink.rc, r.sink.error.text);
        assert_true(clock_mono_ns() - start < (TIMEOUT_MS + 1500) * NS_PER_MS);
        if (rc == DL_OK)
                assert_good(&r);
        else
                assert_int_equal(r.sink.n_samples[0], 0);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_good(&r);
        rig_close(&r);
        fake_stop(&f);
        assert_int_equal(f.n_connections, connections);
}

static void silence_ends_with_the_timeout(void **state)
{
        (void)state;
        assert_recovers(SILENT, DL_RETRY, "no answer in time", 2);
}

static void a_late_answer_is_never_taken_for_the_next_one(void **state)
{
        (void)state;
        assert_recovers(LATE, DL_RETRY, "no answer in time", 2);
}

static void half_a_frame_ends_with_the_timeout(void **state)
{
        (void)state;
        assert_recovers(HALF, DL_RETRY, "no answer in time", 2);
}

static void half_a_frame_and_the_end_is_told_at_once(void **state)
{
        (void)state;
        assert_recovers(HALF_CLOSE, DL_RETRY, "the device closed the connection", 2);
}

static void an_answer_byte_by_byte_is_an_answer(void **state)
{
        (void)state;
        assert_recovers(BYTEWISE, DL_OK, "", 1);
}

static void a_reset_is_told_at_once(void **state)
{
        (void)state;
        assert_recovers(RESET, DL_RETRY, "receive: Connection reset by peer", 2);
}

static void a_closed_connection_is_told_at_once(void **state)
{
        (void)state;
        assert_recovers(CLOSE, DL_RETRY, "the device closed the connection", 2);
}

static void garbage_costs_the_connection(void **state)
{
        (void)state;
        assert_recovers(GARBAGE, DL_RETRY, "not Modbus TCP: protocol 0xa5a5 in place of 0", 2);
        assert_recovers(BAD_LENGTH, DL_RETRY, "not Modbus TCP: length 263, expected 2..254", 2);
}

static void another_transaction_is_not_our_answer(void **state)
{
        (void)state;
        assert_recovers(WRONG_TRANSACTION, DL_RETRY, "no answer in time", 2);
        assert_recovers(STRAY_FIRST, DL_OK, "", 1);
        assert_recovers(DOUBLE, DL_OK, "", 1);
}

static void another_unit_or_function_costs_the_connection(void **state)
{
        (void)state;
        assert_recovers(WRONG_UNIT, DL_RETRY, "answer from unit 2, expected 1", 2);
        assert_recovers(WRONG_FUNCTION, DL_RETRY, "answer to function 4, expected 3", 2);
}

static void a_device_that_closes_after_each_answer_is_polled_all_the_same(void **state)
{
        (void)state;
        static const int script[] = { GOOD_CLOSE, GOOD_CLOSE, GOOD_CLOSE };
        struct fake f;
        struct rig r;

        fake_start(&f, script, 3);
        open_link(&r, "127.0.0.1", f.port);
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(rig_read(&r), DL_OK);
                host_run(&r.sink, 20 * NS_PER_MS); /* idle: the end is noticed, not told */
        }
        assert_int_equal(r.sink.n_done, 4);
        rig_close(&r);
        fake_stop(&f);
        assert_int_equal(f.n_connections, 4);
}

static void answers_of_a_wrong_size_are_asked_for_point_by_point(void **state)
{
        (void)state;
        static const int script[] = { SHORT, SHORT };
        struct fake f;
        struct rig r;

        fake_start(&f, script, 2);
        open_link(&r, "127.0.0.1", f.port);
        assert_int_equal(rig_read(&r), DL_OK); /* a fails, b is well */
        assert_int_equal(r.sink.samples[0].quality, DL_BAD);
        assert_int_equal(r.sink.samples[1].quality, DL_GOOD);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_good(&r);
        rig_close(&r);
        fake_stop(&f);
        assert_int_equal(f.n_connections, 1);
}

static void a_busy_device_is_left_in_peace_until_the_next_reading(void **state)
{
        (void)state;
        static const int script[] = { EXCEPTION | 6 };
        struct fake f;
        struct rig r;

        fake_start(&f, script, 1);
        open_link(&r, "127.0.0.1", f.port);
        assert_int_equal(rig_read(&r), DL_REFUSED); /* all of it */
        assert_string_equal(r.sink.error.text,
                            "function 3, 2 registers at 10: exception 06, server device busy");
        assert_int_equal(r.sink.samples[1].quality, DL_BAD);
        assert_int_equal(r.sink.samples[1].code, 6);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_good(&r);
        rig_close(&r);
        fake_stop(&f);
        assert_int_equal(f.n_requests, 2);
        assert_int_equal(f.n_connections, 1);
}

static void behind_a_gateway_a_device_may_be_away_while_the_line_is_well(void **state)
{
        (void)state;
        assert_recovers(EXCEPTION | 0x0b, DL_RETRY,
                        "exception 0B, gateway target device failed to respond", 1);
}

static void a_write_without_an_answer_is_told_for_each_point(void **state)
{
        (void)state;
        static const int script[] = { GOOD, SILENT };
        struct fake f;
        struct rig r;
        const struct dl_value v = { .type = DL_INT, .as.i = 5 };
        const struct dl_write writes[] = { { sizeof(writes[0]), 0, v },
                                           { sizeof(writes[0]), 1, v } };

        fake_start(&f, script, 2);
        open_link(&r, "127.0.0.1", f.port);
        assert_int_equal(rig_write(&r, writes, 2), DL_RETRY);
        assert_int_equal(r.sink.written_rc[0], DL_OK);
        assert_int_equal(r.sink.written_rc[1], DL_RETRY);
        assert_non_null(strstr(r.sink.written_text[1], "no answer in time"));
        assert_int_equal(rig_write(&r, writes, 2), DL_OK);
        assert_int_equal(r.sink.n_written[1], 2);
        assert_int_equal(r.sink.written_rc[1], DL_OK);
        rig_close(&r);
        fake_stop(&f);
}

static void nobody_listening_is_told_at_once(void **state)
{
        (void)state;
        struct rig r;
        uint16_t port = 0;
        int fd = fake_listen(1, &port);

        (void)close(fd);
        open_link(&r, "127.0.0.1", port);
        assert_int_equal(rig_read(&r), DL_RETRY);
        assert_non_null(strstr(r.sink.error.text, "connect: Connection refused"));
        assert_int_equal(rig_read(&r), DL_RETRY);
        rig_close(&r);
}

/* A full backlog: the kernel answers no SYN, as a host that is off. */
static void a_black_hole_ends_with_the_timeout(void **state)
{
        (void)state;
        struct rig r;
        uint16_t port = 0;
        int listener = fake_listen(0, &port);
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fill[4];

        sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (unsigned i = 0; i < 4; i++) {
                fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                (void)connect(fill[i], (struct sockaddr *)&sa, sizeof(sa));
        }
        open_link(&r, "127.0.0.1", port);
        int64_t start = clock_mono_ns();
        assert_int_equal(rig_read(&r), DL_RETRY);
        assert_non_null(strstr(r.sink.error.text, "connect: no answer in time"));
        assert_in_range(clock_mono_ns() - start, TIMEOUT_MS * NS_PER_MS,
                        (TIMEOUT_MS + 1500) * NS_PER_MS);
        rig_close(&r);
        for (unsigned i = 0; i < 4; i++)
                (void)close(fill[i]);
        (void)close(listener);
}

static void the_next_address_is_tried_when_the_first_does_not_work(void **state)
{
        (void)state;
        struct fake f;
        struct rig r;

        fake_start(&f, NULL, 0);
        open_link(&r, "both", f.port);
        assert_int_equal(rig_read(&r), DL_OK);
        assert_good(&r);
        assert_int_equal(r.sink.n_watches, 2);
        rig_close(&r);
        fake_stop(&f);
}

static void a_name_that_is_not_known_is_told(void **state)
{
        (void)state;
        struct rig r;

        open_link(&r, "nobody", 502);
        assert_int_equal(rig_read(&r), DL_RETRY);
        assert_string_equal(r.sink.error.text, "nobody:502: look up: no such host");
        rig_close(&r);
}

static void a_slow_name_server_costs_the_timeout_and_its_late_answer_is_used(void **state)
{
        (void)state;
        struct fake f;
        struct rig r;

        fake_start(&f, NULL, 0);
        open_link(&r, "slow", f.port);
        assert_int_equal(rig_read(&r), DL_RETRY);
        assert_non_null(strstr(r.sink.error.text, "look up: no answer in time"));
        rig_begin_read(&r);
        assert_int_equal(r.sink.n_lookups, 1); /* still the first one */
        const struct dl_address a = host_address("127.0.0.1", r.sink.found_port);
        r.sink.found(r.sink.found_ctx, &a, 1, NULL);
        host_wait(&r.sink);
        assert_int_equal(r.sink.rc, DL_OK);
        assert_good(&r);
        rig_close(&r);
        fake_stop(&f);
}

static void an_answer_of_the_name_server_that_nobody_waits_for_is_let_go(void **state)
{
        (void)state;
        struct rig r;

        open_link(&r, "slow", 502);
        assert_int_equal(rig_read(&r), DL_RETRY);
        const struct dl_address a = host_address("127.0.0.1", r.sink.found_port);
        r.sink.found(r.sink.found_ctx, &a, 1, NULL);
        assert_int_equal(r.sink.n_watches, 0);
        rig_close(&r);
}

static void close_forgets_what_is_under_way(void **state)
{
        (void)state;
        static const int script[] = { SILENT, SILENT };
        struct fake f;
        struct rig r;

        fake_start(&f, script, 2);
        open_link(&r, "127.0.0.1", f.port);
        rig_begin_read(&r);
        rig_close(&r); /* while connecting */
        open_link(&r, "127.0.0.1", f.port);
        rig_begin_read(&r);
        host_run(&r.sink, 30 * NS_PER_MS);
        rig_close(&r); /* while waiting for the answer */
        assert_int_equal(r.sink.n_done, 0);
        fake_stop(&f);
}

static void points_that_are_not_there_are_a_bug_of_the_caller(void **state)
{
        (void)state;
        struct rig r;
        const uint32_t points[] = { 0, 2 };

        open_link(&r, "127.0.0.1", 1);
        r.sink.ticket.open = true;
        r.adaptor->begin_read(r.link, &r.sink.ticket, points, 2);
        assert_int_equal(r.sink.rc, DL_BUG);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(silence_ends_with_the_timeout),
                cmocka_unit_test(a_late_answer_is_never_taken_for_the_next_one),
                cmocka_unit_test(half_a_frame_ends_with_the_timeout),
                cmocka_unit_test(half_a_frame_and_the_end_is_told_at_once),
                cmocka_unit_test(an_answer_byte_by_byte_is_an_answer),
                cmocka_unit_test(a_reset_is_told_at_once),
                cmocka_unit_test(a_closed_connection_is_told_at_once),
                cmocka_unit_test(garbage_costs_the_connection),
                cmocka_unit_test(another_transaction_is_not_our_answer),
                cmocka_unit_test(another_unit_or_function_costs_the_connection),
                cmocka_unit_test(a_device_that_closes_after_each_answer_is_polled_all_the_same),
                cmocka_unit_test(answers_of_a_wrong_size_are_asked_for_point_by_point),
                cmocka_unit_test(a_busy_device_is_left_in_peace_until_the_next_reading),
                cmocka_unit_test(behind_a_gateway_a_device_may_be_away_while_the_line_is_well),
                cmocka_unit_test(a_write_without_an_answer_is_told_for_each_point),
                cmocka_unit_test(nobody_listening_is_told_at_once),
                cmocka_unit_test(a_black_hole_ends_with_the_timeout),
                cmocka_unit_test(the_next_address_is_tried_when_the_first_does_not_work),
                cmocka_unit_test(a_name_that_is_not_known_is_told),
                cmocka_unit_test(a_slow_name_server_costs_the_timeout_and_its_late_answer_is_used),
                cmocka_unit_test(an_answer_of_the_name_server_that_nobody_waits_for_is_let_go),
                cmocka_unit_test(close_forgets_what_is_under_way),
                cmocka_unit_test(points_that_are_not_there_are_a_bug_of_the_caller),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
