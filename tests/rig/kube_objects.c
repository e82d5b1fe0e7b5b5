/* kube_objects.c - of kube.h: nodes, tokens, and what links say about themselves. */
#include "rig/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POLL_MS = 20 };

static const char *text_of(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        return o && json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "";
}

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *print(const char *format, ...)
{
        char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                fail_msg("no memory");
        va_end(ap);
        return text;
}

/* POST; that it is there already is as good.  Takes the body over. */
static void create(struct kube *k, const char *path, char *body)
{
        struct json_object *said = NULL;
        long status = kube_request(k, "POST", path, NULL, body, &said);

        if (status != 201 && status != 409)
                fail_msg("POST %s: %ld %s", path, status,
                         said ? json_object_to_json_string(said) : "");
        json_object_put(said);
        free(body);
}

/* --- nodes */

void kube_node(struct kube *k, const char *name, const char *internal_ip)
{
        char *path = print("/api/v1/nodes/%s/status", name);
        struct json_object *said = NULL;

        create(k, "/api/v1/nodes",
               print("{\"metadata\":{\"name\":\"%s\",\"labels\":{\"devicelink.test/of\":\"%s\"}}}",
                     name, k->space));
        char *body =
                print("{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"%s\"}"
                      ",{\"type\":\"Hostname\",\"address\":\"%s\"}]}}",
                      internal_ip, name);
        long status = kube_request(k, "PATCH", path, "application/merge-patch+json", body, &said);
        if (status != 200)
                fail_msg("PATCH %s: %ld %s", path, status,
                         said ? json_object_to_json_string(said) : "");
        json_object_put(said);
        free(body);
        free(path);
}

void kube_node_delete(struct kube *k, const char *name)
{
        char *path = print("/api/v1/nodes/%s", name);
        long status = kube_request(k, "DELETE", path, NULL, NULL, NULL);

        if (status != 200)
                fail_msg("DELETE %s: %ld", path, status);
        free(path);
}

/* --- tokens */

char *kube_node_token(struct kube *k, const char *space, const char *account, const char *node)
{
        char *accounts = print("/api/v1/namespaces/%s/serviceaccounts", space);
        char *pods = print("/api/v1/namespaces/%s/pods", space);
        char *path = print("%s/%s/token", accounts, account);
        char *node_path = print("/api/v1/nodes/%s", node);
        struct json_object *o = kube_get(k, node_path);

        if (!o)
                kube_node(k, node, "127.0.0.1");
        json_object_put(o);
        create(k, accounts, print("{\"metadata\":{\"name\":\"%s\"}}", account));
        create(k, pods,
               print("{\"metadata\":{\"name\":\"%s-on-%s\"},\"spec\":{\"nodeName\":\"%s\","
                     "\"serviceAccountName\":\"%s\",\"automountServiceAccountToken\":false,"
                     "\"containers\":[{\"name\":\"agent\",\"image\":\"none\"}]}}",
                     account, node, node, account));
        char *body = print("{\"spec\":{\"expirationSeconds\":7200,\"boundObjectRef\":"
                           "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"%s-on-%s\"}}}",
                           account, node);
        long status = kube_request(k, "POST", path, NULL, body, &o);
        struct json_object *answer = o ? json_object_object_get(o, "status") : NULL;
        if (status != 201 || !answer)
                fail_msg("POST %s: %ld %s", path, status, o ? json_object_to_json_string(o) : "");
        char *token = print("%s", text_of(answer, "token"));
        json_object_put(o);
        free(body);
        free(node_path);
        free(path);
        free(pods);
        free(accounts);
        return token;
}

/* --- links */

const char *kube_link_path(struct kube *k, const char *name)
{
        static char path[512];

        (void)snprintf(path, sizeof(path),
                       "/apis/edge.cattle.io/v1alpha1/namespaces/%s/devicelinks/%s", k->space,
                       name);
        return path;
}

const char *kube_device_path(struct kube *k, const char *plural, const char *name)
{
        static char path[512];

        (void)snprintf(path, sizeof(path),
                       "/apis/devices.edge.cattle.io/v1alpha1/namespaces/%s/%s/%s", k->space,
                       plural, name);
        return path;
}

char *kube_conditions_of(struct json_object *link)
{
        struct json_object *status = link ? json_object_object_get(link, "status") : NULL;
        struct json_object *list = status ? json_object_object_get(status, "conditions") : NULL;
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        if (!f)
                fail_msg("no memory");
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                struct json_object *c = json_object_array_get_idx(list, i);
                (void)fprintf(f, "%s %s %s '%s'\n", text_of(c, "type"), text_of(c, "status"),
                              text_of(c, "reason"), text_of(c, "message"));
        }
        (void)fclose(f);
        return text;
}

char *kube_conditions(struct kube *k, const char *name)
{
        struct json_object *link = kube_get(k, kube_link_path(k, name));
        char *text = kube_conditions_of(link);

        json_object_put(link);
        return text;
}

/* The last line of the text ends in this; a newline at the end of either is no matter. */
static bool ends_with(const char *text, const char *ending)
{
        size_t len = strlen(text);
        size_t end = strlen(ending);

        len -= len > 0 && text[len - 1] == '\n';
        end -= end > 0 && ending[end - 1] == '\n';
        return len >= end && memcmp(text + len - end, ending, end) == 0;
}

void kube_wait_phase(struct kube *k, const char *name, const char *ending, int within_ms)
{
        int64_t until = rig_now_ms() + within_ms;

        for (;; rig_sleep_ms(POLL_MS)) {
                struct json_object *link = NULL;
                long code = kube_request(k, "GET", kube_link_path(k, name), NULL, NULL, &link);
                char *text = kube_conditions_of(link);
                bool there = ends_with(text, ending);
                if (!there && rig_now_ms() > until) {
                        (void)fprintf(
                                stderr, "%s: %ld %s\n", name, code,
                                link ? json_object_to_json_string_ext(link, JSON_C_TO_STRING_PRETTY)
                                     : "");
                        fail_msg("the conditions of %s do not end in\n%s\nafter %d ms, but "
                                 "are\n%s",
                                 name, ending, within_ms, text);
                }
                free(text);
                json_object_put(link);
                if (there)
                        return;
        }
}

void kube_wait(struct kube *k, bool (*ready)(struct kube *k, void *ctx), void *ctx, int within_ms,
               const char *what)
{
        int64_t until = rig_now_ms() + within_ms;

        while (!ready(k, ctx)) {
                if (rig_now_ms() > until)
                        fail_msg("not after %d ms: %s", within_ms, what);
                rig_sleep_ms(POLL_MS);
        }
}
