/* One line per event, repeats collapsed, nothing that could be taken for another line. */
/* wrap: write clock_mono_ns clock_wall_ns */
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOG_FD = 1000, ROOM = 1 << 20 };

static int64_t mono_ns;
static int64_t wall_ns;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char written[ROOM];
static size_t n_written;
static int n_writes;
static int fail_at;     /* fail the nth write, 0 = none */
static int fail_errno;  /* with this, or, */
static size_t fail_len; /* when 0, write only so much, */
static bool then_fails; /* and the write after it fails */

int64_t __wrap_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void)
{
        return mono_ns;
}

int64_t __wrap_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void)
{
        return wall_ns;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
        if (fd != LOG_FD)
                return __real_write(fd, p, n);

        (void)pthread_mutex_lock(&lock);
        n_writes++;
        bool after = then_fails && n_writes == fail_at + 1;
        bool fails = n_writes == fail_at || after;
        if (after)
                fail_errno = EAGAIN;
        if (fails && fail_errno == 0 && n > fail_len)
                n = fail_len;
        if ((!fails || fail_errno == 0) && n_written + n < ROOM) {
                memcpy(written + n_written, p, n);
                n_written += n;
                written[n_written] = '\0';
        }
        (void)pthread_mutex_unlock(&lock);
        if (fails && fail_errno) {
                errno = fail_errno;
                return -1;
        }
        return (ssize_t)n;
}

static void forget(void)
{
        n_written = 0;
        written[0] = '\0';
        n_writes = 0;
        fail_at = 0;
        fail_errno = 0;
        fail_len = 0;
        then_fails = false;
}

/* What was written since the last time. */
static const char *taken(void)
{
        static char text[ROOM];

        memcpy(text, written, n_written + 1);
        forget();
        return text;
}

static int fresh(void **state)
{
        (void)state;
        log_flush(true);
        mono_ns = 1000 * NS_PER_S;
        wall_ns = INT64_C(1767323045678999999); /* 2026-01-02T03:04:05.678Z */
        forget();
        log_setup(LOG_FD, LOG_INFO, LOG_FORMAT_TEXT);
        return 0;
}

static int done(void **state)
{
        forget();
        log_flush(true);
        (void)state;
        return 0;
}

