/* host_impl.h - what the two files of the contract's host share. */
#ifndef CONTRACT_HOST_IMPL_H
#define CONTRACT_HOST_IMPL_H

#include "contract/host.h"
#include "loop/resolve.h"
#include "loop/worker.h"
#include "model/value.h"

#include <pthread.h>

struct name_wait;

struct dl_sink {
        pthread_t thread; /* the one the plugin is called on */
        pthread_mutex_t lock;
        struct point_record *points;
        size_t n_points;
        const struct dl_info *info;
        bool closed;
        int watches;
        int timers;
        struct name_wait *names;
};

struct dl_watch {
        struct loop_fd fd;
        struct dl_sink *sink;
        void (*ready)(void *ctx, unsigned events);
        void *ctx;
};

struct dl_timer {
        struct loop_timer timer;
        struct dl_sink *sink;
        void (*fired)(void *ctx);
        void *ctx;
};

/* One request; kept until host_down(), so that a late done() is seen. */
struct dl_ticket {
        struct dl_ticket *next;
        struct seat *seat;
        bool dead;
};

struct progress {
        bool busy;
        int rc;
        struct dl_error error;
};

struct seat {
        struct dl_sink sink;
        struct dl_link *link;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct progress request; /* a reading or writing */
        struct progress call;    /* another call, perhaps with a request under way */
        struct dl_ticket *ticket;
};

struct contract_host {
        const struct dl_adaptor *adaptor;
        struct loop_thread *reactor;
        struct loop *loop;
        struct worker_pool *pool;
        struct resolver *resolver;
        struct dl_ticket *dead;
        void *channel_local; /* all links of a test are on one channel */
        void *thread_local_;
        pthread_mutex_t lock;
        char violations[4096];
};

extern struct contract_host host;

void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *what);

void sink_emit(struct dl_sink *k, const struct dl_sample *list, size_t n);
void sink_wrote(struct dl_sink *k, uint32_t point, int rc, uint32_t code, const char *text);
void cancel_names(struct dl_sink *k);
void ticket_done(struct dl_ticket *t, int rc, const struct dl_error *e);

#endif
