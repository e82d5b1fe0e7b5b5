/* No compile() and no close(). */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        .size = sizeof(adaptor),
        .name = "adaptors.example.com/missing-slots",
        .version = "1",
        .kinds = (const char *const[]){ "MissingSlotsDevice", NULL },
        .describe = parts_describe,
        .discard = parts_discard,
        .open = parts_open,
        PARTS_BLOCKING,
};

PARTS_EXPORT(adaptor)
