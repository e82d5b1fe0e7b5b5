/* The agent as a program: options, the folder, references, and its end. */
/* libs: rig */
#include "rig/agent.h"
#include "rig/subscriber.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
        struct rig rig;
        struct rig_device device;
};

static const char link_text[] =
        "apiVersion: edge.cattle.io/v1alpha1\n"
        "kind: DeviceLink\n"
        "metadata: {name: %s, namespace: plant}\n"
        "spec:\n"
        "  adaptor: {node: %s, name: adaptors.edge.cattle.io/modbus}\n"
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n"
        "  template:\n"
        "    spec:\n"
        "      parameters: {syncInterval: %s, timeout: 1s}\n"
        "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: 1}}\n"
        "      properties:\n"
        "        - name: threshold\n"
        "          type: int32\n"
        "          %s\n"
        "          visitor: {register: HoldingRegister, offset: 4, quantity: 2}\n"
        "      extension:\n"
        "        mqtt:\n"
        "          client: {server: \"tcp://127.0.0.1:%d\"}\n"
        "          message:\n"
        "            topic: %s\n"
        "            will: {content: Z29uZQ==}\n";

static void put_link(struct bench *b, const char *file, const char *name, const char *node,
                     const char *interval, const char *value, const char *topic)
{
        rig_manifest(&b->rig, file, link_text, name, node, interval, b->device.port, value,
                     b->rig.broker_port, topic);
}

static int bench_up(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        rig_up(&b->rig);
        rig_device_start(&b->rig, &b->device, NULL);
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

/* Wait for a message on the topic, newer than the i-th, that holds the text; gives its index + 1.
 */
static size_t expect_text(struct subscriber *s, const char *topic, const char *text, size_t since,
                          int within_ms)
{
        for (int64_t until = rig_now_ms() + within_ms;; rig_sleep_ms(5)) {
                size_t n = subscriber_count(s);
                for (size_t i = since; i < n; i++) {
                        const struct received *r = subscriber_at(s, i);
                        if (strcmp(r->topic, topic) == 0 && strstr(r->payload, text))
                                return i + 1;
                }
                if (rig_now_ms() > until)
                        fail_msg("'%s' did not come on %s within %d ms", text, topic, within_ms);
        }
}

static int run_agent(struct bench *b, const char *const argv[])
{
        struct process p = { 0 };
        char out[320];

        (void)snprintf(out, sizeof(out), "%s/out.log", b->rig.dir);
        (void)unlink(out);
        process_start(&p, out, argv);
        return process_end(&p, 0, 10000);
}

static void expect_output(struct bench *b, const char *text)
{
        char path[320];

        (void)snprintf(path, sizeof(path), "%s/out.log", b->rig.dir);
        char *out = rig_read_file(path);
        if (!strstr(out, text))
                fail_msg("expected '%s' in: %s", text, out);
        free(out);
}

#define RUN(...) run_agent(b, (const char *const[]){ TEST_BUILD "/devicelink", __VA_ARGS__, NULL })

static void wrong_options_are_usage_errors_with_a_reason(void **state)
{
        struct bench *b = *state;

        assert_int_equal(RUN("--version"), 0);
        expect_output(b, "devicelink ");
        assert_int_equal(RUN("--help"), 0);
        expect_output(b, "validate");
        assert_int_equal(RUN("agent", "--help"), 0);
        expect_output(b, "--manifests");
        assert_int_equal(RUN("fly"), 2);
        expect_output(b, "unknown verb 'fly'");
        assert_int_equal(RUN("agent"), 2);
        expect_output(b, "--node-name (or $NODE_NAME) is missing");
        assert_int_equal(RUN("agent", "--node-name", ""), 2);
        expect_output(b, "--node-name is empty");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "--kubeconfig", "/tmp/k"), 2);
        expect_output(b, "--kubeconfig is for a cluster: not with --manifests");
        assert_int_equal(RUN("agent", "--node-name", "n", "--status-interval", "5"), 2);
        expect_output(b, "--status-interval: expected a duration like 5s or 1m30s, got '5'");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "--frobnicate"), 2);
        expect_output(b, "frobnicate");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "--log-level", "loud"), 2);
        expect_output(b, "expected error, warning, info or debug, got 'loud'");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "extra"), 2);
        expect_output(b, "extra");
}

static void missing_directories_are_named(void **state)
{
        struct bench *b = *state;
        char state_dir[320];

        (void)snprintf(state_dir, sizeof(state_dir), "%s/state", b->rig.dir);
        assert_int_equal(RUN("agent", "--manifests", "/nonexistent/m", "--state", state_dir), 1);
        expect_output(b, "/nonexistent/m");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "--adaptors", "/nonexistent/a",
                             "--state", state_dir),
                         1);
        expect_output(b, "/nonexistent/a");
        assert_int_equal(RUN("agent", "--manifests", "/tmp", "--state", "/nonexistent/s/t"), 1);
        expect_output(b, "/nonexistent/s/t");
}

