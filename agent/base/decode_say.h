/* decode_say.h - the words of decode: what a field expects, how a value is shown.  Private to
 * base/decode*.c.
 */
#ifndef BASE_DECODE_SAY_H
#define BASE_DECODE_SAY_H

#include "decode.h"

enum { LIST_MAX = 65535, PATTERN_TEXT_MAX = 65536, SHOWN_MAX = 80 };

bool field_is_bounded(const struct field *fd);
bool field_has_max(const struct field *fd);
bool field_in_range(const struct field *fd, int64_t v);

/* "0..65535", "text of 1..63 characters", "one of tcp, rtu" */
void say_expected(const struct field *fd, struct buf *out);
/* Numbers as they are, text quoted, at most about 60 characters.  Returns out. */
const char *say_value(const struct tree *t, bool is_hidden, char out[SHOWN_MAX]);

#endif
