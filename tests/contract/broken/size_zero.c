/* All is there but the size of the table: nothing of it can be believed. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        .name = "adaptors.example.com/size-zero",
        .kinds = (const char *const[]){ "SizeZeroDevice", NULL },
        .compile = parts_compile,
        .describe = parts_describe,
        .discard = parts_discard,
        .open = parts_open,
        .close = parts_close,
        PARTS_BLOCKING,
};

PARTS_EXPORT(adaptor)
