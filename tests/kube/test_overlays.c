/* test_overlays.c - what each overlay and component of manifests/ changes, in a real cluster. */
#include "kustomize.h"

/* All objects of an overlay with a component, as the server would have them; for json_object_put().
 */
static struct json_object *objects_of(const char *overlay, const char *component)
{
        char dir[256];

        rig_scratch_make(dir);
        compose(dir, overlay, component);
        char *text = kubectl((const char *const[]){ "apply", "--dry-run=server", "-o", "json", "-k",
                                                    dir, NULL });
        struct json_object *all = json_tokener_parse(text);
        assert_non_null(all);
        free(text);
        rig_scratch_remove(dir);
        return all;
}

/* The nth object of a kind, or NULL. */
static struct json_object *object_of(struct json_object *all, const char *kind, size_t n)
{
        struct json_object *items = at(all, "items");

        for (size_t i = 0; i < json_object_array_length(items); i++) {
                struct json_object *o = json_object_array_get_idx(items, i);

                if (strcmp(text_at(o, "kind"), kind) == 0 && n-- == 0)
                        return o;
        }
        return NULL;
}

static struct json_object *pod_of(struct json_object *all, const char *kind)
{
        struct json_object *o = object_of(all, kind, 0);

        assert_non_null(o);
        return at(at(at(o, "spec"), "template"), "spec");
}

static struct json_object *first(struct json_object *o, const char *list)
{
        return json_object_array_get_idx(at(o, list), 0);
}

static bool holds(struct json_object *o, const char *text)
{
        return strstr(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE),
                      text) != NULL;
}

/* --- overlays */

static void a_single_node_has_one_operator(void **state)
{
        struct json_object *plain = objects_of("plain", NULL);
        struct json_object *k3s = objects_of("k3s", NULL);

        (void)state;
        assert_int_equal(
                json_object_get_int(at(at(object_of(plain, "Deployment", 0), "spec"), "replicas")),
                2);
        assert_int_equal(
                json_object_get_int(at(at(object_of(k3s, "Deployment", 0), "spec"), "replicas")),
                1);
        json_object_put(k3s);
        json_object_put(plain);
}

static void expect(const char *token, const char *method, const char *path, const char *body,
                   long want, const char *why)
{
        struct json_object *o = NULL;
        const char *type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : NULL;
        long got = kube_request_as(&cluster, token, method, path, type, body, &o);

        if (got != want || !holds(o, why))
                fail_msg("%s %s: expected %ld, got %ld: %s", method, path, want, got,
                         json_object_to_json_string(o));
        json_object_put(o);
}

static bool policy_works(struct kube *k, void *token)
{
        return kube_request_as(k, token, "PATCH",
                               "/apis/edge.cattle.io/v1alpha1/namespaces/default/devicelinks/"
                               "x/status?dryRun=All",
                               "application/merge-patch+json", "{\"status\":{}}", NULL) == 403;
}

#define LINKS(space) "/apis/edge.cattle.io/v1alpha1/namespaces/" space "/devicelinks"
#define DEVICES(space)                                                                             \
        "/apis/devices.edge.cattle.io/v1alpha1/namespaces/" space "/dummyspecialdevices"

static void an_agent_of_a_big_fleet_keeps_to_the_namespace_of_its_node(void **state)
{
        static const char link[] =
                "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\",\"metadata\":"
                "{\"name\":\"x\"},\"spec\":{\"adaptor\":{\"node\":\"node-a\"},\"model\":{},"
                "\"template\":{}}}";
        static const char device[] =
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":"
                "\"DummySpecialDevice\",\"metadata\":{\"name\":\"x\",\"annotations\":"
                "{\"edge.cattle.io/node-name\":\"node-a\"}},\"spec\":{\"protocol\":"
                "{\"location\":\"l\"},\"on\":true}}";
        static const char why[] = "an agent may write in the namespace of its node only";
        struct json_object *all = objects_of("namespace-per-node", NULL);

        (void)state;
        assert_true(holds(at(first(pod_of(all, "DaemonSet"), "containers"), "args"),
                          "\"--namespace=$(NODE_NAME)\""));
        json_object_put(all);
        free(kubectl((const char *const[]){
                "apply", "-k", TEST_SOURCE "/manifests/overlays/namespace-per-node", NULL }));
        char *token = kube_node_token(&cluster, SYSTEM, "octopus-limb", "node-a");
        expect(NULL, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"node-a\"}}", 201, "");
        expect(NULL, "POST", LINKS("node-a"), link, 201, "");
        expect(NULL, "POST", LINKS("default"), link, 201, "");
        kube_wait(&cluster, policy_works, token, 20000, "the policy is in force");
        expect(token, "PATCH", LINKS("node-a") "/x/status", "{\"status\":{\"nodeName\":\"a\"}}",
               200, "");
        expect(token, "PATCH", LINKS("default") "/x/status", "{\"status\":{\"nodeName\":\"a\"}}",
               403, why);
        expect(token, "POST", DEVICES("node-a"), device, 201, "");
        expect(token, "POST", DEVICES("default"), device, 403, why);
        free(token);
}

