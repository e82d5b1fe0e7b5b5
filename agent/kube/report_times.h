/* report_times.h - which status documents are worth a write to the API server, and with which
 * times.
 *
 * A document whose values are those of the last one written is not written again; its times alone
 * are refreshed at most every `refresh`, and then only within the agent's budget.  A property whose
 * value did not change keeps the time it was written with, until `refresh` is over.
 * Documents of octopus 4.4: "updatedAt" (and "updateAt") of each entry of .properties.
 * Pure; threads: none shared.
 */
#ifndef KUBE_REPORT_TIMES_H
#define KUBE_REPORT_TIMES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the document without its times: cheap, no parsing; for each poll of each link. */
uint64_t report_digest(const char *json, size_t len);

/* What was written last, per property: kept as long as the link. */
struct report_times;

struct report_times *report_times_new(void);
void report_times_free(struct report_times *t); /* NULL is fine */
/* The document to write: the given one with old times where they are still good.  now_ns: wall.
 * size_max: what is longer loses properties from its end; *ret_cut says how many. */
void report_times_render(struct report_times *t, const char *json, size_t len, int64_t now_ns,
                         int64_t refresh_ns, size_t size_max, struct buf *out, size_t *ret_cut);
/* That document is what the server holds now (after the answer). */
void report_times_written(struct report_times *t);

#endif
