/* Requests reach the server once or as often as they may, in their turn, and what it says comes
 * back. */
/* wrap: backoff_next_ns */
#include "fake_api.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "base/log.h"
#include "kube/api.h"

#include <ctype.h>
#include <limits.h>

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

static void say_429(int fd, const char *type, const char *body)
{
        fake_answer(fd, 429, type, "Retry-After: 1\r\n", body);
}

static bool do_act(struct rig *r, enum act act, int fd)
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

static bool on_request(void *ctx, struct fake_request *q)
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

static bool may_write(void *ctx)
{
        (void)ctx;
        if (n_allowed == 0)
                return false;
        n_allowed -= n_allowed != UINT_MAX;
        return true;
}

static void open_api(struct rig *r, double rate, unsigned burst)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void on_done(void *ctx, struct kube_answer *a)
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

static bool is_done(void *n)
{
        return rig->n_done >= *(unsigned *)n;
}

static void run_until(unsigned n, int64_t most_ns)
{
        if (!fake_run(rig->loop, is_done, &n, most_ns))
                fail_msg("%u of %u answers came", rig->n_done, n);
}

static struct kube_call *start(struct rig *r, const char *method, const char *path)
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

/* --- */

static void a_request_says_who_asks_and_gets_its_object(void **state)
{
        struct rig *r = *state;

        (void)start(r, "GET", "/api/v1/namespaces/a/pods/p");
        assert_int_equal(r->n_done, 0);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(r->status, 200);
        assert_true(r->has_object);
        assert_string_equal(r->message, "");
        assert_string_equal(buf_text(&r->log), "GET /api/v1/namespaces/a/pods/p\n");
        assert_non_null(strstr(r->head, "\r\nUser-Agent: devicelink/1.0 (agent; node-1)\r\n"));
        assert_non_null(strstr(r->head, "\r\nAuthorization: Bearer t1\r\n"));
        assert_non_null(strstr(r->head, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(r->head, "\r\nAccept-Encoding: gzip\r\n"));
}

static void a_write_names_its_manager_and_asks_for_warnings(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "PATCH",
                                  .path = "/a?x=1",
                                  .resource = "things",
                                  .content_type = KUBE_MERGE_PATCH,
                                  .body = "{\"x\":1}",
                                  .body_len = 7,
                                  .done = on_done };

        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_string_equal(buf_text(&r->log),
                            "PATCH /a?x=1&fieldManager=devicelink-agent&fieldValidation=Warn\n");
        assert_non_null(strstr(r->head, "\r\nContent-Type: application/merge-patch+json\r\n"));
        assert_string_equal(r->body, "{\"x\":1}");
        (void)start(r, "POST", "/b");
        run_until(2, 5 * NS_PER_S);
        assert_non_null(strstr(r->head, "\r\nContent-Type: application/json\r\n"));
}

/* reference A2 24 */
static void reads_are_repeated_after_lost_answers_and_as_the_server_says(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_CUT, ACT_503_AFTER, ACT_TEXT_429, ACT_OK);
        (void)start(r, "GET", "/a");
        run_until(1, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(atomic_load(&r->server.requests), 5);
        assert_true(r->at_ns[3] - r->at_ns[2] >= NS_PER_S);
        assert_true(r->at_ns[4] - r->at_ns[3] >= NS_PER_S);
}

static void an_error_of_the_server_without_a_time_is_the_callers(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_503);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 503);
        assert_string_equal(r->message, "starting");
        assert_int_equal(r->retry_after_ns, -1);
        assert_int_equal(atomic_load(&r->server.requests), 1);
}

/* reference A6 81 */
static void a_post_is_never_sent_again_once_it_may_have_arrived(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_503_AFTER, ACT_429, ACT_OK);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 0);
        (void)start(r, "POST", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 503);
        assert_int_equal(r->retry_after_ns, NS_PER_S);
        assert_int_equal(atomic_load(&r->server.requests), 2);
        (void)start(r, "POST", "/a"); /* 429: it was not taken */
        run_until(3, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(atomic_load(&r->server.requests), 4);
}

