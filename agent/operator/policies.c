#include "operator/policies.h"

#include "base/log.h"
#include "base/mem.h"

struct policies {
        struct kube_call *call; /* NULL: it was answered */
};

static void on_answer(void *ctx, struct kube_answer *a)
{
        struct policies *p = ctx;

        p->call = NULL;
        if (a->class != KUBE_OK && a->class != KUBE_MISSING) {
                LOG(WARNING, "operator.policies", "cannot find out whether policies are offered",
                    LOG_STR("error", a->message));
                return;
        }
        if (a->class == KUBE_OK && kube_discovered(a->object, "validatingadmissionpolicies"))
                return;
        LOG(WARNING, "operator.no-policies",
            "this cluster has no ValidatingAdmissionPolicy (Kubernetes 1.30): nothing keeps an "
            "agent from the links and devices of other nodes");
}

struct policies *policies_check(struct kube_api *api)
{
        struct policies *p = xcalloc(1, sizeof(*p));

        p->call = kube_start(
                api, &(struct kube_request){ .method = "GET",
                                             .path = "/apis/admissionregistration.k8s.io/v1",
                                             .resource = "discovery",
                                             .lane = KUBE_WORK,
                                             .ctx = p,
                                             .done = on_answer });
        return p;
}

void policies_close(struct policies *p)
{
        if (!p)
                return;
        kube_cancel(p->call);
        free(p);
}
