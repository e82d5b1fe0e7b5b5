/* client.h - what the tests of the API client share: a client on a real API server, requests that
 * are waited for, and a resource of the test's own, which it may change and remove at will.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include "rig/kube.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kube/api.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENT_FN __attribute__((unused)) static

struct client {
        struct kube kube;
        struct loop *loop;
        struct kube_api *api;
        char scratch[256];
        char group[128]; /* of the test's own resource */
        struct kube_resource things;
};

/* --- the loop */

static void client_stop(void *loop)
{
        loop_stop(loop);
}

CLIENT_FN bool client_runs_until(struct client *c, bool (*done)(void *ctx), void *ctx, int ms)
{
        int64_t end = rig_now_ms() + ms;
        struct loop_timer t;

        loop_timer_init(&t, c->loop, client_stop, c->loop);
        while (!done(ctx) && rig_now_ms() < end) {
                loop_timer_start(&t, 5 * NS_PER_MS, 0);
                loop_run(c->loop);
        }
        loop_timer_end(&t);
        return done(ctx);
}

CLIENT_FN bool client_never(void *ctx)
{
        (void)ctx;
        return false;
}

CLIENT_FN void client_run_for(struct client *c, int ms)
{
        (void)client_runs_until(c, client_never, NULL, ms);
}

/* --- open */

/* kubeconfig NULL = of the administrator */
CLIENT_FN void client_open(struct client *c, const char *kubeconfig)
{
        struct kube_api_config config = {
                .loop = c->loop,
                .kubeconfig = kubeconfig ? kubeconfig : c->kube.kubeconfig,
                .agent = "devicelink/test",
                .manager = "devicelink-test",
        };
        struct err e = { 0 };

        kube_api_close(c->api);
        c->api = NULL;
        if (kube_api_open(&config, &c->api, &e) < 0)
                fail_msg("%s", e.text);
}

CLIENT_FN void client_up(struct client *c, bool private_server, const char *const more[])
{
        memset(c, 0, sizeof(*c));
        if (private_server)
                kube_up_private(&c->kube, more);
        else
                kube_up(&c->kube);
        rig_scratch_make(c->scratch);
        (void)snprintf(c->group, sizeof(c->group), "%s.test", c->kube.space);
        c->things = (struct kube_resource){ c->group, "v1", "things" };
        c->loop = loop_new("test");
        client_open(c, NULL);
}

/* A client with this token and nothing else. */
CLIENT_FN void client_open_as(struct client *c, const char *token)
{
        char path[320];
        auto_free char *text = xasprintf("clusters:\n"
                                         "- name: t\n"
                                         "  cluster: {server: '%s', certificate-authority: "
                                         "'%s/pki/ca.crt'}\n"
                                         "users:\n"
                                         "- name: t\n"
                                         "  user: {token: '%s'}\n"
                                         "contexts:\n"
                                         "- name: t\n"
                                         "  context: {cluster: t, user: t}\n"
                                         "current-context: t\n",
                                         c->kube.server, c->kube.dir, token);

        (void)snprintf(path, sizeof(path), "%s/kubeconfig", c->scratch);
        rig_write_file(path, text);
        client_open(c, path);
}

/* A service account of the test's namespace without any rights; its token, for free(). */
CLIENT_FN char *client_account(struct client *c, const char *name)
{
        auto_free char *path = xasprintf("/api/v1/namespaces/%s/serviceaccounts", c->kube.space);
        auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"}}", name);
        auto_free char *sub = xasprintf("%s/%s/token", path, name);
        struct json_object *said = NULL, *status = NULL, *token = NULL;

        assert_int_equal(kube_request(&c->kube, "POST", path, NULL, body, NULL), 201);
        assert_int_equal(kube_request(&c->kube, "POST", sub, NULL,
                                      "{\"spec\":{\"expirationSeconds\":3600}}", &said),
                         201);
        assert_true(json_object_object_get_ex(said, "status", &status));
        assert_true(json_object_object_get_ex(status, "token", &token));
        char *text = xstrdup(json_object_get_string(token));
        json_object_put(said);
        return text;
}

/* --- the test's own resource */

#define CLIENT_CRD                                                                                 \
        "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","       \
        "\"metadata\":{\"name\":\"things.%s\"},\"spec\":{\"group\":\"%s\",\"scope\":"              \
        "\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":["       \
        "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{}},"      \
        "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"description\":\"%s\","             \
        "\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"node\":{\"type\":"        \
        "\"string\"},\"n\":{\"type\":\"integer\"},\"text\":{\"type\":\"string\"}}},\"status\":"    \
        "{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}}%s}]}}"

