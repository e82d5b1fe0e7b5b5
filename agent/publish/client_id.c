/* client_id.c - MQTT client ids. */
#include "publish/client_id.h"

#include <stdint.h>
#include <string.h>

enum { UID_BYTES = 36, SHORT_BYTES = 15, WHOLE_BYTES = 17 };

static void add_without_dashes(const char *s, size_t n, struct buf *out)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] != '-')
                        buf_addc(out, s[i]);
}

static size_t hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return (size_t)(c - '0');
        if (c >= 'a' && c <= 'f')
                return (size_t)(c - 'a') + 10;
        if (c >= 'A' && c <= 'F')
                return (size_t)(c - 'A') + 10;
        return 0;
}

/* Walk the UID as a ring, blank where one lands, and go on by the blanked digit's value and one. */
static void add_thinned(const char *uid, struct buf *out)
{
        char ring[UID_BYTES];
        size_t left = 0;

        memcpy(ring, uid, sizeof(ring));
        for (size_t i = 0; i < sizeof(ring); i++)
                left += ring[i] != '-';
        for (size_t at = 0; left > SHORT_BYTES; left--) {
                while (ring[at] == '-')
                        at = (at + 1) % sizeof(ring);
                size_t step = hex_value(ring[at]) + 1;
                ring[at] = '-';
                at = (at + step) % sizeof(ring);
        }
        add_without_dashes(ring, sizeof(ring), out);
}

void client_id(const char *uid, int version, struct buf *out)
{
        size_t n = strlen(uid);

        buf_adds(out, "octopus-");
        if (version != 3 || n <= WHOLE_BYTES)
                add_without_dashes(uid, n, out);
        else if (n == UID_BYTES)
                add_thinned(uid, out);
        else /* no UID of Kubernetes; Octopus has no rule for it */
                buf_add(out, uid + n - SHORT_BYTES, SHORT_BYTES);
}

/* FNV-1a */
static uint64_t fingerprint(uint64_t h, const char *s)
{
        for (; *s; s++)
                h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
        return (h ^ 0xff) * UINT64_C(1099511628211);
}

void client_id_shared(const char *node, const char *identity, int version, struct buf *out)
{
        uint64_t h = fingerprint(UINT64_C(14695981039346656037), identity);

        if (version == 3)
                buf_addf(out, "devicelink-%012llx",
                         (unsigned long long)(fingerprint(h, node) & UINT64_C(0xffffffffffff)));
        else
                buf_addf(out, "devicelink-%s-%016llx", node, (unsigned long long)h);
}
