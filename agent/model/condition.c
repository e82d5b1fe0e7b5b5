#include "model/condition.h"

#include <assert.h>
#include <string.h>

static const struct {
        const char *name;
        const char *reason[3]; /* by enum condition_status */
        const char *unknown;
} types[CONDITION_COUNT] = {
        [CONDITION_NODE_EXISTED] = { "NodeExisted",
                                     { "Confirming", "Found", "NotFound" },
                                     "verify if there is a suitable node to schedule" },
        [CONDITION_MODEL_EXISTED] = { "ModelExisted",
                                      { "Confirming", "Found", "NotFound" },
                                      "verify if there is a suitable model as a template" },
        [CONDITION_ADAPTOR_EXISTED] = { "AdaptorExisted",
                                        { "Confirming", "Found", "NotFound" },
                                        "verify if there is a suitable adaptor to access" },
        [CONDITION_DEVICE_CREATED] = { "DeviceCreated",
                                       { "Creating", "Success", "Fail" },
                                       "verify if there is a corresponding device created" },
        [CONDITION_DEVICE_CONNECTED] = { "DeviceConnected",
                                         { "Connecting", "Healthy", "Unhealthy" },
                                         "connect device" },
};

const char *condition_type_name(enum condition_type type)
{
        return types[type].name;
}

const char *condition_status_name(enum condition_status status)
{
        static const char *const names[] = { "Unknown", "True", "False" };

        return names[status];
}

const char *condition_reason(enum condition_type type, enum condition_status status)
{
        return types[type].reason[status];
}

static size_t position(const struct conditions *c, enum condition_type type)
{
        size_t i = 0;

        while (i < c->n && c->list[i].type != type)
                i++;
        return i;
}

const char *condition_reason_of(const struct condition *c)
{
        return c->reason ? c->reason : condition_reason(c->type, c->status);
}

static bool same(const struct condition *a, const struct condition *b)
{
        return a->type == b->type && a->status == b->status &&
               strcmp(a->message, b->message) == 0 &&
               strcmp(condition_reason_of(a), condition_reason_of(b)) == 0;
}

/* Of `new` the times are filled in here. */
static bool put(struct conditions *c, struct condition *new, bool rewrite, int64_t now_ns)
{
        size_t at = position(c, new->type);

        new->updated_ns = now_ns;
        new->transitioned_ns = c->n > 0 ? c->list[c->n - 1].updated_ns : now_ns;
        if (at < c->n && !rewrite && same(&c->list[at], new))
                return false;

        bool cut = at < c->n;
        c->n = at;
        if (c->n > 0 && c->list[c->n - 1].status != CONDITION_TRUE)
                return cut;
        c->list[c->n++] = *new;
        return true;
}

/* What succeeds announces the next step, even where it could not be listed itself. */
static bool announce_next(struct conditions *c, enum condition_type type, int64_t now_ns)
{
        enum condition_type next = type + 1;

        if (next >= CONDITION_COUNT || position(c, next) < c->n)
                return false;

        int64_t at_ns = c->n > 0 ? c->list[c->n - 1].updated_ns : now_ns;
        c->list[c->n++] = (struct condition){ .type = next,
                                              .status = CONDITION_UNKNOWN,
                                              .message = types[next].unknown,
                                              .updated_ns = at_ns,
                                              .transitioned_ns = at_ns };
        return true;
}

static bool set(struct conditions *c, struct condition *new, bool rewrite, int64_t now_ns)
{
        assert(new->type < CONDITION_COUNT);
        if (!new->message)
                new->message = new->status == CONDITION_UNKNOWN ? types[new->type].unknown : "";
        if (new->status == CONDITION_UNKNOWN)
                rewrite = false;

        bool changed = put(c, new, rewrite, now_ns);
        if (new->status == CONDITION_TRUE && announce_next(c, new->type, now_ns))
                changed = true;
        return changed;
}

bool conditions_set(struct conditions *c, enum condition_type type, enum condition_status status,
                    const char *message, bool rewrite, int64_t now_ns)
{
        struct condition new = { .type = type, .status = status, .message = message };

        return set(c, &new, rewrite, now_ns);
}

bool conditions_set_reason(struct conditions *c, enum condition_type type,
                           enum condition_status status, const char *reason, const char *message,
                           int64_t now_ns)
{
        struct condition new = {
                .type = type, .status = status, .message = message, .reason = reason
        };

        return set(c, &new, false, now_ns);
}

bool conditions_equal(const struct conditions *a, const struct conditions *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                if (!same(&a->list[i], &b->list[i]) ||
                    a->list[i].updated_ns != b->list[i].updated_ns ||
                    a->list[i].transitioned_ns != b->list[i].transitioned_ns)
                        return false;
        }
        return true;
}

const struct condition *conditions_get(const struct conditions *c, enum condition_type type)
{
        size_t at = position(c, type);

        return at < c->n ? &c->list[at] : NULL;
}

const struct condition *conditions_phase(const struct conditions *c)
{
        return c->n > 0 ? &c->list[c->n - 1] : NULL;
}
