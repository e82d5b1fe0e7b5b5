#include "yaml_scalar.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A node remembers the line of its key, for the message about a repeated one. */
struct built {
        struct tree node; /* first: a struct tree * of this file is a struct built * */
        int key_line;
        bool is_merge; /* the value of << */
};

enum { ANCHORS_MAX = 1000 };

/* What an alias stands for, and what it costs to write it out. */
struct anchor {
        char *name;
        const struct tree *node; /* NULL while it is being read */
        size_t nodes;
        size_t bytes;
        unsigned height;
        int line;
};

/* A list or map that is not closed yet. */
struct frame {
        struct tree *node;
        struct tree *last; /* its newest child */
        const char *key;   /* map: read, its value to come */
        int key_line;
        bool key_is_merge;
        bool has_merge;
        unsigned height; /* of its highest child */
        size_t anchor;   /* index + 1, 0 = none */
        size_t nodes;    /* counted before it began */
        size_t bytes;
};

struct reader {
        yaml_parser_t parser;
        struct arena *a;
        const struct tree_limits *limits;
        struct findings *f;
        struct frame *stack;
        unsigned depth; /* frames in use */
        struct anchor *anchors;
        size_t n_anchors;
        struct tree *root; /* of the document */
        size_t nodes;      /* of the document, aliases written out */
        size_t bytes;
        bool is_wrong; /* the document has an error: read on, keep nothing */
        bool skip;     /* its structure cannot be trusted: wait for its end */
        bool stop;     /* over a limit: read no further */
};

/* --- reporting ---------------------------------------------------------------------------- */

static int line_of(const yaml_mark_t *mark)
{
        return mark->line < INT_MAX ? (int)mark->line + 1 : 0;
}

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

__attribute__((format(printf, 3, 4))) static void wrong(struct reader *r, int line,
                                                        const char *format, ...)
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
static bool fits(struct reader *r, int line, unsigned height)
{
        if (height > r->limits->depth - r->depth)
                wrong(r, line, "nested deeper than %u", r->limits->depth);
        else if (r->nodes > r->limits->nodes)
                wrong(r, line, "more than %zu values, aliases written out", r->limits->nodes);
        else if (r->bytes > r->limits->bytes)
                wrong(r, line, "more than %zu bytes of text, aliases written out",
                      r->limits->bytes);
        else
                return true;
        r->skip = true;
        r->stop = true;
        return false;
}

/* --- anchors ------------------------------------------------------------------------------ */

static size_t anchor_open(struct reader *r, const yaml_char_t *name, int line)
{
        if (!name)
                return 0;
        if (r->n_anchors == ANCHORS_MAX) {
                wrong(r, line, "more than %d anchors", ANCHORS_MAX);
                r->skip = true;
                return 0;
        }
        if (!r->anchors)
                r->anchors = xcalloc(ANCHORS_MAX, sizeof(*r->anchors));
        r->anchors[r->n_anchors++] =
                (struct anchor){ .name = arena_strdup(r->a, (const char *)name), .line = line };
        return r->n_anchors;
}

