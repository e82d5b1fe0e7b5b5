#include "kube/link_status.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/* --- reading */

static const char *text_of(const struct tree *map, const char *key)
{
        const char *s = tree_text(tree_get(map, key));

        return s ? s : "";
}

static int64_t time_of(const struct tree *map, const char *key)
{
        const struct tree *t = tree_get(map, key);
        int64_t ns = 0;

        if (tree_text(t))
                (void)text_parse_time(t->as.text, t->n, &ns, NULL);
        return ns;
}

static bool type_read(const char *name, enum condition_type *ret)
{
        for (enum condition_type t = 0; t < CONDITION_COUNT; t++) {
                if (strcmp(condition_type_name(t), name) == 0) {
                        *ret = t;
                        return true;
                }
        }
        return false;
}

static bool status_read(const char *name, enum condition_status *ret)
{
        for (enum condition_status s = CONDITION_UNKNOWN; s <= CONDITION_FALSE; s++) {
                if (strcmp(condition_status_name(s), name) == 0) {
                        *ret = s;
                        return true;
                }
        }
        return false;
}

/* False: an entry that this program would never have written. */
static bool condition_read(const struct tree *t, struct condition *ret)
{
        const char *reason = tree_text(tree_get(t, "reason"));

        if (!type_read(text_of(t, "type"), &ret->type) ||
            !status_read(text_of(t, "status"), &ret->status))
                return false;
        ret->message = text_of(t, "message");
        if (reason && strcmp(reason, condition_reason(ret->type, ret->status)) != 0)
                ret->reason = reason;
        ret->updated_ns = time_of(t, "lastUpdateTime");
        ret->transitioned_ns = time_of(t, "lastTransitionTime");
        return true;
}

static void conditions_read(const struct tree *list, struct link_status *ret)
{
        struct conditions *c = &ret->conditions;

        TREE_FOREACH (child, list) {
                struct condition read = { 0 };

                /* No type twice, so there is room for all. */
                if (!condition_read(child, &read) || conditions_get(c, read.type))
                        ret->foreign = true;
                else
                        c->list[c->n++] = read;
        }
}

void link_status_read(const struct tree *object, struct link_status *ret)
{
        const struct tree *status = tree_get(object, "status");
        const struct tree *model = tree_get(status, "model");
        struct link_status s = {
                .node_name = text_of(status, "nodeName"),
                .host_name = text_of(status, "nodeHostName"),
                .internal_ip = text_of(status, "nodeInternalIP"),
                .internal_dns = text_of(status, "nodeInternalDNS"),
                .external_ip = text_of(status, "nodeExternalIP"),
                .external_dns = text_of(status, "nodeExternalDNS"),
                .model_api_version = text_of(model, "apiVersion"),
                .model_kind = text_of(model, "kind"),
                .adaptor_name = text_of(status, "adaptorName"),
        };

        conditions_read(tree_get(status, "conditions"), &s);
        *ret = s;
}

/* --- patches */

static void add_text(struct buf *out, const char *s)
{
        buf_add_json(out, s, strlen(s));
}

static void add_member(struct buf *out, bool *first, const char *key)
{
        if (!*first)
                buf_addc(out, ',');
        *first = false;
        add_text(out, key);
        buf_addc(out, ':');
}

/* A time that nobody knew stays out. */
static void add_time(struct buf *out, const char *key, int64_t wall_ns)
{
        char text[TEXT_TIME_MAX];

        if (wall_ns == 0)
                return;
        (void)text_time(wall_ns, text);
        buf_addf(out, ",\"%s\":\"%s\"", key, text);
}

static void add_condition(struct buf *out, const struct condition *c)
{
        buf_addf(out, "{\"type\":\"%s\",\"status\":\"%s\"", condition_type_name(c->type),
                 condition_status_name(c->status));
        add_time(out, "lastUpdateTime", c->updated_ns);
        add_time(out, "lastTransitionTime", c->transitioned_ns);
        buf_adds(out, ",\"reason\":");
        add_text(out, condition_reason_of(c));
        buf_adds(out, ",\"message\":");
        add_text(out, c->message);
        buf_addc(out, '}');
}

static void add_conditions(struct buf *out, const struct conditions *c)
{
        if (c->n == 0) {
                buf_adds(out, "null");
                return;
        }
        for (size_t i = 0; i < c->n; i++) {
                buf_addc(out, i > 0 ? ',' : '[');
                add_condition(out, &c->list[i]);
        }
        buf_addc(out, ']');
}

