/* Points are found by name, whatever their order. */
#include "model/point_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct dl_point points[] = {
        { .name = "c" }, { .name = "a" }, { .name = "" }, { .name = "b" }
};

static void a_name_gives_the_index_of_its_point(void **state)
{
        const struct dl_info info = { .points = points, .n_points = 4 };
        auto_of(point_names) struct point_names p = point_names_new(&info);

        (void)state;
        for (long i = 0; i < 4; i++)
                assert_int_equal(point_names_find(&p, points[i].name), i);
        assert_int_equal(point_names_find(&p, "d"), POINT_NONE);
        assert_null(point_names_double(&p));
}

static void a_name_that_stands_twice_is_told(void **state)
{
        const struct dl_point twice[] = { { .name = "a" }, { .name = "b" }, { .name = "a" } };
        const struct dl_info info = { .points = twice, .n_points = 3 };
        auto_of(point_names) struct point_names p = point_names_new(&info);

        (void)state;
        assert_string_equal(point_names_double(&p), "a");
}

static void no_points_have_no_names(void **state)
{
        const struct dl_info info = { 0 };
        auto_of(point_names) struct point_names p = point_names_new(&info);
        const struct point_names none = { 0 };

        (void)state;
        assert_int_equal(point_names_find(&p, "a"), POINT_NONE);
        assert_int_equal(point_names_find(&none, "a"), POINT_NONE);
        assert_null(point_names_double(&p));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_gives_the_index_of_its_point),
                cmocka_unit_test(a_name_that_stands_twice_is_told),
                cmocka_unit_test(no_points_have_no_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
