#include "kube/maker.h"

#include "kube/copy.h"
#include "kube/digest.h"
#include "kube/refs.h"
#include "kube/uid.h"

#include <string.h>

struct made {
        struct link_spec *spec; /* owned by the desired set; NULL: could not be made */
        char *key;
        uint64_t *serials; /* of the link and of all that it refers to; not there: of why */
        size_t n_serials;
        char *error_path; /* of spec->reference_error, or of why there is no spec */
        char *error_text; /* NULL: all is well */
};

struct made_list {
        struct made *list;
        size_t n;
};

struct maker {
        char *node;
        char *host;
        struct desired desired;
        struct made_list made; /* sorted by key */
        const char *(*why)(void *ctx, enum object_kind kind, const char *space, const char *name);
        void *why_ctx;
};

struct maker *maker_new(const char *node, const char *host)
{
        struct maker *m = xcalloc(1, sizeof(*m));

        m->node = node ? xstrdup(node) : NULL;
        m->host = host ? xstrdup(host) : NULL;
        return m;
}

void maker_set_why(struct maker *m,
                   const char *(*why)(void *ctx, enum object_kind kind, const char *space,
                                      const char *name),
                   void *ctx)
{
        m->why = why;
        m->why_ctx = ctx;
}

static const char *why_not(const struct maker *m, enum object_kind kind, const char *space,
                           const char *name)
{
        return m->why ? m->why(m->why_ctx, kind, space, name) : NULL;
}

static void made_done(struct made *d)
{
        free(d->key);
        free(d->serials);
        free(d->error_path);
        free(d->error_text);
}

static void made_list_done(struct made_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                made_done(&l->list[i]);
        free(l->list);
        *l = (struct made_list){ 0 };
}

void maker_free(struct maker *m)
{
        if (!m)
                return;
        made_list_done(&m->made);
        desired_done(&m->desired);
        free(m->node);
        free(m->host);
        free(m);
}

const struct desired *maker_desired(const struct maker *m)
{
        return &m->desired;
}

/* --- what a spec was made of */

struct walk {
        const struct maker *maker;
        const struct object_index *index;
        uint64_t *list;
        size_t n;
};

static void add_serial(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        struct walk *w = ctx;
        const struct object *o = object_find(w->index, kind, space, name);
        const char *why = o ? NULL : why_not(w->maker, kind, space, name);

        if ((w->n & (w->n - 1)) == 0)
                w->list = xreallocarray(w->list, w->n * 2, sizeof(*w->list));
        w->list[w->n++] = o ? o->serial : why ? digest_bytes(why, strlen(why)) : 0;
}

static struct walk serials_of(const struct maker *m, const struct object *o,
                              const struct object_index *x)
{
        struct walk w = { .maker = m, .index = x, .list = xmalloc(sizeof(*w.list)), .n = 1 };

        w.list[0] = o->serial;
        if (o->kind == OBJECT_LINK)
                refs_walk(&o->link, add_serial, &w);
        return w;
}

static bool same_serials(const struct made *d, const struct walk *w)
{
        return d->n_serials == w->n && memcmp(d->serials, w->list, w->n * sizeof(*w->list)) == 0;
}

/* --- one spec */

struct finder {
        const struct maker *maker;
        const struct object_index *index;
};

static const struct object *find(void *ctx, enum object_kind kind, const char *space,
                                 const char *name)
{
        const struct finder *finder = ctx;

        return object_find(finder->index, kind, space, name);
}

static const char *why(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        const struct finder *finder = ctx;

        return why_not(finder->maker, kind, space, name);
}

static const char *or_else(const char *text, const char *other)
{
        return text && text[0] ? text : other ? other : "";
}

static void resolve(struct link_spec *s, const struct maker *m, const struct object *o,
                    const struct object_index *x, struct err *e)
{
        struct devicelink link = o->link;
        struct finder finder = { .maker = m, .index = x };
        struct refs_source source = { .ctx = &finder, .find = find, .why = why };

        s->has_references = link.spec.references.n > 0;
        link.meta.uid = s->uid;
        link.status.node_name = or_else(link.status.node_name, s->node);
        link.status.node_host_name = or_else(link.status.node_host_name, m->host);
        if (refs_resolve(&link, &source, s->arena, &s->references, &s->n_references, e) < 0)
                s->reference_error = arena_printf(s->arena, "%s: %s", e->path, e->text);
}

static void set_identity(struct link_spec *s, const struct maker *m, const struct object *o)
{
        struct arena *a = s->arena;
        char uid[UID_SIZE];

        uid_make(m->host, o->kind_name, o->key, uid);
        s->key = arena_strdup(a, o->key);
        s->space = arena_strdup(a, o->meta.space);
        s->name = arena_strdup(a, o->meta.name);
        s->uid = arena_strdup(a, or_else(o->meta.uid, uid));
        s->file = o->file ? arena_strdup(a, o->file) : NULL;
}

