/* subscriber.h - an MQTT client that is not ours (libmosquitto), collecting what a broker sends.
 *
 * Threads: one of libmosquitto's fills the list, under a lock; all calls from the test's thread.
 */
#ifndef RIG_SUBSCRIBER_H
#define RIG_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct subscriber;

struct received {
        char *topic;
        char *payload; /* NUL-terminated */
        size_t len;
        int qos;
        bool retained;
        int64_t at_ms; /* monotonic, as rig_now_ms() */
};

/* Connects to 127.0.0.1:port, subscribes at QoS 2, and waits until subscribed; it reconnects by
 * itself. */
struct subscriber *subscriber_start(uint16_t port, const char *topic);
/* With a client id, and a session that the broker keeps while it is away. */
struct subscriber *subscriber_start_as(uint16_t port, const char *topic, const char *id);
void subscriber_stop(struct subscriber *s); /* NULL is fine */
size_t subscriber_count(struct subscriber *s);
/* False when there are fewer than n after within_ms. */
bool subscriber_wait(struct subscriber *s, size_t n, int within_ms);
/* The i-th, a copy that lives until the next call or the stop; NULL when there is none. */
const struct received *subscriber_at(struct subscriber *s, size_t i);
/* The newest of a topic since the i-th. */
const struct received *subscriber_last(struct subscriber *s, const char *topic, size_t since);

#endif