static void a_request_with_a_limit_ends_within_it(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "GET",
                                  .path = "/a",
                                  .resource = "things",
                                  .limit_ns = 700 * NS_PER_MS,
                                  .done = on_done };
        int64_t begin = clock_mono_ns();

        ACTS(r, ACT_HANG);
        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_in_range(clock_mono_ns() - begin, 600 * NS_PER_MS, 3 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(r->status, 0);

        ACTS(r, ACT_503_AFTER); /* its pause would pass the limit */
        (void)kube_start(r->api, &q);
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->status, 503);
}

static void a_write_that_is_not_allowed_any_more_is_not_sent(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK, ACT_OK);
        (void)start(r, "GET", "/read");
        run_until(1, 5 * NS_PER_S);
        n_allowed = 0;
        (void)start(r, "PATCH", "/never");
        (void)start(r, "DELETE", "/never");
        (void)start(r, "GET", "/read");
        run_until(4, 5 * NS_PER_S);
        assert_null(strstr(buf_text(&r->log), "never"));
        struct kube_request lease = { .method = "PATCH",
                                      .path = "/lease",
                                      .resource = "leases",
                                      .lane = KUBE_LEASE,
                                      .body = "{}",
                                      .body_len = 2,
                                      .done = on_done };
        (void)kube_start(r->api, &lease);
        run_until(5, 5 * NS_PER_S);
        assert_non_null(strstr(buf_text(&r->log), "PATCH /lease"));
        (void)start(r, "PATCH", "/never");
        run_until(6, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(r->message, "writing is not allowed now");

        n_allowed = 1; /* while it waits for the connection */
        (void)start(r, "PATCH", "/never");
        run_until(7, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_null(strstr(buf_text(&r->log), "never"));
        assert_int_equal(kube_api_away_since(r->api), 0); /* nobody is to blame */
        n_allowed = UINT_MAX;
}

static void attempts_are_counted_and_end(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_BREAK);
        is_hasty = true;
        (void)start(r, "DELETE", "/a");
        run_until(1, 20 * NS_PER_S);
        is_hasty = false;
        assert_int_equal(r->class, KUBE_AWAY);
        assert_int_equal(atomic_load(&r->server.requests), 11);
}

/* reference A1 3, A6 80 */
static void credentials_that_were_refused_are_replaced_once(void **state)
{
        struct rig *r = *state;

        ACTS(r, ACT_401, ACT_OK);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(fake_access.refused, 1);
        assert_int_equal(fake_access.asked, 2);

        ACTS(r, ACT_401);
        (void)start(r, "GET", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_UNAUTHORIZED);
        assert_string_equal(r->reason, "Unauthorized");
        assert_int_equal(fake_access.asked, 4);
}

static void without_credentials_nothing_is_sent_and_the_reason_is_told(void **state)
{
        struct rig *r = *state;

        fake_access.wrong = "the plugin ended with code 1";
        (void)start(r, "GET", "/a");
        assert_int_equal(r->n_done, 0);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_UNAUTHORIZED);
        assert_string_equal(r->message, "no credentials: the plugin ended with code 1");
        assert_int_equal(atomic_load(&r->server.requests), 0);
}

static void a_request_may_wait_for_its_credentials_and_be_cancelled_meanwhile(void **state)
{
        struct rig *r = *state;

        fake_access.is_late = true;
        struct kube_call *c = start(r, "GET", "/cancelled");
        (void)start(r, "GET", "/a");
        kube_cancel(c);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(fake_access.cancelled, 1);
        assert_string_equal(buf_text(&r->log), "GET /a\n");
}

static bool by_path(struct rig *r, struct fake_request *q)
{
        if (strcmp(q->target, "/running") == 0)
                return do_act(r, ACT_HANG, q->fd);
        return do_act(r, strcmp(q->target, "/paused") == 0 ? ACT_BREAK : ACT_OK, q->fd);
}

static void a_cancelled_request_is_silent_wherever_it_is(void **state)
{
        struct rig *r = *state;
        struct kube_call *waiting = NULL, *running = NULL;

        r->special = by_path;
        open_api(r, 0.001, 3);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        running = start(r, "GET", "/running");
        (void)start(r, "GET", "/a");
        waiting = start(r, "GET", "/waiting");
        run_until(2, 5 * NS_PER_S);
        kube_cancel(running);
        kube_cancel(waiting);
        kube_cancel(NULL);
        open_api(r, 0, 0);
        running = start(r, "GET", "/paused");
        unsigned never = 3;
        (void)fake_run(r->loop, is_done, &never, 100 * NS_PER_MS);
        kube_cancel(running);
        (void)fake_run(r->loop, is_done, &never, 600 * NS_PER_MS);
        assert_int_equal(r->n_done, 2);
        assert_null(strstr(buf_text(&r->log), "/waiting"));
        assert_non_null(strstr(buf_text(&r->log), "/paused"));
}

