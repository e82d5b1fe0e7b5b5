/* The end is quick and complete; what hangs in a plugin is left behind and said so. */

#include "rig.h"

#include <dirent.h>
#include <unistd.h>

static unsigned count_entries(const char *dir)
{
        DIR *d = opendir(dir);
        unsigned n = 0;

        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.';
        (void)closedir(d);
        return n;
}

static void want_many(struct rig *r, const char *adaptor, int n)
{
        for (int i = 0; i < n; i++) {
                char name[32], spec[128];

                (void)snprintf(name, sizeof(name), "%c%d", adaptor[5], i);
                (void)snprintf(spec, sizeof(spec),
                               "{'unit':%d,'channel':'c%d','interval':20,'timeout':60000,"
                               "'points':[{'name':'x'}]}",
                               i, i % 60);
                want(r, link_of(name, adaptor, spec));
        }
}

static int64_t stop(struct rig *r)
{
        int64_t begun = clock_mono_ns();

        links_stop(r->links, on_stopped, r);
        assert_true(spin(r, is_stopped, 5000));
        return clock_mono_ns() - begun;
}

static void everything_is_closed_and_nothing_is_left(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        want_many(r, EVENT, 1); /* what is made once per process */
        apply(r);
        run_for(r, 50);
        rig_free(r);
        unsigned threads = count_entries("/proc/self/task");
        unsigned files = count_entries("/proc/self/fd");

        r = rig_new(3, 2);
        want_many(r, EVENT, 100);
        want_many(r, BLOCKING, 100);
        apply(r);
        run_for(r, 300);
        assert_in_range(stop(r), 0, NS_PER_S);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(atomic_load(&event_fake->unit[i].opens),
                                 atomic_load(&event_fake->unit[i].closes));
                assert_int_equal(atomic_load(&blocking_fake->unit[i].opens),
                                 atomic_load(&blocking_fake->unit[i].closes));
        }
        rig_free(r);
        assert_int_equal(atomic_load(&blocking_fake->devices), 0);
        assert_int_equal(count_entries("/proc/self/task"), threads);
        assert_int_equal(count_entries("/proc/self/fd"), files);
}

static void requests_under_way_are_interrupted_or_forgotten(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        for (int i = 0; i < 20; i++) {
                atomic_store(&event_fake->unit[i].mode, FAKE_HANG);
                atomic_store(&blocking_fake->unit[i].mode, FAKE_HANG);
        }
        want_many(r, EVENT, 20);
        want_many(r, BLOCKING, 20);
        apply(r);
        run_for(r, 300);
        assert_in_range(stop(r), 0, 2 * NS_PER_S);
        rig_free(r);
        assert_int_equal(atomic_load(&blocking_fake->devices), 0);
}

static void stopping_at_once_after_starting_is_fine(void **state)
{
        (void)state;
        for (int ms = 0; ms < 30; ms += 3) {
                struct rig *r = rig_new(2, 2);

                want_many(r, EVENT, 10);
                want_many(r, BLOCKING, 10);
                apply(r);
                if (ms > 0)
                        run_for(r, ms);
                rig_free(r);
                assert_int_equal(atomic_load(&blocking_fake->devices), 0);
        }
}

static void without_links_it_is_over_at_once(void **state)
{
        struct rig *r = rig_new(2, 2);

        (void)state;
        assert_in_range(stop(r), 0, 500 * NS_PER_MS);
        rig_free(r);
}

static void after_the_end_nothing_starts_any_more(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        (void)stop(r);
        apply_one(r, "a", EVENT, "{'unit':1,'points':[{'name':'x'}]}");
        run_for(r, 50);
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 0);
        rig_free(r);
}

/* Last: a thread of it stays behind for a while. */
static void what_hangs_in_a_plugin_is_left_behind_in_three_seconds(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_STONE);
        want_many(r, EVENT, 5);
        want_many(r, BLOCKING, 3);
        apply(r);
        run_for(r, 300);
        assert_in_range(stop(r), 2 * NS_PER_S, 3 * NS_PER_S);
        assert_int_equal(atomic_load(&event_fake->unit[2].closes), 1);
        assert_int_equal(atomic_load(&blocking_fake->unit[2].closes), 1);
        assert_int_equal(atomic_load(&blocking_fake->unit[1].closes), 0);
        rig_free(r);
        /* It comes back to an agent that is gone, and harms nothing. */
        atomic_store(&blocking_fake->release, 1);
        (void)usleep(200000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_is_closed_and_nothing_is_left),
                cmocka_unit_test(requests_under_way_are_interrupted_or_forgotten),
                cmocka_unit_test(stopping_at_once_after_starting_is_fine),
                cmocka_unit_test(without_links_it_is_over_at_once),
                cmocka_unit_test(after_the_end_nothing_starts_any_more),
                cmocka_unit_test(what_hangs_in_a_plugin_is_left_behind_in_three_seconds),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
