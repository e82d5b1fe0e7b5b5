/* test_manifests.c - manifests/ in a real cluster: every overlay and component is taken, names are
 * those of Octopus, Pods are bounded (octopus 2.3, 42, 46; reference A11 121, 127, A12 135). */
#include "kustomize.h"

/* --- what is taken */

/* What bounds the agents is there before any of them is. */
static void expect_policies_before_agents(const char *said)
{
        const char *agents = strstr(said, "daemonset.apps/octopus-limb ");
        const char *after = strstr(agents, "validatingadmissionpolicy");

        if (after)
                fail_msg("%s", said);
}

static void every_overlay_and_component_is_taken_without_a_warning(void **state)
{
        static const char *const overlays[] = { "plain", "k3s", "namespace-per-node" };
        static const char *const components[] = { NULL, "serial", "bluetooth", "state-in-pod",
                                                  "before-1.32" };
        char dir[256];

        (void)state;
        rig_scratch_make(dir);
        for (size_t i = 0; i < 3; i++) {
                for (size_t j = 0; j < sizeof(components) / sizeof(components[0]); j++) {
                        compose(dir, overlays[i], components[j]);
                        char *said = kubectl((const char *const[]){ "apply", "--dry-run=server",
                                                                    "--validate=strict", "-k", dir,
                                                                    NULL });
                        if (strcasestr(said, "warning"))
                                fail_msg("%s, %s: %s", overlays[i], components[j], said);
                        assert_non_null(strstr(said, "daemonset.apps/octopus-limb "));
                        assert_non_null(strstr(said, "deployment.apps/octopus-brain "));
                        expect_policies_before_agents(said);
                        free(said);
                }
        }
        rig_scratch_remove(dir);
}

static void applying_again_changes_nothing(void **state)
{
        char *said = kubectl((const char *const[]){ "apply", "-k", PLAIN, NULL });

        (void)state;
        assert_non_null(strstr(said, " unchanged"));
        assert_null(strstr(said, " configured"));
        assert_null(strstr(said, " created"));
        free(said);
        /* Also for those who changed to server-side apply. */
        free(kubectl((const char *const[]){ "apply", "--server-side", "-k", PLAIN, NULL }));
}

/* What the server found wrong with a policy when it compared it with the schemas; for free(). */
static char *type_warnings(const char *name)
{
        int64_t until = rig_now_ms() + 20000;
        char path[256];

        (void)snprintf(path, sizeof(path),
                       "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/%s",
                       name);
        for (; rig_now_ms() < until; rig_sleep_ms(50)) {
                struct json_object *o = kube_get(&cluster, path);
                struct json_object *status = NULL, *checked = NULL, *warnings = NULL;

                assert_non_null(o);
                if (json_object_object_get_ex(o, "status", &status) &&
                    json_object_object_get_ex(status, "typeChecking", &checked)) {
                        (void)json_object_object_get_ex(checked, "expressionWarnings", &warnings);
                        char *ret = strdup(warnings ? json_object_to_json_string(warnings) : "");
                        json_object_put(o);
                        return ret;
                }
                json_object_put(o);
        }
        fail_msg("%s is never checked", name);
        return NULL;
}

/* Made anew: at first, its CRDs may not have been there to be compared with. */
static void the_policies_have_no_type_check_warnings(void **state)
{
        static const char file[] = TEST_SOURCE "/manifests/base/isolation.yaml";
        static const char *const names[] = { "octopus-limb-links", "octopus-limb-devices",
                                             "octopus-limb-leases" };
        char *wrong = rig_read_file(file);
        char *at_node = strstr(wrong, "o.spec.adaptor.node ==");
        char *at_name = strstr(wrong, "octopus-limb-links");

        (void)state;
        free(kubectl((const char *const[]){ "delete", "-f", file, NULL }));
        free(kubectl((const char *const[]){ "apply", "-k", PLAIN, NULL }));
        for (size_t i = 0; i < 3; i++) {
                char *said = type_warnings(names[i]);
                if (said[0] != '\0')
                        fail_msg("%s: %s", names[i], said);
                free(said);
        }
        /* That it would be found. */
        assert_true(at_node && at_name);
        memcpy(at_node, "o.spec.adaptor.mode", strlen("o.spec.adaptor.mode"));
        memcpy(at_name, "a-policy-with-slip", strlen("a-policy-with-slip"));
        *strstr(wrong, "---") = '\0';
        kube_apply(&cluster, "%s", wrong);
        char *said = type_warnings("a-policy-with-slip");
        assert_non_null(strstr(said, "undefined field 'mode'"));
        free(said);
        free(wrong);
}

