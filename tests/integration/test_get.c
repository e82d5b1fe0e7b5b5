/* `devicelink get` shows what the agent knows: tables, YAML, JSON, and what changes. */
/* libs: rig dl_base */
#include "rig/agent.h"

#include "base/tree.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
        struct rig rig;
        struct rig_device device;
        char state[320], output[320];
};

static const char link_text[] =
        "apiVersion: edge.cattle.io/v1alpha1\n"
        "kind: DeviceLink\n"
        "metadata: {name: %s, namespace: %s}\n"
        "spec:\n"
        "  adaptor: {node: edge-1, name: adaptors.edge.cattle.io/modbus}\n"
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n"
        "  template:\n"
        "    spec:\n"
        "      parameters: {syncInterval: 100ms, timeout: 1s}\n"
        "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: 1}}\n"
        "      properties:\n"
        "        - name: threshold\n"
        "          type: int32\n"
        "          visitor: {register: HoldingRegister, offset: 4, quantity: 2}\n"
        "      extension:\n"
        "        mqtt:\n"
        "          client: {server: \"tcp://127.0.0.1:%d\", basicAuth: {name: u, password: "
        "hunter2}}\n"
        "          message: {topic: a/:name}\n";

static void put_link(struct bench *b, const char *space, const char *name)
{
        auto_free char *file = xasprintf("%s-%s.yaml", space, name);

        rig_manifest(&b->rig, file, link_text, name, space, b->device.port, b->rig.broker_port);
}

