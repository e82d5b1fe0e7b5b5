/* api_call.c - the life of one request: its turn, credentials, attempts, and its end. */
#include "kube/api_impl.h"

#include "base/clock.h"

#include <string.h>

enum { ATTEMPTS_MAX = 11, HEADERS_MAX = 4, WATCH_LINE_MAX = 3 << 20, URL_MAX = 64 * 1024 };

/* A proxy that says an hour must not silence an agent whose heartbeat goes on. */
static const int64_t retry_after_most_ns = 120 * NS_PER_S;
static const int64_t attempt_limit_ns = 30 * NS_PER_S;
static const int64_t whole_limit_ns = 60 * NS_PER_S;
static const int64_t pause_first_ns = 250 * NS_PER_MS;
static const int64_t pause_most_ns = 8 * NS_PER_S;

/* --- the struct */

static void on_time(void *ctx);

static char *url_of(const struct kube_api *a, const char *path, bool write)
{
        struct buf url = BUF(URL_MAX);

        buf_adds(&url, kube_access_server(a->access));
        buf_adds(&url, path);
        if (write) {
                kube_query(&url, "fieldManager", a->manager);
                kube_query(&url, "fieldValidation", "Warn");
        }
        if (!buf_ok(&url)) { /* cut it would be another one */
                buf_clear(&url);
                buf_adds(&url, kube_access_server(a->access));
                buf_adds(&url, "/-");
        }
        return buf_take(&url, NULL);
}

struct kube_call *call_new(struct kube_api *a, const char *path, bool write)
{
        struct kube_call *c = xcalloc(1, sizeof(*c));

        c->api = a;
        c->next = a->calls;
        c->at = &a->calls;
        if (c->next)
                c->next->at = &c->next;
        a->calls = c;
        c->url = url_of(a, path, write);
        c->backoff = BACKOFF(pause_first_ns, pause_most_ns);
        loop_timer_init(&c->timer, a->loop, on_time, c);
        return c;
}

static bool counts_as_under_way(const struct kube_call *c)
{
        return c->state == CALL_RUNNING && !c->is_watch && c->lane != KUBE_LEASE;
}

static void set_state(struct kube_call *c, enum call_state state)
{
        if (counts_as_under_way(c))
                c->api->under_way--;
        c->state = state;
        if (counts_as_under_way(c))
                c->api->under_way++;
}

/* Out of whatever it is in. */
static void withdraw(struct kube_call *c)
{
        if (c->state == CALL_WAITING && !c->is_watch)
                TAILQ_REMOVE(&c->api->lanes[c->lane], c, turn);
        set_state(c, CALL_FAILED);
        loop_timer_stop(&c->timer);
        if (c->wait)
                kube_access_cancel(c->wait);
        c->wait = NULL;
        http_cancel(c->http);
        c->http = NULL;
}

void call_free(struct kube_call *c)
{
        withdraw(c);
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        loop_timer_end(&c->timer);
        lines_done(&c->lines);
        answer_done(&c->answer, c->secret);
        free(c->url);
        free(c->body);
        free(c);
}

/* --- how an attempt may end */

static void deliver(struct kube_call *c, struct kube_answer *r)
{
        struct kube_api *a = c->api;
        struct kube_answer answer = *r;
        bool secret = c->secret;

        withdraw(c);
        api_enter(a);
        if (!a->closed)
                c->done(c->ctx, &answer);
        answer_done(&answer, secret);
        call_free(c);
        api_leave(a);
}

void call_fail(struct kube_call *c, const struct kube_answer *r)
{
        withdraw(c);
        c->answer = *r;
        loop_timer_start(&c->timer, 0, LOOP_EXACT);
}

static bool may_repeat(const struct kube_call *c, const struct kube_answer *r)
{
        if (c->once || r->class != KUBE_AWAY || c->attempts >= ATTEMPTS_MAX)
                return false;
        if (r->status == 429)
                return true;
        if (strcmp(c->method, "POST") == 0)
                return false;
        return r->status == 0 || (r->status >= 500 && r->retry_after_ns >= 0);
}