static size_t lines_in(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

#define STAMP "2026-01-02T03:04:05.678Z "

static void a_text_line_has_time_level_id_message_and_fields(void **state)
{
        (void)state;
        LOG(WARNING, "link.retry", "device does not answer", LOG_STR("link", "default/pump"),
            LOG_INT("attempt", 3));
        assert_string_equal(taken(), STAMP "WARNING link.retry device does not answer "
                                           "link=default/pump attempt=3\n");
        LOG(ERROR, "a.b", "bare");
        assert_string_equal(taken(), STAMP "ERROR a.b bare\n");
        LOG(INFO, "a.c", "all kinds", LOG_STR("absent", NULL), LOG_NS("after", 90 * NS_PER_S),
            LOG_BOOL("first", true), LOG_BOOL("last", false), LOG_INT("min", INT64_MIN));
        assert_string_equal(taken(), STAMP "INFO a.c all kinds after=1m30s first=true last=false "
                                           "min=-9223372036854775808\n");
}

static void a_json_line_is_one_object(void **state)
{
        (void)state;
        log_setup(LOG_FD, LOG_DEBUG, LOG_FORMAT_JSON);
        LOG(WARNING, "link.retry", "no \"answer\"", LOG_STR("link", "default/pump"),
            LOG_INT("attempt", 3), LOG_NS("after", 1500 * NS_PER_MS), LOG_BOOL("x", 1),
            LOG_STR("absent", NULL));
        assert_string_equal(taken(), "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\","
                                     "\"id\":\"link.retry\",\"message\":\"no \\\"answer\\\"\","
                                     "\"link\":\"default/pump\",\"attempt\":3,\"after\":1.5,"
                                     "\"x\":true}\n");
        LOG(DEBUG, "a.b", "");
        assert_string_equal(taken(), "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"debug\","
                                     "\"id\":\"a.b\",\"message\":\"\"}\n");
        LOG(ERROR, "a.c", "\x01\xff\n");
        assert_non_null(strstr(taken(), "\"message\":\"\\u0001\xef\xbf\xbd\\n\"}"));
        LOG(INFO, "a.d", "x");
        assert_non_null(strstr(taken(), "\"level\":\"info\""));
}

static void milliseconds_are_right_before_1970_too(void **state)
{
        (void)state;
        wall_ns = -1;
        LOG(INFO, "a.b", "x");
        assert_string_equal(taken(), "1969-12-31T23:59:59.999Z INFO a.b x\n");
}

static void only_wanted_levels_are_written(void **state)
{
        (void)state;
        assert_true(log_wants(LOG_INFO));
        assert_false(log_wants(LOG_DEBUG));
        LOG(DEBUG, "a.b", "x");
        log_write(LOG_DEBUG, "a.b", "x", NULL, 0);
        assert_int_equal(n_writes, 0);
        log_setup(LOG_FD, LOG_ERROR, LOG_FORMAT_TEXT);
        LOG(WARNING, "a.b", "x");
        assert_int_equal(n_writes, 0);
        LOG(ERROR, "a.b", "x");
        assert_int_equal(n_writes, 1);
}

static void values_cannot_forge_a_line_or_a_field(void **state)
{
        (void)state;
        LOG(INFO, "a.b", "one\ntwo\r\x1b[31m\x7f", LOG_STR("plain", "a/b:c,d"),
            LOG_STR("empty", ""), LOG_STR("space", "a b"), LOG_STR("equals", "x=1"),
            LOG_STR("quote", "say \"hi\" \\"), LOG_STR("control", "a\nb\tc\x02"),
            LOG_STR("c1", "\xc2\x9b"
                          "31m"),
            LOG_STR("bad", "a\xff"
                           "b"),
            LOG_STR("umlaut", "\xc3\xa4"));
        assert_string_equal(taken(),
                            STAMP "INFO a.b one\\ntwo\\u000d\\u001b[31m\\u007f plain=a/b:c,d "
                                  "empty=\"\" space=\"a b\" equals=\"x=1\" "
                                  "quote=\"say \\\"hi\\\" \\\\\" control=\"a\\nb\\tc\\u0002\" "
                                  "c1=\\u009b31m bad=a\xef\xbf\xbd"
                                  "b umlaut=\xc3\xa4\n");
}

static void every_line_is_one_write(void **state)
{
        (void)state;
        LOG(INFO, "a.b", "x", LOG_STR("k", "v"));
        LOG(INFO, "a.c", "x");
        assert_int_equal(n_writes, 2);
}

/* --- length ------------------------------------------------------------------------------- */

static void assert_cut(enum log_format format, const char *message, const char *value)
{
        static int n;
        char id[32];

        (void)snprintf(id, sizeof(id), "long.%d", n++);
        log_setup(LOG_FD, LOG_INFO, format);
        LOG(INFO, id, message, LOG_STR("one", value), LOG_STR("two", value), LOG_INT("n", 5));
        const char *line = taken();
        size_t len = strlen(line);
        assert_in_range(len, 200, 4096);
        assert_int_equal(lines_in(line), 1);
        assert_int_equal(line[len - 1], '\n');
        assert_non_null(strstr(line, format == LOG_FORMAT_JSON ? ",\"cut\":true}" : " cut=true\n"));
        assert_non_null(strstr(line, "..."));
}

static void a_long_line_is_cut_to_four_kibibytes_and_stays_whole(void **state)
{
        static char text[10001];

        (void)state;
        for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
                memset(text, 'x', sizeof(text) - 1);
                assert_cut((enum log_format)format, "short", text);
                assert_cut((enum log_format)format, text, "short");
                assert_cut((enum log_format)format, text, text);
                memset(text, '\x01', sizeof(text) - 1); /* six bytes each */
                assert_cut((enum log_format)format, text, text);
        }
}

static void a_cut_is_between_characters(void **state)
{
        static char text[10001];

        (void)state;
        for (size_t pad = 0; pad < 2; pad++) {
                const char *id = pad ? "odd" : "even";
                text[0] = 'x';
                for (size_t i = pad; i + 1 < sizeof(text); i++)
                        text[i] = "\xc3\xa4"[(i - pad) % 2];
                LOG(INFO, id, text, LOG_STR("value", text));
                assert_null(strstr(taken(), "\xef\xbf\xbd"));
        }
}

static void many_fields_give_way_to_the_message(void **state)
{
        struct log_field fields[400];

        (void)state;
        for (size_t i = 0; i < 400; i++)
                fields[i] = LOG_STR("field", "0123456789");
        log_write(LOG_INFO, "a.b", "message", fields, 400);
        assert_string_equal(taken(), STAMP "INFO a.b message cut=true\n");
}

