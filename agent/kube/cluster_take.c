/* cluster_take.c - what an object of ours that was seen means for its link. */
#include "kube/cluster_impl.h"

#include "base/log.h"
#include "base/text.h"

#include <string.h>

/* After a restore of the server's store a generation may come again, of another spec. */
static bool is_after(const char *version, const char *than)
{
        int order = 0;

        return resource_version_order(version, than, &order) && order > 0;
}

static bool same_labels(const struct decoded_list *a, const struct decoded_list *b)
{
        const struct decoded_pair *x = a->items, *y = b->items;

        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                if (!text_same(x[i].key, y[i].key) || !text_same(x[i].value, y[i].value))
                        return false;
        }
        return true;
}

/* Whether the instance of the one is that of the other. */
static bool same_instance(const struct object *a, const struct object *b)
{
        return a->spec_json_len == b->spec_json_len &&
               memcmp(a->spec_json, b->spec_json, a->spec_json_len) == 0 &&
               text_same(a->link.spec.adaptor.name, b->link.spec.adaptor.name) &&
               text_same(a->link.spec.model.api_version, b->link.spec.model.api_version) &&
               text_same(a->link.spec.model.kind, b->link.spec.model.kind) &&
               same_labels(&a->link.spec.template.meta.labels, &b->link.spec.template.meta.labels);
}

/* The instance of another model than before is another object; the operator removes the one before.
 */
static void take_kind(struct cluster_link *l)
{
        const char *version = l->seen.api_version, *kind = l->seen.kind;

        if (l->kind &&
            (!text_same(l->kind->kind, kind) || !text_same(l->kind->api_version, version))) {
                cluster_instance_forget(l);
                l->instance.seen = (struct instance_seen){ 0 };
                l->instance.outrun = l->call; /* its answer is of the model before */
                cluster_kind_drop(l);
        }
}

static void cannot_read(struct cluster_link *l)
{
        bool runs = l->accepted;

        LOG(WARNING, "kube.link-wrong", l->wrong, LOG_STR("link", l->key));
        cluster_say(l, true, runs ? "FailedUpdated" : "FailedCreated",
                    runs ? "Updating" : "Creating", "cannot read the link: %s", l->wrong);
}

static bool has_references(const struct object *o)
{
        return o && o->link.spec.references.n > 0;
}

static void take_spec(struct cluster_link *l, struct object_set *set, char *wrong)
{
        const struct object *before =
                cluster_link_newest(l) ? cluster_link_newest(l) : cluster_link_accepted(l);
        bool same = set && before && same_instance(before, &set->list[0]);

        bool refers = has_references(before);

        if (!same && (l->instance.state == CHAIN_RIGHT || l->instance.state == CHAIN_HELD))
                l->instance.state = CHAIN_DIFFERS;
        if (!same)
                l->instance.check = 0;
        cluster_link_drop_set(l, &l->newest);
        l->newest = set;
        free(l->wrong);
        l->wrong = wrong;
        if (wrong)
                cannot_read(l);
        l->refused = CHAIN_REFUSED_NOTHING;
        cluster_rested(l);
        if (refers || has_references(cluster_link_newest(l)))
                l->c->refs_dirty = true;
}

/* What is known from disk was right once; unless it is driven already, it is looked at anew. */
static void take_kept(struct cluster_link *l)
{
        if (l->life == LIFE_KEPT && !l->c->offline)
                cluster_link_drop_set(l, &l->accepted);
}

/* Another node may have taken its instance meanwhile: not before that is known. */
static void came_back(struct cluster_link *l)
{
        if (l->life != LIFE_MOVED && l->life != LIFE_ENDED)
                return;
        cluster_rested(l);
        if (l->instance.state != CHAIN_RIGHT)
                cluster_link_drop_set(l, &l->accepted);
}

void cluster_take(struct cluster *c, const struct tree *object, const struct object_meta *m,
                  struct arena *owned)
{
        struct cluster_link *l = cluster_link_find_name(c, m->space, m->name);
        struct observed now = { 0 };

        if (!l) {
                l = cluster_link_add(c, m->space, m->name, m->uid);
        } else if (strcmp(l->uid, m->uid) != 0) {
                cluster_link_renew(l, m->uid);
        } else if (l->seen.arena && l->life == LIFE_PRESENT &&
                   strcmp(l->seen.version, m->version) == 0) {
                arena_free(owned);
                return;
        }
        observed_read(object, m, &now);
        bool same = l->seen.arena && now.generation == l->seen.generation &&
                    now.digest == l->seen.digest && now.generation > 0 &&
                    now.deleted == l->seen.deleted && is_after(now.version, l->seen.version);
        observed_done(&l->seen);
        l->seen = now;
        l->stale = false;
        if (same) {
                arena_free(owned);
        } else {
                char *wrong = NULL;
                struct object_set *set = observed_decode(object, owned, &wrong);

                take_kind(l);
                take_kept(l);
                take_spec(l, set, wrong);
        }
        came_back(l);
        l->life = LIFE_PRESENT;
        cluster_link_event(l);
}
