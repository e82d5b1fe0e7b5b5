/* access.h - where the API server is and who we are there: in-cluster, or kubeconfig.
 *
 * Order (as other controllers do it): the file named, $KUBECONFIG (files separated by ':', merged,
 * the first to set a value wins, missing ones are skipped), in-cluster (service account directory
 * and KUBERNETES_SERVICE_HOST/PORT), ~/.kube/config.
 * Kubeconfig   YAML or JSON; server, certificate-authority[-data], client-certificate[-data],
 *              client-key[-data], token, tokenFile, username/password, exec, tls-server-name,
 *              insecure-skip-tls-verify, proxy-url, namespace.  `*-data` beats the file; relative
 *              paths are relative to the kubeconfig's directory.  What changes who we are and is
 *              not supported (auth-provider, impersonation "as...") is refused by name; other
 *              unknown keys are ignored.
 * Freshness    Token files are read again each minute, CA and client certificates each minute
 *              too (by content: a `..data` swap is seen), off the request path; what cannot be
 *              read, is empty or broken keeps the last good one and is logged.  Exec credentials
 *              are kept until expirationTimestamp less 10 s, or until refused.
 * Exec plugins argv and environment by posix_spawn, no shell, KUBERNETES_EXEC_INFO, no stdin, 30 s,
 *              1 MiB of output.
 * Secrets      Wiped when dropped, but for what the JSON and YAML libraries leave behind when a
 *              plugin's answer or a kubeconfig is read; never in texts or logs.
 * Threads      The loop; files and programs are read by a worker.
 */
#ifndef KUBE_ACCESS_H
#define KUBE_ACCESS_H

#include "loop/http.h"

struct kube_access;

struct kube_access_config {
        struct loop *loop;
        const char *kubeconfig;          /* NULL = as above */
        const char *service_account_dir; /* NULL = /var/run/secrets/kubernetes.io/serviceaccount */
        /* The certificates to use are others than before.  May be NULL. */
        void (*changed)(void *ctx);
        void *ctx;
};

/* Reads files at once (this is the start).  DL_CONFIG: nothing usable; the text names file,
 * context, cluster, user or key. */
int kube_access_open(const struct kube_access_config *, struct kube_access **ret, struct err *e);
void kube_access_close(struct kube_access *a); /* NULL is fine */

const char *kube_access_server(const struct kube_access *a); /* "https://[::1]:6443", no '/' */
const char *kube_access_space(const struct kube_access *a);  /* own namespace; "default" */
const char *kube_access_proxy(const struct kube_access *a);  /* NULL = the environment's */
const char *kube_access_source(const struct kube_access *a); /* for people: "in-cluster", a file */
void kube_access_tls(const struct kube_access *a, struct http_tls *ret); /* borrowed */

/* The value of the Authorization header ("Bearer ...", "Basic ..."), NULL = none needed (a client
 * certificate), or e when there is none now (an exec plugin failed).  ready() is called once,
 * perhaps before this returns; value lives for the call. */
struct kube_access_wait;
struct kube_access_wait *kube_access_authorize(struct kube_access *a,
                                               void (*ready)(void *ctx, const char *value,
                                                             const struct err *e),
                                               void *ctx); /* NULL: called already */
void kube_access_cancel(struct kube_access_wait *w);
/* A request that began at sent_ns (monotonic) got 401: forget credentials read before that. */
void kube_access_refused(struct kube_access *a, int64_t sent_ns);

#endif
