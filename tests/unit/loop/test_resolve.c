/* Names are found off the loop; a slow one holds up nobody; a cancelled one is never heard of
 * again. */
/* wrap: getaddrinfo freeaddrinfo */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
void __wrap_freeaddrinfo(struct addrinfo *list);

static atomic_int look_ups;
static atomic_int in_slow;
static sem_t slow_may_end;

/* "slow" names wait for the test, "gone" ones do not exist, "many" has more addresses than are
 * kept. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
        int n = strcmp(host, "many") == 0 ? 20 : 2;

        (void)service;
        (void)hints;
        atomic_fetch_add(&look_ups, 1);
        if (strncmp(host, "slow", 4) == 0) {
                atomic_fetch_add(&in_slow, 1);
                (void)sem_wait(&slow_may_end);
        }
        if (strcmp(host, "gone") == 0)
                return EAI_NONAME;
        for (int i = 0; i < n; i++) {
                struct addrinfo *a = xcalloc(1, sizeof(*a));
                struct sockaddr_in *in = xcalloc(1, sizeof(*in));

                in->sin_family = AF_INET;
                in->sin_addr.s_addr = htonl(0x7f000001U + (unsigned)i);
                a->ai_family = AF_INET;
                a->ai_addr = (struct sockaddr *)in;
                a->ai_addrlen = sizeof(*in);
                a->ai_next = *ret;
                *ret = a;
        }
        return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
        while (list) {
                struct addrinfo *next = list->ai_next;

                free(list->ai_addr);
                free(list);
                list = next;
        }
}

struct probe {
        struct loop *loop;
        int calls;
        size_t n;
        char reason[256];
        char first[INET6_ADDRSTRLEN];
        unsigned port;
        uint32_t scope;
};

static int left;

static void found(void *ctx, const struct resolve_address *a, size_t n, const char *reason)
{
        struct probe *p = ctx;

        p->calls++;
        p->n = n;
        (void)snprintf(p->reason, sizeof(p->reason), "%s", reason ? reason : "");
        if (n && a[0].sa.ss_family == AF_INET) {
                const struct sockaddr_in *in = (const void *)&a[0].sa;

                p->port = ntohs(in->sin_port);
                (void)inet_ntop(AF_INET, &in->sin_addr, p->first, sizeof(p->first));
        } else if (n) {
                const struct sockaddr_in6 *in = (const void *)&a[0].sa;

                p->port = ntohs(in->sin6_port);
                p->scope = in->sin6_scope_id;
                (void)inet_ntop(AF_INET6, &in->sin6_addr, p->first, sizeof(p->first));
        }
        if (--left == 0 && p->loop)
                loop_stop(p->loop);
}

struct both {
        struct loop *loop;
        struct resolver *resolver;
};

static int set_up(void **state)
{
        struct both *b = xcalloc(1, sizeof(*b));

        *state = b;
        b->loop = loop_new("test");
        b->resolver = resolver_new();
        atomic_store(&look_ups, 0);
        atomic_store(&in_slow, 0);
        left = 1;
        return sem_init(&slow_may_end, 0, 0);
}

static int tear_down(void **state)
{
        struct both *b = *state;

        resolver_free(b->resolver);
        loop_free(b->loop);
        free(b);
        return sem_destroy(&slow_may_end);
}

static void wait_for(atomic_int *what, int n)
{
        const struct timespec moment = { .tv_nsec = NS_PER_MS };

        for (int i = 0; i < 10000 && atomic_load(what) < n; i++)
                (void)nanosleep(&moment, NULL);
        assert_int_equal(atomic_load(what), n);
}

static void literals_are_answered_at_once_without_a_look_up(void **state)
{
        struct both *b = *state;
        static const struct {
                const char *host;
                const char *first;
        } rows[] = { { "192.0.2.7", "192.0.2.7" },
                     { "::1", "::1" },
                     { "[::1]", "::1" },
                     { "[2001:db8::7]", "2001:db8::7" } };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct probe p = { 0 };

                assert_null(resolve_start(b->resolver, b->loop, rows[i].host, 502, found, &p));
                assert_int_equal(p.calls, 1);
                assert_int_equal(p.n, 1);
                assert_int_equal(p.port, 502);
                assert_string_equal(p.first, rows[i].first);
        }
        struct probe p = { 0 };
        assert_null(resolve_start(b->resolver, b->loop, "fe80::1%7", 1, found, &p));
        assert_int_equal(p.scope, 7);
        assert_int_equal(atomic_load(&look_ups), 0);
}

static void what_cannot_be_a_name_is_refused_at_once(void **state)
{
        struct both *b = *state;
        static const char *const bad[] = { "", "[::1", "1:2", "a b", "fe80::1%no-such-link" };
        char longest[300];

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct probe p = { 0 };

                assert_null(resolve_start(b->resolver, b->loop, bad[i], 502, found, &p));
                assert_int_equal(p.calls, 1);
                assert_int_equal(p.n, 0);
                assert_string_equal(p.reason, "expected a host name or an address");
        }
        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        struct probe p = { 0 };
        assert_null(resolve_start(b->resolver, b->loop, longest, 502, found, &p));
        assert_int_equal(p.n, 0);
        assert_int_equal(atomic_load(&look_ups), 0);
}

static void a_name_gets_its_addresses_with_the_port(void **state)
{
        struct both *b = *state;
        struct probe p = { .loop = b->loop };

        assert_non_null(resolve_start(b->resolver, b->loop, "plc", 1502, found, &p));
        loop_run(b->loop);
        assert_int_equal(p.calls, 1);
        assert_int_equal(p.n, 2);
        assert_int_equal(p.port, 1502);
        assert_string_equal(p.first, "127.0.0.2");
        assert_string_equal(p.reason, "");
}

static void no_more_than_the_limit_is_kept(void **state)
{
        struct both *b = *state;
        struct probe p = { .loop = b->loop };

        (void)resolve_start(b->resolver, b->loop, "many", 1, found, &p);
        loop_run(b->loop);
        assert_int_equal(p.n, RESOLVE_MAX);
}

static void an_unknown_name_has_a_reason(void **state)
{
        struct both *b = *state;
        struct probe p = { .loop = b->loop };

        (void)resolve_start(b->resolver, b->loop, "gone", 1, found, &p);
        loop_run(b->loop);
        assert_int_equal(p.n, 0);
        assert_string_equal(p.reason, "look up 'gone': Name or service not known");
}

static void a_slow_name_holds_up_neither_the_loop_nor_others(void **state)
{
        struct both *b = *state;
        struct probe slow = { .loop = b->loop };
        struct probe quick = { .loop = b->loop };

        (void)resolve_start(b->resolver, b->loop, "slow", 1, found, &slow);
        wait_for(&in_slow, 1);
        for (int i = 0; i < 20; i++) {
                left = 1;
                (void)resolve_start(b->resolver, b->loop, "plc", 1, found, &quick);
                loop_run(b->loop);
        }
        assert_int_equal(quick.calls, 20);
        assert_int_equal(slow.calls, 0);
        left = 1;
        assert_int_equal(sem_post(&slow_may_end), 0);
        loop_run(b->loop);
        assert_int_equal(slow.calls, 1);
        assert_int_equal(slow.n, 2);
}

static void equal_names_share_one_look_up(void **state)
{
        struct both *b = *state;
        struct probe p[5];

        left = 5;
        for (int i = 0; i < 5; i++) {
                p[i] = (struct probe){ .loop = b->loop };
                (void)resolve_start(b->resolver, b->loop, "slow", (uint16_t)(100 + i), found,
                                    &p[i]);
                if (i == 2)
                        wait_for(&in_slow, 1);
        }
        assert_int_equal(sem_post(&slow_may_end), 0);
        loop_run(b->loop);
        assert_int_equal(atomic_load(&look_ups), 1);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(p[i].calls, 1);
                assert_int_equal(p[i].port, 100 + i);
        }
}

static void a_cancelled_name_is_never_answered(void **state)
{
        struct both *b = *state;
        struct probe dead = { 0 };
        struct probe live = { .loop = b->loop };

        /* while it is looked up, with another waiting for the same */
        struct resolve *q = resolve_start(b->resolver, b->loop, "slow", 1, found, &dead);
        wait_for(&in_slow, 1);
        struct resolve *last = resolve_start(b->resolver, b->loop, "slow", 2, found, &live);
        struct resolve *mid = resolve_start(b->resolver, b->loop, "slow", 3, found, &dead);
        resolve_cancel(q);
        resolve_cancel(mid);
        resolve_cancel(NULL);
        (void)last;
        assert_int_equal(sem_post(&slow_may_end), 0);
        loop_run(b->loop);
        assert_int_equal(live.calls, 1);
        assert_int_equal(live.port, 2);
        assert_int_equal(dead.calls, 0);
}

