/* lines.h - a stream of bytes, split at '\n'.
 *
 * Each byte is looked at once, whatever the boundaries of the reads are.  What is whole within one
 * read is handed over in place; only what is cut is copied, and wiped and given back when its line
 * is over.
 * Limit: a line of more than max bytes is refused.  Threads: none shared.
 */
#ifndef KUBE_LINES_H
#define KUBE_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
        size_t max;
        char *part; /* of a line whose end has not come; NULL = none */
        size_t len;
        size_t cap;
        void *ctx;
        /* Without '\n' (and '\r' before it); never empty; not followed by a NUL.  False: no more is
         * wanted, and *lines may be gone. */
        bool (*each)(void *ctx, const char *text, size_t n);
};

void lines_init(struct lines *l, size_t max, bool (*each)(void *ctx, const char *text, size_t n),
                void *ctx);
void lines_done(struct lines *l);
/* DL_REFUSED: a line is too long; nothing more may be fed.  0 also when each() wanted no more. */
int lines_feed(struct lines *l, const char *bytes, size_t n);
bool lines_within(const struct lines *l); /* a line has begun and not ended */

#endif
