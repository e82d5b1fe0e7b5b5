/* Names are what Kubernetes takes, no more and no less. */
#include "kube.h"

#include "kube/names.h"

static char *repeated(char c, size_t n)
{
        char *s = xmalloc(n + 1);

        memset(s, c, n);
        s[n] = '\0';
        return s;
}

static void a_namespace_is_a_dns_label(void **state)
{
        auto_free char *longest = repeated('a', 63);
        auto_free char *longer = repeated('a', 64);

        (void)state;
        assert_true(name_is_label("default"));
        assert_true(name_is_label("0-a-9"));
        assert_true(name_is_label(longest));
        assert_false(name_is_label(longer));
        assert_false(name_is_label(""));
        assert_false(name_is_label("-a"));
        assert_false(name_is_label("a-"));
        assert_false(name_is_label("a.b"));
        assert_false(name_is_label("Default"));
        assert_false(name_is_label("a_b"));
        assert_false(name_is_label("\xc3\xa4"));
}

static void a_name_is_a_dns_subdomain(void **state)
{
        auto_free char *longer = repeated('a', 254);
        auto_free char *longest = repeated('a', 253);

        (void)state;
        assert_true(name_is_subdomain("pump-1.hall.plant"));
        assert_true(name_is_subdomain(longest));
        assert_false(name_is_subdomain(longer));
        assert_false(name_is_subdomain(""));
        assert_false(name_is_subdomain("."));
        assert_false(name_is_subdomain("a..b"));
        assert_false(name_is_subdomain("a."));
        assert_false(name_is_subdomain(".a"));
        assert_false(name_is_subdomain("a.-b"));
        assert_false(name_is_subdomain("Pump"));
        assert_false(name_is_subdomain("a/b"));
        assert_false(name_is_subdomain("a b"));
}

static void a_label_has_a_qualified_key_and_a_short_value(void **state)
{
        auto_free char *longer = repeated('a', 64);

        (void)state;
        assert_true(name_is_qualified("app"));
        assert_true(name_is_qualified("App_1.x"));
        assert_true(name_is_qualified("app.kubernetes.io/name"));
        assert_false(name_is_qualified(""));
        assert_false(name_is_qualified("/name"));
        assert_false(name_is_qualified("io/"));
        assert_false(name_is_qualified("a/b/c"));
        assert_false(name_is_qualified("UP.io/x"));
        assert_false(name_is_qualified("-a"));
        assert_false(name_is_qualified(longer));
        assert_true(name_is_label_value(""));
        assert_true(name_is_label_value("V_1.2-x"));
        assert_false(name_is_label_value("a b"));
        assert_false(name_is_label_value("-a"));
        assert_false(name_is_label_value(longer));
}

static void a_key_of_a_secret_is_a_file_name(void **state)
{
        (void)state;
        assert_true(name_is_item("ca.pem"));
        assert_true(name_is_item(".dockerconfigjson"));
        assert_true(name_is_item("A_b-1"));
        assert_false(name_is_item(""));
        assert_false(name_is_item("."));
        assert_false(name_is_item(".."));
        assert_false(name_is_item("..data"));
        assert_false(name_is_item("a/b"));
        assert_false(name_is_item("a b"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_namespace_is_a_dns_label),
                cmocka_unit_test(a_name_is_a_dns_subdomain),
                cmocka_unit_test(a_label_has_a_qualified_key_and_a_short_value),
                cmocka_unit_test(a_key_of_a_secret_is_a_file_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
