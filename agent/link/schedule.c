#include "link/schedule.h"

#include "base/clock.h"
#include "base/mem.h"

static const int64_t retry_first_ns = 250 * NS_PER_MS;
static const int64_t retry_cap_ns = 1500 * NS_PER_MS;
static const int64_t retry_cap_late_ns = 30 * NS_PER_S;

static int64_t interval_of(const struct dl_info *info, const struct dl_point *p)
{
        int64_t ns = p && p->interval_ns > 0 ? p->interval_ns : info->interval_ns;

        if (ns <= 0)
                return 0;
        return ns < SCHEDULE_INTERVAL_MIN_NS ? SCHEDULE_INTERVAL_MIN_NS : ns;
}

/* Few intervals are in use, however many points there are. */
static struct schedule_group *group_for(struct schedule *s, int64_t interval_ns)
{
        for (size_t i = 0; i < s->n; i++) {
                if (s->groups[i].interval_ns == interval_ns)
                        return &s->groups[i];
        }
        s->groups = xreallocarray(s->groups, s->n + 1, sizeof(*s->groups));
        s->groups[s->n] =
                (struct schedule_group){ .interval_ns = interval_ns, .due_ns = SCHEDULE_NEVER };
        return &s->groups[s->n++];
}

void schedule_init(struct schedule *s, const struct dl_info *info)
{
        uint32_t at = 0;

        *s = (struct schedule){ 0 };
        for (size_t i = 0; i < info->n_points; i++) {
                if (info->points[i].access & DL_READ)
                        group_for(s, interval_of(info, &info->points[i]))->n++;
        }
        if (s->n == 0)
                (void)group_for(s, interval_of(info, NULL));
        s->points = xcalloc(info->n_points > 0 ? info->n_points : 1, sizeof(*s->points));
        for (size_t i = 0; i < s->n; i++) {
                s->groups[i].points = s->points + at;
                at += s->groups[i].n;
                s->groups[i].n = 0;
        }
        for (size_t i = 0; i < info->n_points; i++) {
                if (!(info->points[i].access & DL_READ))
                        continue;
                struct schedule_group *g = group_for(s, interval_of(info, &info->points[i]));
                g->points[g->n++] = (uint32_t)i;
        }
}

void schedule_done(struct schedule *s)
{
        free(s->groups);
        free(s->points);
        *s = (struct schedule){ 0 };
}

void schedule_restart(struct schedule *s, int64_t at_ns)
{
        for (size_t i = 0; i < s->n; i++)
                s->groups[i].due_ns = at_ns;
}

int64_t schedule_due(const struct schedule *s)
{
        int64_t due = SCHEDULE_NEVER;

        for (size_t i = 0; i < s->n; i++) {
                if (s->groups[i].due_ns < due)
                        due = s->groups[i].due_ns;
        }
        return due;
}

bool schedule_all_due(const struct schedule *s, int64_t now_ns, const uint32_t **ret_points,
                      size_t *ret_n)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++) {
                if (s->groups[i].due_ns > now_ns)
                        return false;
                n += s->groups[i].n;
        }
        *ret_points = s->points;
        *ret_n = n;
        return true;
}

void schedule_each(const struct schedule *s, int64_t now_ns, void (*due)(void *ctx, uint32_t point),
                   void *ctx)
{
        for (size_t i = 0; i < s->n; i++) {
                const struct schedule_group *g = &s->groups[i];

                for (uint32_t k = 0; k < g->n && g->due_ns <= now_ns; k++)
                        due(ctx, g->points[k]);
        }
}

void schedule_advance(struct schedule *s, int64_t now_ns)
{
        for (size_t i = 0; i < s->n; i++) {
                struct schedule_group *g = &s->groups[i];

                if (g->due_ns > now_ns)
                        continue;
                if (g->interval_ns == 0)
                        g->due_ns = SCHEDULE_NEVER;
                else
                        g->due_ns = now_ns + g->interval_ns - (now_ns - g->due_ns) % g->interval_ns;
        }
}

void retry_reset(struct retry *r)
{
        *r = (struct retry){ .backoff = BACKOFF(retry_first_ns, retry_cap_ns) };
}

int64_t retry_next_ns(struct retry *r, int64_t now_ns)
{
        if (r->down_since_ns == 0)
                r->down_since_ns = now_ns;

        int64_t cap = (now_ns - r->down_since_ns) / 40;
        if (cap < retry_cap_ns)
                cap = retry_cap_ns;
        r->backoff.max_ns = cap > retry_cap_late_ns ? retry_cap_late_ns : cap;
        return backoff_next_ns(&r->backoff);
}
