/* isolation.h - a cluster with manifests/overlays/plain in it, and those who try something. */
#ifndef TEST_ISOLATION_H
#define TEST_ISOLATION_H

#include "rig/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYSTEM "octopus-system"
#define LINKS "/apis/edge.cattle.io/v1alpha1/namespaces/plant/devicelinks"
#define DEVICES "/apis/devices.edge.cattle.io/v1alpha1/namespaces/plant/modbusdevices"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/" SYSTEM "/leases"
#define HELD_BY "edge.cattle.io/node-name"

#define STATUS "{\"status\":{\"adaptorName\":\"x\"}}"
#define FINALIZER "{\"metadata\":{\"finalizers\":[\"edge.cattle.io/octopus-limb\"]}}"
#define NO_FINALIZER "{\"metadata\":{\"finalizers\":null}}"
#define GIVE_BACK "{\"metadata\":{\"annotations\":{\"" HELD_BY "\":null}}}"
#define TAKE_FOR(node) "{\"metadata\":{\"annotations\":{\"" HELD_BY "\":\"" node "\"}}}"
#define SPEC "{\"spec\":{\"parameters\":{\"timeout\":\"3s\"}}}"
#define VALUES "{\"status\":{\"properties\":[{\"name\":\"t\",\"value\":\"1\"}]}}"

enum who { ADMIN, AGENT_A, AGENT_B, UNBOUND, LONG_NAME, OPERATOR, WHO_MAX };

static struct kube cluster;
static char *tokens[WHO_MAX]; /* NULL: the administrator */
static char long_node[238];   /* the shortest whose Lease has a shortened name */

/* --- attempts */

static long request(enum who who, const char *method, const char *path, const char *body,
                    struct json_object **ret)
{
        const char *type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : NULL;

        return kube_request_as(&cluster, tokens[who], method, path, type, body, ret);
}

static const char *message_of(struct json_object *o)
{
        struct json_object *text = NULL;

        return o && json_object_object_get_ex(o, "message", &text) ? json_object_get_string(text)
                                                                   : "";
}

static void expect(enum who who, const char *method, const char *path, const char *body, long want)
{
        struct json_object *o = NULL;
        long got = request(who, method, path, body, &o);

        if (got != want)
                fail_msg("%s %s %s: expected %ld, got %ld: %s", method, path, body ? body : "",
                         want, got, message_of(o));
        json_object_put(o);
}

/* By the policy, in words for people. */
__attribute__((unused)) static void expect_refused(enum who who, const char *method,
                                                   const char *path, const char *body,
                                                   const char *why)
{
        struct json_object *o = NULL;
        long got = request(who, method, path, body, &o);

        if (got != 403 || !strstr(message_of(o), why))
                fail_msg("%s %s %s: expected 403 with '%s', got %ld: %s", method, path,
                         body ? body : "", why, got, message_of(o));
        json_object_put(o);
}

/* --- the plant: links and devices of nodes a and b */

static void make_link(const char *name, const char *node)
{
        char body[512];

        (void)snprintf(body, sizeof(body),
                       "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\","
                       "\"metadata\":{\"name\":\"%s\"},\"spec\":{\"adaptor\":{\"node\":\"%s\"},"
                       "\"model\":{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\","
                       "\"kind\":\"ModbusDevice\"},\"template\":{}}}",
                       name, node);
        expect(ADMIN, "POST", LINKS, body, 201);
}

__attribute__((unused)) static const char *device(const char *name, const char *holder)
{
        static char body[512];
        char note[128] = "";

        if (holder)
                (void)snprintf(note, sizeof(note), ",\"annotations\":{\"" HELD_BY "\":\"%s\"}",
                               holder);
        (void)snprintf(body, sizeof(body),
                       "{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\","
                       "\"kind\":\"ModbusDevice\",\"metadata\":{\"name\":\"%s\"%s},"
                       "\"spec\":{\"protocol\":{}}}",
                       name, note);
        return body;
}

static void start_again(void)
{
        expect(ADMIN, "DELETE", LINKS, NULL, 200);
        expect(ADMIN, "DELETE", DEVICES, NULL, 200);
        make_link("ours", "node-a");
        make_link("theirs", "node-b");
        expect(ADMIN, "POST", DEVICES, device("ours", "node-a"), 201);
        expect(ADMIN, "POST", DEVICES, device("theirs", "node-b"), 201);
        expect(ADMIN, "POST", DEVICES, device("free", NULL), 201);
}

/* Bound to no Pod. */
static char *plain_token(const char *account)
{
        struct json_object *o = NULL, *status = NULL, *token = NULL;
        char path[256];

        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/" SYSTEM "/serviceaccounts/%s/token",
                       account);
        assert_int_equal(kube_request(&cluster, "POST", path, NULL, "{\"spec\":{}}", &o), 201);
        assert_true(json_object_object_get_ex(o, "status", &status));
        assert_true(json_object_object_get_ex(status, "token", &token));
        char *ret = strdup(json_object_get_string(token));
        json_object_put(o);
        return ret;
}

static bool policies_work(struct kube *k, void *ctx)
{
        (void)k;
        (void)ctx;
        return request(AGENT_A, "PATCH", LINKS "/theirs/status?dryRun=All", "{\"status\":{}}",
                       NULL) == 403 &&
               request(AGENT_A, "PATCH", DEVICES "/theirs/status?dryRun=All", "{\"status\":{}}",
                       NULL) == 403 &&
               request(AGENT_A, "POST", LEASES "?dryRun=All", "{\"metadata\":{\"name\":\"x\"}}",
                       NULL) == 403;
}

static int install(void **state)
{
        char *said = NULL;

        (void)state;
        kube_up_private(&cluster, NULL);
        if (kube_ctl(&cluster, &said,
                     (const char *const[]){ "--namespace", "", "apply", "-k",
                                            TEST_SOURCE "/manifests/overlays/plain", NULL }) != 0)
                fail_msg("%s", said);
        free(said);
        memset(long_node, 'n', sizeof(long_node) - 1);
        tokens[AGENT_A] = kube_node_token(&cluster, SYSTEM, "octopus-limb", "node-a");
        tokens[AGENT_B] = kube_node_token(&cluster, SYSTEM, "octopus-limb", "node-b");
        tokens[LONG_NAME] = kube_node_token(&cluster, SYSTEM, "octopus-limb", long_node);
        tokens[UNBOUND] = plain_token("octopus-limb");
        tokens[OPERATOR] = plain_token("octopus-brain");
        expect(ADMIN, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"plant\"}}", 201);
        start_again();
        /* A new policy is in force within about a second. */
        kube_wait(&cluster, policies_work, NULL, 20000, "the policies are in force");
        return 0;
}

static int remove_all(void **state)
{
        (void)state;
        for (size_t i = 0; i < WHO_MAX; i++)
                free(tokens[i]);
        kube_down(&cluster);
        return 0;
}

static int fresh(void **state)
{
        (void)state;
        start_again();
        return 0;
}

#endif
