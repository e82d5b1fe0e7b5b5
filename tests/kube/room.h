/* room.h - what the tests of the cluster room share: the room on a real API server, with the test
 * as the operator and as the rooms that drive devices. */
#ifndef KUBE_ROOM_H
#define KUBE_ROOM_H

#include "client.h"

#include "base/log.h"
#include "kube/cluster.h"
#include "kube/instance.h"

#define ROOM_FN __attribute__((unused)) static

struct room { /* one agent */
        struct cluster *cluster;
        struct desired desired;
        int changes;
        int64_t keep_ns;
        unsigned closed; /* devices so far */
        bool lazy;       /* devices are not closed at once */
        char state[256];
};

static struct client client;
static struct room room;

#define KIND "DummySpecialDevice"
#define PLURAL "dummyspecialdevices"

/* --- the rooms */

ROOM_FN bool has_adaptor(void *ctx, const char *adaptor, const char *kind)
{
        (void)ctx;
        (void)kind;
        return strcmp(adaptor, "adaptors.edge.cattle.io/dummy") == 0;
}

ROOM_FN const struct link_spec *find(const struct desired *d, const char *key)
{
        for (size_t i = 0; i < d->n; i++) {
                if (strcmp(d->links[i]->key, key) == 0)
                        return d->links[i];
        }
        return NULL;
}

/* Devices answer at once, and close at once. */
ROOM_FN void on_changed(void *ctx, const struct desired *d, const struct findings *f)
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
                if (!find(d, before.links[i]->key)) {
                        r->closed++;
                        cluster_released(r->cluster, before.links[i]->key);
                }
        }
        desired_done(&before);
}

ROOM_FN void room_open(struct room *r, const char *node)
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
                .keep_ns = r->keep_ns,
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

ROOM_FN void room_close(struct room *r)
{
        cluster_close(r->cluster);
        r->cluster = NULL;
        desired_done(&r->desired);
}

/* --- the world */

ROOM_FN int up(void **state)
{
        (void)state;
        log_setup(2, LOG_WARNING, LOG_FORMAT_TEXT);
        client_up(&client, false, NULL);
        room_open(&room, client.kube.node);
        return 0;
}

ROOM_FN int down(void **state)
{
        (void)state;
        room_close(&room);
        if (room.state[0] != '\0')
                rig_scratch_remove(room.state);
        client_down(&client);
        return 0;
}

ROOM_FN struct json_object *at(struct json_object *o, const char *path)
{
        struct json_object *ret = NULL;

        return o && json_pointer_get(o, path, &ret) == 0 ? ret : NULL;
}

ROOM_FN const char *text_at(struct json_object *o, const char *path)
{
        struct json_object *x = at(o, path);

        return x ? json_object_get_string(x) : "";
}

ROOM_FN void patch(const char *path, const char *body)
{
        assert_int_equal(kube_request(&client.kube, "PATCH", path, KUBE_MERGE_PATCH, body, NULL),
                         200);
}

/* What the operator would write. */
ROOM_FN void found(const char *name, const char *node)
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

ROOM_FN void apply(const char *name, const char *more)
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

ROOM_FN bool has_conditions(void *ctx)
{
        struct expectation *x = ctx;
        auto_free char *said = kube_conditions(&client.kube, x->name);

        return strcmp(said, x->conditions) == 0;
}

ROOM_FN void expect_conditions(const char *name, const char *conditions)
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

ROOM_FN void healthy(const char *name)
{
        apply(name, "");
        found(name, client.kube.node);
        expect_conditions(name, HEALTHY);
}

ROOM_FN struct json_object *instance(const char *name)
{
        return kube_get(&client.kube, kube_device_path(&client.kube, PLURAL, name));
}

ROOM_FN struct json_object *link_object(const char *name)
{
        return kube_get(&client.kube, kube_link_path(&client.kube, name));
}

struct wish { /* a text in an object */
        bool device;
        const char *name, *path, *text;
};

ROOM_FN bool has_text(void *ctx)
{
        const struct wish *w = ctx;
        struct json_object *o = w->device ? instance(w->name) : link_object(w->name);
        bool ret = w->text ? strcmp(text_at(o, w->path), w->text) == 0 : o == NULL;

        json_object_put(o);
        return ret;
}

/* text NULL: the object is gone. */
ROOM_FN void expect(bool is_device, const char *name, const char *path, const char *text)
{
        struct wish w = { is_device, name, path, text };

        if (!client_runs_until(&client, has_text, &w, 15000))
                fail_msg("%s: %s is not '%s'", name, path, text ? text : "gone");
}

ROOM_FN const struct link_spec *driven(const char *name)
{
        auto_free char *key = xasprintf("%s/%s", client.kube.space, name);

        return find(&room.desired, key);
}

ROOM_FN bool has_event(void *ctx)
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

ROOM_FN void expect_event(const char *name, const char *reason)
{
        struct expectation x = { name, reason };

        if (!client_runs_until(&client, has_event, &x, 10000))
                fail_msg("%s: no event %s", name, reason);
}

ROOM_FN uint64_t requests(void)
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

#endif
