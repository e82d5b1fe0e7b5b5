/* life.c - the life of devices and links, with a device that is well. */
#include "contract/contract.h"

#include "model/state.h"

#include <stdio.h>

#include <json-c/json.h>

static void the_table_is_complete(void **state)
{
        const struct dl_adaptor *a = subject.adaptor;
        bool has_kind = false;

        (void)state;
        assert_non_null(a->name);
        assert_non_null(strchr(a->name, '/'));
        assert_non_null(a->version);
        assert_non_null(a->kinds);
        for (size_t i = 0; a->kinds[i]; i++)
                has_kind = has_kind || strcmp(a->kinds[i], subject.kind) == 0;
        assert_true(has_kind);
        assert_true(a->compile && a->describe && a->discard && a->open && a->close);
        assert_true(!a->read != !a->begin_read);
        assert_false(a->write && !a->read);
        assert_false(a->begin_write && !a->begin_read);
        assert_true(!a->read || a->interrupt);
}

static void a_description_is_sane_and_the_same_each_time(void **state)
{
        struct dl_device *d = device_new();
        struct dl_device *again = device_new();
        const struct dl_info *x = subject.adaptor->describe(d);
        const struct dl_info *y = subject.adaptor->describe(again);

        (void)state;
        describe_is_sane(d);
        assert_true(x->n_points > 0);
        assert_string_equal(x->channel, y->channel);
        assert_string_equal(x->connection, y->connection);
        assert_int_equal(x->n_points, y->n_points);
        for (size_t i = 0; i < x->n_points; i++) {
                assert_string_equal(x->points[i].name, y->points[i].name);
                assert_string_equal(x->points[i].members, y->points[i].members);
        }
        device_end(d);
        describe_is_sane(again);
        device_end(again);
}

static void every_order_of_life_and_death_works(void **state)
{
        (void)state;
        device_end(device_new());

        struct dl_device *d = device_new();
        seat_close(seat_of(d)); /* never used */
        struct seat *a = seat_of(d);
        struct seat *b = seat_of(d);
        reads_again(b);
        seat_close(a); /* the older first */
        a = seat_of(d);
        reads_again(a);
        reads_again(b);
        seat_close(a); /* the younger first */
        reads_again(b);
        struct dl_device *other = device_new();
        seat_close(b);
        device_end(d);
        b = seat_of(other);
        reads_again(b);
        seat_close(b);
        device_end(other);
}

static void opening_does_not_touch_the_device(void **state)
{
        struct dl_device *d = device_new();
        unsigned before = 0;
        unsigned after = 0;

        (void)state;
        bool can_tell = rig_contacts(subject.rig, &before);
        struct seat *s = seat_of(d);
        nap_ms(50);
        if (can_tell) {
                (void)rig_contacts(subject.rig, &after);
                assert_int_equal(after, before);
                reads_again(s); /* and it does notice */
                (void)rig_contacts(subject.rig, &after);
                assert_true(after > before);
        }
        seat_close(s);
        if (rig_can(subject.rig, RIG_REFUSING)) {
                rig_set(subject.rig, RIG_REFUSING);
                seat_close(seat_of(d));
        }
        device_end(d);
}

static void a_reading_gives_every_point_a_good_sample(void **state)
{
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);

        (void)state;
        for (int i = 0; i < 3; i++) {
                seat_forget(s);
                assert_int_equal(seat_read(s), DL_OK);
                all_points_good(s, d);
        }
        seat_close(s);
        device_end(d);
}

static void any_points_can_be_read_alone_and_in_any_order(void **state)
{
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        uint32_t n = (uint32_t)subject.adaptor->describe(d)->n_points;

        (void)state;
        for (uint32_t i = 0; i < n; i++) {
                seat_forget(s);
                assert_int_equal(seat_read_some(s, &i, 1), DL_OK);
                for (uint32_t k = 0; k < n; k++)
                        assert_int_equal(seat_point(s, k)->samples != 0, k == i);
        }
        uint32_t *backwards = xcalloc(n, sizeof(*backwards));
        for (uint32_t i = 0; i < n; i++)
                backwards[i] = n - 1 - i;
        seat_forget(s);
        assert_int_equal(seat_read_some(s, backwards, n), DL_OK);
        all_points_good(s, d);
        free(backwards);
        seat_close(s);
        device_end(d);
}

static void many_links_of_one_device_work_side_by_side(void **state)
{
        enum { N = 20 };
        struct dl_device *d = device_new();
        uint32_t first = 0;
        struct seat *s[N];
        int rc = DL_BUG;

        (void)state;
        for (int i = 0; i < N; i++)
                s[i] = seat_of(d);
        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < N; i++)
                        seat_read_start(s[i], &first, 1);
                for (int i = 0; i < N; i++) {
                        assert_true(seat_wait(s[i], 10 * NS_PER_S, &rc));
                        assert_int_equal(rc, DL_OK);
                }
        }
        for (int i = 0; i < N; i++)
                seat_close(s[(i * 7) % N]);
        device_end(d);
}

