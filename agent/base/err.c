#include "err.h"

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Arguments may point into e itself, so everything is made beside it first. */

/* A cut must not leave half a character behind. */
static void copy_cut(char *out, size_t size, const char *s)
{
        size_t n = strlen(s);

        if (n >= size) {
                n = size - 1;
                for (size_t back = 1; back < 4 && back <= n; back++) {
                        const unsigned char *p = (const unsigned char *)s + n - back;
                        if ((*p & 0xc0) == 0x80)
                                continue;
                        if (*p >= 0x80 && utf8_length(p, back) == 0)
                                n -= back;
                        break;
                }
        }
        memcpy(out, s, n);
        out[n] = '\0';
}

__attribute__((format(printf, 4, 0))) static void fill(struct err *e, int rc, const char *path,
                                                       const char *format, va_list args)
{
        char text[sizeof(e->text) + 8];
        char where[sizeof(e->path)];

        (void)vsnprintf(text, sizeof(text), format, args);
        copy_cut(where, sizeof(where), path);
        e->rc = rc;
        memcpy(e->path, where, sizeof(where));
        copy_cut(e->text, sizeof(e->text), text);
}

int err_set(struct err *e, int rc, const char *format, ...)
{
        va_list args;

        if (!e)
                return rc;
        va_start(args, format);
        fill(e, rc, "", format, args);
        va_end(args);
        return rc;
}

int err_at(struct err *e, int rc, const char *path, const char *format, ...)
{
        va_list args;

        if (!e)
                return rc;
        va_start(args, format);
        fill(e, rc, path, format, args);
        va_end(args);
        return rc;
}

int err_wrap(struct err *e, const char *format, ...)
{
        char prefix[sizeof(e->text)];
        char text[2 * sizeof(e->text) + 2];
        va_list args;

        if (!e)
                return DL_BUG;
        va_start(args, format);
        (void)vsnprintf(prefix, sizeof(prefix), format, args);
        va_end(args);
        (void)snprintf(text, sizeof(text), "%s: %s", prefix, e->text);
        copy_cut(e->text, sizeof(e->text), text);
        return e->rc;
}
