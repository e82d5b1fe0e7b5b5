/* http.c - the client and the life of a call. */
#include "loop/http_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* --- calls */

static void call_free(struct http_call *c)
{
        if (c->easy) {
                if (c->added)
                        (void)curl_multi_remove_handle(c->pool->multi, c->easy);
                curl_easy_cleanup(c->easy);
        }
        loop_timer_end(&c->limit);
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        c->pool->n_calls--;
        curl_slist_free_all(c->headers); /* wiped by the library's free() */
        curl_slist_free_all(c->connect_to);
        http_wipe_free(c->body, c->body_len);
        http_wipe_free(c->answer, c->answer_cap);
        buf_done(&c->type);
        buf_done(&c->warning);
        free(c);
}

static int64_t connect_time(const struct http_call *c)
{
        long connects = 0;
        curl_off_t us = 0;

        if (!c->easy || curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK ||
            connects == 0)
                return 0;
        (void)curl_easy_getinfo(c->easy, CURLINFO_APPCONNECT_TIME_T, &us);
        if (us == 0)
                (void)curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &us);
        return (us ? us : 1) * NS_PER_US;
}

/* Ends a call and says so.  After a failure nobody trusts what is connected now. */
static void finish(struct http_call *c)
{
        struct http_answer a = {
                .rc = c->refused,
                .status = c->began ? c->status : 0,
                .body = c->answer ? c->answer : "",
                .len = c->answer_len,
                .content_type = buf_text(&c->type),
                .warning = buf_text(&c->warning),
                .retry_after_ns = c->began ? c->retry_after_ns : -1,
                .connect_ns = connect_time(c),
                .text = http_text(c),
        };

        if (c->refused == DL_RETRY && !c->pool->old)
                http_forget_connections(c->pool->http);
        if (!c->cancelled)
                c->done_cb(c->ctx, &a);
        call_free(c);
}

static void destroy(struct http *h)
{
        for (struct http_pool *p = h->pools; p; p = p->next) {
                while (p->calls)
                        call_free(p->calls);
        }
        http_forget_connections(h);
        http_settings_drop(h->settings);
        free(h);
}

static void enter(struct http *h)
{
        h->depth++;
}

static void leave(struct http *h)
{
        if (--h->depth)
                return;
        if (h->freed)
                destroy(h);
        else
                http_drop_idle_pools(h);
}

static void add(struct http_call *c)
{
        c->added = true;
        CURLMcode rc = curl_multi_add_handle(c->pool->multi, c->easy);
        assert(rc == CURLM_OK);
        (void)rc;
        http_alive_begin(c->pool);
}

/* What was asked for within the library's callbacks. */
static void settle(struct http *h)
{
        for (struct http_pool *p = h->pools; h->to_settle && p; p = p->next) {
                struct http_call *next;

                for (struct http_call *c = p->calls; c; c = next) {
                        next = c->next;
                        if (c->cancelled)
                                call_free(c);
                        else if (c->easy && !c->added && !c->refused)
                                add(c);
                }
        }
        h->to_settle = 0;
}

/* A call that has ended, or NULL. */
static struct http_call *take_ended(struct http_pool *p)
{
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(p->multi, &left))) {
                struct http_call *c = NULL;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
                http_verdict(c, m->data.result);
                return c;
        }
        return NULL;
}

enum { LOOKS = 16 }; /* others on the loop have their turn then */

/* libcurl 7.88 (lib/http2.c: cf_h2_recv, cf_h2_data_pending) keeps what does not fit a call's
 * buffer, or came for another call of the connection, without asking to be called again: the end of
 * a watch's event would lie there until the server says something else.  So as long as anything was
 * handed over, there may be more of it. */
static void take_the_rest(struct http_pool *p)
{
        int running;

        for (unsigned i = 0; p->moved && i < LOOKS && !p->http->freed; i++) {
                p->moved = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
                (void)curl_multi_socket_all(p->multi, &running);
#pragma GCC diagnostic pop
        }
        if (p->moved)
                loop_timer_start(&p->again, 0, LOOP_EXACT);
}

/* Without a watch its connections would hang: nothing of it can be kept. */
static void give_up(struct http_pool *p)
{
        p->old = true;
        while (p->calls && !p->http->freed) {
                http_refuse(p->calls, DL_RETRY, "cannot watch the connection");
                finish(p->calls);
        }
}

