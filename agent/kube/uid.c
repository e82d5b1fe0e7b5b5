#include "kube/uid.h"

#include "base/buf.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drawn once at random.  Never change it: client ids and topics depend on it. */
static const unsigned char uid_space[16] = { 0x6b, 0x0f, 0x5e, 0x0a, 0x35, 0x0b, 0x4c, 0x1d,
                                             0x9a, 0x1f, 0x37, 0x5d, 0x43, 0x7a, 0x90, 0xc2 };

void uid_make(const char *host, const char *kind, const char *key, char out[UID_SIZE])
{
        unsigned char d[EVP_MAX_MD_SIZE] = { 0 };
        auto_of(buf) struct buf b = BUF(64 * 1024);

        buf_add(&b, uid_space, sizeof(uid_space));
        /* A line each: none of the three can hold a line feed. */
        buf_addf(&b, "%s\n%s\n%s", host ? host : "", kind, key);
        if (!buf_ok(&b) || EVP_Digest(b.data, b.len, d, NULL, EVP_sha1(), NULL) != 1)
                abort(); /* as without memory: a uid that changes would be worse */
        d[6] = (unsigned char)((d[6] & 0x0f) | 0x50);
        d[8] = (unsigned char)((d[8] & 0x3f) | 0x80);
        (void)snprintf(out, UID_SIZE,
                       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0],
                       d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12],
                       d[13], d[14], d[15]);
}
