/* What is rotated on disk is used within a minute, by content; what cannot be read changes nothing.
 * Numbers: reference A1. */
/* wrap: loop_timer_start */
#include "access_room.h"

void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __real_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);

static bool hasty;
static int64_t longest_ns;

/* A minute passes in a twentieth of a second where the test is in haste. */
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        if (after_ns > longest_ns)
                longest_ns = after_ns;
        if (hasty && after_ns > 10 * NS_PER_S)
                after_ns = 50 * NS_PER_MS;
        __real_loop_timer_start(t, after_ns, flags);
}

static void run_a_minute(struct room *r)
{
        run_for(r->loop, 300 * NS_PER_MS);
}

/* As kubelet does it: a directory per generation, `..data` leads to the one that counts. */
static void put_generation(struct room *r, const char *name, const char *token, const char *ca)
{
        auto_free char *data = in_dir(r, "..data");
        auto_free char *new = in_dir(r, "..data_new");
        auto_free char *token_name = xasprintf("%s/token", name);
        auto_free char *ca_name = xasprintf("%s/ca.crt", name);

        put_dir(r, name);
        put(r, token_name, token);
        put(r, ca_name, ca);
        assert_int_equal(symlink(name, new), 0);
        assert_int_equal(rename(new, data), 0);
}

static void link_generation(struct room *r, const char *name)
{
        auto_free char *path = in_dir(r, name);
        auto_free char *target = xasprintf("..data/%s", name);

        assert_int_equal(symlink(target, path), 0);
}

static int pod_set_up(void **state)
{
        (void)set_up(state);
        struct room *r = *state;

        put_generation(r, "one", "token-1", r->ca.pem);
        link_generation(r, "token");
        link_generation(r, "ca.crt");
        put(r, "namespace", "plant");
        (void)setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
        (void)setenv("KUBERNETES_SERVICE_PORT", "443", 1);
        hasty = true;
        longest_ns = 0;
        opens(r, NULL);
        return 0;
}

/* (2, 4) */
static void a_swapped_token_is_in_use_within_a_minute(void **state)
{
        struct room *r = *state;

        assert_string_equal(authorization(r), "Bearer token-1");
        put_generation(r, "two", "\n token-2 \n", r->ca.pem);
        run_a_minute(r);
        assert_string_equal(authorization(r), "Bearer token-2");
        assert_in_range(longest_ns, 1, 60 * NS_PER_S);
        assert_int_equal(r->changes, 0); /* the same certificates */
}

/* (2) */
static void a_token_that_cannot_be_read_keeps_the_last_one(void **state)
{
        struct room *r = *state;
        auto_free char *token = in_dir(r, "token");
        static const char *const bad[] = { "", " \n", "two words" };

        for (size_t i = 0; i < 3; i++) {
                put(r, "one/token", bad[i]);
                run_a_minute(r);
                assert_string_equal(authorization(r), "Bearer token-1");
        }
        assert_int_equal(unlink(token), 0);
        run_a_minute(r);
        assert_string_equal(authorization(r), "Bearer token-1");
        put(r, "token", "token-3");
        run_a_minute(r);
        assert_string_equal(authorization(r), "Bearer token-3");
}

/* (7) */
static void a_new_authority_is_told_by_content(void **state)
{
        struct room *r = *state;
        struct certs other = certs_make("other ca", NULL, NULL, 3600);
        auto_free char *both = xasprintf("%s%s", r->ca.pem, other.pem);
        struct http_tls tls;

        put_generation(r, "same", "token-1", r->ca.pem);
        run_a_minute(r);
        assert_int_equal(r->changes, 0);
        put_generation(r, "both", "token-1", both);
        run_a_minute(r);
        assert_int_equal(r->changes, 1);
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.ca_pem, both);
        put(r, "both/ca.crt", "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n");
        run_a_minute(r);
        put(r, "both/ca.crt", "");
        run_a_minute(r);
        assert_int_equal(r->changes, 1);
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.ca_pem, both);
        assert_string_equal(authorization(r), "Bearer token-1"); /* is read all the same */
        put(r, "both/ca.crt", other.pem);
        run_a_minute(r);
        assert_int_equal(r->changes, 2);
        certs_done(&other);
}