struct order {
        char letter;
};

static void on_ordered(void *ctx, struct kube_answer *a)
{
        (void)a;
        buf_addc(&rig->order, ((struct order *)ctx)->letter);
        rig->n_done++;
}

static void start_lane(struct rig *r, enum kube_lane lane, struct order *o)
{
        struct kube_request q = { .method = "GET",
                                  .path = "/a",
                                  .resource = "things",
                                  .lane = lane,
                                  .ctx = o,
                                  .done = on_ordered };

        (void)kube_start(r->api, &q);
}

/* reference A2 26, A12 135 */
static void what_is_urgent_goes_first_and_leases_wait_for_nobody(void **state)
{
        struct rig *r = *state;
        struct order work = { 'w' }, urgent = { 'u' }, lease = { 'l' }, first = { 'f' };

        open_api(r, 20, 1);
        start_lane(r, KUBE_WORK, &first);
        for (int i = 0; i < 3; i++)
                start_lane(r, KUBE_WORK, &work);
        for (int i = 0; i < 2; i++)
                start_lane(r, KUBE_URGENT, &urgent);
        start_lane(r, KUBE_LEASE, &lease);
        run_until(7, 10 * NS_PER_S);
        const char *o = buf_text(&r->order);
        assert_true(strchr(o, 'l') - o <= 1);
        assert_string_equal(o + 2, "uuwww");
}

static void no_more_than_the_budget_and_32_at_once_are_sent(void **state)
{
        struct rig *r = *state;
        int64_t begin = clock_mono_ns();

        r->work_ms = 50;
        open_api(r, 50, 40);
        for (int i = 0; i < 60; i++)
                (void)start(r, "GET", "/a");
        run_until(60, 20 * NS_PER_S);
        assert_in_range(atomic_load(&r->most), 2, 32);
        assert_true(clock_mono_ns() - begin >= 380 * NS_PER_MS); /* 20 of them at 50 a second */
}

