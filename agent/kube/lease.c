#include "kube/lease.h"

#include "base/clock.h"
#include "base/text.h"
#include "kube/digest.h"

#include <stdio.h>
#include <string.h>

void heartbeat_name(const char *node, char ret[LEASE_NAME_SIZE])
{
        digest_fit("devicelink-agent-", node, ret, LEASE_NAME_SIZE);
}

void micro_time(int64_t wall_ns, char ret[MICRO_TIME_SIZE])
{
        int64_t of_second = (wall_ns % NS_PER_S + NS_PER_S) % NS_PER_S;
        char whole[TEXT_TIME_MAX];
        size_t n = text_time(wall_ns, whole);

        (void)snprintf(ret, MICRO_TIME_SIZE, "%.*s.%06dZ", (int)(n - 1), whole,
                       (int)(of_second / NS_PER_US));
}

/* --- leases of others */

enum { DURATION_S = 15 }; /* of one that does not say */

static void copy_text(char *ret, size_t size, const struct tree *t)
{
        const char *s = tree_text(t);

        (void)snprintf(ret, size, "%s", s ? s : "");
}

static int64_t number(const struct tree *t, int64_t min, int64_t fallback)
{
        return t && t->type == TREE_INT && t->as.i >= min && t->as.i <= INT32_MAX ? t->as.i
                                                                                  : fallback;
}

void lease_view_read(struct lease_view *v, const struct tree *lease, int64_t now_ns)
{
        const struct tree *spec = tree_get(lease, "spec");
        struct lease_view now = {
                .transitions = number(tree_get(spec, "leaseTransitions"), 0, 0),
                .duration_ns =
                        number(tree_get(spec, "leaseDurationSeconds"), 1, DURATION_S) * NS_PER_S,
                .seen_ns = v->seen_ns,
        };

        copy_text(now.holder, sizeof(now.holder), tree_get(spec, "holderIdentity"));
        copy_text(now.renewed, sizeof(now.renewed), tree_get(spec, "renewTime"));
        if (v->seen_ns == 0 || strcmp(v->holder, now.holder) != 0 ||
            strcmp(v->renewed, now.renewed) != 0 || v->transitions != now.transitions ||
            v->duration_ns != now.duration_ns)
                now.seen_ns = now_ns;
        *v = now;
}

bool lease_view_expired(const struct lease_view *v, int64_t now_ns)
{
        return v->holder[0] == '\0' || now_ns - v->seen_ns >= v->duration_ns;
}
