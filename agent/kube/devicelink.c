#include "kube/devicelink.h"

#include "kube/names.h"

#include <stdio.h>
#include <string.h>

/* --- tables */

const struct field metadata_fields[] = {
        FIELD_TEXT(struct metadata, name, "name", .required = true, .help = "name of the object"),
        FIELD_TEXT(struct metadata, space, "namespace", .fallback = "default", .help = "namespace"),
        FIELD_TEXT(struct metadata, uid, "uid", .max = 128,
                   .pattern = "([0-9A-Za-z]([-0-9A-Za-z]*[0-9A-Za-z])?)?",
                   .pattern_says = "a uuid: letters, digits and '-'",
                   .help = "identity; made from host, kind and name when absent"),
        FIELD_MAP(struct metadata, labels, "labels", .help = "labels"),
        FIELD_MAP(struct metadata, annotations, "annotations", .help = "annotations"),
        FIELD_IGNORED("creationTimestamp"),
        FIELD_IGNORED("deletionGracePeriodSeconds"),
        FIELD_IGNORED("deletionTimestamp"),
        FIELD_IGNORED("finalizers"),
        FIELD_IGNORED("generateName"),
        FIELD_IGNORED("generation"),
        FIELD_IGNORED("managedFields"),
        FIELD_IGNORED("ownerReferences"),
        FIELD_IGNORED("resourceVersion"),
        FIELD_IGNORED("selfLink"),
        FIELD_END,
};

static const struct field object_items_fields[] = {
        FIELD_TEXT(struct object_items, name, "name", .required = true,
                   .help = "name of the object, in the link's namespace"),
        FIELD_TEXTS(struct object_items, items, "items", .help = "keys to pass; none = all"),
        FIELD_END,
};

static const struct field downward_field_fields[] = {
        FIELD_IGNORED("apiVersion", .help = "ignored"),
        { .kind = FIELD_KIND_TEXT,
          .name = "fieldPath",
          .offset = 0,
          .required = true,
          .help = "metadata.name, metadata.labels['k'], status.nodeInternalIP, ..." },
        FIELD_END,
};

static const struct field downward_item_fields[] = {
        FIELD_TEXT(struct downward_item, name, "name", .required = true,
                   .help = "key under which the text is passed"),
        FIELD_OBJECT(struct downward_item, field, "fieldRef", downward_field_fields,
                     .required = true, .help = "field of this link"),
        FIELD_END,
};

static const struct field downward_fields[] = {
        FIELD_LIST(struct downward_items, items, "items", downward_item_fields,
                   struct downward_item, .required = true, .min = 1, .max = 4096,
                   .help = "fields of this link"),
        FIELD_END,
};

static const struct field reference_fields[] = {
        FIELD_TEXT(struct link_reference, name, "name",
                   .help = "name by which ...Ref fields pick it"),
        FIELD_POINTER(struct link_reference, secret, "secret", object_items_fields,
                      struct object_items, .help = "a Secret"),
        FIELD_POINTER(struct link_reference, config_map, "configMap", object_items_fields,
                      struct object_items, .help = "a ConfigMap (data only)"),
        FIELD_POINTER(struct link_reference, downward, "downwardAPI", downward_fields,
                      struct downward_items, .help = "fields of the link itself"),
        FIELD_END,
};

/* Offsets within the unnamed parts of struct devicelink. */
#define WITHIN(part, member)                                                                       \
        (offsetof(struct devicelink, part.member) - offsetof(struct devicelink, part))
#define TEXT_OF(part, member, key, ...)                                                            \
        {                                                                                          \
                .kind = FIELD_KIND_TEXT, .name = (key), .offset = WITHIN(part, member),            \
                __VA_ARGS__                                                                        \
        }
#define OBJECT_OF(part, member, key, table, ...)                                                   \
        {                                                                                          \
                .kind = FIELD_KIND_OBJECT, .name = (key), .offset = WITHIN(part, member),          \
                .sub = (table), __VA_ARGS__                                                        \
        }

static const struct field adaptor_fields[] = {
        TEXT_OF(spec.adaptor, node, "node", .help = "name of the node that drives the device"),
        TEXT_OF(spec.adaptor, name, "name", .help = "adaptors.edge.cattle.io/modbus"),
        FIELD_IGNORED("parameters", .help = "ignored"),
        FIELD_END,
};

