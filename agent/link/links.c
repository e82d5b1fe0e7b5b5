/* links.c - the running set: made to match the desired one, fed by what the links' threads hand
 * over, and ended in time. */
#include "link/links.h"

#include "link/channel.h"
#include "link/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <sched.h>
#include <string.h>

enum {
        REACTORS_MAX = 64,
        BLOCKING_THREADS = 2,
        QUARANTINE_MAX = 1024, /* closed sinks that a plugin may still hold by mistake */
};

static const int64_t stop_limit_ns = 2500 * NS_PER_MS;

static void take_batch(struct links *l, struct batch *b);
static void on_announce(struct loop_message *m, bool cancelled);
static void on_stop(void *ctx);

static unsigned count_cores(void)
{
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        int n = CPU_COUNT(&set);
        return n < 1 ? 1 : (unsigned)n;
}

struct links *links_new(const struct links_config *config)
{
        struct links *l = xcalloc(1, sizeof(*l));
        unsigned n = config->reactors > 0 ? config->reactors : count_cores();

        l->config = *config;
        if (l->config.blocking_max == 0)
                l->config.blocking_max = BLOCKING_THREADS;
        l->n_reactors = n > REACTORS_MAX ? REACTORS_MAX : n;
        l->reactors = xcalloc(l->n_reactors, sizeof(struct reactor *));
        l->reactor_sinks = xcalloc(l->n_reactors, sizeof(size_t));
        l->gate = xcalloc(1, sizeof(*l->gate));
        *l->gate = (struct gate){ .loop = config->loop, .links = l, .take = take_batch };
        (void)pthread_mutex_init(&l->gate->lock, NULL);
        l->announce.deliver = on_announce;
        counts_init(l);
        loop_timer_init(&l->stop_timer, config->loop, on_stop, l);
        return l;
}

/* --- where sinks live */

static struct blocking *pool_for(struct links *l, const struct dl_adaptor *a)
{
        for (size_t i = 0; i < l->n_pools; i++) {
                if (blocking_adaptor(l->pools[i]) == a)
                        return l->pools[i];
        }
        l->pools = xreallocarray(l->pools, l->n_pools + 1, sizeof(struct blocking *));
        l->pools[l->n_pools] = blocking_new(l->gate, l->config.resolver, a, l->config.blocking_max);
        return l->pools[l->n_pools++];
}

static struct home *home_for(struct links *l, const struct device *d)
{
        if (!d->adaptor->begin_read)
                return blocking_home(pool_for(l, d->adaptor));

        unsigned i = channel_hash(d->info->channel) % l->n_reactors;
        if (!l->reactors[i])
                l->reactors[i] = reactor_new(l->gate, l->config.resolver, i);
        l->reactor_sinks[i]++;
        return reactor_home(l->reactors[i]);
}

static void left_home(struct links *l, const struct home *h)
{
        for (unsigned i = 0; i < l->n_reactors; i++) {
                if (l->reactors[i] && reactor_home(l->reactors[i]) == h)
                        l->reactor_sinks[i]--;
        }
}

struct dl_sink *links_open(struct links *l, struct link *k, int64_t after_ns)
{
        struct dl_sink *s = sink_new(k->spec->key, home_for(l, k->target), k->target);

        s->link = k;
        l->open_sinks++;
        command_post(s, COMMAND_OPEN, NULL, NULL, after_ns);
        return s;
}

void links_close(struct links *l, struct dl_sink *s)
{
        s->link = NULL;
        s->next = l->closing;
        l->closing = s;
        command_post(s, COMMAND_CLOSE, NULL, NULL, 0);
}

struct dl_sink *links_closing(struct links *l, const char *key, bool stuck)
{
        struct dl_sink *s = l->closing;

        while (s && ((s->stuck_closing && !stuck) || strcmp(s->key, key) != 0))
                s = s->next;
        return s;
}

static void bury(struct links *l, struct dl_sink *s)
{
        struct dl_sink **at = &l->closing;

        while (*at && *at != s)
                at = &(*at)->next;
        if (*at)
                *at = s->next;
        left_home(l, s->home);
        l->open_sinks--;
        sink_retire(s);
        s->next = l->quarantine;
        l->quarantine = s;
        if (++l->n_quarantine <= QUARANTINE_MAX)
                return;
        for (at = &l->quarantine; (*at)->next; at = &(*at)->next)
                ;
        sink_free(*at);
        *at = NULL;
        l->n_quarantine--;
}

static void sink_gone(struct dl_sink *s)
{
        struct link *heir = s->successor;

        s->successor = NULL;
        if (heir)
                link_old_closed(heir);
}

/* --- what the links' threads hand over */

static void tell_status(struct links *l)
{
        const struct links_hooks *h = &l->config.hooks;

        while (l->touched) {
                struct link *k = l->touched;

                l->touched = k->touched_next;
                k->touched = false;
                if (k->device && h->status)
                        h->status(h->ctx, k->spec, k->device, &k->states);
        }
}

