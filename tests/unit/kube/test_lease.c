/* Of all that would lead at most one does. */
/* wrap: clock_mono_ns clock_wall_ns loop_timer_init loop_timer_start loop_timer_start_at */
/* wrap: loop_timer_stop loop_timer_end kube_api_loop kube_start kube_cancel */
#include "fake.h"

#include "base/log.h"
#include "kube/lease.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define S NS_PER_S
#define PATH "/apis/coordination.k8s.io/v1/namespaces/sys/leases"

/* --- a server that holds one Lease */

static struct {
        bool exists;
        uint64_t version;
        int64_t duration_s, transitions;
        char holder[64], renewed[64], acquired[64];
} lease;

static const char *lease_json(void)
{
        static char json[512];

        (void)snprintf(json, sizeof(json),
                       "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"%" PRIu64
                       "\"},\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%" PRId64
                       ",\"renewTime\":\"%s\",\"acquireTime\":\"%s\",\"leaseTransitions\":%" PRId64
                       "}}",
                       lease.version, lease.holder, lease.duration_s, lease.renewed, lease.acquired,
                       lease.transitions);
        return json;
}

static void take_text(const struct tree *spec, const char *key, char *to, size_t size)
{
        const struct tree *t = tree_get(spec, key);

        if (!t)
                return;
        assert_non_null(tree_text(t));
        (void)snprintf(to, size, "%s", t->as.text);
}

static void take_number(const struct tree *spec, const char *key, int64_t *to)
{
        const struct tree *t = tree_get(spec, key);

        if (!t)
                return;
        assert_int_equal(t->type, TREE_INT);
        *to = t->as.i;
}

static void lease_write(const struct tree *body)
{
        const struct tree *spec = tree_get(body, "spec");

        take_text(spec, "holderIdentity", lease.holder, sizeof(lease.holder));
        take_text(spec, "renewTime", lease.renewed, sizeof(lease.renewed));
        take_text(spec, "acquireTime", lease.acquired, sizeof(lease.acquired));
        take_number(spec, "leaseDurationSeconds", &lease.duration_s);
        take_number(spec, "leaseTransitions", &lease.transitions);
        lease.exists = true;
        lease.version++;
}

/* What the server makes of a request, without answering it. */
static enum kube_class lease_serve(const struct kube_call *c)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *body = NULL;
        auto_free char *version = xasprintf("%" PRIu64, lease.version);

        if (c->body)
                assert_int_equal(tree_parse_json(a, c->body, strlen(c->body), &tree_limits_default,
                                                 &body, NULL),
                                 0);
        assert_int_equal(c->lane, KUBE_LEASE);
        if (strcmp(c->method, "POST") == 0) {
                assert_string_equal(c->path, PATH);
                if (lease.exists)
                        return KUBE_EXISTS;
                lease_write(body);
                return KUBE_OK;
        }
        assert_string_equal(c->path, PATH "/l");
        if (!lease.exists)
                return KUBE_MISSING;
        if (strcmp(c->method, "GET") == 0)
                return KUBE_OK;
        assert_string_equal(c->method, "PATCH");
        assert_string_equal(c->content_type, KUBE_MERGE_PATCH);
        const char *guard = tree_text(tree_find(body, "metadata.resourceVersion"));
        assert_non_null(guard);
        if (strcmp(guard, version) != 0)
                return KUBE_CONFLICT;
        lease_write(body);
        return KUBE_OK;
}

static void answer_truly(struct kube_call *c)
{
        enum kube_class class = lease_serve(c);

        fake_answer(c, class, class == KUBE_OK ? lease_json() : NULL);
}

/* Time goes on; whatever is asked is answered at once. */
static void run_served(int64_t ns)
{
        for (int64_t i = 0; i < ns; i += 50 * NS_PER_MS) {
                fake_run(50 * NS_PER_MS);
                while (fake.calls)
                        answer_truly(fake.calls);
        }
}

/* --- leaders */

struct candidate {
        struct leader *leader;
        char identity[16];
        int elected, lost, released;
        bool paused;
};

enum { CANDIDATES = 3 };

static struct candidate candidates[CANDIDATES];

static void on_elected(void *ctx)
{
        ((struct candidate *)ctx)->elected++;
}

