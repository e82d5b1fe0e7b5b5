/* mqtt.c - the mqtt thread seen from the loop: what crosses to it, in batches, and what comes back.
 */
#include "publish/mqtt.h"

#include "base/clock.h"
#include "base/mem.h"
#include "publish/mqtt_impl.h"

#include <string.h>

enum { QUEUES_BYTES = 128 << 20 }; /* all outboxes together */

static const int64_t ending_ns = 2500 * NS_PER_MS; /* goodbyes, and the library's threads */

static void mqtt_unref(struct mqtt *m)
{
        if (atomic_fetch_sub(&m->refs, 1) != 1)
                return;
        (void)sem_destroy(&m->stopped);
        free(m);
}

/* --- back home */

static void thread_stopped(struct mqtt *m)
{
        loop_thread_stop(m->thread);
        m->thread = NULL;
        if (m->done)
                m->done(m->done_ctx);
}

void mqtt_deliver_notice(struct loop_message *message, bool cancelled)
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
        m->env = (struct session_env){
                .loop = m->loop, .resolver = r, .budget.max = QUEUES_BYTES, .ctx = m
        };
        struct order *o = order_new(NULL);
        add_order(m, o, mqtt_run_begin);
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
        add_order(m, o, mqtt_run_open);
        return h;
}

void mqtt_replace(struct mqtt_handle *h, struct settings *s)
{
        struct order *o = order_new(h);

        o->settings = settings_ref(s);
        add_order(h->mqtt, o, mqtt_run_replace);
}

void mqtt_close(struct mqtt_handle *h)
{
        struct order *o = order_new(h);

        h->closed = true;
        add_order(h->mqtt, o, mqtt_run_close);
}

struct route *mqtt_route_new(struct mqtt_handle *h, const char *topic, const char *link, int qos,
                             bool retained, size_t depth)
{
        struct order *o = order_new(h);

        o->route = session_route_new(topic, link, qos, retained, depth);
        add_order(h->mqtt, o, mqtt_run_route);
        return o->route;
}

void mqtt_route_end(struct mqtt *m, struct route *r)
{
        struct order *o = order_new(NULL);

        o->route = r;
        add_order(m, o, mqtt_run_route_end);
}

size_t mqtt_route_queued(const struct route *r)
{
        return atomic_load_explicit(&r->refs, memory_order_relaxed) - 1;
}

void mqtt_publish(struct mqtt *m, struct route *r, const void *data, size_t len)
{
        struct message *msg = xmalloc(sizeof(*msg) + len);

        memset(msg, 0, sizeof(*msg));
        msg->route = r;
        msg->len = len;
        memcpy(msg->data, data, len);
        add(m, &msg->command, mqtt_run_publish);
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
        add_order(m, o, mqtt_run_end);
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
