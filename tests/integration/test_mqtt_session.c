/* Sessions against a real broker, seen by a subscriber that is not ours. */
/* libs: dl_publish */
#include "rig/broker.h"
#include "rig/proxy.h"
#include "rig/publisher.h"
#include "rig/subscriber.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct test {
        struct broker broker;
        struct bench bench;
};

static int set_up(void **state)
{
        struct test *t = calloc(1, sizeof(*t));

        broker_up(&t->broker, NULL);
        bench_up(&t->bench);
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        struct test *t = *state;

        bench_down(&t->bench);
        broker_down(&t->broker);
        free(t);
        return 0;
}

static void assert_received(struct subscriber *s, size_t i, const char *topic, const char *payload)
{
        const struct received *r = subscriber_at(s, i);

        assert_non_null(r);
        assert_string_equal(r->topic, topic);
        assert_string_equal(r->payload, payload);
}

static void documents_arrive_with_their_qos(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");

        bench_link(&t->bench, "q0", t->broker.port, "", "topic: a/:name, qos: 0, retained: false");
        bench_link(&t->bench, "q1", t->broker.port, "", "topic: a/:name");
        bench_link(&t->bench, "q2", t->broker.port, "", "topic: a/:name, qos: 2");
        bench_apply(&t->bench);
        for (int i = 0; i < 3; i++) {
                char name[3] = { 'q', (char)('0' + i), '\0' };

                bench_expect(&t->bench, name, 0, "connected to tcp://127.0.0.1", 5000);
                bench_publish(&t->bench, name, "{\"n\":%d}", i);
                bench_drain(&t->bench, 5000);
                assert_true(subscriber_wait(s, (size_t)i + 1, 5000));
                assert_int_equal(subscriber_at(s, (size_t)i)->qos, i);
        }
        assert_received(s, 0, "a/q0", "{\"n\":0}");
        assert_received(s, 1, "a/q1", "{\"n\":1}");
        assert_received(s, 2, "a/q2", "{\"n\":2}");
        subscriber_stop(s);
}

static void only_retained_documents_stay_at_the_broker(void **state)
{
        struct test *t = *state;

        bench_link(&t->bench, "stays", t->broker.port, "", "topic: a/:name");
        bench_link(&t->bench, "goes", t->broker.port, "", "topic: a/:name, retained: false");
        bench_apply(&t->bench);
        bench_publish(&t->bench, "goes", "1");
        bench_publish(&t->bench, "stays", "2");
        bench_drain(&t->bench, 5000);
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");
        assert_true(subscriber_wait(s, 1, 5000));
        bench_run(&t->bench, 100);
        assert_int_equal(subscriber_count(s), 1);
        assert_received(s, 0, "a/stays", "2");
        assert_true(subscriber_at(s, 0)->retained);
        subscriber_stop(s);
}

static void assert_session(struct test *t, const char *client, const char *said)
{
        bench_link(&t->bench, "v", t->broker.port, client, "topic: a");
        bench_apply(&t->bench);
        if (!broker_log_wait(&t->broker, said, 5000))
                fail_msg("the broker never said '%s'", said);
}

static void the_broker_sees_version_id_keep_alive_and_clean_flag(void **state)
{
        struct test *t = *state;

        assert_session(t, "", "as octopus-uidv (p2, c1, k30).");
        assert_session(t, "protocolVersion: 3, keepAlive: 90s", "as octopus-uidv (p1, c1, k90).");
        assert_session(t, "protocolVersion: 4, cleanSession: false",
                       "as octopus-uidv (p2, c0, k30).");
        assert_session(t, "protocolVersion: 5, keepAlive: 10s", "as octopus-uidv (p5, c1, k10).");
        assert_session(t, "protocolVersion: 5, cleanSession: false",
                       "as octopus-uidv (p5, c0, k30).");
        assert_session(t, "keepAlive: 0s", "as octopus-uidv (p2, c1, k0).");
        assert_session(t, "keepAlive: 1s", "as octopus-uidv (p2, c1, k1).");
}

