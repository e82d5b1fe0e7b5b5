/* Requests are sent in their turn and within their budget; what the server says beside its answers
 * is kept. */
/* wrap: backoff_next_ns */
#include "api_room.h"

#include "base/log.h"

struct order {
        char letter;
};

static void on_ordered(void *ctx, struct kube_answer *a)
{
        (void)a;
        buf_addc(&rig->order, ((struct order *)ctx)->letter);
        rig->n_done++;
}

static void start_lane(struct rig *r, enum kube_lane lane, struct order *o)
{
        struct kube_request q = { .method = "GET",
                                  .path = "/a",
                                  .resource = "things",
                                  .lane = lane,
                                  .ctx = o,
                                  .done = on_ordered };

        (void)kube_start(r->api, &q);
}

/* reference A2 26, A12 135 */
static void what_is_urgent_goes_first_and_leases_wait_for_nobody(void **state)
{
        struct rig *r = *state;
        struct order work = { 'w' }, urgent = { 'u' }, lease = { 'l' }, first = { 'f' };

        open_api(r, 20, 1);
        start_lane(r, KUBE_WORK, &first);
        for (int i = 0; i < 3; i++)
                start_lane(r, KUBE_WORK, &work);
        for (int i = 0; i < 2; i++)
                start_lane(r, KUBE_URGENT, &urgent);
        start_lane(r, KUBE_LEASE, &lease);
        run_until(7, 10 * NS_PER_S);
        const char *o = buf_text(&r->order);
        assert_true(strchr(o, 'l') - o <= 1);
        assert_string_equal(o + 2, "uuwww");
}

static void no_more_than_the_budget_and_32_at_once_are_sent(void **state)
{
        struct rig *r = *state;
        int64_t begin = clock_mono_ns();

        r->work_ms = 50;
        open_api(r, 50, 40);
        for (int i = 0; i < 60; i++)
                (void)start(r, "GET", "/a");
        run_until(60, 20 * NS_PER_S);
        assert_in_range(atomic_load(&r->most), 2, 32);
        assert_true(clock_mono_ns() - begin >= 380 * NS_PER_MS); /* 20 of them at 50 a second */
}

static void requests_are_counted(void **state)
{
        struct rig *r = *state;
        const struct kube_count *rows = NULL;

        ACTS(r, ACT_BREAK, ACT_OK, ACT_OK);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        (void)start(r, "GET", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(kube_api_counts(r->api, &rows), 2);
        assert_string_equal(rows[0].method, "GET");
        assert_string_equal(rows[0].resource, "things");
        assert_int_equal(rows[0].code, 0);
        assert_int_equal(rows[0].n, 1);
        assert_int_equal(rows[1].code, 200);
        assert_int_equal(rows[1].n, 2);
}

static void a_server_that_answers_nothing_is_known_to_be_away_until_it_does(void **state)
{
        struct rig *r = *state;
        int64_t before = loop_now(r->loop);

        ACTS(r, ACT_BREAK, ACT_503);
        assert_int_equal(kube_api_away_since(r->api), 0);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_in_range(kube_api_away_since(r->api), before, clock_mono_ns());
        (void)start(r, "POST", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(kube_api_away_since(r->api), 0);
}

static bool with_prefix_and_list(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_json(q->fd, 200, "{\"items\":[]}");
        return true;
}

static void on_raw(void *ctx, struct kube_answer *a)
{
        (void)ctx;
        rig->n_done++;
        assert_int_equal(a->class, KUBE_OK);
        assert_null(a->object);
        assert_int_equal(a->body_len, 12);
        assert_memory_equal(a->body, "{\"items\":[]}", 12);
}

static void a_list_comes_as_it_is_and_a_prefix_of_the_server_is_kept(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "GET",
                                  .path = "/api/v1/nodes",
                                  .resource = "nodes",
                                  .raw = true,
                                  .done = on_raw };
        char url[128];

        r->special = with_prefix_and_list;
        (void)snprintf(url, sizeof(url), "%s/k8s/clusters/c-1", r->server.url);
        fake_access.server = url;
        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_string_equal(buf_text(&r->log), "GET /k8s/clusters/c-1/api/v1/nodes\n");
        fake_access.server = r->server.url;
}

/* reference A1 7, 14 */
static void after_new_certificates_nothing_goes_over_old_connections(void **state)
{
        struct rig *r = *state;

        for (unsigned i = 1; i <= 2; i++) {
                (void)start(r, "GET", "/a");
                run_until(i, 5 * NS_PER_S);
        }
        assert_int_equal(atomic_load(&r->server.connections), 1);
        fake_access.config.changed(fake_access.config.ctx);
        (void)start(r, "GET", "/a");
        run_until(3, 5 * NS_PER_S);
        assert_int_equal(atomic_load(&r->server.connections), 2);
}

/* reference A14 */
static void a_path_that_is_too_long_is_not_cut_to_another(void **state)
{
        struct rig *r = *state;
        auto_free char *path = xcalloc(1, 70001);

        memset(path, 'a', 70000);
        path[0] = '/';
        (void)start(r, "DELETE", path);
        run_until(1, 5 * NS_PER_S);
        assert_string_equal(buf_text(&r->log), "DELETE /-\n");
}

/* --- warnings */

static bool with_warnings(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_answer(q->fd, 200, "application/json",
                    "Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\n"
                    "Warning: 299 - \"second\"\r\n",
                    OBJECT);
        return true;
}

static void a_warning_is_logged_once_per_text(void **state)
{
        struct rig *r = *state;
        int fds[2];
        char text[4096] = "";
        ssize_t n = 0;

        assert_int_equal(pipe(fds), 0);
        log_setup(fds[1], LOG_INFO, LOG_FORMAT_TEXT);
        r->special = with_warnings;
        for (unsigned i = 1; i <= 3; i++) {
                (void)start(r, "GET", "/a");
                run_until(i, 5 * NS_PER_S);
        }
        log_flush(true);
        log_setup(2, LOG_INFO, LOG_FORMAT_TEXT);
        (void)close(fds[1]);
        n = read(fds[0], text, sizeof(text) - 1);
        assert_true(n > 0);
        text[n] = '\0';
        (void)close(fds[0]);
        const char *first = strstr(text, "kube.warning");
        assert_non_null(first);
        assert_non_null(strstr(text, "spec.x"));
        const char *second = strstr(first + 1, "kube.warning");
        assert_non_null(second);
        assert_non_null(strstr(second, "second"));
        assert_null(strstr(second + 1, "kube.warning"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(what_is_urgent_goes_first_and_leases_wait_for_nobody),
                TEST(no_more_than_the_budget_and_32_at_once_are_sent),
                TEST(requests_are_counted),
                TEST(a_server_that_answers_nothing_is_known_to_be_away_until_it_does),
                TEST(a_list_comes_as_it_is_and_a_prefix_of_the_server_is_kept),
                TEST(after_new_certificates_nothing_goes_over_old_connections),
                TEST(a_path_that_is_too_long_is_not_cut_to_another),
                TEST(a_warning_is_logged_once_per_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
