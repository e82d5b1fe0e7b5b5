/* Every option has its documented name, default, bounds and meaning; what is not built is refused.
 */
#include "publish/options.h"

#include "base/clock.h"
#include "publish/publish.h"
#include "publish/settings.h"
#include "spec_of.h"

#include <stdio.h>

/* The shortest section, with more lines below client and below message. */
#define SECTION(client, message)                                                                   \
        "extension:\n"                                                                             \
        "  mqtt:\n"                                                                                \
        "    client:\n"                                                                            \
        "      server: tcp://broker:1884\n" client "    message:\n"                                \
        "      topic: a/:namespace/:name\n" message

struct compiled {
        struct link_spec *spec;
        struct findings f;
        struct publication p;
        int rc;
};

static struct compiled compile_spec(struct link_spec *spec)
{
        struct compiled c = { .spec = spec };

        c.rc = settings_compile(spec, "edge-1", &c.f, &c.p);
        return c;
}

static struct compiled compile(const char *yaml)
{
        return compile_spec(spec_of(yaml));
}

static void compiled_done(struct compiled *c)
{
        publication_done(&c->p);
        findings_done(&c->f);
        link_spec_unref(c->spec);
}

static struct compiled assert_good(const char *yaml)
{
        struct compiled c = compile(yaml);

        if (c.rc != 0) {
                char text[512];
                fail_msg("refused: %s", findings_first(&c.f, text, sizeof(text)));
        }
        return c;
}

static const struct finding *error_at(const struct findings *f, const char *path)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].severity == FINDING_ERROR && strcmp(f->list[i].path, path) == 0)
                        return &f->list[i];
        return NULL;
}

/* path: below spec.template.spec.extension.mqtt */
static void assert_refused(const char *yaml, const char *path, const char *text)
{
        struct compiled c = compile(yaml);
        char whole[256];

        (void)snprintf(whole, sizeof(whole), "spec.template.spec.extension.mqtt.%s", path);
        const struct finding *found = error_at(&c.f, whole);
        assert_int_equal(c.rc, DL_CONFIG);
        if (!found || !strstr(found->text, text)) {
                char first[512];
                fail_msg("expected '%s: ..%s..', got '%s'", whole, text,
                         findings_first(&c.f, first, sizeof(first)));
        }
        assert_true(found->line > 0);
        compiled_done(&c);
}

static void assert_warned(const char *yaml, const char *path)
{
        struct compiled c = assert_good(yaml);
        bool found = false;

        for (size_t i = 0; i < c.f.n; i++)
                found |= c.f.list[i].severity == FINDING_WARNING &&
                         strstr(c.f.list[i].path, path) != NULL;
        if (!found)
                fail_msg("no warning at %s", path);
        compiled_done(&c);
}

static void defaults_are_those_of_the_contract(void **state)
{
        struct compiled c = assert_good(SECTION("", ""));
        const struct settings *s = c.p.settings;

        (void)state;
        assert_string_equal(s->server, "tcp://broker:1884");
        assert_string_equal(s->host, "broker");
        assert_int_equal(s->port, 1884);
        assert_string_equal(s->client_id, "octopus-835aea2e5f804d1488f540c4bda41aa3");
        assert_null(s->username);
        assert_null(s->password);
        assert_null(s->will_topic);
        assert_int_equal(s->version, 0);
        assert_true(s->clean);
        assert_true(s->auto_reconnect);
        assert_int_equal(s->keep_alive_s, 30);
        assert_int_equal(s->connect_timeout_ns, 30 * NS_PER_S);
        assert_int_equal(s->ping_timeout_ns, 10 * NS_PER_S);
        assert_int_equal(s->write_timeout_ns, 30 * NS_PER_S);
        assert_int_equal(s->wait_timeout_ns, 0);
        assert_int_equal(s->quiesce_ns, 5 * NS_PER_S);
        assert_int_equal(s->max_reconnect_ns, 600 * NS_PER_S);
        assert_string_equal(c.p.topic, "a/default/test");
        assert_int_equal(c.p.qos, 1);
        assert_true(c.p.retained);
        assert_false(c.p.shared);
        assert_int_equal(c.p.depth, 100);
        assert_int_equal(c.f.n, 0);
        compiled_done(&c);
}

