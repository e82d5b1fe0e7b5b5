/* compile.c - from the options as written to settings: what they mean, and what is refused. */
#include "publish/settings.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/resolve.h"
#include "publish/client_id.h"
#include "publish/options.h"
#include "publish/settings_pack.h"
#include "publish/will.h"

#include <string.h>

enum { HOST_MAX = 256, FIELD_MAX_BYTES = 65535 /* what MQTT has room for */ };

/* One compilation; everything found lives in the arena until it is packed. */
struct compilation {
        const struct link_spec *spec;
        const char *node;
        struct arena *arena;
        struct findings *f;
        const struct mqtt_options *o;
        struct topic_names names;
        struct settings out;
};

/* path: below extension.mqtt */
__attribute__((format(printf, 4, 5))) static void say(struct compilation *c,
                                                      enum finding_severity severity,
                                                      const char *path, const char *format, ...)
{
        char *below = arena_printf(c->arena, "extension.mqtt.%s", path);
        va_list args;

        va_start(args, format);
        auto_free char *text = xvasprintf(format, args);
        va_end(args);
        findings_add(c->f, severity, link_spec_line(c->spec, below),
                     arena_printf(c->arena, "%s.%s", c->spec->spec_path, below), "%s", text);
}

#define ERROR(c, path, ...) say((c), FINDING_ERROR, (path), __VA_ARGS__)
#define WARN(c, path, ...) say((c), FINDING_WARNING, (path), __VA_ARGS__)

/* --- server */

static const char *const not_built = "is not built yet";

static bool scheme_is_tcp(struct compilation *c, const char *url, size_t n)
{
        if (n == 3 && memcmp(url, "tcp", 3) == 0)
                return true;
        ERROR(c, "client.server", "%.*s:// %s: expected tcp://", (int)n, url, not_built);
        return false;
}

/* Text as it stands, as Octopus takes it: "p%40w" is the password p%40w. */
static void take_userinfo(struct compilation *c, const char *s, size_t n)
{
        const char *colon = memchr(s, ':', n);
        size_t user = colon ? (size_t)(colon - s) : n;

        c->out.username = arena_strndup(c->arena, s, user);
        if (colon) {
                c->out.password = colon + 1;
                c->out.password_len = n - user - 1;
        }
}

static void take_endpoint(struct compilation *c, const char *s, size_t n)
{
        const char *tail = s[0] == '[' ? memchr(s, ']', n) : s;
        bool has_port = tail && memchr(tail, ':', n - (size_t)(tail - s));
        char *endpoint = arena_printf(c->arena, "%.*s%s", (int)n, s, has_port ? "" : ":1883");
        char *host = arena_alloc(c->arena, HOST_MAX);
        struct err e = { 0 };

        if (resolve_split(endpoint, host, HOST_MAX, &c->out.port, &e) < 0) {
                ERROR(c, "client.server", "%s", e.text);
                return;
        }
        c->out.host = host;
        c->out.server = arena_printf(c->arena, "tcp://%s", endpoint);
}

static void take_server(struct compilation *c)
{
        const char *url = c->o->client.server;
        size_t scheme = strcspn(url, ":");

        if (!scheme_is_tcp(c, url, scheme))
                return;
        const char *s = url + scheme + strlen("://");
        size_t n = strcspn(s, "/?#");
        const char *at = memrchr(s, '@', n);
        if (strlen(s + n) > 1)
                WARN(c, "client.server", "what follows the port has no meaning with tcp://");
        if (at) {
                take_userinfo(c, s, (size_t)(at - s));
                n -= (size_t)(at + 1 - s);
                s = at + 1;
        }
        take_endpoint(c, s, n);
}

/* --- credentials */

struct credential {
        const void *data;
        size_t len;
};

