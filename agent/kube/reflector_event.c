#include "kube/reflector_event.h"

#include <string.h>

int event_read(const char *line, size_t n, struct event *ret, struct err *e)
{
        static const char *const types[] = {
                [EVENT_ADDED] = "\"ADDED\"",     [EVENT_MODIFIED] = "\"MODIFIED\"",
                [EVENT_DELETED] = "\"DELETED\"", [EVENT_BOOKMARK] = "\"BOOKMARK\"",
                [EVENT_ERROR] = "\"ERROR\"",
        };
        struct json_span whole, type, object;
        int found = 0;

        if (!json_span_whole(line, n, &whole) || !json_span_member(whole, "type", &type))
                return err_set(e, DL_CONFIG, "expected an event with a type");
        if (!json_span_member(whole, "object", &object) || object.at[0] != '{')
                return err_set(e, DL_CONFIG, "expected an event with an object");
        while (found < EVENT_OTHER && !json_span_is(type, types[found]))
                found++;
        ret->type = (enum event_type)found;
        ret->object = object;
        return 0;
}

/* A text without escapes is taken as it is, and touches no other memory.  NULL: it is none. */
static struct tree *text_of(struct json_span text, struct arena *a)
{
        const struct tree *t = NULL;

        if (text.at[0] != '"')
                return NULL;
        if (!memchr(text.at, '\\', text.n))
                return tree_new_text(a, text.at + 1, text.n - 2);
        if (tree_parse_json(a, text.at, text.n, &tree_limits_default, &t, NULL) < 0 ||
            t->type != TREE_TEXT)
                return NULL;
        return tree_new_text(a, t->as.text, t->n);
}

/* "" = there is none. */
static const char *text_member(struct json_span map, const char *name, struct arena *a)
{
        struct json_span text;
        const struct tree *t = json_span_member(map, name, &text) ? text_of(text, a) : NULL;

        return t && strlen(t->as.text) == t->n ? t->as.text : "";
}

int event_identity(struct json_span object, struct arena *a, struct object_meta *ret, struct err *e)
{
        struct json_span meta;

        if (!json_span_member(object, "metadata", &meta) || meta.at[0] != '{')
                return err_set(e, DL_CONFIG, "expected an object with metadata");
        *ret = (struct object_meta){
                .space = text_member(meta, "namespace", a),
                .name = text_member(meta, "name", a),
                .uid = text_member(meta, "uid", a),
                .version = text_member(meta, "resourceVersion", a),
        };
        if (ret->name[0] == '\0' || ret->version[0] == '\0')
                return err_set(e, DL_CONFIG, "expected metadata with a name and a resourceVersion");
        return 0;
}

int event_object(struct json_span object, struct arena *a, const struct tree **ret, struct err *e)
{
        static const char none[] = { 'n', 'u', 'l', 'l' };
        struct json_span meta, fields;

        if (!json_span_member(object, "metadata", &meta) ||
            !json_span_member(meta, "managedFields", &fields))
                return tree_parse_json(a, object.at, object.n, &tree_limits_default, ret, e);

        size_t before = (size_t)(fields.at - object.at);
        size_t after = object.n - before - fields.n;
        size_t n = before + sizeof(none) + after;
        auto_free char *text = xmalloc(n);
        memcpy(text, object.at, before);
        memcpy(text + before, none, sizeof(none));
        memcpy(text + before + sizeof(none), fields.at + fields.n, after);
        int rc = tree_parse_json(a, text, n, &tree_limits_default, ret, e);
        explicit_bzero(text, n); /* it may be a Secret */
        return rc;
}

/* --- Secrets */

static void add_text(struct tree *map, const char *key, const char *s, struct arena *a)
{
        tree_append(map, key, tree_new_text(a, s, strlen(s)));
}

static int add_data(struct json_span data, struct tree *map, struct arena *a, struct err *e)
{
        struct json_span name, value;
        struct tree **end = &map->as.first;
        size_t cursor = 0;

        while (json_span_next_member(data, &cursor, &name, &value)) {
                const struct tree *key = text_of(name, a);
                struct tree *text = text_of(value, a);

                if (!key || !text)
                        return err_set(e, DL_CONFIG, "expected data of names and texts");
                text->key = key->as.text;
                *end = text;
                end = &text->next;
                map->n++;
        }
        return 0;
}

int event_secret(struct json_span object, struct arena *a, const struct tree **ret, struct err *e)
{
        struct tree *whole = tree_new(a, TREE_MAP), *meta = tree_new(a, TREE_MAP);
        struct tree *map = tree_new(a, TREE_MAP);
        struct json_span data = { 0 };
        struct object_meta m = { .space = "", .name = "", .uid = "", .version = "" };
        int rc = event_identity(object, a, &m, e);

        if (rc != 0)
                return rc;
        if (json_span_member(object, "data", &data) && data.at[0] == '{')
                rc = add_data(data, map, a, e);
        if (rc != 0)
                return rc;
        add_text(meta, "name", m.name, a);
        add_text(meta, "namespace", m.space, a);
        add_text(meta, "uid", m.uid, a);
        add_text(meta, "resourceVersion", m.version, a);
        tree_append(whole, "metadata", meta);
        tree_append(whole, "data", map);
        *ret = whole;
        return 0;
}

/* --- */

int event_bookmark(struct json_span object, struct arena *a, const char **ret_version,
                   bool *ret_initial_end, struct err *e)
{
        const struct tree *t = NULL;
        struct object_meta m;
        int rc = tree_parse_json(a, object.at, object.n, &tree_limits_default, &t, e);

        if (rc < 0)
                return rc;
        object_meta_read(t, a, &m);
        if (m.version[0] == '\0')
                return err_set(e, DL_CONFIG, "expected a bookmark with a resourceVersion");
        const char *end = tree_text(tree_get(m.annotations, "k8s.io/initial-events-end"));
        *ret_version = m.version;
        *ret_initial_end = end && strcmp(end, "true") == 0;
        return 0;
}

int list_page_read(const char *text, size_t n, struct arena *a, struct list_page *ret,
                   struct err *e)
{
        struct json_span whole, meta, items = { 0 };

        if (!json_span_whole(text, n, &whole) || !json_span_member(whole, "metadata", &meta))
                return err_set(e, DL_CONFIG, "expected a list with metadata");
        if (json_span_member(whole, "items", &items) && items.at[0] != '[') {
                if (!json_span_is(items, "null"))
                        return err_set(e, DL_CONFIG, "expected a list with items");
                items.n = 0;
        }
        *ret = (struct list_page){
                .items = items,
                .version = text_member(meta, "resourceVersion", a),
                .more = text_member(meta, "continue", a),
        };
        if (ret->version[0] == '\0')
                return err_set(e, DL_CONFIG, "expected a list with a resourceVersion");
        return 0;
}
