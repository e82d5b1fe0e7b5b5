/* access_impl.h - what the files behind access.h share.  Not for others.
 *
 * access_spec    what was configured: made once, never changed, read by the worker, too
 * access_files   what files held, made anew with each reading
 * access_grant   what an exec plugin gave
 */
#ifndef KUBE_ACCESS_IMPL_H
#define KUBE_ACCESS_IMPL_H

#include "base/tree.h"
#include "kube/access.h"
#include "loop/worker.h"

#include <stdatomic.h>

enum { ACCESS_TOKEN_MAX = 64 << 10, ACCESS_PEM_MAX = 1 << 20, ACCESS_EXEC_MAX = 1 << 20 };

/* --- access_secret.c: texts that are wiped when they go */

void access_wipe(char *s); /* and free; NULL is fine */
void access_wipe_tree(const struct tree *t);
bool access_is_token(const char *s, size_t n); /* what a header takes, not empty */
/* The file's bytes and a NUL.  DL_CONFIG: cannot be read, no regular file, empty, over max. */
int access_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* A token without the white space around it.  DL_CONFIG: empty, or bytes that no header takes. */
int access_read_token(const char *path, char **ret, struct err *e);
bool access_same(const char *a, const char *b); /* NULL equals NULL only */

/* --- what was configured */

struct access_pem {
        char *text; /* of `*-data`; NULL: read path */
        char *path; /* absolute; NULL: text, or none */
};

struct access_exec {
        char *api_version;
        char **argv;    /* ends with NULL; [0] as configured, or resolved against the directory */
        char **environ; /* "NAME=value" to add, ends with NULL; KUBERNETES_EXEC_INFO, too */
        char *hint;     /* how to install it; NULL = none */
};

struct access_spec {
        char *source; /* "in-cluster", or files */
        char *server;
        char *space;
        char *proxy;
        char *server_name;
        bool insecure;
        struct access_pem ca;
        struct access_pem certificate;
        struct access_pem key;
        char *token; /* fixed */
        char *token_path;
        char *user;
        char *password;
        struct access_exec *exec;
};

void access_spec_done(struct access_spec *s);
/* Files of a kubeconfig in order.  skip_missing: those of $KUBECONFIG. */
int access_kubeconfig(const char *const *paths, size_t n, bool skip_missing,
                      struct access_spec *ret, struct err *e);
int access_find(const struct kube_access_config *c, struct access_spec *ret, struct err *e);
int access_in_cluster(const char *dir, const char *host, const char *port, struct access_spec *ret,
                      struct err *e);

/* --- access_file.c: what the files hold */

struct access_files {
        char *token;
        char *ca;
        char *certificate;
        char *key;
        struct err token_error; /* .rc 0 = read */
        struct err tls_error;
};

/* Any thread.  What is configured as text is copied. */
void access_files_read(const struct access_spec *s, struct access_files *ret);
void access_files_done(struct access_files *f);

/* --- access_exec.c: a plugin */

struct access_grant {
        char *token;
        char *certificate;
        char *key;
        int64_t expires_wall_ns; /* INT64_MAX: it does not say */
};

void access_grant_done(struct access_grant *g);
/* Blocks for at most 30 s, or until something is written to stop_fd. */
int access_exec_run(const struct access_exec *x, int stop_fd, struct access_grant *ret,
                    struct err *e);
/* What a plugin printed. */
int access_exec_parse(const struct access_exec *x, const char *text, size_t len,
                      struct access_grant *ret, struct err *e);

#endif
