/* decode.h - field tables: one table per spec type parses, defaults, bounds and documents it.
 *
 *   static const struct field tcp_fields[] = {
 *           FIELD_TEXT(struct tcp, endpoint, "endpoint", .required = true, .help = "host:port"),
 *           FIELD_INT(struct tcp, unit, "workerID", .required = true, .min = 1, .max = 247),
 *           FIELD_END,
 *   };
 *
 * decode() walks the table, not the document: what is absent gets its default, what is wrong is
 * reported with path, line, value and expectation, unknown keys are a warning with the nearest
 * known name, and it goes on to the end.  null counts as absent.  What an absent object would
 * require is not asked for; only its defaults are set.  Sub-structs live in the arena; texts and
 * FIELD_KIND_TREE stay in the document's: keep both, most simply by using one arena for both.
 * Long or odd values are shortened and escaped in messages; those of .secret fields never appear.
 * The same table prints help and is compared with the CRDs.
 *
 * Limits: lists and maps without a .max of their own hold at most 65,535 elements; text with a
 * pattern at most 64 KiB; paths in findings end after 1,024 bytes.
 */
#ifndef BASE_DECODE_H
#define BASE_DECODE_H

#include "tree.h"

#include <stddef.h>

enum field_kind {
        FIELD_KIND_END = 0,
        FIELD_KIND_TEXT,     /* const char * */
        FIELD_KIND_BOOL,     /* bool */
        FIELD_KIND_INT,      /* int64_t, .min .. .max */
        FIELD_KIND_REAL,     /* double, .min .. .max as integers; both 0 = unbounded */
        FIELD_KIND_DURATION, /* int64_t ns, from a duration string */
        FIELD_KIND_CHOICE,   /* int, from .choices; JSON strings or integers (.name "3") */
        FIELD_KIND_OBJECT,   /* struct embedded at .offset, .sub; absent = its defaults */
        FIELD_KIND_POINTER,  /* struct x *, .sub, .size; absent = NULL */
        FIELD_KIND_LIST,     /* struct decoded_list at .offset: .sub and .size per element, or, with
                                .sub NULL, const char * elements */
        FIELD_KIND_MAP,      /* struct decoded_list of struct decoded_pair: text to text */
        FIELD_KIND_TREE,     /* const struct tree *, kept as it is; absent = NULL */
};

struct field_choice {
        const char *name;
        int value;
};

struct decoded_list {
        void *items; /* in the arena */
        size_t n;
};

struct decoded_pair {
        const char *key;
        const char *value;
};

struct field {
        enum field_kind kind;
        const char *name;  /* key in the document */
        const char *alias; /* a second spelling that is read too, or NULL */
        size_t offset;     /* in the struct */
        size_t size;       /* of one element or pointee */
        bool required;
        const char *fallback; /* default as text, NULL = zero / NULL */
        /* INT, REAL, DURATION (ns), elements of LIST and MAP, characters of TEXT.  0,0 = unbounded;
         * max 0 with min above it = no upper bound. */
        int64_t min, max;
        const char
                *pattern; /* TEXT, LIST of texts: POSIX extended regular expression, whole text */
        const char *pattern_says; /* what to say when it does not match: "an absolute path" */
        const struct field_choice *choices;
        const struct field *sub; /* OBJECT, POINTER, LIST */
        const char *unique;      /* LIST of objects: this member is the key, no duplicates */
        const char *help;        /* one line */
        bool ignored; /* accepted for compatibility and not stored (KIND_TREE, no offset) */
        bool secret;  /* no value of it, or below it, appears in a message */
};

/* min, max, required, fallback, pattern, ... follow as designated initialisers. */
#define FIELD_TEXT(type, member, key, ...)                                                         \
        {                                                                                          \
                .kind = FIELD_KIND_TEXT, .name = (key), .offset = offsetof(type, member),          \
                __VA_ARGS__                                                                        \
        }
#define FIELD_BOOL(type, member, key, ...)                                                         \
        {                                                                                          \
                .kind = FIELD_KIND_BOOL, .name = (key), .offset = offsetof(type, member),          \
                __VA_ARGS__                                                                        \
        }
#define FIELD_INT(type, member, key, ...)                                                          \
        {                                                                                          \
                .kind = FIELD_KIND_INT, .name = (key), .offset = offsetof(type, member),           \
                __VA_ARGS__                                                                        \
        }
#define FIELD_REAL(type, member, key, ...)                                                         \
        {                                                                                          \
                .kind = FIELD_KIND_REAL, .name = (key), .offset = offsetof(type, member),          \
                __VA_ARGS__                                                                        \
        }
#define FIELD_DURATION(type, member, key, ...)                                                     \
        {                                                                                          \
                .kind = FIELD_KIND_DURATION, .name = (key), .offset = offsetof(type, member),      \
                __VA_ARGS__                                                                        \
        }
#define FIELD_CHOICE(type, member, key, table, ...)                                                \
        {                                                                                          \
                .kind = FIELD_KIND_CHOICE, .name = (key), .offset = offsetof(type, member),        \
                .choices = (table), __VA_ARGS__                                                    \
        }
#define FIELD_OBJECT(type, member, key, table, ...)                                                \
        {                                                                                          \
                .kind = FIELD_KIND_OBJECT, .name = (key), .offset = offsetof(type, member),        \
                .sub = (table), __VA_ARGS__                                                        \
        }
#define FIELD_POINTER(type, member, key, table, pointee, ...)                                      \
        {                                                                                          \
                .kind = FIELD_KIND_POINTER, .name = (key), .offset = offsetof(type, member),       \
                .sub = (table), .size = sizeof(pointee), __VA_ARGS__                               \
        }
#define FIELD_LIST(type, member, key, table, element, ...)                                         \
        {                                                                                          \
                .kind = FIELD_KIND_LIST, .name = (key), .offset = offsetof(type, member),          \
                .sub = (table), .size = sizeof(element), __VA_ARGS__                               \
        }
#define FIELD_TEXTS(type, member, key, ...)                                                        \
        {                                                                                          \
                .kind = FIELD_KIND_LIST, .name = (key), .offset = offsetof(type, member),          \
                .size = sizeof(const char *), __VA_ARGS__                                          \
        }
#define FIELD_MAP(type, member, key, ...)                                                          \
        {                                                                                          \
                .kind = FIELD_KIND_MAP, .name = (key), .offset = offsetof(type, member),           \
                __VA_ARGS__                                                                        \
        }
#define FIELD_TREE(type, member, key, ...)                                                         \
        {                                                                                          \
                .kind = FIELD_KIND_TREE, .name = (key), .offset = offsetof(type, member),          \
                __VA_ARGS__                                                                        \
        }
#define FIELD_IGNORED(key, ...)                                                                    \
        {                                                                                          \
                .kind = FIELD_KIND_TREE, .name = (key), .ignored = true, __VA_ARGS__               \
        }
#define FIELD_END                                                                                  \
        {                                                                                          \
                .kind = FIELD_KIND_END                                                             \
        }

/* Decode t (NULL = an empty map) into out, which is first zeroed for `size` bytes.  path is what
 * the findings' paths begin with.  Returns 0, or DL_CONFIG when errors were reported to f (never
 * NULL): out then holds what could be read. */
int decode(const struct tree *t, const struct field *fields, void *out, size_t size,
           struct arena *a, const char *path, struct findings *f);

/* One line per field, indented: "  workerID    integer 1..247, required   unit identifier". */
void decode_help(const struct field *fields, unsigned indent, struct buf *out);

#endif