/* --- names of octopus 2.3 */

static void expect_labels(struct json_object *o, const char *component)
{
        struct json_object *labels = at(at(o, "metadata"), "labels");

        assert_string_equal(text_at(labels, "app.kubernetes.io/name"), "octopus");
        assert_string_equal(text_at(labels, "app.kubernetes.io/version"), DEVICELINK_VERSION);
        if (component)
                assert_string_equal(text_at(labels, "app.kubernetes.io/component"), component);
}

static struct json_object *container(struct json_object *workload)
{
        struct json_object *pod = at(at(at(workload, "spec"), "template"), "spec");

        return json_object_array_get_idx(at(pod, "containers"), 0);
}

static void expect_workload(const char *path, const char *component, const char *verb)
{
        struct json_object *o = kube_get(&cluster, path);
        struct json_object *c = container(o);

        expect_labels(o, component);
        expect_labels(at(at(o, "spec"), "template"), component);
        assert_string_equal(json_object_get_string(json_object_array_get_idx(at(c, "args"), 0)),
                            verb);
        assert_string_equal(text_at(c, "image"), "devicelink:" DEVICELINK_VERSION);
        struct json_object *port = json_object_array_get_idx(at(c, "ports"), 0);
        assert_string_equal(text_at(port, "name"), "metrics");
        assert_int_equal(json_object_get_int(at(port, "containerPort")), 8080);
        assert_string_equal(text_at(at(at(c, "livenessProbe"), "httpGet"), "path"), "/healthz");
        assert_string_equal(text_at(at(at(c, "readinessProbe"), "httpGet"), "path"), "/readyz");
        json_object_put(o);
}

static void expect_service(const char *path, const char *component)
{
        struct json_object *o = kube_get(&cluster, path);
        struct json_object *port = json_object_array_get_idx(at(at(o, "spec"), "ports"), 0);

        expect_labels(o, component);
        assert_string_equal(text_at(port, "name"), "metrics");
        assert_int_equal(json_object_get_int(at(port, "port")), 8080);
        assert_string_equal(text_at(at(at(o, "spec"), "selector"), "app.kubernetes.io/component"),
                            component);
        json_object_put(o);
}

static void names_and_labels_are_those_of_octopus(void **state)
{
        (void)state;
        expect_workload("/apis/apps/v1/namespaces/" SYSTEM "/daemonsets/octopus-limb", "limb",
                        "agent");
        expect_workload("/apis/apps/v1/namespaces/" SYSTEM "/deployments/octopus-brain", "brain",
                        "operator");
        expect_service("/api/v1/namespaces/" SYSTEM "/services/octopus-limb", "limb");
        expect_service("/api/v1/namespaces/" SYSTEM "/services/octopus-brain", "brain");
        struct json_object *space = kube_get(&cluster, "/api/v1/namespaces/" SYSTEM);
        expect_labels(space, NULL);
        json_object_put(space);
}

/* --- Pods */

static long try_pod(struct json_object *workload, const char *space, char **ret)
{
        struct json_object *template = at(at(workload, "spec"), "template");
        struct json_object *pod = json_object_new_object();
        struct json_object *spec = NULL;
        struct json_object *o = NULL;
        char path[256];

        assert_int_equal(json_object_deep_copy(at(template, "spec"), &spec, NULL), 0);
        json_object_object_del(spec, "serviceAccountName");
        json_object_object_del(spec, "serviceAccount");
        json_object_object_add(pod, "metadata", json_tokener_parse("{\"name\":\"x\"}"));
        json_object_object_add(pod, "spec", spec);
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods?dryRun=All", space);
        long status =
                kube_request(&cluster, "POST", path, NULL, json_object_to_json_string(pod), &o);
        *ret = strdup(o ? json_object_to_json_string(o) : "");
        json_object_put(o);
        json_object_put(pod);
        return status;
}

static void make_space(const char *level)
{
        char body[256];
        char path[256];

        (void)snprintf(body, sizeof(body),
                       "{\"metadata\":{\"name\":\"%s\",\"labels\":{"
                       "\"pod-security.kubernetes.io/enforce\":\"%s\"}}}",
                       level, level);
        assert_int_equal(kube_request(&cluster, "POST", "/api/v1/namespaces", NULL, body, NULL),
                         201);
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/serviceaccounts/default", level);
        while (kube_request(&cluster, "GET", path, NULL, NULL, NULL) != 200)
                rig_sleep_ms(20);
}

/* The API server's own judgement: the operator and an agent without a directory of the node keep to
 * the strictest profile; only that directory needs more. */