/* A literal beats a reference; what is unknown or empty is blank. */
static struct credential resolve_credential(struct compilation *c, const char *path,
                                            const char *literal, const struct reference_pick *ref)
{
        if (literal && *literal)
                return (struct credential){ literal, strlen(literal) };
        if (!ref) {
                ERROR(c, path, "expected a text that is not blank");
                return (struct credential){ 0 };
        }
        char *ref_path = arena_printf(c->arena, "%sRef", path);
        if (!c->spec->has_references) {
                ERROR(c, ref_path, "the link has no references");
        } else if (c->spec->reference_error) {
                ERROR(c, ref_path, "the references cannot be resolved: %s",
                      c->spec->reference_error);
        } else {
                const struct dl_reference *r = link_spec_reference(
                        c->spec, ref->name ? ref->name : "", ref->item ? ref->item : "");
                if (r)
                        return (struct credential){ r->data, r->len };
                ERROR(c, ref_path, "there is no item '%s' of a reference '%s', or it is empty",
                      ref->item ? ref->item : "", ref->name ? ref->name : "");
        }
        return (struct credential){ 0 };
}

static void take_auth(struct compilation *c)
{
        const struct auth_options *a = c->o->client.auth;

        if (!a)
                return;
        struct credential user =
                resolve_credential(c, "client.basicAuth.username", a->username, a->username_ref);
        struct credential password =
                resolve_credential(c, "client.basicAuth.password", a->password, a->password_ref);
        c->out.password = password.data;
        c->out.password_len = password.len;
        if (!user.data)
                return;
        if (!text_is_utf8(user.data, user.len))
                ERROR(c, "client.basicAuth.username", "expected UTF-8 text");
        c->out.username = arena_strndup(c->arena, user.data, user.len);
}

static void check_sizes(struct compilation *c)
{
        if (c->out.username && strlen(c->out.username) > FIELD_MAX_BYTES)
                ERROR(c, "client.basicAuth.username", "expected at most %d bytes", FIELD_MAX_BYTES);
        if (c->out.password_len > FIELD_MAX_BYTES)
                ERROR(c, "client.basicAuth.password", "expected at most %d bytes", FIELD_MAX_BYTES);
}

/* --- what is refused, and what deserves a word */

static void refuse(struct compilation *c)
{
        const struct client_options *o = &c->o->client;

        if (o->tls)
                ERROR(c, "client.tlsConfig", "TLS %s", not_built);
        if (o->store.type == STORE_FILE)
                ERROR(c, "client.store.type", "File %s: expected Memory", not_built);
        else if (o->store.prefix)
                WARN(c, "client.store.directoryPrefix", "has no meaning with type Memory");
        if (tree_first(o->headers))
                ERROR(c, "client.httpHeaders", "ws:// and wss://, which they are for, %s",
                      "are not built yet");
        if (c->o->message.will && c->o->session == SESSION_SHARED)
                ERROR(c, "message.will",
                      "a will in a shared session %s: it would be one of many links", not_built);
        if (o->resume_subs)
                WARN(c, "client.resumeSubs", "publishing has no subscriptions to resume");
        if (!o->order)
                WARN(c, "client.order", "messages of a link keep their order all the same");
}

/* --- the rest */

/* Longer than any process lives; sums of such times stay far from the end of the numbers. */
static int64_t bounded(int64_t ns)
{
        const int64_t century = INT64_C(36525) * 24 * 3600 * NS_PER_S;

        return ns < century ? ns : century;
}

static void take_client(struct compilation *c)
{
        const struct client_options *o = &c->o->client;

        c->out.version = o->version;
        c->out.clean = o->clean_session;
        c->out.auto_reconnect = o->auto_reconnect;
        c->out.keep_alive_s = (unsigned)(o->keep_alive_ns / NS_PER_S);
        c->out.connect_timeout_ns = bounded(o->connect_timeout_ns);
        c->out.ping_timeout_ns = bounded(o->ping_timeout_ns);
        c->out.write_timeout_ns =
                bounded(o->write_timeout_ns ? o->write_timeout_ns : 30 * NS_PER_S);
        c->out.wait_timeout_ns = bounded(o->wait_timeout_ns);
        c->out.quiesce_ns = bounded(o->quiesce_ns);
        c->out.max_reconnect_ns = bounded(o->max_reconnect_ns);
}

