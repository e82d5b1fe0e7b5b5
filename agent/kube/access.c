/* access.c - who we are, kept fresh.
 *
 * Files are read and plugins run by one worker; at most one reading and one run are under way.
 * While there is something good to use, nobody waits for them. */
#include "kube/access_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>
#include <sys/eventfd.h>

/* Once a minute at the latest, the reading included (reference A1 2). */
#define REFRESH_NS (50 * NS_PER_S)
#define EXPIRY_LEEWAY_NS (10 * NS_PER_S)
/* A plugin that failed is not asked again at once: all who wait get its error. */
#define EXEC_PAUSE_NS (5 * NS_PER_S)

enum job_kind { JOB_READ, JOB_EXEC, JOB_KINDS };

struct job {
        struct worker_job work;
        struct loop_message message;
        struct kube_access *access; /* the loop's; NULL: closed */
        struct loop *loop;
        const struct access_spec *spec;
        enum job_kind kind;
        int stop_fd;
        int64_t began_ns;
        struct access_files files;
        struct access_grant grant;
        struct err e;
};

struct kube_access_wait {
        struct kube_access_wait *next;
        struct kube_access_wait **at; /* what points here */
        void (*ready)(void *ctx, const char *value, const struct err *e);
        void *ctx;
};

struct kube_access {
        struct kube_access_config config;
        struct access_spec spec;
        struct access_files files;
        struct access_grant grant;
        char *authorization; /* NULL: none */
        int64_t read_ns;     /* when what is in use was read or asked for, monotonic */
        bool stale;          /* it was refused, or there is none yet */
        int64_t failed_ns;   /* of the plugin, monotonic; 0 = it did not */
        struct err failure;
        bool token_is_bad; /* and it was said */
        bool tls_is_bad;
        struct worker_pool *pool;
        struct job *jobs[JOB_KINDS];
        struct kube_access_wait *waits;
        struct loop_timer refresh;
        int stop_fd;
        bool *gone; /* set when closed within a callback */
};

/* --- jobs */

static void job_free(struct job *j)
{
        access_files_done(&j->files);
        access_grant_done(&j->grant);
        free(j);
}

static void on_result(struct loop_message *m, bool cancelled);

static void run_job(struct worker_job *w, bool cancelled)
{
        struct job *j = (struct job *)w;

        if (cancelled) { /* by kube_access_close() */
                j->access->jobs[j->kind] = NULL;
                job_free(j);
                return;
        }
        if (j->kind == JOB_READ)
                access_files_read(j->spec, &j->files);
        else
                (void)access_exec_run(j->spec->exec, j->stop_fd, &j->grant, &j->e);
        loop_post(j->loop, &j->message);
}

static void start_job(struct kube_access *a, enum job_kind kind)
{
        if (a->jobs[kind])
                return;
        struct job *j = xcalloc(1, sizeof(*j));
        j->work.run = run_job;
        j->message.deliver = on_result;
        j->access = a;
        j->loop = a->config.loop;
        j->spec = &a->spec;
        j->kind = kind;
        j->stop_fd = a->stop_fd;
        j->began_ns = clock_mono_ns();
        a->jobs[kind] = j;
        worker_submit(a->pool, &j->work);
}

/* --- what came back */

static void set_authorization(struct kube_access *a, const char *token)
{
        access_wipe(a->authorization);
        a->authorization = token ? xjoin("Bearer ", token, "") : NULL;
}

static void move_text(char **to, char **from)
{
        access_wipe(*to);
        *to = steal(from);
}

/* Said when it begins and when it ends, not each minute. */
static void say(bool *is_bad, const struct err *e, const char *what)
{
        if (e->rc < 0 && !*is_bad)
                LOG(WARNING, "kube.access", "cannot be read anew, the last one is used",
                    LOG_STR("what", what), LOG_STR("error", e->text));
        else if (e->rc == 0 && *is_bad)
                LOG(INFO, "kube.access", "can be read again", LOG_STR("what", what));
        *is_bad = e->rc < 0;
}

