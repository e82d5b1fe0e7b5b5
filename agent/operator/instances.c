/* instances.c - device instances of links that no agent takes care of: of a kind that the link has
 * left, or held by a node that is lost. */
#include "operator/impl.h"

#include "base/log.h"
#include "kube/instance.h"

#include <string.h>

static struct kube_call *ask(struct ward *l, const char *api_version, const char *kind,
                             struct kube_request *r)
{
        auto_of(arena) struct arena *a = arena_new();
        struct kube_resource resource = kube_resource_of(api_version, kind, a);
        auto_free char *path = kube_path(&resource, l->view->space, l->view->name, NULL);

        r->path = path;
        r->resource = "devices";
        r->ctx = l;
        return kube_start(l->op->config.api, r);
}

static void remember_uid(struct ward *l, const struct tree *object)
{
        const char *uid = tree_text(tree_find(object, "metadata.uid"));

        free(l->subject);
        l->subject = xstrdup(uid ? uid : "");
}

/* Who holds it: the host is waited for from now on. */
static struct host *wait_for_holder(struct ward *l, const char *node)
{
        struct hosts *s = l->op->hosts;
        struct host *h = hosts_use(s, node, loop_now(l->op->loop));

        ward_wait_for(l, h);
        hosts_drop(s, h); /* the link uses it now */
        return h;
}

/* --- of a former kind */

static void former_done(struct ward *l)
{
        ward_forget_former(l);
        backoff_reset(&l->look);
        if (!l->check_holder)
                ward_wait_for(l, NULL);
        ward_finish(l, RESULT_AGAIN);
}

/* It cannot be removed: the link goes on without. */
static void former_left(struct ward *l, const struct kube_answer *answer)
{
        auto_free char *note = xasprintf("the %s that the link had cannot be removed: %s",
                                         l->former.kind, answer->message);

        (void)ward_failed(l, "remove the former instance", answer);
        ward_say(l, "FailedCleanup", "ChangeModel", note);
        former_done(l);
}

static void former_answered(struct ward *l, const struct kube_answer *answer)
{
        switch (answer->class) {
        case KUBE_OK:
        case KUBE_MISSING:
                former_done(l);
                break;
        case KUBE_CONFLICT:
        case KUBE_AWAY:
                ward_finish(l, ward_failed(l, "remove the former instance", answer));
                break;
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_REFUSED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                former_left(l, answer);
                break;
        }
}

static void on_former_deleted(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;

        l->call = NULL;
        if (answer->class == KUBE_OK)
                LOG(INFO, "operator.former-removed", "instance of the former kind removed",
                    LOG_STR("link", l->keyed.key), LOG_STR("kind", l->former.kind));
        former_answered(l, answer);
}

static void delete_former(struct ward *l)
{
        auto_free char *reach = models_reach(l->op->models, l->former.crd, l->former.api_version);
        auto_of(buf) struct buf body = BUF(1024);

        buf_adds(&body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
                        "\"Background\",\"preconditions\":{\"uid\":");
        buf_add_json(&body, l->subject, strlen(l->subject));
        buf_adds(&body, "}}");
        struct kube_request r = {
                .method = "DELETE",
                .body = buf_text(&body),
                .body_len = body.len,
                .done = on_former_deleted,
        };
        l->call = ask(l, reach, l->former.kind, &r);
}

static void on_former_read(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;
        const char *node = NULL;

        l->call = NULL;
        if (answer->class != KUBE_OK || !answer->object) {
                former_answered(l, answer);
                return;
        }
        switch (holder_of(l->view, answer->object, answer->arena, &node)) {
        case HOLDER_FOREIGN:
                former_done(l);
                return;
        case HOLDER_OTHER:
                if (!host_is_lost(wait_for_holder(l, node))) {
                        l->former_held = true;
                        ward_finish(l, RESULT_AGAIN);
                        return;
                }
                break;
        case HOLDER_FREE:
                break;
        }
        remember_uid(l, answer->object);
        delete_former(l);
}

void instance_remove_former(struct ward *l)
{
        auto_free char *reach = models_reach(l->op->models, l->former.crd, l->former.api_version);
        struct kube_request r = { .method = "GET", .done = on_former_read };

        l->call = ask(l, reach, l->former.kind, &r);
}

/* --- held by a node that is lost */

static void on_released(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;

        l->call = NULL;
        if (answer->class == KUBE_OK && l->wait) {
                const char *node = l->wait->keyed.key;
                auto_free char *note =
                        xasprintf("taken from node '%s', which is lost; if its agent "
                                  "still runs, it may still drive the device",
                                  node);
                LOG(INFO, "operator.released", "instance taken from a lost node",
                    LOG_STR("link", l->keyed.key), LOG_STR("node", node));
                ward_say(l, "HolderLost", "Release", note);
        }
        if (answer->class == KUBE_OK || answer->class == KUBE_MISSING) {
                l->check_holder = false;
                ward_wait_for(l, NULL);
                ward_finish(l, RESULT_DONE);
        } else if (answer->class == KUBE_REFUSED) {
                ward_finish(l, RESULT_RETRY); /* it is not what it was: look again */
        } else {
                ward_finish(l, ward_failed(l, "release the instance", answer));
        }
}

static void release(struct ward *l, const char *node)
{
        auto_of(buf) struct buf body = BUF(4096);

        instance_release(l->subject, node, &body);
        struct kube_request r = {
                .method = "PATCH",
                .content_type = KUBE_JSON_PATCH,
                .body = buf_text(&body),
                .body_len = body.len,
                .done = on_released,
        };
        l->call = ask(l, l->view->api_version, l->view->kind, &r);
}

/* Nobody that this is about holds it. */
static void checked(struct ward *l)
{
        l->check_holder = false;
        ward_wait_for(l, NULL);
        ward_finish(l, RESULT_DONE);
}

static void on_holder_read(void *ctx, struct kube_answer *answer)
{
        struct ward *l = ctx;
        const char *node = NULL;

        l->call = NULL;
        if (answer->class == KUBE_MISSING) {
                checked(l);
                return;
        }
        if (answer->class != KUBE_OK || !answer->object) {
                ward_finish(l, ward_failed(l, "read the instance", answer));
                return;
        }
        if (holder_of(l->view, answer->object, answer->arena, &node) != HOLDER_OTHER) {
                checked(l);
                return;
        }
        if (!host_is_lost(wait_for_holder(l, node))) {
                /* Its agent gives it back; should it fall silent, this begins again. */
                l->check_holder = false;
                ward_finish(l, RESULT_DONE);
                return;
        }
        remember_uid(l, answer->object);
        release(l, node);
}

void instance_check_holder(struct ward *l)
{
        struct kube_request r = { .method = "GET", .done = on_holder_read };

        l->call = ask(l, l->view->api_version, l->view->kind, &r);
}