static void take_will(struct compilation *c, struct buf *topic, struct buf *payload)
{
        const struct will_options *w = c->o->message.will;
        struct err e = { 0 };

        if (!w)
                return;
        if (will_topic(w->topic, c->o->message.topic, &c->names, topic, &e) < 0)
                ERROR(c, "message.will.topic", "%s", e.text);
        if (will_payload(w->content, strlen(w->content), payload, &e) < 0)
                ERROR(c, "message.will.content", "%s", e.text);
        c->out.will_topic = buf_text(topic);
        c->out.will = buf_text(payload);
        c->out.will_len = payload->len;
}

/* No password: the client id is derived from this and everybody may see it. */
static void name_client(struct compilation *c, struct buf *out)
{
        const struct settings *s = &c->out;

        if (c->o->session == SESSION_PER_LINK) {
                client_id(c->spec->uid ? c->spec->uid : "", s->version, out);
                return;
        }
        const char *identity = arena_printf(
                c->arena, "%s %s %d %d %d %u %lld %lld %lld %lld %lld %lld", s->server,
                s->username ? s->username : "", s->version, s->clean, s->auto_reconnect,
                s->keep_alive_s, (long long)s->connect_timeout_ns, (long long)s->ping_timeout_ns,
                (long long)s->write_timeout_ns, (long long)s->wait_timeout_ns,
                (long long)s->quiesce_ns, (long long)s->max_reconnect_ns);
        client_id_shared(c->node ? c->node : "", identity, s->version, out);
}

static void name_topics(struct compilation *c)
{
        const struct message_options *m = &c->o->message;

        c->names = (struct topic_names){ .space = c->spec->space,
                                         .name = c->spec->name,
                                         .uid = c->spec->uid,
                                         .path = m->path,
                                         .operation = m->operation.write };
}

static void finish(struct compilation *c, const struct buf *id, const char *topic,
                   struct publication *ret)
{
        c->out.client_id = id->data;
        *ret = (struct publication){
                .settings = settings_pack(&c->out),
                .topic = xstrdup(topic),
                .qos = (int)c->o->message.qos,
                .retained = c->o->message.retained,
                .shared = c->o->session == SESSION_SHARED,
                .depth = c->o->client.depth > 0 ? (size_t)c->o->client.depth : 1,
        };
}

static int compile_section(struct compilation *c, size_t errors_before, struct publication *ret)
{
        auto_of(buf) struct buf topic = BUF(TOPIC_MAX_BYTES);
        auto_of(buf) struct buf will_at = BUF(TOPIC_MAX_BYTES);
        auto_of(buf) struct buf will = BUF(WILL_MAX_BYTES);
        auto_of(buf) struct buf id = BUF(FIELD_MAX_BYTES);
        struct err e = { 0 };

        name_topics(c);
        take_auth(c);
        take_server(c);
        take_client(c);
        refuse(c);
        topic_render(c->o->message.topic, &c->names, &topic);
        if (topic_check(&topic, &e) < 0)
                ERROR(c, "message.topic", "%s", e.text);
        take_will(c, &will_at, &will);
        check_sizes(c);
        if (c->f->errors > errors_before)
                return DL_CONFIG;
        name_client(c, &id);
        if (!buf_ok(&id)) {
                ERROR(c, "client", "the client id has more than %d bytes", FIELD_MAX_BYTES);
                return DL_CONFIG;
        }
        finish(c, &id, buf_text(&topic), ret);
        return 0;
}

int settings_compile(const struct link_spec *spec, const char *node, struct findings *f,
                     struct publication *ret)
{
        auto_of(arena) struct arena *a = arena_new();
        struct extension_options x;
        size_t errors_before = f->errors;

        int rc = options_decode(tree_get(link_spec_tree(spec, a), "extension"),
                                arena_printf(a, "%s.extension", spec->spec_path), a, &x, f);
        if (rc < 0)
                return rc;
        if (!x.mqtt) {
                *ret = (struct publication){ 0 };
                return 0;
        }
        struct compilation c = { .spec = spec, .node = node, .arena = a, .f = f, .o = x.mqtt };
        return compile_section(&c, errors_before, ret);
}
