/* fieldbus.h - Modbus TCP devices inside the test that keep books on who drives them.
 *
 * Each device listens on a port of its own of 127.0.0.1 and answers reads of coils and holding
 * registers (1, 3) for any unit: register 0-1 is a float32 that grows all the time, coils are off.
 * Threads: one of its own serves all devices; calls from the test's thread.
 */
#ifndef RIG_FIELDBUS_H
#define RIG_FIELDBUS_H

#include <stddef.h>
#include <stdint.h>

struct fieldbus;

/* Time without a request; to_ms 0: it goes on.  Times are those of rig_now_ms(). */
struct fieldbus_gap {
        size_t device;
        int64_t from_ms;
        int64_t to_ms;
};

/* Pauses longer than gap_ms between two requests to a device are kept. */
struct fieldbus *fieldbus_start(size_t n_devices, int gap_ms);
void fieldbus_stop(struct fieldbus *b); /* NULL is fine */
uint16_t fieldbus_port(const struct fieldbus *b, size_t device);

size_t fieldbus_requests(struct fieldbus *b, size_t device); /* so far */
size_t fieldbus_connections(struct fieldbus *b, size_t device);
/* Requests that came while another connection, which had asked as well, was still open: somebody
 * else drives the same device. */
size_t fieldbus_twice(struct fieldbus *b, size_t device);
/* All gaps so far, over all devices, and those that go on; for free(). */
size_t fieldbus_gaps(struct fieldbus *b, struct fieldbus_gap **ret);

#endif
