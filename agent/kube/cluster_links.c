/* cluster_links.c - the table of links. */
#include "kube/cluster_impl.h"

#include "base/log.h"

#include <string.h>

/* --- the table */

static size_t place(const struct cluster *c, const char *key, bool *ret_found)
{
        size_t low = 0, high = c->n;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(c->list[middle]->key, key);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct cluster_link *cluster_link_find(const struct cluster *c, const char *key)
{
        bool found;
        size_t at = place(c, key, &found);

        return found ? c->list[at] : NULL;
}

struct cluster_link *cluster_link_find_name(const struct cluster *c, const char *space,
                                            const char *name)
{
        auto_free char *key = xasprintf("%s/%s", space, name);

        return cluster_link_find(c, key);
}

static void on_say_timer(void *ctx)
{
        struct cluster_link *l = ctx;

        l->say_resting = false;
        l->say_due = l->say_waiting;
        cluster_touch(l);
}

static void on_cleanup(void *ctx)
{
        struct cluster_link *l = ctx;

        if (!cluster_link_busy(l))
                return;
        l->overdue = true;
        cluster_say(l, true, "FailedCleanup", "Disconnecting",
                    "the device did not close in time; the link goes without it");
        LOG(WARNING, "kube.cleanup", "a deleted link's device does not close; the link goes",
            LOG_STR("link", l->key));
        cluster_touch(l);
}

struct cluster_link *cluster_link_add(struct cluster *c, const char *space, const char *name,
                                      const char *uid)
{
        struct cluster_link *l = xcalloc(1, sizeof(*l));
        bool found;

        l->c = c;
        l->key = xasprintf("%s/%s", space, name);
        l->space = xstrdup(space);
        l->name = xstrdup(name);
        l->uid = xstrdup(uid);
        cluster_rest_init(l);
        cluster_report_init(l);
        l->say_backoff = BACKOFF(NS_PER_S, 60 * NS_PER_S);
        loop_timer_init(&l->say_timer, c->config.loop, on_say_timer, l);
        loop_timer_init(&l->cleanup, c->config.loop, on_cleanup, l);

        size_t at = place(c, l->key, &found);
        if (c->n == c->cap) {
                c->cap = c->cap ? c->cap * 2 : 16;
                c->list = xreallocarray(c->list, c->cap, sizeof(struct cluster_link *));
        }
        memmove(&c->list[at + 1], &c->list[at], (c->n - at) * sizeof(struct cluster_link *));
        c->list[at] = l;
        c->n++;
        return l;
}

/* --- parts of a link */

void cluster_link_drop_set(struct cluster_link *l, struct object_set **set)
{
        struct object_set *other = set == &l->newest ? l->accepted : l->newest;

        if (*set != other)
                object_set_free(*set);
        *set = NULL;
}

static void leave_work(struct cluster_link *l)
{
        cluster_lane_leave(l);
        cluster_rested(l);
        loop_timer_stop(&l->say_timer);
        loop_timer_stop(&l->cleanup);
        backoff_reset(&l->say_backoff);
        l->refused = CHAIN_REFUSED_NOTHING;
        l->stale = l->say_resting = l->say_waiting = l->say_due = false;
        l->checked = l->overdue = false;
}

void cluster_link_renew(struct cluster_link *l, const char *uid)
{
        leave_work(l);
        cluster_instance_forget(l);
        l->instance.seen = (struct instance_seen){ 0 };
        cluster_report_done(l);
        cluster_report_init(l);
        cluster_kind_drop(l);
        observed_done(&l->seen);
        cluster_link_drop_set(l, &l->newest);
        if (!l->orphan)
                cluster_link_drop_set(l, &l->accepted);
        free(l->wrong);
        l->wrong = NULL;
        l->handled = false;
        last_known_remove(l->c->keep, l->uid);
        free(l->uid);
        l->uid = xstrdup(uid);
        l->life = LIFE_PRESENT;
        l->c->set_dirty = true;
}

static void take_out_of_dirty(struct cluster_link *l)
{
        struct cluster_link **at = &l->c->dirty;

        while (*at && *at != l)
                at = &(*at)->dirty_next;
        if (*at)
                *at = l->dirty_next;
}

void cluster_link_remove(struct cluster_link *l)
{
        struct cluster *c = l->c;
        bool found;
        size_t at = place(c, l->key, &found);

        if (found) {
                c->n--;
                memmove(&c->list[at], &c->list[at + 1],
                        (c->n - at) * sizeof(struct cluster_link *));
        }
        c->set_dirty = c->refs_dirty = true;
        take_out_of_dirty(l);
        leave_work(l);
        cluster_instance_forget(l);
        cluster_report_done(l);
        cluster_kind_drop(l);
        observed_done(&l->seen);
        cluster_link_drop_set(l, &l->newest);
        object_set_free(l->accepted);
        loop_timer_end(&l->rest);
        loop_timer_end(&l->say_timer);
        loop_timer_end(&l->cleanup);
        free(l->wrong);
        free(l->device_message);
        free(l->ref_trouble);
        free(l->uid);
        free(l->key);
        free(l->space);
        free(l->name);
        free(l);
}

const struct object *cluster_link_newest(const struct cluster_link *l)
{
        return l->newest ? &l->newest->list[0] : NULL;
}

const struct object *cluster_link_accepted(const struct cluster_link *l)
{
        return l->accepted ? &l->accepted->list[0] : NULL;
}

bool cluster_link_busy(const struct cluster_link *l)
{
        return (l->given || l->closing) && !l->overdue;
}

void cluster_touch(struct cluster_link *l)
{
        if (l->dirty)
                return;
        l->dirty = true;
        l->dirty_next = l->c->dirty;
        l->c->dirty = l;
}

void cluster_link_event(struct cluster_link *l)
{
        if (l->since_ns == 0)
                l->since_ns = clock_mono_ns();
        cluster_touch(l);
}
