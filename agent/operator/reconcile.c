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

static enum old_state old_state(const struct ward *w)
{
        if (!w->former.crd || strcmp(w->former.crd, w->view->crd) == 0)
                return OLD_NONE;
        return w->former_held ? OLD_HELD : OLD_UNKNOWN;
}

static struct decide_facts facts_of(const struct ward *w)
{
        return (struct decide_facts){
                .node = host_node(w->host),
                .model = model_state(w->model, w->view->api_version),
                .agent = w->host ? w->host->agent : AGENT_UNSEEN,
                .told = is_silent(w->host) && w->told == w->host->episode,
                .old = old_state(w),
                .now_ns = clock_wall_ns(),
        };
}

void ward_say(const struct ward *w, const char *reason, const char *action, const char *note)
{
        const struct event_about about = {
                .api_version = DEVICELINK_API_VERSION,
                .kind = DEVICELINK_KIND,
                .space = w->view->space,
                .name = w->view->name,
                .uid = w->view->uid,
        };

        events_say(w->brain->events, &about, true, reason, action, note);
}

enum result ward_failed(struct ward *w, const char *what, const struct kube_answer *answer)
{
        switch (answer->class) {
        case KUBE_CONFLICT:
                return RESULT_RETRY;
        case KUBE_AWAY:
                LOG(DEBUG, "operator.retry", answer->message, LOG_STR("link", w->keyed.key),
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
        LOG(WARNING, "operator.failed", answer->message, LOG_STR("link", w->keyed.key),
            LOG_STR("action", what));
        return RESULT_LATER;
}

/* The answer holds the link as it is now: taken like news from the watch. */
static void feed(struct brain *b, struct kube_answer *answer)
{
        struct arena *a = answer->arena;

        if (!answer->object || !a)
                return;
        answer->arena = NULL;
        reflector_feed(b->watches[WATCH_LINKS].reflector, answer->object, a);
}

/* --- somebody else was faster */

static void on_reread(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;
        struct brain *b = w->brain;

        w->call = NULL;
        if (answer->class != KUBE_OK) {
                /* Gone: the watch will say so. */
                ward_finish(w, answer->class == KUBE_MISSING
                                       ? RESULT_DONE
                                       : ward_failed(w, "read the link", answer));
                return;
        }
        ward_finish(w, RESULT_RETRY);
        feed(b, answer);
}

static void reread(struct ward *w)
{
        auto_free char *path = kube_path(&kube_devicelinks, w->view->space, w->view->name, NULL);
        const struct kube_request r = {
                .method = "GET",
                .path = path,
                .resource = "devicelinks",
                .ctx = w,
                .done = on_reread,
        };

        w->call = kube_start(w->brain->config.api, &r);
}

/* Of a write to the link itself. */
static void not_written(struct ward *w, const char *what, const struct kube_answer *answer)
{
        if (answer->class == KUBE_CONFLICT)
                reread(w);
        else if (answer->class == KUBE_MISSING)
                ward_finish(w, RESULT_DONE);
        else
                ward_finish(w, ward_failed(w, what, answer));
}

/* --- status */

static void on_status_written(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;
        struct brain *b = w->brain;

        w->call = NULL;
        if (answer->class != KUBE_OK) {
                not_written(w, "write the status", answer);
                return;
        }
        w->told = w->telling;
        ward_finish(w, RESULT_DONE);
        feed(b, answer);
}

/* It stands as it should: is there anything else? */
static void rest(struct ward *w)
{
        const struct link_view *v = w->view;

        if (is_silent(w->host) && says_agent_lost(&v->status))
                w->told = w->host->episode;
        if (w->check_holder && !w->former_held && host_node(w->host) &&
            model_state(w->model, v->api_version) == MODEL_SERVED) {
                instance_check_holder(w);
                return;
        }
        ward_finish(w, RESULT_DONE);
        if (w->former_held && !loop_timer_active(&w->retry))
                loop_timer_start(&w->retry, backoff_next_ns(&w->look), 0);
}

/* A link that comes from another node may leave its instance in that one's hands. */
static bool is_move(const struct ward *w, const struct link_status *now)
{
        const struct link_status *was = &w->view->status;

        return now->node_name[0] != '\0' && strcmp(now->node_name, was->node_name) != 0 &&
               was->conditions.n > 0 &&
               (!w->last_node || strcmp(w->last_node, now->node_name) != 0);
}

static void write_status(struct ward *w, const struct link_status *now)
{
        const struct link_view *v = w->view;
        auto_of(buf) struct buf patch = BUF(PATCH_BYTES_MAX);

        if (!link_status_patch(LINK_STATUS_OPERATOR, &v->status, now, v->version, &patch)) {
                rest(w);
                return;
        }
        if (is_move(w, now))
                w->check_holder = true;
        w->telling = w->told;
        if (is_silent(w->host) && says_agent_lost(now))
                w->telling = w->host->episode;
        auto_free char *path = kube_path(&kube_devicelinks, v->space, v->name, "status");
        const struct kube_request r = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks/status",
                .content_type = KUBE_MERGE_PATCH,
                .body = buf_text(&patch),
                .body_len = patch.len,
                .ctx = w,
                .done = on_status_written,
        };
        w->call = kube_start(w->brain->config.api, &r);
}

/* --- the finalizer */

static void say_let_go(const struct ward *w)
{
        LOG(INFO, "operator.let-go", "finalizer dropped for the agent",
            LOG_STR("link", w->keyed.key), LOG_STR("node", w->view->node),
            LOG_BOOL("abandoned", w->is_abandoned));
        if (!w->is_abandoned)
                return;
        auto_free char *note = xasprintf("the agent of node '%s' is silent: the link goes without "
                                         "it, the device may be left as it was",
                                         w->view->node);
        ward_say(w, "FailedCleanup", "Delete", note);
}

static void on_let_go(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;

        w->call = NULL;
        if (answer->class != KUBE_OK) {
                not_written(w, "drop the finalizer", answer);
                return;
        }
        say_let_go(w);
        ward_finish(w, RESULT_DONE);
}

static void let_go(struct ward *w, bool abandoned)
{
        const struct link_view *v = w->view;
        auto_of(buf) struct buf patch = BUF(PATCH_BYTES_MAX);

        if (!finalizer_patch(v->finalizers, LINK_FINALIZER, false, &patch)) {
                ward_finish(w, RESULT_DONE);
                return;
        }
        w->is_abandoned = abandoned;
        auto_free char *path = kube_path(&kube_devicelinks, v->space, v->name, NULL);
        const struct kube_request r = {
                .method = "PATCH",
                .path = path,
                .resource = "devicelinks",
                .content_type = KUBE_MERGE_PATCH,
                .body = buf_text(&patch),
                .body_len = patch.len,
                .ctx = w,
                .done = on_let_go,
        };
        w->call = kube_start(w->brain->config.api, &r);
}

void ward_work(struct ward *w)
{
        struct decide_facts f = facts_of(w);
        struct link_status status;

        switch (decide(w->view, &f, &status)) {
        case DECIDE_WAIT:
                ward_finish(w, RESULT_DONE);
                break;
        case DECIDE_STATUS:
                write_status(w, &status);
                break;
        case DECIDE_REMOVE_OLD:
                instance_remove_former(w);
                break;
        case DECIDE_LET_GO:
                let_go(w, false);
                break;
        case DECIDE_ABANDON:
                let_go(w, true);
                break;
        }
}
