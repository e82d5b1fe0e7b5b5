/* log.h - one line per event: time, level, stable id, message, typed fields.
 *
 *   LOG(WARNING, "link.retry", "no answer", LOG_STR("link", key), LOG_INT("attempt", 3));
 *
 * text, then JSON:
 *   2026-01-02T03:04:05.678Z WARNING link.retry no answer link=default/pump attempt=3
 *   {"time":"2026-01-02T03:04:05.678Z","level":"warning","id":"link.retry",
 *    "message":"no answer","link":"default/pump","attempt":3}            (on one line)
 *
 * Ids are "<room>.<what>" and never change between releases.
 *
 * Repeats within 10 s collapse.  A repeat has the same id and the same LOG_STR fields that say what
 * it is about: "link", "file", "peer", "path", "adaptor", "condition", "reason", "property", and
 * the same LOG_APART.  The first is written, the others are counted, and the count is written as
 * `repeated=N` with the next line of that identity, or with the last message when the 10 s are
 * over. The table of ids under watch is bounded (1,024; the oldest goes).
 *
 * Values are escaped.  A line is at most 4 KiB; what is longer gets its texts cut and `cut=true`.
 * LOG_NS is "1m30s" in text and a number of seconds in JSON.  A line that cannot be written is
 * dropped and counted: the next one carries `lost=N`.  So are lines for a pipe that nobody reads:
 * it costs 50 ms once.  errno survives.
 * Secrets never come here: that is the caller's duty.
 *
 * Threads: any; one write(2) per line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 }; /* syslog(3)'s */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_NS, LOG_KIND_BOOL };

struct log_field {
        const char *key;
        enum log_kind kind;
        const char *s; /* LOG_KIND_STR; NULL leaves the field out */
        int64_t i;
};

#define LOG_STR(k, v) ((struct log_field){ .key = (k), .kind = LOG_KIND_STR, .s = (v) })
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .kind = LOG_KIND_INT, .i = (int64_t)(v) })
#define LOG_NS(k, v) ((struct log_field){ .key = (k), .kind = LOG_KIND_NS, .i = (int64_t)(v) })
/* Not written: lines that differ in it are no repeats.  For a message that comes from elsewhere. */
#define LOG_APART(v) ((struct log_field){ .key = "", .kind = LOG_KIND_STR, .s = (v) })
#define LOG_BOOL(k, v) ((struct log_field){ .key = (k), .kind = LOG_KIND_BOOL, .i = (v) })

/* Before threads start.  fd is not closed; default: stderr, LOG_INFO, text. */
void log_setup(int fd, enum log_level, enum log_format);
bool log_wants(enum log_level);
/* Write the counts of what is being collapsed; at shutdown, and from a timer. */
void log_flush(bool everything);
void log_write(enum log_level, const char *id, const char *message, const struct log_field *,
               size_t n);

#define LOG_FIELDS_(...) ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })

/* Arguments are evaluated only when the level is wanted. */
#define LOG(level, id, message, ...)                                                               \
        (log_wants(LOG_##level)                                                                    \
                 ? log_write(LOG_##level, (id), (message), LOG_FIELDS_(__VA_ARGS__),               \
                             sizeof(LOG_FIELDS_(__VA_ARGS__)) / sizeof(struct log_field) - 1)      \
                 : (void)0)

#endif
