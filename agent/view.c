/* view.c - see view.h */
#include "view.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

static void add_text(struct buf *out, const char *before, const char *s)
{
        buf_adds(out, before);
        buf_add_json(out, s, strlen(s));
}

static void add_head(struct buf *out, const char *api_version, const char *kind, const char *space,
                     const char *name, const char *uid)
{
        add_text(out, "{\"apiVersion\":", api_version);
        add_text(out, ",\"kind\":", kind);
        add_text(out, ",\"metadata\":{\"name\":", name);
        add_text(out, ",\"namespace\":", space);
        if (uid[0] != '\0')
                add_text(out, ",\"uid\":", uid);
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

struct link_shown {
        const char *space, *name, *uid;
        const char *node, *adaptor, *api_version, *kind;
        const struct conditions *conditions;
        const char *cause;
};

/* All but "polls". */
static void begin_link(const struct link_shown *l, struct buf *out)
{
        add_head(out, "edge.cattle.io/v1alpha1", "DeviceLink", l->space, l->name, l->uid);
        add_text(out, ",\"spec\":{\"adaptor\":{\"node\":", l->node);
        add_text(out, ",\"name\":", l->adaptor);
        add_text(out, "},\"model\":{\"apiVersion\":", l->api_version);
        add_text(out, ",\"kind\":", l->kind);
        buf_adds(out, "}}");
        add_conditions(out, l->conditions);
        add_text(out, ",\"agent\":{\"cause\":", l->cause);
        buf_addc(out, '}');
}

static void add_link(const struct view_source *s, const struct links_view *v, struct buf *out)
{
        const struct link_spec *spec = v->spec;
        const struct conditions *other = s->conditions ? s->conditions(s->ctx, spec->key) : NULL;
        const struct link_shown shown = {
                .space = spec->space,
                .name = spec->name,
                .uid = spec->uid,
                .node = spec->node,
                .adaptor = spec->adaptor,
                .api_version = spec->api_version,
                .kind = spec->kind,
                .conditions = other ? other : v->conditions,
                .cause = v->cause,
        };

        begin_link(&shown, out);
        add_polls(out, v);
        buf_addc(out, '}');
}

static void add_waiting(const struct cluster_waiting *w, struct buf *out)
{
        const struct link_shown shown = {
                .space = w->space,
                .name = w->name,
                .uid = w->uid,
                .node = w->node,
                .adaptor = w->adaptor,
                .api_version = w->api_version,
                .kind = w->kind,
                .conditions = w->conditions,
                .cause = w->cause,
        };

        begin_link(&shown, out);
        buf_adds(out, ",\"polls\":{\"total\":0,\"failed\":0}}");
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
        const struct link_spec *spec = v->spec;

        add_head(out, spec->api_version, spec->kind, spec->space, spec->name, spec->uid);
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
        struct cluster_waiting *waiting; /* in the order of their keys, as the links are */
        size_t n_waiting, next_waiting;
};

/* Whether it is asked for; what follows is its object then. */
static bool next(struct walk *w, const char *space, const char *name)
{
        if ((w->space && strcmp(w->space, space) != 0) || (w->name && strcmp(w->name, name) != 0) ||
            !buf_ok(w->out))
                return false;
        if (w->n++ > 0)
                buf_addc(w->out, ',');
        return true;
}

/* Those that stand before this key; NULL: all that are left. */
static void add_waiting_until(struct walk *w, const char *key)
{
        for (; w->next_waiting < w->n_waiting; w->next_waiting++) {
                const struct cluster_waiting *x = &w->waiting[w->next_waiting];

                if (key && strcmp(x->key, key) > 0)
                        return;
                if (next(w, x->space, x->name))
                        add_waiting(x, w->out);
        }
}

static void on_waiting(void *ctx, const struct cluster_waiting *x)
{
        struct walk *w = ctx;

        if ((w->n_waiting & (w->n_waiting - 1)) == 0)
                w->waiting = xreallocarray(w->waiting, w->n_waiting ? 2 * w->n_waiting : 1,
                                           sizeof(*w->waiting));
        w->waiting[w->n_waiting++] = *x;
}

static void on_link(void *ctx, const struct links_view *v)
{
        struct walk *w = ctx;

        add_waiting_until(w, v->spec->key);
        if (!next(w, v->spec->space, v->spec->name))
                return;
        if (w->devices)
                add_device(v, w->out);
        else
                add_link(w->source, v, w->out);
}

static void walk(struct walk *w)
{
        buf_adds(w->out, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
        if (w->source->cluster && !w->devices)
                cluster_each_waiting(w->source->cluster, on_waiting, w);
        links_each(w->source->links, on_link, w);
        add_waiting_until(w, NULL);
        free(w->waiting);
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
