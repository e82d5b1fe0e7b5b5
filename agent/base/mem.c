#include "mem.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
        ARENA_FIRST = 256,     /* bytes of the first block: there are several small arenas a link */
        ARENA_LARGEST = 65536, /* blocks grow up to here; larger requests get their own */
        ARENA_ALIGN = alignof(max_align_t),
};

struct block {
        struct block *next;
        size_t size;
        alignas(max_align_t) char data[];
};

struct arena {                /* lives in the last one, the first that was made */
        struct block *blocks; /* the first one is being filled */
        size_t used;          /* of the first one */
        size_t next_size;
        size_t bytes;
};

static _Noreturn void out_of_memory(size_t n)
{
        (void)fprintf(stderr, "devicelink: out of memory (%zu bytes)\n", n);
        abort();
}

void *xmalloc(size_t n)
{
        void *p = malloc(n ? n : 1);

        if (!p)
                out_of_memory(n);
        return p;
}

void *xcalloc(size_t n, size_t size)
{
        void *p = n && size ? calloc(n, size) : calloc(1, 1);

        if (!p)
                out_of_memory(n);
        return p;
}

void *xrealloc(void *p, size_t n)
{
        void *r = realloc(p, n ? n : 1);

        if (!r)
                out_of_memory(n);
        return r;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
        size_t bytes = 0;

        if (__builtin_mul_overflow(n, size, &bytes))
                out_of_memory(SIZE_MAX);
        return xrealloc(p, bytes);
}

void *xmemdup(const void *p, size_t n)
{
        void *r = xmalloc(n);

        if (n)
                memcpy(r, p, n);
        return r;
}

char *xstrdup(const char *s)
{
        return xmemdup(s, strlen(s) + 1);
}

char *xasprintf(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        char *r = xvasprintf(format, args);
        va_end(args);
        return r;
}

char *xvasprintf(const char *format, va_list args)
{
        char *r = NULL;

        if (vasprintf(&r, format, args) < 0)
                out_of_memory(0);
        return r;
}

char *xjoin(const char *a, const char *b, const char *c)
{
        char *all = xmalloc(strlen(a) + strlen(b) + strlen(c) + 1);

        (void)stpcpy(stpcpy(stpcpy(all, a), b), c);
        return all;
}

static struct block *block_new(size_t size)
{
        struct block *b = xcalloc(1, sizeof(*b) + size);

        b->size = size;
        return b;
}

struct arena *arena_new(void)
{
        struct block *b = block_new(ARENA_FIRST);
        struct arena *a = (struct arena *)(void *)b->data;

        a->blocks = b;
        a->used = (sizeof(*a) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        a->next_size = ARENA_FIRST;
        a->bytes = sizeof(*b) + ARENA_FIRST;
        return a;
}

static void end(struct arena *a, bool wipe)
{
        for (struct block *b = a ? a->blocks : NULL, *next; b; b = next) {
                next = b->next;
                if (wipe)
                        explicit_bzero(b->data, b->size);
                free(b);
        }
}

void arena_free(struct arena *a)
{
        end(a, false);
}

void arena_wipe_free(struct arena *a)
{
        end(a, true);
}

/* Half of what there is: at most a third is left over, and few blocks make much. */
static size_t next_size(const struct arena *a)
{
        size_t size = a->bytes / 2;

        return size < ARENA_FIRST ? ARENA_FIRST : size > ARENA_LARGEST ? ARENA_LARGEST : size;
}

static struct block *add_block(struct arena *a, size_t size)
{
        a->bytes += sizeof(struct block) + size;
        return block_new(size);
}

void *arena_alloc(struct arena *a, size_t n)
{
        if (n > SIZE_MAX / 2)
                out_of_memory(n);
        n = n ? (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN : ARENA_ALIGN;

        if (a->blocks->size - a->used < n) {
                if (n > a->next_size / 4) {
                        /* Its own block, behind the one being filled: that one stays in use. */
                        struct block *own = add_block(a, n);
                        own->next = a->blocks->next;
                        a->blocks->next = own;
                        return own->data;
                }
                struct block *b = add_block(a, n > a->next_size ? n : a->next_size);
                b->next = a->blocks;
                a->blocks = b;
                a->used = 0;
                a->next_size = next_size(a);
        }
        void *p = a->blocks->data + a->used;
        a->used += n;
        return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
        size_t bytes = 0;

        if (__builtin_mul_overflow(n, size, &bytes))
                out_of_memory(SIZE_MAX);
        return arena_alloc(a, bytes);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
        void *r = arena_alloc(a, n);

        if (n)
                memcpy(r, p, n);
        return r;
}

char *arena_strdup(struct arena *a, const char *s)
{
        return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
        char *r = arena_alloc(a, n + 1);

        if (n)
                memcpy(r, s, n);
        return r;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
        auto_free char *text = NULL;
        va_list args;

        va_start(args, format);
        text = xvasprintf(format, args);
        va_end(args);
        return arena_strdup(a, text);
}

size_t arena_bytes(const struct arena *a)
{
        return a->bytes;
}
