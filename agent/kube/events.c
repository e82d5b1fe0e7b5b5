#include "kube/events.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "kube/digest.h"
#include "kube/event_table.h"
#include "kube/lease.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        WAITING_MAX = 1000,
        FLIGHTS_MAX = 4,
        ATTEMPTS_MAX = 12,
        NOTE_MAX = 1024,
        INSTANCE_MAX = 128,
        NAME_MAX_BYTES = 253,
        BODY_MAX = 16 * 1024,
        KEY_MAX = 64 * 1024,
};

static const int64_t refresh_ns = 1800 * NS_PER_S;
static const int64_t pause_ns = 10 * NS_PER_S; /* without API server */

/* What is to be written; of one Event at most one is there. */
struct job {
        struct job *next;
        uint64_t key;
        const char *api_version, *kind, *space, *name, *uid; /* of the object */
        const char *reason, *action, *note;
        bool warning;
        bool is_repeat;
        unsigned attempts;
        char texts[]; /* all of the above */
};

struct flight {
        struct events *ev;
        struct job *job; /* NULL: free */
        struct kube_call *call;
};

struct events {
        struct kube_api *api;
        char *controller, *instance;
        struct event_table table;
        struct job *first, **last; /* waiting */
        size_t n_waiting;
        struct flight flights[FLIGHTS_MAX];
        struct loop_timer pause;
        bool is_paused;
        bool is_refused; /* and it was said */
        int64_t last_made_ns;
        uint64_t dropped;
};

/* --- what is to be said */

static const char *or_empty(const char *s)
{
        return s ? s : "";
}

static uint64_t object_digest(const struct event_about *about)
{
        const char *parts[] = { about->api_version, about->kind, about->space, about->name,
                                about->uid };
        auto_of(buf) struct buf b = BUF(KEY_MAX);

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                buf_add(&b, or_empty(parts[i]), strlen(or_empty(parts[i])) + 1);
        return digest_bytes(buf_text(&b), b.len);
}

static uint64_t event_digest(uint64_t object, bool warning, const char *reason, const char *action,
                             const char *note)
{
        auto_of(buf) struct buf b = BUF(KEY_MAX);

        buf_add(&b, &object, sizeof(object));
        buf_addc(&b, warning ? 'W' : 'N');
        buf_add(&b, reason, strlen(reason) + 1);
        buf_add(&b, action, strlen(action) + 1);
        buf_adds(&b, note);
        return digest_bytes(buf_text(&b), b.len);
}

/* At most NOTE_MAX bytes, whole characters; what is none becomes one byte. */
static char *note_cut(const char *note)
{
        const unsigned char *p = (const unsigned char *)note;
        size_t left = strlen(note);
        struct buf b = BUF(NOTE_MAX);

        while (left > 0) {
                size_t n = utf8_length(p, left);

                if (b.len + (n ? n : 1) > NOTE_MAX)
                        break;
                buf_add(&b, n ? (const char *)p : "?", n ? n : 1);
                p += n ? n : 1;
                left -= n ? n : 1;
        }
        return buf_take(&b, NULL);
}

static const char *put_text(char **at, const char *s)
{
        size_t n = strlen(or_empty(s)) + 1;
        const char *ret = memcpy(*at, or_empty(s), n);

        *at += n;
        return ret;
}

static struct job *job_new(const struct event_about *about, bool warning, const char *reason,
                           const char *action, const char *note)
{
        const char *texts[] = { about->api_version, about->kind, about->space, about->name,
                                about->uid,         reason,      action,       note };
        size_t size = sizeof(struct job);

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                size += strlen(or_empty(texts[i])) + 1;
        struct job *j = xcalloc(1, size);
        char *at = j->texts;
        j->api_version = put_text(&at, about->api_version);
        j->kind = put_text(&at, about->kind);
        j->space = put_text(&at, about->space);
        j->name = put_text(&at, about->name);
        j->uid = put_text(&at, about->uid);
        j->reason = put_text(&at, reason);
        j->action = put_text(&at, action);
        j->note = put_text(&at, note);
        j->warning = warning;
        return j;
}

