/* fake.c - an adaptor that does what a test tells it.  FAKE_BLOCKING: the blocking model. */
#include "fake.h"

#include "base/mem.h"
#include "base/tree.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT struct fake_control fake_control;

struct dl_device {
        struct arena *arena;
        struct dl_info info;
        int unit;
        struct dl_point *points;
};

struct dl_link {
        const struct dl_device *device;
        struct dl_sink *sink;
        struct fake_unit *u;
        atomic_int interrupted;
        struct dl_ticket *ticket;
        struct dl_timer *timer;
        size_t n;
        uint32_t points[64];
};

static const struct dl_host *host;

static int64_t number(const struct tree *map, const char *key, int64_t otherwise)
{
        const struct tree *t = tree_get(map, key);

        return t && t->type == TREE_INT ? t->as.i : otherwise;
}

static const char *text(const struct tree *map, const char *key, const char *otherwise)
{
        const char *t = tree_text(tree_get(map, key));

        return t ? t : otherwise;
}

static void make_point(struct dl_device *d, size_t i, const struct tree *t)
{
        struct dl_point *p = &d->points[i];
        const struct tree *push = tree_get(t, "push");

        *p = (struct dl_point){ .size = sizeof(*p),
                                .type = DL_INT,
                                .access = push ? DL_PUSH : DL_READ | DL_WRITE,
                                .encoding = DL_AS_JSON,
                                .name = text(t, "name", "?"),
                                .interval_ns = number(t, "interval", 0) * 1000000 };
        p->members = arena_printf(d->arena, "\"name\":\"%s\"", p->name);
        if (tree_get(t, "desired"))
                p->desired = (struct dl_value){ .type = DL_INT, .as.i = number(t, "desired", 0) };
}

static int fake_compile(const struct dl_request *r, struct dl_device **ret, struct dl_error *error)
{
        struct arena *a = arena_new();
        const struct tree *spec = NULL;
        struct err e;

        atomic_fetch_add(&fake_control.compiles, 1);
        if (tree_parse_json(a, r->spec, r->spec_len, &tree_limits_default, &spec, &e) < 0)
                goto wrong;
        const struct tree *points = tree_get(spec, "points");
        struct dl_device *d = arena_calloc(a, 1, sizeof(*d));
        d->arena = a;
        d->unit = (int)number(spec, "unit", 0);
        d->points = arena_calloc(a, (points ? points->n : 0) + 1, sizeof(*d->points));
        d->info = (struct dl_info){
                .size = sizeof(d->info),
                .channel = text(spec, "channel", "a"),
                .connection = text(spec, "connection", "a"),
                .time_key = "",
                .points = d->points,
                .interval_ns = number(spec, "interval", 100) * 1000000,
                .timeout_ns = number(spec, "timeout", 1000) * 1000000,
        };
        TREE_FOREACH (t, points) {
                if (tree_get(t, "wrong")) {
                        r->report(r->report_ctx, DL_ERROR, "points[1].wrong", "expected no such");
                        (void)snprintf(error->path, sizeof(error->path), "points[1].wrong");
                        (void)snprintf(error->text, sizeof(error->text), "expected no such");
                        goto wrong;
                }
                make_point(d, d->info.n_points++, t);
        }
        atomic_fetch_add(&fake_control.devices, 1);
        *ret = d;
        return DL_OK;
wrong:
        arena_free(a);
        return DL_CONFIG;
}

static const struct dl_info *fake_describe(const struct dl_device *d)
{
        return &d->info;
}

static void fake_discard(struct dl_device *d)
{
        atomic_fetch_sub(&fake_control.devices, 1);
        arena_free(d->arena);
}

static int fake_check(const struct dl_device *d, uint32_t point, const struct dl_value *v,
                      struct dl_error *error)
{
        (void)d;
        (void)point;
        if (v->type == DL_INT && v->as.i < 1000)
                return DL_OK;
        (void)snprintf(error->text, sizeof(error->text), "expected an integer below 1000");
        return DL_REFUSED;
}

#ifndef FAKE_BLOCKING
static void fired(void *ctx);
#endif

static int fake_open(const struct dl_device *d, struct dl_sink *sink, struct dl_link **ret,
                     struct dl_error *error)
{
        struct fake_unit *u = &fake_control.unit[d->unit];
        int rc = atomic_load(&u->open_rc);

        if (rc < 0) {
                (void)snprintf(error->text, sizeof(error->text), "cannot be opened");
                return rc;
        }
        struct dl_link *l = xcalloc(1, sizeof(*l));
        l->device = d;
        l->sink = sink;
        l->u = u;
        atomic_fetch_add(&u->opens, 1);
        atomic_store(&u->sink, sink);
#ifndef FAKE_BLOCKING
        l->timer = host->timer(sink, fired, l);
#else
        if (atomic_load(&u->mode) == FAKE_LOCAL) {
                void **local = host->local(sink, DL_SCOPE_THREAD);

                atomic_store(&u->shared, *local != NULL);
                *local = u;
        }
#endif
        *ret = l;
        return DL_OK;
}

