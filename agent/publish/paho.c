/* paho.c - a client handle of paho.mqtt.c.
 *
 * The library's callbacks come from its two threads, under its locks: they fill in a message and
 * post it.  What they need lives until the handle is destroyed, after which the library calls
 * nobody. */
#include "publish/paho.h"

#include "base/clock.h"
#include "base/mem.h"

#include <MQTTAsync.h>
#include <limits.h>
#include <string.h>

struct paho {
        MQTTAsync handle;
        struct loop *loop;
        struct paho_hooks hooks;
        bool v5;
        bool keeps;          /* the session outlives the connection */
        bool dead;           /* destroyed: waiting for what was posted */
        atomic_uint posted;  /* and not delivered yet */
        atomic_uint orphans; /* messages the library has that nobody will be called for */
        atomic_int goodbye;  /* the broker's reason for ending the connection, MQTT 5 */
};

enum { LONG_S = 1000000 }; /* the library multiplies by 1,000 in an int */

static MQTTAsync keeper;

void paho_prepare(void)
{
        paho_guard_writes();
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread looks yet */
        (void)unsetenv("http_proxy");
}

void paho_library_start(void)
{
        /* A handle that does nothing: destroying the last one stops the library's threads, and
         * waits for them. */
        (void)MQTTAsync_create(&keeper, "tcp://127.0.0.1:1883", "", MQTTCLIENT_PERSISTENCE_NONE,
                               NULL);
}

void paho_library_end(void)
{
        if (keeper)
                MQTTAsync_destroy(&keeper);
        keeper = NULL;
}

/* --- what is posted */

static void settle(struct paho *p)
{
        if (atomic_fetch_sub(&p->posted, 1) != 1 || !p->dead)
                return;
        struct paho_hooks hooks = p->hooks;
        free(p);
        hooks.gone(hooks.ctx);
}

static void deliver_event(struct loop_message *m, bool cancelled)
{
        struct paho_event *ev = (struct paho_event *)m;
        struct paho *p = ev->paho;

        if (!cancelled && !p->dead)
                p->hooks.event(p->hooks.ctx, ev);
        free(ev);
        settle(p);
}

static void deliver_delivery(struct loop_message *m, bool cancelled)
{
        struct delivery *d = (struct delivery *)m;
        struct paho *p = d->paho;

        if (!cancelled)
                p->hooks.delivered(p->hooks.ctx, d);
        settle(p);
}

static struct paho_event *event_new(struct paho *p, enum paho_kind kind)
{
        struct paho_event *ev = xcalloc(1, sizeof(*ev));

        ev->message.deliver = deliver_event;
        ev->paho = p;
        ev->kind = kind;
        ev->max_qos = 2;
        ev->retain_available = true;
        return ev;
}

static void post(struct paho *p, struct loop_message *m)
{
        atomic_fetch_add(&p->posted, 1);
        loop_post(p->loop, m);
}

static void post_event(struct paho_event *ev)
{
        post(ev->paho, &ev->message);
}

/* --- the library's callbacks, on its threads */

static void on_connected(void *ctx, MQTTAsync_successData *data)
{
        struct paho_event *ev = event_new(ctx, PAHO_CONNECTED);

        ev->session_present = data && data->alt.connect.sessionPresent;
        post_event(ev);
}

static unsigned number(MQTTProperties *props, enum MQTTPropertyCodes code, unsigned fallback)
{
        if (!MQTTProperties_hasProperty(props, code))
                return fallback;
        return (unsigned)MQTTProperties_getNumericValue(props, code);
}

