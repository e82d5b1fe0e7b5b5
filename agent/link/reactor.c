/* reactor.c - a thread with a loop on which event-driven plugins live.
 *
 * Plugins are entered from their own descriptors and timers, and at the end of a turn, when the
 * drivers of all links that something happened to are looked at; what was emitted meanwhile then
 * leaves as one batch. */
#include "link/reactor.h"

#include "link/channel.h"
#include "link/driver.h"
#include "link/host.h"

#include "base/log.h"
#include "base/mem.h"
#include "loop/resolve.h"
#include "loop/worker.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct reactor {
        struct home home; /* first */
        struct loop_thread *thread;
        struct loop_turn turn;
        struct loop_message init;
        struct outbox out;
        struct channels channels;
        struct caller caller;
};

static struct reactor *reactor_of(const struct dl_sink *s)
{
        return (struct reactor *)s->home;
}

/* --- what plugins hold: all that is left when an adaptor's last link has gone is ended here */

struct dl_watch {
        struct loop_fd fd; /* calls the plugin */
        struct dl_watch *next, **at;
};

struct dl_timer {
        struct loop_timer timer; /* calls the plugin */
        struct dl_timer *next, **at;
};

#define ENLIST(list, x)                                                                            \
        do {                                                                                       \
                (x)->next = (list);                                                                \
                (x)->at = &(list);                                                                 \
                if ((list))                                                                        \
                        (list)->at = &(x)->next;                                                   \
                (list) = (x);                                                                      \
        } while (0)

#define DELIST(x)                                                                                  \
        do {                                                                                       \
                *(x)->at = (x)->next;                                                              \
                if ((x)->next)                                                                     \
                        (x)->next->at = (x)->at;                                                   \
        } while (0)

struct dl_watch *reactor_watch(struct dl_sink *s, int fd, unsigned events,
                               void (*ready)(void *ctx, unsigned events), void *ctx)
{
        struct dl_watch *w = xcalloc(1, sizeof(*w));
        struct err e = { 0 };

        static_assert((int)DL_READABLE == (int)LOOP_READ && (int)DL_WRITABLE == (int)LOOP_WRITE &&
                              (int)DL_HANGUP == (int)LOOP_HANGUP,
                      "events are the loop's");
        if (loop_fd_start(&w->fd, s->home->loop, fd, events, ready, ctx, &e) < 0) {
                LOG(ERROR, "link.watch", e.text, LOG_STR("link", s->key));
                free(w);
                return NULL;
        }
        ENLIST(s->channel->tenant->watches, w);
        return w;
}

void reactor_watch_set(struct dl_watch *w, unsigned events)
{
        loop_fd_set(&w->fd, events);
}

void reactor_watch_end(struct dl_watch *w)
{
        loop_fd_end(&w->fd);
        DELIST(w);
        free(w);
}

struct dl_timer *reactor_timer(struct dl_sink *s, void (*fired)(void *ctx), void *ctx)
{
        struct dl_timer *t = xcalloc(1, sizeof(*t));

        loop_timer_init(&t->timer, s->home->loop, fired, ctx);
        ENLIST(s->channel->tenant->timers, t);
        return t;
}

void reactor_timer_set(struct dl_timer *t, int64_t after_ns)
{
        if (after_ns < 0)
                loop_timer_stop(&t->timer);
        else
                loop_timer_start(&t->timer, after_ns, 0);
}

void reactor_timer_end(struct dl_timer *t)
{
        loop_timer_end(&t->timer);
        DELIST(t);
        free(t);
}

struct resolving {
        struct resolving *next, **at;
        struct resolve *query;
        struct dl_sink *sink;
        void (*found)(void *ctx, const struct dl_address *, size_t n, const char *reason);
        void *ctx;
        bool answered;
};

static void on_found(void *ctx, const struct resolve_address *list, size_t n, const char *reason)
{
        struct resolving *q = ctx;
        struct dl_address out[RESOLVE_MAX];

        for (size_t i = 0; i < n; i++) {
                out[i] = (struct dl_address){ .size = sizeof(out[i]), .length = list[i].len };
                memcpy(out[i].bytes, &list[i].sa, list[i].len);
        }
        q->answered = true;
        DELIST(q);
        q->found(q->ctx, out, n, reason);
        if (q->query) /* else reactor_resolve() is below us, and frees */
                free(q);
}

void reactor_resolve(struct dl_sink *s, const char *host, uint16_t port,
                     void (*found)(void *ctx, const struct dl_address *, size_t n,
                                   const char *reason),
                     void *ctx)
{
        struct resolving *q = xcalloc(1, sizeof(*q));

        q->sink = s;
        q->found = found;
        q->ctx = ctx;
        ENLIST(s->resolving, q);
        struct resolve *query =
                resolve_start(s->home->resolver, s->home->loop, host, port, on_found, q);
        if (q->answered)
                free(q);
        else
                q->query = query;
}

