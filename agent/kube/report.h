/* report.h - findings with a path in a document, and findings of many files in one list. */
#ifndef KUBE_REPORT_H
#define KUBE_REPORT_H

#include "base/tree.h"

/* Report something at `sub`, a path within doc; its line is that of the deepest node that exists.
 * path: of doc in its document, "" or "items[2]". */
void report_at(struct findings *f, enum finding_severity severity, const struct tree *doc,
               const char *path, const char *sub, const char *format, ...)
        __attribute__((format(printf, 6, 7)));

/* Add all, each with its own file. */
void report_all(struct findings *to, const struct findings *from);

/* "a.b" from "a" and "b", "a[0]" from "a" and "[0]"; either may be "".  For free(). */
char *path_join(const char *path, const char *sub);
/* "a.key", or "a['k.ey']" where the key needs it.  For free(). */
char *path_key(const char *path, const char *key);

#endif
