/* kustomize.h - a private cluster for manifests/, and kustomizations as users make them. */
#ifndef TEST_KUSTOMIZE_H
#define TEST_KUSTOMIZE_H

#include "rig/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYSTEM "octopus-system"
#define PLAIN TEST_SOURCE "/manifests/overlays/plain"

static struct kube cluster;

/* kubectl, in whatever namespace an object says; its output for free(). */
__attribute__((unused)) static char *kubectl(const char *const argv[])
{
        const char *all[16] = { "--namespace", "" };
        char *said = NULL;
        size_t n = 2;

        for (; *argv && n < 15; argv++)
                all[n++] = *argv;
        if (kube_ctl(&cluster, &said, all) != 0)
                fail_msg("kubectl %s %s %s: %s", all[2], all[3], all[4], said);
        return said;
}

__attribute__((unused)) static int install(void **state)
{
        (void)state;
        kube_up_private(&cluster, (const char *const[]){ "--apiserver-arg",
                                                         "--allow-privileged=true", NULL });
        free(kubectl((const char *const[]){ "apply", "-k", PLAIN, NULL }));
        return 0;
}

__attribute__((unused)) static int remove_all(void **state)
{
        (void)state;
        kube_down(&cluster);
        return 0;
}

__attribute__((unused)) static struct json_object *at(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        if (!json_object_object_get_ex(o, key, &v))
                fail_msg("no '%s' in %s", key, json_object_to_json_string(o));
        return v;
}

__attribute__((unused)) static const char *text_at(struct json_object *o, const char *key)
{
        return json_object_get_string(at(o, key));
}

/* A kustomization of an overlay with components, as a user makes one. */
__attribute__((unused)) static void compose(const char *dir, const char *overlay,
                                            const char *component)
{
        char file[300];
        char up[128] = "";
        FILE *f;

        /* kustomize wants relative paths. */
        for (const char *c = dir; *c; c++)
                if (*c == '/')
                        (void)strncat(up, "../", sizeof(up) - strlen(up) - 1);
        (void)snprintf(file, sizeof(file), "%s/kustomization.yaml", dir);
        f = fopen(file, "we");
        assert_non_null(f);
        (void)fprintf(f, "resources: [%s%s/manifests/overlays/%s]\n", up, &TEST_SOURCE[1], overlay);
        if (component)
                (void)fprintf(f, "components: [%s%s/manifests/components/%s]\n", up,
                              &TEST_SOURCE[1], component);
        (void)fprintf(f, "images: [{name: devicelink, newName: registry.example/devicelink}]\n");
        (void)fclose(f);
}

#endif
