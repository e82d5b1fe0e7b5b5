/* mqtt.c - the mqtt thread: what crosses to it, in batches, and what comes back. */
#include "publish/mqtt.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "publish/session.h"

#include <semaphore.h>
#include <string.h>

enum { QUEUES_BYTES = 128 << 20 }; /* all outboxes together */

static const int64_t check_ns = NS_PER_S;
static const int64_t ending_ns = 2500 * NS_PER_MS; /* goodbyes, and the library's threads */

struct shared_counts {
        _Atomic uint64_t published, acknowledged, dropped, queued;
        atomic_size_t connected;
};

struct mqtt {
        atomic_uint refs; /* mqtt_free(), and one per notice on its way */
        struct loop *home;
        struct loop_thread *thread;
        struct loop *loop;
        struct shared_counts counts;
        sem_t stopped;

        /* home's */
        struct mqtt_hooks hooks;
        struct loop_turn home_turn;
        struct command *first, **last; /* of this turn */
        struct loop_message nudge;     /* so that there is a turn */
        bool nudged;
        bool stopping;
        bool freed;
        void (*done)(void *ctx);
        void *done_ctx;

        /* the mqtt thread's */
        struct session_env env;
        struct session *sessions;
        struct session *ending;
        struct session *busy;
        struct loop_turn turn;
        struct loop_timer check;
        bool end_asked;
};

/* Made at home and freed there; between, the mqtt thread looks at `session`. */
struct mqtt_handle {
        struct mqtt *mqtt;
        struct session *session;
        void *owner;
        bool closed; /* home's: nobody is told any more */
};

static void mqtt_unref(struct mqtt *m)
{
        if (atomic_fetch_sub(&m->refs, 1) != 1)
                return;
        (void)sem_destroy(&m->stopped);
        free(m);
}

/* --- back home */

struct notice {
        struct loop_message message; /* first */
        struct mqtt *mqtt;
        struct mqtt_handle *handle; /* NULL: the thread has stopped */
        bool closed;
        int rc;
        char text[];
};

static void thread_stopped(struct mqtt *m)
{
        loop_thread_stop(m->thread);
        m->thread = NULL;
        if (m->done)
                m->done(m->done_ctx);
}

static void deliver_notice(struct loop_message *message, bool cancelled)
{
        struct notice *n = (struct notice *)message;
        struct mqtt *m = n->mqtt;
        bool tell = !cancelled && !m->freed;

        if (n->handle && n->closed) {
                if (tell && !m->stopping)
                        m->hooks.closed(m->hooks.ctx, n->handle->owner);
                free(n->handle);
        } else if (tell && n->handle && !n->handle->closed) {
                m->hooks.state(m->hooks.ctx, n->handle->owner, n->rc, n->text);
        } else if (tell && !n->handle) {
                thread_stopped(m);
        }
        free(n);
        mqtt_unref(m);
}

static void notify(struct mqtt *m, struct mqtt_handle *h, bool closed, int rc, const char *text)
{
        size_t room = strlen(text) + 1;
        struct notice *n = xcalloc(1, sizeof(*n) + room);

        n->message.deliver = deliver_notice;
        n->mqtt = m;
        n->handle = h;
        n->closed = closed;
        n->rc = rc;
        memcpy(n->text, text, room);
        atomic_fetch_add(&m->refs, 1);
        loop_post(m->home, &n->message);
}

/* --- on the mqtt thread */

static void list_add(struct session **list, struct session *s)
{
        s->prev = NULL;
        s->next = *list;
        if (*list)
                (*list)->prev = s;
        *list = s;
}

static void list_remove(struct session **list, struct session *s)
{
        if (s->prev)
                s->prev->next = s->next;
        else
                *list = s->next;
        if (s->next)
                s->next->prev = s->prev;
}

/* A second connection of one client id would throw the first one out, and fire its will. */
static bool must_wait(const struct mqtt *m, const struct session *s)
{
        const struct settings *a = s->settings;

        for (const struct session *x = m->ending; x; x = x->next) {
                const struct settings *b = x->settings;

                if (a->port == b->port && strcmp(a->client_id, b->client_id) == 0 &&
                    strcmp(a->host, b->host) == 0)
                        return true;
        }
        return false;
}

static void on_state(void *ctx, void *owner, int rc, const char *text)
{
        notify(ctx, owner, false, rc, text);
}

static void on_busy(void *ctx, struct session *s)
{
        struct mqtt *m = ctx;

        if (s->busy)
                return;
        s->busy = true;
        s->busy_next = m->busy;
        m->busy = s;
}

static void forget_busy(struct mqtt *m, const struct session *s)
{
        struct session **at = &m->busy;

        while (*at && *at != s)
                at = &(*at)->busy_next;
        if (*at)
                *at = s->busy_next;
}

