/* host.c - what plugins call.  Whatever they get wrong ends here: it is logged and harms nobody. */
#include "link/host.h"

#include "link/channel.h"
#include "link/driver.h"
#include "link/reactor.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/value.h"

#include <stdio.h>
#include <string.h>

static _Thread_local const struct caller *caller;

void host_set_caller(const struct caller *c)
{
        caller = c;
}

void sink_bug(struct dl_sink *s, const char *text)
{
        LOG(ERROR, "link.bug", text, LOG_STR("link", s->key), LOG_STR("adaptor", s->adaptor->name),
            LOG_APART(text));
}

void host_error(const struct dl_error *error, char ret[HOST_ERROR_MAX])
{
        int path = error ? (int)strnlen(error->path, sizeof(error->path) - 1) : 0;
        int text = error ? (int)strnlen(error->text, sizeof(error->text) - 1) : 0;

        (void)snprintf(ret, HOST_ERROR_MAX, "%.*s%s%.*s", path, error ? error->path : "",
                       path > 0 && text > 0 ? ": " : "", text, error ? error->text : "");
}

/* On the thread that may touch the sink? */
static bool at_home(const struct dl_sink *s)
{
        return caller && (caller->sink == s || (!caller->sink && caller->home == s->home));
}

static bool on_reactor(struct dl_sink *s, const char *function)
{
        if (s->home->event_driven && at_home(s))
                return true;
        char text[96];
        (void)snprintf(text, sizeof(text), "%s() called by a blocking adaptor or on another thread",
                       function);
        sink_bug(s, text);
        return false;
}

/* --- samples */

static bool acceptable(struct dl_sink *s, const struct dl_sample *x)
{
        const struct dl_info *info = s->spoken->info;
        struct err e = { 0 };
        char text[128];

        if (x->point >= info->n_points) {
                (void)snprintf(text, sizeof(text), "sample of point %u: the device has %zu",
                               x->point, info->n_points);
                sink_bug(s, text);
                return false;
        }
        if (x->quality > DL_BAD) {
                sink_bug(s, "sample of unknown quality");
                return false;
        }
        if (x->quality == DL_BAD)
                return true;

        uint32_t type = info->points[x->point].type;
        if (type != DL_NONE && x->value.type != type && x->value.type != DL_NONE) {
                (void)snprintf(text, sizeof(text), "sample of point '%.64s': another type",
                               info->points[x->point].name);
                sink_bug(s, text);
                return false;
        }
        if (value_check(&x->value, &e) < 0) {
                sink_bug(s, e.text);
                return false;
        }
        return true;
}

/* What the plugin's author did not know of is zero. */
static struct dl_sample complete(const struct dl_sample *from, size_t size)
{
        struct dl_sample x = { 0 };

        memcpy(&x, from, size < sizeof(x) ? size : sizeof(x));
        x.size = sizeof(x);
        if (x.quality == DL_BAD)
                x.value = (struct dl_value){ .type = DL_NONE };
        if (x.arrival_ns == 0)
                x.arrival_ns = clock_wall_ns();
        return x;
}

static void emit_into(struct outbox *o, struct dl_sink *s, const struct dl_sample *list, size_t n,
                      bool home)
{
        size_t distance = list->size;

        for (size_t i = 0; i < n; i++) {
                const char *at = (const char *)list + i * distance;
                struct dl_sample x = complete((const struct dl_sample *)(const void *)at, distance);

                if (acceptable(s, &x))
                        outbox_sample(o, s, &x, home && points_asked(s, x.point));
        }
}

static bool still_open(struct dl_sink *s, const char *what)
{
        if (!atomic_load(&s->closed))
                return true;
        sink_bug(s, what);
        return false;
}

static void host_emit(struct dl_sink *s, const struct dl_sample *list, size_t n)
{
        if (n == 0)
                return;
        if (list->size < offsetof(struct dl_sample, scaled)) {
                sink_bug(s, "emit(): sample of an impossible size");
                return;
        }
        if (at_home(s)) {
                if (still_open(s, "emit() after close()"))
                        emit_into(caller->out, s, list, n, true);
                return;
        }
        struct outbox o = { .gate = s->home->gate };
        (void)pthread_mutex_lock(&s->lock);
        if (still_open(s, "emit() after close()"))
                emit_into(&o, s, list, n, false);
        outbox_flush(&o);
        (void)pthread_mutex_unlock(&s->lock);
}

