/* host.c - loading a plugin, the host table, compiling. */
#include "contract/host_impl.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct contract_host host = { .lock = PTHREAD_MUTEX_INITIALIZER };

void violation(const char *format, ...)
{
        va_list ap;

        (void)pthread_mutex_lock(&host.lock);
        size_t at = strlen(host.violations);
        va_start(ap, format);
        (void)vsnprintf(host.violations + at, sizeof(host.violations) - at, format, ap);
        va_end(ap);
        at = strlen(host.violations);
        (void)snprintf(host.violations + at, sizeof(host.violations) - at, "\n");
        (void)pthread_mutex_unlock(&host.lock);
}

const char *host_violations(void)
{
        (void)pthread_mutex_lock(&host.lock);
        const char *text = host.violations;
        (void)pthread_mutex_unlock(&host.lock);
        return text;
}

void die(const char *what)
{
        (void)fprintf(stderr, "contract: %s\n", what);
        (void)fflush(NULL);
        _exit(1); /* other threads may be stuck */
}

/* --- the host table */

static void check_thread(const struct dl_sink *k, const char *call)
{
        if (!pthread_equal(pthread_self(), k->thread))
                violation("%s() from another thread than the plugin was called on", call);
}

static void host_log(struct dl_sink *k, int level, const char *text)
{
        if (k->closed)
                violation("log() after close()");
        if (level < 0 || level > 7 || !text)
                violation("log() with level %d", level);
}

static void host_state(struct dl_sink *k, int rc, const struct dl_error *e)
{
        if (k->closed)
                violation("state() after close()");
        if (rc > 0 || rc < DL_BUG || (rc < 0 && !e))
                violation("state() with %d", rc);
}

static void **host_local(struct dl_sink *k, enum dl_scope scope)
{
        check_thread(k, "local");
        return scope == DL_SCOPE_CHANNEL ? &host.channel_local : &host.thread_local_;
}

static int64_t host_now(struct dl_sink *k)
{
        check_thread(k, "now");
        return loop_now(host.loop);
}

static void watch_ready(void *ctx, unsigned events)
{
        struct dl_watch *w = ctx;

        w->ready(w->ctx, events);
}

static struct dl_watch *host_watch(struct dl_sink *k, int fd, unsigned events,
                                   void (*ready)(void *ctx, unsigned events), void *ctx)
{
        struct dl_watch *w = xcalloc(1, sizeof(*w));

        check_thread(k, "watch");
        if (k->closed)
                violation("watch() after close()");
        w->sink = k;
        w->ready = ready;
        w->ctx = ctx;
        if (loop_fd_start(&w->fd, host.loop, fd, events, watch_ready, w, NULL) < 0) {
                free(w);
                return NULL;
        }
        k->watches++;
        return w;
}

static void host_watch_set(struct dl_watch *w, unsigned events)
{
        check_thread(w->sink, "watch_set");
        loop_fd_set(&w->fd, events);
}

static void host_watch_end(struct dl_watch *w)
{
        check_thread(w->sink, "watch_end");
        w->sink->watches--;
        loop_fd_end(&w->fd);
        free(w);
}

static void timer_fired(void *ctx)
{
        struct dl_timer *t = ctx;

        t->fired(t->ctx);
}

static struct dl_timer *host_timer(struct dl_sink *k, void (*fired)(void *ctx), void *ctx)
{
        struct dl_timer *t = xcalloc(1, sizeof(*t));

        check_thread(k, "timer");
        if (k->closed)
                violation("timer() after close()");
        t->sink = k;
        t->fired = fired;
        t->ctx = ctx;
        loop_timer_init(&t->timer, host.loop, timer_fired, t);
        k->timers++;
        return t;
}

static void host_timer_set(struct dl_timer *t, int64_t after_ns)
{
        check_thread(t->sink, "timer_set");
        if (after_ns < 0)
                loop_timer_stop(&t->timer);
        else
                loop_timer_start(&t->timer, after_ns, 0);
}

static void host_timer_end(struct dl_timer *t)
{
        check_thread(t->sink, "timer_end");
        t->sink->timers--;
        loop_timer_end(&t->timer);
        free(t);
}

struct name_wait {
        struct name_wait *next;
        struct dl_sink *sink;
        struct resolve *request;
        void (*found)(void *ctx, const struct dl_address *, size_t n, const char *reason);
        void *ctx;
};

static void unlink_name(struct name_wait *w)
{
        struct name_wait **at = &w->sink->names;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
}

static void name_found(void *ctx, const struct resolve_address *a, size_t n, const char *reason)
{
        struct name_wait *w = ctx;
        struct dl_address list[RESOLVE_MAX];

        for (size_t i = 0; i < n; i++) {
                list[i] = (struct dl_address){ .size = sizeof(list[i]), .length = a[i].len };
                memcpy(list[i].bytes, &a[i].sa, a[i].len);
        }
        unlink_name(w);
        w->found(w->ctx, list, n, reason);
        free(w);
}

static void host_resolve(struct dl_sink *k, const char *name, uint16_t port,
                         void (*found)(void *ctx, const struct dl_address *, size_t n,
                                       const char *reason),
                         void *ctx)
{
        struct name_wait *w = xcalloc(1, sizeof(*w));

        check_thread(k, "resolve");
        if (k->closed)
                violation("resolve() after close()");
        *w = (struct name_wait){ .next = k->names, .sink = k, .found = found, .ctx = ctx };
        k->names = w;
        struct resolve *q = resolve_start(host.resolver, host.loop, name, port, name_found, w);
        if (q)
                w->request = q;
}

