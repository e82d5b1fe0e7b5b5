/* api_counts.h - how many requests of each kind were answered how, and how fast.
 *
 * At most 256 rows; when they are used up, what has no row of its own is counted per method, with
 * the resource "other" and the code -1.
 * Threads: none shared.
 */
#ifndef KUBE_API_COUNTS_H
#define KUBE_API_COUNTS_H

#include "kube/api.h"

enum {
        COUNTS_MAX = 256,
        COUNTS_OTHER = 8, /* rows kept for "other" */
        COUNTS_METHODS = 8
};

struct counts {
        struct kube_count *rows; /* in the order they first came */
        size_t n;
        struct arena *texts;
        struct kube_latency latencies[COUNTS_METHODS];
        size_t n_latencies;
};

void counts_add(struct counts *c, const char *method, const char *resource, int code);
void counts_time(struct counts *c, const char *method, int64_t ns);
void counts_done(struct counts *c);

#endif
