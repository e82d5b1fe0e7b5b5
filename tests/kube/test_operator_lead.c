/* test_operator_lead.c - of two operators one works: when it dies, ends or is stopped the other
 * goes on, and the API server's audit log says that no two of them ever wrote in one term. */
#include "rig/kube.h"
#include "rig/process.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OPERATORS = 2, LEASE_MS = 15000, WRITES_MAX = 20000, TIME_SIZE = 40 };

static struct {
        struct kube kube;
        char dir[256];
        struct operator_program {
                const char *identity;
                char log[320];
                struct process process;
        } operators[OPERATORS];
        char lease[300];
        int links;
} place = { .operators = { { .identity = "op-a" }, { .identity = "op-b" } } };

static struct kube *const k = &place.kube;

static void start(struct operator_program *o)
{
        process_start(&o->process, o->log,
                      (const char *const[]){ TEST_BUILD "/devicelink", "operator", "--kubeconfig",
                                             k->kubeconfig, "--lease-namespace", k->space,
                                             "--identity", o->identity, "--metrics-addr", "0",
                                             NULL });
}

static int up(void **state)
{
        (void)state;
        kube_up(k);
        kube_node(k, k->node, "10.1.2.3");
        rig_scratch_make(place.dir);
        (void)snprintf(place.lease, sizeof(place.lease),
                       "/apis/coordination.k8s.io/v1/namespaces/%s/leases/devicelink-operator",
                       k->space);
        for (int i = 0; i < OPERATORS; i++) {
                struct operator_program *o = &place.operators[i];
                (void)snprintf(o->log, sizeof(o->log), "%s/%s.log", place.dir, o->identity);
                start(o);
        }
        return 0;
}

static int down(void **state)
{
        (void)state;
        for (int i = 0; i < OPERATORS; i++)
                process_kill(&place.operators[i].process);
        kube_down(k);
        rig_scratch_remove(place.dir);
        return 0;
}

/* --- who leads */

static struct operator_program *leader(void)
{
        struct json_object *lease = kube_get(k, place.lease), *holder = NULL;
        struct operator_program *ret = NULL;

        if (lease && json_pointer_get(lease, "/spec/holderIdentity", &holder) == 0)
                for (int i = 0; i < OPERATORS; i++) {
                        if (strcmp(json_object_get_string(holder), place.operators[i].identity) ==
                            0)
                                ret = &place.operators[i];
                }
        json_object_put(lease);
        return ret;
}

static struct operator_program *other(const struct operator_program *o)
{
        return &place.operators[o == &place.operators[0] ? 1 : 0];
}

static void show_logs(void)
{
        for (int i = 0; i < OPERATORS; i++) {
                char *log = rig_read_file(place.operators[i].log);
                (void)fprintf(stderr, "--- %s\n%s\n", place.operators[i].identity, log);
                free(log);
        }
}

static struct operator_program *wait_for_leader(void)
{
        int64_t limit_ms = rig_now_ms() + 20000;
        struct operator_program *o = leader();

        while (!o && rig_now_ms() < limit_ms) {
                rig_sleep_ms(50);
                o = leader();
        }
        if (!o) {
                show_logs();
                fail_msg("nobody leads");
        }
        return o;
}

static void add_link(void)
{
        char path[300], body[600];

        (void)snprintf(path, sizeof(path),
                       "/apis/edge.cattle.io/v1alpha1/namespaces/%s/devicelinks", k->space);
        (void)snprintf(body, sizeof(body),
                       "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\","
                       "\"metadata\":{\"name\":\"l%04d\"},\"spec\":{\"adaptor\":{\"node\":\"%s\"},"
                       "\"model\":{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\",\"kind\":"
                       "\"DummySpecialDevice\"},\"template\":{}}}",
                       place.links++, k->node);
        assert_int_equal(kube_request(k, "POST", path, NULL, body, NULL), 201);
}

/* Links go on being made; returns after how long the last one had its conditions. */
static int until_worked_on(int within_ms)
{
        int64_t began_ms = rig_now_ms();
        char name[16];

        for (;;) {
                add_link();
                (void)snprintf(name, sizeof(name), "l%04d", place.links - 1);
                rig_sleep_ms(100);
                char *is = kube_conditions(k, name);
                bool done = is[0] != '\0';
                free(is);
                if (done)
                        return (int)(rig_now_ms() - began_ms);
                if (rig_now_ms() - began_ms > within_ms) {
                        show_logs();
                        fail_msg("nobody works after %d ms", within_ms);
                }
        }
}

/* --- what happens to leaders */

static void one_of_two_works(void **state)
{
        (void)state;
        struct operator_program *o = wait_for_leader();
        (void)until_worked_on(20000);
        assert_true(rig_wait_for_text(o->log, "operator.acting", 100));
        assert_false(rig_wait_for_text(other(o)->log, "operator.acting", 0));
}

static void who_ends_hands_over_within_seconds(void **state)
{
        (void)state;
        struct operator_program *o = wait_for_leader();
        assert_int_equal(process_end(&o->process, SIGTERM, 5000), 0);
        int ms = until_worked_on(20000);
        print_message("handed over within %d ms\n", ms);
        assert_true(ms < LEASE_MS / 2);
        assert_ptr_equal(leader(), other(o));
        start(o);
}

