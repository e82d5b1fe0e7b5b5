/* Whether an agent lives is judged by what is seen of its Lease, on our clock, and with doubt about
 * our own eyes. */
#include "operator.h"

#include "operator/hosts.h"

#define S NS_PER_S
#define GRACE (300 * S)

struct rig {
        struct hosts *hosts;
        size_t changes; /* told */
        char last[64];
};

static void on_changed(void *ctx, struct host *h)
{
        struct rig *r = ctx;

        r->changes++;
        (void)snprintf(r->last, sizeof(r->last), "%s", h->keyed.key);
}

static int set_up(void **state)
{
        struct rig *r = xcalloc(1, sizeof(*r));
        const struct hosts_config config = { .grace_ns = GRACE, .ctx = r, .changed = on_changed };

        r->hosts = hosts_new(&config);
        hosts_watched(r->hosts, true, 0);
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        struct rig *r = *state;

        hosts_free(r->hosts);
        free(r);
        return 0;
}

static void node(struct rig *r, const char *name, const char *rest, int64_t now_ns)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_free char *yaml = xasprintf("metadata: {name: %s%s}\nstatus: {addresses: [{type: "
                                         "Hostname, address: h}]}\n",
                                         name, rest);
        struct object_meta m;
        const struct tree *object = object_from(a, yaml);

        object_meta_read(object, a, &m);
        hosts_node(r->hosts, object, &m, now_ns);
}

static void lease(struct rig *r, const char *name, const char *of, int renewal, int64_t now_ns)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_free char *yaml = xasprintf(
                "metadata: {name: %s, annotations: {edge.cattle.io/node-name: %s}}\nspec: "
                "{holderIdentity: x, leaseDurationSeconds: 40, renewTime: "
                "'2026-01-02T03:04:%02d.000000Z'}\n",
                name, of, renewal % 60);
        struct object_meta m;
        const struct tree *object = object_from(a, yaml);

        object_meta_read(object, a, &m);
        hosts_lease(r->hosts, object, &m, now_ns);
}

static void heartbeat(struct rig *r, const char *of, int renewal, int64_t now_ns)
{
        char name[LEASE_NAME_SIZE];

        heartbeat_name(of, name);
        lease(r, name, of, renewal, now_ns);
}

/* As the operator does it: whenever it is due. */
static void pass(struct rig *r, int64_t until_ns)
{
        while (hosts_next(r->hosts) <= until_ns)
                hosts_judge(r->hosts, hosts_next(r->hosts));
}