static void what_was_read_can_be_written_back(void **state)
{
        struct dl_device *d = device_new();
        const struct dl_info *info = subject.adaptor->describe(d);
        struct seat *s = seat_of(d);

        (void)state;
        reads_again(s);
        for (uint32_t i = 0; i < info->n_points; i++) {
                struct dl_error e = { 0 };

                if (!(info->points[i].access & DL_WRITE))
                        continue;
                assert_true(subject.adaptor->write || subject.adaptor->begin_write);
                struct dl_value v = seat_point(s, i)->value;
                if (subject.adaptor->check)
                        assert_int_equal(subject.adaptor->check(d, i, &v, &e), DL_OK);
                seat_forget(s);
                assert_int_equal(seat_write(s, i, &v), DL_OK);
                assert_int_equal(seat_point(s, i)->wrote, 1);
                assert_int_equal(seat_point(s, i)->wrote_rc, DL_OK);
        }
        reads_again(s);
        all_points_good(s, d);
        seat_close(s);
        device_end(d);
}

static void check_refuses_what_cannot_be_written(void **state)
{
        struct dl_device *d = device_new();
        const struct dl_info *info = subject.adaptor->describe(d);
        const struct dl_value none = { .type = DL_NONE };
        const struct dl_value list = { .type = DL_ARRAY };
        struct dl_error e = { 0 };

        (void)state;
        for (uint32_t i = 0; subject.adaptor->check && i < info->n_points; i++) {
                assert_true(subject.adaptor->check(d, i, &none, &e) < 0);
                assert_true(e.text[0]);
                if (info->points[i].type != DL_ARRAY)
                        assert_true(subject.adaptor->check(d, i, &list, &e) < 0);
        }
        if (subject.adaptor->check)
                assert_true(subject.adaptor->check(d, (uint32_t)info->n_points, &none, &e) < 0);
        device_end(d);
}

static void its_status_document_is_one_json_object(void **state)
{
        struct dl_device *d = device_new();
        const struct dl_info *info = subject.adaptor->describe(d);
        struct seat *s = seat_of(d);
        struct states states = states_new(info->n_points);

        (void)state;
        reads_again(s);
        for (int round = 0; subject.adaptor->status && round < 2; round++) {
                auto_of(buf) struct buf out = BUF(1 << 22);

                assert_int_equal(
                        subject.adaptor->status(d, states.list, states.n, (struct dl_out *)&out),
                        DL_OK);
                json_object *o = json_tokener_parse(buf_text(&out));
                assert_true(json_object_is_type(o, json_type_object));
                (void)json_object_put(o);
                for (uint32_t i = 0; i < info->n_points; i++) { /* now with values */
                        const struct dl_sample sample = {
                                .size = sizeof(sample),
                                .point = i,
                                .arrival_ns = 1,
                                .value = seat_point(s, i)->value,
                        };
                        bool is_new;

                        assert_int_equal(states_apply(&states, &sample, 1, &is_new, NULL), 0);
                }
        }
        states_done(&states);
        seat_close(s);
        device_end(d);
}

/* After an update the old device is discarded: nothing of it may be used any more. */
static struct dl_device *update_to(struct seat **s, struct dl_device *old, const char *spec)
{
        struct dl_device *d = device_of(spec);
        struct dl_error e;

        if (!subject.adaptor->update || seat_update(*s, d, &e) != DL_OK) {
                seat_close(*s);
                *s = seat_of(d);
        }
        device_end(old);
        return d;
}

static void an_update_keeps_or_refuses_cleanly(void **state)
{
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);

        (void)state;
        d = update_to(&s, d, subject.spec); /* before the first reading */
        reads_again(s);
        for (int i = 0; i < 5; i++) {
                d = update_to(&s, d, i % 2 || !subject.changed ? subject.spec : subject.changed);
                reads_again(s);
                all_points_good(s, d);
        }
        seat_close(s);
        device_end(d);
}

static void an_update_keeps_the_line(void **state)
{
        struct dl_device *d = device_new();
        struct seat *s = seat_of(d);
        unsigned before;
        unsigned after;

        (void)state;
        reads_again(s);
        bool can_tell = rig_contacts(subject.rig, &before);
        d = update_to(&s, d, subject.changed ? subject.changed : subject.spec);
        reads_again(s);
        if (can_tell && subject.adaptor->update) {
                (void)rig_contacts(subject.rig, &after);
                assert_int_equal(after, before);
        }
        seat_close(s);
        device_end(d);
}

int run_life(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_table_is_complete),
                TEST(a_description_is_sane_and_the_same_each_time),
                TEST(every_order_of_life_and_death_works),
                TEST(opening_does_not_touch_the_device),
                TEST(a_reading_gives_every_point_a_good_sample),
                TEST(any_points_can_be_read_alone_and_in_any_order),
                TEST(many_links_of_one_device_work_side_by_side),
                TEST(what_was_read_can_be_written_back),
                TEST(check_refuses_what_cannot_be_written),
                TEST(its_status_document_is_one_json_object),
                TEST(an_update_keeps_or_refuses_cleanly),
                TEST(an_update_keeps_the_line),
        };

        return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
