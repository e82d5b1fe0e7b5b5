/* kube.h - a real API server for tests: the one that the suite shares, or one of the test's own.
 *
 * The shared one is named by $DEVICELINK_KUBE (a directory made by `hack/kube up --dir`); each test
 * takes a namespace and node names of its own.  A private one may be killed, stopped and started
 * again.  Requests go as cluster administrator by libcurl, not by kubectl.
 * Failures end the test with a message (cmocka's fail_msg).
 */
#ifndef RIG_KUBE_H
#define RIG_KUBE_H

#include "rig/process.h"

#include <json-c/json.h>

struct kube {
        char dir[256];        /* of the cluster: pki/, *.pid, *.log, admin.kubeconfig */
        char kubeconfig[320]; /* of the administrator */
        char server[64];      /* "https://127.0.0.1:34567" */
        char space[64];       /* the test's namespace */
        char node[64];        /* a node name of this test's own; kube_node() makes the Node */
        bool private_server;
        void *curl;
};

/* The shared cluster, with the CRDs of crds/ applied once, and a new namespace. */
void kube_up(struct kube *k);
/* An own cluster in a scratch directory; more: further arguments of `hack/kube up`, or NULL. */
void kube_up_private(struct kube *k, const char *const more[]);
/* Ends a private cluster; of the shared one, removes the namespace, its links and the Nodes of
 * kube_node(). */
void kube_down(struct kube *k);

/* One request.  body NULL = none; content_type NULL = JSON.  Returns the HTTP status, 0 when there
 * was no answer; *ret (may be NULL) is the parsed body, for json_object_put(), NULL when it is no
 * JSON. */
long kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
                  const char *body, struct json_object **ret);
/* The same with a bearer token instead of the administrator's certificate. */
long kube_request_as(struct kube *k, const char *token, const char *method, const char *path,
                     const char *content_type, const char *body, struct json_object **ret);

/* Apply YAML or JSON documents as kubectl apply does (kubectl is run); in them {space} and {node}
 * are the test's, and format fills in the rest.  What names no namespace goes to the test's. */
void kube_apply(struct kube *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* kubectl with these arguments (NULL-terminated), output to *ret for free() (may be NULL); returns
 * its exit code. */
int kube_ctl(struct kube *k, char **ret, const char *const argv[]);

void kube_node(struct kube *k, const char *name, const char *internal_ip); /* makes a Node object */
void kube_node_delete(struct kube *k, const char *name);
/* A token of a service account, bound to a Pod object on a node, made for it: a real node claim. */
char *kube_node_token(struct kube *k, const char *space, const char *account, const char *node);

/* Paths: "/apis/edge.cattle.io/v1alpha1/namespaces/<space>/devicelinks/<name>". */
const char *kube_link_path(struct kube *k, const char *name); /* static, one at a time */
const char *kube_device_path(struct kube *k, const char *plural, const char *name);
struct json_object *kube_get(struct kube *k, const char *path); /* NULL = 404; others fail */
/* "status.conditions" of a link as text, one a line: "NodeExisted True Found ''\n".  For free(). */
char *kube_conditions(struct kube *k, const char *name);
char *kube_conditions_of(struct json_object *link); /* the same, of an object that was read */
/* Wait until the text of the conditions ends in this: "DeviceConnected True Healthy ''". */
void kube_wait_phase(struct kube *k, const char *name, const char *ending, int within_ms);
/* Wait until ready() says so. */
void kube_wait(struct kube *k, bool (*ready)(struct kube *k, void *ctx), void *ctx, int within_ms,
               const char *what);

/* Of a private cluster: "etcd", "kube-apiserver", "kube-controller-manager".  After SIGKILL it is
 * gone. */
void kube_signal(struct kube *k, const char *program, int number);
/* Start it again; returns when it is ready. */
void kube_start_again(struct kube *k, const char *program);

#endif
