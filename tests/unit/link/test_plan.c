/* The plan makes the running set the desired one, and touches no more than it must. */

#include "link/plan.h"

#include "base/backoff.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { KEYS = 8, ROUNDS = 10000 };

static const struct dl_adaptor adaptors[2];

/* A link with few variants of everything, so that random sets often agree. */
struct made {
        struct link_spec *spec;
        struct dl_info info;
        struct plan_item item;
        bool runs;
};

static const struct tree *spec_tree(struct arena *a, unsigned points, unsigned mqtt)
{
        char *json = arena_printf(a, "{\"points\":%u,\"extension\":{\"mqtt\":%u}}", points, mqtt);
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, NULL), 0);
        return t;
}

static struct made make(unsigned key, unsigned variant)
{
        static const char *const channels[] = { "a", "b" };
        static const char *const connections[] = { "x", "y" };
        struct made m = { .spec = link_spec_new() };
        unsigned adaptor = variant % 8 == 7;

        m.spec->key = arena_printf(m.spec->arena, "ns/%u", key);
        m.spec->adaptor = adaptor ? "one" : "two";
        m.spec->kind = "K";
        m.spec->api_version = "v1";
        m.spec->spec = spec_tree(m.spec->arena, variant / 8 % 2, variant / 16 % 2);
        m.info.channel = channels[variant / 32 % 8 == 7];
        m.info.connection = connections[variant / 256 % 4 == 3];
        m.runs = variant / 1024 % 8 != 7;
        m.item = (struct plan_item){ .spec = m.spec, .adaptor = &adaptors[adaptor] };
        return m;
}

static void done(struct made *m)
{
        link_spec_unref(m->spec);
}

static bool same_text(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* What must become of it, said in another way than the plan does. */
static void check_pair(enum plan_action action, const struct made *want, const struct made *have)
{
        bool device = plan_same_device(want->spec, have->spec);
        bool line = want->item.adaptor == have->item.adaptor &&
                    same_text(want->info.channel, have->info.channel) &&
                    same_text(want->info.connection, have->info.connection);

        if (!have->runs) {
                assert_int_equal(action, want->runs ? PLAN_START : PLAN_WAIT);
        } else if (!want->runs) {
                assert_int_equal(action,
                                 want->item.adaptor == have->item.adaptor ? PLAN_KEEP : PLAN_STOP);
        } else if (!line) {
                assert_int_equal(action, PLAN_REPLACE);
        } else {
                assert_int_equal(action, device ? PLAN_KEEP : PLAN_UPDATE);
        }
}

static size_t random_set(struct made *set, struct plan_item *items)
{
        size_t n = 0;

        for (unsigned key = 0; key < KEYS; key++) {
                if (random_u32() % 4 == 0)
                        continue;
                set[n] = make(key, random_u32() % 8192);
                n++;
        }
        for (size_t i = 0; i < n; i++) {
                items[i] = set[i].item;
                items[i].info = set[i].runs ? &set[i].info : NULL;
        }
        return n;
}

static void random_sets_become_the_desired_ones(void **state)
{
        struct made want[KEYS], have[KEYS];
        struct plan_item want_items[KEYS], have_items[KEYS];
        struct plan_step steps[2 * KEYS];
        unsigned seen[PLAN_WAIT + 1] = { 0 };

        (void)state;
        for (unsigned round = 0; round < ROUNDS; round++) {
                size_t n_want = random_set(want, want_items);
                size_t n_have = random_set(have, have_items);
                bool want_met[KEYS] = { false }, have_met[KEYS] = { false };
                size_t n = plan_make(want_items, n_want, have_items, n_have, steps);
                bool stops_are_over = false;

                for (size_t i = 0; i < n; i++) {
                        long w = steps[i].desired, h = steps[i].running;

                        seen[steps[i].action]++;
                        if (steps[i].action != PLAN_STOP)
                                stops_are_over = true;
                        assert_false(stops_are_over && steps[i].action == PLAN_STOP);
                        if (w >= 0) {
                                assert_false(want_met[w]);
                                want_met[w] = true;
                        }
                        if (h >= 0) {
                                assert_false(have_met[h]);
                                have_met[h] = true;
                        }
                        if (w < 0)
                                assert_int_equal(steps[i].action, PLAN_STOP);
                        else if (h < 0)
                                assert_int_equal(steps[i].action,
                                                 want[w].runs ? PLAN_START : PLAN_WAIT);
                        else
                                check_pair(steps[i].action, &want[w], &have[h]);
                        if (w >= 0 && h >= 0)
                                assert_string_equal(want[w].spec->key, have[h].spec->key);
                }
                for (size_t i = 0; i < n_want; i++) {
                        assert_true(want_met[i]);
                        done(&want[i]);
                }
                for (size_t i = 0; i < n_have; i++) {
                        assert_true(have_met[i]);
                        done(&have[i]);
                }
        }
        for (unsigned a = 0; a <= PLAN_WAIT; a++)
                assert_true(seen[a] > 100);
}

static enum plan_action one(struct made *want, struct made *have)
{
        struct plan_item w = want->item, h = have->item;
        struct plan_step step;

        w.info = &want->info;
        h.info = &have->info;
        assert_int_equal(plan_make(&w, 1, &h, 1, &step), 1);
        return step.action;
}

static void a_changed_mqtt_section_keeps_what_runs(void **state)
{
        struct made have = make(1, 0), want = make(1, 16);

        (void)state;
        assert_false(tree_equal(want.spec->spec, have.spec->spec));
        assert_int_equal(one(&want, &have), PLAN_KEEP);
        done(&have);
        done(&want);
}

static void changed_points_update_and_another_connection_replaces(void **state)
{
        struct made have = make(1, 0), points = make(1, 8), connection = make(1, 768);

        (void)state;
        assert_int_equal(one(&points, &have), PLAN_UPDATE);
        assert_int_equal(one(&connection, &have), PLAN_REPLACE);
        done(&have);
        done(&points);
        done(&connection);
}

static void other_reference_bytes_are_another_device(void **state)
{
        static const struct dl_reference a = { "login", "password", "old", 3 };
        static const struct dl_reference b = { "login", "password", "new", 3 };
        struct made have = make(1, 0), want = make(1, 0);

        (void)state;
        have.spec->references = &a;
        want.spec->references = &a;
        have.spec->n_references = want.spec->n_references = 1;
        assert_int_equal(one(&want, &have), PLAN_KEEP);
        want.spec->references = &b;
        assert_int_equal(one(&want, &have), PLAN_UPDATE);
        done(&have);
        done(&want);
}

static void empty_sets_need_nothing(void **state)
{
        struct plan_step step;

        (void)state;
        assert_int_equal(plan_make(NULL, 0, NULL, 0, &step), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_sets_become_the_desired_ones),
                cmocka_unit_test(a_changed_mqtt_section_keeps_what_runs),
                cmocka_unit_test(changed_points_update_and_another_connection_replaces),
                cmocka_unit_test(other_reference_bytes_are_another_device),
                cmocka_unit_test(empty_sets_need_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