static int bench_up(void **state)
{
        struct bench *b = xcalloc(1, sizeof(*b));

        rig_up(&b->rig);
        rig_device_start(&b->rig, &b->device, NULL);
        (void)snprintf(b->state, sizeof(b->state), "%s/state", b->rig.dir);
        (void)snprintf(b->output, sizeof(b->output), "%s/get.log", b->rig.dir);
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

enum { WORDS_MAX = 16 };

/* words: "links -o wide"; --state is added.  The output, for free(); the exit code is checked. */
static char *get(struct bench *b, const char *words, int expected)
{
        const char *argv[WORDS_MAX] = { TEST_BUILD "/devicelink", "get" };
        auto_free char *text = xstrdup(words);
        struct process p = { 0 };
        size_t n = 2;

        (void)unlink(b->output);
        for (char *rest = text, *word; (word = strsep(&rest, " "));)
                argv[n++] = word;
        argv[n++] = "--state";
        argv[n++] = b->state;
        process_start(&p, b->output, argv);
        int code = process_end(&p, 0, 10000);
        char *said = rig_read_file(b->output);
        if (code != expected)
                fail_msg("get %s: %d: %s", words, code, said);
        return said;
}

static bool is_healthy(struct bench *b, const char *words, int within_ms)
{
        for (int64_t until = rig_now_ms() + within_ms; rig_now_ms() < until; rig_sleep_ms(50)) {
                auto_free char *said = get(b, words, 0);
                if (strstr(said, "DeviceConnected   Healthy"))
                        return true;
        }
        return false;
}

static void start(struct bench *b)
{
        put_link(b, "plant", "pump");
        put_link(b, "yard", "gate");
        rig_agent_start(&b->rig, NULL);
        assert_true(rig_wait_for_text(b->rig.agent_log, "agent.desired", 5000));
        assert_true(is_healthy(b, "links -n plant", 5000));
        assert_true(is_healthy(b, "links -n yard", 5000));
}

static void assert_has(const char *said, const char *part)
{
        if (!strstr(said, part))
                fail_msg("no '%s' in: %s", part, said);
}

static void links_are_a_table(void **state)
{
        struct bench *b = *state;

        start(b);
        auto_free char *all = get(b, "links", 0);
        assert_has(all, "NAMESPACE   NAME   KIND           NODE     ADAPTOR                        "
                        "  PHASE             STATUS    AGE\n");
        assert_has(all, "plant       pump   ModbusDevice   edge-1   adaptors.edge.cattle.io/modbus "
                        "  DeviceConnected   Healthy   ");
        assert_has(all, "\nyard        gate   ");

        auto_free char *some = get(b, "links -n yard", 0);
        assert_has(some, "NAME   KIND           NODE");
        assert_has(some, "\ngate   ModbusDevice");
        assert_null(strstr(some, "pump"));
        auto_free char *every = get(b, "dl -n yard -A", 0);
        assert_has(every, "pump");
        auto_free char *one = get(b, "link pump", 0);
        assert_has(one, "pump");
        assert_null(strstr(one, "gate"));
        rig_agent_stop(&b->rig);
}

static void wide_tables_say_more(void **state)
{
        struct bench *b = *state;

        start(b);
        auto_free char *links = get(b, "links -o wide", 0);
        assert_has(links, "AGE   POLLS   FAILED   LAST GOOD   CAUSE\n");
        assert_has(links, "0s          <none>\n");
        auto_free char *devices = get(b, "devices", 0);
        assert_has(devices, "NAMESPACE   NAME   KIND           ENDPOINT          QUALITY\n");
        auto_free char *line = xasprintf(
                "plant       pump   ModbusDevice   127.0.0.1:%-5d   good\n", b->device.port);
        assert_has(devices, line);
        auto_free char *wide = get(b, "devices -o wide", 0);
        assert_has(wide, "QUALITY   PROPERTIES\n");
        assert_has(wide, "good      threshold=");

        process_kill(&b->device.process);
        for (int i = 0; i < 100; i++) {
                auto_free char *said = get(b, "links pump -o wide", 0);
                if (strstr(said, "Unhealthy") && strstr(said, "Connection refused"))
                        break;
                assert_true(i < 99);
                rig_sleep_ms(50);
        }
        auto_free char *bad = get(b, "devices pump", 0);
        assert_has(bad, " bad\n");
        rig_agent_stop(&b->rig);
}

static void objects_are_shown_without_secrets(void **state)
{
        struct bench *b = *state;
        auto_of(arena) struct arena *a = arena_new();
        struct findings f = { 0 };
        const struct tree *t = NULL;

        start(b);
        auto_free char *yaml = get(b, "links pump -o yaml", 0);
        assert_int_equal(tree_parse_yaml(a, yaml, strlen(yaml), &tree_limits_default, &f, &t, NULL),
                         0);
        assert_int_equal(f.n, 0);
        t = tree_at(t, 0);
        assert_string_equal(tree_text(tree_get(t, "kind")), "DeviceLink");
        assert_string_equal(tree_text(tree_find(t, "metadata.namespace")), "plant");
        assert_string_equal(tree_text(tree_find(t, "spec.model.kind")), "ModbusDevice");
        assert_int_equal(tree_find(t, "status.conditions")->n, 5);
        assert_string_equal(tree_text(tree_find(t, "status.conditions[4].reason")), "Healthy");

        auto_free char *json = get(b, "devices -o json", 0);
        assert_int_equal(tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, NULL), 0);
        assert_string_equal(tree_text(tree_get(t, "kind")), "List");
        assert_string_equal(tree_text(tree_find(t, "items[0].kind")), "ModbusDevice");
        assert_string_equal(tree_text(tree_find(t, "items[0].status.properties[0].name")),
                            "threshold");
        assert_null(strstr(yaml, "hunter2"));
        assert_null(strstr(json, "hunter2"));
        rig_agent_stop(&b->rig);
}

static void what_is_not_there_is_said(void **state)
{
        struct bench *b = *state;

        auto_free char *nobody = get(b, "links", 1);
        assert_has(nobody, "devicelink get: no agent answers at '");
        assert_has(nobody, "No such file or directory");
        start(b);
        auto_free char *none = get(b, "links nobody", 1);
        assert_string_equal(none, "devicelink get: links 'nobody' not found\n");
        auto_free char *elsewhere = get(b, "devices pump -n yard -o yaml", 1);
        assert_string_equal(elsewhere,
                            "devicelink get: devices 'pump' not found in namespace yard\n");
        auto_free char *empty = get(b, "links -n nowhere", 0);
        assert_string_equal(empty, "No links found in namespace nowhere.\n");
        rig_agent_stop(&b->rig);
        auto_free char *gone = get(b, "links", 1);
        assert_has(gone, "no agent answers at '");
        assert_has(gone, "is it running");
}

