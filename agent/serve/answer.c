/* answer.c - from a request to its answer: which page, how it is sent, and pages that go on. */
#include "serve/impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PIECE = 64 * 1024, QUERY_MAX = 1024 };

static const char text_type[] = "text/plain; charset=utf-8";
static const char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";
static const char json_type[] = "application/json";

/* --- pages */

static struct page *page_new(void)
{
        struct page *p = xcalloc(1, sizeof(*p));
        static const unsigned char room[LWS_PRE];

        p->refs = 1;
        p->body = BUF(LWS_PRE + ANSWER_MAX);
        buf_add(&p->body, room, LWS_PRE);
        return p;
}

/* Its size is known from here on. */
static struct page *page_done(struct serve *s, struct page *p)
{
        s->held += p->body.len;
        return p;
}

void page_unref(struct serve *s, struct page *p)
{
        if (!p || --p->refs > 0)
                return;
        s->held -= p->body.len;
        buf_done(&p->body);
        free(p);
}

static size_t page_len(const struct page *p)
{
        return p->body.len - LWS_PRE;
}

/* --- heads */

enum { LENGTH_CHUNKED = -1 };

struct head {
        unsigned status;
        const char *type;
        long length; /* or LENGTH_CHUNKED */
        bool close;
};

static int add(struct lws *wsi, enum lws_token_indexes token, const char *value, unsigned char **at,
               unsigned char *end)
{
        return lws_add_http_header_by_token(wsi, token, (const unsigned char *)value,
                                            (int)strlen(value), at, end);
}

static int send_head(struct conn *c, const struct head *h)
{
        unsigned char room[LWS_PRE + 512];
        unsigned char *start = room + LWS_PRE, *at = start, *end = room + sizeof(room);
        struct lws *wsi = c->wsi;
        int bad = lws_add_http_header_status(wsi, h->status, &at, end);

        bad |= add(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, h->type, &at, end);
        if (h->length == LENGTH_CHUNKED)
                bad |= add(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, "chunked", &at, end);
        else
                bad |= lws_add_http_header_content_length(wsi, (lws_filepos_t)h->length, &at, end);
        if (h->close)
                bad |= add(wsi, WSI_TOKEN_CONNECTION, "close", &at, end);
        return bad || lws_finalize_write_http_header(wsi, start, &at, end) ? -1 : 0;
}

/* --- the whole answer at once, or in pieces */

static void answer_from_now(struct conn *c)
{
        c->state = CONN_ANSWERING;
        c->deadline_ns = loop_now(c->place->serve->config.loop) + READ_NS;
        lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
}

