/* resolve.c - host names to addresses.
 *
 * getaddrinfo() cannot be interrupted, so the resolver has threads of its own which it does not
 * have to wait for, rather than a worker pool: the process ends in time with a dead name server,
 * too. */
#include "loop/address.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/impl.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 2, NAME_MAX_BYTES = 253 };

static const int64_t end_wait_ns = 200 * NS_PER_MS;

/* One name being looked up; under the resolver's lock until its answer is shared out. */
struct lookup {
        struct lookup *next;
        char host[NAME_MAX_BYTES + 1];
        bool running;
        struct resolve *waiters; /* newest first; empty = nobody cares any more */
};

/* What the waiters of one look-up share. */
struct answer {
        atomic_uint refs;
        size_t n;
        char reason[256];
        struct resolve_address list[RESOLVE_MAX];
};

struct resolve {
        struct loop_message message; /* first */
        struct resolve *next;
        struct resolve **prev;
        struct resolver *resolver;
        struct lookup *lookup; /* under the lock; NULL = the answer is on its way */
        struct answer *answer;
        struct loop *loop;
        bool cancelled; /* the loop's */
        uint16_t port;
        void (*found)(void *ctx, const struct resolve_address *, size_t n, const char *reason);
        void *ctx;
};

struct resolver {
        pthread_mutex_t lock;
        pthread_cond_t changed; /* work to do, the end, a thread that has ended */
        struct lookup *lookups;
        unsigned threads;
        unsigned idle;
        unsigned queued;
        unsigned ended;
        bool ending;
        bool abandoned; /* resolver_free() has returned: the last thread frees */
        bool thread_ended[THREADS];
        pthread_t thread[THREADS];
};

/* --- on the resolver's threads */

static void look_up(const char *host, struct answer *a)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;

        errno = 0;
        int rc = getaddrinfo(host, NULL, &hints, &list);
        if (rc) {
                (void)snprintf(a->reason, sizeof(a->reason), "look up '%.150s': %m", host);
                if (rc != EAI_SYSTEM)
                        (void)snprintf(a->reason, sizeof(a->reason), "look up '%.150s': %s", host,
                                       gai_strerror(rc));
                return;
        }
        for (const struct addrinfo *i = list; i && a->n < RESOLVE_MAX; i = i->ai_next) {
                if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
                        continue;
                a->list[a->n].len = i->ai_addrlen;
                memcpy(&a->list[a->n].sa, i->ai_addr, i->ai_addrlen);
                a->n++;
        }
        freeaddrinfo(list);
        if (a->n == 0)
                (void)snprintf(a->reason, sizeof(a->reason), "look up '%.150s': no address", host);
}

static void answer_unref(struct answer *a)
{
        if (a && atomic_fetch_sub(&a->refs, 1) == 1)
                free(a);
}

static void deliver(struct loop_message *m, bool cancelled)
{
        struct resolve *q = (struct resolve *)m;
        struct answer *a = q->answer;

        if (!cancelled && !q->cancelled) {
                struct resolve_address list[RESOLVE_MAX];

                for (size_t i = 0; i < a->n; i++) {
                        list[i] = a->list[i];
                        resolve_set_port(&list[i], q->port);
                }
                q->found(q->ctx, list, a->n, a->n ? NULL : a->reason);
        }
        answer_unref(a);
        free(q);
}

/* With the lock held, so that a waiter is either with the look-up or on its way. */
static void share_out(struct lookup *k, struct answer *a)
{
        struct resolve *q = k->waiters;

        atomic_store(&a->refs, 1);
        while (q) {
                struct resolve *next = q->next;

                atomic_fetch_add(&a->refs, 1);
                q->lookup = NULL;
                q->answer = a;
                loop_post(q->loop, &q->message);
                q = next;
        }
        answer_unref(a);
}

static void forget(struct resolver *r, struct lookup *k)
{
        struct lookup **at = &r->lookups;

        while (*at != k)
                at = &(*at)->next;
        *at = k->next;
        free(k);
}

static struct lookup *next_lookup(struct resolver *r)
{
        for (struct lookup *k = r->lookups; k; k = k->next)
                if (!k->running)
                        return k;
        return NULL;
}

static void serve(struct resolver *r, struct lookup *k)
{
        struct answer *a = xcalloc(1, sizeof(*a));

        k->running = true;
        r->queued--;
        (void)pthread_mutex_unlock(&r->lock);
        look_up(k->host, a);
        (void)pthread_mutex_lock(&r->lock);
        share_out(k, a);
        forget(r, k);
}

static void resolver_release(struct resolver *r)
{
        while (r->lookups)
                forget(r, r->lookups);
        (void)pthread_cond_destroy(&r->changed);
        (void)pthread_mutex_destroy(&r->lock);
        free(r);
}

