/* The example specs that Octopus shipped, from a folder, against a server that is not ours: every
 * text as the contract says, the payload byte for byte but for the time. */
/* libs: rig */
#include "rig/agent.h"
#include "rig/subscriber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
        struct rig rig;
        struct rig_device device;
};

static int bench_up(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        rig_up(&b->rig);
        rig_device_start(&b->rig, &b->device, (const char *const[]){ "--static", NULL });
        *state = b;
        return 0;
}

static int bench_down(void **state)
{
        struct bench *b = *state;

        process_kill(&b->device.process);
        rig_down(&b->rig);
        free(b);
        return 0;
}

/* Replace the first `from` of text, for free(). */
static char *replaced(char *text, const char *from, const char *to)
{
        char *at = strstr(text, from);
        char *all = NULL;

        if (!at)
                fail_msg("'%s' is not in the manifest", from);
        *at = '\0';
        if (asprintf(&all, "%s%s%s", text, to, at + strlen(from)) < 0)
                fail_msg("no memory");
        free(text);
        return all;
}

/* The shipped example with the ports of this run. */
static char *example(const struct bench *b, const char *name)
{
        char path[512];
        char port[64];

        (void)snprintf(path, sizeof(path), TEST_DATA "/good/%s", name);
        char *text = rig_read_file(path);
        (void)snprintf(port, sizeof(port), "127.0.0.1:%d", b->device.port);
        text = replaced(text, "127.0.0.1:5020", port);
        if (strstr(text, "127.0.0.1:1883")) {
                (void)snprintf(port, sizeof(port), "127.0.0.1:%d", b->rig.broker_port);
                text = replaced(text, "127.0.0.1:1883", port);
        }
        return text;
}

/* Every value of "updatedAt" becomes <time>, after its form has been checked. */
static char *without_times(const char *payload)
{
        static const char key[] = "\"updatedAt\":\"";
        char *out = calloc(1, strlen(payload) + 1);
        size_t n = 0;

        for (const char *p = payload; *p;) {
                if (strncmp(p, key, strlen(key)) != 0) {
                        out[n++] = *p++;
                        continue;
                }
                memcpy(out + n, key, strlen(key));
                n += strlen(key);
                p += strlen(key);
                int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
                if (sscanf(p, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute,
                           &second, &used) != 6 ||
                    used != 20 || year < 2020)
                        fail_msg("not a time in UTC: %.30s", p);
                p += used;
                out[n++] = 'T';
        }
        return out;
}

static void the_example_with_mqtt_gives_octopus_payload(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        char *manifest = example(b, "dl_modbus_tcp_with_mqtt.yaml");
        rig_manifest(&b->rig, "dl.yaml", "%s", manifest);
        free(manifest);
        rig_agent_start(&b->rig, (const char *const[]){ "--node-name", "edge-worker", NULL });

        /* The first documents may tell of the time before the first reading. */
        const struct received *r = NULL;
        for (int64_t until = rig_now_ms() + 10000;; rig_sleep_ms(5)) {
                r = subscriber_last(s, "cattle.io/octopus/default/modbus-tcp-mqtt", 0);
                if (r && strstr(r->payload, "\"alarm\",\"type\":\"boolean\",\"value\""))
                        break;
                if (rig_now_ms() > until)
                        fail_msg("no payload; last: %s", r ? r->payload : "none");
        }
        char *payload = without_times(r->payload);
        assert_string_equal(
                payload, "{\"properties\":["
                         "{\"name\":\"temperature\",\"type\":\"float\",\"value\":\"296.65\","
                         "\"operatedValue\":\"23.499994\",\"updatedAt\":\"T\"},"
                         "{\"name\":\"humidity\",\"type\":\"float\",\"value\":\"50.5\","
                         "\"updatedAt\":\"T\"},"
                         "{\"name\":\"temperature-threshold\",\"type\":\"int\",\"value\":\"324\","
                         "\"updatedAt\":\"T\"},"
                         "{\"name\":\"alarm\",\"type\":\"boolean\",\"value\":\"false\","
                         "\"updatedAt\":\"T\"}]}");
        free(payload);
        assert_int_equal(r->qos, 1);

        /* Retained, as the contract's default says: who comes later sees it at once. */
        struct subscriber *late = subscriber_start(b->rig.broker_port, "cattle.io/#");
        assert_true(subscriber_wait(late, 1, 2000));
        assert_true(subscriber_at(late, 0)->retained);
        subscriber_stop(late);
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

static void the_example_without_mqtt_becomes_healthy(void **state)
{
        struct bench *b = *state;

        char *manifest = example(b, "dl_modbus_tcp.yaml");
        rig_manifest(&b->rig, "dl.yaml", "%s", manifest);
        free(manifest);
        rig_agent_start(&b->rig, NULL);
        assert_true(rig_wait_for_text(b->rig.agent_log, "reason=Healthy", 10000));
        rig_agent_stop(&b->rig);
}

static void a_dead_device_keeps_its_last_good_values_and_says_so(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");
        const char *topic = "cattle.io/octopus/default/modbus-tcp-mqtt";

        char *manifest = example(b, "dl_modbus_tcp_with_mqtt.yaml");
        manifest = replaced(manifest, "syncInterval: 5s", "syncInterval: 200ms");
        rig_manifest(&b->rig, "dl.yaml", "%s", manifest);
        free(manifest);
        rig_agent_start(&b->rig, NULL);
        assert_true(rig_wait_for_text(b->rig.agent_log, "reason=Healthy", 10000));
        for (int64_t until = rig_now_ms() + 5000;; rig_sleep_ms(5)) {
                const struct received *r = subscriber_last(s, topic, 0);
                if (r && strstr(r->payload, "\"value\":\"296.65\""))
                        break;
                assert_true(rig_now_ms() < until);
        }
        process_kill(&b->device.process);
        assert_true(rig_wait_for_text(b->rig.agent_log, "reason=Unhealthy", 10000));
        for (int64_t until = rig_now_ms() + 5000;; rig_sleep_ms(5)) {
                const struct received *r = subscriber_last(s, topic, 0);
                if (strstr(r->payload, "\"value\":\"296.65\"") &&
                    strstr(r->payload, "\"quality\":\"bad\",\"error\":\""))
                        break;
                if (rig_now_ms() > until)
                        fail_msg("no bad quality; last: %s", r->payload);
        }
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_example_with_mqtt_gives_octopus_payload),
                TEST(the_example_without_mqtt_becomes_healthy),
                TEST(a_dead_device_keeps_its_last_good_values_and_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
