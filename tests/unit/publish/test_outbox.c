/* The outbox keeps order, keeps the newest at its limits, and accounts for every message. */
#include "publish/outbox.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct note {
        struct outbox_entry entry; /* first */
        int number;
};

struct test {
        struct outbox_budget budget;
        struct outbox box;
        struct outbox_lane a, b;
        int dropped[64];
        size_t n_dropped;
};

static void on_dropped(void *ctx, struct outbox_entry *e)
{
        struct test *t = ctx;

        assert_true(t->n_dropped < sizeof(t->dropped) / sizeof(t->dropped[0]));
        t->dropped[t->n_dropped++] = ((struct note *)e)->number;
        free(e);
}

static int set_up(void **state)
{
        struct test *t = xcalloc(1, sizeof(*t));

        t->budget.max = 1 << 20;
        t->box = (struct outbox){
                .budget = &t->budget, .dropped = on_dropped, .ctx = t, .online = true
        };
        t->a.depth = t->b.depth = 3;
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        struct test *t = *state;

        t->n_dropped = 0;
        outbox_drop_all(&t->box);
        assert_int_equal(t->budget.bytes, 0);
        assert_int_equal(t->a.n + t->b.n + t->box.n, 0);
        assert_int_equal(t->a.bytes + t->b.bytes, 0);
        free(t);
        return 0;
}

static struct note *note(int number, size_t bytes)
{
        struct note *n = xcalloc(1, sizeof(*n));

        n->entry.bytes = bytes;
        n->number = number;
        return n;
}

static void put(struct test *t, struct outbox_lane *lane, int number)
{
        outbox_put(&t->box, lane, &note(number, 10)->entry);
}

static void put_volatile(struct test *t, struct outbox_lane *lane, int number)
{
        struct note *n = note(number, 10);

        n->entry.volatile_ = true;
        outbox_put(&t->box, lane, &n->entry);
}

static void assert_next(struct test *t, int number)
{
        struct outbox_entry *e = outbox_take(&t->box);

        assert_non_null(e);
        assert_int_equal(((struct note *)e)->number, number);
        free(e);
}

static void assert_dropped(struct test *t, size_t n, const int *numbers)
{
        assert_int_equal(t->n_dropped, n);
        assert_memory_equal(t->dropped, numbers, n * sizeof(*numbers));
}

static void messages_leave_in_the_order_they_came(void **state)
{
        struct test *t = *state;

        put(t, &t->a, 1);
        put(t, &t->b, 2);
        put(t, &t->a, 3);
        assert_int_equal(t->box.n, 3);
        assert_int_equal(t->budget.bytes, 30);
        assert_ptr_equal(outbox_peek(&t->box), t->box.first);
        assert_next(t, 1);
        assert_next(t, 2);
        assert_next(t, 3);
        assert_null(outbox_take(&t->box));
        assert_null(outbox_peek(&t->box));
}

static void a_full_lane_drops_its_oldest_and_nobody_elses(void **state)
{
        struct test *t = *state;
        const int gone[] = { 2, 3 };

        put(t, &t->b, 1);
        for (int i = 2; i <= 6; i++)
                put(t, &t->a, i);
        assert_dropped(t, 2, gone);
        assert_next(t, 1);
        assert_next(t, 4);
        assert_next(t, 5);
        assert_next(t, 6);
}

static void a_lane_of_one_holds_the_newest(void **state)
{
        struct test *t = *state;
        const int gone[] = { 1, 2 };

        t->a.depth = 1;
        for (int i = 1; i <= 3; i++)
                put(t, &t->a, i);
        assert_dropped(t, 2, gone);
        assert_next(t, 3);
}

static void what_comes_back_goes_first_and_in_order(void **state)
{
        struct test *t = *state;

        for (int i = 1; i <= 3; i++)
                put(t, &t->a, i);
        struct outbox_entry *one = outbox_take(&t->box);
        struct outbox_entry *two = outbox_take(&t->box);
        outbox_return(&t->box, two);
        outbox_return(&t->box, one);
        assert_int_equal(t->n_dropped, 0);
        for (int i = 1; i <= 3; i++)
                assert_next(t, i);
}

static void what_comes_back_to_a_full_lane_is_what_is_dropped(void **state)
{
        struct test *t = *state;
        const int gone[] = { 1 };

        put(t, &t->a, 1);
        struct outbox_entry *one = outbox_take(&t->box);
        for (int i = 2; i <= 4; i++)
                put(t, &t->a, i);
        outbox_return(&t->box, one);
        assert_dropped(t, 1, gone);
        for (int i = 2; i <= 4; i++)
                assert_next(t, i);
}