static void *resolver_run(void *ctx)
{
        struct resolver *r = ctx;

        (void)pthread_mutex_lock(&r->lock);
        while (!r->ending) {
                struct lookup *k = next_lookup(r);

                if (k) {
                        serve(r, k);
                        continue;
                }
                r->idle++;
                (void)pthread_cond_wait(&r->changed, &r->lock);
                r->idle--;
        }
        for (unsigned i = 0; i < r->threads; i++)
                if (pthread_equal(r->thread[i], pthread_self()))
                        r->thread_ended[i] = true;
        bool last = ++r->ended == r->threads && r->abandoned;
        (void)pthread_cond_broadcast(&r->changed);
        (void)pthread_mutex_unlock(&r->lock);
        if (last)
                resolver_release(r);
        return NULL;
}

/* --- on the loops' threads */

struct resolver *resolver_new(void)
{
        struct resolver *r = xcalloc(1, sizeof(*r));
        pthread_condattr_t monotonic;

        (void)pthread_mutex_init(&r->lock, NULL);
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&r->changed, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        return r;
}

static void wait_a_moment(struct resolver *r)
{
        int64_t until = clock_mono_ns() + end_wait_ns;
        struct timespec t = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };

        while (r->ended < r->threads)
                if (pthread_cond_timedwait(&r->changed, &r->lock, &t) == ETIMEDOUT)
                        return;
}

void resolver_free(struct resolver *r)
{
        if (!r)
                return;
        (void)pthread_mutex_lock(&r->lock);
        r->ending = true;
        (void)pthread_cond_broadcast(&r->changed);
        wait_a_moment(r);
        bool all = r->ended == r->threads;
        for (unsigned i = 0; i < r->threads && !all; i++)
                if (!r->thread_ended[i])
                        (void)pthread_detach(r->thread[i]);
        r->abandoned = !all;
        pthread_t ended[THREADS];
        unsigned n = 0;
        for (unsigned i = 0; i < r->threads; i++)
                if (r->thread_ended[i])
                        ended[n++] = r->thread[i];
        (void)pthread_mutex_unlock(&r->lock);

        for (unsigned i = 0; i < n; i++)
                (void)pthread_join(ended[i], NULL);
        if (all)
                resolver_release(r);
}

static void add_thread(struct resolver *r)
{
        char name[] = "resolve/0";

        name[sizeof(name) - 2] = (char)('0' + r->threads);
        int rc = loop_thread_make(&r->thread[r->threads], name, resolver_run, r);
        if (rc == 0) {
                r->threads++;
                return;
        }
        LOG(ERROR, "loop.thread", "cannot start a thread", LOG_STR("thread", name),
            LOG_INT("errno", rc));
        if (r->threads == 0)
                abort();
}

static struct lookup *lookup_of(struct resolver *r, const char *host)
{
        struct lookup **end = &r->lookups;

        for (; *end; end = &(*end)->next)
                if (strcmp((*end)->host, host) == 0)
                        return *end;
        struct lookup *k = xcalloc(1, sizeof(*k));
        (void)snprintf(k->host, sizeof(k->host), "%s", host);
        *end = k;
        r->queued++;
        if (r->queued > r->idle && r->threads < THREADS)
                add_thread(r);
        (void)pthread_cond_signal(&r->changed);
        return k;
}

struct resolve *resolve_start(struct resolver *r, struct loop *l, const char *host, uint16_t port,
                              void (*found)(void *ctx, const struct resolve_address *, size_t n,
                                            const char *reason),
                              void *ctx)
{
        struct resolve_address a;

        if (resolve_literal(host, &a)) {
                resolve_set_port(&a, port);
                found(ctx, &a, 1, NULL);
                return NULL;
        }
        if (host[0] == '\0' || strlen(host) > NAME_MAX_BYTES || strpbrk(host, "[]:% ")) {
                found(ctx, NULL, 0, "expected a host name or an address");
                return NULL;
        }
        struct resolve *q = xcalloc(1, sizeof(*q));

        q->message.deliver = deliver;
        q->resolver = r;
        q->loop = l;
        q->port = port;
        q->found = found;
        q->ctx = ctx;
        (void)pthread_mutex_lock(&r->lock);
        struct lookup *k = lookup_of(r, host);
        q->lookup = k;
        q->next = k->waiters;
        q->prev = &k->waiters;
        if (q->next)
                q->next->prev = &q->next;
        k->waiters = q;
        (void)pthread_mutex_unlock(&r->lock);
        return q;
}

void resolve_cancel(struct resolve *q)
{
        if (!q)
                return;
        struct resolver *r = q->resolver;

        q->cancelled = true;
        (void)pthread_mutex_lock(&r->lock);
        struct lookup *k = q->lookup;
        if (k) {
                *q->prev = q->next;
                if (q->next)
                        q->next->prev = q->prev;
                if (!k->waiters && !k->running) {
                        forget(r, k);
                        r->queued--;
                }
        }
        (void)pthread_mutex_unlock(&r->lock);
        /* Without a look-up the answer is posted already and will free it. */
        if (k)
                free(q);
}