static void every_option_is_read(void **state)
{
        struct compiled c = assert_good(SECTION("      protocolVersion: 5\n"
                                                "      basicAuth: {username: u, password: p}\n"
                                                "      cleanSession: false\n"
                                                "      store: {type: Memory}\n"
                                                "      connectTimeout: 1s\n"
                                                "      keepAlive: 2m\n"
                                                "      pingTimeout: 3s\n"
                                                "      order: true\n"
                                                "      writeTimeout: 4s\n"
                                                "      waitTimeout: 5s\n"
                                                "      disconnectQuiesce: 6s\n"
                                                "      autoReconnect: false\n"
                                                "      maxReconnectInterval: 7s\n"
                                                "      messageChannelDepth: 8\n",
                                                "      qos: 2\n"
                                                "      retained: false\n"
                                                "      path: p\n"
                                                "      operator: {read: r, write: w}\n"
                                                "      will: {topic: w/:uid, content: YQ==}\n"));
        const struct settings *s = c.p.settings;

        (void)state;
        assert_int_equal(s->version, 5);
        assert_string_equal(s->username, "u");
        assert_int_equal(s->password_len, 1);
        assert_memory_equal(s->password, "p", 1);
        assert_false(s->clean);
        assert_false(s->auto_reconnect);
        assert_int_equal(s->connect_timeout_ns, 1 * NS_PER_S);
        assert_int_equal(s->keep_alive_s, 120);
        assert_int_equal(s->ping_timeout_ns, 3 * NS_PER_S);
        assert_int_equal(s->write_timeout_ns, 4 * NS_PER_S);
        assert_int_equal(s->wait_timeout_ns, 5 * NS_PER_S);
        assert_int_equal(s->quiesce_ns, 6 * NS_PER_S);
        assert_int_equal(s->max_reconnect_ns, 7 * NS_PER_S);
        assert_string_equal(s->will_topic, "w/835aea2e-5f80-4d14-88f5-40c4bda41aa3");
        assert_int_equal(s->will_len, 1);
        assert_memory_equal(s->will, "a", 1);
        assert_int_equal(c.p.qos, 2);
        assert_false(c.p.retained);
        assert_int_equal(c.p.depth, 8);
        compiled_done(&c);
}

static void a_link_without_a_section_publishes_nothing(void **state)
{
        struct compiled c = assert_good("properties: []\n");
        struct compiled d = assert_good("extension: {}\n");

        (void)state;
        assert_null(c.p.settings);
        assert_null(d.p.settings);
        compiled_done(&c);
        compiled_done(&d);
}

static void a_section_needs_server_and_topic(void **state)
{
        (void)state;
        assert_refused("extension:\n  mqtt:\n    message: {topic: a}\n", "client", "required");
        assert_refused("extension:\n  mqtt:\n    client: {}\n    message: {topic: a}\n",
                       "client.server", "required");
        assert_refused("extension:\n  mqtt:\n    client: {server: 'tcp://b'}\n", "message",
                       "required");
        assert_refused(
                "extension:\n  mqtt:\n    client: {server: 'tcp://b'}\n    message: {qos: 1}\n",
                "message.topic", "required");
}

static void keep_alive_counts_whole_seconds(void **state)
{
        struct compiled c = assert_good(SECTION("      keepAlive: 1500ms\n", ""));
        struct compiled off = assert_good(SECTION("      keepAlive: 0s\n", ""));
        struct compiled one = assert_good(SECTION("      keepAlive: 1s\n", ""));

        (void)state;
        assert_int_equal(c.p.settings->keep_alive_s, 1);
        assert_int_equal(off.p.settings->keep_alive_s, 0);
        assert_int_equal(one.p.settings->keep_alive_s, 1);
        compiled_done(&c);
        compiled_done(&off);
        compiled_done(&one);
        assert_refused(SECTION("      keepAlive: 65536s\n", ""), "client.keepAlive", "expected");
}

