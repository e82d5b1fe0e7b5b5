/* test_rights.c - agents and the operator may do what they need and nothing beside it: Leases,
 * Secrets and everything else (reference A9 103, A11 119, 126). */
#include "isolation.h"

/* --- Leases */

static const char *lease(const char *name, const char *node)
{
        static char body[1024];

        (void)snprintf(body, sizeof(body),
                       "{\"metadata\":{\"name\":\"%s\",\"annotations\":{\"" HELD_BY "\":\"%s\"}},"
                       "\"spec\":{\"holderIdentity\":\"x\"}}",
                       name, node);
        return body;
}

#define HELD "{\"spec\":{\"holderIdentity\":\"y\"}}"

static void an_agent_writes_its_own_lease_only(void **state)
{
        (void)state;
        expect(AGENT_A, "POST", LEASES, lease("devicelink-agent-node-a", "node-a"), 201);
        expect(AGENT_B, "POST", LEASES, lease("devicelink-agent-node-b", "node-b"), 201);
        expect(AGENT_A, "PATCH", LEASES "/devicelink-agent-node-a", HELD, 200);
        expect_refused(AGENT_A, "PATCH", LEASES "/devicelink-agent-node-b", HELD,
                       "the agent of node node-a may write its own Lease only");
        expect_refused(AGENT_A, "POST", LEASES, lease("devicelink-agent-node-c", "node-a"),
                       "its own Lease only");
        expect_refused(AGENT_A, "POST", LEASES, lease("devicelink-operator", "node-a"),
                       "its own Lease only");
        expect(AGENT_A, "DELETE", LEASES "/devicelink-agent-node-b", NULL, 403);
}

static void the_lease_of_a_node_with_a_long_name_is_known_by_its_annotation(void **state)
{
        char name[254];
        char path[512];

        (void)state;
        (void)snprintf(name, sizeof(name), "devicelink-agent-%.*s-0123456789abcdef", 219,
                       long_node);
        (void)snprintf(path, sizeof(path), LEASES "/%s", name);
        expect_refused(AGENT_A, "POST", LEASES, lease(name, "node-a"), "its own Lease only");
        expect_refused(LONG_NAME, "POST", LEASES, lease(name, "node-a"), "its own Lease only");
        expect(LONG_NAME, "POST", LEASES, lease(name, long_node), 201);
        expect(LONG_NAME, "PATCH", path, HELD, 200);
        expect_refused(LONG_NAME, "PATCH", path, TAKE_FOR("node-a"), "its own Lease only");
        expect(AGENT_A, "PATCH", path, HELD, 403);
}

/* --- Secrets, and everything else */

static void secrets_are_read_where_they_are_granted_and_nowhere_else(void **state)
{
        static const char *const denied[] = {
                "/api/v1/namespaces/plant/secrets/s",
                "/api/v1/namespaces/plant/secrets",
                "/api/v1/namespaces/plant/secrets?watch=1&fieldSelector=metadata.name%3Ds",
                "/api/v1/namespaces/plant/configmaps/s",
                "/api/v1/namespaces/kube-system/secrets",
                "/api/v1/namespaces/" SYSTEM "/secrets",
                "/api/v1/secrets",
                "/api/v1/configmaps",
        };

        (void)state;
        expect(ADMIN, "POST", "/api/v1/namespaces/default/secrets",
               "{\"metadata\":{\"name\":\"s\"}}", 201);
        expect(ADMIN, "POST", "/api/v1/namespaces/plant/secrets", "{\"metadata\":{\"name\":\"s\"}}",
               201);
        expect(AGENT_A, "GET", "/api/v1/namespaces/default/secrets/s", NULL, 200);
        for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
                expect(AGENT_A, "GET", denied[i], NULL, 403);
        expect(AGENT_A, "POST", "/api/v1/namespaces/default/secrets",
               "{\"metadata\":{\"name\":\"t\"}}", 403);
        expect(AGENT_A, "DELETE", "/api/v1/namespaces/default/secrets/s", NULL, 403);
}