static const struct field model_fields[] = {
        TEXT_OF(spec.model, api_version, "apiVersion", .help = DEVICE_API_VERSION),
        TEXT_OF(spec.model, kind, "kind", .help = "kind of the device: ModbusDevice"),
        FIELD_END,
};

static const struct field template_metadata_fields[] = {
        { .kind = FIELD_KIND_MAP,
          .name = "labels",
          .offset = WITHIN(spec.template.meta, labels),
          .help = "labels of the device" },
        FIELD_END,
};

static const struct field template_fields[] = {
        OBJECT_OF(spec.template, meta, "metadata", template_metadata_fields,
                  .help = "of the device"),
        { .kind = FIELD_KIND_TREE,
          .name = "spec",
          .offset = WITHIN(spec.template, spec),
          .help = "spec of the device, as its kind wants it" },
        FIELD_END,
};

static const struct field spec_fields[] = {
        OBJECT_OF(spec, adaptor, "adaptor", adaptor_fields, .required = true,
                  .help = "who and where"),
        OBJECT_OF(spec, model, "model", model_fields, .required = true,
                  .help = "kind of the device"),
        { .kind = FIELD_KIND_LIST,
          .name = "references",
          .offset = WITHIN(spec, references),
          .sub = reference_fields,
          .size = sizeof(struct link_reference),
          .max = 4096,
          .help = "Secrets, ConfigMaps and fields that the device needs" },
        OBJECT_OF(spec, template, "template", template_fields, .required = true,
                  .help = "of the device"),
        FIELD_END,
};

static const struct field status_fields[] = {
        FIELD_IGNORED("adaptorName"),
        FIELD_IGNORED("conditions"),
        FIELD_IGNORED("model"),
        TEXT_OF(status, node_name, "nodeName"),
        TEXT_OF(status, node_host_name, "nodeHostName"),
        TEXT_OF(status, node_internal_ip, "nodeInternalIP"),
        TEXT_OF(status, node_internal_dns, "nodeInternalDNS"),
        TEXT_OF(status, node_external_ip, "nodeExternalIP"),
        TEXT_OF(status, node_external_dns, "nodeExternalDNS"),
        FIELD_END,
};

const struct field devicelink_fields[] = {
        FIELD_IGNORED("apiVersion"),
        FIELD_IGNORED("kind"),
        FIELD_OBJECT(struct devicelink, meta, "metadata", metadata_fields, .required = true),
        FIELD_OBJECT(struct devicelink, spec, "spec", spec_fields, .required = true),
        FIELD_OBJECT(struct devicelink, status, "status", status_fields),
        FIELD_END,
};

/* --- checks beyond the table */

static void check_keys(const struct decoded_list *map, bool annotations, const struct tree *doc,
                       const char *path, const char *sub, struct findings *f)
{
        const struct decoded_pair *pairs = map->items;

        for (size_t i = 0; i < map->n; i++) {
                auto_free char *key = xstrdup(pairs[i].key);
                auto_free char *at = path_key(sub, key);

                for (char *c = key; annotations && *c; c++) {
                        if (*c >= 'A' && *c <= 'Z')
                                *c = (char)(*c - 'A' + 'a');
                }
                if (!name_is_qualified(key))
                        report_at(f, FINDING_ERROR, doc, path, at, "expected the key to be %s",
                                  names_qualified_says);
                else if (!annotations && !name_is_label_value(pairs[i].value))
                        report_at(f, FINDING_ERROR, doc, path, at, "expected %s, got '%.80s'",
                                  names_value_says, pairs[i].value);
        }
}

int metadata_check(struct metadata *meta, const struct tree *doc, const char *path,
                   struct findings *f)
{
        size_t before = f->errors;

        if (!meta->space || meta->space[0] == '\0')
                meta->space = "default";
        if (!meta->uid)
                meta->uid = "";
        if (meta->name && !name_is_subdomain(meta->name))
                report_at(f, FINDING_ERROR, doc, path, "metadata.name", "expected %s, got '%.80s'",
                          names_subdomain_says, meta->name);
        if (!name_is_label(meta->space))
                report_at(f, FINDING_ERROR, doc, path, "metadata.namespace",
                          "expected %s, got '%.80s'", names_label_says, meta->space);
        check_keys(&meta->labels, false, doc, path, "metadata.labels", f);
        check_keys(&meta->annotations, true, doc, path, "metadata.annotations", f);
        return f->errors > before ? DL_CONFIG : 0;
}

