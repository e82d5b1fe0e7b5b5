/* reflector_table.h - what is known to be there: of each object its name, uid and version.
 *
 * Threads: none shared.
 */
#ifndef KUBE_REFLECTOR_TABLE_H
#define KUBE_REFLECTOR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
        const char *space;
        const char *name;
        const char *uid;
        char *version;
        uint32_t mark; /* of the list that last held it */
        bool is_fed;   /* it is known from an answer to us, the list did not hold it yet */
        char texts[];
};

struct table {
        struct entry **list; /* sorted by space and name */
        size_t n;
        size_t cap;
};

void table_done(struct table *t);
struct entry *table_find(const struct table *t, const char *space, const char *name);
/* Adds what is not there; the texts are copied. */
struct entry *table_add(struct table *t, const char *space, const char *name, const char *uid,
                        const char *version);
void entry_set_version(struct entry *e, const char *version);
/* Out of the table; for entry_free(). */
struct entry *table_take(struct table *t, const char *space, const char *name);
void entry_free(struct entry *e);

#endif
