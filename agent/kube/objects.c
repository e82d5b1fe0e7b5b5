#include "kube/objects.h"

#include "base/text.h"
#include "kube/copy.h"
#include "kube/items.h"

#include <assert.h>
#include <string.h>

enum { SPEC_JSON_MAX = 3 * 1024 * 1024 }; /* what link_spec_tree() and adaptors take */

static uint64_t last_serial;

static const struct tree no_outline = { .type = TREE_MAP };

struct reading { /* one set being made */
        struct object_set *set;
        struct arena *docs;
        size_t cap;
        const char *file;
        bool keep_specs;
        struct findings *f;
};

/* --- what is read besides links */

struct plain_object { /* all that they have in common with each other and with devices */
        struct metadata meta;
        const struct tree *data;
        const struct tree *string_data;
        const struct tree *spec;
};

static const struct field secret_fields[] = {
        FIELD_IGNORED("apiVersion"),
        FIELD_IGNORED("kind"),
        FIELD_OBJECT(struct plain_object, meta, "metadata", metadata_fields, .required = true),
        FIELD_TREE(struct plain_object, data, "data", .help = "values in standard Base64"),
        FIELD_TREE(struct plain_object, string_data, "stringData",
                   .help = "values as they are; they win over data"),
        FIELD_IGNORED("immutable"),
        FIELD_IGNORED("type"),
        FIELD_END,
};

static const struct field config_map_fields[] = {
        FIELD_IGNORED("apiVersion"),
        FIELD_IGNORED("kind"),
        FIELD_OBJECT(struct plain_object, meta, "metadata", metadata_fields, .required = true),
        FIELD_TREE(struct plain_object, data, "data", .help = "values as they are"),
        FIELD_IGNORED("binaryData", .help = "not passed to devices"),
        FIELD_IGNORED("immutable"),
        FIELD_END,
};

static const struct field device_fields[] = {
        FIELD_IGNORED("apiVersion"),
        FIELD_IGNORED("kind"),
        FIELD_OBJECT(struct plain_object, meta, "metadata", metadata_fields, .required = true),
        FIELD_TREE(struct plain_object, spec, "spec", .help = "spec of the device"),
        FIELD_IGNORED("status"),
        FIELD_END,
};

/* --- objects of each kind */

static void read_data(struct reading *r, struct object *o, const struct field *fields)
{
        struct plain_object p = { 0 };

        (void)decode(o->doc, fields, &p, sizeof(p), r->docs, o->path, r->f);
        o->meta = p.meta;
        items_read(r->set->arena, o, p.data, p.string_data, r->f);
}

static void read_secret(struct reading *r, struct object *o)
{
        read_data(r, o, secret_fields);
}

static void read_config_map(struct reading *r, struct object *o)
{
        read_data(r, o, config_map_fields);
}

/* sub: of the device's spec in the document.  spec: NULL = {}. */
static void read_spec(struct reading *r, struct object *o, const char *sub, const struct tree *spec)
{
        auto_of(buf) struct buf json = BUF(SPEC_JSON_MAX);

        o->spec = spec ? spec : tree_new(r->docs, TREE_MAP);
        if (o->spec->type != TREE_MAP)
                report_at(r->f, FINDING_ERROR, o->doc, o->path, sub, "expected a map, got %s",
                          tree_type_name(o->spec));
        tree_json(o->spec, TREE_SORTED, &json);
        if (!buf_ok(&json))
                report_at(r->f, FINDING_ERROR, o->doc, o->path, sub,
                          "expected at most %d bytes as JSON", SPEC_JSON_MAX);
        o->spec_json = arena_strndup(r->set->arena, buf_text(&json), json.len);
        o->spec_json_len = json.len;
}

static void read_link(struct reading *r, struct object *o)
{
        int rc = devicelink_decode(o->doc, o->path, r->docs, &o->link, r->f);

        if (rc == 0 && r->file) /* in a cluster, conditions tell */
                (void)devicelink_check(&o->link, o->doc, o->path, r->f);
        o->meta = o->link.meta;
        read_spec(r, o, "spec.template.spec", o->link.spec.template.spec);
}

