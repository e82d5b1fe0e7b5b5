/* Who is told that a link is over: once, when nothing of it runs, and not while it may come back.
 * And how links look from outside. */

#include "rig.h"

#define ONE "{'unit':1,'interval':20,'points':[{'name':'x'}]}"

static struct {
        int calls;
        char keys[256];
        int closes; /* of unit 1, when it was told */
} told;

static void on_released(void *ctx, const char *key)
{
        (void)ctx;
        size_t n = strlen(told.keys);

        told.calls++;
        told.closes = atomic_load(&event_fake->unit[1].closes);
        (void)snprintf(told.keys + n, sizeof(told.keys) - n, "%s ", key);
}

static struct rig *rig_told(void)
{
        struct rig *r = rig_new_with(1, 2, on_released);

        memset(&told, 0, sizeof(told));
        return r;
}

static bool is_told(struct rig *r)
{
        (void)r;
        return told.calls > 0;
}

static bool polls_go_on(struct rig *r)
{
        struct links_counts c;

        links_count(r->links, &c);
        return c.polls - c.polls_failed >= 3;
}

static void a_dropped_link_is_released_when_its_device_is_closed(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 2000));
        assert_int_equal(told.calls, 0);
        apply(r);
        assert_int_equal(told.calls, 0); /* never from within links_apply() */
        assert_true(spin(r, is_told, 2000));
        assert_int_equal(told.closes, 1);
        run_for(r, 50);
        assert_string_equal(told.keys, "default/a ");
        rig_free(r);
        assert_int_equal(told.calls, 1);
}

static void what_never_ran_is_released_as_well(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        want(r, link_of("a", "nobody/knows-it", ONE));
        want(r, link_of("b", EVENT, "{'unit':'one'}"));
        want(r, link_of("c", EVENT, ONE));
        apply(r);
        apply(r); /* not even begun */
        assert_int_equal(told.calls, 0);
        assert_true(spin(r, is_told, 2000));
        run_for(r, 50);
        assert_int_equal(told.calls, 3);
        assert_non_null(strstr(told.keys, "default/a "));
        assert_non_null(strstr(told.keys, "default/b "));
        assert_non_null(strstr(told.keys, "default/c "));
        rig_free(r);
}

static void a_link_that_is_desired_again_is_not_released(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 2000));
        apply(r);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, polls_go_on, 2000));
        run_for(r, 50);
        assert_int_equal(atomic_load(&event_fake->unit[1].closes), 1);
        assert_int_equal(told.calls, 0);

        apply(r);
        apply_one(r, "a", "nobody/knows-it", ONE);
        run_for(r, 50);
        assert_int_equal(told.calls, 0);
        apply(r);
        apply_one(r, "a", EVENT, ONE);
        apply(r);
        assert_true(spin(r, is_told, 2000));
        run_for(r, 50);
        assert_int_equal(told.calls, 1);
        rig_free(r);
}

static void a_replaced_device_releases_nothing(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 2000));
        apply_one(r, "a", EVENT,
                  "{'unit':1,'connection':'other','interval':20,'points':[{'name':'x'}]}");
        run_for(r, 100);
        assert_int_equal(atomic_load(&event_fake->unit[1].opens), 2);
        assert_int_equal(told.calls, 0);
        rig_free(r);
}

static bool is_opened(struct rig *r)
{
        (void)r;
        return atomic_load(&blocking_fake->unit[1].reads) > 0;
}

static void a_link_that_hangs_in_its_plugin_is_released_when_it_comes_back(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        atomic_store(&blocking_fake->unit[1].mode, FAKE_STONE);
        apply_one(r, "a", BLOCKING, ONE);
        assert_true(spin(r, is_opened, 2000));
        apply(r);
        run_for(r, 300);
        assert_int_equal(told.calls, 0);
        atomic_store(&blocking_fake->release, 1);
        assert_true(spin(r, is_told, 2000));
        assert_int_equal(atomic_load(&blocking_fake->unit[1].closes), 1);
        rig_free(r);
}

static void the_end_of_the_agent_releases_nothing(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        want(r, link_of("a", EVENT, ONE));
        want(r, link_of("b", "nobody/knows-it", ONE));
        apply(r);
        assert_true(spin(r, a_is_healthy, 2000));
        rig_free(r);
        assert_int_equal(told.calls, 0);
}

/* --- views */

struct looked {
        int n;
        char keys[64];
        struct links_view last;
        char cause[64];
        size_t states;
        enum condition_type phase;
};

static void look(void *ctx, const struct links_view *v)
{
        struct looked *l = ctx;
        size_t n = strlen(l->keys);

        l->n++;
        (void)snprintf(l->keys + n, sizeof(l->keys) - n, "%s ", v->spec->name);
        l->last = *v;
        (void)snprintf(l->cause, sizeof(l->cause), "%s", v->cause);
        l->states = v->states->n;
        l->phase = conditions_phase(v->conditions)->type;
}

