/* blocking.c - calls that may sleep, made by a pool of threads on behalf of drivers on the main
 * loop. */
#include "link/blocking.h"

#include "link/channel.h"
#include "link/driver.h"
#include "link/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/worker.h"

#include <string.h>

struct blocking {
        struct home home; /* first */
        const struct dl_adaptor *adaptor;
        struct worker_pool *pool;
        struct channels channels;
        struct outbox out;
        struct loop_message kick;
        bool kicked;
        bool freed; /* the kick that is on its way takes the memory along */
        size_t running;
};

/* One call: to the pool, and back. */
struct call {
        struct worker_job job; /* first */
        struct loop_message done;
        struct dl_sink *sink;
        enum op op;
        const uint32_t *points;
        size_t n;
        struct dl_link *object; /* of open() */
        int rc;
        struct dl_error error;
        _Atomic int64_t since_ns;
        atomic_bool skip; /* the link is closing: do not begin */
        struct dl_sink *next_waiting;
};

static struct blocking *blocking_of(const struct dl_sink *s)
{
        return (struct blocking *)s->home;
}

/* --- on the pool's thread */

static int make_call(struct call *c)
{
        struct dl_sink *s = c->sink;
        const struct dl_adaptor *a = s->adaptor;

        switch (c->op) {
        case OP_OPEN:
                return a->open(s->device->object, s, &c->object, &c->error);
        case OP_UPDATE:
                return a->update(s->object, s->device->object, &c->error);
        case OP_READ:
                return a->read(s->object, c->points, c->n, &c->error);
        case OP_WRITE:
                return a->write(s->object, s->writing->writes, s->writing->n, &c->error);
        case OP_CLOSE:
                a->close(s->object);
                return DL_OK;
        case OP_NONE:
                break;
        }
        return DL_BUG;
}

static void run(struct worker_job *j, bool cancelled)
{
        struct call *c = (struct call *)j;
        struct outbox out = { .gate = c->sink->home->gate };
        const struct caller me = { .sink = c->sink, .out = &out };

        if (cancelled)
                return;
        if (c->op == OP_UPDATE)
                driver_switch(c->sink, &out);
        atomic_store(&c->since_ns, clock_mono_ns());
        if (atomic_load(&c->skip) && c->op != OP_CLOSE) {
                c->rc = DL_RETRY;
        } else {
                host_set_caller(&me);
                c->rc = make_call(c);
                host_set_caller(NULL);
        }
        outbox_flush(&out);
        (void)gate_post(c->sink->home->gate, &c->done);
}

/* --- on the main loop */

static void next_call(struct blocking *b, struct channel *ch)
{
        struct dl_sink *s = ch->waiting;

        if (ch->running || !s)
                return;
        struct call *c = s->call;
        ch->waiting = c->next_waiting;
        ch->running = s;
        b->running++;
        worker_submit(b->pool, &c->job);
}

static void settle_open(struct dl_sink *s, struct call *c)
{
        if (c->op != OP_OPEN || c->rc != DL_OK)
                return;
        if (!c->object) {
                sink_bug(s, "open() made no link");
                c->rc = DL_BUG;
        }
        s->object = c->object;
}

static void on_done(struct loop_message *m, bool cancelled)
{
        struct call *c = (struct call *)((char *)m - offsetof(struct call, done));
        struct dl_sink *s = c->sink;

        if (cancelled)
                return;
        struct blocking *b = blocking_of(s);
        struct channel *ch = s->channel;
        char text[HOST_ERROR_MAX];

        atomic_store(&c->since_ns, 0);
        ch->running = NULL;
        b->running--;
        settle_open(s, c);
        host_error(&c->error, text);
        driver_complete(s, c->rc, text);
        next_call(b, ch);
}

static void start(struct dl_sink *s, enum op op)
{
        static const uint32_t none;
        struct channel *ch = s->channel;
        struct call *c = s->call;

        c->op = op;
        c->object = NULL;
        c->error.path[0] = c->error.text[0] = '\0';
        atomic_store(&c->skip, false);
        if (op == OP_READ)
                c->points = points_listed(s, &c->n);
        if (op == OP_READ && c->n == 0)
                c->points = &none;
        c->next_waiting = NULL;
        if (!ch->waiting)
                ch->waiting_last = &ch->waiting;
        *ch->waiting_last = s;
        ch->waiting_last = &c->next_waiting;
        next_call(blocking_of(s), ch);
}

static void hurry(struct dl_sink *s)
{
        struct call *c = s->call;

        if (s->closing)
                atomic_store(&c->skip, true);
        if (s->object && atomic_load(&c->since_ns) != 0 && s->op != OP_CLOSE)
                s->adaptor->interrupt(s->object);
}

static int64_t since(const struct dl_sink *s)
{
        const struct call *c = s->call;

        return atomic_load(&c->since_ns);
}

static void enter(struct dl_sink *s, const char *channel)
{
        struct call *c = xcalloc(1, sizeof(*c));

        c->job.run = run;
        c->done.deliver = on_done;
        c->sink = s;
        s->call = c;
        channels_enter(&blocking_of(s)->channels, s, channel);
}

static void leave(struct dl_sink *s)
{
        struct tenant *t = channels_leave(&blocking_of(s)->channels, s);

        if (t && t->local)
                LOG(ERROR, "link.bug", "the adaptor left its local pointer behind",
                    LOG_STR("adaptor", t->adaptor->name));
        free(t);
}

static void on_kick(struct loop_message *m, bool cancelled)
{
        struct blocking *b = (struct blocking *)((char *)m - offsetof(struct blocking, kick));

        if (b->freed) {
                free(b);
                return;
        }
        b->kicked = false;
        if (cancelled)
                return;
        driver_run_ready(&b->home);
        outbox_flush(&b->out);
}

/* Drivers are never run from within what made them ready. */
static void wake(struct home *h)
{
        struct blocking *b = (struct blocking *)h;

        if (b->kicked)
                return;
        b->kicked = true;
        loop_post(h->loop, &b->kick);
}

struct blocking *blocking_new(struct gate *gate, struct resolver *resolver,
                              const struct dl_adaptor *adaptor, unsigned max_threads)
{
        const char *slash = strrchr(adaptor->name, '/');
        struct blocking *b = xcalloc(1, sizeof(*b));

        b->adaptor = adaptor;
        b->pool = worker_pool_new(slash ? slash + 1 : adaptor->name, max_threads);
        b->out = (struct outbox){ .gate = gate, .recycles = true };
        b->kick.deliver = on_kick;
        b->home = (struct home){ .gate = gate,
                                 .loop = gate->loop,
                                 .resolver = resolver,
                                 .out = &b->out,
                                 .wake = wake,
                                 .start = start,
                                 .hurry = hurry,
                                 .since = since,
                                 .enter = enter,
                                 .leave = leave };
        return b;
}

const struct dl_adaptor *blocking_adaptor(const struct blocking *b)
{
        return b->adaptor;
}

struct home *blocking_home(struct blocking *b)
{
        return &b->home;
}

unsigned blocking_threads(struct blocking *b)
{
        return worker_pool_threads(b->pool);
}

bool blocking_busy(const struct blocking *b)
{
        return b->running > 0;
}

void blocking_free(struct blocking *b)
{
        if (!b)
                return;
        worker_pool_free(b->pool);
        outbox_done(&b->out);
        channels_done(&b->channels);
        b->freed = true;
        if (!b->kicked)
                free(b);
}
