/* utf8.h - the one place that knows what well-formed UTF-8 is.  Threads: no state. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character that starts at p (1..4), or 0 when no well-formed one does: cut short,
 * over long, a surrogate, or above U+10FFFF. */
static inline size_t utf8_length(const unsigned char *p, size_t n)
{
        if (n == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;

        size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
                return 0;
        for (size_t i = 1; i < len; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        }
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
            (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
                return 0;
        return len;
}

#endif
