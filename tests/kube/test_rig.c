/* The rig of these tests keeps its own promises: a namespace per test, real tokens, servers that
 * die and come back, devices that keep books. */
#include "rig/fieldbus.h"
#include "rig/kube.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINK                                                                                       \
        "apiVersion: edge.cattle.io/v1alpha1\n"                                                    \
        "kind: DeviceLink\n"                                                                       \
        "metadata: {name: %s, namespace: {space}}\n"                                               \
        "spec:\n"                                                                                  \
        "  adaptor: {name: adaptors.edge.cattle.io/dummy, node: {node}}\n"                         \
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: DummySpecialDevice}\n"       \
        "  template: {spec: {protocol: {location: living-room}}}\n"

static int up(void **state)
{
        struct kube *k = calloc(1, sizeof(*k));

        *state = k;
        kube_up(k);
        return 0;
}

static int down(void **state)
{
        kube_down(*state);
        free(*state);
        return 0;
}

static const char *at(struct json_object *o, const char *a, const char *b, const char *c)
{
        o = o ? json_object_object_get(o, a) : NULL;
        o = o && b ? json_object_object_get(o, b) : o;
        o = o && c ? json_object_object_get(o, c) : o;
        return o ? json_object_get_string(o) : "";
}

static void an_applied_link_has_the_namespace_and_the_node_of_the_test(void **state)
{
        struct kube *k = *state;

        kube_apply(k, LINK, "fan");
        struct json_object *link = kube_get(k, kube_link_path(k, "fan"));
        assert_non_null(link);
        assert_string_equal(at(link, "metadata", "namespace", NULL), k->space);
        assert_string_equal(at(link, "spec", "adaptor", "node"), k->node);
        json_object_put(link);
        assert_null(kube_get(k, kube_link_path(k, "nobody")));
}

static void two_tests_have_nothing_in_common(void **state)
{
        struct kube *k = *state;
        struct kube other = { 0 };

        kube_up(&other);
        assert_string_not_equal(k->space, other.space);
        assert_string_not_equal(k->node, other.node);
        kube_apply(k, LINK, "fan");
        assert_null(kube_get(&other, kube_link_path(&other, "fan")));
        kube_down(&other);
}

static void conditions_are_read_as_one_line_each(void **state)
{
        struct kube *k = *state;
        static const char status[] =
                "{\"status\":{\"conditions\":["
                "{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":\"Found\","
                "\"message\":\"\",\"lastTransitionTime\":\"2026-11-21T00:00:00Z\","
                "\"lastUpdateTime\":\"2026-11-21T00:00:00Z\"},"
                "{\"type\":\"ModelExisted\",\"status\":\"False\",\"reason\":\"NotFound\","
                "\"message\":\"no such model\",\"lastTransitionTime\":\"2026-11-21T00:00:00Z\","
                "\"lastUpdateTime\":\"2026-11-21T00:00:00Z\"}]}}";
        char path[600];

        kube_apply(k, LINK, "fan");
        char *text = kube_conditions(k, "fan");
        assert_string_equal(text, "");
        free(text);
        (void)snprintf(path, sizeof(path), "%s/status", kube_link_path(k, "fan"));
        assert_int_equal(
                kube_request(k, "PATCH", path, "application/merge-patch+json", status, NULL), 200);
        text = kube_conditions(k, "fan");
        assert_string_equal(text, "NodeExisted True Found ''\n"
                                  "ModelExisted False NotFound 'no such model'\n");
        free(text);
        kube_wait_phase(k, "fan", "ModelExisted False NotFound 'no such model'", 1000);
}