static void every_version_delivers_every_qos(void **state)
{
        static const int versions[] = { 0, 3, 4, 5 };
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");

        for (size_t v = 0; v < 4; v++) {
                for (int qos = 0; qos < 3; qos++) {
                        char name[32];
                        char client[64];
                        char message[64];

                        (void)snprintf(name, sizeof(name), "v%dq%d", versions[v], qos);
                        (void)snprintf(client, sizeof(client), "protocolVersion: %d", versions[v]);
                        (void)snprintf(message, sizeof(message), "topic: a/:name, qos: %d", qos);
                        bench_link(&t->bench, name, t->broker.port, client, message);
                        bench_apply(&t->bench);
                        bench_expect(&t->bench, name, 0, "connected", 5000);
                        bench_publish(&t->bench, name, "%s", name);
                        bench_drain(&t->bench, 5000);
                        assert_true(subscriber_wait(s, v * 3 + (size_t)qos + 1, 5000));
                        assert_string_equal(subscriber_at(s, v * 3 + (size_t)qos)->payload, name);
                }
        }
        subscriber_stop(s);
}

static void a_wrong_password_is_reported_in_words(void **state)
{
        struct bench *b = &((struct test *)*state)->bench;
        struct broker guarded;

        broker_up_with_user(&guarded, "u", "right");
        bench_link(b, "v4", guarded.port, "basicAuth: {username: u, password: wrong}", "topic: a");
        bench_link(b, "v5", guarded.port,
                   "protocolVersion: 5, basicAuth: {username: u, password: wrong}", "topic: a");
        bench_link(b, "good", guarded.port, "basicAuth: {username: u, password: right}",
                   "topic: a");
        bench_apply(b);
        bench_expect(b, "good", 0, "connected", 5000);
        bench_expect(b, "v4", DL_RETRY, "refused: not authorised (5)", 5000);
        bench_expect(b, "v5", DL_RETRY, "refused: not authorised (135)", 5000);
        assert_null(strstr(bench_state(b, "v4")->text, "wrong"));
        bench_link(b, "v4", guarded.port, "basicAuth: {username: u, password: right}", "topic: a");
        bench_apply(b);
        bench_expect(b, "v4", 0, "connected", 5000);
        broker_down(&guarded);
}

static void names_and_ipv6_lead_to_the_broker(void **state)
{
        struct bench *b = &((struct test *)*state)->bench;
        struct broker six;
        char lines[64];
        char server[64];
        uint16_t port = rig_free_port();

        (void)snprintf(lines, sizeof(lines), "listener %d ::1", port);
        broker_up(&six, lines);
        (void)snprintf(server, sizeof(server), "tcp://[::1]:%d", port);
        bench_link_to(b, "six", server, "", "topic: a");
        (void)snprintf(server, sizeof(server), "tcp://localhost:%d", six.port); /* ::1 refuses */
        bench_link_to(b, "name", server, "", "topic: a");
        bench_link_to(b, "nowhere", "tcp://no-such-host.invalid:1", "", "topic: a");
        bench_apply(b);
        bench_expect(b, "six", 0, "connected to tcp://[::1]:", 5000);
        bench_expect(b, "name", 0, "connected to tcp://localhost:", 5000);
        bench_expect(b, "nowhere", DL_RETRY, "no-such-host.invalid", 20000);
        broker_down(&six);
}

/* --- a broker of 2012 */

struct old_broker {
        int listener;
        uint16_t port;
        bool hangs_up; /* on what it does not know, instead of saying so */
        atomic_int seen[6];
        pthread_t thread;
};

/* The level stands behind the protocol's name. */
static int level_of(int fd)
{
        unsigned char packet[256];
        ssize_t n = recv(fd, packet, sizeof(packet), 0);

        if (n < 12 || packet[0] != 0x10)
                return 0;
        return packet[4 + packet[3]];
}