static void values_out_of_bounds_are_refused_where_they_stand(void **state)
{
        (void)state;
        assert_refused(SECTION("      protocolVersion: 6\n", ""), "client.protocolVersion", "5");
        assert_refused(SECTION("      connectTimeout: -1s\n", ""), "client.connectTimeout",
                       "expected");
        assert_refused(SECTION("      waitTimeout: 5\n", ""), "client.waitTimeout", "expected");
        assert_refused(SECTION("      messageChannelDepth: -1\n", ""), "client.messageChannelDepth",
                       "expected");
        assert_refused(SECTION("      store: {type: Disk}\n", ""), "client.store.type", "Memory");
        assert_refused(SECTION("      store: {directoryPrefix: a/b}\n", ""),
                       "client.store.directoryPrefix", "absolute");
        assert_refused(SECTION("      store: {direcotryPrefix: /a/}\n", ""),
                       "client.store.direcotryPrefix", "absolute");
        assert_refused(SECTION("", "      qos: 3\n"), "message.qos", "expected");
        assert_refused(SECTION("", "      will: {content: Y, topic: a}\n"), "message.will.content",
                       "");
        assert_refused(SECTION("", "      will: {topic: a}\n"), "message.will.content", "required");
        assert_refused("extension:\n  mqtt:\n    client: {server: 'tcp://b'}\n"
                       "    message: {topic: a/}\n",
                       "message.topic", "slash");
        assert_refused("extension:\n  mqtt:\n    client: {server: 'http://b'}\n"
                       "    message: {topic: a}\n",
                       "client.server", "URL");
}

static void a_topic_with_a_wildcard_cannot_be_published_to(void **state)
{
        (void)state;
        assert_refused("extension:\n  mqtt:\n    client: {server: 'tcp://b'}\n"
                       "    message: {topic: a/+/b}\n",
                       "message.topic", "wildcards");
        assert_refused("extension:\n  mqtt:\n    client: {server: 'tcp://b'}\n"
                       "    message: {topic: ':path'}\n",
                       "message.topic", "empty");
}

static void what_is_not_built_yet_is_refused_by_name(void **state)
{
        static const char *const schemes[] = {
                "ssl", "tls", "tcps", "ws", "wss", "unix", "tcptcp"
        };

        (void)state;
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                char yaml[256];
                char want[64];

                (void)snprintf(yaml, sizeof(yaml),
                               "extension:\n  mqtt:\n    client: {server: '%s://b:1'}\n"
                               "    message: {topic: a}\n",
                               schemes[i]);
                (void)snprintf(want, sizeof(want), "%s:// is not built yet", schemes[i]);
                assert_refused(yaml, "client.server", want);
        }
        assert_refused(SECTION("      tlsConfig: {caFilePEM: x}\n", ""), "client.tlsConfig",
                       "TLS is not built yet");
        assert_refused(SECTION("      store: {type: File, directoryPrefix: /var/x}\n", ""),
                       "client.store.type", "File is not built yet");
        assert_refused(SECTION("      httpHeaders: {a: [b]}\n", ""), "client.httpHeaders",
                       "not built yet");
        assert_refused(SECTION("", "      will: {content: YQ==}\n    session: Shared\n"),
                       "message.will", "not built yet");
}

