/* run.c - the verb `agent`: wiring of the rooms, signals, the end. */
#include "agent_options.h"
#include "paths.h"
#include "state_dir.h"
#include "verbs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/folder.h"
#include "link/links.h"
#include "publish/publish.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

enum { STATUS_BYTES_MAX = 8 * 1024 * 1024 };

/* SIGTERM to exit takes at most 5 s: links get theirs first, then sessions, then nobody. */
#define PUBLISH_STOP_NS (2 * NS_PER_S)
#define STOP_LIMIT_NS (4500 * NS_PER_MS)
#define LOG_FLUSH_NS (10 * NS_PER_S)

struct agent {
        struct agent_options options;
        char host[256];
        struct loop *loop;
        struct resolver *resolver;
        struct adaptors *adaptors;
        struct links *links;
        struct publisher *publisher;
        struct folder *folder;
        struct loop_signal terminate, interrupt;
        struct loop_timer stop_limit, log_flush;
        struct buf document;
        struct findings reported; /* the findings that were logged last time */
        bool stopping;
};

/* --- hooks: one room's output to the next room's input */

static void on_status(void *ctx, const struct link_spec *spec, const struct device *device,
                      const struct states *states)
{
        struct agent *a = ctx;

        buf_clear(&a->document);
        device_status(device, states, &a->document);
        if (!buf_ok(&a->document)) {
                LOG(ERROR, "agent.status-too-large",
                    "status document passes its maximum, not published", LOG_STR("link", spec->key),
                    LOG_INT("max_bytes", STATUS_BYTES_MAX));
                return;
        }
        publish_status(a->publisher, spec->key, buf_text(&a->document), a->document.len);
}

static void on_publish_state(void *ctx, const struct link_spec *spec, int rc, const char *text)
{
        (void)ctx;
        if (rc == DL_OK)
                LOG(INFO, "publish.connected", text, LOG_STR("link", spec->key));
        else
                LOG(WARNING, rc == DL_CONFIG ? "publish.refused" : "publish.away", text,
                    LOG_STR("link", spec->key));
}

static bool finding_known(const struct findings *known, const struct finding *f)
{
        for (size_t i = 0; i < known->n; i++) {
                const struct finding *k = &known->list[i];
                if (strcmp(k->text, f->text) == 0 && strcmp(k->path, f->path) == 0 &&
                    strcmp(k->file ? k->file : "", f->file ? f->file : "") == 0)
                        return true;
        }
        return false;
}

/* Log what is new, and remember all. */
static void report_findings(struct agent *a, const struct findings *all)
{
        struct findings now = { 0 };

        for (size_t i = 0; i < all->n; i++) {
                const struct finding *f = &all->list[i];
                now.file = f->file;
                findings_add(&now, f->severity, f->line, f->path, "%s", f->text);
                if (finding_known(&a->reported, f))
                        continue;
                if (f->severity == FINDING_ERROR)
                        LOG(ERROR, "manifest.wrong", f->text, LOG_STR("file", f->file),
                            LOG_INT("line", f->line), LOG_STR("path", f->path));
                else
                        LOG(WARNING, "manifest.warning", f->text, LOG_STR("file", f->file),
                            LOG_INT("line", f->line), LOG_STR("path", f->path));
        }
        findings_done(&a->reported);
        a->reported = now;
        a->reported.file = NULL;
}

static void on_desired(void *ctx, const struct desired *desired, const struct findings *findings)
{
        struct agent *a = ctx;

        if (a->stopping)
                return;
        report_findings(a, findings);
        LOG(INFO, "agent.desired", "desired set read", LOG_INT("links", desired->n),
            LOG_INT("errors", findings->errors));
        /* Sessions first, so that the first status of a link finds its session. */
        publish_apply(a->publisher, desired);
        links_apply(a->links, desired);
        /* Reading manifests takes many times the memory of what stays. */
        (void)malloc_trim(0);
}

/* --- the end */

static void on_publish_stopped(void *ctx)
{
        struct agent *a = ctx;

        loop_stop(a->loop);
}

static void on_links_stopped(void *ctx)
{
        struct agent *a = ctx;

        publish_stop(a->publisher, PUBLISH_STOP_NS, on_publish_stopped, a);
}

static void on_stop_limit(void *ctx)
{
        (void)ctx;
        LOG(ERROR, "agent.stop-forced", "something did not end in time; leaving it behind");
        log_flush(true);
        _exit(EXIT_FAILED);
}

/* Should even the loop hang, so that on_stop_limit() never comes. */
static void on_alarm(int number)
{
        (void)number;
        _exit(EXIT_FAILED);
}

static void limit_the_end(void)
{
        const struct sigaction alarm = { .sa_handler = on_alarm };
        const struct itimerval when = { .it_value = { .tv_sec = 4, .tv_usec = 900000 } };

        (void)sigaction(SIGALRM, &alarm, NULL);
        (void)setitimer(ITIMER_REAL, &when, NULL);
}

static void on_signal(void *ctx, int number)
{
        struct agent *a = ctx;

        if (a->stopping)
                return;
        a->stopping = true;
        limit_the_end();
        LOG(INFO, "agent.stopping", "ending", LOG_INT("signal", number));
        loop_timer_start(&a->stop_limit, STOP_LIMIT_NS, LOOP_EXACT);
        folder_close(a->folder);
        a->folder = NULL;
        links_stop(a->links, on_links_stopped, a);
}

