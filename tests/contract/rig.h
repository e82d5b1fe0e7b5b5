/* rig.h - the device behind a plugin under test, well or ill.
 *
 * It lives in a process of its own, so that its descriptors and threads are not counted.
 * Threads: the test's; rig_start() before there are others.
 */
#ifndef CONTRACT_RIG_H
#define CONTRACT_RIG_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum rig_mode {
        RIG_HEALTHY,
        RIG_REFUSING,   /* nobody there, and one is told so at once */
        RIG_BLACK_HOLE, /* nothing ever comes */
        RIG_HALF,       /* the line goes down within each answer */
        RIG_SLOW,       /* answers within the time-out, but late */
        RIG_LATE,       /* the first answer comes after the time-out, then healthy */
        RIG_SAYS_NO,    /* the device refuses each request */
        RIG_MODES
};

enum { RIG_FDS_MAX = 256 };

/* One sort of device; all is called in the device's process. */
struct rig_kind {
        const char *name;
        unsigned modes; /* a bit for each that it can do */
        bool counts_contacts;
        void (*start)(char *address, size_t size);
        void (*set)(enum rig_mode mode);
        size_t (*fds)(struct pollfd list[RIG_FDS_MAX]);
        void (*ready)(const struct pollfd *one);
        void (*tick)(void); /* every 10 ms */
        unsigned (*contacts)(void);
        void (*stop)(void);
};

extern const struct rig_kind rig_none;
extern const struct rig_kind rig_file;   /* three numbers, one per line; address: a path */
extern const struct rig_kind rig_modbus; /* libmodbus' server; address: host:port */

struct rig;

struct rig *rig_start(const struct rig_kind *kind);
const char *rig_address(const struct rig *r);
bool rig_can(const struct rig *r, enum rig_mode mode);
void rig_set(struct rig *r, enum rig_mode mode); /* in effect on return */
/* How often somebody has come to it; false: it cannot tell. */
bool rig_contacts(struct rig *r, unsigned *ret);
void rig_stop(struct rig *r);

/* For the kinds: how late a late answer comes. */
enum { RIG_SLOW_MS = 150, RIG_LATE_MS = 700 };

#endif
