/* Not broken: the table of an author who knew nothing of what comes after close(). */
#include "parts.h"

static const struct dl_adaptor adaptor = {
        .size = offsetof(struct dl_adaptor, check),
        .name = "adaptors.example.com/short-table",
        .version = "1",
        .kinds = (const char *const[]){ "ShortTableDevice", NULL },
        .compile = parts_compile,
        .describe = parts_describe,
        .discard = parts_discard,
        .open = parts_open,
        .close = parts_close,
        PARTS_BLOCKING,
        /* Beyond the size: must not be looked at. */
        .status = (int (*)(const struct dl_device *, const struct dl_state *, size_t,
                           struct dl_out *))(uintptr_t)1,
};

PARTS_EXPORT(adaptor)
