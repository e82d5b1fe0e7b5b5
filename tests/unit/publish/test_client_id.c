/* A broker knows a session by its client id: the ids are those of Octopus. */
#include "publish/client_id.h"

#include "vectors.h"

#include <string.h>

static void assert_id(const char *uid, int version, const char *want)
{
        auto_of(buf) struct buf got = BUF(1 << 16);

        client_id(uid, version, &got);
        if (strcmp(buf_text(&got), want) != 0)
                fail_msg("'%s' (%d) is '%s', not '%s'", uid, version, buf_text(&got), want);
}

static void every_recorded_id_is_made_alike(void **state)
{
        struct json_object *list = vectors_open("clientid.json");
        size_t n = json_object_array_length(list);

        (void)state;
        assert_int_equal(n, 40);
        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_object_array_get_idx(list, i);

                assert_id(text(entry, "uid"), json_object_get_int(member(entry, "protocolVersion")),
                          text(entry, "clientId"));
        }
        (void)json_object_put(list);
}

static void mqtt_5_takes_the_long_form(void **state)
{
        (void)state;
        assert_id("835aea2e-5f80-4d14-88f5-40c4bda41aa3", 5,
                  "octopus-835aea2e5f804d1488f540c4bda41aa3");
}

static void a_short_id_never_passes_23_bytes_whatever_the_uid_is(void **state)
{
        char uid[80];

        (void)state;
        for (size_t n = 0; n < sizeof(uid); n++) {
                for (int kind = 0; kind < 3; kind++) {
                        auto_of(buf) struct buf got = BUF(1 << 16);

                        memset(uid, kind == 0 ? '-' : kind == 1 ? 'z' : 'f', n);
                        if (n > 20)
                                uid[7] = uid[19] = '3';
                        uid[n] = '\0';
                        client_id(uid, 3, &got);
                        assert_true(got.len <= 25); /* up to 17 characters are kept whole */
                        if (n > 17)
                                assert_true(got.len <= 23);
                }
                if (n + 1 == sizeof(uid))
                        break;
        }
}

static void a_shared_id_tells_node_and_identity_apart(void **state)
{
        auto_of(buf) struct buf a = BUF(256);
        auto_of(buf) struct buf b = BUF(256);
        auto_of(buf) struct buf c = BUF(256);
        auto_of(buf) struct buf again = BUF(256);

        (void)state;
        client_id_shared("edge-1", "tcp://a:1883", 4, &a);
        client_id_shared("edge-2", "tcp://a:1883", 4, &b);
        client_id_shared("edge-1", "tcp://b:1883", 4, &c);
        client_id_shared("edge-1", "tcp://a:1883", 4, &again);
        assert_string_equal(buf_text(&a), buf_text(&again));
        assert_string_not_equal(buf_text(&a), buf_text(&b));
        assert_string_not_equal(buf_text(&a), buf_text(&c));
        assert_memory_equal(buf_text(&a), "devicelink-edge-1-", 18);
}

static void a_shared_id_of_mqtt_3_1_has_23_bytes_at_most(void **state)
{
        auto_of(buf) struct buf a = BUF(256);
        auto_of(buf) struct buf b = BUF(256);

        (void)state;
        client_id_shared("a-node-with-a-long-name.example.com", "tcp://a:1883", 3, &a);
        client_id_shared("another-node", "tcp://a:1883", 3, &b);
        assert_int_equal(a.len, 23);
        assert_string_not_equal(buf_text(&a), buf_text(&b));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_id_is_made_alike),
                cmocka_unit_test(mqtt_5_takes_the_long_form),
                cmocka_unit_test(a_short_id_never_passes_23_bytes_whatever_the_uid_is),
                cmocka_unit_test(a_shared_id_tells_node_and_identity_apart),
                cmocka_unit_test(a_shared_id_of_mqtt_3_1_has_23_bytes_at_most),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
