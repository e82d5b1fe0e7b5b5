/* watched.c - Secrets and ConfigMaps by name. */
#include "kube/watched.h"

#include "kube/reflector.h"

#include <string.h>

enum trouble {
        TROUBLE_UNKNOWN, /* not read yet */
        TROUBLE_NONE,
        TROUBLE_MISSING,
        TROUBLE_FORBIDDEN, /* .text is the server's */
        TROUBLE_BAD,       /* what is there cannot be read; .text says why */
};

struct item {
        struct watched *owner;
        enum object_kind kind;
        char *space;
        char *name;
        struct reflector *reflector;
        struct object_set *set; /* holds one object, NULL = it is not there */
        enum trouble trouble;
        char *text; /* whole, for people */
        unsigned round;
};

struct watched {
        struct kube_api *api;
        void *ctx;
        void (*changed)(void *ctx);
        struct item **list; /* sorted by kind, space, name */
        size_t n;
        size_t cap;
        unsigned round; /* of watched_begin() */
        struct loop_timer tell;
};

/* --- what the owner is told */

static void say(struct item *x, enum trouble trouble, const char *what, const char *text)
{
        auto_free char *now = text[0] != '\0' ? xasprintf("%s: %s", what, text) : xstrdup(what);

        if (trouble == x->trouble && strcmp(now, x->text) == 0)
                return;
        x->trouble = trouble;
        free(x->text);
        x->text = steal(&now);
        loop_timer_start(&x->owner->tell, 0, LOOP_EXACT);
}

static void replace(struct item *x, struct object_set *set)
{
        object_set_free(x->set);
        x->set = set;
        loop_timer_start(&x->owner->tell, 0, LOOP_EXACT);
}

static void on_tell(void *ctx)
{
        struct watched *w = ctx;

        w->changed(w->ctx);
}

/* --- content */

static bool same_content(const struct object *a, const struct object *b)
{
        if (a->n_items != b->n_items)
                return false;
        for (size_t i = 0; i < a->n_items; i++) {
                const struct object_item *x = &a->items[i], *y = &b->items[i];

                if (strcmp(x->key, y->key) != 0 || x->len != y->len ||
                    (x->len > 0 && memcmp(x->data, y->data, x->len) != 0))
                        return false;
        }
        return true;
}

static struct tree *text_node(struct arena *a, const char *s)
{
        return tree_new_text(a, s, strlen(s));
}

/* What is looked at, with the kind that objects of a list do not have (reference A3 33). */
static struct tree *document(struct arena *a, const struct item *x, const struct tree *object,
                             const struct object_meta *m)
{
        struct tree *list = tree_new(a, TREE_LIST);
        struct tree *doc = tree_new(a, TREE_MAP);
        struct tree *meta = tree_new(a, TREE_MAP);
        const struct tree *data = tree_get(object, "data");

        tree_append(meta, "name", text_node(a, m->name));
        tree_append(meta, "namespace", text_node(a, m->space));
        tree_append(meta, "uid", text_node(a, m->uid));
        tree_append(doc, "apiVersion", text_node(a, "v1"));
        tree_append(doc, "kind", text_node(a, x->kind == OBJECT_SECRET ? "Secret" : "ConfigMap"));
        tree_append(doc, "metadata", meta);
        if (data) {
                struct tree *own = arena_memdup(a, data, sizeof(*data));

                own->next = NULL;
                tree_append(doc, "data", own);
        }
        tree_append(list, NULL, doc);
        return list;
}

static void on_upsert(void *ctx, const struct tree *object, const struct object_meta *m,
                      struct arena *owned)
{
        struct item *x = ctx;
        struct findings f = { 0 };
        char why[512] = "";
        struct object_set *set =
                object_set_new(owned, document(owned, x, object, m), NULL, OBJECTS_WIPE, &f);

        if (set->n == 0) {
                (void)findings_first(&f, why, sizeof(why));
                object_set_free(set);
                if (x->set)
                        replace(x, NULL);
                say(x, TROUBLE_BAD, "cannot be read", why);
        } else if (x->set && same_content(&x->set->list[0], &set->list[0])) {
                object_set_free(set);
        } else {
                replace(x, set);
                say(x, TROUBLE_NONE, "", "");
        }
        findings_done(&f);
}

static void on_removed(void *ctx, const char *space, const char *name, const char *uid)
{
        struct item *x = ctx;

        (void)space;
        (void)name;
        (void)uid;
        if (x->set)
                replace(x, NULL);
        say(x, TROUBLE_MISSING, "not found", "");
}