static void what_has_no_effect_is_said(void **state)
{
        (void)state;
        assert_warned(SECTION("      resumeSubs: true\n", ""), "client.resumeSubs");
        assert_warned(SECTION("      order: false\n", ""), "client.order");
        assert_warned(SECTION("      store: {direcotryPrefix: /a}\n", ""),
                      "client.store.directoryPrefix");
        assert_warned("extension:\n  mqtt:\n    client: {server: 'tcp://b/path'}\n"
                      "    message: {topic: a}\n",
                      "client.server");
        assert_warned(SECTION("      keepalive: 3s\n", ""), "client.keepalive");
}

static void assert_peer(const char *server, const char *host, int port, const char *user,
                        const char *password)
{
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml),
                       "extension:\n  mqtt:\n    client:\n      server: '%s'\n"
                       "      basicAuth: {username: bu, password: bp}\n"
                       "    message: {topic: a}\n",
                       server);
        struct compiled c = assert_good(yaml);
        assert_string_equal(c.p.settings->host, host);
        assert_int_equal(c.p.settings->port, port);
        assert_string_equal(c.p.settings->username, user);
        assert_int_equal(c.p.settings->password_len, strlen(password));
        assert_memory_equal(c.p.settings->password, password, strlen(password));
        assert_null(strstr(c.p.settings->server, password));
        compiled_done(&c);
}

static void the_url_names_host_port_and_may_override_the_credentials(void **state)
{
        (void)state;
        assert_peer("tcp://broker", "broker", 1883, "bu", "bp");
        assert_peer("tcp://broker/", "broker", 1883, "bu", "bp");
        assert_peer("tcp://10.1.2.3:1", "10.1.2.3", 1, "bu", "bp");
        assert_peer("tcp://[::1]:77", "::1", 77, "bu", "bp");
        assert_peer("tcp://[fe80::1]", "fe80::1", 1883, "bu", "bp");
        assert_peer("tcp://u:p%40w@broker:1", "broker", 1, "u", "p%40w");
        assert_peer("tcp://u:p@w@broker:1", "broker", 1, "u", "p@w");
        assert_peer("tcp://only@broker:1", "broker", 1, "only", "bp");
}

static void a_url_without_a_host_or_with_a_wrong_port_is_refused(void **state)
{
        static const char *const wrong[] = { "tcp://",        "tcp://:1883", "tcp://b:0",
                                             "tcp://b:65536", "tcp://b:x",   "tcp://::1",
                                             "tcp://[::1" };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                char yaml[256];

                (void)snprintf(yaml, sizeof(yaml),
                               "extension:\n  mqtt:\n    client: {server: '%s'}\n"
                               "    message: {topic: a}\n",
                               wrong[i]);
                assert_refused(yaml, "client.server", "expected host:port");
        }
}

/* --- credentials */

static const struct dl_reference references[] = {
        { .name = "broker", .item = "user", .data = "ru", .len = 2 },
        { .name = "broker", .item = "password", .data = "r\0p\n", .len = 4 },
        { .name = "broker", .item = "empty", .data = "", .len = 0 },
};

static struct link_spec *with_references(const char *yaml)
{
        struct link_spec *s = spec_of(yaml);

        s->has_references = true;
        s->references = references;
        s->n_references = sizeof(references) / sizeof(references[0]);
        return s;
}

#define AUTH(lines) SECTION("      basicAuth:\n" lines, "")
#define USER_REF "        usernameRef: {name: broker, item: user}\n"
#define PASSWORD_REF "        passwordRef: {name: broker, item: password}\n"

static void credentials_come_from_references_untrimmed(void **state)
{
        struct compiled c = compile_spec(with_references(AUTH(USER_REF PASSWORD_REF)));

        (void)state;
        assert_int_equal(c.rc, 0);
        assert_string_equal(c.p.settings->username, "ru");
        assert_int_equal(c.p.settings->password_len, 4);
        assert_memory_equal(c.p.settings->password, "r\0p\n", 4);
        compiled_done(&c);
}