static void on_log_flush(void *ctx)
{
        struct agent *a = ctx;

        log_flush(false);
        loop_timer_start(&a->log_flush, LOG_FLUSH_NS, 0);
}

/* --- the beginning */

static void load_adaptors(struct agent *a)
{
        struct findings f = { 0 };

        a->adaptors = adaptors_load(a->options.adaptors, &f);
        for (size_t i = 0; i < f.n; i++)
                LOG(ERROR, "adaptor.refused", f.list[i].text, LOG_STR("file", f.list[i].file));
        findings_done(&f);
        for (size_t i = 0; i < adaptors_count(a->adaptors); i++) {
                const struct dl_adaptor *ad = adaptors_at(a->adaptors, i);
                LOG(INFO, "adaptor.loaded", "adaptor loaded", LOG_STR("adaptor", ad->name),
                    LOG_STR("version", ad->version));
        }
}

/* First of all: a signal that comes while the rest begins is taken when the loop runs. */
static int start_loop(struct agent *a, struct err *e)
{
        a->loop = loop_new("main");
        loop_timer_init(&a->stop_limit, a->loop, on_stop_limit, a);
        loop_timer_init(&a->log_flush, a->loop, on_log_flush, a);
        loop_timer_start(&a->log_flush, LOG_FLUSH_NS, 0);
        int rc = loop_signal_start(&a->terminate, a->loop, SIGTERM, on_signal, a, e);
        if (rc < 0)
                return rc;
        return loop_signal_start(&a->interrupt, a->loop, SIGINT, on_signal, a, e);
}

static int start(struct agent *a, struct err *e)
{
        int rc = start_loop(a, e);

        if (rc < 0)
                return rc;
        a->resolver = resolver_new();
        load_adaptors(a);

        struct publish_config publish = {
                .loop = a->loop,
                .resolver = a->resolver,
                .node = a->options.node ? a->options.node : a->host,
                .hooks = { .ctx = a, .state = on_publish_state },
        };
        a->publisher = publish_new(&publish);

        struct links_config links = {
                .loop = a->loop,
                .adaptors = a->adaptors,
                .resolver = a->resolver,
                .hooks = { .ctx = a, .status = on_status },
        };
        a->links = links_new(&links);

        struct folder_config folder = {
                .loop = a->loop,
                .dir = a->options.manifests,
                .node = a->options.node,
                .host = a->options.node ? a->options.node : a->host,
                .ctx = a,
                .changed = on_desired,
        };
        return folder_open(&folder, &a->folder, e);
}

/* Whoever asks twice gets the same answer. */
static void ignore_signals(void)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };

        (void)sigaction(SIGTERM, &ignore, NULL);
        (void)sigaction(SIGINT, &ignore, NULL);
}

static void finish(struct agent *a)
{
        folder_close(a->folder);
        links_free(a->links);
        publish_free(a->publisher);
        loop_timer_end(&a->stop_limit);
        loop_timer_end(&a->log_flush);
        loop_signal_end(&a->terminate);
        loop_signal_end(&a->interrupt);
        ignore_signals();
        resolver_free(a->resolver);
        adaptors_free(a->adaptors);
        loop_free(a->loop);
        buf_done(&a->document);
        findings_done(&a->reported);
        log_flush(true);
}

static void prepare_process(void)
{
        struct rlimit files;

        /* Two descriptors a link; the soft limit of 1,024 is for users of select(). */
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        /* A malloc arena per thread costs memory that few threads do not repay. */
        (void)mallopt(M_ARENA_MAX, 2); /* NOLINT(concurrency-mt-unsafe): before any thread */
        struct sigaction ignore = { .sa_handler = SIG_IGN };
        (void)sigaction(SIGPIPE, &ignore, NULL);
#if !defined(__SANITIZE_ADDRESS__)
        /* Credentials are in memory: no core files.  (The leak checker has to trace us.) */
        (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int fail(const struct err *e)
{
        (void)fprintf(stderr, "devicelink agent: %s\n", e->text);
        return EXIT_FAILED;
}

int verb_agent(int argc, char **argv)
{
        struct agent a = { .document = BUF(STATUS_BYTES_MAX) };
        struct err e = { 0 };
        auto_free char *adaptors = paths_adaptors();
        auto_close int lock = -1;
        const char *node = secure_getenv("NODE_NAME");

        agent_options_init(&a.options);
        a.options.adaptors = adaptors;
        a.options.node = node && node[0] != '\0' ? node : NULL;
        int code = agent_options_parse(argc, argv, &a.options);
        if (code >= 0)
                return code;

        auto_free char *missing = paths_missing(a.options.adaptors);
        if (missing) {
                (void)err_set(&e, DL_CONFIG, "adaptor directory %s", missing);
                return fail(&e);
        }
        auto_free char *state = a.options.state ? NULL : state_dir_default();
        if (state)
                a.options.state = state;
        if (state_dir_lock(a.options.state, &lock, &e) < 0)
                return fail(&e);

        log_setup(STDERR_FILENO, a.options.level, a.options.format);
        prepare_process();
        if (gethostname(a.host, sizeof(a.host) - 1) < 0)
                a.host[0] = '\0';

        LOG(INFO, "agent.start", "devicelink " DEVICELINK_VERSION,
            LOG_STR("manifests", a.options.manifests), LOG_STR("node", a.options.node));
        int rc = start(&a, &e);
        if (rc == 0)
                loop_run(a.loop);
        finish(&a);
        if (rc < 0)
                return fail(&e);
        LOG(INFO, "agent.stopped", "ended");
        return EXIT_OK;
}
