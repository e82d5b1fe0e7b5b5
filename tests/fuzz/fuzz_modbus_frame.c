/* No stream of bytes from a device breaks the splitter, the answers' decoder or the values.
 *
 * Input: four bytes that choose the request (function, quantity, type, order), then the stream.
 */
/* libs: dl_adaptor_modbus */
#include "fuzz.h"
#include "modbus/codec.h"
#include "modbus/shape.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

/* A point of the answer's table, as the choice says; false when there is no such. */
static bool choose(struct shape *s, const struct request *q, const uint8_t *choice)
{
        struct err e = { 0 };
        unsigned spare;

        *s = (struct shape){
                .type = (enum shape_type)(1 + choice[2] % TYPE_HEX_STRING),
                .area = (enum shape_area)q->function,
                .order = (enum shape_order)(choice[3] % 4),
                .address = (uint16_t)(q->address + choice[3] / 4 % q->quantity),
        };
        s->quantity = (uint16_t)(q->address + q->quantity - s->address);
        if (choice[2] & 0x80)
                s->quantity = 1;
        return shape_check_read(s, &spare, &e) == 0;
}

static void values(const struct request *q, const struct answer *a, const uint8_t *choice)
{
        uint8_t room[DATA_MAX];
        uint8_t again[DATA_MAX];
        struct err e = { 0 };
        struct dl_value v;
        struct shape s;
        size_t len = 0;

        if (!choose(&s, q, choice))
                return;
        const uint8_t *bytes = shape_slice(&s, q->address, q->quantity, a->data, room, &len);
        check(shape_decode(&s, bytes, len, &v, &e) == 0);
        check(v.type == shape_value_type(&s));
        if (shape_is_number(&s) && shape_check_write(&s, &e) == 0 && v.type != DL_REAL32 &&
            v.type != DL_REAL) {
                check(shape_encode(&s, &v, again, &e) == 0);
                check(memcmp(again, bytes, len) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct request q = { .address = 100 };
        struct answer a;
        struct frame f;
        struct err e = { 0 };

        if (size < 4)
                return 0;
        const uint8_t *choice = data;
        static const uint8_t functions[] = { 1, 2, 3, 4, 15, 16 };
        q.function = functions[choice[0] % sizeof(functions)];
        q.quantity = (uint16_t)(1 + choice[1] % 123);
        data += 4;
        size -= 4;

        int used;
        while ((used = codec_next(data, size, &f, &e)) > 0) {
                check((size_t)used <= size && used <= FRAME_MAX);
                check(f.len >= 1 && f.len <= 253 && f.pdu + f.len == data + used);
                int rc = codec_answer(&q, &f, &a, &e);
                check(rc == 0 || rc == DL_REFUSED || rc == DL_RETRY);
                if (rc == 0 && a.data) {
                        check(a.len == codec_data_size(q.function, q.quantity));
                        check(a.data >= f.pdu && a.data + a.len <= f.pdu + f.len);
                        values(&q, &a, choice);
                }
                data += used;
                size -= (size_t)used;
        }
        check(used == DL_RETRY || size < FRAME_MAX);
        return 0;
}
