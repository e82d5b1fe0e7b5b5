#include "kube/report_times.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct span {
        const char *at;
        const char *end;
};

static size_t length(struct span s)
{
        return (size_t)(s.end - s.at);
}

static bool begins(const char *at, const char *end, const char *with, size_t n)
{
        return (size_t)(end - at) >= n && memcmp(at, with, n) == 0;
}

/* The next time in whole, looked for from *from on, which moves behind it; its quotes are not part
 * of it.  A quote within a text is escaped, so no key begins there. */
static bool next_time(struct span whole, const char **from, struct span *ret)
{
        static const char key[] = "\"update", updated[] = "dAt\":\"", update[] = "At\":\"";
        const char *end = whole.end;
        const char *p = *from;

        while ((p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1))) {
                bool is_key = p > whole.at && (p[-1] == ',' || p[-1] == '{');

                p += sizeof(key) - 1;
                if (begins(p, end, updated, sizeof(updated) - 1))
                        p += sizeof(updated) - 1;
                else if (begins(p, end, update, sizeof(update) - 1))
                        p += sizeof(update) - 1;
                else
                        continue;
                const char *quote = is_key ? memchr(p, '"', (size_t)(end - p)) : NULL;
                if (quote) {
                        *ret = (struct span){ .at = p, .end = quote };
                        *from = quote;
                        return true;
                }
        }
        return false;
}

/* --- digests: each step is one to one in both of its arguments, so no single word goes unseen */

static uint64_t turned(uint64_t v, unsigned bits)
{
        return v << bits | v >> (64 - bits);
}

static uint64_t mixed(uint64_t h, uint64_t word)
{
        word = turned(word * UINT64_C(0x9fb21c651e98df25), 29) * UINT64_C(0xd6e8feb86659fd93);
        return turned(h ^ word, 27) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static uint64_t with_span(uint64_t h, struct span s)
{
        uint64_t word = 0;
        const char *p = s.at;

        for (; s.end - p >= (ptrdiff_t)sizeof(word); p += sizeof(word)) {
                memcpy(&word, p, sizeof(word));
                h = mixed(h, word);
        }
        word = 0;
        memcpy(&word, p, (size_t)(s.end - p));
        return mixed(mixed(h, word), length(s));
}

static uint64_t span_digest(struct span s)
{
        const char *from = s.at;
        const char *done = s.at;
        struct span time = { 0 };
        uint64_t h = 0;

        while (next_time(s, &from, &time)) {
                h = with_span(h, (struct span){ .at = done, .end = time.at });
                done = time.end;
        }
        h = with_span(h, (struct span){ .at = done, .end = s.end });
        return h ^ h >> 32;
}

uint64_t report_digest(const char *json, size_t len)
{
        static const char list[] = "{\"properties\":[";
        struct span doc = { .at = json, .end = json + len };

        /* Elsewhere a point may have the name of a time. */
        return begins(doc.at, doc.end, list, sizeof(list) - 1) ? span_digest(doc)
                                                               : with_span(0, doc);
}

/* --- the entries of a document
 *
 * No tree: the documents are our own, large ones come every second, and all but the times stays as
 * it is, byte for byte. */

static const char *skip_space(const char *p, const char *end)
{
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        return p;
}

/* Behind the text whose opening quote is at p; end, when it does not end. */
static const char *skip_text(const char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++) {
                if (*p == '\\' && end - p > 1)
                        p++;
        }
        return p < end ? p + 1 : end;
}

/* The comma or bracket that ends what begins at p; end, when there is none. */
static const char *item_end(const char *p, const char *end)
{
        size_t depth = 0;

        while (p < end) {
                bool opens = *p == '{' || *p == '[';
                bool closes = *p == '}' || *p == ']';

                if (depth == 0 && (closes || *p == ','))
                        return p;
                depth += opens;
                depth -= closes;
                p = *p == '"' ? skip_text(p, end) : p + 1;
        }
        return end;
}

/* What is between the brackets that open at p. */
static struct span inside(const char *p, const char *end)
{
        struct span s = { .at = p + 1, .end = p + 1 };

        while ((s.end = item_end(s.end, end)) < end && *s.end == ',')
                s.end++;
        return s;
}

/* Takes the next entry off the rest. */
static bool next_entry(struct span *rest, struct span *ret)
{
        if (rest->at >= rest->end)
                return false;
        *ret = (struct span){ .at = rest->at, .end = item_end(rest->at, rest->end) };
        rest->at = ret->end < rest->end ? ret->end + 1 : ret->end;
        return true;
}

/* The value of that member where it is a list or map; else at is NULL. */
static struct span container(struct span member, const char *key, size_t key_len)
{
        const char *p = skip_space(member.at, member.end);

        if (!begins(p, member.end, key, key_len))
                return (struct span){ 0 };
        p = skip_space(p + key_len, member.end);
        if (p == member.end || *p != ':')
                return (struct span){ 0 };
        p = skip_space(p + 1, member.end);
        if (p == member.end || (*p != '[' && *p != '{'))
                return (struct span){ 0 };
        return inside(p, member.end);
}

