/* engine.c - a link at work: readings and writings as one request after the other. */
#include "modbus/engine.h"

#include "base/mem.h"
#include "modbus/plan.h"
#include "modbus/wire.h"

#include <string.h>

enum { EMIT_MAX = 64, SPARE_MAX = 4 * DATA_MAX };

struct order { /* one point to write */
        uint32_t point;
        int rc; /* not 0: the value does not fit, and why[] says it */
        uint8_t data[DATA_MAX];
        char why[128];
};

struct dl_link {
        const struct dl_host *table;
        struct dl_sink *sink;
        const struct dl_device *device;
        struct wire *wire;
        struct plan *plan;
        struct dl_ticket *ticket; /* of what is under way */
        struct request request;

        struct plan_block block; /* reading: what was asked for */
        size_t n_good, n_refused;
        struct err *refusal; /* the first; NULL = none */

        struct order *orders; /* writing: NULL when reading */
        size_t n_orders, next_order;
};

static void answered(void *ctx, int rc, const struct answer *a, const struct err *e);

void engine_error(struct dl_error *ret, const struct err *e)
{
        if (!ret)
                return;
        (void)snprintf(ret->path, sizeof(ret->path), "%s", e->path);
        (void)snprintf(ret->text, sizeof(ret->text), "%.*s", (int)sizeof(ret->text) - 1, e->text);
}

static struct plan *plan_of(const struct dl_device *d)
{
        size_t n = d->info.n_points;
        struct plan_span *spans = xcalloc(n + 1, sizeof(*spans));

        for (size_t i = 0; i < n; i++) {
                const struct shape *s = &d->properties[i].shape;
                spans[i] = (struct plan_span){
                        .function = (uint8_t)s->area,
                        .address = s->address,
                        .quantity = s->quantity,
                };
        }
        struct plan *p = plan_new(spans, n);
        free(spans);
        return p;
}

struct dl_link *engine_new(const struct dl_host *table, struct dl_sink *sink,
                           const struct dl_device *device)
{
        struct dl_link *l = xcalloc(1, sizeof(*l));

        l->table = table;
        l->sink = sink;
        l->device = device;
        l->plan = plan_of(device);
        l->wire =
                wire_new(table, sink, device->host, device->port, device->timeout_ns, answered, l);
        return l;
}

void engine_update(struct dl_link *l, const struct dl_device *device)
{
        plan_free(l->plan);
        l->plan = plan_of(device);
        l->device = device;
}

void engine_free(struct dl_link *l)
{
        if (!l)
                return;
        wire_free(l->wire);
        plan_free(l->plan);
        free(l->orders);
        free(l->refusal);
        free(l);
}

/* The host may begin the next request, or close the link, from within. */
static void finish(struct dl_link *l, int rc, const struct err *e)
{
        struct dl_error error = { 0 };
        struct dl_ticket *ticket = l->ticket;

        free(l->orders);
        l->orders = NULL;
        l->ticket = NULL;
        if (rc < 0)
                engine_error(&error, e);
        l->table->done(ticket, rc, rc < 0 ? &error : NULL);
}

/* --- reading */

static void emit_bad(struct dl_link *l, uint8_t exception, const char *why)
{
        struct dl_sample samples[EMIT_MAX];
        size_t n = 0;

        for (size_t i = 0; i < l->block.n; i++) {
                samples[n++] = (struct dl_sample){
                        .size = sizeof(samples[0]),
                        .point = l->block.points[i],
                        .quality = DL_BAD,
                        .code = exception,
                        .error = why,
                };
                if (n == EMIT_MAX || i + 1 == l->block.n) {
                        l->table->emit(l->sink, samples, n);
                        n = 0;
                }
        }
}

