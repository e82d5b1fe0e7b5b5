/* session.c - the state machine of a connection. */
#include "publish/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "publish/reason.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* Messages in flight.  Before MQTT 5 a broker cannot say what it bears; mosquitto ends a connection
 * with more than 20 of QoS 2. */
enum { WINDOW = 100, WINDOW_TWICE = 20 };

static const int64_t look_ns = 500 * NS_PER_MS; /* between attempts in a young outage */
static const int64_t young_ns = 300 * NS_PER_S;
static const int64_t proof_ns = 5 * NS_PER_S; /* a connection that lasts this long is sound */
static const int64_t goodbye_ns = NS_PER_S;   /* for the library to say it */
/* The library may need a second to see that a connection stands, and looks at its own time-outs
 * every three. */
static const int64_t connect_slack_ns = 1500 * NS_PER_MS;
static const int64_t flight_slack_ns = 5 * NS_PER_S;

static void begin(struct session *s);
static void dial(struct session *s);

/* --- what is told */

static void report(struct session *s, int rc, const char *text)
{
        if (s->intent != SESSION_RUN ||
            (s->reported && s->reported_rc == rc && strcmp(s->reported, text) == 0))
                return;
        free(s->reported);
        s->reported = xstrdup(text);
        s->reported_rc = rc;
        s->env->state(s->env->ctx, s->owner, rc, text);
}

static void set_state(struct session *s, enum session_state state)
{
        bool was = s->state == SESSION_CONNECTED || s->state == SESSION_DRAINING;
        bool is = state == SESSION_CONNECTED || state == SESSION_DRAINING;

        s->state = state;
        s->env->connected += is;
        s->env->connected -= was;
        if (was != is)
                outbox_online(&s->box, is);
}

static void halt(struct session *s, int rc, const char *text)
{
        loop_timer_stop(&s->timer);
        set_state(s, SESSION_HALTED);
        report(s, rc, text);
}

/* --- waiting */

static int64_t capped(const struct session *s, int64_t ns)
{
        int64_t max = s->settings->max_reconnect_ns;

        if (max < NS_PER_S)
                max = NS_PER_S;
        return ns < max ? ns : max;
}

static int64_t look_again_in(struct session *s)
{
        int64_t now = loop_now(s->env->loop);

        if (now - s->outage_ns < young_ns)
                return look_ns / 2 + random_u32() % (look_ns / 2);
        s->backoff.max_ns = capped(s, INT64_MAX);
        return backoff_next_ns(&s->backoff);
}

static void wait_for(struct session *s, int64_t ns)
{
        set_state(s, SESSION_WAITING);
        if (!s->outage_ns)
                s->outage_ns = loop_now(s->env->loop);
        loop_timer_start(&s->timer, ns, 0);
}

static void away(struct session *s, const char *text)
{
        if (!s->outage_ns)
                s->outage_ns = loop_now(s->env->loop);
        report(s, DL_RETRY, text);
        wait_for(s, look_again_in(s));
}

/* Asking again and again with a wrong password would only fill the broker's log. */
static void turned_away(struct session *s, const char *text)
{
        report(s, DL_RETRY, text);
        s->backoff.max_ns = capped(s, INT64_MAX);
        wait_for(s, backoff_next_ns(&s->backoff));
}

/* --- after the handle is gone */

static void end(struct session *s)
{
        set_state(s, SESSION_HALTED);
        session_drop_all(s);
        loop_timer_end(&s->timer);
        s->env->ended(s->env->ctx, s);
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
        begin(s);
}

static void stay_or_look(struct session *s, const char *reason)
{
        bool stay = s->lost && !s->settings->auto_reconnect;

        s->lost = false;
        if (stay)
                halt(s, DL_RETRY, reason ? reason : "");
        else
                away(s, reason ? reason : "");
}

static void settled(void *ctx)
{
        struct session *s = ctx;

        set_state(s, SESSION_WAITING);
        session_reclaim(s);
        auto_free char *reason = steal(&s->reason);
        bool at_once = s->again_at_once;
        s->again_at_once = false;
        if (s->intent == SESSION_END)
                end(s);
        else if (s->intent == SESSION_REPLACE)
                take_replacement(s);
        else if (at_once)
                dial(s);
        else
                stay_or_look(s, reason);
}

/* Ends in settled(). */
static void drop_handle(struct session *s)
{
        loop_timer_stop(&s->timer);
        resolve_cancel(s->resolving);
        s->resolving = NULL;
        set_state(s, SESSION_SETTLING);
        if (s->paho)
                paho_free(steal(&s->paho));
        else
                settled(s);
}

static void goodbye(struct session *s)
{
        if (paho_disconnect(s->paho) < 0) {
                drop_handle(s);
                return;
        }
        set_state(s, SESSION_CLOSING);
        loop_timer_start(&s->timer, goodbye_ns, 0);
}

/* --- dialling */

static void store_addresses(struct session *s, const struct resolve_address *list, size_t n)
{
        free(s->addresses);
        s->addresses = xmemdup(list, n * sizeof(*list));
        s->n_addresses = n;
}

static void on_found(void *ctx, const struct resolve_address *list, size_t n, const char *reason)
{
        struct session *s = ctx;

        s->resolving = NULL;
        if (n)
                store_addresses(s, list, n);
        s->address = 0;
        if (s->n_addresses) /* of before, when the name server is away */
                dial(s);
        else
                away(s, reason);
}

