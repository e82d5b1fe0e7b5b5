/* misbehave.c - a plugin that breaks one promise of the contract: the one its kind names. */
#include <devicelink/adaptor.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POINTS = 2 };

struct dl_device {
        const char *kind; /* of the list below */
        struct dl_info info;
};

struct dl_link {
        const struct dl_device *device;
        struct dl_sink *sink;
        atomic_bool interrupted;
};

static const struct dl_host *host;

static const char *const kinds[] = {
        "WellDevice",
        "EmitsUnknownPoint",
        "EmitsWrongType",
        "GivesNoReason",
        "LeaksDescriptor",
        "LeaksThread",
        "TakesAnything",
        "SleepsInOpen",
        "StaysInterrupted",
        "SkipsPoints",
        "ForgetsChannel",
        "ChangesResult",
        NULL,
};

static const struct dl_point points[POINTS] = {
        {
                .size = sizeof(points[0]),
                .type = DL_INT,
                .access = DL_READ,
                .name = "a",
                .members = "\"name\":\"a\"",
        },
        {
                .size = sizeof(points[0]),
                .type = DL_INT,
                .access = DL_READ,
                .name = "b",
                .members = "\"name\":\"b\"",
        },
};

static bool is(const struct dl_device *d, const char *fault)
{
        return strcmp(d->kind, fault) == 0;
}

static int refuse(const struct dl_request *r, struct dl_error *error)
{
        (void)snprintf(error->path, sizeof(error->path), "needed");
        (void)snprintf(error->text, sizeof(error->text), "expected true");
        if (strcmp(r->kind, "GivesNoReason") == 0)
                error->text[0] = '\0';
        else
                r->report(r->report_ctx, DL_ERROR, error->path, error->text);
        return strcmp(r->kind, "ChangesResult") == 0 ? 1 : DL_CONFIG;
}

static int compile(const struct dl_request *r, struct dl_device **ret, struct dl_error *error)
{
        if (strcmp(r->spec, "{\"needed\":true}\n") != 0 && strcmp(r->kind, "TakesAnything") != 0)
                return refuse(r, error);
        struct dl_device *d = calloc(1, sizeof(*d));
        if (!d)
                return DL_RETRY;
        for (size_t i = 0; kinds[i]; i++)
                if (strcmp(kinds[i], r->kind) == 0)
                        d->kind = kinds[i];
        d->info = (struct dl_info){
                .size = sizeof(d->info),
                .channel = is(d, "ForgetsChannel") ? NULL : "here",
                .connection = "here",
                .points = points,
                .n_points = POINTS,
                .interval_ns = 1000000000,
                .timeout_ns = 100000000,
        };
        *ret = d;
        return DL_OK;
}

static const struct dl_info *describe(const struct dl_device *d)
{
        return &d->info;
}

static void discard(struct dl_device *d)
{
        free(d);
}

static void *linger(void *ctx)
{
        const struct timespec long_enough = { .tv_sec = 4 };

        (void)nanosleep(&long_enough, NULL);
        return ctx;
}

static int open_link(const struct dl_device *d, struct dl_sink *sink, struct dl_link **ret,
                     struct dl_error *error)
{
        const struct timespec too_long = { .tv_sec = 3 };
        static atomic_int opened;
        struct dl_link *l = calloc(1, sizeof(*l));
        pthread_t thread;

        (void)error;
        if (!l)
                return DL_RETRY;
        l->device = d;
        l->sink = sink;
        if (is(d, "LeaksDescriptor"))
                (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
        bool first = atomic_fetch_add(&opened, 1) == 0;
        if (first && is(d, "LeaksThread") && pthread_create(&thread, NULL, linger, NULL) == 0)
                (void)pthread_detach(thread);
        if (first && is(d, "SleepsInOpen"))
                (void)nanosleep(&too_long, NULL);
        *ret = l;
        return DL_OK;
}

static int read_points(struct dl_link *l, const uint32_t *list, size_t n, struct dl_error *error)
{
        if (is(l->device, "StaysInterrupted") && atomic_load(&l->interrupted)) {
                (void)snprintf(error->text, sizeof(error->text), "interrupted");
                return DL_RETRY;
        }
        for (size_t i = 0; i < n; i++) {
                struct dl_sample s = { .size = sizeof(s), .point = list[i] };

                s.value.type = is(l->device, "EmitsWrongType") ? DL_REAL : DL_INT;
                if (is(l->device, "EmitsUnknownPoint"))
                        s.point = POINTS;
                if (is(l->device, "SkipsPoints") && i == 1)
                        continue;
                host->emit(l->sink, &s, 1);
        }
        return DL_OK;
}

static void interrupt(struct dl_link *l)
{
        atomic_store(&l->interrupted, true);
}

static void close_link(struct dl_link *l)
{
        free(l);
}

__attribute__((visibility("default"))) const struct dl_adaptor *
dl_adaptor_v1(const struct dl_host *h)
{
        static const struct dl_adaptor adaptor = {
                .size = sizeof(adaptor),
                .name = "adaptors.example.com/misbehave",
                .version = "1",
                .kinds = kinds,
                .compile = compile,
                .describe = describe,
                .discard = discard,
                .open = open_link,
                .read = read_points,
                .interrupt = interrupt,
                .close = close_link,
        };

        host = h;
        return &adaptor;
}
