/* reconcile.c - one pass over one link: decide, and write what is decided. */
#include "operator/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "kube/devicelink.h"

#include <string.h>

static bool is_silent(const struct host *h)
{
        return h && (h->agent == AGENT_SILENT || h->agent == AGENT_GONE);
}

static enum old_state old_state(const struct ward *l)
{
        if (!l->former.crd || strcmp(l->former.crd, l->view->crd) == 0)
                return OLD_NONE;
        return l->former_held ? OLD_HELD : OLD_UNKNOWN;
}

static struct decide_facts facts_of(const struct ward *l)
{
        return (struct decide_facts){
                .node = host_node(l->host),
                .model = model_state(l->model, l->view->api_version),
                .agent = l->host ? l->host->agent : AGENT_UNSEEN,
                .told = is_silent(l->host) && l->told == l->host->episode,
                .old = old_state(l),
                .now_ns = clock_wall_ns(),
        };
}

void ward_say(const struct ward *l, const char *reason, const char *action, const char *note)
{
        const struct event_about about = {
                .api_version = DEVICELINK_API_VERSION,
                .kind = DEVICELINK_KIND,
                .space = l->view->space,
                .name = l->view->name,
                .uid = l->view->uid,
        };

        events_say(l->op->events, &about, true, reason, action, note);
}

enum result ward_failed(struct ward *l, const char *what, const struct kube_answer *answer)
{
        switch (answer->class) {
        case KUBE_CONFLICT:
                return RESULT_RETRY;
        case KUBE_AWAY:
                LOG(DEBUG, "operator.retry", answer->message, LOG_STR("link", l->keyed.key),
                    LOG_STR("action", what));
                return RESULT_RETRY;
        case KUBE_OK:
        case KUBE_MISSING:
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                break;
        }
        LOG(WARNING, "operator.failed", answer->message, LOG_STR("link", l->keyed.key),
            LOG_STR("action", what));
        return RESULT_LATER;
}

/* The answer holds the link as it is now: taken like news from the watch. */
static void feed(struct operator* op, struct kube_answer *answer)
{
        struct arena *a = answer->arena;

        if (!answer->object || !a)
                return;
        answer->arena = NULL;
        reflector_feed(op->watches[WATCH_LINKS].reflector, answer->object, a);
}

/* --- somebody else was faster */

static void on_reread(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;
        struct operator* op = l->op;

        l->call = NULL;
        if (answer->class != KUBE_OK) {
                /* Gone: the watch will say so. */
                ward_finish(l, answer->class == KUBE_MISSING
                                       ? RESULT_DONE
                                       : ward_failed(l, "read the link", answer));
                return;
        }
        ward_finish(l, RESULT_RETRY);
        feed(op, answer);
}

static void reread(struct ward *l)
{
        auto_free char *path = kube_path(&kube_devicelinks, l->view->space, l->view->name, NULL);
        const struct kube_request r = {
                .method = "GET",
                .path = path,
                .resource = "devicelinks",
                .ctx = l,
                .done = on_reread,
        };

        l->call = kube_start(l->op->config.api, &r);
}

/* Of a write to the link itself. */
static void not_written(struct ward *l, const char *what, const struct kube_answer *answer)
{
        if (answer->class == KUBE_CONFLICT)
                reread(l);
        else if (answer->class == KUBE_MISSING)
                ward_finish(l, RESULT_DONE);
        else
                ward_finish(l, ward_failed(l, what, answer));
}

/* --- status */

static void on_status_written(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;
        struct operator* op = l->op;

        l->call = NULL;
        if (answer->class != KUBE_OK) {
                not_written(l, "write the status", answer);
                return;
        }
        l->told = l->telling;
        ward_finish(l, RESULT_DONE);
        feed(op, answer);
}