static void pause_for(struct kube_call *c, int64_t ns)
{
        set_state(c, CALL_PAUSED);
        loop_timer_start(&c->timer, ns, 0);
}

void call_ended(struct kube_call *c, struct kube_answer *r)
{
        if (r->status == 401) {
                kube_access_refused(c->api->access, c->sent_ns);
                if (!c->renewed) {
                        c->renewed = true;
                        answer_done(r, c->secret);
                        call_run(c);
                        return;
                }
        }
        if (may_repeat(c, r)) {
                int64_t pause = backoff_next_ns(&c->backoff);

                pause = pause > r->retry_after_ns ? pause : r->retry_after_ns;
                if (loop_now(c->api->loop) + pause < c->deadline_ns) {
                        answer_done(r, c->secret);
                        pause_for(c, pause);
                        api_turn(c->api);
                        return;
                }
        }
        deliver(c, r);
}

static void read_answer(const struct kube_call *c, const struct http_answer *h,
                        struct kube_answer *ret)
{
        struct answer_in in = { .status = h->status,
                                .content_type = h->content_type,
                                .body = h->body,
                                .len = h->len,
                                .raw = c->raw };

        if (h->rc == DL_OK && c->has_begun) /* a watch whose end is in order */
                *ret = (struct kube_answer){ .class = KUBE_OK,
                                             .status = h->status,
                                             .reason = "",
                                             .message = "",
                                             .retry_after_ns = -1 };
        else if (h->rc == DL_OK)
                answer_read(&in, ret);
        else
                answer_none(h->rc == DL_REFUSED ? KUBE_REFUSED : KUBE_AWAY, h->text, ret);
        if (h->rc == DL_OK)
                ret->retry_after_ns = h->retry_after_ns < retry_after_most_ns ? h->retry_after_ns
                                                                              : retry_after_most_ns;
}

static void on_done(void *ctx, const struct http_answer *h)
{
        struct kube_call *c = ctx;
        struct kube_api *a = c->api;
        struct kube_answer r;

        c->http = NULL;
        if (!c->has_begun && !c->withheld) {
                const char *method = c->is_watch ? "WATCH" : c->method;

                counts_add(&a->counts, method, c->resource, (int)h->status);
                if (h->status > 0)
                        counts_time(&a->counts, method, loop_now(a->loop) - c->sent_ns);
                api_note(a, c, h->status, h->text);
        }
        api_warn(a, c, h->warning);
        read_answer(c, h, &r);
        if (r.class == KUBE_OK && lines_within(&c->lines))
                answer_none(KUBE_AWAY, "the stream ended within a line", &r);
        api_enter(a);
        call_ended(c, &r);
        api_leave(a);
}

/* --- one attempt */

static bool may_send(void *ctx)
{
        struct kube_call *c = ctx;
        const struct kube_api *a = c->api;

        c->withheld = a->may_write && c->lane != KUBE_LEASE && strcmp(c->method, "GET") != 0 &&
                      !a->may_write(a->ctx);
        return !c->withheld;
}

static void send_it(struct kube_call *c, const char *authorization)
{
        struct http_header headers[HEADERS_MAX] = {
                { "User-Agent", c->api->agent },
                { "Accept", c->accept ? c->accept : "application/json" },
        };
        struct http_request r = {
                .method = c->method,
                .url = c->url,
                .headers = headers,
                .n_headers = 2,
                .body = c->body,
                .body_len = c->body_len,
                .compressed = !c->is_watch && strcmp(c->method, "GET") == 0,
                .body_max = c->raw ? ANSWER_LIST_MAX : ANSWER_BODY_MAX,
                .ctx = c,
                .may_send = may_send,
                .done = on_done,
        };
        int64_t left = c->deadline_ns - c->sent_ns;

        if (authorization)
                headers[r.n_headers++] = (struct http_header){ "Authorization", authorization };
        if (c->body)
                headers[r.n_headers++] = (struct http_header){
                        "Content-Type", c->content_type ? c->content_type : "application/json"
                };
        if (c->is_watch) {
                r.began = watch_began;
                r.data = watch_data;
        } else {
                r.limit_ns = left < attempt_limit_ns ? left : attempt_limit_ns;
        }
        c->attempts++;
        c->http = http_start(c->api->http, &r);
}

