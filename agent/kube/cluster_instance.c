/* cluster_instance.c - requests on the device instances, and what is seen of them. */
#include "kube/cluster_impl.h"
#include "kube/digest.h"

#include "base/log.h"

#include <string.h>

/* Somebody who undoes our writes at once is not to be fought in a loop. */
#define FIGHT_NS (1 * NS_PER_S)

enum { CHECK_MAX = 1024 * 1024 };

static struct instance_want want_of(const struct cluster_link *l, const struct object *o)
{
        return (struct instance_want){ .link = &o->link,
                                       .spec_json = o->spec_json,
                                       .spec_json_len = o->spec_json_len,
                                       .node = l->c->config.node };
}

static const struct object *wanted(const struct cluster_link *l)
{
        const struct object *o = cluster_link_newest(l);

        return o ? o : cluster_link_accepted(l);
}

static bool is_ours(const struct cluster_link *l)
{
        return l->life == LIFE_PRESENT && !l->seen.deleted;
}

static bool refused(const struct kube_answer *a)
{
        return a->class == KUBE_REFUSED || a->class == KUBE_FORBIDDEN ||
               a->class == KUBE_UNAUTHORIZED;
}

/* --- what is seen */

static uint64_t check_of(const struct object_meta *m)
{
        auto_of(buf) struct buf b = BUF(CHECK_MAX);

        buf_addf(&b, "%lld %d %zu\n", (long long)m->generation, m->deleted != NULL, m->n_owners);
        for (size_t i = 0; i < m->n_owners; i++)
                buf_addf(&b, "%s %d %d\n", m->owners[i].uid, m->owners[i].controller,
                         m->owners[i].block_deletion);
        if (m->labels)
                tree_json(m->labels, 0, &b);
        if (m->annotations)
                tree_json(m->annotations, 0, &b);
        return digest_bytes(buf_text(&b), b.len);
}

static void set_text(char **to, const char *text)
{
        char *copy = text && text[0] != '\0' ? xstrdup(text) : NULL;

        free(*to);
        *to = copy;
}

void cluster_instance_forget(struct cluster_link *l)
{
        set_text(&l->instance.uid, NULL);
        set_text(&l->instance.version, NULL);
        l->instance.check = 0;
        l->instance.recreate = false;
        l->instance.state = CHAIN_UNSEEN;
}

static enum chain_instance state_of(enum instance_state s)
{
        switch (s) {
        case INSTANCE_FOREIGN:
                return CHAIN_FOREIGN;
        case INSTANCE_HELD:
                return CHAIN_HELD;
        case INSTANCE_DIFFERS:
                return CHAIN_DIFFERS;
        case INSTANCE_GOING:
                return CHAIN_GOING;
        case INSTANCE_RIGHT:
                break;
        }
        return CHAIN_RIGHT;
}

/* It is as it should be, in whatever way it came to that. */
static void is_right(struct cluster_link *l, const struct instance_want *w,
                     const struct tree *object, const struct object_meta *m)
{
        struct link_instance *x = &l->instance;

        if (x->seen.wanted == 0)
                x->seen = instance_remember(w, object);
        x->check = check_of(m);
        x->recreate = false;
        l->refused = CHAIN_REFUSED_NOTHING;
        cluster_rested(l);
        if (l->accepted && l->accepted == l->newest)
                cluster_keep_put(l);
}

void cluster_instance_take(struct cluster_link *l, const struct tree *object,
                           const struct object_meta *m)
{
        struct link_instance *x = &l->instance;
        const struct object *o = wanted(l);

        if (!o)
                return;
        bool same_uid = x->uid && strcmp(x->uid, m->uid) == 0;
        if (same_uid && x->state == CHAIN_RIGHT && x->check != 0 && x->check == check_of(m)) {
                set_text(&x->version, m->version); /* only its status is new: our own echo */
                return;
        }
        struct instance_want w = want_of(l, o);
        x->state = state_of(instance_compare(&w, object, &x->seen));
        x->check = 0;
        set_text(&x->uid, x->state == CHAIN_FOREIGN ? NULL : m->uid);
        set_text(&x->version, m->version);
        if (x->state == CHAIN_RIGHT)
                is_right(l, &w, object, m);
        else if (x->state == CHAIN_DIFFERS && x->written_serial == o->serial &&
                 clock_mono_ns() - x->written_ns < FIGHT_NS)
                cluster_rest(l, REST_WAITING, NULL);
        if (!same_uid)
                cluster_report_ready(l);
        else if (x->state == CHAIN_RIGHT)
                cluster_report_again(l);
        cluster_link_event(l);
}

