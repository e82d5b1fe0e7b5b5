/* backoff.h - delays between attempts: doubling, capped, with jitter, never stopping.
 *
 * The n-th delay is drawn from [d/2, d], d = min(first * 2^n, max).  After backoff_reset() (the
 * peer was healthy) the next delay is short again.  Threads: none shared.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
        int64_t first_ns;
        int64_t max_ns;
        unsigned attempts; /* since the last reset */
};

#define BACKOFF(first, max) ((struct backoff){ .first_ns = (first), .max_ns = (max) })

int64_t backoff_next_ns(struct backoff *b);
void backoff_reset(struct backoff *b);

uint32_t random_u32(void); /* per thread, seeded from the kernel; not for secrets */

#endif
