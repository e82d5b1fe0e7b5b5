/* Frames and PDUs: the examples of the Modbus specification, and everything that is none. */
#include "unit/modbus/common.h"

#include "modbus/codec.h"

struct example {
        struct request q;
        const char *data;  /* of a write */
        const char *asked; /* PDUs */
        const char *answer;
        const char *values; /* in the answer of a read */
};

/* Modbus Application Protocol 1.1b3, sections 6.1 to 6.4, 6.11, 6.12 */
static const struct example examples[] = {
        { { .function = 1, .address = 0x13, .quantity = 0x13 },
          .asked = "0100130013",
          .answer = "0103cd6b05",
          .values = "cd6b05" },
        { { .function = 2, .address = 0xc4, .quantity = 0x16 },
          .asked = "0200c40016",
          .answer = "0203acdb35",
          .values = "acdb35" },
        { { .function = 3, .address = 0x6b, .quantity = 3 },
          .asked = "03006b0003",
          .answer = "0306022b00000064",
          .values = "022b00000064" },
        { { .function = 4, .address = 8, .quantity = 1 },
          .asked = "0400080001",
          .answer = "0402000a",
          .values = "000a" },
        { { .function = 15, .address = 0x13, .quantity = 10 },
          .data = "cd01",
          .asked = "0f0013000a02cd01",
          .answer = "0f0013000a" },
        { { .function = 16, .address = 1, .quantity = 2 },
          .data = "000a0102",
          .asked = "100001000204000a0102",
          .answer = "1000010002" },
};

#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

/* A frame of transaction 0x1501, unit 0xff around a PDU in hex. */
static size_t frame_of(const char *pdu, uint8_t *out)
{
        static const uint8_t head[] = { 0x15, 0x01, 0, 0, 0, 0, 0xff };

        memcpy(out, head, sizeof(head));
        size_t n = from_hex(pdu, out + sizeof(head));
        out[4] = (uint8_t)((n + 1) >> 8);
        out[5] = (uint8_t)(n + 1);
        return sizeof(head) + n;
}

static int answer_of(const struct request *q, const char *pdu, struct answer *ret, struct err *e)
{
        static uint8_t bytes[FRAME_MAX + 8];
        struct frame f;

        size_t n = frame_of(pdu, bytes);
        assert_int_equal(codec_next(bytes, n, &f, e), n);
        return codec_answer(q, &f, ret, e);
}

static void requests_are_the_bytes_of_the_specification(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_EXAMPLES; i++) {
                uint8_t data[DATA_MAX];
                uint8_t expected[FRAME_MAX];
                uint8_t got[FRAME_MAX];
                struct request q = examples[i].q;

                if (examples[i].data) {
                        assert_int_equal(from_hex(examples[i].data, data),
                                         codec_data_size(q.function, q.quantity));
                        q.data = data;
                }
                size_t n = frame_of(examples[i].asked, expected);
                assert_int_equal(codec_frame(0x1501, 0xff, &q, got), n);
                assert_memory_equal(got, expected, n);
        }
}

static void answers_of_the_specification_give_their_values(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_EXAMPLES; i++) {
                uint8_t values[DATA_MAX];
                struct answer a;
                struct err e = { 0 };

                assert_int_equal(answer_of(&examples[i].q, examples[i].answer, &a, &e), 0);
                assert_int_equal(a.exception, 0);
                if (examples[i].values) {
                        assert_int_equal(a.len, from_hex(examples[i].values, values));
                        assert_memory_equal(a.data, values, a.len);
                }
        }
}

static void largest_requests_fit_a_frame(void **state)
{
        (void)state;
        uint8_t out[FRAME_MAX];
        uint8_t data[DATA_MAX] = { 0 };
        const struct request coils = { WRITE_COILS, 0, WRITE_BITS_MAX, data };
        const struct request registers = { WRITE_REGISTERS, 0, WRITE_REGISTERS_MAX, data };

        assert_int_equal(codec_frame(1, 1, &coils, out), 13 + 246);
        assert_int_equal(codec_frame(1, 1, &registers, out), 13 + 246);
}

static void a_frame_is_complete_at_its_last_byte_and_not_before(void **state)
{
        (void)state;
        uint8_t bytes[FRAME_MAX];
        struct frame f;
        struct err e = { 0 };
        size_t n = frame_of("0306022b00000064", bytes);

        for (size_t have = 0; have < n; have++)
                assert_int_equal(codec_next(bytes, have, &f, &e), 0);
        assert_int_equal(codec_next(bytes, n, &f, &e), n);
        assert_int_equal(f.transaction, 0x1501);
        assert_int_equal(f.unit, 0xff);
        assert_int_equal(f.len, 8);
}

