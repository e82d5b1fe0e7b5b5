/* codec.c - Modbus requests and answers as bytes; Modbus TCP frames. */
#include "modbus/codec.h"

#include <assert.h>
#include <string.h>

enum { LENGTH_MIN = 2, LENGTH_MAX = 254, LENGTH_END = 6, EXCEPTION_FLAG = 0x80 };

static void put16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

static bool is_write(uint8_t function)
{
        return function == WRITE_COILS || function == WRITE_REGISTERS;
}

bool codec_is_bits(uint8_t function)
{
        return function == READ_COILS || function == READ_DISCRETE_INPUTS ||
               function == WRITE_COILS;
}

size_t codec_data_size(uint8_t function, uint16_t quantity)
{
        return codec_is_bits(function) ? (quantity + 7U) / 8U : quantity * 2U;
}

const char *codec_exception_text(uint8_t exception)
{
        static const char *const texts[] = {
                [0x01] = "illegal function",
                [0x02] = "illegal data address",
                [0x03] = "illegal data value",
                [0x04] = "server device failure",
                [0x05] = "acknowledged, still working on it",
                [0x06] = "server device busy",
                [0x07] = "negative acknowledge",
                [0x08] = "memory parity error",
                [0x0A] = "gateway path unavailable",
                [0x0B] = "gateway target device failed to respond",
        };

        if (exception >= sizeof(texts) / sizeof(texts[0]) || !texts[exception])
                return "unknown exception";
        return texts[exception];
}

static size_t put_pdu(const struct request *q, uint8_t *p)
{
        size_t size = codec_data_size(q->function, q->quantity);

        p[0] = q->function;
        put16(p + 1, q->address);
        put16(p + 3, q->quantity);
        if (!is_write(q->function))
                return 5;
        assert(size <= DATA_MAX - 4);
        p[5] = (uint8_t)size;
        memcpy(p + 6, q->data, size);
        return 6 + size;
}

size_t codec_frame(uint16_t transaction, uint8_t unit, const struct request *q,
                   uint8_t out[FRAME_MAX])
{
        size_t len = put_pdu(q, out + FRAME_HEADER);

        put16(out, transaction);
        put16(out + 2, 0);
        put16(out + 4, (unsigned)len + 1);
        out[6] = unit;
        return FRAME_HEADER + len;
}

int codec_next(const uint8_t *bytes, size_t n, struct frame *ret, struct err *e)
{
        /* Judge as early as possible: garbage must not be waited for. */
        if (n >= 4 && get16(bytes + 2) != 0)
                return err_set(e, DL_RETRY, "not Modbus TCP: protocol 0x%04x in place of 0",
                               get16(bytes + 2));
        if (n < LENGTH_END)
                return 0;

        uint16_t length = get16(bytes + 4);
        if (length < LENGTH_MIN || length > LENGTH_MAX)
                return err_set(e, DL_RETRY, "not Modbus TCP: length %u, expected 2..254", length);
        if (n < (size_t)LENGTH_END + length)
                return 0;

        *ret = (struct frame){
                .transaction = get16(bytes),
                .unit = bytes[6],
                .pdu = bytes + FRAME_HEADER,
                .len = length - 1U,
        };
        return LENGTH_END + length;
}

static int answer_read(const struct request *q, const struct frame *f, struct answer *ret,
                       struct err *e)
{
        size_t expected = codec_data_size(q->function, q->quantity);

        if (f->len < 2 || f->pdu[1] != expected || f->len != 2 + expected)
                return err_set(e, DL_REFUSED, "answer of %zu bytes, expected %zu",
                               f->len < 2 ? 0 : f->len - 2, expected);
        ret->data = f->pdu + 2;
        ret->len = expected;
        return 0;
}

static int answer_write(const struct request *q, const struct frame *f, struct err *e)
{
        if (f->len != 5)
                return err_set(e, DL_REFUSED, "answer of %zu bytes to a write, expected 5", f->len);
        if (get16(f->pdu + 1) != q->address || get16(f->pdu + 3) != q->quantity)
                return err_set(e, DL_REFUSED, "answer says %u written at %u, expected %u at %u",
                               get16(f->pdu + 3), get16(f->pdu + 1), q->quantity, q->address);
        return 0;
}

int codec_answer(const struct request *q, const struct frame *f, struct answer *ret, struct err *e)
{
        uint8_t function = f->pdu[0];

        *ret = (struct answer){ 0 };
        if (function == (q->function | EXCEPTION_FLAG) && f->len >= 2) {
                ret->exception = f->pdu[1];
                return err_set(e, DL_REFUSED, "exception %02X, %s", ret->exception,
                               codec_exception_text(ret->exception));
        }
        if (function != q->function)
                return err_set(e, DL_RETRY, "answer to function %u, expected %u", function,
                               q->function);
        return is_write(function) ? answer_write(q, f, e) : answer_read(q, f, ret, e);
}
