/* Any JSON as a DeviceLink: its status is read within bounds, and patches say what is meant. */
/* libs: dl_kube */
#include "base/clock.h"
#include "fuzz.h"
#include "kube/link_status.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static const struct tree *parsed(struct arena *a, const char *s, size_t n)
{
        const struct tree *t = NULL;

        return tree_parse_json(a, s, n, &tree_limits_default, &t, NULL) == 0 ? t : NULL;
}

static void check_conditions(const struct conditions *c)
{
        check(c->n <= CONDITION_COUNT);
        for (size_t i = 0; i < c->n; i++) {
                check(conditions_get(c, c->list[i].type) == &c->list[i]);
                check(c->list[i].message && condition_reason_of(&c->list[i]));
        }
}

static bool differs(enum link_status_role role, const struct link_status *was,
                    const struct link_status *now, struct buf *out)
{
        bool ret = link_status_patch(role, was, now, "1", out);

        check(ret || out->len == 0);
        return ret;
}

/* Written over nothing, the same is there again, but for what a second holds. */
static void write_and_read(struct arena *a, const struct link_status *s)
{
        static const char *const none = "{}";
        auto_of(buf) struct buf of_agent = BUF(INPUT_MAX * 16);
        auto_of(buf) struct buf of_operator = BUF(INPUT_MAX * 16);
        struct link_status was = { 0 };
        struct link_status back = { 0 };

        link_status_read(parsed(a, none, 2), &was);
        if (differs(LINK_STATUS_AGENT, &was, s, &of_agent)) {
                const struct tree *t = parsed(a, buf_text(&of_agent), of_agent.len);
                check(t && buf_ok(&of_agent));
                link_status_read(t, &back);
                check(back.conditions.n == s->conditions.n && !back.foreign);
                check(strcmp(back.adaptor_name, s->adaptor_name) == 0);
        }
        if (differs(LINK_STATUS_OPERATOR, &was, s, &of_operator)) {
                const struct tree *t = parsed(a, buf_text(&of_operator), of_operator.len);
                check(t && buf_ok(&of_operator));
                link_status_read(t, &back);
                back.adaptor_name = s->adaptor_name;
                buf_clear(&of_agent);
                check(!differs(LINK_STATUS_AGENT, &back, s, &of_agent));
                check(!differs(LINK_STATUS_OPERATOR, &back, s, &of_agent));
        }
}

static void finalizers(struct arena *a, const struct tree *object)
{
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 16);

        for (int present = 0; present <= 1; present++) {
                buf_clear(&out);
                if (!finalizer_patch(object, LINK_FINALIZER, present, &out)) {
                        check(out.len == 0);
                        continue;
                }
                const struct tree *t = parsed(a, buf_text(&out), out.len);
                check(t && buf_ok(&out));
                buf_clear(&out);
                check(!finalizer_patch(t, LINK_FINALIZER, present, &out));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 16);
        const struct tree *object = size <= INPUT_MAX ? parsed(a, (const char *)data, size) : NULL;
        struct link_status s = { 0 };

        if (!object)
                return 0;
        link_status_read(object, &s);
        check_conditions(&s.conditions);
        check(differs(LINK_STATUS_AGENT, &s, &s, &out) == s.foreign);
        write_and_read(a, &s);
        finalizers(a, object);
        return 0;
}
