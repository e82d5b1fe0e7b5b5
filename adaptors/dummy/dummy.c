/* dummy.c - devices that are not there: for trying things out, and for tests.
 *
 * Their values come from the clock and from chance, so nothing ever blocks. */
#include "base/clock.h"
#include "dummy/spec.h"

#include <stdio.h>
#include <string.h>

enum kind { KIND_SPECIAL, KIND_PROTOCOL };

struct dl_device {
        struct arena *arena;
        enum kind kind;
        struct special_spec special;
        struct protocol_spec protocol;
        struct dl_info info;
};

struct dl_link {
        struct dl_sink *sink;
        const struct dl_device *device;
        struct fan fan;
};

enum { POINT_GEAR, POINT_SPEED, SPECIAL_POINTS };

static const struct dl_host *host;
static const char *const kinds[] = {
        [KIND_SPECIAL] = "DummySpecialDevice", [KIND_PROTOCOL] = "DummyProtocolDevice", NULL
};

static int fail(struct dl_error *error, int rc, const char *path, const char *text)
{
        (void)snprintf(error->path, sizeof(error->path), "%s", path);
        (void)snprintf(error->text, sizeof(error->text), "%s", text);
        return rc;
}

/* --- compile */

static const struct dl_point *special_points(struct arena *a)
{
        struct dl_point *p = arena_calloc(a, SPECIAL_POINTS, sizeof(*p));

        p[POINT_GEAR] = (struct dl_point){
                .size = sizeof(*p),
                .type = DL_TEXT,
                .access = DL_READ,
                .encoding = DL_AS_JSON,
                .name = "gear",
                .members = "",
        };
        p[POINT_SPEED] = (struct dl_point){
                .size = sizeof(*p),
                .type = DL_INT,
                .access = DL_READ,
                .encoding = DL_AS_JSON,
                .name = "rotatingSpeed",
                .members = "",
        };
        return p;
}

static const struct dl_point *protocol_points(struct arena *a, const struct protocol_spec *s)
{
        struct dl_point *p = arena_calloc(a, s->n_points + 1, sizeof(*p));

        for (size_t i = 0; i < s->n_points; i++)
                p[i] = (struct dl_point){
                        .size = sizeof(*p),
                        .type = DL_JSON,
                        .access = DL_READ,
                        .encoding = DL_AS_JSON,
                        .name = s->points[i].name,
                        .members = "",
                };
        return p;
}

static int special_compile(const struct tree *spec, struct dl_device *d, struct findings *f)
{
        int rc = special_decode(spec, d->arena, &d->special, f);

        if (rc < 0)
                return rc;
        d->info.layout = DL_LAYOUT_FLAT;
        d->info.points = special_points(d->arena);
        d->info.n_points = SPECIAL_POINTS;
        d->info.interval_ns = d->special.on ? gear_period_ns((enum gear)d->special.gear) : 0;
        return 0;
}

static int protocol_compile(const struct tree *spec, struct dl_device *d, struct findings *f)
{
        int rc = protocol_decode(spec, d->arena, &d->protocol, f);

        if (rc < 0)
                return rc;
        d->info.layout = DL_LAYOUT_MAP;
        d->info.points = protocol_points(d->arena, &d->protocol);
        d->info.n_points = d->protocol.n_points;
        d->info.interval_ns = 2 * NS_PER_S;
        return 0;
}

static int find_kind(const char *name, enum kind *ret)
{
        for (int i = 0; kinds[i]; i++) {
                if (strcmp(name, kinds[i]) != 0)
                        continue;
                *ret = (enum kind)i;
                return 0;
        }
        return DL_CONFIG;
}

static void pass_on(const struct findings *f, const struct dl_request *r, struct dl_error *error)
{
        bool first = true;

        for (size_t i = 0; i < f->n; i++) {
                const struct finding *one = &f->list[i];

                if (one->severity == FINDING_ERROR && first) {
                        (void)fail(error, DL_CONFIG, one->path, one->text);
                        first = false;
                }
                if (r->report)
                        r->report(r->report_ctx,
                                  one->severity == FINDING_ERROR ? DL_ERROR : DL_WARNING, one->path,
                                  one->text);
        }
}

static void discard(struct dl_device *d)
{
        arena_free(d->arena);
        free(d);
}