static void the_longest_line_that_fits_is_not_cut(void **state)
{
        static char text[4097];

        (void)state;
        size_t room = 4096 - strlen(STAMP "INFO a.b \n");
        memset(text, 'x', room);
        LOG(INFO, "a.b", text);
        const char *line = taken();
        assert_int_equal(strlen(line), 4096);
        assert_null(strstr(line, "cut=true"));
        text[room] = 'x';
        LOG(INFO, "a.c", text);
        assert_non_null(strstr(taken(), "... cut=true\n"));
}

/* --- repeats ------------------------------------------------------------------------------ */

static void say(const char *link, const char *message)
{
        LOG(WARNING, "link.retry", message, LOG_STR("link", link), LOG_STR("error", message));
}

static void repeats_within_ten_seconds_are_counted_with_the_next_line(void **state)
{
        (void)state;
        say("a/b", "one");
        assert_int_equal(lines_in(taken()), 1);
        for (int i = 0; i < 5; i++) {
                mono_ns += NS_PER_S;
                say("a/b", "more");
        }
        assert_int_equal(n_writes, 0);
        mono_ns += 5 * NS_PER_S;
        say("a/b", "later");
        assert_string_equal(taken(), STAMP "WARNING link.retry later link=a/b error=later "
                                           "repeated=5\n");
        mono_ns += 10 * NS_PER_S;
        say("a/b", "alone");
        assert_string_equal(taken(), STAMP "WARNING link.retry alone link=a/b error=alone\n");
}

static void messages_from_elsewhere_can_be_told_apart(void **state)
{
        (void)state;
        LOG(INFO, "a.b", "one", LOG_STR("link", "x"), LOG_APART("one"));
        LOG(INFO, "a.b", "two", LOG_STR("link", "x"), LOG_APART("two"));
        LOG(INFO, "a.b", "one", LOG_STR("link", "x"), LOG_APART("one"));
        assert_string_equal(taken(), STAMP "INFO a.b one link=x\n" STAMP "INFO a.b two link=x\n");
        log_flush(true);
        assert_string_equal(taken(), STAMP "INFO a.b one link=x repeated=1\n");
}

static void repeats_are_told_when_their_ten_seconds_are_over(void **state)
{
        (void)state;
        say("a/b", "one");
        say("a/b", "two");
        say("a/b", "three");
        (void)taken();
        mono_ns += 10 * NS_PER_S - 1;
        log_flush(false);
        assert_int_equal(n_writes, 0);
        mono_ns += 1;
        log_flush(false);
        assert_string_equal(taken(), STAMP "WARNING link.retry three link=a/b repeated=2\n");
        log_flush(false);
        log_flush(true);
        assert_int_equal(n_writes, 0);
        say("a/b", "new");
        assert_int_equal(lines_in(taken()), 1);
}

static void the_end_tells_all_counts_at_once(void **state)
{
        (void)state;
        say("a/b", "one");
        say("a/b", "two");
        say("c/d", "one");
        (void)taken();
        log_flush(true);
        assert_string_equal(taken(), STAMP "WARNING link.retry two link=a/b repeated=1\n");
}

static void links_files_and_peers_are_told_apart(void **state)
{
        (void)state;
        say("a/b", "x");
        say("a/c", "x");
        LOG(WARNING, "link.other", "x", LOG_STR("link", "a/b"));
        LOG(WARNING, "folder.bad", "x", LOG_STR("file", "one"));
        LOG(WARNING, "folder.bad", "x", LOG_STR("file", "two"));
        LOG(WARNING, "mqtt.away", "x", LOG_STR("peer", "one"));
        LOG(WARNING, "mqtt.away", "x", LOG_STR("link", "one"));
        LOG(WARNING, "mqtt.away", "x", LOG_STR("peer", "one"), LOG_STR("link", "a"));
        LOG(WARNING, "mqtt.away", "x", LOG_STR("peer", NULL));
        assert_int_equal(n_writes, 9);
        LOG(WARNING, "mqtt.away", "y", LOG_STR("peer", "one"), LOG_INT("n", 5),
            LOG_STR("error", "other"));
        LOG(WARNING, "mqtt.away", "y", LOG_STR("peer", NULL));
        assert_int_equal(n_writes, 9);
        forget();
        log_flush(true);
        assert_string_equal(taken(), STAMP "WARNING mqtt.away y peer=one repeated=1\n" STAMP
                                           "WARNING mqtt.away y repeated=1\n");
}