static void a_literal_beats_a_reference(void **state)
{
        struct compiled c = compile_spec(with_references(
                AUTH("        username: lu\n        password: lp\n" USER_REF PASSWORD_REF)));

        (void)state;
        assert_int_equal(c.rc, 0);
        assert_string_equal(c.p.settings->username, "lu");
        assert_memory_equal(c.p.settings->password, "lp", 2);
        compiled_done(&c);
}

static void assert_auth_refused(struct link_spec *s, const char *path, const char *text)
{
        struct compiled c = compile_spec(s);
        char whole[256];

        (void)snprintf(whole, sizeof(whole),
                       "spec.template.spec.extension.mqtt.client.basicAuth.%s", path);
        const struct finding *f = error_at(&c.f, whole);
        assert_int_equal(c.rc, DL_CONFIG);
        assert_non_null(f);
        if (!strstr(f->text, text))
                fail_msg("expected '%s' in '%s'", text, f->text);
        compiled_done(&c);
}

static void both_credentials_must_be_there(void **state)
{
        (void)state;
        assert_auth_refused(spec_of(AUTH("        username: u\n")), "password", "not blank");
        assert_auth_refused(spec_of(AUTH("        password: p\n")), "username", "not blank");
        assert_auth_refused(spec_of(AUTH("        password: ''\n        username: u\n")),
                            "password", "not blank");
}

static void a_reference_that_leads_nowhere_is_refused(void **state)
{
        (void)state;
        assert_auth_refused(spec_of(AUTH(USER_REF PASSWORD_REF)), "usernameRef", "no references");
        assert_auth_refused(
                with_references(AUTH(USER_REF "        passwordRef: {name: x, item: password}\n")),
                "passwordRef", "no item");
        assert_auth_refused(with_references(AUTH(
                                    USER_REF "        passwordRef: {name: broker, item: empty}\n")),
                            "passwordRef", "empty");
        struct link_spec *s = with_references(AUTH(USER_REF PASSWORD_REF));
        s->reference_error = "Secret 'x' not found";
        assert_auth_refused(s, "usernameRef", "Secret 'x' not found");
}

static void assert_says_nothing_of(const char *yaml, const char *secret)
{
        struct compiled c = compile(yaml);

        assert_true(c.f.n > 0);
        for (size_t i = 0; i < c.f.n; i++)
                if (strstr(c.f.list[i].text, secret))
                        fail_msg("'%s' tells the secret", c.f.list[i].text);
        compiled_done(&c);
}

static void no_message_tells_a_secret(void **state)
{
        (void)state;
        assert_says_nothing_of(AUTH("        username: u\n        password: [hunter2]\n"),
                               "hunter2");
        assert_says_nothing_of(AUTH("        username: u\n        password: 4711471147\n"),
                               "4711471147");
        assert_says_nothing_of("extension:\n  mqtt:\n    client: {server: 'tcp:/u:hunter2@b'}\n"
                               "    message: {topic: a}\n",
                               "hunter2");
        assert_says_nothing_of("extension:\n  mqtt:\n    client: {server: 'tcp://u:hunter2@b:x'}\n"
                               "    message: {topic: a}\n",
                               "hunter2");
        assert_says_nothing_of("extension:\n  mqtt:\n    client: {server: 'ssl://u:hunter2@b:1'}\n"
                               "    message: {topic: a}\n",
                               "hunter2");
        assert_says_nothing_of(SECTION("      httpHeaders: {Authorization: [hunter2]}\n", ""),
                               "hunter2");
}

/* --- shared sessions */

static void shared_sessions_are_named_for_node_and_options(void **state)
{
        struct compiled a = assert_good(SECTION("", "    session: Shared\n"));
        struct compiled b = assert_good(SECTION("      keepAlive: 31s\n", "    session: Shared\n"));
        struct compiled c = assert_good(
                SECTION("      messageChannelDepth: 7\n", "      qos: 0\n    session: Shared\n"));

        (void)state;
        assert_true(a.p.shared);
        assert_memory_equal(a.p.settings->client_id, "devicelink-edge-1-", 18);
        assert_string_not_equal(a.p.settings->client_id, b.p.settings->client_id);
        assert_false(settings_same_identity(a.p.settings, b.p.settings));
        assert_true(settings_equal(a.p.settings, c.p.settings));
        compiled_done(&a);
        compiled_done(&b);
        compiled_done(&c);
}

