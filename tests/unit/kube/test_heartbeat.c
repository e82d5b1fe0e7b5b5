/* Heartbeats keep their time, and those of others are judged by the clock here. */
/* wrap: clock_mono_ns clock_wall_ns loop_timer_init loop_timer_start loop_timer_start_at */
/* wrap: loop_timer_stop loop_timer_end kube_api_loop kube_start kube_cancel */
#include "fake.h"

#include "base/log.h"
#include "kube/lease.h"

#include <fcntl.h>

#define S NS_PER_S
#define PATH "/apis/coordination.k8s.io/v1/namespaces/sys/leases"

static int setup(void **state)
{
        (void)state;
        fake_reset();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        fake_reset();
        return 0;
}

/* --- heartbeats */

static void heartbeats_are_patches_and_make_what_is_missing(void **state)
{
        (void)state;
        struct heartbeat *h = heartbeat_open(
                &(struct heartbeat_config){ .space = "sys", .node = "edge-1", .identity = "me" });
        assert_non_null(strstr(heartbeat_trouble(h), "sys/devicelink-agent-edge-1"));
        fake_run(0);
        assert_string_equal(fake.calls->method, "PATCH");
        assert_string_equal(fake.calls->content_type, KUBE_MERGE_PATCH);
        assert_string_equal(fake.calls->path, PATH "/devicelink-agent-edge-1");
        assert_int_equal(fake.calls->lane, KUBE_LEASE);
        assert_string_equal(fake_text(fake.calls, "metadata.labels['edge.cattle.io/component']"),
                            "agent");
        assert_string_equal(
                fake_text(fake.calls, "metadata.annotations['edge.cattle.io/node-name']"),
                "edge-1");
        assert_string_equal(fake_text(fake.calls, "metadata.resourceVersion"), "");
        assert_string_equal(fake_text(fake.calls, "spec.holderIdentity"), "me");
        assert_string_equal(fake_text(fake.calls, "spec.leaseDurationSeconds"), "40");
        assert_string_equal(fake_text(fake.calls, "spec.renewTime"), "2024-01-02T02:20:45.000000Z");
        assert_string_equal(fake_text(fake.calls, "spec.acquireTime"),
                            "2024-01-02T02:20:45.000000Z");

        fake_answer(fake.calls, KUBE_MISSING, NULL);
        assert_string_equal(fake.calls->method, "POST");
        assert_string_equal(fake.calls->path, PATH);
        assert_string_equal(fake_text(fake.calls, "metadata.name"), "devicelink-agent-edge-1");
        assert_string_equal(fake_text(fake.calls, "metadata.namespace"), "sys");
        assert_string_equal(fake_text(fake.calls, "metadata.labels['edge.cattle.io/component']"),
                            "agent");
        fake_answer(fake.calls, KUBE_OK, "{}");
        assert_null(heartbeat_trouble(h));

        fake_run(12 * S);
        assert_string_equal(fake.calls->method, "PATCH");
        assert_string_equal(fake_text(fake.calls, "spec.acquireTime"), "");
        heartbeat_close(h);
}

static void heartbeats_come_every_ten_seconds_with_jitter(void **state)
{
        int64_t least_ns = INT64_MAX, most_ns = 0, last_ns = 0, begin_ns = 0;

        (void)state;
        struct heartbeat *h = heartbeat_open(
                &(struct heartbeat_config){ .space = "sys", .node = "edge-1", .identity = "me" });
        for (int beats = 0; beats < 500;) {
                if (!fake.calls) {
                        fake_run(10 * NS_PER_MS);
                        continue;
                }
                int64_t gap_ns = fake.now_ns - last_ns;
                if (beats++ > 0) {
                        least_ns = gap_ns < least_ns ? gap_ns : least_ns;
                        most_ns = gap_ns > most_ns ? gap_ns : most_ns;
                } else {
                        begin_ns = fake.now_ns;
                }
                last_ns = fake.now_ns;
                fake_run(300 * NS_PER_MS); /* answers take their time */
                fake_answer(fake.calls, KUBE_OK, "{}");
        }
        heartbeat_close(h);
        assert_in_range(least_ns, 898 * S / 100, 95 * S / 10);
        assert_in_range(most_ns, 105 * S / 10, 1102 * S / 100);
        assert_in_range((last_ns - begin_ns) / 499, 98 * S / 10, 102 * S / 10);
}

static void a_heartbeat_that_fails_says_why_and_is_tried_sooner(void **state)
{
        (void)state;
        struct heartbeat *h = heartbeat_open(
                &(struct heartbeat_config){ .space = "sys", .node = "edge-1", .identity = "me" });
        int requests = 0;

        for (int i = 0; i < 600; i++) {
                fake_run(100 * NS_PER_MS);
                for (; fake.calls; requests++) {
                        assert_true(fake.calls->limit_ns <= 10 * S);
                        fake_answer(fake.calls, requests == 0 ? KUBE_MISSING : KUBE_FORBIDDEN,
                                    NULL);
                }
        }
        assert_in_range(requests, 8, 20);
        assert_non_null(strstr(heartbeat_trouble(h), "as the test wants it"));
        assert_non_null(strstr(heartbeat_trouble(h), "sys/devicelink-agent-edge-1"));
        while (!fake.calls)
                fake_run(100 * NS_PER_MS);
        fake_answer(fake.calls, KUBE_OK, "{}");
        assert_null(heartbeat_trouble(h));
        fake_run(8 * S);
        assert_int_equal(fake.n_calls, 0);
        heartbeat_close(h);
        heartbeat_close(NULL);
}

