/* A collection stays known, or is known again, when its API server has no initial events, dies, is
 * stopped, forgets, or goes back in time.  Each test has a server of its own. */
/* libs: dl_kube */
/* wrap: clock_mono_ns */
#include "mirror.h"

#include <stdatomic.h>

static struct client client;
static struct mirror mirror;
static atomic_llong ahead_ns; /* of the real time */

int64_t __real_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void)
{
        return __real_clock_mono_ns() + atomic_load(&ahead_ns);
}

static int up(void **state)
{
        const char *const more[] = { "--apiserver-arg", *state, NULL };

        atomic_store(&ahead_ns, 0);
        client_up(&client, true, *state ? more : NULL);
        client_crd(&client, "one", true);
        return 0;
}

static int down(void **state)
{
        (void)state;
        mirror_close(&mirror);
        client_down(&client);
        return 0;
}

#define N1 "spec.node=n1"

static void things(int from, int to, int n)
{
        char name[16];

        for (int i = from; i < to; i++) {
                (void)snprintf(name, sizeof(name), "t%d", i);
                client_thing(&client, name, "n1", n);
        }
}

static uint64_t counted(const char *method, int code)
{
        const struct kube_count *rows = NULL;
        size_t n = kube_api_counts(client.api, &rows);
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += strcmp(rows[i].method, method) == 0 && rows[i].code == code ? rows[i].n : 0;
        return sum;
}

/* The client sees nothing of what happens meanwhile. */
static void restart(void)
{
        kube_signal(&client.kube, "kube-apiserver", SIGKILL);
        kube_start_again(&client.kube, "kube-apiserver");
}

/* --- reference A4 46, A3 30, 31 */

static void without_initial_events_a_list_and_a_watch_do(void **state)
{
        (void)state;
        things(0, 450, 1);
        client_thing(&client, "other", "n2", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        assert_int_equal(counted("WATCH", 422), 1);
        assert_int_equal(counted("GET", 200), 1);
        assert_int_equal(mirror.count, 450);
        assert_int_equal(mirror.upserts, 450);
        client_thing(&client, "t0", "n1", 2);
        mirror_wait(&mirror, "t0", 2, 10000);

        /* What is missed makes the version expire; then it is read in pages of 200. */
        restart();
        things(100, 103, 3);
        client_thing_delete(&client, "t5");
        restart();
        mirror_wait(&mirror, "t102", 3, 60000);
        mirror_wait(&mirror, "t5", -1, 60000);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 2, 60000);
        assert_int_equal(mirror.count, 449);
        assert_int_equal(mirror.upserts, 454);
        assert_int_equal(mirror.removals, 1);
        assert_true(counted("GET", 200) >= 1 + 3);
}

/* --- reference A4 41, 43, 50, 54 */

static bool is_away(void *ctx)
{
        return kube_api_away_since(ctx) > 0;
}

static void a_server_that_dies_costs_nothing_but_what_changed(void **state)
{
        (void)state;
        things(0, 20, 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        for (int round = 2; round < 4; round++) {
                size_t upserts = mirror.upserts;

                kube_signal(&client.kube, "kube-apiserver", SIGKILL);
                assert_true(client_runs_until(&client, is_away, client.api, 40000));
                assert_int_equal(mirror.state, REFLECTOR_STALE);
                assert_int_equal(mirror.count, 20);
                kube_start_again(&client.kube, "kube-apiserver");
                things(0, 3, round); /* missed */
                mirror_wait(&mirror, "t0", round, 60000);
                mirror_wait(&mirror, "t2", round, 60000);
                mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 60000);
                assert_int_equal(kube_api_away_since(client.api), 0);
                assert_int_equal(mirror.upserts, upserts + 3);
                assert_int_equal(mirror.removals, 0);
        }
}

/* --- reference A2 18, 19: it takes connections and says nothing */

