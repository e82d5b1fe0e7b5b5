/* Brokers that go, hang and come back: what is owed is delivered, in order, and nobody waits. */
/* libs: dl_publish */
/* wrap: getaddrinfo */
#include "rig/broker.h"
#include "rig/proxy.h"
#include "rig/publisher.h"
#include "rig/subscriber.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct test {
        struct broker broker;
        struct proxy *proxy;
        struct bench bench;
};

/* The broker keeps its sessions and messages over restarts. */
static int set_up(void **state)
{
        struct test *t = calloc(1, sizeof(*t));

        broker_up(&t->broker, "persistence true\npersistence_location {dir}/\n"
                              "autosave_interval 1\nautosave_on_changes true");
        t->proxy = proxy_start(t->broker.port);
        bench_up(&t->bench);
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        struct test *t = *state;

        bench_down(&t->bench);
        proxy_stop(t->proxy);
        broker_down(&t->broker);
        free(t);
        return 0;
}

static int number(struct subscriber *s, size_t i)
{
        return (int)strtol(subscriber_at(s, i)->payload, NULL, 10);
}

/* Every number below n arrived, each for the first time after the ones before it. */
static void assert_complete(struct subscriber *s, int n, bool once)
{
        size_t count = subscriber_count(s);
        int next = 0;

        for (size_t i = 0; i < count; i++) {
                int got = number(s, i);

                if (got > next)
                        fail_msg("%d came before %d", got, next);
                if (got < next && once)
                        fail_msg("%d came twice", got);
                next += got == next;
        }
        assert_int_equal(next, n);
}

static void wait_for_number(struct test *t, struct subscriber *s, int n, int within_ms)
{
        for (int64_t until = rig_now_ms() + within_ms; rig_now_ms() < until;) {
                size_t count = subscriber_count(s);

                if (count && number(s, count - 1) == n)
                        return;
                bench_run(&t->bench, 10);
        }
        fail_msg("%d did not arrive", n);
}

static void publish_through_cuts(struct test *t, const char *client, const char *message, bool once)
{
        struct subscriber *s = subscriber_start(t->broker.port, "a");
        struct publish_counts c;
        int n = 0;

        bench_link(&t->bench, "x", proxy_port(t->proxy), client, message);
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        for (int cut = 0; cut < 10; cut++) {
                for (int i = 0; i < 60; i++) {
                        bench_publish(&t->bench, "x", "%d", n++);
                        if (i % 20 == cut)
                                bench_run(&t->bench, 2 * (cut % 4));
                }
                proxy_cut(t->proxy);
                bench_run(&t->bench, cut % 3 * 300);
        }
        wait_for_number(t, s, n - 1, 20000);
        assert_complete(s, n, once);
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.dropped, 0);
        subscriber_stop(s);
}

static void qos_1_survives_a_line_that_breaks_again_and_again(void **state)
{
        publish_through_cuts(*state, "messageChannelDepth: 10000", "topic: a", false);
}

static void qos_1_of_mqtt_5_survives_it_too(void **state)
{
        publish_through_cuts(*state, "messageChannelDepth: 10000, protocolVersion: 5", "topic: a",
                             false);
}

static void qos_2_of_a_kept_session_arrives_exactly_once(void **state)
{
        publish_through_cuts(*state, "messageChannelDepth: 10000, cleanSession: false",
                             "topic: a, qos: 2", true);
}

static void qos_2_of_a_kept_mqtt_5_session_arrives_exactly_once(void **state)
{
        publish_through_cuts(*state,
                             "messageChannelDepth: 10000, cleanSession: false, protocolVersion: 5",
                             "topic: a, qos: 2", true);
}