static void requests_are_counted(void **state)
{
        struct rig *r = *state;
        const struct kube_count *rows = NULL;

        ACTS(r, ACT_BREAK, ACT_OK, ACT_OK);
        (void)start(r, "GET", "/a");
        run_until(1, 5 * NS_PER_S);
        (void)start(r, "GET", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(kube_api_counts(r->api, &rows), 2);
        assert_string_equal(rows[0].method, "GET");
        assert_string_equal(rows[0].resource, "things");
        assert_int_equal(rows[0].code, 0);
        assert_int_equal(rows[0].n, 1);
        assert_int_equal(rows[1].code, 200);
        assert_int_equal(rows[1].n, 2);
}

static void a_server_that_answers_nothing_is_known_to_be_away_until_it_does(void **state)
{
        struct rig *r = *state;
        int64_t before = loop_now(r->loop);

        ACTS(r, ACT_BREAK, ACT_503);
        assert_int_equal(kube_api_away_since(r->api), 0);
        (void)start(r, "POST", "/a");
        run_until(1, 5 * NS_PER_S);
        assert_in_range(kube_api_away_since(r->api), before, clock_mono_ns());
        (void)start(r, "POST", "/a");
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(kube_api_away_since(r->api), 0);
}

static bool with_prefix_and_list(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_json(q->fd, 200, "{\"items\":[]}");
        return true;
}

static void on_raw(void *ctx, struct kube_answer *a)
{
        (void)ctx;
        rig->n_done++;
        assert_int_equal(a->class, KUBE_OK);
        assert_null(a->object);
        assert_int_equal(a->body_len, 12);
        assert_memory_equal(a->body, "{\"items\":[]}", 12);
}

static void a_list_comes_as_it_is_and_a_prefix_of_the_server_is_kept(void **state)
{
        struct rig *r = *state;
        struct kube_request q = { .method = "GET",
                                  .path = "/api/v1/nodes",
                                  .resource = "nodes",
                                  .raw = true,
                                  .done = on_raw };
        char url[128];

        r->special = with_prefix_and_list;
        (void)snprintf(url, sizeof(url), "%s/k8s/clusters/c-1", r->server.url);
        fake_access.server = url;
        (void)kube_start(r->api, &q);
        run_until(1, 5 * NS_PER_S);
        assert_string_equal(buf_text(&r->log), "GET /k8s/clusters/c-1/api/v1/nodes\n");
        fake_access.server = r->server.url;
}

/* --- warnings */

static bool with_warnings(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_answer(q->fd, 200, "application/json",
                    "Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\n"
                    "Warning: 299 - \"second\"\r\n",
                    OBJECT);
        return true;
}

static void a_warning_is_logged_once_per_text(void **state)
{
        struct rig *r = *state;
        int fds[2];
        char text[4096] = "";
        ssize_t n = 0;

        assert_int_equal(pipe(fds), 0);
        log_setup(fds[1], LOG_INFO, LOG_FORMAT_TEXT);
        r->special = with_warnings;
        for (unsigned i = 1; i <= 3; i++) {
                (void)start(r, "GET", "/a");
                run_until(i, 5 * NS_PER_S);
        }
        log_flush(true);
        log_setup(2, LOG_INFO, LOG_FORMAT_TEXT);
        (void)close(fds[1]);
        n = read(fds[0], text, sizeof(text) - 1);
        assert_true(n > 0);
        text[n] = '\0';
        (void)close(fds[0]);
        const char *first = strstr(text, "kube.warning");
        assert_non_null(first);
        assert_non_null(strstr(text, "spec.x"));
        const char *second = strstr(first + 1, "kube.warning");
        assert_non_null(second);
        assert_non_null(strstr(second, "second"));
        assert_null(strstr(second + 1, "kube.warning"));
}

/* --- watches */

struct seen {
        struct kube_call *call;
        struct buf text;
        unsigned began;
        size_t lines, bytes;
        size_t cancel_at; /* line; 0 = never */
        bool close_api;
};

static void on_began(void *ctx)
{
        ((struct seen *)ctx)->began++;
}

static void on_line(void *ctx, const char *text, size_t n)
{
        struct seen *s = ctx;

        s->lines++;
        s->bytes += n;
        if (n < 100) {
                buf_addc(&s->text, '[');
                buf_add(&s->text, text, n);
                buf_addc(&s->text, ']');
        }
        if (s->lines == s->cancel_at && s->close_api) {
                kube_api_close(rig->api);
                rig->api = NULL;
        } else if (s->lines == s->cancel_at) {
                kube_cancel(s->call);
        }
}

static void watch(struct rig *r, struct seen *s)
{
        struct kube_watch_request q = { .path = "/watch?watch=1",
                                        .resource = "things",
                                        .ctx = s,
                                        .began = on_began,
                                        .line = on_line,
                                        .done = on_done };

        s->text = BUF(1 << 20);
        s->call = kube_watch(r->api, &q);
}

static bool stream_bytes(struct rig *r, struct fake_request *q)
{
        static const char stream[] = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";

        (void)r;
        fake_stream(q->fd);
        for (size_t i = 0; i < strlen(stream); i++)
                fake_chunk(q->fd, stream + i, 1);
        fake_stream_end(q->fd);
        return true;
}

/* reference A4 39 */
static void a_watch_gives_lines_and_a_clean_end(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };
        const struct kube_count *rows = NULL;

        r->special = stream_bytes;
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(s.began, 1);
        assert_string_equal(buf_text(&s.text), "[{\"a\":1}][{\"b\":2}][{\"c\":3}]");
        assert_int_equal(kube_api_counts(r->api, &rows), 1);
        assert_string_equal(rows[0].method, "WATCH");
        assert_int_equal(rows[0].code, 200);
        assert_null(strstr(r->head, "Accept-Encoding"));
        buf_done(&s.text);
}

static bool stream_cut(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_stream(q->fd);
        fake_line(q->fd, "{\"a\":1}");
        fake_chunk(q->fd, "{\"b\"", 4);
        if (q->number == 1)
                fake_stream_end(q->fd);
        return q->number == 1;
}

