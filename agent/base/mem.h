/* mem.h - memory: allocators that end the process when there is none, and arenas.
 *
 * Sizes that a peer chose are limited first, then allocated; these functions never return NULL.
 * An arena holds what dies together (one document, one link generation): allocations are zeroed,
 * aligned for any type, and end all at once.  Threads: an arena belongs to one thread at a time.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "auto.h"

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull, alloc_size(2)));
/* Resize to n elements; the product is checked. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *format, va_list)
        __attribute__((format(printf, 1, 0), returns_nonnull));

/* All three in one piece; printf() would leave copies of a secret behind. */
char *xjoin(const char *a, const char *b, const char *c) __attribute__((returns_nonnull));

/* Give back what is not in use now: free heap, and pages of code and constants, which come back
 * from their files when they are used.  Any thread; takes about a millisecond. */
void mem_trim(void);

struct arena;

struct arena *arena_new(void) __attribute__((returns_nonnull));
void arena_free(struct arena *a); /* NULL is fine */
/* The same, with all that was in it overwritten first: for what holds Secrets. */
void arena_wipe_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
void *arena_calloc(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
void *arena_memdup(struct arena *a, const void *p, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
/* n bytes and a NUL */
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *format, ...)
        __attribute__((format(printf, 2, 3), returns_nonnull));
size_t arena_bytes(const struct arena *a); /* taken from the system so far */

AUTO_DEFINE_PTR(arena, struct arena *, arena_free)

#endif
