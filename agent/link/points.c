#include "link/driver.h"

#include "base/mem.h"
#include "model/point_names.h"
#include "model/value.h"

static void flag_desired(struct dl_sink *s, const struct dl_info *before,
                         const unsigned char *flags_before)
{
        const struct dl_info *info = s->device->info;
        auto_of(point_names) struct point_names names = { 0 };

        if (before)
                names = point_names_new(before);
        for (size_t i = 0; i < info->n_points; i++) {
                const struct dl_point *p = &info->points[i];

                if (p->desired.type == DL_NONE)
                        continue;
                long was = before ? point_names_find(&names, p->name) : -1;
                if (was >= 0 && !(flags_before[was] & POINT_DESIRED) &&
                    value_equal(&before->points[was].desired, &p->desired))
                        continue;
                s->flags[i] |= POINT_DESIRED;
                s->n_desired++;
        }
}

void points_init(struct dl_sink *s, const struct device *before)
{
        auto_free unsigned char *flags_before = s->flags;
        size_t n = s->device->info->n_points;

        s->flags = xcalloc(n + 1, 1);
        free(s->due);
        s->due = NULL;
        s->n_desired = s->n_wanted = s->n_due = 0;
        s->asked_all = false;
        s->write_fails = 0;
        s->desired_at_ns = 0;
        schedule_done(&s->schedule);
        schedule_init(&s->schedule, s->device->info);
        flag_desired(s, before ? before->info : NULL, flags_before);
}

void points_done(struct dl_sink *s)
{
        schedule_done(&s->schedule);
        free(s->flags);
        free(s->due);
        s->flags = NULL;
        s->due = NULL;
}

static void ask(void *ctx, uint32_t point)
{
        struct dl_sink *s = ctx;

        s->flags[point] |= POINT_ASKED;
}

/* In ascending order, whatever group they are of: planners like that. */
static void list_asked(struct dl_sink *s)
{
        size_t n = s->device->info->n_points;

        if (!s->due)
                s->due = xcalloc(n + 1, sizeof(*s->due));
        s->n_due = 0;
        for (size_t i = 0; i < n; i++) {
                if (s->flags[i] & (POINT_ASKED | POINT_WANTED)) {
                        s->flags[i] |= POINT_ASKED;
                        s->due[s->n_due++] = (uint32_t)i;
                }
        }
}

void points_ask(struct dl_sink *s)
{
        int64_t now = loop_now(s->home->loop);
        const uint32_t *points;
        size_t n;

        s->asked_all = s->schedule.n == 1 && schedule_all_due(&s->schedule, now, &points, &n);
        if (!s->asked_all) {
                schedule_each(&s->schedule, now, ask, s);
                list_asked(s);
        }
        schedule_advance(&s->schedule, now);
}

const uint32_t *points_listed(const struct dl_sink *s, size_t *ret_n)
{
        if (s->asked_all) {
                *ret_n = s->schedule.groups[0].n;
                return s->schedule.points;
        }
        *ret_n = s->n_due;
        return s->due;
}

void points_unask(struct dl_sink *s)
{
        size_t n = s->device->info->n_points;

        if (!s->asked_all || s->n_wanted > 0) {
                for (size_t i = 0; i < n; i++)
                        s->flags[i] &= (unsigned char)~(POINT_ASKED | POINT_WANTED);
        }
        s->n_wanted = 0;
        s->asked_all = false;
}

bool points_asked(const struct dl_sink *s, uint32_t point)
{
        return s->op == OP_READ && (s->asked_all || (s->flags[point] & POINT_ASKED));
}

void points_want(struct dl_sink *s, uint32_t point)
{
        if (s->flags[point] & POINT_WANTED || !(s->device->info->points[point].access & DL_READ))
                return;
        s->flags[point] |= POINT_WANTED;
        s->n_wanted++;
}
