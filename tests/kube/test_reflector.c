/* A collection of a real API server is known as it is: through selectors, changes of its schema,
 * the end of its CRD, and missing rights. */
/* libs: dl_kube */
#include "mirror.h"

static struct client client;
static struct mirror mirror;

static int up(void **state)
{
        (void)state;
        client_up(&client, false, NULL);
        return 0;
}

static int down(void **state)
{
        (void)state;
        mirror_close(&mirror);
        client_down(&client);
        return 0;
}

static int fresh_crd(void **state)
{
        (void)state;
        client_open(&client, NULL);
        client_crd(&client, "one", true);
        return 0;
}

static int no_crd(void **state)
{
        (void)state;
        mirror_close(&mirror);
        client_crd_delete(&client);
        return 0;
}

#define N1 "spec.node=n1"

static uint64_t counted(const char *method)
{
        const struct kube_count *rows = NULL;
        size_t n = kube_api_counts(client.api, &rows);
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += strcmp(rows[i].method, method) == 0 ? rows[i].n : 0;
        return sum;
}

/* reference A4 45, 56, A13 140 */
static void only_what_the_selector_means_is_told_and_what_leaves_it_is_removed(void **state)
{
        (void)state;
        client_thing(&client, "a", "n1", 1);
        client_thing(&client, "other", "n2", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        assert_int_equal(mirror.count, 1);
        mirror_wait(&mirror, "a", 1, 1000);
        assert_int_equal(counted("WATCH"), 1); /* one request for all of it */
        assert_int_equal(counted("GET"), 0);

        client_thing(&client, "a", "n1", 2);
        mirror_wait(&mirror, "a", 2, 10000);
        client_thing(&client, "other", "n1", 3);
        mirror_wait(&mirror, "other", 3, 10000);
        client_thing(&client, "a", "n2", 4);
        mirror_wait(&mirror, "a", -1, 10000);
        client_thing(&client, "a", "n1", 5);
        mirror_wait(&mirror, "a", 5, 10000);
        client_thing_delete(&client, "a");
        mirror_wait(&mirror, "a", -1, 10000);
        client_thing(&client, "a", "n1", 6); /* another of this name */
        mirror_wait(&mirror, "a", 6, 10000);
        assert_int_equal(mirror.upserts, 5);
        assert_int_equal(mirror.removals, 2);
        assert_int_equal(counted("WATCH"), 1);
}

static void a_thousand_objects_are_told_once_each(void **state)
{
        char name[16];

        (void)state;
        for (int i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof(name), "t%d", i);
                client_thing(&client, name, "n1", i);
        }
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 30000);
        assert_int_equal(mirror.count, 1000);
        assert_int_equal(mirror.upserts, 1000);
        assert_int_equal(reflector_count(mirror.r), 1000);
        assert_int_equal(reflector_skipped(mirror.r), 0);
}

/* reference A13 145 */
static void metadata_alone_can_be_watched(void **state)
{
        (void)state;
        client_thing(&client, "a", "n1", 1);
        mirror_open(&mirror, &client, NULL, true);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        assert_int_equal(mirror.count, 1);
        client_thing(&client, "b", "n1", 1);
        mirror_wait_count(&mirror, 2, 10000);
        assert_false(mirror.has_spec);
}

/* reference A4 52 */
static void a_new_schema_ends_the_watch_and_nothing_else(void **state)
{
        char text[32];

        (void)state;
        client_thing(&client, "a", "n1", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        uint64_t before = counted("WATCH");
        for (int i = 2; i < 5; i++) {
                (void)snprintf(text, sizeof(text), "description %d", i);
                client_crd(&client, text, true);
                client_run_for(&client, 1500);
                client_thing(&client, "a", "n1", i);
                mirror_wait(&mirror, "a", i, 20000);
        }
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        assert_true(counted("WATCH") > before);
        assert_int_equal(mirror.removals, 0);
        assert_int_equal(mirror.upserts, 4);
}

/* reference A4 53, 51 */
static void a_crd_that_goes_takes_its_objects_and_is_awaited(void **state)
{
        (void)state;
        client_thing(&client, "a", "n1", 1);
        client_thing(&client, "b", "n1", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        client_crd_delete(&client);
        mirror_wait_state(&mirror, REFLECTOR_NO_RESOURCE, 1, 30000);
        assert_int_equal(mirror.count, 0);
        assert_int_equal(mirror.removals, 2);
        client_crd(&client, "again", true);
        client_thing(&client, "a", "n1", 7);
        mirror_wait(&mirror, "a", 7, 60000);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 2, 10000);
}

static void a_resource_may_come_after_its_reflector(void **state)
{
        (void)state;
        client_crd_delete(&client);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_NO_RESOURCE, 0, 10000);
        assert_non_null(strstr(mirror.text, "404 page not found"));
        client_crd(&client, "late", true);
        client_thing(&client, "a", "n1", 1);
        reflector_retry(mirror.r);
        mirror_wait(&mirror, "a", 1, 20000);
}

