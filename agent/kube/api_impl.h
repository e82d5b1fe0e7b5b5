/* api_impl.h - what the files of the API client share.  Not for others. */
#ifndef KUBE_API_IMPL_H
#define KUBE_API_IMPL_H

#include "base/backoff.h"
#include "kube/api.h"
#include "kube/api_answer.h"
#include "kube/api_budget.h"
#include "kube/api_counts.h"
#include "kube/lines.h"

#include <sys/queue.h>

enum { API_LANES = KUBE_LEASE + 1, API_UNDER_WAY = 32, API_WARNINGS = 64 };

TAILQ_HEAD(call_queue, kube_call);

struct kube_api {
        struct loop *loop;
        struct kube_access *access;
        struct http *http;
        char *agent;
        char *manager;
        bool (*may_write)(void *ctx);
        void *ctx; /* of may_write() */
        struct budget work;
        struct budget leases;
        struct call_queue lanes[API_LANES]; /* what waits for its turn */
        struct kube_call *calls;            /* all */
        unsigned under_way;                 /* of the lanes but KUBE_LEASE */
        struct loop_timer turn;             /* the budget has something again */
        struct counts counts;
        int64_t away_ns;                 /* since when; 0 = it answers */
        uint64_t warnings[API_WARNINGS]; /* digests of the texts that were logged */
        size_t n_warnings;
        unsigned depth; /* callbacks of ours that may be on the stack */
        bool closed;    /* while depth was not 0 */
};

enum call_state {
        CALL_WAITING, /* for its turn */
        CALL_RUNNING, /* asks for credentials, or is under way */
        CALL_PAUSED,  /* until it is tried again */
        CALL_FAILED,  /* .answer is to be delivered */
};

struct kube_call {
        struct kube_api *api;
        struct kube_call *next;
        struct kube_call **at;
        TAILQ_ENTRY(kube_call) turn; /* CALL_WAITING */
        enum call_state state;

        const char *method;
        const char *resource;
        const char *content_type;
        const char *accept;
        char *url;
        char *body;
        size_t body_len;
        enum kube_lane lane;
        bool raw;
        bool once;
        bool secret;
        bool is_watch;
        int64_t deadline_ns; /* 0 = none yet */
        void *ctx;
        void (*began)(void *ctx);
        void (*line)(void *ctx, const char *text, size_t n);
        void (*done)(void *ctx, struct kube_answer *);

        unsigned attempts;
        bool withheld; /* the attempt: writing was not allowed any more */
        bool renewed;  /* tried with new credentials */
        struct backoff backoff;
        struct loop_timer timer;
        struct kube_access_wait *wait;
        struct http_call *http;
        int64_t sent_ns;
        struct kube_answer answer;

        struct lines lines; /* of a watch */
        bool has_begun;
        bool is_calling; /* back, in began() or line() */
        bool cancelled;  /* meanwhile */
};

/* --- api.c */
void api_enter(struct kube_api *a);
void api_leave(struct kube_api *a);
/* Give turns to those who wait. */
void api_turn(struct kube_api *a);
/* An attempt got that status; 0: none, and why. */
void api_note(struct kube_api *a, const struct kube_call *c, long status, const char *why);
void api_warn(struct kube_api *a, const struct kube_call *c, const char *warnings);

/* --- api_call.c */
struct kube_call *call_new(struct kube_api *a, const char *path, bool write);
void call_free(struct kube_call *c);
/* It is its turn. */
void call_run(struct kube_call *c);
/* An attempt ended so: try again, or deliver. */
void call_ended(struct kube_call *c, struct kube_answer *r);
/* Deliver that, in the next turn. */
void call_fail(struct kube_call *c, const struct kube_answer *r);

/* --- api_watch.c: callbacks of the HTTP client, and what lines become */
void watch_began(void *call, long status);
void watch_data(void *call, const char *bytes, size_t n);
bool watch_line(void *call, const char *text, size_t n);

#endif
