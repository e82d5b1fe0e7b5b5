/* paho.h - one client handle of the MQTT library, which nobody but paho.c knows.
 *
 * Threads   All calls on the loop given to paho_new(); the hooks are called there.  The library's
 * own threads only post. Life      paho_free() ends at once what the library does; gone() is called
 * once, perhaps before it returns, when nothing that was posted is still under way.  Only then are
 * the deliveries that had no answer the caller's again. Versions  Written for paho.mqtt.c 1.3.12
 * and 1.3.14.  What is worked around is said where it is done.
 */
#ifndef PUBLISH_PAHO_H
#define PUBLISH_PAHO_H

#include "loop/loop.h"
#include "publish/settings.h"

struct paho;

enum paho_kind {
        PAHO_CONNECTED,
        PAHO_REFUSED, /* paho_connect() failed: code > 0 is the broker's, else nobody answered */
        PAHO_LOST,    /* code > 0 is the broker's (MQTT 5) */
        PAHO_CLOSED,  /* paho_disconnect() is done */
        PAHO_LATE,    /* an orphan (struct delivery) was acknowledged after all: token */
};

struct paho_event {
        struct loop_message message; /* first */
        struct paho *paho;
        enum paho_kind kind;
        int code;
        int token;
        bool talked; /* PAHO_REFUSED: the line was there, and closed before the broker answered */
        bool timed_out; /* PAHO_REFUSED */
        bool session_present;
        unsigned receive_max; /* messages in flight that the broker bears; 0 = no limit known */
        unsigned max_packet;  /* bytes; 0 = no limit known */
        int max_qos;
        bool retain_available;
};

enum delivery_result {
        DELIVERY_DONE,    /* QoS 0: written, else acknowledged */
        DELIVERY_FAILED,  /* the library gave it up: the connection is going */
        DELIVERY_ORPHAN,  /* the same, but the library keeps it and sends it again by itself */
        DELIVERY_REFUSED, /* by the broker, code says why */
};

/* One message in flight; embedded in the caller's. */
struct delivery {
        struct loop_message message; /* first */
        struct paho *paho;
        enum delivery_result result;
        int code;
        int token;
        int qos;
};

struct paho_hooks {
        void *ctx;
        void (*event)(void *ctx, const struct paho_event *);
        void (*delivered)(void *ctx, struct delivery *);
        void (*gone)(void *ctx);
};

/* Once, before other threads look at the environment: the library would send plain MQTT through the
 * http_proxy that it finds there (1.3.12), so that variable is taken out. */
void paho_prepare(void);
/* Within the room, by paho_prepare(): see paho_write.c. */
void paho_guard_writes(void);
/* Once per process, before the first handle and after the last one, on the mqtt thread: keeps the
 * library's threads alive between handles, and ends them (about a second). */
void paho_library_start(void);
void paho_library_end(void);

/* uri: "tcp://10.0.0.1:1883".  DL_BUG: the library refuses the arguments. */
int paho_new(struct loop *l, const struct settings *s, const char *uri, const struct paho_hooks *,
             struct paho **ret, struct err *e);
/* Ends in PAHO_CONNECTED or PAHO_REFUSED, after connect_timeout and up to 4 s at most.  version: 3,
 * 4, 5; window: messages in flight at most.  DL_RETRY: not now. */
int paho_connect(struct paho *p, const struct settings *s, const char *uri, int version, int window,
                 struct err *e);

struct paho_message {
        const char *topic;
        const void *data;
        size_t len;
        int qos;
        bool retained;
};

/* Copies.  Ends in delivered(), or never, when gone() comes first.  DL_RETRY: not now; DL_REFUSED:
 * never. */
int paho_publish(struct paho *p, const struct paho_message *m, struct delivery *d, struct err *e);
/* Say goodbye, so that no will is sent; ends in PAHO_CLOSED.  DL_RETRY: there is no connection. */
int paho_disconnect(struct paho *p);
/* The orphan with that token has been found and is done. */
void paho_late_taken(struct paho *p);
void paho_free(struct paho *p);

#endif
