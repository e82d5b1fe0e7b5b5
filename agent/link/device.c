/* device.c - a spec becomes a device: compiled by the plugin, checked and completed here. */
#include "link/adaptors.h"

#include "link/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/point_names.h"
#include "model/value.h"

#include <string.h>

enum {
        POINTS_MAX = 65535,
        INFO_SIZE_MIN = sizeof(struct dl_info), /* of version 1 */
        POINT_SIZE_MIN = sizeof(struct dl_point),
        SPEC_BYTES_MAX = 3 * 1024 * 1024,
};

#define TIMEOUT_DEFAULT_NS INT64_C(10000000000)
#define TIME_MAX_NS (INT64_C(365) * 24 * 3600 * NS_PER_S)

/* What the device is made of: handed out as struct device. */
struct made {
        struct device device; /* first */
        struct dl_info info;
        struct dl_point points[];
};

/* --- findings of the plugin, in terms of the document */

struct report {
        const struct link_spec *spec;
        struct findings *f;
        size_t errors;
};

/* dl_error and reports speak of the device's spec; a person of the document. */
static void add_finding(struct report *r, enum finding_severity severity, const char *path,
                        const char *text)
{
        const char *root = r->spec->spec_path ? r->spec->spec_path : "spec";
        const char *join = path[0] == '\0' || path[0] == '[' ? "" : ".";
        auto_free char *full = xasprintf("%s%s%.200s", root, join, path);

        if (severity == FINDING_ERROR)
                r->errors++;
        if (r->f && !r->f->file)
                r->f->file = r->spec->file;
        findings_add(r->f, severity, link_spec_line(r->spec, path), full, "%.512s", text);
}

static void on_report(void *ctx, enum dl_severity severity, const char *path, const char *text)
{
        add_finding(ctx, severity == DL_WARNING ? FINDING_WARNING : FINDING_ERROR, path ? path : "",
                    text ? text : "");
}

/* --- what describe() says */

static int check_point(const struct dl_point *p, size_t i, struct err *e)
{
        if (!p->name)
                return err_set(e, DL_BUG, "point %zu has no name", i);
        if (p->type > DL_ARRAY || p->encoding > DL_AS_JSON)
                return err_set(e, DL_BUG, "point '%s': unknown type or encoding", p->name);
        if (p->interval_ns < 0)
                return err_set(e, DL_BUG, "point '%s': negative interval", p->name);
        if (value_check(&p->desired, e) < 0) {
                (void)err_wrap(e, "point '%s': desired", p->name);
                return DL_BUG;
        }
        if (p->members[0] == '\0')
                return 0;

        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        char *text = arena_printf(a, "{%s}", p->members);
        if (tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, e) < 0)
                return err_set(e, DL_BUG, "point '%s': its members are not JSON", p->name);
        return 0;
}

static int check_names(const struct dl_info *info, struct err *e)
{
        auto_of(point_names) struct point_names names = point_names_new(info);
        const char *twice = point_names_double(&names);

        return twice ? err_set(e, DL_BUG, "two points have the name '%s'", twice) : 0;
}

static int check_info(const struct dl_info *info, struct err *e)
{
        if (!info)
                return err_set(e, DL_BUG, "describe() gave nothing");
        if (info->size < INFO_SIZE_MIN)
                return err_set(e, DL_BUG, "dl_info has %u bytes: expected at least %d", info->size,
                               INFO_SIZE_MIN);
        if (!info->channel || !info->connection)
                return err_set(e, DL_BUG, "dl_info has no %s",
                               info->channel ? "connection" : "channel");
        if (info->n_points > POINTS_MAX)
                return err_set(e, DL_BUG, "the device has %zu points: expected at most %d",
                               info->n_points, POINTS_MAX);
        if (info->n_points > 0 && (!info->points || info->points->size < POINT_SIZE_MIN))
                return err_set(e, DL_BUG, "dl_info has no points, or they are too small");
        if (info->interval_ns < 0 || info->timeout_ns < 0)
                return err_set(e, DL_BUG, "dl_info has a negative interval or timeout");
        if (info->layout > DL_LAYOUT_FLAT)
                return err_set(e, DL_BUG, "dl_info has the unknown layout %u", info->layout);
        return 0;
}

/* A year is as good as for ever, and no sum of times overflows. */
static int64_t capped(int64_t ns)
{
        return ns < TIME_MAX_NS ? ns : TIME_MAX_NS;
}

static void copy_info(const struct dl_info *from, struct made *m)
{
        size_t distance = from->n_points > 0 ? from->points->size : 0;

        m->info = *from;
        m->info.size = sizeof(m->info);
        m->info.points = m->points;
        if (m->info.timeout_ns == 0)
                m->info.timeout_ns = TIMEOUT_DEFAULT_NS;
        m->info.timeout_ns = capped(m->info.timeout_ns);
        m->info.interval_ns = capped(m->info.interval_ns);
        for (size_t i = 0; i < from->n_points; i++) {
                const char *p = (const char *)from->points + i * distance;

                memcpy(&m->points[i], p, sizeof(m->points[i]));
                m->points[i].size = sizeof(m->points[i]);
                m->points[i].interval_ns = capped(m->points[i].interval_ns);
                if (!m->points[i].members)
                        m->points[i].members = "";
        }
}

/* Points that were complete as they were need no copy. */
static struct made *without_copy(struct made *m, const struct dl_info *from)
{
        size_t bytes = m->info.n_points * sizeof(m->points[0]);

