/* Samples arrive on the loop as they were sent, whatever they hold, and blocks of memory come back.
 */

#include "link/batch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { KEPT_MAX = 64 };

static struct gate gate;
static size_t n_records, n_batches;
static struct dl_value values[KEPT_MAX];
static char errors[KEPT_MAX][32];
static bool asked[KEPT_MAX];
static const struct batch *blocks[KEPT_MAX];

static void take(struct links *l, struct batch *b)
{
        (void)l;
        blocks[n_batches++ % KEPT_MAX] = b;
        for (const struct record *r = batch_next(b, NULL); r; r = batch_next(b, r)) {
                size_t i = n_records++ % KEPT_MAX;

                if (r->kind != RECORD_SAMPLE)
                        continue;
                const struct dl_sample *s = record_sample_open(r, &asked[i]);
                value_done(&values[i]);
                assert_int_equal(value_copy(&s->value, &values[i], NULL), 0);
                (void)snprintf(errors[i], sizeof(errors[i]), "%s", s->error ? s->error : "-");
        }
}

static void stop(void *ctx)
{
        loop_stop(ctx);
}

static void deliver(void)
{
        struct loop_timer t;

        loop_timer_init(&t, gate.loop, stop, gate.loop);
        loop_timer_start(&t, 0, LOOP_EXACT);
        loop_run(gate.loop);
        loop_timer_end(&t);
}

static int begin(void **state)
{
        (void)state;
        gate = (struct gate){ .loop = loop_new("main"),
                              .links = (struct links *)&gate,
                              .take = take };
        (void)pthread_mutex_init(&gate.lock, NULL);
        n_records = n_batches = 0;
        return 0;
}

static int end(void **state)
{
        (void)state;
        loop_free(gate.loop);
        for (size_t i = 0; i < KEPT_MAX; i++)
                value_done(&values[i]);
        (void)pthread_mutex_destroy(&gate.lock);
        return 0;
}

static void every_kind_of_value_crosses_whole(void **state)
{
        static const struct dl_value numbers[] = { { .type = DL_INT, .as.i = -1 },
                                                   { .type = DL_INT, .as.i = INT64_MAX } };
        static const struct dl_value texts[] = {
                { .type = DL_TEXT, .len = 3, .as.data = "one" },
                { .type = DL_TEXT, .len = 0, .as.data = NULL },
                { .type = DL_TEXT, .len = 5, .as.data = "three" },
        };
        static const struct dl_value sent[] = {
                { .type = DL_NONE },
                { .type = DL_UINT, .as.u = UINT64_MAX },
                { .type = DL_REAL, .as.r = 0.1 },
                { .type = DL_TEXT, .len = 5, .as.data = "hello" },
                { .type = DL_TEXT, .len = 0 },
                { .type = DL_BYTES, .len = 3, .as.data = "\0\xff\1" },
                { .type = DL_ARRAY, .len = 2, .as.items = numbers },
                { .type = DL_ARRAY, .len = 3, .as.items = texts },
                { .type = DL_ARRAY, .len = 0 },
        };
        const size_t n = sizeof(sent) / sizeof(sent[0]);
        struct outbox o = { .gate = &gate };

        (void)state;
        for (size_t i = 0; i < n; i++) {
                struct dl_sample s = { .size = sizeof(s), .value = sent[i] };

                if (i % 2) {
                        s.quality = DL_UNCERTAIN;
                        s.error = "why";
                }
                outbox_sample(&o, NULL, &s, i % 3 == 0);
        }
        outbox_flush(&o);
        assert_int_equal(n_batches, 0);
        deliver();
        assert_int_equal(n_batches, 1);
        assert_int_equal(n_records, n);
        for (size_t i = 0; i < n; i++) {
                assert_true(value_equal(&values[i], &sent[i]));
                assert_string_equal(errors[i], i % 2 ? "why" : "-");
                assert_int_equal(asked[i], i % 3 == 0);
        }
        outbox_done(&o);
}

static void one_block_serves_turn_after_turn(void **state)
{
        struct outbox o = { .gate = &gate, .recycles = true };

        (void)state;
        for (int turn = 0; turn < 5; turn++) {
                for (int i = 0; i < 10; i++) {
                        struct dl_sample s = { .size = sizeof(s),
                                               .value = { .type = DL_INT, .as.i = turn } };

                        outbox_sample(&o, NULL, &s, true);
                }
                outbox_flush(&o);
                deliver();
        }
        assert_int_equal(n_batches, 5);
        assert_int_equal(n_records, 50);
        for (int turn = 1; turn < 5; turn++)
                assert_ptr_equal(blocks[turn], blocks[0]);
        outbox_done(&o);
}

static void a_flood_is_handed_on_in_parts(void **state)
{
        static char big[60000];
        struct outbox o = { .gate = &gate, .recycles = true };

        (void)state;
        for (int i = 0; i < 20; i++) {
                struct dl_sample s = {
                        .size = sizeof(s),
                        .value = { .type = DL_BYTES, .len = sizeof(big), .as.data = big }
                };

                outbox_sample(&o, NULL, &s, false);
        }
        outbox_flush(&o);
        deliver();
        assert_int_equal(n_records, 20);
        assert_true(n_batches >= 4);
        outbox_done(&o);
}

static void nothing_passes_a_gate_that_is_shut(void **state)
{
        struct outbox o = { .gate = &gate };
        struct dl_sample s = { .size = sizeof(s) };

        (void)state;
        outbox_flush(&o); /* empty: no batch at all */
        gate.shut = true;
        outbox_sample(&o, NULL, &s, false);
        outbox_flush(&o);
        deliver();
        assert_int_equal(n_batches, 0);
}

static void results_and_writes_keep_their_texts(void **state)
{
        struct outbox o = { .gate = &gate };

        (void)state;
        (void)outbox_result(&o, NULL, RECORD_POLLED, DL_RETRY, "no answer");
        struct record_written *w = outbox_written(&o, NULL, 7, 2);
        w->list[1].point = 3;
        (void)outbox_result(&o, NULL, RECORD_CLOSED, DL_OK, NULL);
        const struct record *r = batch_next(o.batch, NULL);
        const void *body = r;
        assert_string_equal(((const struct record_result *)body)->text, "no answer");
        body = r = batch_next(o.batch, r);
        assert_int_equal(((const struct record_written *)body)->id, 7);
        assert_int_equal(((const struct record_written *)body)->list[1].point, 3);
        body = r = batch_next(o.batch, r);
        assert_string_equal(((const struct record_result *)body)->text, "");
        assert_null(batch_next(o.batch, r));
        outbox_done(&o);
        deliver();
        assert_int_equal(n_records, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_kind_of_value_crosses_whole, begin, end),
                cmocka_unit_test_setup_teardown(one_block_serves_turn_after_turn, begin, end),
                cmocka_unit_test_setup_teardown(a_flood_is_handed_on_in_parts, begin, end),
                cmocka_unit_test_setup_teardown(nothing_passes_a_gate_that_is_shut, begin, end),
                cmocka_unit_test_setup_teardown(results_and_writes_keep_their_texts, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