static void a_watch_that_breaks_off_is_away(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        r->special = stream_cut;
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(buf_text(&s.text), "[{\"a\":1}]");
        buf_done(&s.text);
        watch(r, &s);
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(r->message, "the stream ended within a line");
        buf_done(&s.text);
}

static bool stream_huge(struct rig *r, struct fake_request *q)
{
        auto_free char *mega = xmalloc(1 << 20);

        (void)r;
        memset(mega, 'x', 1 << 20);
        fake_stream(q->fd);
        for (int i = 0; i < 3; i++)
                fake_chunk(q->fd, mega, 1 << 20);
        fake_line(q->fd, q->number == 0 ? "" : "x");
        fake_stream_end(q->fd);
        return true;
}

/* reference A2 29 */
static void a_line_of_3_MiB_is_taken_and_a_longer_one_ends_the_watch(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        r->special = stream_huge;
        watch(r, &s);
        run_until(1, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(s.lines, 1);
        assert_int_equal(s.bytes, 3 << 20);
        buf_done(&s.text);
        watch(r, &s);
        run_until(2, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_REFUSED);
        assert_int_equal(r->status, 0);
        assert_int_equal(s.lines, 1);
        buf_done(&s.text);
}

static void a_watch_may_be_cancelled_by_its_own_line(void **state)
{
        struct rig *r = *state;
        struct seen s = { .cancel_at = 2 };
        unsigned never = 1;

        r->special = stream_bytes;
        watch(r, &s);
        (void)fake_run(r->loop, is_done, &never, 300 * NS_PER_MS);
        assert_int_equal(r->n_done, 0);
        assert_int_equal(s.lines, 2);
        buf_done(&s.text);
}

static void the_client_may_be_closed_by_a_line(void **state)
{
        struct rig *r = *state;
        struct seen s = { .cancel_at = 1, .close_api = true };
        unsigned never = 1;

        r->special = stream_bytes;
        watch(r, &s);
        (void)start(r, "GET", "/never");
        (void)fake_run(r->loop, is_done, &never, 300 * NS_PER_MS);
        assert_int_equal(s.lines, 1);
        buf_done(&s.text);
}

static void a_watch_that_is_refused_says_how(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        ACTS(r, ACT_401, ACT_TEXT_429);
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(s.began, 0);
        assert_int_equal(r->status, 429);
        assert_int_equal(r->retry_after_ns, NS_PER_S);
        assert_int_equal(fake_access.asked, 2);
        buf_done(&s.text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_request_says_who_asks_and_gets_its_object),
                TEST(a_write_names_its_manager_and_asks_for_warnings),
                TEST(reads_are_repeated_after_lost_answers_and_as_the_server_says),
                TEST(an_error_of_the_server_without_a_time_is_the_callers),
                TEST(a_post_is_never_sent_again_once_it_may_have_arrived),
                TEST(a_request_with_a_limit_ends_within_it),
                TEST(a_write_that_is_not_allowed_any_more_is_not_sent),
                TEST(attempts_are_counted_and_end),
                TEST(credentials_that_were_refused_are_replaced_once),
                TEST(without_credentials_nothing_is_sent_and_the_reason_is_told),
                TEST(a_request_may_wait_for_its_credentials_and_be_cancelled_meanwhile),
                TEST(a_cancelled_request_is_silent_wherever_it_is),
                TEST(what_is_urgent_goes_first_and_leases_wait_for_nobody),
                TEST(no_more_than_the_budget_and_32_at_once_are_sent),
                TEST(requests_are_counted),
                TEST(a_server_that_answers_nothing_is_known_to_be_away_until_it_does),
                TEST(a_list_comes_as_it_is_and_a_prefix_of_the_server_is_kept),
                TEST(a_warning_is_logged_once_per_text),
                TEST(a_watch_gives_lines_and_a_clean_end),
                TEST(a_watch_that_breaks_off_is_away),
                TEST(a_line_of_3_MiB_is_taken_and_a_longer_one_ends_the_watch),
                TEST(a_watch_may_be_cancelled_by_its_own_line),
                TEST(the_client_may_be_closed_by_a_line),
                TEST(a_watch_that_is_refused_says_how),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