/* It stands as it should: is there anything else? */
static void rest(struct ward *l)
{
        const struct link_view *v = l->view;

        if (is_silent(l->host) && says_agent_lost(&v->status))
                l->told = l->host->episode;
        if (l->former_held && !loop_timer_active(&l->retry))
                loop_timer_start(&l->retry, backoff_next_ns(&l->look), 0);
        if (l->check_holder && !l->former_held && !v->deleted && host_node(l->host) &&
            model_state(l->model, v->api_version) == MODEL_SERVED)
                instance_check_holder(l);
        else
                ward_finish(l, RESULT_DONE);
}

/* A link that comes from another node may leave its instance in that one's hands. */
static bool is_move(const struct ward *l, const struct link_status *now)
{
        const struct link_status *was = &l->view->status;

        return now->node_name[0] != '\0' && strcmp(now->node_name, was->node_name) != 0 &&
               was->conditions.n > 0 &&
               (!l->last_node || strcmp(l->last_node, now->node_name) != 0);
}

static void write_status(struct ward *l, const struct link_status *now)
{
        const struct link_view *v = l->view;
        auto_of(buf) struct buf patch = BUF(PATCH_BYTES_MAX);

        if (!link_status_patch(LINK_STATUS_OPERATOR, &v->status, now, v->version, &patch)) {
                rest(l);
                return;
        }
        if (is_move(l, now))
                l->check_holder = true;
        l->telling = l->told;
        if (is_silent(l->host) && says_agent_lost(now))
                l->telling = l->host->episode;
        auto_free char *path = kube_path(&kube_devicelinks, v->space, v->name, "status");
        const struct kube_request r = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks/status",
                .content_type = KUBE_MERGE_PATCH,
                .body = buf_text(&patch),
                .body_len = patch.len,
                .ctx = l,
                .done = on_status_written,
        };
        l->call = kube_start(l->op->config.api, &r);
}

/* --- the finalizer */

static void say_let_go(const struct ward *l)
{
        LOG(INFO, "operator.let-go", "finalizer dropped for the agent",
            LOG_STR("link", l->keyed.key), LOG_STR("node", l->view->node),
            LOG_BOOL("abandoned", l->is_abandoned));
        if (!l->is_abandoned)
                return;
        auto_free char *note = xasprintf("the agent of node '%s' is silent: the link goes without "
                                         "it, the device may be left as it was",
                                         l->view->node);
        ward_say(l, "FailedCleanup", "Delete", note);
}

static void on_let_go(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;

        l->call = NULL;
        if (answer->class != KUBE_OK) {
                not_written(l, "drop the finalizer", answer);
                return;
        }
        say_let_go(l);
        ward_finish(l, RESULT_DONE);
}

static void let_go(struct ward *l, bool abandoned)
{
        const struct link_view *v = l->view;
        auto_of(buf) struct buf patch = BUF(PATCH_BYTES_MAX);

        if (!finalizer_patch(v->finalizers, LINK_FINALIZER, false, &patch)) {
                ward_finish(l, RESULT_DONE);
                return;
        }
        l->is_abandoned = abandoned;
        auto_free char *path = kube_path(&kube_devicelinks, v->space, v->name, NULL);
        const struct kube_request r = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks",
                .content_type = KUBE_MERGE_PATCH,
                .body = buf_text(&patch),
                .body_len = patch.len,
                .ctx = l,
                .done = on_let_go,
        };
        l->call = kube_start(l->op->config.api, &r);
}

void operator_work(struct ward *l)
{
        struct decide_facts f = facts_of(l);
        struct link_status status;

        switch (decide(l->view, &f, &status)) {
        case DECIDE_WAIT:
                ward_finish(l, RESULT_DONE);
                break;
        case DECIDE_STATUS:
                write_status(l, &status);
                break;
        case DECIDE_REMOVE_OLD:
                instance_remove_former(l);
                break;
        case DECIDE_LET_GO:
                let_go(l, false);
                break;
        case DECIDE_ABANDON:
                let_go(l, true);
                break;
        }
}
