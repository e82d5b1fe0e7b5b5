#include "model/state.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/* Points that were read together carry the same second: its text is made once. */
struct stamp {
        int64_t second;
        size_t len;
        char text[TEXT_TIME_MAX];
};

static void add_time(struct stamp *stamp, int64_t wall_ns, struct buf *out)
{
        int64_t second = wall_ns / NS_PER_S;

        if (stamp->len == 0 || stamp->second != second) {
                stamp->second = second;
                stamp->len = text_time(wall_ns, stamp->text);
        }
        buf_add(out, stamp->text, stamp->len);
}

static void add_key(const char *key, bool *first, struct buf *out)
{
        if (!*first)
                buf_addc(out, ',');
        *first = false;
        buf_add_json(out, key, strlen(key));
        buf_addc(out, ':');
}

static void add_quality(const struct dl_state *s, bool *first, struct buf *out)
{
        if (s->quality != DL_GOOD) {
                add_key("quality", first, out);
                buf_adds(out, s->quality == DL_BAD ? "\"bad\"" : "\"uncertain\"");
        }
        if (s->error && s->error[0] != '\0') {
                add_key("error", first, out);
                buf_add_json(out, s->error, strlen(s->error));
        }
}

static void add_value(const struct dl_point *p, const struct dl_state *s, const char *time_key,
                      struct stamp *stamp, bool *first, struct buf *out)
{
        char fixed[TEXT_FIXED_MAX];

        if (s->value.type == DL_NONE)
                return;
        add_key("value", first, out);
        value_encode(&s->value, p->encoding, out);
        if (s->flags & DL_SAMPLE_SCALED) {
                add_key("operatedValue", first, out);
                buf_addc(out, '"');
                buf_add(out, fixed, text_fixed6(s->scaled, fixed));
                buf_addc(out, '"');
        }
        if (time_key[0] != '\0') {
                add_key(time_key, first, out);
                buf_addc(out, '"');
                add_time(stamp, s->arrival_ns, out);
                buf_addc(out, '"');
        }
}

static bool has_content(const struct dl_point *p, const struct dl_state *s)
{
        return p->members[0] != '\0' || s->value.type != DL_NONE || s->quality != DL_GOOD ||
               s->error;
}

static void render_properties(const struct dl_info *info, const struct states *s, struct buf *out)
{
        const char *time_key = info->time_key ? info->time_key : "updatedAt";
        struct stamp stamp = { 0 };
        bool content = false;

        for (size_t i = 0; i < info->n_points && !content; i++)
                content = has_content(&info->points[i], &s->list[i]);
        if (!content) {
                buf_adds(out, "{}");
                return;
        }
        buf_adds(out, "{\"properties\":[");
        for (size_t i = 0; i < info->n_points; i++) {
                const struct dl_point *p = &info->points[i];
                bool first = p->members[0] == '\0';

                buf_adds(out, i > 0 ? ",{" : "{");
                buf_adds(out, p->members);
                add_value(p, &s->list[i], time_key, &stamp, &first, out);
                add_quality(&s->list[i], &first, out);
                buf_addc(out, '}');
        }
        buf_adds(out, "]}");
}

static void render_map(const struct dl_info *info, const struct states *s, struct buf *out)
{
        bool first = true;

        for (size_t i = 0; i < info->n_points; i++) {
                if (s->list[i].value.type == DL_NONE)
                        continue;
                if (first)
                        buf_adds(out, "{\"properties\":{");
                add_key(info->points[i].name, &first, out);
                value_encode(&s->list[i].value, info->points[i].encoding, out);
        }
        buf_adds(out, first ? "{}" : "}}");
}

/* What Go's omitempty leaves out. */
static bool is_empty(const struct dl_value *v)
{
        switch (v->type) {
        case DL_NONE:
                return true;
        case DL_BOOL:
        case DL_INT:
        case DL_UINT:
                return v->as.u == 0;
        case DL_REAL32:
        case DL_REAL:
                return !(v->as.r < 0 || v->as.r > 0) && !__builtin_isnan(v->as.r);
        default:
                return v->len == 0;
        }
}

static void render_flat(const struct dl_info *info, const struct states *s, struct buf *out)
{
        bool first = true;

        buf_addc(out, '{');
        for (size_t i = 0; i < info->n_points; i++) {
                if (is_empty(&s->list[i].value))
                        continue;
                add_key(info->points[i].name, &first, out);
                value_encode(&s->list[i].value, info->points[i].encoding, out);
        }
        buf_addc(out, '}');
}

void status_render(const struct dl_info *info, const struct states *s, struct buf *out)
{
        switch (info->layout) {
        case DL_LAYOUT_MAP:
                render_map(info, s, out);
                return;
        case DL_LAYOUT_FLAT:
                render_flat(info, s, out);
                return;
        default:
                render_properties(info, s, out);
        }
}
