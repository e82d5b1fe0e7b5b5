/* Answers are classed by what the caller does next, and their text is for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kube/api_answer.h"

#define STATUS(code, reason, message, details)                                                     \
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","       \
        "\"message\":\"" message "\",\"reason\":\"" reason "\",\"details\":" details ","           \
        "\"code\":" code "}"

static struct kube_answer answer(long status, const char *type, const char *body)
{
        struct kube_answer r;
        struct answer_in in = {
                .status = status, .content_type = type, .body = body, .len = strlen(body)
        };

        answer_read(&in, &r);
        return r;
}

#define assert_answer(expected_class, expected_message, ...)                                       \
        do {                                                                                       \
                struct kube_answer r_ = answer(__VA_ARGS__);                                       \
                assert_string_equal(r_.message, (expected_message));                               \
                assert_int_equal(r_.class, (expected_class));                                      \
                answer_done(&r_, false);                                                           \
        } while (0)

#define JSON "application/json"
#define TEXT "text/plain; charset=utf-8"

static void classes_follow_from_code_and_reason(void **state)
{
        (void)state;
        assert_answer(KUBE_OK, "", 200, JSON, "{\"kind\":\"X\"}");
        assert_answer(KUBE_OK, "", 201, JSON ";charset=utf-8", "{}");
        assert_answer(
                KUBE_MISSING, "devicelinks \"x\" not found", 404, JSON,
                STATUS("404", "NotFound", "devicelinks \\\"x\\\" not found", "{\"name\":\"x\"}"));
        assert_answer(KUBE_CONFLICT, "changed", 409, JSON,
                      STATUS("409", "Conflict", "changed", "{}"));
        assert_answer(KUBE_EXISTS, "is there", 409, JSON,
                      STATUS("409", "AlreadyExists", "is there", "{}"));
        assert_answer(KUBE_EXPIRED, "too old resource version: 1 (212)", 410, JSON,
                      STATUS("410", "Expired", "too old resource version: 1 (212)", "{}"));
        assert_answer(KUBE_REFUSED, "bad", 400, JSON, STATUS("400", "BadRequest", "bad", "{}"));
        assert_answer(KUBE_REFUSED, "big", 413, JSON,
                      STATUS("413", "RequestEntityTooLarge", "big", "{}"));
        assert_answer(KUBE_REFUSED, "no", 415, JSON,
                      STATUS("415", "UnsupportedMediaType", "no", "{}"));
        assert_answer(KUBE_REFUSED, "denied", 422, JSON, STATUS("422", "Invalid", "denied", "{}"));
        assert_answer(KUBE_FORBIDDEN, "rbac", 403, JSON, STATUS("403", "Forbidden", "rbac", "{}"));
        assert_answer(KUBE_UNAUTHORIZED, "Unauthorized", 401, JSON,
                      STATUS("401", "Unauthorized", "Unauthorized", "{}"));
        assert_answer(KUBE_AWAY, "later", 429, JSON,
                      STATUS("429", "TooManyRequests", "later", "{\"retryAfterSeconds\":1}"));
        assert_answer(KUBE_AWAY, "etcd", 500, JSON, STATUS("500", "InternalError", "etcd", "{}"));
        assert_answer(KUBE_AWAY, "away", 503, JSON,
                      STATUS("503", "ServiceUnavailable", "away", "{}"));
        assert_answer(KUBE_AWAY, "slow", 504, JSON, STATUS("504", "Timeout", "slow", "{}"));
        assert_answer(KUBE_AWAY, "HTTP 302", 302, "text/html", "<html>");
}

/* reference A3 34 */
static void a_version_from_the_future_is_expired(void **state)
{
        (void)state;
        assert_answer(KUBE_EXPIRED, "Too large resource version", 504, JSON,
                      STATUS("504", "Timeout", "Too large resource version",
                             "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":"
                             "\"Too large resource version\"}],\"retryAfterSeconds\":1}"));
}

/* reference A6 73 */
static void a_typed_patch_that_cannot_be_is_refused_in_spite_of_its_code(void **state)
{
        (void)state;
        assert_answer(KUBE_REFUSED,
                      "failed to create typed patch object (a/b; x): .spec.z: not declared", 500,
                      JSON,
                      STATUS("500", "",
                             "failed to create typed patch object (a/b; x): .spec.z: not declared",
                             "{}"));
}

/* reference A2 25 */
static void plain_text_is_understood(void **state)
{
        struct kube_answer r = answer(404, TEXT, "404 page not found\n");

        (void)state;
        assert_int_equal(r.class, KUBE_MISSING);
        assert_true(r.no_resource);
        assert_string_equal(r.message, "404 page not found");
        answer_done(&r, false);
        assert_answer(KUBE_AWAY, "Too many requests, please try again later.", 429, "text/plain",
                      "Too many requests, please try again later.\n");
        assert_answer(KUBE_AWAY, "storage is (re)initializing", 429, JSON,
                      STATUS("429", "TooManyRequests", "storage is (re)initializing", "{}"));
        assert_answer(KUBE_AWAY, "HTTP 502", 502, "text/html",
                      "<html><script>alert(1)</script></html>");
}

