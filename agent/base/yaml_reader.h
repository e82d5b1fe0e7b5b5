/* yaml_reader.h - the state of reading a YAML stream.  Private to base/yaml*.c.
 *
 * yaml.c turns events into calls, yaml_build.c keeps the open lists and maps, the anchors and the
 * limits, yaml_merge.c finishes a map: repeated keys, merge keys.
 */
#ifndef BASE_YAML_READER_H
#define BASE_YAML_READER_H

#include "yaml_scalar.h"

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
        unsigned depth;   /* frames in use */
        unsigned nesting; /* lists and maps open, skipped ones too */
        struct anchor *anchors;
        size_t n_anchors;
        struct tree *root; /* of the document */
        size_t nodes;      /* of the document, aliases written out */
        size_t bytes;
        bool is_wrong; /* the document has an error: read on, keep nothing */
        bool skip;     /* its structure cannot be trusted: wait for its end */
        bool stop;     /* over a limit: read no further */
};

/* An error of the document, at the path that is being read. */
void yaml_wrong(struct reader *r, int line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Read nothing more, in this document and after it. */
void yaml_stop(struct reader *r);
/* Do what was counted, and a node of that height here, keep to the limits?  If not, it stops. */
bool yaml_fits(struct reader *r, int line, unsigned height);

/* Index + 1 of a new anchor, 0 when it has no name or there are too many. */
size_t yaml_anchor_open(struct reader *r, const yaml_char_t *name, int line);
void yaml_anchor_close(struct reader *r, size_t anchor, const struct tree *node, size_t nodes,
                       size_t bytes, unsigned height);
/* NULL: reported. */
const struct anchor *yaml_anchor_find(struct reader *r, const char *name, int line);

struct tree *yaml_node(struct reader *r, enum tree_type type, int line);
struct frame *yaml_top(struct reader *r); /* NULL at the root */
bool yaml_wants_key(struct reader *r);
void yaml_set_key(struct reader *r, const struct tree *t, int line, bool is_merge);
/* The node becomes the next element, the value of the key, or the root. */
void yaml_attach(struct reader *r, struct tree *node, unsigned height);

void yaml_finish_map(struct reader *r, const struct frame *fr);

#endif
