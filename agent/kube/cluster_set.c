/* cluster_set.c - the desired set, and what its links refer to. */
#include "kube/cluster_impl.h"

#include "base/text.h"

#include <string.h>

/* --- references */

struct look {
        const struct watched *watched;
        bool unknown;
};

static void look_at(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        struct look *look = ctx;
        bool unknown = false;

        (void)watched_trouble(look->watched, kind, space, name, &unknown);
        look->unknown |= unknown;
}

static bool refers(const struct object *o)
{
        return o && o->link.spec.references.n > 0;
}

bool cluster_set_refs_unknown(struct cluster_link *l)
{
        const struct object *o = cluster_link_newest(l);
        struct look look = { .watched = l->c->watched };

        if (!refers(o))
                return false;
        refs_walk(&o->link, look_at, &look);
        return look.unknown;
}

static void add_ref(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        watched_add(ctx, kind, space, name);
}

/* Only what is driven, or is to be: a link that is not ours to handle has nothing read for it. */
void cluster_set_refs(struct cluster *c)
{
        c->refs_dirty = false;
        watched_begin(c->watched);
        for (size_t i = 0; i < c->n; i++) {
                struct cluster_link *l = c->list[i];
                const struct object *newest = cluster_link_newest(l),
                                    *accepted = cluster_link_accepted(l);

                if (l->handled && refers(newest))
                        refs_walk(&newest->link, add_ref, c->watched);
                if (accepted != newest && refers(accepted))
                        refs_walk(&accepted->link, add_ref, c->watched);
        }
        watched_end(c->watched);
        cluster_set_refs_changed(c);
}

void cluster_set_refs_changed(void *ctx)
{
        struct cluster *c = ctx;

        c->set_dirty = true;
        for (size_t i = 0; i < c->n; i++) {
                if (refers(cluster_link_newest(c->list[i])))
                        cluster_touch(c->list[i]);
        }
}

const char *cluster_set_why(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        const struct cluster *c = ctx;
        bool unknown = false;

        return watched_trouble(c->watched, kind, space, name, &unknown);
}

/* Said when it comes and when it becomes another one. */
static void say_references(struct cluster_link *l, const char *trouble)
{
        if (text_same(l->ref_trouble, trouble))
                return;
        free(l->ref_trouble);
        l->ref_trouble = trouble ? xstrdup(trouble) : NULL;
        if (trouble)
                cluster_say(l, true, "FailedFetched", "Fetching",
                            "cannot fetch the reference parameters: %s, retry in 10 seconds",
                            trouble);
}

/* --- the set */

/* Who is in the set now, and who was and is closing. */
static void mark(struct cluster *c, const struct desired *d)
{
        size_t at = 0;

        for (size_t i = 0; i < c->n; i++) {
                struct cluster_link *l = c->list[i];

                while (at < d->n && strcmp(d->links[at]->key, l->key) < 0)
                        at++;
                bool given = at < d->n && strcmp(d->links[at]->key, l->key) == 0;

                if (given) {
                        l->closing = false;
                        say_references(l, d->links[at]->reference_error);
                } else if (l->given) {
                        l->closing = true;
                        l->device = CHAIN_SILENT;
                        say_references(l, NULL);
                }
                if (given != l->given)
                        cluster_touch(l);
                l->given = given;
        }
}

void cluster_set_update(struct cluster *c)
{
        struct object_index index = { 0 };
        struct findings now = { 0 };

        c->set_dirty = false;
        for (size_t i = 0; i < c->n; i++) {
                if (c->list[i]->drive && c->list[i]->accepted)
                        object_index_add(&index, c->list[i]->accepted);
        }
        watched_index(c->watched, &index);
        object_index_seal(&index, &now);
        bool changed = maker_run(c->maker, &index, &now);
        object_index_done(&index);
        mark(c, maker_desired(c->maker));
        findings_done(&c->findings);
        c->findings = now;
        if (!changed && (c->told || !c->synced))
                return;
        c->told = true;
        c->config.changed(c->config.ctx, maker_desired(c->maker), &c->findings);
}
