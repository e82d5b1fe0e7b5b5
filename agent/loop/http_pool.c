/* http_pool.c - libcurl on the loop: pools, and the descriptors and times that it waits for. */
#include "loop/http_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <malloc.h>
#include <string.h>

enum { IDLE_CONNECTIONS = 4, STREAMS = 100 };

/* --- once: libcurl's memory is wiped when it is freed; headers and bodies are copied a lot there
 */

static void wiping_free(void *p)
{
        if (!p)
                return;
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

static void *wiping_realloc(void *p, size_t n)
{
        size_t old = p ? malloc_usable_size(p) : 0;
        void *new = xmalloc(n);

        if (p)
                memcpy(new, p, old < n ? old : n);
        wiping_free(p);
        return new;
}

void http_start_library(void)
{
        CURLcode rc = curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, wiping_free,
                                           wiping_realloc, xstrdup, xcalloc);
        const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
        static const int needed =
                CURL_VERSION_ASYNCHDNS | CURL_VERSION_HTTP2 | CURL_VERSION_LIBZ | CURL_VERSION_SSL;

        /* Without its own threads for names, a dead name server would stop the loop. */
        if (rc == CURLE_OK && (v->features & needed) == needed)
                return;
        LOG(ERROR, "loop.http", "the HTTP library lacks what is needed",
            LOG_STR("version", v->version), LOG_INT("features", v->features));
        abort();
}

/* --- what the library wants to know about */

static void socket_end(struct http_socket *s)
{
        loop_fd_end(&s->watch);
        *s->at = s->next;
        if (s->next)
                s->next->at = s->at;
        free(s);
}

static void on_ready(void *ctx, unsigned events)
{
        struct http_socket *s = ctx;
        int what = 0;

        if (events & LOOP_READ)
                what |= CURL_CSELECT_IN;
        if (events & LOOP_WRITE)
                what |= CURL_CSELECT_OUT;
        if (events & LOOP_HANGUP)
                what |= CURL_CSELECT_ERR;
        http_act(s->pool, s->fd, what);
}

static struct http_socket *socket_begin(struct http_pool *p, curl_socket_t fd)
{
        struct http_socket *s = xcalloc(1, sizeof(*s));
        struct err e = { 0 };

        s->pool = p;
        s->fd = fd;
        if (loop_fd_start(&s->watch, p->http->loop, fd, 0, on_ready, s, &e) < 0) {
                LOG(ERROR, "loop.http", "cannot watch a connection", LOG_STR("error", e.text));
                free(s);
                p->broken = true;
                return NULL;
        }
        s->at = &p->sockets;
        s->next = p->sockets;
        if (s->next)
                s->next->at = &s->next;
        p->sockets = s;
        (void)curl_multi_assign(p->multi, fd, s);
        return s;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *pool, void *socket)
{
        struct http_socket *s = socket;
        unsigned events = 0;

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                if (s)
                        socket_end(s);
                return 0;
        }
        if (!s)
                s = socket_begin(pool, fd);
        if (!s)
                return 0;
        if (what & CURL_POLL_IN)
                events |= LOOP_READ;
        if (what & CURL_POLL_OUT)
                events |= LOOP_WRITE;
        loop_fd_set(&s->watch, events);
        return 0;
}

static int on_timer(CURLM *multi, long ms, void *pool)
{
        struct http_pool *p = pool;

        (void)multi;
        if (ms < 0)
                loop_timer_stop(&p->timer);
        else
                loop_timer_start(&p->timer, ms * NS_PER_MS, ms ? 0 : LOOP_EXACT);
        return 0;
}

static void on_time(void *ctx)
{
        http_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* --- pools */

struct http_pool *http_pool_new(struct http *h)
{
        struct http_pool *p = xcalloc(1, sizeof(*p));

        p->http = h;
        p->settings = http_settings_ref(h->settings);
        p->multi = curl_multi_init();
        if (!p->multi)
                abort();
        loop_timer_init(&p->timer, h->loop, on_time, p);
        loop_timer_init(&p->again, h->loop, on_time, p);
        http_alive_init(p);
        (void)curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        (void)curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
        (void)curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        (void)curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
        (void)curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
        (void)curl_multi_setopt(p->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS);
        (void)curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
        p->next = h->pools;
        h->pools = p;
        return p;
}

static void pool_free(struct http_pool *p)
{
        (void)curl_multi_cleanup(p->multi);
        while (p->sockets)
                socket_end(p->sockets);
        loop_timer_end(&p->timer);
        loop_timer_end(&p->again);
        loop_timer_end(&p->alive);
        http_settings_drop(p->settings);
        free(p);
}

/* The one that has been there longest, so that the others may end. */
struct http_pool *http_pool_with_room(struct http *h, unsigned room)
{
        struct http_pool *found = NULL;

        for (struct http_pool *p = h->pools; p; p = p->next) {
                if (!p->old && p->n_calls + room <= STREAMS)
                        found = p;
        }
        return found;
}

/* Without calls an old pool goes, and so does one whose calls would find a place elsewhere. */
void http_drop_idle_pools(struct http *h)
{
        for (struct http_pool **at = &h->pools; *at;) {
                struct http_pool *p = *at;

                if (p->calls || (!p->old && http_pool_with_room(h, STREAMS / 2) == p)) {
                        at = &p->next;
                        continue;
                }
                *at = p->next;
                pool_free(p);
        }
}