static void fill_sample(const struct dl_link *l, uint32_t point, const struct answer *a,
                        uint8_t *spare, struct dl_sample *ret, size_t *ret_used)
{
        const struct property *p = &l->device->properties[point];
        struct err e = { 0 };
        size_t len = 0;
        const uint8_t *bytes =
                shape_slice(&p->shape, l->block.address, l->block.quantity, a->data, spare, &len);

        *ret = (struct dl_sample){ .size = sizeof(*ret), .point = point };
        *ret_used = bytes == spare ? len : 0;
        if (shape_decode(&p->shape, bytes, len, &ret->value, &e) < 0) {
                ret->quality = DL_BAD;
                ret->error = "too few bytes";
        } else if (p->n_ops > 0 && ops_apply(p->ops, p->n_ops, &ret->value, &ret->scaled)) {
                ret->flags = DL_SAMPLE_SCALED;
        }
}

static void emit_good(struct dl_link *l, const struct answer *a)
{
        struct dl_sample samples[EMIT_MAX];
        uint8_t spare[SPARE_MAX];
        size_t n = 0;
        size_t used = 0;

        for (size_t i = 0; i < l->block.n; i++) {
                size_t more = 0;

                fill_sample(l, l->block.points[i], a, spare + used, &samples[n++], &more);
                used += more;
                if (n == EMIT_MAX || used + DATA_MAX > SPARE_MAX) {
                        l->table->emit(l->sink, samples, n);
                        n = used = 0;
                }
        }
        if (n > 0)
                l->table->emit(l->sink, samples, n);
        l->n_good += l->block.n;
}

static void read_next(struct dl_link *l)
{
        if (plan_next(l->plan, &l->block)) {
                l->request = (struct request){
                        .function = l->block.function,
                        .address = l->block.address,
                        .quantity = l->block.quantity,
                };
                wire_ask(l->wire, l->device->unit, &l->request);
        } else if (l->n_good == 0 && l->n_refused > 0) {
                finish(l, DL_REFUSED, l->refusal);
        } else {
                finish(l, DL_OK, NULL);
        }
}

/* Refusals that tell about the addresses; the others tell about the device at this moment. */
static bool is_about_addresses(const struct answer *a)
{
        return a->exception == 0 || a->exception == EXCEPTION_ADDRESS ||
               a->exception == EXCEPTION_VALUE;
}

/* Behind a gateway: the device itself did not answer. */
static bool is_device_away(const struct answer *a)
{
        return a->exception == EXCEPTION_GATEWAY_PATH || a->exception == EXCEPTION_GATEWAY_TARGET;
}

static void describe(const struct request *q, const struct err *why, struct err *ret)
{
        bool bits = codec_is_bits(q->function);

        (void)err_set(ret, DL_REFUSED, "function %u, %u %s at %u: %s", q->function, q->quantity,
                      bits ? "bits" : "registers", q->address, why->text);
}

static void read_refused(struct dl_link *l, const struct answer *a, const struct err *why)
{
        struct err e = { 0 };

        describe(&l->request, why, &e);
        if (is_device_away(a)) {
                finish(l, DL_RETRY, &e);
                return;
        }
        if (is_about_addresses(a) && plan_refused(l->plan, &l->block)) {
                read_next(l);
                return;
        }
        if (l->n_refused == 0) {
                free(l->refusal);
                l->refusal = xmemdup(&e, sizeof(e));
        }
        l->n_refused += l->block.n;
        emit_bad(l, a->exception, e.text);
        read_next(l);
}

static void read_answered(struct dl_link *l, int rc, const struct answer *a, const struct err *e)
{
        if (rc == DL_REFUSED) {
                read_refused(l, a, e);
        } else if (rc < 0) {
                finish(l, rc, e);
        } else if (l->block.n == 0) {
                finish(l, DL_OK, NULL); /* nothing to read: the device was reached */
        } else {
                plan_accepted(l->plan, &l->block);
                emit_good(l, a);
                read_next(l);
        }
}

