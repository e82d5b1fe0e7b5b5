/* The dummy adaptor takes any spec: it compiles to points that can be read, or is refused with a
 * reason. */
/* libs: dl_adaptor_dummy */
#include "fuzz.h"

#include <devicelink/adaptor.h>
#include <stdlib.h>
#include <string.h>

struct dl_sink {
        size_t n_points;
};

static void emit(struct dl_sink *k, const struct dl_sample *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i].point >= k->n_points || (s[i].quality == DL_BAD) != (s[i].error != NULL))
                        abort();
}

static uint32_t nine(void)
{
        return 9;
}

static const struct dl_host host = { .size = sizeof(host), .emit = emit, .random = nine };

static void report(void *ctx, enum dl_severity severity, const char *path, const char *text)
{
        (void)ctx;
        (void)severity;
        if (!path || !text)
                abort();
}

static void use(const struct dl_adaptor *a, struct dl_device *d)
{
        const struct dl_info *info = a->describe(d);
        struct dl_sink sink = { .n_points = info->n_points };
        struct dl_error e = { 0 };
        struct dl_link *l = NULL;

        if (a->open(d, &sink, &l, &e) < 0)
                return;
        for (uint32_t i = 0; i < info->n_points; i++)
                if (a->read(l, &i, 1, &e) != DL_OK)
                        abort();
        a->close(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const kinds[] = { "DummySpecialDevice", "DummyProtocolDevice" };
        const struct dl_adaptor *a = dl_adaptor_v1(&host);
        char *spec = malloc(size + 1);

        if (!spec)
                return 0;
        memcpy(spec, data, size);
        spec[size] = '\0';
        for (size_t i = 0; i < 2; i++) {
                const struct dl_request r = {
                        .size = sizeof(r),
                        .kind = kinds[i],
                        .spec = spec,
                        .spec_len = size,
                        .report = report,
                };
                struct dl_error e = { 0 };
                struct dl_device *d = NULL;
                int rc = a->compile(&r, &d, &e);

                if (rc == DL_OK) {
                        use(a, d);
                        a->discard(d);
                } else if (rc != DL_CONFIG || !e.text[0]) {
                        abort();
                }
        }
        free(spec);
        return 0;
}
