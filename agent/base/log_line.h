/* log_line.h - one log line as text or JSON.  Private to base/log*.c.  Threads: no state. */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "buf.h"
#include "log.h"

#include <stdint.h>

enum { LOG_LINE_MAX = 4096 }; /* with its newline */

struct log_line {
        int64_t wall_ns;
        enum log_level level;
        const char *id;
        const char *message;
        const struct log_field *fields;
        size_t n;
        uint64_t repeated; /* 0 = not shown */
        uint64_t lost;     /* 0 = not shown */
};

/* Adds at most LOG_LINE_MAX bytes.  What is longer gets its texts cut, and a field cut=true. */
void log_line_format(const struct log_line *line, enum log_format format, struct buf *out);

#endif
