/* A plugin for another major version: the symbol that is looked for is not there. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        PARTS_BLOCKING,
        .name = "adaptors.example.com/wrong-symbol",
};

EXPORT const struct dl_adaptor *dl_adaptor_v2(const struct dl_host *host);

EXPORT const struct dl_adaptor *dl_adaptor_v2(const struct dl_host *host)
{
        parts_host = host;
        return &adaptor;
}