static void read_device(struct reading *r, struct object *o)
{
        struct plain_object p = { 0 };

        (void)decode(o->doc, device_fields, &p, sizeof(p), r->docs, o->path, r->f);
        o->meta = p.meta;
        read_spec(r, o, "spec", p.spec);
        if (strcmp(o->api_version, DEVICE_API_VERSION) != 0)
                report_at(r->f, FINDING_ERROR, o->doc, o->path, "apiVersion",
                          "expected " DEVICE_API_VERSION ", got '%.80s'", o->api_version);
}

/* --- documents */

struct reader {
        const char *api_version;
        const char *kind_name;
        enum object_kind kind;
        void (*read)(struct reading *r, struct object *o);
};

static const struct reader readers[] = {
        { DEVICELINK_API_VERSION, DEVICELINK_KIND, OBJECT_LINK, read_link },
        { "v1", "Secret", OBJECT_SECRET, read_secret },
        { "v1", "ConfigMap", OBJECT_CONFIG_MAP, read_config_map },
        { NULL, NULL, OBJECT_DEVICE, read_device }, /* last: any kind of the devices' group */
};

enum { READERS = sizeof(readers) / sizeof(readers[0]), DEVICE_READER = READERS - 1 };

static bool in_group(const char *api_version, const char *group)
{
        size_t n = strlen(group);

        return strncmp(api_version, group, n) == 0 && api_version[n] == '/';
}

static const struct reader *find_reader(const char *api_version, const char *kind)
{
        for (size_t i = 0; i < DEVICE_READER; i++) {
                if (strcmp(readers[i].api_version, api_version) == 0 &&
                    strcmp(readers[i].kind_name, kind) == 0)
                        return &readers[i];
        }
        return in_group(api_version, DEVICE_GROUP) ? &readers[DEVICE_READER] : NULL;
}

/* A slip of the pen in one of our kinds is an error, anybody else's kind is a warning. */
static void report_unknown(struct reading *r, const struct tree *doc, const char *path,
                           const char *api_version, const char *kind)
{
        const char *kinds[] = { DEVICELINK_KIND, "Secret", "ConfigMap", "List" };
        const char *near = text_nearest(kind, kinds, sizeof(kinds) / sizeof(kinds[0]));

        for (size_t i = 0; i < DEVICE_READER; i++) {
                if (strcmp(readers[i].kind_name, kind) != 0)
                        continue;
                report_at(r->f, FINDING_ERROR, doc, path, "apiVersion",
                          "expected %s for kind %s, got '%.80s'", readers[i].api_version, kind,
                          api_version);
                return;
        }
        if (in_group(api_version, "edge.cattle.io") || (near && strcmp(api_version, "v1") == 0))
                report_at(r->f, FINDING_ERROR, doc, path, "kind", "expected %s, got '%.80s'%s%s",
                          near ? near : DEVICELINK_KIND, kind, near ? "" : " of ",
                          near ? "" : api_version);
        else
                report_at(r->f, FINDING_WARNING, doc, path, "kind",
                          "'%.80s' of %.80s is nothing to DeviceLink and is left out", kind,
                          api_version);
}

static void add_object(struct reading *r, const struct tree *doc, const char *path,
                       const struct reader *reader, const char *api_version, const char *kind)
{
        struct arena *a = r->set->arena;
        size_t before = r->f->errors;
        struct object o = {
                .kind = reader->kind,
                .set = r->set,
                .serial = ++last_serial,
                .kind_name = arena_strdup(a, kind),
                .api_version = arena_strdup(a, api_version),
                .file = r->file,
                .path = arena_strdup(a, path),
                .doc = doc,
        };

        reader->read(r, &o);
        if (reader->kind != OBJECT_LINK)
                (void)metadata_check(&o.meta, doc, path, r->f);
        if (r->f->errors > before)
                return;
        o.meta = metadata_copy(a, &o.meta);
        o.link = devicelink_copy(a, &o.link);
        o.link.meta = o.meta;
        o.doc = r->file ? object_outline(a, doc) : &no_outline;
        o.spec = r->keep_specs ? o.spec : NULL;
        o.key = arena_printf(a, "%s/%s", o.meta.space, o.meta.name);
        if (r->set->n == r->cap) {
                r->cap = r->cap ? r->cap * 2 : 4;
                r->set->list = xreallocarray(r->set->list, r->cap, sizeof(*r->set->list));
        }
        r->set->list[r->set->n++] = o;
}