static void each_finding_condition_and_property_is_told_once(void **state)
{
        static const char *const keys[] = { "path", "adaptor", "condition", "reason", "property" };

        (void)state;
        for (size_t i = 0; i < 5; i++) {
                for (int k = 0; k < 4; k++) {
                        const struct log_field fields[] = { LOG_STR("link", "a/b"),
                                                            LOG_STR(keys[i], k % 2 ? "x" : "y") };
                        log_write(LOG_INFO, "link.condition", "changed", fields, 2);
                }
                assert_int_equal(n_writes, 2);
                forget();
        }
        log_flush(true);
        const char *text = taken();
        assert_int_equal(lines_in(text), 10);
        assert_non_null(strstr(text, "link=a/b reason=x repeated=1\n"));
}

static void numbered(int i)
{
        char link[16];

        (void)snprintf(link, sizeof(link), "%d", i);
        say(link, "x");
}

static void a_thousand_and_twenty_four_are_watched_and_the_oldest_goes(void **state)
{
        (void)state;
        for (int i = 0; i < 1024; i++)
                numbered(i);
        numbered(0);
        numbered(0);
        assert_int_equal(n_writes, 1024);
        forget();
        numbered(1024); /* pushes 0 out, whose count must not be lost */
        assert_string_equal(taken(), STAMP "WARNING link.retry x link=0 repeated=2\n" STAMP
                                           "WARNING link.retry x link=1024 error=x\n");
        numbered(1);
        assert_int_equal(n_writes, 0);
        numbered(0);
        assert_string_equal(taken(), STAMP "WARNING link.retry x link=1 repeated=1\n" STAMP
                                           "WARNING link.retry x link=0 error=x\n");
        for (int i = 2000; i < 20000; i++)
                numbered(i);
        assert_int_equal(n_writes, 18000);
}

static void a_new_window_makes_an_id_young_again(void **state)
{
        (void)state;
        for (int i = 0; i < 1024; i++)
                numbered(i);
        mono_ns += 10 * NS_PER_S;
        numbered(0);
        numbered(5000); /* pushes 1 out, not 0 */
        forget();
        numbered(0);
        assert_int_equal(n_writes, 0);
}

static void a_line_too_long_to_be_watched_is_written_each_time(void **state)
{
        static char text[6000];

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        say(text, "x");
        say(text, "x");
        assert_int_equal(n_writes, 2);
}

/* --- trouble ------------------------------------------------------------------------------ */

static void five_lines(void)
{
        LOG(INFO, "a.1", "first");
        LOG(INFO, "a.2", "second");
        LOG(INFO, "a.3", "third");
        LOG(INFO, "a.4", "fourth");
        LOG(INFO, "a.5", "fifth");
}

static void a_failed_write_costs_one_line_and_is_counted(void **state)
{
        for (int n = 1; n <= 6; n++) {
                (void)fresh(state);
                fail_at = n;
                fail_errno = ENOSPC;
                errno = ENOENT;
                five_lines();
                assert_int_equal(errno, ENOENT);
                const char *text = taken();
                if (n == 6) { /* a run without a fault */
                        assert_int_equal(lines_in(text), 5);
                        assert_null(strstr(text, "lost"));
                        continue;
                }
                assert_int_equal(lines_in(text), 4);
                if (n < 5) {
                        char want[32];
                        (void)snprintf(want, sizeof(want), " a.%d ", n + 1);
                        const char *next = strstr(text, want);
                        assert_non_null(next);
                        assert_memory_equal(strchr(next, '\n') - 7, " lost=1\n", 8);
                        assert_null(strstr(strchr(next, '\n'), "lost"));
                } else {
                        LOG(INFO, "a.6", "sixth");
                        assert_string_equal(taken(), STAMP "INFO a.6 sixth lost=1\n");
                }
        }
}

static void losses_add_up_while_writing_fails(void **state)
{
        (void)state;
        for (int i = 1; i <= 3; i++) {
                char id[16];
                (void)snprintf(id, sizeof(id), "a.%d", i);
                fail_at = n_writes + 1;
                fail_errno = EPIPE;
                LOG(INFO, id, "x");
        }
        LOG(INFO, "a.4", "x");
        assert_string_equal(taken(), STAMP "INFO a.4 x lost=3\n");
}

static void an_interrupted_write_is_tried_again(void **state)
{
        (void)state;
        fail_at = 1;
        fail_errno = EINTR;
        LOG(INFO, "a.1", "first");
        assert_string_equal(taken(), STAMP "INFO a.1 first\n");
}