static void anchor_close(struct reader *r, size_t anchor, const struct tree *node, size_t nodes,
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
static const struct anchor *anchor_find(struct reader *r, const char *name, int line)
{
        for (size_t i = r->n_anchors; i > 0; i--) {
                const struct anchor *an = &r->anchors[i - 1];
                if (strcmp(an->name, name) != 0)
                        continue;
                if (an->node)
                        return an;
                wrong(r, line, "the anchor '%.60s' of line %d contains itself", name, an->line);
                return NULL;
        }
        wrong(r, line, "there is no anchor '%.60s'", name);
        return NULL;
}

/* --- maps: repeated keys, merge keys ------------------------------------------------------ */

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
                wrong(r, value->line, "<< takes a map or a list of maps, not %s",
                      tree_type_name(value));
                return;
        }
        TREE_FOREACH (element, value) {
                if (element->type == TREE_MAP)
                        add_merged(r, c, element);
                else
                        wrong(r, element->line,
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

        qsort(c->list, c->n, sizeof(*c->list), by_key_then_rank);
        for (size_t i = 0; i < c->n; i++) {
                struct candidate *this = &c->list[i];
                if (!first || strcmp(first->node->key, this->node->key) != 0) {
                        first = this;
                        this->is_kept = true;
                } else if (this->is_own) {
                        wrong(r, key_line(this->node),
                              "the key '%.60s' of line %d is already on line %d", this->node->key,
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

static void finish_map(struct reader *r, const struct frame *fr)
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

/* --- nodes -------------------------------------------------------------------------------- */

static struct tree *new_node(struct reader *r, enum tree_type type, int line)
{
        struct built *b = arena_alloc(r->a, sizeof(*b));

        b->node.type = type;
        b->node.line = line;
        return &b->node;
}

static struct frame *top(struct reader *r)
{
        return r->depth ? &r->stack[r->depth - 1] : NULL;
}

static bool wants_key(struct reader *r)
{
        const struct frame *fr = top(r);

        return fr && fr->node->type == TREE_MAP && !fr->key;
}

static void attach(struct reader *r, struct tree *node, unsigned height)
{
        struct built *b = (struct built *)node;
        struct frame *fr = top(r);

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

static void set_key(struct reader *r, const struct tree *t, int line, bool is_merge)
{
        struct frame *fr = top(r);

        if (t->type == TREE_LIST || t->type == TREE_MAP) {
                wrong(r, line, "%s cannot be a key", tree_type_name(t));
                r->skip = true;
                return;
        }
        if (t->type == TREE_TEXT && memchr(t->as.text, '\0', t->n)) {
                wrong(r, line, "a key must not hold U+0000");
                r->skip = true;
                return;
        }
        fr->key = yaml_key_text(r->a, t);
        fr->key_line = line;
        fr->key_is_merge = is_merge;
        if (is_merge && fr->has_merge) {
                wrong(r, line, "the key '<<' is repeated");
        }
}

/* --- events ------------------------------------------------------------------------------- */

static void on_scalar(struct reader *r, const yaml_event_t *ev)
{
        const char *tag = (const char *)ev->data.scalar.tag;
        const char *s = (const char *)ev->data.scalar.value;
        size_t n = ev->data.scalar.length;
        int line = line_of(&ev->start_mark);
        bool is_plain = ev->data.scalar.plain_implicit;
        size_t anchor = anchor_open(r, ev->data.scalar.anchor, line);
        struct tree *t = new_node(r, TREE_NULL, line);
        const char *problem = yaml_scalar(r->a, tag, is_plain, s, n, t);

        r->nodes++;
        r->bytes += n;
        anchor_close(r, anchor, t, 1, n, 0);
        if (problem)
                wrong(r, line, "%s", problem);
        if (!fits(r, line, 0) || r->skip)
                return;
        if (wants_key(r))
                set_key(r, t, line,
                        strcmp(s, "<<") == 0 && (is_plain || yaml_tag_is(tag, "merge")));
        else
                attach(r, t, 0);
}

static void on_alias(struct reader *r, const yaml_event_t *ev)
{
        int line = line_of(&ev->start_mark);
        const struct anchor *an = anchor_find(r, (const char *)ev->data.alias.anchor, line);
        struct tree *copy = NULL;

        if (!an) {
                r->skip = true;
                return;
        }
        r->nodes += an->nodes;
        r->bytes += an->bytes;
        if (!fits(r, line, an->height))
                return;
        if (wants_key(r)) {
                set_key(r, an->node, line, false);
                return;
        }
        copy = new_node(r, an->node->type, line);
        copy->n = an->node->n;
        copy->as = an->node->as; /* children are shared */
        attach(r, copy, an->height);
}

static void on_open(struct reader *r, const yaml_event_t *ev, enum tree_type type)
{
        bool is_list = type == TREE_LIST;
        const char *tag =
                (const char *)(is_list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag);
        const yaml_char_t *name =
                is_list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor;
        int line = line_of(&ev->start_mark);
        struct tree *t = new_node(r, type, line);
        struct frame fr = { .node = t, .nodes = r->nodes, .bytes = r->bytes };

        r->nodes++;
        if (tag && strcmp(tag, "!") != 0 && !yaml_tag_is(tag, is_list ? "seq" : "map"))
                wrong(r, line, "the tag %.60s is unknown", tag);
        if (wants_key(r)) {
                wrong(r, line, "%s cannot be a key", tree_type_name(t));
                r->skip = true;
                return;
        }
        fr.anchor = anchor_open(r, name, line);
        if (!r->skip && fits(r, line, 1))
                r->stack[r->depth++] = fr;
}

static void on_close(struct reader *r)
{
        const struct frame fr = r->stack[r->depth - 1];
        unsigned height = fr.height + 1;

        if (fr.node->type == TREE_MAP)
                finish_map(r, &fr);
        r->depth--;
        anchor_close(r, fr.anchor, fr.node, r->nodes - fr.nodes, r->bytes - fr.bytes, height);
        attach(r, fr.node, height);
}

static void begin_document(struct reader *r)
{
        r->depth = 0;
        r->n_anchors = 0;
        r->root = NULL;
        r->nodes = 0;
        r->bytes = 0;
        r->is_wrong = false;
        r->skip = false;
}

static void on_event(struct reader *r, const yaml_event_t *ev, struct tree *docs,
                     struct tree **last)
{
        switch (ev->type) {
        case YAML_DOCUMENT_START_EVENT:
                begin_document(r);
                return;
        case YAML_DOCUMENT_END_EVENT:
                if (r->is_wrong || !r->root || r->root->type == TREE_NULL)
                        return;
                if (*last)
                        (*last)->next = r->root;
                else
                        docs->as.first = r->root;
                *last = r->root;
                docs->n++;
                return;
        case YAML_ALIAS_EVENT:
                if (!r->skip)
                        on_alias(r, ev);
                return;
        case YAML_SCALAR_EVENT:
                if (!r->skip)
                        on_scalar(r, ev);
                return;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
                if (!r->skip)
                        on_open(r, ev,
                                ev->type == YAML_SEQUENCE_START_EVENT ? TREE_LIST : TREE_MAP);
                return;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                if (!r->skip)
                        on_close(r);
                return;
        case YAML_NO_EVENT:
        case YAML_STREAM_START_EVENT:
        case YAML_STREAM_END_EVENT:
                return;
        }
}

/* --- the stream --------------------------------------------------------------------------- */

static int line_at(const char *s, size_t n, size_t offset)
{
        int line = 1;

        for (size_t i = 0; i < offset && i < n && line < INT_MAX; i++)
                line += s[i] == '\n';
        return line;
}

/* libyaml's words, with the two that puzzle people put plainly. */
static void syntax_error(const struct reader *r, const char *s, size_t n)
{
        const yaml_parser_t *p = &r->parser;
        const char *problem = p->problem ? p->problem : "unreadable";
        size_t index = p->problem_mark.index;

        if (p->error == YAML_READER_ERROR) {
                findings_add(r->f, FINDING_ERROR, line_at(s, n, p->problem_offset), "",
                             "%s (0x%02X)", problem, (unsigned)p->problem_value);
                return;
        }
        if (strstr(problem, "cannot start any token") && index < n && s[index] == '\t')
                problem = "a tab cannot be used to indent";
        if (p->context && p->context_mark.line != p->problem_mark.line)
                findings_add(r->f, FINDING_ERROR, line_of(&p->problem_mark), "",
                             "%s (%s that begins on line %d)", problem, p->context,
                             line_of(&p->context_mark));
        else
                findings_add(r->f, FINDING_ERROR, line_of(&p->problem_mark), "", "%s%s%s", problem,
                             p->context ? ", " : "", p->context ? p->context : "");
}

static void read_stream(struct reader *r, const char *s, size_t n, struct tree *docs)
{
        struct tree *last = NULL;
        bool at_end = false;

        while (!at_end && !r->stop) {
                yaml_event_t ev;
                if (!yaml_parser_parse(&r->parser, &ev)) {
                        syntax_error(r, s, n);
                        return;
                }
                at_end = ev.type == YAML_STREAM_END_EVENT;
                on_event(r, &ev, docs, &last);
                yaml_event_delete(&ev);
        }
}

int tree_parse_yaml(struct arena *a, const char *s, size_t n, const struct tree_limits *limits,
                    struct findings *f, const struct tree **ret, struct err *e)
{
        struct reader r = { .a = a, .limits = limits, .f = f };
        struct tree *docs = NULL;

        if (n > limits->bytes)
                return err_set(e, DL_CONFIG, "larger than %zu bytes", limits->bytes);
        if (!yaml_parser_initialize(&r.parser))
                return err_set(e, DL_RETRY, "no memory for the YAML reader");

        r.stack = xcalloc((size_t)limits->depth + 1, sizeof(*r.stack));
        docs = tree_new(a, TREE_LIST);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)s, n);
        read_stream(&r, s, n, docs);
        yaml_parser_delete(&r.parser);
        free(r.stack);
        free(r.anchors);
        *ret = docs;
        return 0;
}