/* Makes or replaces it; selectable: by spec.node. */
CLIENT_FN void client_crd(struct client *c, const char *description, bool selectable)
{
        auto_free char *path = xasprintf("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                         "things.%s?fieldManager=test&force=true",
                                         c->group);
        auto_free char *body = xasprintf(
                CLIENT_CRD, c->group, c->group, description,
                selectable ? ",\"selectableFields\":[{\"jsonPath\":\".spec.node\"}]" : "");
        auto_free char *list = kube_path(&c->things, NULL, NULL, NULL);
        int64_t end = rig_now_ms() + 20000;
        long status =
                kube_request(&c->kube, "PATCH", path, "application/apply-patch+yaml", body, NULL);

        assert_true(status == 200 || status == 201);
        while (kube_request(&c->kube, "GET", list, NULL, NULL, NULL) != 200) {
                if (rig_now_ms() > end)
                        fail_msg("%s is not served", list);
                rig_sleep_ms(20);
        }
}

CLIENT_FN void client_crd_delete(struct client *c)
{
        auto_free char *path = xasprintf("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                         "things.%s",
                                         c->group);
        auto_free char *list = kube_path(&c->things, NULL, NULL, NULL);
        int64_t end = rig_now_ms() + 30000;

        (void)kube_request(&c->kube, "DELETE", path, NULL, NULL, NULL);
        while (kube_request(&c->kube, "GET", list, NULL, NULL, NULL) != 404) {
                if (rig_now_ms() > end)
                        fail_msg("%s is still there", list);
                rig_sleep_ms(20);
        }
}

CLIENT_FN char *client_thing_path(struct client *c, const char *name)
{
        return kube_path(&c->things, c->kube.space, name, NULL);
}

CLIENT_FN char *client_thing_body(struct client *c, const char *name, const char *node, int n)
{
        return xasprintf("{\"apiVersion\":\"%s/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
                         "\"%s\"},\"spec\":{\"node\":\"%s\",\"n\":%d}}",
                         c->group, name, node, n);
}

CLIENT_FN void client_thing(struct client *c, const char *name, const char *node, int n)
{
        auto_free char *path = client_thing_path(c, name);
        auto_free char *list = client_thing_path(c, NULL);
        auto_free char *body = client_thing_body(c, name, node, n);
        long status =
                kube_request(&c->kube, "PATCH", path, "application/merge-patch+json", body, NULL);

        if (status == 404)
                status = kube_request(&c->kube, "POST", list, NULL, body, NULL);
        if (status != 200 && status != 201)
                fail_msg("%s: %ld", path, status);
}

CLIENT_FN void client_thing_delete(struct client *c, const char *name)
{
        auto_free char *path = client_thing_path(c, name);

        assert_int_equal(kube_request(&c->kube, "DELETE", path, NULL, NULL, NULL), 200);
}

/* --- requests that are waited for */

struct client_said {
        bool done;
        enum kube_class class;
        long status;
        bool no_resource;
        bool has_object;
        int64_t retry_after_ns;
        char reason[64];
        char message[512];
        char uid[64];
        char version[64];
};

static void client_on_done(void *ctx, struct kube_answer *a)
{
        struct client_said *s = ctx;
        const char *uid = tree_text(tree_find(a->object, "metadata.uid"));
        const char *version = tree_text(tree_find(a->object, "metadata.resourceVersion"));

        *s = (struct client_said){ .done = true,
                                   .class = a->class,
                                   .status = a->status,
                                   .no_resource = a->no_resource,
                                   .has_object = a->object != NULL,
                                   .retry_after_ns = a->retry_after_ns };
        (void)snprintf(s->reason, sizeof(s->reason), "%s", a->reason);
        (void)snprintf(s->message, sizeof(s->message), "%s", a->message);
        (void)snprintf(s->uid, sizeof(s->uid), "%s", uid ? uid : "");
        (void)snprintf(s->version, sizeof(s->version), "%s", version ? version : "");
}

static bool client_is_done(void *ctx)
{
        return ((struct client_said *)ctx)->done;
}

CLIENT_FN struct client_said client_ask(struct client *c, const char *method, const char *path,
                                        const char *type, const char *body)
{
        struct client_said said = { 0 };
        struct kube_request r = { .method = method,
                                  .path = path,
                                  .resource = "things",
                                  .content_type = type,
                                  .body = body,
                                  .body_len = body ? strlen(body) : 0,
                                  .ctx = &said,
                                  .done = client_on_done };

        (void)kube_start(c->api, &r);
        if (!client_runs_until(c, client_is_done, &said, 70000))
                fail_msg("%s %s: no answer", method, path);
        return said;
}

CLIENT_FN void client_down(struct client *c)
{
        if (c->loop) {
                kube_api_close(c->api);
                loop_free(c->loop);
        }
        if (c->kube.dir[0] != '\0' && !c->kube.private_server) {
                auto_free char *path =
                        xasprintf("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                  "things.%s",
                                  c->group);

                (void)kube_request(&c->kube, "DELETE", path, NULL, NULL, NULL);
        }
        kube_down(&c->kube);
        if (c->scratch[0] != '\0')
                rig_scratch_remove(c->scratch);
}

#endif
