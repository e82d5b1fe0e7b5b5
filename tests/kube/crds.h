/* crds.h - objects of crds/ to a real API server, in a namespace of the test's own. */
#ifndef TEST_KUBE_CRDS_H
#define TEST_KUBE_CRDS_H

#include "base/tree.h"
#include "rig/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STRICT "?fieldValidation=Strict"
#define DRY STRICT "&dryRun=All"
#define EMPTY_LINK "{\"adaptor\":{},\"model\":{},\"template\":{}}"

__attribute__((unused)) static int up(void **state)
{
        static struct kube k;

        kube_up(&k);
        *state = &k;
        return 0;
}

__attribute__((unused)) static int down(void **state)
{
        kube_down(*state);
        return 0;
}

/* The collection of a kind: "ModbusDevice" is at .../modbusdevices. */
__attribute__((unused)) static const char *path_of(struct kube *k, const char *kind)
{
        static char path[512];
        bool link = strcmp(kind, "DeviceLink") == 0;
        int n = snprintf(path, sizeof(path), "/apis/%s/v1alpha1/namespaces/%s/",
                         link ? "edge.cattle.io" : "devices.edge.cattle.io", k->space);

        for (; *kind; kind++)
                path[n++] = (char)(*kind >= 'A' && *kind <= 'Z' ? *kind - 'A' + 'a' : *kind);
        (void)snprintf(path + n, sizeof(path) - (size_t)n, "s");
        return path;
}

/* POST an object of this kind, name "x"; *ret (may be NULL) is the answer. */
__attribute__((unused)) static long post(struct kube *k, const char *kind, const char *spec_json,
                                         const char *query, struct json_object **ret)
{
        bool link = strcmp(kind, "DeviceLink") == 0;
        char path[600];
        char *body = NULL;

        (void)snprintf(path, sizeof(path), "%s%s", path_of(k, kind), query);
        assert_true(asprintf(&body,
                             "{\"apiVersion\":\"%s/v1alpha1\",\"kind\":\"%s\","
                             "\"metadata\":{\"name\":\"x\"},\"spec\":%s}",
                             link ? "edge.cattle.io" : "devices.edge.cattle.io", kind,
                             spec_json) > 0);
        long status = kube_request(k, "POST", path, NULL, body, ret);
        free(body);
        return status;
}

__attribute__((unused)) static const struct tree *tree_of(struct arena *a, struct json_object *o)
{
        const char *text = json_object_to_json_string(o);
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, &e) < 0)
                fail_msg("%s", e.text);
        return t;
}

#endif
