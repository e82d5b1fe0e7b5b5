/* Any JSON as a DeviceLink, Node or instance, under any facts: what is decided follows the order of
 * the conditions, and once it is written there is nothing left to do.  The first two bytes are the
 * facts. */
/* libs: dl_operator */
#include "base/clock.h"
#include "fuzz.h"
#include "operator/decide.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_list(const struct conditions *c, const struct decide_facts *f)
{
        check(c->n >= 1 && c->list[0].type == CONDITION_NODE_EXISTED);
        check((c->list[0].status == CONDITION_TRUE) == (f->node != NULL));
        for (size_t i = 1; i < c->n; i++)
                check(c->list[i].type == (enum condition_type)i &&
                      c->list[i - 1].status == CONDITION_TRUE);
        const struct condition *model = conditions_get(c, CONDITION_MODEL_EXISTED);
        if (f->node && f->model == MODEL_SERVED && f->old == OLD_NONE)
                check(model && model->status == CONDITION_TRUE && c->n > 2);
}

static void check_rest(const struct link_view *v, const struct decide_facts *f,
                       const struct link_status *now)
{
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 16);
        struct link_view written = *v;
        struct decide_facts later = *f;
        struct link_status again;

        written.status = *now;
        written.status.foreign = false;
        later.now_ns += 5 * NS_PER_S;
        check(decide(&written, &later, &again) == DECIDE_STATUS);
        check(!link_status_patch(LINK_STATUS_OPERATOR, &written.status, &again, "1", &out));
}

static void decide_link(const struct tree *object, struct arena *a, const struct decide_facts *f)
{
        struct object_meta m;
        struct link_status s;

        object_meta_read(object, a, &m);
        auto_of(link_view) struct link_view *v = link_view_new(object, &m);
        enum decision d = decide(v, f, &s);
        if (d == DECIDE_LET_GO || d == DECIDE_ABANDON)
                check(v->deleted && v->finalizers);
        if (d == DECIDE_REMOVE_OLD)
                check(f->old == OLD_UNKNOWN && f->node && !v->deleted);
        if (d != DECIDE_STATUS)
                return;
        if (!v->deleted)
                check_list(&s.conditions, f);
        check_rest(v, f, &s);
        const char *node = NULL;
        check((holder_of(v, object, a, &node) == HOLDER_OTHER) == (node != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *object = NULL;
        struct node_view node;

        if (size < 2 || size > INPUT_MAX ||
            tree_parse_json(a, (const char *)data + 2, size - 2, &tree_limits_default, &object,
                            NULL) < 0)
                return 0;
        node_view_read(object, &node);
        const struct decide_facts f = {
                .node = data[0] & 1 ? &node : NULL,
                .model = (enum model_state)((data[0] >> 1) % (MODEL_SERVED + 1)),
                .agent = (enum agent_state)(data[1] % (AGENT_GONE + 1)),
                .told = data[1] & 4,
                .old = (enum old_state)((data[1] >> 3) % (OLD_HELD + 1)),
                .now_ns = 1700000000 * NS_PER_S,
        };
        decide_link(object, a, &f);
        return 0;
}