static int64_t in_seconds(int64_t ns)
{
        return ns - (ns % NS_PER_S + NS_PER_S) % NS_PER_S;
}

/* The API object holds whole seconds. */
static struct conditions as_written(const struct conditions *c)
{
        struct conditions ret = *c;

        for (size_t i = 0; i < ret.n; i++) {
                ret.list[i].updated_ns = in_seconds(ret.list[i].updated_ns);
                ret.list[i].transitioned_ns = in_seconds(ret.list[i].transitioned_ns);
        }
        return ret;
}

static bool conditions_differ(const struct link_status *was, const struct link_status *now)
{
        struct conditions a = as_written(&was->conditions);
        struct conditions b = as_written(&now->conditions);

        return was->foreign || !conditions_equal(&a, &b);
}

static bool text_differs(const char *was, const char *now)
{
        return strcmp(was ? was : "", now ? now : "") != 0;
}

static void add_field(struct buf *out, bool *first, const char *key, const char *was,
                      const char *now)
{
        if (!text_differs(was, now))
                return;
        add_member(out, first, key);
        if (now && now[0] != '\0')
                add_text(out, now);
        else
                buf_adds(out, "null");
}

static void add_model(struct buf *out, bool *first, const struct link_status *was,
                      const struct link_status *now)
{
        const char *version = now->model_api_version ? now->model_api_version : "";
        const char *kind = now->model_kind ? now->model_kind : "";

        if (!text_differs(was->model_api_version, version) && !text_differs(was->model_kind, kind))
                return;
        add_member(out, first, "model");
        if (version[0] == '\0' && kind[0] == '\0') {
                buf_adds(out, "null");
                return;
        }
        buf_adds(out, "{\"apiVersion\":");
        add_text(out, version);
        buf_adds(out, ",\"kind\":");
        add_text(out, kind);
        buf_addc(out, '}');
}

static void add_operator_fields(struct buf *out, bool *first, const struct link_status *was,
                                const struct link_status *now)
{
        add_field(out, first, "nodeName", was->node_name, now->node_name);
        add_field(out, first, "nodeHostName", was->host_name, now->host_name);
        add_field(out, first, "nodeInternalIP", was->internal_ip, now->internal_ip);
        add_field(out, first, "nodeInternalDNS", was->internal_dns, now->internal_dns);
        add_field(out, first, "nodeExternalIP", was->external_ip, now->external_ip);
        add_field(out, first, "nodeExternalDNS", was->external_dns, now->external_dns);
        add_model(out, first, was, now);
}

static void add_guard(struct buf *out, const char *version)
{
        buf_adds(out, "{\"metadata\":{\"resourceVersion\":");
        add_text(out, version);
}

bool link_status_patch(enum link_status_role role, const struct link_status *was,
                       const struct link_status *now, const char *version, struct buf *out)
{
        auto_of(buf) struct buf fields = BUF(out->max);
        bool first = true;

        if (conditions_differ(was, now)) {
                add_member(&fields, &first, "conditions");
                add_conditions(&fields, &now->conditions);
        }
        if (role == LINK_STATUS_AGENT)
                add_field(&fields, &first, "adaptorName", was->adaptor_name, now->adaptor_name);
        else
                add_operator_fields(&fields, &first, was, now);
        if (first)
                return false;
        add_guard(out, version);
        buf_addf(out, "},\"status\":{%s}}", buf_text(&fields));
        if (!buf_ok(&fields))
                out->failed = true;
        return true;
}

/* --- finalizers */

static void add_element(struct buf *list, const char *s)
{
        buf_addc(list, list->len > 0 ? ',' : '[');
        add_text(list, s);
}

bool finalizer_patch(const struct tree *object, const char *name, bool present, struct buf *out)
{
        const struct tree *meta = tree_get(object, "metadata");
        auto_of(buf) struct buf list = BUF(out->max);
        bool was = false;

        TREE_FOREACH (child, tree_get(meta, "finalizers")) {
                const char *s = tree_text(child);

                if (s && strcmp(s, name) == 0)
                        was = true;
                else if (s)
                        add_element(&list, s);
        }
        if (was == present)
                return false;
        if (present)
                add_element(&list, name);
        add_guard(out, text_of(meta, "resourceVersion"));
        buf_addf(out, ",\"finalizers\":%s%s}}", list.len > 0 ? buf_text(&list) : "null",
                 list.len > 0 ? "]" : "");
        if (!buf_ok(&list))
                out->failed = true;
        return true;
}
