/* topic.c - rendering topic templates. */
#include "publish/topic.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

struct cleaning {
        char *s;
        size_t n;
        size_t start; /* 1 when rooted: the slash stays */
        size_t floor; /* ".." does not climb below this */
};

static void clean_add(struct cleaning *c, const char *segment, size_t n)
{
        if (c->n > c->start)
                c->s[c->n++] = '/';
        memmove(c->s + c->n, segment, n);
        c->n += n;
}

static void clean_up(struct cleaning *c)
{
        if (c->n > c->floor) {
                do
                        c->n--;
                while (c->n > c->floor && c->s[c->n] != '/');
        } else if (c->start == 0) {
                clean_add(c, "..", 2);
                c->floor = c->n;
        }
}

/* In place: what is written is never ahead of what is read.  s has room for one byte more than its
 * text. Returns the length. */
static size_t clean(char *s)
{
        struct cleaning c = { .s = s };

        c.n = c.start = c.floor = s[0] == '/';
        for (size_t i = 0; s[i];) {
                size_t n = strcspn(s + i, "/");

                if (n == 2 && s[i] == '.' && s[i + 1] == '.')
                        clean_up(&c);
                else if (n > 1 || (n == 1 && s[i] != '.'))
                        clean_add(&c, s + i, n);
                i += n + (s[i + n] == '/');
        }
        if (c.n == 0)
                s[c.n++] = '.';
        return c.n;
}

static bool is(const char *segment, size_t n, const char *keyword)
{
        return strlen(keyword) == n && memcmp(segment, keyword, n) == 0;
}

static const char *substitute(const char *segment, size_t n, const struct topic_names *names)
{
        if (is(segment, n, ":namespace"))
                return names->space;
        if (is(segment, n, ":name"))
                return names->name;
        if (is(segment, n, ":uid"))
                return names->uid;
        if (is(segment, n, ":path"))
                return names->path;
        if (is(segment, n, ":operator") && names->operation &&
            strcmp(names->operation, "null") != 0)
                return names->operation;
        return NULL;
}

/* Before cleaning; a short template can name a long path many times. */
enum { JOINED_MAX_BYTES = 16 * TOPIC_MAX_BYTES };

static void join(struct buf *b, const char *s, size_t n)
{
        if (n == 0)
                return;
        if (b->len)
                buf_addc(b, '/');
        buf_add(b, s, n);
}

static void clean_into(struct buf *joined, struct buf *out)
{
        if (joined->len == 0)
                return;
        buf_addc(joined, '\0'); /* the byte of room that clean() wants */
        if (buf_ok(joined))
                buf_add(out, joined->data, clean(joined->data));
        else
                out->failed = true;
}

void topic_render(const char *template, const struct topic_names *names, struct buf *out)
{
        auto_of(buf) struct buf joined = BUF(JOINED_MAX_BYTES);

        for (const char *s = template; *s;) {
                size_t n = strcspn(s, "/");

                if (*s != ':') {
                        join(&joined, s, n);
                } else {
                        const char *text = substitute(s, n, names);

                        if (text)
                                join(&joined, text, strlen(text));
                }
                s += n;
                s += *s == '/';
        }
        clean_into(&joined, out);
}

void topic_will_default(const char *template, struct buf *out)
{
        auto_of(buf) struct buf joined = BUF(JOINED_MAX_BYTES);

        join(&joined, template, strlen(template));
        join(&joined, "$will", strlen("$will"));
        clean_into(&joined, out);
}

int topic_check(const struct buf *topic, struct err *e)
{
        const char *text = buf_text(topic);

        if (!buf_ok(topic) || topic->len > TOPIC_MAX_BYTES)
                return err_set(e, DL_CONFIG, "the topic has more than %d bytes when rendered",
                               TOPIC_MAX_BYTES);
        if (topic->len == 0)
                return err_set(e, DL_CONFIG, "the topic is empty when rendered");
        if (!text_is_utf8(text, topic->len))
                return err_set(e, DL_CONFIG, "the topic is not UTF-8 when rendered");
        if (strpbrk(text, "+#"))
                return err_set(e, DL_CONFIG,
                               "'%.200s' cannot be published to: '+' and '#' are wildcards", text);
        return 0;
}