static void begin(struct session *s)
{
        set_state(s, SESSION_RESOLVING);
        /* The library would look names up under a lock that all its clients share. */
        struct resolve *q = resolve_start(s->env->resolver, s->env->loop, s->settings->host,
                                          s->settings->port, on_found, s);
        if (q)
                s->resolving = q;
}

static void uri_of(const struct resolve_address *a, char *out, size_t size)
{
        char host[128];
        char port[16];
        socklen_t len = a->len;

        if (getnameinfo((const struct sockaddr *)&a->sa, len, host, sizeof(host), port,
                        sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
                *host = *port = '\0';
        (void)snprintf(out, size, strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

static void on_event(void *ctx, const struct paho_event *ev);

static int connect_handle(struct session *s, struct err *e)
{
        const struct paho_hooks hooks = {
                .ctx = s, .event = on_event, .delivered = session_delivered, .gone = settled
        };
        int version = s->settings->version;
        char uri[192];
        int rc;

        if (version == 0)
                version = s->version ? s->version : 4;
        s->version = version;
        uri_of(&s->addresses[s->address], uri, sizeof(uri));
        if (!s->paho) {
                rc = paho_new(s->env->loop, s->settings, uri, &hooks, &s->paho, e);
                if (rc < 0)
                        return rc;
        }
        return paho_connect(s->paho, s->settings, uri, version, WINDOW, e);
}

static void dial(struct session *s)
{
        struct err e = { 0 };

        int rc = connect_handle(s, &e);
        if (rc == DL_RETRY) {
                away(s, e.text);
                return;
        }
        if (rc < 0) {
                halt(s, DL_CONFIG, e.text);
                return;
        }
        set_state(s, SESSION_CONNECTING);
        if (!s->settings->connect_timeout_ns)
                return;
        /* A handle with messages in flight is only given up when the library itself does not. */
        loop_timer_start(&s->timer,
                         s->settings->connect_timeout_ns +
                                 (s->n_flight ? flight_slack_ns : connect_slack_ns),
                         0);
}

static void no_answer(struct session *s, const char *what)
{
        char text[320];

        (void)snprintf(text, sizeof(text), "%s: %s", s->settings->server, what);
        if (s->address + 1 < s->n_addresses) {
                s->address++;
                dial(s);
        } else {
                away(s, text);
        }
}

static void refused(struct session *s, int code)
{
        char text[320];

        if (s->settings->version == 0 && s->version == 4 && code == 1) {
                s->version = 3;
                dial(s);
                return;
        }
        if (s->settings->version == 0)
                s->version = 4;
        (void)snprintf(text, sizeof(text), "%s refused: %s (%d)", s->settings->server,
                       reason_text(code), code);
        if (reason_is_passing(code))
                away(s, text);
        else
                turned_away(s, text);
}

static void on_refused(struct session *s, const struct paho_event *ev)
{
        if (s->state != SESSION_CONNECTING)
                return;
        loop_timer_stop(&s->timer);
        if (ev->code > 0) {
                refused(s, ev->code);
                return;
        }
        if (!ev->talked) {
                no_answer(s, "no connection");
                return;
        }
        /* Some brokers of old hang up instead of answering to a version they do not know. */
        if (s->settings->version == 0)
                s->version = s->version == 4 ? 3 : 4;
        no_answer(s, "closed the connection before answering");
}

/* --- connected */

static void take_limits(struct session *s, const struct paho_event *ev)
{
        s->window = WINDOW;
        if (ev->receive_max && ev->receive_max < WINDOW)
                s->window = ev->receive_max;
        s->window_twice = s->version == 5 ? s->window : WINDOW_TWICE;
        s->max_packet = ev->max_packet;
        s->max_qos = ev->max_qos;
        s->retain_available = ev->retain_available;
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
        nodelay_connected(&s->env->nodelay, &s->addresses[s->address]);
        take_limits(s, ev);
        s->connected_ns = s->progress_ns = loop_now(s->env->loop);
        s->proved = false;
        set_state(s, SESSION_CONNECTED);
        (void)snprintf(text, sizeof(text), "connected to %s, MQTT %s", s->settings->server,
                       names[s->version]);
        report(s, 0, text);
        s->env->busy(s->env->ctx, s);
}

static void keep_handle(struct session *s)
{
        auto_free char *reason = steal(&s->reason);

        loop_timer_stop(&s->timer);
        set_state(s, SESSION_WAITING);
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

static void on_event(void *ctx, const struct paho_event *ev)
{
        struct session *s = ctx;

        switch (ev->kind) {
        case PAHO_CONNECTED:
                on_connected(s, ev);
                break;
        case PAHO_REFUSED:
                on_refused(s, ev);
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
                begin(s);
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
        s->box = (struct outbox){ .budget = &env->budget, .dropped = session_dropped, .ctx = s };
        s->backoff = BACKOFF(NS_PER_S, NS_PER_S);
        s->window = WINDOW;
        s->max_qos = 2;
        s->retain_available = true;
        loop_timer_init(&s->timer, env->loop, on_timer, s);
        return s;
}

void session_start(struct session *s)
{
        assert(s->state == SESSION_IDLE);
        begin(s);
}

static void wind_down(struct session *s, int64_t quiesce_ns)
{
        switch (s->state) {
        case SESSION_CONNECTED:
                set_state(s, SESSION_DRAINING);
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
