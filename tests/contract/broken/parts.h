/* parts.h - a small adaptor that is right, for plugins that get one thing wrong each.
 *
 * One point "n", blocking, every read gives 1.  The including file makes the table. */
#ifndef BROKEN_PARTS_H
#define BROKEN_PARTS_H

#include <devicelink/adaptor.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

struct dl_link {
        struct dl_sink *sink;
};

static const struct dl_host *parts_host;

static const struct dl_point parts_point = {
        .size = sizeof(parts_point),
        .type = DL_INT,
        .access = DL_READ,
        .encoding = DL_AS_JSON,
        .name = "n",
        .members = "\"name\":\"n\"",
};

static const struct dl_info parts_info = {
        .size = sizeof(parts_info),
        .channel = "nowhere",
        .connection = "nowhere",
        .points = &parts_point,
        .n_points = 1,
        .interval_ns = 1000000000,
        .timeout_ns = 1000000000,
};

static inline int parts_compile(const struct dl_request *request, struct dl_device **ret,
                                struct dl_error *error)
{
        (void)request;
        (void)error;
        *ret = malloc(1);
        return *ret ? DL_OK : DL_RETRY;
}

static inline const struct dl_info *parts_describe(const struct dl_device *device)
{
        (void)device;
        return &parts_info;
}

static inline void parts_discard(struct dl_device *device)
{
        free(device);
}

static inline int parts_open(const struct dl_device *device, struct dl_sink *sink,
                             struct dl_link **ret, struct dl_error *error)
{
        (void)device;
        (void)error;
        *ret = malloc(sizeof(**ret));
        if (!*ret)
                return DL_RETRY;
        (*ret)->sink = sink;
        return DL_OK;
}

static inline int parts_read(struct dl_link *link, const uint32_t *points, size_t n,
                             struct dl_error *error)
{
        (void)error;
        for (size_t i = 0; i < n; i++) {
                const struct dl_sample one = {
                        .size = sizeof(one),
                        .point = points[i],
                        .value = { .type = DL_INT, .as.i = 1 },
                };

                parts_host->emit(link->sink, &one, 1);
        }
        return DL_OK;
}

static inline void parts_begin_read(struct dl_link *link, struct dl_ticket *ticket,
                                    const uint32_t *points, size_t n)
{
        (void)parts_read(link, points, n, NULL);
        parts_host->done(ticket, DL_OK, NULL);
}

static inline void parts_interrupt(struct dl_link *link)
{
        (void)link;
}

static inline void parts_close(struct dl_link *link)
{
        free(link);
}

#define PARTS_TABLE                                                                                \
        .size = sizeof(struct dl_adaptor), .version = "1", .compile = parts_compile,               \
        .describe = parts_describe, .discard = parts_discard, .open = parts_open,                  \
        .close = parts_close

#define PARTS_BLOCKING .read = parts_read, .interrupt = parts_interrupt

/* The exported function around `table`. */
#define PARTS_EXPORT(table)                                                                        \
        EXPORT const struct dl_adaptor *dl_adaptor_v1(const struct dl_host *host)                  \
        {                                                                                          \
                parts_host = host;                                                                 \
                return &(table);                                                                   \
        }

#endif
