#include "clock.h"

#include <time.h>

static int64_t clock_ns(clockid_t id)
{
        struct timespec t = { 0 };

        (void)clock_gettime(id, &t);
        return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
        return clock_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
        return clock_ns(CLOCK_REALTIME);
}