static void a_node_has_the_address_it_was_made_with(void **state)
{
        struct kube *k = *state;
        char path[128];

        kube_node(k, k->node, "10.1.2.3");
        (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", k->node);
        struct json_object *node = kube_get(k, path);
        struct json_object *list =
                json_object_object_get(json_object_object_get(node, "status"), "addresses");
        assert_string_equal(at(json_object_array_get_idx(list, 0), "address", NULL, NULL),
                            "10.1.2.3");
        json_object_put(node);
        kube_node_delete(k, k->node);
        assert_null(kube_get(k, path));
}

static void a_token_is_bound_to_its_node_and_may_do_nothing_more(void **state)
{
        static const char review[] = "{\"apiVersion\":\"authentication.k8s.io/v1\","
                                     "\"kind\":\"SelfSubjectReview\"}";
        struct kube *k = *state;
        char *token = kube_node_token(k, k->space, "agent", k->node);
        char *again = kube_node_token(k, k->space, "agent", k->node);
        struct json_object *o = NULL;

        assert_int_equal(kube_request_as(k, token, "POST",
                                         "/apis/authentication.k8s.io/v1/selfsubjectreviews", NULL,
                                         review, &o),
                         201);
        struct json_object *extra = json_object_object_get(
                json_object_object_get(json_object_object_get(o, "status"), "userInfo"), "extra");
        struct json_object *claim =
                json_object_object_get(extra, "authentication.kubernetes.io/node-name");
        assert_non_null(claim);
        assert_string_equal(json_object_get_string(json_object_array_get_idx(claim, 0)), k->node);
        json_object_put(o);
        assert_int_equal(
                kube_request_as(k, token, "GET", kube_link_path(k, "fan"), NULL, NULL, NULL), 403);
        assert_int_equal(kube_request_as(k, "wrong", "GET", "/api/v1/nodes", NULL, NULL, NULL),
                         401);
        free(again);
        free(token);
}

static void kubectl_speaks_for_the_administrator_in_the_namespace(void **state)
{
        struct kube *k = *state;
        char *said = NULL;

        kube_apply(k, LINK, "fan");
        assert_int_equal(
                kube_ctl(k, &said, (const char *const[]){ "get", "dl", "-o", "name", NULL }), 0);
        assert_string_equal(said, "devicelink.edge.cattle.io/fan\n");
        free(said);
        kube_apply(
                k,
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: {space}, namespace: default}}"
                "\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: here}}\n");
        assert_int_equal(
                kube_ctl(k, &said,
                         (const char *const[]){ "delete", "cm", k->space, "-n", "default", NULL }),
                0);
        free(said);
        assert_int_equal(kube_ctl(k, NULL, (const char *const[]){ "delete", "cm", "here", NULL }),
                         0);
        assert_int_not_equal(kube_ctl(k, NULL, (const char *const[]){ "get", "nonsense", NULL }),
                             0);
}

/* Not even with a finalizer whose owner is gone. */
static void nothing_is_left_of_a_test(void **state)
{
        struct kube other = { 0 };
        struct kube *k = *state;
        char path[512];
        char node[128];

        kube_up(&other);
        kube_apply(&other, LINK, "fan");
        kube_node(&other, other.node, "10.1.2.3");
        (void)snprintf(path, sizeof(path), "%s", kube_link_path(&other, "fan"));
        (void)snprintf(node, sizeof(node), "/api/v1/nodes/%s", other.node);
        assert_int_equal(kube_request(&other, "PATCH", path, "application/merge-patch+json",
                                      "{\"metadata\":{\"finalizers\":[\"test.example/left\"]}}",
                                      NULL),
                         200);
        kube_down(&other);
        assert_null(kube_get(k, path));
        assert_null(kube_get(k, node));
}