/* An answer may be older than an event that came before it; and a server that was restored is older
 * than both, until the list tells so. */
static void take_answer(struct cluster_link *l, const struct tree *object,
                        const struct object_meta *m)
{
        struct link_instance *x = &l->instance;
        int order = 0;

        if (x->outrun) {
                x->state = CHAIN_UNSURE;
                return;
        }
        if (x->uid && x->version && strcmp(x->uid, m->uid) == 0 &&
            resource_version_order(m->version, x->version, &order) && order < 0) {
                x->state = CHAIN_UNSURE;
                cluster_rest(l, REST_AWAY, NULL);
                return;
        }
        cluster_instance_take(l, object, m);
}

void cluster_instance_gone(struct cluster_link *l, const char *uid)
{
        struct link_instance *x = &l->instance;

        if (x->uid && uid && strcmp(x->uid, uid) != 0)
                return;
        bool was = x->uid || x->recreate;
        cluster_instance_forget(l);
        x->state = CHAIN_ABSENT;
        x->recreate = was;
        x->outrun = l->call;
        if (l->rest_why == REST_WAITING || l->rest_why == REST_REFUSED)
                cluster_rested(l); /* it was waited for, or it was in the way */
        bool at_once = was && x->written_ns > 0 && clock_mono_ns() - x->written_ns < FIGHT_NS;
        x->fights = at_once ? x->fights + 1 : 0;
        if (x->fights > 1)
                cluster_rest(l, REST_WAITING, NULL);
        cluster_link_event(l);
}

/* --- requests */

static void feed(struct cluster_link *l, struct kube_answer *a)
{
        if (a->object && l->kind && l->kind->reflector)
                reflector_feed(l->kind->reflector, a->object, steal(&a->arena));
}

static void log_refused(const struct cluster_link *l, const struct kube_answer *a)
{
        LOG(WARNING, "kube.device-refused", a->message, LOG_STR("link", l->key));
}

/* It was made from a template that is no longer the link's: what became of it says nothing. */
static bool is_late(const struct cluster_link *l)
{
        const struct object *o = cluster_link_newest(l);

        return (o ? o->serial : 0) != l->call_serial;
}

/* Trouble with making or finding the instance. */
static void cannot_create(struct cluster_link *l, const struct kube_answer *a)
{
        if (is_late(l))
                return;
        l->refused = a->no_resource ? CHAIN_REFUSED_MODEL : CHAIN_REFUSED_CREATE;
        log_refused(l, a);
        if (is_ours(l))
                cluster_say(l, true, "FailedCreated", "Creating", "%s: %s",
                            a->no_resource ? "unable to make device from model"
                                           : "unable to create device from template",
                            a->message);
        cluster_rest(l, a->no_resource ? REST_MODEL : REST_REFUSED, a);
}

/* What our write made of it: the server's defaults are in it. */
static void take_written(struct cluster_link *l, struct kube_answer *a)
{
        const struct object *o = cluster_link_newest(l);
        struct object_meta m = { 0 };

        if (!a->object) {
                l->instance.state = CHAIN_UNSURE;
                return;
        }
        if (o && o->serial == l->call_serial) {
                struct instance_want w = want_of(l, o);

                l->instance.seen = instance_remember(&w, a->object);
        }
        l->instance.written_ns = clock_mono_ns();
        l->instance.written_serial = l->call_serial;
        object_meta_read(a->object, a->arena, &m);
        take_answer(l, a->object, &m);
        if (!l->instance.outrun)
                feed(l, a);
}

/* --- make */

static void on_made(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);

        switch (a->class) {
        case KUBE_OK:
                if (l->refused == CHAIN_REFUSED_MODEL && l->kind && l->kind->reflector)
                        reflector_retry(l->kind->reflector);
                take_written(l, a);
                break;
        case KUBE_EXISTS:
                l->instance.state = CHAIN_UNSURE;
                break;
        case KUBE_MISSING:
        case KUBE_CONFLICT:
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                l->instance.state = CHAIN_ABSENT;
                cannot_create(l, a);
                break;
        case KUBE_EXPIRED:
        case KUBE_AWAY: /* it may have arrived */
                l->instance.state = CHAIN_UNSURE;
                cluster_rest(l, REST_AWAY, a);
                break;
        }
}

