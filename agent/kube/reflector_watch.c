/* reflector_watch.c - a watch, from its first line to its end. */
#include "kube/reflector_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "kube/api_answer.h"

#include <string.h>

static const int64_t answer_ns = 30 * NS_PER_S;      /* for the first byte */
static const int64_t initial_ns = NS_PER_S;          /* of silence before all has been said */
static const int64_t silence_ns = 180 * NS_PER_S;    /* three bookmarks */
static const int64_t grid_ns = 10 * NS_PER_S;        /* what may wait wakes nobody alone */
static const int64_t no_stream_ns = 1800 * NS_PER_S; /* then initial events are asked for again */
static const int64_t healthy_ns = 120 * NS_PER_S;
static const int64_t short_ns = NS_PER_S;
static const int64_t herd_ns = NS_PER_S; /* all watches of a fleet may end together */

/* --- the end */

static void end_call(struct reflector *r)
{
        kube_cancel(r->call);
        r->call = NULL;
        loop_timer_stop(&r->timer);
}

static int64_t lived_ns(const struct reflector *r)
{
        return r->begun_ns > 0 ? loop_now(r->loop) - r->begun_ns : 0;
}

/* Before all was said: not by initial events, for a while. */
static bool stream_failed(struct reflector *r, const struct kube_answer *a)
{
        bool began = r->begun_ns > 0;

        if (r->step != STEP_STREAM || !r->is_initial)
                return false;
        if (!began && a->class != KUBE_REFUSED && a->status != 500)
                return false;
        if (a->class == KUBE_FORBIDDEN || a->class == KUBE_UNAUTHORIZED ||
            a->class == KUBE_MISSING || a->class == KUBE_EXPIRED)
                return false;
        LOG(DEBUG, "kube.no_stream", "no initial events; listing",
            LOG_STR("path", r->config.resource.plural), LOG_STR("error", a->message));
        r->no_stream_ns = loop_now(r->loop) + no_stream_ns;
        return true;
}

/* In order: on from where it was. */
static void ended_in_order(struct reflector *r)
{
        bool early = lived_ns(r) < r->limit_ns - NS_PER_S;

        if (lived_ns(r) < short_ns && !r->had_event)
                reflector_wait(r, backoff_next_ns(&r->backoff));
        else
                reflector_wait(r, early ? (int64_t)random_u32() % herd_ns : 0);
}

static void watch_over(struct reflector *r, const struct kube_answer *a)
{
        if (lived_ns(r) > healthy_ns) {
                backoff_reset(&r->backoff);
                backoff_reset(&r->slow);
        }
        if (reflector_selector_refused(r, a) || stream_failed(r, a))
                reflector_step(r);
        else if (a->class == KUBE_OK && !r->is_initial)
                ended_in_order(r);
        else
                reflector_trouble(r, a);
}

static void on_done(void *ctx, struct kube_answer *a)
{
        struct reflector *r = ctx;

        r->call = NULL;
        loop_timer_stop(&r->timer);
        reflector_enter(r);
        watch_over(r, a);
        (void)reflector_leave(r);
}

static void give_up(struct reflector *r, const char *why)
{
        struct kube_answer a = { .class = KUBE_AWAY, .message = why, .retry_after_ns = -1 };

        end_call(r);
        watch_over(r, &a);
}

/* --- time */

static int64_t patience_ns(const struct reflector *r)
{
        if (r->begun_ns == 0)
                return answer_ns;
        return r->is_initial ? initial_ns : silence_ns;
}

/* The silences of many watches end together. */
static void set_timer(struct reflector *r)
{
        int64_t at = r->heard_ns + patience_ns(r);

        if (r->begun_ns > 0 && !r->is_initial)
                at = (at + grid_ns - 1) / grid_ns * grid_ns;
        loop_timer_start(&r->timer, at - loop_now(r->loop), 0);
}

/* The timer is not set anew for each event, but looks how long ago the last one was. */
void reflector_watch_time(struct reflector *r)
{
        if (r->heard_ns + patience_ns(r) > loop_now(r->loop)) {
                set_timer(r);
                return;
        }
        if (r->begun_ns > 0 && !r->is_initial) {
                LOG(WARNING, "kube.silent",
                    "a watch has been silent for too long; reading all again",
                    LOG_STR("path", r->config.resource.plural));
                reflector_forget_version(r, true);
        }
        give_up(r, r->begun_ns == 0 ? "no answer to a watch" : "the watch is silent");
}

