/* tree_yaml.c - a tree as YAML, by libyaml: what the reader of this room, and a Kubernetes client,
 * read back as the same tree. */
#include "tree.h"
#include "yaml_scalar.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct writer {
        yaml_emitter_t emitter;
        struct buf *out;
        struct arena *arena; /* of one call */
        bool bad;
};

static int on_bytes(void *ctx, unsigned char *bytes, size_t n)
{
        struct writer *w = ctx;

        buf_add(w->out, bytes, n);
        return 1;
}

/* made: did the event come about?  The emitter takes it over. */
static void emit(struct writer *w, int made, yaml_event_t *event)
{
        if (w->bad || !made || !yaml_emitter_emit(&w->emitter, event))
                w->bad = true;
}

static void scalar(struct writer *w, const char *s, size_t n, yaml_scalar_style_t style)
{
        yaml_event_t event;
        unsigned char *text = arena_memdup(w->arena, s, n);

        emit(w, yaml_scalar_event_initialize(&event, NULL, NULL, text, (int)n, 1, 1, style),
             &event);
}

/* Other readers know more kinds of numbers, and times. */
static bool like_a_number(const char *s, size_t n)
{
        return n > 0 && strchr("0123456789+-.", s[0]);
}

/* Plain where it would be taken for a text. */
static void text_scalar(struct writer *w, const char *s, size_t n)
{
        struct tree as = { 0 };
        bool is_text = !like_a_number(s, n) &&
                       yaml_scalar(w->arena, NULL, true, s, n, &as) == NULL &&
                       as.type == TREE_TEXT && !memchr(s, '\n', n) &&
                       !(n == 2 && memcmp(s, "<<", 2) == 0); /* as a key it would merge */

        scalar(w, s, n, is_text ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void number_scalar(struct writer *w, const struct tree *t)
{
        char text[TREE_REAL_JSON_MAX + 2];
        size_t n;

        if (t->type == TREE_REAL)
                n = tree_real_json(t->as.r, text);
        else if (t->type == TREE_UINT)
                n = (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)t->as.u);
        else
                n = (size_t)snprintf(text, sizeof(text), "%lld", (long long)t->as.i);
        scalar(w, text, n, YAML_PLAIN_SCALAR_STYLE);
}

static void node(struct writer *w, const struct tree *t);

static void children(struct writer *w, const struct tree *t)
{
        TREE_FOREACH (c, t) {
                if (t->type == TREE_MAP)
                        text_scalar(w, c->key, strlen(c->key));
                node(w, c);
        }
}

static void list(struct writer *w, const struct tree *t)
{
        yaml_event_t event;

        emit(w,
             yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
             &event);
        children(w, t);
        emit(w, yaml_sequence_end_event_initialize(&event), &event);
}

static void map(struct writer *w, const struct tree *t)
{
        yaml_event_t event;

        emit(w,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
             &event);
        children(w, t);
        emit(w, yaml_mapping_end_event_initialize(&event), &event);
}

static void node(struct writer *w, const struct tree *t)
{
        switch (t->type) {
        case TREE_NULL:
                scalar(w, "null", 4, YAML_PLAIN_SCALAR_STYLE);
                break;
        case TREE_BOOL:
                scalar(w, t->as.b ? "true" : "false", t->as.b ? 4 : 5, YAML_PLAIN_SCALAR_STYLE);
                break;
        case TREE_INT:
        case TREE_UINT:
        case TREE_REAL:
                number_scalar(w, t);
                break;
        case TREE_TEXT:
                text_scalar(w, t->as.text, t->n);
                break;
        case TREE_LIST:
                list(w, t);
                break;
        case TREE_MAP:
                map(w, t);
                break;
        }
}

bool tree_yaml(const struct tree *t, struct buf *out)
{
        auto_of(arena) struct arena *arena = arena_new();
        struct writer w = { .out = out, .arena = arena };
        yaml_event_t event;

        if (!yaml_emitter_initialize(&w.emitter))
                return false;
        yaml_emitter_set_output(&w.emitter, on_bytes, &w);
        yaml_emitter_set_unicode(&w.emitter, 1);
        yaml_emitter_set_width(&w.emitter, -1);
        emit(&w, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
        emit(&w, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
        node(&w, t);
        emit(&w, yaml_document_end_event_initialize(&event, 1), &event);
        emit(&w, yaml_stream_end_event_initialize(&event), &event);
        yaml_emitter_delete(&w.emitter);
        return !w.bad && buf_ok(out);
}
