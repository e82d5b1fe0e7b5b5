/* The condition list is what users see of a link: order, texts and times are kept to the letter. */

#include "model/condition.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <string.h>

static struct json_object *member(struct json_object *o, const char *key)
{
        struct json_object *ret = NULL;

        (void)json_object_object_get_ex(o, key, &ret);
        return ret;
}

static const char *text(struct json_object *o, const char *key)
{
        struct json_object *m = member(o, key);

        return m ? json_object_get_string(m) : "";
}

static enum condition_type type_named(const char *name, size_t len)
{
        for (enum condition_type t = 0; t < CONDITION_COUNT; t++) {
                const char *known = condition_type_name(t);

                if (strlen(known) == len && strncmp(known, name, len) == 0)
                        return t;
        }
        fail_msg("unknown condition '%s'", name);
        return CONDITION_COUNT;
}

static enum condition_status status_named(const char *name)
{
        for (enum condition_status s = CONDITION_UNKNOWN; s <= CONDITION_FALSE; s++) {
                if (strcmp(condition_status_name(s), name) == 0)
                        return s;
        }
        fail_msg("unknown status '%s'", name);
        return CONDITION_UNKNOWN;
}

/* The link as its own status has it: what was recorded differs from the spec? */
struct link {
        struct json_object *spec;
        struct json_object *recorded; /* `after` of the step before */
};

static const char *wanted(const struct link *l, struct json_object *set, const char *key)
{
        struct json_object *m = set ? member(set, key) : NULL;

        if (m)
                json_object_object_add(l->spec, key, json_object_get(m));
        return text(l->spec, key);
}

static bool recorded_differs(const struct link *l, enum condition_type type,
                             struct json_object *set)
{
        const char *node = wanted(l, set, "node"), *version = wanted(l, set, "apiVersion");
        const char *kind = wanted(l, set, "kind"), *adaptor = wanted(l, set, "adaptor");

        if (type == CONDITION_NODE_EXISTED)
                return strcmp(l->recorded ? text(l->recorded, "nodeName") : "", node) != 0;
        if (type == CONDITION_ADAPTOR_EXISTED)
                return strcmp(l->recorded ? text(l->recorded, "adaptorName") : "", adaptor) != 0;
        if (type != CONDITION_MODEL_EXISTED)
                return false;
        struct json_object *model = l->recorded ? member(l->recorded, "model") : NULL;
        if (!model)
                return true;
        return strcmp(json_object_get_string(json_object_array_get_idx(model, 0)), version) != 0 ||
               strcmp(json_object_get_string(json_object_array_get_idx(model, 1)), kind) != 0;
}

static void assert_list(const struct conditions *c, struct json_object *want, const char *name)
{
        if (c->n != json_object_array_length(want))
                fail_msg("%s: %zu conditions, expected %zu", name, c->n,
                         json_object_array_length(want));
        for (size_t i = 0; i < c->n; i++) {
                struct json_object *w = json_object_array_get_idx(want, i);
                const struct condition *got = &c->list[i];
                const char *texts[] = { condition_type_name(got->type),
                                        condition_status_name(got->status),
                                        condition_reason(got->type, got->status), got->message };

                for (size_t k = 0; k < 4; k++)
                        assert_string_equal(
                                texts[k], json_object_get_string(json_object_array_get_idx(w, k)));
                assert_int_equal(got->updated_ns / NS_PER_S,
                                 json_object_get_int64(json_object_array_get_idx(w, 4)));
                assert_int_equal(got->transitioned_ns / NS_PER_S,
                                 json_object_get_int64(json_object_array_get_idx(w, 5)));
        }
}

static void run_steps(struct json_object *sequence)
{
        struct link l = { .spec = member(sequence, "spec") };
        struct json_object *steps = member(sequence, "steps");
        struct conditions c = { 0 };

        for (size_t i = 0; i < json_object_array_length(steps); i++) {
                struct json_object *step = json_object_array_get_idx(steps, i);
                struct json_object *message = member(step, "message");
                struct conditions before = c;
                const char *what = text(step, "do");
                size_t len = strcspn(what, "=");
                enum condition_type type = type_named(what, len);

                bool differs = recorded_differs(&l, type, member(step, "set"));
                bool changed =
                        conditions_set(&c, type, status_named(what + len + 1),
                                       message ? json_object_get_string(message) : NULL, differs,
                                       json_object_get_int64(member(step, "at")) * NS_PER_S);
                l.recorded = member(step, "after");
                assert_list(&c, member(l.recorded, "conditions"), text(sequence, "name"));
                if (!changed)
                        assert_memory_equal(&before, &c, sizeof(c));
        }
}

static void every_recorded_sequence_gives_the_same_list(void **state)
{
        struct json_object *all = json_object_from_file(TEST_DATA "/vectors/conditions.json");

        (void)state;
        assert_non_null(all);
        assert_int_equal(json_object_array_length(all), 55);
        for (size_t i = 0; i < json_object_array_length(all); i++)
                run_steps(json_object_array_get_idx(all, i));
        json_object_put(all);
}

static void what_is_set_again_unchanged_reports_no_change(void **state)
{
        struct conditions c = { 0 };

        (void)state;
        assert_true(conditions_set(&c, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, true, 1));
        assert_false(conditions_set(&c, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, false, 2));
        assert_int_equal(c.n, 2);
        assert_int_equal(c.list[0].updated_ns, 1);
}

static void the_last_entry_is_the_phase(void **state)
{
        struct conditions c = { 0 };

        (void)state;
        assert_null(conditions_phase(&c));
        assert_null(conditions_get(&c, CONDITION_NODE_EXISTED));
        (void)conditions_set(&c, CONDITION_NODE_EXISTED, CONDITION_FALSE,
                             "adaptor node isn't existed", true, 5);
        assert_ptr_equal(conditions_phase(&c), conditions_get(&c, CONDITION_NODE_EXISTED));
        assert_string_equal(conditions_phase(&c)->message, "adaptor node isn't existed");
}

static void a_reason_beyond_the_contract_is_told_apart(void **state)
{
        struct conditions c = { 0 };
        enum condition_type type = CONDITION_NODE_EXISTED;

        (void)state;
        assert_true(conditions_set(&c, type, CONDITION_UNKNOWN, "silent", false, 1));
        assert_string_equal(condition_reason_of(&c.list[0]), "Confirming");
        assert_true(conditions_set_reason(&c, type, CONDITION_UNKNOWN, "Lost", "silent", 2));
        assert_string_equal(condition_reason_of(&c.list[0]), "Lost");
        assert_false(conditions_set_reason(&c, type, CONDITION_UNKNOWN, "Lost", "silent", 3));
        assert_true(conditions_set(&c, type, CONDITION_UNKNOWN, "silent", false, 4));
}

static void lists_are_equal_when_entries_and_times_are(void **state)
{
        struct conditions a = { 0 }, b = { 0 };

        (void)state;
        assert_true(conditions_equal(&a, &b));
        (void)conditions_set(&a, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, false, 1);
        assert_false(conditions_equal(&a, &b));
        (void)conditions_set(&b, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, false, 1);
        assert_true(conditions_equal(&a, &b));
        b.list[1].updated_ns++;
        assert_false(conditions_equal(&a, &b));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_sequence_gives_the_same_list),
                cmocka_unit_test(what_is_set_again_unchanged_reports_no_change),
                cmocka_unit_test(the_last_entry_is_the_phase),
                cmocka_unit_test(a_reason_beyond_the_contract_is_told_apart),
                cmocka_unit_test(lists_are_equal_when_entries_and_times_are),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
