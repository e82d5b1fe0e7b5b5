/* access_exec_spec.c - an exec plugin as configured: arguments and environment, made once. */
#include "kube/access_impl.h"
#include "kube/access_tables.h"

#include "base/mem.h"

#include <string.h>

enum { INFO_MAX = 1 << 20 };

static const char *const api_versions[] = { "client.authentication.k8s.io/v1",
                                            "client.authentication.k8s.io/v1beta1" };

static int check(const struct kc_exec *x, const char *what, struct err *e)
{
        bool known = false;

        for (size_t i = 0; i < sizeof(api_versions) / sizeof(api_versions[0]); i++)
                known = known || strcmp(x->api_version, api_versions[i]) == 0;
        if (!known)
                return err_set(e, DL_CONFIG,
                               "%s: exec.apiVersion: expected %s or v1beta1, got '%s'", what,
                               api_versions[0], x->api_version);
        if (x->interactive == KC_ALWAYS)
                return err_set(e, DL_CONFIG,
                               "%s: exec.interactiveMode Always is not supported: nobody is there",
                               what);
        return 0;
}

/* --- what the plugin is told about the cluster */

static void add_text(struct buf *b, const char *key, const char *value)
{
        if (!value || !value[0])
                return;
        buf_addf(b, ",\"%s\":", key);
        buf_add_json(b, value, strlen(value));
}

/* The extension for plugins of this kind, if there is one. */
static const struct tree *plugin_config(const struct kc_cluster *k)
{
        TREE_FOREACH (x, k->extensions) {
                const char *name = tree_text(tree_get(x, "name"));

                if (name && strcmp(name, "client.authentication.k8s.io/exec") == 0)
                        return tree_get(x, "extension");
        }
        return NULL;
}

/* The certificate authority is told as it was configured: as data, or as what the file holds now.
 */
static int add_ca(struct buf *b, const struct access_pem *ca, struct err *e)
{
        char *text = NULL;
        size_t n = 0;

        if (ca->path) {
                int rc = access_read_file(ca->path, ACCESS_PEM_MAX, &text, &n, e);

                if (rc < 0)
                        return rc;
        } else if (ca->text) {
                text = xstrdup(ca->text);
                n = strlen(text);
        }
        if (text) {
                buf_adds(b, ",\"certificate-authority-data\":\"");
                buf_add_base64(b, text, n);
                buf_addc(b, '"');
        }
        free(text);
        return 0;
}

static int add_cluster(struct buf *b, const struct kc_cluster *k, const struct access_spec *s,
                       struct err *e)
{
        const struct tree *config = plugin_config(k);

        buf_adds(b, ",\"cluster\":{\"server\":");
        buf_add_json(b, s->server, strlen(s->server));
        add_text(b, "tls-server-name", k->server_name);
        if (k->insecure)
                buf_adds(b, ",\"insecure-skip-tls-verify\":true");
        add_text(b, "proxy-url", k->proxy);
        int rc = add_ca(b, &s->ca, e);
        if (config) {
                buf_adds(b, ",\"config\":");
                tree_json(config, 0, b);
        }
        buf_addc(b, '}');
        return rc;
}

/* "KUBERNETES_EXEC_INFO={...}" */
static int make_info(const struct kc_exec *x, const struct kc_cluster *k,
                     const struct access_spec *s, char **ret, struct err *e)
{
        struct buf b = BUF(INFO_MAX);
        int rc = 0;

        buf_addf(&b,
                 "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\","
                 "\"spec\":{\"interactive\":false",
                 x->api_version);
        if (x->cluster_info)
                rc = add_cluster(&b, k, s, e);
        buf_adds(&b, "}}");
        if (rc == 0 && !buf_ok(&b))
                rc = err_set(e, DL_CONFIG, "provideClusterInfo: expected at most %d bytes",
                             INFO_MAX);
        if (rc == 0)
                *ret = xstrdup(buf_text(&b));
        buf_done(&b);
        return rc;
}

/* --- */

/* As for a shell, a command with a '/' is a path, relative to the kubeconfig; else $PATH counts. */
static char *command_of(const struct kc_exec *x, const char *dir)
{
        if (x->command[0] != '/' && strchr(x->command, '/'))
                return xasprintf("%s/%s", dir, x->command);
        return xstrdup(x->command);
}

static char **arguments(const struct kc_exec *x, const char *dir)
{
        const char *const *args = x->args.items;
        char **argv = xcalloc(x->args.n + 2, sizeof(char *));

        argv[0] = command_of(x, dir);
        for (size_t i = 0; i < x->args.n; i++)
                argv[i + 1] = xstrdup(args[i]);
        return argv;
}

int access_exec_spec(const struct kc_exec *x, const struct kc_cluster *k, const char *dir,
                     const char *what, struct access_spec *ret, struct err *e)
{
        const struct kc_env *env = x->env.items;
        int rc = check(x, what, e);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < x->env.n; i++) {
                if (strchr(env[i].name, '='))
                        return err_set(e, DL_CONFIG, "%s: exec.env[%zu].name: expected no '='",
                                       what, i);
        }
        char *info = NULL;
        rc = make_info(x, k, ret, &info, e);
        if (rc < 0)
                return err_wrap(e, "%s", what);
        struct access_exec *n = xcalloc(1, sizeof(*n));
        n->api_version = xstrdup(x->api_version);
        n->argv = arguments(x, dir);
        n->environ = xcalloc(x->env.n + 2, sizeof(char *));
        for (size_t i = 0; i < x->env.n; i++)
                n->environ[i] = xjoin(env[i].name, "=", env[i].value ? env[i].value : "");
        n->environ[x->env.n] = info;
        n->hint = x->hint && x->hint[0] ? xstrdup(x->hint) : NULL;
        ret->exec = n;
        return 0;
}
