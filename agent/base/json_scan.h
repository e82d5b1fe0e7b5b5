/* json_scan.h - the lexical half of reading JSON: what json-c is too lenient about.
 *
 * json-c takes NaN, raw controls in strings, keys cut at U+0000, numbers like "1." and integers it
 * cannot hold.  The scan refuses the first four by line and column, counts what the limits are
 * about before anything is allocated, and rewrites integers beyond 64 bits so that json-c reads
 * them as reals.  The grammar (commas, brackets, colons) stays json-c's.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "tree.h"

/* Adds the text for json-c to out.  DL_CONFIG: not JSON's words, or over a limit. */
int json_scan(const char *s, size_t n, const struct tree_limits *, struct buf *out, struct err *e);

/* Where in the input an offset of that text comes from. */
size_t json_input_offset(const char *s, size_t n, const char *text, size_t offset);

/* "line 3 column 7" of a byte offset; columns count bytes. */
void json_where(const char *s, size_t n, size_t offset, char *out, size_t size);

#endif
