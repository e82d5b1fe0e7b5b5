/* decode() never breaks; what it takes without an error is within its table's bounds. */
/* libs: dl_base */
#include "base/decode.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static const struct tree_limits limits = { .bytes = 1 << 15, .nodes = 5000, .depth = 20 };

struct inner {
        const char *name;
        int64_t offset;
};

struct outer {
        const char *text;
        const char *path;
        bool on;
        int64_t number;
        int64_t wait;
        double real;
        int mode;
        struct inner inner;
        struct inner *pointer;
        struct decoded_list points;
        struct decoded_list names;
        struct decoded_list labels;
        const struct tree *value;
        const char *password;
};

static const struct field_choice modes[] = {
        { "slow", 1 }, { "fast", 2 }, { "3", 3 }, { NULL, 0 }
};

static const struct field inner_fields[] = {
        FIELD_TEXT(struct inner, name, "name", .required = true, .min = 1, .max = 8),
        FIELD_INT(struct inner, offset, "offset", .max = 65535, .alias = "at"),
        FIELD_END,
};

static const struct field outer_fields[] = {
        FIELD_TEXT(struct outer, text, "text", .fallback = "none"),
        FIELD_TEXT(struct outer, path, "path", .pattern = "/.*[^/]|/"),
        FIELD_BOOL(struct outer, on, "active"),
        FIELD_INT(struct outer, number, "number", .min = -5, .max = 5),
        FIELD_DURATION(struct outer, wait, "wait", .min = 1, .max = 1000000000),
        FIELD_REAL(struct outer, real, "real", .min = -1, .max = 100),
        FIELD_CHOICE(struct outer, mode, "mode", modes, .fallback = "slow"),
        FIELD_OBJECT(struct outer, inner, "inner", inner_fields),
        FIELD_POINTER(struct outer, pointer, "pointer", inner_fields, struct inner),
        FIELD_LIST(struct outer, points, "points", inner_fields, struct inner, .unique = "name"),
        FIELD_TEXTS(struct outer, names, "names", .max = 3, .pattern = "[a-z]+"),
        FIELD_MAP(struct outer, labels, "labels"),
        FIELD_TREE(struct outer, value, "value"),
        FIELD_TEXT(struct outer, password, "password", .secret = true, .pattern = "[a-z]*"),
        FIELD_IGNORED("legacy"),
        FIELD_END,
};

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_inner(const struct inner *i)
{
        check(i->name && i->name[0] != '\0');
        check(i->offset >= 0 && i->offset <= 65535);
}

static void check_outer(const struct outer *o)
{
        check(o->text && (!o->path || o->path[0] == '/'));
        check(o->number >= -5 && o->number <= 5);
        check(o->wait >= 0 && o->wait <= 1000000000);
        check(o->real >= -1 && o->real <= 100);
        check(o->mode >= 1 && o->mode <= 3);
        check(o->names.n <= 3);
        if (o->pointer)
                check_inner(o->pointer);
        const struct inner *points = o->points.items;
        for (size_t i = 0; i < o->points.n; i++) {
                check_inner(&points[i]);
                check(i == 0 || strcmp(points[i].name, points[i - 1].name) != 0);
        }
        const struct decoded_pair *labels = o->labels.items;
        for (size_t i = 0; i < o->labels.n; i++)
                check(labels[i].key && labels[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        struct findings f = { 0 };
        const struct tree *docs = NULL;

        if (tree_parse_yaml(a, (const char *)data, size, &limits, &f, &docs, NULL) < 0)
                return 0;
        TREE_FOREACH (doc, docs) {
                struct outer out;
                findings_clear(&f);
                int rc = decode(doc, outer_fields, &out, sizeof(out), a, "spec", &f);
                check((rc == 0) == (f.errors == 0));
                if (rc == 0)
                        check_outer(&out);
                for (size_t i = 0; i < f.n; i++) {
                        check(strlen(f.list[i].path) <= 1024 && strlen(f.list[i].text) <= 300);
                        check(strncmp(f.list[i].path, "spec", 4) == 0);
                }
        }
        findings_done(&f);
        return 0;
}
