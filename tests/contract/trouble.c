/* trouble.c - devices that refuse, are slow, dead or die, and calls that are ended from outside. */
#include "contract/contract.h"

static const long delays_ms[] = { 0, 1, 3, 10, 30, 100 };
enum { DELAYS = sizeof(delays_ms) / sizeof(delays_ms[0]) };

static void fails_and_comes_back(enum rig_mode mode)
{
        rig_must(mode);
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);

        for (int i = 0; i < 2; i++) {
                rig_set(subject.rig, mode);
                assert_int_equal(seat_read(s), DL_RETRY);
                assert_true(seat_error(s)[0]);
                rig_set(subject.rig, RIG_HEALTHY);
                reads_again(s);
                all_points_good(s, d);
        }
        seat_close(s);
        device_end(d);
}

static void a_device_that_is_not_there_is_retried_and_found_again(void **state)
{
        (void)state;
        fails_and_comes_back(RIG_REFUSING);
}

static void a_black_hole_costs_a_time_out_and_is_left_again(void **state)
{
        (void)state;
        fails_and_comes_back(RIG_BLACK_HOLE);
}

static void a_line_that_goes_down_within_an_answer_is_retried(void **state)
{
        (void)state;
        fails_and_comes_back(RIG_HALF);
}

static void a_slow_device_is_waited_for(void **state)
{
        (void)state;
        rig_must(RIG_SLOW);
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);

        assert_int_equal(seat_read(s), DL_OK);
        all_points_good(s, d);
        seat_close(s);
        device_end(d);
}

static void a_late_answer_is_not_taken_for_the_next_one(void **state)
{
        (void)state;
        rig_must(RIG_LATE);
        rig_set(subject.rig, RIG_HEALTHY);
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        size_t n = subject.adaptor->describe(d)->n_points;
        int64_t *want = xcalloc(n, sizeof(*want));

        reads_again(s);
        for (uint32_t i = 0; i < n; i++)
                want[i] = seat_point(s, i)->value.as.i;
        rig_set(subject.rig, RIG_LATE);
        assert_int_equal(seat_read(s), DL_RETRY);
        for (int round = 0; round < 3; round++) {
                reads_again(s);
                for (uint32_t i = 0; i < n; i++)
                        if (seat_point(s, i)->value.type == DL_INT ||
                            seat_point(s, i)->value.type == DL_UINT)
                                assert_int_equal(seat_point(s, i)->value.as.i, want[i]);
        }
        free(want);
        seat_close(s);
        device_end(d);
}

static void what_the_device_refuses_is_bad_and_the_link_stays(void **state)
{
        (void)state;
        rig_must(RIG_SAYS_NO);
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        size_t bad = 0;

        int rc = seat_read(s);
        assert_true(rc == DL_OK || rc == DL_REFUSED);
        for (uint32_t i = 0; i < subject.adaptor->describe(d)->n_points; i++) {
                const struct point_record *p = seat_point(s, i);

                bad += p->samples && p->quality == DL_BAD && p->has_error;
        }
        assert_true(bad > 0 || rc == DL_REFUSED);
        rig_set(subject.rig, RIG_HEALTHY);
        reads_again(s);
        all_points_good(s, d);
        seat_close(s);
        device_end(d);
}

static void a_refused_write_is_told_for_its_point(void **state)
{
        (void)state;
        rig_must(RIG_SAYS_NO);
        struct dl_device *d = device_new();
        const struct dl_info *info = subject.adaptor->describe(d);
        struct seat *s = seat_of(d);

        for (uint32_t i = 0; i < info->n_points; i++) {
                if (!(info->points[i].access & DL_WRITE))
                        continue;
                rig_set(subject.rig, RIG_HEALTHY);
                reads_again(s);
                struct dl_value v = seat_point(s, i)->value;
                rig_set(subject.rig, RIG_SAYS_NO);
                for (int try = 0; try < 3 && !seat_point(s, i)->wrote; try++)
                        (void)seat_write(s, i, &v); /* the first may find the line gone */
                assert_int_equal(seat_point(s, i)->wrote_rc, DL_REFUSED);
                break;
        }
        seat_close(s);
        device_end(d);
}

/* Until it returns, as the agent does: the first may come just before the call. */
static int interrupt_until_back(struct seat *s)
{
        int rc = DL_BUG;

        for (int i = 0; i < 300; i++) {
                seat_interrupt(s);
                if (seat_wait(s, 10 * NS_PER_MS, &rc))
                        return rc;
        }
        fail_msg("an interrupted call goes on for three seconds");
        return rc;
}

