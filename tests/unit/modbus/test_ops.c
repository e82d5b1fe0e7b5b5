/* orderOfOperations: in the order given, in double, whatever the type was. */
#include "unit/modbus/common.h"

#include "modbus/ops.h"

static const char *apply(const struct op *ops, size_t n, struct dl_value v)
{
        static char text[TEXT_FIXED_MAX];
        double x;

        if (!ops_apply(ops, n, &v, &x))
                return NULL;
        (void)text_fixed6(x, text);
        return text;
}

static void operations_go_in_their_order(void **state)
{
        (void)state;
        const struct op ops[] = {
                { OP_ADD, 1 }, { OP_MULTIPLY, 2 }, { OP_SUBTRACT, 3 }, { OP_DIVIDE, 4 }
        };
        const struct op back[] = {
                { OP_DIVIDE, 4 }, { OP_SUBTRACT, 3 }, { OP_MULTIPLY, 2 }, { OP_ADD, 1 }
        };
        const struct dl_value v = { .type = DL_INT, .as.i = 324 };

        assert_string_equal(apply(ops, 4, v), "161.750000");
        assert_string_equal(apply(back, 4, v), "157.000000");
}

static void integers_are_numbers_and_not_bits(void **state)
{
        (void)state;
        const struct op tenth = { OP_DIVIDE, 10 };

        assert_string_equal(apply(&tenth, 1, (struct dl_value){ .type = DL_INT, .as.i = -235 }),
                            "-23.500000");
        assert_string_equal(
                apply(&tenth, 1, (struct dl_value){ .type = DL_UINT, .as.u = UINT64_MAX }),
                "1844674407370955264.000000");
}

static void a_float_keeps_its_own_digits(void **state)
{
        (void)state;
        const struct op kelvin = { OP_SUBTRACT, 273.15 };
        const struct dl_value v = { .type = DL_REAL32, .as.r = (double)296.65F };

        assert_string_equal(apply(&kelvin, 1, v), "23.499994");
}

static void division_by_zero_is_a_value(void **state)
{
        (void)state;
        const struct op zero = { OP_DIVIDE, 0 };

        assert_string_equal(apply(&zero, 1, (struct dl_value){ .type = DL_INT, .as.i = 5 }),
                            "+Inf");
        assert_string_equal(apply(&zero, 1, (struct dl_value){ .type = DL_INT, .as.i = -5 }),
                            "-Inf");
        assert_string_equal(apply(&zero, 1, (struct dl_value){ .type = DL_INT }), "NaN");
}

static void booleans_and_bytes_have_none(void **state)
{
        (void)state;
        const struct op one = { OP_ADD, 1 };

        assert_null(apply(&one, 1, (struct dl_value){ .type = DL_BOOL, .as.i = 1 }));
        assert_null(apply(&one, 1, (struct dl_value){ .type = DL_BYTES }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(operations_go_in_their_order),
                cmocka_unit_test(integers_are_numbers_and_not_bits),
                cmocka_unit_test(a_float_keeps_its_own_digits),
                cmocka_unit_test(division_by_zero_is_a_value),
                cmocka_unit_test(booleans_and_bytes_have_none),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