static void on_lost(void *ctx)
{
        struct candidate *c = ctx;

        c->lost++;
        assert_false(leader_is(c->leader));
}

static void on_released(void *ctx)
{
        ((struct candidate *)ctx)->released++;
}

static void stand(struct candidate *c, int number)
{
        static int starts;

        *c = (struct candidate){ 0 };
        (void)snprintf(c->identity, sizeof(c->identity), "op-%d-%d", number, starts++);
        c->leader = leader_open(&(struct leader_config){ .space = "sys",
                                                         .name = "l",
                                                         .identity = c->identity,
                                                         .ctx = c,
                                                         .elected = on_elected,
                                                         .lost = on_lost });
}

static void withdraw(struct candidate *c)
{
        leader_close(c->leader);
        c->leader = NULL;
}

static int setup(void **state)
{
        (void)state;
        memset(&lease, 0, sizeof(lease));
        lease.version = 100;
        fake_reset();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        for (size_t i = 0; i < CANDIDATES; i++)
                withdraw(&candidates[i]);
        fake_reset();
        return 0;
}

static void hold(const char *holder)
{
        lease.exists = true;
        lease.version++;
        lease.duration_s = 15;
        lease.transitions = 7;
        (void)snprintf(lease.holder, sizeof(lease.holder), "%s", holder);
        (void)snprintf(lease.renewed, sizeof(lease.renewed), "2024-01-01T00:00:%02d.000000Z",
                       (int)(lease.version % 60));
}

static void the_first_makes_the_lease_and_leads(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        assert_false(leader_is(c->leader));
        run_served(100 * NS_PER_MS);
        assert_true(leader_is(c->leader));
        assert_int_equal(c->elected, 1);
        assert_string_equal(lease.holder, c->identity);
        assert_string_equal(leader_holder(c->leader), c->identity);
        assert_int_equal(lease.duration_s, 15);
        assert_int_equal(lease.transitions, 0);
        assert_string_equal(lease.acquired, lease.renewed);
        assert_int_equal(strlen(lease.renewed), strlen("2024-01-02T02:04:05.123456Z"));
        assert_int_equal(lease.renewed[26], 'Z');
}

static void a_leader_renews_every_two_seconds(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        uint64_t before = lease.version;
        auto_free char *acquired = xstrdup(lease.acquired);
        run_served(60 * S);
        assert_in_range(lease.version - before, 28, 31);
        assert_int_equal(lease.transitions, 0);
        assert_string_equal(lease.acquired, acquired);
        assert_true(leader_is(c->leader));
        assert_int_equal(c->elected, 1);
}

static void others_wait_however_old_the_lease_says_it_is(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        hold("somebody"); /* its clock stands in the past */
        stand(c, 0);
        run_served(14 * S);
        assert_int_equal(c->elected, 0);
        assert_string_equal(leader_holder(c->leader), "somebody");
        for (int i = 0; i < 80 && c->elected == 0; i++)
                run_served(50 * NS_PER_MS);
        assert_true(leader_is(c->leader));
        assert_string_equal(lease.holder, c->identity);
        assert_int_equal(lease.transitions, 8);
        assert_string_equal(lease.acquired, lease.renewed);
}

static void a_lease_that_is_renewed_is_never_taken(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        for (int i = 0; i < 20; i++) {
                hold("somebody");
                run_served(10 * S);
        }
        assert_int_equal(c->elected, 0);
        assert_string_equal(lease.holder, "somebody");
}

static void a_lease_that_nobody_holds_is_taken_within_two_seconds(void **state)
{
        (void)state;
        for (int round = 0; round < 20; round++) {
                struct candidate *c = &candidates[0];

                hold("somebody");
                stand(c, 0);
                run_served(3 * S + round * 100 * NS_PER_MS);
                hold("");
                run_served(2 * S);
                assert_int_equal(c->elected, 1);
                withdraw(c);
        }
}

