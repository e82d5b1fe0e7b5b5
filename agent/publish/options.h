/* options.h - spec.extension.mqtt as it is written: the decode tables of octopus 4.1 and 4.2.
 *
 * The one source for names, defaults, bounds, enums, patterns and help.  What an option does is
 * said in its help; what it means for a session is decided in settings.c.  Threads: none shared.
 */
#ifndef PUBLISH_OPTIONS_H
#define PUBLISH_OPTIONS_H

#include "base/decode.h"
#include "model/spec.h"

struct auth_options {
        const char *username;
        struct reference_pick *username_ref;
        const char *password;
        struct reference_pick *password_ref;
};

struct tls_options {
        const char *ca;
        struct reference_pick *ca_ref;
        const char *cert;
        struct reference_pick *cert_ref;
        const char *key;
        struct reference_pick *key_ref;
        const char *server_name;
        bool insecure;
};

enum store_type { STORE_MEMORY, STORE_FILE };

struct store_options {
        int type; /* enum store_type */
        const char *prefix;
};

struct client_options {
        const char *server;
        int version; /* 0, 3, 4, 5 */
        struct auth_options *auth;
        struct tls_options *tls;
        bool clean_session;
        struct store_options store;
        bool resume_subs;
        int64_t connect_timeout_ns;
        int64_t keep_alive_ns;
        int64_t ping_timeout_ns;
        bool order;
        int64_t write_timeout_ns;
        int64_t wait_timeout_ns; /* 0 = none */
        int64_t quiesce_ns;
        bool auto_reconnect;
        int64_t max_reconnect_ns;
        int64_t depth;
        const struct tree *headers;
};

struct will_options {
        const char *topic;
        const char *content;
};

struct operator_options {
        const char *read;
        const char *write;
};

struct message_options {
        const char *topic;
        int64_t qos;
        bool retained;
        const char *path;
        struct operator_options operation;
        struct will_options *will;
};

enum session_kind { SESSION_PER_LINK, SESSION_SHARED };

struct mqtt_options {
        struct client_options client;
        struct message_options message;
        int session; /* enum session_kind */
};

struct extension_options {
        struct mqtt_options *mqtt; /* NULL: nothing is published */
};

extern const struct field extension_fields[];

/* Decode `extension` (NULL = absent) of a device's spec. */
int options_decode(const struct tree *extension, const char *path, struct arena *a,
                   struct extension_options *ret, struct findings *f);

#endif
