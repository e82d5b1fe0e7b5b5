/* serve.h - the program's own HTTP: health, metrics, and what `devicelink get` asks.
 *
 * libwebsockets on the loop.  Two places: TCP (--metrics-addr, by default port 8080 of every
 * address) with /healthz, /readyz and /metrics; and a unix socket in the state directory (mode
 * 0600) with these and /v1/links, /v1/devices.
 * Limits     64 connections each (for one more, those that have not asked make room; else it is
 *            closed), 16 that watch, requests of 8 KiB, 10 s to ask, 30 s to read an answer,
 * answers of 32 MiB, 64 MiB together.  An answer is made whole; /metrics at most once a second.
 * Threads    The loop.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/buf.h"
#include "base/histogram.h"
#include "loop/loop.h"

struct serve;

struct serve_query { /* of /v1/..., percent-decoded; NULL = not given */
        const char *space;
        const char *name;
        bool watch; /* the answer is a stream: again whenever serve_changed() was called */
};

struct serve_config {
        struct loop *loop;
        const char *address; /* "8080", ":8080", "127.0.0.1:8080", "[::1]:0"; NULL or "0" = none */
        const char *socket;  /* path; NULL = none */
        void *ctx;
        /* Nothing written: ready.  Else what is not, a line each. */
        void (*ready)(void *ctx, struct buf *out);
        void (*metrics)(void *ctx, struct buf *out); /* Prometheus text format 0.0.4 */
        void (*links)(void *ctx, const struct serve_query *, struct buf *out);   /* JSON */
        void (*devices)(void *ctx, const struct serve_query *, struct buf *out); /* JSON */
};

/* DL_CONFIG: the address or socket cannot be used; the text names it. */
int serve_open(const struct serve_config *, struct serve **ret, struct err *e);
/* Cuts everybody.  Not from within what config's functions are called from.  NULL is fine. */
void serve_close(struct serve *s);
uint16_t serve_port(const struct serve *s); /* that it listens on; 0 = none */
/* What watchers see has changed: they are told at most twice a second. */
void serve_changed(struct serve *s);

/* --- Prometheus text, for those who write metrics */

/* "# HELP", "# TYPE" once per name, then samples. */
void metric_head(struct buf *out, const char *name, const char *type, const char *help);
struct metric_label {
        const char *name, *value;
};
void metric_value(struct buf *out, const char *name, const struct metric_label *labels, size_t n,
                  double value);
/* name_bucket with "le", name_sum, name_count; counts are per bucket, not cumulated, and one more
 * than bounds: the last is of what is above all. */
void metric_histogram(struct buf *out, const char *name, const struct metric_label *labels,
                      size_t n, const struct histogram *h);

#endif
