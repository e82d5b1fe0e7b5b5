/* The CRD of the links goes and comes back: devices do not notice (reference A4 52, 53). */
/* libs: dl_kube */
#include "room.h"

enum { MANY = 12 };

#define CRD "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/devicelinks.edge.cattle.io"
#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

static struct json_object *crd; /* as it was */

static int up_alone(void **state)
{
        (void)state;
        log_setup(2, LOG_WARNING, LOG_FORMAT_TEXT);
        client_up(&client, true, NULL);
        room.keep_ns = 120 * NS_PER_S;
        room_open(&room, client.kube.node);
        return 0;
}

static char *name_of(int i)
{
        return xasprintf("pump-%d", i);
}

static bool crd_is_gone(void *ctx)
{
        struct json_object *o = kube_get(&client.kube, CRD);

        (void)ctx;
        json_object_put(o);
        return o == NULL;
}

static bool all_driven(void *ctx)
{
        (void)ctx;
        return room.desired.n == MANY;
}

static bool is_served(void *ctx)
{
        (void)ctx;
        return kube_request(&client.kube, "GET", "/apis/edge.cattle.io/v1alpha1/devicelinks", NULL,
                            NULL, NULL) == 200;
}

static void links_are_driven(void **state)
{
        (void)state;
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = name_of(i);

                healthy(name);
        }
        assert_true(client_runs_until(&client, all_driven, NULL, 10000));
}

/* A schema change ends all watches (A4 52). */
static void another_schema_disturbs_nobody(void **state)
{
        int changes = room.changes;

        (void)state;
        patch(CRD, "{\"metadata\":{\"annotations\":{\"x\":\"y\"}},\"spec\":{\"names\":"
                   "{\"categories\":[\"edge\",\"other\"]}}}");
        client_run_for(&client, 3000);
        assert_int_equal(room.changes, changes);
        assert_int_equal(room.desired.n, MANY);
}

static void devices_run_on_without_the_crd(void **state)
{
        (void)state;
        crd = kube_get(&client.kube, CRD);
        assert_int_equal(kube_request(&client.kube, "DELETE", CRD, NULL, NULL, NULL), 200);
        assert_true(client_runs_until(&client, crd_is_gone, NULL, 30000));
        client_run_for(&client, 1000);
        assert_int_equal(room.desired.n, MANY);
        assert_int_equal(room.closed, 0);
}

static void links_that_come_back_find_their_devices_running(void **state)
{
        static const char *const gone[] = { "uid", "resourceVersion", "creationTimestamp",
                                            "generation", "managedFields" };

        (void)state;
        json_object_object_del(crd, "status");
        for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
                json_object_object_del(at(crd, "/metadata"), gone[i]);
        assert_int_equal(kube_request(&client.kube, "POST", CRDS, NULL,
                                      json_object_to_json_string(crd), NULL),
                         201);
        json_object_put(crd);
        assert_true(client_runs_until(&client, is_served, NULL, 20000));
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = name_of(i);

                apply(name, "");
                found(name, client.kube.node);
        }
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = name_of(i);
                struct json_object *o = link_object(name);

                expect(true, name, "/metadata/ownerReferences/0/uid", text_at(o, "/metadata/uid"));
                expect_conditions(name, HEALTHY);
                assert_string_equal(driven(name)->uid, text_at(o, "/metadata/uid"));
                json_object_put(o);
        }
        assert_int_equal(room.closed, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(links_are_driven),
                cmocka_unit_test(another_schema_disturbs_nobody),
                cmocka_unit_test(devices_run_on_without_the_crd),
                cmocka_unit_test(links_that_come_back_find_their_devices_running),
        };

        return cmocka_run_group_tests(tests, up_alone, down);
}
