#include "buf.h"

#include "mem.h"
#include "utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BUF_FIRST = 64 };

void buf_done(struct buf *b)
{
        free(b->data);
        *b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
        b->len = 0;
        b->failed = false;
        if (b->data)
                b->data[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
        return !b->failed;
}

const char *buf_text(const struct buf *b)
{
        return b->data ? b->data : "";
}

char *buf_take(struct buf *b, size_t *ret_len)
{
        char *r = b->data ? b->data : xstrdup("");

        if (ret_len)
                *ret_len = b->len;
        *b = BUF(b->max);
        return r;
}

/* Make room for n more bytes and the NUL; NULL when that passes the maximum. */
static char *room(struct buf *b, size_t n)
{
        assert(b->max < SIZE_MAX / 4);
        if (b->failed || n > b->max - b->len) {
                b->failed = true;
                return NULL;
        }
        if (b->len + n >= b->cap) {
                size_t cap = b->cap ? b->cap * 2 : BUF_FIRST;
                if (cap > b->max + 1)
                        cap = b->max + 1;
                if (cap <= b->len + n)
                        cap = b->len + n + 1;
                b->data = xrealloc(b->data, cap);
                b->cap = cap;
        }
        return b->data + b->len;
}

static void grown(struct buf *b, size_t n)
{
        b->len += n;
        b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
        char *to = room(b, n);

        if (!to)
                return;
        if (n)
                memcpy(to, p, n);
        grown(b, n);
}

void buf_addc(struct buf *b, char c)
{
        buf_add(b, &c, 1);
}

void buf_adds(struct buf *b, const char *s)
{
        buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *format, ...)
{
        va_list args;
        va_list again;

        va_start(args, format);
        va_copy(again, args);
        size_t have = b->cap > b->len ? b->cap - b->len : 0;
        int n = vsnprintf(have ? b->data + b->len : NULL, have, format, args);
        va_end(args);

        char *to = n >= 0 ? room(b, (size_t)n) : NULL;
        if (!to) {
                b->failed = true;
                if (have)
                        b->data[b->len] = '\0'; /* the trial has written over it */
        } else {
                if ((size_t)n >= have)
                        (void)vsnprintf(to, (size_t)n + 1, format, again);
                grown(b, (size_t)n);
        }
        va_end(again);
}

static void add_escaped(struct buf *b, unsigned char c)
{
        static const char digits[] = "0123456789abcdef";
        char text[7] = "\\u00xx";

        switch (c) {
        case '"':
        case '\\':
                text[1] = (char)c;
                text[2] = '\0';
                break;
        case '\n':
                memcpy(text, "\\n", 3);
                break;
        case '\r':
                memcpy(text, "\\r", 3);
                break;
        case '\t':
                memcpy(text, "\\t", 3);
                break;
        default:
                text[4] = digits[c >> 4];
                text[5] = digits[c & 15];
        }
        buf_adds(b, text);
}

void buf_add_json(struct buf *b, const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;
        size_t plain = 0; /* bytes before i that go out as they are */

        buf_addc(b, '"');
        for (size_t i = 0; i < n;) {
                size_t len = utf8_length(p + i, n - i);
                if (len > 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
                        i += len;
                        plain += len;
                        continue;
                }
                if (plain > 0)
                        buf_add(b, p + i - plain, plain);
                plain = 0;
                if (len == 0)
                        buf_adds(b, "\xef\xbf\xbd");
                else
                        add_escaped(b, p[i]);
                i++;
        }
        if (plain > 0)
                buf_add(b, p + n - plain, plain);
        buf_addc(b, '"');
}

void buf_add_hex(struct buf *b, const void *p, size_t n)
{
        static const char digits[] = "0123456789abcdef";
        const unsigned char *from = p;
        char *to = n <= SIZE_MAX / 4 ? room(b, 2 * n) : NULL;

        if (!to) {
                b->failed = true;
                return;
        }
        for (size_t i = 0; i < n; i++) {
                to[2 * i] = digits[from[i] >> 4];
                to[2 * i + 1] = digits[from[i] & 15];
        }
        grown(b, 2 * n);
}

void buf_add_base64(struct buf *b, const void *p, size_t n)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *from = p;
        size_t len = n <= SIZE_MAX / 4 ? (n + 2) / 3 * 4 : SIZE_MAX;
        char *to = room(b, len);

        if (!to)
                return;
        for (size_t i = 0; i < n; i += 3) {
                unsigned bits = (unsigned)from[i] << 16;
                if (i + 1 < n)
                        bits |= (unsigned)from[i + 1] << 8;
                if (i + 2 < n)
                        bits |= from[i + 2];
                *to++ = digits[bits >> 18];
                *to++ = digits[bits >> 12 & 63];
                *to++ = '=';
                *to++ = '=';
                if (i + 1 < n)
                        to[-2] = digits[bits >> 6 & 63];
                if (i + 2 < n)
                        to[-1] = digits[bits & 63];
        }
        grown(b, len);
}
