#include "link/batch.h"

#include "link/adaptors.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { BATCH_FIRST = 4096, BATCH_FULL = 256 * 1024 };

struct batch {
        struct loop_message message; /* first */
        struct gate *gate;
        _Atomic(struct batch *) *home; /* where the block goes when it was read, NULL = nowhere */
        size_t len;
        size_t cap;
        unsigned char data[];
};

static_assert(offsetof(struct batch, data) % 8 == 0, "records are aligned");
static_assert(offsetof(struct record_sample, sample) % 8 == 0, "samples are aligned");

bool gate_post(struct gate *g, struct loop_message *m)
{
        (void)pthread_mutex_lock(&g->lock);
        bool open = !g->shut;
        if (open)
                loop_post(g->loop, m);
        (void)pthread_mutex_unlock(&g->lock);
        return open;
}

/* What a record owns goes with it when nobody reads it. */
static void drop_records(const struct batch *b)
{
        for (const struct record *r = batch_next(b, NULL); r; r = batch_next(b, r)) {
                if (r->kind == RECORD_ADOPTED)
                        device_unref(((const struct record_adopted *)(const void *)r)->device);
        }
}

static void deliver(struct loop_message *m, bool cancelled)
{
        struct batch *b = (struct batch *)m;

        if (cancelled || !b->gate->links)
                drop_records(b);
        else
                b->gate->take(b->gate->links, b);
        b->len = 0;
        if (b->home && b->cap < BATCH_FULL)
                b = atomic_exchange(b->home, b);
        free(b);
}

static struct batch *batch_new(struct outbox *o, size_t cap)
{
        struct batch *b = xmalloc(sizeof(*b) + cap);

        *b = (struct batch){ .message.deliver = deliver,
                             .gate = o->gate,
                             .home = o->recycles ? &o->spare : NULL,
                             .cap = cap };
        return b;
}

static void *add(struct outbox *o, struct dl_sink *s, enum record_kind kind, size_t bytes)
{
        struct batch *b = o->batch;

        bytes = (bytes + 7) & ~(size_t)7;
        if (b && b->len > 0 && b->len + bytes > BATCH_FULL) {
                outbox_flush(o);
                b = NULL;
        }
        if (!b)
                b = atomic_exchange(&o->spare, NULL);
        if (!b)
                b = batch_new(o, bytes > BATCH_FIRST ? bytes : BATCH_FIRST);
        if (b->len + bytes > b->cap) {
                size_t cap = b->cap * 2 > b->len + bytes ? b->cap * 2 : b->len + bytes;

                b = xrealloc(b, sizeof(*b) + cap);
                b->cap = cap;
        }
        o->batch = b;

        struct record *r = (struct record *)(void *)(b->data + b->len);
        memset(r, 0, bytes < sizeof(struct record_sample) ? bytes : sizeof(struct record_sample));
        *r = (struct record){ .kind = kind, .bytes = (uint32_t)bytes, .sink = s };
        b->len += bytes;
        return r;
}

void outbox_flush(struct outbox *o)
{
        struct batch *b = o->batch;

        if (!b)
                return;
        o->batch = NULL;
        if (gate_post(o->gate, &b->message))
                return;
        drop_records(b);
        free(b);
}

void outbox_done(struct outbox *o)
{
        outbox_flush(o);
        free(atomic_exchange(&o->spare, NULL));
}

/* --- samples: the bytes of a value follow the sample, offsets become pointers when read */

static bool has_bytes(const struct dl_value *v)
{
        return v->type == DL_TEXT || v->type == DL_BYTES || v->type == DL_JSON;
}

static size_t value_bytes(const struct dl_value *v)
{
        if (has_bytes(v))
                return v->len;
        if (v->type != DL_ARRAY)
                return 0;
        size_t n = v->len * sizeof(struct dl_value);
        for (uint32_t i = 0; i < v->len; i++)
                n += has_bytes(&v->as.items[i]) ? v->as.items[i].len : 0;
        return n;
}

static unsigned char *put(unsigned char *to, const void *from, size_t n)
{
        if (n > 0)
                memcpy(to, from, n);
        return to + n;
}

static unsigned char *put_value(unsigned char *to, const struct dl_value *v)
{
        if (has_bytes(v))
                return put(to, v->as.data, v->len);
        if (v->type != DL_ARRAY)
                return to;
        to = put(to, v->as.items, v->len * sizeof(struct dl_value));
        for (uint32_t i = 0; i < v->len; i++) {
                if (has_bytes(&v->as.items[i]))
                        to = put(to, v->as.items[i].as.data, v->as.items[i].len);
        }
        return to;
}

void outbox_sample(struct outbox *o, struct dl_sink *s, const struct dl_sample *sample, bool asked)
{
        size_t value = value_bytes(&sample->value);
        size_t error = sample->error ? strnlen(sample->error, 255) : 0;
        size_t tail = value + (sample->error ? error + 1 : 0);
        struct record_sample *r = add(o, s, RECORD_SAMPLE, sizeof(*r) + tail);

        r->asked = asked;
        r->sample = *sample;
        unsigned char *end = put_value((unsigned char *)(r + 1), &sample->value);
        if (sample->error)
                *put(end, sample->error, error) = '\0';
}

/* The block is ours: pointers are put right in place. */
const struct dl_sample *record_sample_open(const struct record *head, bool *ret_asked)
{
        union {
                const struct record *head;
                struct record_sample *sample;
        } own = { .head = head };
        struct record_sample *r = own.sample;
        unsigned char *tail = (unsigned char *)(r + 1);
        struct dl_value *v = &r->sample.value;

        *ret_asked = r->asked;
        if (has_bytes(v)) {
                v->as.data = tail;
                tail += v->len;
        } else if (v->type == DL_ARRAY) {
                struct dl_value *items = (struct dl_value *)(void *)tail;

                tail += v->len * sizeof(*items);
                for (uint32_t i = 0; i < v->len; i++) {
                        if (!has_bytes(&items[i]))
                                continue;
                        items[i].as.data = tail;
                        tail += items[i].len;
                }
                v->as.items = items;
        }
        r->sample.error = r->sample.error ? (const char *)tail : NULL;
        return &r->sample;
}

/* --- the other kinds */

struct record_result *outbox_result(struct outbox *o, struct dl_sink *s, enum record_kind kind,
                                    int rc, const char *text)
{
        size_t n = text ? strlen(text) + 1 : 1;
        struct record_result *r = add(o, s, kind, sizeof(*r) + n);

        r->took_ns = -1;
        r->rc = rc;
        (void)put((unsigned char *)r->text, text ? text : "", n);
        return r;
}

struct record_written *outbox_written(struct outbox *o, struct dl_sink *s, uint64_t id, size_t n)
{
        struct record_written *r =
                add(o, s, RECORD_WRITTEN, sizeof(*r) + n * sizeof(struct record_write));

        r->id = id;
        r->n = n;
        memset(r->list, 0, n * sizeof(r->list[0]));
        return r;
}

void outbox_adopted(struct outbox *o, struct dl_sink *s, struct device *device)
{
        struct record_adopted *r = add(o, s, RECORD_ADOPTED, sizeof(*r));

        r->device = device;
}

const struct record *batch_next(const struct batch *b, const struct record *r)
{
        size_t at = r ? (size_t)((const unsigned char *)r - b->data) + r->bytes : 0;

        return at < b->len ? (const struct record *)(const void *)(b->data + at) : NULL;
}
