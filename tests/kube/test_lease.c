/* Heartbeats and elections on a real API server. */
/* libs: dl_kube */
#include "turned.h"

#include "kube/lease.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s"

/* Short, so that a take-over takes seconds. */
#define DURATION (3 * NS_PER_S)
#define DEADLINE (2 * NS_PER_S)
#define RETRY (NS_PER_S / 2)

static struct kube kube;

struct candidate {
        struct turned client; /* with a loop of its own: it can stand still */
        struct leader *leader;
        char identity[32];
        int elected, lost, released;
        int64_t elected_ns;
};

static struct candidate one, two;

static int up(void **state)
{
        (void)state;
        kube_up(&kube);
        return 0;
}

static void candidate_down(struct candidate *c)
{
        leader_close(c->leader);
        turned_down(&c->client);
        *c = (struct candidate){ 0 };
}

static int down(void **state)
{
        (void)state;
        candidate_down(&one);
        candidate_down(&two);
        kube_down(&kube);
        return 0;
}

static void on_elected(void *ctx)
{
        struct candidate *c = ctx;

        c->elected++;
        c->elected_ns = clock_mono_ns();
}

static void on_lost(void *ctx)
{
        ((struct candidate *)ctx)->lost++;
}

static void on_released(void *ctx)
{
        ((struct candidate *)ctx)->released++;
}

static void stand(struct candidate *c, const char *identity)
{
        turned_up(&c->client, kube.kubeconfig);
        (void)snprintf(c->identity, sizeof(c->identity), "%s", identity);
        c->leader = leader_open(&(struct leader_config){ .api = c->client.api,
                                                         .space = kube.space,
                                                         .name = "operator",
                                                         .identity = c->identity,
                                                         .duration_ns = DURATION,
                                                         .deadline_ns = DEADLINE,
                                                         .retry_ns = RETRY,
                                                         .ctx = c,
                                                         .elected = on_elected,
                                                         .lost = on_lost });
}

static bool has_one(void *ctx)
{
        return *(int *)ctx > 0;
}

static void run(struct candidate *c, int ms)
{
        (void)turned_run(&c->client, ms, NULL, NULL);
}

static void wait_elected(struct candidate *c, int ms)
{
        turned_wait(&c->client, ms, has_one, &c->elected, "elected");
}

static struct json_object *lease(const char *name)
{
        char path[512];

        (void)snprintf(path, sizeof(path), LEASES, kube.space, name);
        struct json_object *o = kube_get(&kube, path);
        return o;
}

static void assert_lease(const char *path, const char *want)
{
        struct json_object *o = lease("operator");

        assert_string_equal(text_at(o, path), want);
        json_object_put(o);
}

/* By hand, as an administrator would. */
static long edit(const char *method, const char *body)
{
        char path[512];

        (void)snprintf(path, sizeof(path), LEASES, kube.space, "operator");
        return kube_request(&kube, method, path, body ? "application/merge-patch+json" : NULL, body,
                            NULL);
}

static void one_of_two_leads_and_renews(void **state)
{
        (void)state;
        stand(&one, "one");
        wait_elected(&one, 5000);
        assert_lease("spec.holderIdentity", "one");
        assert_lease("spec.leaseDurationSeconds", "3");
        assert_lease("spec.leaseTransitions", "0");
        struct json_object *before = lease("operator");
        stand(&two, "two");
        for (int i = 0; i < 50; i++) {
                run(&one, 50);
                run(&two, 50);
                assert_true(leader_is(one.leader));
                assert_false(leader_is(two.leader));
        }
        struct json_object *after = lease("operator");
        assert_string_equal(text_at(after, "spec.acquireTime"),
                            text_at(before, "spec.acquireTime"));
        assert_string_not_equal(text_at(after, "spec.renewTime"),
                                text_at(before, "spec.renewTime"));
        assert_string_equal(leader_holder(two.leader), "one");
        json_object_put(before);
        json_object_put(after);
}

