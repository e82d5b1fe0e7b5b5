/* clock.h - time.  Tests replace the two functions by the linker's --wrap. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_mono_ns(void); /* never steps */
int64_t clock_wall_ns(void); /* since 1970-01-01 UTC; may step */

#endif