/* (14) */
static void a_client_certificate_and_its_key_change_together(void **state)
{
        struct room *r = *state;
        struct certs next = certs_make("node-2", &r->ca, NULL, 3600);
        struct http_tls tls;

        put(r, "tls.crt", r->client.pem);
        put(r, "tls.key", r->client.key_pem);
        put(r, "k",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
            "users: [{name: u, user: {client-certificate: tls.crt, client-key: tls.key}}]\n");
        opens(r, "k");
        put(r, "tls.crt", next.pem); /* half of it */
        run_a_minute(r);
        assert_int_equal(r->changes, 0);
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.certificate_pem, r->client.pem);
        put(r, "tls.key", next.key_pem);
        run_a_minute(r);
        assert_int_equal(r->changes, 1);
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.certificate_pem, next.pem);
        assert_string_equal(tls.key_pem, next.key_pem);
        certs_done(&next);
}

/* (3) */
static void a_refused_token_is_read_again_before_the_next_request(void **state)
{
        struct room *r = *state;

        hasty = false;
        opens(r, NULL);
        put_generation(r, "two", "token-2", r->ca.pem);
        assert_string_equal(authorization(r), "Bearer token-1");
        kube_access_refused(r->access, clock_mono_ns());
        r->answers = 0;
        assert_non_null(kube_access_authorize(r->access, on_ready, r));
        assert_non_null(kube_access_authorize(r->access, on_ready, r));
        assert_int_equal(r->answers, 0); /* it is not read on the loop */
        assert_true(run_until(r->loop, &r->answers, 2));
        assert_string_equal(r->value, "Bearer token-2");
}

/* (3) */
static void a_token_read_after_the_request_began_is_not_to_blame(void **state)
{
        struct room *r = *state;
        int64_t sent = clock_mono_ns();

        hasty = false;
        opens(r, NULL);
        kube_access_refused(r->access, sent);
        r->answers = 0;
        assert_null(kube_access_authorize(r->access, on_ready, r));
        assert_int_equal(r->answers, 1);
}

/* (3) */
static void a_refused_token_that_cannot_be_read_again_is_tried_again(void **state)
{
        struct room *r = *state;
        auto_free char *token = in_dir(r, "token");

        assert_int_equal(unlink(token), 0);
        kube_access_refused(r->access, clock_mono_ns());
        assert_string_equal(authorization(r), "Bearer token-1");
}

static void one_who_waits_may_be_cancelled_or_close_everything(void **state)
{
        struct room *r = *state;

        kube_access_refused(r->access, clock_mono_ns());
        r->answers = 0;
        struct kube_access_wait *w[3];
        for (int i = 0; i < 3; i++)
                w[i] = kube_access_authorize(r->access, on_ready, r);
        kube_access_cancel(w[1]);
        kube_access_cancel(NULL);
        r->close_in_answer = true;
        assert_true(run_until(r->loop, &r->answers, 1));
        run_for(r->loop, 50 * NS_PER_MS);
        assert_int_equal(r->answers, 1);
        assert_null(r->access);
}

static void it_may_be_closed_while_something_is_read(void **state)
{
        struct room *r = *state;

        for (int i = 0; i < 20; i++) {
                opens(r, NULL);
                kube_access_refused(r->access, clock_mono_ns());
                (void)kube_access_authorize(r->access, on_ready, r);
                if (i % 2)
                        run_for(r->loop, 100 * NS_PER_US * i);
                kube_access_close(r->access);
                r->access = NULL;
        }
}

/* No file, nothing to wake up for. */
static void fixed_credentials_need_no_timer(void **state)
{
        struct room *r = *state;

        put(r, "k",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
            "users: [{name: u, user: {token: t}}]\n");
        kube_access_close(r->access);
        r->access = NULL;
        longest_ns = 0;
        opens(r, "k");
        assert_int_equal(longest_ns, 0);
        kube_access_refused(r->access, clock_mono_ns());
        assert_string_equal(authorization(r), "Bearer t");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_swapped_token_is_in_use_within_a_minute,
                                                pod_set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_token_that_cannot_be_read_keeps_the_last_one,
                                                pod_set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_new_authority_is_told_by_content, pod_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_client_certificate_and_its_key_change_together,
                                                pod_set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_refused_token_is_read_again_before_the_next_request, pod_set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_token_read_after_the_request_began_is_not_to_blame, pod_set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        a_refused_token_that_cannot_be_read_again_is_tried_again, pod_set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(one_who_waits_may_be_cancelled_or_close_everything,
                                                pod_set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_may_be_closed_while_something_is_read,
                                                pod_set_up, tear_down),
                cmocka_unit_test_setup_teardown(fixed_credentials_need_no_timer, pod_set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
