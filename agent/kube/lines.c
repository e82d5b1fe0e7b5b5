#include "kube/lines.h"

#include "base/mem.h"

#include <devicelink/adaptor.h>
#include <string.h>

enum { PART_FIRST = 4096 };

void lines_init(struct lines *l, size_t max, bool (*each)(void *ctx, const char *text, size_t n),
                void *ctx)
{
        *l = (struct lines){ .max = max, .each = each, .ctx = ctx };
}

static void wipe(char *p, size_t n)
{
        if (p)
                explicit_bzero(p, n);
        free(p);
}

void lines_done(struct lines *l)
{
        wipe(l->part, l->len);
        l->part = NULL;
        l->len = 0;
        l->cap = 0;
}

/* Not by realloc(): it leaves the old bytes behind. */
static void keep(struct lines *l, const char *bytes, size_t n)
{
        if (n > l->cap - l->len) {
                size_t cap = l->cap ? l->cap : PART_FIRST;

                while (cap < l->len + n)
                        cap *= 2;
                char *more = xmalloc(cap);
                if (l->len > 0)
                        memcpy(more, l->part, l->len);
                wipe(l->part, l->len);
                l->part = more;
                l->cap = cap;
        }
        memcpy(l->part + l->len, bytes, n);
        l->len += n;
}

static bool hand_over(const struct lines *l, const char *text, size_t n)
{
        if (n > 0 && text[n - 1] == '\r')
                n--;
        return n == 0 || l->each(l->ctx, text, n);
}

/* The line whose beginning was kept. */
static bool hand_over_part(struct lines *l)
{
        char *whole = l->part;
        size_t len = l->len;

        l->part = NULL;
        l->len = 0;
        l->cap = 0;
        bool more = hand_over(l, whole, len);
        wipe(whole, len);
        return more;
}

int lines_feed(struct lines *l, const char *bytes, size_t n)
{
        const char *end = bytes + n;

        while (bytes < end) {
                const char *eol = memchr(bytes, '\n', (size_t)(end - bytes));
                size_t len = (size_t)((eol ? eol : end) - bytes);

                if (len > l->max - l->len)
                        return DL_REFUSED;
                if ((!eol || l->len > 0) && len > 0)
                        keep(l, bytes, len);
                if (!eol)
                        return 0;
                if (!(l->len > 0 ? hand_over_part(l) : hand_over(l, bytes, len)))
                        return 0;
                bytes = eol + 1;
        }
        return 0;
}

bool lines_within(const struct lines *l)
{
        return l->len > 0;
}
