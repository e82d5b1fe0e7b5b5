#include "link/plan.h"

#include <string.h>

static const struct tree *next_own(const struct tree *t)
{
        while (t && strcmp(t->key, "extension") == 0)
                t = t->next;
        return t;
}

static size_t count_own(const struct tree *map)
{
        size_t n = 0;

        for (const struct tree *t = next_own(tree_first(map)); t; t = next_own(t->next))
                n++;
        return n;
}

/* `extension` is what the agent does with the values; the device never sees it change. */
static bool same_but_extension(const struct tree *a, const struct tree *b)
{
        if (a == b)
                return true;
        if (count_own(a) != count_own(b))
                return false;
        for (const struct tree *t = next_own(tree_first(a)); t; t = next_own(t->next)) {
                const struct tree *other = tree_get(b, t->key);

                if (!other || !tree_equal(t, other))
                        return false;
        }
        return true;
}

static bool same_references(const struct link_spec *a, const struct link_spec *b)
{
        if (a->n_references != b->n_references)
                return false;
        for (size_t i = 0; i < a->n_references; i++) {
                const struct dl_reference *x = &a->references[i];
                const struct dl_reference *y = &b->references[i];

                if (strcmp(x->name, y->name) != 0 || strcmp(x->item, y->item) != 0 ||
                    x->len != y->len || (x->len > 0 && memcmp(x->data, y->data, x->len) != 0))
                        return false;
        }
        return true;
}

static bool same_model(const struct link_spec *a, const struct link_spec *b)
{
        return strcmp(a->kind, b->kind) == 0 && strcmp(a->api_version, b->api_version) == 0;
}

/* Canonical text is equal more often than not, and quicker. */
static bool same_spec(const struct link_spec *a, const struct link_spec *b)
{
        if (a->spec_json && b->spec_json && a->spec_json_len == b->spec_json_len &&
            memcmp(a->spec_json, b->spec_json, a->spec_json_len) == 0)
                return true;

        auto_of(arena) struct arena *arena = arena_new();
        return same_but_extension(link_spec_tree(a, arena), link_spec_tree(b, arena));
}

bool plan_same_device(const struct link_spec *a, const struct link_spec *b)
{
        return a == b || (same_model(a, b) && strcmp(a->adaptor, b->adaptor) == 0 &&
                          same_references(a, b) && same_spec(a, b));
}

static enum plan_action decide(const struct plan_item *want, const struct plan_item *have)
{
        if (!want)
                return PLAN_STOP;
        if (!have || !have->info)
                return want->info ? PLAN_START : PLAN_WAIT;

        bool same_kind = want->adaptor == have->adaptor && same_model(want->spec, have->spec);
        if (!want->info)
                return same_kind ? PLAN_KEEP : PLAN_STOP;
        if (!same_kind || strcmp(want->info->channel, have->info->channel) != 0 ||
            strcmp(want->info->connection, have->info->connection) != 0)
                return PLAN_REPLACE;
        if (want->info == have->info || plan_same_device(want->spec, have->spec))
                return PLAN_KEEP;
        return PLAN_UPDATE;
}

static int order_of(const struct plan_item *want, const struct plan_item *have)
{
        if (!want)
                return 1;
        if (!have)
                return -1;
        return strcmp(want->spec->key, have->spec->key);
}

static size_t merge(const struct plan_item *desired, size_t n_desired,
                    const struct plan_item *running, size_t n_running, bool stops,
                    struct plan_step *ret)
{
        size_t n = 0, i = 0, k = 0;

        while (i < n_desired || k < n_running) {
                const struct plan_item *want = i < n_desired ? &desired[i] : NULL;
                const struct plan_item *have = k < n_running ? &running[k] : NULL;
                int order = order_of(want, have);
                struct plan_step step = { PLAN_WAIT, PLAN_NONE, PLAN_NONE };

                if (order <= 0)
                        step.desired = (long)i++;
                if (order >= 0)
                        step.running = (long)k++;
                step.action = decide(order <= 0 ? want : NULL, order >= 0 ? have : NULL);
                if ((step.action == PLAN_STOP) == stops)
                        ret[n++] = step;
        }
        return n;
}

/* What stops makes room (a serial port, a session) for what starts. */
size_t plan_make(const struct plan_item *desired, size_t n_desired, const struct plan_item *running,
                 size_t n_running, struct plan_step *ret)
{
        size_t n = merge(desired, n_desired, running, n_running, true, ret);

        return n + merge(desired, n_desired, running, n_running, false, ret + n);
}
