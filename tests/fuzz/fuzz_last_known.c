/* What is read as a kept link is one, and is the same when it is kept again. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/last_known_impl.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void round_trip(struct arena *a, const struct tree *object, const struct instance_seen *seen)
{
        const struct tree *back = NULL;
        struct instance_seen seen_back = { 0 };
        size_t n = 0;
        char *text = last_known_text("node-1", object, seen, &n);

        if (!text) /* what it holds may be longer when it is written out */
                return;
        check(last_known_parse(text, n, "node-1", "u-1", a, &back, &seen_back, NULL) == 0);
        check(memcmp(seen, &seen_back, sizeof(*seen)) == 0);
        check(strcmp(tree_text(tree_find(back, "metadata.uid")), "u-1") == 0);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *object = NULL;
        struct instance_seen seen = { 0 };
        struct err e = { 0 };
        char *text = xmalloc(size + 1); /* files are followed by a NUL */

        memcpy(text, data, size);
        text[size] = '\0';
        if (last_known_parse(text, size, "node-1", "u-1", a, &object, &seen, &e) == 0)
                round_trip(a, object, &seen);
        else
                check(e.rc < 0 && e.text[0] && !object);
        free(text);
        return 0;
}
