/* apply.c - from the desired set to a plan, and from the plan to links that start, change and stop.
 */
#include "link/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static const int64_t spread_max_ns = NS_PER_S;

static void log_findings(const struct link_spec *spec, const struct findings *f)
{
        for (size_t i = 0; i < f->n; i++) {
                const struct finding *x = &f->list[i];
                bool wrong = x->severity == FINDING_ERROR;
                enum log_level level = wrong ? LOG_ERROR : LOG_WARNING;
                const struct log_field fields[] = {
                        LOG_STR("link", spec->key),
                        LOG_STR("file", x->file),
                        LOG_STR("path", x->path),
                        LOG_INT("line", x->line),
                };

                if (log_wants(level)) /* the last field only when it is known */
                        log_write(level, wrong ? "link.spec" : "link.spec-warning", x->text, fields,
                                  x->line > 0 ? 4 : 3);
        }
}

static void compile(struct candidate *c)
{
        struct findings f = { 0 };
        struct err e = { 0 };
        char first[256];

        if (device_compile(c->adaptor, c->spec, &f, &c->device, &e) < 0) {
                const char *text = findings_first(&f, first, sizeof(first));

                c->fault = FAULT_SPEC;
                c->cause = xstrdup(text[0] != '\0' ? text : e.text);
        }
        log_findings(c->spec, &f);
        findings_done(&f);
}

/* Compile only what differs from what runs, or from what failed before. */
static struct candidate consider(struct links *l, struct link_spec *spec, const struct link *k)
{
        struct candidate c = { .spec = spec };

        c.adaptor = adaptors_find(l->config.adaptors, spec->adaptor, spec->kind);
        if (!c.adaptor) {
                c.fault = FAULT_ADAPTOR;
                c.cause = xasprintf("no adaptor '%s' is loaded",
                                    spec->adaptor[0] != '\0' ? spec->adaptor : spec->kind);
        } else if (spec->reference_error) {
                c.fault = FAULT_REFERENCES;
                c.cause = xstrdup(spec->reference_error);
        } else if (k && k->target && plan_same_device(k->target_spec, spec)) {
                c.device = device_ref(k->target);
        } else if (k && k->fault == FAULT_SPEC && plan_same_device(k->spec, spec)) {
                c.fault = FAULT_SPEC;
                c.cause = k->cause ? xstrdup(k->cause) : NULL;
        } else {
                compile(&c);
        }
        return c;
}

static struct plan_item *items_of_running(const struct links *l)
{
        struct plan_item *items = xcalloc(l->n + 1, sizeof(*items));

        for (size_t i = 0; i < l->n; i++) {
                const struct link *k = l->list[i];

                items[i].spec = k->target_spec ? k->target_spec : k->spec;
                items[i].adaptor = k->target ? k->target->adaptor : NULL;
                items[i].info = k->target ? k->target->info : NULL;
        }
        return items;
}

static struct plan_item *items_of_candidates(const struct candidate *c, size_t n)
{
        struct plan_item *items = xcalloc(n + 1, sizeof(*items));

        for (size_t i = 0; i < n; i++)
                items[i] = (struct plan_item){ .spec = c[i].spec,
                                               .adaptor = c[i].adaptor,
                                               .info = c[i].device ? c[i].device->info : NULL };
        return items;
}

static unsigned renamed(const struct link_spec *a, const struct link_spec *b)
{
        unsigned what = 0;

        if (strcmp(a->node, b->node) != 0)
                what |= RENAMED_NODE;
        if (strcmp(a->kind, b->kind) != 0 || strcmp(a->api_version, b->api_version) != 0)
                what |= RENAMED_MODEL;
        if (strcmp(a->adaptor, b->adaptor) != 0)
                what |= RENAMED_ADAPTOR;
        return what;
}

/* First polls of many links are spread evenly, by the golden ratio, over a second at most. */
static int64_t first_poll_ns(const struct device *d, size_t index, size_t n_starts)
{
        int64_t span = (int64_t)n_starts * 5 * NS_PER_MS;
        uint32_t part = (uint32_t)index * UINT32_C(2654435769);

        if (span > spread_max_ns)
                span = spread_max_ns;
        if (d->info->interval_ns > 0 && span > d->info->interval_ns)
                span = d->info->interval_ns;
        return (int64_t)((double)span * (double)part / 4294967296.0);
}

static size_t count_starts(const struct plan_step *steps, size_t n)
{
        size_t starts = 0;

        for (size_t i = 0; i < n; i++)
                starts += steps[i].action == PLAN_START;
        return starts;
}

static void act(struct link *k, enum plan_action action, const struct candidate *c,
                int64_t after_ns)
{
        switch (action) {
        case PLAN_START:
                link_start(k, c, after_ns);
                break;
        case PLAN_REPLACE:
                link_replace(k, c);
                break;
        case PLAN_UPDATE:
                link_update(k, c);
                break;
        case PLAN_STOP:
                link_stop(k);
                break;
        case PLAN_KEEP:
        case PLAN_WAIT:
                break;
        }
}

static void reconfigure(struct link *k, const struct candidate *c, bool is_new)
{
        struct link_spec *before = k->spec;
        bool unchanged = !is_new && link_spec_equal(before, c->spec) && k->fault == c->fault;
        unsigned what = is_new ? 0 : renamed(before, c->spec);

        k->spec = link_spec_ref(c->spec);
        if (!unchanged)
                link_configured(k, c, what);
        link_spec_unref(before);
}

static void execute(struct links *l, const struct plan_step *steps, size_t n,
                    const struct candidate *c, struct link **list)
{
        size_t starts = count_starts(steps, n), started = 0;

        for (size_t i = 0; i < n; i++) {
                const struct plan_step *step = &steps[i];
                struct link *k = step->running >= 0 ? l->list[step->running] : NULL;
                bool is_new = !k;

                if (k && step->desired < 0) {
                        link_stop(k);
                        LOG(INFO, "link.removed", "link removed", LOG_STR("link", k->spec->key));
                        release_later(l, k->spec->key);
                        link_free(k);
                        continue;
                }
                const struct candidate *want = &c[step->desired];
                if (!k)
                        k = link_new(l, want->spec);
                int64_t after = 0;
                if (step->action == PLAN_START)
                        after = first_poll_ns(want->device, started++, starts);
                act(k, step->action, want, after);
                reconfigure(k, want, is_new);
                list[step->desired] = k;
        }
}

static struct candidate *consider_all(struct links *l, const struct desired *d)
{
        struct candidate *c = xcalloc(d->n + 1, sizeof(*c));

        for (size_t i = 0; i < d->n; i++)
                c[i] = consider(l, d->links[i], links_find(l, d->links[i]->key));
        return c;
}

void links_apply(struct links *l, const struct desired *d)
{
        if (l->stopping)
                return;
        auto_free struct candidate *c = consider_all(l, d);
        auto_free struct plan_item *want = items_of_candidates(c, d->n);
        auto_free struct plan_item *have = items_of_running(l);
        auto_free struct plan_step *steps = xcalloc(d->n + l->n + 1, sizeof(*steps));
        struct link **list = xcalloc(d->n + 1, sizeof(struct link *));

        size_t n = plan_make(want, d->n, have, l->n, steps);
        execute(l, steps, n, c, list);
        free(l->list);
        l->list = list;
        l->n = d->n;
        for (size_t i = 0; i < d->n; i++) {
                device_unref(c[i].device);
                free(c[i].cause);
        }
        if (l->touched || l->n_dropped > 0)
                links_announce(l);
}