static void a_name_that_waits_for_a_thread_is_not_looked_up_once_cancelled(void **state)
{
        struct both *b = *state;
        struct probe p = { .loop = b->loop };
        struct probe dead = { 0 };

        left = 2;
        (void)resolve_start(b->resolver, b->loop, "slow1", 1, found, &p);
        (void)resolve_start(b->resolver, b->loop, "slow2", 1, found, &p);
        wait_for(&in_slow, 2);
        resolve_cancel(resolve_start(b->resolver, b->loop, "plc", 1, found, &dead));
        assert_int_equal(sem_post(&slow_may_end), 0);
        assert_int_equal(sem_post(&slow_may_end), 0);
        loop_run(b->loop);
        assert_int_equal(p.calls, 2);
        assert_int_equal(dead.calls, 0);
        assert_int_equal(atomic_load(&look_ups), 2);
}

static void an_answer_on_its_way_can_be_cancelled(void **state)
{
        struct both *b = *state;
        struct probe dead = { 0 };
        const struct timespec moment = { .tv_nsec = 2 * NS_PER_MS };

        for (int i = 0; i < 50; i++) {
                struct resolve *q = resolve_start(b->resolver, b->loop, "plc", 1, found, &dead);

                if (i % 2)
                        (void)nanosleep(&moment, NULL); /* most answers are posted by now */
                resolve_cancel(q);
        }
        left = 1;
        struct probe live = { .loop = b->loop };
        (void)resolve_start(b->resolver, b->loop, "other", 1, found, &live);
        loop_run(b->loop);
        assert_int_equal(live.calls, 1);
        assert_int_equal(dead.calls, 0);
}

