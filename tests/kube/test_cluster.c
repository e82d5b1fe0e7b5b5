/* The cluster room against a real API server.  The test is the operator, and the rooms that drive
 * devices: what they say is what the test makes them say. */
/* libs: dl_kube */
#include "client.h"

#include "base/log.h"
#include "kube/cluster.h"
#include "kube/instance.h"

#include <setjmp.h>

struct room { /* one agent */
        struct cluster *cluster;
        struct desired desired;
        int changes;
        bool lazy; /* devices are not closed at once */
        char state[256];
};

static struct client client;
static struct room room;

#define KIND "DummySpecialDevice"
#define PLURAL "dummyspecialdevices"

/* --- the rooms */

static bool has_adaptor(void *ctx, const char *adaptor, const char *kind)
{
        (void)ctx;
        (void)kind;
        return strcmp(adaptor, "adaptors.edge.cattle.io/dummy") == 0;
}

static const struct link_spec *find(const struct desired *d, const char *key)
{
        for (size_t i = 0; i < d->n; i++) {
                if (strcmp(d->links[i]->key, key) == 0)
                        return d->links[i];
        }
        return NULL;
}

/* Devices answer at once, and close at once. */
static void on_changed(void *ctx, const struct desired *d, const struct findings *f)
{
        struct room *r = ctx;
        struct desired before = r->desired;
        struct conditions healthy = { 0 };

        (void)f;
        r->desired = (struct desired){ 0 };
        r->changes++;
        (void)conditions_set(&healthy, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL, false, 1);
        (void)conditions_set(&healthy, CONDITION_DEVICE_CONNECTED, CONDITION_TRUE, NULL, false, 1);
        for (size_t i = 0; i < d->n; i++) {
                assert_int_equal(desired_add(&r->desired, link_spec_ref(d->links[i]), NULL), 0);
                if (find(&before, d->links[i]->key) != d->links[i])
                        cluster_condition(r->cluster, d->links[i], &healthy, "");
        }
        for (size_t i = 0; i < before.n && !r->lazy; i++) {
                if (!find(d, before.links[i]->key))
                        cluster_released(r->cluster, before.links[i]->key);
        }
        desired_done(&before);
}

static void room_open(struct room *r, const char *node)
{
        struct cluster_config config = {
                .loop = client.loop,
                .api = client.api,
                .node = node,
                .space = client.kube.space,
                .lease_space = client.kube.space,
                .state_dir = r->state,
                .status_interval_ns = 300 * NS_PER_MS,
                .refresh_ns = 600 * NS_PER_S,
                .cleanup_ns = 10 * NS_PER_S,
                .ctx = r,
                .adaptor_exists = has_adaptor,
                .changed = on_changed,
        };
        struct err e = { 0 };

        if (r->state[0] == '\0')
                rig_scratch_make(r->state);
        config.state_dir = r->state;
        if (cluster_open(&config, &r->cluster, &e) < 0)
                fail_msg("%s", e.text);
}

static void room_close(struct room *r)
{
        cluster_close(r->cluster);
        r->cluster = NULL;
        desired_done(&r->desired);
}

/* --- the world */

static int up(void **state)
{
        (void)state;
        log_setup(2, LOG_WARNING, LOG_FORMAT_TEXT);
        client_up(&client, false, NULL);
        room_open(&room, client.kube.node);
        return 0;
}

static int down(void **state)
{
        (void)state;
        room_close(&room);
        if (room.state[0] != '\0')
                rig_scratch_remove(room.state);
        client_down(&client);
        return 0;
}

static struct json_object *at(struct json_object *o, const char *path)
{
        struct json_object *ret = NULL;

        return o && json_pointer_get(o, path, &ret) == 0 ? ret : NULL;
}

static const char *text_at(struct json_object *o, const char *path)
{
        struct json_object *x = at(o, path);

        return x ? json_object_get_string(x) : "";
}

static void patch(const char *path, const char *body)
{
        assert_int_equal(kube_request(&client.kube, "PATCH", path, KUBE_MERGE_PATCH, body, NULL),
                         200);
}

