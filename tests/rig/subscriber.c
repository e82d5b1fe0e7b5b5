/* subscriber.c - see subscriber.h */
/* libs: mosquitto */
#include "rig/subscriber.h"

#include "rig/process.h"

#include <mosquitto.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subscriber {
        struct mosquitto *client;
        pthread_mutex_t lock;
        struct received *list;
        size_t n;
        size_t cap;
        char *topic;
        bool subscribed;
};

static void on_connect(struct mosquitto *client, void *ctx, int rc)
{
        struct subscriber *s = ctx;

        if (rc == 0)
                (void)mosquitto_subscribe(client, NULL, s->topic, 2);
}

static void on_subscribe(struct mosquitto *client, void *ctx, int id, int n, const int *granted)
{
        struct subscriber *s = ctx;

        (void)client;
        (void)id;
        (void)n;
        (void)granted;
        (void)pthread_mutex_lock(&s->lock);
        s->subscribed = true;
        (void)pthread_mutex_unlock(&s->lock);
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *m)
{
        struct subscriber *s = ctx;
        char *payload = malloc((size_t)m->payloadlen + 1);

        (void)client;
        if (m->payloadlen > 0)
                memcpy(payload, m->payload, (size_t)m->payloadlen);
        payload[m->payloadlen] = '\0';
        (void)pthread_mutex_lock(&s->lock);
        if (s->n == s->cap) {
                s->cap = s->cap ? s->cap * 2 : 256;
                s->list = realloc(s->list, s->cap * sizeof(*s->list));
        }
        s->list[s->n++] = (struct received){
                .topic = strdup(m->topic),
                .payload = payload,
                .len = (size_t)m->payloadlen,
                .qos = m->qos,
                .retained = m->retain,
                .at_ms = rig_now_ms(),
        };
        (void)pthread_mutex_unlock(&s->lock);
}

static bool is_subscribed(struct subscriber *s)
{
        (void)pthread_mutex_lock(&s->lock);
        bool yes = s->subscribed;
        (void)pthread_mutex_unlock(&s->lock);
        return yes;
}

struct subscriber *subscriber_start(uint16_t port, const char *topic)
{
        return subscriber_start_as(port, topic, NULL);
}

struct subscriber *subscriber_start_as(uint16_t port, const char *topic, const char *id)
{
        struct subscriber *s = calloc(1, sizeof(*s));

        (void)mosquitto_lib_init();
        (void)pthread_mutex_init(&s->lock, NULL);
        s->topic = strdup(topic);
        s->client = mosquitto_new(id, id == NULL, s);
        mosquitto_connect_callback_set(s->client, on_connect);
        mosquitto_subscribe_callback_set(s->client, on_subscribe);
        mosquitto_message_callback_set(s->client, on_message);
        (void)mosquitto_reconnect_delay_set(s->client, 1, 1, false);
        if (mosquitto_connect(s->client, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS)
                fail_msg("subscriber cannot connect to port %d", port);
        if (mosquitto_loop_start(s->client) != MOSQ_ERR_SUCCESS)
                fail_msg("subscriber: no thread");
        for (int64_t until = rig_now_ms() + 10000; !is_subscribed(s); rig_sleep_ms(2))
                if (rig_now_ms() > until)
                        fail_msg("not subscribed to %s within 10 s", topic);
        return s;
}

void subscriber_stop(struct subscriber *s)
{
        if (!s)
                return;
        (void)mosquitto_disconnect(s->client);
        (void)mosquitto_loop_stop(s->client, true);
        mosquitto_destroy(s->client);
        for (size_t i = 0; i < s->n; i++) {
                free(s->list[i].topic);
                free(s->list[i].payload);
        }
        free(s->list);
        free(s->topic);
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
}

size_t subscriber_count(struct subscriber *s)
{
        (void)pthread_mutex_lock(&s->lock);
        size_t n = s->n;
        (void)pthread_mutex_unlock(&s->lock);
        return n;
}

bool subscriber_wait(struct subscriber *s, size_t n, int within_ms)
{
        for (int64_t until = rig_now_ms() + within_ms; subscriber_count(s) < n; rig_sleep_ms(2))
                if (rig_now_ms() > until)
                        return false;
        return true;
}

/* The strings of an entry never move or change, so a copy of the entry is enough. */
static const struct received *entry(struct subscriber *s, size_t i)
{
        static struct received copy;

        copy = s->list[i];
        return &copy;
}

const struct received *subscriber_at(struct subscriber *s, size_t i)
{
        const struct received *r = NULL;

        (void)pthread_mutex_lock(&s->lock);
        if (i < s->n)
                r = entry(s, i);
        (void)pthread_mutex_unlock(&s->lock);
        return r;
}

const struct received *subscriber_last(struct subscriber *s, const char *topic, size_t since)
{
        const struct received *r = NULL;

        (void)pthread_mutex_lock(&s->lock);
        for (size_t i = s->n; i > since && !r; i--)
                if (strcmp(s->list[i - 1].topic, topic) == 0)
                        r = entry(s, i - 1);
        (void)pthread_mutex_unlock(&s->lock);
        return r;
}
