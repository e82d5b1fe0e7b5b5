/* What scrapers and probes of the agent get. */

#include "unit/link/rig.h"

#include "metrics.h"
#include "publish/publish.h"

#define ONE "{'unit':1,'interval':20,'points':[{'name':'x'}]}"

struct meter {
        struct rig *rig;
        struct publisher *publisher;
        struct metrics_source source;
        struct buf text;
};

static struct meter meter_new(void)
{
        struct meter m = { .rig = rig_new(1, 1), .text = BUF(16 * 1024 * 1024) };
        const struct publish_config config = { .loop = m.rig->loop,
                                               .resolver = m.rig->resolver,
                                               .node = "edge-1" };

        m.publisher = publish_new(&config);
        m.source.links = m.rig->links;
        m.source.publisher = m.publisher;
        return m;
}

static void meter_free(struct meter *m)
{
        publish_free(m->publisher);
        rig_free(m->rig);
        buf_done(&m->text);
}

static const char *read_meter(struct meter *m)
{
        buf_clear(&m->text);
        metrics_write(&m->source, &m->text);
        assert_true(buf_ok(&m->text));
        return buf_text(&m->text);
}

/* "name{labels} 1" stands on a line of its own. */
static void assert_line(const char *text, const char *line)
{
        auto_free char *whole = xasprintf("\n%s\n", line);

        if (!strstr(text, whole))
                fail_msg("no line '%s' in:\n%s", line, text);
}

static size_t count(const char *text, const char *part)
{
        size_t n = 0;

        while ((text = strstr(text, part))) {
                n++;
                text += strlen(part);
        }
        return n;
}

static void the_limbs_metrics_are_told_by_adaptor(void **state)
{
        struct meter m = meter_new();

        (void)state;
        apply_one(m.rig, "a", EVENT, ONE);
        assert_true(spin(m.rig, a_is_healthy, 2000));
        const char *text = read_meter(&m);
        assert_line(text, "# TYPE limb_connect_connections gauge");
        assert_line(text, "limb_connect_connections{adaptor=\"fake/event\"} 1");
        assert_line(text, "limb_connect_connections{adaptor=\"fake/blocking\"} 0");
        assert_line(text, "# TYPE limb_connect_errors_total counter");
        assert_line(text, "limb_connect_errors_total{adaptor=\"fake/event\"} 0");
        assert_line(text, "# TYPE limb_send_errors_total counter");
        assert_line(text, "# TYPE limb_send_latency_seconds histogram");
        assert_int_equal(count(text, "limb_send_latency_seconds_bucket{adaptor=\"fake/event\",le="),
                         12);
        assert_non_null(strstr(text, "{adaptor=\"fake/event\",le=\"0.005\"} "));
        assert_non_null(strstr(text, "{adaptor=\"fake/event\",le=\"10\"} "));
        assert_non_null(strstr(text, "{adaptor=\"fake/event\",le=\"+Inf\"} "));

        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        assert_true(spin(m.rig, a_is_unhealthy, 2000));
        text = read_meter(&m);
        assert_line(text, "limb_connect_connections{adaptor=\"fake/event\"} 0");
        assert_line(text, "limb_send_errors_total{adaptor=\"fake/event\"} 1");
        meter_free(&m);
}

static void a_links_metrics_say_how_it_is(void **state)
{
        struct meter m = meter_new();

        (void)state;
        want(m.rig, link_of("a", EVENT, ONE));
        want(m.rig, link_of("b", "nobody/knows-it", ONE));
        apply(m.rig);
        assert_true(spin(m.rig, a_is_healthy, 2000));
        const char *text = read_meter(&m);
        assert_line(text, "devicelink_links{state=\"healthy\"} 1");
        assert_line(text, "devicelink_links{state=\"unhealthy\"} 1");
        assert_line(text, "devicelink_links{state=\"connecting\"} 0");
        assert_line(text, "devicelink_link_state{namespace=\"default\",name=\"a\","
                          "phase=\"DeviceConnected\",reason=\"Healthy\"} 1");
        assert_line(text, "devicelink_link_state{namespace=\"default\",name=\"b\","
                          "phase=\"AdaptorExisted\",reason=\"NotFound\"} 1");
        assert_line(text, "devicelink_link_polls_total{namespace=\"default\",name=\"b\"} 0");
        assert_non_null(strstr(text, "devicelink_link_staleness_seconds{namespace=\"default\","
                                     "name=\"a\"} 0.0"));
        assert_null(strstr(text, "devicelink_link_staleness_seconds{namespace=\"default\","
                                 "name=\"b\""));
        assert_null(strstr(text, "class="));

        atomic_store(&event_fake->unit[1].mode, FAKE_CONFIG);
        assert_true(spin(m.rig, a_is_unhealthy, 2000));
        text = read_meter(&m);
        assert_line(text, "devicelink_link_poll_errors_total{namespace=\"default\",name=\"a\","
                          "class=\"config\"} 1");
        meter_free(&m);
}