/* What the operator would write. */
static void found(const char *name, const char *node)
{
        auto_free char *path = xasprintf("%s/status", kube_link_path(&client.kube, name));
        auto_free char *body = xasprintf(
                "{\"status\":{\"nodeName\":\"%s\",\"nodeInternalIP\":\"10.0.0.7\",\"model\":"
                "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"" KIND "\"},"
                "\"conditions\":["
                "{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                "{\"type\":\"ModelExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                "{\"type\":\"AdaptorExisted\",\"status\":\"Unknown\",\"reason\":\"Confirming\","
                "\"message\":\"verify if there is a suitable adaptor to access\"}]}}",
                node);

        patch(path, body);
}

static void apply(const char *name, const char *more)
{
        auto_free char *path = xasprintf("/apis/edge.cattle.io/v1alpha1/namespaces/%s/devicelinks",
                                         client.kube.space);
        auto_free char *body = xasprintf(
                "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\",\"metadata\":"
                "{\"name\":\"%s\"},\"spec\":{\"adaptor\":{\"node\":\"%s\",\"name\":"
                "\"adaptors.edge.cattle.io/dummy\"},\"model\":{\"apiVersion\":"
                "\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"" KIND "\"},\"template\":"
                "{\"metadata\":{\"labels\":{\"room\":\"living\"}},\"spec\":{\"on\":true,"
                "\"protocol\":{\"location\":\"hall\"}}}%s}}",
                name, client.kube.node, more);

        assert_int_equal(kube_request(&client.kube, "POST", path, NULL, body, NULL), 201);
}

struct expectation {
        const char *name, *conditions;
};

static bool has_conditions(void *ctx)
{
        struct expectation *x = ctx;
        auto_free char *said = kube_conditions(&client.kube, x->name);

        return strcmp(said, x->conditions) == 0;
}

static void expect_conditions(const char *name, const char *conditions)
{
        struct expectation x = { name, conditions };

        if (client_runs_until(&client, has_conditions, &x, 15000))
                return;
        auto_free char *said = kube_conditions(&client.kube, name);
        fail_msg("conditions of %s:\n%s", name, said);
}

#define FOUND "NodeExisted True Found ''\nModelExisted True Found ''\n"
#define CREATED FOUND "AdaptorExisted True Found ''\nDeviceCreated True Success ''\n"
#define HEALTHY CREATED "DeviceConnected True Healthy ''\n"

static void healthy(const char *name)
{
        apply(name, "");
        found(name, client.kube.node);
        expect_conditions(name, HEALTHY);
}

static struct json_object *instance(const char *name)
{
        return kube_get(&client.kube, kube_device_path(&client.kube, PLURAL, name));
}

static struct json_object *link_object(const char *name)
{
        return kube_get(&client.kube, kube_link_path(&client.kube, name));
}

struct wish { /* a text in an object */
        bool device;
        const char *name, *path, *text;
};

static bool has_text(void *ctx)
{
        const struct wish *w = ctx;
        struct json_object *o = w->device ? instance(w->name) : link_object(w->name);
        bool ret = w->text ? strcmp(text_at(o, w->path), w->text) == 0 : o == NULL;

        json_object_put(o);
        return ret;
}

/* text NULL: the object is gone. */
static void expect(bool is_device, const char *name, const char *path, const char *text)
{
        struct wish w = { is_device, name, path, text };

        if (!client_runs_until(&client, has_text, &w, 15000))
                fail_msg("%s: %s is not '%s'", name, path, text ? text : "gone");
}

static const struct link_spec *driven(const char *name)
{
        auto_free char *key = xasprintf("%s/%s", client.kube.space, name);

        return find(&room.desired, key);
}

static bool has_event(void *ctx)
{
        const struct expectation *x = ctx;
        auto_free char *path =
                xasprintf("/apis/events.k8s.io/v1/namespaces/%s/events", client.kube.space);
        struct json_object *list = kube_get(&client.kube, path);
        struct json_object *items = at(list, "/items");
        bool ret = false;

        for (size_t i = 0; items && i < json_object_array_length(items); i++) {
                struct json_object *e = json_object_array_get_idx(items, i);

                ret |= strcmp(text_at(e, "/regarding/name"), x->name) == 0 &&
                       strcmp(text_at(e, "/reason"), x->conditions) == 0;
        }
        json_object_put(list);
        return ret;
}

static void expect_event(const char *name, const char *reason)
{
        struct expectation x = { name, reason };

        if (!client_runs_until(&client, has_event, &x, 10000))
                fail_msg("%s: no event %s", name, reason);
}

static uint64_t requests(void)
{
        const struct kube_count *list = NULL;
        size_t n = kube_api_counts(client.api, &list);
        uint64_t ret = 0;

        for (size_t i = 0; i < n; i++) {
                if (strcmp(list[i].resource, "leases") != 0)
                        ret += list[i].n;
        }
        return ret;
}

/* --- */

/* octopus 1.2, 1.3; reference A8 94, 98 */
static void link_becomes_a_device_with_an_instance_of_its_own(void **state)
{
        struct json_object *device, *link;

        (void)state;
        apply("a", "");
        client_run_for(&client, 300);
        assert_null(driven("a"));
        found("a", client.kube.node);
        expect_conditions("a", HEALTHY);
        link = link_object("a");
        device = instance("a");
        assert_string_equal(text_at(link, "/metadata/finalizers/0"), "edge.cattle.io/octopus-limb");
        assert_string_equal(text_at(link, "/status/adaptorName"), "adaptors.edge.cattle.io/dummy");
        assert_int_equal(json_object_array_length(at(device, "/metadata/ownerReferences")), 1);
        assert_string_equal(text_at(device, "/metadata/ownerReferences/0/uid"),
                            text_at(link, "/metadata/uid"));
        assert_string_equal(text_at(device, "/metadata/ownerReferences/0/controller"), "true");
        assert_string_equal(text_at(device, "/metadata/labels/room"), "living");
        assert_string_equal(text_at(device, "/metadata/annotations/edge.cattle.io~1node-name"),
                            client.kube.node);
        assert_string_equal(text_at(device, "/spec/protocol/location"), "hall");
        assert_string_equal(driven("a")->uid, text_at(link, "/metadata/uid"));
        json_object_put(device);
        json_object_put(link);
}

/* reference A5 63, 64; A6 82: neither our own echoes nor defaults cause a write */
static void steady_world_costs_no_request(void **state)
{
        static const char status[] = "{\"gear\":\"slow\",\"rotatingSpeed\":10}";
        uint64_t before;

        (void)state;
        healthy("b");
        cluster_status(room.cluster, driven("b"), status, strlen(status));
        expect(true, "b", "/status/gear", "slow");
        client_run_for(&client, 500);
        before = requests();
        for (int i = 0; i < 10; i++) {
                cluster_status(room.cluster, driven("b"), status, strlen(status));
                client_run_for(&client, 100);
        }
        assert_int_equal(requests(), before);
}

static void instance_deleted_by_hand_is_made_again(void **state)
{
        struct json_object *o;

        (void)state;
        healthy("c");
        o = instance("c");
        auto_free char *uid = xstrdup(text_at(o, "/metadata/uid"));
        json_object_put(o);
        assert_int_equal(kube_request(&client.kube, "DELETE",
                                      kube_device_path(&client.kube, PLURAL, "c"), NULL, NULL,
                                      NULL),
                         200);
        expect_event("c", "Recreating");
        expect(true, "c", "/spec/protocol/location", "hall");
        o = instance("c");
        assert_string_not_equal(text_at(o, "/metadata/uid"), uid);
        json_object_put(o);
        expect_conditions("c", HEALTHY);
}

static void instance_edited_by_hand_is_put_right(void **state)
{
        (void)state;
        healthy("d");
        client_run_for(&client, 1100);
        patch(kube_device_path(&client.kube, PLURAL, "d"),
              "{\"spec\":{\"protocol\":{\"location\":\"garden\"}}}");
        expect(true, "d", "/spec/protocol/location", "hall");
        patch(kube_device_path(&client.kube, PLURAL, "d"),
              "{\"metadata\":{\"labels\":{\"room\":null}}}");
        expect(true, "d", "/metadata/labels/room", "living");
}

static void template_that_the_server_refuses_leaves_the_device_running(void **state)
{
        const struct link_spec *before;

        (void)state;
        healthy("e");
        before = driven("e");
        patch(kube_link_path(&client.kube, "e"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":null}}}}");
        expect_conditions("e", CREATED "DeviceConnected False Unhealthy 'unable to update the "
                                       "device from template'\n");
        expect_event("e", "FailedUpdated");
        assert_ptr_equal(driven("e"), before);
        patch(kube_link_path(&client.kube, "e"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":{\"location\":\"loft\"}}}}}");
        expect_conditions("e", HEALTHY);
        expect(true, "e", "/spec/protocol/location", "loft");
        assert_non_null(strstr(driven("e")->spec_json, "loft"));
}

static void template_refused_from_the_beginning_is_said(void **state)
{
        (void)state;
        apply("f", "");
        patch(kube_link_path(&client.kube, "f"),
              "{\"spec\":{\"template\":{\"spec\":{\"protocol\":null}}}}");
        found("f", client.kube.node);
        expect_conditions("f", FOUND "AdaptorExisted True Found ''\nDeviceCreated False Fail "
                                     "'unable to create device from template'\n");
        expect_event("f", "FailedCreated");
        assert_null(driven("f"));
}

/* octopus 1.4; reference A9 101, 104, 105 */
static void secret_is_read_rotated_and_missed(void **state)
{
        auto_free char *path = xasprintf("/api/v1/namespaces/%s/secrets", client.kube.space);
        auto_free char *own = xasprintf("%s/s1", path);
        const struct link_spec *before;

        (void)state;
        apply("g", ",\"references\":[{\"name\":\"r\",\"secret\":{\"name\":\"s1\"}}]");
        found("g", client.kube.node);
        expect_event("g", "FailedFetched");
        assert_non_null(driven("g")->reference_error);
        assert_int_equal(kube_request(&client.kube, "POST", path, NULL,
                                      "{\"metadata\":{\"name\":\"s1\"},\"data\":{\"k\":\"djE=\"}}",
                                      NULL),
                         201);
        before = driven("g");
        for (int i = 0; i < 100 && driven("g") == before; i++)
                client_run_for(&client, 50);
        assert_null(driven("g")->reference_error);
        assert_string_equal(driven("g")->references[0].data, "v1");
        before = driven("g");
        patch(own, "{\"data\":{\"k\":\"djI=\"}}");
        for (int i = 0; i < 100 && driven("g") == before; i++)
                client_run_for(&client, 50);
        assert_string_equal(driven("g")->references[0].data, "v2");
}

/* reference A4 56 */
static void moved_link_is_given_back(void **state)
{
        (void)state;
        healthy("h");
        patch(kube_link_path(&client.kube, "h"), "{\"spec\":{\"adaptor\":{\"node\":\"other\"}}}");
        expect(true, "h", "/metadata/annotations/edge.cattle.io~1node-name", "");
        assert_null(driven("h"));
        patch(kube_link_path(&client.kube, "h"), "{\"metadata\":{\"finalizers\":null}}");
}

/* reference A8 94, 95 */
static void deleted_link_goes_when_its_device_is_closed(void **state)
{
        struct json_object *o;

        (void)state;
        healthy("i");
        room.lazy = true;
        assert_int_equal(kube_request(&client.kube, "DELETE", kube_link_path(&client.kube, "i"),
                                      NULL, NULL, NULL),
                         200);
        client_run_for(&client, 1000);
        o = link_object("i");
        assert_non_null(o);
        json_object_put(o);
        room.lazy = false;
        auto_free char *key = xasprintf("%s/i", client.kube.space);
        cluster_released(room.cluster, key);
        expect(false, "i", "", NULL);
}

/* reference A5 61, 67: what is right stays as it is */
static void restarted_agent_finds_its_devices_without_a_write(void **state)
{
        uint64_t writes;
        struct cluster_counts n;

        (void)state;
        healthy("j");
        room_close(&room);
        client_open(&client, NULL);
        room_open(&room, client.kube.node);
        for (int i = 0; i < 400 && !driven("j"); i++)
                client_run_for(&client, 50);
        assert_non_null(driven("j"));
        client_run_for(&client, 1500);
        cluster_count(room.cluster, &n);
        writes = n.condition_writes + n.status_writes;
        assert_int_equal(writes, 0);
        expect_conditions("j", HEALTHY);
}

static void many_links_at_once_are_all_driven(void **state)
{
        enum { MANY = 60 };
        int64_t begin = rig_now_ms();

        (void)state;
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("m-%d", i);

                apply(name, "");
                found(name, client.kube.node);
        }
        for (int i = 0; i < MANY; i++) {
                auto_free char *name = xasprintf("m-%d", i);

                expect_conditions(name, HEALTHY);
        }
        assert_true(rig_now_ms() - begin < 20000);
}

static void stopped(void *ctx)
{
        *(bool *)ctx = true;
}

static bool is_set(void *ctx)
{
        return *(bool *)ctx;
}

static void the_end_writes_the_last_status(void **state)
{
        static const char one[] = "{\"gear\":\"slow\",\"rotatingSpeed\":1}";
        static const char two[] = "{\"gear\":\"fast\",\"rotatingSpeed\":2}";
        bool done = false;

        (void)state;
        healthy("z");
        cluster_status(room.cluster, driven("z"), one, strlen(one));
        expect(true, "z", "/status/gear", "slow");
        cluster_status(room.cluster, driven("z"), two, strlen(two));
        cluster_stop(room.cluster, 5 * NS_PER_S, stopped, &done);
        assert_true(client_runs_until(&client, is_set, &done, 6000));
        expect(true, "z", "/status/gear", "fast");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(link_becomes_a_device_with_an_instance_of_its_own),
                cmocka_unit_test(steady_world_costs_no_request),
                cmocka_unit_test(instance_deleted_by_hand_is_made_again),
                cmocka_unit_test(instance_edited_by_hand_is_put_right),
                cmocka_unit_test(template_that_the_server_refuses_leaves_the_device_running),
                cmocka_unit_test(template_refused_from_the_beginning_is_said),
                cmocka_unit_test(secret_is_read_rotated_and_missed),
                cmocka_unit_test(moved_link_is_given_back),
                cmocka_unit_test(deleted_link_goes_when_its_device_is_closed),
                cmocka_unit_test(restarted_agent_finds_its_devices_without_a_write),
                cmocka_unit_test(many_links_at_once_are_all_driven),
                cmocka_unit_test(the_end_writes_the_last_status),
        };

        return cmocka_run_group_tests(tests, up, down);
}
