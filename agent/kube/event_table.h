/* event_table.h - which Events were said, and how many more an object may have.
 *
 * Two bounded tables, sorted by digest; the oldest entry goes.  Times are monotonic where not said
 * otherwise.  Pure; threads: none shared.
 */
#ifndef KUBE_EVENT_TABLE_H
#define KUBE_EVENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENT_TABLE_MAX = 4096, EVENT_BURST = 25 };

/* One that was said: its object, what, and in which words. */
struct said {
        uint64_t key;
        int64_t made_ns;    /* wall: eventTime, and part of its name */
        int64_t said_ns;    /* the last time */
        int64_t written_ns; /* the last request that succeeded began */
        uint32_t count;
        bool is_busy;   /* a request waits or is under way: it is not forgotten */
        bool is_series; /* a repeat was written */
};

struct event_quota {
        uint64_t object;
        int64_t free_ns; /* when the whole burst is free again */
};

struct event_table {
        struct said *said;
        size_t n_said, cap_said;
        struct event_quota *quotas;
        size_t n_quotas, cap_quotas;
};

void event_table_done(struct event_table *t);
/* NULL: not said, or forgotten.  Pointers hold until the next add or remove. */
struct said *event_table_find(const struct event_table *t, uint64_t key);
struct said *event_table_add(struct event_table *t, const struct said *new);
void event_table_remove(struct event_table *t, uint64_t key);
/* Takes one of the object's writes; false: there is none left now. */
bool event_table_spend(struct event_table *t, uint64_t object, int64_t now_ns);

#endif
