/* histogram.h - how often something took how long, with the default buckets of Prometheus.
 *
 * Zero is empty.  Threads: none shared.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 11 };
extern const double histogram_bounds[HISTOGRAM_BOUNDS]; /* seconds: 5 ms .. 10 s, each included */

struct histogram {
        uint64_t buckets[HISTOGRAM_BOUNDS + 1]; /* not cumulated; the last: longer */
        double seconds;                         /* of all */
};

void histogram_add(struct histogram *h, int64_t ns);

#endif
