/* timer.c - the timers of a loop: a heap of ours over one timerfd.
 *
 * libuv's timers know milliseconds and are set from a cached time; a timerfd knows nanoseconds,
 * costs one call per wake-up, and nothing at all while the earliest time stays the same. */
#include "loop/impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <sys/timerfd.h>

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
        if (a->due_ns != b->due_ns)
                return a->due_ns < b->due_ns;
        return a->order < b->order;
}

static void put(struct loop *l, size_t slot, struct loop_timer *t)
{
        l->timers[slot] = t;
        t->slot = slot;
}

static void sift_up(struct loop *l, size_t slot, struct loop_timer *t)
{
        while (slot > 1 && before(t, l->timers[slot / 2])) {
                put(l, slot, l->timers[slot / 2]);
                slot /= 2;
        }
        put(l, slot, t);
}

static void sift_down(struct loop *l, size_t slot, struct loop_timer *t)
{
        for (size_t child; (child = 2 * slot) <= l->n_timers; slot = child) {
                if (child < l->n_timers && before(l->timers[child + 1], l->timers[child]))
                        child++;
                if (!before(l->timers[child], t))
                        break;
                put(l, slot, l->timers[child]);
        }
        put(l, slot, t);
}

static void insert(struct loop *l, struct loop_timer *t)
{
        if (l->n_timers + 1 >= l->cap_timers) {
                l->cap_timers = l->cap_timers ? 2 * l->cap_timers : 16;
                l->timers = xreallocarray(l->timers, l->cap_timers, sizeof(struct loop_timer *));
        }
        l->n_timers++;
        sift_up(l, l->n_timers, t);
}

static void take_out(struct loop *l, struct loop_timer *t)
{
        size_t slot = t->slot;
        struct loop_timer *last = l->timers[l->n_timers--];

        t->slot = 0;
        if (last == t)
                return;
        if (slot > 1 && before(last, l->timers[slot / 2]))
                sift_up(l, slot, last);
        else
                sift_down(l, slot, last);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fired)(void *ctx), void *ctx)
{
        *t = (struct loop_timer){ .loop = l, .fired = fired, .ctx = ctx };
}

static const int64_t tick_ns = 5 * NS_PER_MS;

static int64_t round_up(int64_t at_ns)
{
        int64_t rest = at_ns % tick_ns;

        if (rest == 0 || at_ns > INT64_MAX - tick_ns)
                return at_ns;
        return at_ns + tick_ns - rest;
}

void loop_timer_start_at(struct loop_timer *t, int64_t at_ns, unsigned flags)
{
        struct loop *l = t->loop;
        int64_t now = loop_now(l);

        loop_timer_stop(t);
        if (at_ns < now)
                at_ns = now;
        t->due_ns = flags & LOOP_EXACT ? at_ns : round_up(at_ns);
        t->order = ++l->timer_order;
        insert(l, t);
}

void loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        int64_t now = loop_now(t->loop);

        if (after_ns < 0)
                after_ns = 0;
        loop_timer_start_at(t, after_ns > INT64_MAX - now ? INT64_MAX : now + after_ns, flags);
}

void loop_timer_stop(struct loop_timer *t)
{
        if (t->slot)
                take_out(t->loop, t);
}

bool loop_timer_active(const struct loop_timer *t)
{
        return t->slot != 0;
}

void loop_timer_end(struct loop_timer *t)
{
        loop_timer_stop(t);
}

/* Timers that callbacks start for now wait for the next turn, or descriptors would starve. */
void loop_timers_run(struct loop *l)
{
        uint64_t newest = l->timer_order;

        while (l->n_timers) {
                struct loop_timer *t = l->timers[1];

                if (t->due_ns > l->now_ns || t->order > newest)
                        return;
                take_out(l, t);
                t->fired(t->ctx);
        }
}

/* Setting the clock also takes back that it has gone off, so it is never read. */
void loop_timers_arm(struct loop *l)
{
        int64_t due = l->n_timers ? l->timers[1]->due_ns : 0;

        if (due == l->armed_ns)
                return;
        struct itimerspec when = { 0 };
        if (l->n_timers) {
                int64_t wait = due - clock_mono_ns();

                if (wait < 1)
                        wait = 1;
                when.it_value.tv_sec = wait / NS_PER_S;
                when.it_value.tv_nsec = wait % NS_PER_S;
        }
        (void)timerfd_settime(l->clock_fd, 0, &when, NULL);
        l->armed_ns = due;
}
