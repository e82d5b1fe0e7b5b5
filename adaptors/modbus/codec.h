/* codec.h - Modbus requests and answers as bytes; Modbus TCP frames (MBAP header).
 *
 * A request or answer without its envelope is a PDU: function code and content.  Modbus TCP puts
 * seven bytes before it (transaction, protocol 0, length, unit), a serial line other things; only
 * codec_frame() and codec_next() know of the former.
 * Pure: no I/O, no memory.  Threads: none shared.  Limits are those of the Modbus specification.
 */
#ifndef MODBUS_CODEC_H
#define MODBUS_CODEC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        READ_COILS = 1,
        READ_DISCRETE_INPUTS = 2,
        READ_HOLDING_REGISTERS = 3,
        READ_INPUT_REGISTERS = 4,
        WRITE_COILS = 15,
        WRITE_REGISTERS = 16,
};

enum {
        READ_BITS_MAX = 2000,
        READ_REGISTERS_MAX = 125,
        WRITE_BITS_MAX = 1968,
        WRITE_REGISTERS_MAX = 123,
        DATA_MAX = 250,   /* bytes of values in one PDU: 2000 bits */
        FRAME_HEADER = 7, /* MBAP */
        FRAME_MAX = 260,  /* 7 + PDU of 253 */
};

enum {
        EXCEPTION_FUNCTION = 0x01,
        EXCEPTION_ADDRESS = 0x02,
        EXCEPTION_VALUE = 0x03,
        EXCEPTION_GATEWAY_PATH = 0x0A,
        EXCEPTION_GATEWAY_TARGET = 0x0B,
};

struct request {
        uint8_t function;
        uint16_t address; /* zero-based, of the first bit or register */
        uint16_t quantity;
        const uint8_t *data; /* writes: codec_data_size() bytes; reads: NULL */
};

struct frame {
        uint16_t transaction;
        uint8_t unit;
        const uint8_t *pdu; /* into the bytes that were given */
        size_t len;         /* 1..253 */
};

struct answer {
        uint8_t exception;   /* 0 = none */
        const uint8_t *data; /* reads: values as on the wire, codec_data_size() bytes */
        size_t len;
};

bool codec_is_bits(uint8_t function);
/* Bytes that `quantity` bits or registers take. */
size_t codec_data_size(uint8_t function, uint16_t quantity);
/* "illegal data address"; for codes that the specification does not name "unknown exception" */
const char *codec_exception_text(uint8_t exception);

/* A whole Modbus TCP frame.  The request is within the limits; returns its length. */
size_t codec_frame(uint16_t transaction, uint8_t unit, const struct request *q,
                   uint8_t out[FRAME_MAX]);

/* Split the first frame off the n bytes of a stream.  Returns the bytes it takes (*ret is filled),
 * 0 when more bytes are needed, DL_RETRY when this is no Modbus TCP (protocol not 0, length not
 * 2..254): the stream cannot be trusted any more, the connection must go. */
int codec_next(const uint8_t *bytes, size_t n, struct frame *ret, struct err *e);

/* Is f's PDU the answer to q?  0: yes.  DL_REFUSED: the device refused (ret->exception), or it
 * answered with another amount than was asked for (exception 0); the stream is in step.  DL_RETRY:
 * it answers another function; the connection must go. */
int codec_answer(const struct request *q, const struct frame *f, struct answer *ret, struct err *e);

#endif