static void a_missing_object_is_told_from_a_missing_resource(void **state)
{
        struct kube_answer object =
                answer(404, JSON, STATUS("404", "NotFound", "x not found", "{\"name\":\"x\"}"));
        struct kube_answer resource =
                answer(404, JSON,
                       STATUS("404", "NotFound", "the server could not find the requested resource",
                              "{}"));

        (void)state;
        assert_false(object.no_resource);
        assert_true(resource.no_resource);
        answer_done(&object, false);
        answer_done(&resource, false);
}

static void a_good_answer_that_is_no_json_is_none(void **state)
{
        (void)state;
        assert_answer(KUBE_AWAY, "expected JSON, got text/html", 200, "text/html", "<html>login");
        assert_answer(
                KUBE_AWAY,
                "HTTP 200 with a body that is no JSON: line 1 column 1: the text ends too early",
                200, JSON, "");
        assert_answer(KUBE_OK, "", 204, "", "");
        struct kube_answer r = answer(200, JSON, "{\"kind\":");
        assert_int_equal(r.class, KUBE_AWAY);
        assert_null(r.object);
        answer_done(&r, false);
}

static void a_raw_body_is_handed_on_and_an_error_is_not(void **state)
{
        struct kube_answer r;
        struct answer_in in = {
                .status = 200, .content_type = JSON, .body = "{\"items\":", .len = 9, .raw = true
        };

        (void)state;
        answer_read(&in, &r);
        assert_int_equal(r.class, KUBE_OK);
        assert_ptr_equal(r.body, in.body);
        assert_int_equal(r.body_len, 9);
        assert_null(r.object);
        answer_done(&r, false);

        in.status = 403;
        in.body = STATUS("403", "Forbidden", "rbac", "{}");
        in.len = strlen(in.body);
        answer_read(&in, &r);
        assert_int_equal(r.class, KUBE_FORBIDDEN);
        assert_null(r.body);
        assert_string_equal(r.reason, "Forbidden");
        answer_done(&r, false);
}

static void messages_are_one_clean_line_of_bounded_length(void **state)
{
        auto_free char *body = xcalloc(1, 5001);

        (void)state;
        assert_answer(KUBE_AWAY, "a b c?d", 503, "text/plain",
                      "  a\n\r\n\tb \x01"
                      "c\xff"
                      "d\n");
        memset(body, 'x', 5000);
        struct kube_answer r = answer(503, "text/plain", body);
        assert_in_range(strlen(r.message), ANSWER_MESSAGE_MAX - 8, ANSWER_MESSAGE_MAX);
        answer_done(&r, false);
        assert_answer(KUBE_AWAY, "HTTP 503 ServiceUnavailable", 503, JSON,
                      STATUS("503", "ServiceUnavailable", "", "{}"));
        assert_answer(KUBE_AWAY, "HTTP 503", 503, JSON, "{\"kind\":\"Pod\",\"message\":\"no\"}");
        assert_answer(KUBE_AWAY, "HTTP 503", 503, JSON, "[1]");
}

/* reference A4 41: within a watch the code is in the body alone */
static void an_error_event_counts_by_its_code(void **state)
{
        static const char gone[] =
                STATUS("410", "Expired", "too old resource version: 1 (2)", "{}");
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct kube_answer r;

        (void)state;
        assert_int_equal(tree_parse_json(a, gone, strlen(gone), &tree_limits_default, &t, NULL), 0);
        answer_of_status(t, a, &r);
        assert_int_equal(r.class, KUBE_EXPIRED);
        assert_string_equal(r.message, "too old resource version: 1 (2)");
        answer_of_status(NULL, a, &r);
        assert_int_equal(r.class, KUBE_AWAY);
        assert_int_equal(r.status, 500);
}

static void no_answer_is_away_and_says_why(void **state)
{
        struct kube_answer r;

        (void)state;
        answer_none(KUBE_AWAY, "connection refused\n", &r);
        assert_int_equal(r.class, KUBE_AWAY);
        assert_int_equal(r.status, 0);
        assert_int_equal(r.retry_after_ns, -1);
        assert_string_equal(r.message, "connection refused");
        answer_done(&r, true);
        assert_null(r.arena);
        answer_done(&r, true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(classes_follow_from_code_and_reason),
                cmocka_unit_test(a_version_from_the_future_is_expired),
                cmocka_unit_test(a_typed_patch_that_cannot_be_is_refused_in_spite_of_its_code),
                cmocka_unit_test(plain_text_is_understood),
                cmocka_unit_test(a_missing_object_is_told_from_a_missing_resource),
                cmocka_unit_test(a_good_answer_that_is_no_json_is_none),
                cmocka_unit_test(a_raw_body_is_handed_on_and_an_error_is_not),
                cmocka_unit_test(messages_are_one_clean_line_of_bounded_length),
                cmocka_unit_test(an_error_event_counts_by_its_code),
                cmocka_unit_test(no_answer_is_away_and_says_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