static int transaction_ended(struct conn *c)
{
        page_unref(c->place->serve, c->page);
        c->page = NULL;
        conn_unmind(c);
        if (c->state == CONN_CLOSING || c->last)
                return -1;
        c->state = CONN_ASKING;
        c->deadline_ns = loop_now(c->place->serve->config.loop) + ASK_NS;
        return lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

/* A refusal: after it the connection ends, since there may be more that was not understood. */
static int refuse(struct conn *c, unsigned status, const char *text)
{
        unsigned char room[LWS_PRE + 256];
        int n = snprintf((char *)room + LWS_PRE, sizeof(room) - LWS_PRE, "%s\n", text);
        const struct head h = { .status = status, .type = text_type, .length = n, .close = true };

        if (send_head(c, &h) == 0)
                (void)lws_write(c->wsi, room + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_FINAL);
        return -1;
}

static bool is_head(struct conn *c)
{
        return lws_hdr_total_length(c->wsi, WSI_TOKEN_HEAD_URI) > 0;
}

static int answer(struct conn *c, unsigned status, const char *type, struct page *p)
{
        struct serve *s = c->place->serve;

        if (!buf_ok(&p->body) || s->held > HELD_MAX) {
                bool too_large = !buf_ok(&p->body);

                page_unref(s, p);
                return refuse(c, too_large ? 500 : 503,
                              too_large ? "the answer passes 32 MiB"
                                        : "too many answers have not been read yet");
        }
        const struct head h = { .status = status, .type = type, .length = (long)page_len(p) };
        answer_from_now(c);
        c->page = p;
        c->sent = 0;
        if (send_head(c, &h) < 0)
                return -1;
        if (is_head(c) || page_len(p) == 0)
                return transaction_ended(c);
        (void)lws_callback_on_writable(c->wsi);
        return 0;
}

static int write_piece(struct conn *c, bool final)
{
        struct buf *b = &c->page->body;
        size_t left = page_len(c->page) - c->sent;
        size_t n = left < PIECE ? left : PIECE;
        unsigned char *at = (unsigned char *)b->data + LWS_PRE + c->sent;

        final = final && n == left;
        if (lws_write(c->wsi, at, n, final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
                return -1;
        c->sent += n;
        return 0;
}

/* --- answers that go on: a chunk is a document on a line */

enum { CHUNK_HEAD = 10 }; /* "0000000a\r\n" */

static struct page *make_chunk(struct conn *c)
{
        const struct serve_query q = { .space = c->space, .name = c->name, .watch = true };
        struct page *p = page_new();

        buf_add(&p->body, "00000000\r\n", CHUNK_HEAD);
        c->make(c->place->serve->config.ctx, &q, &p->body);
        buf_adds(&p->body, "\n\r\n");
        if (buf_ok(&p->body)) {
                char head[CHUNK_HEAD + 1];
                size_t n = page_len(p) - CHUNK_HEAD - 2;

                (void)snprintf(head, sizeof(head), "%08zx\r\n", n);
                memcpy(p->body.data + LWS_PRE, head, CHUNK_HEAD);
        }
        return page_done(c->place->serve, p);
}

static int watch_write(struct conn *c)
{
        struct serve *s = c->place->serve;

        if (!c->page && !c->news)
                return 0;
        if (!c->page) {
                c->news = false;
                c->page = make_chunk(c);
                c->sent = 0;
                c->deadline_ns = loop_now(s->config.loop) + READ_NS;
                if (!buf_ok(&c->page->body) || s->held > HELD_MAX)
                        return -1;
        }
        if (write_piece(c, false) < 0)
                return -1;
        if (c->sent == page_len(c->page)) {
                page_unref(s, c->page);
                c->page = NULL;
                c->deadline_ns = INT64_MAX;
        }
        if (c->page || c->news)
                (void)lws_callback_on_writable(c->wsi);
        return 0;
}

static int watch_begin(struct conn *c)
{
        struct serve *s = c->place->serve;
        char version[16] = "";
        const struct head h = { .status = 200, .type = json_type, .length = LENGTH_CHUNKED };

        (void)lws_hdr_copy(c->wsi, version, sizeof(version), WSI_TOKEN_HTTP);
        if (strcmp(version, "HTTP/1.1") != 0 || is_head(c))
                return refuse(c, 400, "watching needs GET and HTTP/1.1");
        if (s->n_watchers >= WATCHERS_MAX)
                return refuse(c, 503, "too many are watching already");
        answer_from_now(c);
        c->state = CONN_WATCHING;
        s->n_watchers++;
        c->news = true;
        if (send_head(c, &h) < 0)
                return -1;
        (void)lws_callback_on_writable(c->wsi);
        return conn_mind(c);
}

int answer_write(struct conn *c)
{
        if (c->state == CONN_WATCHING)
                return watch_write(c);
        if (c->state != CONN_ANSWERING || !c->page)
                return c->state == CONN_CLOSING ? -1 : 0;
        if (write_piece(c, true) < 0)
                return -1;
        if (c->sent == page_len(c->page))
                return transaction_ended(c);
        (void)lws_callback_on_writable(c->wsi);
        return conn_mind(c);
}

/* --- what is asked for */

static int serve_health(struct conn *c)
{
        struct page *p = page_new();

        buf_adds(&p->body, "ok\n");
        return answer(c, 200, text_type, page_done(c->place->serve, p));
}

static int serve_ready(struct conn *c)
{
        struct serve *s = c->place->serve;
        struct page *p = page_new();

        s->config.ready(s->config.ctx, &p->body);
        bool ready = page_len(p) == 0;
        if (ready)
                buf_adds(&p->body, "ok\n");
        return answer(c, ready ? 200 : 503, text_type, page_done(s, p));
}

/* Made at most once a second, however many ask. */
static int serve_metrics(struct conn *c)
{
        struct serve *s = c->place->serve;
        int64_t now = loop_now(s->config.loop);

        if (!s->metrics || now - s->metrics_ns >= NS_PER_S) {
                struct page *p = page_new();

                page_unref(s, s->metrics);
                s->config.metrics(s->config.ctx, &p->body);
                s->metrics = page_done(s, p);
                s->metrics_ns = now;
        }
        s->metrics->refs++;
        return answer(c, 200, metrics_type, s->metrics);
}

/* false: the query is not understood */
static bool read_query(struct conn *c, bool *ret_watch)
{
        char part[QUERY_MAX];

        *ret_watch = false;
        free(c->space);
        free(c->name);
        c->space = c->name = NULL;
        if (lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_URI_ARGS) >= QUERY_MAX)
                return false;
        for (int i = 0;
             lws_hdr_copy_fragment(c->wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i) >= 0;
             i++) {
                if (strncmp(part, "ns=", 3) == 0 && !c->space)
                        c->space = xstrdup(part + 3);
                else if (strncmp(part, "name=", 5) == 0 && !c->name)
                        c->name = xstrdup(part + 5);
                else if (strcmp(part, "watch=1") == 0 && !*ret_watch)
                        *ret_watch = true;
                else
                        return false;
        }
        return true;
}

static int serve_list(struct conn *c,
                      void (*make)(void *ctx, const struct serve_query *, struct buf *out))
{
        struct serve *s = c->place->serve;
        bool watch;

        if (!read_query(c, &watch))
                return refuse(c, 400, "expected ns=NAMESPACE, name=NAME or watch=1");
        c->make = make;
        if (watch)
                return watch_begin(c);

        const struct serve_query q = { .space = c->space, .name = c->name };
        struct page *p = page_new();
        make(s->config.ctx, &q, &p->body);
        buf_addc(&p->body, '\n');
        return answer(c, 200, json_type, page_done(s, p));
}

int answer_begin(struct conn *c, const char *path)
{
        const struct serve_config *config = &c->place->serve->config;
        bool is_private = c->place->is_private;

        if (c->state != CONN_ASKING)
                return -1;
        if (lws_hdr_total_length(c->wsi, WSI_TOKEN_GET_URI) == 0 && !is_head(c))
                return refuse(c, 405, "expected GET or HEAD");
        if (strcmp(path, "/healthz") == 0)
                return serve_health(c);
        if (strcmp(path, "/readyz") == 0)
                return serve_ready(c);
        if (strcmp(path, "/metrics") == 0)
                return serve_metrics(c);
        if (is_private && config->links && strcmp(path, "/v1/links") == 0)
                return serve_list(c, config->links);
        if (is_private && config->devices && strcmp(path, "/v1/devices") == 0)
                return serve_list(c, config->devices);
        return refuse(c, 404, "there is no such page");
}
