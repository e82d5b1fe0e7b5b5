/* One of two plugins of the same name; both are right by themselves. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        PARTS_BLOCKING,
        .name = "adaptors.example.com/twin",
        .kinds = (const char *const[]){ "TwinDevice", NULL },
};

PARTS_EXPORT(adaptor)
