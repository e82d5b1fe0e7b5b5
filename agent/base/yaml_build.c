#include "yaml_reader.h"

#include <string.h>

/* --- reporting ---------------------------------------------------------------------------- */

static void path_of(const struct reader *r, struct buf *path)
{
        for (unsigned i = 0; i < r->depth; i++) {
                const struct frame *fr = &r->stack[i];
                if (fr->node->type == TREE_LIST)
                        tree_path_index(path, fr->node->n);
                else if (fr->key)
                        tree_path_key(path, fr->key);
        }
}

void yaml_wrong(struct reader *r, int line, const char *format, ...)
{
        auto_of(buf) struct buf path = BUF(512);
        auto_free char *text = NULL;
        va_list args;

        va_start(args, format);
        text = xvasprintf(format, args);
        va_end(args);
        path_of(r, &path);
        findings_add(r->f, FINDING_ERROR, line, buf_text(&path), "%s", text);
        r->is_wrong = true;
}

/* Passing a limit ends the reading: what follows may be as large again. */
void yaml_stop(struct reader *r)
{
        r->skip = true;
        r->stop = true;
}

bool yaml_fits(struct reader *r, int line, unsigned height)
{
        if (height > r->limits->depth - r->depth)
                yaml_wrong(r, line, "nested deeper than %u", r->limits->depth);
        else if (r->nodes > r->limits->nodes)
                yaml_wrong(r, line, "more than %zu values, aliases written out", r->limits->nodes);
        else if (r->bytes > r->limits->bytes)
                yaml_wrong(r, line, "more than %zu bytes of text, aliases written out",
                           r->limits->bytes);
        else
                return true;
        yaml_stop(r);
        return false;
}

/* --- anchors ------------------------------------------------------------------------------ */

size_t yaml_anchor_open(struct reader *r, const yaml_char_t *name, int line)
{
        if (!name)
                return 0;
        if (r->n_anchors == ANCHORS_MAX) {
                yaml_wrong(r, line, "more than %d anchors", ANCHORS_MAX);
                r->skip = true;
                return 0;
        }
        if (!r->anchors)
                r->anchors = xcalloc(ANCHORS_MAX, sizeof(*r->anchors));
        r->anchors[r->n_anchors++] =
                (struct anchor){ .name = arena_strdup(r->a, (const char *)name), .line = line };
        return r->n_anchors;
}

void yaml_anchor_close(struct reader *r, size_t anchor, const struct tree *node, size_t nodes,
                       size_t bytes, unsigned height)
{
        if (anchor == 0)
                return;
        struct anchor *an = &r->anchors[anchor - 1];
        an->node = node;
        an->nodes = nodes;
        an->bytes = bytes;
        an->height = height;
}

/* The newest of that name counts. */
const struct anchor *yaml_anchor_find(struct reader *r, const char *name, int line)
{
        for (size_t i = r->n_anchors; i > 0; i--) {
                const struct anchor *an = &r->anchors[i - 1];
                if (strcmp(an->name, name) != 0)
                        continue;
                if (an->node)
                        return an;
                yaml_wrong(r, line, "the anchor '%.60s' of line %d contains itself", name,
                           an->line);
                return NULL;
        }
        yaml_wrong(r, line, "there is no anchor '%.60s'", name);
        return NULL;
}

/* --- nodes -------------------------------------------------------------------------------- */

struct tree *yaml_node(struct reader *r, enum tree_type type, int line)
{
        struct built *b = arena_alloc(r->a, sizeof(*b));

        b->node.type = type;
        b->node.line = line;
        return &b->node;
}

struct frame *yaml_top(struct reader *r)
{
        return r->depth ? &r->stack[r->depth - 1] : NULL;
}

bool yaml_wants_key(struct reader *r)
{
        const struct frame *fr = yaml_top(r);

        return fr && fr->node->type == TREE_MAP && !fr->key;
}

void yaml_attach(struct reader *r, struct tree *node, unsigned height)
{
        struct built *b = (struct built *)node;
        struct frame *fr = yaml_top(r);

        if (!fr) {
                r->root = node;
                return;
        }
        if (fr->node->type == TREE_MAP) {
                node->key = fr->key;
                b->key_line = fr->key_line;
                b->is_merge = fr->key_is_merge;
                fr->has_merge = fr->has_merge || fr->key_is_merge;
        }
        fr->key = NULL;
        if (fr->last)
                fr->last->next = node;
        else
                fr->node->as.first = node;
        fr->last = node;
        fr->node->n++;
        if (height > fr->height)
                fr->height = height;
}

void yaml_set_key(struct reader *r, const struct tree *t, int line, bool is_merge)
{
        struct frame *fr = yaml_top(r);

        if (t->type == TREE_LIST || t->type == TREE_MAP) {
                yaml_wrong(r, line, "%s cannot be a key", tree_type_name(t));
                r->skip = true;
                return;
        }
        if (t->type == TREE_TEXT && memchr(t->as.text, '\0', t->n)) {
                yaml_wrong(r, line, "a key must not hold U+0000");
                r->skip = true;
                return;
        }
        fr->key = yaml_key_text(r->a, t);
        fr->key_line = line;
        fr->key_is_merge = is_merge;
        if (is_merge && fr->has_merge) {
                yaml_wrong(r, line, "the key '<<' is repeated");
        }
}
