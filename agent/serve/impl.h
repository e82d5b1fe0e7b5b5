/* impl.h - what the files of this room share.
 *
 * serve.c lives with the library, place.c accepts connections, answer.c answers on them.
 */
#ifndef SERVE_IMPL_H
#define SERVE_IMPL_H

#include "base/clock.h"
#include "serve/serve.h"

#include <libwebsockets.h>

enum {
        CONNECTIONS_MAX = 64, /* per place */
        /* With those that are being closed, and what the library wants for itself. */
        DESCRIPTORS_MAX = 6 * CONNECTIONS_MAX,
        REQUEST_MAX = 8 * 1024,
        ANSWER_MAX = 32 * 1024 * 1024,
        HELD_MAX = 2 * ANSWER_MAX, /* all answers that are not read yet */
        WATCHERS_MAX = 16,
};

#define ASK_NS (10 * NS_PER_S)
#define READ_NS (30 * NS_PER_S)

/* A listening socket. */
struct place {
        struct serve *serve;
        int fd; /* -1: none */
        struct loop_fd watch;
        bool is_private;
        bool paused; /* no descriptors are left */
        char *path;  /* to be removed at the end; NULL = none */
        uint16_t port;
        size_t n;                   /* connections that are not being closed */
        struct conn *conns, **last; /* oldest first */
        size_t n_all;
};

/* What is sent: LWS_PRE bytes for the library, then the body. */
struct page {
        unsigned refs;
        struct buf body;
};

enum conn_state { CONN_ASKING, CONN_ANSWERING, CONN_WATCHING, CONN_CLOSING };

struct conn {
        struct conn *next;
        struct place *place;
        struct lws *wsi;
        enum conn_state state;
        int64_t deadline_ns; /* monotonic; INT64_MAX = none */
        struct page *page;   /* NULL: nothing is being sent */
        size_t sent;
        /* What the peer says while it is being answered: some versions of the library neither read
         * nor ignore it, and would be called again and again. */
        struct loop_fd heckler;
        int heckler_fd; /* the same socket, -1 = none */
        bool last;      /* the connection ends after this answer */
        bool news;      /* watching: there is more to say */
        /* Watching. */
        void (*make)(void *ctx, const struct serve_query *, struct buf *out);
        char *space, *name;
};

struct serve {
        struct serve_config config;
        struct loop_guest *guest;
        struct lws_context *context;
        struct lws_vhost *vhost;
        struct place places[2];
        struct loop_timer sweep; /* runs while there are connections */
        struct loop_timer tell;
        int64_t told_ns;
        size_t n_watchers;
        size_t held; /* bytes of pages */
        struct page *metrics;
        int64_t metrics_ns;
        struct conn *adopting; /* until the library has made its half */
};

/* --- place.c */

/* Makes p->fd; nothing is accepted yet.  DL_CONFIG. */
int place_listen(struct place *p, const char *address, struct err *e);
int place_listen_unix(struct place *p, const char *path, struct err *e);
int place_start(struct place *p, struct err *e);
void place_sweep(struct place *p, int64_t now_ns);
void place_close(struct place *p);

/* While an answer takes longer. */
int conn_mind(struct conn *c);
void conn_unmind(struct conn *c);
/* The library closes it soon: nothing passes any more. */
void conn_cut(struct conn *c);
void conn_free(struct conn *c);

/* --- answer.c; what these return goes to the library: not 0 = close */

int answer_begin(struct conn *c, const char *path);
int answer_write(struct conn *c);
void page_unref(struct serve *s, struct page *p); /* NULL is fine */

/* --- serve.c */

void serve_busy(struct serve *s); /* there is a connection */

#endif
