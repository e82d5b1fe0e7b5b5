/* Every point is read exactly once, no request is too long or reads what nobody asked for, and what
 * a device refuses costs only itself. */
#include "unit/modbus/common.h"

#include "base/mem.h"
#include "modbus/plan.h"

enum { SPACE = 65536, POINTS_MAX = 300 };

/* xorshift: the same sets in every run */
static uint32_t seed = 20261121;

static uint32_t draw(uint32_t below)
{
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        return seed % below;
}

static uint32_t max_of(uint8_t function)
{
        return codec_is_bits(function) ? READ_BITS_MAX : READ_REGISTERS_MAX;
}

/* A device that refuses what touches a bad address or is longer than it likes. */
struct device {
        const struct plan_span *spans;
        size_t n;
        const bool *bad;  /* by address, whatever the function; NULL = none */
        uint32_t longest; /* 0 = as the specification says */
};

struct outcome {
        unsigned requests;
        unsigned read[POINTS_MAX];
        unsigned refused[POINTS_MAX];
};

static bool refuses(const struct device *d, const struct plan_block *b)
{
        if (d->longest && b->quantity > d->longest)
                return true;
        for (uint32_t i = 0; d->bad && i < b->quantity; i++)
                if (d->bad[b->address + i])
                        return true;
        return false;
}

/* No address of the block that none of its points covers, all of its points in it, limits kept. */
static void check_block(const struct device *d, const struct plan_block *b)
{
        static bool covered[SPACE];

        assert_true(b->n >= 1);
        assert_true(b->quantity >= 1 && b->quantity <= max_of(b->function));
        assert_true((uint32_t)b->address + b->quantity <= SPACE);
        memset(covered + b->address, 0, b->quantity);
        for (size_t i = 0; i < b->n; i++) {
                const struct plan_span *s = &d->spans[b->points[i]];
                assert_int_equal(s->function, b->function);
                assert_true(s->address >= b->address);
                assert_true((uint32_t)s->address + s->quantity <=
                            (uint32_t)b->address + b->quantity);
                memset(covered + s->address, 1, s->quantity);
        }
        for (uint32_t i = 0; i < b->quantity; i++)
                assert_true(covered[b->address + i]);
}

static struct outcome reading(struct plan *p, const struct device *d, const uint32_t *points,
                              size_t n)
{
        struct outcome o = { 0 };
        struct plan_block b;

        plan_begin(p, points, n);
        while (plan_next(p, &b)) {
                o.requests++;
                check_block(d, &b);
                if (!refuses(d, &b)) {
                        for (size_t i = 0; i < b.n; i++)
                                o.read[b.points[i]]++;
                        plan_accepted(p, &b);
                } else if (!plan_refused(p, &b)) {
                        o.refused[b.points[0]]++;
                }
        }
        return o;
}

static size_t all_points(uint32_t *points, size_t n)
{
        for (size_t i = 0; i < n; i++)
                points[i] = (uint32_t)i;
        return n;
}

/* A random set; `space` small makes many overlaps. */
static size_t random_spans(struct plan_span *spans, uint32_t space)
{
        size_t n = draw(POINTS_MAX + 1);

        for (size_t i = 0; i < n; i++) {
                uint8_t function = (uint8_t)(1 + draw(4));
                uint32_t longest = draw(10) == 0 ? max_of(function) : 4;
                uint32_t quantity = 1 + draw(longest);
                if (quantity > space)
                        quantity = space;
                spans[i] = (struct plan_span){
                        .function = function,
                        .address = (uint16_t)(SPACE - space + draw(space - quantity + 1)),
                        .quantity = (uint16_t)quantity,
                };
        }
        return n;
}

static void random_sets_are_covered_exactly_once(void **state)
{
        (void)state;
        static const uint32_t spaces[] = { 1, 7, 200, 2500, SPACE };
        struct plan_span spans[POINTS_MAX];
        uint32_t points[POINTS_MAX];

        for (unsigned round = 0; round < 400; round++) {
                size_t n = random_spans(spans, spaces[round % 5]);
                const struct device d = { .spans = spans, .n = n };
                struct plan *p = plan_new(spans, n);
                for (unsigned again = 0; again < 3; again++) {
                        size_t asked = 0; /* all, then random parts, in random order */
                        for (uint32_t i = 0; i < n; i++)
                                if (again == 0 || draw(2))
                                        points[asked++] = i;
                        for (size_t i = 1; again && i < asked; i++) {
                                size_t j = draw((uint32_t)i + 1);
                                uint32_t point = points[i];
                                points[i] = points[j];
                                points[j] = point;
                        }
                        struct outcome o = reading(p, &d, points, asked);
                        for (size_t i = 0; i < asked; i++)
                                assert_int_equal(o.read[points[i]]--, 1);
                        for (size_t i = 0; i < n; i++)
                                assert_int_equal(o.read[i], 0);
                }
                plan_free(p);
        }
}

/* Brute force: a device with bad addresses and a limit of its own still yields every point that it
 * would yield when asked for it alone, in each of the readings that follow. */
static void refusals_cost_only_the_points_at_fault(void **state)
{
        (void)state;
        static bool bad[SPACE];
        struct plan_span spans[POINTS_MAX];
        uint32_t points[POINTS_MAX];

        for (unsigned round = 0; round < 300; round++) {
                memset(bad, 0, sizeof(bad));
                uint32_t space = round % 3 ? 300 : 40;
                size_t n = all_points(points, random_spans(spans, space));
                for (unsigned i = draw(6); i > 0; i--)
                        bad[SPACE - space + draw(space)] = true;
                const struct device d = { spans, n, bad, draw(2) ? 0 : 1 + draw(60) };
                struct plan *p = plan_new(spans, n);
                for (unsigned again = 0; again < 4; again++) {
                        struct outcome o = reading(p, &d, points, n);
                        for (size_t i = 0; i < n; i++) {
                                const struct plan_block alone = {
                                        .function = spans[i].function,
                                        .address = spans[i].address,
                                        .quantity = spans[i].quantity,
                                };
                                assert_int_equal(o.refused[i], refuses(&d, &alone));
                                assert_int_equal(o.read[i], !refuses(&d, &alone));
                        }
                }
                plan_free(p);
        }
}

