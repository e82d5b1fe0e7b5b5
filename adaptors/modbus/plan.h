/* plan.h - which requests read a set of points, and what refusals teach about it.
 *
 * Points of one function whose addresses touch or overlap are read as one block, up to what one
 * request carries and never beyond what the points cover.  A block that the device refuses is
 * halved until the point at fault stands alone, within the same reading; from the next reading on
 * that point is asked for by itself and the others are joined without it, until it answers again.
 * Where no single point is at fault (the device takes only short requests) the cuts are what is
 * remembered.
 *
 *   plan_begin(p, points, n);
 *   while (plan_next(p, &b))
 *           ask for b.function, b.address, b.quantity, then
 *           plan_accepted(p, &b), or plan_refused(p, &b): it should not be asked like this again
 *
 * Blocks may be outstanding in any number and order; one without an outcome teaches nothing.
 * Pure: no I/O.  Threads: none shared.
 */
#ifndef MODBUS_PLAN_H
#define MODBUS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_span { /* what one point covers; quantity >= 1, address + quantity <= 65536 */
        uint8_t function;
        uint16_t address;
        uint16_t quantity;
};

struct plan_block {
        uint8_t function;
        uint16_t address;
        uint16_t quantity;
        const uint32_t *points; /* valid until the next plan_begin() */
        size_t n;
        size_t first, root; /* the planner's */
};

struct plan;

struct plan *plan_new(const struct plan_span *spans,
                      size_t n); /* all points of the device; copied */
void plan_free(struct plan *p);  /* NULL is fine */
/* Start a reading of n different points. */
void plan_begin(struct plan *p, const uint32_t *points, size_t n);
/* The next block to ask for; false: none now (refusals may bring more). */
bool plan_next(struct plan *p, struct plan_block *ret);
void plan_accepted(struct plan *p, const struct plan_block *b);
/* True: it was split, plan_next() gives the parts.  False: b is one point, and it is refused. */
bool plan_refused(struct plan *p, const struct plan_block *b);

#endif