/* reference A3 36, A10 109 */
static void a_field_that_is_not_selectable_is_filtered_here(void **state)
{
        (void)state;
        client_crd(&client, "two", false);
        client_thing(&client, "a", "n1", 1);
        client_thing(&client, "other", "n2", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 20000);
        assert_int_equal(mirror.count, 1);
        client_thing(&client, "other", "n1", 2);
        mirror_wait(&mirror, "other", 2, 10000);
        client_thing(&client, "a", "n2", 3);
        mirror_wait(&mirror, "a", -1, 10000);
}

static void a_field_that_is_selectable_no_more_changes_nothing(void **state)
{
        (void)state;
        client_thing(&client, "a", "n1", 1);
        client_thing(&client, "other", "n2", 1);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        client_crd(&client, "three", false);
        client_run_for(&client, 1500);
        client_thing(&client, "a", "n1", 2);
        mirror_wait(&mirror, "a", 2, 30000);
        assert_int_equal(mirror.count, 1);
        assert_int_equal(mirror.removals, 0);
        assert_int_equal(mirror.upserts, 2);
}

/* reference A4 51 */
static void a_right_that_is_missing_is_named_and_awaited(void **state)
{
        auto_free char *token = client_account(&client, "reader");
        auto_free char *user = xasprintf("--serviceaccount=%s:reader", client.kube.space);
        const char *const bind[] = { "create", "rolebinding",
                                     "reader", "--clusterrole=cluster-admin",
                                     user,     NULL };
        const char *const unbind[] = { "delete", "rolebinding", "reader", NULL };

        (void)state;
        client_thing(&client, "a", "n1", 1);
        client_open_as(&client, token);
        mirror_open(&mirror, &client, N1, false);
        mirror_wait_state(&mirror, REFLECTOR_FORBIDDEN, 0, 10000);
        assert_non_null(strstr(mirror.text, "cannot watch resource \"things\""));
        assert_int_equal(kube_ctl(&client.kube, NULL, bind), 0);
        mirror_wait(&mirror, "a", 1, 60000);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 10000);
        assert_int_equal(kube_ctl(&client.kube, NULL, unbind), 0);
}

/* reference A4 58, A9 102: with a rule for one name and nothing else */
static void one_name_can_be_watched_with_a_right_to_that_name_alone(void **state)
{
        auto_free char *token = client_account(&client, "narrow");
        auto_free char *user = xasprintf("--serviceaccount=%s:narrow", client.kube.space);
        auto_free char *resource = xasprintf("--resource=things.%s", client.group);
        const char *const role[] = { "create", "role",
                                     "narrow", "--verb=list,watch",
                                     resource, "--resource-name=one",
                                     NULL };
        const char *const bind[] = {
                "create", "rolebinding", "narrow", "--role=narrow", user, NULL
        };
        struct reflector_config config = { .resource = client.things,
                                           .space = client.kube.space,
                                           .name = "one",
                                           .ctx = &mirror,
                                           .upsert = mirror_on_upsert,
                                           .removed = mirror_on_removed,
                                           .state = mirror_on_state };

        (void)state;
        assert_int_equal(kube_ctl(&client.kube, NULL, role), 0);
        assert_int_equal(kube_ctl(&client.kube, NULL, bind), 0);
        client_open_as(&client, token);
        memset(&mirror, 0, sizeof(mirror));
        mirror.client = &client;
        config.api = client.api;
        mirror.r = reflector_open(&config);
        mirror_wait_state(&mirror, REFLECTOR_LIVE, 1, 30000);
        assert_int_equal(mirror.count, 0);
        client_thing(&client, "two", "n1", 1);
        client_thing(&client, "one", "n1", 2); /* it did not exist yet */
        mirror_wait(&mirror, "one", 2, 10000);
        client_thing_delete(&client, "one");
        mirror_wait(&mirror, "one", -1, 10000);
        client_thing(&client, "one", "n1", 3);
        mirror_wait(&mirror, "one", 3, 10000);
        assert_int_equal(mirror.count, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_crd, no_crd)
        const struct CMUnitTest tests[] = {
                TEST(only_what_the_selector_means_is_told_and_what_leaves_it_is_removed),
                TEST(a_thousand_objects_are_told_once_each),
                TEST(metadata_alone_can_be_watched),
                TEST(a_new_schema_ends_the_watch_and_nothing_else),
                TEST(a_crd_that_goes_takes_its_objects_and_is_awaited),
                TEST(a_resource_may_come_after_its_reflector),
                TEST(a_field_that_is_not_selectable_is_filtered_here),
                TEST(a_field_that_is_selectable_no_more_changes_nothing),
                TEST(a_right_that_is_missing_is_named_and_awaited),
                TEST(one_name_can_be_watched_with_a_right_to_that_name_alone),
        };

        return cmocka_run_group_tests(tests, up, down);
}
