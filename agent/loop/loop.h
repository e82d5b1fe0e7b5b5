/* loop.h - an event loop: timers, descriptors, signals, files that change, calls from any thread.
 *
 * libuv behind our names; no other file includes uv.h.  One thread owns a loop; the main thread has
 * one, every reactor and the mqtt thread have their own.
 *
 * Threads     Everything is for the loop's own thread, but for loop_post() and loop_stop().
 * Ownership   Timers, descriptors and so on are embedded in the caller's struct and are zero until
 *             started; *_end() may be called on a zero or ended one, and from within its own
 *             callback; after it returns the callback is not called again and the memory may go.
 * Ticks       loop_timer_start() rounds the time up to the loop's tick (5 ms), so that
 *             what is due together wakes the thread once.  LOOP_EXACT does without.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop *loop_new(const char *name); /* name for logs */
void loop_free(struct loop *l);          /* everything on it has ended; NULL is fine */
void loop_run(struct loop *l);           /* until loop_stop() */
void loop_stop(struct loop *l);          /* any thread; the current turn is finished */
int64_t loop_now(const struct loop *l);  /* monotonic ns at the start of this turn */

/* --- timers */

struct loop_timer {
        struct loop *loop;
        void (*fired)(void *ctx);
        void *ctx;
        /* The loop's own. */
        int64_t due_ns;
        uint64_t order;
        size_t slot; /* in the heap, 0 = not running */
};

enum { LOOP_EXACT = 1 };

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fired)(void *ctx), void *ctx);
/* Fires once; set again while running: the new time holds. */
void loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
/* The same at a monotonic time: for what repeats without drifting.  The past means the next turn.
 */
void loop_timer_start_at(struct loop_timer *t, int64_t at_ns, unsigned flags);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);
void loop_timer_end(struct loop_timer *t);

/* --- descriptors */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct loop_fd {
        struct loop *loop;
        void *impl; /* NULL: not watched */
        void (*ready)(void *ctx, unsigned events);
        void *ctx;
};

/* DL_BUG when the descriptor cannot be polled, or is watched on this loop already.  It is made
 * non-blocking and stays the caller's: end first, close then.  Level-triggered.  An error of the
 * descriptor comes as LOOP_HANGUP with all events that were asked for; reading or writing tells
 * which. */
int loop_fd_start(struct loop_fd *f, struct loop *l, int fd, unsigned events,
                  void (*ready)(void *ctx, unsigned events), void *ctx, struct err *e);
void loop_fd_set(struct loop_fd *f, unsigned events); /* 0 = pause */
void loop_fd_end(struct loop_fd *f);

/* --- signals (main loop only) */

struct loop_signal {
        void *impl;
        void (*caught)(void *ctx, int number);
        void *ctx;
};

int loop_signal_start(struct loop_signal *s, struct loop *l, int number,
                      void (*caught)(void *ctx, int number), void *ctx, struct err *e);
void loop_signal_end(struct loop_signal *s);

/* --- a directory whose entries change: made, removed, renamed, written and closed, permissions
 *
 * When the directory itself goes, changed() is called, and again once it is back (it is looked for
 * every second).  DL_CONFIG: no such directory. */

struct loop_dir {
        void *impl;
        void (*changed)(void *ctx); /* coalesced: at most once a turn */
        void *ctx;
};

int loop_dir_start(struct loop_dir *d, struct loop *l, const char *path, void (*changed)(void *ctx),
                   void *ctx, struct err *e);
void loop_dir_end(struct loop_dir *d);

/* --- work from other threads: a typed message, embedded as the first member of the caller's struct
 */

struct loop_message {
        struct loop_message *next;
        /* Called once on the loop's thread; owns the message.  cancelled: the loop is being freed,
         * only release. */
        void (*deliver)(struct loop_message *m, bool cancelled);
};

/* Any thread.  In order per sender; the loop takes all there is at once and is woken at most once
 * per batch. */
void loop_post(struct loop *l, struct loop_message *m);

/* Called at the end of every turn that did anything: the place to hand on a batch. */
struct loop_turn {
        struct loop_turn *next;
        void (*ended)(void *ctx);
        void *ctx;
};

void loop_on_turn(struct loop *l, struct loop_turn *t);
void loop_off_turn(struct loop *l, struct loop_turn *t); /* not from within ended() */

/* --- a libuv loop of a library's own (serve), turned by ours
 *
 * What lives on it is called back on this thread.  Not from within its callbacks: settle, free. */

struct loop_guest;

int loop_guest_new(struct loop *l, struct loop_guest **ret, struct err *e);
void *loop_guest_native(struct loop_guest *g); /* uv_loop_t * */
/* Something was asked of the library outside of its callbacks: it has a turn before ours ends. */
void loop_guest_kick(struct loop_guest *g);
/* All that lives on it is being closed: turn it until it is.  False: something is not. */
bool loop_guest_settle(struct loop_guest *g);
void loop_guest_free(struct loop_guest *g); /* nothing lives on it; NULL is fine */

#endif
