#include "kube/event_job.h"

#include "base/utf8.h"
#include "kube/digest.h"
#include "kube/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
        NOTE_MAX = 1024,
        INSTANCE_MAX = 128,
        NAME_MAX_BYTES = 253,
        KEY_MAX = 64 * 1024,
};

static const char *or_empty(const char *s)
{
        return s ? s : "";
}

uint64_t event_object_digest(const struct event_about *about)
{
        const char *parts[] = { about->api_version, about->kind, about->space, about->name,
                                about->uid };
        auto_of(buf) struct buf b = BUF(KEY_MAX);

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                buf_add(&b, or_empty(parts[i]), strlen(or_empty(parts[i])) + 1);
        return digest_bytes(buf_text(&b), b.len);
}

uint64_t event_digest(uint64_t object, bool warning, const char *reason, const char *action,
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

char *event_note(const char *note)
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

struct event_job *event_job_new(const struct event_about *about, bool warning, const char *reason,
                                const char *action, const char *note)
{
        const char *texts[] = { about->api_version, about->kind, about->space, about->name,
                                about->uid,         reason,      action,       note };
        size_t size = sizeof(struct event_job);

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                size += strlen(or_empty(texts[i])) + 1;
        struct event_job *j = xcalloc(1, size);
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

/* --- where it goes, and its bodies */

static void add_text(struct buf *out, const char *before, const char *s)
{
        buf_adds(out, before);
        buf_add_json(out, s, strlen(s));
}

static void event_name(const struct event_job *j, int64_t made_ns, char ret[NAME_MAX_BYTES + 1])
{
        size_t n = strnlen(j->name, NAME_MAX_BYTES - sizeof("0123456789abcdef"));

        while (n > 0 && (j->name[n - 1] == '.' || j->name[n - 1] == '-'))
                n--;
        (void)snprintf(ret, NAME_MAX_BYTES + 1, "%.*s.%" PRIx64, (int)n, j->name,
                       (uint64_t)made_ns);
}

static const char *event_space(const struct event_job *j)
{
        return j->space[0] != '\0' ? j->space : "default";
}

char *event_path(const struct event_job *j, int64_t made_ns)
{
        char name[NAME_MAX_BYTES + 1];

        event_name(j, made_ns, name);
        return kube_path(&kube_events, event_space(j), j->is_repeat ? name : NULL, NULL);
}

void event_body(const struct event_job *j, const char *controller, const char *instance,
                int64_t made_ns, struct buf *out)
{
        char name[NAME_MAX_BYTES + 1];
        char time[MICRO_TIME_SIZE];

        event_name(j, made_ns, name);
        micro_time(made_ns, time);
        add_text(out,
                 "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":",
                 name);
        add_text(out, ",\"namespace\":", event_space(j));
        add_text(out, "},\"eventTime\":", time);
        add_text(out, ",\"type\":", j->warning ? "Warning" : "Normal");
        add_text(out, ",\"reason\":", j->reason);
        add_text(out, ",\"action\":", j->action);
        add_text(out, ",\"note\":", j->note);
        add_text(out, ",\"reportingController\":", controller);
        buf_adds(out, ",\"reportingInstance\":");
        buf_add_json(out, instance, strnlen(instance, INSTANCE_MAX));
        add_text(out, ",\"regarding\":{\"apiVersion\":", j->api_version);
        add_text(out, ",\"kind\":", j->kind);
        if (j->space[0] != '\0')
                add_text(out, ",\"namespace\":", j->space);
        add_text(out, ",\"name\":", j->name);
        add_text(out, ",\"uid\":", j->uid);
        buf_adds(out, "}}");
}

void event_series_body(uint32_t count, int64_t last_ns, struct buf *out)
{
        char time[MICRO_TIME_SIZE];

        micro_time(last_ns, time);
        buf_addf(out, "{\"series\":{\"count\":%" PRIu32 ",\"lastObservedTime\":\"%s\"}}", count,
                 time);
}
