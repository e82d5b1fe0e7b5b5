/* special.c - the fan of a DummySpecialDevice. */
#include "dummy/special.h"

#include "base/clock.h"

static const struct {
        const char *name;
        int32_t first;
        int32_t last;
        int64_t period_ns;
} gears[] = {
        [GEAR_SLOW] = { "slow", 0, 100, 3 * NS_PER_S },
        [GEAR_MIDDLE] = { "middle", 100, 200, 2 * NS_PER_S },
        [GEAR_FAST] = { "fast", 200, 300, NS_PER_S },
};

/* A report that comes this much too early shows the speed it is meant for. */
static const int64_t early_ns = 100 * NS_PER_MS;

const char *gear_name(enum gear g)
{
        return gears[g].name;
}

int64_t gear_period_ns(enum gear g)
{
        return gears[g].period_ns;
}

int32_t fan_speed(struct fan *f, int64_t now_ns)
{
        if (!f->turning)
                return f->speed;
        if (!f->timed) {
                f->timed = true;
                f->since_ns = now_ns;
        }
        int64_t gained = (now_ns - f->since_ns + early_ns) / gears[f->gear].period_ns;
        int64_t room = gears[f->gear].last - f->speed;

        return f->speed + (int32_t)(gained < room ? gained : room);
}

void fan_set(struct fan *f, bool on, enum gear g, int64_t now_ns)
{
        if (on && (!f->started || g != f->gear)) {
                *f = (struct fan){
                        .started = true, .turning = true, .gear = g, .speed = gears[g].first
                };
                return;
        }
        if (f->turning && !on && f->timed)
                f->speed = fan_speed(f, now_ns);
        if (f->turning != on)
                f->timed = false;
        f->turning = on && f->started;
}
