/* http_impl.h - what the files of the HTTP client share.  Not for others.
 *
 * A pool is one curl multi handle with the settings its connections are made with.  Settings never
 * change under a pool: other ones mean another pool for what comes, and the old one ends with its
 * last call.  So no request can meet a connection that it must not use.
 * A pool takes as many calls as an HTTP/2 connection takes streams, more calls mean one more pool:
 * the library itself would make a connection for each call that finds the first one full.
 * libcurl may not be called from within its callbacks: `in_curl` says so, and what is asked for
 * then (start, cancel, free) is done once it has returned.
 */
#ifndef LOOP_HTTP_IMPL_H
#define LOOP_HTTP_IMPL_H

#include "base/buf.h"
#include "loop/http.h"

#include <curl/curl.h>

struct http_settings {
        unsigned refs;
        bool insecure;
        char *ca_pem;
        char *certificate_pem;
        char *key_pem;
        char *server_name;
        char *proxy;
        char *unix_socket;
};

struct http_pool {
        struct http *http;
        struct http_pool *next;
        CURLM *multi;
        struct http_settings *settings;
        struct http_call *calls;
        unsigned n_calls;
        bool old; /* for no new calls */
        struct http_socket *sockets;
        struct loop_timer timer; /* libcurl's */
        struct loop_timer alive; /* looks for peers that are gone; see http_alive.c */
        struct loop_timer again; /* more lies in the library than was taken in one go */
        bool moved;              /* something was handed to a call since all were looked at */
        bool broken;             /* a descriptor could not be watched */
};

struct http {
        struct loop *loop;
        struct http_settings *settings; /* of the next pool */
        struct http_pool *pools;        /* newest first */
        unsigned depth;                 /* callbacks of ours that may be on the stack */
        unsigned to_settle;             /* calls to be added or removed when libcurl returns */
        bool in_curl;
        bool freed; /* while depth was not 0 */
};

/* A socket of libcurl's, while it wants to know about it. */
struct http_socket {
        struct loop_fd watch;
        struct http_pool *pool;
        struct http_socket *next;
        struct http_socket **at;
        curl_socket_t fd;
};

struct http_call {
        struct http_pool *pool;
        struct http_call *next;
        struct http_call **at; /* what points here */
        CURL *easy;
        struct curl_slist *headers;
        struct curl_slist *connect_to;
        char *body;
        size_t body_len;
        size_t body_sent; /* of a POST */
        struct loop_timer limit;
        int64_t begin_ns;
        int64_t limit_ns;
        int64_t connect_limit_ns;
        size_t body_max;
        void *ctx;
        bool (*may_send_cb)(void *ctx);
        void (*began_cb)(void *ctx, long status);
        void (*data_cb)(void *ctx, const char *bytes, size_t n);
        void (*done_cb)(void *ctx, const struct http_answer *);

        bool added; /* to the multi handle */
        bool cancelled;
        bool connected;
        bool began;
        int refused;         /* our own verdict, enum dl_rc; 0 = libcurl's counts */
        long status;         /* of the headers that are coming or came */
        size_t header_bytes; /* of all of them */
        char *answer;        /* what was collected, followed by a NUL */
        size_t answer_len;   /* without it */
        size_t answer_cap;   /* with it */
        struct buf type;     /* Content-Type */
        struct buf warning;  /* Warning, one a line */
        int64_t retry_after_ns;
        char own_text[128];         /* of .refused */
        char text[CURL_ERROR_SIZE]; /* libcurl's */
};

/* --- http_pool.c */
void http_start_library(void); /* once */
struct http_pool *http_pool_new(struct http *h);
/* For so many more calls; NULL: none. */
struct http_pool *http_pool_with_room(struct http *h, unsigned room);
void http_drop_idle_pools(struct http *h);

/* --- http.c: something happened that a pool waits for */
void http_act(struct http_pool *p, curl_socket_t fd, int events);

/* --- http_tls.c */
struct http_settings *http_settings_copy(const struct http_settings *s);
struct http_settings *http_settings_ref(struct http_settings *s);
void http_settings_drop(struct http_settings *s);

/* --- http_setup.c: a call's options; false: .refused and .own_text say why */
bool http_setup(struct http_call *c, const struct http_request *r);
void http_wipe_free(char *s, size_t n);

/* --- http_receive.c: libcurl's callbacks with an answer's parts */
size_t http_on_header(char *line, size_t size, size_t n, void *call);
size_t http_on_body(char *bytes, size_t size, size_t n, void *call);
/* What libcurl's result means, in .refused, unless there is a verdict of ours. */
void http_verdict(struct http_call *c, CURLcode code);
const char *http_text(const struct http_call *c); /* why there is no answer */
void http_refuse(struct http_call *c, int rc, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* --- http_alive.c */
int http_on_socket_made(void *call, curl_socket_t fd, curlsocktype purpose);
void http_alive_init(struct http_pool *p);
void http_alive_begin(struct http_pool *p); /* something is being sent */

#endif
