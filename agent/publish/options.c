/* options.c - the tables of spec.extension.mqtt. */
#include "publish/options.h"

#include "base/clock.h"

#define SERVER_PATTERN "(ws|wss|tcp|unix|ssl|tls|tcps)+://[^[:space:]]*"
#define KEEP_ALIVE_MAX_NS (INT64_C(65536) * NS_PER_S - 1) /* 16 bits of whole seconds */

static const struct field_choice versions[] = {
        { "0", 0 }, { "3", 3 }, { "4", 4 }, { "5", 5 }, { NULL, 0 },
};

static const struct field_choice store_types[] = {
        { "Memory", STORE_MEMORY },
        { "File", STORE_FILE },
        { NULL, 0 },
};

static const struct field_choice sessions[] = {
        { "PerLink", SESSION_PER_LINK },
        { "Shared", SESSION_SHARED },
        { NULL, 0 },
};

#define REFERENCE(type, member, key, what)                                                         \
        FIELD_POINTER(type, member, key, reference_pick_fields, struct reference_pick,             \
                      .help = what " from an item of spec.references")

static const struct field auth_fields[] = {
        FIELD_TEXT(struct auth_options, username, "username", .help = "user name"),
        REFERENCE(struct auth_options, username_ref, "usernameRef", "user name"),
        FIELD_TEXT(struct auth_options, password, "password", .secret = true, .help = "password"),
        REFERENCE(struct auth_options, password_ref, "passwordRef", "password"),
        FIELD_END,
};

static const struct field tls_fields[] = {
        FIELD_TEXT(struct tls_options, ca, "caFilePEM", .help = "certificates to trust"),
        REFERENCE(struct tls_options, ca_ref, "caFilePEMRef", "certificates to trust"),
        FIELD_TEXT(struct tls_options, cert, "certFilePEM", .help = "certificate of the client"),
        REFERENCE(struct tls_options, cert_ref, "certFilePEMRef", "certificate of the client"),
        FIELD_TEXT(struct tls_options, key, "keyFilePEM", .secret = true,
                   .help = "key of the client"),
        REFERENCE(struct tls_options, key_ref, "keyFilePEMRef", "key of the client"),
        FIELD_TEXT(struct tls_options, server_name, "serverName",
                   .help = "name to expect in the broker's certificate"),
        FIELD_BOOL(struct tls_options, insecure, "insecureSkipVerify",
                   .help = "trust any certificate"),
        FIELD_END,
};

static const struct field store_fields[] = {
        FIELD_CHOICE(struct store_options, type, "type", store_types, .fallback = "Memory",
                     .help = "where messages wait for their acknowledgement"),
        FIELD_TEXT(struct store_options, prefix, "directoryPrefix", .alias = "direcotryPrefix",
                   .pattern = "/.*[^/]",
                   .pattern_says = "an absolute path without a slash at its end",
                   .help = "directory of File stores; default /var/run/octopus/mqtt"),
        FIELD_END,
};

#define WAIT(member, key, ...)                                                                     \
        FIELD_DURATION(struct client_options, member, key, .max = INT64_MAX, __VA_ARGS__)

