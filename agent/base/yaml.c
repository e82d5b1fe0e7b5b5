#include "text_quote.h"
#include "yaml_reader.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int line_of(const yaml_mark_t *mark)
{
        return mark->line < INT_MAX ? (int)mark->line + 1 : 0;
}

/* --- events ------------------------------------------------------------------------------- */

static void on_scalar(struct reader *r, const yaml_event_t *ev)
{
        const char *tag = (const char *)ev->data.scalar.tag;
        const char *s = (const char *)ev->data.scalar.value;
        size_t n = ev->data.scalar.length;
        int line = line_of(&ev->start_mark);
        bool is_plain = ev->data.scalar.plain_implicit;
        size_t anchor = yaml_anchor_open(r, ev->data.scalar.anchor, line);
        struct tree *t = yaml_node(r, TREE_NULL, line);
        const char *problem = yaml_scalar(r->a, tag, is_plain, s, n, t);

        r->nodes++;
        r->bytes += n;
        yaml_anchor_close(r, anchor, t, 1, n, 0);
        if (problem)
                yaml_wrong(r, line, "%s", problem);
        if (!yaml_fits(r, line, 0) || r->skip)
                return;
        if (yaml_wants_key(r))
                yaml_set_key(r, t, line,
                             strcmp(s, "<<") == 0 && (is_plain || yaml_tag_is(tag, "merge")));
        else
                yaml_attach(r, t, 0);
}

static void on_alias(struct reader *r, const yaml_event_t *ev)
{
        int line = line_of(&ev->start_mark);
        const struct anchor *an = yaml_anchor_find(r, (const char *)ev->data.alias.anchor, line);
        struct tree *copy = NULL;

        if (!an) {
                r->skip = true;
                return;
        }
        r->nodes += an->nodes;
        r->bytes += an->bytes;
        if (!yaml_fits(r, line, an->height))
                return;
        if (yaml_wants_key(r)) {
                yaml_set_key(r, an->node, line, false);
                return;
        }
        copy = yaml_node(r, an->node->type, line);
        copy->n = an->node->n;
        copy->as = an->node->as; /* children are shared */
        yaml_attach(r, copy, an->height);
}

static void on_open(struct reader *r, const yaml_event_t *ev, enum tree_type type)
{
        bool is_list = type == TREE_LIST;
        const char *tag =
                (const char *)(is_list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag);
        const yaml_char_t *name =
                is_list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor;
        int line = line_of(&ev->start_mark);
        char shown[TEXT_QUOTE_MAX];
        struct tree *t = yaml_node(r, type, line);
        struct frame fr = { .node = t, .nodes = r->nodes, .bytes = r->bytes };

        r->nodes++;
        if (tag && strcmp(tag, "!") != 0 && !yaml_tag_is(tag, is_list ? "seq" : "map"))
                yaml_wrong(r, line, "the tag %s is unknown", text_quote(tag, strlen(tag), shown));
        if (yaml_wants_key(r)) {
                yaml_wrong(r, line, "%s cannot be a key", tree_type_name(t));
                r->skip = true;
                return;
        }
        fr.anchor = yaml_anchor_open(r, name, line);
        if (!r->skip && yaml_fits(r, line, 1))
                r->stack[r->depth++] = fr;
}

/* libyaml's work grows with the square of the nesting, so it ends for what is skipped, too. */
static bool enter(struct reader *r, int line)
{
        r->nesting++;
        if (r->skip && r->nesting > r->limits->depth) {
                yaml_wrong(r, line, "nested deeper than %u", r->limits->depth);
                yaml_stop(r);
        }
        return !r->skip;
}

static void on_close(struct reader *r)
{
        const struct frame fr = r->stack[r->depth - 1];
        unsigned height = fr.height + 1;

        if (fr.node->type == TREE_MAP)
                yaml_finish_map(r, &fr);
        r->depth--;
        yaml_anchor_close(r, fr.anchor, fr.node, r->nodes - fr.nodes, r->bytes - fr.bytes, height);
        yaml_attach(r, fr.node, height);
}

static void begin_document(struct reader *r)
{
        r->depth = 0;
        r->nesting = 0;
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
                if (enter(r, line_of(&ev->start_mark)))
                        on_open(r, ev,
                                ev->type == YAML_SEQUENCE_START_EVENT ? TREE_LIST : TREE_MAP);
                return;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                r->nesting--;
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