static void *old_broker_run(void *ctx)
{
        struct old_broker *o = ctx;
        const unsigned char welcome[] = { 0x20, 2, 0, 0 };
        const unsigned char unknown[] = { 0x20, 2, 0, 1 };
        int last = -1;

        for (int fd; (fd = accept(o->listener, NULL, NULL)) >= 0;) {
                int level = level_of(fd);

                if (level > 0 && level < 6)
                        atomic_fetch_add(&o->seen[level], 1);
                if (level == 3) {
                        (void)send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL);
                        last = fd; /* stays connected */
                        continue;
                }
                if (!o->hangs_up)
                        (void)send(fd, unknown, sizeof(unknown), MSG_NOSIGNAL);
                (void)close(fd);
        }
        if (last >= 0)
                (void)close(last);
        return NULL;
}

static void old_broker_up(struct old_broker *o, bool hangs_up)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(at);

        *o = (struct old_broker){ .hangs_up = hangs_up };
        o->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(o->listener, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(o->listener, 8), 0);
        assert_int_equal(getsockname(o->listener, (struct sockaddr *)&at, &len), 0);
        o->port = ntohs(at.sin_port);
        assert_int_equal(pthread_create(&o->thread, NULL, old_broker_run, o), 0);
}

static void old_broker_down(struct old_broker *o)
{
        (void)shutdown(o->listener, SHUT_RDWR);
        (void)pthread_join(o->thread, NULL);
        (void)close(o->listener);
}

static void version_0_falls_back_to_3_1_and_4_does_not(void **state)
{
        struct bench *b = &((struct test *)*state)->bench;
        struct old_broker old;

        old_broker_up(&old, false);
        bench_link(b, "any", old.port, "", "topic: a");
        bench_link(b, "four", old.port, "protocolVersion: 4", "topic: a");
        bench_apply(b);
        bench_expect(b, "any", 0, "MQTT 3.1", 5000);
        assert_null(strstr(bench_state(b, "any")->text, "3.1.1"));
        bench_expect(b, "four", DL_RETRY, "refused: protocol version not accepted (1)", 5000);
        assert_int_equal(atomic_load(&old.seen[3]), 1);
        bench_stop(b, 5000);
        old_broker_down(&old);
}

static void a_broker_that_hangs_up_on_3_1_1_is_tried_with_3_1(void **state)
{
        struct bench *b = &((struct test *)*state)->bench;
        struct old_broker old;

        old_broker_up(&old, true);
        bench_link(b, "any", old.port, "", "topic: a");
        bench_apply(b);
        bench_expect(b, "any", 0, "MQTT 3.1", 8000);
        bench_stop(b, 5000);
        old_broker_down(&old);
}

/* --- wills */

static const char will[] = "topic: a/:name, will: {content: Y2xvc2Vk}"; /* "closed" */

/* This program again, as a publisher of one link that publishes and then stays. */
static int run_publisher(const char *port)
{
        struct bench b;

        bench_up(&b);
        bench_link(&b, "child", (uint16_t)strtoul(port, NULL, 10), "", will);
        bench_apply(&b);
        bench_publish(&b, "child", "alive");
        bench_run(&b, 60000);
        bench_down(&b);
        return 0;
}

static void a_killed_process_leaves_its_will(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");
        struct process child = { 0 };
        char port[8];
        char log[320];

        (void)snprintf(port, sizeof(port), "%d", t->broker.port);
        (void)snprintf(log, sizeof(log), "%s/child.log", t->broker.dir);
        process_start(&child, log,
                      (const char *const[]){ "/proc/self/exe", "--publisher", port, NULL });
        assert_true(subscriber_wait(s, 1, 10000));
        assert_received(s, 0, "a/child", "alive");
        process_kill(&child);
        assert_true(subscriber_wait(s, 2, 5000));
        assert_received(s, 1, "a/child/$will", "closed");
        assert_int_equal(subscriber_at(s, 1)->qos, 1);
        subscriber_stop(s);

        s = subscriber_start(t->broker.port, "a/child/$will"); /* and it is retained */
        assert_true(subscriber_wait(s, 1, 5000));
        assert_true(subscriber_at(s, 0)->retained);
        subscriber_stop(s);
}

