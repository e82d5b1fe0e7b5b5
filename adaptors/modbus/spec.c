/* spec.c - from a ModbusDevice's spec to a compiled device: what the tables cannot check. */
#include "modbus/spec.h"

#include "base/clock.h"
#include "base/text.h"
#include "modbus/fields.h"

#include <string.h>

/* "host:port" or "[v6]:port"; without a host it is this machine. */
static int split_endpoint(struct arena *a, const char *endpoint, const char **ret_host,
                          uint16_t *ret_port, struct err *e)
{
        const char *colon = strrchr(endpoint, ':');
        const char *host = endpoint;
        size_t len = colon ? (size_t)(colon - endpoint) : 0;
        uint64_t port = 0;

        if (!colon || text_parse_uint(colon + 1, strlen(colon + 1), 65535, &port, NULL) < 0 ||
            port == 0)
                return err_set(e, DL_CONFIG, "expected host:port, got '%s'", endpoint);
        if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
                host++;
                len -= 2;
        } else if (memchr(host, ':', len)) {
                return err_set(e, DL_CONFIG, "expected [address]:port, got '%s'", endpoint);
        }
        *ret_host = len > 0 ? arena_strndup(a, host, len) : "localhost";
        *ret_port = (uint16_t)port;
        return 0;
}

static void compile_protocol(struct dl_device *d, const struct protocol_spec *p, struct findings *f)
{
        struct err e = { 0 };

        if (!p->tcp && f->errors > 0)
                return; /* may be what was wrong */
        if (!p->tcp) {
                if (p->rtu)
                        findings_add(f, FINDING_ERROR, 0, "protocol.rtu",
                                     "serial lines are not supported yet, expected tcp");
                else
                        findings_add(f, FINDING_ERROR, 0, "protocol", "expected tcp, got nothing");
                return;
        }
        if (p->rtu)
                findings_add(f, FINDING_WARNING, 0, "protocol.rtu", "not used: tcp is there too");
        if (!p->tcp->endpoint)
                return;
        if (split_endpoint(d->arena, p->tcp->endpoint, &d->host, &d->port, &e) < 0) {
                findings_add(f, FINDING_ERROR, 0, "protocol.tcp.endpoint", "%s", e.text);
                return;
        }
        d->unit = (uint8_t)p->tcp->unit;
        d->info.channel = arena_printf(d->arena, strchr(d->host, ':') ? "[%s]:%u" : "%s:%u",
                                       d->host, d->port);
        char timeout[TEXT_REAL_MAX];
        (void)text_duration(d->timeout_ns, timeout);
        d->info.connection = arena_printf(d->arena, "tcp unit %u timeout %s", d->unit, timeout);
}

/* One property on its way. */
struct job {
        struct arena *arena; /* the table's */
        const struct property_spec *spec;
        struct property *property;
        struct dl_point *point;
        size_t index;
        struct findings *findings;
        bool decoded; /* without errors: what is missing was not given */
};

static void report(const struct job *j, enum finding_severity severity, const char *below,
                   const char *text)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "properties[%zu].%s", j->index, below);
        findings_add(j->findings, severity, 0, path, "%s", text);
}

static bool compile_shape(const struct job *j)
{
        const struct visitor_spec *v = &j->spec->visitor;
        struct shape *s = &j->property->shape;
        struct err e = { 0 };
        unsigned spare = 0;
        char text[128];

        *s = (struct shape){
                .type = (enum shape_type)j->spec->type,
                .area = (enum shape_area)v->area,
                .order = (enum shape_order)v->order,
                .address = (uint16_t)v->offset,
                .quantity = (uint16_t)v->quantity,
        };
        if (!s->type && j->decoded)
                report(j, FINDING_ERROR, "type", "is missing, expected one such as float or int16");
        if (!s->type || !s->area || v->quantity < 1 || v->offset < 0)
                return false;
        if (shape_check_read(s, &spare, &e) < 0) {
                report(j, FINDING_ERROR, e.path, e.text);
                return false;
        }
        if (v->offset + v->quantity > 65536) {
                report(j, FINDING_ERROR, "visitor.offset", "offset + quantity is beyond 65536");
                return false;
        }
        if (spare > 0) {
                (void)snprintf(text, sizeof(text),
                               "%s takes %u registers: the first of the %u are used, and it cannot "
                               "be written",
                               fields_type_name(j->spec->type), s->quantity - spare, s->quantity);
                report(j, FINDING_WARNING, "visitor.quantity", text);
        }
        return true;
}

static void compile_ops(const struct job *j)
{
        const struct decoded_list *list = &j->spec->visitor.operations;
        const struct operation_spec *specs = list->items;

        if (list->n == 0)
                return;
        if (!shape_is_number(&j->property->shape)) {
                report(j, FINDING_WARNING, "visitor.orderOfOperations",
                       "not used: the value is not a number");
                return;
        }
        struct op *ops = arena_calloc(j->arena, list->n, sizeof(*ops));
        for (size_t i = 0; i < list->n; i++) {
                struct err e = { 0 };
                char below[64];

                (void)snprintf(below, sizeof(below), "visitor.orderOfOperations[%zu].value", i);
                ops[i].kind = (enum op_kind)specs[i].kind;
                if (specs[i].value && text_parse_real(specs[i].value, strlen(specs[i].value), 64,
                                                      &ops[i].operand, &e) < 0)
                        report(j, FINDING_ERROR, below, e.text);
        }
        j->property->ops = ops;
        j->property->n_ops = list->n;
}