static int fake_update(struct dl_link *l, const struct dl_device *d, struct dl_error *error)
{
        (void)error;
        atomic_fetch_add(&l->u->updates, 1);
        l->device = d;
        return atomic_load(&l->u->update_rc);
}

static void fake_close(struct dl_link *l)
{
        atomic_fetch_add(&l->u->closes, 1);
        atomic_store(&l->u->closed_sink, l->sink);
        atomic_store(&l->u->sink, NULL);
#ifndef FAKE_BLOCKING
        if (atomic_load(&l->u->mode) == FAKE_LEAVE)
                host->timer_set(l->timer, 50 * 1000000LL);
        else
                host->timer_end(l->timer);
#endif
        free(l);
}

static void emit_points(struct dl_link *l, const uint32_t *points, size_t n, int mode)
{
        int reads = atomic_load(&l->u->reads);

        for (size_t i = 0; i < n; i++) {
                struct dl_sample x = { .size = sizeof(x), .point = points[i] };

                x.value.type = DL_INT;
                x.value.as.i = 1000 * l->device->unit + 10 * (int64_t)points[i] + reads;
                if (mode == FAKE_ONE_BAD && points[i] == 0) {
                        x.quality = DL_BAD;
                        x.code = 2;
                        x.error = "exception 2";
                }
                host->emit(l->sink, &x, 1);
        }
}

static void misbehave(struct dl_link *l, int mode)
{
        static char big[70000];
        struct dl_sample x = { .size = sizeof(x), .value = { .type = DL_INT, .as.i = 7 } };

        if (mode == FAKE_WRONG_POINT) {
                x.point = 4711;
        } else if (mode == FAKE_WRONG_TYPE) {
                x.value.type = DL_REAL;
        } else if (mode == FAKE_OVERSIZE) {
                x.value = (struct dl_value){ .type = DL_BYTES, .len = sizeof(big), .as.data = big };
        } else {
                return;
        }
        host->emit(l->sink, &x, 1);
}

static int result(int mode, struct dl_error *error)
{
        static const int rcs[] = { [FAKE_DOWN] = DL_RETRY,
                                   [FAKE_REFUSE] = DL_REFUSED,
                                   [FAKE_CONFIG] = DL_CONFIG,
                                   [FAKE_BUG] = DL_BUG };

        if (mode < FAKE_DOWN || mode > FAKE_BUG)
                return DL_OK;
        if (mode == FAKE_CONFIG)
                (void)snprintf(error->path, sizeof(error->path), "points[0].name");
        (void)snprintf(error->text, sizeof(error->text), "mode %d", mode);
        return rcs[mode];
}

static void count_read(struct dl_link *l, size_t n)
{
        atomic_fetch_add(&l->u->reads, 1);
        atomic_store(&l->u->last_n, (int)n);
        if (atomic_load(&l->u->writes) == 0)
                atomic_store(&l->u->read_first, 1);
}

static int write_all(struct dl_link *l, const struct dl_write *w, size_t n, struct dl_error *error)
{
        int rc = atomic_load(&l->u->write_rc);
        char at_length[256] = ""; /* as long as an error text may be */

        memset(at_length, 'x', sizeof(at_length) - 1);
        atomic_fetch_add(&l->u->writes, 1);
        for (size_t i = 0; i < n; i++) {
                atomic_store(&l->u->last_point, (int)w[i].point);
                atomic_store(&l->u->last_value, (long)w[i].value.as.i);
                if (rc != DL_RETRY)
                        host->wrote(l->sink, w[i].point, rc, rc < 0 ? 3 : 0,
                                    rc == DL_CONFIG ? at_length
                                    : rc < 0        ? "not now"
                                                    : NULL);
        }
        if (rc != DL_RETRY)
                return DL_OK;
        (void)snprintf(error->text, sizeof(error->text), "the line broke");
        return rc;
}

#ifdef FAKE_BLOCKING
static pthread_mutex_t channels_lock = PTHREAD_MUTEX_INITIALIZER;
static char busy[FAKE_CHANNELS_MAX][64];

static void occupy(struct dl_link *l, const char *from, const char *to)
{
        int at = -1;

        (void)pthread_mutex_lock(&channels_lock);
        for (int i = 0; i < FAKE_CHANNELS_MAX; i++) {
                if (to[0] && strcmp(busy[i], to) == 0)
                        atomic_store(&l->u->overlap, 1);
                if (at < 0 && strcmp(busy[i], from) == 0)
                        at = i;
        }
        if (at >= 0)
                (void)snprintf(busy[at], sizeof(busy[at]), "%s", to);
        (void)pthread_mutex_unlock(&channels_lock);
}

