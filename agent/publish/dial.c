/* dial.c - finding a broker: when to look, where, and what its refusals mean. */
#include "base/clock.h"
#include "base/mem.h"
#include "publish/reason.h"
#include "publish/session_impl.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const int64_t look_ns = 500 * NS_PER_MS; /* between attempts in a young outage */
static const int64_t young_ns = 300 * NS_PER_S;
enum { LOOKERS = 64 }; /* sessions that look for one broker that often; more take turns */

/* The library may need a second to see that a connection stands, and looks at its own time-outs
 * every three. */
static const int64_t connect_slack_ns = 1500 * NS_PER_MS;
static const int64_t flight_slack_ns = 5 * NS_PER_S;

/* --- waiting */

static void cap_backoff(struct session *s)
{
        s->backoff.max_ns = s->settings->max_reconnect_ns;
        if (s->backoff.max_ns < NS_PER_S)
                s->backoff.max_ns = NS_PER_S;
}

/* The more wait for one broker, the less each of them looks: the first that finds it tells all. */
static int64_t look_again_in(struct session *s)
{
        int64_t now = loop_now(s->env->loop);
        int64_t most = look_ns * (int64_t)(1 + s->peer->n_waiting / LOOKERS);

        cap_backoff(s);
        if (now - s->outage_ns >= young_ns)
                return backoff_next_ns(&s->backoff);
        if (most > s->backoff.max_ns)
                most = s->backoff.max_ns;
        return most / 2 + random_u32() % (most / 2);
}

static void wait_for(struct session *s, int64_t ns)
{
        session_set_state(s, SESSION_WAITING);
        if (!s->outage_ns)
                s->outage_ns = loop_now(s->env->loop);
        loop_timer_start(&s->timer, ns, 0);
}

void session_away(struct session *s, const char *text)
{
        if (!s->outage_ns)
                s->outage_ns = loop_now(s->env->loop);
        session_report(s, DL_RETRY, text);
        wait_for(s, look_again_in(s));
        peer_wait(s->peer, &s->wait);
}

/* Asking again and again with a wrong password would only fill the broker's log. */
static void turned_away(struct session *s, const char *text)
{
        session_report(s, DL_RETRY, text);
        cap_backoff(s);
        wait_for(s, backoff_next_ns(&s->backoff));
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
                session_dial(s);
        else
                session_away(s, reason);
}

void session_begin(struct session *s)
{
        session_set_state(s, SESSION_RESOLVING);
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

static int connect_handle(struct session *s, struct err *e)
{
        const struct paho_hooks hooks = { .ctx = s,
                                          .event = session_event,
                                          .delivered = session_delivered,
                                          .gone = session_settled };
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
        return paho_connect(s->paho, s->settings, uri, version, SESSION_WINDOW, e);
}

void session_dial(struct session *s)
{
        struct err e = { 0 };

        int rc = connect_handle(s, &e);
        if (rc == DL_RETRY) {
                session_away(s, e.text);
                return;
        }
        if (rc < 0) {
                session_halt(s, DL_CONFIG, e.text);
                return;
        }
        session_set_state(s, SESSION_CONNECTING);
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
                session_dial(s);
        } else {
                session_away(s, text);
        }
}

static void refused(struct session *s, int code)
{
        char text[320];

        if (s->settings->version == 0 && s->version == 4 && code == 1) {
                s->version = 3;
                session_dial(s);
                return;
        }
        if (s->settings->version == 0)
                s->version = 4;
        (void)snprintf(text, sizeof(text), "%s refused: %s (%d)", s->settings->server,
                       reason_text(code), code);
        if (reason_is_passing(code))
                session_away(s, text);
        else
                turned_away(s, text);
}

void session_refused(struct session *s, const struct paho_event *ev)
{
        if (s->state != SESSION_CONNECTING)
                return;
        loop_timer_stop(&s->timer);
        if (ev->code > 0) {
                refused(s, ev->code);
                return;
        }
        if (!ev->talked) {
                no_answer(s, ev->timed_out ? "no answer within connectTimeout" : "no connection");
                return;
        }
        /* Some brokers of old hang up instead of answering to a version they do not know. */
        if (s->settings->version == 0)
                s->version = s->version == 4 ? 3 : 4;
        no_answer(s, "closed the connection before answering");
}
