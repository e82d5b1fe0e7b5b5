/* impl.h - what the files of this room share.  Not for other rooms. */
#ifndef LOOP_IMPL_H
#define LOOP_IMPL_H

#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct loop {
        uv_loop_t uv;
        uv_async_t wake;
        uv_check_t after_poll;
        uv_poll_t clock; /* of clock_fd */
        int clock_fd;
        int64_t now_ns;   /* while in_turn */
        int64_t armed_ns; /* what clock_fd is set to; 0 = not set, -1 = it has gone off */
        bool in_turn;
        struct loop_timer **timers; /* a heap from index 1, earliest first */
        size_t n_timers;
        size_t cap_timers;
        uint64_t timer_order;
        struct loop_turn *turns;
        _Atomic(struct loop_message *) mail; /* newest first */
        atomic_bool stop;
        char name[16];
};

/* First thing in every callback from libuv: takes the time of the turn. */
void loop_turn_begin(struct loop *l);

void loop_timers_run(struct loop *l); /* those due */
void loop_timers_arm(struct loop *l); /* set the clock for the next one */

void loop_mail_take(struct loop *l, bool cancelled);

/* A thread with a name, without signals.  0 or an errno. */
int loop_thread_make(pthread_t *ret, const char *name, void *(*run)(void *ctx), void *ctx);

#endif
