/* reflector_json.h - parts of a JSON text found without reading the whole into a tree.
 *
 * Finds where values begin and end, by quotes and brackets; whether they are right JSON is for
 * tree_parse_json() to say.  Linear, no recursion, no memory.  Pure; threads: none shared.
 */
#ifndef KUBE_REFLECTOR_JSON_H
#define KUBE_REFLECTOR_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct json_span {
        const char *at; /* not followed by a NUL */
        size_t n;
};

/* The one value of a text, without the white space around it.  False: none, or more. */
bool json_span_whole(const char *text, size_t n, struct json_span *ret);
/* The value of the first member of that name; names with escapes are not found. */
bool json_span_member(struct json_span object, const char *name, struct json_span *ret);
/* The next element of a list, or member of an object with its name in quotes: *cursor is zero at
 * first. */
bool json_span_next(struct json_span list, size_t *cursor, struct json_span *ret);
bool json_span_next_member(struct json_span object, size_t *cursor, struct json_span *ret_name,
                           struct json_span *ret);
bool json_span_is(struct json_span value, const char *text); /* byte by byte: "\"ADDED\"" */

#endif
