/* digest.h - 64 bits that stand for a text, the same after every restart; not against malice.
 *
 * Pure; threads: any.
 */
#ifndef KUBE_DIGEST_H
#define KUBE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest_bytes(const void *p, size_t n); /* never 0 */

/* prefix and name, where that is longer than size - 1 its beginning, '-' and the digest of all of
 * it in hexadecimal digits.  prefix is much shorter than size; size is above 32. */
void digest_fit(const char *prefix, const char *name, char *out, size_t size);

#endif