/* n registers in a row, one point each */
static void row(struct plan_span *spans, size_t n)
{
        for (size_t i = 0; i < n; i++)
                spans[i] = (struct plan_span){ 3, (uint16_t)(100 + i), 1 };
}

static void neighbours_are_one_request_up_to_the_limit(void **state)
{
        (void)state;
        struct plan_span spans[POINTS_MAX];
        uint32_t points[POINTS_MAX];
        const struct device d = { .spans = spans, .n = 250 };

        row(spans, 250);
        struct plan *p = plan_new(spans, 250);
        assert_int_equal(reading(p, &d, points, all_points(points, 125)).requests, 1);
        assert_int_equal(reading(p, &d, points, all_points(points, 126)).requests, 2);
        assert_int_equal(reading(p, &d, points, all_points(points, 250)).requests, 2);
        plan_free(p);
}

static void a_gap_or_another_function_is_another_request(void **state)
{
        (void)state;
        const struct plan_span spans[] = { { 3, 0, 2 }, { 3, 2, 2 }, { 3, 5, 1 },
                                           { 4, 4, 1 }, { 1, 0, 1 }, { 3, 1, 1 } };
        uint32_t points[6];
        const struct device d = { .spans = spans, .n = 6 };

        struct plan *p = plan_new(spans, 6);
        assert_int_equal(reading(p, &d, points, all_points(points, 6)).requests, 4);
        plan_free(p);
}

static void one_bad_point_is_found_once_and_then_left_out(void **state)
{
        (void)state;
        static bool bad[SPACE];
        struct plan_span spans[100];
        uint32_t points[100];
        const struct device d = { .spans = spans, .n = 100, .bad = bad };

        row(spans, 100);
        struct plan *p = plan_new(spans, 100);
        size_t n = all_points(points, 100);
        assert_int_equal(reading(p, &d, points, n).requests, 1);
        bad[130] = true;
        assert_in_range(reading(p, &d, points, n).requests, 3, 17);
        for (unsigned i = 0; i < 3; i++) {
                struct outcome o = reading(p, &d, points, n);
                assert_int_equal(o.requests, 3); /* before it, after it, itself */
                assert_int_equal(o.refused[30], 1);
        }
        bad[130] = false;
        assert_int_equal(reading(p, &d, points, n).requests, 3);
        assert_int_equal(reading(p, &d, points, n).requests, 1); /* it is well again */
        plan_free(p);
        bad[130] = false;
}

static void a_device_that_takes_only_short_requests_is_asked_shortly_from_then_on(void **state)
{
        (void)state;
        struct plan_span spans[100];
        uint32_t points[100];
        const struct device d = { .spans = spans, .n = 100, .longest = 30 };

        row(spans, 100);
        struct plan *p = plan_new(spans, 100);
        size_t n = all_points(points, 100);
        assert_int_equal(reading(p, &d, points, n).requests, 7);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(reading(p, &d, points, n).requests, 4);
        plan_free(p);
}

static void a_reading_that_ends_early_teaches_nothing(void **state)
{
        (void)state;
        struct plan_span spans[100];
        uint32_t points[100];
        struct plan_block b;
        const struct device d = { .spans = spans, .n = 100 };

        row(spans, 100);
        struct plan *p = plan_new(spans, 100);
        size_t n = all_points(points, 100);
        plan_begin(p, points, n);
        assert_true(plan_next(p, &b));
        assert_true(plan_refused(p, &b));
        assert_true(plan_next(p, &b)); /* and the line is lost */
        assert_int_equal(reading(p, &d, points, n).requests, 1);
        plan_free(p);
}

static void two_properties_of_one_register_are_told_apart(void **state)
{
        (void)state;
        static bool bad[SPACE];
        const struct plan_span spans[] = { { 3, 7, 1 }, { 3, 7, 1 }, { 3, 7, 2 } };
        uint32_t points[3];
        const struct device d = { .spans = spans, .n = 3, .bad = bad };

        bad[8] = true;
        struct plan *p = plan_new(spans, 3);
        for (unsigned i = 0; i < 3; i++) {
                struct outcome o = reading(p, &d, points, all_points(points, 3));
                assert_int_equal(o.read[0] + o.read[1], 2);
                assert_int_equal(o.refused[2], 1);
        }
        plan_free(p);
        bad[8] = false;
}

static void nothing_to_read_is_no_request(void **state)
{
        (void)state;
        struct plan_block b;
        struct plan *p = plan_new(NULL, 0);

        plan_begin(p, NULL, 0);
        assert_false(plan_next(p, &b));
        plan_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_sets_are_covered_exactly_once),
                cmocka_unit_test(refusals_cost_only_the_points_at_fault),
                cmocka_unit_test(neighbours_are_one_request_up_to_the_limit),
                cmocka_unit_test(a_gap_or_another_function_is_another_request),
                cmocka_unit_test(one_bad_point_is_found_once_and_then_left_out),
                cmocka_unit_test(
                        a_device_that_takes_only_short_requests_is_asked_shortly_from_then_on),
                cmocka_unit_test(a_reading_that_ends_early_teaches_nothing),
                cmocka_unit_test(two_properties_of_one_register_are_told_apart),
                cmocka_unit_test(nothing_to_read_is_no_request),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