void cancel_names(struct dl_sink *k)
{
        while (k->names) {
                struct name_wait *w = k->names;

                k->names = w->next;
                resolve_cancel(w->request);
                free(w);
        }
}

static void host_done(struct dl_ticket *t, int rc, const struct dl_error *e)
{
        check_thread(&t->seat->sink, "done");
        ticket_done(t, rc, e);
}

static void no_put(struct dl_out *out, const char *s, size_t n)
{
        buf_add((struct buf *)out, s, n);
}

static void no_put_string(struct dl_out *out, const char *s, size_t n)
{
        buf_add_json((struct buf *)out, s, n);
}

static void no_put_value(struct dl_out *out, const struct dl_value *v, enum dl_encoding encoding)
{
        value_encode(v, encoding, (struct buf *)out);
}

static const struct dl_host table = {
        .size = sizeof(table),
        .emit = sink_emit,
        .wrote = sink_wrote,
        .state = host_state,
        .log = host_log,
        .local = host_local,
        .done = host_done,
        .now = host_now,
        .watch = host_watch,
        .watch_set = host_watch_set,
        .watch_end = host_watch_end,
        .timer = host_timer,
        .timer_set = host_timer_set,
        .timer_end = host_timer_end,
        .resolve = host_resolve,
        .random = random_u32,
        .put = no_put,
        .put_string = no_put_string,
        .put_value = no_put_value,
};

/* --- life */

const struct dl_adaptor *host_load(const char *path)
{
        void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        const struct dl_adaptor *(*entry)(const struct dl_host *) = NULL;
        static struct dl_adaptor complete;

        if (!object)
                die(dlerror());
        void *symbol = dlsym(object, "dl_adaptor_v1");
        if (!symbol)
                die("dl_adaptor_v1() is not exported");
        memcpy(&entry, &symbol, sizeof(entry));
        const struct dl_adaptor *a = entry(&table);
        if (!a || a->size < offsetof(struct dl_adaptor, check))
                die("dl_adaptor_v1() gives no table");
        memcpy(&complete, a, a->size < sizeof(complete) ? a->size : sizeof(complete));
        host.adaptor = &complete;
        return host.adaptor;
}

bool host_is_event_driven(void)
{
        return host.adaptor->begin_read != NULL;
}

void host_up(void)
{
        host.violations[0] = '\0';
        if (host_is_event_driven()) {
                host.reactor = loop_thread_start("reactor/0");
                host.loop = loop_thread_loop(host.reactor);
        } else {
                host.pool = worker_pool_new("worker", 2);
        }
        host.resolver = resolver_new();
}

void host_down(void)
{
        resolver_free(host.resolver);
        host.resolver = NULL;
        worker_pool_free(host.pool);
        host.pool = NULL;
        loop_thread_stop(host.reactor);
        host.reactor = NULL;
        while (host.dead) {
                struct dl_ticket *t = host.dead;

                host.dead = t->next;
                free(t);
        }
        if (host.channel_local || host.thread_local_)
                violation("what was put into local() is still there after the last close()");
        host.channel_local = NULL;
        host.thread_local_ = NULL;
}

/* --- compile */

static void report(void *ctx, enum dl_severity severity, const char *path, const char *text)
{
        struct reports *r = ctx;
        size_t at = strlen(r->paths);

        if (!path || !text || !text[0]) {
                violation("report() without path or text");
                return;
        }
        if (severity != DL_ERROR && severity != DL_WARNING)
                violation("report() with severity %d", (int)severity);
        if (severity != DL_ERROR) {
                r->warnings++;
                return;
        }
        if (r->errors++ == 0)
                (void)snprintf(r->first_path, sizeof(r->first_path), "%s", path);
        (void)snprintf(r->paths + at, sizeof(r->paths) - at, "%s\n", path);
}

int host_compile(const char *kind, const char *spec, size_t len, struct dl_device **ret,
                 struct dl_error *error, struct reports *reports)
{
        static char untouched;
        struct dl_device *before = (struct dl_device *)&untouched;
        auto_free char *copy = xmalloc(len + 1);
        auto_free struct dl_request *r = xcalloc(1, sizeof(*r));

        memcpy(copy, spec, len);
        copy[len] = '\0';
        memset(reports, 0, sizeof(*reports));
        memset(error, 0, sizeof(*error));
        r->size = sizeof(*r);
        r->api_version = "devices.edge.cattle.io/v1alpha1";
        r->kind = kind;
        r->space = "default";
        r->name = "contract";
        r->spec = copy;
        r->spec_len = len;
        r->report = report;
        r->report_ctx = reports;
        *ret = before;
        int rc = host.adaptor->compile(r, ret, error);
        if (rc > 0 || rc < DL_BUG)
                violation("compile() gives %d", rc);
        if (rc < 0 && *ret != before)
                violation("compile() failed and gave a device all the same");
        if (rc == 0 && (*ret == before || !*ret))
                violation("compile() succeeded without a device");
        if (rc < 0 && !memchr(error->text, '\0', sizeof(error->text)))
                violation("compile() gives an error text without an end");
        if (rc < 0)
                *ret = NULL;
        return rc;
}