static int compile(const struct dl_request *r, struct dl_device **ret, struct dl_error *error)
{
        const struct tree *spec;
        struct findings f = { 0 };
        struct err e = { 0 };
        enum kind kind;

        if (find_kind(r->kind, &kind) < 0)
                return fail(error, DL_CONFIG, "",
                            "expected DummySpecialDevice or DummyProtocolDevice");
        struct dl_device *d = xcalloc(1, sizeof(*d));
        d->arena = arena_new();
        d->kind = kind;
        d->info = (struct dl_info){
                .size = sizeof(d->info),
                .channel = "dummy",
                .connection = kinds[kind],
                .time_key = "",
                .timeout_ns = NS_PER_S,
        };
        int rc = tree_parse_json(d->arena, r->spec, r->spec_len, &tree_limits_default, &spec, &e);
        if (rc < 0) {
                rc = fail(error, rc, e.path, e.text);
        } else {
                rc = kind == KIND_SPECIAL ? special_compile(spec, d, &f)
                                          : protocol_compile(spec, d, &f);
                pass_on(&f, r, error);
        }
        findings_done(&f);
        if (rc < 0) {
                discard(d);
                return rc;
        }
        *ret = d;
        return DL_OK;
}

static const struct dl_info *describe(const struct dl_device *d)
{
        return &d->info;
}

/* --- links */

static void follow(struct dl_link *l, const struct dl_device *d)
{
        l->device = d;
        if (d->kind == KIND_SPECIAL)
                fan_set(&l->fan, d->special.on, (enum gear)d->special.gear, clock_mono_ns());
}

static int open_link(const struct dl_device *d, struct dl_sink *sink, struct dl_link **ret,
                     struct dl_error *error)
{
        struct dl_link *l = xcalloc(1, sizeof(*l));

        (void)error;
        l->sink = sink;
        follow(l, d);
        *ret = l;
        return DL_OK;
}

static int update(struct dl_link *l, const struct dl_device *d, struct dl_error *error)
{
        if (d->kind != l->device->kind)
                return fail(error, DL_REFUSED, "", "another kind of device");
        follow(l, d);
        return DL_OK;
}

static void read_special(struct dl_link *l, uint32_t point)
{
        struct dl_sample s = { .size = sizeof(s), .point = point };
        int32_t speed = fan_speed(&l->fan, clock_mono_ns());

        if (!l->fan.started)
                return; /* never on: there is nothing to see */
        if (point == POINT_GEAR) {
                const char *name = gear_name(l->fan.gear);

                s.value = (struct dl_value){ .type = DL_TEXT,
                                             .len = (uint32_t)strlen(name),
                                             .as.data = name };
        } else {
                s.value = (struct dl_value){ .type = DL_INT, .as.i = speed };
        }
        host->emit(l->sink, &s, 1);
}

static void read_protocol(struct dl_link *l, uint32_t point)
{
        auto_of(buf) struct buf json = BUF(VALUE_MAX_BYTES);
        struct dl_sample s = { .size = sizeof(s), .point = point };

        shape_draw(&l->device->protocol.points[point], host->random, &json);
        if (buf_ok(&json)) {
                s.value = (struct dl_value){ .type = DL_JSON,
                                             .len = (uint32_t)json.len,
                                             .as.data = json.data };
        } else {
                s.quality = DL_BAD;
                s.error = "the value would be larger than 64 KiB";
        }
        host->emit(l->sink, &s, 1);
}

static int read_points(struct dl_link *l, const uint32_t *points, size_t n, struct dl_error *error)
{
        for (size_t i = 0; i < n; i++) {
                if (points[i] >= l->device->info.n_points)
                        return fail(error, DL_BUG, "", "no such point");
                if (l->device->kind == KIND_SPECIAL)
                        read_special(l, points[i]);
                else
                        read_protocol(l, points[i]);
        }
        return DL_OK;
}

static void interrupt(struct dl_link *l)
{
        (void)l; /* no call lasts */
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
                .name = "adaptors.edge.cattle.io/dummy",
                .version = DEVICELINK_VERSION,
                .kinds = kinds,
                .compile = compile,
                .describe = describe,
                .discard = discard,
                .open = open_link,
                .update = update,
                .read = read_points,
                .interrupt = interrupt,
                .close = close_link,
        };

        host = h;
        return &adaptor;
}
