/* process.c - see process.h */
#include "process.h"

#include "verbs.h"

#include "base/clock.h"
#include "base/log.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define STOP_LIMIT_NS (4500 * NS_PER_MS)
#define LOG_FLUSH_NS (10 * NS_PER_S)

void process_prepare(void)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        struct rlimit files;

        /* Two descriptors a link; the soft limit of 1,024 is for users of select(). */
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        /* A malloc arena per thread costs memory that few threads do not repay. */
        (void)mallopt(M_ARENA_MAX, 2); /* NOLINT(concurrency-mt-unsafe): before any thread */
        (void)sigaction(SIGPIPE, &ignore, NULL);
#if !defined(__SANITIZE_ADDRESS__)
        /* The leak checker has to trace us. */
        (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* --- the end */

static void on_stop_limit(void *ctx)
{
        struct process *p = ctx;

        LOG(ERROR, p->forced, "something did not end in time; leaving it behind");
        log_flush(true);
        _exit(EXIT_FAILED);
}

/* Should even the loop hang, so that on_stop_limit() never comes. */
static void on_alarm(int number)
{
        (void)number;
        _exit(EXIT_FAILED);
}

static void limit_the_end(struct process *p)
{
        const struct sigaction alarm = { .sa_handler = on_alarm };
        const struct itimerval when = { .it_value = { .tv_sec = 4, .tv_usec = 900000 } };

        (void)sigaction(SIGALRM, &alarm, NULL);
        (void)setitimer(ITIMER_REAL, &when, NULL);
        loop_timer_start(&p->stop_limit, STOP_LIMIT_NS, LOOP_EXACT);
}

static void on_signal(void *ctx, int number)
{
        struct process *p = ctx;

        if (p->stopping)
                return;
        p->stopping = true;
        limit_the_end(p);
        LOG(INFO, p->begins, "ending", LOG_INT("signal", number));
        p->stop(p->ctx);
}

/* --- begin and done */

static void on_log_flush(void *ctx)
{
        struct process *p = ctx;

        log_flush(false);
        loop_timer_start(&p->log_flush, LOG_FLUSH_NS, 0);
}

int process_begin(struct process *p, struct loop *l, const char *verb, void (*stop)(void *ctx),
                  void *ctx, struct err *e)
{
        *p = (struct process){ .loop = l, .stop = stop, .ctx = ctx };
        (void)snprintf(p->begins, sizeof(p->begins), "%s.stopping", verb);
        (void)snprintf(p->forced, sizeof(p->forced), "%s.stop-forced", verb);
        loop_timer_init(&p->stop_limit, l, on_stop_limit, p);
        loop_timer_init(&p->log_flush, l, on_log_flush, p);
        loop_timer_start(&p->log_flush, LOG_FLUSH_NS, 0);
        int rc = loop_signal_start(&p->terminate, l, SIGTERM, on_signal, p, e);
        if (rc < 0)
                return rc;
        return loop_signal_start(&p->interrupt, l, SIGINT, on_signal, p, e);
}

void process_done(struct process *p)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };

        loop_timer_end(&p->stop_limit);
        loop_timer_end(&p->log_flush);
        loop_signal_end(&p->terminate);
        loop_signal_end(&p->interrupt);
        (void)sigaction(SIGTERM, &ignore, NULL);
        (void)sigaction(SIGINT, &ignore, NULL);
}
