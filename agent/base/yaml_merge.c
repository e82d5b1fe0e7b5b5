#include "text_quote.h"
#include "yaml_reader.h"

#include <stdlib.h>
#include <string.h>

/* One child that a map may get: its own, or one it merges. */
struct candidate {
        struct tree *node;
        size_t rank; /* own children first, in order; then merged ones */
        bool is_own;
        bool is_kept;
};

struct candidates {
        struct candidate *list;
        size_t n;
        size_t cap;
};

static void candidate_add(struct candidates *c, struct tree *node, bool is_own)
{
        if (c->n == c->cap) {
                c->cap = c->cap ? c->cap * 2 : 16;
                c->list = xreallocarray(c->list, c->cap, sizeof(*c->list));
        }
        c->list[c->n] = (struct candidate){ .node = node, .rank = c->n, .is_own = is_own };
        c->n++;
}

static int by_key_then_rank(const void *a, const void *b)
{
        const struct candidate *x = a;
        const struct candidate *y = b;
        int order = strcmp(x->node->key, y->node->key);

        return order ? order : x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int by_rank(const void *a, const void *b)
{
        const struct candidate *x = a;
        const struct candidate *y = b;

        return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int key_line(const struct tree *t)
{
        return ((const struct built *)t)->key_line;
}

static void add_merged(struct reader *r, struct candidates *c, const struct tree *value)
{
        if (value->type == TREE_MAP) {
                for (struct tree *child = value->as.first; child; child = child->next)
                        candidate_add(c, child, false);
                return;
        }
        if (value->type != TREE_LIST) {
                yaml_wrong(r, value->line, "<< takes a map or a list of maps, not %s",
                           tree_type_name(value));
                return;
        }
        TREE_FOREACH (element, value) {
                if (element->type == TREE_MAP)
                        add_merged(r, c, element);
                else
                        yaml_wrong(r, element->line,
                                   "<< takes a map or a list of maps, not a list with %s",
                                   tree_type_name(element));
        }
}

static void collect(struct reader *r, const struct tree *map, struct candidates *c)
{
        for (struct tree *child = map->as.first; child; child = child->next) {
                if (!((const struct built *)child)->is_merge)
                        candidate_add(c, child, true);
        }
        TREE_FOREACH (child, map) {
                if (((const struct built *)child)->is_merge)
                        add_merged(r, c, child);
        }
}

/* Own keys win over merged ones, earlier merged ones over later ones; two own ones are an error. */
static void choose(struct reader *r, struct candidates *c)
{
        const struct candidate *first = NULL;

        if (c->n == 0)
                return;
        qsort(c->list, c->n, sizeof(*c->list), by_key_then_rank);
        for (size_t i = 0; i < c->n; i++) {
                struct candidate *this = &c->list[i];
                if (!first || strcmp(first->node->key, this->node->key) != 0) {
                        first = this;
                        this->is_kept = true;
                } else if (this->is_own) {
                        char key[TEXT_QUOTE_MAX];
                        yaml_wrong(r, key_line(this->node),
                                   "the key '%s' of line %d is already on line %d",
                                   text_quote(this->node->key, strlen(this->node->key), key),
                                   key_line(this->node), key_line(first->node));
                }
        }
        qsort(c->list, c->n, sizeof(*c->list), by_rank);
}

static void relink(struct reader *r, struct tree *map, const struct candidates *c)
{
        struct tree **end = &map->as.first;

        map->n = 0;
        for (size_t i = 0; i < c->n; i++) {
                if (!c->list[i].is_kept)
                        continue;
                *end = c->list[i].is_own
                               ? c->list[i].node
                               : arena_memdup(r->a, c->list[i].node, sizeof(struct built));
                end = &(*end)->next;
                map->n++;
        }
        *end = NULL;
}

void yaml_finish_map(struct reader *r, const struct frame *fr)
{
        struct candidates c = { 0 };

        if (fr->node->n < 2 && !fr->has_merge)
                return;
        collect(r, fr->node, &c);
        choose(r, &c);
        if (fr->has_merge)
                relink(r, fr->node, &c);
        free(c.list);
}