static bool points_exist(const struct dl_link *l, const uint32_t *points, size_t n)
{
        if (n > l->device->info.n_points)
                return false;
        for (size_t i = 0; i < n; i++)
                if (points[i] >= l->device->info.n_points)
                        return false;
        return true;
}

void engine_read(struct dl_link *l, struct dl_ticket *ticket, const uint32_t *points, size_t n)
{
        struct err e = { 0 };

        l->ticket = ticket;
        l->n_good = l->n_refused = 0;
        l->block = (struct plan_block){ 0 };
        if (!points_exist(l, points, n)) {
                (void)err_set(&e, DL_BUG, "no such point");
                finish(l, DL_BUG, &e);
                return;
        }
        plan_begin(l->plan, points, n);
        if (n == 0)
                wire_ask(l->wire, l->device->unit, NULL);
        else
                read_next(l);
}

/* --- writing */

static void told(struct dl_link *l, const struct order *o, int rc, uint8_t exception,
                 const char *text)
{
        l->table->wrote(l->sink, o->point, rc, exception, text);
}

static void write_next(struct dl_link *l)
{
        for (; l->next_order < l->n_orders; l->next_order++) {
                const struct order *o = &l->orders[l->next_order];
                if (o->rc < 0) {
                        told(l, o, o->rc, 0, o->why);
                        continue;
                }
                const struct shape *s = &l->device->properties[o->point].shape;
                l->request = (struct request){
                        .function = s->area == AREA_COIL ? WRITE_COILS : WRITE_REGISTERS,
                        .address = s->address,
                        .quantity = s->quantity,
                        .data = o->data,
                };
                wire_ask(l->wire, l->device->unit, &l->request);
                return;
        }
        finish(l, DL_OK, NULL);
}

static void write_answered(struct dl_link *l, int rc, const struct answer *a, const struct err *why)
{
        const struct order *o = &l->orders[l->next_order];
        struct err e = *why;

        if (rc == DL_REFUSED) {
                describe(&l->request, why, &e);
                rc = is_device_away(a) ? DL_RETRY : DL_REFUSED;
        }
        if (rc == DL_RETRY) {
                for (; l->next_order < l->n_orders; l->next_order++)
                        told(l, &l->orders[l->next_order], DL_RETRY, a->exception, e.text);
                finish(l, DL_RETRY, &e);
                return;
        }
        told(l, o, rc, a->exception, rc < 0 ? e.text : NULL);
        l->next_order++;
        write_next(l);
}

static void take_order(const struct dl_link *l, const struct dl_write *w, struct order *ret)
{
        struct err e = { 0 };

        ret->point = w->point;
        if (w->point >= l->device->info.n_points)
                ret->rc = err_set(&e, DL_BUG, "no such point");
        else if (!l->device->properties[w->point].writable)
                ret->rc = err_set(&e, DL_REFUSED, "the property is read-only");
        else
                ret->rc = shape_encode(&l->device->properties[w->point].shape, &w->value, ret->data,
                                       &e);
        if (ret->rc < 0)
                (void)snprintf(ret->why, sizeof(ret->why), "%.*s", (int)sizeof(ret->why) - 1,
                               e.text);
}

void engine_write(struct dl_link *l, struct dl_ticket *ticket, const struct dl_write *writes,
                  size_t n)
{
        size_t stride = n > 0 ? writes[0].size : 0;

        l->ticket = ticket;
        l->orders = xcalloc(n + 1, sizeof(*l->orders));
        l->n_orders = n;
        l->next_order = 0;
        for (size_t i = 0; i < n; i++) {
                const void *at = (const char *)writes + i * stride;
                take_order(l, at, &l->orders[i]);
        }
        write_next(l);
}

static void answered(void *ctx, int rc, const struct answer *a, const struct err *e)
{
        struct dl_link *l = ctx;

        if (l->orders)
                write_answered(l, rc, a, e);
        else
                read_answered(l, rc, a, e);
}
