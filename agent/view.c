/* view.c - see view.h */
#include "view.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

static void add_text(struct buf *out, const char *before, const char *s)
{
        buf_adds(out, before);
        buf_add_json(out, s, strlen(s));
}

static void add_head(struct buf *out, const char *api_version, const char *kind,
                     const struct link_spec *spec)
{
        add_text(out, "{\"apiVersion\":", api_version);
        add_text(out, ",\"kind\":", kind);
        add_text(out, ",\"metadata\":{\"name\":", spec->name);
        add_text(out, ",\"namespace\":", spec->space);
        if (spec->uid[0] != '\0')
                add_text(out, ",\"uid\":", spec->uid);
        buf_addc(out, '}');
}

static void add_time(struct buf *out, const char *before, int64_t wall_ns)
{
        char text[TEXT_TIME_MAX];

        if (wall_ns == 0)
                return;
        (void)text_time(wall_ns, text);
        add_text(out, before, text);
}

static void add_conditions(struct buf *out, const struct conditions *c)
{
        buf_adds(out, ",\"status\":{\"conditions\":[");
        for (size_t i = 0; i < c->n; i++) {
                const struct condition *x = &c->list[i];

                add_text(out, i > 0 ? ",{\"type\":" : "{\"type\":", condition_type_name(x->type));
                add_text(out, ",\"status\":", condition_status_name(x->status));
                add_time(out, ",\"lastUpdateTime\":", x->updated_ns);
                add_time(out, ",\"lastTransitionTime\":", x->transitioned_ns);
                add_text(out, ",\"reason\":", condition_reason_of(x));
                add_text(out, ",\"message\":", x->message);
                buf_addc(out, '}');
        }
        buf_adds(out, "]}");
}

static void add_polls(struct buf *out, const struct links_view *v)
{
        static const char *const classes[LINKS_CLASSES] = { "retry", "refused", "config", "bug" };

        buf_addf(out, ",\"polls\":{\"total\":%" PRIu64 ",\"failed\":%" PRIu64, v->polls,
                 v->polls_failed);
        for (size_t i = 0; i < LINKS_CLASSES; i++) {
                if (v->failures[i] > 0)
                        buf_addf(out, ",\"%s\":%" PRIu64, classes[i], v->failures[i]);
        }
        if (v->good_ns > 0) {
                int64_t ms = (clock_mono_ns() - v->good_ns) / NS_PER_MS;

                buf_addf(out, ",\"secondsSinceGood\":%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
        }
        buf_addc(out, '}');
}

static void add_link(const struct view_source *s, const struct links_view *v, struct buf *out)
{
        const struct link_spec *spec = v->spec;
        const struct conditions *other = s->conditions ? s->conditions(s->ctx, spec->key) : NULL;

        add_head(out, "edge.cattle.io/v1alpha1", "DeviceLink", spec);
        add_text(out, ",\"spec\":{\"adaptor\":{\"node\":", spec->node);
        add_text(out, ",\"name\":", spec->adaptor);
        add_text(out, "},\"model\":{\"apiVersion\":", spec->api_version);
        add_text(out, ",\"kind\":", spec->kind);
        buf_adds(out, "}}");
        add_conditions(out, other ? other : v->conditions);
        add_text(out, ",\"agent\":{\"cause\":", v->cause);
        buf_addc(out, '}');
        add_polls(out, v);
        buf_addc(out, '}');
}

/* The worst of all points. */
static const char *quality_of(const struct links_view *v)
{
        const struct states *s = v->states;
        bool is_known = v->good_ns > 0, is_bad = false, is_uncertain = false;

        for (size_t i = 0; i < s->n; i++) {
                is_known |= s->list[i].value.type != DL_NONE || s->list[i].quality != DL_GOOD;
                is_bad |= s->list[i].quality == DL_BAD;
                is_uncertain |= s->list[i].quality == DL_UNCERTAIN;
        }
        if (!is_known)
                return "unknown";
        return is_bad ? "bad" : is_uncertain ? "uncertain" : "good";
}

static void add_device(const struct links_view *v, struct buf *out)
{
        add_head(out, v->spec->api_version, v->spec->kind, v->spec);
        buf_adds(out, ",\"status\":");
        if (v->device)
                device_status(v->device, v->states, out);
        else
                buf_adds(out, "{}");
        add_text(out, ",\"agent\":{\"endpoint\":", v->device ? v->device->info->channel : "");
        add_text(out, ",\"quality\":", quality_of(v));
        buf_addf(out, ",\"points\":%zu}}", v->states->n);
}

/* --- lists */

struct walk {
        const struct view_source *source;
        const char *space, *name;
        bool devices;
        size_t n;
        struct buf *out;
};

static void on_link(void *ctx, const struct links_view *v)
{
        struct walk *w = ctx;

        if ((w->space && strcmp(w->space, v->spec->space) != 0) ||
            (w->name && strcmp(w->name, v->spec->name) != 0) || !buf_ok(w->out))
                return;
        if (w->n++ > 0)
                buf_addc(w->out, ',');
        if (w->devices)
                add_device(v, w->out);
        else
                add_link(w->source, v, w->out);
}

static void walk(struct walk *w)
{
        buf_adds(w->out, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
        links_each(w->source->links, on_link, w);
        buf_adds(w->out, "]}");
}

void view_links(const struct view_source *s, const char *space, const char *name, struct buf *out)
{
        struct walk w = { .source = s, .space = space, .name = name, .out = out };

        walk(&w);
}

void view_devices(const struct view_source *s, const char *space, const char *name, struct buf *out)
{
        struct walk w = { .source = s, .space = space, .name = name, .devices = true, .out = out };

        walk(&w);
}
