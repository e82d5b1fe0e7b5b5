/* access_spec.c - how to reach the server and who we are there, out of what was configured. */
#include "kube/access_impl.h"
#include "kube/access_tables.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static bool is_set(const char *s)
{
        return s && s[0];
}

/* `*-data` beats the file of the same name. */
static int set_pem(const char *dir, const char *what, const char *key, const char *data,
                   const char *path, struct access_pem *ret, struct err *e)
{
        if (is_set(data)) {
                size_t n = 0;
                size_t room = strlen(data) / 4 * 3 + 4;
                char *text = xmalloc(room + 1);
                int rc = text_parse_base64(data, strlen(data), text, &n, NULL);

                if (rc == 0)
                        text[n] = '\0';
                if (rc < 0 || n == 0 || strlen(text) != n) {
                        explicit_bzero(text, room);
                        free(text);
                        return err_set(e, DL_CONFIG, "%s: %s-data: expected PEM in Base64", what,
                                       key);
                }
                ret->text = text;
        } else if (is_set(path)) {
                ret->path = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", dir, path);
        }
        return 0;
}

static int set_server(const char *what, const char *server, struct access_spec *ret, struct err *e)
{
        size_t n = server ? strlen(server) : 0;

        if (!is_set(server))
                return err_set(e, DL_CONFIG, "%s: server is not set", what);
        if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0)
                return err_set(e, DL_CONFIG, "%s: server: expected https://host:port, got '%.100s'",
                               what, server);
        if (strpbrk(server, "?# \t\r\n") || strchr(server, '@'))
                return err_set(e, DL_CONFIG, "%s: server: expected https://host:port and no more",
                               what);
        while (n && server[n - 1] == '/')
                n--;
        ret->server = xasprintf("%.*s", (int)n, server);
        return 0;
}

static int set_cluster(const struct kc_chosen *c, const struct kc_cluster *k,
                       struct access_spec *ret, struct err *e)
{
        auto_free char *what = xasprintf("cluster '%s'", c->cluster->name);
        int rc = set_server(what, k->server, ret, e);

        if (rc == 0)
                rc = set_pem(c->cluster_of->dir, what, "certificate-authority", k->ca_data,
                             k->ca_path, &ret->ca, e);
        if (rc < 0)
                return rc;
        if (k->insecure && (ret->ca.text || ret->ca.path))
                return err_set(e, DL_CONFIG,
                               "%s: insecure-skip-tls-verify and a certificate authority: "
                               "expected one of them",
                               what);
        if (is_set(k->proxy) && strncmp(k->proxy, "http://", 7) != 0 &&
            strncmp(k->proxy, "https://", 8) != 0 && strncmp(k->proxy, "socks5://", 9) != 0)
                return err_set(e, DL_CONFIG,
                               "%s: proxy-url: expected http://, https:// or socks5://", what);
        ret->insecure = k->insecure;
        ret->proxy = is_set(k->proxy) ? xstrdup(k->proxy) : NULL;
        ret->server_name = is_set(k->server_name) ? xstrdup(k->server_name) : NULL;
        return 0;
}

static int refuse_unsupported(const struct kc_user *u, const char *what, struct err *e)
{
        const struct {
                const struct tree *is;
                const char *key;
        } keys[] = {
                { u->provider, "auth-provider" }, { u->as, "as" },
                { u->as_uid, "as-uid" },          { u->as_groups, "as-groups" },
                { u->as_extra, "as-user-extra" },
        };

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (keys[i].is)
                        return err_set(e, DL_CONFIG, "%s: %s is not supported", what, keys[i].key);
        }
        int ways = (is_set(u->token) || is_set(u->token_path)) +
                   (is_set(u->user) || is_set(u->password)) + (u->exec != NULL);
        if (ways > 1)
                return err_set(e, DL_CONFIG,
                               "%s: expected one of token, username and exec, found %d", what,
                               ways);
        return 0;
}

static int set_user(const struct kc_chosen *c, const struct kc_cluster *k, const struct kc_user *u,
                    struct access_spec *ret, struct err *e)
{
        auto_free char *what = xasprintf("user '%s'", c->user->name);
        int rc = refuse_unsupported(u, what, e);

        if (rc == 0)
                rc = set_pem(c->user_of->dir, what, "client-certificate", u->certificate_data,
                             u->certificate_path, &ret->certificate, e);
        if (rc == 0)
                rc = set_pem(c->user_of->dir, what, "client-key", u->key_data, u->key_path,
                             &ret->key, e);
        if (rc < 0)
                return rc;
        if (is_set(u->token_path))
                ret->token_path = u->token_path[0] == '/'
                                          ? xstrdup(u->token_path)
                                          : xasprintf("%s/%s", c->user_of->dir, u->token_path);
        if (is_set(u->token)) {
                if (!access_is_token(u->token, strlen(u->token)))
                        return err_set(e, DL_CONFIG,
                                       "%s: token: expected printable text without spaces", what);
                ret->token = xstrdup(u->token);
        }
        if (is_set(u->user) || is_set(u->password)) {
                ret->user = xstrdup(u->user ? u->user : "");
                ret->password = xstrdup(u->password ? u->password : "");
        }
        if (u->exec)
                return access_exec_spec(u->exec, k, c->user_of->dir, what, ret, e);
        return 0;
}

int access_spec_of(const struct kc_chosen *c, struct access_spec *ret, struct err *e)
{
        static const struct kc_cluster no_cluster = { 0 };
        const struct kc_cluster *k = c->cluster->value ? c->cluster->value : &no_cluster;
        int rc = set_cluster(c, k, ret, e);

        if (rc == 0 && c->user && c->user->value)
                rc = set_user(c, k, c->user->value, ret, e);
        ret->space = xstrdup(is_set(c->space) ? c->space : "default");
        return rc;
}

/* --- in a cluster */

int access_in_cluster(const char *dir, const char *host, const char *port, struct access_spec *ret,
                      struct err *e)
{
        struct access_spec s = { 0 };
        auto_free char *space_path = xasprintf("%s/namespace", dir);
        bool is_v6 = strchr(host, ':') && host[0] != '[';

        int rc = access_read_token(space_path, &s.space, e);
        if (rc < 0)
                return err_wrap(e, "in-cluster");
        s.source = xstrdup("in-cluster");
        s.server = xasprintf(is_v6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
        s.token_path = xasprintf("%s/token", dir);
        s.ca.path = xasprintf("%s/ca.crt", dir);
        *ret = s;
        return 0;
}

/* --- */

static void pem_done(struct access_pem *p)
{
        access_wipe(p->text);
        free(p->path);
}

static void wipe_list(char **list)
{
        for (size_t i = 0; list && list[i]; i++)
                access_wipe(list[i]);
        free(list);
}

void access_spec_done(struct access_spec *s)
{
        free(s->source);
        free(s->server);
        free(s->space);
        access_wipe(s->proxy);
        free(s->server_name);
        pem_done(&s->ca);
        pem_done(&s->certificate);
        pem_done(&s->key);
        access_wipe(s->token);
        free(s->token_path);
        access_wipe(s->user);
        access_wipe(s->password);
        if (s->exec) {
                free(s->exec->api_version);
                wipe_list(s->exec->argv);
                wipe_list(s->exec->environ);
                free(s->exec->hint);
                free(s->exec);
        }
        *s = (struct access_spec){ 0 };
}
