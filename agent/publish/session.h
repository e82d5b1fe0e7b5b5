/* session.h - one connection to a broker: dial, keep, lose, dial again; and what it owes.
 *
 * All on the mqtt thread; nothing here blocks.  The state machine is in session.c, messages that
 * the library has are in flight.c,
 * looking for the broker is in dial.c.
 *
 * Away      A broker that was there, or was expected at the start, is looked for every half second
 *           for the first five minutes of an outage (where many wait for it they take turns, and
 * the first that gets in wakes the others), then ever more rarely, up to maxReconnectInterval.  One
 * that refuses this client is asked after 1, 2, 4 .. s. Loss      A message of QoS 1 or 2 that was
 * not acknowledged goes again on the next connection, in its place in the order.  It is dropped,
 * and counted, when ten connections in a row broke on it, or when it waited three times for
 * waitTimeout. Kept      With cleanSession false the library's handle, with its packet ids, lives
 * on over connections, so that QoS 2 arrives once; when the broker has forgotten the session all
 * begins anew.
 */
#ifndef PUBLISH_SESSION_H
#define PUBLISH_SESSION_H

#include "base/backoff.h"
#include "loop/resolve.h"
#include "publish/outbox.h"
#include "publish/paho.h"
#include "publish/peers.h"
#include "publish/settings.h"

#include <stdatomic.h>

struct mqtt;
struct session;

/* What the sessions of a process share. */
struct session_env {
        struct loop *loop;
        struct resolver *resolver;
        struct outbox_budget budget;
        struct peer *peers;
        uint64_t published, acknowledged, dropped;
        uint64_t queued; /* messages that exist, in queues and in flight */
        uint64_t in_flight;
        size_t connected;
        void *ctx;
        /* rc as in publish_hooks; owner as given to session_open(). */
        void (*state)(void *ctx, void *owner, int rc, const char *text);
        void (*ended)(void *ctx, struct session *s); /* it is freed afterwards */
        void (*busy)(void *ctx,
                     struct session *s); /* session_pump() is wanted before the turn ends */
};

/* What the loop asks of the mqtt thread (mqtt.c). */
struct command {
        struct command *next;
        void (*run)(struct mqtt *m, struct command *c);
};

/* A link's place in a session: topic and queue. */
struct route {
        struct session *session; /* set when the mqtt thread gets to know it */
        struct outbox_lane lane;
        atomic_size_t refs; /* messages, and 1 until session_route_end(); others may look */
        const char *link;   /* for the log */
        int qos;
        bool retained;
        char topic[]; /* then the link's key */
};

struct message {
        struct delivery delivery; /* first */
        struct command command;   /* on its way to the mqtt thread */
        struct outbox_entry entry;
        struct message *prev, *next; /* in flight */
        struct route *route;
        int64_t handed_ns;
        uint8_t broke;  /* connections that broke with this one as the oldest in flight */
        uint8_t waited; /* times that waitTimeout passed */
        bool orphan;
        size_t len;
        char data[];
};

enum session_state {
        SESSION_IDLE,    /* an earlier session of the same client id has not ended yet */
        SESSION_WAITING, /* for the next attempt */
        SESSION_RESOLVING,
        SESSION_CONNECTING,
        SESSION_CONNECTED,
        SESSION_DRAINING, /* connected: what is owed goes out, then goodbye */
        SESSION_CLOSING,  /* goodbye is said */
        SESSION_SETTLING, /* the handle is gone, what it posted is not */
        SESSION_HALTED,   /* until the section changes */
};

enum session_intent { SESSION_RUN, SESSION_REPLACE, SESSION_END };

struct session {
        struct session_env *env;
        struct session *prev, *next; /* the owner's list */
        struct session *busy_next;
        bool busy;
        void *owner;
        struct settings *settings;
        struct settings *replacement;
        enum session_state state;
        enum session_intent intent;
        struct paho *paho; /* NULL while there is no handle */
        struct outbox box;
        struct message *flight_first, *flight_last;
        size_t n_flight;
        size_t n_flight_twice; /* those of QoS 2 */
        size_t flight_bytes;
        int64_t progress_ns; /* last answer of the broker */
        struct peer *peer;
        struct peer_waiter wait;
        struct loop_timer timer;
        struct resolve *resolving;
        struct resolve_address *addresses;
        size_t n_addresses, address;
        struct backoff backoff;
        int64_t outage_ns;    /* since when, 0 = none */
        int64_t connected_ns; /* since when */
        bool proved;          /* the broker has answered a message on this connection */
        bool again_at_once;   /* dial as soon as the handle has gone */
        bool lost;            /* it was connected: autoReconnect counts */
        int version;          /* to dial with, 0 = settings' */
        size_t window;
        size_t window_twice; /* for QoS 2 */
        size_t max_packet;
        int max_qos;
        bool retain_available;
        int reported_rc;
        char *reported;
        char *reason; /* of the loss that is being settled */
};

/* --- session.c */

/* SESSION_IDLE until session_start().  Takes the reference. */
struct session *session_open(struct session_env *env, struct settings *settings, void *owner);
void session_start(struct session *s);
/* Go on with other settings for the same peer: quiesce, goodbye, dial; the queue stays. */
void session_replace(struct session *s, struct settings *settings);
/* Send what is owed for at most quiesce_ns, goodbye, ended(). */
void session_close(struct session *s, int64_t quiesce_ns);
/* Goodbye now. */
void session_hurry(struct session *s);
/* Give the connection up and dial again. */
void session_reset(struct session *s, const char *why);

/* --- flight.c */

void session_put(struct session *s, struct message *m);
void session_pump(struct session *s);
/* Look for what takes too long; at least once a second while anything is in flight. */
void session_check(struct session *s);
void session_delivered(void *session, struct delivery *d);
void session_late(struct session *s, int token);
/* What is in flight goes back to the queue, in order.  The handle is gone. */
void session_reclaim(struct session *s);
bool session_owes(const struct session *s);
void session_drop_all(struct session *s);

/* Any thread; session is NULL at first. */
struct route *session_route_new(const char *topic, const char *link, int qos, bool retained,
                                size_t depth);
void session_route_end(struct route *r);

/* For outbox.dropped. */
void session_dropped(void *session, struct outbox_entry *e);

#endif