static void a_client_id_tells_nothing_of_the_password(void **state)
{
        struct compiled a = assert_good(SECTION("      basicAuth: {username: u, password: one}\n",
                                                "    session: Shared\n"));
        struct compiled b = assert_good(SECTION("      basicAuth: {username: u, password: two}\n",
                                                "    session: Shared\n"));

        (void)state;
        assert_string_equal(a.p.settings->client_id, b.p.settings->client_id);
        assert_true(settings_same_identity(a.p.settings, b.p.settings));
        assert_false(settings_equal(a.p.settings, b.p.settings));
        compiled_done(&a);
        compiled_done(&b);
}

static void only_what_needs_a_new_connection_makes_settings_differ(void **state)
{
        struct compiled a = assert_good(SECTION("", ""));
        struct compiled b =
                assert_good(SECTION("      messageChannelDepth: 3\n",
                                    "      qos: 0\n      retained: false\n      path: x\n"
                                    "      operator: {write: w}\n"));
        struct compiled c = assert_good(SECTION("", "      will: {content: ''}\n"));

        (void)state;
        assert_true(settings_equal(a.p.settings, b.p.settings));
        assert_false(settings_equal(a.p.settings, c.p.settings));
        assert_true(settings_same_peer(a.p.settings, c.p.settings));
        assert_string_equal(c.p.settings->will_topic, "a/default/test/$will");
        assert_int_equal(c.p.settings->will_len, 0);
        compiled_done(&a);
        compiled_done(&b);
        compiled_done(&c);
}

static void the_check_reports_what_applying_would(void **state)
{
        struct link_spec *good = spec_of(SECTION("", ""));
        struct link_spec *bad = spec_of(SECTION("      tlsConfig: {}\n", "      qos: 9\n"));
        struct findings f = { 0 };

        (void)state;
        assert_int_equal(publish_check(good, &f), 0);
        assert_int_equal(f.n, 0);
        assert_int_equal(publish_check(bad, &f), DL_CONFIG);
        assert_non_null(error_at(&f, "spec.template.spec.extension.mqtt.message.qos"));
        findings_done(&f);
        link_spec_unref(good);
        link_spec_unref(bad);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_those_of_the_contract),
                cmocka_unit_test(every_option_is_read),
                cmocka_unit_test(a_link_without_a_section_publishes_nothing),
                cmocka_unit_test(a_section_needs_server_and_topic),
                cmocka_unit_test(keep_alive_counts_whole_seconds),
                cmocka_unit_test(values_out_of_bounds_are_refused_where_they_stand),
                cmocka_unit_test(a_topic_with_a_wildcard_cannot_be_published_to),
                cmocka_unit_test(what_is_not_built_yet_is_refused_by_name),
                cmocka_unit_test(what_has_no_effect_is_said),
                cmocka_unit_test(the_url_names_host_port_and_may_override_the_credentials),
                cmocka_unit_test(a_url_without_a_host_or_with_a_wrong_port_is_refused),
                cmocka_unit_test(credentials_come_from_references_untrimmed),
                cmocka_unit_test(a_literal_beats_a_reference),
                cmocka_unit_test(both_credentials_must_be_there),
                cmocka_unit_test(a_reference_that_leads_nowhere_is_refused),
                cmocka_unit_test(no_message_tells_a_secret),
                cmocka_unit_test(shared_sessions_are_named_for_node_and_options),
                cmocka_unit_test(a_client_id_tells_nothing_of_the_password),
                cmocka_unit_test(only_what_needs_a_new_connection_makes_settings_differ),
                cmocka_unit_test(the_check_reports_what_applying_would),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
