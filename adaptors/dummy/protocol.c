/* protocol.c - the values of a DummyProtocolDevice. */
#include "dummy/protocol.h"

#include <string.h>

const char *const shape_kind_names[] = {
        [SHAPE_STRING] = "string",   [SHAPE_INT] = "int",     [SHAPE_FLOAT] = "float",
        [SHAPE_BOOLEAN] = "boolean", [SHAPE_ARRAY] = "array", [SHAPE_OBJECT] = "object",
};

/* Up to here arrays may grow: what closes them still fits. */
static const size_t roomy_bytes = VALUE_MAX_BYTES / 2;

bool shape_has_value(const struct shape *s)
{
        return (s->kind != SHAPE_ARRAY || s->element) && (s->kind != SHAPE_OBJECT || s->n_members);
}

static void draw_string(uint32_t (*random)(void), struct buf *out)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

        buf_adds(out, ",\"stringValue\":\"");
        for (int i = 0; i < 10; i++)
                buf_addc(out, letters[random() % (sizeof(letters) - 1)]);
        buf_addc(out, '"');
}

/* A quantity of Kubernetes in its canonical form: 444595u, 500m, 0, 1. */
static void draw_float(uint32_t (*random)(void), struct buf *out)
{
        uint32_t micro = random() % 1000001;

        buf_adds(out, ",\"floatValue\":\"");
        if (micro % 1000000 == 0)
                buf_addf(out, "%u", micro / 1000000);
        else if (micro % 1000 == 0)
                buf_addf(out, "%um", micro / 1000);
        else
                buf_addf(out, "%uu", micro);
        buf_addc(out, '"');
}

static void draw_array(const struct shape *s, uint32_t (*random)(void), struct buf *out)
{
        uint32_t n = random() % 10;

        if (n == 0 || !shape_has_value(s->element) || out->len > roomy_bytes)
                return;
        buf_adds(out, ",\"arrayValue\":[");
        for (uint32_t i = 0; i < n; i++) {
                if (i)
                        buf_addc(out, ',');
                shape_draw(s->element, random, out);
        }
        buf_addc(out, ']');
}

static void draw_object(const struct shape *s, uint32_t (*random)(void), struct buf *out)
{
        const char *before = ",\"objectValue\":{";

        for (size_t i = 0; i < s->n_members && buf_ok(out); i++) {
                const struct shape *m = &s->members[i];

                if (!shape_has_value(m))
                        continue;
                buf_adds(out, before);
                before = ",";
                buf_add_json(out, m->name, strlen(m->name));
                buf_addc(out, ':');
                shape_draw(m, random, out);
        }
        if (before[1])
                return; /* no member has a value */
        buf_addc(out, '}');
}

void shape_draw(const struct shape *s, uint32_t (*random)(void), struct buf *out)
{
        buf_addf(out, "{\"type\":\"%s\"", shape_kind_names[s->kind]);
        switch (s->kind) {
        case SHAPE_STRING:
                draw_string(random, out);
                break;
        case SHAPE_INT:
                buf_addf(out, ",\"intValue\":%u", random() % 1000);
                break;
        case SHAPE_FLOAT:
                draw_float(random, out);
                break;
        case SHAPE_BOOLEAN:
                buf_adds(out, random() % 2 ? ",\"booleanValue\":true" : ",\"booleanValue\":false");
                break;
        case SHAPE_ARRAY:
                draw_array(s, random, out);
                break;
        case SHAPE_OBJECT:
                draw_object(s, random, out);
                break;
        }
        buf_addc(out, '}');
}
