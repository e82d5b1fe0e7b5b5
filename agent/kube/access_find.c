/* access_find.c - which configuration counts (reference A1 11). */
#include "kube/access_impl.h"

#include "base/mem.h"

#include <string.h>

/* The files of $KUBECONFIG. */
static int from_list(const char *list, struct access_spec *ret, struct err *e)
{
        auto_of(arena) struct arena *a = arena_new();
        size_t most = 1;
        size_t n = 0;

        for (const char *p = list; *p; p++)
                most += *p == ':';
        const char **paths = arena_calloc(a, most, sizeof(*paths));
        while (*list) {
                size_t len = strcspn(list, ":");

                if (len)
                        paths[n++] = arena_strndup(a, list, len);
                list += len + (list[len] == ':');
        }
        return access_kubeconfig(paths, n, true, ret, e);
}

static int from_home(struct access_spec *ret, struct err *e)
{
        const char *home = secure_getenv("HOME");
        auto_free char *path = xasprintf("%s/.kube/config", home ? home : "");
        const char *const paths[] = { path };

        if (!home || access(path, F_OK) < 0)
                return err_set(e, DL_CONFIG,
                               "no way to a cluster: no file was named, $KUBECONFIG and "
                               "$KUBERNETES_SERVICE_HOST are not set, and there is no "
                               "~/.kube/config");
        return access_kubeconfig(paths, 1, false, ret, e);
}

int access_find(const struct kube_access_config *c, struct access_spec *ret, struct err *e)
{
        const char *dir = c->service_account_dir;
        const char *list = secure_getenv("KUBECONFIG");
        const char *host = secure_getenv("KUBERNETES_SERVICE_HOST");
        const char *port = secure_getenv("KUBERNETES_SERVICE_PORT");

        if (c->kubeconfig && c->kubeconfig[0])
                return access_kubeconfig(&c->kubeconfig, 1, false, ret, e);
        if (list && list[0])
                return from_list(list, ret, e);
        if (host && host[0] && port && port[0])
                return access_in_cluster(dir ? dir
                                             : "/var/run/secrets/kubernetes.io/serviceaccount",
                                         host, port, ret, e);
        return from_home(ret, e);
}