/* manifests/README.md */
static void one_line_grants_the_references_of_a_namespace(void **state)
{
        int64_t until = rig_now_ms() + 10000;

        (void)state;
        assert_int_equal(
                kube_ctl(&cluster, NULL,
                         (const char *const[]){ "create", "rolebinding", "octopus-limb-references",
                                                "--clusterrole=octopus-limb-references",
                                                "--serviceaccount=" SYSTEM ":octopus-limb", NULL }),
                0);
        char path[256];
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/secrets", cluster.space);
        while (request(AGENT_A, "GET", path, NULL, NULL) != 200) {
                assert_true(rig_now_ms() < until);
                rig_sleep_ms(50);
        }
}

static void an_agent_sees_nothing_that_it_does_not_need(void **state)
{
        static const char *const paths[] = {
                "/api/v1/nodes",
                "/api/v1/namespaces",
                "/api/v1/pods",
                "/api/v1/namespaces/" SYSTEM "/pods",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                "/apis/apps/v1/daemonsets",
                "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                LEASES,
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                expect(AGENT_A, "GET", paths[i], NULL, 403);
        expect(AGENT_A, "POST", "/api/v1/namespaces/" SYSTEM "/serviceaccounts/octopus-brain/token",
               "{\"spec\":{}}", 403);
}

/* --- the whole of it */

enum { RULES_MAX = 64, VERBS_MAX = 200 };

struct rule {
        char what[128]; /* "devicelinks.edge.cattle.io" */
        char verbs[VERBS_MAX];
};

static int by_what(const void *a, const void *b)
{
        return strcmp(((const struct rule *)a)->what, ((const struct rule *)b)->what);
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_verbs(struct json_object *verbs, char ret[VERBS_MAX])
{
        const char *list[16];
        size_t n = json_object_array_length(verbs);

        assert_true(n > 0 && n <= 16);
        for (size_t i = 0; i < n; i++)
                list[i] = json_object_get_string(json_object_array_get_idx(verbs, i));
        qsort(list, n, sizeof(list[0]), by_text);
        ret[0] = '\0';
        for (size_t i = 0; i < n; i++)
                (void)snprintf(ret + strlen(ret), VERBS_MAX - strlen(ret), " %s", list[i]);
}

static const char *text_in(struct json_object *rule, const char *list, size_t i)
{
        return json_object_get_string(
                json_object_array_get_idx(json_object_object_get(rule, list), i));
}

/* One line per resource; what everybody may ask about himself is left out. */
static void print_rights(FILE *f, enum who who, const char *account, const char *space)
{
        struct rule rules[RULES_MAX];
        struct json_object *o = NULL;
        char body[256];
        size_t n = 0;

        (void)snprintf(body, sizeof(body), "{\"spec\":{\"namespace\":\"%s\"}}", space);
        assert_int_equal(request(who, "POST",
                                 "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body, &o),
                         201);
        struct json_object *list =
                json_object_object_get(json_object_object_get(o, "status"), "resourceRules");
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *rule = json_object_array_get_idx(list, i);
                struct json_object *resources = json_object_object_get(rule, "resources");
                const char *group = text_in(rule, "apiGroups", 0);

                for (size_t j = 0; j < json_object_array_length(resources); j++) {
                        const char *name = text_in(rule, "resources", j);
                        if (strncmp(name, "selfsubject", 11) == 0)
                                continue;
                        assert_true(n < RULES_MAX);
                        (void)snprintf(rules[n].what, sizeof(rules[n].what), "%s%s%s", name,
                                       group[0] ? "." : "", group);
                        print_verbs(json_object_object_get(rule, "verbs"), rules[n++].verbs);
                }
        }
        qsort(rules, n, sizeof(rules[0]), by_what);
        (void)fprintf(f, "%s in %s\n", account, space);
        for (size_t i = 0; i < n; i++)
                (void)fprintf(f, "  %s:%s\n", rules[i].what, rules[i].verbs);
        json_object_put(o);
}

/* More or less than the committed list is a decision to be made, not an accident. */
static void rights_are_those_that_were_decided_on(void **state)
{
        static const char *const spaces[] = { "plant", "default", SYSTEM };
        char *wanted = rig_read_file(TEST_DATA "/kube/rbac.txt");
        char *got = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&got, &len);

        (void)state;
        assert_non_null(f);
        for (size_t i = 0; i < 3; i++)
                print_rights(f, AGENT_A, "octopus-limb", spaces[i]);
        for (size_t i = 0; i < 3; i++)
                print_rights(f, OPERATOR, "octopus-brain", spaces[i]);
        (void)fclose(f);
        if (strcmp(got, wanted) != 0) {
                (void)fprintf(stderr, "%s", got); /* fail_msg() cuts at 1,024 */
                fail_msg("tests/data/kube/rbac.txt does not say this");
        }
        free(got);
        free(wanted);
}

/* --- others */

static void a_token_that_names_no_node_writes_nothing(void **state)
{
        static const char why[] = "the token of an agent must be bound to a Pod on a node";

        (void)state;
        expect(UNBOUND, "GET", LINKS "/ours", NULL, 200);
        expect_refused(UNBOUND, "PATCH", LINKS "/ours/status", STATUS, why);
        expect_refused(UNBOUND, "PATCH", LINKS "/ours", FINALIZER, why);
        expect_refused(UNBOUND, "POST", DEVICES, device("new", ""), why);
        expect_refused(UNBOUND, "PATCH", DEVICES "/free", SPEC, why);
        expect_refused(UNBOUND, "PATCH", DEVICES "/ours/status", VALUES, why);
        expect_refused(UNBOUND, "POST", LEASES, lease("devicelink-agent-node-a", "node-a"), why);
}

static void the_operator_does_its_work_on_every_node_and_has_no_secrets(void **state)
{
        (void)state;
        expect(OPERATOR, "PATCH", LINKS "/theirs/status", STATUS, 200);
        expect(OPERATOR, "PATCH", LINKS "/theirs", NO_FINALIZER, 200);
        expect(OPERATOR, "PATCH", DEVICES "/theirs", GIVE_BACK, 200);
        expect(OPERATOR, "DELETE", DEVICES "/theirs", NULL, 200);
        expect(OPERATOR, "POST", DEVICES, device("new", "node-a"), 403);
        expect(OPERATOR, "PATCH", DEVICES "/ours/status", VALUES, 403);
        expect(OPERATOR, "DELETE", LINKS "/ours", NULL, 403);
        expect(OPERATOR, "GET", "/api/v1/nodes", NULL, 200);
        expect(OPERATOR, "PATCH", "/api/v1/nodes/node-a", NO_FINALIZER, 403);
        expect(OPERATOR, "GET", "/api/v1/secrets", NULL, 403);
        expect(OPERATOR, "GET", "/api/v1/namespaces/default/secrets", NULL, 403);
        expect(OPERATOR, "GET", "/api/v1/namespaces/" SYSTEM "/secrets", NULL, 403);
        expect(OPERATOR, "GET", "/api/v1/namespaces/default/configmaps", NULL, 403);
}

static void nobody_else_is_bound_by_the_policies(void **state)
{
        (void)state;
        expect(ADMIN, "PATCH", LINKS "/ours", "{\"spec\":{\"adaptor\":{\"node\":\"node-b\"}}}",
               200);
        expect(ADMIN, "PATCH", DEVICES "/theirs", TAKE_FOR("node-a"), 200);
        expect(ADMIN, "DELETE", DEVICES "/theirs", NULL, 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(an_agent_writes_its_own_lease_only, fresh),
                cmocka_unit_test_setup(
                        the_lease_of_a_node_with_a_long_name_is_known_by_its_annotation, fresh),
                cmocka_unit_test_setup(secrets_are_read_where_they_are_granted_and_nowhere_else,
                                       fresh),
                cmocka_unit_test_setup(one_line_grants_the_references_of_a_namespace, fresh),
                cmocka_unit_test_setup(an_agent_sees_nothing_that_it_does_not_need, fresh),
                cmocka_unit_test_setup(rights_are_those_that_were_decided_on, fresh),
                cmocka_unit_test_setup(a_token_that_names_no_node_writes_nothing, fresh),
                cmocka_unit_test_setup(the_operator_does_its_work_on_every_node_and_has_no_secrets,
                                       fresh),
                cmocka_unit_test_setup(nobody_else_is_bound_by_the_policies, fresh),
        };

        return cmocka_run_group_tests(tests, install, remove_all);
}