static void a_restarted_broker_gets_everything(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start_as(t->broker.port, "a", "kept");
        int n = 0;

        bench_link(&t->bench, "x", t->broker.port, "messageChannelDepth: 10000", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        for (int restart = 0; restart < 3; restart++) {
                for (int i = 0; i < 50; i++)
                        bench_publish(&t->bench, "x", "%d", n++);
                bench_run(&t->bench, restart * 5);
                broker_stop(&t->broker);
                for (int i = 0; i < 50; i++) {
                        bench_publish(&t->bench, "x", "%d", n++);
                        bench_run(&t->bench, 4);
                }
                bench_expect(&t->bench, "x", DL_RETRY, "", 3000);
                broker_start(&t->broker);
                bench_expect(&t->bench, "x", 0, "connected", 2000); /* seen within 2 s */
        }
        wait_for_number(t, s, n - 1, 20000);
        assert_complete(s, n, false);
        subscriber_stop(s);
}

/* What a broker that is killed had acknowledged is its own to lose; what came while it was dead is
 * ours to deliver. */
static void a_killed_broker_gets_what_came_while_it_was_dead(void **state)
{
        struct test *t = *state;
        int n = 0;

        bench_link(&t->bench, "x", t->broker.port, "", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_drain(&t->bench, 5000);
        for (int kill = 0; kill < 3; kill++) {
                broker_kill(&t->broker);
                bench_expect(&t->bench, "x", DL_RETRY, "lost", 5000);
                for (int i = 0; i < 40; i++)
                        bench_publish(&t->bench, "x", "%d", n++);
                bench_run(&t->bench, 100);
                proxy_set(t->proxy, PROXY_PASS);
                broker_start(&t->broker);
                bench_expect(&t->bench, "x", 0, "connected", 2000);
                bench_drain(&t->bench, 5000);
        }
        struct publish_counts c;
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.acknowledged, 120);
        assert_int_equal(c.dropped, 0);
        struct subscriber *s = subscriber_start(t->broker.port, "a");
        assert_true(subscriber_wait(s, 1, 5000));
        assert_int_equal(number(s, 0), n - 1);
        subscriber_stop(s);
}

/* A broker without persistence forgets the session that cleanSession false counts on. */
static void a_forgotten_session_begins_anew_in_order(void **state)
{
        struct test *t = *state;
        struct broker forgetful;

        broker_up(&forgetful, NULL);
        bench_link(&t->bench, "x", forgetful.port, "cleanSession: false, messageChannelDepth: 1000",
                   "topic: a, qos: 2");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        broker_freeze(&forgetful);
        for (int i = 0; i < 150; i++)
                bench_publish(&t->bench, "x", "%d", i);
        bench_run(&t->bench, 200); /* a window of them is in flight now */
        broker_kill(&forgetful);
        bench_expect(&t->bench, "x", DL_RETRY, "lost", 5000);
        broker_start(&forgetful);
        struct subscriber *s = subscriber_start(forgetful.port, "a");
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_drain(&t->bench, 10000);
        wait_for_number(t, s, 149, 5000);
        int last = -1;
        for (size_t i = 0; i < subscriber_count(s); i++) {
                assert_true(number(s, i) <= last + 1 || last < 0);
                last = number(s, i);
        }
        subscriber_stop(s);
        broker_down(&forgetful);
}

static void a_full_queue_keeps_the_newest_and_counts_the_rest(void **state)
{
        struct test *t = *state;
        struct publish_counts c;

        broker_stop(&t->broker);
        bench_link(&t->bench, "x", t->broker.port, "messageChannelDepth: 5", "topic: a");
        bench_link(&t->bench, "y", t->broker.port, "", "topic: b, qos: 0");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", DL_RETRY, "no connection", 5000);
        for (int i = 0; i < 20; i++)
                bench_publish(&t->bench, "x", "%d", i);
        for (int i = 0; i < 7; i++)
                bench_publish(&t->bench, "y", "%d", i);
        bench_run(&t->bench, 100);
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.dropped, 15 + 7);
        assert_int_equal(c.queued, 5);
        assert_int_equal(c.connected, 0);
        assert_int_equal(c.sessions, 2);

        proxy_set(t->proxy, PROXY_PASS);
        broker_start(&t->broker);
        struct subscriber *s = subscriber_start(t->broker.port, "a");
        bench_drain(&t->bench, 5000);
        wait_for_number(t, s, 19, 5000);
        size_t n = subscriber_count(s);
        assert_true(n <= 6); /* one may come twice: retained, and live */
        assert_true(number(s, 0) >= 15);
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.acknowledged, 5);
        subscriber_stop(s);
}

