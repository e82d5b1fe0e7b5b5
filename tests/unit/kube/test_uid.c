/* An object that no API server named keeps its uid for ever. */
#include "kube.h"

#include "kube/uid.h"

static void a_uid_is_the_same_after_every_restart(void **state)
{
        char uid[UID_SIZE];

        (void)state;
        uid_make("edge-1", "DeviceLink", "default/pump", uid);
        /* Computed once by another implementation of RFC 4122; a changed text breaks deployments.
         */
        assert_string_equal(uid, "44bc2eeb-2843-5079-a9bd-c677c95ee0a7");
}

static void it_has_the_form_of_version_five(void **state)
{
        char uid[UID_SIZE];

        (void)state;
        for (int i = 0; i < 50; i++) {
                auto_free char *key = xasprintf("default/pump-%d", i);

                uid_make("edge-1", "DeviceLink", key, uid);
                assert_int_equal(strlen(uid), 36);
                assert_int_equal(strspn(uid, "0123456789abcdef-"), 36);
                assert_int_equal(uid[8], '-');
                assert_int_equal(uid[13], '-');
                assert_int_equal(uid[14], '5');
                assert_int_equal(uid[18], '-');
                assert_non_null(strchr("89ab", uid[19]));
                assert_int_equal(uid[23], '-');
        }
}

static void host_kind_and_name_each_make_a_difference(void **state)
{
        static const char *const of[][3] = {
                { "edge-1", "DeviceLink", "default/pump" },
                { "edge-2", "DeviceLink", "default/pump" },
                { "edge-1", "ModbusDevice", "default/pump" },
                { "edge-1", "DeviceLink", "default/fan" },
                { "edge-1", "DeviceLink", "plant/pump" },
                { NULL, "DeviceLink", "default/pump" },
        };
        enum { N = sizeof(of) / sizeof(of[0]) };
        char uid[N][UID_SIZE];

        (void)state;
        for (size_t i = 0; i < N; i++) {
                uid_make(of[i][0], of[i][1], of[i][2], uid[i]);
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(uid[i], uid[j]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_uid_is_the_same_after_every_restart),
                cmocka_unit_test(it_has_the_form_of_version_five),
                cmocka_unit_test(host_kind_and_name_each_make_a_difference),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
