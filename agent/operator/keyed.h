/* keyed.h - things found by a name: a tree of structs that begin with their key.
 *
 * Borrows the things; the key stays while it is in.  Threads: none shared.
 */
#ifndef OPERATOR_KEYED_H
#define OPERATOR_KEYED_H

struct keyed {
        char *key; /* the thing's own */
};

void *keyed_find(void *const *root, const char *key); /* NULL: none */
void keyed_add(void **root, struct keyed *thing);     /* no other has its key */
void keyed_remove(void **root, struct keyed *thing);

#endif