static void two_thousand_links_are_shown_and_the_rest_counted(void **state)
{
        struct meter m = meter_new();

        (void)state;
        for (int i = 0; i < METRICS_LINKS_MAX + 5; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "l%05d", i);
                want(m.rig, link_of(name, "nobody/knows-it", ONE));
        }
        m.source.links = m.rig->links;
        links_apply(m.rig->links, &m.rig->desired);
        const char *text = read_meter(&m);
        assert_line(text, "devicelink_metrics_truncated 5");
        assert_line(text, "devicelink_links{state=\"unhealthy\"} 2005");
        assert_int_equal(count(text, "\ndevicelink_link_state{"), METRICS_LINKS_MAX);
        assert_int_equal(count(text, "\ndevicelink_link_polls_total{"), METRICS_LINKS_MAX);
        meter_free(&m);
}

static void publishing_is_told_by_link(void **state)
{
        struct meter m = meter_new();
        static const char section[] =
                "{'unit':1,'interval':20,'points':[{'name':'x'}],'extension':{'mqtt':{'client':{"
                "'server':'tcp://127.0.0.1:9'},'message':{'topic':'a','qos':1}}}}";

        (void)state;
        want(m.rig, link_of("a", EVENT, ONE));
        want(m.rig, link_of("p", EVENT, section));
        publish_apply(m.publisher, &m.rig->desired);
        publish_status(m.publisher, "default/p", "{}", 2);
        run_for(m.rig, 100);
        const char *text = read_meter(&m);
        assert_line(text, "devicelink_publish_sessions 1");
        assert_line(text, "devicelink_publish_sessions_connected 0");
        assert_line(text, "devicelink_publish_queue 1");
        assert_line(text, "devicelink_link_publish_queue{namespace=\"default\",name=\"p\"} 1");
        assert_int_equal(count(text, "\ndevicelink_link_publish_queue{"), 1);
        meter_free(&m);
}

