/* The agent's own pages: what probes and scrapers get, and that nobody who asks slows a device. */
/* libs: rig dl_base */
#include "rig/agent.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
        struct rig rig;
        struct rig_device device;
        uint16_t port;
        char address[32];
};

static const char link_text[] =
        "apiVersion: edge.cattle.io/v1alpha1\n"
        "kind: DeviceLink\n"
        "metadata: {name: pump, namespace: plant}\n"
        "spec:\n"
        "  adaptor: {node: edge-1, name: adaptors.edge.cattle.io/modbus}\n"
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n"
        "  template:\n"
        "    spec:\n"
        "      parameters: {syncInterval: 50ms, timeout: 1s}\n"
        "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: 1}}\n"
        "      properties:\n"
        "        - name: threshold\n"
        "          type: int32\n"
        "          visitor: {register: HoldingRegister, offset: 4, quantity: 2}\n";

static int bench_up(void **state)
{
        struct bench *b = xcalloc(1, sizeof(*b));

        rig_up(&b->rig);
        rig_device_start(&b->rig, &b->device, NULL);
        b->port = rig_free_port();
        (void)snprintf(b->address, sizeof(b->address), "127.0.0.1:%u", b->port);
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

static void start(struct bench *b)
{
        rig_manifest(&b->rig, "pump.yaml", link_text, b->device.port);
        rig_agent_start(&b->rig, (const char *const[]){ "--metrics-addr", b->address, NULL });
        assert_true(rig_wait_for_port(b->port, 5000));
        assert_true(rig_wait_for_text(b->rig.agent_log, "link.healthy", 5000));
}

static int dial(const struct bench *b)
{
        static const struct timeval limit = { .tv_sec = 5 };
        const struct sockaddr_in sa = { .sin_family = AF_INET,
                                        .sin_port = htons(b->port),
                                        .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
        return fd;
}

static void ask(int fd, const char *path)
{
        auto_free char *request =
                xasprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

        (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
}

/* Head and body, for free(). */
static char *fetch(const struct bench *b, const char *path)
{
        struct buf all = BUF(4 * 1024 * 1024);
        char part[4096];
        int fd = dial(b);
        ssize_t n;

        ask(fd, path);
        while ((n = recv(fd, part, sizeof(part), 0)) > 0)
                buf_add(&all, part, (size_t)n);
        (void)close(fd);
        buf_addc(&all, '\0');
        return buf_take(&all, NULL);
}

static void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("no '%s' in: %s", part, text);
}

static double value_of(const char *text, const char *sample)
{
        auto_free char *begin = xasprintf("\n%s ", sample);
        const char *at = strstr(text, begin);
        double value = -1;

        assert_has(text, begin);
        at = at ? at + strlen(begin) : "";
        assert_int_equal(text_parse_real(at, strcspn(at, "\n"), 64, &value, NULL), 0);
        return value;
}

static void probes_are_answered(void **state)
{
        struct bench *b = *state;

        start(b);
        auto_free char *health = fetch(b, "/healthz");
        assert_has(health, " 200 OK\r\n");
        assert_has(health, "\r\n\r\nok\n");
        auto_free char *ready = fetch(b, "/readyz");
        assert_has(ready, " 200 OK\r\n");
        auto_free char *private = fetch(b, "/v1/links");
        assert_has(private, " 404 ");
        rig_agent_stop(&b->rig);
}

static void the_metrics_of_dashboards_are_there(void **state)
{
#define MODBUS "{adaptor=\"adaptors.edge.cattle.io/modbus\"}"
        static const char *const wanted[] = {
                "limb_connect_connections" MODBUS,
                "limb_connect_errors_total" MODBUS,
                "limb_send_errors_total" MODBUS,
                "limb_send_latency_seconds_count" MODBUS,
                "process_cpu_seconds_total",
                "process_resident_memory_bytes",
                "process_virtual_memory_bytes",
                "process_open_fds",
                "process_max_fds",
                "process_start_time_seconds",
                "devicelink_links{state=\"healthy\"}",
                "devicelink_publish_queue",
                "devicelink_link_polls_total{namespace=\"plant\",name=\"pump\"}",
        };
        struct bench *b = *state;

        start(b);
        auto_free char *text = fetch(b, "/metrics");
        assert_has(text, "text/plain; version=0.0.4");
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                assert_true(value_of(text, wanted[i]) >= 0);
        assert_true(value_of(text, "limb_connect_connections" MODBUS) > 0.5);
        assert_true(value_of(text, "limb_send_latency_seconds_count" MODBUS) > 0.5);
        assert_has(text, "# TYPE limb_send_latency_seconds histogram\n");
        assert_has(text, "reason=\"Healthy\"} 1\n");
        assert_true(value_of(text, "process_resident_memory_bytes") > 1e6);
        assert_true(value_of(text, "process_start_time_seconds") > 1.6e9);
        rig_agent_stop(&b->rig);
}

static double polls(const struct bench *b)
{
        auto_free char *text = fetch(b, "/metrics");

        return value_of(text, "devicelink_polls_total");
}

enum { IDLE = 500, READERS = 20, ASKERS = 20 };

static void whoever_asks_slows_no_device(void **state)
{
        struct bench *b = *state;
        static int idle[IDLE], readers[READERS];

        start(b);
        double before = polls(b);
        int64_t begun = rig_now_ms();
        for (int i = 0; i < READERS; i++) {
                int small = 1;

                readers[i] = dial(b);
                (void)setsockopt(readers[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
                ask(readers[i], "/metrics"); /* and never reads it */
        }
        for (int i = 0; i < IDLE; i++) {
                idle[i] = dial(b);
                if (i % 2)
                        (void)send(idle[i], "GET /he\x01\xff", 9, MSG_NOSIGNAL);
        }
        while (rig_now_ms() - begun < 3000) {
                int asking[ASKERS];
                char part[4096];

                for (int i = 0; i < ASKERS; i++) {
                        asking[i] = dial(b);
                        ask(asking[i], "/metrics");
                }
                for (int i = 0; i < ASKERS; i++) {
                        while (recv(asking[i], part, sizeof(part), 0) > 0)
                                ;
                        (void)close(asking[i]);
                }
        }
        rig_sleep_ms(1100); /* a page is a second old at most */
        double expected = (double)(rig_now_ms() - begun) / 50;
        double done = polls(b) - before;
        for (int i = 0; i < IDLE; i++)
                (void)close(idle[i]);
        for (int i = 0; i < READERS; i++)
                (void)close(readers[i]);
        if (done < 0.8 * expected)
                fail_msg("%.0f polls where %.0f were due", done, expected);
        rig_agent_stop(&b->rig);
}

static void an_agent_that_is_not_ready_says_why(void **state)
{
        struct bench *b = *state;
        char empty[320];

        (void)snprintf(empty, sizeof(empty), "%s/empty", b->rig.dir);
        assert_int_equal(mkdir(empty, 0700), 0);
        rig_agent_start(&b->rig, (const char *const[]){ "--metrics-addr", b->address, "--adaptors",
                                                        empty, NULL });
        assert_true(rig_wait_for_port(b->port, 5000));
        auto_free char *ready = fetch(b, "/readyz");
        assert_has(ready, " 503 ");
        assert_has(ready, "adaptors: none is loaded\n");
        auto_free char *health = fetch(b, "/healthz");
        assert_has(health, " 200 OK\r\n");
        rig_agent_stop(&b->rig);
}

static void an_address_that_cannot_be_used_is_named(void **state)
{
        struct bench *b = *state;
        struct process second = { 0 };
        char state_dir[320], output[320];

        start(b);
        (void)snprintf(state_dir, sizeof(state_dir), "%s/second", b->rig.dir);
        (void)snprintf(output, sizeof(output), "%s/second.log", b->rig.dir);
        process_start(&second, output,
                      (const char *const[]){ TEST_BUILD "/devicelink", "agent", "--manifests",
                                             b->rig.manifests, "--adaptors", TEST_BUILD "/adaptors",
                                             "--state", state_dir, "--metrics-addr", b->address,
                                             NULL });
        assert_int_equal(process_end(&second, 0, 5000), 1);
        auto_free char *said = rig_read_file(output);
        assert_has(said, "Address already in use");
        assert_has(said, b->address);
        rig_agent_stop(&b->rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_up, bench_down)
                TEST(probes_are_answered),
                TEST(the_metrics_of_dashboards_are_there),
                TEST(whoever_asks_slows_no_device),
                TEST(an_agent_that_is_not_ready_says_why),
                TEST(an_address_that_cannot_be_used_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