/* What was read stays, whatever comes. */
static void on_state(void *ctx, enum reflector_state state, const char *text)
{
        struct item *x = ctx;

        if (x->set || x->trouble == TROUBLE_BAD)
                return;
        switch (state) {
        case REFLECTOR_LIVE:
                say(x, TROUBLE_MISSING, "not found", "");
                break;
        case REFLECTOR_FORBIDDEN:
                say(x, TROUBLE_FORBIDDEN, "forbidden", text);
                break;
        case REFLECTOR_STARTING:
        case REFLECTOR_STALE:
        case REFLECTOR_NO_RESOURCE:
                break; /* what was known is still so */
        }
}

/* --- items */

static struct item *item_new(struct watched *w, enum object_kind kind, const char *space,
                             const char *name)
{
        struct item *x = xcalloc(1, sizeof(*x));
        struct reflector_config c = {
                .api = w->api,
                .resource = kind == OBJECT_SECRET ? kube_secrets : kube_config_maps,
                .space = space,
                .name = name,
                .secret = true, /* ConfigMaps hold passwords, too */
                .list_first = true,
                .ctx = x,
                .upsert = on_upsert,
                .removed = on_removed,
                .state = on_state,
        };

        x->owner = w;
        x->kind = kind;
        x->space = xstrdup(space);
        x->name = xstrdup(name);
        x->text = xstrdup("not read yet");
        x->reflector = reflector_open(&c);
        return x;
}

static void item_free(struct item *x)
{
        reflector_close(x->reflector);
        object_set_free(x->set);
        free(x->space);
        free(x->name);
        free(x->text);
        free(x);
}

static int compare(const struct item *x, enum object_kind kind, const char *space, const char *name)
{
        int order = (x->kind > kind) - (x->kind < kind);

        if (order == 0)
                order = strcmp(x->space, space);
        return order != 0 ? order : strcmp(x->name, name);
}

/* Where it is, or belongs. */
static bool locate(const struct watched *w, enum object_kind kind, const char *space,
                   const char *name, size_t *ret)
{
        size_t low = 0, high = w->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = compare(w->list[middle], kind, space, name);

                if (order == 0) {
                        *ret = middle;
                        return true;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret = low;
        return false;
}

/* --- */

struct watched *watched_new(const struct watched_config *c)
{
        struct watched *w = xcalloc(1, sizeof(*w));

        w->api = c->api;
        w->ctx = c->ctx;
        w->changed = c->changed;
        loop_timer_init(&w->tell, kube_api_loop(c->api), on_tell, w);
        return w;
}

void watched_free(struct watched *w)
{
        if (!w)
                return;
        for (size_t i = 0; i < w->n; i++)
                item_free(w->list[i]);
        free(w->list);
        loop_timer_end(&w->tell);
        free(w);
}

void watched_begin(struct watched *w)
{
        w->round++;
}

void watched_add(struct watched *w, enum object_kind kind, const char *space, const char *name)
{
        size_t at = 0;

        if (locate(w, kind, space, name, &at)) {
                w->list[at]->round = w->round;
                return;
        }
        struct item *x = item_new(w, kind, space, name);
        x->round = w->round;
        if (w->n == w->cap) {
                w->cap = w->cap ? w->cap * 2 : 4;
                w->list = xreallocarray(w->list, w->cap, sizeof(struct item *));
        }
        memmove(w->list + at + 1, w->list + at, (w->n - at) * sizeof(struct item *));
        w->list[at] = x;
        w->n++;
}

void watched_end(struct watched *w)
{
        size_t n = 0;

        for (size_t i = 0; i < w->n; i++) {
                if (w->list[i]->round == w->round)
                        w->list[n++] = w->list[i];
                else
                        item_free(w->list[i]);
        }
        w->n = n;
}

void watched_index(const struct watched *w, struct object_index *x)
{
        for (size_t i = 0; i < w->n; i++) {
                if (w->list[i]->set)
                        object_index_add(x, w->list[i]->set);
        }
}

const char *watched_trouble(const struct watched *w, enum object_kind kind, const char *space,
                            const char *name, bool *ret_unknown)
{
        size_t at = 0;
        bool is_there = locate(w, kind, space, name, &at);

        *ret_unknown = !is_there || w->list[at]->trouble == TROUBLE_UNKNOWN;
        if (!is_there)
                return "not read yet";
        return w->list[at]->trouble == TROUBLE_NONE ? NULL : w->list[at]->text;
}

size_t watched_count(const struct watched *w)
{
        return w->n;
}