static const struct field client_fields[] = {
        FIELD_TEXT(struct client_options, server, "server", .required = true, .secret = true,
                   .pattern = SERVER_PATTERN, .pattern_says = "a URL such as tcp://broker:1883",
                   .help = "the broker; a user name and password in it override basicAuth"),
        FIELD_CHOICE(struct client_options, version, "protocolVersion", versions, .fallback = "0",
                     .help = "3 = MQTT 3.1, 4 = 3.1.1, 5 = 5, 0 = 3.1.1 and, when refused, 3.1"),
        FIELD_POINTER(struct client_options, auth, "basicAuth", auth_fields, struct auth_options,
                      .help = "user name and password; both must be given"),
        FIELD_POINTER(struct client_options, tls, "tlsConfig", tls_fields, struct tls_options,
                      .help = "TLS"),
        FIELD_BOOL(struct client_options, clean_session, "cleanSession", .fallback = "true",
                   .help = "false: the broker keeps the session while disconnected"),
        FIELD_OBJECT(struct client_options, store, "store", store_fields,
                     .help = "store of messages that are not acknowledged"),
        FIELD_BOOL(struct client_options, resume_subs, "resumeSubs", .fallback = "false",
                   .help = "resume subscriptions of a kept session; publishing has none"),
        WAIT(connect_timeout_ns, "connectTimeout", .fallback = "30s",
             .help = "from dialling to the broker's welcome; 0 = no limit"),
        FIELD_DURATION(struct client_options, keep_alive_ns, "keepAlive", .fallback = "30s",
                       .max = KEEP_ALIVE_MAX_NS, .help = "cut to whole seconds; 0 = off"),
        WAIT(ping_timeout_ns, "pingTimeout", .fallback = "10s",
             .help = "silence beyond keepAlive, with messages unanswered, after which the "
                     "connection is given up"),
        FIELD_BOOL(struct client_options, order, "order", .fallback = "true",
                   .help = "messages of a link keep their order, whatever is said here"),
        WAIT(write_timeout_ns, "writeTimeout", .fallback = "30s",
             .help = "to write a QoS 0 message out, else the connection is given up; 0 = 30s"),
        WAIT(wait_timeout_ns, "waitTimeout",
             .help = "for an acknowledgement, else the connection is made anew and the message "
                     "sent again; after three times it is dropped; 0 = no limit of its own"),
        WAIT(quiesce_ns, "disconnectQuiesce", .fallback = "5s",
             .help = "for what is owed, before a disconnect"),
        FIELD_BOOL(struct client_options, auto_reconnect, "autoReconnect", .fallback = "true",
                   .help = "false: a lost connection stays lost until the section changes"),
        WAIT(max_reconnect_ns, "maxReconnectInterval", .fallback = "10m",
             .help = "longest wait between attempts"),
        FIELD_INT(struct client_options, depth, "messageChannelDepth", .fallback = "100", .min = 0,
                  .max = 1000000,
                  .help = "messages of a link that wait while the broker is away; the oldest is "
                          "dropped for the newest; 0 counts as 1"),
        FIELD_TREE(struct client_options, headers, "httpHeaders", .secret = true,
                   .help = "of a WebSocket"),
        FIELD_END,
};

static const struct field operator_fields[] = {
        FIELD_TEXT(struct operator_options, read, "read", .help = ":operator of subscriptions"),
        FIELD_TEXT(struct operator_options, write, "write",
                   .help = ":operator of what is published"),
        FIELD_END,
};

#define TOPIC_PATTERN ".*[^/]"
#define TOPIC_SAYS "a topic without a slash at its end"

static const struct field will_fields[] = {
        FIELD_TEXT(struct will_options, topic, "topic", .pattern = TOPIC_PATTERN,
                   .pattern_says = TOPIC_SAYS, .help = "default: the message's, and /$will"),
        FIELD_TEXT(struct will_options, content, "content", .required = true, .help = "Base64"),
        FIELD_END,
};

static const struct field message_fields[] = {
        FIELD_TEXT(struct message_options, topic, "topic", .required = true,
                   .pattern = TOPIC_PATTERN, .pattern_says = TOPIC_SAYS,
                   .help = "template: :namespace :name :uid :path :operator"),
        FIELD_INT(struct message_options, qos, "qos", .fallback = "1", .min = 0, .max = 2,
                  .help = "quality of service"),
        FIELD_BOOL(struct message_options, retained, "retained", .fallback = "true",
                   .help = "the broker keeps the last one"),
        FIELD_TEXT(struct message_options, path, "path", .help = ":path of topics"),
        FIELD_OBJECT(struct message_options, operation, "operator", operator_fields,
                     .help = ":operator of topics"),
        FIELD_POINTER(struct message_options, will, "will", will_fields, struct will_options,
                      .help = "published by the broker when the session breaks"),
        FIELD_END,
};

static const struct field mqtt_fields[] = {
        FIELD_OBJECT(struct mqtt_options, client, "client", client_fields, .required = true,
                     .help = "the connection"),
        FIELD_OBJECT(struct mqtt_options, message, "message", message_fields, .required = true,
                     .help = "what is published"),
        FIELD_CHOICE(struct mqtt_options, session, "session", sessions, .fallback = "PerLink",
                     .help = "Shared: one connection for all links of equal client options"),
        FIELD_END,
};

const struct field extension_fields[] = {
        FIELD_POINTER(struct extension_options, mqtt, "mqtt", mqtt_fields, struct mqtt_options,
                      .help = "publish the device's status over MQTT"),
        FIELD_END,
};

int options_decode(const struct tree *extension, const char *path, struct arena *a,
                   struct extension_options *ret, struct findings *f)
{
        return decode(extension, extension_fields, ret, sizeof(*ret), a, path, f);
}
