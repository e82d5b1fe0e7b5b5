/* broker.h - a real mosquitto on a free loopback port, in a scratch directory of its own.
 *
 * Failures end the test with a message.  Threads: the test's.
 */
#ifndef RIG_BROKER_H
#define RIG_BROKER_H

#include "rig/process.h"

struct broker {
        char dir[256]; /* scratch */
        char conf[320];
        char log[320]; /* all that mosquitto says, over restarts */
        uint16_t port;
        struct process process;
};

/* A port, a directory, a running broker that listens on 127.0.0.1 and takes anybody.  more: further
 * lines of mosquitto.conf, or NULL; {dir} in it is the directory. */
void broker_up(struct broker *b, const char *more);
/* The same, but only this user gets in. */
void broker_up_with_user(struct broker *b, const char *user, const char *password);
void broker_start(struct broker *b);  /* on the same port; returns when it listens */
void broker_stop(struct broker *b);   /* SIGTERM, and wait */
void broker_kill(struct broker *b);   /* SIGKILL, and wait */
void broker_freeze(struct broker *b); /* SIGSTOP: the sockets stay, nobody answers */
void broker_thaw(struct broker *b);
void broker_down(struct broker *b); /* kills what runs, removes the directory */

/* How often its log holds a text. */
size_t broker_log_count(const struct broker *b, const char *text);
bool broker_log_wait(const struct broker *b, const char *text, int within_ms);

#endif