static void drop_set(void *owner)
{
        object_set_free(owner);
}

/* The largest part of a spec.  Of one object alone it is shared; a file with many links would be
 * kept as a whole for each. */
static void take_json(struct link_spec *s, const struct object *o)
{
        s->spec_json_len = o->spec_json_len;
        if (o->set->n != 1) {
                s->spec_json = arena_strndup(s->arena, o->spec_json, o->spec_json_len);
                return;
        }
        s->spec_json = o->spec_json;
        s->owner = object_set_ref(o->set);
        s->owner_done = drop_set;
}

static struct link_spec *make_spec(const struct maker *m, const struct object *o,
                                   const struct object_index *x, struct err *e)
{
        bool is_link = o->kind == OBJECT_LINK;
        struct link_spec *s = link_spec_new();
        struct arena *a = s->arena;
        auto_free char *spec_path = path_join(o->path, is_link ? "spec.template.spec" : "spec");

        set_identity(s, m, o);
        s->spec = o->spec ? tree_copy(a, o->spec) : NULL;
        take_json(s, o);
        s->spec_path = arena_strdup(a, spec_path);
        s->adaptor_line = tree_find_nearest(o->doc, "spec.adaptor.name")->line;
        s->kind_line = tree_find_nearest(o->doc, is_link ? "spec.model.kind" : "kind")->line;
        if (!is_link) {
                s->node = "";
                s->adaptor = "";
                s->api_version = arena_strdup(a, o->api_version);
                s->kind = arena_strdup(a, o->kind_name);
                return s;
        }
        s->node = arena_strdup(a, or_else(o->link.spec.adaptor.node, ""));
        s->adaptor = arena_strdup(a, or_else(o->link.spec.adaptor.name, ""));
        s->api_version = arena_strdup(a, or_else(o->link.spec.model.api_version, ""));
        s->kind = arena_strdup(a, or_else(o->link.spec.model.kind, ""));
        resolve(s, m, o, x, e);
        return s;
}

/* --- the set */

static bool is_ours(const struct maker *m, const struct object *o)
{
        if (o->kind != OBJECT_LINK)
                return o->kind == OBJECT_DEVICE;
        return !m->node || strcmp(or_else(o->link.spec.adaptor.node, ""), m->node) == 0;
}

static void report_made(const struct made *d, const struct object *o, struct findings *f)
{
        const char *before = f->file;

        if (!d->error_text)
                return;
        f->file = o->file ? o->file : o->key;
        report_at(f, FINDING_ERROR, o->doc, o->path, d->error_path, "%s", d->error_text);
        f->file = before;
}

/* Fill *ret from `old` (NULL: there was none) or anew; returns whether it differs from old. */
static bool make(struct maker *m, const struct object *o, const struct object_index *x,
                 struct made *old, struct made *ret)
{
        struct walk w = serials_of(m, o, x);
        struct err e = { 0 };

        if (old && same_serials(old, &w)) {
                free(w.list);
                *ret = *old;
                *old = (struct made){ 0 };
                if (ret->spec)
                        (void)link_spec_ref(ret->spec);
                return false;
        }
        *ret = (struct made){ .key = xstrdup(o->key), .serials = w.list, .n_serials = w.n };
        ret->spec = make_spec(m, o, x, &e);
        if (e.text[0]) {
                ret->error_path = xstrdup(e.path);
                ret->error_text = xstrdup(e.text);
        }
        if (!old || !old->spec || !ret->spec)
                return ret->spec || (old && old->spec);
        if (!link_spec_equal(old->spec, ret->spec))
                return true;
        link_spec_unref(ret->spec);
        ret->spec = link_spec_ref(old->spec);
        return false;
}

bool maker_run(struct maker *m, const struct object_index *x, struct findings *f)
{
        struct made_list next = { .list = xcalloc(x->n + 1, sizeof(*next.list)) };
        struct desired desired = { 0 };
        bool changed = false;
        size_t old = 0;

        for (size_t i = 0; i < x->n; i++) {
                const struct object *o = x->list[i];
                struct made *now = &next.list[next.n];
                struct made *was = NULL;

                if (!is_ours(m, o))
                        continue;
                for (; old < m->made.n && strcmp(m->made.list[old].key, o->key) < 0; old++)
                        changed |= m->made.list[old].spec != NULL;
                if (old < m->made.n && strcmp(m->made.list[old].key, o->key) == 0)
                        was = &m->made.list[old++];
                changed |= make(m, o, x, was, now);
                next.n++;
                report_made(now, o, f);
                if (now->spec)
                        (void)desired_add(&desired, now->spec, NULL); /* keys are unique */
        }
        for (; old < m->made.n; old++)
                changed |= m->made.list[old].spec != NULL;
        made_list_done(&m->made);
        desired_done(&m->desired);
        m->made = next;
        m->desired = desired;
        return changed;
}
