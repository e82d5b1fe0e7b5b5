/* Any JSON as a Lease of somebody else: it ends in time. */
/* libs: dl_kube */
#include "base/clock.h"
#include "fuzz.h"
#include "kube/lease.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct lease_view v = { 0 };
        int64_t now_ns = 1000 * NS_PER_S;

        if (size > INPUT_MAX ||
            tree_parse_json(a, (const char *)data, size, &tree_limits_default, &t, NULL) < 0)
                return 0;
        lease_view_read(&v, t, now_ns);
        check(v.duration_ns >= NS_PER_S && v.transitions >= 0 && v.seen_ns == now_ns);
        check(strlen(v.holder) < sizeof(v.holder) && strlen(v.renewed) < sizeof(v.renewed));
        check(lease_view_expired(&v, now_ns) == (v.holder[0] == '\0'));
        /* Seen again unchanged, it has not begun anew. */
        lease_view_read(&v, t, now_ns + v.duration_ns);
        check(lease_view_expired(&v, now_ns + v.duration_ns));
        return 0;
}