static struct looked look_at(struct rig *r)
{
        struct looked l = { 0 };

        links_each(r->links, look, &l);
        return l;
}

static void links_are_seen_in_order_of_their_keys(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        assert_int_equal(look_at(r).n, 0);
        want(r, link_of("c", EVENT, ONE));
        want(r, link_of("a", "nobody/knows-it", ONE));
        want(r, link_of("b", EVENT, ONE));
        apply(r);
        struct looked l = look_at(r);
        assert_int_equal(l.n, 3);
        assert_string_equal(l.keys, "a b c ");
        rig_free(r);
}

static void a_view_tells_how_the_link_is(void **state)
{
        struct rig *r = rig_told();

        (void)state;
        apply_one(r, "a", "nobody/knows-it", ONE);
        struct looked l = look_at(r);
        assert_null(l.last.device);
        assert_int_equal(l.states, 0);
        assert_int_equal(l.phase, CONDITION_ADAPTOR_EXISTED);
        assert_string_equal(l.cause, "no adaptor 'nobody/knows-it' is loaded");
        assert_int_equal(l.last.polls, 0);
        assert_int_equal(l.last.good_ns, 0);

        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, polls_go_on, 2000));
        l = look_at(r);
        assert_non_null(l.last.device);
        assert_int_equal(l.states, 1);
        assert_string_equal(l.cause, "");
        assert_true(l.last.polls >= 3);
        assert_int_equal(l.last.polls_failed, 0);
        assert_in_range(clock_mono_ns() - l.last.good_ns, 0, NS_PER_S);

        int64_t good = l.last.good_ns;
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        assert_true(spin(r, a_is_unhealthy, 2000));
        l = look_at(r);
        assert_true(l.last.polls_failed >= 1);
        assert_true(l.last.good_ns >= good);
        good = l.last.good_ns;
        run_for(r, 400);
        assert_int_equal(look_at(r).last.good_ns, good);
        assert_string_equal(look_at(r).cause, "mode 1");
        rig_free(r);
}

/* --- adaptors */

static struct links_adaptor adaptor_seen;

static void look_at_adaptor(void *ctx, const struct links_adaptor *a)
{
        (void)ctx;
        if (strcmp(a->name, EVENT) == 0)
                adaptor_seen = *a;
        else
                assert_string_equal(a->name, BLOCKING);
}

static uint64_t polls_timed(const struct links_adaptor *a)
{
        uint64_t n = 0;

        for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
                n += a->times.buckets[i];
        return n;
}

static void an_adaptor_counts_its_polls_and_their_time(void **state)
{
        struct rig *r = rig_told();
        const struct links_adaptor *a = &adaptor_seen;
        struct links_counts c;

        (void)state;
        links_each_adaptor(r->links, look_at_adaptor, NULL);
        assert_int_equal(a->connected, 0);
        assert_int_equal(polls_timed(a), 0);

        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_unhealthy, 2000));
        links_each_adaptor(r->links, look_at_adaptor, NULL);
        assert_int_equal(a->connected, 0);
        assert_int_equal(a->connect_errors, 1);
        assert_int_equal(a->poll_errors, 0);
        assert_int_equal(look_at(r).last.failures[0], 1);

        atomic_store(&event_fake->unit[1].mode, FAKE_SLOW); /* 300 ms */
        assert_true(spin(r, a_is_healthy, 3000));
        links_each_adaptor(r->links, look_at_adaptor, NULL);
        assert_int_equal(a->connected, 1);
        assert_int_equal(a->times.buckets[6], 1);
        assert_true(a->times.seconds > 0.29 && a->times.seconds < 0.6);

        atomic_store(&event_fake->unit[1].mode, FAKE_REFUSE);
        assert_true(spin(r, a_is_unhealthy, 2000));
        links_each_adaptor(r->links, look_at_adaptor, NULL);
        assert_int_equal(a->connected, 0);
        assert_int_equal(a->poll_errors, 1);
        assert_int_equal(look_at(r).last.failures[1], 1);
        links_count(r->links, &c);
        assert_int_equal(polls_timed(a), c.polls);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dropped_link_is_released_when_its_device_is_closed),
                cmocka_unit_test(what_never_ran_is_released_as_well),
                cmocka_unit_test(a_link_that_is_desired_again_is_not_released),
                cmocka_unit_test(a_replaced_device_releases_nothing),
                cmocka_unit_test(a_link_that_hangs_in_its_plugin_is_released_when_it_comes_back),
                cmocka_unit_test(the_end_of_the_agent_releases_nothing),
                cmocka_unit_test(links_are_seen_in_order_of_their_keys),
                cmocka_unit_test(a_view_tells_how_the_link_is),
                cmocka_unit_test(an_adaptor_counts_its_polls_and_their_time),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