static void the_clusters_metrics_have_octopus_names(void **state)
{
        struct meter m = meter_new();
        const struct cluster_counts cluster = { .links = 3,
                                                .driven = 2,
                                                .waiting = 1,
                                                .reconciles = 10,
                                                .errors = 4,
                                                .times = { .buckets = { 1, 2, [11] = 7 },
                                                           .seconds = 1.5 } };
        const struct kube_latency latency = {
                .method = "PATCH", .times = { .buckets = { 1, 2, [11] = 1 }, .seconds = 12.5 }
        };
        const struct kube_count requests[] = {
                { .method = "GET", .resource = "secrets", .code = 200, .n = 3 },
                { .method = "WATCH", .resource = "devicelinks", .code = 200, .n = 2 },
                { .method = "PATCH", .resource = "devicelinks/status", .code = 409, .n = 1 },
                { .method = "GET", .resource = "secrets", .code = 0, .n = 5 },
        };

        (void)state;
        assert_null(strstr(read_meter(&m), "rest_client"));
        assert_null(strstr(read_meter(&m), "controller_runtime"));
        m.source.cluster = &cluster;
        m.source.requests.server = "https://10.0.0.1:6443";
        m.source.requests.rows = requests;
        m.source.requests.n_rows = 4;
        m.source.requests.latencies = &latency;
        m.source.requests.n_latencies = 1;
        const char *text = read_meter(&m);
        assert_line(text, "controller_runtime_reconcile_total{controller=\"limb_dl\","
                          "result=\"success\"} 6");
        assert_line(text, "controller_runtime_reconcile_total{controller=\"limb_dl\","
                          "result=\"error\"} 4");
        assert_line(text, "controller_runtime_reconcile_errors_total{controller=\"limb_dl\"} 4");
        assert_line(text, "controller_runtime_reconcile_time_seconds_bucket{controller=\"limb_dl\","
                          "le=\"0.01\"} 3");
        assert_line(text, "controller_runtime_reconcile_time_seconds_count{controller=\"limb_dl\"}"
                          " 10");
        assert_line(text, "controller_runtime_reconcile_time_seconds_sum{controller=\"limb_dl\"} "
                          "1.5");
        assert_line(text, "rest_client_requests_total{code=\"200\",host=\"10.0.0.1:6443\","
                          "method=\"GET\"} 5");
        assert_line(text, "rest_client_requests_total{code=\"<error>\",host=\"10.0.0.1:6443\","
                          "method=\"GET\"} 5");
        assert_int_equal(count(text, "\nrest_client_requests_total{"), 3);
        assert_line(text,
                    "rest_client_request_latency_seconds_bucket{url=\"https://10.0.0.1:6443\","
                    "verb=\"PATCH\",le=\"0.01\"} 3");
        assert_line(text, "rest_client_request_latency_seconds_count{url=\"https://10.0.0.1:6443\","
                          "verb=\"PATCH\"} 4");
        assert_line(text, "devicelink_kube_requests_total{verb=\"WATCH\",resource=\"devicelinks\","
                          "code=\"200\"} 2");
        assert_line(text, "devicelink_cluster_links_waiting 1");
        assert_line(text, "devicelink_kube_away_seconds 0");
        meter_free(&m);
}

/* Every sample follows the head of its metric, and no metric has two. */
static void the_whole_is_well_formed(void **state)
{
        struct meter m = meter_new();
        const struct cluster_counts cluster = { 0 };

        (void)state;
        m.source.cluster = &cluster;
        m.source.requests.server = "https://h";
        apply_one(m.rig, "a", EVENT, ONE);
        assert_true(spin(m.rig, a_is_healthy, 2000));
        char *text = xstrdup(read_meter(&m)), *rest = text, *line;
        char head[128] = "";
        while ((line = strsep(&rest, "\n")) && rest) {
                if (strncmp(line, "# HELP ", 7) == 0) {
                        (void)snprintf(head, sizeof(head), "%.*s", (int)strcspn(line + 7, " "),
                                       line + 7);
                        auto_free char *again = xasprintf("# HELP %s ", head);
                        assert_int_equal(count(buf_text(&m.text), again), 1);
                } else if (line[0] != '#') {
                        assert_int_equal(strncmp(line, head, strlen(head)), 0);
                        assert_non_null(strchr(line, ' '));
                }
        }
        assert_string_equal(line, "");
        free(text);
        meter_free(&m);
}

static void readiness_names_everything_that_is_missing(void **state)
{
        struct buf out = BUF(1000);
        struct metrics_state s = { .loaded = true, .adaptors = 1 };

        (void)state;
        metrics_ready(&s, &out);
        assert_string_equal(buf_text(&out), "");
        s.away_since_ns = clock_mono_ns() - 10 * NS_PER_S; /* it may restart */
        metrics_ready(&s, &out);
        assert_string_equal(buf_text(&out), "");
        s = (struct metrics_state){ .stopping = true,
                                    .trouble = "DeviceLinks: forbidden",
                                    .away_since_ns = clock_mono_ns() - 90500 * NS_PER_MS };
        metrics_ready(&s, &out);
        assert_string_equal(buf_text(&out), "agent: it is ending\n"
                                            "adaptors: none is loaded\n"
                                            "links: not read yet\n"
                                            "API server: DeviceLinks: forbidden\n"
                                            "API server: no answer for 1m30s\n");
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_limbs_metrics_are_told_by_adaptor),
                cmocka_unit_test(a_links_metrics_say_how_it_is),
                cmocka_unit_test(two_thousand_links_are_shown_and_the_rest_counted),
                cmocka_unit_test(publishing_is_told_by_link),
                cmocka_unit_test(the_clusters_metrics_have_octopus_names),
                cmocka_unit_test(the_whole_is_well_formed),
                cmocka_unit_test(readiness_names_everything_that_is_missing),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
