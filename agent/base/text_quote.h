/* text_quote.h - outside text inside an error text: short, printable.  Private to base/. */
#ifndef BASE_TEXT_QUOTE_H
#define BASE_TEXT_QUOTE_H

#include "utf8.h"

#include <string.h>

enum { TEXT_QUOTE_MAX = 64 };

/* Up to 56 bytes of s; controls and bytes that are not UTF-8 become '?', a cut shows as "...".
 * Returns out. */
static inline const char *text_quote(const char *s, size_t n, char out[TEXT_QUOTE_MAX])
{
        size_t len = 0;

        for (size_t i = 0; i < n;) {
                size_t step = utf8_length((const unsigned char *)s + i, n - i);
                if (len + 4 > TEXT_QUOTE_MAX - 4) {
                        memcpy(out + len, "...", 3);
                        len += 3;
                        break;
                }
                if (step == 0 || (unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
                        out[len++] = '?';
                        i++;
                        continue;
                }
                memcpy(out + len, s + i, step);
                len += step;
                i += step;
        }
        out[len] = '\0';
        return out;
}

#endif
