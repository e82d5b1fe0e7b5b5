/* worker.c - threads: a pool that runs blocking jobs, and a thread that runs a loop. */
#include "loop/worker.h"

#include "base/log.h"
#include "base/mem.h"
#include "loop/impl.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct worker_pool {
        pthread_mutex_t lock;
        pthread_cond_t work;
        struct worker_job *first;
        struct worker_job **last;
        size_t waiting; /* jobs */
        unsigned idle;  /* threads */
        unsigned max;
        unsigned n;
        bool ending;
        char name[13];
        pthread_t threads[];
};

struct starting {
        void *(*run)(void *ctx);
        void *ctx;
        char name[16];
};

static void *named(void *ctx)
{
        struct starting s = *(struct starting *)ctx;

        free(ctx);
        (void)pthread_setname_np(pthread_self(), s.name);
        return s.run(s.ctx);
}

int loop_thread_make(pthread_t *ret, const char *name, void *(*run)(void *ctx), void *ctx)
{
        static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
        struct starting *s = xcalloc(1, sizeof(*s));
        sigset_t all;
        sigset_t old;

        s->run = run;
        s->ctx = ctx;
        (void)snprintf(s->name, sizeof(s->name), "%s", name);
        (void)sigfillset(&all);
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                (void)sigdelset(&all, faults[i]);
        (void)pthread_sigmask(SIG_SETMASK, &all, &old);
        int rc = pthread_create(ret, NULL, named, s);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (rc)
                free(s);
        return rc;
}

static void *pool_run(void *ctx)
{
        struct worker_pool *p = ctx;

        (void)pthread_mutex_lock(&p->lock);
        while (!p->ending) {
                struct worker_job *j = p->first;

                if (!j) {
                        p->idle++;
                        (void)pthread_cond_wait(&p->work, &p->lock);
                        p->idle--;
                        continue;
                }
                p->first = j->next;
                if (!p->first)
                        p->last = &p->first;
                p->waiting--;
                (void)pthread_mutex_unlock(&p->lock);
                j->run(j, false);
                (void)pthread_mutex_lock(&p->lock);
        }
        (void)pthread_mutex_unlock(&p->lock);
        return NULL;
}

struct worker_pool *worker_pool_new(const char *name, unsigned max)
{
        struct worker_pool *p = xcalloc(1, sizeof(*p) + max * sizeof(pthread_t));

        (void)pthread_mutex_init(&p->lock, NULL);
        (void)pthread_cond_init(&p->work, NULL);
        p->last = &p->first;
        p->max = max;
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        return p;
}

/* Fewer threads than wanted are bearable, none is not. */
static void add_thread(struct worker_pool *p)
{
        char name[sizeof(p->name) + 12];

        (void)snprintf(name, sizeof(name), "%s/%u", p->name, p->n);
        int rc = loop_thread_make(&p->threads[p->n], name, pool_run, p);
        if (rc == 0) {
                p->n++;
                return;
        }
        LOG(ERROR, "loop.thread", "cannot start a thread", LOG_STR("thread", name),
            LOG_INT("errno", rc));
        if (p->n == 0)
                abort();
}

void worker_submit(struct worker_pool *p, struct worker_job *j)
{
        (void)pthread_mutex_lock(&p->lock);
        j->next = NULL;
        *p->last = j;
        p->last = &j->next;
        p->waiting++;
        if (p->waiting > p->idle && p->n < p->max)
                add_thread(p);
        (void)pthread_cond_signal(&p->work);
        (void)pthread_mutex_unlock(&p->lock);
}

void worker_pool_free(struct worker_pool *p)
{
        if (!p)
                return;
        (void)pthread_mutex_lock(&p->lock);
        struct worker_job *j = p->first;
        p->first = NULL;
        p->last = &p->first;
        p->waiting = 0;
        p->ending = true;
        (void)pthread_cond_broadcast(&p->work);
        (void)pthread_mutex_unlock(&p->lock);

        while (j) {
                struct worker_job *next = j->next;

                j->run(j, true);
                j = next;
        }
        for (unsigned i = 0; i < p->n; i++)
                (void)pthread_join(p->threads[i], NULL);
        (void)pthread_cond_destroy(&p->work);
        (void)pthread_mutex_destroy(&p->lock);
        free(p);
}

unsigned worker_pool_threads(struct worker_pool *p)
{
        (void)pthread_mutex_lock(&p->lock);
        unsigned n = p->n;
        (void)pthread_mutex_unlock(&p->lock);
        return n;
}

/* --- a thread with a loop */

struct loop_thread {
        pthread_t thread;
        struct loop *loop;
};

static void *thread_run(void *ctx)
{
        loop_run(ctx);
        return NULL;
}

struct loop_thread *loop_thread_start(const char *name)
{
        struct loop_thread *t = xcalloc(1, sizeof(*t));

        t->loop = loop_new(name);
        int rc = loop_thread_make(&t->thread, name, thread_run, t->loop);
        if (rc) {
                LOG(ERROR, "loop.thread", "cannot start a thread", LOG_STR("thread", name),
                    LOG_INT("errno", rc));
                abort();
        }
        return t;
}

struct loop *loop_thread_loop(struct loop_thread *t)
{
        return t->loop;
}

void loop_thread_stop(struct loop_thread *t)
{
        if (!t)
                return;
        loop_stop(t->loop);
        (void)pthread_join(t->thread, NULL);
        loop_free(t->loop);
        free(t);
}
