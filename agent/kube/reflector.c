/* reflector.c - which step is next, and what an owner is told of it. */
#include "kube/reflector_impl.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum { PATH_MAX_BYTES = 32 * 1024 };

static const int64_t wait_first_ns = 800 * NS_PER_MS, wait_most_ns = 30 * NS_PER_S;
static const int64_t slow_first_ns = NS_PER_S, slow_most_ns = 120 * NS_PER_S;

/* --- life */

static char *text_copy(const char *s)
{
        return s ? xstrdup(s) : NULL;
}

static void destroy(struct reflector *r)
{
        kube_cancel(r->call);
        loop_timer_end(&r->timer);
        table_done(&r->table);
        free(r->version);
        free(r->seen);
        free(r->more);
        free(r->texts);
        free(r);
}

void reflector_enter(struct reflector *r)
{
        r->depth++;
}

bool reflector_leave(struct reflector *r)
{
        if (--r->depth > 0 || !r->closed)
                return true;
        destroy(r);
        return false;
}

void reflector_close(struct reflector *r)
{
        if (!r)
                return;
        kube_cancel(r->call);
        r->call = NULL;
        loop_timer_stop(&r->timer);
        r->closed = true;
        if (r->depth == 0)
                destroy(r);
}

/* --- what an owner is told */

static const char *state_name(enum reflector_state s)
{
        switch (s) {
        case REFLECTOR_STARTING:
                return "starting";
        case REFLECTOR_LIVE:
                return "live";
        case REFLECTOR_STALE:
                return "stale";
        case REFLECTOR_FORBIDDEN:
                return "forbidden";
        case REFLECTOR_NO_RESOURCE:
                return "no resource";
        }
        return "";
}

static bool needs_a_person(enum reflector_state s)
{
        return s == REFLECTOR_FORBIDDEN || s == REFLECTOR_NO_RESOURCE;
}

static void log_state(const struct reflector *r, enum reflector_state from, const char *text)
{
        const char *plural = r->config.resource.plural;

        if (needs_a_person(r->state))
                LOG(WARNING, "kube.watch", text, LOG_STR("path", plural),
                    LOG_STR("reason", state_name(r->state)), LOG_STR("namespace", r->config.space));
        else if (needs_a_person(from))
                LOG(INFO, "kube.watch", "read again", LOG_STR("path", plural),
                    LOG_STR("reason", state_name(r->state)), LOG_STR("namespace", r->config.space));
        else
                LOG(DEBUG, "kube.watch", text, LOG_STR("path", plural),
                    LOG_STR("reason", state_name(r->state)), LOG_STR("namespace", r->config.space));
}

void reflector_say(struct reflector *r, enum reflector_state state, const char *text)
{
        enum reflector_state from = r->state;

        if (state == REFLECTOR_STALE && !r->synced)
                state = REFLECTOR_STARTING;
        if (state == from && !(state == REFLECTOR_LIVE && r->is_fresh) &&
            !(state == REFLECTOR_STARTING && !r->told_why))
                return;
        r->state = state;
        r->told_why = true;
        if (state == REFLECTOR_LIVE)
                r->is_fresh = false;
        if (state != from)
                log_state(r, from, text);
        if (r->config.state)
                r->config.state(r->config.ctx, state, text);
}

/* --- versions */

static void replace(char **at, const char *text)
{
        char *copy = text_copy(text);

        free(*at);
        *at = copy;
}

void reflector_forget_version(struct reflector *r, bool wants_newest)
{
        replace(&r->version, NULL);
        r->wants_newest = wants_newest;
        if (wants_newest)
                replace(&r->seen, NULL);
}

void reflector_set_version(struct reflector *r, const char *version)
{
        int order = 0;

        if (r->version && resource_version_order(version, r->version, &order) && order <= 0)
                return;
        replace(&r->version, version);
        replace(&r->seen, version);
}

/* --- steps */

void reflector_path(const struct reflector *r, bool with_fields, struct buf *path)
{
        const struct reflector_config *c = &r->config;
        auto_free char *base = kube_path(&c->resource, c->space, NULL, NULL);
        auto_free char *name = c->name ? xasprintf("metadata.name=%s", c->name) : NULL;
        const char *fields = with_fields ? c->field_selector : NULL;

        *path = BUF(PATH_MAX_BYTES);
        buf_adds(path, base);
        if (name && fields) {
                auto_free char *both = xasprintf("%s,%s", name, fields);

                kube_query(path, "fieldSelector", both);
        } else if (name || fields) {
                kube_query(path, "fieldSelector", name ? name : fields);
        }
        if (c->label_selector)
                kube_query(path, "labelSelector", c->label_selector);
}