static void wrong_usage_is_exit_2(void **state)
{
        static const char *const wrong[] = {
                "pods", "links a b", "links -o table", "links --nothing", "links ",
        };
        struct bench *b = *state;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                auto_free char *said = get(b, wrong[i], 2);
                assert_has(said, "devicelink get: ");
                assert_has(said, "Try 'devicelink get --help'.");
        }
        auto_free char *both = get(b, "links --socket /tmp/x", 2);
        assert_has(both, "expected one of them");
        auto_free char *help = get(b, "--help", 0);
        assert_has(help, "usage: devicelink get links|devices");
}

static void watch(struct bench *b, struct process *p, const char *what, const char *form)
{
        (void)unlink(b->output);
        process_start(p, b->output,
                      (const char *const[]){ TEST_BUILD "/devicelink", "get", what, "-w", "-o",
                                             form, "--state", b->state, NULL });
}

static void watching_shows_what_changes(void **state)
{
        struct bench *b = *state;
        struct process p = { 0 };

        start(b);
        watch(b, &p, "links", "wide");
        assert_true(rig_wait_for_text(b->output, "\nyard        gate", 5000));
        rig_sleep_ms(1500);
        auto_free char *quiet = rig_read_file(b->output);
        size_t lines = 0;
        for (const char *s = quiet; *s; s++)
                lines += *s == '\n';
        assert_int_equal(lines, 3); /* polls that go well are no news */

        put_link(b, "yard", "lamp");
        assert_true(rig_wait_for_text(b->output, "\nyard        lamp", 5000));
        auto_free char *file = xasprintf("%s/yard-gate.yaml", b->rig.manifests);
        assert_int_equal(unlink(file), 0);
        assert_true(rig_wait_for_text(b->output, "<gone>", 5000));
        process_kill(&b->device.process);
        assert_true(rig_wait_for_text(b->output, "Unhealthy", 5000));
        rig_agent_stop(&b->rig);
        assert_int_equal(process_end(&p, 0, 5000), 1);
        auto_free char *all = rig_read_file(b->output);
        assert_has(all, "devicelink get: the agent has ended\n");
        const char *title = strstr(all, "NAMESPACE");
        assert_non_null(title);
        assert_null(strstr(title + 1, "NAMESPACE"));
}

static void watching_devices_shows_their_values(void **state)
{
        struct bench *b = *state;
        struct process p = { 0 };

        start(b);
        watch(b, &p, "devices", "json");
        /* The first answer is the list; then each device as it changes. */
        assert_true(
                rig_wait_for_text(b->output, "\n}\n{\n    \"apiVersion\": \"devices.edge", 5000));
        assert_int_equal(process_end(&p, SIGTERM, 5000), 128 + SIGTERM);
        rig_agent_stop(&b->rig);
}

static void the_socket_is_the_agents_alone(void **state)
{
        struct bench *b = *state;
        struct stat st;

        start(b);
        auto_free char *path = xasprintf("%s/agent.sock", b->state);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0600);
        /* What a killed agent left behind is in nobody's way. */
        process_kill(&b->rig.agent);
        assert_int_equal(access(path, F_OK), 0);
        (void)unlink(b->rig.agent_log);
        rig_agent_start(&b->rig, NULL);
        assert_true(rig_wait_for_text(b->rig.agent_log, "agent.desired", 5000));
        assert_true(is_healthy(b, "links -n plant", 5000));
        rig_agent_stop(&b->rig);
        assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_up, bench_down)
                TEST(links_are_a_table),
                TEST(wide_tables_say_more),
                TEST(objects_are_shown_without_secrets),
                TEST(what_is_not_there_is_said),
                TEST(wrong_usage_is_exit_2),
                TEST(watching_shows_what_changes),
                TEST(watching_devices_shows_their_values),
                TEST(the_socket_is_the_agents_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
