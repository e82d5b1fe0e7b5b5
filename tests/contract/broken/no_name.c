/* A plugin without a name. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        PARTS_BLOCKING,
        .kinds = (const char *const[]){ "NoNameDevice", NULL },
};

PARTS_EXPORT(adaptor)
