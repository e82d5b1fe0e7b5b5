/* devicelink.h - a DeviceLink as Kubernetes holds it (octopus 1.1): one table, no opinions.
 *
 * What the table takes is what the CRD takes; devicelink_check() says what is wrong beyond that:
 * what a cluster would answer with a condition.  Texts, lists and trees live in the arena of the
 * document.  Pure; threads: none shared.
 */
#ifndef KUBE_DEVICELINK_H
#define KUBE_DEVICELINK_H

#include "base/decode.h"
#include "kube/report.h"

#include <stdbool.h>

#define DEVICELINK_API_VERSION "edge.cattle.io/v1alpha1"
#define DEVICELINK_KIND "DeviceLink"
#define DEVICE_GROUP "devices.edge.cattle.io"
#define DEVICE_API_VERSION DEVICE_GROUP "/v1alpha1"

struct metadata {
        const char *name;
        const char *space;               /* namespace; "default" when absent or empty */
        const char *uid;                 /* "" = none */
        struct decoded_list labels;      /* of struct decoded_pair */
        struct decoded_list annotations; /* of struct decoded_pair */
};

struct object_items { /* part of a Secret or a ConfigMap of the link's namespace */
        const char *name;
        struct decoded_list items; /* of const char *; none = all keys */
};

struct downward_item {
        const char *name;
        struct {
                const char *path;
        } field;
};

struct downward_items {
        struct decoded_list items; /* of struct downward_item */
};

/* The first that is there counts: secret, configMap, downwardAPI. */
struct link_reference {
        const char *name; /* NULL = "" */
        struct object_items *secret;
        struct object_items *config_map;
        struct downward_items *downward;
};

struct devicelink {
        struct metadata meta;
        struct {
                struct {
                        const char *node; /* NULL = "" here and below */
                        const char *name;
                } adaptor;
                struct {
                        const char *api_version;
                        const char *kind;
                } model;
                struct decoded_list references; /* of struct link_reference */
                struct {
                        struct {
                                struct decoded_list labels; /* of struct decoded_pair */
                        } meta;
                        const struct tree *spec; /* NULL = {} */
                } template;
        } spec;
        struct { /* what the downward API can tell */
                const char *node_name;
                const char *node_host_name;
                const char *node_internal_ip;
                const char *node_internal_dns;
                const char *node_external_ip;
                const char *node_external_dns;
        } status;
};

extern const struct field devicelink_fields[];
extern const struct field metadata_fields[];

/* path: of the document, "" or "items[2]".  DL_CONFIG: errors were reported. */
int devicelink_decode(const struct tree *doc, const char *path, struct arena *a,
                      struct devicelink *ret, struct findings *f);
/* DL_CONFIG: errors were reported. */
int devicelink_check(const struct devicelink *link, const struct tree *doc, const char *path,
                     struct findings *f);
/* Names, labels and annotations as Kubernetes checks them; and namespace "" becomes "default". */
int metadata_check(struct metadata *meta, const struct tree *doc, const char *path,
                   struct findings *f);

#endif
