/* worker.h - named threads: a pool that runs blocking jobs, and a thread that runs a loop.
 *
 * Threads   worker_submit(), loop_thread_start() and the rest from the thread that owns the pool;
 *           a job's run() is called on a pool thread.
 * Limits    A pool has at most `max` threads, made when needed and kept; jobs wait in order.
 */
#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include "loop/loop.h"

struct worker_pool;

struct worker_job {
        struct worker_job *next;
        /* Once; owns the job.  cancelled: the pool is ending, only release; then it is called by
         * worker_pool_free(). */
        void (*run)(struct worker_job *j, bool cancelled);
};

/* name is cut to 12 characters and numbered: "modbus/0" */
struct worker_pool *worker_pool_new(const char *name, unsigned max);
void worker_submit(struct worker_pool *p, struct worker_job *j);
/* Jobs that wait are cancelled, those that run are waited for.  NULL is fine. */
void worker_pool_free(struct worker_pool *p);
unsigned worker_pool_threads(struct worker_pool *p); /* made so far */

/* A thread with a loop of its own, running until loop_thread_stop(). */
struct loop_thread;

struct loop_thread *loop_thread_start(const char *name);
struct loop *loop_thread_loop(struct loop_thread *t);
/* Stops the loop, joins, frees the loop.  What lives on the loop has been ended before. */
void loop_thread_stop(struct loop_thread *t);

#endif