static void a_released_lease_has_the_next_leader_within_two_seconds(void **state)
{
        (void)state;
        stand(&one, "one");
        wait_elected(&one, 5000);
        stand(&two, "two");
        run(&two, 1000);
        run(&one, 200);
        leader_release(one.leader, 3 * NS_PER_S, on_released, &one);
        assert_false(leader_is(one.leader));
        turned_wait(&one.client, 3000, has_one, &one.released, "released");
        assert_lease("spec.holderIdentity", "");
        assert_lease("spec.leaseDurationSeconds", "1");
        int64_t released_ns = clock_mono_ns();
        wait_elected(&two, 2000);
        assert_true(two.elected_ns - released_ns < 2 * NS_PER_S);
        assert_lease("spec.leaseTransitions", "1");
        assert_int_equal(one.lost, 0);
}

static void who_stands_still_is_succeeded_and_writes_no_more(void **state)
{
        (void)state;
        stand(&one, "one");
        wait_elected(&one, 5000);
        stand(&two, "two");
        for (int i = 0; i < 10; i++) {
                run(&one, 50);
                run(&two, 50);
        }
        run(&one, 600);
        /* From now on only the other's loop turns. */
        int64_t still_ns = clock_mono_ns();
        run(&two, 1000);
        assert_true(leader_is(one.leader));
        wait_elected(&two, 5000);
        assert_false(leader_is(one.leader));
        /* Not before the Lease was over, and not long after. */
        int64_t after_ns = two.elected_ns - still_ns;
        assert_in_range(after_ns, DURATION - RETRY - NS_PER_S / 2, DURATION + 2 * RETRY);

        struct json_object *before = lease("operator");
        assert_int_equal(one.lost, 0);
        run(&one, 1000);
        assert_int_equal(one.lost, 1);
        struct json_object *after = lease("operator");
        assert_string_equal(text_at(after, "metadata.resourceVersion"),
                            text_at(before, "metadata.resourceVersion"));
        assert_string_equal(text_at(after, "spec.holderIdentity"), "two");
        assert_string_equal(text_at(after, "spec.leaseTransitions"), "1");
        json_object_put(before);
        json_object_put(after);
}

static void clocks_of_others_do_not_matter(void **state)
{
        static const char *const times[] = { "2000-01-01T00:00:00.000000Z",
                                             "2100-01-01T00:00:00.000000Z" };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                char body[512], path[512];

                (void)snprintf(path, sizeof(path), LEASES, kube.space, "");
                path[strlen(path) - 1] = '\0';
                (void)snprintf(body, sizeof(body),
                               "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
                               "\"metadata\":{\"name\":\"operator\"},\"spec\":{"
                               "\"holderIdentity\":\"old\",\"leaseDurationSeconds\":2,"
                               "\"renewTime\":\"%s\"}}",
                               times[i]);
                assert_int_equal(kube_request(&kube, "POST", path, NULL, body, NULL), 201);
                stand(&one, "one");
                int64_t begin_ns = clock_mono_ns();
                wait_elected(&one, 5000);
                assert_true(one.elected_ns - begin_ns >= 2 * NS_PER_S);
                candidate_down(&one);
                assert_int_equal(edit("DELETE", NULL), 200);
        }
}

static void a_lease_deleted_by_hand_stays_with_its_leader(void **state)
{
        (void)state;
        stand(&one, "one");
        wait_elected(&one, 5000);
        stand(&two, "two");
        run(&two, 300);
        assert_int_equal(edit("DELETE", NULL), 200);
        for (int i = 0; i < 60; i++) {
                run(&two, 25);
                run(&one, 25);
        }
        assert_true(leader_is(one.leader));
        assert_int_equal(two.elected, 0);
        assert_lease("spec.holderIdentity", "one");
}

static void who_is_edited_out_of_its_lease_has_lost(void **state)
{
        (void)state;
        stand(&one, "one");
        wait_elected(&one, 5000);
        assert_int_equal(edit("PATCH", "{\"spec\":{\"holderIdentity\":\"thief\"}}"), 200);
        turned_wait(&one.client, 3000, has_one, &one.lost, "lost");
        run(&one, 1000);
        assert_int_equal(one.lost, 1);
        assert_lease("spec.holderIdentity", "thief");
}

