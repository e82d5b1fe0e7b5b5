#include "kube/refs.h"

#include "kube/downward.h"

#include <stdlib.h>
#include <string.h>

enum {
        DOWNWARD_MAX = 1024 * 1024,  /* more than an object can hold */
        TOTAL_MAX = 16 * 1024 * 1024 /* of one link: many references may name one large Secret */
};

struct resolving {
        const struct devicelink *link;
        const struct refs_source *source;
        struct arena *arena;
        struct dl_reference *list;
        size_t n;
        size_t cap;
        size_t bytes;
        struct err *e;
};

static const char *text_of(const char *s)
{
        return s ? s : "";
}

static int put(struct resolving *r, const char *name, const char *item, const void *data,
               size_t len)
{
        r->bytes += len + strlen(name) + strlen(item) + sizeof(*r->list);
        if (r->bytes > TOTAL_MAX)
                return err_at(r->e, DL_CONFIG, "spec.references",
                              "expected at most %d bytes in all", TOTAL_MAX);
        if (r->n == r->cap) {
                r->cap = r->cap ? r->cap * 2 : 8;
                r->list = xreallocarray(r->list, r->cap, sizeof(*r->list));
        }
        /* With a NUL behind: PEM and passwords are often handed on as C strings. */
        char *copy = arena_strndup(r->arena, "", 0);
        if (len > 0) {
                copy = arena_alloc(r->arena, len + 1);
                memcpy(copy, data, len);
                copy[len] = '\0';
        }
        r->list[r->n++] = (struct dl_reference){
                .name = arena_strdup(r->arena, name),
                .item = arena_strdup(r->arena, item),
                .data = copy,
                .len = len,
        };
        return 0;
}

/* The last of equal items within one reference is as good as the first: they are equal. */
static int resolve_items(struct resolving *r, size_t i, const char *name, enum object_kind kind,
                         const struct object_items *want)
{
        bool secret = kind == OBJECT_SECRET;
        const char *member = secret ? "secret" : "configMap";
        const char *kind_name = secret ? "Secret" : "ConfigMap";
        const char *space = r->link->meta.space;
        const struct object *o = r->source->find(r->source->ctx, kind, space, want->name);
        const char *const *keys = want->items.items;

        if (!o) {
                auto_free char *at = xasprintf("spec.references[%zu].%s.name", i, member);
                const char *why = r->source->why
                                          ? r->source->why(r->source->ctx, kind, space, want->name)
                                          : NULL;
                return err_at(r->e, DL_RETRY, at, "%s '%s/%s'%s %s", kind_name, space, want->name,
                              why ? ":" : "", why ? why : "does not exist");
        }
        for (size_t k = 0; want->items.n == 0 && k < o->n_items; k++) {
                if (put(r, name, o->items[k].key, o->items[k].data, o->items[k].len) < 0)
                        return DL_CONFIG;
        }
        for (size_t k = 0; k < want->items.n; k++) {
                const struct object_item *item = object_item(o, keys[k]);

                if (!item) {
                        auto_free char *at =
                                xasprintf("spec.references[%zu].%s.items[%zu]", i, member, k);
                        return err_at(r->e, DL_RETRY, at, "%s '%s/%s' has no key '%s'", kind_name,
                                      space, want->name, keys[k]);
                }
                if (put(r, name, item->key, item->data, item->len) < 0)
                        return DL_CONFIG;
        }
        return 0;
}

static int resolve_downward(struct resolving *r, size_t i, const char *name,
                            const struct downward_items *want)
{
        const struct downward_item *items = want->items.items;

        for (size_t k = 0; k < want->items.n; k++) {
                auto_of(buf) struct buf text = BUF(DOWNWARD_MAX);
                struct err e = { 0 };
                auto_free char *at = xasprintf(
                        "spec.references[%zu].downwardAPI.items[%zu].fieldRef.fieldPath", i, k);
                const char *path = text_of(items[k].field.path);

                if (downward_text(r->link, path, &text, &e) < 0)
                        return err_at(r->e, DL_CONFIG, at, "%s", e.text);
                if (!buf_ok(&text))
                        return err_at(r->e, DL_CONFIG, at, "expected at most %d bytes",
                                      DOWNWARD_MAX);
                if (put(r, name, text_of(items[k].name), buf_text(&text), text.len) < 0)
                        return DL_CONFIG;
        }
        return 0;
}

static int resolve_one(struct resolving *r, size_t i, const struct link_reference *ref)
{
        const char *name = text_of(ref->name);

        if (ref->secret)
                return resolve_items(r, i, name, OBJECT_SECRET, ref->secret);
        if (ref->config_map)
                return resolve_items(r, i, name, OBJECT_CONFIG_MAP, ref->config_map);
        return ref->downward ? resolve_downward(r, i, name, ref->downward) : 0;
}

static bool named_again(const struct link_reference *refs, size_t n, size_t i)
{
        for (size_t j = i + 1; j < n; j++) {
                if (strcmp(text_of(refs[i].name), text_of(refs[j].name)) == 0)
                        return true;
        }
        return false;
}

/* Every reference is fetched, also one that a later one of its name replaces: a missing key in it
 * fails the whole all the same. */
static int resolve_all(struct resolving *r)
{
        const struct link_reference *refs = r->link->spec.references.items;
        size_t n = r->link->spec.references.n;

        for (size_t i = 0; i < n; i++) {
                size_t before = r->n;
                int rc = resolve_one(r, i, &refs[i]);

                if (rc < 0)
                        return rc;
                if (named_again(refs, n, i))
                        r->n = before;
        }
        return 0;
}

int refs_resolve(const struct devicelink *link, const struct refs_source *source, struct arena *a,
                 const struct dl_reference **ret, size_t *ret_n, struct err *e)
{
        struct resolving r = { .link = link, .source = source, .arena = a, .e = e };
        int rc = resolve_all(&r);

        if (rc == 0) {
                *ret = r.n ? arena_memdup(a, r.list, r.n * sizeof(*r.list)) : NULL;
                *ret_n = r.n;
        }
        free(r.list);
        return rc;
}

void refs_walk(const struct devicelink *link,
               void (*each)(void *ctx, enum object_kind kind, const char *space, const char *name),
               void *ctx)
{
        const struct link_reference *refs = link->spec.references.items;

        for (size_t i = 0; i < link->spec.references.n; i++) {
                if (refs[i].secret)
                        each(ctx, OBJECT_SECRET, link->meta.space, refs[i].secret->name);
                else if (refs[i].config_map)
                        each(ctx, OBJECT_CONFIG_MAP, link->meta.space, refs[i].config_map->name);
        }
}
