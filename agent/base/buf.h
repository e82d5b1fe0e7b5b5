/* buf.h - growable bytes with a hard maximum.
 *
 * A buffer cannot be made without a maximum.  What would pass it is not added, and the buffer is
 * `failed` from there on: write everything, then ask buf_ok() once.  The content is always followed
 * by a NUL that is not counted.  Threads: none shared.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "auto.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
        char *data; /* NULL while empty and never grown */
        size_t len;
        size_t cap;
        size_t max; /* most bytes of content */
        bool failed;
};

#define BUF(max_bytes) ((struct buf){ .max = (max_bytes) })

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets failure */
bool buf_ok(const struct buf *b);
const char *buf_text(const struct buf *b);      /* never NULL */
char *buf_take(struct buf *b, size_t *ret_len); /* for free(); the buffer is empty afterwards */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes.  Escaped: quote, backslash, controls; nothing else (octopus 4.4).
 * Bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *b, const char *s, size_t n);
void buf_add_hex(struct buf *b, const void *p, size_t n);    /* lower case */
void buf_add_base64(struct buf *b, const void *p, size_t n); /* RFC 4648 4, padded */

AUTO_DEFINE(buf, struct buf, buf_done)

#endif