static void a_graceful_end_sends_no_will(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");

        bench_link(&t->bench, "removed", t->broker.port, "", will);
        bench_link(&t->bench, "changed", t->broker.port, "", will);
        bench_link(&t->bench, "moved", t->broker.port, "", will);
        bench_link(&t->bench, "stopped", t->broker.port, "protocolVersion: 5", will);
        bench_apply(&t->bench);
        bench_expect(&t->bench, "removed", 0, "", 5000);
        bench_expect(&t->bench, "changed", 0, "", 5000);
        bench_expect(&t->bench, "moved", 0, "", 5000);
        bench_expect(&t->bench, "stopped", 0, "", 5000);
        bench_unlink(&t->bench, "removed");
        bench_link(&t->bench, "changed", t->broker.port, "keepAlive: 20s", will);
        bench_link(&t->bench, "moved", t->broker.port, "", "topic: b");
        bench_apply(&t->bench);
        assert_true(broker_log_wait(&t->broker, "as octopus-uidchanged (p2, c1, k20)", 5000));
        bench_run(&t->bench, 500);
        bench_stop(&t->bench, 5000);
        rig_sleep_ms(300);
        assert_int_equal(subscriber_count(s), 0);
        assert_int_equal(broker_log_count(&t->broker, "Received DISCONNECT from octopus-uid"), 6);
        subscriber_stop(s);
}

/* --- changes */

static size_t connects(const struct test *t)
{
        return broker_log_count(&t->broker, "New client connected");
}

static void only_what_needs_it_makes_a_new_connection(void **state)
{
        static const char *const same[] = { "topic: b/:name", "topic: b/:name, qos: 2",
                                            "topic: b/:name, retained: false",
                                            "topic: b/:path, path: p",
                                            "topic: b/:operator, operator: {write: w}" };
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "b/#");

        bench_link(&t->bench, "x", t->broker.port, "", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        size_t before = connects(t);
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
                bench_link(&t->bench, "x", t->broker.port, "", same[i]);
                bench_apply(&t->bench);
                bench_publish(&t->bench, "x", "%zu", i);
                bench_drain(&t->bench, 5000);
        }
        assert_true(subscriber_wait(s, 5, 5000));
        assert_received(s, 0, "b/x", "0");
        assert_received(s, 3, "b/p", "3");
        assert_received(s, 4, "b/w", "4");
        assert_int_equal(connects(t), before);

        bench_link(&t->bench, "x", t->broker.port, "maxReconnectInterval: 3s", "topic: b/x");
        bench_apply(&t->bench);
        bench_publish(&t->bench, "x", "after");
        bench_run(&t->bench, 10);
        assert_true(subscriber_wait(s, 6, 5000));
        assert_int_equal(connects(t), before + 1);
        bench_apply(&t->bench);
        bench_run(&t->bench, 200);
        assert_int_equal(connects(t), before + 1);
        subscriber_stop(s);
}

static void one_changed_link_leaves_the_others_alone(void **state)
{
        struct test *t = *state;

        bench_link(&t->bench, "x", t->broker.port, "", "topic: a");
        bench_link(&t->bench, "y", t->broker.port, "", "topic: b");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_expect(&t->bench, "y", 0, "connected", 5000);
        bench_link(&t->bench, "x", t->broker.port, "keepAlive: 7s", "topic: a");
        bench_apply(&t->bench);
        assert_true(broker_log_wait(&t->broker, "as octopus-uidx (p2, c1, k7)", 5000));
        assert_int_equal(broker_log_count(&t->broker, "as octopus-uidy"), 1);
        assert_int_equal(broker_log_count(&t->broker, "DISCONNECT from octopus-uidy"), 0);
}