static void two_frames_in_one_piece_are_split(void **state)
{
        (void)state;
        uint8_t bytes[2 * FRAME_MAX];
        struct frame f;
        struct err e = { 0 };
        size_t first = frame_of("0402000a", bytes);
        size_t second = frame_of("8302", bytes + first);

        assert_int_equal(codec_next(bytes, first + second, &f, &e), first);
        assert_int_equal(f.len, 4);
        assert_int_equal(codec_next(bytes + first, second, &f, &e), second);
        assert_int_equal(f.len, 2);
}

static void another_protocol_is_refused_at_its_fourth_byte(void **state)
{
        (void)state;
        struct frame f;
        struct err e = { 0 };

        assert_int_equal(codec_next((const uint8_t *)"HTTP/1.1", 3, &f, &e), 0);
        assert_int_equal(codec_next((const uint8_t *)"HTTP/1.1", 4, &f, &e), DL_RETRY);
        assert_string_equal(e.text, "not Modbus TCP: protocol 0x5450 in place of 0");
}

static void lengths_other_than_2_to_254_are_refused_before_they_are_waited_for(void **state)
{
        (void)state;
        struct frame f;
        struct err e = { 0 };

        for (unsigned length = 0; length <= 0xffff; length++) {
                uint8_t head[6] = { 0, 1, 0, 0, (uint8_t)(length >> 8), (uint8_t)length };
                int expected = length >= 2 && length <= 254 ? 0 : DL_RETRY;
                assert_int_equal(codec_next(head, sizeof(head), &f, &e), expected);
        }
        assert_string_equal(e.text, "not Modbus TCP: length 65535, expected 2..254");
}

static void exceptions_are_named_in_words(void **state)
{
        (void)state;
        static const struct {
                uint8_t code;
                const char *text;
        } codes[] = {
                { 0x01, "illegal function" },
                { 0x02, "illegal data address" },
                { 0x03, "illegal data value" },
                { 0x04, "server device failure" },
                { 0x05, "acknowledged, still working on it" },
                { 0x06, "server device busy" },
                { 0x07, "negative acknowledge" },
                { 0x08, "memory parity error" },
                { 0x09, "unknown exception" },
                { 0x0a, "gateway path unavailable" },
                { 0x0b, "gateway target device failed to respond" },
                { 0xff, "unknown exception" },
        };
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                char pdu[8];
                char expected[128];
                struct answer a;
                struct err e = { 0 };

                (void)snprintf(pdu, sizeof(pdu), "83%02x", codes[i].code);
                (void)snprintf(expected, sizeof(expected), "exception %02X, %s", codes[i].code,
                               codes[i].text);
                assert_int_equal(answer_of(&examples[2].q, pdu, &a, &e), DL_REFUSED);
                assert_int_equal(a.exception, codes[i].code);
                assert_string_equal(e.text, expected);
        }
}

static void an_answer_to_another_function_costs_the_connection(void **state)
{
        (void)state;
        struct answer a;
        struct err e = { 0 };

        assert_int_equal(answer_of(&examples[2].q, "0406022b00000064", &a, &e), DL_RETRY);
        assert_string_equal(e.text, "answer to function 4, expected 3");
        assert_int_equal(answer_of(&examples[2].q, "8402", &a, &e), DL_RETRY);
        assert_int_equal(answer_of(&examples[2].q, "83", &a, &e), DL_RETRY); /* no code */
}

static void an_answer_of_another_size_is_refused_and_the_stream_stays(void **state)
{
        (void)state;
        static const char *const answers[] = { "03", "0300", "0304022b0000", "0306022b0000",
                                               "0306022b0000006400" };
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                struct answer a;
                struct err e = { 0 };
                assert_int_equal(answer_of(&examples[2].q, answers[i], &a, &e), DL_REFUSED);
                assert_int_equal(a.exception, 0);
        }
}

static void a_write_confirmed_for_another_place_is_refused(void **state)
{
        (void)state;
        static const char *const answers[] = { "1000020002", "1000010003", "10000100",
                                               "100001000200" };
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                struct answer a;
                struct err e = { 0 };
                assert_int_equal(answer_of(&examples[5].q, answers[i], &a, &e), DL_REFUSED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_are_the_bytes_of_the_specification),
                cmocka_unit_test(answers_of_the_specification_give_their_values),
                cmocka_unit_test(largest_requests_fit_a_frame),
                cmocka_unit_test(a_frame_is_complete_at_its_last_byte_and_not_before),
                cmocka_unit_test(two_frames_in_one_piece_are_split),
                cmocka_unit_test(another_protocol_is_refused_at_its_fourth_byte),
                cmocka_unit_test(
                        lengths_other_than_2_to_254_are_refused_before_they_are_waited_for),
                cmocka_unit_test(exceptions_are_named_in_words),
                cmocka_unit_test(an_answer_to_another_function_costs_the_connection),
                cmocka_unit_test(an_answer_of_another_size_is_refused_and_the_stream_stays),
                cmocka_unit_test(a_write_confirmed_for_another_place_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
