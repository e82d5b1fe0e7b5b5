/* Any bytes as the stream of a watch, and as a page of a list: the lines do not depend on how the
 * reads cut them, and what is found in them lies within them.  The first byte is the size of a
 * read. */
/* libs: dl_kube */
#include "fuzz.h"
#include "kube/api_answer.h"
#include "kube/lines.h"
#include "kube/reflector_event.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, INPUT_MAX = 1 << 16 };

static void check(bool holds)
{
        if (!holds)
                abort();
}

struct seen {
        uint64_t digest;
        size_t n;
};

static void check_span(struct json_span s, const char *text, size_t n)
{
        check(s.n == 0 || (s.at >= text && s.at + s.n <= text + n));
}

static void check_bookmark(struct json_span object, struct arena *a)
{
        const char *version = NULL;
        bool end = false;
        struct err e = { 0 };

        if (event_bookmark(object, a, &version, &end, &e) == 0)
                check(version[0] != '\0');
        else
                check(e.text[0] != '\0');
}

static void check_object(struct json_span object, struct arena *a)
{
        const struct tree *t = NULL;
        struct object_meta m;
        struct kube_answer r;
        struct err e = { 0 };

        if (event_identity(object, a, &m, &e) == 0)
                check(m.name[0] != '\0' && m.version[0] != '\0' && m.space && m.uid);
        if (event_object(object, a, &t, &e) < 0) {
                check(e.rc == DL_CONFIG && e.text[0] != '\0');
                return;
        }
        check(t->type == TREE_MAP);
        object_meta_read(t, a, &m);
        (void)object_meta_key(&m, a);
        answer_of_status(t, a, &r);
        check(r.class != KUBE_OK && r.message && strlen(r.message) <= ANSWER_MESSAGE_MAX);
}

static void check_secret(struct json_span object, struct arena *a)
{
        const struct tree *t = NULL;
        struct err e = { 0 };

        if (event_secret(object, a, &t, &e) < 0) {
                check(e.rc == DL_CONFIG && e.text[0] != '\0');
                return;
        }
        check(tree_text(tree_find(t, "metadata.name")));
        TREE_FOREACH (item, tree_get(t, "data"))
                check(item->key && item->type == TREE_TEXT && item->as.text[item->n] == '\0');
}

static bool on_line(void *ctx, const char *text, size_t n)
{
        struct seen *s = ctx;
        auto_of(arena) struct arena *a = arena_new();
        struct event ev;

        check(n > 0 && n <= LINE_MAX_BYTES && !memchr(text, '\n', n));
        for (size_t i = 0; i < n; i++)
                s->digest = (s->digest ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
        s->n++;
        if (event_read(text, n, &ev, NULL) < 0)
                return true;
        check_span(ev.object, text, n);
        check_bookmark(ev.object, a);
        check_object(ev.object, a);
        check_secret(ev.object, a);
        return true;
}

static void feed(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
        struct lines l;

        lines_init(&l, LINE_MAX_BYTES, on_line, s);
        for (size_t at = 0; at < size; at += step) {
                size_t n = size - at < step ? size - at : step;

                if (lines_feed(&l, (const char *)data + at, n) < 0)
                        break;
        }
        lines_done(&l);
}

static void check_page(const char *text, size_t n)
{
        auto_of(arena) struct arena *a = arena_new();
        struct list_page page;
        struct json_span item;
        size_t cursor = 0;

        if (list_page_read(text, n, a, &page, NULL) < 0)
                return;
        check(page.version[0] != '\0' && page.more);
        check_span(page.items, text, n);
        while (json_span_next(page.items, &cursor, &item)) {
                check_span(item, text, n);
                check(item.n > 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct seen whole = { 0 }, cut = { 0 };

        if (size < 2 || size > INPUT_MAX)
                return 0;
        feed(data + 1, size - 1, size - 1, &whole);
        feed(data + 1, size - 1, (size_t)data[0] + 1, &cut);
        check(whole.n == cut.n && whole.digest == cut.digest);
        check_page((const char *)data + 1, size - 1);
        return 0;
}