static void what_is_owed_survives_a_changed_section(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a");

        bench_link(&t->bench, "x", t->broker.port, "messageChannelDepth: 1000", "topic: a");
        bench_apply(&t->bench);
        for (int i = 0; i < 300; i++) {
                bench_publish(&t->bench, "x", "%d", i);
                if (i % 50 == 49) {
                        char client[64];

                        (void)snprintf(client, sizeof(client),
                                       "messageChannelDepth: 1000, keepAlive: %ds", 20 + i / 50);
                        bench_link(&t->bench, "x", t->broker.port, client, "topic: a");
                        bench_apply(&t->bench);
                }
                bench_run(&t->bench, 1);
        }
        bench_drain(&t->bench, 10000);
        assert_true(subscriber_wait(s, 300, 5000));
        for (int i = 0; i < 300; i++)
                assert_int_equal(strtol(subscriber_at(s, (size_t)i)->payload, NULL, 10), i);
        subscriber_stop(s);
}

static void a_wrong_section_is_told_and_a_mended_one_works(void **state)
{
        struct test *t = *state;

        bench_link(&t->bench, "x", t->broker.port, "tlsConfig: {caFilePEM: x}", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", DL_CONFIG,
                     "spec.template.spec.extension.mqtt.client.tlsConfig: TLS is not built yet",
                     100);
        bench_publish(&t->bench, "x", "ignored");
        bench_publish(&t->bench, "nobody", "ignored");
        bench_link(&t->bench, "x", t->broker.port, "", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_link(&t->bench, "x", 0, "", "");
        bench_apply(&t->bench);
        bench_publish(&t->bench, "x", "ignored");
        bench_run(&t->bench, 300);
        struct publish_counts c;
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.sessions, 0);
        assert_int_equal(c.connected, 0);
        assert_int_equal(c.published, 0);
        assert_int_equal(c.dropped, 0);
}

/* --- shared sessions */

static void links_of_one_identity_share_a_session(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a/#");
        struct publish_counts c;

        size_t before = connects(t);
        for (int i = 0; i < 50; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "s%02d", i);
                bench_shared_link(&t->bench, name, t->broker.port, "", "topic: a/:name");
        }
        bench_shared_link(&t->bench, "other", t->broker.port, "keepAlive: 9s", "topic: a/:name");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "s00", 0, "connected", 5000);
        bench_expect(&t->bench, "s49", 0, "connected", 5000);
        bench_expect(&t->bench, "other", 0, "connected", 5000);
        for (int round = 0; round < 4; round++) {
                for (int i = 0; i < 50; i++) {
                        char name[16];

                        (void)snprintf(name, sizeof(name), "s%02d", i);
                        bench_publish(&t->bench, name, "%d", round);
                }
        }
        bench_drain(&t->bench, 5000);
        assert_true(subscriber_wait(s, 200, 5000));
        for (size_t i = 0; i < 200; i++)
                assert_int_equal(strtol(subscriber_at(s, i)->payload, NULL, 10), i / 50);
        assert_int_equal(connects(t), before + 2);
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.sessions, 2);
        assert_int_equal(c.acknowledged, 200);
        subscriber_stop(s);
}

static void a_shared_session_ends_with_its_last_link(void **state)
{
        struct test *t = *state;

        bench_shared_link(&t->bench, "x", t->broker.port, "", "topic: a");
        bench_shared_link(&t->bench, "y", t->broker.port, "", "topic: b");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "y", 0, "connected", 5000);
        bench_unlink(&t->bench, "x");
        bench_apply(&t->bench);
        bench_run(&t->bench, 300);
        assert_int_equal(broker_log_count(&t->broker, "Received DISCONNECT from devicelink-"), 0);
        bench_shared_link(&t->bench, "z", t->broker.port, "", "topic: c");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "z", 0, "connected", 100); /* it is there already */
        bench_link(&t->bench, "z", t->broker.port, "", "topic: c");
        bench_unlink(&t->bench, "y");
        bench_apply(&t->bench);
        assert_true(broker_log_wait(&t->broker, "Received DISCONNECT from devicelink-", 5000));
        bench_expect(&t->bench, "z", 0, "connected", 5000);
}