static void finish(struct mqtt *m)
{
        if (!m->end_asked || m->sessions || m->ending)
                return;
        m->end_asked = false;
        loop_timer_end(&m->check);
        nodelay_end(&m->env.nodelay);
        paho_library_end();
        notify(m, NULL, false, 0, "");
        (void)sem_post(&m->stopped);
}

static void on_ended(void *ctx, struct session *s)
{
        struct mqtt *m = ctx;

        list_remove(&m->ending, s);
        if (s->busy)
                forget_busy(m, s);
        notify(m, s->owner, true, 0, "");
        for (struct session *x = m->sessions, *next; x; x = next) {
                next = x->next;
                if (x->state == SESSION_IDLE && !must_wait(m, x))
                        session_start(x);
        }
        finish(m);
}

static void publish_counts_of(struct mqtt *m)
{
        const struct session_env *e = &m->env;

        atomic_store_explicit(&m->counts.published, e->published, memory_order_relaxed);
        atomic_store_explicit(&m->counts.acknowledged, e->acknowledged, memory_order_relaxed);
        atomic_store_explicit(&m->counts.dropped, e->dropped, memory_order_relaxed);
        atomic_store_explicit(&m->counts.queued, e->queued, memory_order_relaxed);
        atomic_store_explicit(&m->counts.connected, e->connected, memory_order_relaxed);
}

static void turn_ended(void *ctx)
{
        struct mqtt *m = ctx;

        while (m->busy) {
                struct session *s = m->busy;

                m->busy = s->busy_next;
                s->busy = false;
                session_pump(s);
        }
        if (m->env.in_flight && !loop_timer_active(&m->check))
                loop_timer_start(&m->check, check_ns, 0);
        publish_counts_of(m);
}

static void on_check(void *ctx)
{
        struct mqtt *m = ctx;

        for (struct session *s = m->sessions, *next; s; s = next) {
                next = s->next;
                session_check(s);
        }
}

/* --- commands: made at home, run and freed on the mqtt thread */

struct order {
        struct command command; /* first */
        struct mqtt_handle *handle;
        struct settings *settings;
        struct route *route;
        int64_t limit_ns;
};

static void run_begin(struct mqtt *m, struct command *c)
{
        loop_timer_init(&m->check, m->loop, on_check, m);
        nodelay_init(&m->env.nodelay, m->loop);
        m->turn = (struct loop_turn){ .ended = turn_ended, .ctx = m };
        loop_on_turn(m->loop, &m->turn);
        paho_library_start();
        free(c);
}

static void run_open(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;
        struct session *s = session_open(&m->env, o->settings, o->handle);

        o->handle->session = s;
        list_add(&m->sessions, s);
        if (!must_wait(m, s))
                session_start(s);
        free(o);
}

static void run_replace(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        (void)m;
        session_replace(o->handle->session, o->settings);
        free(o);
}

static void close_session(struct mqtt *m, struct session *s, int64_t limit_ns)
{
        int64_t quiesce = s->settings->quiesce_ns;

        list_remove(&m->sessions, s);
        list_add(&m->ending, s);
        session_close(s, quiesce < limit_ns ? quiesce : limit_ns);
}

static void run_close(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        close_session(m, o->handle->session, INT64_MAX);
        free(o);
}

static void run_route(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        (void)m;
        o->route->session = o->handle->session;
        free(o);
}

static void run_route_end(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        (void)m;
        session_route_end(o->route);
        free(o);
}

static void run_publish(struct mqtt *m, struct command *c)
{
        struct message *msg = (struct message *)((char *)c - offsetof(struct message, command));

        (void)m;
        session_put(msg->route->session, msg);
}

static void run_end(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;
        int64_t limit_ns = o->limit_ns;

        free(o);
        for (struct session *s = m->ending, *next; s; s = next) {
                next = s->next;
                session_close(s, limit_ns);
        }
        while (m->sessions)
                close_session(m, m->sessions, limit_ns);
        m->end_asked = true;
        finish(m);
}

struct batch {
        struct loop_message message; /* first */
        struct mqtt *mqtt;
        struct command *first;
};

static void deliver_batch(struct loop_message *message, bool cancelled)
{
        struct batch *b = (struct batch *)message;

        (void)cancelled; /* the thread ends only after its last batch */
        for (struct command *c = b->first, *next; c; c = next) {
                next = c->next;
                c->run(b->mqtt, c);
        }
        free(b);
}

/* --- at home */

static void send_batch(void *ctx)
{
        struct mqtt *m = ctx;

        if (!m->first)
                return;
        struct batch *b = xcalloc(1, sizeof(*b));
        b->message.deliver = deliver_batch;
        b->mqtt = m;
        b->first = m->first;
        m->first = NULL;
        m->last = &m->first;
        loop_post(m->loop, &b->message);
}

static void add(struct mqtt *m, struct command *c, void (*run)(struct mqtt *, struct command *))
{
        c->run = run;
        c->next = NULL;
        *m->last = c;
        m->last = &c->next;
}

