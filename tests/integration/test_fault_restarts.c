/* Devices and brokers that come and go: values resume within 2 s of their return, no link is lost.
 */
/* libs: rig */
#include "rig/agent.h"
#include "rig/subscriber.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
        DEVICES = 5,
        LINKS_PER_DEVICE = 10,
        LINKS = DEVICES * LINKS_PER_DEVICE,
        RESUME_MS = 2000,
        ROUNDS_SHORT = 3, /* of devices and of the broker, each */
        ROUNDS_LONG = 20, /* with DEVICELINK_LONG=1 */
};

struct bench {
        struct rig rig;
        struct rig_device devices[DEVICES];
};

static const char link_text[] =
        "apiVersion: edge.cattle.io/v1alpha1\n"
        "kind: DeviceLink\n"
        "metadata: {name: link-%d}\n"
        "spec:\n"
        "  adaptor: {node: n1, name: adaptors.edge.cattle.io/modbus}\n"
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n"
        "  template:\n"
        "    spec:\n"
        "      parameters: {syncInterval: 200ms, timeout: 1s}\n"
        "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: %d}}\n"
        "      properties:\n"
        "        - name: temperature\n"
        "          type: float\n"
        "          readOnly: true\n"
        "          visitor: {register: HoldingRegister, offset: 0, quantity: 2}\n"
        "        - name: alarm\n"
        "          type: boolean\n"
        "          readOnly: true\n"
        "          visitor: {register: CoilRegister, offset: 0}\n"
        "      extension:\n"
        "        mqtt:\n"
        "          client: {server: \"tcp://127.0.0.1:%d\"}\n"
        "          message: {topic: \"t/:name\", qos: 1}\n";

static int bench_up(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        rig_up(&b->rig);
        for (int d = 0; d < DEVICES; d++)
                rig_device_start(&b->rig, &b->devices[d], NULL);
        for (int i = 0; i < LINKS; i++) {
                char name[32];
                (void)snprintf(name, sizeof(name), "link-%d.yaml", i);
                rig_manifest(&b->rig, name, link_text, i, b->devices[i / LINKS_PER_DEVICE].port,
                             1 + i % LINKS_PER_DEVICE, b->rig.broker_port);
        }
        rig_agent_start(&b->rig, NULL);
        *state = b;
        return 0;
}

static int bench_down(void **state)
{
        struct bench *b = *state;

        for (int d = 0; d < DEVICES; d++)
                process_kill(&b->devices[d].process);
        rig_down(&b->rig);
        free(b);
        return 0;
}

/* Links first..first+n-1 each deliver a good value that arrived after `since_ms`, by until_ms. */
static void expect_fresh(struct subscriber *s, int first, int n, int64_t since_ms, int64_t until_ms,
                         const char *what)
{
        for (int i = first; i < first + n; i++) {
                char topic[32];
                (void)snprintf(topic, sizeof(topic), "t/link-%d", i);
                for (;; rig_sleep_ms(5)) {
                        const struct received *r = subscriber_last(s, topic, 0);
                        if (r && !r->retained && r->at_ms >= since_ms &&
                            !strstr(r->payload, "\"quality\"") && strstr(r->payload, "\"value\""))
                                break;
                        if (rig_now_ms() > until_ms)
                                fail_msg("%s: link-%d has no fresh value %d ms after the return; "
                                         "last: %s",
                                         what, i, RESUME_MS, r ? r->payload : "nothing");
                }
        }
}

static void restart_device(struct bench *b, struct subscriber *s, int d, int away_ms)
{
        assert_int_equal(process_end(&b->devices[d].process, SIGKILL, 5000), 128 + SIGKILL);
        rig_sleep_ms(away_ms);
        rig_device_start(&b->rig, &b->devices[d], NULL);
        int64_t back = rig_now_ms();
        expect_fresh(s, d * LINKS_PER_DEVICE, LINKS_PER_DEVICE, back, back + RESUME_MS, "device");
}

static struct subscriber *restart_broker(struct bench *b, struct subscriber *s, int away_ms)
{
        subscriber_stop(s);
        assert_int_equal(process_end(&b->rig.broker, SIGKILL, 5000), 128 + SIGKILL);
        rig_sleep_ms(away_ms);
        rig_broker_start(&b->rig);
        int64_t back = rig_now_ms();
        s = subscriber_start(b->rig.broker_port, "t/#");
        expect_fresh(s, 0, LINKS, back, back + RESUME_MS, "broker");
        return s;
}

static void values_resume_within_two_seconds_of_a_peers_return(void **state)
{
        struct bench *b = *state;
        const char *is_long = getenv("DEVICELINK_LONG");
        int left[2]; /* of devices, of the broker */

        left[0] = left[1] = is_long && is_long[0] == '1' ? ROUNDS_LONG : ROUNDS_SHORT;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "t/#");
        expect_fresh(s, 0, LINKS, 0, rig_now_ms() + 10000, "start");

        srandom((unsigned)getpid());
        while (left[0] + left[1] > 0) {
                int away_ms = 100 + (int)(random() % 1900);
                bool device = left[1] == 0 || (left[0] > 0 && random() % 2 == 0);
                left[device ? 0 : 1]--;
                if (device)
                        restart_device(b, s, (int)(random() % DEVICES), away_ms);
                else
                        s = restart_broker(b, s, away_ms);
        }
        subscriber_stop(s);
        rig_agent_stop(&b->rig); /* sanitizers speak through the exit code */
}

static void one_dead_device_leaves_the_others_alone(void **state)
{
        struct bench *b = *state;
        struct subscriber *s = subscriber_start(b->rig.broker_port, "t/#");

        expect_fresh(s, 0, LINKS, 0, rig_now_ms() + 10000, "start");
        /* Stopped, it still accepts connections and never answers: a black hole. */
        assert_int_equal(kill(b->devices[0].process.pid, SIGSTOP), 0);
        for (int i = 0; i < 10; i++) {
                int64_t since = rig_now_ms();
                expect_fresh(s, LINKS_PER_DEVICE, LINKS - LINKS_PER_DEVICE, since, since + 1000,
                             "beside a black hole");
        }
        assert_int_equal(kill(b->devices[0].process.pid, SIGCONT), 0);
        int64_t back = rig_now_ms();
        expect_fresh(s, 0, LINKS_PER_DEVICE, back, back + RESUME_MS, "black hole");
        subscriber_stop(s);
        rig_agent_stop(&b->rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(values_resume_within_two_seconds_of_a_peers_return,
                                                bench_up, bench_down),
                cmocka_unit_test_setup_teardown(one_dead_device_leaves_the_others_alone, bench_up,
                                                bench_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
