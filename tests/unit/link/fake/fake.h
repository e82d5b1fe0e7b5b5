/* fake.h - what a test and the fake plugins share: the test finds `fake_control` by dlsym().
 *
 * spec: {"unit":0,"channel":"a","connection":"a","interval":100,"timeout":1000,
 *        "points":[{"name":"x","desired":5,"interval":50,"push":true}]}   (times in milliseconds)
 * The value of a point is 1000 * unit + 10 * index + the number of the read.
 */
#ifndef FAKE_H
#define FAKE_H

#include <devicelink/adaptor.h>
#include <stdatomic.h>

enum fake_mode {
        FAKE_OK,
        FAKE_DOWN,        /* DL_RETRY */
        FAKE_REFUSE,      /* DL_REFUSED */
        FAKE_CONFIG,      /* DL_CONFIG */
        FAKE_BUG,         /* DL_BUG */
        FAKE_SLOW,        /* 300 ms, then as it should be */
        FAKE_HANG,        /* blocking: until interrupted; event-driven: never done */
        FAKE_STONE,       /* blocking: until the test says so, interrupted or not */
        FAKE_TWICE,       /* done() twice */
        FAKE_WRONG_POINT, /* a sample of a point that is not there, then as it should be */
        FAKE_OVERSIZE,    /* a value over the limit, then as it should be */
        FAKE_WRONG_TYPE,
        FAKE_ONE_BAD, /* the first point is DL_BAD with code 2 */
        FAKE_LOOK_UP, /* event-driven: done when the name localhost was looked up */
        FAKE_LITERAL, /* event-driven: the same with an address, answered at once */
        FAKE_LEAVE,   /* event-driven: leaves its timer behind at close() */
        FAKE_LOCAL,   /* blocking: open() asks for a pointer of its thread */
};

enum { FAKE_UNITS = 1100, FAKE_CHANNELS_MAX = 64 };

struct fake_unit {
        atomic_int mode;     /* of reads */
        atomic_int write_rc; /* of writes */
        atomic_int open_rc;
        atomic_int update_rc;
        atomic_int opens, closes, updates, reads, writes, interrupts;
        atomic_int last_n;     /* points of the last read */
        atomic_int last_point; /* of the last write */
        atomic_long last_value;
        atomic_int read_first;        /* a read came before any write */
        atomic_int overlap;           /* two calls on one channel at a time */
        atomic_int shared;            /* FAKE_LOCAL: the pointer was somebody else's */
        struct dl_sink *_Atomic sink; /* of the open link */
        struct dl_sink *_Atomic closed_sink;
};

struct fake_control {
        struct fake_unit unit[FAKE_UNITS];
        atomic_int release; /* ends FAKE_STONE */
        atomic_int compiles, devices;
        const struct dl_host *host;
        /* From any thread: one sample of point 0. */
        void (*emit)(struct dl_sink *, int64_t value);
        void (*state)(struct dl_sink *, int rc, const char *text);
};

#endif
