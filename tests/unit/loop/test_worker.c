/* Pools run every job once and never grow beyond their size; threads are named and take no signals.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/worker.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct job {
        struct worker_job job; /* first */
        int *order;
        atomic_int *runs;
        atomic_int *cancels;
        sem_t *started;
        sem_t *go_on;
        char *thread_name;
        sigset_t *mask;
        int number;
};

static void run(struct worker_job *w, bool cancelled)
{
        struct job *j = (struct job *)w;

        if (cancelled) {
                atomic_fetch_add(j->cancels, 1);
                return;
        }
        int nth = atomic_fetch_add(j->runs, 1);
        if (j->order)
                j->order[nth] = j->number;
        if (j->thread_name)
                (void)pthread_getname_np(pthread_self(), j->thread_name, 16);
        if (j->mask)
                (void)pthread_sigmask(SIG_BLOCK, NULL, j->mask);
        if (j->started)
                (void)sem_post(j->started);
        if (j->go_on)
                (void)sem_wait(j->go_on);
}

static void wait_for(atomic_int *what, int n)
{
        const struct timespec moment = { .tv_nsec = NS_PER_MS };

        for (int i = 0; i < 10000 && atomic_load(what) != n; i++)
                (void)nanosleep(&moment, NULL);
        assert_int_equal(atomic_load(what), n);
}

static void every_job_runs_once(void **state)
{
        enum { N = 2000 };
        struct worker_pool *p = worker_pool_new("test", 4);
        struct job *j = xcalloc(N, sizeof(*j));
        atomic_int runs = 0;
        atomic_int cancels = 0;

        (void)state;
        assert_int_equal(worker_pool_threads(p), 0);
        for (int i = 0; i < N; i++) {
                j[i] = (struct job){ .job.run = run, .runs = &runs, .cancels = &cancels };
                worker_submit(p, &j[i].job);
        }
        wait_for(&runs, N);
        assert_in_range(worker_pool_threads(p), 1, 4);
        worker_pool_free(p);
        assert_int_equal(atomic_load(&runs), N);
        assert_int_equal(atomic_load(&cancels), 0);
        free(j);
        worker_pool_free(NULL);
}

static void one_thread_keeps_the_order(void **state)
{
        enum { N = 100 };
        struct worker_pool *p = worker_pool_new("test", 1);
        struct job j[N];
        int order[N];
        atomic_int runs = 0;

        (void)state;
        for (int i = 0; i < N; i++) {
                j[i] = (struct job){ .job.run = run, .runs = &runs, .order = order, .number = i };
                worker_submit(p, &j[i].job);
        }
        wait_for(&runs, N);
        worker_pool_free(p);
        for (int i = 0; i < N; i++)
                assert_int_equal(order[i], i);
}

static void blocked_jobs_do_not_hold_up_others_while_there_are_threads(void **state)
{
        struct worker_pool *p = worker_pool_new("test", 3);
        atomic_int runs = 0;
        atomic_int cancels = 0;
        sem_t go_on;
        struct job j[4];

        (void)state;
        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        for (int i = 0; i < 4; i++)
                j[i] = (struct job){
                        .job.run = run, .runs = &runs, .cancels = &cancels, .go_on = &go_on
                };
        for (int i = 0; i < 4; i++)
                worker_submit(p, &j[i].job);
        wait_for(&runs, 3);
        assert_int_equal(worker_pool_threads(p), 3);
        for (int i = 0; i < 4; i++)
                assert_int_equal(sem_post(&go_on), 0);
        wait_for(&runs, 4);
        worker_pool_free(p);
        assert_int_equal(sem_destroy(&go_on), 0);
}

static void what_waits_at_the_end_is_cancelled_and_what_runs_is_awaited(void **state)
{
        struct worker_pool *p = worker_pool_new("test", 1);
        atomic_int runs = 0;
        atomic_int cancels = 0;
        sem_t started;
        sem_t go_on;
        struct job j[6];

        (void)state;
        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        assert_int_equal(sem_init(&started, 0, 0), 0);
        for (int i = 0; i < 6; i++)
                j[i] = (struct job){ .job.run = run, .runs = &runs, .cancels = &cancels };
        j[0].started = &started;
        j[0].go_on = &go_on;
        for (int i = 0; i < 6; i++)
                worker_submit(p, &j[i].job);
        assert_int_equal(sem_wait(&started), 0);
        assert_int_equal(sem_post(&go_on), 0);
        worker_pool_free(p);
        assert_int_equal(atomic_load(&runs) + atomic_load(&cancels), 6);
        assert_in_range(atomic_load(&runs), 1, 6);
        assert_int_equal(sem_destroy(&go_on), 0);
        assert_int_equal(sem_destroy(&started), 0);
}

static void assert_masked(const sigset_t *mask)
{
        static const int blocked[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD };

        for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
                assert_int_equal(sigismember(mask, blocked[i]), 1);
        assert_int_equal(sigismember(mask, SIGSEGV), 0);
}

static void pool_threads_have_a_name_and_no_signals(void **state)
{
        struct worker_pool *p = worker_pool_new("a-very-long-name", 1);
        atomic_int runs = 0;
        char name[16] = "";
        sigset_t mask;
        struct job j = { .job.run = run, .runs = &runs, .thread_name = name, .mask = &mask };

        (void)state;
        worker_submit(p, &j.job);
        wait_for(&runs, 1);
        worker_pool_free(p);
        assert_string_equal(name, "a-very-long-/0");
        assert_masked(&mask);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
        assert_int_equal(sigismember(&mask, SIGTERM), 0); /* ours is as it was */
}

struct look {
        struct loop_message message; /* first */
        char name[16];
        sigset_t mask;
        pthread_t self;
        sem_t done;
};

static void look_around(struct loop_message *m, bool cancelled)
{
        struct look *k = (struct look *)m;

        assert_false(cancelled);
        k->self = pthread_self();
        (void)pthread_getname_np(k->self, k->name, sizeof(k->name));
        (void)pthread_sigmask(SIG_BLOCK, NULL, &k->mask);
        (void)sem_post(&k->done);
}

static void a_loop_thread_runs_its_loop_under_its_name(void **state)
{
        struct loop_thread *t = loop_thread_start("reactor/0");
        struct look k = { .message.deliver = look_around };

        (void)state;
        assert_int_equal(sem_init(&k.done, 0, 0), 0);
        loop_post(loop_thread_loop(t), &k.message);
        assert_int_equal(sem_wait(&k.done), 0);
        assert_string_equal(k.name, "reactor/0");
        assert_masked(&k.mask);
        assert_false(pthread_equal(k.self, pthread_self()));
        loop_thread_stop(t);
        loop_thread_stop(NULL);
        assert_int_equal(sem_destroy(&k.done), 0);
}

static void a_loop_thread_can_be_stopped_at_once(void **state)
{
        (void)state;
        for (int i = 0; i < 100; i++)
                loop_thread_stop(loop_thread_start("short/0"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_job_runs_once),
                cmocka_unit_test(one_thread_keeps_the_order),
                cmocka_unit_test(blocked_jobs_do_not_hold_up_others_while_there_are_threads),
                cmocka_unit_test(what_waits_at_the_end_is_cancelled_and_what_runs_is_awaited),
                cmocka_unit_test(pool_threads_have_a_name_and_no_signals),
                cmocka_unit_test(a_loop_thread_runs_its_loop_under_its_name),
                cmocka_unit_test(a_loop_thread_can_be_stopped_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
