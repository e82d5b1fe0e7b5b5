/* A watch hands over lines as they come, and its end. */
/* wrap: backoff_next_ns */
#include "api_room.h"

struct seen {
        struct kube_call *call;
        struct buf text;
        unsigned began;
        size_t lines, bytes;
        size_t cancel_at; /* line; 0 = never */
        bool close_api;
};

static void on_began(void *ctx)
{
        ((struct seen *)ctx)->began++;
}

static void on_line(void *ctx, const char *text, size_t n)
{
        struct seen *s = ctx;

        s->lines++;
        s->bytes += n;
        if (n < 100) {
                buf_addc(&s->text, '[');
                buf_add(&s->text, text, n);
                buf_addc(&s->text, ']');
        }
        if (s->lines == s->cancel_at && s->close_api) {
                kube_api_close(rig->api);
                rig->api = NULL;
        } else if (s->lines == s->cancel_at) {
                kube_cancel(s->call);
        }
}

static void watch(struct rig *r, struct seen *s)
{
        struct kube_watch_request q = { .path = "/watch?watch=1",
                                        .resource = "things",
                                        .ctx = s,
                                        .began = on_began,
                                        .line = on_line,
                                        .done = on_done };

        s->text = BUF(1 << 20);
        s->call = kube_watch(r->api, &q);
}

static bool stream_bytes(struct rig *r, struct fake_request *q)
{
        static const char stream[] = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";

        (void)r;
        fake_stream(q->fd);
        for (size_t i = 0; i < strlen(stream); i++)
                fake_chunk(q->fd, stream + i, 1);
        fake_stream_end(q->fd);
        return true;
}

/* reference A4 39 */
static void a_watch_gives_lines_and_a_clean_end(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };
        const struct kube_count *rows = NULL;

        r->special = stream_bytes;
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(s.began, 1);
        assert_string_equal(buf_text(&s.text), "[{\"a\":1}][{\"b\":2}][{\"c\":3}]");
        assert_int_equal(kube_api_counts(r->api, &rows), 1);
        assert_string_equal(rows[0].method, "WATCH");
        assert_int_equal(rows[0].code, 200);
        assert_null(strstr(r->head, "Accept-Encoding"));
        buf_done(&s.text);
}

static bool stream_cut(struct rig *r, struct fake_request *q)
{
        (void)r;
        fake_stream(q->fd);
        fake_line(q->fd, "{\"a\":1}");
        fake_chunk(q->fd, "{\"b\"", 4);
        if (q->number == 1)
                fake_stream_end(q->fd);
        return q->number == 1;
}

static void a_watch_that_breaks_off_is_away(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        r->special = stream_cut;
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(buf_text(&s.text), "[{\"a\":1}]");
        buf_done(&s.text);
        watch(r, &s);
        run_until(2, 5 * NS_PER_S);
        assert_int_equal(r->class, KUBE_AWAY);
        assert_string_equal(r->message, "the stream ended within a line");
        buf_done(&s.text);
}

static bool stream_huge(struct rig *r, struct fake_request *q)
{
        auto_free char *mega = xmalloc(1 << 20);

        (void)r;
        memset(mega, 'x', 1 << 20);
        fake_stream(q->fd);
        for (int i = 0; i < 3; i++)
                fake_chunk(q->fd, mega, 1 << 20);
        fake_line(q->fd, q->number == 0 ? "" : "x");
        fake_stream_end(q->fd);
        return true;
}

/* reference A2 29 */
static void a_line_of_3_MiB_is_taken_and_a_longer_one_ends_the_watch(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        r->special = stream_huge;
        watch(r, &s);
        run_until(1, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_OK);
        assert_int_equal(s.lines, 1);
        assert_int_equal(s.bytes, 3 << 20);
        buf_done(&s.text);
        watch(r, &s);
        run_until(2, 20 * NS_PER_S);
        assert_int_equal(r->class, KUBE_REFUSED);
        assert_int_equal(r->status, 0);
        assert_int_equal(s.lines, 1);
        buf_done(&s.text);
}

static void a_watch_may_be_cancelled_by_its_own_line(void **state)
{
        struct rig *r = *state;
        struct seen s = { .cancel_at = 2 };
        unsigned never = 1;

        r->special = stream_bytes;
        watch(r, &s);
        (void)fake_run(r->loop, is_done, &never, 300 * NS_PER_MS);
        assert_int_equal(r->n_done, 0);
        assert_int_equal(s.lines, 2);
        buf_done(&s.text);
}

static void the_client_may_be_closed_by_a_line(void **state)
{
        struct rig *r = *state;
        struct seen s = { .cancel_at = 1, .close_api = true };
        unsigned never = 1;

        r->special = stream_bytes;
        watch(r, &s);
        (void)start(r, "GET", "/never");
        (void)fake_run(r->loop, is_done, &never, 300 * NS_PER_MS);
        assert_int_equal(s.lines, 1);
        buf_done(&s.text);
}

static void a_watch_that_is_refused_says_how(void **state)
{
        struct rig *r = *state;
        struct seen s = { 0 };

        ACTS(r, ACT_401, ACT_TEXT_429);
        watch(r, &s);
        run_until(1, 5 * NS_PER_S);
        assert_int_equal(s.began, 0);
        assert_int_equal(r->status, 429);
        assert_int_equal(r->retry_after_ns, NS_PER_S);
        assert_int_equal(fake_access.asked, 2);
        buf_done(&s.text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_watch_gives_lines_and_a_clean_end),
                TEST(a_watch_that_breaks_off_is_away),
                TEST(a_line_of_3_MiB_is_taken_and_a_longer_one_ends_the_watch),
                TEST(a_watch_may_be_cancelled_by_its_own_line),
                TEST(the_client_may_be_closed_by_a_line),
                TEST(a_watch_that_is_refused_says_how),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