static void a_heartbeat_that_came_into_being_meanwhile_is_no_hot_loop(void **state)
{
        (void)state;
        struct heartbeat *h = heartbeat_open(
                &(struct heartbeat_config){ .space = "sys", .node = "edge-1", .identity = "me" });
        int requests = 0;

        for (int i = 0; i < 100; i++) {
                fake_run(100 * NS_PER_MS);
                for (; fake.calls; requests++)
                        fake_answer(fake.calls,
                                    fake.calls->method[1] == 'A' ? KUBE_MISSING : KUBE_EXISTS,
                                    NULL);
        }
        assert_in_range(requests, 4, 20);
        heartbeat_close(h);
}

/* --- names, times, views */

static void names_of_heartbeats_fit(void **state)
{
        char node[254], one[LEASE_NAME_SIZE], two[LEASE_NAME_SIZE];

        (void)state;
        heartbeat_name("edge-1.plant", one);
        assert_string_equal(one, "devicelink-agent-edge-1.plant");
        for (size_t n = 230; n < sizeof(node); n++) {
                memset(node, 'n', n);
                node[218] = '.';
                node[n] = '\0';
                heartbeat_name(node, one);
                node[n - 1] = 'm';
                heartbeat_name(node, two);
                assert_true(strlen(one) <= 253);
                assert_string_not_equal(one, two);
                assert_null(strstr(one, ".-"));
                /* As the policy for agents wants it. */
                assert_memory_equal(one + 17, node, n > 236 ? 100 : n - 1);
        }
}

static void micro_times_have_six_digits(void **state)
{
        static const struct {
                int64_t ns;
                const char *text;
        } cases[] = {
                { 0, "1970-01-01T00:00:00.000000Z" },
                { INT64_C(1704161045000000000), "2024-01-02T02:04:05.000000Z" },
                { INT64_C(1704161045000001999), "2024-01-02T02:04:05.000001Z" },
                { INT64_C(1704161045999999999), "2024-01-02T02:04:05.999999Z" },
                { -1000, "1969-12-31T23:59:59.999999Z" },
        };
        char text[MICRO_TIME_SIZE];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                micro_time(cases[i].ns, text);
                assert_string_equal(text, cases[i].text);
        }
}

static void view(struct lease_view *v, const char *spec, int64_t now_ns)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_free char *json = xasprintf("{\"spec\":%s}", spec);
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, NULL), 0);
        lease_view_read(v, t, now_ns);
}

static void a_lease_lives_for_its_duration_after_each_change(void **state)
{
        static const char one[] = "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":40,"
                                  "\"renewTime\":\"2030-01-01T00:00:00.000000Z\"}";
        static const char two[] = "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":40,"
                                  "\"renewTime\":\"2000-01-01T00:00:00.000000Z\"}";
        struct lease_view v = { 0 };

        (void)state;
        view(&v, one, 100 * S);
        assert_string_equal(v.holder, "a");
        assert_false(lease_view_expired(&v, 139 * S));
        view(&v, one, 139 * S);
        assert_true(lease_view_expired(&v, 140 * S));
        view(&v, two, 150 * S);
        assert_false(lease_view_expired(&v, 189 * S));
        assert_true(lease_view_expired(&v, 190 * S));
}

static void a_lease_of_nobody_is_expired_and_odd_ones_have_a_duration(void **state)
{
        static const char *const odd[] = {
                "{\"holderIdentity\":\"a\"}",
                "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":0}",
                "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":-5}",
                "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":99999999999,\"renewTime\":7}",
                "{\"holderIdentity\":\"a\",\"leaseDurationSeconds\":\"40\"}",
        };
        struct lease_view v = { 0 };

        (void)state;
        view(&v, "{}", 100 * S);
        assert_true(lease_view_expired(&v, 100 * S));
        view(&v, "{\"holderIdentity\":\"\",\"leaseDurationSeconds\":9}", 100 * S);
        assert_true(lease_view_expired(&v, 100 * S));
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                v = (struct lease_view){ 0 };
                view(&v, odd[i], 100 * S);
                assert_false(lease_view_expired(&v, 114 * S));
                assert_true(lease_view_expired(&v, 115 * S));
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(heartbeats_are_patches_and_make_what_is_missing),
                TEST(heartbeats_come_every_ten_seconds_with_jitter),
                TEST(a_heartbeat_that_fails_says_why_and_is_tried_sooner),
                TEST(a_heartbeat_that_came_into_being_meanwhile_is_no_hot_loop),
                cmocka_unit_test(names_of_heartbeats_fit),
                cmocka_unit_test(micro_times_have_six_digits),
                cmocka_unit_test(a_lease_lives_for_its_duration_after_each_change),
                cmocka_unit_test(a_lease_of_nobody_is_expired_and_odd_ones_have_a_duration),
        };
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        log_setup(null_fd, LOG_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
