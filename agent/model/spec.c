#include "model/spec.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

const struct field reference_pick_fields[] = {
        FIELD_TEXT(struct reference_pick, name, "name", .required = true,
                   .help = "name of an entry of the link's spec.references"),
        FIELD_TEXT(struct reference_pick, item, "item", .required = true,
                   .help = "key within that entry"),
        FIELD_END,
};

struct link_spec *link_spec_new(void)
{
        struct arena *arena = arena_new();
        struct link_spec *s = arena_calloc(arena, 1, sizeof(*s));

        s->refs = 1;
        s->arena = arena;
        return s;
}

struct link_spec *link_spec_ref(struct link_spec *s)
{
        assert(s->refs > 0);
        s->refs++;
        return s;
}

void link_spec_unref(struct link_spec *s)
{
        if (!s)
                return;
        assert(s->refs > 0);
        if (--s->refs > 0)
                return;
        if (s->owner_done)
                s->owner_done(s->owner);
        arena_free(s->arena); /* s lives in it */
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
        return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool same_references(const struct link_spec *a, const struct link_spec *b)
{
        if (a->n_references != b->n_references || a->has_references != b->has_references)
                return false;
        for (size_t i = 0; i < a->n_references; i++) {
                const struct dl_reference *x = &a->references[i];
                const struct dl_reference *y = &b->references[i];

                if (!text_same(x->name, y->name) || !text_same(x->item, y->item) ||
                    !same_bytes(x->data, x->len, y->data, y->len))
                        return false;
        }
        return true;
}

/* Where it was read from (file, spec_path) makes no other link of it. */
bool link_spec_equal(const struct link_spec *a, const struct link_spec *b)
{
        if (a == b)
                return true;
        return text_same(a->key, b->key) && text_same(a->uid, b->uid) &&
               text_same(a->node, b->node) && text_same(a->adaptor, b->adaptor) &&
               text_same(a->api_version, b->api_version) && text_same(a->kind, b->kind) &&
               text_same(a->reference_error, b->reference_error) &&
               same_bytes(a->spec_json, a->spec_json_len, b->spec_json, b->spec_json_len) &&
               same_references(a, b);
}

const struct tree *link_spec_tree(const struct link_spec *s, struct arena *a)
{
        const struct tree *t = s->spec;

        if (!t &&
            tree_parse_json(a, s->spec_json, s->spec_json_len, &tree_limits_default, &t, NULL) < 0)
                t = tree_new(a, TREE_MAP); /* cannot be: it was a tree */
        return t;
}

int link_spec_line(const struct link_spec *s, const char *path)
{
        return s->spec ? tree_find_nearest(s->spec, path)->line : 0;
}

const struct dl_reference *link_spec_reference(const struct link_spec *s, const char *name,
                                               const char *item)
{
        for (size_t i = 0; i < s->n_references; i++) {
                const struct dl_reference *r = &s->references[i];

                if (strcmp(r->name, name) == 0 && strcmp(r->item, item) == 0)
                        return r->len > 0 ? r : NULL;
        }
        return NULL;
}

void desired_done(struct desired *d)
{
        for (size_t i = 0; i < d->n; i++)
                link_spec_unref(d->links[i]);
        free(d->links);
        *d = (struct desired){ 0 };
}

/* Capacity is the next power of two, so it needs no member of its own. */
static void make_room(struct desired *d)
{
        if ((d->n & (d->n - 1)) == 0)
                d->links = xreallocarray(d->links, d->n > 0 ? d->n * 2 : 1, sizeof(*d->links));
}

int desired_add(struct desired *d, struct link_spec *s, struct err *e)
{
        size_t low = 0, high = d->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(d->links[middle]->key, s->key);

                if (order == 0)
                        return err_set(e, DL_CONFIG, "'%s' is there already", s->key);
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        make_room(d);
        memmove(&d->links[low + 1], &d->links[low], (d->n - low) * sizeof(*d->links));
        d->links[low] = s;
        d->n++;
        return 0;
}