void http_act(struct http_pool *p, curl_socket_t fd, int events)
{
        struct http *h = p->http;
        struct http_call *c;
        int running;

        enter(h);
        h->in_curl = true;
        (void)curl_multi_socket_action(p->multi, fd, events, &running);
        take_the_rest(p);
        h->in_curl = false;
        settle(h);
        while (!h->freed && (c = take_ended(p)))
                finish(c);
        if (p->broken)
                give_up(p);
        leave(h);
}

/* --- time limits are ours: the library has none for calls that wait for a connection */

static int64_t due(const struct http_call *c)
{
        int64_t whole = c->limit_ns ? c->limit_ns : INT64_MAX;

        if (c->connected || whole < c->connect_limit_ns)
                return whole;
        return c->connect_limit_ns;
}

static void set_limit(struct http_call *c)
{
        int64_t after = due(c);

        if (after == INT64_MAX || after > INT64_MAX - c->begin_ns)
                loop_timer_stop(&c->limit);
        else
                loop_timer_start_at(&c->limit, c->begin_ns + after, 0);
}

static int on_connected(void *call, char *ip, char *own_ip, int port, int own_port)
{
        struct http_call *c = call;

        (void)ip;
        (void)own_ip;
        (void)port;
        (void)own_port;
        c->connected = true;
        set_limit(c);
        if (!c->may_send_cb || c->may_send_cb(c->ctx))
                return CURL_PREREQFUNC_OK;
        http_refuse(c, DL_RETRY, "it may not be sent any more");
        return CURL_PREREQFUNC_ABORT;
}

static void on_limit(void *ctx)
{
        struct http_call *c = ctx;
        struct http *h = c->pool->http;
        double s = (double)due(c) / 1e9;

        if (!c->refused && !c->connected)
                http_refuse(c, DL_RETRY, "no connection within %g s", s);
        else if (!c->refused && !c->began)
                http_refuse(c, DL_RETRY, "no answer within %g s", s);
        else if (!c->refused)
                http_refuse(c, DL_RETRY, "the answer did not end within %g s", s);
        enter(h);
        finish(c);
        leave(h);
}

/* --- */

struct http *http_new(struct loop *l)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        static const struct http_settings none = { 0 };
        struct http *h = xcalloc(1, sizeof(*h));

        (void)pthread_once(&once, http_start_library);
        h->loop = l;
        h->settings = http_settings_copy(&none);
        return h;
}

void http_free(struct http *h)
{
        if (!h)
                return;
        if (!h->depth) {
                destroy(h);
                return;
        }
        h->freed = true;
        for (struct http_pool *p = h->pools; p; p = p->next) {
                for (struct http_call *c = p->calls; c; c = c->next)
                        c->cancelled = true;
        }
}

void http_forget_connections(struct http *h)
{
        for (struct http_pool *p = h->pools; p; p = p->next)
                p->old = true;
        if (!h->depth)
                http_drop_idle_pools(h);
}

static struct http_call *call_new(struct http_pool *p, const struct http_request *r)
{
        struct http_call *c = xcalloc(1, sizeof(*c));

        c->pool = p;
        c->at = &p->calls;
        c->next = p->calls;
        if (c->next)
                c->next->at = &c->next;
        p->calls = c;
        p->n_calls++;
        c->begin_ns = loop_now(p->http->loop);
        c->limit_ns = r->limit_ns;
        c->connect_limit_ns = r->connect_limit_ns ? r->connect_limit_ns : 10 * NS_PER_S;
        c->body_max = r->body_max;
        c->ctx = r->ctx;
        c->may_send_cb = r->may_send;
        c->began_cb = r->began;
        c->data_cb = r->data;
        c->done_cb = r->done;
        c->retry_after_ns = -1;
        loop_timer_init(&c->limit, p->http->loop, on_limit, c);
        return c;
}

struct http_call *http_start(struct http *h, const struct http_request *r)
{
        struct http_pool *p = http_pool_with_room(h, 1);
        struct http_call *c = call_new(p ? p : http_pool_new(h), r);

        if (!http_setup(c, r)) {
                loop_timer_start(&c->limit, 0, LOOP_EXACT); /* tells it */
                return c;
        }
        (void)curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, on_connected);
        (void)curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
        set_limit(c);
        if (h->in_curl)
                h->to_settle++;
        else
                add(c);
        return c;
}

void http_cancel(struct http_call *c)
{
        if (!c || c->cancelled)
                return;
        struct http *h = c->pool->http;

        if (h->in_curl) {
                c->cancelled = true;
                h->to_settle++;
                return;
        }
        enter(h);
        call_free(c);
        leave(h);
}
