/* A write from outside is checked, done once, and answered once and in time, point by point. */

#include "rig.h"

enum { WRITES = 80 };

struct answers {
        int calls;
        size_t n;
        struct links_write_result list[4];
};

static struct answers answers;

static void on_answer(void *ctx, const struct links_write_result *list, size_t n)
{
        (void)ctx;
        answers.calls++;
        answers.n = n;
        memcpy(answers.list, list, (n > 4 ? 4 : n) * sizeof(*list));
}

static bool answered(struct rig *r)
{
        (void)r;
        return answers.calls > 0;
}

#define INT(p, v)                                                                                  \
        {                                                                                          \
                .size = sizeof(struct dl_write), .point = (p), .value = {                          \
                        .type = DL_INT,                                                            \
                        .as.i = (v)                                                                \
                }                                                                                  \
        }

static int write_to(struct rig *r, const struct dl_write *w, size_t n, int ms)
{
        answers = (struct answers){ 0 };
        return links_write(r->links, "default/a", w, n, clock_mono_ns() + ms * NS_PER_MS, on_answer,
                           r, NULL);
}

static struct rig *with_link(const char *adaptor)
{
        struct rig *r = rig_new(1, 1);

        apply_one(r, "a", adaptor,
                  "{'unit':1,'interval':60000,"
                  "'points':[{'name':'x'},{'name':'y'},{'name':'p','push':true}]}");
        assert_true(spin(r, a_is_healthy, 2000));
        return r;
}

static void writes_reach_the_device_in_both_models(void **state)
{
        static const struct dl_write w[] = { INT(0, 5), INT(1, 6) };
        static const char *const models[] = { EVENT, BLOCKING };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct rig *r = with_link(models[i]);
                struct fake_unit *u = i == 0 ? &event_fake->unit[1] : &blocking_fake->unit[1];
                int told = seen_of(r, "default/a")->statuses;

                assert_int_equal(write_to(r, w, 2, 1000), 0);
                assert_int_equal(answers.calls, 0); /* never from within */
                assert_true(spin(r, answered, 1000));
                assert_int_equal(answers.n, 2);
                assert_int_equal(answers.list[0].rc, DL_OK);
                assert_int_equal(answers.list[1].rc, DL_OK);
                assert_int_equal(atomic_load(&u->last_point), 1);
                assert_int_equal(atomic_load(&u->last_value), 6);
                run_for(r, 100); /* what was written is read again at once */
                assert_int_equal(atomic_load(&u->reads), 2);
                assert_int_equal(atomic_load(&u->last_n), 2);
                assert_int_equal(seen_of(r, "default/a")->statuses, told + 1);
                assert_int_equal(answers.calls, 1);
                rig_free(r);
        }
}

static void each_point_has_its_own_outcome(void **state)
{
        static const struct dl_write w[] = { INT(0, 5), INT(1, 5000), INT(2, 1), INT(9, 1) };
        struct rig *r = with_link(EVENT);

        (void)state;
        assert_int_equal(write_to(r, w, 4, 1000), 0);
        assert_true(spin(r, answered, 1000));
        assert_int_equal(answers.list[0].rc, DL_OK);
        assert_int_equal(answers.list[1].rc, DL_REFUSED);
        assert_string_equal(answers.list[1].text, "expected an integer below 1000");
        assert_int_equal(answers.list[2].rc, DL_REFUSED);
        assert_string_equal(answers.list[2].text, "p cannot be written");
        assert_int_equal(answers.list[3].rc, DL_CONFIG);
        rig_free(r);
}

static void what_is_wrong_altogether_is_answered_without_the_device(void **state)
{
        static const struct dl_write w[] = { INT(9, 1) };
        struct rig *r = with_link(EVENT);

        (void)state;
        assert_int_equal(write_to(r, w, 1, 60000), 0);
        assert_int_equal(answers.calls, 0);
        assert_true(spin(r, answered, 200));
        assert_int_equal(answers.list[0].rc, DL_CONFIG);
        assert_int_equal(atomic_load(&event_fake->unit[1].writes), 0);
        rig_free(r);
}

static void a_refusal_of_the_device_comes_with_its_code(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);

        (void)state;
        atomic_store(&event_fake->unit[1].write_rc, DL_REFUSED);
        assert_int_equal(write_to(r, w, 1, 1000), 0);
        assert_true(spin(r, answered, 1000));
        assert_int_equal(answers.list[0].rc, DL_REFUSED);
        assert_int_equal(answers.list[0].code, 3);
        assert_string_equal(answers.list[0].text, "not now");
        assert_true(a_is_healthy(r));
        rig_free(r);
}

