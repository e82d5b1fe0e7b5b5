#include "kube/lease_body.h"

#include "base/clock.h"
#include "kube/lease.h"

#include <inttypes.h>
#include <string.h>

static void add_text(struct buf *out, const char *key, const char *s)
{
        buf_addf(out, "\"%s\":", key);
        buf_add_json(out, s, strlen(s));
}

/* HEARTBEAT_LABEL is a selector: key=value. */
static void add_label(struct buf *out)
{
        static const char label[] = HEARTBEAT_LABEL;
        int n = (int)strcspn(label, "=");

        buf_addf(out, "\"labels\":{\"%.*s\":\"%s\"}", n, label, label + n + 1);
}

static void add_metadata(const struct lease_body *b, struct buf *out)
{
        const char *comma = "";

        buf_adds(out, "\"metadata\":{");
        if (b->name) {
                add_text(out, "name", b->name);
                buf_addc(out, ',');
                add_text(out, "namespace", b->space);
                comma = ",";
        } else if (b->version) {
                add_text(out, "resourceVersion", b->version);
                comma = ",";
        }
        if (b->node) {
                buf_adds(out, comma);
                add_label(out);
                buf_adds(out, ",\"annotations\":{");
                add_text(out, HEARTBEAT_NODE, b->node);
                buf_addc(out, '}');
        }
        buf_addc(out, '}');
}

void lease_body_add(const struct lease_body *b, struct buf *out)
{
        char now[MICRO_TIME_SIZE];

        micro_time(b->now_ns, now);
        buf_addc(out, '{');
        if (b->name)
                buf_adds(out, "\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",");
        add_metadata(b, out);
        buf_adds(out, ",\"spec\":{");
        add_text(out, "holderIdentity", b->holder);
        buf_addf(out, ",\"leaseDurationSeconds\":%" PRId64 ",\"renewTime\":\"%s\"",
                 (b->duration_ns + NS_PER_S - 1) / NS_PER_S, now);
        if (b->acquires)
                buf_addf(out, ",\"acquireTime\":\"%s\"", now);
        if (b->transitions >= 0)
                buf_addf(out, ",\"leaseTransitions\":%" PRId64, b->transitions);
        buf_adds(out, "}}");
}