static void two_passwords_for_one_shared_session_are_refused(void **state)
{
        struct bench *b = &((struct test *)*state)->bench;
        struct broker guarded;

        broker_up_with_user(&guarded, "u", "right");
        bench_shared_link(b, "a", guarded.port, "basicAuth: {username: u, password: right}",
                          "topic: a");
        bench_shared_link(b, "b", guarded.port, "basicAuth: {username: u, password: wrong}",
                          "topic: b");
        bench_apply(b);
        bench_expect(b, "a", 0, "connected", 5000);
        bench_expect(b, "b", DL_CONFIG, "another password", 100);
        bench_shared_link(b, "b", guarded.port, "basicAuth: {username: u, password: right}",
                          "topic: b");
        bench_apply(b);
        bench_expect(b, "b", 0, "connected", 5000);
        broker_down(&guarded);
}

/* --- many, and the end */

static bool all_connected(void *ctx)
{
        struct publish_counts c;

        publish_count(ctx, &c);
        return c.connected == 200;
}

static void two_hundred_sessions_connect_publish_and_end(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "m/#");

        for (int i = 0; i < 200; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "m%d", i);
                bench_link(&t->bench, name, t->broker.port, "", "topic: m/:name");
        }
        bench_apply(&t->bench);
        assert_true(bench_until(&t->bench, all_connected, t->bench.publisher, 20000));
        for (int round = 0; round < 5; round++) {
                for (int i = 0; i < 200; i++) {
                        char name[16];

                        (void)snprintf(name, sizeof(name), "m%d", i);
                        bench_publish(&t->bench, name, "%d", round);
                }
                bench_run(&t->bench, 20);
        }
        bench_drain(&t->bench, 10000);
        assert_true(subscriber_wait(s, 1000, 10000));
        bench_stop(&t->bench, 5000);
        assert_true(broker_log_count(&t->broker, "Received DISCONNECT from octopus-") >= 200);
        subscriber_stop(s);
}

static void what_is_owed_goes_out_before_the_end(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a");

        bench_link(&t->bench, "x", t->broker.port, "messageChannelDepth: 5000", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        for (int i = 0; i < 2000; i++)
                bench_publish(&t->bench, "x", "%d", i);
        bench_stop(&t->bench, 5000);
        assert_true(subscriber_wait(s, 2000, 1000));
        subscriber_stop(s);
}

static void freeing_without_stopping_leaves_nothing_behind(void **state)
{
        struct test *t = *state;

        bench_link(&t->bench, "x", t->broker.port, "", will);
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_publish(&t->bench, "x", "1");
        bench_drain(&t->bench, 5000);
        bench_down(&t->bench);
        bench_up(&t->bench);
        assert_true(broker_log_wait(&t->broker, "Received DISCONNECT from octopus-uidx", 2000));
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(documents_arrive_with_their_qos),
                TEST(only_retained_documents_stay_at_the_broker),
                TEST(the_broker_sees_version_id_keep_alive_and_clean_flag),
                TEST(every_version_delivers_every_qos),
                TEST(a_wrong_password_is_reported_in_words),
                TEST(names_and_ipv6_lead_to_the_broker),
                TEST(version_0_falls_back_to_3_1_and_4_does_not),
                TEST(a_broker_that_hangs_up_on_3_1_1_is_tried_with_3_1),
                TEST(a_killed_process_leaves_its_will),
                TEST(a_graceful_end_sends_no_will),
                TEST(only_what_needs_it_makes_a_new_connection),
                TEST(one_changed_link_leaves_the_others_alone),
                TEST(what_is_owed_survives_a_changed_section),
                TEST(a_wrong_section_is_told_and_a_mended_one_works),
                TEST(links_of_one_identity_share_a_session),
                TEST(a_shared_session_ends_with_its_last_link),
                TEST(two_passwords_for_one_shared_session_are_refused),
                TEST(two_hundred_sessions_connect_publish_and_end),
                TEST(what_is_owed_goes_out_before_the_end),
                TEST(freeing_without_stopping_leaves_nothing_behind),
        };

        /* No proxy is there: plain MQTT must not go through the one of the environment. */
        (void)setenv("http_proxy", "http://127.0.0.1:9", 1);
        if (argc == 3 && strcmp(argv[1], "--publisher") == 0)
                return run_publisher(argv[2]);
        if (argc == 2)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