static void a_short_write_is_completed(void **state)
{
        (void)state;
        fail_at = 1;
        fail_len = 10;
        LOG(INFO, "a.1", "first");
        assert_int_equal(n_writes, 2);
        assert_string_equal(taken(), STAMP "INFO a.1 first\n");
}

/* A pipe that takes a part and then nothing. */
static void half_a_line_is_ended_before_the_next_one(void **state)
{
        (void)state;
        fail_at = 1;
        fail_len = 10;
        then_fails = true;
        LOG(INFO, "a.1", "first");
        assert_int_equal(n_writes, 2);
        assert_string_equal(taken(), "2026-01-02");
        LOG(INFO, "a.2", "second");
        assert_string_equal(taken(), "\n" STAMP "INFO a.2 second lost=1\n");
        LOG(INFO, "a.3", "third");
        assert_string_equal(taken(), STAMP "INFO a.3 third\n");
}

/* --- threads ------------------------------------------------------------------------------ */

static void *chatter(void *arg)
{
        char link[16];

        for (int i = 0; i < 500; i++) {
                (void)snprintf(link, sizeof(link), "%d/%d", *(int *)arg, i % 50);
                say(link, "x");
                if (i % 100 == 0)
                        log_flush(false);
        }
        return NULL;
}

static void threads_never_mix_their_lines(void **state)
{
        pthread_t threads[4];
        int ids[4];

        (void)state;
        for (int i = 0; i < 4; i++) {
                ids[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, chatter, &ids[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(n_writes, 200);
        forget();
        log_flush(true);
        const char *text = taken();
        assert_int_equal(lines_in(text), 200);
        for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
                assert_memory_equal(line, STAMP "WARNING link.retry x link=",
                                    strlen(STAMP "WARNING link.retry x link="));
                assert_memory_equal(strchr(line, '\n') - 11, " repeated=9\n", 12);
        }
}

static void a_reader_that_stands_still_stops_nobody(void **state)
{
        static char text[1 << 17];
        int ends[2];
        size_t n = 0;

        (void)state;
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
        log_setup(ends[1], LOG_INFO, LOG_FORMAT_TEXT);
        for (int i = 0; i < 2000; i++) { /* 64 KiB are in between */
                mono_ns += 20 * NS_PER_S;
                LOG(INFO, "test.full", "sixty-four characters are more than enough for this one");
        }
        for (ssize_t more; (more = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0;)
                n += (size_t)more;
        assert_true(n > 30000);
        LOG(INFO, "test.again", "it goes on");
        ssize_t last = read(ends[0], text + n, sizeof(text) - 1 - n);
        assert_true(last > 0);
        text[n + (size_t)last] = '\0';
        assert_non_null(strstr(text, "it goes on lost="));
        (void)close(ends[0]);
        (void)close(ends[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_text_line_has_time_level_id_message_and_fields),
                TEST(a_json_line_is_one_object),
                TEST(milliseconds_are_right_before_1970_too),
                TEST(only_wanted_levels_are_written),
                TEST(values_cannot_forge_a_line_or_a_field),
                TEST(every_line_is_one_write),
                TEST(a_long_line_is_cut_to_four_kibibytes_and_stays_whole),
                TEST(a_cut_is_between_characters),
                TEST(many_fields_give_way_to_the_message),
                TEST(the_longest_line_that_fits_is_not_cut),
                TEST(repeats_within_ten_seconds_are_counted_with_the_next_line),
                TEST(messages_from_elsewhere_can_be_told_apart),
                TEST(repeats_are_told_when_their_ten_seconds_are_over),
                TEST(the_end_tells_all_counts_at_once),
                TEST(links_files_and_peers_are_told_apart),
                TEST(each_finding_condition_and_property_is_told_once),
                TEST(a_thousand_and_twenty_four_are_watched_and_the_oldest_goes),
                TEST(a_new_window_makes_an_id_young_again),
                TEST(a_line_too_long_to_be_watched_is_written_each_time),
                TEST(a_failed_write_costs_one_line_and_is_counted),
                TEST(losses_add_up_while_writing_fails),
                TEST(an_interrupted_write_is_tried_again),
                TEST(a_short_write_is_completed),
                TEST(half_a_line_is_ended_before_the_next_one),
                TEST(threads_never_mix_their_lines),
                TEST(a_reader_that_stands_still_stops_nobody),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
