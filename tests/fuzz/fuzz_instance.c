/* Any template and any object, a line each: what is written is right, and stays right. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/instance.h"

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

static void check_written(struct arena *a, const struct instance_want *w, const struct buf *out)
{
        const struct tree *t = parsed(a, buf_text(out), out->len);
        struct instance_seen seen = { 0 };

        check(buf_ok(out) && t);
        check(instance_compare(w, t, &seen) == INSTANCE_RIGHT);
        seen = instance_remember(w, t);
        check(seen.wanted != 0 && seen.got != 0);
        check(instance_compare(w, t, &seen) == INSTANCE_RIGHT);
}

static void run(struct arena *a, const struct tree *template, const struct tree *object)
{
        auto_of(buf) struct buf spec = BUF(INPUT_MAX * 16);
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 64);
        struct devicelink link = { .meta = { .name = "pump", .space = "plant", .uid = "u" } };
        struct instance_seen seen = { 0 };

        tree_json(template, TREE_SORTED, &spec);
        link.spec.model.api_version = DEVICE_API_VERSION;
        link.spec.model.kind = "ModbusDevice";
        struct instance_want w = { .link = &link,
                                   .node = "edge-1",
                                   .spec_json = buf_text(&spec),
                                   .spec_json_len = spec.len };
        instance_create(&w, &out);
        check_written(a, &w, &out);
        buf_clear(&out);
        instance_replace(&w, object, &out);
        check_written(a, &w, &out);

        enum instance_state state = instance_compare(&w, object, &seen);
        seen = instance_remember(&w, object);
        enum instance_state known = instance_compare(&w, object, &seen);
        /* Once seen, only the metadata can still differ. */
        check(known == state || (state == INSTANCE_DIFFERS && known == INSTANCE_RIGHT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        const char *s = (const char *)data;
        const char *line = size <= INPUT_MAX ? memchr(s, '\n', size) : NULL;

        if (!line)
                return 0;
        const struct tree *template = parsed(a, s, (size_t)(line - s));
        const struct tree *object = parsed(a, line + 1, (size_t)(s + size - line - 1));
        if (template && object && template->type == TREE_MAP && object->type == TREE_MAP)
                run(a, template, object);
        return 0;
}