bool cluster_instance_make(struct cluster_link *l)
{
        const struct object *o = cluster_link_newest(l);
        auto_of(buf) struct buf body = BUF(CLUSTER_BODY_MAX);
        struct write w = { .method = "POST", .body = &body, .done = on_made };

        if (!o)
                return false;
        /* Not when it is made: its own event may come before the answer. */
        if (l->instance.recreate)
                cluster_say(l, true, "Recreating", "Creating", "previous device is inactivated");
        l->instance.recreate = false;
        struct instance_want want = want_of(l, o);
        instance_create(&want, &body);
        return cluster_write_device(l, l->seen.api_version, l->seen.kind, NULL, &w);
}

/* --- look, and make right */

static void on_replaced(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);

        switch (a->class) {
        case KUBE_OK:
                l->refused = CHAIN_REFUSED_NOTHING;
                take_written(l, a);
                break;
        case KUBE_CONFLICT:
                cluster_rest(l, REST_AWAY, a);
                break;
        case KUBE_MISSING:
                cluster_instance_gone(l, NULL);
                break;
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                if (is_late(l))
                        break;
                log_refused(l, a);
                l->refused = CHAIN_REFUSED_UPDATE;
                cluster_say(l, true, "FailedUpdated", "Updating",
                            "unable to update the device from template: %s", a->message);
                cluster_rest(l, REST_REFUSED, a);
                break;
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_AWAY:
                cluster_rest(l, REST_AWAY, a);
                break;
        }
}

static bool replace(struct cluster_link *l, const struct tree *object)
{
        const struct object *o = cluster_link_newest(l);
        auto_of(buf) struct buf body = BUF(CLUSTER_BODY_MAX);
        struct write w = { .method = "PUT", .body = &body, .done = on_replaced };

        if (!o)
                return false;
        struct instance_want want = want_of(l, o);
        instance_replace(&want, object, &body);
        return cluster_write_device(l, l->seen.api_version, l->seen.kind, l->name, &w);
}

static void say_foreign(struct cluster_link *l, const struct object_meta *m)
{
        const struct object_owner *owner = object_meta_controller(m);
        auto_free char *whose = owner ? xasprintf("it belongs to %s %s", owner->kind, owner->name)
                                      : xstrdup("it belongs to no DeviceLink");

        cluster_say(l, true, "FailedCreated", "Creating",
                    "unable to create device from template: %s %s is there already, and %s",
                    l->seen.kind, l->key, whose);
}

/* Of a link that cannot be read: all that matters is who holds it. */
static enum chain_instance held_or_not(const struct cluster_link *l, const struct object_meta *m)
{
        const char *node = tree_text(tree_get(m->annotations, ANNOTATION_NODE));

        return node && node[0] != '\0' && strcmp(node, l->c->config.node) != 0 ? CHAIN_HELD
                                                                               : CHAIN_FOREIGN;
}

static void looked_at(struct cluster_link *l, struct kube_answer *a)
{
        struct object_meta m = { 0 };

        object_meta_read(a->object, a->arena, &m);
        cluster_rested(l);
        if (wanted(l))
                take_answer(l, a->object, &m);
        else
                l->instance.state = held_or_not(l, &m);

        enum chain_instance state = l->instance.state;
        if (state == CHAIN_HELD) {
                cluster_rest(l, REST_WAITING, NULL);
                return;
        }
        if (!is_ours(l))
                return;
        if (state == CHAIN_FOREIGN)
                say_foreign(l, &m);
        if (state == CHAIN_FOREIGN || state == CHAIN_GOING)
                cluster_rest(l, REST_WAITING, NULL);
        else if (state == CHAIN_DIFFERS && !l->resting && replace(l, a->object))
                l->c->lanes[LANE_CHAIN].busy++;
}

static void on_looked(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);

        if (a->class == KUBE_OK && a->object) {
                looked_at(l, a);
        } else if (a->class == KUBE_MISSING && !a->no_resource) {
                cluster_instance_gone(l, NULL);
                l->refused = CHAIN_REFUSED_NOTHING;
                cluster_rested(l);
        } else if (a->class == KUBE_MISSING || refused(a)) {
                cannot_create(l, a);
        } else {
                cluster_rest(l, REST_AWAY, a);
        }
}

bool cluster_instance_look(struct cluster_link *l)
{
        struct write w = { .method = "GET", .done = on_looked };

        return cluster_write_device(l, l->seen.api_version, l->seen.kind, l->name, &w);
}
