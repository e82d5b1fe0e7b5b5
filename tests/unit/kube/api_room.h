/* api_room.h - a client and a server that does what a test says, for the tests of the client. */
#ifndef TEST_API_ROOM_H
#define TEST_API_ROOM_H

#include "fake_api.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "kube/api.h"

#include <limits.h>

#define ROOM_FN __attribute__((unused)) static

#define OBJECT "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"}}"

/* What the server is to do, by the number of the request; the last one repeats. */
enum act {
        ACT_OK,
        ACT_BREAK, /* takes the request and closes */
        ACT_429,
        ACT_503_AFTER,
        ACT_503,
        ACT_401,
        ACT_TEXT_429,
        ACT_CUT,  /* within the body */
        ACT_HANG, /* never answers */
};

struct rig {
        struct loop *loop;
        struct fake_api server;
        struct kube_api *api;
        const enum act *acts;
        size_t n_acts;
        pthread_mutex_t lock;
        struct buf log; /* "GET /path\n" for each */
        char head[8192], body[8192];
        int64_t at_ns[64];
        atomic_uint n_at;
        int work_ms; /* what a request takes */
        atomic_uint now, most;
        bool (*special)(struct rig *r, struct fake_request *q); /* false: no connection any more */

        /* answers */
        unsigned n_done;
        enum kube_class class;
        long status;
        char message[256];
        char reason[64];
        int64_t retry_after_ns;
        bool has_object;
        struct buf order;
};

static struct rig *rig;
static bool is_hasty; /* no time between attempts */

int64_t __real_backoff_next_ns(struct backoff *b);
int64_t __wrap_backoff_next_ns(struct backoff *b);
int64_t __wrap_backoff_next_ns(struct backoff *b)
{
        int64_t ns = __real_backoff_next_ns(b);

        return is_hasty ? NS_PER_MS : ns;
}

ROOM_FN void say_429(int fd, const char *type, const char *body)
{
        fake_answer(fd, 429, type, "Retry-After: 1\r\n", body);
}

ROOM_FN bool do_act(struct rig *r, enum act act, int fd)
{
        switch (act) {
        case ACT_OK:
                fake_json(fd, 200, OBJECT);
                return true;
        case ACT_BREAK:
                return false;
        case ACT_429:
                say_429(fd, "application/json",
                        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":429,"
                        "\"reason\":\"TooManyRequests\",\"message\":\"later\"}");
                return true;
        case ACT_TEXT_429:
                say_429(fd, "text/plain; charset=utf-8",
                        "Too many requests, please try again later.\n");
                return true;
        case ACT_503_AFTER:
                fake_answer(fd, 503, "text/plain", "Retry-After: 1\r\n", "starting\n");
                return true;
        case ACT_503:
                fake_answer(fd, 503, "text/plain", "", "starting\n");
                return true;
        case ACT_401:
                fake_json(fd, 401,
                          "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":401,"
                          "\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\"}");
                return true;
        case ACT_CUT:
                fake_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 100\r\n\r\n{\"a\":");
                return false;
        case ACT_HANG:
                fake_hang(&r->server, fd);
                return false;
        }
        return false;
}

ROOM_FN bool on_request(void *ctx, struct fake_request *q)
{
        struct rig *r = ctx;
        unsigned now = atomic_fetch_add(&r->now, 1) + 1;

        (void)pthread_mutex_lock(&r->lock);
        if (now > atomic_load(&r->most))
                atomic_store(&r->most, now);
        buf_addf(&r->log, "%s %s\n", q->method, q->target);
        memcpy(r->head, q->head, sizeof(r->head));
        memcpy(r->body, q->body, sizeof(r->body));
        if (q->number < 64)
                r->at_ns[q->number] = clock_mono_ns();
        (void)pthread_mutex_unlock(&r->lock);
        if (r->work_ms > 0)
                (void)poll(NULL, 0, r->work_ms);
        size_t i = q->number < r->n_acts ? q->number : r->n_acts - 1;
        bool more = r->special ? r->special(r, q) : do_act(r, r->acts[i], q->fd);
        atomic_fetch_sub(&r->now, 1);
        return more;
}

static unsigned n_allowed = UINT_MAX; /* how often it will be said that writing is allowed */

ROOM_FN bool may_write(void *ctx)
{
        (void)ctx;
        if (n_allowed == 0)
                return false;
        n_allowed -= n_allowed != UINT_MAX;
        return true;
}

ROOM_FN void open_api(struct rig *r, double rate, unsigned burst)
{
        struct kube_api_config c = { .loop = r->loop,
                                     .agent = "devicelink/1.0 (agent; node-1)",
                                     .manager = "devicelink-agent",
                                     .rate = rate,
                                     .burst = burst,
                                     .may_write = may_write };
        struct err e = { 0 };

        kube_api_close(r->api);
        if (kube_api_open(&c, &r->api, &e) < 0)
                fail_msg("%s", e.text);
}

ROOM_FN int set_up(void **state)
{
        static const enum act ok = ACT_OK;
        struct rig *r = xcalloc(1, sizeof(*r));

        r->loop = loop_new("test");
        r->log = BUF(1 << 20);
        r->order = BUF(1 << 16);
        r->acts = &ok;
        r->n_acts = 1;
        (void)pthread_mutex_init(&r->lock, NULL);
        fake_api_start(&r->server, on_request, r);
        fake_access = (struct fake_access){ .server = r->server.url, .token = "Bearer t1" };
        open_api(r, 0, 0);
        rig = r;
        *state = r;
        return 0;
}

ROOM_FN int tear_down(void **state)
{
        struct rig *r = *state;

        kube_api_close(r->api);
        fake_api_stop(&r->server);
        loop_free(r->loop);
        buf_done(&r->log);
        buf_done(&r->order);
        (void)pthread_mutex_destroy(&r->lock);
        free(r);
        return 0;
}

ROOM_FN void on_done(void *ctx, struct kube_answer *a)
{
        (void)ctx;
        rig->n_done++;
        rig->class = a->class;
        rig->status = a->status;
        rig->has_object = a->object != NULL;
        rig->retry_after_ns = a->retry_after_ns;
        (void)snprintf(rig->message, sizeof(rig->message), "%s", a->message);
        (void)snprintf(rig->reason, sizeof(rig->reason), "%s", a->reason);
}

ROOM_FN bool is_done(void *n)
{
        return rig->n_done >= *(unsigned *)n;
}

ROOM_FN void run_until(unsigned n, int64_t most_ns)
{
        if (!fake_run(rig->loop, is_done, &n, most_ns))
                fail_msg("%u of %u answers came", rig->n_done, n);
}

ROOM_FN struct kube_call *start(struct rig *r, const char *method, const char *path)
{
        struct kube_request q = {
                .method = method, .path = path, .resource = "things", .ctx = r, .done = on_done
        };

        if (strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0) {
                q.body = "{\"x\":1}";
                q.body_len = 7;
        }
        return kube_start(r->api, &q);
}

#define ACTS(r, ...)                                                                               \
        do {                                                                                       \
                static const enum act acts_[] = { __VA_ARGS__ };                                   \
                (r)->acts = acts_;                                                                 \
                (r)->n_acts = sizeof(acts_) / sizeof(acts_[0]);                                    \
        } while (0)

#endif
