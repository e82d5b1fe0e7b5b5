/* outbox.c - a bounded queue of lanes. */
#include "publish/outbox.h"

#include <assert.h>

static void unlink_entry(struct outbox *o, struct outbox_entry *e)
{
        struct outbox_entry **before = e->prev ? &e->prev->next : &o->first;
        struct outbox_entry **after = e->next ? &e->next->prev : &o->last;

        *before = e->next;
        *after = e->prev;
        e->prev = e->next = NULL;
        o->n--;
        o->budget->bytes -= e->bytes;
}

/* The order of a lane is that of the outbox, so what leaves is always the first of its lane. */
static void remove_first(struct outbox *o, struct outbox_lane *lane)
{
        struct outbox_entry *e = lane->first;

        lane->first = e->lane_next;
        if (!lane->first)
                lane->last = NULL;
        lane->n--;
        lane->bytes -= e->bytes;
        e->lane_next = NULL;
        unlink_entry(o, e);
}

static void drop_first(struct outbox *o, struct outbox_lane *lane)
{
        struct outbox_entry *e = lane->first;

        remove_first(o, lane);
        o->dropped(o->ctx, e);
}

static bool lane_is_full(const struct outbox_lane *lane, size_t bytes)
{
        return lane->n >= lane->depth || lane->bytes + bytes > OUTBOX_LANE_BYTES;
}

static bool budget_is_spent(const struct outbox *o, size_t bytes)
{
        return bytes > o->budget->max - o->budget->bytes;
}

static void count_in(struct outbox *o, struct outbox_lane *lane, struct outbox_entry *e)
{
        e->lane = lane;
        lane->n++;
        lane->bytes += e->bytes;
        o->n++;
        o->budget->bytes += e->bytes;
}

void outbox_put(struct outbox *o, struct outbox_lane *lane, struct outbox_entry *e)
{
        assert(lane->depth > 0);
        e->lane = lane;
        if ((e->volatile_ && !o->online) || e->bytes > OUTBOX_LANE_BYTES) {
                o->dropped(o->ctx, e);
                return;
        }
        while (lane->first && lane_is_full(lane, e->bytes))
                drop_first(o, lane);
        while (o->first && budget_is_spent(o, e->bytes))
                drop_first(o, o->first->lane);
        if (budget_is_spent(o, e->bytes)) {
                o->dropped(o->ctx, e);
                return;
        }
        e->prev = o->last;
        e->next = e->lane_next = NULL;
        *(o->last ? &o->last->next : &o->first) = e;
        o->last = e;
        *(lane->last ? &lane->last->lane_next : &lane->first) = e;
        lane->last = e;
        count_in(o, lane, e);
}

struct outbox_entry *outbox_peek(const struct outbox *o)
{
        return o->first;
}

struct outbox_entry *outbox_take(struct outbox *o)
{
        struct outbox_entry *e = o->first;

        if (e)
                remove_first(o, e->lane);
        return e;
}

/* It is older than all that wait, so at a limit it is the one to go. */
void outbox_return(struct outbox *o, struct outbox_entry *e)
{
        struct outbox_lane *lane = e->lane;

        if ((e->volatile_ && !o->online) || lane_is_full(lane, e->bytes) ||
            budget_is_spent(o, e->bytes)) {
                o->dropped(o->ctx, e);
                return;
        }
        e->next = o->first;
        e->prev = NULL;
        *(o->first ? &o->first->prev : &o->last) = e;
        o->first = e;
        e->lane_next = lane->first;
        lane->first = e;
        if (!lane->last)
                lane->last = e;
        count_in(o, lane, e);
}

/* Rare: walks all to take what is volatile out of the middle of lanes, too. */
void outbox_online(struct outbox *o, bool online)
{
        struct outbox_entry *all = o->first;

        o->online = online;
        if (online)
                return;
        for (struct outbox_entry *e = all; e; e = e->next)
                *e->lane = (struct outbox_lane){ .depth = e->lane->depth };
        for (struct outbox_entry *e = all; e; e = e->next)
                o->budget->bytes -= e->bytes;
        o->first = o->last = NULL;
        o->n = 0;
        while (all) {
                struct outbox_entry *next = all->next;

                outbox_put(o, all->lane, all);
                all = next;
        }
}

void outbox_drop_all(struct outbox *o)
{
        while (o->first)
                drop_first(o, o->first->lane);
}
