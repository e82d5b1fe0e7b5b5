/* access_tables.h - one kubeconfig file, decoded; private to the files behind access.h. */
#ifndef KUBE_ACCESS_TABLES_H
#define KUBE_ACCESS_TABLES_H

#include "base/decode.h"

struct kc_cluster {
        const char *server;
        const char *ca_path;
        const char *ca_data;
        bool insecure;
        const char *server_name;
        const char *proxy;
        const struct tree *extensions;
};

struct kc_env {
        const char *name;
        const char *value;
};

enum kc_interactive { KC_IF_AVAILABLE, KC_NEVER, KC_ALWAYS };

struct kc_exec {
        const char *api_version;
        const char *command;
        struct decoded_list args; /* const char * */
        struct decoded_list env;  /* struct kc_env */
        const char *hint;
        bool cluster_info;
        int interactive; /* enum kc_interactive */
};

struct kc_user {
        const char *certificate_path;
        const char *certificate_data;
        const char *key_path;
        const char *key_data;
        const char *token;
        const char *token_path;
        const char *user;
        const char *password;
        const struct kc_exec *exec;
        /* Refused by name. */
        const struct tree *provider;
        const struct tree *as;
        const struct tree *as_uid;
        const struct tree *as_groups;
        const struct tree *as_extra;
};

struct kc_context {
        const char *cluster;
        const char *user;
        const char *space;
};

struct kc_named {
        const char *name;
        const void *value; /* struct kc_cluster, kc_user or kc_context; NULL: it has none */
};

enum kc_list { KC_CLUSTERS, KC_USERS, KC_CONTEXTS, KC_LISTS };

struct kc_file {
        const char *current;
        struct decoded_list lists[KC_LISTS]; /* struct kc_named */
};

extern const struct field kc_file_fields[];

struct kc_source {
        const char *path; /* absolute */
        const char *dir;
        struct kc_file file;
};

/* What the current context names. */
struct kc_chosen {
        const struct kc_named *cluster;
        const struct kc_named *user; /* NULL: nobody in particular */
        const struct kc_source *cluster_of;
        const struct kc_source *user_of;
        const char *space;
};

struct access_spec;

/* On failure ret holds what is to be released, too. */
int access_spec_of(const struct kc_chosen *c, struct access_spec *ret, struct err *e);
/* dir: of the file; what: "user 'x'" */
int access_exec_spec(const struct kc_exec *x, const struct kc_cluster *k, const char *dir,
                     const char *what, struct access_spec *ret, struct err *e);

#endif
