/* Blocking, but nothing can end a blocked call. */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        PARTS_TABLE,
        .name = "adaptors.example.com/no-interrupt",
        .kinds = (const char *const[]){ "NoInterruptDevice", NULL },
        .read = parts_read,
};

PARTS_EXPORT(adaptor)
