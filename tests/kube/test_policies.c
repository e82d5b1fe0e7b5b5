/* test_policies.c - a cluster that cannot hold agents to their nodes is told to a person, and one
 * that can is not. */
#include "rig/kube.h"
#include "rig/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char no_policies[] = "operator.no-policies";

/* Run an operator until its log has this; whether it has said that there are no policies. */
static bool says_no_policies(const struct kube *k, const char *until)
{
        struct process p = { 0 };
        char dir[256], path[300];
        bool said = false, done = false;

        rig_scratch_make(dir);
        (void)snprintf(path, sizeof(path), "%s/operator.log", dir);
        process_start(&p, path,
                      (const char *const[]){ TEST_BUILD "/devicelink", "operator", "--kubeconfig",
                                             k->kubeconfig, "--lease-namespace", k->space,
                                             "--metrics-addr", "0", NULL });
        for (int i = 0; i < 400 && !done; i++) {
                rig_sleep_ms(50);
                char *log = rig_read_file(path);
                done = strstr(log, until);
                said = strstr(log, no_policies);
                free(log);
        }
        assert_int_equal(process_end(&p, SIGTERM, 6000), 0);
        assert_true(done);
        rig_scratch_remove(dir);
        return said;
}

static void a_cluster_with_policies_is_fine(void **state)
{
        struct kube k;

        (void)state;
        kube_up(&k);
        assert_false(says_no_policies(&k, "operator.acting"));
        kube_down(&k);
}

static void a_cluster_without_policies_is_said(void **state)
{
        static const char *const without[] = {
                "--apiserver-arg", "--runtime-config=admissionregistration.k8s.io/v1=false",
                "--apiserver-arg",
                "--disable-admission-plugins=ValidatingAdmissionPolicy,MutatingAdmissionPolicy,"
                "ValidatingAdmissionWebhook,MutatingAdmissionWebhook",
                NULL
        };
        struct kube k;

        (void)state;
        kube_up_private(&k, without);
        assert_true(says_no_policies(&k, no_policies));
        kube_down(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_cluster_with_policies_is_fine),
                cmocka_unit_test(a_cluster_without_policies_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