static void enqueue(struct events *ev, struct job *j)
{
        j->next = NULL;
        *ev->last = j;
        ev->last = &j->next;
        ev->n_waiting++;
}

static void put_back(struct events *ev, struct job *j)
{
        j->next = ev->first;
        if (!ev->first)
                ev->last = &j->next;
        ev->first = j;
        ev->n_waiting++;
}

static struct job *dequeue(struct events *ev)
{
        struct job *j = ev->first;

        ev->first = j->next;
        if (!ev->first)
                ev->last = &ev->first;
        ev->n_waiting--;
        return j;
}

/* --- bodies */

static void add_text(struct buf *out, const char *before, const char *s)
{
        buf_adds(out, before);
        buf_add_json(out, s, strlen(s));
}

static void event_name(const struct job *j, int64_t made_ns, char ret[NAME_MAX_BYTES + 1])
{
        size_t n = strnlen(j->name, NAME_MAX_BYTES - sizeof("0123456789abcdef"));

        while (n > 0 && (j->name[n - 1] == '.' || j->name[n - 1] == '-'))
                n--;
        (void)snprintf(ret, NAME_MAX_BYTES + 1, "%.*s.%" PRIx64, (int)n, j->name,
                       (uint64_t)made_ns);
}

static const char *event_space(const struct job *j)
{
        return j->space[0] != '\0' ? j->space : "default";
}

static void add_event(const struct events *ev, const struct job *j, const struct said *s,
                      struct buf *out)
{
        char name[NAME_MAX_BYTES + 1];
        char time[MICRO_TIME_SIZE];

        event_name(j, s->made_ns, name);
        micro_time(s->made_ns, time);
        add_text(out,
                 "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":",
                 name);
        add_text(out, ",\"namespace\":", event_space(j));
        add_text(out, "},\"eventTime\":", time);
        add_text(out, ",\"type\":", j->warning ? "Warning" : "Normal");
        add_text(out, ",\"reason\":", j->reason);
        add_text(out, ",\"action\":", j->action);
        add_text(out, ",\"note\":", j->note);
        add_text(out, ",\"reportingController\":", ev->controller);
        add_text(out, ",\"reportingInstance\":", ev->instance);
        add_text(out, ",\"regarding\":{\"apiVersion\":", j->api_version);
        add_text(out, ",\"kind\":", j->kind);
        if (j->space[0] != '\0')
                add_text(out, ",\"namespace\":", j->space);
        add_text(out, ",\"name\":", j->name);
        add_text(out, ",\"uid\":", j->uid);
        buf_adds(out, "}}");
}

static void add_series(const struct said *s, struct buf *out)
{
        char time[MICRO_TIME_SIZE];

        micro_time(clock_wall_ns() - (clock_mono_ns() - s->said_ns), time);
        buf_addf(out, "{\"series\":{\"count\":%" PRIu32 ",\"lastObservedTime\":\"%s\"}}", s->count,
                 time);
}

/* --- requests */

static void answered(void *ctx, struct kube_answer *answer);

static void send(struct flight *f, struct job *j)
{
        struct events *ev = f->ev;
        const struct said *s = event_table_find(&ev->table, j->key);
        auto_of(buf) struct buf body = BUF(BODY_MAX);
        char name[NAME_MAX_BYTES + 1];

        assert(s); /* busy ones stay */
        event_name(j, s->made_ns, name);
        if (j->is_repeat)
                add_series(s, &body);
        else
                add_event(ev, j, s, &body);
        auto_free char *path =
                kube_path(&kube_events, event_space(j), j->is_repeat ? name : NULL, NULL);
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

static void refused(struct events *ev, struct job *j, const struct kube_answer *answer)
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
static void written(struct events *ev, struct job *j)
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
static void gone(struct events *ev, struct job *j)
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
        struct job *j = steal(&f->job);

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
        ev->instance = xasprintf("%.*s", INSTANCE_MAX, config->instance);
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
        uint64_t object = object_digest(about);
        auto_free char *text = note_cut(or_empty(note));
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
        struct job *j = job_new(about, warning, reason, action, text);
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
