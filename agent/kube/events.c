#include "kube/events.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/event_job.h"
#include "kube/event_table.h"

#include <assert.h>

enum {
        WAITING_MAX = 1000,
        FLIGHTS_MAX = 4,
        ATTEMPTS_MAX = 12,
        BODY_MAX = 16 * 1024,
};

static const int64_t refresh_ns = 1800 * NS_PER_S;
static const int64_t pause_ns = 10 * NS_PER_S; /* without API server */

struct flight {
        struct events *ev;
        struct event_job *job; /* NULL: free */
        struct kube_call *call;
};

struct events {
        struct kube_api *api;
        char *controller, *instance;
        struct event_table table;
        struct event_job *first, **last; /* waiting */
        size_t n_waiting;
        struct flight flights[FLIGHTS_MAX];
        struct loop_timer pause;
        bool is_paused;
        bool is_refused; /* and it was said */
        int64_t last_made_ns;
        uint64_t dropped;
};

/* --- what waits; of one Event there is at most one job */

static void enqueue(struct events *ev, struct event_job *j)
{
        j->next = NULL;
        *ev->last = j;
        ev->last = &j->next;
        ev->n_waiting++;
}

static void put_back(struct events *ev, struct event_job *j)
{
        j->next = ev->first;
        if (!ev->first)
                ev->last = &j->next;
        ev->first = j;
        ev->n_waiting++;
}

static struct event_job *dequeue(struct events *ev)
{
        struct event_job *j = ev->first;

        ev->first = j->next;
        if (!ev->first)
                ev->last = &ev->first;
        ev->n_waiting--;
        return j;
}

/* --- requests */

static void answered(void *ctx, struct kube_answer *answer);

static void send(struct flight *f, struct event_job *j)
{
        struct events *ev = f->ev;
        const struct said *s = event_table_find(&ev->table, j->key);
        auto_of(buf) struct buf body = BUF(BODY_MAX);

        assert(s); /* busy ones stay */
        if (j->is_repeat)
                event_series_body(s->count, clock_wall_ns() - (clock_mono_ns() - s->said_ns),
                                  &body);
        else
                event_body(j, ev->controller, ev->instance, s->made_ns, &body);
        auto_free char *path = event_path(j, s->made_ns);
        f->job = j;
        f->call = kube_start(
                ev->api,
                &(struct kube_request){ .method = j->is_repeat ? "PATCH" : "POST",
                                        .path = path,
                                        .resource = "events",
                                        .content_type = j->is_repeat ? KUBE_MERGE_PATCH : NULL,
                                        .body = buf_text(&body),
                                        .body_len = body.len,
                                        .lane = KUBE_WORK,
                                        .ctx = f,
                                        .done = answered });
}

static void pump(struct events *ev)
{
        for (size_t i = 0; i < FLIGHTS_MAX && ev->first && !ev->is_paused; i++) {
                if (!ev->flights[i].job)
                        send(&ev->flights[i], dequeue(ev));
        }
}

static void pause_over(void *ctx)
{
        struct events *ev = ctx;

        ev->is_paused = false;
        pump(ev);
}

static void pause_sending(struct events *ev)
{
        if (ev->is_paused)
                return;
        ev->is_paused = true;
        loop_timer_start(&ev->pause, pause_ns / 100 * (80 + random_u32() % 41), 0);
}

static void refused(struct events *ev, struct event_job *j, const struct kube_answer *answer)
{
        ev->dropped++;
        if (!ev->is_refused)
                LOG(WARNING, "kube.events", "Events are not taken", LOG_STR("path", j->space),
                    LOG_STR("reason", answer->message));
        ev->is_refused = true;
        event_table_remove(&ev->table, j->key);
        free(j);
}

/* Names an Event: no two of this process are alike. */
static int64_t stamp(struct events *ev)
{
        int64_t now_ns = clock_wall_ns();

        ev->last_made_ns = now_ns > ev->last_made_ns ? now_ns : ev->last_made_ns + 1;
        return ev->last_made_ns;
}

