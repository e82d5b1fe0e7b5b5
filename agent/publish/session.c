/* session.c - the state machine of a connection. */
#include "publish/session_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "publish/reason.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const int64_t proof_ns = 5 * NS_PER_S; /* a connection that lasts this long is sound */
static const int64_t goodbye_ns = NS_PER_S;   /* for the library to say it */
static const int64_t wake_ns = 100 * NS_PER_MS;

/* --- what is told */

void session_report(struct session *s, int rc, const char *text)
{
        if (s->intent != SESSION_RUN ||
            (s->reported && s->reported_rc == rc && strcmp(s->reported, text) == 0))
                return;
        free(s->reported);
        s->reported = xstrdup(text);
        s->reported_rc = rc;
        s->env->state(s->env->ctx, s->owner, rc, text);
}

void session_set_state(struct session *s, enum session_state state)
{
        bool was = s->state == SESSION_CONNECTED || s->state == SESSION_DRAINING;
        bool is = state == SESSION_CONNECTED || state == SESSION_DRAINING;

        s->state = state;
        peer_unwait(s->peer, &s->wait);
        s->env->connected += is;
        s->env->connected -= was;
        if (was != is)
                outbox_online(&s->box, is);
}

void session_halt(struct session *s, int rc, const char *text)
{
        loop_timer_stop(&s->timer);
        session_set_state(s, SESSION_HALTED);
        session_report(s, rc, text);
}

/* --- after the handle is gone */

static void end(struct session *s)
{
        session_set_state(s, SESSION_HALTED);
        session_drop_all(s);
        loop_timer_end(&s->timer);
        s->env->ended(s->env->ctx, s);
        peer_drop(&s->env->peers, s->peer);
        settings_unref(s->settings);
        settings_unref(s->replacement);
        free(s->addresses);
        free(s->reported);
        free(s->reason);
        free(s);
}

static void take_replacement(struct session *s)
{
        settings_unref(s->settings);
        s->settings = s->replacement;
        s->replacement = NULL;
        s->intent = SESSION_RUN;
        s->outage_ns = 0;
        s->lost = false;
        s->version = 0;
        s->backoff.attempts = 0;
        free(s->reported);
        s->reported = NULL;
        session_begin(s);
}

static void stay_or_look(struct session *s, const char *reason)
{
        bool stay = s->lost && !s->settings->auto_reconnect;

        s->lost = false;
        if (stay)
                session_halt(s, DL_RETRY, reason ? reason : "");
        else
                session_away(s, reason ? reason : "");
}

void session_settled(void *ctx)
{
        struct session *s = ctx;

        session_set_state(s, SESSION_WAITING);
        session_reclaim(s);
        auto_free char *reason = steal(&s->reason);
        bool at_once = s->again_at_once;
        s->again_at_once = false;
        if (s->intent == SESSION_END)
                end(s);
        else if (s->intent == SESSION_REPLACE)
                take_replacement(s);
        else if (at_once)
                session_dial(s);
        else
                stay_or_look(s, reason);
}

/* Ends in session_settled(). */
static void drop_handle(struct session *s)
{
        loop_timer_stop(&s->timer);
        resolve_cancel(s->resolving);
        s->resolving = NULL;
        session_set_state(s, SESSION_SETTLING);
        if (s->paho)
                paho_free(steal(&s->paho));
        else
                session_settled(s);
}

static void goodbye(struct session *s)
{
        if (paho_disconnect(s->paho) < 0) {
                drop_handle(s);
                return;
        }
        session_set_state(s, SESSION_CLOSING);
        loop_timer_start(&s->timer, goodbye_ns, 0);
}

/* --- connected */

static void take_limits(struct session *s, const struct paho_event *ev)
{
        s->window = SESSION_WINDOW;
        if (ev->receive_max && ev->receive_max < SESSION_WINDOW)
                s->window = ev->receive_max;
        s->window_twice = s->version == 5 ? s->window : SESSION_WINDOW_TWICE;
        s->max_packet = ev->max_packet;
        s->max_qos = ev->max_qos;
        s->retain_available = ev->retain_available;
}

/* It is back: no need for the others to go on waiting. */
static void wake_others(struct session *s)
{
        for (struct peer_waiter *w = s->peer->waiting; w; w = w->next) {
                struct session *other = w->session;

                loop_timer_start(&other->timer, random_u32() % wake_ns, 0);
        }
}

static void on_connected(struct session *s, const struct paho_event *ev)
{
        static const char *const names[] = { [3] = "3.1", [4] = "3.1.1", [5] = "5" };
        char text[320];

        if (s->state != SESSION_CONNECTING)
                return;
        loop_timer_stop(&s->timer);
        if (!s->settings->clean && s->version != 3 && !ev->session_present && s->n_flight) {
                /* The broker has forgotten what the library still counts on. */
                s->again_at_once = true;
                drop_handle(s);
                return;
        }
        take_limits(s, ev);
        s->connected_ns = s->progress_ns = loop_now(s->env->loop);
        s->proved = false;
        session_set_state(s, SESSION_CONNECTED);
        (void)snprintf(text, sizeof(text), "connected to %s, MQTT %s", s->settings->server,
                       names[s->version]);
        session_report(s, 0, text);
        s->env->busy(s->env->ctx, s);
        wake_others(s);
}

static void keep_handle(struct session *s)
{
        auto_free char *reason = steal(&s->reason);

        loop_timer_stop(&s->timer);
        session_set_state(s, SESSION_WAITING);
        stay_or_look(s, reason);
}