static void on_connected5(void *ctx, MQTTAsync_successData5 *data)
{
        struct paho_event *ev = event_new(ctx, PAHO_CONNECTED);

        if (data) {
                MQTTProperties *props = &data->properties;

                ev->session_present = data->alt.connect.sessionPresent;
                ev->receive_max = number(props, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, 0);
                ev->max_packet = number(props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0);
                ev->max_qos = (int)number(props, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2);
                ev->retain_available = number(props, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0;
        }
        post_event(ev);
}

static void refused(struct paho *p, int code, const char *why)
{
        struct paho_event *ev = event_new(p, PAHO_REFUSED);

        ev->code = code;
        ev->talked = why && strcmp(why, "TCP connect completion failure") == 0;
        ev->timed_out = why && strcmp(why, "TCP connect timeout") == 0;
        post_event(ev);
}

static void on_refused(void *ctx, MQTTAsync_failureData *data)
{
        refused(ctx, data ? data->code : MQTTASYNC_FAILURE, data ? data->message : NULL);
}

static void on_refused5(void *ctx, MQTTAsync_failureData5 *data)
{
        if (data && data->code <= 0 && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
                refused(ctx, (int)data->reasonCode, NULL);
        else
                refused(ctx, data ? data->code : MQTTASYNC_FAILURE, data ? data->message : NULL);
}

static void on_lost(void *ctx, char *cause)
{
        struct paho *p = ctx;
        struct paho_event *ev = event_new(p, PAHO_LOST);

        (void)cause; /* always NULL */
        ev->code = atomic_exchange(&p->goodbye, 0);
        post_event(ev);
}

static void on_goodbye(void *ctx, MQTTProperties *props, enum MQTTReasonCodes code)
{
        struct paho *p = ctx;

        (void)props;
        atomic_store(&p->goodbye, (int)code);
}

static int on_message(void *ctx, char *topic, int topic_len, MQTTAsync_message *m)
{
        /* Nothing is subscribed to; a session that the broker kept may have been by others. */
        (void)ctx;
        (void)topic_len;
        MQTTAsync_freeMessage(&m);
        MQTTAsync_free(topic);
        return 1;
}

static void on_complete(void *ctx, MQTTAsync_token token)
{
        struct paho *p = ctx;

        if (atomic_load(&p->orphans) == 0)
                return;
        struct paho_event *ev = event_new(p, PAHO_LATE);
        ev->token = token;
        post_event(ev);
}

static void on_closed(void *ctx, MQTTAsync_successData *data)
{
        (void)data;
        post_event(event_new(ctx, PAHO_CLOSED));
}

static void on_closed5(void *ctx, MQTTAsync_successData5 *data)
{
        (void)data;
        post_event(event_new(ctx, PAHO_CLOSED));
}

static void on_not_closed(void *ctx, MQTTAsync_failureData *data)
{
        (void)data;
        post_event(event_new(ctx, PAHO_CLOSED));
}

static void on_not_closed5(void *ctx, MQTTAsync_failureData5 *data)
{
        (void)data;
        post_event(event_new(ctx, PAHO_CLOSED));
}

static void finish(struct delivery *d, enum delivery_result result, int code)
{
        d->result = result;
        d->code = code;
        post(d->paho, &d->message);
}

static void on_delivered(void *ctx, MQTTAsync_successData *data)
{
        (void)data;
        finish(ctx, DELIVERY_DONE, 0);
}

static void on_delivered5(void *ctx, MQTTAsync_successData5 *data)
{
        (void)data;
        finish(ctx, DELIVERY_DONE, 0);
}

/* When writing fails the library answers with -1 and forgets the call, but in a session that
 * outlives the connection it keeps the message and sends it again: to send it once more would
 * double it. */
static void failed(struct delivery *d, int code, int token)
{
        struct paho *p = d->paho;

        if (code == MQTTASYNC_FAILURE && p->keeps && d->qos > 0) {
                d->token = token;
                atomic_fetch_add(&p->orphans, 1);
                finish(d, DELIVERY_ORPHAN, code);
        } else {
                finish(d, DELIVERY_FAILED, code);
        }
}

static void on_failed(void *ctx, MQTTAsync_failureData *data)
{
        failed(ctx, data ? data->code : MQTTASYNC_OPERATION_INCOMPLETE, data ? data->token : 0);
}

static void on_failed5(void *ctx, MQTTAsync_failureData5 *data)
{
        if (data && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
                finish(ctx, DELIVERY_REFUSED, (int)data->reasonCode);
        else
                failed(ctx, data ? data->code : MQTTASYNC_OPERATION_INCOMPLETE,
                       data ? data->token : 0);
}

/* --- calls */

static int check(int rc, const char *what, struct err *e)
{
        switch (rc) {
        case MQTTASYNC_SUCCESS:
                return 0;
        case MQTTASYNC_BAD_UTF8_STRING:
        case MQTTASYNC_BAD_QOS:
        case MQTTASYNC_NULL_PARAMETER:
        case MQTTASYNC_BAD_STRUCTURE:
        case MQTTASYNC_BAD_PROTOCOL:
        case MQTTASYNC_BAD_MQTT_OPTION:
        case MQTTASYNC_WRONG_MQTT_VERSION:
        case MQTTASYNC_0_LEN_WILL_TOPIC:
                return err_set(e, DL_REFUSED, "the MQTT library refuses to %s (%d)", what, rc);
        default:
                return err_set(e, DL_RETRY, "the MQTT library cannot %s now (%d)", what, rc);
        }
}

int paho_new(struct loop *l, const struct settings *s, const char *uri,
             const struct paho_hooks *hooks, struct paho **ret, struct err *e)
{
        /* struct_version 1: 1.3.12 does not take all versions that its header knows. */
        MQTTAsync_createOptions o = MQTTAsync_createOptions_initializer;
        struct paho *p = xcalloc(1, sizeof(*p));

        o.struct_version = 1;
        o.MQTTVersion = s->version == 5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT;
        o.maxBufferedMessages = INT_MAX; /* the window is kept on our side */
        p->loop = l;
        p->hooks = *hooks;
        p->v5 = s->version == 5;
        p->keeps = !s->clean;
        int rc = MQTTAsync_createWithOptions(&p->handle, uri, s->client_id,
                                             MQTTCLIENT_PERSISTENCE_NONE, NULL, &o);
        if (rc == MQTTASYNC_SUCCESS)
                rc = MQTTAsync_setCallbacks(p->handle, p, on_lost, on_message,
                                            p->keeps ? on_complete : NULL);
        if (rc == MQTTASYNC_SUCCESS && p->v5)
                rc = MQTTAsync_setDisconnected(p->handle, p, on_goodbye);
        if (rc != MQTTASYNC_SUCCESS) {
                if (p->handle)
                        MQTTAsync_destroy(&p->handle);
                free(p);
                (void)check(rc, "make a client", e);
                return DL_BUG;
        }
        *ret = p;
        return 0;
}

/* The library counts from before it looks for the first time, which may take it a second. */
static int seconds(int64_t ns)
{
        enum { LOOK_S = 2 };

        if (ns == 0 || ns > LONG_S * NS_PER_S)
                return LONG_S;
        return (int)((ns + NS_PER_S - 1) / NS_PER_S) + LOOK_S;
}

static void session_of(const struct paho *p, const struct settings *s, MQTTProperties *props,
                       MQTTAsync_connectOptions *o)
{
        MQTTProperty expiry = { .identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL };

        if (!p->v5) {
                o->cleansession = s->clean;
                return;
        }
        o->cleansession = 0;
        o->cleanstart = s->clean;
        if (s->clean)
                return;
        expiry.value.integer4 = UINT_MAX; /* never: as MQTT 3.1.1 */
        (void)MQTTProperties_add(props, &expiry);
        o->connectProperties = props;
}

int paho_connect(struct paho *p, const struct settings *s, const char *uri, int version, int window,
                 struct err *e)
{
        const MQTTAsync_connectOptions v4 = MQTTAsync_connectOptions_initializer;
        const MQTTAsync_connectOptions v5 = MQTTAsync_connectOptions_initializer5;
        MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
        MQTTAsync_connectOptions o = p->v5 ? v5 : v4;
        MQTTProperties props = MQTTProperties_initializer;
        auto_free char *uris = xstrdup(uri);

        session_of(p, s, &props, &o);
        o.keepAliveInterval = (int)s->keep_alive_s;
        o.maxInflight = window;
        o.connectTimeout = seconds(s->connect_timeout_ns);
        o.MQTTVersion = version;
        o.username = s->username;
        o.binarypwd.data = s->password;
        o.binarypwd.len = (int)s->password_len;
        o.serverURIcount = 1;
        o.serverURIs = &uris;
        o.context = p;
        if (p->v5) {
                o.onSuccess5 = on_connected5;
                o.onFailure5 = on_refused5;
        } else {
                o.onSuccess = on_connected;
                o.onFailure = on_refused;
        }
        if (s->will_topic) {
                will.topicName = s->will_topic;
                will.payload.data = s->will;
                will.payload.len = (int)s->will_len;
                will.qos = 1;
                will.retained = 1;
                o.will = &will;
        }
        int rc = MQTTAsync_connect(p->handle, &o);
        MQTTProperties_free(&props);
        return check(rc, "connect", e);
}

int paho_publish(struct paho *p, const struct paho_message *m, struct delivery *d, struct err *e)
{
        MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;
        MQTTAsync_message message = MQTTAsync_message_initializer;

        *d = (struct delivery){ .message.deliver = deliver_delivery, .paho = p, .qos = m->qos };
        o.context = d;
        if (p->v5) {
                o.onSuccess5 = on_delivered5;
                o.onFailure5 = on_failed5;
        } else {
                o.onSuccess = on_delivered;
                o.onFailure = on_failed;
        }
        /* The library only reads it. */
        memcpy(&message.payload, &m->data, sizeof(message.payload));
        message.payloadlen = (int)m->len;
        message.qos = m->qos;
        message.retained = m->retained;
        return check(MQTTAsync_sendMessage(p->handle, m->topic, &message, &o), "publish", e);
}

int paho_disconnect(struct paho *p)
{
        const MQTTAsync_disconnectOptions v4 = MQTTAsync_disconnectOptions_initializer;
        const MQTTAsync_disconnectOptions v5 = MQTTAsync_disconnectOptions_initializer5;
        MQTTAsync_disconnectOptions o = p->v5 ? v5 : v4;

        /* No time-out: the library looks only every 3 s whether what it waits for has happened, so
         * the waiting is ours. */
        o.timeout = 0;
        o.context = p;
        if (p->v5) {
                o.onSuccess5 = on_closed5;
                o.onFailure5 = on_not_closed5;
        } else {
                o.onSuccess = on_closed;
                o.onFailure = on_not_closed;
        }
        return check(MQTTAsync_disconnect(p->handle, &o), "disconnect", NULL);
}

void paho_late_taken(struct paho *p)
{
        atomic_fetch_sub(&p->orphans, 1);
}

void paho_free(struct paho *p)
{
        MQTTAsync_destroy(&p->handle);
        p->dead = true;
        atomic_fetch_add(&p->posted, 1);
        settle(p);
}