static void cancel_resolving(struct dl_sink *s)
{
        struct resolving *q = s->resolving;

        s->resolving = NULL;
        while (q) {
                struct resolving *next = q->next;

                resolve_cancel(q->query);
                free(q);
                q = next;
        }
}

/* --- operations */

static struct dl_ticket *new_ticket(struct dl_sink *s)
{
        struct dl_ticket *t = &s->tickets[s->next_ticket];

        s->next_ticket = (s->next_ticket + 1) % TICKETS;
        *t = (struct dl_ticket){ .sink = s, .live = true };
        return t;
}

static int open_link(struct dl_sink *s, struct dl_error *e)
{
        struct dl_link *object = NULL;
        int rc = s->adaptor->open(s->device->object, s, &object, e);

        if (rc == DL_OK && !object) {
                sink_bug(s, "open() made no link");
                return DL_BUG;
        }
        if (rc == DL_OK)
                s->object = object;
        return rc;
}

static void close_link(struct dl_sink *s)
{
        for (unsigned i = 0; i < TICKETS; i++)
                s->tickets[i].live = false;
        s->adaptor->close(s->object);
        cancel_resolving(s);
}

static void answered(struct dl_sink *s, int rc, const struct dl_error *e)
{
        char text[HOST_ERROR_MAX];

        host_error(e, text);
        driver_complete(s, rc, text);
}

static void start(struct dl_sink *s, enum op op)
{
        static const uint32_t none;
        struct dl_error e;
        const uint32_t *points;
        size_t n;

        e.text[0] = e.path[0] = '\0';
        switch (op) {
        case OP_OPEN:
                answered(s, open_link(s, &e), &e);
                break;
        case OP_UPDATE:
                answered(s, s->adaptor->update(s->object, s->device->object, &e), &e);
                break;
        case OP_READ:
                points = points_listed(s, &n);
                s->adaptor->begin_read(s->object, new_ticket(s), n > 0 ? points : &none, n);
                break;
        case OP_WRITE:
                s->adaptor->begin_write(s->object, new_ticket(s), s->writing->writes,
                                        s->writing->n);
                break;
        case OP_CLOSE:
                close_link(s);
                driver_complete(s, DL_OK, NULL);
                break;
        case OP_NONE:
                break;
        }
}

/* --- channels */

static void enter(struct dl_sink *s, const char *channel)
{
        channels_enter(&reactor_of(s)->channels, s, channel);
}

static void end_leftovers(struct tenant *t)
{
        size_t n = 0;

        for (struct dl_watch *w = t->watches, *next; w; w = next, n++) {
                next = w->next;
                loop_fd_end(&w->fd);
                free(w);
        }
        for (struct dl_timer *x = t->timers, *next; x; x = next, n++) {
                next = x->next;
                loop_timer_end(&x->timer);
                free(x);
        }
        if (n > 0)
                LOG(ERROR, "link.bug", "the adaptor left watches or timers behind",
                    LOG_STR("adaptor", t->adaptor->name), LOG_INT("count", n));
        if (t->local)
                LOG(ERROR, "link.bug", "the adaptor left its local pointer behind",
                    LOG_STR("adaptor", t->adaptor->name));
}

static void leave(struct dl_sink *s)
{
        struct tenant *t = channels_leave(&reactor_of(s)->channels, s);

        if (t)
                end_leftovers(t);
        free(t);
}

/* --- life */

static void turn_ended(void *ctx)
{
        struct reactor *r = ctx;

        driver_run_ready(&r->home);
        outbox_flush(&r->out);
}

/* Drivers become ready within a turn only, and every turn ends with a look at them. */
static void wake(struct home *h)
{
        (void)h;
}

static void on_init(struct loop_message *m, bool cancelled)
{
        struct reactor *r = (struct reactor *)((char *)m - offsetof(struct reactor, init));

        if (cancelled)
                return;
        host_set_caller(&r->caller);
        r->turn = (struct loop_turn){ .ended = turn_ended, .ctx = r };
        loop_on_turn(r->home.loop, &r->turn);
}

struct reactor *reactor_new(struct gate *gate, struct resolver *resolver, unsigned number)
{
        struct reactor *r = xcalloc(1, sizeof(*r));
        char name[24];

        (void)snprintf(name, sizeof(name), "reactor/%u", number);
        r->thread = loop_thread_start(name);
        r->out = (struct outbox){ .gate = gate, .recycles = true };
        r->home = (struct home){ .gate = gate,
                                 .loop = loop_thread_loop(r->thread),
                                 .resolver = resolver,
                                 .out = &r->out,
                                 .event_driven = true,
                                 .wake = wake,
                                 .start = start,
                                 .enter = enter,
                                 .leave = leave };
        r->caller = (struct caller){ .home = &r->home, .out = &r->out };
        r->init.deliver = on_init;
        loop_post(r->home.loop, &r->init);
        return r;
}

void reactor_free(struct reactor *r)
{
        if (!r)
                return;
        loop_thread_stop(r->thread);
        outbox_done(&r->out);
        channels_done(&r->channels);
        free(r);
}

struct home *reactor_home(struct reactor *r)
{
        return &r->home;
}
