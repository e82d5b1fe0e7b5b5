/* outbox.h - what a session owes its broker: a bounded queue in memory, in order.
 *
 * Each link has a lane.  Lanes share one order, the one in which messages came; within it every
 * lane is bounded on its own, so that one busy link never costs another its messages. Policy at the
 * limits: the newest is kept, the oldest of the lane goes.  A message of QoS 0 is only held while
 * the broker is there.  Limits: the lane's depth in messages, OUTBOX_LANE_BYTES, and the budget in
 * bytes that all outboxes of the process share; when that is spent, the oldest of the own outbox
 * goes, and with none there the new one. Entries are embedded in the caller's messages; whatever is
 * dropped is handed to dropped(). Pure; threads: none shared.
 */
#ifndef PUBLISH_OUTBOX_H
#define PUBLISH_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTBOX_LANE_BYTES = 4 << 20 };

struct outbox_entry {
        struct outbox_entry *prev, *next; /* in the outbox */
        struct outbox_entry *lane_next;
        struct outbox_lane *lane;
        size_t bytes;   /* the caller's; more than OUTBOX_LANE_BYTES is never held */
        bool volatile_; /* QoS 0 */
};

struct outbox_lane {
        struct outbox_entry *first, *last;
        size_t n;
        size_t bytes;
        size_t depth; /* at least 1 */
};

struct outbox_budget {
        size_t bytes; /* held now */
        size_t max;
};

struct outbox {
        struct outbox_entry *first, *last;
        size_t n;
        bool online; /* outbox_online() */
        struct outbox_budget *budget;
        void (*dropped)(void *ctx, struct outbox_entry *e); /* it is in no queue any more */
        void *ctx;
};

void outbox_put(struct outbox *o, struct outbox_lane *lane, struct outbox_entry *e);
struct outbox_entry *outbox_peek(const struct outbox *o); /* the oldest, or NULL */
struct outbox_entry *outbox_take(struct outbox *o);       /* out of the queue */
/* Back to the front: what was taken and not delivered, the newest of them first. */
void outbox_return(struct outbox *o, struct outbox_entry *e);
/* The broker came or went; gone: what is volatile is dropped. */
void outbox_online(struct outbox *o, bool online);
void outbox_drop_all(struct outbox *o);

#endif