        if (bytes == 0 || from->points->size != sizeof(m->points[0]) ||
            memcmp(m->points, from->points, bytes) != 0)
                return m;
        m = xrealloc(m, sizeof(*m));
        m->info.points = from->points;
        return m;
}

static int make(const struct dl_adaptor *a, struct dl_device *object, struct device **ret,
                struct err *e)
{
        const struct dl_info *info = a->describe(object);
        int rc = check_info(info, e);

        if (rc < 0)
                return rc;
        struct made *m = xcalloc(1, sizeof(*m) + info->n_points * sizeof(m->points[0]));
        copy_info(info, m);
        for (size_t i = 0; i < m->info.n_points && rc == 0; i++)
                rc = check_point(&m->points[i], i, e);
        if (rc == 0)
                rc = check_names(&m->info, e);
        if (rc < 0) {
                free(m);
                return rc;
        }
        m = without_copy(m, info);
        m->device = (struct device){ .refs = 1, .adaptor = a, .object = object, .info = &m->info };
        *ret = &m->device;
        return 0;
}

/* --- compile */

/* Every error the plugin returned shows, even one it forgot to report. */
static int refuse(struct report *r, const struct dl_error *error, struct err *e)
{
        char first[256];

        if (error->text[0] != '\0' && r->errors == 0)
                add_finding(r, FINDING_ERROR, error->path, error->text);
        else if (r->errors == 0)
                add_finding(r, FINDING_ERROR, "", "the adaptor refused the spec without a reason");
        if (error->text[0] == '\0')
                return err_set(e, DL_CONFIG, "%s", findings_first(r->f, first, sizeof(first)));
        return err_at(e, DL_CONFIG, error->path, "%s%s%s", error->path,
                      error->path[0] != '\0' ? ": " : "", error->text);
}

static int broke_contract(struct report *r, struct err *e)
{
        add_finding(r, FINDING_ERROR, "", e->text);
        e->rc = DL_BUG;
        return DL_BUG;
}

static int call_compile(const struct dl_adaptor *a, struct report *r, struct dl_device **ret,
                        struct err *e)
{
        const struct link_spec *s = r->spec;
        auto_of(buf) struct buf json = BUF(SPEC_BYTES_MAX);
        struct dl_error error = { .path = "" };

        if (!s->spec_json && s->spec)
                tree_json(s->spec, TREE_SORTED, &json);
        struct dl_request request = {
                .size = sizeof(request),
                .api_version = s->api_version,
                .kind = s->kind,
                .space = s->space,
                .name = s->name,
                .spec = s->spec_json ? s->spec_json : buf_text(&json),
                .spec_len = s->spec_json ? s->spec_json_len : json.len,
                .references = s->references,
                .n_references = s->n_references,
                .report = on_report,
                .report_ctx = r,
        };
        struct dl_device *object = NULL;
        int rc = a->compile(&request, &object, &error);
        if (rc == DL_OK)
                *ret = object;
        error.path[sizeof(error.path) - 1] = '\0';
        error.text[sizeof(error.text) - 1] = '\0';
        if (rc == DL_OK && r->errors == 0)
                return 0;
        if (rc == DL_OK || rc == DL_CONFIG || rc == DL_REFUSED)
                return refuse(r, &error, e);
        (void)err_set(e, DL_BUG, "adaptor '%s': compile() returned %d%s%s", a->name, rc,
                      error.text[0] != '\0' ? ": " : "", error.text);
        return broke_contract(r, e);
}

static int unknown_kind(struct report *r, const struct dl_adaptor *a, struct err *e)
{
        (void)err_set(e, DL_CONFIG, "adaptor '%s' drives no devices of kind '%s'", a->name,
                      r->spec->kind);
        add_finding(r, FINDING_ERROR, "", e->text);
        return DL_CONFIG;
}

int device_compile(const struct dl_adaptor *a, const struct link_spec *spec, struct findings *f,
                   struct device **ret, struct err *e)
{
        struct err local = { 0 };
        struct findings own = { 0 };
        struct report r = { .spec = spec, .f = f ? f : &own };
        const char *file = r.f->file;
        struct dl_device *object = NULL;

        if (!e)
                e = &local;
        int rc = adaptor_drives(a, spec->kind) ? call_compile(a, &r, &object, e)
                                               : unknown_kind(&r, a, e);
        if (rc == 0 && !object) {
                (void)err_set(e, DL_BUG, "adaptor '%s': compile() made no device", a->name);
                rc = broke_contract(&r, e);
        } else if (rc == 0 && make(a, object, ret, e) < 0) {
                (void)err_wrap(e, "adaptor '%s'", a->name);
                rc = broke_contract(&r, e);
        }
        if (rc < 0 && object)
                a->discard(object);
        r.f->file = file;
        findings_done(&own);
        return rc;
}

struct device *device_ref(struct device *d)
{
        (void)__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
        return d;
}

void device_unref(struct device *d)
{
        if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0)
                return;
        d->adaptor->discard(d->object);
        free(d);
}

void device_status(const struct device *d, const struct states *states, struct buf *out)
{
        struct dl_out o = { .buf = out };
        size_t before = out->len;

        if (d->adaptor->status) {
                if (d->adaptor->status(d->object, states->list, states->n, &o) == DL_OK)
                        return;
                LOG(ERROR, "link.status", "the adaptor cannot write its status document",
                    LOG_STR("adaptor", d->adaptor->name));
                out->len = before; /* what it left behind */
                if (out->data)
                        out->data[before] = '\0';
        }
        status_render(d->info, states, out);
}
