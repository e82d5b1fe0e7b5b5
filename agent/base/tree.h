/* tree.h - one document, from JSON or YAML, as a tree that knows its lines.
 *
 * Nodes live in the caller's arena and are immutable once built (tree_ functions that build take
 * the arena).  Integers are exact: what fits int64 is TREE_INT, what only fits uint64 is TREE_UINT,
 * and neither passes through a double.  Maps keep the order of the document; keys are unique.
 * Limits (struct tree_limits): bytes, depth, nodes; passing one is DL_CONFIG.
 * JSON by json-c, YAML by libyaml.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "buf.h"
#include "err.h"
#include "finding.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_type {
        TREE_NULL,
        TREE_BOOL,
        TREE_INT,
        TREE_UINT, /* INT64_MAX + 1 .. UINT64_MAX */
        TREE_REAL, /* finite; parsed 1e3 and 2.0 are TREE_INT, since JSON has one kind of number */
        TREE_TEXT,
        TREE_LIST,
        TREE_MAP,
};

struct tree {
        enum tree_type type;
        int line;          /* 1-based; 0 = unknown (JSON) */
        const char *key;   /* within a map, else NULL */
        struct tree *next; /* sibling */
        size_t n;          /* bytes of text, or children */
        union {
                bool b;
                int64_t i;
                uint64_t u;
                double r;
                const char *text; /* NUL-terminated; may hold U+0000, so n counts */
                struct tree *first;
        } as;
};

#define TREE_FOREACH(child, parent)                                                                \
        for (const struct tree *child = tree_first(parent); child; child = child->next)

struct tree_limits {
        size_t bytes; /* of input */
        size_t nodes; /* in one document, aliases expanded */
        unsigned depth;
};

/* 3 MiB (twice the largest object of an API server), 200,000 nodes, depth 64 */
extern const struct tree_limits tree_limits_default;

/* NULL-safe: NULL, or not a map or list, has no children. */
const struct tree *tree_first(const struct tree *t);
const struct tree *tree_get(const struct tree *map, const char *key);
const struct tree *tree_at(const struct tree *list, size_t i);
/* "spec.properties[3].visitor.offset", relative to t; "" is t; map keys with dots or brackets are
 * written ['a.b'].  NULL when there is none.  tree_find_nearest() gives the deepest node that
 * exists on the way, never NULL: for the line of something that is missing. */
const struct tree *tree_find(const struct tree *t, const char *path);
const struct tree *tree_find_nearest(const struct tree *t, const char *path);
/* Add one element to a path in that form; a quote within ['...'] is doubled, controls become '?'.
 */
void tree_path_key(struct buf *path, const char *key);
void tree_path_index(struct buf *path, size_t i);
/* Text of a TREE_TEXT, else NULL. */
const char *tree_text(const struct tree *t);
const char *tree_type_name(const struct tree *t);            /* "a list", "null", "nothing" */
bool tree_equal(const struct tree *a, const struct tree *b); /* order of map keys does not matter */
/* The children of a map in byte order of their keys, for free(). */
const struct tree **tree_sorted(const struct tree *map);

enum { TREE_SORTED = 1 /* keys in byte order: canonical */ };

void tree_json(const struct tree *t, unsigned flags, struct buf *out);
/* One YAML document in block style, without markers.  False: it passes a maximum. */
bool tree_yaml(const struct tree *t, struct buf *out);
/* A finite real as JSON in its shortest form: 2.5, 1000, 1e-7, 1e+21.  Returns the length. */
enum { TREE_REAL_JSON_MAX = 40 };
size_t tree_real_json(double v, char out[TREE_REAL_JSON_MAX]);

/* One JSON document.  Duplicate keys: the last wins, as in the API server. */
int tree_parse_json(struct arena *a, const char *s, size_t n, const struct tree_limits *,
                    const struct tree **ret, struct err *e);

/* All documents of a YAML stream, typed as Kubernetes clients do it (YAML 1.1 booleans, octal,
 * merge keys; keys become text).  Duplicate keys, unknown tags, .inf and .nan are errors.  Empty
 * documents are left out.  A document with an error is left out and reported to f with its line;
 * the ones before it stay (after a syntax error nothing more can be read).  Returns the documents
 * as a TREE_LIST; DL_CONFIG when the input is over a limit as a whole. */
int tree_parse_yaml(struct arena *a, const char *s, size_t n, const struct tree_limits *,
                    struct findings *f, const struct tree **ret, struct err *e);

/* Build. */
struct tree *tree_new(struct arena *a, enum tree_type);
struct tree *tree_new_text(struct arena *a, const char *s, size_t n);
/* A number as JSON knows it: what tree_real_json() prints as an integer that fits becomes TREE_INT
 * or TREE_UINT.  v is finite. */
struct tree *tree_new_number(struct arena *a, double v);
void tree_append(struct tree *list_or_map, const char *key_in_arena,
                 struct tree *child); /* walks to the end */

#endif