static void an_agent_is_silent_when_its_lease_stays_unchanged_for_its_duration(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0), *b = hosts_use(r->hosts, "b", 0);

        node(r, "a", "", 0);
        node(r, "b", "", 0);
        heartbeat(r, "a", 1, 10 * S);
        for (int i = 1; i <= 10; i++)
                heartbeat(r, "b", i, i * 10 * S);
        heartbeat(r, "a", 1, 49 * S); /* the same again is no sign of life */
        pass(r, 49 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        r->changes = 0;
        pass(r, 50 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        assert_int_equal(a->episode, 1);
        assert_true(host_is_lost(a));
        assert_int_equal(r->changes, 1);
        assert_string_equal(r->last, "a");
        assert_int_equal(b->agent, AGENT_ALIVE);
        heartbeat(r, "a", 2, 60 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        assert_int_equal(r->changes, 2);
        hosts_drop(r->hosts, a);
        hosts_drop(r->hosts, b);
}

static void a_silent_agent_is_gone_after_the_grace(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        node(r, "a", "", 0);
        heartbeat(r, "a", 1, 0);
        heartbeat(r, "b", 1, 39 * S);
        pass(r, 40 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        pass(r, 40 * S + GRACE - 1);
        assert_int_equal(a->agent, AGENT_SILENT);
        pass(r, 40 * S + GRACE);
        assert_int_equal(a->agent, AGENT_GONE);
        assert_int_equal(hosts_next(r->hosts), INT64_MAX);
        hosts_drop(r->hosts, a);
}

static void an_agent_that_was_never_seen_is_given_the_time_of_a_lease(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        node(r, "a", "", 5 * S);
        heartbeat(r, "b", 1, 30 * S);
        pass(r, 44 * S);
        assert_int_equal(a->agent, AGENT_UNSEEN);
        pass(r, 45 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        hosts_drop(r->hosts, a);
}

static void when_nobody_spoke_lately_everybody_has_a_further_duration(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0), *b = hosts_use(r->hosts, "b", 0);

        node(r, "a", "", 0);
        node(r, "b", "", 0);
        heartbeat(r, "a", 1, 0);
        heartbeat(r, "b", 1, 9 * S);
        pass(r, 79 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        assert_int_equal(b->agent, AGENT_ALIVE);
        pass(r, 80 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        assert_int_equal(b->agent, AGENT_ALIVE);
        pass(r, 89 * S);
        assert_int_equal(b->agent, AGENT_SILENT);
        hosts_drop(r->hosts, a);
        hosts_drop(r->hosts, b);
}

static void while_leases_are_not_watched_nobody_falls_silent(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        node(r, "a", "", 0);
        heartbeat(r, "a", 1, 0);
        heartbeat(r, "b", 1, 0);
        hosts_watched(r->hosts, false, 30 * S);
        assert_int_equal(hosts_next(r->hosts), INT64_MAX);
        hosts_judge(r->hosts, 500 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        hosts_watched(r->hosts, true, 600 * S);
        heartbeat(r, "a", 1, 600 * S); /* read again: agents had no server either */
        heartbeat(r, "b", 2, 625 * S);
        pass(r, 639 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        pass(r, 640 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        hosts_drop(r->hosts, a);
}

static void our_own_pause_is_not_held_against_agents(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        node(r, "a", "", 0);
        heartbeat(r, "a", 1, 0);
        hosts_judge(r->hosts, 1 * S);
        assert_int_equal(hosts_next(r->hosts), 40 * S);
        hosts_judge(r->hosts, 400 * S); /* should have been at 40 s */
        assert_int_equal(a->agent, AGENT_ALIVE);
        assert_int_equal(hosts_next(r->hosts), 440 * S);
        hosts_drop(r->hosts, a);
}

static void only_nodes_that_somebody_looks_at_are_judged(void **state)
{
        struct rig *r = *state;

        node(r, "a", "", 0);
        heartbeat(r, "a", 1, 0);
        heartbeat(r, "b", 1, 90 * S);
        r->changes = 0;
        hosts_judge(r->hosts, 0);
        assert_int_equal(hosts_next(r->hosts), INT64_MAX);
        struct host *a = hosts_use(r->hosts, "a", 100 * S);
        assert_int_equal(hosts_next(r->hosts), 40 * S);
        hosts_judge(r->hosts, 100 * S); /* late for that one, so it has its time */
        assert_int_equal(a->agent, AGENT_ALIVE);
        heartbeat(r, "b", 2, 139 * S);
        pass(r, 140 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        hosts_drop(r->hosts, a);
}

static void nodes_come_change_and_go(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        assert_null(host_node(a));
        assert_true(host_is_lost(a));
        node(r, "a", "", 0);
        assert_string_equal(host_node(a)->host_name, "h");
        assert_false(host_is_lost(a));
        assert_int_equal(r->changes, 1);
        node(r, "a", ", labels: {x: y}", 0);
        assert_int_equal(r->changes, 1); /* nothing that matters */
        node(r, "a", ", deletionTimestamp: '2026-01-01T00:00:00Z'", 0);
        assert_null(host_node(a));
        assert_int_equal(r->changes, 2);
        hosts_node_gone(r->hosts, "a");
        assert_int_equal(r->changes, 2);
        node(r, "a", "", 0);
        assert_non_null(host_node(a));
        hosts_node_gone(r->hosts, "a");
        assert_null(host_node(a));
        assert_int_equal(r->changes, 4);
        hosts_drop(r->hosts, a);
}

static void the_agent_of_a_node_that_is_back_has_its_time(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);

        node(r, "a", "", 0);
        heartbeat(r, "a", 1, 0);
        pass(r, 1000 * S);
        assert_int_equal(a->agent, AGENT_GONE);
        hosts_node_gone(r->hosts, "a");
        node(r, "a", "", 2000 * S);
        heartbeat(r, "b", 1, 2039 * S);
        pass(r, 2039 * S);
        assert_int_equal(a->agent, AGENT_UNSEEN);
        pass(r, 2040 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        pass(r, 2040 * S + GRACE - 1);
        assert_int_equal(a->agent, AGENT_SILENT);
        hosts_drop(r->hosts, a);
}

static void a_lease_speaks_for_the_node_of_its_name_only(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0);
        char name[LEASE_NAME_SIZE];

        node(r, "a", "", 0);
        heartbeat_name("b", name);
        lease(r, name, "a", 1, 0);
        lease(r, "anything", "a", 1, 0);
        assert_int_equal(a->agent, AGENT_UNSEEN);
        heartbeat(r, "a", 1, 0);
        assert_int_equal(a->agent, AGENT_ALIVE);
        hosts_lease_gone(r->hosts, name, 5 * S);
        assert_int_equal(a->agent, AGENT_ALIVE);
        heartbeat_name("a", name);
        hosts_lease_gone(r->hosts, name, 5 * S);
        assert_int_equal(a->agent, AGENT_UNSEEN);
        hosts_drop(r->hosts, a);
}

static void no_two_silences_have_the_same_number(void **state)
{
        struct rig *r = *state;
        struct host *a = hosts_use(r->hosts, "a", 0), *b = hosts_use(r->hosts, "b", 0);

        node(r, "a", "", 0);
        node(r, "b", "", 0);
        heartbeat(r, "a", 1, 0);
        heartbeat(r, "b", 1, 0);
        pass(r, 100 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        assert_int_equal(b->agent, AGENT_SILENT);
        assert_int_not_equal(a->episode, b->episode);
        uint64_t before = a->episode;
        heartbeat(r, "a", 2, 100 * S);
        pass(r, 200 * S);
        assert_int_equal(a->agent, AGENT_SILENT);
        assert_true(a->episode > before && a->episode > b->episode);
        hosts_drop(r->hosts, a);
        hosts_drop(r->hosts, b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(an_agent_is_silent_when_its_lease_stays_unchanged_for_its_duration),
                TEST(a_silent_agent_is_gone_after_the_grace),
                TEST(an_agent_that_was_never_seen_is_given_the_time_of_a_lease),
                TEST(when_nobody_spoke_lately_everybody_has_a_further_duration),
                TEST(while_leases_are_not_watched_nobody_falls_silent),
                TEST(our_own_pause_is_not_held_against_agents),
                TEST(only_nodes_that_somebody_looks_at_are_judged),
                TEST(nodes_come_change_and_go),
                TEST(the_agent_of_a_node_that_is_back_has_its_time),
                TEST(a_lease_speaks_for_the_node_of_its_name_only),
                TEST(no_two_silences_have_the_same_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