static void of_two_that_see_it_free_one_leads(void **state)
{
        (void)state;
        hold("");
        stand(&candidates[0], 0);
        stand(&candidates[1], 1);
        fake_run(0);
        assert_int_equal(fake.n_calls, 2);
        answer_truly(fake.calls);
        answer_truly(fake.calls);
        assert_int_equal(fake.n_calls, 2);
        assert_string_equal(fake.calls->method, "PATCH");
        run_served(30 * S);
        assert_int_equal(candidates[0].elected, 1);
        assert_int_equal(candidates[1].elected, 0);
        assert_int_equal(candidates[0].lost, 0);
}

static void without_answer_it_is_lost_at_the_deadline_and_nothing_is_written(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(4 * S + 10 * NS_PER_MS);
        int64_t renewed_ns = fake.now_ns;
        while (!fake.calls)
                fake_run(10 * NS_PER_MS); /* under way, never answered */
        assert_in_range(fake.now_ns - renewed_ns, 0, 2 * S);
        assert_true(fake.calls->limit_ns <= 5 * S);
        fake_run(6 * S);
        assert_true(leader_is(c->leader));
        fake_run(5 * S);
        assert_false(leader_is(c->leader));
        assert_int_equal(c->lost, 1);
        assert_int_equal(fake.n_calls, 0);
        fake_run(1000 * S);
        assert_int_equal(fake.n_calls, 0);
        assert_int_equal(fake.n_timers, 0);
        assert_int_equal(c->lost, 1);
        assert_int_equal(c->elected, 1);
}

static void the_time_of_a_request_counts_into_the_deadline(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        while (!fake.calls)
                fake_run(10 * NS_PER_MS);
        fake_run(4 * S); /* slow */
        answer_truly(fake.calls);
        assert_true(leader_is(c->leader));
        /* Begun 4 s ago: it ends 6 s from now, not 10. */
        fake.arrived = NULL;
        int64_t answered_ns = fake.now_ns;
        while (c->lost == 0 && fake.now_ns - answered_ns < 20 * S)
                fake_run(10 * NS_PER_MS);
        assert_in_range(fake.now_ns - answered_ns, 59 * S / 10, 61 * S / 10);
}

static void after_a_pause_it_leads_no_more_before_any_timer_said_so(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        while (!fake.calls)
                fake_run(10 * NS_PER_MS);
        fake.now_ns += 60 * S; /* the process stood still */
        assert_false(leader_is(c->leader));
        answer_truly(fake.calls); /* even a good answer comes too late */
        assert_false(leader_is(c->leader));
        assert_int_equal(c->lost, 1);
        fake_run(60 * S);
        assert_int_equal(c->lost, 1);
        assert_int_equal(fake.n_calls, 0);
}

static void an_answer_that_was_lost_is_found_out_by_reading(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        fake_run(0);
        answer_truly(fake.calls); /* there is none */
        assert_string_equal(fake.calls->method, "POST");
        (void)lease_serve(fake.calls);
        fake_answer(fake.calls, KUBE_AWAY, NULL);
        assert_false(leader_is(c->leader));
        run_served(2 * S);
        assert_int_equal(c->elected, 1);
        assert_int_equal(lease.transitions, 0);

        while (!fake.calls)
                fake_run(10 * NS_PER_MS);
        (void)lease_serve(fake.calls);
        fake_answer(fake.calls, KUBE_AWAY, NULL);
        run_served(60 * S);
        assert_true(leader_is(c->leader));
        assert_int_equal(c->lost, 0);
}

static void whoever_finds_another_in_its_lease_has_lost(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        hold("thief");
        run_served(5 * S);
        assert_int_equal(c->lost, 1);
        assert_string_equal(lease.holder, "thief");
}

static void a_lease_that_was_deleted_is_made_again_by_who_led(void **state)
{
        (void)state;
        stand(&candidates[0], 0);
        run_served(S);
        stand(&candidates[1], 1);
        run_served(3 * S);
        lease.exists = false;
        lease.version += 5;
        run_served(30 * S);
        assert_true(leader_is(candidates[0].leader));
        assert_int_equal(candidates[1].elected, 0);
        assert_string_equal(lease.holder, candidates[0].identity);
}

