/* sink.h - one link on the side of its thread: what drives the plugin (driver.c), and what the
 * plugin holds of the agent (host.c).
 *
 * A sink lives at home: on a reactor's loop when the adaptor is event-driven, on the main loop when
 * it is blocking, the calls then being made by a pool (blocking.c).
 * Threads     Made and freed on the main loop.  Members belong to the home's thread but where they
 *             say otherwise; during a blocking call to the thread that makes it.
 * Ownership   Plugins may hold on to a sink by mistake: after the last record it is kept in
 *             quarantine.
 */
#ifndef LINK_SINK_H
#define LINK_SINK_H

#include "link/adaptors.h"
#include "link/batch.h"
#include "link/links.h"
#include "link/schedule.h"

struct home;
struct channel;
struct link;

enum op { OP_NONE, OP_OPEN, OP_UPDATE, OP_READ, OP_WRITE, OP_CLOSE };

struct dl_ticket {
        struct dl_sink *sink;
        bool live;
};

/* Tickets are used in turn, so that a second done() for one is noticed. */
enum { TICKETS = 4 };

/* What is to be written: a command from outside, or (id 0) desired values. */
struct write_job {
        struct write_job *next;
        uint64_t id;
        struct device *device; /* whose points are meant; a reference */
        int64_t deadline_ns;   /* monotonic */
        size_t n;
        struct dl_write *writes; /* values are copies */
        struct record_write *results;
        unsigned char *answered;
};

struct write_job *write_job_new(uint64_t id, struct device *device, size_t n);
void write_job_free(struct write_job *j);

enum {                    /* dl_sink.flags, per point */
       POINT_DESIRED = 1, /* the desired value has still to be written */
       POINT_WANTED = 2,  /* read it soon, it was written */
       POINT_ASKED = 4,   /* part of the read under way */
};

enum { WRITES_QUEUED_MAX = 64 };

struct dl_sink {
        /* Set once. */
        const struct dl_adaptor *adaptor;
        struct home *home;
        char *key;

        /* Main loop only. */
        struct link *link;      /* NULL: nobody listens any more */
        struct link *successor; /* waits for the end of this one */
        struct dl_sink *next;   /* in the list of closing ones, then in quarantine */
        bool stuck_closing;     /* said so: nobody waits for it any more */

        /* Home. */
        struct channel *channel;
        struct dl_link *object; /* NULL: not open */
        struct device *device;
        struct device *adopted; /* the next one, to be taken over */
        struct device *old;     /* the one before, until update() has returned */
        enum op op;             /* under way */
        bool completed;         /* the operation has ended: rc, error */
        bool closing;
        bool reopen;      /* close, then open again at retry_at_ns */
        bool parked;      /* the spec is wrong: wait until it changes */
        bool failing;     /* nothing but the next attempt is due */
        bool queued;      /* in the home's ready list */
        bool interrupted; /* the call under way */
        bool stuck;       /* said so */
        bool asked_all;   /* the read under way is of all points */
        unsigned next_ticket;
        unsigned write_fails; /* desired values, in a row */
        int rc;
        char *error; /* of rc; NULL = none */
        struct dl_ticket tickets[TICKETS];
        struct dl_sink *ready_next;
        struct schedule schedule;
        struct retry retry;
        struct retry desired_retry; /* of desired values that break the line */
        int64_t desired_at_ns;
        int64_t retry_at_ns;
        int64_t closing_ns;  /* since when */
        int64_t start_at_ns; /* first poll */
        int64_t begun_ns;    /* the operation under way */
        int64_t patience_ns; /* the operation under way may take */
        int64_t limit_ns;    /* look at it again */
        struct loop_timer timer;
        struct write_job *writes, **writes_last;
        unsigned n_writes;
        struct write_job *writing;
        unsigned char *flags;
        uint32_t *due; /* what is asked for when it is not all */
        size_t n_due;
        size_t n_desired, n_wanted; /* flags set */
        struct resolving *resolving;
        void *call; /* the blocking home's */

        /* Any thread. */
        pthread_mutex_t lock;  /* spoken, and the order in which foreign threads are heard */
        struct device *spoken; /* what indexes mean to the plugin: device or old */
        atomic_bool closed;
};

/* Where sinks live. */
struct home {
        struct gate *gate;
        struct loop *loop; /* drivers run here */
        struct resolver *resolver;
        struct outbox *out; /* of drivers */
        bool event_driven;
        struct dl_sink *ready, **ready_last;
        void (*wake)(struct home *);              /* the ready list was empty */
        void (*start)(struct dl_sink *, enum op); /* driver_complete() follows, maybe at once */
        void (*hurry)(struct dl_sink *);          /* blocking: the call under way should end */
        int64_t (*since)(const struct dl_sink *); /* when it began, 0 = it did not yet */
        void (*enter)(struct dl_sink *, const char *channel); /* join a channel */
        void (*leave)(struct dl_sink *);
};

/* --- the driver: decides what happens next on a link */

/* From the main loop to the home. */
enum command_kind { COMMAND_OPEN, COMMAND_ADOPT, COMMAND_WRITE, COMMAND_RECONNECT, COMMAND_CLOSE };

void driver_command(struct dl_sink *s, enum command_kind, struct device *device,
                    struct write_job *job, int64_t after_ns);
/* An operation has ended.  error may be NULL. */
void driver_complete(struct dl_sink *s, int rc, const char *error);
/* Something changed: look at it before the thread goes to sleep. */
void driver_ready(struct dl_sink *s);
void driver_run_ready(struct home *h); /* until nothing is */
/* From here on the plugin speaks of s->device: update() is about to be called. */
void driver_switch(struct dl_sink *s, struct outbox *o);

/* --- who calls: set by homes around everything in which a plugin may call back */

struct caller {
        struct home *home;    /* a reactor's thread: all its sinks */
        struct dl_sink *sink; /* a pool's thread: the one whose call is under way */
        struct outbox *out;
};

void host_set_caller(const struct caller *c); /* NULL = a thread of no concern */

struct dl_sink *sink_new(const char *key, struct home *home, struct device *device);
/* Closed: keep only what a late call of the plugin looks at. */
void sink_retire(struct dl_sink *s);
void sink_free(struct dl_sink *s);
void sink_bug(struct dl_sink *s, const char *text); /* the plugin broke the contract: say so */

#endif