static void a_private_server_dies_and_comes_back_with_its_data(void **state)
{
        static const char *const more[] = { "--audit", "--apiserver-arg",
                                            "--feature-gates=WatchList=false", NULL };
        struct kube k;
        char audit[320];

        (void)state;
        kube_up_private(&k, more);
        kube_apply(&k, LINK, "fan");
        kube_signal(&k, "kube-apiserver", SIGKILL);
        assert_int_equal(kube_request(&k, "GET", "/readyz", NULL, NULL, NULL), 0);
        kube_start_again(&k, "kube-apiserver");
        struct json_object *link = kube_get(&k, kube_link_path(&k, "fan"));
        assert_non_null(link);
        json_object_put(link);
        assert_int_equal(kube_request(&k, "GET",
                                      "/apis/edge.cattle.io/v1alpha1/devicelinks?watch=1&"
                                      "sendInitialEvents=true&allowWatchBookmarks=true&"
                                      "resourceVersionMatch=NotOlderThan&timeoutSeconds=1",
                                      NULL, NULL, NULL),
                         422);
        (void)snprintf(audit, sizeof(audit), "%s/audit.log", k.dir);
        assert_true(rig_wait_for_text(audit, "\"resource\":\"devicelinks\"", 2000));
        kube_down(&k);
        assert_int_equal(k.dir[0], '\0');
}

/* Two registers; false when there is no answer. */
static bool ask(int fd)
{
        static const uint8_t request[12] = { 0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2 };
        static const uint8_t begin[9] = { 0, 1, 0, 0, 0, 7, 1, 3, 4 };
        uint8_t reply[32];

        return send(fd, request, sizeof(request), MSG_NOSIGNAL) == (ssize_t)sizeof(request) &&
               recv(fd, reply, sizeof(reply), 0) == 13 && memcmp(reply, begin, 9) == 0;
}

static int dial(uint16_t port)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

static void devices_know_when_nobody_asks_and_when_two_do(void **state)
{
        struct fieldbus *b = fieldbus_start(2, 100);
        struct fieldbus_gap *gaps = NULL;
        int one = dial(fieldbus_port(b, 0));

        (void)state;
        assert_true(ask(one));
        assert_int_equal(fieldbus_gaps(b, &gaps), 0);
        free(gaps);
        rig_sleep_ms(200);
        assert_int_equal(fieldbus_gaps(b, &gaps), 1);
        assert_int_equal(gaps[0].to_ms, 0);
        free(gaps);
        /* Who asks, hangs up and is followed by another one is no second master. */
        assert_true(ask(one));
        (void)close(one);
        one = dial(fieldbus_port(b, 0));
        assert_true(ask(one));
        assert_int_equal(fieldbus_twice(b, 0), 0);
        int other = dial(fieldbus_port(b, 0));
        assert_true(ask(other));
        assert_int_equal(fieldbus_twice(b, 0), 1);
        assert_int_equal(fieldbus_connections(b, 0), 3);
        assert_int_equal(fieldbus_requests(b, 0), 4);
        assert_int_equal(fieldbus_requests(b, 1), 0);
        assert_int_equal(fieldbus_gaps(b, &gaps), 1);
        assert_int_equal(gaps[0].device, 0);
        assert_in_range(gaps[0].to_ms - gaps[0].from_ms, 200, 10000);
        free(gaps);
        (void)close(one);
        (void)close(other);
        fieldbus_stop(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        an_applied_link_has_the_namespace_and_the_node_of_the_test, up, down),
                cmocka_unit_test_setup_teardown(two_tests_have_nothing_in_common, up, down),
                cmocka_unit_test_setup_teardown(conditions_are_read_as_one_line_each, up, down),
                cmocka_unit_test_setup_teardown(a_node_has_the_address_it_was_made_with, up, down),
                cmocka_unit_test_setup_teardown(
                        a_token_is_bound_to_its_node_and_may_do_nothing_more, up, down),
                cmocka_unit_test_setup_teardown(
                        kubectl_speaks_for_the_administrator_in_the_namespace, up, down),
                cmocka_unit_test_setup_teardown(nothing_is_left_of_a_test, up, down),
                cmocka_unit_test(devices_know_when_nobody_asks_and_when_two_do),
                cmocka_unit_test(a_private_server_dies_and_comes_back_with_its_data),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
