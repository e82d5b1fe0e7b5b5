/* queue.c - the links there are, and whose turn it is. */
#include "operator/impl.h"

#include "base/clock.h"

#include <string.h>

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (60 * NS_PER_S)
#define LOOK_FIRST_NS (250 * NS_PER_MS)
#define LOOK_MAX_NS (30 * NS_PER_S)

/* --- what a link points to */

void ward_wait_for(struct ward *l, struct host *h)
{
        struct host *old = l->wait;

        if (h == old)
                return;
        if (old)
                LIST_REMOVE(l, of_wait);
        l->wait = h ? hosts_use(l->op->hosts, h->keyed.key, loop_now(l->op->loop)) : NULL;
        if (h)
                LIST_INSERT_HEAD(&h->waiting, l, of_wait);
        if (old)
                hosts_drop(l->op->hosts, old);
}

static void set_host(struct ward *l, const char *node)
{
        struct host *old = l->host;

        if (old && strcmp(old->keyed.key, node) == 0)
                return;
        if (old)
                LIST_REMOVE(l, of_host);
        l->host = node[0] != '\0' ? hosts_use(l->op->hosts, node, loop_now(l->op->loop)) : NULL;
        if (l->host)
                LIST_INSERT_HEAD(&l->host->links, l, of_host);
        l->told = 0;
        if (old)
                hosts_drop(l->op->hosts, old);
}

static void set_model(struct ward *l, const char *crd)
{
        struct model *old = l->model;

        if (old && strcmp(l->view->crd, crd) == 0)
                return;
        if (old)
                LIST_REMOVE(l, of_model);
        l->model = crd[0] != '\0' ? models_use(l->op->models, crd) : NULL;
        if (l->model)
                LIST_INSERT_HEAD(model_wards(l->model), l, of_model);
        if (old)
                models_drop(l->op->models, old);
}

void ward_forget_former(struct ward *l)
{
        free(l->former.crd);
        free(l->former.api_version);
        free(l->former.kind);
        l->former = (struct former){ 0 };
        l->former_held = false;
}

/* What is recorded may be cleared before its instance is looked for. */
static void remember(struct ward *l, const struct link_view *v)
{
        const struct link_status *s = &v->status;

        if (s->node_name[0] != '\0' && (!l->last_node || strcmp(l->last_node, s->node_name) != 0)) {
                free(l->last_node);
                l->last_node = xstrdup(s->node_name);
        }
        if (v->recorded_crd[0] == '\0' ||
            (l->former.crd && strcmp(l->former.crd, v->recorded_crd) == 0))
                return;
        ward_forget_former(l);
        l->former = (struct former){ .crd = xstrdup(v->recorded_crd),
                                     .api_version = xstrdup(s->model_api_version),
                                     .kind = xstrdup(s->model_kind) };
}

/* --- come and go */

static void on_retry(void *ctx)
{
        struct ward *l = ctx;

        l->former_held = false; /* look again */
        ward_enqueue(l);
}

static struct ward *add(struct operator* op, char *key)
{
        struct ward *l = xcalloc(1, sizeof(*l));

        l->keyed.key = key;
        l->op = op;
        l->backoff = BACKOFF(BACKOFF_FIRST_NS, BACKOFF_MAX_NS);
        l->look = BACKOFF(LOOK_FIRST_NS, LOOK_MAX_NS);
        loop_timer_init(&l->retry, op->loop, on_retry, l);
        keyed_add(&op->index, &l->keyed);
        LIST_INSERT_HEAD(&op->links, l, entry);
        op->n_links++;
        return l;
}

static bool is_connected(const struct link_view *v)
{
        return conditions_get(&v->status.conditions, CONDITION_DEVICE_CONNECTED) &&
               strcmp(v->status.node_name, v->node) == 0;
}

void operator_take(struct operator* op, const struct tree *object, const struct object_meta *m)
{
        struct link_view *v = link_view_new(object, m);
        char *key = xasprintf("%s/%s", m->space, m->name);
        struct ward *l = keyed_find(&op->index, key);

        if (l)
                free(key);
        else
                l = add(op, key);
        set_host(l, v->node);
        set_model(l, v->crd);
        remember(l, v);
        link_view_free(l->view);
        l->view = v;
        if (is_connected(v)) { /* its agent has the instance */
                l->check_holder = false;
                ward_wait_for(l, NULL);
        }
        ward_enqueue(l);
}

void ward_cancel(struct ward *l)
{
        kube_cancel(l->call);
        l->call = NULL;
        if (l->busy)
                l->op->n_busy--;
        l->busy = false;
        loop_timer_stop(&l->retry);
}

static void free_ward(struct ward *l)
{
        struct operator* op = l->op;

        ward_cancel(l);
        loop_timer_end(&l->retry);
        if (l->queued) {
                STAILQ_REMOVE(&op->queue, w, ward, turn);
                op->n_queued--;
        }
        ward_wait_for(l, NULL);
        set_host(l, "");
        set_model(l, "");
        ward_forget_former(l);
        link_view_free(l->view);
        keyed_remove(&op->index, &l->keyed);
        LIST_REMOVE(l, entry);
        op->n_links--;
        free(l->subject);
        free(l->last_node);
        free(l->keyed.key);
        free(l);
}

void ward_gone(struct operator* op, const char *space, const char *name, const char *uid)
{
        auto_free char *key = xasprintf("%s/%s", space, name);
        struct ward *l = keyed_find(&op->index, key);

        if (l && strcmp(l->view->uid, uid) == 0)
                free_ward(l);
}

void wards_free_all(struct operator* op)
{
        while (!LIST_EMPTY(&op->links))
                free_ward(LIST_FIRST(&op->links));
}

/* --- turns */

void ward_enqueue(struct ward *l)
{
        if (l->busy) {
                l->again = true;
                return;
        }
        if (l->queued || l->op->stopping)
                return;
        l->queued = true;
        l->op->n_queued++;
        STAILQ_INSERT_TAIL(&l->op->queue, l, turn);
}

void wards_enqueue_all(struct operator* op)
{
        struct ward *l;

        LIST_FOREACH (l, &op->links, entry)
                ward_enqueue(l);
}

void queue_pump(struct operator* op)
{
        while (op->n_busy < BUSY_MAX && !STAILQ_EMPTY(&op->queue) && !op->stopping &&
               operator_may_write(op)) {
                struct ward *l = STAILQ_FIRST(&op->queue);

                STAILQ_REMOVE_HEAD(&op->queue, turn);
                op->n_queued--;
                l->queued = false;
                l->again = false;
                l->busy = true;
                op->n_busy++;
                l->began_ns = clock_mono_ns();
                operator_work(l);
        }
}

static void count(struct operator* op, const struct ward *l, enum result r)
{
        double seconds = (double)(clock_mono_ns() - l->began_ns) / (double)NS_PER_S;
        size_t i = 0;

        while (i < BUCKETS && seconds > reconcile_bounds[i])
                i++;
        op->buckets[i]++;
        op->seconds += seconds;
        op->results[r]++;
}

void ward_finish(struct ward *l, enum result r)
{
        struct operator* op = l->op;

        l->busy = false;
        op->n_busy--;
        count(op, l, r);
        if (r == RESULT_DONE || r == RESULT_AGAIN)
                backoff_reset(&l->backoff);
        if (r == RESULT_RETRY)
                loop_timer_start(&l->retry, backoff_next_ns(&l->backoff), 0);
        else if (r == RESULT_LATER)
                loop_timer_start(&l->retry, BACKOFF_MAX_NS, 0);
        if (r == RESULT_AGAIN || l->again)
                ward_enqueue(l);
}