static void refusals_are_tried_again_without_haste(void **state)
{
        struct candidate *c = &candidates[0];
        int requests = 0;

        (void)state;
        stand(c, 0);
        for (int i = 0; i < 600; i++) {
                fake_run(100 * NS_PER_MS);
                for (; fake.calls; requests++)
                        fake_answer(fake.calls, KUBE_FORBIDDEN, NULL);
        }
        assert_in_range(requests, 25, 50);
        run_served(3 * S);
        assert_int_equal(c->elected, 1);
}

static void an_answer_without_an_object_is_no_lease(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        fake_run(0);
        fake_answer(fake.calls, KUBE_OK, "{\"kind\":\"Odd\"}");
        assert_int_equal(fake.n_calls, 0);
        run_served(3 * S);
        assert_int_equal(c->elected, 1);
}

/* --- giving it up */

static void release(struct candidate *c)
{
        leader_release(c->leader, 3 * S, on_released, c);
        assert_false(leader_is(c->leader));
        assert_int_equal(c->released, 0);
}

static void a_lease_given_up_names_nobody_and_lasts_one_second(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        release(c);
        run_served(100 * NS_PER_MS);
        assert_int_equal(c->released, 1);
        assert_string_equal(lease.holder, "");
        assert_int_equal(lease.duration_s, 1);
        assert_int_equal(lease.transitions, 0);
        assert_int_equal(c->lost, 0);
        run_served(60 * S);
        assert_int_equal(c->released, 1);
}

static void the_next_one_leads_within_two_seconds_of_that(void **state)
{
        (void)state;
        stand(&candidates[0], 0);
        run_served(S);
        stand(&candidates[1], 1);
        run_served(7 * S);
        release(&candidates[0]);
        run_served(2 * S);
        assert_int_equal(candidates[0].released, 1);
        assert_true(leader_is(candidates[1].leader));
        assert_int_equal(lease.transitions, 1);
}

static void a_renewal_under_way_is_waited_for_before(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        while (!fake.calls)
                fake_run(10 * NS_PER_MS);
        release(c);
        fake_run(100 * NS_PER_MS);
        assert_int_equal(fake.n_calls, 1);
        run_served(100 * NS_PER_MS);
        assert_string_equal(lease.holder, "");
        assert_int_equal(c->released, 1);
}

static void what_was_just_being_taken_is_given_up_too(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        hold("");
        stand(c, 0);
        fake_run(0);
        answer_truly(fake.calls);
        assert_string_equal(fake.calls->method, "PATCH");
        release(c);
        run_served(100 * NS_PER_MS);
        assert_int_equal(c->released, 1);
        assert_int_equal(c->elected, 0);
        assert_string_equal(lease.holder, "");
}

static void releasing_ends_in_time_whatever_the_server_does(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        release(c);
        for (int i = 0; i < 29; i++) {
                fake_run(100 * NS_PER_MS);
                while (i % 3 == 2 && fake.calls)
                        fake_answer(fake.calls, KUBE_AWAY, NULL);
        }
        assert_int_equal(c->released, 0);
        fake_run(100 * NS_PER_MS);
        assert_int_equal(c->released, 1);
        assert_int_equal(fake.n_calls, 0);
        assert_int_equal(fake.n_timers, 0);
}

static void who_does_not_lead_has_nothing_to_give(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        hold("somebody");
        stand(c, 0);
        run_served(S);
        uint64_t before = lease.version;
        release(c);
        run_served(100 * NS_PER_MS);
        assert_int_equal(c->released, 1);
        assert_int_equal(lease.version, before);
}

static void what_another_took_meanwhile_is_left_alone(void **state)
{
        struct candidate *c = &candidates[0];

        (void)state;
        stand(c, 0);
        run_served(S);
        hold("somebody");
        release(c);
        run_served(2 * S);
        assert_int_equal(c->released, 1);
        assert_string_equal(lease.holder, "somebody");
        assert_int_equal(c->lost, 0);
}

/* --- whatever happens */

static uint32_t dice(uint32_t n)
{
        static uint64_t state = 20260101;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(state >> 33) % n;
}

static struct candidate *owner(const void *ctx)
{
        for (size_t i = 0; i < CANDIDATES; i++) {
                if (candidates[i].leader == ctx)
                        return &candidates[i];
        }
        fail_msg("nobody's");
        return &candidates[0];
}

