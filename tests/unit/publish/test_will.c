/* A will is bytes from Base64, sent to a topic of its own or one beside the message's. */
#include "publish/will.h"

#include "vectors.h"

#include <string.h>

static const struct topic_names names = {
        .space = "default", .name = "test", .uid = "uid-xyz", .operation = "w"
};

static void assert_goes_to(const char *template, const char *message, const char *want)
{
        auto_of(buf) struct buf got = BUF(1 << 16);
        struct err e = { 0 };

        assert_int_equal(will_topic(template, message, &names, &got, &e), 0);
        assert_string_equal(buf_text(&got), want);
}

static void without_a_topic_it_goes_beside_the_message(void **state)
{
        (void)state;
        assert_goes_to(NULL, "static/topic", "static/topic/$will");
        assert_goes_to("", "a/:operator/:name", "a/w/test/$will");
        assert_goes_to(NULL, "/a//b", "a/b/$will");
}

static void the_default_is_cleaned_before_it_is_rendered(void **state)
{
        struct topic_names blank = names;
        auto_of(buf) struct buf got = BUF(256);
        struct err e = { 0 };

        (void)state;
        blank.operation = "";
        assert_int_equal(will_topic(NULL, "a/:operator/..", &blank, &got, &e), 0);
        assert_string_equal(buf_text(&got), "a/$will");
}

static void a_topic_of_its_own_is_rendered_as_it_is(void **state)
{
        (void)state;
        assert_goes_to("a/:uid/:namespace", "static/topic", "a/uid-xyz/default");
}

static void a_topic_that_cannot_be_published_to_is_refused(void **state)
{
        auto_of(buf) struct buf got = BUF(256);
        struct err e = { 0 };

        (void)state;
        assert_int_equal(will_topic("a/#", "t", &names, &got, &e), DL_CONFIG);
        buf_clear(&got);
        assert_int_equal(will_topic(":path", "t", &names, &got, &e), DL_CONFIG);
}

static void assert_payload(const char *content, const char *want)
{
        auto_of(buf) struct buf got = BUF(256);
        struct err e = { 0 };

        assert_int_equal(will_payload(content, strlen(content), &got, &e), 0);
        assert_int_equal(got.len, strlen(want));
        assert_memory_equal(buf_text(&got), want, got.len);
}

static void all_four_forms_of_base64_are_read(void **state)
{
        (void)state;
        assert_payload("Y2xvc2Vk", "closed");
        assert_payload("YQ==", "a");
        assert_payload("YQ", "a");
        assert_payload("YR", "a");
        assert_payload("YQ=====", "a");
        assert_payload("+/-_", "\xfb\xff\xbf");
        assert_payload("", "");
}

static void what_is_no_base64_is_refused(void **state)
{
        static const char *const wrong[] = { "Y", "YQ=Q", "Y Q", "YQ\n", "Y!==", "\xc3\xbc" };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                auto_of(buf) struct buf got = BUF(256);
                struct err e = { 0 };

                if (will_payload(wrong[i], strlen(wrong[i]), &got, &e) != DL_CONFIG)
                        fail_msg("'%s' was taken", wrong[i]);
        }
}

static void a_payload_that_mqtt_has_no_room_for_is_refused(void **state)
{
        auto_of(buf) struct buf got = BUF(1 << 20);
        size_t n = 87384; /* 65,538 bytes */
        char *content = malloc(n);
        struct err e = { 0 };

        (void)state;
        assert_non_null(content);
        memset(content, 'A', n);
        assert_int_equal(will_payload(content, n, &got, &e), DL_CONFIG);
        assert_string_equal(e.text, "expected at most 65535 bytes, got 65538");
        assert_int_equal(will_payload(content, n - 4, &got, &e), 0);
        assert_int_equal(got.len, 65535);
        free(content);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_topic_it_goes_beside_the_message),
                cmocka_unit_test(the_default_is_cleaned_before_it_is_rendered),
                cmocka_unit_test(a_topic_of_its_own_is_rendered_as_it_is),
                cmocka_unit_test(a_topic_that_cannot_be_published_to_is_refused),
                cmocka_unit_test(all_four_forms_of_base64_are_read),
                cmocka_unit_test(what_is_no_base64_is_refused),
                cmocka_unit_test(a_payload_that_mqtt_has_no_room_for_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