static void note_loss(struct session *s, const char *what, const char *why)
{
        int64_t now = loop_now(s->env->loop);

        free(s->reason);
        s->reason =
                xasprintf("connection to %s %s%s%s%s", s->settings->server, what, *why ? ": " : "",
                          why, s->settings->auto_reconnect ? "" : " (autoReconnect is false)");
        s->lost = true;
        if (s->outage_ns && !s->proved && now - s->connected_ns < proof_ns)
                return;
        s->outage_ns = now;
        s->backoff.attempts = 0;
}

static void lost(struct session *s, const char *why)
{
        note_loss(s, "lost", why);
        /* The library keeps messages it had not sent yet, and would send them before older ones
         * that are ours to repeat: only a session that the broker keeps keeps its handle. */
        if (s->intent == SESSION_RUN && (!s->settings->clean || !s->n_flight))
                keep_handle(s);
        else
                drop_handle(s);
}

static void on_lost(struct session *s, int code)
{
        if (s->state == SESSION_CLOSING)
                drop_handle(s);
        else if (s->state == SESSION_CONNECTED || s->state == SESSION_DRAINING)
                lost(s, code > 0 ? reason_text(code) : "");
}

static void on_closed(struct session *s)
{
        if (s->state != SESSION_CLOSING)
                return;
        if (s->intent == SESSION_RUN && !s->settings->clean) /* session_reset() */
                keep_handle(s);
        else
                drop_handle(s);
}

void session_event(void *ctx, const struct paho_event *ev)
{
        struct session *s = ctx;

        switch (ev->kind) {
        case PAHO_CONNECTED:
                on_connected(s, ev);
                break;
        case PAHO_REFUSED:
                session_refused(s, ev);
                break;
        case PAHO_LOST:
                on_lost(s, ev->code);
                break;
        case PAHO_CLOSED:
                on_closed(s);
                break;
        case PAHO_LATE:
                session_late(s, ev->token);
                break;
        }
}

static void timed_out(struct session *s)
{
        free(s->reason);
        s->reason = xasprintf("%s: no answer within connectTimeout", s->settings->server);
        if (s->address + 1 < s->n_addresses) {
                s->address++;
                s->again_at_once = true;
        }
        drop_handle(s);
}

static void on_timer(void *ctx)
{
        struct session *s = ctx;

        switch (s->state) {
        case SESSION_WAITING:
                session_begin(s);
                break;
        case SESSION_CONNECTING:
                timed_out(s);
                break;
        case SESSION_DRAINING:
                goodbye(s);
                break;
        case SESSION_CLOSING:
                drop_handle(s);
                break;
        case SESSION_IDLE:
        case SESSION_RESOLVING:
        case SESSION_CONNECTED:
        case SESSION_SETTLING:
        case SESSION_HALTED:
                break;
        }
}

/* --- from outside */

struct session *session_open(struct session_env *env, struct settings *settings, void *owner)
{
        struct session *s = xcalloc(1, sizeof(*s));

        s->env = env;
        s->owner = owner;
        s->settings = settings;
        s->peer = peer_take(&env->peers, settings->host, settings->port);
        s->wait.session = s;
        s->box = (struct outbox){ .budget = &env->budget, .dropped = session_dropped, .ctx = s };
        s->backoff = BACKOFF(NS_PER_S, NS_PER_S);
        s->window = SESSION_WINDOW;
        s->max_qos = 2;
        s->retain_available = true;
        loop_timer_init(&s->timer, env->loop, on_timer, s);
        return s;
}

void session_start(struct session *s)
{
        assert(s->state == SESSION_IDLE);
        session_begin(s);
}

static void wind_down(struct session *s, int64_t quiesce_ns)
{
        switch (s->state) {
        case SESSION_CONNECTED:
                session_set_state(s, SESSION_DRAINING);
                loop_timer_start(&s->timer, quiesce_ns, 0);
                s->env->busy(s->env->ctx, s);
                break;
        case SESSION_DRAINING:
                loop_timer_start(&s->timer, quiesce_ns, 0);
                break;
        case SESSION_CLOSING:
        case SESSION_SETTLING:
                break; /* where this ends, the intent is looked at */
        case SESSION_IDLE:
        case SESSION_WAITING:
        case SESSION_RESOLVING:
        case SESSION_CONNECTING:
        case SESSION_HALTED:
                drop_handle(s);
                break;
        }
}

void session_replace(struct session *s, struct settings *settings)
{
        settings_unref(s->replacement);
        s->replacement = settings;
        if (s->state == SESSION_IDLE) { /* nothing has begun with the old ones */
                settings_unref(s->settings);
                s->settings = steal(&s->replacement);
                return;
        }
        s->intent = SESSION_REPLACE;
        wind_down(s, s->settings->quiesce_ns);
}

void session_close(struct session *s, int64_t quiesce_ns)
{
        s->intent = SESSION_END;
        wind_down(s, quiesce_ns);
}

void session_hurry(struct session *s)
{
        if (s->state == SESSION_DRAINING)
                goodbye(s);
        else if (s->state == SESSION_CLOSING)
                drop_handle(s);
}

void session_reset(struct session *s, const char *why)
{
        LOG(WARNING, "publish.reset", "giving a connection up",
            LOG_STR("peer", s->settings->server), LOG_STR("client", s->settings->client_id),
            LOG_STR("why", why));
        if (s->intent == SESSION_RUN && !s->settings->clean) {
                note_loss(s, "given up", why);
                goodbye(s);
        } else {
                lost(s, why);
        }
}
