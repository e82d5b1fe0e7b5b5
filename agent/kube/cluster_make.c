/* cluster_make.c - requests on a link's object: finalizer, conditions, reading it again. */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <string.h>

/* What was answered is the newest there is. */
static void take_answer(struct cluster_link *l, struct kube_answer *a)
{
        if (a->object)
                reflector_feed(l->c->links_reflector, a->object, steal(&a->arena));
}

static void log_refused(const struct cluster_link *l, const char *what, const struct kube_answer *a)
{
        LOG(WARNING, "kube.link-refused", a->message, LOG_STR("link", l->key),
            LOG_STR("reason", what));
}

/* The first conflict is a matter of time; then somebody may refuse all (a webhook), and a pause is
 * due. */
static bool is_again(struct cluster_link *l)
{
        return l->conflicts++ > 0;
}

/* --- finalizer */

static void finalizer_refused(struct cluster_link *l, const struct kube_answer *a)
{
        log_refused(l, "finalizer", a);
        cluster_say(l, true, "FailedCreated", "Creating", "cannot change the link's finalizers: %s",
                    a->message);
        l->refused = CHAIN_REFUSED_CREATE;
        cluster_rest(l, REST_REFUSED, a);
}

static void on_finalizer(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);

        switch (a->class) {
        case KUBE_OK:
                l->refused = CHAIN_REFUSED_NOTHING;
                l->conflicts = 0;
                cluster_rested(l);
                take_answer(l, a);
                break;
        case KUBE_CONFLICT:
                l->stale = true;
                if (is_again(l))
                        cluster_rest(l, REST_AWAY, a);
                break;
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                finalizer_refused(l, a);
                break;
        case KUBE_MISSING: /* the watch tells */
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_AWAY:
                cluster_rest(l, cluster_rest_of(a), a);
                break;
        }
}

bool cluster_make_finalizer(struct cluster_link *l, bool present)
{
        auto_free char *path = kube_path(&kube_devicelinks, l->space, l->name, NULL);
        auto_of(buf) struct buf body = BUF(CLUSTER_BODY_MAX);
        struct write w = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks",
                .type = KUBE_MERGE_PATCH,
                .body = &body,
                .lane = KUBE_URGENT,
                .done = on_finalizer,
        };

        if (!finalizer_patch(l->seen.outline, LINK_FINALIZER, present, &body))
                return false;
        return cluster_write_chain(l, &w);
}

/* --- reading */

static void on_read(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = cluster_write_ended(ctx, a);
        struct object_meta m = { 0 };
        int order = 0;

        if (a->class != KUBE_OK || !a->object) {
                l->stale = a->class != KUBE_MISSING; /* then the watch tells */
                cluster_rest(l, cluster_rest_of(a), a);
                return;
        }
        object_meta_read(a->object, a->arena, &m);
        if (resource_version_order(m.version, l->seen.version, &order) && order < 0) {
                cluster_rest(l, REST_AWAY,
                             a); /* the server went back in time; the list will tell */
                return;
        }
        l->stale = false;
        if (strcmp(m.uid, l->uid) == 0)
                cluster_take(l->c, a->object, &m, steal(&a->arena));
}

bool cluster_make_read(struct cluster_link *l)
{
        auto_free char *path = kube_path(&kube_devicelinks, l->space, l->name, NULL);
        struct write w = {
                .method = "GET",
                .path = path,
                .resource = "devicelinks",
                .lane = KUBE_URGENT,
                .done = on_read,
        };

        return cluster_write_chain(l, &w);
}

/* --- conditions */

static void say_rest(struct cluster_link *l, const struct kube_answer *a)
{
        int64_t ns = backoff_next_ns(&l->say_backoff);

        if (a->retry_after_ns > ns)
                ns = a->retry_after_ns;
        l->say_resting = true;
        loop_timer_start(&l->say_timer, ns, 0);
}

static void on_conditions(void *ctx, struct kube_answer *a)
{
        struct cluster_link *l = ctx;

        l->say_call = NULL;
        l->c->lanes[LANE_SAY].busy--;
        cluster_touch(l);
        switch (a->class) {
        case KUBE_OK:
                l->c->counts.condition_writes++;
                l->say_waiting = l->say_due = false;
                l->conflicts = 0;
                backoff_reset(&l->say_backoff);
                take_answer(l, a);
                return;
        case KUBE_CONFLICT:
                l->c->counts.conflicts++;
                l->stale = true;
                if (is_again(l))
                        say_rest(l, a);
                return;
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                if (l->say_backoff.attempts == 0)
                        log_refused(l, "conditions", a);
                break;
        case KUBE_MISSING:
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_AWAY:
                break;
        }
        l->c->counts.errors++;
        say_rest(l, a);
}

bool cluster_make_conditions(struct cluster_link *l)
{
        auto_free char *path = kube_path(&kube_devicelinks, l->space, l->name, "status");
        auto_of(buf) struct buf body = BUF(CLUSTER_BODY_MAX);
        struct chain_verdict v;
        struct write w = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks/status",
                .type = KUBE_MERGE_PATCH,
                .body = &body,
                .lane = KUBE_WORK,
                .done = on_conditions,
        };

        cluster_link_decide(l, &v);
        if (!v.speak || l->stale ||
            !link_status_patch(LINK_STATUS_AGENT, &l->seen.status, &v.now, l->seen.version,
                               &body)) {
                cluster_link_settled(l);
                return false;
        }
        l->say_call = cluster_write_start(l, &w);
        return true;
}
