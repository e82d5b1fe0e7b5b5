/* What is read as YAML stays within its limits, knows its lines and is the same as JSON. */
/* libs: dl_base */
#include "base/tree.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 15, OUTPUT_MAX = 1 << 20 };

static const struct tree_limits limits = { .bytes = INPUT_MAX, .nodes = 2000, .depth = 20 };
static const struct tree_limits loose = { .bytes = OUTPUT_MAX, .nodes = 4000, .depth = 20 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

/* Counts the nodes below, aliases written out. */
static size_t walk(const struct tree *t, int lines, unsigned depth)
{
        size_t nodes = 1;
        size_t children = 0;

        check(t->line >= 1 && t->line <= lines);
        check(depth <= limits.depth);
        TREE_FOREACH (child, t) {
                check((child->key != NULL) == (t->type == TREE_MAP));
                nodes += walk(child, lines, depth + 1);
                children++;
        }
        if (t->type == TREE_LIST || t->type == TREE_MAP)
                check(children == t->n);
        return nodes;
}

static void round_trip(struct arena *a, const struct tree *t)
{
        auto_of(buf) struct buf out = BUF(OUTPUT_MAX);
        const struct tree *back = NULL;

        tree_json(t, 0, &out);
        check(buf_ok(&out));
        check(tree_parse_json(a, buf_text(&out), out.len, &loose, &back, NULL) == 0);
        check(tree_equal(t, back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        struct findings f = { 0 };
        const struct tree *docs = NULL;
        struct err e = { 0 };
        int lines = 2;

        /* libyaml counts U+0085, U+2028 and U+2029 as ends of lines, too. */
        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80 || data[i] < 0x10;
        if (tree_parse_yaml(a, (const char *)data, size, &limits, &f, &docs, &e) < 0) {
                check(size > limits.bytes && e.rc == DL_CONFIG);
                return 0;
        }
        TREE_FOREACH (doc, docs) {
                check(doc->type != TREE_NULL);
                check(walk(doc, lines, 0) <= limits.nodes);
                round_trip(a, doc);
        }
        for (size_t i = 0; i < f.n; i++) {
                check(f.list[i].line >= 1 && f.list[i].line <= lines);
                check(strlen(f.list[i].path) <= 512 && strlen(f.list[i].text) <= 300);
        }
        findings_done(&f);
        return 0;
}
