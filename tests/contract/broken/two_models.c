/* Blocking and event-driven at once. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        PARTS_BLOCKING,
        .name = "adaptors.example.com/two-models",
        .kinds = (const char *const[]){ "TwoModelsDevice", NULL },
        .begin_read = parts_begin_read,
};

PARTS_EXPORT(adaptor)
