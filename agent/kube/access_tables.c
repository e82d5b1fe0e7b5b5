/* access_tables.c - the keys of a kubeconfig that we know. */
#include "kube/access_tables.h"

static const struct field cluster_fields[] = {
        FIELD_TEXT(struct kc_cluster, server, "server"),
        FIELD_TEXT(struct kc_cluster, ca_path, "certificate-authority"),
        FIELD_TEXT(struct kc_cluster, ca_data, "certificate-authority-data", .secret = true),
        FIELD_BOOL(struct kc_cluster, insecure, "insecure-skip-tls-verify"),
        FIELD_TEXT(struct kc_cluster, server_name, "tls-server-name"),
        FIELD_TEXT(struct kc_cluster, proxy, "proxy-url", .secret = true),
        FIELD_TREE(struct kc_cluster, extensions, "extensions"),
        FIELD_END,
};

static const struct field env_fields[] = {
        FIELD_TEXT(struct kc_env, name, "name", .required = true, .min = 1),
        FIELD_TEXT(struct kc_env, value, "value", .secret = true),
        FIELD_END,
};

static const struct field_choice interactive[] = {
        { "IfAvailable", KC_IF_AVAILABLE },
        { "Never", KC_NEVER },
        { "Always", KC_ALWAYS },
        { 0 },
};

static const struct field exec_fields[] = {
        FIELD_TEXT(struct kc_exec, api_version, "apiVersion", .required = true),
        FIELD_TEXT(struct kc_exec, command, "command", .required = true, .min = 1),
        FIELD_TEXTS(struct kc_exec, args, "args", .secret = true),
        FIELD_LIST(struct kc_exec, env, "env", env_fields, struct kc_env),
        FIELD_TEXT(struct kc_exec, hint, "installHint"),
        FIELD_BOOL(struct kc_exec, cluster_info, "provideClusterInfo"),
        FIELD_CHOICE(struct kc_exec, interactive, "interactiveMode", interactive),
        FIELD_END,
};

static const struct field user_fields[] = {
        FIELD_TEXT(struct kc_user, certificate_path, "client-certificate"),
        FIELD_TEXT(struct kc_user, certificate_data, "client-certificate-data", .secret = true),
        FIELD_TEXT(struct kc_user, key_path, "client-key"),
        FIELD_TEXT(struct kc_user, key_data, "client-key-data", .secret = true),
        FIELD_TEXT(struct kc_user, token, "token", .secret = true),
        FIELD_TEXT(struct kc_user, token_path, "tokenFile"),
        FIELD_TEXT(struct kc_user, user, "username", .secret = true),
        FIELD_TEXT(struct kc_user, password, "password", .secret = true),
        FIELD_POINTER(struct kc_user, exec, "exec", exec_fields, struct kc_exec),
        FIELD_TREE(struct kc_user, provider, "auth-provider"),
        FIELD_TREE(struct kc_user, as, "as"),
        FIELD_TREE(struct kc_user, as_uid, "as-uid"),
        FIELD_TREE(struct kc_user, as_groups, "as-groups"),
        FIELD_TREE(struct kc_user, as_extra, "as-user-extra"),
        FIELD_END,
};

static const struct field context_fields[] = {
        FIELD_TEXT(struct kc_context, cluster, "cluster"),
        FIELD_TEXT(struct kc_context, user, "user"),
        FIELD_TEXT(struct kc_context, space, "namespace"),
        FIELD_END,
};

static const struct field named_clusters[] = {
        FIELD_TEXT(struct kc_named, name, "name", .required = true),
        FIELD_POINTER(struct kc_named, value, "cluster", cluster_fields, struct kc_cluster),
        FIELD_END,
};

static const struct field named_users[] = {
        FIELD_TEXT(struct kc_named, name, "name", .required = true),
        FIELD_POINTER(struct kc_named, value, "user", user_fields, struct kc_user),
        FIELD_END,
};

static const struct field named_contexts[] = {
        FIELD_TEXT(struct kc_named, name, "name", .required = true),
        FIELD_POINTER(struct kc_named, value, "context", context_fields, struct kc_context),
        FIELD_END,
};

const struct field kc_file_fields[] = {
        FIELD_TEXT(struct kc_file, current, "current-context"),
        FIELD_LIST(struct kc_file, lists[KC_CLUSTERS], "clusters", named_clusters, struct kc_named,
                   .unique = "name"),
        FIELD_LIST(struct kc_file, lists[KC_USERS], "users", named_users, struct kc_named,
                   .unique = "name"),
        FIELD_LIST(struct kc_file, lists[KC_CONTEXTS], "contexts", named_contexts, struct kc_named,
                   .unique = "name"),
        FIELD_END,
};
