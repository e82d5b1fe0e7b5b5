/* No spec breaks the compiler, and what it lets pass can be planned, read and written. */
/* libs: dl_adaptor_modbus */
#include "base/mem.h"
#include "fuzz.h"
#include "modbus/plan.h"
#include "modbus/spec.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void count(void *ctx, enum dl_severity severity, const char *path, const char *text)
{
        size_t *errors = ctx;

        check(path && text && text[0]);
        if (severity == DL_ERROR)
                ++*errors;
}

static void points(const struct dl_device *d)
{
        uint8_t bytes[DATA_MAX];
        struct err e = { 0 };
        unsigned spare;

        for (size_t i = 0; i < d->info.n_points; i++) {
                const struct property *p = &d->properties[i];
                const struct dl_point *point = &d->info.points[i];
                check(point->name && point->members && point->members[0] == '"');
                check(shape_check_read(&p->shape, &spare, &e) == 0);
                check(p->writable == ((point->access & DL_WRITE) != 0));
                if (point->desired.type != DL_NONE)
                        check(shape_encode(&p->shape, &point->desired, bytes, &e) == 0);
        }
}

static void plans(const struct dl_device *d)
{
        size_t n = d->info.n_points;
        struct plan_span *spans = xcalloc(n + 1, sizeof(*spans));
        uint32_t *all = xcalloc(n + 1, sizeof(*all));
        struct plan_block b;
        size_t covered = 0;

        for (size_t i = 0; i < n; i++) {
                const struct shape *s = &d->properties[i].shape;
                spans[i] = (struct plan_span){ (uint8_t)s->area, s->address, s->quantity };
                all[i] = (uint32_t)i;
        }
        struct plan *p = plan_new(spans, n);
        plan_begin(p, all, n);
        while (plan_next(p, &b))
                covered += b.n;
        check(covered == n);
        plan_free(p);
        free(spans);
        free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct dl_device *d = NULL;
        struct err e = { 0 };
        size_t errors = 0;

        if (size > 16 * 1024)
                return 0;
        char *spec = xcalloc(size + 1, 1);
        memcpy(spec, data, size);
        const struct dl_request r = {
                .size = sizeof(r),
                .spec = spec,
                .spec_len = size,
                .report = count,
                .report_ctx = &errors,
        };
        int rc = spec_compile(&r, &d, &e);
        if (rc == 0) {
                check(errors == 0 && d->info.channel && d->info.connection);
                points(d);
                plans(d);
        } else {
                check(rc == DL_CONFIG && e.text[0] && !d);
        }
        spec_free(d);
        free(spec);
        return 0;
}