static void an_interrupt_ends_a_blocked_call_at_any_moment(void **state)
{
        (void)state;
        if (host_is_event_driven())
                skip();
        rig_must(RIG_BLACK_HOLE);
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        const uint32_t first = 0;

        for (int i = 0; i < DELAYS; i++) {
                rig_set(subject.rig, RIG_BLACK_HOLE);
                seat_read_start(s, &first, 1);
                nap_ms(delays_ms[i]);
                assert_int_equal(interrupt_until_back(s), DL_RETRY);
                rig_set(subject.rig, RIG_HEALTHY);
                reads_again(s);
                all_points_good(s, d);
        }
        seat_close(s);
        device_end(d);
}

static void an_interrupt_without_a_call_does_no_harm(void **state)
{
        (void)state;
        if (host_is_event_driven())
                skip();
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);

        for (int i = 0; i < 10; i++) {
                for (int k = 0; k < i; k++)
                        seat_interrupt(s);
                seat_forget(s);
                assert_int_equal(seat_read(s), DL_OK);
                all_points_good(s, d);
        }
        seat_interrupt(s);
        seat_close(s);
        device_end(d);
}

static void interrupts_while_all_is_well_do_no_lasting_harm(void **state)
{
        (void)state;
        if (host_is_event_driven())
                skip();
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        const uint32_t first = 0;

        for (int i = 0; i < 200; i++) {
                int rc = DL_BUG;

                seat_read_start(s, &first, 1);
                seat_interrupt(s);
                assert_true(seat_wait(s, 10 * NS_PER_S, &rc));
                assert_true(rc == DL_OK || rc == DL_RETRY);
        }
        assert_int_equal(seat_read(s), DL_OK);
        seat_close(s);
        device_end(d);
}

/* A blocking one is interrupted first, by seat_close(). */
static void a_link_can_be_closed_with_a_request_under_way(void **state)
{
        struct dl_device *d = device_new();
        size_t n = subject.adaptor->describe(d)->n_points;
        uint32_t *all = xcalloc(n, sizeof(*all));

        (void)state;
        for (uint32_t i = 0; i < n; i++)
                all[i] = i;
        for (int mode = 0; mode < RIG_MODES; mode++) {
                if (!rig_can(subject.rig, (enum rig_mode)mode))
                        continue;
                rig_set(subject.rig, (enum rig_mode)mode);
                for (int i = 0; i < DELAYS; i++) {
                        struct seat *s = seat_of(d);

                        seat_read_start(s, all, n);
                        nap_ms(delays_ms[i]);
                        seat_close(s);
                }
        }
        nap_ms(100); /* for what comes afterwards, and must not */
        free(all);
        device_end(d);
}

static void one_dead_link_of_many_does_not_end_the_others(void **state)
{
        (void)state;
        rig_must(RIG_BLACK_HOLE);
        struct dl_device *d = device_new();
        const uint32_t first = 0;
        struct seat *stuck = seat_of(d);
        struct seat *well = seat_of(d);
        int rc = DL_BUG;

        seat_read_start(stuck, &first, 1);
        nap_ms(50);
        seat_close(stuck);
        rig_set(subject.rig, RIG_HEALTHY);
        reads_again(well);
        seat_read_start(well, &first, 1);
        assert_true(seat_wait(well, 10 * NS_PER_S, &rc));
        assert_int_equal(rc, DL_OK);
        seat_close(well);
        device_end(d);
}

int run_trouble(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_device_that_is_not_there_is_retried_and_found_again),
                TEST(a_black_hole_costs_a_time_out_and_is_left_again),
                TEST(a_line_that_goes_down_within_an_answer_is_retried),
                TEST(a_slow_device_is_waited_for),
                TEST(a_late_answer_is_not_taken_for_the_next_one),
                TEST(what_the_device_refuses_is_bad_and_the_link_stays),
                TEST(a_refused_write_is_told_for_its_point),
                TEST(an_interrupt_ends_a_blocked_call_at_any_moment),
                TEST(an_interrupt_without_a_call_does_no_harm),
                TEST(interrupts_while_all_is_well_do_no_lasting_harm),
                TEST(a_link_can_be_closed_with_a_request_under_way),
                TEST(one_dead_link_of_many_does_not_end_the_others),
        };

        return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