/* It is there, or its series is. */
static void written(struct events *ev, struct event_job *j)
{
        struct said *s = event_table_find(&ev->table, j->key);

        assert(s);
        ev->is_refused = false;
        s->written_ns = clock_mono_ns();
        s->is_series = j->is_repeat;
        if (!j->is_repeat && s->count > 1) { /* said again meanwhile */
                j->is_repeat = true;
                j->attempts = 0;
                put_back(ev, j);
                return;
        }
        s->is_busy = false;
        free(j);
}

/* Its time was over: this time is the first. */
static void gone(struct events *ev, struct event_job *j)
{
        struct said *s = event_table_find(&ev->table, j->key);

        assert(s);
        s->count = 1;
        s->is_series = false;
        s->made_ns = stamp(ev);
        j->is_repeat = false;
        j->attempts = 0;
        put_back(ev, j);
}

static void answered(void *ctx, struct kube_answer *answer)
{
        struct flight *f = ctx;
        struct events *ev = f->ev;
        struct event_job *j = steal(&f->job);

        f->call = NULL;
        if (answer->class == KUBE_OK || (answer->class == KUBE_EXISTS && !j->is_repeat)) {
                written(ev, j);
        } else if (answer->class == KUBE_MISSING && j->is_repeat && !answer->no_resource) {
                gone(ev, j);
        } else if (answer->class == KUBE_AWAY && ++j->attempts < ATTEMPTS_MAX) {
                put_back(ev, j);
                pause_sending(ev);
        } else {
                refused(ev, j, answer);
        }
        pump(ev);
}

/* --- for others */

struct events *events_new(const struct events_config *config)
{
        struct events *ev = xcalloc(1, sizeof(*ev));

        ev->api = config->api;
        ev->controller = xstrdup(config->controller);
        ev->instance = xstrdup(config->instance);
        ev->last = &ev->first;
        for (size_t i = 0; i < FLIGHTS_MAX; i++)
                ev->flights[i].ev = ev;
        loop_timer_init(&ev->pause, kube_api_loop(ev->api), pause_over, ev);
        return ev;
}

void events_free(struct events *ev)
{
        if (!ev)
                return;
        for (size_t i = 0; i < FLIGHTS_MAX; i++) {
                kube_cancel(ev->flights[i].call);
                free(ev->flights[i].job);
        }
        while (ev->first)
                free(dequeue(ev));
        loop_timer_end(&ev->pause);
        event_table_done(&ev->table);
        free(ev->controller);
        free(ev->instance);
        free(ev);
}

uint64_t events_dropped(const struct events *ev)
{
        return ev->dropped;
}

/* Whether a repeat is written now. */
static bool is_due(const struct said *s, int64_t now_ns)
{
        return !s->is_busy && (!s->is_series || now_ns - s->written_ns >= refresh_ns);
}

static bool has_room(struct events *ev, uint64_t object, int64_t now_ns)
{
        return ev->n_waiting < WAITING_MAX && event_table_spend(&ev->table, object, now_ns);
}

void events_say(struct events *ev, const struct event_about *about, bool warning,
                const char *reason, const char *action, const char *note)
{
        int64_t now_ns = clock_mono_ns();
        uint64_t object = event_object_digest(about);
        auto_free char *text = event_note(note ? note : "");
        uint64_t key = event_digest(object, warning, reason, action, text);
        struct said *s = event_table_find(&ev->table, key);

        if (s) {
                s->said_ns = now_ns;
                s->count += s->count < INT32_MAX;
                if (!is_due(s, now_ns) || !has_room(ev, object, now_ns))
                        return;
        } else if (!has_room(ev, object, now_ns)) {
                ev->dropped++;
                return;
        }
        struct event_job *j = event_job_new(about, warning, reason, action, text);
        j->key = key;
        j->is_repeat = s;
        if (!s)
                s = event_table_add(&ev->table, &(struct said){ .key = key,
                                                                .made_ns = stamp(ev),
                                                                .said_ns = now_ns,
                                                                .count = 1 });
        s->is_busy = true;
        enqueue(ev, j);
        pump(ev);
}
