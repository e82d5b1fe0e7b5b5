/* mqtt_thread.c - the mqtt thread: its sessions, and what it is asked to do. */
#include "base/clock.h"
#include "base/mem.h"
#include "publish/mqtt_impl.h"

#include <string.h>

static const int64_t check_ns = NS_PER_S;

static void notify(struct mqtt *m, struct mqtt_handle *h, bool closed, int rc, const char *text)
{
        size_t room = strlen(text) + 1;
        struct notice *n = xcalloc(1, sizeof(*n) + room);

        n->message.deliver = mqtt_deliver_notice;
        n->mqtt = m;
        n->handle = h;
        n->closed = closed;
        n->rc = rc;
        memcpy(n->text, text, room);
        atomic_fetch_add(&m->refs, 1);
        loop_post(m->home, &n->message);
}

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

/* --- commands */

void mqtt_run_begin(struct mqtt *m, struct command *c)
{
        m->env.state = on_state;
        m->env.ended = on_ended;
        m->env.busy = on_busy;
        loop_timer_init(&m->check, m->loop, on_check, m);
        m->turn = (struct loop_turn){ .ended = turn_ended, .ctx = m };
        loop_on_turn(m->loop, &m->turn);
        paho_library_start();
        free(c);
}

void mqtt_run_open(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;
        struct session *s = session_open(&m->env, o->settings, o->handle);

        o->handle->session = s;
        list_add(&m->sessions, s);
        if (!must_wait(m, s))
                session_start(s);
        free(o);
}

void mqtt_run_replace(struct mqtt *m, struct command *c)
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

void mqtt_run_close(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        close_session(m, o->handle->session, INT64_MAX);
        free(o);
}

void mqtt_run_route(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        (void)m;
        o->route->session = o->handle->session;
        free(o);
}

void mqtt_run_route_end(struct mqtt *m, struct command *c)
{
        struct order *o = (struct order *)c;

        (void)m;
        session_route_end(o->route);
        free(o);
}

void mqtt_run_publish(struct mqtt *m, struct command *c)
{
        struct message *msg = (struct message *)((char *)c - offsetof(struct message, command));

        (void)m;
        session_put(msg->route->session, msg);
}

void mqtt_run_end(struct mqtt *m, struct command *c)
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
