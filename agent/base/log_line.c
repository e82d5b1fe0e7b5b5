#include "log_line.h"

#include "clock.h"
#include "text.h"
#include "utf8.h"

#include <string.h>

static const char dots[] = "...";

struct writer {
        struct buf *out;
        bool json;
        size_t most; /* bytes taken of each text */
        bool cut;    /* one was longer */
};

static const char *level_name(enum log_level level, bool json)
{
        if (level <= LOG_ERROR)
                return json ? "error" : "ERROR";
        if (level <= LOG_WARNING)
                return json ? "warning" : "WARNING";
        if (level <= LOG_INFO)
                return json ? "info" : "INFO";
        return json ? "debug" : "DEBUG";
}

static void add_time(struct buf *out, int64_t wall_ns)
{
        char text[TEXT_TIME_MAX];
        size_t n = text_time(wall_ns, text);
        int64_t ns = (wall_ns % NS_PER_S + NS_PER_S) % NS_PER_S;

        buf_add(out, text, n - 1); /* without its Z */
        buf_addf(out, ".%03dZ", (int)(ns / NS_PER_MS));
}

/* A control, also one of U+0080..U+009F, of which terminals take orders. */
static bool is_control(const unsigned char *p, size_t len)
{
        return p[0] < 0x20 || p[0] == 0x7f || (len == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

/* Nothing in s can end the line or move the cursor. */
static void add_plain(struct buf *out, const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;

        for (size_t i = 0; i < n;) {
                size_t len = utf8_length(p + i, n - i);
                if (len == 0) {
                        buf_adds(out, "\xef\xbf\xbd");
                        i++;
                        continue;
                }
                if (p[i] == '\n')
                        buf_adds(out, "\\n");
                else if (p[i] == '\t')
                        buf_adds(out, "\\t");
                else if (is_control(p + i, len))
                        buf_addf(out, "\\u%04x", len == 1 ? p[i] : p[i + 1]);
                else
                        buf_add(out, p + i, len);
                i += len;
        }
}

static bool needs_quotes(const char *s, size_t n)
{
        if (n == 0)
                return true;
        for (size_t i = 0; i < n; i++) {
                if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("\"\\=", s[i]))
                        return true;
        }
        return false;
}

/* Quotes and backslashes within quotes; the rest as add_plain(). */
static void add_quoted(struct buf *out, const char *s, size_t n)
{
        buf_addc(out, '"');
        for (size_t i = 0; i < n;) {
                size_t run = 0;
                while (i + run < n && s[i + run] != '"' && s[i + run] != '\\')
                        run++;
                add_plain(out, s + i, run);
                i += run;
                if (i < n) {
                        buf_addc(out, '\\');
                        buf_addc(out, s[i++]);
                }
        }
        buf_addc(out, '"');
}

static void add_text(struct writer *w, const char *s, bool bare)
{
        size_t n = strlen(s);
        struct buf shorter = BUF(w->most + sizeof(dots));

        if (n > w->most) {
                w->cut = true;
                n = w->most;
                while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
                        n--; /* not within a character */
                buf_add(&shorter, s, n);
                buf_adds(&shorter, dots);
                s = buf_text(&shorter);
                n = shorter.len;
        }
        if (w->json)
                buf_add_json(w->out, s, n);
        else if (bare || !needs_quotes(s, n))
                add_plain(w->out, s, n);
        else
                add_quoted(w->out, s, n);
        buf_done(&shorter);
}

static void add_key(struct writer *w, const char *key)
{
        buf_adds(w->out, w->json ? ",\"" : " ");
        buf_adds(w->out, key);
        buf_adds(w->out, w->json ? "\":" : "=");
}

static void add_ns(struct writer *w, int64_t ns)
{
        char text[TEXT_REAL_MAX];

        if (w->json)
                (void)text_real((double)ns / 1e9, false, text);
        else
                (void)text_duration(ns, text);
        buf_adds(w->out, text);
}

static void add_field(struct writer *w, const struct log_field *f)
{
        if (f->key[0] == '\0' || (f->kind == LOG_KIND_STR && !f->s))
                return;
        add_key(w, f->key);
        switch (f->kind) {
        case LOG_KIND_STR:
                add_text(w, f->s, false);
                break;
        case LOG_KIND_INT:
                buf_addf(w->out, "%lld", (long long)f->i);
                break;
        case LOG_KIND_NS:
                add_ns(w, f->i);
                break;
        case LOG_KIND_BOOL:
                buf_adds(w->out, f->i ? "true" : "false");
                break;
        }
}

static void add_count(struct writer *w, const char *key, uint64_t n)
{
        if (n == 0)
                return;
        add_key(w, key);
        buf_addf(w->out, "%llu", (unsigned long long)n);
}

static void format_line(struct writer *w, const struct log_line *line, size_t n_fields)
{
        const char *level = level_name(line->level, w->json);

        if (w->json) {
                buf_adds(w->out, "{\"time\":\"");
                add_time(w->out, line->wall_ns);
                buf_addf(w->out, "\",\"level\":\"%s\",\"id\":", level);
                add_text(w, line->id, true);
                buf_adds(w->out, ",\"message\":");
                add_text(w, line->message, true);
        } else {
                add_time(w->out, line->wall_ns);
                buf_addf(w->out, " %s ", level);
                add_text(w, line->id, true);
                buf_addc(w->out, ' ');
                add_text(w, line->message, true);
        }
        for (size_t i = 0; i < n_fields; i++)
                add_field(w, &line->fields[i]);
        add_count(w, "repeated", line->repeated);
        add_count(w, "lost", line->lost);
        if (w->cut || n_fields < line->n) {
                add_key(w, "cut");
                buf_adds(w->out, "true");
        }
        buf_adds(w->out, w->json ? "}\n" : "\n");
}

void log_line_format(const struct log_line *line, enum log_format format, struct buf *out)
{
        /* Texts grow at most sixfold; without fields, two of 256 bytes always fit. */
        static const size_t most[] = { LOG_LINE_MAX, 512, 128, 32, 256 };
        const size_t tries = sizeof(most) / sizeof(most[0]);

        for (size_t i = 0; i < tries; i++) {
                struct buf text = BUF(LOG_LINE_MAX);
                struct writer w = {
                        .out = &text,
                        .json = format == LOG_FORMAT_JSON,
                        .most = most[i],
                };
                format_line(&w, line, i + 1 < tries ? line->n : 0);
                bool fits = buf_ok(&text);
                if (fits)
                        buf_add(out, text.data, text.len);
                buf_done(&text);
                if (fits)
                        return;
        }
}
