#include "kube/digest.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a */
uint64_t digest_bytes(const void *p, size_t n)
{
        const unsigned char *s = p;
        uint64_t h = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < n; i++)
                h = (h ^ s[i]) * UINT64_C(1099511628211);
        return h ? h : 1;
}

static int is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void digest_fit(const char *prefix, const char *name, char *out, size_t size)
{
        auto_free char *whole = xasprintf("%s%s", prefix, name);
        size_t n = strlen(whole);

        if (n < size) {
                memcpy(out, whole, n + 1);
                return;
        }
        uint64_t h = digest_bytes(whole, n);
        n = size - sizeof("-0123456789abcdef");
        while (n > 1 && !is_alnum(whole[n - 1]))
                n--;
        (void)snprintf(out, size, "%.*s-%016" PRIx64, (int)n, whole, h);
}
