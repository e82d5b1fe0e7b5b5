/* condition.h - the ordered condition list of a link (octopus 1.2).
 *
 * A later condition exists only while all earlier ones are True; the last entry is the phase.
 * Texts are borrowed: literals of the program, or in the memory of the document that was read.
 * Pure; threads: none shared.
 */
#ifndef MODEL_CONDITION_H
#define MODEL_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum condition_type {
        CONDITION_NODE_EXISTED,
        CONDITION_MODEL_EXISTED,
        CONDITION_ADAPTOR_EXISTED,
        CONDITION_DEVICE_CREATED,
        CONDITION_DEVICE_CONNECTED,
        CONDITION_COUNT
};

enum condition_status { CONDITION_UNKNOWN, CONDITION_TRUE, CONDITION_FALSE };

struct condition {
        enum condition_type type;
        enum condition_status status;
        const char *message;     /* never NULL */
        const char *reason;      /* NULL: the contract's, condition_reason() */
        int64_t updated_ns;      /* lastUpdateTime, wall */
        int64_t transitioned_ns; /* lastTransitionTime */
};

struct conditions {
        struct condition list[CONDITION_COUNT];
        size_t n;
};

const char *condition_type_name(enum condition_type);
const char *condition_status_name(enum condition_status);
/* "Found", "NotFound", "Confirming", "Healthy", ... */
const char *condition_reason(enum condition_type, enum condition_status);

/* What stands in the list: .reason, or the contract's. */
const char *condition_reason_of(const struct condition *c);

/* Set one, cutting the list at its type; message NULL = the contract's text for Unknown, "" for
 * True. True on the first four also appends the next as Unknown.  rewrite: set even when nothing
 * differs (the recorded node, model or adaptor name is not the spec's).  Returns whether the list
 * changed. */
bool conditions_set(struct conditions *c, enum condition_type, enum condition_status,
                    const char *message, bool rewrite, int64_t now_ns);
/* The same with a reason beyond the contract's. */
bool conditions_set_reason(struct conditions *c, enum condition_type, enum condition_status,
                           const char *reason, const char *message, int64_t now_ns);
bool conditions_equal(const struct conditions *a, const struct conditions *b); /* times too */
const struct condition *conditions_get(const struct conditions *c, enum condition_type);
const struct condition *conditions_phase(const struct conditions *c); /* NULL: empty */

#endif