static void pause_ms(long ms)
{
        (void)nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int fake_read(struct dl_link *l, const uint32_t *points, size_t n, struct dl_error *error)
{
        int mode = atomic_load(&l->u->mode);

        occupy(l, "", l->device->info.channel);
        count_read(l, n);
        if (mode == FAKE_SLOW)
                pause_ms(300);
        while (mode == FAKE_HANG && !atomic_load(&l->interrupted))
                pause_ms(2);
        while (mode == FAKE_STONE && !atomic_load(&fake_control.release))
                pause_ms(2);
        occupy(l, l->device->info.channel, "");
        if (atomic_exchange(&l->interrupted, 0)) {
                (void)snprintf(error->text, sizeof(error->text), "interrupted");
                return DL_RETRY;
        }
        misbehave(l, mode);
        int rc = result(mode, error);
        if (rc == DL_OK)
                emit_points(l, points, n, mode);
        return rc;
}

static void fake_interrupt(struct dl_link *l)
{
        atomic_fetch_add(&l->u->interrupts, 1);
        if (atomic_load(&l->u->mode) == FAKE_HANG)
                atomic_store(&l->interrupted, 1);
}
#else
static void end_read(struct dl_link *l, struct dl_ticket *ticket, const uint32_t *points, size_t n,
                     int mode)
{
        struct dl_error error = { .path = "" };
        int rc = result(mode, &error);

        misbehave(l, mode);
        if (rc == DL_OK)
                emit_points(l, points, n, mode);
        host->done(ticket, rc, &error);
        if (mode == FAKE_TWICE)
                host->done(ticket, rc, &error);
}

static void fired(void *ctx)
{
        struct dl_link *l = ctx;

        end_read(l, l->ticket, l->points, l->n, FAKE_OK);
}

static void looked_up(void *ctx, const struct dl_address *list, size_t n, const char *reason)
{
        struct dl_link *l = ctx;
        struct dl_error error = { .path = "" };

        if (n > 0 && list[0].length > 0) {
                end_read(l, l->ticket, l->points, l->n, FAKE_OK);
                return;
        }
        (void)snprintf(error.text, sizeof(error.text), "%s", reason);
        host->done(l->ticket, DL_RETRY, &error);
}

static void fake_begin_read(struct dl_link *l, struct dl_ticket *ticket, const uint32_t *points,
                            size_t n)
{
        int mode = atomic_load(&l->u->mode);

        count_read(l, n);
        if (mode == FAKE_HANG)
                return;
        l->ticket = ticket;
        l->n = n > 64 ? 64 : n;
        memcpy(l->points, points, l->n * sizeof(points[0]));
        if (mode == FAKE_SLOW)
                host->timer_set(l->timer, 300 * 1000000LL);
        else if (mode == FAKE_LOOK_UP || mode == FAKE_LITERAL)
                host->resolve(l->sink, mode == FAKE_LITERAL ? "::1" : "localhost", 502, looked_up,
                              l);
        else
                end_read(l, ticket, points, n, mode);
}

static void fake_begin_write(struct dl_link *l, struct dl_ticket *ticket, const struct dl_write *w,
                             size_t n)
{
        struct dl_error error = { .path = "" };
        int rc = write_all(l, w, n, &error);

        host->done(ticket, rc, &error);
}
#endif

static void fake_emit(struct dl_sink *sink, int64_t value)
{
        struct dl_sample x = { .size = sizeof(x), .value = { .type = DL_INT, .as.i = value } };

        host->emit(sink, &x, 1);
}

static void fake_state(struct dl_sink *sink, int rc, const char *why)
{
        struct dl_error error = { .path = "" };

        (void)snprintf(error.text, sizeof(error.text), "%s", why);
        host->state(sink, rc, &error);
}

EXPORT const struct dl_adaptor *dl_adaptor_v1(const struct dl_host *h)
{
        static const char *const kinds[] = {
#ifdef FAKE_BLOCKING
                "BlockingDevice", NULL
#else
                "EventDevice", NULL
#endif
        };
        static const struct dl_adaptor adaptor = {
                .size = sizeof(adaptor),
                .version = "1",
                .kinds = kinds,
                .compile = fake_compile,
                .describe = fake_describe,
                .discard = fake_discard,
                .open = fake_open,
                .update = fake_update,
                .close = fake_close,
                .check = fake_check,
#ifdef FAKE_BLOCKING
                .name = "fake/blocking",
                .read = fake_read,
                .write = write_all,
                .interrupt = fake_interrupt,
#else
                .name = "fake/event",
                .begin_read = fake_begin_read,
                .begin_write = fake_begin_write,
#endif
        };

        host = h;
        fake_control.host = h;
        fake_control.emit = fake_emit;
        fake_control.state = fake_state;
        return &adaptor;
}