/* --- heartbeats */

static bool is_well(void *ctx)
{
        return heartbeat_trouble(ctx) == NULL;
}

static void a_heartbeat_is_a_lease_that_changes(void **state)
{
        char name[LEASE_NAME_SIZE], path[600];
        struct heartbeat *h = NULL;

        (void)state;
        turned_up(&one.client, kube.kubeconfig);
        h = heartbeat_open(&(struct heartbeat_config){ .api = one.client.api,
                                                       .space = kube.space,
                                                       .node = "edge-1.plant",
                                                       .identity = "edge-1.plant_7",
                                                       .period_ns = NS_PER_S / 2 });
        turned_wait(&one.client, 5000, is_well, h, "renewed");
        heartbeat_name("edge-1.plant", name);
        (void)snprintf(path, sizeof(path), LEASES "?labelSelector=" HEARTBEAT_LABEL, kube.space,
                       "");
        memmove(strstr(path, "leases/") + 6, strstr(path, "leases/") + 7,
                strlen(strstr(path, "leases/") + 7) + 1);
        struct json_object *list = kube_get(&kube, path);
        assert_int_equal(json_object_array_length(json_object_object_get(list, "items")), 1);
        json_object_put(list);

        struct json_object *first = lease(name);
        assert_string_equal(text_at(first, "spec.holderIdentity"), "edge-1.plant_7");
        assert_string_equal(text_at(first, "spec.leaseDurationSeconds"), "40");
        struct json_object *notes = NULL;
        assert_true(json_object_object_get_ex(json_object_object_get(first, "metadata"),
                                              "annotations", &notes));
        assert_string_equal(json_object_get_string(json_object_object_get(notes, HEARTBEAT_NODE)),
                            "edge-1.plant");
        (void)turned_run(&one.client, 1200, NULL, NULL);
        struct json_object *later = lease(name);
        assert_string_not_equal(text_at(later, "spec.renewTime"), text_at(first, "spec.renewTime"));
        assert_string_equal(text_at(later, "spec.acquireTime"), text_at(first, "spec.acquireTime"));
        json_object_put(first);
        json_object_put(later);

        /* Deleted by hand, it comes back. */
        (void)snprintf(path, sizeof(path), LEASES, kube.space, name);
        assert_int_equal(kube_request(&kube, "DELETE", path, NULL, NULL, NULL), 200);
        (void)turned_run(&one.client, 1200, NULL, NULL);
        json_object_put(lease(name));
        assert_int_equal(kube_request(&kube, "GET", path, NULL, NULL, NULL), 200);
        heartbeat_close(h);
}

static void a_heartbeat_without_its_namespace_says_so(void **state)
{
        struct heartbeat *h = NULL;

        (void)state;
        turned_up(&one.client, kube.kubeconfig);
        h = heartbeat_open(&(struct heartbeat_config){ .api = one.client.api,
                                                       .space = "nowhere-at-all",
                                                       .node = "edge-1",
                                                       .identity = "x",
                                                       .period_ns = NS_PER_S / 2 });
        (void)turned_run(&one.client, 1000, NULL, NULL);
        assert_non_null(strstr(heartbeat_trouble(h), "nowhere-at-all"));
        assert_non_null(strstr(heartbeat_trouble(h), "not found"));
        heartbeat_close(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
        const struct CMUnitTest tests[] = {
                TEST(one_of_two_leads_and_renews),
                TEST(a_released_lease_has_the_next_leader_within_two_seconds),
                TEST(who_stands_still_is_succeeded_and_writes_no_more),
                TEST(clocks_of_others_do_not_matter),
                TEST(a_lease_deleted_by_hand_stays_with_its_leader),
                TEST(who_is_edited_out_of_its_lease_has_lost),
                TEST(a_heartbeat_is_a_lease_that_changes),
                TEST(a_heartbeat_without_its_namespace_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
