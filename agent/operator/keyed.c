/* keyed.c - see keyed.h */
#include "operator/keyed.h"

#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
        const struct keyed *x = a, *y = b;

        return strcmp(x->key, y->key);
}

void *keyed_find(void *const *root, const char *key)
{
        const struct keyed wanted = { .key = (char *)(uintptr_t)key };
        void *const *found = tfind(&wanted, root, compare);

        return found ? *found : NULL;
}

void keyed_add(void **root, struct keyed *thing)
{
        if (!tsearch(thing, root, compare)) {
                (void)fprintf(stderr, "devicelink: out of memory (index)\n");
                abort();
        }
}

void keyed_remove(void **root, struct keyed *thing)
{
        (void)tdelete(thing, root, compare);
}
