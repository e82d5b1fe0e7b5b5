/* What the API server holds of a link's health is read and written without losing a letter. */
#include "kube.h"

#include "base/clock.h"
#include "kube/link_status.h"

#include <json-c/json.h>

enum { TEXT_MAX = 1 << 16 };

static const struct tree *parsed(struct arena *a, const char *json)
{
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (tree_parse_json(a, json, strlen(json), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s: %s", e.text, json);
        return t;
}

/* RFC 7396, enough of it: maps merge, null removes, all else replaces. */
static struct tree *merge(struct arena *a, const struct tree *to, const struct tree *patch)
{
        struct tree *ret = tree_new(a, TREE_MAP);

        TREE_FOREACH (old, to) {
                const struct tree *p = tree_get(patch, old->key);
                struct tree *copy = tree_new(a, TREE_NULL);

                if (p && p->type == TREE_NULL)
                        continue;
                if (p && p->type == TREE_MAP)
                        copy = merge(a, old, p);
                else
                        *copy = p ? *p : *old;
                copy->next = NULL;
                tree_append(ret, old->key, copy);
        }
        TREE_FOREACH (p, patch) {
                struct tree *copy = tree_new(a, TREE_NULL);

                if (p->type == TREE_NULL || tree_get(to, p->key))
                        continue;
                *copy = *p;
                copy->next = NULL;
                tree_append(ret, p->key, copy);
        }
        return ret;
}

static bool same_text(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static void assert_same(const struct link_status *a, const struct link_status *b)
{
        assert_true(conditions_equal(&a->conditions, &b->conditions));
        assert_int_equal(a->foreign, b->foreign);
        assert_true(same_text(a->node_name, b->node_name));
        assert_true(same_text(a->host_name, b->host_name));
        assert_true(same_text(a->internal_ip, b->internal_ip));
        assert_true(same_text(a->internal_dns, b->internal_dns));
        assert_true(same_text(a->external_ip, b->external_ip));
        assert_true(same_text(a->external_dns, b->external_dns));
        assert_true(same_text(a->model_api_version, b->model_api_version));
        assert_true(same_text(a->model_kind, b->model_kind));
        assert_true(same_text(a->adaptor_name, b->adaptor_name));
}

/* The patch as a document; NULL: there is nothing to patch. */
static const struct tree *patch_of(struct arena *a, enum link_status_role role,
                                   const struct link_status *was, const struct link_status *now)
{
        auto_of(buf) struct buf out = BUF(TEXT_MAX);

        if (!link_status_patch(role, was, now, "7", &out)) {
                assert_int_equal(out.len, 0);
                return NULL;
        }
        assert_true(buf_ok(&out));
        const struct tree *t = parsed(a, buf_text(&out));
        assert_string_equal(tree_text(tree_find(t, "metadata.resourceVersion")), "7");
        assert_int_equal(tree_get(t, "metadata")->n, 1);
        return t;
}

static struct link_status read_back(struct arena *a, const char *json)
{
        struct link_status s = { 0 };

        link_status_read(parsed(a, json), &s);
        return s;
}

/* --- every sequence of the contract, through the API object */

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

static bool named(const char *what, size_t len, const char *name)
{
        return strlen(name) == len && strncmp(name, what, len) == 0;
}

static void apply_step(struct link_status *s, struct json_object *step)
{
        struct json_object *message = member(step, "message");
        struct json_object *after = member(step, "after");
        struct json_object *model = member(after, "model");
        const char *what = text(step, "do");
        size_t len = strcspn(what, "=");

        for (enum condition_type t = 0; t < CONDITION_COUNT; t++) {
                for (enum condition_status st = 0; st <= CONDITION_FALSE; st++) {
                        if (named(what, len, condition_type_name(t)) &&
                            strcmp(what + len + 1, condition_status_name(st)) == 0)
                                (void)conditions_set(
                                        &s->conditions, t, st,
                                        message ? json_object_get_string(message) : NULL, true,
                                        json_object_get_int64(member(step, "at")) * NS_PER_S +
                                                123456789);
                }
        }
        s->node_name = text(after, "nodeName");
        s->adaptor_name = text(after, "adaptorName");
        s->model_api_version =
                model ? json_object_get_string(json_object_array_get_idx(model, 0)) : "";
        s->model_kind = model ? json_object_get_string(json_object_array_get_idx(model, 1)) : "";
}

/* One role after the other writes its part, as two programs would. */
static const struct tree *written(struct arena *a, const struct tree *object,
                                  const struct link_status *now)
{
        for (int role = LINK_STATUS_AGENT; role <= LINK_STATUS_OPERATOR; role++) {
                struct link_status was = { 0 };

                link_status_read(object, &was);
                const struct tree *p = patch_of(a, (enum link_status_role)role, &was, now);
                if (p)
                        object = merge(a, object, p);
        }
        return object;
}

static struct link_status truncated(const struct link_status *s)
{
        struct link_status ret = *s;

        for (size_t i = 0; i < ret.conditions.n; i++) {
                ret.conditions.list[i].updated_ns -= ret.conditions.list[i].updated_ns % NS_PER_S;
                ret.conditions.list[i].transitioned_ns -=
                        ret.conditions.list[i].transitioned_ns % NS_PER_S;
        }
        return ret;
}

static void run_sequence(struct json_object *sequence)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *object = parsed(a, "{\"metadata\":{\"resourceVersion\":\"7\"}}");
        struct json_object *steps = member(sequence, "steps");
        struct link_status now = { 0 };

        link_status_read(object, &now);
        for (size_t i = 0; i < json_object_array_length(steps); i++) {
                struct link_status back = { 0 };

                apply_step(&now, json_object_array_get_idx(steps, i));
                object = written(a, object, &now);
                link_status_read(object, &back);
                struct link_status want = truncated(&now);
                assert_same(&back, &want);
                assert_null(patch_of(a, LINK_STATUS_AGENT, &back, &now));
                assert_null(patch_of(a, LINK_STATUS_OPERATOR, &back, &now));
        }
}

static void every_sequence_survives_the_api_object(void **state)
{
        struct json_object *all = json_object_from_file(TEST_DATA "/vectors/conditions.json");

        (void)state;
        assert_non_null(all);
        assert_int_equal(json_object_array_length(all), 55);
        for (size_t i = 0; i < json_object_array_length(all); i++)
                run_sequence(json_object_array_get_idx(all, i));
        json_object_put(all);
}

/* --- reading */

static void what_is_absent_or_of_another_type_reads_as_nothing(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        static const char *const odd[] = { "{}",
                                           "[]",
                                           "{\"status\":null}",
                                           "{\"status\":[1]}",
                                           "{\"status\":{\"nodeName\":3,\"model\":\"x\"}}",
                                           "{\"status\":{\"conditions\":\"none\"}}" };

        (void)state;
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                struct link_status s = read_back(a, odd[i]);

                assert_int_equal(s.conditions.n, 0);
                assert_false(s.foreign);
                assert_string_equal(s.node_name, "");
                assert_string_equal(s.host_name, "");
                assert_string_equal(s.external_dns, "");
                assert_string_equal(s.model_kind, "");
                assert_string_equal(s.adaptor_name, "");
        }
}

static void entries_that_nobody_here_writes_are_left_out_and_told(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        static const char *const foreign[] = {
                "{\"type\":\"Ready\",\"status\":\"True\"}",
                "{\"type\":\"ModelExisted\",\"status\":\"Maybe\"}",
                "{\"type\":\"NodeExisted\",\"status\":\"False\"}", /* a second one */
                "{\"status\":\"True\"}",
                "\"text\"",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
                auto_free char *json =
                        xasprintf("{\"status\":{\"conditions\":[{\"type\":\"NodeExisted\","
                                  "\"status\":\"True\"},%s]}}",
                                  foreign[i]);
                struct link_status s = read_back(a, json);

                assert_true(s.foreign);
                assert_int_equal(s.conditions.n, 1);
                assert_int_equal(s.conditions.list[0].status, CONDITION_TRUE);
                struct link_status now = s;
                now.foreign = false;
                const struct tree *p = patch_of(a, LINK_STATUS_AGENT, &s, &now);
                assert_int_equal(tree_find(p, "status.conditions")->n, 1);
        }
}

static void the_contracts_reason_is_no_reason_of_its_own(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        struct link_status s = read_back(
                a, "{\"status\":{\"conditions\":["
                   "{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                   "{\"type\":\"ModelExisted\",\"status\":\"True\"},"
                   "{\"type\":\"AdaptorExisted\",\"status\":\"Unknown\",\"reason\":\"AgentLost\"}"
                   "]}}");
        assert_int_equal(s.conditions.n, 3);
        assert_null(s.conditions.list[0].reason);
        assert_null(s.conditions.list[1].reason);
        assert_string_equal(s.conditions.list[2].reason, "AgentLost");

        struct link_status none = read_back(a, "{}");
        const struct tree *p = patch_of(a, LINK_STATUS_OPERATOR, &none, &s);
        assert_string_equal(tree_text(tree_find(p, "status.conditions[1].reason")), "Found");
        assert_string_equal(tree_text(tree_find(p, "status.conditions[2].reason")), "AgentLost");
}

static void times_of_other_zones_and_fractions_are_read(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        struct link_status s =
                read_back(a, "{\"status\":{\"conditions\":[{\"type\":\"NodeExisted\","
                             "\"status\":\"True\",\"lastUpdateTime\":\"2024-01-02T03:04:05+01:00\","
                             "\"lastTransitionTime\":\"yesterday\"}]}}");
        assert_int_equal(s.conditions.list[0].updated_ns, INT64_C(1704161045) * NS_PER_S);
        assert_int_equal(s.conditions.list[0].transitioned_ns, 0);
}

/* --- patches */

static const char full_status[] =
        "{\"status\":{\"nodeName\":\"edge-1\",\"nodeHostName\":\"h\",\"nodeInternalIP\":\"10.0.0."
        "1\","
        "\"nodeInternalDNS\":\"i\",\"nodeExternalIP\":\"1.2.3.4\",\"nodeExternalDNS\":\"e\","
        "\"model\":{\"apiVersion\":\"g/v1\",\"kind\":\"K\"},\"adaptorName\":\"a\","
        "\"conditions\":[{\"type\":\"NodeExisted\",\"status\":\"True\",\"message\":\"\","
        "\"lastUpdateTime\":\"2024-01-02T02:04:05Z\"}]}}";

static void nothing_differs_nothing_is_patched(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct link_status s = read_back(a, full_status);

        (void)state;
        assert_null(patch_of(a, LINK_STATUS_AGENT, &s, &s));
        assert_null(patch_of(a, LINK_STATUS_OPERATOR, &s, &s));
        struct link_status now = s;
        now.conditions.list[0].updated_ns += 999999999;
        assert_null(patch_of(a, LINK_STATUS_OPERATOR, &s, &now));
        now.conditions.list[0].updated_ns += 1;
        assert_non_null(patch_of(a, LINK_STATUS_OPERATOR, &s, &now));
}

static void only_the_roles_own_fields_that_differ_are_in_it(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct link_status was = read_back(a, full_status);
        struct link_status now = was;

        (void)state;
        now.adaptor_name = "b";
        now.external_ip = "5.6.7.8";
        const struct tree *p = patch_of(a, LINK_STATUS_AGENT, &was, &now);
        assert_int_equal(tree_get(p, "status")->n, 1);
        assert_string_equal(tree_text(tree_find(p, "status.adaptorName")), "b");
        p = patch_of(a, LINK_STATUS_OPERATOR, &was, &now);
        assert_int_equal(tree_get(p, "status")->n, 1);
        assert_string_equal(tree_text(tree_find(p, "status.nodeExternalIP")), "5.6.7.8");
}

static void what_is_cleared_is_null(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct link_status was = read_back(a, full_status);
        struct link_status now = read_back(a, "{}");

        (void)state;
        const struct tree *p = patch_of(a, LINK_STATUS_OPERATOR, &was, &now);
        assert_int_equal(tree_get(p, "status")->n, 8);
        TREE_FOREACH (field, tree_get(p, "status"))
                assert_int_equal(field->type, TREE_NULL);
        assert_non_null(tree_find(p, "status.model"));
        p = patch_of(a, LINK_STATUS_AGENT, &was, &now);
        assert_int_equal(tree_get(p, "status")->n, 2);
        assert_int_equal(tree_find(p, "status.adaptorName")->type, TREE_NULL);
}

static void the_list_is_written_whole_and_in_order(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct link_status was = read_back(a, full_status);
        struct link_status now = was;
        auto_of(buf) struct buf out = BUF(TEXT_MAX);

        (void)state;
        (void)conditions_set(&now.conditions, CONDITION_MODEL_EXISTED, CONDITION_FALSE,
                             "model \"x\" isn't existed", false, INT64_C(1704161046) * NS_PER_S);
        assert_true(link_status_patch(LINK_STATUS_OPERATOR, &was, &now, "12", &out));
        assert_string_equal(
                buf_text(&out),
                "{\"metadata\":{\"resourceVersion\":\"12\"},\"status\":{\"conditions\":["
                "{\"type\":\"NodeExisted\",\"status\":\"True\","
                "\"lastUpdateTime\":\"2024-01-02T02:04:05Z\",\"reason\":\"Found\",\"message\":\"\"}"
                ","
                "{\"type\":\"ModelExisted\",\"status\":\"False\","
                "\"lastUpdateTime\":\"2024-01-02T02:04:06Z\","
                "\"lastTransitionTime\":\"2024-01-02T02:04:05Z\",\"reason\":\"NotFound\","
                "\"message\":\"model \\\"x\\\" isn't existed\"}]}}");
}

static void what_does_not_fit_is_a_failed_buffer(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct link_status was = read_back(a, "{}");
        struct link_status now = read_back(a, full_status);
        auto_of(buf) struct buf out = BUF(100);

        (void)state;
        assert_true(link_status_patch(LINK_STATUS_OPERATOR, &was, &now, "1", &out));
        assert_false(buf_ok(&out));
}

/* --- finalizers */

static void assert_finalizers(const char *object, bool present, const char *want)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(TEXT_MAX);
        bool differs = finalizer_patch(parsed(a, object), LINK_FINALIZER, present, &out);

        assert_int_equal(differs, want != NULL);
        assert_string_equal(buf_text(&out), want ? want : "");
}

static void a_finalizer_is_added_and_removed_beside_others(void **state)
{
        (void)state;
        assert_finalizers("{\"metadata\":{\"resourceVersion\":\"3\"}}", true,
                          "{\"metadata\":{\"resourceVersion\":\"3\",\"finalizers\":["
                          "\"edge.cattle.io/octopus-limb\"]}}");
        assert_finalizers("{\"metadata\":{\"resourceVersion\":\"3\",\"finalizers\":[\"x\",\"y\"]}}",
                          true,
                          "{\"metadata\":{\"resourceVersion\":\"3\",\"finalizers\":[\"x\",\"y\","
                          "\"edge.cattle.io/octopus-limb\"]}}");
        assert_finalizers(
                "{\"metadata\":{\"resourceVersion\":\"4\",\"finalizers\":[\"x\","
                "\"edge.cattle.io/octopus-limb\",\"y\"]}}",
                false, "{\"metadata\":{\"resourceVersion\":\"4\",\"finalizers\":[\"x\",\"y\"]}}");
        assert_finalizers("{\"metadata\":{\"resourceVersion\":\"4\",\"finalizers\":["
                          "\"edge.cattle.io/octopus-limb\"]}}",
                          false, "{\"metadata\":{\"resourceVersion\":\"4\",\"finalizers\":null}}");
}

static void a_finalizer_that_is_right_needs_no_patch(void **state)
{
        (void)state;
        assert_finalizers("{\"metadata\":{\"finalizers\":[\"edge.cattle.io/octopus-limb\"]}}", true,
                          NULL);
        assert_finalizers("{\"metadata\":{\"finalizers\":[\"x\"]}}", false, NULL);
        assert_finalizers("{}", false, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_sequence_survives_the_api_object),
                cmocka_unit_test(what_is_absent_or_of_another_type_reads_as_nothing),
                cmocka_unit_test(entries_that_nobody_here_writes_are_left_out_and_told),
                cmocka_unit_test(the_contracts_reason_is_no_reason_of_its_own),
                cmocka_unit_test(times_of_other_zones_and_fractions_are_read),
                cmocka_unit_test(nothing_differs_nothing_is_patched),
                cmocka_unit_test(only_the_roles_own_fields_that_differ_are_in_it),
                cmocka_unit_test(what_is_cleared_is_null),
                cmocka_unit_test(the_list_is_written_whole_and_in_order),
                cmocka_unit_test(what_does_not_fit_is_a_failed_buffer),
                cmocka_unit_test(a_finalizer_is_added_and_removed_beside_others),
                cmocka_unit_test(a_finalizer_that_is_right_needs_no_patch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
