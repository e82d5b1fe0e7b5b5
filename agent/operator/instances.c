/* instances.c - device instances of links that no agent takes care of: of a kind that the link has
 * left, or held by a node that is lost. */
#include "operator/impl.h"

#include "base/log.h"
#include "kube/instance.h"

#include <string.h>

static struct kube_call *ask(struct ward *w, const char *api_version, const char *kind,
                             struct kube_request *r)
{
        auto_of(arena) struct arena *a = arena_new();
        struct kube_resource resource = kube_resource_of(api_version, kind, a);
        auto_free char *path = kube_path(&resource, w->view->space, w->view->name, NULL);

        r->path = path;
        r->resource = "devices";
        r->ctx = w;
        return kube_start(w->brain->config.api, r);
}

static void remember_uid(struct ward *w, const struct tree *object)
{
        const char *uid = tree_text(tree_find(object, "metadata.uid"));

        free(w->subject);
        w->subject = xstrdup(uid ? uid : "");
}

/* Who holds it: the host is waited for from now on. */
static struct host *wait_for_holder(struct ward *w, const char *node)
{
        struct hosts *s = w->brain->hosts;
        struct host *h = hosts_use(s, node, loop_now(w->brain->loop));

        ward_wait_for(w, h);
        hosts_drop(s, h); /* the link uses it now */
        return h;
}

/* --- of a former kind */

static void former_done(struct ward *w)
{
        ward_forget_former(w);
        backoff_reset(&w->look);
        if (!w->check_holder)
                ward_wait_for(w, NULL);
        ward_finish(w, RESULT_AGAIN);
}

/* It cannot be removed: the link goes on without. */
static void former_left(struct ward *w, const struct kube_answer *answer)
{
        auto_free char *note = xasprintf("the %s that the link had cannot be removed: %s",
                                         w->former.kind, answer->message);

        (void)ward_failed(w, "remove the former instance", answer);
        ward_say(w, "FailedCleanup", "ChangeModel", note);
        former_done(w);
}

static void former_answered(struct ward *w, const struct kube_answer *answer)
{
        switch (answer->class) {
        case KUBE_OK:
        case KUBE_MISSING:
                former_done(w);
                break;
        case KUBE_CONFLICT:
        case KUBE_AWAY:
                ward_finish(w, ward_failed(w, "remove the former instance", answer));
                break;
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                former_left(w, answer);
                break;
        }
}

static void on_former_deleted(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;

        w->call = NULL;
        if (answer->class == KUBE_OK)
                LOG(INFO, "operator.former-removed", "instance of the former kind removed",
                    LOG_STR("link", w->keyed.key), LOG_STR("kind", w->former.kind));
        former_answered(w, answer);
}

static void delete_former(struct ward *w)
{
        auto_free char *reach =
                models_reach(w->brain->models, w->former.crd, w->former.api_version);
        auto_of(buf) struct buf body = BUF(1024);

        buf_adds(&body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
                        "\"Background\",\"preconditions\":{\"uid\":");
        buf_add_json(&body, w->subject, strlen(w->subject));
        buf_adds(&body, "}}");
        struct kube_request r = {
                .method = "DELETE",
                .body = buf_text(&body),
                .body_len = body.len,
                .done = on_former_deleted,
        };
        w->call = ask(w, reach, w->former.kind, &r);
}

static void on_former_read(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;
        const char *node = NULL;

        w->call = NULL;
        if (answer->class != KUBE_OK || !answer->object) {
                former_answered(w, answer);
                return;
        }
        switch (holder_of(w->view, answer->object, answer->arena, &node)) {
        case HOLDER_FOREIGN:
                former_done(w);
                return;
        case HOLDER_OTHER:
                if (!host_is_lost(wait_for_holder(w, node))) {
                        w->former_held = true;
                        ward_finish(w, RESULT_AGAIN);
                        return;
                }
                break;
        case HOLDER_FREE:
                break;
        }
        remember_uid(w, answer->object);
        delete_former(w);
}

void instance_remove_former(struct ward *w)
{
        auto_free char *reach =
                models_reach(w->brain->models, w->former.crd, w->former.api_version);
        struct kube_request r = { .method = "GET", .done = on_former_read };

        w->call = ask(w, reach, w->former.kind, &r);
}

/* --- held by a node that is lost */

static void on_released(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;

        w->call = NULL;
        if (answer->class == KUBE_OK && w->wait) {
                const char *node = w->wait->keyed.key;
                auto_free char *note =
                        xasprintf("taken from node '%s', which is lost; if its agent "
                                  "still runs, it may still drive the device",
                                  node);
                LOG(INFO, "operator.released", "instance taken from a lost node",
                    LOG_STR("link", w->keyed.key), LOG_STR("node", node));
                ward_say(w, "HolderLost", "Release", note);
        }
        if (answer->class == KUBE_OK || answer->class == KUBE_MISSING) {
                w->check_holder = false;
                ward_wait_for(w, NULL);
                ward_finish(w, RESULT_DONE);
        } else if (answer->class == KUBE_REFUSED) {
                ward_finish(w, RESULT_RETRY); /* it is not what it was: look again */
        } else {
                ward_finish(w, ward_failed(w, "release the instance", answer));
        }
}

static void release(struct ward *w, const char *node)
{
        auto_of(buf) struct buf body = BUF(4096);

        instance_release(w->subject, node, &body);
        struct kube_request r = {
                .method = "PATCH",
                .content_type = KUBE_JSON_PATCH,
                .body = buf_text(&body),
                .body_len = body.len,
                .done = on_released,
        };
        w->call = ask(w, w->view->api_version, w->view->kind, &r);
}

/* Nobody that this is about holds it. */
static void checked(struct ward *w)
{
        w->check_holder = false;
        ward_wait_for(w, NULL);
        ward_finish(w, RESULT_DONE);
}

static void on_holder_read(void *ctx, struct kube_answer *answer)
{
        struct ward *w = ctx;
        const char *node = NULL;

        w->call = NULL;
        if (answer->class == KUBE_MISSING) {
                checked(w);
                return;
        }
        if (answer->class != KUBE_OK || !answer->object) {
                ward_finish(w, ward_failed(w, "read the instance", answer));
                return;
        }
        if (holder_of(w->view, answer->object, answer->arena, &node) != HOLDER_OTHER) {
                checked(w);
                return;
        }
        if (!host_is_lost(wait_for_holder(w, node))) {
                /* Its agent gives it back; should it fall silent, this begins again. */
                w->check_holder = false;
                ward_finish(w, RESULT_DONE);
                return;
        }
        remember_uid(w, answer->object);
        release(w, node);
}

void instance_check_holder(struct ward *w)
{
        struct kube_request r = { .method = "GET", .done = on_holder_read };

        w->call = ask(w, w->view->api_version, w->view->kind, &r);
}
