/* Links and devices as `devicelink get` reads them: JSON that says how they are. */

#include "unit/link/rig.h"

#include "base/tree.h"
#include "view.h"

#define ONE "{'unit':1,'interval':20,'points':[{'name':'x'},{'name':'y'}]}"

struct seen_json {
        struct arena *arena;
        const struct tree *list;
};

static struct seen_json look(const struct view_source *s, bool devices, const char *space,
                             const char *name)
{
        struct buf out = BUF(1024 * 1024);
        struct seen_json j = { .arena = arena_new() };
        struct err e = { 0 };

        if (devices)
                view_devices(s, space, name, &out);
        else
                view_links(s, space, name, &out);
        assert_true(buf_ok(&out));
        if (tree_parse_json(j.arena, buf_text(&out), out.len, &tree_limits_default, &j.list, &e) <
            0)
                fail_msg("%s: %s", e.text, buf_text(&out));
        assert_null(strchr(buf_text(&out), '\n')); /* a line of its own in a watch */
        buf_done(&out);
        return j;
}

static const char *text_at(const struct seen_json *j, const char *path)
{
        const char *s = tree_text(tree_find(j->list, path));

        return s ? s : "(nothing)";
}

static void a_link_shows_its_conditions_and_polls(void **state)
{
        struct rig *r = rig_new(1, 1);
        const struct view_source s = { .links = r->links };

        (void)state;
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 2000));
        struct seen_json j = look(&s, false, NULL, NULL);
        assert_int_equal(tree_find(j.list, "items")->n, 1);
        assert_string_equal(text_at(&j, "items[0].kind"), "DeviceLink");
        assert_string_equal(text_at(&j, "items[0].metadata.name"), "a");
        assert_string_equal(text_at(&j, "items[0].metadata.namespace"), "default");
        assert_string_equal(text_at(&j, "items[0].spec.adaptor.name"), EVENT);
        assert_string_equal(text_at(&j, "items[0].spec.model.kind"), "EventDevice");
        assert_string_equal(text_at(&j, "items[0].status.conditions[4].type"), "DeviceConnected");
        assert_string_equal(text_at(&j, "items[0].status.conditions[4].reason"), "Healthy");
        assert_string_equal(text_at(&j, "items[0].status.conditions[4].status"), "True");
        assert_non_null(tree_find(j.list, "items[0].status.conditions[4].lastUpdateTime"));
        assert_string_equal(text_at(&j, "items[0].agent.cause"), "");
        assert_true(tree_find(j.list, "items[0].polls.total")->as.i >= 1);
        assert_int_equal(tree_find(j.list, "items[0].polls.failed")->as.i, 0);
        assert_non_null(tree_find(j.list, "items[0].polls.secondsSinceGood"));
        assert_null(tree_find(j.list, "items[0].spec.template"));
        arena_free(j.arena);

        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        assert_true(spin(r, a_is_unhealthy, 2000));
        j = look(&s, false, NULL, NULL);
        assert_string_equal(text_at(&j, "items[0].agent.cause"), "mode 1");
        assert_int_equal(tree_find(j.list, "items[0].polls.retry")->as.i, 1);
        assert_string_equal(text_at(&j, "items[0].status.conditions[4].message"),
                            "received error from adaptor");
        arena_free(j.arena);
        rig_free(r);
}

static void a_device_shows_its_status_and_quality(void **state)
{
        struct rig *r = rig_new(1, 1);
        const struct view_source s = { .links = r->links };

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_HANG);
        apply_one(r, "a", EVENT, ONE);
        struct seen_json j = look(&s, true, NULL, NULL);
        assert_string_equal(text_at(&j, "items[0].agent.quality"), "unknown");
        arena_free(j.arena);
        apply(r);
        run_for(r, 50);

        atomic_store(&event_fake->unit[1].mode, FAKE_ONE_BAD);
        apply_one(r, "a", EVENT, ONE);
        assert_true(spin(r, a_is_healthy, 2000));
        j = look(&s, true, NULL, NULL);
        assert_string_equal(text_at(&j, "items[0].kind"), "EventDevice");
        assert_string_equal(text_at(&j, "items[0].apiVersion"), "example.com/v1");
        assert_string_equal(text_at(&j, "items[0].agent.quality"), "bad");
        assert_int_equal(tree_find(j.list, "items[0].agent.points")->as.i, 2);
        assert_string_equal(text_at(&j, "items[0].status.properties[1].name"), "y");
        arena_free(j.arena);

        atomic_store(&event_fake->unit[1].mode, FAKE_OK);
        run_for(r, 100);
        j = look(&s, true, NULL, NULL);
        assert_string_equal(text_at(&j, "items[0].agent.quality"), "good");
        arena_free(j.arena);
        rig_free(r);
}