static void a_server_that_is_stopped_is_noticed_and_found_again(void **state)
{
        auto_free char *path = client_thing_path(&client, "t0");
        struct client_said said = { 0 };
        struct kube_request r = { .method = "GET",
                                  .path = path,
                                  .resource = "things",
                                  .limit_ns = 3 * NS_PER_S,
                                  .ctx = &said,
                                  .done = client_on_done };

        (void)state;
        things(0, 3, 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        kube_signal(&client.kube, "kube-apiserver", SIGSTOP);
        (void)kube_start(client.api, &r);
        assert_true(client_runs_until(&client, client_is_done, &said, 10000));
        assert_int_equal(said.class, KUBE_AWAY);
        assert_int_equal(said.status, 0);
        assert_true(kube_api_away_since(client.api) > 0);
        kube_signal(&client.kube, "kube-apiserver", SIGCONT);
        things(0, 1, 2);
        mirror_wait(&mirror, "t0", 2, 60000);
        assert_int_equal(kube_api_away_since(client.api), 0);
        assert_int_equal(mirror.removals, 0);
}

/* --- reference A4 49, A14: etcd restored from an older backup */

static void copy(const char *from, const char *to)
{
        auto_free char *a = xasprintf("%s/%s", client.kube.dir, from);
        auto_free char *b = xasprintf("%s/%s", client.kube.dir, to);
        auto_free char *command = xasprintf("rm -rf '%s' && cp -a '%s' '%s'", b, a, b);

        assert_int_equal(system(command), 0);
}

static void stop_all(void)
{
        kube_signal(&client.kube, "kube-apiserver", SIGKILL);
        kube_signal(&client.kube, "etcd", SIGKILL);
}

static void start_all(void)
{
        kube_start_again(&client.kube, "etcd");
        kube_start_again(&client.kube, "kube-apiserver");
}

static void a_server_that_went_back_in_time_is_found_out_and_believed(void **state)
{
        (void)state;
        things(0, 5, 1);
        stop_all();
        copy("etcd", "backup");
        start_all();
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 30000);
        things(0, 200, 2); /* far ahead of what the server will know */
        mirror_wait_count(&mirror, 200, 30000);
        stop_all();
        copy("backup", "etcd");
        start_all();
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 2, 60000);
        client_run_for(&client, 2000);
        assert_int_equal(mirror.count, 200); /* nothing tells it: a watch of the future is silent */
        atomic_store(&ahead_ns, 191 * NS_PER_S);
        mirror_wait_count(&mirror, 5, 60000);
        mirror_wait(&mirror, "t0", 1, 1000);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 3, 30000);
        things(0, 1, 9);
        mirror_wait(&mirror, "t0", 9, 30000);
}

/* --- reference A2 20: the server asks for another connection now and then */

static void a_server_that_sends_its_clients_away_politely_fails_nobody(void **state)
{
        auto_free char *path = client_thing_path(&client, "t0");

        (void)state;
        things(0, 1, 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        for (int i = 2; i < 400; i++) {
                struct client_said said = client_ask(&client, "GET", path, NULL, NULL);

                assert_int_equal(said.class, KUBE_OK);
                assert_int_equal(mirror.state, REFLECTOR_LIVE);
        }
        assert_int_equal(counted("GET", 0), 0);
        assert_int_equal(counted("WATCH", 200), 1);
        things(0, 1, 2);
        mirror_wait(&mirror, "t0", 2, 10000);
}

static char no_stream[] = "--feature-gates=WatchList=false";
static char goaway[] = "--goaway-chance=0.02";

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
        const struct CMUnitTest tests[] = {
                { "without_initial_events_a_list_and_a_watch_do",
                  without_initial_events_a_list_and_a_watch_do, up, down, no_stream },
                { "a_server_that_sends_its_clients_away_politely_fails_nobody",
                  a_server_that_sends_its_clients_away_politely_fails_nobody, up, down, goaway },
                TEST(a_server_that_dies_costs_nothing_but_what_changed),
                TEST(a_server_that_is_stopped_is_noticed_and_found_again),
                TEST(a_server_that_went_back_in_time_is_found_out_and_believed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
