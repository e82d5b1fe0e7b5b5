#include "model/state.h"

#include "base/mem.h"
#include "model/point_names.h"

#include <inttypes.h>
#include <string.h>

/* What went wrong with a point, reading and writing apart: a good read must not hide that the
 * device refused what it was told to write. */
struct state_note {
        char *read;
        char *write;
        uint32_t read_code;
        uint32_t write_code;
};

struct states states_new(size_t n)
{
        struct states s = { .n = n };

        s.list = xcalloc(n > 0 ? n : 1, sizeof(*s.list));
        for (size_t i = 0; i < n; i++)
                s.list[i].size = sizeof(*s.list);
        return s;
}

void states_done(struct states *s)
{
        for (size_t i = 0; i < s->n; i++) {
                value_done(&s->list[i].value);
                if (s->notes) {
                        free(s->notes[i].read);
                        free(s->notes[i].write);
                }
        }
        free(s->list);
        free(s->notes);
        *s = (struct states){ 0 };
}

static struct state_note *note_of(struct states *s, size_t point)
{
        if (!s->notes)
                s->notes = xcalloc(s->n, sizeof(*s->notes));
        return &s->notes[point];
}

static void show_note(struct states *s, size_t point)
{
        const struct state_note *note = &s->notes[point];
        struct dl_state *state = &s->list[point];

        state->error = note->read ? note->read : note->write;
        state->code = note->read ? note->read_code : note->write_code;
}

static void replace_text(char **text, const char *with)
{
        if (*text && with && strcmp(*text, with) == 0)
                return;
        free(*text);
        *text = with ? xstrdup(with) : NULL;
}

static void note_read(struct states *s, size_t point, uint32_t code, const char *why)
{
        if (!s->notes && !why) {
                s->list[point].code = code;
                return;
        }
        struct state_note *note = note_of(s, point);
        replace_text(&note->read, why);
        note->read_code = code;
        show_note(s, point);
        if (!note->read && !note->write)
                s->list[point].code = code;
}

static int take_value(struct dl_state *state, const struct dl_sample *sample, int64_t now_ns,
                      bool *ret_changed, struct err *e)
{
        uint32_t flags = sample->flags & DL_SAMPLE_SCALED;
        struct dl_value copy;
        int rc;

        if (value_equal(&state->value, &sample->value)) {
                *ret_changed = false;
        } else if ((rc = value_copy(&sample->value, &copy, e)) < 0) {
                e->rc = DL_BUG;
                return rc;
        } else {
                value_done(&state->value);
                state->value = copy;
                *ret_changed = true;
        }
        state->flags = flags;
        state->scaled = flags ? sample->scaled : 0;
        state->source_ns = sample->source_ns;
        state->arrival_ns = sample->arrival_ns != 0 ? sample->arrival_ns : now_ns;
        return 0;
}

int states_apply(struct states *s, const struct dl_sample *sample, int64_t now_ns,
                 bool *ret_changed, struct err *e)
{
        struct err local = { 0 };
        bool changed = false;

        if (!e)
                e = &local;
        if (sample->point >= s->n)
                return err_set(e, DL_BUG, "sample of point %u: the device has %zu", sample->point,
                               s->n);
        if (sample->quality > DL_BAD)
                return err_set(e, DL_BUG, "sample of point %u: unknown quality %u", sample->point,
                               sample->quality);

        struct dl_state *state = &s->list[sample->point];
        if (sample->quality != DL_BAD && take_value(state, sample, now_ns, &changed, e) < 0) {
                (void)err_wrap(e, "sample of point %u", sample->point);
                return DL_BUG;
        }
        if (state->quality != sample->quality)
                changed = true;
        state->quality = sample->quality;
        note_read(s, sample->point, sample->code,
                  sample->quality == DL_GOOD ? NULL : (sample->error ? sample->error : ""));
        *ret_changed = changed;
        return 0;
}

void states_all_bad(struct states *s, const char *why)
{
        for (size_t i = 0; i < s->n; i++) {
                s->list[i].quality = DL_BAD;
                note_read(s, i, 0, why ? why : "");
        }
}

void states_write_error(struct states *s, size_t point, uint32_t code, const char *why)
{
        if (point >= s->n || (!why && !s->notes))
                return;

        struct state_note *note = note_of(s, point);
        replace_text(&note->write, why);
        note->write_code = why ? code : 0;
        show_note(s, point);
}

/* --- another device's points */

static bool same_point(const struct dl_point *a, const struct dl_point *b)
{
        return a->type == b->type && strcmp(a->name, b->name) == 0 &&
               strcmp(a->members, b->members) == 0;
}

static void move_one(struct states *from, size_t i, struct states *to, size_t j)
{
        to->list[j] = from->list[i];
        from->list[i].value = (struct dl_value){ .type = DL_NONE };
        from->list[i].error = NULL;
        if (!from->notes)
                return;
        *note_of(to, j) = from->notes[i];
        from->notes[i] = (struct state_note){ 0 };
}

struct states states_move(struct states *from, const struct dl_info *old_info,
                          const struct dl_info *new_info)
{
        auto_of(point_names) struct point_names names = point_names_new(old_info);
        struct states to = states_new(new_info->n_points);

        for (size_t j = 0; j < new_info->n_points; j++) {
                long was = point_names_find(&names, new_info->points[j].name);

                if (was >= 0 && (size_t)was < from->n &&
                    same_point(&old_info->points[was], &new_info->points[j]))
                        move_one(from, (size_t)was, &to, j);
        }
        states_done(from);
        return to;
}
