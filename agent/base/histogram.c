#include "base/histogram.h"

#include "base/clock.h"

#include <stddef.h>

const double histogram_bounds[HISTOGRAM_BOUNDS] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                    0.5,   1,    2.5,   5,    10 };

void histogram_add(struct histogram *h, int64_t ns)
{
        double seconds = (double)ns / (double)NS_PER_S;
        size_t i = 0;

        while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
                i++;
        h->buckets[i]++;
        h->seconds += seconds;
}