static void on_authorized(void *ctx, const char *value, const struct err *e)
{
        struct kube_call *c = ctx;
        struct kube_answer r;

        c->wait = NULL;
        if (e) {
                auto_free char *why = xasprintf("no credentials: %s", e->text);

                answer_none(KUBE_UNAUTHORIZED, why, &r);
                call_fail(c, &r);
                return;
        }
        if (!may_send(c)) {
                answer_none(KUBE_AWAY, "writing is not allowed now", &r);
                call_fail(c, &r);
                return;
        }
        send_it(c, value);
}

void call_run(struct kube_call *c)
{
        struct kube_answer r;

        set_state(c, CALL_RUNNING);
        c->sent_ns = loop_now(c->api->loop);
        loop_timer_stop(&c->timer);
        if (c->deadline_ns == 0)
                c->deadline_ns = c->sent_ns + whole_limit_ns;
        if (!c->is_watch && c->sent_ns >= c->deadline_ns) {
                answer_none(KUBE_AWAY, "no time was left when its turn came", &r);
                call_fail(c, &r);
                return;
        }
        struct kube_access_wait *wait = kube_access_authorize(c->api->access, on_authorized, c);
        if (wait)
                c->wait = wait;
}

/* Waits for its turn, before those that came later. */
static void queue_again(struct kube_call *c)
{
        set_state(c, CALL_WAITING);
        TAILQ_INSERT_HEAD(&c->api->lanes[c->lane], c, turn);
        loop_timer_start_at(&c->timer, c->deadline_ns, 0);
        api_turn(c->api);
}

static void on_time(void *ctx)
{
        struct kube_call *c = ctx;
        struct kube_answer r;

        switch (c->state) {
        case CALL_PAUSED:
                queue_again(c);
                break;
        case CALL_WAITING:
                answer_none(KUBE_AWAY, "its turn did not come in time", &r);
                deliver(c, &r);
                break;
        case CALL_FAILED:
                r = c->answer;
                c->answer.arena = NULL;
                deliver(c, &r);
                break;
        case CALL_RUNNING:
                break;
        }
}

/* --- */

static bool is_write(const char *method)
{
        return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
               strcmp(method, "PATCH") == 0;
}

struct kube_call *kube_start(struct kube_api *a, const struct kube_request *r)
{
        struct kube_call *c = call_new(a, r->path, is_write(r->method));

        c->method = r->method;
        c->resource = r->resource;
        c->content_type = r->content_type;
        c->accept = r->accept;
        c->body = r->body ? xmemdup(r->body, r->body_len) : NULL;
        c->body_len = r->body_len;
        c->lane = r->lane;
        c->raw = r->raw;
        c->once = r->once;
        c->secret = r->secret;
        c->ctx = r->ctx;
        c->done = r->done;
        c->state = CALL_WAITING;
        TAILQ_INSERT_TAIL(&a->lanes[c->lane], c, turn);
        if (r->limit_ns > 0) {
                c->deadline_ns = loop_now(a->loop) + r->limit_ns;
                loop_timer_start_at(&c->timer, c->deadline_ns, 0);
        }
        api_turn(a);
        return c;
}

void kube_cancel(struct kube_call *c)
{
        if (!c)
                return;
        struct kube_api *a = c->api;

        withdraw(c);
        if (c->is_calling) {
                c->cancelled = true;
                return;
        }
        call_free(c);
        if (a->depth == 0)
                api_turn(a);
}

struct kube_call *kube_watch(struct kube_api *a, const struct kube_watch_request *r)
{
        struct kube_call *c = call_new(a, r->path, false);

        c->method = "GET";
        c->resource = r->resource;
        c->accept = r->accept;
        c->is_watch = true;
        c->once = true;
        c->secret = true; /* it may be */
        c->ctx = r->ctx;
        c->began = r->began;
        c->line = r->line;
        c->done = r->done;
        lines_init(&c->lines, WATCH_LINE_MAX, watch_line, c);
        call_run(c);
        return c;
}