/* The entries of .properties, or all members where there is no such list or map. */
static struct span entries(struct span doc)
{
        static const char key[] = "\"properties\"";
        const char *p = skip_space(doc.at, doc.end);
        struct span member = { 0 };

        if (p == doc.end || *p != '{')
                return (struct span){ .at = doc.end, .end = doc.end };

        struct span members = inside(p, doc.end);
        struct span rest = members;
        while (next_entry(&rest, &member)) {
                struct span found = container(member, key, sizeof(key) - 1);

                if (found.at)
                        return found;
        }
        return members;
}

/* --- what was written */

struct note {
        uint64_t digest;
        int64_t time_s;
};

#define NO_TIME INT64_MIN

struct notes {
        struct note *list;
        size_t n;
};

struct report_times {
        struct notes held; /* by the server */
        struct notes sent;
};

struct report_times *report_times_new(void)
{
        return xcalloc(1, sizeof(struct report_times));
}

void report_times_free(struct report_times *t)
{
        if (!t)
                return;
        free(t->held.list);
        free(t->sent.list);
        free(t);
}

void report_times_written(struct report_times *t)
{
        free(t->held.list);
        t->held = t->sent;
        t->sent = (struct notes){ 0 };
}

/* --- rendering */

static int64_t seconds(int64_t ns)
{
        return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

static bool still_good(const struct note *old, uint64_t digest, int64_t now_ns, int64_t refresh_ns)
{
        int64_t age_s = 0;

        if (old->digest != digest || old->time_s == NO_TIME)
                return false;
        age_s = seconds(now_ns) - old->time_s;
        return refresh_ns == 0 || (age_s >= 0 && age_s < (refresh_ns + NS_PER_S - 1) / NS_PER_S);
}

static int64_t time_read(struct span s)
{
        int64_t ns = 0;

        return text_parse_time(s.at, length(s), &ns, NULL) < 0 ? NO_TIME : seconds(ns);
}

static size_t count(struct span items)
{
        struct span entry = { 0 };
        size_t n = 0;

        while (next_entry(&items, &entry))
                n++;
        return n;
}

struct rendering {
        struct report_times *times;
        struct buf *out;
        int64_t now_ns, refresh_ns;
        size_t max; /* of out->len before the tail of the document */
        bool timed; /* entries have times */
};

/* The time that entry number i was written with, where it is still good; else that of the entry. */
static bool keeps_time(struct rendering *r, size_t i, struct note *note)
{
        const struct notes *held = &r->times->held;

        if (i >= held->n || !still_good(&held->list[i], note->digest, r->now_ns, r->refresh_ns))
                return false;
        note->time_s = held->list[i].time_s;
        return true;
}

/* Entry number i; false: it does not fit. */
static bool add_entry(struct rendering *r, struct span s, size_t i)
{
        struct note note = { .digest = r->timed ? span_digest(s) : 0, .time_s = NO_TIME };
        struct span time = { .at = s.end, .end = s.end };
        const char *from = s.at;
        char old[TEXT_TIME_MAX] = "";

        if (r->timed && next_time(s, &from, &time)) {
                note.time_s = time_read(time);
                if (keeps_time(r, i, &note))
                        (void)text_time(note.time_s * NS_PER_S, old);
                else
                        time.at = time.end;
        }
        if (r->out->len + (i > 0) + length(s) - length(time) + strlen(old) > r->max)
                return false;
        if (i > 0)
                buf_addc(r->out, ',');
        buf_add(r->out, s.at, (size_t)(time.at - s.at));
        buf_adds(r->out, old);
        buf_add(r->out, time.end, (size_t)(s.end - time.end));
        if (r->timed)
                r->times->sent.list[r->times->sent.n++] = note;
        return true;
}

void report_times_render(struct report_times *t, const char *json, size_t len, int64_t now_ns,
                         int64_t refresh_ns, size_t size_max, struct buf *out, size_t *ret_cut)
{
        struct span doc = { .at = json, .end = json + len };
        struct span rest = entries(doc);
        struct span tail = { .at = rest.end, .end = doc.end };
        struct span entry = { 0 };
        struct rendering r = {
                .times = t,
                .out = out,
                .now_ns = now_ns,
                .refresh_ns = refresh_ns,
                .timed = rest.at > doc.at && rest.at[-1] == '[',
        };
        size_t n = count(rest);
        size_t i = 0;

        free(t->sent.list);
        t->sent = (struct notes){ 0 };
        *ret_cut = n;
        if (len - length(rest) > size_max) {
                buf_adds(out, "{}");
                return;
        }
        if (r.timed && n > 0)
                t->sent.list = xcalloc(n, sizeof(*t->sent.list));
        r.max = out->len + size_max - length(tail);
        buf_add(out, doc.at, (size_t)(rest.at - doc.at));
        while (next_entry(&rest, &entry) && add_entry(&r, entry, i))
                i++;
        buf_add(out, tail.at, length(tail));
        *ret_cut = n - i;
}
