/* host.h - a small host for one plugin: the other side of the contract, and a watch over it.
 *
 * A blocking plugin is called on a pool of threads, an event-driven one on a reactor.  What a
 * plugin must not do (emit for a point that does not exist, call back after close(), end a request
 * twice, leave a watch behind, call from the wrong thread) is collected in host_violations().  What
 * it is given lives in memory of its own that is gone right after the call, so that a sanitizer
 * sees who keeps it.
 * Threads: all functions here from the test's thread.
 */
#ifndef CONTRACT_HOST_H
#define CONTRACT_HOST_H

#include <devicelink/adaptor.h>
#include <stdbool.h>

/* Loads the plugin, once per process; it stays.  Ends the process when that fails. */
const struct dl_adaptor *host_load(const char *path);
bool host_is_event_driven(void);

/* Threads, reactor and resolver, for one test; nothing of them is left after host_down(). */
void host_up(void);
void host_down(void);
/* Text of what the plugin did wrong since host_up(), "" = nothing. */
const char *host_violations(void);

/* --- compile */

struct reports {
        unsigned errors;
        unsigned warnings;
        char first_path[256];
        char paths[4096]; /* of all errors, one per line */
};

int host_compile(const char *kind, const char *spec, size_t len, struct dl_device **ret,
                 struct dl_error *error, struct reports *reports);

/* --- links */

struct point_record { /* what was emitted for a point */
        unsigned samples;
        uint32_t quality; /* of the last */
        bool has_error;
        struct dl_value value; /* of the last good one; owned */
        unsigned wrote;
        int wrote_rc;
};

struct seat; /* one link and its sink */

/* NULL and *ret_rc when open() fails. */
struct seat *seat_open(const struct dl_device *d, int *ret_rc, struct dl_error *error);
void seat_close(
        struct seat *s); /* a blocked call is interrupted first; an event-driven one is not */
int seat_update(struct seat *s, const struct dl_device *d, struct dl_error *error);

/* Start a request; seat_wait() says whether it has ended in time.  One at a time. */
void seat_read_start(struct seat *s, const uint32_t *points, size_t n);
void seat_write_start(struct seat *s, uint32_t point, const struct dl_value *v);
bool seat_wait(struct seat *s, int64_t within_ns, int *ret_rc);
void seat_interrupt(struct seat *s); /* from the test's thread, also with no call under way */

/* All points; the call has to end within the limit of dl_info.timeout_ns, else the process ends. */
int seat_read(struct seat *s);
int seat_read_some(struct seat *s, const uint32_t *points, size_t n);
int seat_write(struct seat *s, uint32_t point, const struct dl_value *v);
const char *seat_error(const struct seat *s); /* of the last request */

/* Between requests. */
const struct point_record *seat_point(struct seat *s, uint32_t point);
void seat_forget(struct seat *s); /* the counts of all points */

#endif
