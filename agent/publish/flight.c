/* flight.c - messages of a session: into the queue, to the library, and what becomes of them. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "publish/reason.h"
#include "publish/session.h"

#include <assert.h>
#include <string.h>

enum { FLIGHT_BYTES = 1 << 20, BROKE_MAX = 10, WAITED_MAX = 3 };

/* Fixed header, topic length, packet id, properties: never more than this beside topic and payload.
 */
enum { PACKET_ROOM = 16 };

static const int64_t silence_ns = 30 * NS_PER_S; /* stands in for a keepAlive that is off */

static struct message *message_of(struct outbox_entry *e)
{
        return (struct message *)((char *)e - offsetof(struct message, entry));
}

/* --- the end of a message */

static void route_unref(struct route *r)
{
        if (atomic_fetch_sub(&r->refs, 1) == 1)
                free(r);
}

static void message_free(struct session *s, struct message *m)
{
        s->env->queued--;
        route_unref(m->route);
        free(m);
}

static void drop(struct session *s, struct message *m, const char *why)
{
        s->env->dropped++;
        LOG(WARNING, "publish.drop", "message dropped", LOG_STR("link", m->route->link),
            LOG_STR("why", why), LOG_INT("qos", m->route->qos));
        message_free(s, m);
}

void session_dropped(void *session, struct outbox_entry *e)
{
        struct session *s = session;
        const char *why = "the queue is full";

        if (s->intent == SESSION_END && s->state == SESSION_HALTED)
                why = "the session ended";
        else if (e->volatile_ && !s->box.online)
                why = "QoS 0, and the broker is away";
        drop(s, message_of(e), why);
}

void session_drop_all(struct session *s)
{
        assert(s->n_flight == 0);
        outbox_drop_all(&s->box);
}

/* --- in flight */

static void flight_add(struct session *s, struct message *m)
{
        m->prev = s->flight_last;
        m->next = NULL;
        *(s->flight_last ? &s->flight_last->next : &s->flight_first) = m;
        s->flight_last = m;
        s->n_flight++;
        s->n_flight_twice += m->route->qos == 2;
        s->flight_bytes += m->len;
        s->env->in_flight++;
}

static void flight_remove(struct session *s, struct message *m)
{
        *(m->prev ? &m->prev->next : &s->flight_first) = m->next;
        *(m->next ? &m->next->prev : &s->flight_last) = m->prev;
        s->n_flight--;
        s->n_flight_twice -= m->route->qos == 2;
        s->flight_bytes -= m->len;
        s->env->in_flight--;
}

static void done(struct session *s, struct message *m)
{
        flight_remove(s, m);
        if (m->route->qos > 0) {
                s->env->acknowledged++;
                s->proved = true;
        }
        s->progress_ns = loop_now(s->env->loop);
        message_free(s, m);
        s->env->busy(s->env->ctx, s);
}

void session_delivered(void *session, struct delivery *d)
{
        struct session *s = session;
        struct message *m = (struct message *)d;

        switch (d->result) {
        case DELIVERY_DONE:
                done(s, m);
                break;
        case DELIVERY_REFUSED:
                flight_remove(s, m);
                drop(s, m, reason_text(d->code));
                s->env->busy(s->env->ctx, s);
                break;
        case DELIVERY_ORPHAN:
                m->orphan = true;
                break;
        case DELIVERY_FAILED: /* QoS 1 and 2 stay: the connection is going, and they go again */
                if (d->qos == 0) {
                        flight_remove(s, m);
                        drop(s, m, "QoS 0, and the connection broke");
                }
                break;
        }
}

void session_late(struct session *s, int token)
{
        for (struct message *m = s->flight_first; m; m = m->next) {
                if (!m->orphan || m->delivery.token != token)
                        continue;
                paho_late_taken(s->paho);
                done(s, m);
                return;
        }
}

/* The newest first, so that the queue has them in the order they came. */
void session_reclaim(struct session *s)
{
        if (s->flight_first)
                s->flight_first->broke++;
        while (s->flight_last) {
                struct message *m = s->flight_last;

                flight_remove(s, m);
                m->orphan = false;
                if (m->broke >= BROKE_MAX)
                        drop(s, m, "connections break on it");
                else if (m->waited >= WAITED_MAX)
                        drop(s, m, "waitTimeout passed three times");
                else
                        outbox_return(&s->box, &m->entry);
        }
}

