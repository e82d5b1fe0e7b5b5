/* decode_walk.h - the state of one decode().  Private to base/decode*.c.
 *
 * decode.c walks the tables, decode_scalar.c takes one text, number, choice, decode_say.c has the
 * words.
 */
#ifndef BASE_DECODE_WALK_H
#define BASE_DECODE_WALK_H

#include "decode_say.h"

#include <regex.h>

enum { PATH_MAX_BYTES = 1024, PATTERNS_MAX = 16 };

struct walk {
        struct arena *a;
        struct findings *f;
        struct buf path;
        bool is_hidden; /* within a secret */
        struct {
                const char *text;
                regex_t compiled;
        } patterns[PATTERNS_MAX];
        size_t n_patterns;
};

/* An error at w->path: "expected 0..65535, got 70000". */
void decode_expected(struct walk *w, const struct field *fd, const struct tree *value);
/* bounds: .min and .max count characters (for a list of texts they count elements). */
bool decode_text(struct walk *w, const struct field *fd, const struct tree *value, bool has_bounds,
                 const char **ret);
/* BOOL, INT, REAL, DURATION, CHOICE into *slot, which is untouched when the value does not do. */
bool decode_scalar(const struct field *fd, const struct tree *value, void *slot);
/* The table's own default. */
void decode_fallback(const struct field *fd, void *slot);
void decode_patterns_done(struct walk *w);

#endif
