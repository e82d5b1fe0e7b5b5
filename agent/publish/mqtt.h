/* mqtt.h - the mqtt thread, from outside: sessions and routes to publish on.
 *
 * Threads   All calls on the loop given to mqtt_new(), where the hooks are called too.  What is
 *           asked for in one turn of that loop crosses to the mqtt thread as one message.
 * Life      mqtt_close() gives the session back: it is used no more, and closed() is called once
 *           when its connection has ended.  Routes end before their session.
 */
#ifndef PUBLISH_MQTT_H
#define PUBLISH_MQTT_H

#include "loop/resolve.h"
#include "publish/publish.h"
#include "publish/settings.h"

struct mqtt;
struct route;
struct mqtt_handle; /* a session, seen from this side */

struct mqtt_hooks {
        void *ctx;
        void (*state)(void *ctx, void *owner, int rc, const char *text);
        void (*closed)(void *ctx, void *owner);
};

struct mqtt *mqtt_new(struct loop *home, struct resolver *r, const struct mqtt_hooks *hooks);

/* Takes a reference of its own. */
struct mqtt_handle *mqtt_open(struct mqtt *m, struct settings *s, void *owner);
/* Same peer (settings_same_peer()): the queue stays. */
void mqtt_replace(struct mqtt_handle *h, struct settings *s);
void mqtt_close(struct mqtt_handle *h);

/* link: for the log.  depth: messages that wait while the broker is away. */
struct route *mqtt_route_new(struct mqtt_handle *h, const char *topic, const char *link, int qos,
                             bool retained, size_t depth);
void mqtt_route_end(struct mqtt *m, struct route *r);
size_t mqtt_route_queued(const struct route *r); /* messages, in flight too */
/* Copied. */
void mqtt_publish(struct mqtt *m, struct route *r, const void *data, size_t len);

/* members of publish_counts but for `sessions` */
void mqtt_count(const struct mqtt *m, struct publish_counts *ret);

/* Close everything within limit_ns; nothing is called on sessions and routes afterwards, and no
 * closed() comes.  done() when the thread has ended. */
void mqtt_stop(struct mqtt *m, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
/* After done(), or without it: then it stops at once. */
void mqtt_free(struct mqtt *m);

#endif