static void a_second_agent_on_the_same_state_is_refused(void **state)
{
        struct bench *b = *state;
        char state_dir[320];

        rig_agent_start(&b->rig, NULL);
        assert_true(rig_wait_for_text(b->rig.agent_log, "agent.desired", 10000));
        (void)snprintf(state_dir, sizeof(state_dir), "%s/state", b->rig.dir);
        assert_int_equal(RUN("agent", "--manifests", b->rig.manifests, "--state", state_dir), 1);
        expect_output(b, "in use by another agent");
        rig_agent_stop(&b->rig);
        /* and a crash leaves nothing in the way */
        rig_agent_start(&b->rig, NULL);
        assert_int_equal(process_end(&b->rig.agent, SIGKILL, 5000), 128 + SIGKILL);
        rig_agent_start(&b->rig, NULL);
        rig_sleep_ms(300);
        rig_agent_stop(&b->rig);
}

static void a_quiet_end_sends_no_will_and_a_crash_does(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        put_link(b, "a.yaml", "pump", "n1", "200ms", "readOnly: true", "t/:namespace/:name");
        rig_agent_start(&b->rig, NULL);
        (void)expect_text(s, "t/plant/pump", "\"value\":\"324\"", 0, 10000);
        rig_agent_stop(&b->rig);
        rig_sleep_ms(500);
        assert_null(subscriber_last(s, "t/plant/pump/$will", 0));

        rig_agent_start(&b->rig, NULL);
        (void)expect_text(s, "t/plant/pump", "\"value\":\"324\"", subscriber_count(s), 10000);
        assert_int_equal(process_end(&b->rig.agent, SIGKILL, 5000), 128 + SIGKILL);
        (void)expect_text(s, "t/plant/pump/$will", "gone", 0, 5000);
        subscriber_stop(s);
}

