#include "backoff.h"

#include "clock.h"

#include <stdbool.h>
#include <sys/random.h>
#include <unistd.h>

int64_t backoff_next_ns(struct backoff *b)
{
        int64_t d = b->first_ns < b->max_ns ? b->first_ns : b->max_ns;

        for (unsigned i = 0; i < b->attempts && d < b->max_ns; i++)
                d = d > b->max_ns / 2 ? b->max_ns : d * 2;
        if (b->attempts < 63) /* enough for any maximum; never wraps */
                b->attempts++;

        int64_t half = d / 2;
        uint64_t r = (uint64_t)random_u32() << 32 | random_u32();
        return d - (int64_t)(r % ((uint64_t)half + 1));
}

void backoff_reset(struct backoff *b)
{
        b->attempts = 0;
}

uint32_t random_u32(void)
{
        static _Thread_local uint64_t state;
        static _Thread_local bool seeded;

        if (!seeded) {
                if (getrandom(&state, sizeof(state), GRND_NONBLOCK) != (ssize_t)sizeof(state))
                        state = (uint64_t)clock_mono_ns() ^ (uint64_t)(uintptr_t)&state;
                seeded = true;
        }
        /* splitmix64: a counter and a mixer, so that no state is bad */
        state += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = state;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (uint32_t)(z >> 32);
}
