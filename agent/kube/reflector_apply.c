/* reflector_apply.c - objects into the table, and to the owner. */
#include "kube/reflector_impl.h"

#include "base/log.h"

#include <string.h>

static void drop_arena(const struct reflector *r, struct arena *a)
{
        if (r->config.secret)
                arena_wipe_free(a);
        else
                arena_free(a);
}

static void skip(struct reflector *r, const struct object_meta *m, const struct err *e)
{
        auto_free char *name =
                m && m->name[0] != '\0'
                        ? xasprintf("%s%s%s", m->space, m->space[0] != '\0' ? "/" : "", m->name)
                        : xstrdup("?");

        r->skipped++;
        LOG(WARNING, "kube.skipped", "an object cannot be read and is left as it was",
            LOG_STR("path", r->config.resource.plural), LOG_STR("object", name), LOG_APART(name),
            LOG_STR("error", e->text));
}

/* Older than, or what is known already.  While all is being read again nothing is older but what
 * came since: the server may have gone back in time. */
static bool is_known(const struct reflector *r, const struct entry *old, const char *version)
{
        bool is_ordered = !r->is_initial || old->mark == r->mark;
        int order = 0;

        if (!resource_version_order(version, old->version, &order))
                return false;
        return is_ordered ? order <= 0 : order == 0;
}

/* --- gone */

static void remove_entry(struct reflector *r, const char *space, const char *name)
{
        struct entry *old = table_take(&r->table, space, name);

        if (old)
                r->config.removed(r->config.ctx, old->space, old->name, old->uid);
        entry_free(old);
}

void reflector_deleted(struct reflector *r, struct json_span object)
{
        auto_of(arena) struct arena *a = arena_new();
        struct object_meta m;
        struct err e = { 0 };
        int order = 0;

        if (event_identity(object, a, &m, &e) < 0) {
                skip(r, NULL, &e);
                return;
        }
        const struct entry *old = table_find(&r->table, m.space, m.name);
        if (old && resource_version_order(m.version, old->version, &order) && order < 0)
                old = NULL; /* what is there now came after it */
        if (!r->is_initial)
                reflector_set_version(r, m.version);
        if (old)
                remove_entry(r, m.space, m.name);
}

/* --- there */

static void remember(struct reflector *r, const struct object_meta *m, bool is_fed)
{
        struct entry *x = table_add(&r->table, m->space, m->name, m->uid, m->version);

        entry_set_version(x, m->version);
        x->mark = r->mark;
        x->is_fed = is_fed;
}

/* Takes the arena. */
static void put(struct reflector *r, const struct tree *object, const struct object_meta *m,
                struct arena *owned, bool is_fed)
{
        const struct entry *old = table_find(&r->table, m->space, m->name);
        bool is_other = old && strcmp(old->uid, m->uid) != 0;
        bool is_meant = !r->config.keep || (r->selector_off_ns == 0 && !is_fed) ||
                        r->config.keep(r->config.ctx, object);

        if (is_other || (old && !is_meant))
                remove_entry(r, m->space, m->name);
        if (!is_meant || reflector_is_over(r)) {
                drop_arena(r, owned);
                return;
        }
        remember(r, m, is_fed);
        r->config.upsert(r->config.ctx, object, m, owned);
}

void reflector_object(struct reflector *r, struct json_span object)
{
        struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct object_meta m;
        struct err e = { 0 };

        if (event_identity(object, a, &m, &e) < 0) {
                skip(r, NULL, &e);
                drop_arena(r, a);
                return;
        }
        if (!r->is_initial)
                reflector_set_version(r, m.version);
        struct entry *old = table_find(&r->table, m.space, m.name);
        if (old && is_known(r, old, m.version)) {
                old->mark = r->mark;
                old->is_fed = false;
                drop_arena(r, a);
                return;
        }
        int rc = r->config.secret ? event_secret(object, a, &t, &e)
                                  : event_object(object, a, &t, &e);
        if (rc < 0) {
                if (old)
                        old->mark = r->mark;
                skip(r, &m, &e);
                drop_arena(r, a);
                return;
        }
        object_meta_read(t, a, &m);
        put(r, t, &m, a, false);
}

/* --- all of it */

void reflector_begin_all(struct reflector *r, bool is_newest)
{
        r->mark++;
        r->is_initial = true;
        for (size_t i = 0; i < r->table.n && !is_newest; i++) {
                if (r->table.list[i]->is_fed)
                        r->table.list[i]->mark = r->mark;
        }
}

/* What an answer to a write of ours told is kept when it is newer than the list. */
static bool is_gone(const struct reflector *r, const struct entry *x, const char *version)
{
        int order = 0;

        if (x->mark != r->mark)
                return true;
        return x->is_fed && (!resource_version_order(x->version, version, &order) || order <= 0);
}

void reflector_end_all(struct reflector *r, const char *version)
{
        auto_free char *own = xstrdup(version);
        size_t i = 0;

        r->is_initial = false;
        while (i < r->table.n) {
                const struct entry *x = r->table.list[i];

                if (!is_gone(r, x, own)) {
                        i++;
                        continue;
                }
                remove_entry(r, x->space, x->name);
                if (reflector_is_over(r))
                        return;
                i = 0; /* the owner may have fed something */
        }
        r->synced = true;
        r->is_fresh = true;
        reflector_forget_version(r, false);
        reflector_set_version(r, own);
}

/* --- fed */

/* Without an entry there is no telling a new object from one that has gone meanwhile, but by how
 * far the stream has come. */
static bool is_news(const struct reflector *r, const struct object_meta *m)
{
        const struct entry *old = table_find(&r->table, m->space, m->name);
        const char *than = old ? old->version : r->is_initial ? NULL : r->seen;
        int order = 0;

        if (m->name[0] == '\0' || m->version[0] == '\0')
                return false;
        if (!than)
                return true;
        return resource_version_order(m->version, than, &order) && order > 0;
}

void reflector_feed(struct reflector *r, const struct tree *object, struct arena *owned)
{
        struct object_meta m;

        object_meta_read(object, owned, &m);
        if (!is_news(r, &m)) {
                drop_arena(r, owned);
                return;
        }
        reflector_enter(r);
        put(r, object, &m, owned, true);
        (void)reflector_leave(r);
}
