/* seat.c - a link and the calls on it. */
#include "base/clock.h"
#include "base/mem.h"
#include "contract/host_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- calls on the link's thread */

struct call {
        union {
                struct loop_message message;
                struct worker_job job;
        } as; /* first */
        struct seat *seat;
        void (*run)(struct call *c); /* ends in finish(), at once or later */
        const struct dl_device *device;
        uint32_t *points;
        struct dl_write *writes;
        size_t n;
};

static void finish(struct seat *s, struct progress *p, int rc, const struct dl_error *e)
{
        (void)pthread_mutex_lock(&s->lock);
        p->rc = rc;
        p->error = e ? *e : (struct dl_error){ 0 };
        p->busy = false;
        (void)pthread_cond_broadcast(&s->changed);
        (void)pthread_mutex_unlock(&s->lock);
}

static void run_call(struct call *c)
{
        struct seat *s = c->seat;

        s->sink.thread = pthread_self();
        c->run(c);
        free(c->points);
        free(c->writes);
        free(c);
}

static void on_reactor(struct loop_message *m, bool cancelled)
{
        if (cancelled)
                die("a call was left when the reactor ended");
        run_call((struct call *)m);
}

static void on_pool(struct worker_job *j, bool cancelled)
{
        if (cancelled)
                die("a call was left when the pool ended");
        run_call((struct call *)j);
}

static struct call *call_new(struct seat *s, void (*run)(struct call *c))
{
        struct call *c = xcalloc(1, sizeof(*c));

        c->seat = s;
        c->run = run;
        return c;
}

static void call_start(struct call *c, struct progress *p)
{
        struct seat *s = c->seat;

        (void)pthread_mutex_lock(&s->lock);
        p->busy = true;
        (void)pthread_mutex_unlock(&s->lock);
        if (host.pool) {
                c->as.job.run = on_pool;
                worker_submit(host.pool, &c->as.job);
        } else {
                c->as.message.deliver = on_reactor;
                loop_post(host.loop, &c->as.message);
        }
}

static bool wait_for(struct seat *s, const struct progress *p, int64_t within_ns, int *ret_rc)
{
        int64_t until = clock_mono_ns() + within_ns;
        struct timespec t = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };

        (void)pthread_mutex_lock(&s->lock);
        while (p->busy && pthread_cond_timedwait(&s->changed, &s->lock, &t) != ETIMEDOUT)
                ;
        bool ended = !p->busy;
        if (ended)
                *ret_rc = p->rc;
        (void)pthread_mutex_unlock(&s->lock);
        return ended;
}

bool seat_wait(struct seat *s, int64_t within_ns, int *ret_rc)
{
        return wait_for(s, &s->request, within_ns, ret_rc);
}

static int call_quick(struct call *c, const char *name)
{
        struct seat *s = c->seat;
        int64_t begin = clock_mono_ns();
        int rc = DL_BUG;

        call_start(c, &s->call);
        if (!wait_for(s, &s->call, 20 * NS_PER_S, &rc))
                die(name);
        if (clock_mono_ns() - begin > 2 * NS_PER_S)
                violation("%s() takes seconds", name);
        return rc;
}

/* --- life of a link */

static void do_open(struct call *c)
{
        struct seat *s = c->seat;
        auto_free struct dl_error *e = xcalloc(1, sizeof(*e));
        struct dl_link *link = NULL;

        int rc = host.adaptor->open(c->device, &s->sink, &link, e);
        if (rc == 0 && !link)
                violation("open() succeeded without a link");
        if (rc < 0 && link)
                violation("open() failed and gave a link all the same");
        s->link = link;
        finish(s, &s->call, rc, e);
}

static void sink_shape(struct dl_sink *k, const struct dl_device *d)
{
        for (size_t i = 0; i < k->n_points; i++)
                value_done(&k->points[i].value);
        free(k->points);
        k->info = d ? host.adaptor->describe(d) : NULL;
        k->n_points = d ? k->info->n_points : 0;
        k->points = xcalloc(k->n_points + 1, sizeof(*k->points));
}

static void seat_free(struct seat *s)
{
        sink_shape(&s->sink, NULL);
        free(s->sink.points);
        (void)pthread_cond_destroy(&s->changed);
        (void)pthread_mutex_destroy(&s->lock);
        (void)pthread_mutex_destroy(&s->sink.lock);
        free(s);
}

struct seat *seat_open(const struct dl_device *d, int *ret_rc, struct dl_error *error)
{
        struct seat *s = xcalloc(1, sizeof(*s));
        struct call *c = call_new(s, do_open);
        pthread_condattr_t monotonic;

        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&s->changed, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        (void)pthread_mutex_init(&s->lock, NULL);
        (void)pthread_mutex_init(&s->sink.lock, NULL);
        sink_shape(&s->sink, d);
        c->device = d;
        *ret_rc = call_quick(c, "open");
        *error = s->call.error;
        if (*ret_rc < 0) {
                seat_free(s);
                return NULL;
        }
        return s;
}

