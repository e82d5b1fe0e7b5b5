/* counts.c - what links and adaptors have done so far, for people and metrics. */
#include "link/impl.h"

#include "base/clock.h"
#include "base/mem.h"

void counts_init(struct links *l)
{
        size_t n = adaptors_count(l->config.adaptors);

        l->adaptors = xcalloc(n + 1, sizeof(*l->adaptors));
        for (size_t i = 0; i < n; i++)
                l->adaptors[i].name = adaptors_at(l->config.adaptors, i)->name;
}

static struct links_adaptor *counts_of(const struct links *l, const struct dl_adaptor *a)
{
        size_t i = 0;

        while (adaptors_at(l->config.adaptors, i) != a)
                i++;
        return &l->adaptors[i];
}

void counts_polled(struct link *k, const struct record_result *r)
{
        struct links_adaptor *a = counts_of(k->links, r->head.sink->adaptor);

        k->polls++;
        k->links->counts.polls++;
        if (r->took_ns >= 0)
                histogram_add(&a->times, r->took_ns);
        if (r->rc >= 0) {
                k->good_ns = loop_now(k->links->config.loop);
                return;
        }
        k->failures[r->rc < DL_BUG ? LINKS_CLASSES - 1 : -1 - r->rc]++;
        k->links->counts.polls_failed++;
        if (k->line == LINE_UP)
                a->poll_errors++;
        else
                a->connect_errors++;
}

void links_count(const struct links *l, struct links_counts *ret)
{
        struct links_counts c = l->counts;

        c.links = l->n;
        for (size_t i = 0; i < l->n; i++) {
                const struct link *k = l->list[i];
                bool faulty = k->fault != FAULT_NONE;

                c.healthy += !faulty && k->line == LINE_UP;
                c.unhealthy += faulty || k->line == LINE_DOWN;
        }
        for (unsigned i = 0; i < l->n_reactors; i++)
                c.threads += l->reactors[i] != NULL;
        for (size_t i = 0; i < l->n_pools; i++)
                c.threads += blocking_threads(l->pools[i]);
        *ret = c;
}

void links_each(const struct links *l, void (*each)(void *ctx, const struct links_view *),
                void *ctx)
{
        for (size_t i = 0; i < l->n; i++) {
                const struct link *k = l->list[i];
                struct links_view v = {
                        .spec = k->spec,
                        .conditions = &k->conditions,
                        .cause = k->cause ? k->cause : "",
                        .device = k->device,
                        .states = &k->states,
                        .polls = k->polls,
                        .good_ns = k->good_ns,
                };

                for (size_t n = 0; n < LINKS_CLASSES; n++) {
                        v.failures[n] = k->failures[n];
                        v.polls_failed += k->failures[n];
                }
                each(ctx, &v);
        }
}

void links_each_adaptor(const struct links *l,
                        void (*each)(void *ctx, const struct links_adaptor *), void *ctx)
{
        size_t n = adaptors_count(l->config.adaptors);

        for (size_t i = 0; i < n; i++)
                l->adaptors[i].connected = 0;
        for (size_t i = 0; i < l->n; i++) {
                const struct link *k = l->list[i];

                if (k->line == LINE_UP && k->target)
                        counts_of(l, k->target->adaptor)->connected++;
        }
        for (size_t i = 0; i < n; i++)
                each(ctx, &l->adaptors[i]);
}