static void deliver_nudge(struct loop_message *message, bool cancelled)
{
        struct mqtt *m = (struct mqtt *)((char *)message - offsetof(struct mqtt, nudge));

        (void)cancelled;
        m->nudged = false;
        mqtt_unref(m);
}

/* What is published comes out of a turn of the loop; this may come before the loop runs. */
static void add_order(struct mqtt *m, struct order *o, void (*run)(struct mqtt *, struct command *))
{
        add(m, &o->command, run);
        if (m->nudged)
                return;
        m->nudged = true;
        m->nudge.deliver = deliver_nudge;
        atomic_fetch_add(&m->refs, 1);
        loop_post(m->home, &m->nudge);
}

static struct order *order_new(struct mqtt_handle *h)
{
        struct order *o = xcalloc(1, sizeof(*o));

        o->handle = h;
        return o;
}

struct mqtt *mqtt_new(struct loop *home, struct resolver *r, const struct mqtt_hooks *hooks)
{
        struct mqtt *m = xcalloc(1, sizeof(*m));

        atomic_init(&m->refs, 1);
        (void)sem_init(&m->stopped, 0, 0);
        m->home = home;
        m->hooks = *hooks;
        m->last = &m->first;
        m->home_turn = (struct loop_turn){ .ended = send_batch, .ctx = m };
        loop_on_turn(home, &m->home_turn);

        paho_prepare();
        m->thread = loop_thread_start("mqtt");
        m->loop = loop_thread_loop(m->thread);
        m->env = (struct session_env){ .loop = m->loop,
                                       .resolver = r,
                                       .budget.max = QUEUES_BYTES,
                                       .ctx = m,
                                       .state = on_state,
                                       .ended = on_ended,
                                       .busy = on_busy };
        struct order *o = order_new(NULL);
        add_order(m, o, run_begin);
        send_batch(m);
        return m;
}

struct mqtt_handle *mqtt_open(struct mqtt *m, struct settings *s, void *owner)
{
        struct mqtt_handle *h = xcalloc(1, sizeof(*h));
        struct order *o = order_new(h);

        h->mqtt = m;
        h->owner = owner;
        o->settings = settings_ref(s);
        add_order(m, o, run_open);
        return h;
}

void mqtt_replace(struct mqtt_handle *h, struct settings *s)
{
        struct order *o = order_new(h);

        o->settings = settings_ref(s);
        add_order(h->mqtt, o, run_replace);
}

void mqtt_close(struct mqtt_handle *h)
{
        struct order *o = order_new(h);

        h->closed = true;
        add_order(h->mqtt, o, run_close);
}

struct route *mqtt_route_new(struct mqtt_handle *h, const char *topic, const char *link, int qos,
                             bool retained, size_t depth)
{
        struct order *o = order_new(h);

        o->route = session_route_new(topic, link, qos, retained, depth);
        add_order(h->mqtt, o, run_route);
        return o->route;
}

void mqtt_route_end(struct mqtt *m, struct route *r)
{
        struct order *o = order_new(NULL);

        o->route = r;
        add_order(m, o, run_route_end);
}

void mqtt_publish(struct mqtt *m, struct route *r, const void *data, size_t len)
{
        struct message *msg = xmalloc(sizeof(*msg) + len);

        memset(msg, 0, sizeof(*msg));
        msg->route = r;
        msg->len = len;
        memcpy(msg->data, data, len);
        add(m, &msg->command, run_publish);
}

void mqtt_count(const struct mqtt *m, struct publish_counts *ret)
{
        ret->published = atomic_load_explicit(&m->counts.published, memory_order_relaxed);
        ret->acknowledged = atomic_load_explicit(&m->counts.acknowledged, memory_order_relaxed);
        ret->dropped = atomic_load_explicit(&m->counts.dropped, memory_order_relaxed);
        ret->queued = atomic_load_explicit(&m->counts.queued, memory_order_relaxed);
        ret->connected = atomic_load_explicit(&m->counts.connected, memory_order_relaxed);
}

void mqtt_stop(struct mqtt *m, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        struct order *o = order_new(NULL);

        m->stopping = true;
        m->done = done;
        m->done_ctx = ctx;
        o->limit_ns = limit_ns > ending_ns ? limit_ns - ending_ns : 0;
        add_order(m, o, run_end);
        send_batch(m);
}

void mqtt_free(struct mqtt *m)
{
        if (!m)
                return;
        if (m->thread) {
                if (!m->stopping)
                        mqtt_stop(m, 0, NULL, NULL);
                while (sem_wait(&m->stopped) < 0)
                        ; /* interrupted */
                loop_thread_stop(m->thread);
                m->thread = NULL;
        }
        loop_off_turn(m->home, &m->home_turn);
        m->freed = true;
        mqtt_unref(m);
}