static void pods_keep_to_the_strictest_profile_they_can(void **state)
{
        char dir[256];
        char *said = NULL;

        (void)state;
        make_space("restricted");
        make_space("privileged");
        struct json_object *operator=
                kube_get(&cluster, "/apis/apps/v1/namespaces/" SYSTEM "/deployments/octopus-brain");
        struct json_object *agent =
                kube_get(&cluster, "/apis/apps/v1/namespaces/" SYSTEM "/daemonsets/octopus-limb");
        if (try_pod(operator, "restricted", &said) != 201)
                fail_msg("%s", said);
        free(said);
        assert_int_equal(try_pod(agent, "privileged", &said), 201);
        free(said);
        assert_int_equal(try_pod(agent, "restricted", &said), 403);
        assert_non_null(strstr(said, "restricted volume types"));
        free(said);

        rig_scratch_make(dir);
        compose(dir, "plain", "state-in-pod");
        char *text = kubectl((const char *const[]){ "apply", "--dry-run=server", "-o", "json", "-k",
                                                    dir, NULL });
        struct json_object *all = json_tokener_parse(text);
        struct json_object *items = at(all, "items");
        size_t tried = 0;
        for (size_t i = 0; i < json_object_array_length(items); i++) {
                struct json_object *item = json_object_array_get_idx(items, i);
                if (strcmp(text_at(item, "kind"), "DaemonSet") != 0)
                        continue;
                if (try_pod(item, "restricted", &said) != 201)
                        fail_msg("%s", said);
                free(said);
                tried++;
        }
        assert_int_equal(tried, 1);
        json_object_put(all);
        json_object_put(operator);
        json_object_put(agent);
        free(text);
        rig_scratch_remove(dir);
}

/* Beyond what a profile asks for. */
static void no_container_writes_its_image_or_eats_the_node(void **state)
{
        static const char *const paths[] = {
                "/apis/apps/v1/namespaces/" SYSTEM "/daemonsets/octopus-limb",
                "/apis/apps/v1/namespaces/" SYSTEM "/deployments/octopus-brain",
        };
        static const char *const lists[] = { "containers", "initContainers" };
        size_t seen = 0;

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct json_object *o = kube_get(&cluster, paths[i]);
                struct json_object *pod = at(at(at(o, "spec"), "template"), "spec");

                for (size_t j = 0; j < 2; j++) {
                        struct json_object *list = NULL;
                        if (!json_object_object_get_ex(pod, lists[j], &list))
                                continue;
                        for (size_t c = 0; c < json_object_array_length(list); c++, seen++) {
                                struct json_object *one = json_object_array_get_idx(list, c);
                                struct json_object *bounds = at(one, "resources");
                                assert_true(json_object_get_boolean(
                                        at(at(one, "securityContext"), "readOnlyRootFilesystem")));
                                (void)at(at(bounds, "limits"), "memory");
                                (void)at(at(bounds, "requests"), "memory");
                                (void)at(at(bounds, "requests"), "cpu");
                        }
                }
                json_object_put(o);
        }
        assert_int_equal(seen, 3);
}

/* --- Leases are asked for in a class of their own */

static void leases_have_a_flow_schema_of_their_own(void **state)
{
        static const char line[] =
                "apiserver_flowcontrol_dispatched_requests_total{flow_schema=\"octopus-leases\"";
        char *token = kube_node_token(&cluster, SYSTEM, "octopus-limb", "node-a");
        int64_t until = rig_now_ms() + 20000;

        (void)state;
        for (;;) {
                (void)kube_request_as(&cluster, token, "GET",
                                      "/apis/coordination.k8s.io/v1/namespaces/" SYSTEM
                                      "/leases/devicelink-agent-node-a",
                                      NULL, NULL, NULL);
                char *said = kubectl((const char *const[]){ "get", "--raw", "/metrics", NULL });
                bool seen = strstr(said, line) != NULL;
                free(said);
                if (seen)
                        break;
                assert_true(rig_now_ms() < until);
                rig_sleep_ms(200);
        }
        free(token);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_overlay_and_component_is_taken_without_a_warning),
                cmocka_unit_test(applying_again_changes_nothing),
                cmocka_unit_test(the_policies_have_no_type_check_warnings),
                cmocka_unit_test(names_and_labels_are_those_of_octopus),
                cmocka_unit_test(pods_keep_to_the_strictest_profile_they_can),
                cmocka_unit_test(no_container_writes_its_image_or_eats_the_node),
                cmocka_unit_test(leases_have_a_flow_schema_of_their_own),
        };

        return cmocka_run_group_tests(tests, install, remove_all);
}