static void do_close(struct call *c)
{
        struct seat *s = c->seat;

        host.adaptor->close(s->link);
        s->sink.closed = true;
        if (s->ticket) {
                s->ticket->dead = true;
                s->ticket = NULL;
        }
        cancel_names(&s->sink);
        if (s->sink.watches || s->sink.timers)
                violation("close() leaves %d watches and %d timers", s->sink.watches,
                          s->sink.timers);
        finish(s, &s->call, 0, NULL);
}

void seat_close(struct seat *s)
{
        int rc;

        for (int i = 0; !host_is_event_driven() && !seat_wait(s, 20 * NS_PER_MS, &rc); i++) {
                if (i == 500)
                        die("a call goes on for ten seconds of interrupts");
                host.adaptor->interrupt(s->link);
        }
        (void)call_quick(call_new(s, do_close), "close");
        seat_free(s);
}

static void do_update(struct call *c)
{
        struct seat *s = c->seat;
        auto_free struct dl_error *e = xcalloc(1, sizeof(*e));

        int rc = host.adaptor->update(s->link, c->device, e);
        if (rc == 0)
                sink_shape(&s->sink, c->device);
        finish(s, &s->call, rc, e);
}

int seat_update(struct seat *s, const struct dl_device *d, struct dl_error *error)
{
        struct call *c = call_new(s, do_update);

        c->device = d;
        int rc = call_quick(c, "update");
        *error = s->call.error;
        return rc;
}

/* --- requests */

void ticket_done(struct dl_ticket *t, int rc, const struct dl_error *e)
{
        struct seat *s = t->seat;

        if (t->dead) {
                violation("done() twice, or after close()");
                return;
        }
        t->dead = true;
        s->ticket = NULL;
        finish(s, &s->request, rc, e);
}

static struct dl_ticket *ticket_new(struct seat *s)
{
        struct dl_ticket *t = xcalloc(1, sizeof(*t));

        t->next = host.dead;
        host.dead = t;
        t->seat = s;
        s->ticket = t;
        return t;
}

static void do_read(struct call *c)
{
        struct seat *s = c->seat;

        if (host.adaptor->begin_read) {
                host.adaptor->begin_read(s->link, ticket_new(s), c->points, c->n);
                return;
        }
        auto_free struct dl_error *e = xcalloc(1, sizeof(*e));
        int rc = host.adaptor->read(s->link, c->points, c->n, e);
        finish(s, &s->request, rc, e);
}

static void do_write(struct call *c)
{
        struct seat *s = c->seat;

        if (host.adaptor->begin_write) {
                host.adaptor->begin_write(s->link, ticket_new(s), c->writes, c->n);
                return;
        }
        auto_free struct dl_error *e = xcalloc(1, sizeof(*e));
        int rc = host.adaptor->write(s->link, c->writes, c->n, e);
        finish(s, &s->request, rc, e);
}

void seat_read_start(struct seat *s, const uint32_t *points, size_t n)
{
        struct call *c = call_new(s, do_read);

        c->points = xmemdup(points, n * sizeof(*points));
        c->n = n;
        call_start(c, &s->request);
}

void seat_write_start(struct seat *s, uint32_t point, const struct dl_value *v)
{
        struct call *c = call_new(s, do_write);

        c->writes = xcalloc(1, sizeof(*c->writes));
        c->writes[0] = (struct dl_write){ .size = sizeof(*c->writes), .point = point, .value = *v };
        c->n = 1;
        call_start(c, &s->request);
}

static int wait_within_limit(struct seat *s)
{
        int rc = DL_BUG;

        /* What the agent calls stuck, with room for a busy machine. */
        if (!seat_wait(s, 3 * s->sink.info->timeout_ns + 10 * NS_PER_S, &rc))
                die("a request takes longer than three timeouts");
        if (rc > 0 || rc < DL_BUG)
                violation("a request gives %d", rc);
        if (rc < 0 && !s->request.error.text[0])
                violation("a request fails without a text");
        return rc;
}

int seat_read_some(struct seat *s, const uint32_t *points, size_t n)
{
        seat_read_start(s, points, n);
        return wait_within_limit(s);
}

int seat_read(struct seat *s)
{
        size_t n = s->sink.n_points;
        auto_free uint32_t *all = xcalloc(n + 1, sizeof(*all));

        for (size_t i = 0; i < n; i++)
                all[i] = (uint32_t)i;
        return seat_read_some(s, all, n);
}

int seat_write(struct seat *s, uint32_t point, const struct dl_value *v)
{
        seat_write_start(s, point, v);
        return wait_within_limit(s);
}

void seat_interrupt(struct seat *s)
{
        int64_t begin = clock_mono_ns();

        host.adaptor->interrupt(s->link);
        if (clock_mono_ns() - begin > NS_PER_S)
                violation("interrupt() blocks");
}

const char *seat_error(const struct seat *s)
{
        return s->request.error.text;
}

const struct point_record *seat_point(struct seat *s, uint32_t point)
{
        return &s->sink.points[point];
}

void seat_forget(struct seat *s)
{
        for (size_t i = 0; i < s->sink.n_points; i++) {
                s->sink.points[i].samples = 0;
                s->sink.points[i].wrote = 0;
                s->sink.points[i].has_error = false;
        }
}