static void without_auto_reconnect_it_stays_away_until_the_section_changes(void **state)
{
        struct test *t = *state;

        bench_link(&t->bench, "x", proxy_port(t->proxy), "autoReconnect: false", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_publish(&t->bench, "x", "1");
        bench_drain(&t->bench, 5000);
        proxy_cut(t->proxy);
        bench_expect(&t->bench, "x", DL_RETRY, "lost (autoReconnect is false)", 5000);
        bench_run(&t->bench, 2500);
        assert_int_equal(proxy_connections(t->proxy), 1);
        bench_publish(&t->bench, "x", "2");
        bench_link(&t->bench, "x", proxy_port(t->proxy), "autoReconnect: false, keepAlive: 20s",
                   "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_drain(&t->bench, 5000);
        assert_int_equal(proxy_connections(t->proxy), 2);
}

static void a_broker_that_never_answers_is_given_up_in_time(void **state)
{
        struct test *t = *state;

        proxy_set(t->proxy, PROXY_HANG);
        bench_link(&t->bench, "x", proxy_port(t->proxy), "connectTimeout: 1s", "topic: a");
        bench_apply(&t->bench);
        int64_t start = rig_now_ms();
        bench_expect(&t->bench, "x", DL_RETRY, "no answer within connectTimeout", 3000);
        assert_true(rig_now_ms() - start >= 900);
        proxy_set(t->proxy, PROXY_PASS);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
}

static void a_broker_that_hangs_up_at_once_is_tried_again(void **state)
{
        struct test *t = *state;

        proxy_set(t->proxy, PROXY_REFUSE);
        bench_link(&t->bench, "x", proxy_port(t->proxy), "", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", DL_RETRY, "", 5000);
        proxy_set(t->proxy, PROXY_PASS);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
}

static void silence_after_waitTimeout_means_a_new_connection(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "a");

        bench_link(&t->bench, "x", t->broker.port, "waitTimeout: 1s, connectTimeout: 2s",
                   "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        broker_freeze(&t->broker);
        bench_publish(&t->bench, "x", "7");
        bench_expect(&t->bench, "x", DL_RETRY, "waitTimeout", 5000);
        broker_thaw(&t->broker);
        bench_expect(&t->bench, "x", 0, "connected", 8000);
        bench_drain(&t->bench, 5000);
        wait_for_number(t, s, 7, 5000);
        subscriber_stop(s);
}

static bool has_dropped(void *ctx)
{
        struct publish_counts c;

        publish_count(ctx, &c);
        return c.dropped > 0;
}

static void what_waits_in_vain_three_times_is_dropped(void **state)
{
        struct test *t = *state;
        struct publish_counts c;

        proxy_set(t->proxy, PROXY_MUTE);
        bench_link(&t->bench, "x", proxy_port(t->proxy), "waitTimeout: 200ms", "topic: a");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
        bench_publish(&t->bench, "x", "7");
        assert_true(bench_until(&t->bench, has_dropped, t->bench.publisher, 15000));
        assert_int_equal(proxy_connections(t->proxy), 3);
        publish_count(t->bench.publisher, &c);
        assert_int_equal(c.published, 3);
        assert_int_equal(c.acknowledged, 0);
        assert_int_equal(c.queued, 0);
        bench_expect(&t->bench, "x", 0, "connected", 5000);
}

static void the_end_comes_in_time_while_the_broker_hangs(void **state)
{
        struct test *t = *state;

        for (int i = 0; i < 20; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "x%d", i);
                bench_link(&t->bench, name, t->broker.port, "", "topic: a");
        }
        bench_apply(&t->bench);
        bench_expect(&t->bench, "x19", 0, "connected", 5000);
        broker_freeze(&t->broker);
        for (int i = 0; i < 500; i++)
                bench_publish(&t->bench, "x19", "%d", i);
        bench_run(&t->bench, 50);
        int64_t start = rig_now_ms();
        bench_stop(&t->bench, 5000);
        assert_true(rig_now_ms() - start < 5000);
        broker_thaw(&t->broker);
}

/* A name server that is far away. */
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
        if (strcmp(host, "slow.invalid") != 0)
                return __real_getaddrinfo(host, service, hints, ret);
        rig_sleep_ms(4000);
        return EAI_AGAIN;
}

/* One broker hangs, one name does not resolve, one refuses: the good one notices nothing. */
static void a_bad_broker_never_slows_a_good_one(void **state)
{
        struct test *t = *state;
        struct subscriber *s = subscriber_start(t->broker.port, "good");
        int64_t worst = 0;

        proxy_set(t->proxy, PROXY_HANG);
        for (int i = 0; i < 30; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "bad%d", i);
                bench_link(&t->bench, name, i % 2 ? proxy_port(t->proxy) : 9, "connectTimeout: 1s",
                           "topic: a");
        }
        for (int i = 0; i < 5; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "slow%d", i);
                bench_link_to(&t->bench, name, "tcp://slow.invalid:1", "", "topic: a");
        }
        bench_link(&t->bench, "good", t->broker.port, "", "topic: good, retained: false");
        bench_apply(&t->bench);
        bench_expect(&t->bench, "good", 0, "connected", 5000);
        for (size_t i = 0; i < 100; i++) {
                int64_t start = rig_now_ms();

                bench_publish(&t->bench, "good", "%zu", i);
                while (subscriber_count(s) <= i && rig_now_ms() - start < 3000)
                        bench_run(&t->bench, 1);
                int64_t took = rig_now_ms() - start;
                worst = took > worst ? took : worst;
                bench_run(&t->bench, 20);
        }
        assert_int_equal(subscriber_count(s), 100);
        if (worst > 1000)
                fail_msg("a message took %d ms", (int)worst);
        bench_expect(&t->bench, "slow0", DL_RETRY, "slow.invalid", 10000);
        bench_stop(&t->bench, 5000);
        subscriber_stop(s);
}