void reflector_step(struct reflector *r)
{
        int64_t now = loop_now(r->loop);

        loop_timer_stop(&r->timer);
        r->is_initial = false;
        if (r->version && r->selector_off_ns > 0 && now - r->selector_off_ns > PROBE_NS)
                reflector_probe(r);
        else if (r->version)
                reflector_watch(r, false);
        else if (!r->config.list_first && now >= r->no_stream_ns)
                reflector_watch(r, true);
        else
                reflector_list(r);
}

void reflector_wait(struct reflector *r, int64_t ns)
{
        r->step = STEP_WAIT;
        r->is_initial = false;
        loop_timer_start(&r->timer, ns, 0);
}

static void on_time(void *ctx)
{
        struct reflector *r = ctx;

        reflector_enter(r);
        if (r->step == STEP_WAIT)
                reflector_step(r);
        else
                reflector_watch_time(r);
        (void)reflector_leave(r);
}

void reflector_retry(struct reflector *r)
{
        if (r->step != STEP_WAIT)
                return;
        backoff_reset(&r->backoff);
        backoff_reset(&r->slow);
        loop_timer_start(&r->timer, 0, LOOP_EXACT);
}

/* --- trouble */

static void wait_as_said(struct reflector *r, struct backoff *b, const struct kube_answer *a)
{
        int64_t ns = backoff_next_ns(b);

        reflector_wait(r, ns > a->retry_after_ns ? ns : a->retry_after_ns);
}

void reflector_trouble(struct reflector *r, const struct kube_answer *a)
{
        enum reflector_state state = REFLECTOR_STALE;
        bool is_slow = false;

        switch (a->class) {
        case KUBE_MISSING:
                state = REFLECTOR_NO_RESOURCE;
                is_slow = true;
                reflector_forget_version(r, false);
                break;
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                state = REFLECTOR_FORBIDDEN;
                is_slow = true;
                reflector_forget_version(r, false);
                break;
        case KUBE_EXPIRED:
                reflector_forget_version(r, true);
                break;
        case KUBE_AWAY:
                if (a->status != 0 && a->status != 200 && a->status != 429)
                        reflector_forget_version(r, r->wants_newest);
                break;
        case KUBE_OK:
                break;
        case KUBE_CONFLICT:
        case KUBE_EXISTS:
        case KUBE_REFUSED:
                reflector_forget_version(r, r->wants_newest);
                break;
        }
        wait_as_said(r, is_slow ? &r->slow : &r->backoff, a);
        reflector_say(r, state, a->message);
}

bool reflector_selector_refused(struct reflector *r, const struct kube_answer *a)
{
        if (a->status != 400 || !r->config.field_selector || r->selector_off_ns > 0 ||
            !strstr(a->message, "field label not supported"))
                return false;
        LOG(WARNING, "kube.selector", "the server does not know the field; filtering here",
            LOG_STR("path", r->config.resource.plural), LOG_STR("field", r->config.field_selector),
            LOG_STR("error", a->message));
        r->selector_off_ns = loop_now(r->loop);
        reflector_forget_version(r, r->wants_newest);
        return true;
}

/* --- */

static char *put_text(char **at, const char **text)
{
        char *copy = *at;

        if (!*text)
                return NULL;
        *at = stpcpy(copy, *text) + 1;
        *text = copy;
        return copy;
}

/* All texts of the configuration in one piece of memory. */
static void own_texts(struct reflector *r)
{
        struct reflector_config *c = &r->config;
        const char **all[] = {
                &c->resource.group, &c->resource.version, &c->resource.plural, &c->space,
                &c->name,           &c->field_selector,   &c->label_selector
        };
        size_t size = 0, n = sizeof(all) / sizeof(all[0]);

        for (size_t i = 0; i < n; i++)
                size += *all[i] ? strlen(*all[i]) + 1 : 0;
        r->texts = xmalloc(size);
        char *at = r->texts;
        for (size_t i = 0; i < n; i++)
                (void)put_text(&at, all[i]);
}

struct reflector *reflector_open(const struct reflector_config *config)
{
        struct reflector *r = xcalloc(1, sizeof(*r));
        int64_t jitter = 0;

        r->config = *config;
        own_texts(r);
        r->api = config->api;
        r->loop = kube_api_loop(r->api);
        r->wants_newest = config->list_first;
        r->backoff = BACKOFF(wait_first_ns, wait_most_ns);
        r->slow = BACKOFF(slow_first_ns, slow_most_ns);
        loop_timer_init(&r->timer, r->loop, on_time, r);
        if (config->start_jitter_ns > 0)
                jitter = (int64_t)(((uint64_t)random_u32() << 31 | random_u32() >> 1) %
                                   (uint64_t)config->start_jitter_ns);
        reflector_wait(r, jitter);
        return r;
}

bool reflector_synced(const struct reflector *r)
{
        return r->synced;
}

size_t reflector_count(const struct reflector *r)
{
        return r->table.n;
}

uint64_t reflector_skipped(const struct reflector *r)
{
        return r->skipped;
}