static void qos_0_is_not_held_while_the_broker_is_away(void **state)
{
        struct test *t = *state;
        const int gone[] = { 1, 3, 5 };

        put_volatile(t, &t->a, 1);
        put(t, &t->a, 2);
        put_volatile(t, &t->b, 3);
        put(t, &t->b, 4);
        outbox_online(&t->box, false);
        put_volatile(t, &t->a, 5);
        assert_dropped(t, 3, gone);
        outbox_online(&t->box, true);
        put_volatile(t, &t->a, 6);
        assert_next(t, 2);
        assert_next(t, 4);
        assert_next(t, 6);
}

static void qos_0_that_comes_back_to_an_absent_broker_is_dropped(void **state)
{
        struct test *t = *state;
        const int gone[] = { 1 };

        put_volatile(t, &t->a, 1);
        struct outbox_entry *e = outbox_take(&t->box);
        outbox_online(&t->box, false);
        outbox_return(&t->box, e);
        assert_dropped(t, 1, gone);
}

static void a_lane_is_bounded_in_bytes(void **state)
{
        struct test *t = *state;
        const int gone[] = { 1, 4 };

        t->budget.max = SIZE_MAX / 2;
        outbox_put(&t->box, &t->a, &note(1, OUTBOX_LANE_BYTES / 2)->entry);
        outbox_put(&t->box, &t->a, &note(2, OUTBOX_LANE_BYTES / 2)->entry);
        outbox_put(&t->box, &t->a, &note(3, 1)->entry);
        outbox_put(&t->box, &t->b, &note(4, OUTBOX_LANE_BYTES + 1)->entry);
        assert_dropped(t, 2, gone);
        assert_int_equal(t->a.bytes, OUTBOX_LANE_BYTES / 2 + 1);
}

static void the_budget_of_all_outboxes_is_kept(void **state)
{
        struct test *t = *state;
        struct outbox other = t->box;
        struct outbox_lane lane = { .depth = 10 };
        const int gone[] = { 1, 5 };

        t->budget.max = 35;
        put(t, &t->a, 1);
        outbox_put(&other, &lane, &note(2, 10)->entry);
        put(t, &t->b, 3);
        put(t, &t->b, 4); /* 1 goes */
        assert_int_equal(t->budget.bytes, 30);
        assert_next(t, 3);
        assert_next(t, 4);
        assert_int_equal(t->budget.bytes, 10);
        t->budget.max = 15;
        put(t, &t->a, 5); /* nothing of its own to drop: it goes itself */
        assert_dropped(t, 2, gone);
        t->n_dropped = 0;
        outbox_drop_all(&other);
}

static void nothing_is_lost_or_reordered_unaccounted(void **state)
{
        struct test *t = *state;
        unsigned seed = 7;
        int put_so_far = 0, taken = 0, dropped = 0, last[2] = { 0 };

        for (int step = 0; step < 20000; step++) {
                seed = seed * 1103515245u + 12345u;
                unsigned what = (seed >> 16) % 8;

                if (what < 5) {
                        put(t, what & 1 ? &t->a : &t->b, ++put_so_far);
                } else if (what == 5) {
                        outbox_online(&t->box, (seed >> 20) & 1);
                } else {
                        struct outbox_entry *e = outbox_take(&t->box);
                        int lane = e && e->lane == &t->b;

                        if (!e)
                                continue;
                        if (what == 6) {
                                outbox_return(&t->box, e);
                        } else {
                                assert_true(((struct note *)e)->number > last[lane]);
                                last[lane] = ((struct note *)e)->number;
                                taken++;
                                free(e);
                        }
                }
                dropped += (int)t->n_dropped;
                t->n_dropped = 0;
                assert_true(t->a.n <= 3 && t->b.n <= 3);
                assert_int_equal(t->box.n, t->a.n + t->b.n);
                assert_int_equal(t->budget.bytes, 10 * t->box.n);
                assert_int_equal(put_so_far, taken + dropped + (int)t->box.n);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(messages_leave_in_the_order_they_came),
                TEST(a_full_lane_drops_its_oldest_and_nobody_elses),
                TEST(a_lane_of_one_holds_the_newest),
                TEST(what_comes_back_goes_first_and_in_order),
                TEST(what_comes_back_to_a_full_lane_is_what_is_dropped),
                TEST(qos_0_is_not_held_while_the_broker_is_away),
                TEST(qos_0_that_comes_back_to_an_absent_broker_is_dropped),
                TEST(a_lane_is_bounded_in_bytes),
                TEST(the_budget_of_all_outboxes_is_kept),
                TEST(nothing_is_lost_or_reordered_unaccounted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