static void read_document(struct reading *r, const struct tree *doc, const char *path);

/* Calls itself by way of the items: no deeper than a document may be. */
static void read_list(struct reading *r, const struct tree *doc, const char *path)
{
        const struct tree *items = tree_get(doc, "items");
        size_t i = 0;

        if (items && items->type != TREE_LIST) {
                report_at(r->f, FINDING_ERROR, doc, path, "items", "expected a list, got %s",
                          tree_type_name(items));
                return;
        }
        TREE_FOREACH (item, items) {
                auto_free char *sub = xasprintf("items[%zu]", i++);
                auto_free char *at = path_join(path, sub);

                read_document(r, item, at);
        }
}

/* The text of a required member of a document, reported when it is none. */
static const char *read_type(struct reading *r, const struct tree *doc, const char *path,
                             const char *name, const char *such_as)
{
        const struct tree *t = tree_get(doc, name);
        const char *text = tree_text(t);

        if (text && text[0] != '\0')
                return text;
        report_at(r->f, FINDING_ERROR, doc, path, name, "expected a text, such as %s, got %s",
                  such_as, text ? "an empty one" : tree_type_name(t));
        return NULL;
}

static void read_document(struct reading *r, const struct tree *doc, const char *path)
{
        if (doc->type != TREE_MAP) {
                report_at(r->f, FINDING_ERROR, doc, path, "", "expected a map, got %s",
                          tree_type_name(doc));
                return;
        }
        const char *kind = read_type(r, doc, path, "kind", DEVICELINK_KIND);
        const char *api_version = read_type(r, doc, path, "apiVersion", DEVICELINK_API_VERSION);
        if (!kind || !api_version)
                return;
        if (strcmp(kind, "List") == 0 && strcmp(api_version, "v1") == 0) {
                read_list(r, doc, path);
                return;
        }
        const struct reader *reader = find_reader(api_version, kind);
        if (reader)
                add_object(r, doc, path, reader, api_version, kind);
        else
                report_unknown(r, doc, path, api_version, kind);
}

static void release(struct arena *a, bool wipe)
{
        if (wipe)
                arena_wipe_free(a);
        else
                arena_free(a);
}

struct object_set *object_set_new(struct arena *docs_arena, const struct tree *docs,
                                  const char *file, unsigned flags, struct findings *f)
{
        struct arena *a = arena_new();
        struct object_set *s = arena_calloc(a, 1, sizeof(*s));
        struct reading r = {
                .set = s,
                .docs = docs_arena,
                .file = file ? arena_strdup(a, file) : NULL,
                .keep_specs = flags & OBJECTS_KEEP_SPECS,
                .f = f,
        };

        *s = (struct object_set){ .refs = 1, .arena = a, .wipe = flags & OBJECTS_WIPE };
        TREE_FOREACH (doc, docs)
                read_document(&r, doc, "");
        if (s->n > 0)
                s->list = xreallocarray(s->list, s->n, sizeof(*s->list));
        if (r.keep_specs)
                s->docs = docs_arena;
        else
                release(docs_arena, s->wipe);
        return s;
}

struct object_set *object_set_ref(struct object_set *s)
{
        assert(s->refs > 0);
        s->refs++;
        return s;
}

void object_set_free(struct object_set *s)
{
        if (!s)
                return;
        assert(s->refs > 0);
        if (--s->refs > 0)
                return;
        free(s->list);
        release(s->docs, s->wipe);
        release(s->arena, s->wipe); /* s lives in it */
}

const struct object_item *object_item(const struct object *o, const char *key)
{
        size_t low = 0, high = o->n_items;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(o->items[middle].key, key);

                if (order == 0)
                        return &o->items[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}
