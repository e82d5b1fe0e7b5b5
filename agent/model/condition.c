#include "model/condition.h"

#include <assert.h>
#include <stdio.h>
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

static void append(struct conditions *c, enum condition_type type, enum condition_status status,
                   const char *message, int64_t updated_ns, int64_t transitioned_ns)
{
        struct condition *new = &c->list[c->n++];

        *new = (struct condition){ .type = type,
                                   .status = status,
                                   .updated_ns = updated_ns,
                                   .transitioned_ns = transitioned_ns };
        (void)snprintf(new->message, sizeof(new->message), "%s", message);
}

static bool same(const struct condition *c, enum condition_status status, const char *message)
{
        return c->status == status && strncmp(c->message, message, sizeof(c->message) - 1) == 0;
}

static bool put(struct conditions *c, enum condition_type type, enum condition_status status,
                const char *message, bool rewrite, int64_t now_ns)
{
        size_t at = position(c, type);
        int64_t last_ns = c->n > 0 ? c->list[c->n - 1].updated_ns : now_ns;

        if (at < c->n && !rewrite && same(&c->list[at], status, message))
                return false;

        bool cut = at < c->n;
        c->n = at;
        if (c->n > 0 && c->list[c->n - 1].status != CONDITION_TRUE)
                return cut;
        append(c, type, status, message, now_ns, last_ns);
        return true;
}

/* What succeeds announces the next step, even where it could not be listed itself. */
static bool announce_next(struct conditions *c, enum condition_type type, int64_t now_ns)
{
        enum condition_type next = type + 1;

        if (next >= CONDITION_COUNT || position(c, next) < c->n)
                return false;

        int64_t at_ns = c->n > 0 ? c->list[c->n - 1].updated_ns : now_ns;
        append(c, next, CONDITION_UNKNOWN, types[next].unknown, at_ns, at_ns);
        return true;
}

bool conditions_set(struct conditions *c, enum condition_type type, enum condition_status status,
                    const char *message, bool rewrite, int64_t now_ns)
{
        assert(type < CONDITION_COUNT);
        if (!message)
                message = status == CONDITION_UNKNOWN ? types[type].unknown : "";
        if (status == CONDITION_UNKNOWN)
                rewrite = false;

        bool changed = put(c, type, status, message, rewrite, now_ns);
        if (status == CONDITION_TRUE && announce_next(c, type, now_ns))
                changed = true;
        return changed;
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