static bool is_paused(const struct loop_timer *t)
{
        return owner(t->ctx)->paused;
}

/* Whoever leads is alone, and the server says so, too. */
static void assert_one_leader(void)
{
        const struct candidate *leads = NULL;

        for (size_t i = 0; i < CANDIDATES; i++) {
                if (!leader_is(candidates[i].leader))
                        continue;
                assert_null(leads);
                leads = &candidates[i];
                assert_string_equal(lease.holder, leads->identity);
        }
        for (size_t i = 0; i < CANDIDATES; i++) {
                assert_true(candidates[i].elected <= 1);
                assert_true(candidates[i].lost <= candidates[i].elected);
        }
}

/* One of those under way, of a process that runs: answered, or lost before or after the server. */
static void answer_some(void)
{
        struct kube_call *c = fake.calls;
        uint32_t fate = dice(20);

        for (uint32_t skip = dice((uint32_t)fake.n_calls + 1); c && skip > 0; skip--)
                c = c->next;
        if (!c || owner(c->ctx)->paused)
                return;
        if (fate > 3) {
                answer_truly(c);
                return;
        }
        if (fate > 1)
                (void)lease_serve(c);
        fake_answer(c, KUBE_AWAY, NULL);
}

static void disturb(void)
{
        size_t i = dice(CANDIDATES);
        struct candidate *c = &candidates[i];

        switch (dice(400)) {
        case 0:
        case 1:
        case 2:
                c->paused = !c->paused;
                break;
        case 3:
                if (!c->paused && c->released == 0 && leader_is(c->leader))
                        leader_release(c->leader, 3 * S, on_released, c);
                break;
        case 4: /* killed and started again */
                withdraw(c);
                stand(c, (int)i);
                break;
        default:
                break;
        }
        if (c->lost + c->released > 0 && dice(100) == 0) {
                withdraw(c);
                stand(c, (int)i);
        }
}

static void no_two_lead_at_once_whatever_happens(void **state)
{
        int reigns = 0;

        (void)state;
        fake.is_held = is_paused;
        for (size_t i = 0; i < CANDIDATES; i++)
                stand(&candidates[i], (int)i);
        const struct candidate *last = NULL;
        for (int step = 0; step < 200000; step++) {
                fake_run((int64_t)dice(100) * NS_PER_MS);
                assert_one_leader();
                if (dice(3) > 0)
                        answer_some();
                assert_one_leader();
                disturb();
                assert_one_leader();
                for (size_t i = 0; i < CANDIDATES; i++) {
                        if (leader_is(candidates[i].leader) && last != &candidates[i]) {
                                last = &candidates[i];
                                reigns++;
                        }
                }
        }
        assert_true(reigns > 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(the_first_makes_the_lease_and_leads),
                TEST(a_leader_renews_every_two_seconds),
                TEST(others_wait_however_old_the_lease_says_it_is),
                TEST(a_lease_that_is_renewed_is_never_taken),
                TEST(a_lease_that_nobody_holds_is_taken_within_two_seconds),
                TEST(of_two_that_see_it_free_one_leads),
                TEST(without_answer_it_is_lost_at_the_deadline_and_nothing_is_written),
                TEST(the_time_of_a_request_counts_into_the_deadline),
                TEST(after_a_pause_it_leads_no_more_before_any_timer_said_so),
                TEST(an_answer_that_was_lost_is_found_out_by_reading),
                TEST(whoever_finds_another_in_its_lease_has_lost),
                TEST(a_lease_that_was_deleted_is_made_again_by_who_led),
                TEST(refusals_are_tried_again_without_haste),
                TEST(an_answer_without_an_object_is_no_lease),
                TEST(a_lease_given_up_names_nobody_and_lasts_one_second),
                TEST(the_next_one_leads_within_two_seconds_of_that),
                TEST(a_renewal_under_way_is_waited_for_before),
                TEST(what_was_just_being_taken_is_given_up_too),
                TEST(releasing_ends_in_time_whatever_the_server_does),
                TEST(who_does_not_lead_has_nothing_to_give),
                TEST(what_another_took_meanwhile_is_left_alone),
                TEST(no_two_lead_at_once_whatever_happens),
        };
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        log_setup(null_fd, LOG_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