/* --- out */

void session_put(struct session *s, struct message *m)
{
        m->entry.bytes = sizeof(*m) + m->len;
        m->entry.volatile_ = m->route->qos == 0;
        atomic_fetch_add(&m->route->refs, 1);
        s->env->queued++;
        outbox_put(&s->box, &m->route->lane, &m->entry);
        s->env->busy(s->env->ctx, s);
}

static int hand_over(struct session *s, struct message *m, struct err *e)
{
        const struct route *r = m->route;
        const struct paho_message out = {
                .topic = r->topic,
                .data = m->data,
                .len = m->len,
                .qos = r->qos < s->max_qos ? r->qos : s->max_qos,
                .retained = r->retained && s->retain_available,
        };

        if (s->max_packet && strlen(r->topic) + m->len + PACKET_ROOM > s->max_packet)
                return err_set(e, DL_REFUSED, "larger than the broker takes (%zu bytes)",
                               s->max_packet);
        return paho_publish(s->paho, &out, &m->delivery, e);
}

static bool has_room(const struct session *s)
{
        if (s->state != SESSION_CONNECTED &&
            !(s->state == SESSION_DRAINING && s->intent == SESSION_END))
                return false;
        return s->n_flight < s->window && (s->n_flight == 0 || s->flight_bytes < FLIGHT_BYTES);
}

static bool next_fits(const struct session *s)
{
        struct outbox_entry *e = outbox_peek(&s->box);

        return e && (message_of(e)->route->qos < 2 || s->n_flight_twice < s->window_twice);
}

bool session_owes(const struct session *s)
{
        return s->n_flight > 0 || (s->intent == SESSION_END && s->box.n > 0);
}

void session_pump(struct session *s)
{
        while (has_room(s) && next_fits(s)) {
                struct message *m = message_of(outbox_take(&s->box));
                struct err e = { 0 };

                int rc = hand_over(s, m, &e);
                if (rc == DL_RETRY) { /* it is about to tell that the connection is gone */
                        outbox_return(&s->box, &m->entry);
                        return;
                }
                if (rc < 0) {
                        drop(s, m, e.text);
                        continue;
                }
                m->handed_ns = loop_now(s->env->loop);
                s->env->published++;
                flight_add(s, m);
        }
        if (s->state == SESSION_DRAINING && !session_owes(s))
                session_hurry(s);
}

void session_check(struct session *s)
{
        struct message *m = s->flight_first;
        const struct settings *c = s->settings;
        int64_t now = loop_now(s->env->loop);

        if (s->state != SESSION_CONNECTED)
                return;
        session_pump(s);
        if (!m)
                return;
        int64_t age = now - m->handed_ns;
        int64_t silence = now - s->progress_ns;
        int64_t patience =
                (c->keep_alive_s ? c->keep_alive_s * NS_PER_S : silence_ns) + c->ping_timeout_ns;
        if (m->route->qos > 0 && c->wait_timeout_ns && age > c->wait_timeout_ns) {
                m->waited++;
                session_reset(s, "no acknowledgement within waitTimeout");
        } else if (m->route->qos == 0 && age > c->write_timeout_ns) {
                session_reset(s, "a message could not be written within writeTimeout");
        } else if ((age < silence ? age : silence) > patience) {
                session_reset(s, "no acknowledgement within keepAlive and pingTimeout");
        }
}

/* --- routes */

struct route *session_route_new(const char *topic, const char *link, int qos, bool retained,
                                size_t depth)
{
        size_t topic_room = strlen(topic) + 1;
        size_t link_room = strlen(link) + 1;
        struct route *r = xcalloc(1, sizeof(*r) + topic_room + link_room);

        r->lane.depth = depth;
        atomic_init(&r->refs, 1);
        r->qos = qos;
        r->retained = retained;
        memcpy(r->topic, topic, topic_room);
        memcpy(r->topic + topic_room, link, link_room);
        r->link = r->topic + topic_room;
        return r;
}

void session_route_end(struct route *r)
{
        route_unref(r);
}
