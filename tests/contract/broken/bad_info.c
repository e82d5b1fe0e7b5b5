/* A good table whose compile() and describe() break the contract, in the way the kind says. */
#include "parts.h"

#include <string.h>

struct dl_device {
        struct dl_info info;
        struct dl_point points[2];
        int no_info;
};

static int compile(const struct dl_request *request, struct dl_device **ret, struct dl_error *error)
{
        const char *kind = request->kind;

        (void)error;
        if (strcmp(kind, "NoDevice") == 0)
                return DL_OK; /* *ret untouched */
        if (strcmp(kind, "UnknownResult") == 0)
                return -77;
        if (strcmp(kind, "PositiveResult") == 0)
                return 7;
        struct dl_device *d = calloc(1, sizeof(*d));
        if (!d)
                return DL_RETRY;
        d->points[0] = parts_point;
        d->points[1] = parts_point;
        d->points[1].name = "m";
        d->info = parts_info;
        d->info.points = d->points;
        d->info.n_points = 2;
        d->no_info = strcmp(kind, "NoInfo") == 0;
        if (strcmp(kind, "NoChannel") == 0)
                d->info.channel = NULL;
        if (strcmp(kind, "NoConnection") == 0)
                d->info.connection = NULL;
        if (strcmp(kind, "NoPointName") == 0)
                d->points[1].name = NULL;
        if (strcmp(kind, "SameNames") == 0)
                d->points[1].name = "n";
        if (strcmp(kind, "BrokenMembers") == 0)
                d->points[0].members = "\"name\":";
        if (strcmp(kind, "NoPoints") == 0)
                d->info.points = NULL;
        if (strcmp(kind, "TooManyPoints") == 0)
                d->info.n_points = 1000000;
        if (strcmp(kind, "SmallInfo") == 0)
                d->info.size = 4;
        if (strcmp(kind, "SmallPoint") == 0)
                d->points[0].size = 4;
        *ret = d;
        return DL_OK;
}

static const struct dl_info *describe(const struct dl_device *device)
{
        return device->no_info ? NULL : &device->info;
}

static void discard(struct dl_device *device)
{
        free(device);
}

static const struct dl_adaptor adaptor = {
        .size = sizeof(adaptor),
        .name = "adaptors.example.com/bad-info",
        .version = "1",
        .kinds = (const char *const[]){ "NoDevice", "UnknownResult", "PositiveResult", "NoInfo",
                                        "NoChannel", "NoConnection", "NoPointName", "SameNames",
                                        "BrokenMembers", "NoPoints", "TooManyPoints", "SmallInfo",
                                        "SmallPoint", "Good", NULL },
        .compile = compile,
        .describe = describe,
        .discard = discard,
        .open = parts_open,
        .close = parts_close,
        PARTS_BLOCKING,
};

PARTS_EXPORT(adaptor)