/* Writable although it cannot be is no error as long as nothing is to be written. */
static void compile_desired(const struct job *j)
{
        const struct property_spec *spec = j->spec;
        uint8_t room[DATA_MAX];
        struct dl_value v = { 0 };
        struct err e = { 0 };

        j->property->writable = !spec->read_only && shape_check_write(&j->property->shape, &e) == 0;
        if (spec->read_only || !spec->value || spec->value[0] == '\0')
                return;
        if (!j->property->writable ||
            shape_parse(&j->property->shape, spec->value, strlen(spec->value), room, &v, &e) < 0) {
                report(j, FINDING_ERROR, "value", e.text);
                return;
        }
        if (v.type == DL_BYTES)
                v.as.data = arena_memdup(j->arena, v.as.data, v.len);
        j->point->desired = v;
}

static const char *members_of(struct arena *a, const struct property_spec *spec)
{
        struct buf b = BUF(64 * 1024);

        buf_adds(&b, "\"name\":");
        buf_add_json(&b, spec->name, strlen(spec->name));
        buf_adds(&b, ",\"type\":");
        buf_add_json(&b, fields_type_name(spec->type), strlen(fields_type_name(spec->type)));
        const char *members = arena_strdup(a, buf_text(&b));
        buf_done(&b);
        return members;
}

static void compile_property(const struct job *j)
{
        if (!j->spec->name || !compile_shape(j))
                return;
        compile_ops(j);
        compile_desired(j);

        struct dl_point *point = j->point;
        struct dl_value desired = point->desired;
        bool hex = j->property->shape.type == TYPE_HEX_STRING;
        *point = (struct dl_point){
                .size = sizeof(*point),
                .type = shape_value_type(&j->property->shape),
                .access = DL_READ | (j->property->writable ? DL_WRITE : 0U),
                .encoding = hex ? DL_AS_HEX : DL_AS_TEXT,
                .name = arena_strdup(j->arena, j->spec->name),
                .members = members_of(j->arena, j->spec),
                .desired = desired,
        };
}

static void compile_properties(struct dl_device *d, const struct spec *s, struct findings *f)
{
        bool decoded = f->errors == 0;
        size_t n = s->properties.n;
        struct property_spec *specs = s->properties.items;
        struct table *t = table_new(n);

        for (size_t i = 0; i < n; i++)
                compile_property(&(struct job){
                        .arena = t->arena,
                        .spec = &specs[i],
                        .property = &t->properties[i],
                        .point = &t->points[i],
                        .index = i,
                        .findings = f,
                        .decoded = decoded,
                });
        d->table = f->errors > 0 ? t : table_share(t);
        d->properties = d->table->properties;
        d->info.points = d->table->points;
        d->info.n_points = n;
}

/* --- the whole */

static void compile_all(struct dl_device *d, const struct spec *s, struct findings *f)
{
        const struct parameters_spec *p = &s->parameters;

        d->timeout_ns = p->timeout_ns > 0 ? p->timeout_ns : 10 * NS_PER_S;
        d->info = (struct dl_info){
                .size = sizeof(d->info),
                .layout = DL_LAYOUT_PROPERTIES,
                .interval_ns = p->sync_interval_ns > 0 ? p->sync_interval_ns : 15 * NS_PER_S,
                .timeout_ns = d->timeout_ns,
        };
        compile_properties(d, s, f);
        compile_protocol(d, &s->protocol, f);
}

static void pass_on(const struct dl_request *r, const struct findings *f)
{
        if (!r->report)
                return;
        for (size_t i = 0; i < f->n; i++)
                r->report(r->report_ctx,
                          f->list[i].severity == FINDING_ERROR ? DL_ERROR : DL_WARNING,
                          f->list[i].path, f->list[i].text);
}

static int first_error(const struct findings *f, struct err *e)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].severity == FINDING_ERROR)
                        return err_at(e, DL_CONFIG, f->list[i].path, "%s", f->list[i].text);
        return err_set(e, DL_CONFIG, "the spec is wrong");
}

int spec_compile(const struct dl_request *r, struct dl_device **ret, struct err *e)
{
        struct arena *a = arena_new();
        struct dl_device *d = arena_calloc(a, 1, sizeof(*d));
        struct findings f = { 0 };
        const struct tree *t = NULL;
        struct spec s;

        /* What is decoded takes ten times the room of what is kept. */
        auto_of(arena) struct arena *decoded = arena_new();
        d->arena = a;
        int rc = tree_parse_json(decoded, r->spec, r->spec_len, &tree_limits_default, &t, e);
        if (rc == 0) {
                (void)decode(t, spec_fields, &s, sizeof(s), decoded, "", &f);
                compile_all(d, &s, &f);
                pass_on(r, &f);
                rc = f.errors > 0 ? first_error(&f, e) : 0;
        }
        findings_done(&f);
        if (rc < 0) {
                spec_free(d);
                return rc;
        }
        *ret = d;
        return 0;
}

void spec_free(struct dl_device *d)
{
        if (!d)
                return;
        table_unref(d->table);
        arena_free(d->arena);
}
