/* yaml_scalar.h - what a YAML scalar means to a Kubernetes client (YAML 1.1 as Go's yaml v2 reads
 * it).
 *
 * Plain: booleans y, yes, on, true, n, no, off, false in lower, Capital and UPPER case; null, ~ and
 * nothing; integers decimal, 0x, 0b, 0o and with a leading 0 octal, with underscores; decimal
 * reals. What looks like a time, 08:30, 1:30 or 1e999 is text.  Quoted is text.
 * !!binary is decoded, as those clients do, and must then be UTF-8 without U+0000.
 */
#ifndef BASE_YAML_SCALAR_H
#define BASE_YAML_SCALAR_H

#include "tree.h"

/* Sets type and value of t.  tag is NULL when there is none.  Returns NULL, or what is wrong. */
const char *yaml_scalar(struct arena *a, const char *tag, bool is_plain, const char *s, size_t n,
                        struct tree *t);
/* The JSON text of a scalar, for use as a key: in the arena. */
const char *yaml_key_text(struct arena *a, const struct tree *t);
/* Does `tag` (NULL = none) mean text, a list, a map? */
bool yaml_tag_is(const char *tag, const char *name);

#endif