static void an_error_text_arrives_whole(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);

        (void)state;
        atomic_store(&event_fake->unit[1].write_rc, DL_CONFIG);
        assert_int_equal(write_to(r, w, 1, 1000), 0);
        assert_true(spin(r, answered, 1000));
        assert_int_equal(answers.list[0].rc, DL_CONFIG);
        assert_int_equal(strlen(answers.list[0].text), 255);
        rig_free(r);
}

static void a_device_that_is_away_is_said(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_DOWN);
        atomic_store(&event_fake->unit[1].write_rc, DL_RETRY);
        assert_int_equal(write_to(r, w, 1, 1000), 0);
        assert_true(spin(r, answered, 1000));
        assert_int_equal(answers.list[0].rc, DL_RETRY);
        assert_string_equal(answers.list[0].text, "the line broke");
        assert_true(spin(r, a_is_unhealthy, 1000));
        rig_free(r);
}

static void the_deadline_is_kept_while_the_link_is_busy(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);
        int64_t begun;

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_SLOW);
        assert_int_equal(write_to(r, w, 1, 1000), 0); /* is followed by a slow read */
        assert_true(spin(r, answered, 1000));
        begun = clock_mono_ns();
        assert_int_equal(write_to(r, w, 1, 100), 0);
        assert_true(spin(r, answered, 1000));
        assert_in_range(clock_mono_ns() - begun, 99 * NS_PER_MS, 250 * NS_PER_MS);
        assert_int_equal(answers.list[0].rc, DL_RETRY);
        assert_string_equal(answers.list[0].text, "the deadline has passed");
        run_for(r, 500);
        assert_int_equal(answers.calls, 1);
        assert_int_equal(atomic_load(&event_fake->unit[1].writes), 1); /* too late is not done */
        rig_free(r);
}

static void a_link_that_goes_answers_what_waits(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_SLOW);
        assert_int_equal(write_to(r, w, 1, 1000), 0);
        assert_true(spin(r, answered, 1000));
        assert_int_equal(write_to(r, w, 1, 60000), 0);
        run_for(r, 20);
        apply(r);
        assert_true(spin(r, answered, 500));
        assert_int_equal(answers.list[0].rc, DL_RETRY);
        assert_string_equal(answers.list[0].text, "the link is closed");
        rig_free(r);
}

static void too_many_writes_are_refused_and_the_end_answers_all(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = with_link(EVENT);

        (void)state;
        atomic_store(&event_fake->unit[1].mode, FAKE_HANG);
        assert_int_equal(write_to(r, w, 1, 1000), 0);
        assert_true(spin(r, answered, 1000));
        answers = (struct answers){ 0 };
        for (int i = 0; i < WRITES; i++)
                assert_int_equal(
                        links_write(r->links, "default/a", w, 1, INT64_MAX, on_answer, r, NULL), 0);
        run_for(r, 50);
        assert_int_equal(answers.calls, WRITES - 64);
        assert_string_equal(answers.list[0].text, "too many writes are waiting");
        links_stop(r->links, on_stopped, r);
        assert_true(spin(r, is_stopped, 1000));
        assert_int_equal(answers.calls, WRITES);
        rig_free(r);
}

static void without_a_running_link_there_is_an_error_and_no_answer(void **state)
{
        static const struct dl_write w[] = { INT(0, 5) };
        struct rig *r = rig_new(1, 1);
        struct err e = { 0 };

        (void)state;
        answers = (struct answers){ 0 };
        assert_int_equal(links_write(r->links, "default/a", w, 1, INT64_MAX, on_answer, r, &e),
                         DL_CONFIG);
        assert_string_equal(e.text, "there is no link 'default/a'");
        apply_one(r, "a", "nobody", "{}");
        assert_int_equal(write_to(r, w, 1, 1000), DL_RETRY);
        run_for(r, 50);
        assert_int_equal(answers.calls, 0);
        rig_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_reach_the_device_in_both_models),
                cmocka_unit_test(each_point_has_its_own_outcome),
                cmocka_unit_test(what_is_wrong_altogether_is_answered_without_the_device),
                cmocka_unit_test(a_refusal_of_the_device_comes_with_its_code),
                cmocka_unit_test(an_error_text_arrives_whole),
                cmocka_unit_test(a_device_that_is_away_is_said),
                cmocka_unit_test(the_deadline_is_kept_while_the_link_is_busy),
                cmocka_unit_test(a_link_that_goes_answers_what_waits),
                cmocka_unit_test(too_many_writes_are_refused_and_the_end_answers_all),
                cmocka_unit_test(without_a_running_link_there_is_an_error_and_no_answer),
        };

        quiet_log();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
