/* publisher.h - our publisher on a loop that the test turns, with links and what they were told.
 *
 * Failures end the test with a message.  Threads: the test's.
 */
#ifndef RIG_PUBLISHER_H
#define RIG_PUBLISHER_H

#include "publish/publish.h"

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_LINKS_MAX = 1100 };

struct link_state {
        char key[64];
        int rc;
        char text[320];
        size_t told; /* times */
};

struct bench {
        struct loop *loop;
        struct resolver *resolver;
        struct publisher *publisher;
        struct loop_timer tick;
        struct desired desired; /* what is applied next */
        struct link_state states[BENCH_LINKS_MAX];
        size_t n_states;
        bool stopped;
};

void bench_up(struct bench *b);
void bench_stop(struct bench *b, int limit_ms); /* publish_stop(), until done */
void bench_down(struct bench *b);               /* also without bench_stop() */

/* Put a link default/NAME into the desired set, in place of one of that name.  client and message:
 * lines of YAML flow maps, "keepAlive: 3s, qos: 1"; port 0 = no section. */
void bench_link(struct bench *b, const char *name, uint16_t port, const char *client,
                const char *message);
/* server: "tcp://localhost:1883" */
void bench_link_to(struct bench *b, const char *name, const char *server, const char *client,
                   const char *message);
void bench_shared_link(struct bench *b, const char *name, uint16_t port, const char *client,
                       const char *message);
void bench_unlink(struct bench *b, const char *name);
/* What is asked for crosses to the mqtt thread at the end of a turn: this one takes it, publishing
 * waits for the next bench_run(), bench_until(), .. */
void bench_apply(struct bench *b);

void bench_publish(struct bench *b, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void bench_run(struct bench *b, int ms);
/* Turn the loop until done() or within_ms have passed; returns done(). */
bool bench_until(struct bench *b, bool (*done)(void *ctx), void *ctx, int within_ms);
const struct link_state *bench_state(const struct bench *b, const char *name);
/* Fails the test unless the link is told rc and a text with that in it. */
void bench_expect(struct bench *b, const char *name, int rc, const char *text, int within_ms);
/* Until nothing is queued any more. */
void bench_drain(struct bench *b, int within_ms);

#endif
