/* A plugin that drives no kind of device. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        PARTS_BLOCKING,
        .name = "adaptors.example.com/no-kinds",
};

PARTS_EXPORT(adaptor)
