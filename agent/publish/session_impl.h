/* session_impl.h - what session.c and dial.c share.  Nobody else includes it. */
#ifndef PUBLISH_SESSION_IMPL_H
#define PUBLISH_SESSION_IMPL_H

#include "publish/session.h"

/* Messages in flight.  Before MQTT 5 a broker cannot say what it bears; mosquitto ends a connection
 * with more than 20 of QoS 2. */
enum { SESSION_WINDOW = 100, SESSION_WINDOW_TWICE = 20 };

/* --- session.c */

void session_report(struct session *s, int rc, const char *text);
void session_set_state(struct session *s, enum session_state state);
void session_halt(struct session *s, int rc, const char *text);
void session_event(void *ctx, const struct paho_event *ev); /* paho_hooks.event; ctx: the session */
void session_settled(void *ctx);                            /* paho_hooks.gone */

/* --- dial.c */

void session_begin(struct session *s); /* resolve, then dial */
void session_dial(struct session *s);
void session_away(struct session *s, const char *text); /* look again later */
void session_refused(struct session *s, const struct paho_event *ev);

#endif