/* Whether the certificates are others now. */
static bool take_files(struct kube_access *a, struct job *j)
{
        struct access_files *now = &a->files;
        struct access_files *new = &j->files;

        say(&a->token_is_bad, &new->token_error, "token");
        if (new->token_error.rc == 0 && !access_same(now->token, new->token)) {
                set_authorization(a, new->token);
                move_text(&now->token, &new->token);
        }
        a->read_ns = j->began_ns;
        a->stale = false;
        say(&a->tls_is_bad, &new->tls_error, "certificates");
        if (new->tls_error.rc < 0 ||
            (access_same(now->ca, new->ca) && access_same(now->certificate, new->certificate) &&
             access_same(now->key, new->key)))
                return false;
        move_text(&now->ca, &new->ca);
        move_text(&now->certificate, &new->certificate);
        move_text(&now->key, &new->key);
        return true;
}

static bool take_grant(struct kube_access *a, struct job *j)
{
        struct access_grant *now = &a->grant;

        if (j->e.rc < 0) {
                LOG(WARNING, "kube.access", "no credentials", LOG_STR("error", j->e.text));
                a->failure = j->e;
                a->failed_ns = clock_mono_ns();
                return false;
        }
        bool other = !access_same(now->certificate, j->grant.certificate) ||
                     !access_same(now->key, j->grant.key);
        access_grant_done(now);
        *now = j->grant;
        j->grant = (struct access_grant){ 0 };
        set_authorization(a, now->token);
        a->read_ns = j->began_ns;
        a->stale = false;
        a->failed_ns = 0;
        return other;
}

/* A plugin whose credentials are over when they come (the clocks differ) is not asked for each
 * request. */
static bool is_usable(const struct kube_access *a)
{
        if (a->stale)
                return false;
        return !a->spec.exec || clock_wall_ns() < a->grant.expires_wall_ns - EXPIRY_LEEWAY_NS ||
               clock_mono_ns() - a->read_ns < EXEC_PAUSE_NS;
}

static void wait_end(struct kube_access_wait *w)
{
        *w->at = w->next;
        if (w->next)
                w->next->at = w->at;
        free(w);
}

/* Those who waited when it came; ready() may ask for more, cancel others, or close everything. */
static void answer_waits(struct kube_access *a, const struct err *e)
{
        struct kube_access_wait *list = steal(&a->waits);
        auto_free bool *gone = xcalloc(1, sizeof(*gone)); /* not on the stack: a keeps it */

        if (list)
                list->at = &list;
        a->gone = gone;
        while (list) {
                void (*ready)(void *, const char *, const struct err *) = list->ready;
                void *ctx = list->ctx;

                wait_end(list);
                if (!*gone)
                        ready(ctx, e ? NULL : a->authorization, e);
        }
        if (!*gone)
                a->gone = NULL;
}

static void on_result(struct loop_message *m, bool cancelled)
{
        struct job *j = (struct job *)((char *)m - offsetof(struct job, message));
        struct kube_access *a = j->access;
        bool gone = false;

        if (cancelled || !a) {
                if (a)
                        a->jobs[j->kind] = NULL;
                job_free(j);
                return;
        }
        a->jobs[j->kind] = NULL;
        bool changed = j->kind == JOB_READ ? take_files(a, j) : take_grant(a, j);
        bool waited_for = j->kind == JOB_EXEC || !a->spec.exec;
        job_free(j);
        a->gone = &gone;
        if (changed && a->config.changed)
                a->config.changed(a->config.ctx);
        if (gone)
                return;
        a->gone = NULL;
        struct err failure = a->failure;
        if (waited_for)
                answer_waits(a, is_usable(a) ? NULL : &failure);
}

/* --- open and close */

static bool has_files(const struct access_spec *s)
{
        return s->token_path || s->ca.path || s->certificate.path || s->key.path;
}

static void on_refresh(void *ctx)
{
        struct kube_access *a = ctx;

        loop_timer_start(&a->refresh, REFRESH_NS, 0);
        start_job(a, JOB_READ);
}

/* With a token beside its file, the file only has to be there later. */
static int first_reading(struct kube_access *a, struct err *e)
{
        struct access_files *f = &a->files;

        a->read_ns = clock_mono_ns();
        access_files_read(&a->spec, f);
        if (f->token_error.rc < 0 && a->spec.token) {
                say(&a->token_is_bad, &f->token_error, "token");
                f->token = xstrdup(a->spec.token);
        } else if (f->token_error.rc < 0) {
                *e = f->token_error;
        }
        if (f->tls_error.rc < 0)
                *e = f->tls_error;
        if (f->tls_error.rc < 0 || !(f->token || f->token_error.rc == 0))
                return err_wrap(e, "%s", a->spec.source);
        set_authorization(a, f->token);
        return 0;
}