static void the_end_does_not_wait_for_a_slow_name(void **state)
{
        struct both *b = *state;
        struct probe dead = { 0 };
        struct resolver *r = resolver_new();
        struct resolve *q = resolve_start(r, b->loop, "slow", 1, found, &dead);
        const struct timespec moment = { .tv_nsec = 50 * NS_PER_MS };

        wait_for(&in_slow, 1);
        resolve_cancel(q);
        int64_t begin = clock_mono_ns();
        resolver_free(r);
        assert_true(clock_mono_ns() - begin < 2 * NS_PER_S);
        assert_int_equal(sem_post(&slow_may_end), 0);
        (void)nanosleep(&moment, NULL); /* its thread releases the rest */
        resolver_free(NULL);
}

static void endpoints_are_split(void **state)
{
        static const struct {
                const char *text;
                const char *host; /* NULL: refused */
                uint16_t port;
        } rows[] = {
                { "10.0.0.7:502", "10.0.0.7", 502 },
                { "plc.example:65535", "plc.example", 65535 },
                { "[::1]:1", "::1", 1 },
                { "::1:502", NULL, 0 },
                { "[::1:502", NULL, 0 },
                { "[]:502", NULL, 0 },
                { "]:502", NULL, 0 },
                { "[:502", NULL, 0 },
                { ":502", NULL, 0 },
                { "plc", NULL, 0 },
                { "plc:", NULL, 0 },
                { "plc:0", NULL, 0 },
                { "plc:65536", NULL, 0 },
                { "plc:5 2", NULL, 0 },
                { "", NULL, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char host[32] = "untouched";
                uint16_t port = 7;
                struct err e = { 0 };
                int rc = resolve_split(rows[i].text, host, sizeof(host), &port, &e);

                assert_int_equal(rc, rows[i].host ? 0 : DL_CONFIG);
                assert_string_equal(host, rows[i].host ? rows[i].host : "untouched");
                assert_int_equal(port, rows[i].host ? rows[i].port : 7);
                if (rc)
                        assert_non_null(strstr(e.text, "expected host:port"));
        }
        char small[4];
        uint16_t port = 0;
        assert_int_equal(resolve_split("abc:1", small, sizeof(small), &port, NULL), 0);
        assert_int_equal(resolve_split("abcd:1", small, sizeof(small), &port, NULL), DL_CONFIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(literals_are_answered_at_once_without_a_look_up),
                TEST(what_cannot_be_a_name_is_refused_at_once),
                TEST(a_name_gets_its_addresses_with_the_port),
                TEST(no_more_than_the_limit_is_kept),
                TEST(an_unknown_name_has_a_reason),
                TEST(a_slow_name_holds_up_neither_the_loop_nor_others),
                TEST(equal_names_share_one_look_up),
                TEST(a_cancelled_name_is_never_answered),
                TEST(a_name_that_waits_for_a_thread_is_not_looked_up_once_cancelled),
                TEST(an_answer_on_its_way_can_be_cancelled),
                TEST(the_end_does_not_wait_for_a_slow_name),
                cmocka_unit_test(endpoints_are_split),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
