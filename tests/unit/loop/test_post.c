/* Messages: each once, in order per sender, one wake-up per batch, none lost at the end. */
/* wrap: uv_async_send */
#include "base/clock.h"
#include "base/mem.h"
#include "loop/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct uv_async_s;
int __real_uv_async_send(struct uv_async_s *a);
int __wrap_uv_async_send(struct uv_async_s *a);

static atomic_int wake_ups;

int __wrap_uv_async_send(struct uv_async_s *a)
{
        atomic_fetch_add(&wake_ups, 1);
        return __real_uv_async_send(a);
}

struct note {
        struct loop_message message; /* first */
        struct loop *loop;
        unsigned sender;
        unsigned number;
        struct note *then;
};

enum { SENDERS = 4, PER_SENDER = 5000 };

static unsigned next_number[SENDERS];
static unsigned delivered;
static unsigned cancelled_ones;
static bool ordered;

static int set_up(void **state)
{
        (void)state;
        memset(next_number, 0, sizeof(next_number));
        delivered = 0;
        cancelled_ones = 0;
        ordered = true;
        atomic_store(&wake_ups, 0);
        return 0;
}

static void deliver(struct loop_message *m, bool cancelled)
{
        struct note *n = (struct note *)m;

        ordered = ordered && n->number == next_number[n->sender]++;
        delivered++;
        cancelled_ones += cancelled;
        if (n->then)
                loop_post(n->loop, &n->then->message);
        if (delivered == SENDERS * PER_SENDER && !cancelled)
                loop_stop(n->loop);
        free(n);
}

static struct note *note_new(struct loop *l, unsigned sender, unsigned number)
{
        struct note *n = xcalloc(1, sizeof(*n));

        n->message.deliver = deliver;
        n->loop = l;
        n->sender = sender;
        n->number = number;
        return n;
}

struct sender {
        pthread_t thread;
        struct loop *loop;
        unsigned index;
};

static void *send_all(void *ctx)
{
        struct sender *s = ctx;

        for (unsigned i = 0; i < PER_SENDER; i++)
                loop_post(s->loop, &note_new(s->loop, s->index, i)->message);
        return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
        struct loop *l = loop_new("test");
        struct sender s[SENDERS];

        (void)state;
        for (unsigned i = 0; i < SENDERS; i++) {
                s[i] = (struct sender){ .loop = l, .index = i };
                assert_int_equal(pthread_create(&s[i].thread, NULL, send_all, &s[i]), 0);
        }
        loop_run(l);
        for (unsigned i = 0; i < SENDERS; i++)
                assert_int_equal(pthread_join(s[i].thread, NULL), 0);
        assert_int_equal(delivered, SENDERS * PER_SENDER);
        assert_true(ordered);
        loop_free(l);
}

static void a_batch_wakes_the_loop_once(void **state)
{
        struct loop *l = loop_new("test");

        (void)state;
        for (unsigned i = 0; i < 100; i++)
                loop_post(l, &note_new(l, 0, i)->message);
        assert_int_equal(atomic_load(&wake_ups), 1);
        loop_free(l);
        assert_int_equal(cancelled_ones, 100);
        assert_true(ordered);
}

static void what_the_last_messages_post_is_released_too(void **state)
{
        struct loop *l = loop_new("test");
        struct note *n = note_new(l, 0, 0);

        (void)state;
        n->then = note_new(l, 0, 1);
        n->then->then = note_new(l, 0, 2);
        loop_post(l, &n->message);
        loop_free(l);
        assert_int_equal(delivered, 3);
        assert_int_equal(cancelled_ones, 3);
}

static void a_message_may_post_the_next(void **state)
{
        struct loop_thread *t = loop_thread_start("mail/0");
        struct loop *l = loop_thread_loop(t);
        struct note *n = note_new(l, 0, 0);

        (void)state;
        n->then = note_new(l, 0, 1);
        loop_post(l, &n->message);
        loop_thread_stop(t); /* delivered or cancelled, but never lost */
        assert_int_equal(delivered, 2);
        assert_true(ordered);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(many_senders_lose_nothing_and_keep_their_order, set_up),
                cmocka_unit_test_setup(a_batch_wakes_the_loop_once, set_up),
                cmocka_unit_test_setup(what_the_last_messages_post_is_released_too, set_up),
                cmocka_unit_test_setup(a_message_may_post_the_next, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
