/* special.h - the fan of a DummySpecialDevice: a speed that follows the clock (octopus 3.5).
 *
 * A gear starts at its lowest speed and gains one every period up to its cap.  Off freezes the fan;
 * on again with the same gear it goes on from there, with another gear it starts that one.  Pure:
 * the caller brings the (monotonic) time.
 */
#ifndef DUMMY_SPECIAL_H
#define DUMMY_SPECIAL_H

#include <stdbool.h>
#include <stdint.h>

enum gear { GEAR_SLOW, GEAR_MIDDLE, GEAR_FAST };

struct fan {
        bool started; /* it was on once: there is something to show */
        bool turning;
        bool timed; /* since_ns holds */
        enum gear gear;
        int32_t speed;    /* at since_ns, or frozen */
        int64_t since_ns; /* of the first look after it was turned on */
};

const char *gear_name(enum gear);
int64_t gear_period_ns(enum gear); /* between two speeds, and two reports */

/* What the spec wants, at the start and on each change. */
void fan_set(struct fan *f, bool on, enum gear, int64_t now_ns);
/* The speed now.  The clock of a turning fan starts at the first call, so that reports every period
 * show every speed. */
int32_t fan_speed(struct fan *f, int64_t now_ns);

#endif
