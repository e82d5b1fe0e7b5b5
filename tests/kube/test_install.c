/* test_install.c - the real programs with nothing but the rights that manifests/ gives them: tokens
 * of their service accounts, the policies in force (reference A11 119, 126). */
#include "rig/kube.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYSTEM "octopus-system"
#define LINKS "/apis/edge.cattle.io/v1alpha1/namespaces/default/devicelinks"
#define DEVICES "/apis/devices.edge.cattle.io/v1alpha1/namespaces/default"

static struct kube cluster;
static struct process operator, agent;
static char dir[256];
static char operator_log[300], agent_log[300];

static char *plain_token(const char *account)
{
        struct json_object *o = NULL;
        char path[256];

        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/" SYSTEM "/serviceaccounts/%s/token",
                       account);
        assert_int_equal(kube_request(&cluster, "POST", path, NULL, "{\"spec\":{}}", &o), 201);
        char *token = strdup(json_object_get_string(
                json_object_object_get(json_object_object_get(o, "status"), "token")));
        json_object_put(o);
        return token;
}

/* As the service account; takes the token over. */
static void write_kubeconfig(const char *file, char *token)
{
        FILE *f = fopen(file, "we");

        assert_non_null(f);
        (void)fprintf(f,
                      "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                      "clusters: [{name: k, cluster: {server: \"%s\", certificate-authority: "
                      "\"%s/pki/ca.crt\"}}]\n"
                      "users: [{name: u, user: {token: %s}}]\n"
                      "contexts: [{name: c, context: {cluster: k, user: u, namespace: " SYSTEM
                      "}}]\n",
                      cluster.server, cluster.dir, token);
        (void)fclose(f);
        free(token);
}

static int install(void **state)
{
        char config[300], other[300], states[300];
        char *said = NULL;

        (void)state;
        rig_scratch_make(dir);
        kube_up_private(&cluster, (const char *const[]){ "--audit", NULL });
        if (kube_ctl(&cluster, &said,
                     (const char *const[]){ "--namespace", "", "apply", "-k",
                                            TEST_SOURCE "/manifests/overlays/plain", NULL }) != 0)
                fail_msg("%s", said);
        free(said);
        kube_node(&cluster, cluster.node, "10.1.2.3");
        (void)snprintf(config, sizeof(config), "%s/operator.kubeconfig", dir);
        write_kubeconfig(config, plain_token("octopus-brain"));
        (void)snprintf(operator_log, sizeof(operator_log), "%s/operator.log", dir);
        process_start(&operator, operator_log,
                      (const char *const[]){ TEST_BUILD "/devicelink", "operator", "--kubeconfig",
                                             config, "--metrics-addr", "0", NULL });
        (void)snprintf(other, sizeof(other), "%s/agent.kubeconfig", dir);
        write_kubeconfig(other, kube_node_token(&cluster, SYSTEM, "octopus-limb", cluster.node));
        (void)snprintf(agent_log, sizeof(agent_log), "%s/agent.log", dir);
        (void)snprintf(states, sizeof(states), "%s/state", dir);
        process_start(&agent, agent_log,
                      (const char *const[]){ TEST_BUILD "/devicelink", "agent", "--kubeconfig",
                                             other, "--node-name", cluster.node, "--adaptors",
                                             TEST_BUILD "/adaptors", "--state", states,
                                             "--metrics-addr", "0", NULL });
        return 0;
}

static int remove_all(void **state)
{
        (void)state;
        process_kill(&agent);
        process_kill(&operator);
        kube_down(&cluster);
        rig_scratch_remove(dir);
        return 0;
}

/* --- one link's life */

static void apply_link(const char *kind, const char *spec)
{
        char *said = NULL;
        char *text = NULL;
        char file[300];

        assert_true(asprintf(&text,
                             "apiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\n"
                             "metadata: {name: fan, namespace: default}\n"
                             "spec:\n"
                             "  adaptor: {node: %s, name: adaptors.edge.cattle.io/dummy}\n"
                             "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: %s}\n"
                             "  references: [{name: login, secret: {name: login}}]\n"
                             "  template: {spec: %s}\n",
                             cluster.node, kind, spec) > 0);
        (void)snprintf(file, sizeof(file), "%s/link.yaml", dir);
        rig_write_file(file, text);
        if (kube_ctl(&cluster, &said,
                     (const char *const[]){ "--namespace", "", "apply", "-f", file, NULL }) != 0)
                fail_msg("%s", said);
        free(said);
        free(text);
}

static struct json_object *last_condition(struct json_object *link)
{
        struct json_object *list =
                json_object_object_get(json_object_object_get(link, "status"), "conditions");
        size_t n = list ? json_object_array_length(list) : 0;

        return n > 0 ? json_object_array_get_idx(list, n - 1) : NULL;
}

/* ctx: the kind that it should be healthy as. */
static bool is_healthy(struct kube *k, void *ctx)
{
        struct json_object *link = kube_get(k, LINKS "/fan");
        struct json_object *model =
                json_object_object_get(json_object_object_get(link, "status"), "model");
        const char *reason =
                json_object_get_string(json_object_object_get(last_condition(link), "reason"));
        const char *kind = json_object_get_string(json_object_object_get(model, "kind"));
        bool yes = reason && kind && strcmp(reason, "Healthy") == 0 && strcmp(kind, ctx) == 0;

        json_object_put(link);
        return yes;
}

static bool has_status(struct kube *k, void *ctx)
{
        struct json_object *device = kube_get(k, ctx);
        struct json_object *status = json_object_object_get(device, "status");
        bool yes = status && json_object_object_length(status) > 0;

        json_object_put(device);
        return yes;
}

static bool is_gone(struct kube *k, void *ctx)
{
        struct json_object *o = kube_get(k, ctx);

        json_object_put(o);
        return !o;
}

/* The logs of both, when something is waited for in vain. */
static void wait_for(bool (*ready)(struct kube *k, void *ctx), const char *what)
{
        int64_t until = rig_now_ms() + 30000;
        char *text = strdup(what);

        while (!ready(&cluster, text)) {
                if (rig_now_ms() > until) {
                        char *a = rig_read_file(agent_log);
                        char *o = rig_read_file(operator_log);
                        (void)fprintf(stderr, "%s\n%s\n", a, o);
                        fail_msg("waited in vain for %s", what);
                }
                rig_sleep_ms(50);
        }
        free(text);
}

static void a_link_has_its_whole_life_with_these_rights(void **state)
{
        (void)state;
        assert_int_equal(kube_request(&cluster, "POST", "/api/v1/namespaces/default/secrets", NULL,
                                      "{\"metadata\":{\"name\":\"login\"},"
                                      "\"stringData\":{\"user\":\"u\"}}",
                                      NULL),
                         201);
        apply_link("DummySpecialDevice", "{protocol: {location: hall}, \"on\": true, gear: fast}");
        wait_for(is_healthy, "DummySpecialDevice");
        wait_for(has_status, DEVICES "/dummyspecialdevices/fan");
        /* A spec that changes, a kind that changes: the operator removes the old instance. */
        apply_link("DummySpecialDevice", "{protocol: {location: hall}, \"on\": false}");
        apply_link("DummyProtocolDevice",
                   "{protocol: {ip: 10.0.0.1}, properties: {a: {type: int}}}");
        wait_for(is_healthy, "DummyProtocolDevice");
        wait_for(has_status, DEVICES "/dummyprotocoldevices/fan");
        wait_for(is_gone, DEVICES "/dummyspecialdevices/fan");
        assert_int_equal(kube_request(&cluster, "DELETE", LINKS "/fan", NULL, NULL, NULL), 200);
        wait_for(is_gone, LINKS "/fan");
        wait_for(is_gone, DEVICES "/dummyprotocoldevices/fan");
}

static bool has_lease(struct kube *k, void *ctx)
{
        struct json_object *o = kube_get(k, ctx);

        json_object_put(o);
        return o != NULL;
}

static void the_heartbeat_is_where_the_operator_looks_for_it(void **state)
{
        char path[256];

        (void)state;
        (void)snprintf(path, sizeof(path),
                       "/apis/coordination.k8s.io/v1/namespaces/" SYSTEM
                       "/leases/devicelink-agent-%s",
                       cluster.node);
        wait_for(has_lease, path);
}

static void the_server_has_refused_them_nothing(void **state)
{
        char file[300];

        (void)state;
        (void)snprintf(file, sizeof(file), "%s/audit.log", cluster.dir);
        char *log = rig_read_file(file);
        size_t seen = 0;
        char *rest = NULL;
        for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (!strstr(line, "\"user\":{\"username\":\"system:serviceaccount:" SYSTEM ":"))
                        continue;
                seen++;
                if (strstr(line, "\"code\":403") || strstr(line, "\"code\":401"))
                        fail_msg("%.900s", line);
        }
        assert_true(seen > 20);
        free(log);
}

static void kubectl(const char *const argv[])
{
        const char *all[16] = { "--namespace", "" };
        char *said = NULL;
        size_t n = 2;

        for (; *argv && n < 15; argv++)
                all[n++] = *argv;
        if (kube_ctl(&cluster, &said, all) != 0)
                fail_msg("kubectl %s %s: %s", all[2], all[3], said);
        free(said);
}

/* As manifests/README.md says it.  A Pod without kubelet does not go by itself. */
static void what_was_installed_is_taken_out_without_a_rest(void **state)
{
        (void)state;
        apply_link("DummySpecialDevice", "{protocol: {location: hall}, \"on\": true, gear: fast}");
        wait_for(is_healthy, "DummySpecialDevice");
        kubectl((const char *const[]){ "delete", "devicelinks", "--all", "--all-namespaces",
                                       "--timeout=30s", NULL });
        kubectl((const char *const[]){ "delete", "pods", "--all", "--force", "-n", SYSTEM, NULL });
        kubectl((const char *const[]){ "delete", "--timeout=60s", "-k",
                                       TEST_SOURCE "/manifests/overlays/plain", NULL });
        wait_for(is_gone, "/api/v1/namespaces/" SYSTEM);
        wait_for(is_gone, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                          "devicelinks.edge.cattle.io");
        wait_for(is_gone, "/apis/rbac.authorization.k8s.io/v1/clusterroles/octopus-limb");
}

static void both_programs_end_quietly(void **state)
{
        (void)state;
        assert_int_equal(process_end(&agent, SIGTERM, 10000), 0);
        assert_int_equal(process_end(&operator, SIGTERM, 10000), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_has_its_whole_life_with_these_rights),
                cmocka_unit_test(the_heartbeat_is_where_the_operator_looks_for_it),
                cmocka_unit_test(the_server_has_refused_them_nothing),
                cmocka_unit_test(what_was_installed_is_taken_out_without_a_rest),
                cmocka_unit_test(both_programs_end_quietly),
        };

        return cmocka_run_group_tests(tests, install, remove_all);
}
