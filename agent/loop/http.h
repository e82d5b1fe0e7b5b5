/* http.h - HTTP requests on the loop: libcurl behind our names; no other file includes curl.h.
 *
 * One struct http is one peer with its connection pool: HTTP/2 where the peer offers it, many
 * requests on one connection (at most 100 at once, then a second connection), HTTP/1.1 otherwise.
 * Liveness    A connection whose peer is gone is noticed within 45 s by TCP keep-alive (15 s idle,
 *             then 5 probes 5 s apart) and TCP_USER_TIMEOUT, also under a request without a time
 *             limit.  After a failure the next request connects anew and resolves the name anew.
 * Repeats     A request on a connection that turns out to be dead before anything came back is sent
 *             once more on a new one; but not a POST with a body, which could arrive twice.
 * Proxies     As the environment says ($HTTPS_PROXY, $NO_PROXY), or as told.
 * Secrets     Header values and bodies never appear in texts or logs; copies are wiped.
 * Threads     The loop.
 */
#ifndef LOOP_HTTP_H
#define LOOP_HTTP_H

#include "loop/loop.h"

#include <stddef.h>
#include <stdint.h>

struct http;

struct http *http_new(struct loop *l);
void http_free(struct http *h); /* cancels what is under way; NULL is fine */

/* TLS of connections made from now on; idle ones made before are dropped, busy ones end with their
 * requests.  All copied.  DL_CONFIG: a PEM cannot be read, or certificate and key do not match;
 * then the old settings stay. */
struct http_tls {
        const char *ca_pem;          /* one or more certificates; NULL = the system's roots */
        const char *certificate_pem; /* of the client, with its chain; NULL = none */
        const char *key_pem;
        const char *server_name; /* for SNI and the check; NULL = the host of the URL */
        bool insecure;           /* no check at all */
};
int http_set_tls(struct http *h, const struct http_tls *tls, struct err *e);
int http_check_tls(const struct http_tls *tls, struct err *e); /* the same, without taking it */
/* "http://..." or "socks5://..."; NULL = as the environment says, "" = none. */
void http_set_proxy(struct http *h, const char *url);
/* All requests go to this unix socket; NULL = TCP. */
void http_set_unix_socket(struct http *h, const char *path);

struct http_header {
        const char *name;
        const char *value;
};

struct http_answer {
        /* DL_OK: an answer came, whatever its status.  DL_RETRY: none, or it broke off; .text says
         * why.  DL_REFUSED: the body passed body_max.  DL_CONFIG: TLS refuses the peer or us, or
         * the URL is wrong. */
        int rc;
        long status;      /* 0 = none came */
        const char *body; /* followed by a NUL; "" where data() took it */
        size_t len;
        const char *content_type; /* "" = none */
        const char *warning;      /* all Warning headers, one a line; "" = none */
        int64_t retry_after_ns;   /* -1 = the header is not there; seconds or a date */
        int64_t connect_ns;       /* 0 = on a connection that was open */
        const char *text;         /* for people, without secrets */
};

struct http_request {
        const char *method; /* "GET" */
        const char *url;
        const struct http_header *headers; /* "User-Agent", "Authorization", ... */
        size_t n_headers;
        const void *body; /* copied; NULL = none */
        size_t body_len;
        bool compressed;          /* accept gzip; body_max is meant unpacked */
        size_t body_max;          /* of the collected body; with data() an error is cut at 64 KiB */
        int64_t connect_limit_ns; /* 0 = 10 s */
        int64_t limit_ns;         /* of the whole; 0 = none */
        void *ctx;
        /* Asked at the last moment before it goes out; false: it ends with DL_RETRY.  NULL = it
         * may. */
        bool (*may_send)(void *ctx);
        /* Once, when the status line is known and before data(); may be NULL. */
        void (*began)(void *ctx, long status);
        /* The body as it comes, of answers with status 200 to 299; NULL = it is collected. */
        void (*data)(void *ctx, const char *bytes, size_t n);
        /* Exactly once, never from within http_start(), unless cancelled. */
        void (*done)(void *ctx, const struct http_answer *);
};

struct http_call;

struct http_call *http_start(struct http *h, const struct http_request *r);
/* No callback comes after this.  Not for a call whose done() has been called.  May be called from
 * within its own began() and data().  NULL is fine. */
void http_cancel(struct http_call *c);
/* Requests from now on use no connection that is open now. */
void http_forget_connections(struct http *h);

#endif
