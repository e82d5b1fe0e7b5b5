/* Neither read() nor begin_read(). */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        .name = "adaptors.example.com/no-model",
        .kinds = (const char *const[]){ "NoModelDevice", NULL },
};

PARTS_EXPORT(adaptor)