static void on_announce(struct loop_message *m, bool cancelled)
{
        struct links *l = (struct links *)((char *)m - offsetof(struct links, announce));

        l->announcing = false;
        if (cancelled)
                return;
        tell_status(l);
        release_dropped(l);
}

void links_announce(struct links *l)
{
        if (l->announcing)
                return;
        l->announcing = true;
        loop_post(l->config.loop, &l->announce);
}

static void take_unlinked(const struct record *r)
{
        if (r->kind != RECORD_STUCK)
                return;
        LOG(ERROR, "link.stuck", "a closed link hangs in its adaptor",
            LOG_STR("link", r->sink->key), LOG_STR("adaptor", r->sink->adaptor->name));
        r->sink->stuck_closing = true;
        sink_gone(r->sink);
}

static void take_record(struct links *l, const struct record *r)
{
        struct dl_sink *s = r->sink;
        const void *body = r;
        const struct record_written *written = body;

        if (r->kind == RECORD_WRITTEN && written->id != 0)
                downlink_written(l, written);
        else if (s->link)
                link_take(s->link, r);
        else
                take_unlinked(r);
        if (r->kind == RECORD_ADOPTED)
                device_unref(((const struct record_adopted *)body)->device);
        if (r->kind != RECORD_CLOSED)
                return;
        sink_gone(s);
        auto_free char *key = xstrdup(s->key);
        bury(l, s);
        release_closed(l, key);
        if (l->stopping && l->open_sinks == 0)
                loop_timer_start(&l->stop_timer, 0, LOOP_EXACT);
}

static void take_batch(struct links *l, struct batch *b)
{
        if (l->stopped)
                return;
        for (const struct record *r = batch_next(b, NULL); r; r = batch_next(b, r))
                take_record(l, r);
        tell_status(l);
}

/* --- look-up */

static long find(const struct links *l, const char *key)
{
        size_t low = 0, high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(l->list[middle]->spec->key, key);

                if (order == 0)
                        return (long)middle;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return -1;
}

struct link *links_find(const struct links *l, const char *key)
{
        long at = find(l, key);

        return at < 0 ? NULL : l->list[at];
}

/* --- the end */

/* What is still in a plugin cannot be joined: it is left behind, and its way to the loop shut. */
static bool end_threads(struct links *l)
{
        bool all = true;

        for (unsigned i = 0; i < l->n_reactors; i++) {
                if (l->reactor_sinks[i] == 0)
                        reactor_free(l->reactors[i]);
                else
                        all = false;
                l->reactors[i] = NULL;
        }
        for (size_t i = 0; i < l->n_pools; i++) {
                if (!blocking_busy(l->pools[i]))
                        blocking_free(l->pools[i]);
                else
                        all = false;
        }
        l->n_pools = 0;
        return all;
}

static void on_stop(void *ctx)
{
        struct links *l = ctx;

        for (struct dl_sink *s = l->closing; s; s = s->next) {
                LOG(ERROR, "link.left", "the adaptor does not return: left behind",
                    LOG_STR("link", s->key), LOG_STR("adaptor", s->adaptor->name));
                if (!s->home->event_driven) /* its driver is on this loop */
                        loop_timer_end(&s->timer);
        }
        l->stopped = true;
        l->abandoned = l->open_sinks > 0;
        if (l->abandoned) {
                (void)pthread_mutex_lock(&l->gate->lock);
                l->gate->shut = true;
                (void)pthread_mutex_unlock(&l->gate->lock);
        }
        if (!end_threads(l))
                l->abandoned = true;
        l->stop_done(l->stop_ctx);
}

void links_stop(struct links *l, void (*done)(void *ctx), void *ctx)
{
        if (l->stopping)
                return;
        l->stopping = true;
        l->stop_done = done;
        l->stop_ctx = ctx;
        for (size_t i = 0; i < l->n; i++)
                link_stop(l->list[i]);
        downlink_cancel(l);
        loop_timer_start(&l->stop_timer, l->open_sinks > 0 ? stop_limit_ns : 0, LOOP_EXACT);
}

void links_free(struct links *l)
{
        if (!l)
                return;
        assert(l->stopped || l->open_sinks == 0);
        for (size_t i = 0; i < l->n; i++)
                link_free(l->list[i]);
        while (l->quarantine) {
                struct dl_sink *s = l->quarantine;

                l->quarantine = s->next;
                sink_free(s);
        }
        if (!l->stopped)
                (void)end_threads(l);
        loop_timer_end(&l->stop_timer);
        release_done(l);
        free(l->adaptors);
        free(l->list);
        free(l->reactors);
        free(l->reactor_sinks);
        free(l->pools);
        l->gate->links = NULL;
        if (!l->abandoned) {
                (void)pthread_mutex_destroy(&l->gate->lock);
                free(l->gate);
        }
        free(l);
}