static void what_cannot_run_is_shown_as_well(void **state)
{
        struct rig *r = rig_new(1, 1);
        const struct view_source s = { .links = r->links };

        (void)state;
        apply_one(r, "a", "nobody/knows-it", ONE);
        struct seen_json j = look(&s, false, NULL, NULL);
        assert_string_equal(text_at(&j, "items[0].status.conditions[2].type"), "AdaptorExisted");
        assert_string_equal(text_at(&j, "items[0].agent.cause"),
                            "no adaptor 'nobody/knows-it' is loaded");
        arena_free(j.arena);
        j = look(&s, true, NULL, NULL);
        assert_int_equal(tree_find(j.list, "items[0].status")->n, 0);
        assert_string_equal(text_at(&j, "items[0].agent.endpoint"), "");
        arena_free(j.arena);
        rig_free(r);
}

static void a_view_can_be_of_some(void **state)
{
        struct rig *r = rig_new(1, 1);
        const struct view_source s = { .links = r->links };
        static const struct {
                const char *space, *name;
                size_t n;
        } views[] = {
                { NULL, NULL, 2 },    { "default", NULL, 2 }, { "other", NULL, 0 },
                { NULL, "a", 1 },     { "default", "b", 1 },  { "default", "c", 0 },
                { "default", "", 0 }, { "other", "a", 0 },
        };

        (void)state;
        want(r, link_of("a", EVENT, ONE));
        want(r, link_of("b", EVENT, ONE));
        apply(r);
        for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
                for (int devices = 0; devices < 2; devices++) {
                        struct seen_json j = look(&s, devices == 1, views[i].space, views[i].name);

                        assert_int_equal(tree_find(j.list, "items")->n, views[i].n);
                        arena_free(j.arena);
                }
        }
        rig_free(r);
}

static const struct conditions *from_the_cluster(void *ctx, const char *key)
{
        return strcmp(key, "default/a") == 0 ? ctx : NULL;
}

static void in_a_cluster_its_conditions_are_shown(void **state)
{
        struct rig *r = rig_new(1, 1);
        struct conditions c = { 0 };
        const struct view_source s = { .links = r->links,
                                       .ctx = &c,
                                       .conditions = from_the_cluster };

        (void)state;
        (void)conditions_set_reason(&c, CONDITION_NODE_EXISTED, CONDITION_UNKNOWN, "AgentSilent",
                                    "say \"why\"", NS_PER_S);
        want(r, link_of("a", EVENT, ONE));
        want(r, link_of("b", EVENT, ONE));
        apply(r);
        struct seen_json j = look(&s, false, NULL, NULL);
        assert_int_equal(tree_find(j.list, "items[0].status.conditions")->n, 1);
        assert_string_equal(text_at(&j, "items[0].status.conditions[0].reason"), "AgentSilent");
        assert_string_equal(text_at(&j, "items[0].status.conditions[0].message"), "say \"why\"");
        assert_string_equal(text_at(&j, "items[0].status.conditions[0].lastUpdateTime"),
                            "1970-01-01T00:00:01Z");
        assert_int_equal(tree_find(j.list, "items[1].status.conditions")->n, 5);
        arena_free(j.arena);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_shows_its_conditions_and_polls),
                cmocka_unit_test(a_device_shows_its_status_and_quality),
                cmocka_unit_test(what_cannot_run_is_shown_as_well),
                cmocka_unit_test(a_view_can_be_of_some),
                cmocka_unit_test(in_a_cluster_its_conditions_are_shown),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
