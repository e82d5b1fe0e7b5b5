/* A plugin that a third party builds against an installed copy delivers values through the agent to
 * the broker, beside plugins that are broken. */
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

static int rig_setup(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));

        rig_up(r);
        *state = r;
        return 0;
}

static int rig_teardown(void **state)
{
        rig_down(*state);
        free(*state);
        return 0;
}

/* Installs into a scratch prefix and builds tests/contract/example there. */
static void build_example(const struct rig *r, const char *out)
{
        struct process p = { 0 };
        char log[320];

        (void)snprintf(log, sizeof(log), "%s/example.log", r->dir);
        process_start(&p, log,
                      (const char *const[]){ "bash", TEST_SOURCE "/tests/contract/example.sh",
                                             TEST_BUILD, out, NULL });
        if (process_end(&p, 0, 60000) != 0) {
                char *said = rig_read_file(log);
                (void)fprintf(stderr, "%s\n", said);
                free(said);
                fail_msg("the example does not build from the installed prefix");
        }
}

static void an_outsiders_plugin_delivers_through_the_agent(void **state)
{
        struct rig *r = *state;
        char out[320];
        char numbers[320];
        char adaptors[512];

        (void)snprintf(out, sizeof(out), "%s/outside", r->dir);
        build_example(r, out);
        (void)snprintf(numbers, sizeof(numbers), "%s/numbers", r->dir);
        rig_write_file(numbers, "21.5\n1013\n");
        rig_manifest(r, "file.yaml",
                     "apiVersion: edge.cattle.io/v1alpha1\n"
                     "kind: DeviceLink\n"
                     "metadata: {name: weather}\n"
                     "spec:\n"
                     "  adaptor: {node: n1, name: adaptors.example.com/file}\n"
                     "  model: {apiVersion: devices.example.com/v1, kind: FileDevice}\n"
                     "  template:\n"
                     "    spec:\n"
                     "      path: %s\n"
                     "      points: [temperature, pressure]\n"
                     "      intervalMs: 100\n"
                     "      extension:\n"
                     "        mqtt:\n"
                     "          client: {server: \"tcp://127.0.0.1:%d\"}\n"
                     "          message: {topic: t/:name}\n",
                     numbers, r->broker_port);
        struct subscriber *s = subscriber_start(r->broker_port, "#");

        /* Ours, theirs, and the broken ones: these are reported and harm nobody. */
        (void)snprintf(adaptors, sizeof(adaptors),
                       TEST_BUILD "/adaptors:%s/make:" TEST_BUILD "/tests/plugins", out);
        rig_agent_start(r, (const char *const[]){ "--adaptors", adaptors, NULL });
        assert_true(subscriber_wait(s, 3, 10000));
        const struct received *last = subscriber_last(s, "t/weather", 0);
        assert_non_null(last);
        assert_non_null(strstr(last->payload, "\"name\":\"temperature\",\"value\":\"21.5\""));
        assert_non_null(strstr(last->payload, "\"name\":\"pressure\",\"value\":\"1013\""));
        assert_true(rig_wait_for_text(r->agent_log, "adaptor.refused", 1000));
        subscriber_stop(s);
        rig_agent_stop(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_outsiders_plugin_delivers_through_the_agent,
                                                rig_setup, rig_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
