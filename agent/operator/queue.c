/* queue.c - the links there are, and whose turn it is. */
#include "operator/impl.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (60 * NS_PER_S)
#define LOOK_FIRST_NS (250 * NS_PER_MS)
#define LOOK_MAX_NS (30 * NS_PER_S)

/* --- what a link points to */

void ward_wait_for(struct ward *w, struct host *h)
{
        struct host *old = w->wait;

        if (h == old)
                return;
        if (old)
                LIST_REMOVE(w, of_wait);
        w->wait = h ? hosts_use(w->brain->hosts, h->keyed.key, loop_now(w->brain->loop)) : NULL;
        if (h)
                LIST_INSERT_HEAD(&h->waiting, w, of_wait);
        if (old)
                hosts_drop(w->brain->hosts, old);
}

static void set_host(struct ward *w, const char *node)
{
        struct host *old = w->host;

        if (old && strcmp(old->keyed.key, node) == 0)
                return;
        if (old)
                LIST_REMOVE(w, of_host);
        w->host =
                node[0] != '\0' ? hosts_use(w->brain->hosts, node, loop_now(w->brain->loop)) : NULL;
        if (w->host)
                LIST_INSERT_HEAD(&w->host->links, w, of_host);
        w->told = 0;
        if (old)
                hosts_drop(w->brain->hosts, old);
}

static void set_model(struct ward *w, const char *crd)
{
        struct model *old = w->model;

        if (old && strcmp(w->view->crd, crd) == 0)
                return;
        if (old)
                LIST_REMOVE(w, of_model);
        w->model = crd[0] != '\0' ? models_use(w->brain->models, crd) : NULL;
        if (w->model)
                LIST_INSERT_HEAD(model_wards(w->model), w, of_model);
        if (old)
                models_drop(w->brain->models, old);
}

void ward_forget_former(struct ward *w)
{
        free(w->former.crd);
        free(w->former.api_version);
        free(w->former.kind);
        w->former = (struct former){ 0 };
        w->former_held = false;
}

/* What is recorded may be cleared before its instance is looked for. */
static void remember(struct ward *w, const struct link_view *v)
{
        const struct link_status *s = &v->status;

        if (s->node_name[0] != '\0' && (!w->last_node || strcmp(w->last_node, s->node_name) != 0)) {
                free(w->last_node);
                w->last_node = xstrdup(s->node_name);
        }
        if (v->recorded_crd[0] == '\0' ||
            (w->former.crd && strcmp(w->former.crd, v->recorded_crd) == 0))
                return;
        ward_forget_former(w);
        w->former = (struct former){ .crd = xstrdup(v->recorded_crd),
                                     .api_version = xstrdup(s->model_api_version),
                                     .kind = xstrdup(s->model_kind) };
}

/* --- come and go */

static void on_retry(void *ctx)
{
        struct ward *w = ctx;

        w->former_held = false; /* look again */
        ward_enqueue(w);
}

static struct ward *add(struct brain *b, char *key)
{
        struct ward *w = xcalloc(1, sizeof(*w));

        w->keyed.key = key;
        w->brain = b;
        w->backoff = BACKOFF(BACKOFF_FIRST_NS, BACKOFF_MAX_NS);
        w->look = BACKOFF(LOOK_FIRST_NS, LOOK_MAX_NS);
        loop_timer_init(&w->retry, b->loop, on_retry, w);
        keyed_add(&b->index, &w->keyed);
        LIST_INSERT_HEAD(&b->links, w, entry);
        b->n_links++;
        return w;
}

static bool is_connected(const struct link_view *v)
{
        return conditions_get(&v->status.conditions, CONDITION_DEVICE_CONNECTED) &&
               strcmp(v->status.node_name, v->node) == 0;
}

void ward_take(struct brain *b, const struct tree *object, const struct object_meta *m)
{
        struct link_view *v = link_view_new(object, m);
        char *key = xasprintf("%s/%s", m->space, m->name);
        struct ward *w = keyed_find(&b->index, key);

        if (w)
                free(key);
        else
                w = add(b, key);
        set_host(w, v->node);
        set_model(w, v->crd);
        remember(w, v);
        link_view_free(w->view);
        w->view = v;
        if (is_connected(v)) { /* its agent has the instance */
                w->check_holder = false;
                ward_wait_for(w, NULL);
        }
        /* Of a deleted link a move is recorded no more; its new node waits for the old one. */
        if (v->deleted && !text_same(v->status.node_name, v->node))
                w->check_holder = true;
        ward_enqueue(w);
}

void ward_cancel(struct ward *w)
{
        kube_cancel(w->call);
        w->call = NULL;
        if (w->busy)
                w->brain->n_busy--;
        w->busy = false;
        loop_timer_stop(&w->retry);
}

static void free_ward(struct ward *w)
{
        struct brain *b = w->brain;

        ward_cancel(w);
        loop_timer_end(&w->retry);
        if (w->queued) {
                STAILQ_REMOVE(&b->queue, w, ward, turn);
                b->n_queued--;
        }
        ward_wait_for(w, NULL);
        set_host(w, "");
        set_model(w, "");
        ward_forget_former(w);
        link_view_free(w->view);
        keyed_remove(&b->index, &w->keyed);
        LIST_REMOVE(w, entry);
        b->n_links--;
        free(w->subject);
        free(w->last_node);
        free(w->keyed.key);
        free(w);
}

void ward_gone(struct brain *b, const char *space, const char *name, const char *uid)
{
        auto_free char *key = xasprintf("%s/%s", space, name);
        struct ward *w = keyed_find(&b->index, key);

        if (w && strcmp(w->view->uid, uid) == 0)
                free_ward(w);
}

void wards_free_all(struct brain *b)
{
        while (!LIST_EMPTY(&b->links))
                free_ward(LIST_FIRST(&b->links));
}

/* --- turns */

void ward_enqueue(struct ward *w)
{
        if (w->busy) {
                w->again = true;
                return;
        }
        if (w->queued || w->brain->stopping)
                return;
        w->queued = true;
        w->brain->n_queued++;
        STAILQ_INSERT_TAIL(&w->brain->queue, w, turn);
}

void queue_pump(struct brain *b)
{
        while (b->n_busy < BUSY_MAX && !STAILQ_EMPTY(&b->queue) && !b->stopping &&
               brain_may_write(b)) {
                struct ward *w = STAILQ_FIRST(&b->queue);

                STAILQ_REMOVE_HEAD(&b->queue, turn);
                b->n_queued--;
                w->queued = false;
                w->again = false;
                w->busy = true;
                b->n_busy++;
                w->began_ns = clock_mono_ns();
                ward_work(w);
        }
}

static void count(struct brain *b, const struct ward *w, enum result r)
{
        histogram_add(&b->times, clock_mono_ns() - w->began_ns);
        b->results[r]++;
}

void ward_finish(struct ward *w, enum result r)
{
        struct brain *b = w->brain;

        w->busy = false;
        b->n_busy--;
        count(b, w, r);
        if (!w->former_held) /* else it says when to look again */
                loop_timer_stop(&w->retry);
        if (r == RESULT_DONE || r == RESULT_AGAIN)
                backoff_reset(&w->backoff);
        if (r == RESULT_RETRY)
                loop_timer_start(&w->retry, backoff_next_ns(&w->backoff), 0);
        else if (r == RESULT_LATER)
                loop_timer_start(&w->retry, BACKOFF_MAX_NS, 0);
        if (r == RESULT_AGAIN || w->again)
                ward_enqueue(w);
}