static void set_basic(struct kube_access *a)
{
        auto_free char *pair = xjoin(a->spec.user, ":", a->spec.password);
        size_t n = strlen(pair);
        struct buf b = BUF(2 * n + 64); /* in one piece, for no copy to stay behind */

        b.data = xmalloc(2 * n + 65);
        b.cap = 2 * n + 65;
        buf_adds(&b, "Basic ");
        buf_add_base64(&b, pair, n);
        explicit_bzero(pair, n);
        a->authorization = buf_take(&b, NULL);
}

int kube_access_open(const struct kube_access_config *c, struct kube_access **ret, struct err *e)
{
        struct access_spec spec = { 0 };
        int rc = access_find(c, &spec, e);

        if (rc < 0)
                return rc;
        struct kube_access *a = xcalloc(1, sizeof(*a));
        a->config = *c;
        a->spec = spec;
        a->stop_fd = eventfd(0, EFD_CLOEXEC);
        a->pool = worker_pool_new("access", 1);
        loop_timer_init(&a->refresh, c->loop, on_refresh, a);
        rc = a->stop_fd < 0 ? err_set(e, DL_RETRY, "eventfd: %m") : first_reading(a, e);
        if (rc < 0) {
                kube_access_close(a);
                return rc;
        }
        if (spec.user)
                set_basic(a);
        a->stale = spec.exec != NULL;
        if (has_files(&spec))
                loop_timer_start(&a->refresh, REFRESH_NS, 0);
        *ret = a;
        return 0;
}

void kube_access_close(struct kube_access *a)
{
        const uint64_t one = 1;

        if (!a)
                return;
        if (a->gone)
                *a->gone = true;
        loop_timer_end(&a->refresh);
        if (a->stop_fd >= 0 && write(a->stop_fd, &one, sizeof(one)) != sizeof(one))
                LOG(ERROR, "kube.access", "cannot stop the plugin; it has its time limit");
        worker_pool_free(a->pool);
        for (int kind = 0; kind < JOB_KINDS; kind++) {
                if (a->jobs[kind]) /* its result is on its way to the loop */
                        a->jobs[kind]->access = NULL;
        }
        while (a->waits)
                wait_end(a->waits);
        if (a->stop_fd >= 0)
                (void)close(a->stop_fd);
        access_wipe(a->authorization);
        access_files_done(&a->files);
        access_grant_done(&a->grant);
        access_spec_done(&a->spec);
        free(a);
}

/* --- */

const char *kube_access_server(const struct kube_access *a)
{
        return a->spec.server;
}

const char *kube_access_space(const struct kube_access *a)
{
        return a->spec.space;
}

const char *kube_access_proxy(const struct kube_access *a)
{
        return a->spec.proxy;
}

const char *kube_access_source(const struct kube_access *a)
{
        return a->spec.source;
}

void kube_access_tls(const struct kube_access *a, struct http_tls *ret)
{
        bool granted = a->grant.certificate != NULL;

        *ret = (struct http_tls){
                .ca_pem = a->files.ca,
                .certificate_pem = granted ? a->grant.certificate : a->files.certificate,
                .key_pem = granted ? a->grant.key : a->files.key,
                .server_name = a->spec.server_name,
                .insecure = a->spec.insecure,
        };
}

static bool failed_just_now(const struct kube_access *a)
{
        return a->failed_ns && clock_mono_ns() - a->failed_ns < EXEC_PAUSE_NS;
}

struct kube_access_wait *
kube_access_authorize(struct kube_access *a,
                      void (*ready)(void *ctx, const char *value, const struct err *e), void *ctx)
{
        if (is_usable(a)) {
                ready(ctx, a->authorization, NULL);
                return NULL;
        }
        if (failed_just_now(a)) {
                struct err failure = a->failure;

                ready(ctx, NULL, &failure);
                return NULL;
        }
        struct kube_access_wait *w = xcalloc(1, sizeof(*w));
        w->ready = ready;
        w->ctx = ctx;
        w->next = a->waits;
        w->at = &a->waits;
        if (w->next)
                w->next->at = &w->next;
        a->waits = w;
        start_job(a, a->spec.exec ? JOB_EXEC : JOB_READ);
        return w;
}

void kube_access_cancel(struct kube_access_wait *w)
{
        if (w)
                wait_end(w);
}

void kube_access_refused(struct kube_access *a, int64_t sent_ns)
{
        if ((a->spec.exec || a->spec.token_path) && a->read_ns < sent_ns)
                a->stale = true;
}