/* --- components */

static void a_serial_line_needs_privileges_but_no_root(void **state)
{
        struct json_object *all = objects_of("plain", "serial");
        struct json_object *pod = pod_of(all, "DaemonSet");
        struct json_object *security = at(first(pod, "containers"), "securityContext");

        (void)state;
        assert_true(json_object_get_boolean(at(security, "privileged")));
        assert_true(json_object_get_boolean(at(security, "readOnlyRootFilesystem")));
        assert_int_equal(json_object_get_int(at(at(pod, "securityContext"), "runAsUser")), 65532);
        assert_true(holds(at(pod, "securityContext"), "\"supplementalGroups\":[20,18]"));
        assert_true(holds(at(first(pod, "containers"), "volumeMounts"), "\"mountPath\":\"/dev\""));
        assert_false(holds(pod_of(all, "Deployment"), "privileged"));
        json_object_put(all);
}

static void bluetooth_needs_the_buss_socket_and_no_privileges(void **state)
{
        struct json_object *all = objects_of("k3s", "bluetooth");
        struct json_object *pod = pod_of(all, "DaemonSet");

        (void)state;
        assert_true(holds(at(first(pod, "containers"), "volumeMounts"), "/run/dbus"));
        assert_false(holds(pod, "\"privileged\":true"));
        json_object_put(all);
}

static void a_state_in_the_pod_takes_nothing_of_the_node(void **state)
{
        struct json_object *all = objects_of("plain", "state-in-pod");
        struct json_object *pod = pod_of(all, "DaemonSet");

        (void)state;
        assert_false(holds(pod, "hostPath"));
        assert_false(holds(pod, "initContainers"));
        assert_true(holds(at(pod, "volumes"), "emptyDir"));
        assert_true(holds(at(first(pod, "containers"), "volumeMounts"), "/var/lib/devicelink"));
        assert_true(holds(object_of(all, "Namespace", 0),
                          "\"pod-security.kubernetes.io/enforce\":\"restricted\""));
        json_object_put(all);
}

static void old_clusters_get_what_they_understand(void **state)
{
        struct json_object *all = objects_of("namespace-per-node", "before-1.32");
        struct json_object *now = objects_of("namespace-per-node", NULL);

        (void)state;
        assert_null(object_of(all, "ValidatingAdmissionPolicy", 0));
        assert_null(object_of(all, "ValidatingAdmissionPolicyBinding", 0));
        assert_false(holds(all, "\"selectableFields\":["));
        assert_non_null(object_of(now, "ValidatingAdmissionPolicy", 3));
        assert_non_null(object_of(now, "ValidatingAdmissionPolicyBinding", 3));
        assert_true(holds(now, "\"selectableFields\":["));
        json_object_put(all);
        json_object_put(now);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_single_node_has_one_operator),
                cmocka_unit_test(a_serial_line_needs_privileges_but_no_root),
                cmocka_unit_test(bluetooth_needs_the_buss_socket_and_no_privileges),
                cmocka_unit_test(a_state_in_the_pod_takes_nothing_of_the_node),
                cmocka_unit_test(old_clusters_get_what_they_understand),
                cmocka_unit_test(an_agent_of_a_big_fleet_keeps_to_the_namespace_of_its_node),
        };

        return cmocka_run_group_tests(tests, install, remove_all);
}