static void host_state(struct dl_sink *s, int rc, const struct dl_error *error)
{
        char text[HOST_ERROR_MAX];
        struct outbox o = { .gate = s->home->gate };

        host_error(error, text);
        if (rc > 0 || rc < DL_BUG) {
                sink_bug(s, "state(): unknown result");
                return;
        }
        (void)pthread_mutex_lock(&s->lock);
        if (still_open(s, "state() after close()"))
                (void)outbox_result(at_home(s) ? caller->out : &o, s, RECORD_STATE, rc, text);
        outbox_flush(&o);
        (void)pthread_mutex_unlock(&s->lock);
}

static void host_log(struct dl_sink *s, int level, const char *text)
{
        enum log_level l = level <= LOG_ERROR     ? LOG_ERROR
                           : level == LOG_WARNING ? LOG_WARNING
                           : level <= LOG_INFO    ? LOG_INFO
                                                  : LOG_DEBUG;
        const struct log_field fields[] = { LOG_STR("link", s->key),
                                            LOG_STR("adaptor", s->adaptor->name), LOG_APART(text) };

        if (log_wants(l))
                log_write(l, "link.adaptor", text ? text : "", fields, 3);
}

/* --- requests */

static void host_wrote(struct dl_sink *s, uint32_t point, int rc, uint32_t code, const char *text)
{
        if (!at_home(s) || s->op != OP_WRITE || !writes_outcome(s, point, rc, code, text))
                sink_bug(s, "wrote() without such a write under way");
}

static void host_done(struct dl_ticket *t, int rc, const struct dl_error *error)
{
        char text[HOST_ERROR_MAX];

        if (!t)
                return;
        if (!t->live) {
                sink_bug(t->sink, "done() for a request that has ended");
                return;
        }
        if (!on_reactor(t->sink, "done"))
                return;
        t->live = false;
        host_error(error, text);
        driver_complete(t->sink, rc, text);
}

/* --- the thread */

static void **host_local(struct dl_sink *s, enum dl_scope scope)
{
        static _Thread_local void *nowhere;

        const char *wrong = NULL;

        if (!at_home(s) || !s->channel)
                wrong = "local() called on another thread";
        else if (scope != DL_SCOPE_CHANNEL && !s->home->event_driven)
                wrong = "local(): a blocking adaptor has no thread, only channels";
        if (wrong) {
                sink_bug(s, wrong);
                nowhere = NULL;
                return &nowhere;
        }
        return scope == DL_SCOPE_CHANNEL ? &s->channel->local : &s->channel->tenant->local;
}

static int64_t host_now(struct dl_sink *s)
{
        return s->home->event_driven && at_home(s) ? loop_now(s->home->loop) : clock_mono_ns();
}

static struct dl_watch *host_watch(struct dl_sink *s, int fd, unsigned events,
                                   void (*ready)(void *ctx, unsigned events), void *ctx)
{
        return on_reactor(s, "watch") ? reactor_watch(s, fd, events, ready, ctx) : NULL;
}

static void host_watch_end(struct dl_watch *w)
{
        if (w)
                reactor_watch_end(w);
}

static struct dl_timer *host_timer(struct dl_sink *s, void (*fired)(void *ctx), void *ctx)
{
        return on_reactor(s, "timer") ? reactor_timer(s, fired, ctx) : NULL;
}

static void host_timer_end(struct dl_timer *t)
{
        if (t)
                reactor_timer_end(t);
}

static void host_resolve(struct dl_sink *s, const char *host, uint16_t port,
                         void (*found)(void *ctx, const struct dl_address *, size_t n,
                                       const char *reason),
                         void *ctx)
{
        if (on_reactor(s, "resolve"))
                reactor_resolve(s, host, port, found, ctx);
        else
                found(ctx, NULL, 0, "names cannot be looked up here");
}

/* --- status documents */

static void host_put(struct dl_out *o, const char *s, size_t n)
{
        buf_add(o->buf, s, n);
}

static void host_put_string(struct dl_out *o, const char *s, size_t n)
{
        buf_add_json(o->buf, s, n);
}

static void host_put_value(struct dl_out *o, const struct dl_value *v, enum dl_encoding encoding)
{
        value_encode(v, encoding, o->buf);
}

const struct dl_host host_table = {
        .size = sizeof(host_table),
        .emit = host_emit,
        .wrote = host_wrote,
        .state = host_state,
        .log = host_log,
        .local = host_local,
        .done = host_done,
        .now = host_now,
        .watch = host_watch,
        .watch_set = reactor_watch_set,
        .watch_end = host_watch_end,
        .timer = host_timer,
        .timer_set = reactor_timer_set,
        .timer_end = host_timer_end,
        .resolve = host_resolve,
        .random = random_u32,
        .put = host_put,
        .put_string = host_put_string,
        .put_value = host_put_value,
};