static void the_folder_is_followed(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        rig_agent_start(&b->rig, NULL);
        put_link(b, "a.yaml", "pump", "n1", "200ms", "readOnly: true", "t/:name");
        (void)expect_text(s, "t/pump", "\"value\":\"324\"", 0, 5000);

        /* A desired value is written and read back. */
        size_t at = subscriber_count(s);
        put_link(b, "a.yaml", "pump", "n1", "200ms", "value: \"-7\"", "t/:name");
        (void)expect_text(s, "t/pump", "\"value\":\"-7\"", at, 5000);

        /* A changed topic moves the values without touching the device. */
        put_link(b, "a.yaml", "pump", "n1", "200ms", "value: \"-7\"", "u/:name");
        (void)expect_text(s, "u/pump", "\"value\":\"-7\"", 0, 5000);

        /* A file that breaks keeps its link alive; the others are not touched either. */
        put_link(b, "b.yaml", "valve", "n1", "200ms", "readOnly: true", "t/:name");
        (void)expect_text(s, "t/valve", "\"value\":\"-7\"", 0, 5000);
        rig_manifest(&b->rig, "a.yaml", "kind: [broken\n");
        assert_true(rig_wait_for_text(b->rig.agent_log, "manifest.wrong", 5000));
        at = subscriber_count(s);
        (void)expect_text(s, "u/pump", "\"value\":\"-7\"", at, 5000);
        (void)expect_text(s, "t/valve", "\"value\":\"-7\"", at, 5000);

        /* A file that goes takes its link along. */
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/b.yaml", b->rig.manifests);
        assert_int_equal(unlink(path), 0);
        rig_sleep_ms(700);
        at = subscriber_count(s);
        (void)expect_text(s, "u/pump", "\"value\":\"-7\"", at, 5000);
        rig_sleep_ms(500);
        assert_null(subscriber_last(s, "t/valve", at));
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

static void a_new_interval_takes_effect_at_once(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        put_link(b, "a.yaml", "pump", "n1", "1h", "readOnly: true", "t/:name");
        rig_agent_start(&b->rig, NULL);
        (void)expect_text(s, "t/pump", "\"value\":\"324\"", 0, 10000);
        put_link(b, "a.yaml", "pump", "n1", "100ms", "readOnly: true", "t/:name");
        assert_true(subscriber_wait(s, 12, 4000));
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

/* However seldom the device is read, what is known of it is at the new place at once. */
static void a_new_topic_has_the_last_status_at_once(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        put_link(b, "a.yaml", "pump", "n1", "1h", "readOnly: true", "t/:name");
        rig_agent_start(&b->rig, NULL);
        (void)expect_text(s, "t/pump", "\"value\":\"324\"", 0, 10000);
        put_link(b, "a.yaml", "pump", "n1", "1h", "readOnly: true", "u/:name");
        (void)expect_text(s, "u/pump", "\"value\":\"324\"", 0, 5000);
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

static void only_links_of_the_node_run_when_it_is_named(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        put_link(b, "a.yaml", "mine", "n1", "100ms", "readOnly: true", "t/:name");
        put_link(b, "b.yaml", "other", "n2", "100ms", "readOnly: true", "t/:name");
        rig_agent_start(&b->rig, (const char *const[]){ "--node-name", "n1", NULL });
        (void)expect_text(s, "t/mine", "324", 0, 10000);
        rig_sleep_ms(500);
        assert_null(subscriber_last(s, "t/other", 0));
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

static void secrets_of_the_folder_reach_the_broker_and_no_log(void **state)
{
        struct bench *b = *state;
        char text[2048];
        char path[512];

        /* A broker that wants a password. */
        process_kill(&b->rig.broker);
        (void)snprintf(path, sizeof(path), "%s/passwd", b->rig.dir);
        assert_int_equal(RUN("--version"), 0);
        struct process p = { 0 };
        char out[320];
        (void)snprintf(out, sizeof(out), "%s/out.log", b->rig.dir);
        process_start(&p, out,
                      (const char *const[]){ "mosquitto_passwd", "-b", "-c", path, "edge",
                                             "open-sesame", NULL });
        assert_int_equal(process_end(&p, 0, 5000), 0);
        char conf[320];
        (void)snprintf(conf, sizeof(conf), "%s/secure.conf", b->rig.dir);
        (void)snprintf(text, sizeof(text),
                       "user root\nlistener %d 127.0.0.1\nallow_anonymous false\n"
                       "password_file %s\n",
                       b->rig.broker_port, path);
        rig_write_file(conf, text);
        process_start(&b->rig.broker, out,
                      (const char *const[]){ access("/usr/sbin/mosquitto", X_OK) == 0
                                                     ? "/usr/sbin/mosquitto"
                                                     : "mosquitto",
                                             "-c", conf, NULL });
        assert_true(rig_wait_for_port(b->rig.broker_port, 5000));

        rig_manifest(&b->rig, "secret.yaml",
                     "apiVersion: v1\nkind: Secret\nmetadata: {name: broker}\n"
                     "stringData: {username: edge, password: %s}\n",
                     "wrong-sesame");
        rig_manifest(
                &b->rig, "link.yaml",
                "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\nmetadata: {name: pump}\n"
                "spec:\n"
                "  adaptor: {node: n1, name: adaptors.edge.cattle.io/modbus}\n"
                "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n"
                "  references: [{name: login, secret: {name: broker}}]\n"
                "  template:\n"
                "    spec:\n"
                "      parameters: {syncInterval: 200ms}\n"
                "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: 1}}\n"
                "      properties:\n"
                "        - {name: threshold, type: int32, readOnly: true, visitor: "
                "{register: HoldingRegister, offset: 4, quantity: 2}}\n"
                "      extension:\n"
                "        mqtt:\n"
                "          client:\n"
                "            server: tcp://127.0.0.1:%d\n"
                "            basicAuth:\n"
                "              usernameRef: {name: login, item: username}\n"
                "              passwordRef: {name: login, item: password}\n"
                "          message: {topic: t/pump}\n",
                b->device.port, b->rig.broker_port);
        rig_agent_start(&b->rig, (const char *const[]){ "--log-level", "debug", NULL });
        assert_true(rig_wait_for_text(b->rig.agent_log, "publish.away", 10000));

        /* The right password in the Secret is in use within seconds. */
        rig_manifest(&b->rig, "secret.yaml",
                     "apiVersion: v1\nkind: Secret\nmetadata: {name: broker}\n"
                     "stringData: {username: edge, password: %s}\n",
                     "open-sesame");
        assert_true(rig_wait_for_text(b->rig.agent_log, "publish.connected", 10000));
        rig_agent_stop(&b->rig);
        char *log = rig_read_file(b->rig.agent_log);
        assert_null(strstr(log, "sesame"));
        free(log);
}

static void durations_of_any_length_do_no_harm(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "#");

        rig_manifest(&b->rig, "a.yaml",
                     "apiVersion: devices.edge.cattle.io/v1alpha1\nkind: ModbusDevice\n"
                     "metadata: {name: slow}\n"
                     "spec:\n"
                     "  parameters: {syncInterval: 2562047h47m16.854775807s, "
                     "timeout: 2562047h47m16.854775807s}\n"
                     "  protocol: {tcp: {endpoint: \"localhost:%d\", workerID: 1}}\n"
                     "  properties:\n"
                     "    - {name: threshold, type: int32, readOnly: true, visitor: "
                     "{register: HoldingRegister, offset: 4, quantity: 2}}\n"
                     "  extension:\n"
                     "    mqtt:\n"
                     "      client: {server: \"tcp://127.0.0.1:%d\"}\n"
                     "      message: {topic: t/slow}\n",
                     b->device.port, b->rig.broker_port);
        rig_agent_start(&b->rig, NULL);
        (void)expect_text(s, "t/slow", "\"value\":\"324\"", 0, 10000);
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

/* The agent with its standard streams as a shell's words make them. */
static void start_in_shell(struct bench *b, struct process *p, const char *streams)
{
        char words[2048];

        (void)snprintf(words, sizeof(words),
                       "exec " TEST_BUILD "/devicelink agent --log-level debug --manifests '%s' "
                       "--state '%s/state' %s",
                       b->rig.manifests, b->rig.dir, streams);
        process_start(p, "/dev/null", (const char *const[]){ "/bin/sh", "-c", words, NULL });
}

static void standard_streams_that_are_closed_are_nobody_elses(void **state)
{
        struct bench *b = *state;
        struct process p = { 0 };

        put_link(b, "a.yaml", "pump", "n1", "100ms", "readOnly: true", "t/:name");
        start_in_shell(b, &p, "<&- >&- 2>&-");
        rig_sleep_ms(700);
        for (int fd = 0; fd <= 2; fd++) {
                char path[64];
                char target[64] = "";

                (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)p.pid, fd);
                assert_true(readlink(path, target, sizeof(target) - 1) > 0);
                assert_string_equal(target, "/dev/null");
        }
        assert_int_equal(process_end(&p, SIGTERM, 5000), 0);
}

static void a_log_that_nobody_reads_stops_nothing(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "t/pump");
        struct process p = { 0 };
        char fifo[320];
        char streams[400];

        (void)snprintf(fifo, sizeof(fifo), "%s/log", b->rig.dir);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        int fd = open(fifo, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_SETPIPE_SZ, 4096) >= 0);
        put_link(b, "pump.yaml", "pump", "n1", "100ms", "readOnly: true", "t/:name");
        for (int i = 0; i < 40; i++) {
                char name[16];
                char file[32];

                (void)snprintf(name, sizeof(name), "l%d", i);
                (void)snprintf(file, sizeof(file), "%s.yaml", name);
                put_link(b, file, name, "n1", "100ms", "readOnly: true", "u/:name");
        }
        (void)snprintf(streams, sizeof(streams), "2>'%s'", fifo);
        start_in_shell(b, &p, streams);
        assert_true(subscriber_wait(s, 20, 10000));
        assert_int_equal(process_end(&p, SIGTERM, 5000), 0);
        (void)close(fd);
        subscriber_stop(s);
}

static void asked_again_and_again_it_still_ends_with_0(void **state)
{
        struct bench *b = *state;

        put_link(b, "a.yaml", "pump", "n1", "100ms", "readOnly: true", "t/:name");
        for (int round = 0; round < 3; round++) {
                rig_agent_start(&b->rig, NULL);
                assert_true(rig_wait_for_text(b->rig.agent_log, "agent.desired", 10000));
                for (int i = 0; i < 100 && process_running(&b->rig.agent); i++) {
                        (void)kill(b->rig.agent.pid, i % 2 ? SIGINT : SIGTERM);
                        rig_sleep_ms(5);
                }
                assert_int_equal(process_end(&b->rig.agent, 0, 5000), 0);
                assert_int_equal(unlink(b->rig.agent_log), 0);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(wrong_options_are_usage_errors_with_a_reason),
                TEST(missing_directories_are_named),
                TEST(a_second_agent_on_the_same_state_is_refused),
                TEST(a_quiet_end_sends_no_will_and_a_crash_does),
                TEST(the_folder_is_followed),
                TEST(a_new_interval_takes_effect_at_once),
                TEST(a_new_topic_has_the_last_status_at_once),
                TEST(only_links_of_the_node_run_when_it_is_named),
                TEST(secrets_of_the_folder_reach_the_broker_and_no_log),
                TEST(durations_of_any_length_do_no_harm),
                TEST(standard_streams_that_are_closed_are_nobody_elses),
                TEST(a_log_that_nobody_reads_stops_nothing),
                TEST(asked_again_and_again_it_still_ends_with_0),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
