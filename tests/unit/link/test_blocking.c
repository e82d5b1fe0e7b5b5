/* Blocking devices share few threads: a channel is one thread's work, and one that hangs is one's
 * own. */

#include "rig.h"

#include <dirent.h>

static bool a_was_read_ten_times(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[1].reads) >= 10;
}

static void values_arrive_and_the_link_is_healthy(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        apply_one(r, "a", BLOCKING, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_healthy, 2000));
        assert_true(spin(r, a_was_read_ten_times, 2000));
        assert_non_null(strstr(seen_of(r, "default/a")->document, "\"value\":10"));
        rig_free(r);
        assert_int_equal(atomic_load(&blocking_fake->unit[1].closes), 1);
        assert_int_equal(atomic_load(&blocking_fake->devices), 0);
}

static unsigned count_threads(void)
{
        DIR *d = opendir("/proc/self/task");
        unsigned n = 0;

        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.';
        (void)closedir(d);
        return n;
}

static bool all_fifty_are_read(struct rig *r)
{
        (void)r;
        for (int i = 0; i < 50; i++) {
                if (atomic_load(&blocking_fake->unit[i].reads) < 3)
                        return false;
        }
        return true;
}

static void fifty_links_need_two_threads_and_channels_are_never_entered_twice(void **state)
{
        struct rig *r = rig_new(1, 2);
        unsigned before = count_threads();

        (void)state;
        for (int i = 0; i < 50; i++) {
                char name[16], spec[128];

                (void)snprintf(name, sizeof(name), "l%d", i);
                (void)snprintf(spec, sizeof(spec),
                               "{'unit':%d,'channel':'c%d','interval':20,'points':[{'name':'x'}]}",
                               i, i % 5);
                want(r, link_of(name, BLOCKING, spec));
        }
        apply(r);
        assert_true(spin(r, all_fifty_are_read, 5000));
        assert_in_range(count_threads() - before, 1, 2);
        for (int i = 0; i < 50; i++)
                assert_int_equal(atomic_load(&blocking_fake->unit[i].overlap), 0);
        rig_free(r);
}

static bool b_was_read_twenty_times(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[2].reads) >= 20;
}

static void a_hanging_device_holds_up_its_own_channel_only(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_HANG);
        want(r, link_of("a", BLOCKING,
                        "{'unit':1,'channel':'a','interval':20,'timeout':60000,"
                        "'points':[{'name':'x'}]}"));
        want(r, link_of("b", BLOCKING,
                        "{'unit':2,'channel':'b','interval':20,"
                        "'points':[{'name':'x'}]}"));
        apply(r);
        assert_true(spin(r, b_was_read_twenty_times, 3000));
        assert_int_equal(atomic_load(&blocking_fake->unit[1].reads), 1);
        rig_free(r);
}

static void a_call_that_takes_too_long_is_interrupted(void **state)
{
        struct rig *r = rig_new(1, 1);
        int64_t begun = clock_mono_ns();

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_HANG);
        apply_one(r, "a", BLOCKING,
                  "{'unit':1,'interval':20,'timeout':50,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_unhealthy, 4000));
        assert_in_range(clock_mono_ns() - begun, 1100 * NS_PER_MS, 2500 * NS_PER_MS);
        assert_true(atomic_load(&blocking_fake->unit[1].interrupts) >= 1);
        assert_string_equal(seen_of(r, "default/a")->cause, "interrupted");
        atomic_store(&blocking_fake->unit[1].mode, FAKE_OK);
        assert_true(spin(r, a_is_healthy, 4000));
        rig_free(r);
}

static void a_call_that_cannot_be_interrupted_is_said_and_recovers(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_STONE);
        apply_one(r, "a", BLOCKING,
                  "{'unit':1,'interval':20,'timeout':10,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_unhealthy, 5000));
        assert_non_null(strstr(seen_of(r, "default/a")->cause, "not even when interrupted"));
        atomic_store(&blocking_fake->unit[1].mode, FAKE_OK);
        atomic_store(&blocking_fake->release, 1);
        assert_true(spin(r, a_is_healthy, 3000));
        rig_free(r);
}

static bool updated(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[1].updates) == 1;
}

static void changed_points_keep_the_connection(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        apply_one(r, "a", BLOCKING, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        assert_true(spin(r, a_is_healthy, 2000));
        apply_one(r, "a", BLOCKING,
                  "{'unit':1,'interval':20,'points':[{'name':'z','desired':9},{'name':'x'}]}");
        assert_true(spin(r, updated, 2000));
        run_for(r, 100);
        assert_int_equal(atomic_load(&blocking_fake->unit[1].opens), 1);
        assert_int_equal(atomic_load(&blocking_fake->unit[1].last_value), 9);
        assert_non_null(strstr(seen_of(r, "default/a")->document, "\"name\":\"z\",\"value\":10"));
        rig_free(r);
}

static bool a_hangs(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[1].reads) == 1;
}

static bool b_is_open(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[2].sink) != NULL;
}

static bool b_spoke(struct rig *r)
{
        return strstr(seen_of(r, "default/b")->document, "777") != NULL;
}