static bool two_hundred_connected(void *ctx)
{
        struct publish_counts c;

        publish_count(ctx, &c);
        return c.connected == 200;
}

static void many_sessions_take_turns_looking_and_come_back_together(void **state)
{
        struct test *t = *state;

        for (int i = 0; i < 200; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "m%d", i);
                bench_link(&t->bench, name, proxy_port(t->proxy), "", "topic: a");
        }
        bench_apply(&t->bench);
        assert_true(bench_until(&t->bench, two_hundred_connected, t->bench.publisher, 10000));
        proxy_set(t->proxy, PROXY_REFUSE);
        proxy_cut(t->proxy);
        bench_run(&t->bench, 2000);
        size_t before = proxy_connections(t->proxy);
        bench_run(&t->bench, 3000);
        size_t looks = proxy_connections(t->proxy) - before;
        if (looks < 10 || looks > 900) /* each on its own: 1,600 */
                fail_msg("%zu looks in 3 s", looks);
        proxy_set(t->proxy, PROXY_PASS);
        assert_true(bench_until(&t->bench, two_hundred_connected, t->bench.publisher, 5000));
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(qos_1_survives_a_line_that_breaks_again_and_again),
                TEST(qos_1_of_mqtt_5_survives_it_too),
                TEST(qos_2_of_a_kept_session_arrives_exactly_once),
                TEST(qos_2_of_a_kept_mqtt_5_session_arrives_exactly_once),
                TEST(a_restarted_broker_gets_everything),
                TEST(a_killed_broker_gets_what_came_while_it_was_dead),
                TEST(a_forgotten_session_begins_anew_in_order),
                TEST(a_full_queue_keeps_the_newest_and_counts_the_rest),
                TEST(without_auto_reconnect_it_stays_away_until_the_section_changes),
                TEST(a_broker_that_never_answers_is_given_up_in_time),
                TEST(a_broker_that_hangs_up_at_once_is_tried_again),
                TEST(silence_after_waitTimeout_means_a_new_connection),
                TEST(what_waits_in_vain_three_times_is_dropped),
                TEST(the_end_comes_in_time_while_the_broker_hangs),
                TEST(a_bad_broker_never_slows_a_good_one),
                TEST(many_sessions_take_turns_looking_and_come_back_together),
        };

        if (argc == 2)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
