/* What is read as JSON is written as JSON that reads back the same. */
/* libs: dl_base */
#include "base/tree.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void round_trip(struct arena *a, const struct tree *t, unsigned flags)
{
        auto_of(buf) struct buf out = BUF(INPUT_MAX * 8);
        auto_of(buf) struct buf again = BUF(INPUT_MAX * 8);
        const struct tree *back = NULL;

        tree_json(t, flags, &out);
        check(buf_ok(&out));
        check(tree_parse_json(a, buf_text(&out), out.len, &tree_limits_default, &back, NULL) == 0);
        check(tree_equal(t, back) && tree_equal(back, t));
        tree_json(back, flags, &again);
        check(strcmp(buf_text(&out), buf_text(&again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (size > INPUT_MAX)
                return 0;
        if (tree_parse_json(a, (const char *)data, size, &tree_limits_default, &t, &e) < 0) {
                check(!t && e.rc == DL_CONFIG && e.text[0] != '\0');
                return 0;
        }
        round_trip(a, t, 0);
        round_trip(a, t, TREE_SORTED);
        return 0;
}