int devicelink_decode(const struct tree *doc, const char *path, struct arena *a,
                      struct devicelink *ret, struct findings *f)
{
        size_t before = f->errors;
        struct devicelink link = { 0 };

        (void)decode(doc, devicelink_fields, &link, sizeof(link), a, path, f);
        (void)metadata_check(&link.meta, doc, path, f);
        check_keys(&link.spec.template.meta.labels, false, doc, path,
                   "spec.template.metadata.labels", f);
        if (f->errors > before)
                return DL_CONFIG;
        *ret = link;
        return 0;
}

static void check_model(const struct devicelink *link, const struct tree *doc, const char *path,
                        struct findings *f)
{
        const char *version = link->spec.model.api_version ? link->spec.model.api_version : "";
        const char *kind = link->spec.model.kind ? link->spec.model.kind : "";
        const char *slash = strchr(version, '/');
        size_t group = slash ? (size_t)(slash - version) : 0;

        if (kind[0] == '\0')
                report_at(f, FINDING_ERROR, doc, path, "spec.model.kind",
                          "expected a kind of device, such as ModbusDevice, got nothing");
        if (!slash || group == 0 || slash[1] == '\0')
                report_at(f, FINDING_ERROR, doc, path, "spec.model.apiVersion",
                          "expected group/version, such as " DEVICE_API_VERSION ", got '%.80s'",
                          version);
        else if (group == strlen(DEVICE_GROUP) && strncmp(version, DEVICE_GROUP, group) == 0 &&
                 strcmp(version, DEVICE_API_VERSION) != 0)
                report_at(f, FINDING_ERROR, doc, path, "spec.model.apiVersion",
                          "expected " DEVICE_API_VERSION ", got '%.80s'", version);
}

static void check_reference(const struct link_reference *r, size_t i, const struct tree *doc,
                            const char *path, struct findings *f)
{
        auto_free char *at = xasprintf("spec.references[%zu]", i);
        auto_free char *name = path_join(at, "name");
        int sources = !!r->secret + !!r->config_map + !!r->downward;

        if (!r->name || r->name[0] == '\0')
                report_at(f, FINDING_WARNING, doc, path, name,
                          "expected a name, got nothing: no ...Ref field can pick this entry");
        if (sources == 0)
                report_at(f, FINDING_WARNING, doc, path, at,
                          "expected secret, configMap or downwardAPI, got none of them");
        if (sources > 1)
                report_at(f, FINDING_WARNING, doc, path, at,
                          "expected one of secret, configMap and downwardAPI: only %s is used",
                          r->secret ? "secret" : "configMap");
}

int devicelink_check(const struct devicelink *link, const struct tree *doc, const char *path,
                     struct findings *f)
{
        const struct link_reference *refs = link->spec.references.items;
        size_t before = f->errors;

        check_model(link, doc, path, f);
        if (!link->spec.adaptor.name || link->spec.adaptor.name[0] == '\0')
                report_at(f, FINDING_ERROR, doc, path, "spec.adaptor.name",
                          "expected the name of an adaptor, such as "
                          "adaptors.edge.cattle.io/modbus, got nothing");
        if (!link->spec.adaptor.node || link->spec.adaptor.node[0] == '\0')
                report_at(f, FINDING_WARNING, doc, path, "spec.adaptor.node",
                          "expected the name of a node, got nothing: in a cluster, or with "
                          "--node-name, nobody drives this link");
        for (size_t i = 0; i < link->spec.references.n; i++) {
                check_reference(&refs[i], i, doc, path, f);
                for (size_t j = i + 1; j < link->spec.references.n; j++) {
                        if (!refs[i].name || !refs[j].name ||
                            strcmp(refs[i].name, refs[j].name) != 0)
                                continue;
                        auto_free char *at = xasprintf("spec.references[%zu].name", i);
                        report_at(
                                f, FINDING_WARNING, doc, path, at,
                                "'%s' is named again by spec.references[%zu]: the last one counts",
                                refs[i].name, j);
                        break;
                }
        }
        return f->errors > before ? DL_CONFIG : 0;
}
