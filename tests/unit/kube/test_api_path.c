/* A path names the object that is meant, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/api.h"

#define assert_path(expected, ...)                                                                 \
        do {                                                                                       \
                auto_free char *path_ = kube_path(__VA_ARGS__);                                    \
                assert_string_equal(path_, (expected));                                            \
        } while (0)

static void paths_are_those_of_the_api(void **state)
{
        (void)state;
        assert_path("/apis/edge.cattle.io/v1alpha1/namespaces/default/devicelinks/pump/status",
                    &kube_devicelinks, "default", "pump", "status");
        assert_path("/apis/edge.cattle.io/v1alpha1/devicelinks", &kube_devicelinks, NULL, NULL,
                    NULL);
        assert_path("/api/v1/nodes/node-1", &kube_nodes, NULL, "node-1", NULL);
        assert_path("/api/v1/namespaces/a/secrets", &kube_secrets, "a", NULL, NULL);
        assert_path("/api/v1/namespaces/a/configmaps/c", &kube_config_maps, "a", "c", NULL);
        assert_path("/apis/coordination.k8s.io/v1/namespaces/a/leases/l", &kube_leases, "a", "l",
                    NULL);
        assert_path("/apis/events.k8s.io/v1/namespaces/a/events", &kube_events, "a", NULL, NULL);
        assert_path("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x.y", &kube_crds, NULL,
                    "x.y", NULL);
}

static void what_is_odd_in_a_segment_is_encoded(void **state)
{
        (void)state;
        assert_path("/api/v1/namespaces/a%2F..%2Fb/secrets/c%3Fd%23%25%20%C3%A9~_-.x",
                    &kube_secrets, "a/../b", "c?d#% \303\251~_-.x", NULL);
}

static void what_is_no_name_names_nothing(void **state)
{
        (void)state;
        assert_path("/api/v1/namespaces/-/secrets/-", &kube_secrets, "", "", NULL);
        assert_path("/api/v1/namespaces/-/secrets/-/-", &kube_secrets, "..", ".", "");
        assert_path("/api/v1/namespaces/a/secrets/...", &kube_secrets, "a", "...", NULL);
}

static void the_longest_names_fit_and_what_is_longer_names_nothing(void **state)
{
        auto_free char *group = xmalloc(254), *space = xmalloc(64), *name = xmalloc(254);
        auto_free char *endless = xcalloc(1, 20001);
        struct kube_resource r = { .group = group, .version = "v1", .plural = "things" };

        (void)state;
        memset(group, 'g', 253);
        group[253] = '\0';
        memset(space, 's', 63);
        space[63] = '\0';
        memset(name, 'n', 253);
        name[253] = '\0';
        auto_free char *path = kube_path(&r, space, name, "status");
        assert_int_equal(strlen(path),
                         strlen("/apis//v1/namespaces//things//status") + 253 + 63 + 253);
        memset(endless, 'e', 20000);
        assert_path("/-", &kube_secrets, "a", endless, NULL);
}

static void queries_begin_once_and_are_encoded(void **state)
{
        auto_of(buf) struct buf path = BUF(1000);

        (void)state;
        buf_adds(&path, "/api/v1/nodes");
        kube_query(&path, "fieldSelector", "spec.adaptor.node=node&1");
        kube_query(&path, "continue", "a+b/c==");
        assert_string_equal(buf_text(&path), "/api/v1/nodes?fieldSelector=spec.adaptor.node%3Dnode"
                                             "%261&continue=a%2Bb%2Fc%3D%3D");
}

static void a_kind_becomes_its_resource(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct kube_resource r =
                kube_resource_of("devices.edge.cattle.io/v1alpha1", "ModbusDevice", a);
        struct kube_resource core = kube_resource_of("v1", "Pod", a);
        struct kube_resource odd = kube_resource_of("", "", a);

        (void)state;
        assert_string_equal(r.group, "devices.edge.cattle.io");
        assert_string_equal(r.version, "v1alpha1");
        assert_string_equal(r.plural, "modbusdevices");
        assert_string_equal(core.group, "");
        assert_string_equal(core.version, "v1");
        assert_string_equal(core.plural, "pods");
        assert_path("/api/-/s", &odd, NULL, NULL, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(paths_are_those_of_the_api),
                cmocka_unit_test(what_is_odd_in_a_segment_is_encoded),
                cmocka_unit_test(what_is_no_name_names_nothing),
                cmocka_unit_test(the_longest_names_fit_and_what_is_longer_names_nothing),
                cmocka_unit_test(queries_begin_once_and_are_encoded),
                cmocka_unit_test(a_kind_becomes_its_resource),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
