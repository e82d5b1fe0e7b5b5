/* Any bytes: as YAML and as JSON, to objects, to link specs; what comes out keeps its promises. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/maker.h"
#include "kube/names.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_object(const struct object *o)
{
        check(name_is_subdomain(o->meta.name));
        check(name_is_label(o->meta.space));
        for (size_t i = 0; i < o->n_items; i++) {
                check(object_item(o, o->items[i].key) == &o->items[i]);
                check(((const char *)o->items[i].data)[o->items[i].len] == '\0');
        }
}

static void check_spec(const struct link_spec *s)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *back = NULL;

        check(strlen(s->uid) > 0 && s->node && s->adaptor && s->api_version && s->kind);
        check(strlen(s->spec_json) == s->spec_json_len);
        check(tree_parse_json(a, s->spec_json, s->spec_json_len, &tree_limits_default, &back,
                              NULL) == 0);
        check(s->spec->type == TREE_MAP && tree_equal(back, s->spec));
        check(s->reference_error == NULL || s->n_references == 0);
}

/* Made twice from the same bytes, nothing changes. */
static void make(const struct object_set *first, const struct object_set *again)
{
        struct findings f = { 0 };
        struct object_index x = { 0 };
        struct object_index y = { 0 };
        struct maker *m = maker_new(NULL, "host");

        object_index_add(&x, first);
        object_index_seal(&x, &f);
        check(maker_run(m, &x, &f) == (maker_desired(m)->n > 0));
        for (size_t i = 0; i < maker_desired(m)->n; i++)
                check_spec(maker_desired(m)->links[i]);
        check(!maker_run(m, &x, &f));
        object_index_add(&y, again);
        object_index_seal(&y, &f);
        check(!maker_run(m, &y, &f));
        object_index_done(&x);
        object_index_done(&y);
        maker_free(m);
        findings_done(&f);
}

static struct object_set *read_yaml(const char *s, size_t n, struct findings *f)
{
        struct arena *a = arena_new();
        const struct tree *docs = NULL;

        if (tree_parse_yaml(a, s, n, &tree_limits_default, f, &docs, NULL) == 0)
                return object_set_new(a, docs, "fuzz.yaml", OBJECTS_KEEP_SPECS, f);
        arena_free(a);
        return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct findings f = { 0 };

        if (size > 65536)
                return 0;
        struct object_set *first = read_yaml(text, size, &f);
        struct object_set *again = read_yaml(text, size, &f);

        check(!first == !again);
        for (size_t i = 0; first && i < first->n; i++)
                check_object(&first->list[i]);
        if (first)
                make(first, again);
        object_set_free(first);
        object_set_free(again);
        findings_done(&f);
        return 0;
}