static void heard(struct reflector *r)
{
        r->heard_ns = loop_now(r->loop);
        r->had_event = true;
}

/* --- lines */

static void live(struct reflector *r)
{
        set_timer(r);
        reflector_say(r, REFLECTOR_LIVE, "");
}

static void bookmark(struct reflector *r, struct json_span object)
{
        auto_of(arena) struct arena *a = arena_new();
        const char *version = NULL;
        struct err e = { 0 };
        bool initial_end = false;

        if (event_bookmark(object, a, &version, &initial_end, &e) < 0) {
                r->skipped++;
                return;
        }
        if (!r->is_initial) {
                reflector_set_version(r, version);
                return;
        }
        if (!initial_end)
                return;
        reflector_end_all(r, version);
        if (!reflector_is_over(r))
                live(r);
}

/* The Status says why; the stream has nothing more to say. */
static void error(struct reflector *r, struct json_span object)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *status = NULL;
        struct kube_answer answer;

        if (event_object(object, a, &status, NULL) < 0)
                status = NULL;
        answer_of_status(status, a, &answer);
        end_call(r);
        watch_over(r, &answer);
}

static void take_event(struct reflector *r, const struct event *ev)
{
        switch (ev->type) {
        case EVENT_ADDED:
        case EVENT_MODIFIED:
                reflector_object(r, ev->object);
                break;
        case EVENT_DELETED:
                reflector_deleted(r, ev->object);
                break;
        case EVENT_BOOKMARK:
                bookmark(r, ev->object);
                break;
        case EVENT_ERROR:
                error(r, ev->object);
                break;
        case EVENT_OTHER:
                r->skipped++;
                break;
        }
}

static void on_line(void *ctx, const char *text, size_t n)
{
        struct reflector *r = ctx;
        struct event ev;
        struct err e = { 0 };

        reflector_enter(r);
        heard(r);
        if (event_read(text, n, &ev, &e) == 0) {
                take_event(r, &ev);
        } else {
                r->skipped++;
                LOG(WARNING, "kube.skipped", "a line of a watch cannot be read",
                    LOG_STR("path", r->config.resource.plural), LOG_STR("error", e.text));
        }
        (void)reflector_leave(r);
}

static void on_began(void *ctx)
{
        struct reflector *r = ctx;

        reflector_enter(r);
        r->begun_ns = loop_now(r->loop);
        r->heard_ns = r->begun_ns;
        if (r->is_initial)
                set_timer(r);
        else
                live(r);
        (void)reflector_leave(r);
}

/* --- */

void reflector_watch(struct reflector *r, bool stream)
{
        struct kube_watch_request q = {
                .resource = r->config.resource.plural,
                .accept = r->config.metadata_only ? KUBE_METADATA : NULL,
                .ctx = r,
                .began = on_began,
                .line = on_line,
                .done = on_done,
        };
        unsigned seconds = 300 + random_u32() % 301;
        char text[16];
        struct buf path;

        (void)snprintf(text, sizeof(text), "%u", seconds);
        reflector_path(r, r->selector_off_ns == 0, &path);
        kube_query(&path, "watch", "1");
        kube_query(&path, "allowWatchBookmarks", "true");
        kube_query(&path, "timeoutSeconds", text);
        if (stream) {
                kube_query(&path, "sendInitialEvents", "true");
                kube_query(&path, "resourceVersionMatch", "NotOlderThan");
                reflector_begin_all(r, true);
        } else {
                kube_query(&path, "resourceVersion", r->version);
        }
        r->step = stream ? STEP_STREAM : STEP_WATCH;
        r->begun_ns = 0;
        r->had_event = false;
        r->limit_ns = (int64_t)seconds * NS_PER_S;
        r->heard_ns = loop_now(r->loop);
        set_timer(r);
        q.path = buf_text(&path);
        r->call = kube_watch(r->api, &q);
        buf_done(&path);
}
