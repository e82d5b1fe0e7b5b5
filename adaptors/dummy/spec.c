/* spec.c - the specs of both dummy devices. */
#include "dummy/spec.h"

#include <string.h>

/* --- DummySpecialDevice */

struct special_as_written {
        struct {
                const char *location;
        } protocol;
        bool on;
        int gear;
};

static const struct field_choice gear_choices[] = {
        { "slow", GEAR_SLOW },
        { "middle", GEAR_MIDDLE },
        { "fast", GEAR_FAST },
        { NULL, 0 },
};

static const struct field location_fields[] = {
        FIELD_TEXT(struct special_as_written, protocol.location, "location", .required = true,
                   .help = "where the device stands"),
        FIELD_END,
};

const struct field dummy_special_fields[] = {
        { .kind = FIELD_KIND_OBJECT,
          .name = "protocol",
          .sub = location_fields,
          .required = true,
          .help = "how the device is reached" },
        FIELD_BOOL(struct special_as_written, on, "on", .required = true,
                   .help = "whether it turns; the key needs quotes in YAML"),
        FIELD_CHOICE(struct special_as_written, gear, "gear", gear_choices, .fallback = "slow",
                     .help = "how fast it turns"),
        FIELD_IGNORED("extension", .help = "where its status is published"),
        FIELD_END,
};

int special_decode(const struct tree *spec, struct arena *a, struct special_spec *ret,
                   struct findings *f)
{
        struct special_as_written s;
        int rc = decode(spec, dummy_special_fields, &s, sizeof(s), a, "", f);

        if (rc < 0)
                return rc;
        *ret = (struct special_spec){ .location = s.protocol.location, .on = s.on, .gear = s.gear };
        return 0;
}

/* --- DummyProtocolDevice */

struct property_spec {
        int type; /* enum shape_kind */
        const char *description;
        bool read_only;
        const struct tree *element;
        const struct tree *members;
};

struct protocol_as_written {
        struct {
                const char *ip;
        } protocol;
        const struct tree *properties;
};

static const struct field_choice type_choices[] = {
        { "string", SHAPE_STRING },
        { "int", SHAPE_INT },
        { "float", SHAPE_FLOAT },
        { "boolean", SHAPE_BOOLEAN },
        { "array", SHAPE_ARRAY },
        { "object", SHAPE_OBJECT },
        { NULL, 0 },
};

const struct field dummy_property_fields[] = {
        FIELD_CHOICE(struct property_spec, type, "type", type_choices, .required = true,
                     .help = "type of the value"),
        FIELD_TEXT(struct property_spec, description, "description", .help = "for people"),
        FIELD_BOOL(struct property_spec, read_only, "readOnly", .help = "without effect"),
        FIELD_TREE(struct property_spec, element, "arrayProperties", .alias = "arrayProps",
                   .help = "what an array holds: one property"),
        FIELD_TREE(struct property_spec, members, "objectProperties", .alias = "objectProps",
                   .help = "what an object holds: properties by name"),
        FIELD_END,
};

static const struct field ip_fields[] = {
        FIELD_TEXT(struct protocol_as_written, protocol.ip, "ip", .required = true,
                   .help = "address of the device; nothing connects to it"),
        FIELD_END,
};

const struct field dummy_protocol_fields[] = {
        { .kind = FIELD_KIND_OBJECT,
          .name = "protocol",
          .sub = ip_fields,
          .required = true,
          .help = "how the device is reached" },
        FIELD_TREE(struct protocol_as_written, properties, "properties", .alias = "props",
                   .help = "values to make up, by name"),
        FIELD_IGNORED("extension", .help = "where its status is published"),
        FIELD_END,
};

/* Where the walk through nested properties is. */
struct walk {
        struct arena *arena;
        struct findings *findings;
        struct buf path;
        unsigned depth;
};

static void decode_shape(struct walk *w, const struct tree *t, struct shape *ret);

static int by_name(const void *a, const void *b)
{
        const struct shape *x = a;
        const struct shape *y = b;

        return strcmp(x->name, y->name);
}

static size_t path_into(struct walk *w, const char *key)
{
        size_t was = w->path.len;

        tree_path_key(&w->path, key);
        return was;
}

static void path_back(struct walk *w, size_t was)
{
        w->path.len = was;
        w->path.failed = false;
        w->path.data[was] = '\0';
}

/* A map of properties by name, sorted as Go prints maps. */
static const struct shape *decode_shapes(struct walk *w, const struct tree *map, size_t *ret_n)
{
        *ret_n = 0;
        if (!map)
                return NULL;
        if (map->type != TREE_MAP) {
                findings_add(w->findings, FINDING_ERROR, map->line, buf_text(&w->path),
                             "expected a map of properties by name, got %s", tree_type_name(map));
                return NULL;
        }
        struct shape *list = arena_calloc(w->arena, map->n + 1, sizeof(*list));
        TREE_FOREACH (child, map) {
                size_t was = path_into(w, child->key);

                list[*ret_n].name = child->key;
                decode_shape(w, child, &list[(*ret_n)++]);
                path_back(w, was);
        }
        qsort(list, *ret_n, sizeof(*list), by_name);
        return list;
}

static void decode_content(struct walk *w, const struct property_spec *p, struct shape *ret)
{
        if (p->element && ret->kind == SHAPE_ARRAY) {
                struct shape *element = arena_calloc(w->arena, 1, sizeof(*element));
                size_t was = path_into(w, "arrayProperties");

                decode_shape(w, p->element, element);
                path_back(w, was);
                ret->element = element;
        }
        if (p->members && ret->kind == SHAPE_OBJECT) {
                size_t was = path_into(w, "objectProperties");

                ret->members = decode_shapes(w, p->members, &ret->n_members);
                path_back(w, was);
        }
}

static void decode_shape(struct walk *w, const struct tree *t, struct shape *ret)
{
        struct property_spec p;

        if (w->depth == DEPTH_MAX) {
                findings_add(w->findings, FINDING_ERROR, t->line, buf_text(&w->path),
                             "expected at most %d levels of properties", DEPTH_MAX);
                return;
        }
        if (decode(t, dummy_property_fields, &p, sizeof(p), w->arena, buf_text(&w->path),
                   w->findings) < 0)
                return;
        ret->kind = (enum shape_kind)p.type;
        w->depth++;
        decode_content(w, &p, ret);
        w->depth--;
}

int protocol_decode(const struct tree *spec, struct arena *a, struct protocol_spec *ret,
                    struct findings *f)
{
        struct protocol_as_written s;
        struct walk w = { .arena = a, .findings = f, .path = BUF(4096) };
        size_t errors = f->errors;
        size_t n;

        (void)decode(spec, dummy_protocol_fields, &s, sizeof(s), a, "", f);
        buf_adds(&w.path, "properties");
        const struct shape *all = decode_shapes(&w, s.properties, &n);
        buf_done(&w.path);
        if (n > POINTS_MAX)
                findings_add(f, FINDING_ERROR, s.properties->line, "properties",
                             "expected at most %d properties, got %zu", POINTS_MAX, n);
        if (f->errors != errors)
                return DL_CONFIG;
        struct shape *points = arena_calloc(a, n + 1, sizeof(*points));
        ret->n_points = 0;
        for (size_t i = 0; i < n; i++)
                if (shape_has_value(&all[i]))
                        points[ret->n_points++] = all[i];
        ret->ip = s.protocol.ip;
        ret->points = points;
        return 0;
}