static void who_dies_is_replaced_when_its_lease_is_over(void **state)
{
        (void)state;
        struct operator_program *o = wait_for_leader();
        rig_sleep_ms(1000); /* the other one is there and waits */
        assert_int_equal(process_end(&o->process, SIGKILL, 5000), 128 + SIGKILL);
        int ms = until_worked_on(LEASE_MS + 25000);
        print_message("replaced within %d ms\n", ms);
        assert_true(ms > LEASE_MS / 2);
        assert_ptr_equal(leader(), other(o));
        start(o);
}

static void who_was_stopped_writes_nothing_and_ends(void **state)
{
        (void)state;
        struct operator_program *o = wait_for_leader();
        rig_sleep_ms(1000);
        for (int i = 0; i < 50; i++) /* it has a lot to do when it is stopped */
                add_link();
        assert_int_equal(kill(o->process.pid, SIGSTOP), 0);
        (void)until_worked_on(LEASE_MS + 25000);
        assert_ptr_equal(leader(), other(o));
        for (int i = 0; i < 10; i++)
                add_link();
        assert_int_equal(kill(o->process.pid, SIGCONT), 0);
        for (int i = 0; i < 10; i++)
                add_link();
        int64_t limit_ms = rig_now_ms() + 15000;
        while (process_running(&o->process) && rig_now_ms() < limit_ms)
                rig_sleep_ms(20);
        assert_false(process_running(&o->process));
        assert_true(rig_wait_for_text(o->log, "operator.lost", 100));
        assert_int_equal(process_end(&o->process, 0, 1000), 1);
        (void)until_worked_on(20000);
}

/* --- what the API server saw */

struct write {
        char from[TIME_SIZE], to[TIME_SIZE]; /* received, answered */
        int who;
};

static struct {
        struct write leases[WRITES_MAX], links[WRITES_MAX];
        size_t n_leases, n_links, n_secrets;
} seen;

static const char *at(struct json_object *o, const char *pointer)
{
        struct json_object *ret = NULL;

        return json_pointer_get(o, pointer, &ret) == 0 && ret ? json_object_get_string(ret) : "";
}

static int who_is(struct json_object *o)
{
        for (int i = 0; i < OPERATORS; i++) {
                char part[64];
                (void)snprintf(part, sizeof(part), "(operator; %s)", place.operators[i].identity);
                if (strstr(at(o, "/userAgent"), part))
                        return i;
        }
        return -1;
}

static void take_write(struct json_object *o, struct write *list, size_t *n)
{
        struct write *w = &list[(*n)++];

        assert_true(*n < WRITES_MAX);
        w->who = who_is(o);
        (void)snprintf(w->from, sizeof(w->from), "%s", at(o, "/requestReceivedTimestamp"));
        (void)snprintf(w->to, sizeof(w->to), "%s", at(o, "/stageTimestamp"));
}

static void take_line(const char *line)
{
        struct json_object *o = strstr(line, "(operator; op-") ? json_tokener_parse(line) : NULL;
        const char *verb = o ? at(o, "/verb") : "";
        const char *resource = o ? at(o, "/objectRef/resource") : "";
        bool is_ours = o && who_is(o) >= 0 && strstr(line, k->space);

        if (o && strcmp(resource, "secrets") == 0)
                seen.n_secrets++;
        if (is_ours && (strcmp(verb, "patch") == 0 || strcmp(verb, "create") == 0)) {
                bool is_done = at(o, "/responseStatus/code")[0] == '2';
                if (strcmp(resource, "leases") == 0 && is_done)
                        take_write(o, seen.leases, &seen.n_leases);
                else if (strcmp(resource, "devicelinks") == 0 && is_done)
                        take_write(o, seen.links, &seen.n_links);
        }
        json_object_put(o);
}

static void read_audit(void)
{
        char path[320];
        char *line = NULL;
        size_t size = 0;

        (void)snprintf(path, sizeof(path), "%s/audit.log", k->dir);
        FILE *f = fopen(path, "re");
        if (!f)
                fail_msg("%s: start the cluster with --audit", path);
        while (getline(&line, &size, f) > 0)
                take_line(line);
        free(line);
        (void)fclose(f);
}

/* Who had written the Lease last when the request came. */
static int holder_at(const char *when)
{
        const struct write *last = NULL;

        for (size_t i = 0; i < seen.n_leases; i++) {
                const struct write *w = &seen.leases[i];
                if (strcmp(w->to, when) <= 0 && (!last || strcmp(w->to, last->to) > 0))
                        last = w;
        }
        return last ? last->who : -1;
}

static void no_two_ever_wrote_in_one_term(void **state)
{
        size_t by[OPERATORS] = { 0 };

        (void)state;
        read_audit();
        for (size_t i = 0; i < seen.n_links; i++) {
                const struct write *w = &seen.links[i];
                if (holder_at(w->from) != w->who)
                        fail_msg("%s wrote a link at %s, in the other one's term",
                                 place.operators[w->who].identity, w->from);
                by[w->who]++;
        }
        print_message("%zu writes, %zu by one and %zu by the other\n", seen.n_links, by[0], by[1]);
        assert_true(by[0] > 0 && by[1] > 0);
        assert_true(seen.n_leases > 4); /* or the above would say nothing */
        assert_int_equal(seen.n_secrets, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_of_two_works),
                cmocka_unit_test(who_ends_hands_over_within_seconds),
                cmocka_unit_test(who_dies_is_replaced_when_its_lease_is_over),
                cmocka_unit_test(who_was_stopped_writes_nothing_and_ends),
                cmocka_unit_test(no_two_ever_wrote_in_one_term),
        };

        return cmocka_run_group_tests(tests, up, down);
}
