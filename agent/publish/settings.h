/* settings.h - what a link's MQTT section means: the session it wants and what it publishes there.
 *
 * settings_compile() decodes spec.extension.mqtt, resolves credentials, renders topics and refuses
 * by name what is not built yet.  struct settings is immutable, counted and may be held by any
 * thread.
 */
#ifndef PUBLISH_SETTINGS_H
#define PUBLISH_SETTINGS_H

#include "base/finding.h"
#include "model/spec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Everything that needs a new connection when it changes. */
struct settings {
        atomic_uint refs;
        const char *server; /* for people: "tcp://broker:1883", no credentials */
        const char *host;
        uint16_t port;
        const char *client_id;
        const char *username; /* NULL = none */
        const void *password; /* NULL = none */
        size_t password_len;
        const char *will_topic; /* NULL = no will */
        const void *will;
        size_t will_len;
        int version; /* 0 (3.1.1, then 3.1), 3, 4, 5 */
        bool clean;
        bool auto_reconnect;
        unsigned keep_alive_s;
        int64_t connect_timeout_ns; /* 0 = none */
        int64_t ping_timeout_ns;
        int64_t write_timeout_ns;
        int64_t wait_timeout_ns; /* 0 = none */
        int64_t quiesce_ns;
        int64_t max_reconnect_ns;
};

struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* NULL is fine */
bool settings_equal(const struct settings *a, const struct settings *b);
/* What is owed to one may be paid to the other: same broker, user and client id. */
bool settings_same_peer(const struct settings *a, const struct settings *b);
/* What may share a session: equal but for the password. */
bool settings_same_identity(const struct settings *a, const struct settings *b);

struct publication {
        struct settings *settings; /* NULL: the link has no section */
        char *topic;
        int qos;
        bool retained;
        bool shared;
        size_t depth; /* messages that wait while the broker is away, at least 1 */
};

void publication_done(struct publication *p);

/* node: for the client id of shared sessions.  Returns 0, or DL_CONFIG with *ret untouched;
 * findings have paths below spec->spec_path and lines. */
int settings_compile(const struct link_spec *spec, const char *node, struct findings *f,
                     struct publication *ret);

#endif
