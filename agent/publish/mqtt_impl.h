/* mqtt_impl.h - what mqtt.c (the loop's side) and mqtt_thread.c share.  Nobody else includes it. */
#ifndef PUBLISH_MQTT_IMPL_H
#define PUBLISH_MQTT_IMPL_H

#include "loop/worker.h"
#include "publish/mqtt.h"
#include "publish/session.h"

#include <semaphore.h>

struct shared_counts {
        _Atomic uint64_t published, acknowledged, dropped, queued;
        atomic_size_t connected;
};

struct mqtt {
        atomic_uint refs; /* mqtt_free(), and one per notice on its way */
        struct loop *home;
        struct loop_thread *thread;
        struct loop *loop;
        struct shared_counts counts;
        sem_t stopped;

        /* home's */
        struct mqtt_hooks hooks;
        struct loop_turn home_turn;
        struct command *first, **last; /* of this turn */
        struct loop_message nudge;     /* so that there is a turn */
        bool nudged;
        bool stopping;
        bool freed;
        void (*done)(void *ctx);
        void *done_ctx;

        /* the mqtt thread's */
        struct session_env env;
        struct session *sessions;
        struct session *ending;
        struct session *busy;
        struct loop_turn turn;
        struct loop_timer check;
        bool end_asked;
};

/* Made at home and freed there; between, the mqtt thread looks at `session`. */
struct mqtt_handle {
        struct mqtt *mqtt;
        struct session *session;
        void *owner;
        bool closed; /* home's: nobody is told any more */
};

/* From the mqtt thread: a session's state, its end (closed), or the thread's (no handle). */
struct notice {
        struct loop_message message; /* first */
        struct mqtt *mqtt;
        struct mqtt_handle *handle;
        bool closed;
        int rc;
        char text[];
};

/* To the mqtt thread, which runs and frees it. */
struct order {
        struct command command; /* first */
        struct mqtt_handle *handle;
        struct settings *settings;
        struct route *route;
        int64_t limit_ns;
};

/* --- mqtt.c */

void mqtt_deliver_notice(struct loop_message *message, bool cancelled);

/* --- mqtt_thread.c: what commands run */

void mqtt_run_begin(struct mqtt *m, struct command *c);
void mqtt_run_open(struct mqtt *m, struct command *c);
void mqtt_run_replace(struct mqtt *m, struct command *c);
void mqtt_run_close(struct mqtt *m, struct command *c);
void mqtt_run_route(struct mqtt *m, struct command *c);
void mqtt_run_route_end(struct mqtt *m, struct command *c);
void mqtt_run_publish(struct mqtt *m, struct command *c);
void mqtt_run_end(struct mqtt *m, struct command *c);

#endif