/* Another thread of the plugin emits while update() waits for the channel. */
static void until_it_is_updated_a_plugin_speaks_of_the_old_points(void **state)
{
        static const char a[] = "{'unit':1,'channel':'c','interval':20,'timeout':60000,"
                                "'points':[{'name':'x'}]}";
        struct rig *r = rig_new(1, 2);

        (void)state;
        want(r, link_of("b", BLOCKING,
                        "{'unit':2,'channel':'c','interval':60000,'points':[{'name':'x'}]}"));
        apply(r);
        assert_true(spin(r, b_is_open, 2000));
        atomic_store(&blocking_fake->unit[1].mode, FAKE_STONE);
        want(r, link_of("a", BLOCKING, a));
        want(r, link_of("b", BLOCKING,
                        "{'unit':2,'channel':'c','interval':60000,'points':[{'name':'x'}]}"));
        apply(r);
        assert_true(spin(r, a_hangs, 2000));
        want(r, link_of("a", BLOCKING, a));
        want(r, link_of("b", BLOCKING,
                        "{'unit':2,'channel':'c','interval':60000,"
                        "'points':[{'name':'z'},{'name':'x'}]}"));
        apply(r);
        run_for(r, 50);
        assert_int_equal(atomic_load(&blocking_fake->unit[2].updates), 0);
        blocking_fake->emit(atomic_load(&blocking_fake->unit[2].sink), 777);
        assert_true(spin(r, b_spoke, 1000));
        assert_non_null(strstr(seen_of(r, "default/b")->document, "\"name\":\"x\",\"value\":777"));
        atomic_store(&blocking_fake->release, 1);
        rig_free(r);
}

static bool both_are_open(struct rig *r)
{
        return b_is_open(r) && atomic_load(&blocking_fake->unit[1].sink) != NULL;
}

/* Its calls come from whatever thread is free, so a pointer of the thread would be anybody's. */
static void a_blocking_adaptor_has_no_pointer_of_its_thread(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_LOCAL);
        atomic_store(&blocking_fake->unit[2].mode, FAKE_LOCAL);
        want(r, link_of("a", BLOCKING, "{'unit':1,'channel':'a','points':[{'name':'x'}]}"));
        want(r, link_of("b", BLOCKING, "{'unit':2,'channel':'b','points':[{'name':'x'}]}"));
        apply(r);
        assert_true(spin(r, both_are_open, 2000));
        assert_int_equal(atomic_load(&blocking_fake->unit[1].shared), 0);
        assert_int_equal(atomic_load(&blocking_fake->unit[2].shared), 0);
        rig_free(r);
}

static bool closed(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[1].closes) == 1;
}

static void a_hanging_link_that_is_removed_is_interrupted_and_closed(void **state)
{
        struct rig *r = rig_new(1, 1);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_HANG);
        apply_one(r, "a", BLOCKING,
                  "{'unit':1,'interval':20,'timeout':60000,'points':[{'name':'x'}]}");
        run_for(r, 100);
        apply(r);
        assert_true(spin(r, closed, 1000));
        rig_free(r);
}

static bool replaced(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[2].reads) > 0;
}

static void a_replacement_waits_for_the_old_link_to_close(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_SLOW);
        apply_one(r, "a", BLOCKING, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        run_for(r, 50);
        apply_one(r, "a", BLOCKING,
                  "{'unit':2,'channel':'z','interval':20,'points':[{'name':'x'}]}");
        run_for(r, 50);
        assert_int_equal(atomic_load(&blocking_fake->unit[2].opens), 0);
        assert_true(spin(r, replaced, 2000));
        assert_int_equal(atomic_load(&blocking_fake->unit[1].closes), 1);
        rig_free(r);
}

static void a_replacement_does_not_wait_for_ever(void **state)
{
        struct rig *r = rig_new(1, 2);

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_STONE);
        apply_one(r, "a", BLOCKING, "{'unit':1,'interval':20,'points':[{'name':'x'}]}");
        run_for(r, 50);
        apply_one(r, "a", BLOCKING,
                  "{'unit':2,'channel':'z','interval':20,'points':[{'name':'x'}]}");
        assert_true(spin(r, replaced, 5000));
        assert_int_equal(atomic_load(&blocking_fake->unit[1].closes), 0);
        atomic_store(&blocking_fake->release, 1);
        assert_true(spin(r, closed, 2000));
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_arrive_and_the_link_is_healthy),
                cmocka_unit_test(fifty_links_need_two_threads_and_channels_are_never_entered_twice),
                cmocka_unit_test(a_hanging_device_holds_up_its_own_channel_only),
                cmocka_unit_test(a_call_that_takes_too_long_is_interrupted),
                cmocka_unit_test(a_call_that_cannot_be_interrupted_is_said_and_recovers),
                cmocka_unit_test(changed_points_keep_the_connection),
                cmocka_unit_test(until_it_is_updated_a_plugin_speaks_of_the_old_points),
                cmocka_unit_test(a_blocking_adaptor_has_no_pointer_of_its_thread),
                cmocka_unit_test(a_hanging_link_that_is_removed_is_interrupted_and_closed),
                cmocka_unit_test(a_replacement_waits_for_the_old_link_to_close),
                cmocka_unit_test(a_replacement_does_not_wait_for_ever),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
