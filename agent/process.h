/* process.h - what the verbs that go on share: limits of the process, signals, and an end in time.
 *
 * SIGTERM and SIGINT become one call of stop(); from then on the process ends within 5 s, whatever
 * hangs: with loop_stop() when all has ended, else by force with EXIT_FAILED.
 * Threads: the main thread's loop.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "base/buf.h"
#include "loop/loop.h"

/* Before any thread: as many descriptors as there may be, few malloc arenas, no SIGPIPE, no core
 * files (credentials are in memory). */
void process_prepare(void);

struct process {
        struct loop *loop;
        void (*stop)(void *ctx); /* once */
        void *ctx;
        bool stopping;
        char begins[32], forced[32]; /* ids of log lines */
        struct loop_signal terminate, interrupt;
        struct loop_timer stop_limit, log_flush;
};

/* First of all on the loop: a signal that comes while the rest begins is taken when the loop runs.
 * verb: the room in ids of log lines, "agent".  The log's counts are written from now on. */
int process_begin(struct process *p, struct loop *l, const char *verb, void (*stop)(void *ctx),
                  void *ctx, struct err *e);
/* Signals are ignored from now on: whoever asks twice gets the same answer.  Also of one that did
 * not begin. */
void process_done(struct process *p);

/* process_* of Prometheus: CPU, memory, descriptors, start. */
void process_metrics(struct buf *out);

#endif
