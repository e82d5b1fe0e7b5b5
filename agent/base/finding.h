/* finding.h - what is wrong with a document: severity, where, and what was expected.
 *
 * Decoders report everything they find and go on; the caller asks findings_errors() afterwards.
 * Limit: 200 findings are kept, the rest is counted.  Threads: none shared.
 */
#ifndef BASE_FINDING_H
#define BASE_FINDING_H

#include <stdarg.h>
#include <stddef.h>

struct finding {
        enum finding_severity { FINDING_WARNING = 1, FINDING_ERROR = 2 } severity;
        int line;   /* 1-based, 0 = unknown */
        char *file; /* NULL = unknown */
        char *path; /* "spec.template.spec.properties[3].visitor.offset"; "" = the document */
        char *text; /* "expected 0..65535, got 70000" */
};

struct findings {
        struct finding *list;
        size_t n;
        size_t cap;
        size_t errors; /* counted even when not kept */
        size_t warnings;
        const char *file; /* borrowed; copied into each new finding */
};

void findings_done(struct findings *f);
void findings_clear(struct findings *f);
/* f may be NULL. */
void findings_add(struct findings *f, enum finding_severity, int line, const char *path,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The first error as "path: text", or "" */
const char *findings_first(const struct findings *f, char *out, size_t size);

#endif
