/* Whatever dies, hangs or refuses, and in whatever order: devices are polled all the time that
 * their agent lives, by one agent only, and in the end everything is as it was asked for.
 *
 * Two agents, two operators and an API server of this test's own, all but the latter under the
 * sanitizers.  A minute with 20 links, or in the long form 15 minutes with 100.  DEVICELINK_SEED
 * repeats the choices of a run.
 */
#include "rig/fieldbus.h"
#include "rig/fleet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { LINKS_MAX = 100, EXCUSES_MAX = 50000, SHORT_MS = 60000, LONG_MS = 900000 };
enum {
        POLL_MS = 1000,
        GAP_MS = 5000,
        START_MS = 12000, /* until all devices of a new agent are polled again */
        /* Until the device of a moved link is: a dead agent has its Lease, and each step needs the
         * API server, one of them an operator that leads, which are away half of the time here. */
        MOVE_MS = 90000,
        CONVERGE_MS = 150000,
        CALM_AFTER_MS = 8000, /* of trouble: a Lease lasts 40 s, and is not to end for it */
        CALM_MS = 7000,
        DESCRIPTORS_MORE = 16,
};

#define FLOW "/apis/flowcontrol.apiserver.k8s.io/v1/"

static const char has_begun[] = "NodeExisted True Found ''\n"
                                "ModelExisted True Found ''\n";
static const char is_healthy[] = "NodeExisted True Found ''\n"
                                 "ModelExisted True Found ''\n"
                                 "AdaptorExisted True Found ''\n"
                                 "DeviceCreated True Success ''\n"
                                 "DeviceConnected True Healthy ''\n";

/* When a device need not be polled: its agent is dead, or it goes to another one. */
struct excuse {
        size_t device;
        int64_t from_ms;
        int64_t to_ms;
};

/* Link i is the one for device i. */
static struct chaos {
        struct fleet fleet;
        struct fieldbus *bus;
        size_t n_links;
        size_t agents[LINKS_MAX];   /* whose the link is */
        unsigned rounds[LINKS_MAX]; /* the label that the API server took last */
        bool began[LINKS_MAX];      /* the first two conditions have been there */
        struct excuse excuses[EXCUSES_MAX];
        size_t n_excuses;
        unsigned seed;
} chaos;

static unsigned below(unsigned n)
{
        return (unsigned)rand_r(&chaos.seed) % n;
}

static void rest(unsigned least_ms, unsigned most_ms)
{
        rig_sleep_ms((int)(least_ms + below(most_ms - least_ms)));
}

static const char *link_name(size_t i)
{
        static char name[32];

        (void)snprintf(name, sizeof(name), "device-%03zu", i);
        return name;
}

/* --- what is to be seen */

/* All objects of a kind in the test's namespace; NULL: the API server did not answer. */
static struct json_object *list(const char *group, const char *plural)
{
        char path[256];
        struct json_object *all = NULL;

        (void)snprintf(path, sizeof(path), "/apis/%s/v1alpha1/namespaces/%s/%s", group,
                       chaos.fleet.kube.space, plural);
        if (kube_request(&chaos.fleet.kube, "GET", path, NULL, NULL, &all) == 200)
                return all;
        json_object_put(all);
        return NULL;
}

static struct json_object *list_links(void)
{
        return list("edge.cattle.io", "devicelinks");
}

static struct json_object *item(struct json_object *all, size_t i)
{
        return json_object_array_get_idx(json_object_object_get(all, "items"), i);
}

static size_t count(struct json_object *all)
{
        return json_object_array_length(json_object_object_get(all, "items"));
}

static struct json_object *at(struct json_object *o, const char *a, const char *b)
{
        o = o ? json_object_object_get(o, a) : NULL;
        return o ? json_object_object_get(o, b) : NULL;
}

/* How many links are not healthy; they are told on stderr if asked for. */
static size_t laggards(bool aloud)
{
        struct json_object *all = list_links();
        size_t n = 0;

        if (!all || count(all) != chaos.n_links) {
                json_object_put(all);
                return chaos.n_links;
        }
        for (size_t i = 0; i < chaos.n_links; i++) {
                char *text = kube_conditions_of(item(all, i));
                bool is_late = strcmp(text, is_healthy) != 0;
                n += is_late;
                if (is_late && aloud)
                        (void)fprintf(stderr, "%s\n%s", link_name(i), text);
                free(text);
        }
        json_object_put(all);
        return n;
}

static void converge(const char *when)
{
        int64_t until = rig_now_ms() + CONVERGE_MS;

        while (laggards(false) > 0) {
                if (rig_now_ms() > until) {
                        fleet_show_logs(&chaos.fleet);
                        fail_msg("%zu links are not healthy %s", laggards(true), when);
                }
                rig_sleep_ms(250);
        }
}

/* Node and model are there all the time: who has seen that once does not forget it. */
static void no_condition_is_lost(void)
{
        struct json_object *all = list_links();

        for (size_t i = 0; all && i < count(all); i++) {
                char *text = kube_conditions_of(item(all, i));
                bool begun = strncmp(text, has_begun, sizeof(has_begun) - 1) == 0;
                if (chaos.began[i] && !begun)
                        fail_msg("%s lost conditions, it has\n%s", link_name(i), text);
                chaos.began[i] |= begun;
                free(text);
        }
        json_object_put(all);
}

/* --- what is done to them */

static void api_server_dies(void)
{
        kube_signal(&chaos.fleet.kube, "kube-apiserver", SIGKILL);
        rest(100, 8000);
        kube_start_again(&chaos.fleet.kube, "kube-apiserver");
}

static void api_server_pauses(void)
{
        kube_signal(&chaos.fleet.kube, "kube-apiserver", SIGSTOP);
        rest(500, 15000);
        kube_signal(&chaos.fleet.kube, "kube-apiserver", SIGCONT);
}

static void etcd_dies(void)
{
        kube_signal(&chaos.fleet.kube, "etcd", SIGKILL);
        rest(100, 3000);
        kube_start_again(&chaos.fleet.kube, "etcd");
}

/* Everybody but the administrator is told to come back later. */
static void api_server_refuses(void)
{
        static const char level[] =
                "{\"metadata\":{\"name\":\"storm\"},\"spec\":{\"type\":\"Limited\",\"limited\":"
                "{\"nominalConcurrencyShares\":0,\"limitResponse\":{\"type\":\"Reject\"}}}}";
        static const char schema[] =
                "{\"metadata\":{\"name\":\"storm\"},\"spec\":{\"matchingPrecedence\":1,"
                "\"priorityLevelConfiguration\":{\"name\":\"storm\"},\"rules\":[{\"subjects\":"
                "[{\"kind\":\"Group\",\"group\":{\"name\":\"system:serviceaccounts\"}}],"
                "\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":"
                "[\"*\"],\"namespaces\":[\"*\"],\"clusterScope\":true}]}]}}";
        struct kube *k = &chaos.fleet.kube;

        (void)kube_request(k, "POST", FLOW "prioritylevelconfigurations", NULL, level, NULL);
        (void)kube_request(k, "POST", FLOW "flowschemas", NULL, schema, NULL);
        rest(2000, 10000);
        while (kube_request(k, "DELETE", FLOW "flowschemas/storm", NULL, NULL, NULL) == 0)
                rig_sleep_ms(100);
        (void)kube_request(k, "DELETE", FLOW "prioritylevelconfigurations/storm", NULL, NULL, NULL);
}

static void lines_are_cut(void)
{
        for (unsigned n = 1 + below(5); n > 0; n--) {
                proxy_cut(chaos.fleet.proxy);
                rest(10, 1000);
        }
}

static void lines_go_dead(void)
{
        proxy_set(chaos.fleet.proxy, PROXY_HANG);
        proxy_cut(chaos.fleet.proxy);
        rest(1000, 8000);
        proxy_set(chaos.fleet.proxy, PROXY_PASS);
}

/* For how long from from_ms on. */
static void excuse(size_t device, int64_t from_ms, int64_t to_ms)
{
        if (chaos.n_excuses == EXCUSES_MAX)
                fail_msg("too many excuses");
        chaos.excuses[chaos.n_excuses++] = (struct excuse){ device, from_ms, to_ms };
}

static void agent_dies(void)
{
        size_t agent = below(FLEET_AGENTS);
        struct fleet_member *m = &chaos.fleet.agents[agent];
        int64_t from_ms = rig_now_ms();

        process_kill(&m->process);
        rest(1, 3000);
        fleet_start(m);
        for (size_t i = 0; i < chaos.n_links; i++)
                if (chaos.agents[i] == agent)
                        excuse(i, from_ms, rig_now_ms() + START_MS);
}

static void operator_dies(void)
{
        struct fleet_member *m = &chaos.fleet.operators[below(FLEET_OPERATORS)];

        process_kill(&m->process);
        rest(1, 4000);
        fleet_start(m);
}

static void links_change(void)
{
        char body[128];

        for (int n = 0; n < 4; n++) {
                size_t i = below((unsigned)chaos.n_links);
                (void)snprintf(
                        body, sizeof(body),
                        "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"round\":\"%u\"}}}}}",
                        chaos.rounds[i] + 1);
                if (kube_request(&chaos.fleet.kube, "PATCH",
                                 kube_link_path(&chaos.fleet.kube, link_name(i)),
                                 "application/merge-patch+json", body, NULL) == 200)
                        chaos.rounds[i]++;
        }
}

static void links_move(void)
{
        char body[256];

        for (int n = 0; n < 2; n++) {
                size_t i = below((unsigned)chaos.n_links);
                size_t to = (chaos.agents[i] + 1) % FLEET_AGENTS;
                (void)snprintf(body, sizeof(body), "{\"spec\":{\"adaptor\":{\"node\":\"%s\"}}}",
                               chaos.fleet.agents[to].name);
                if (kube_request(&chaos.fleet.kube, "PATCH",
                                 kube_link_path(&chaos.fleet.kube, link_name(i)),
                                 "application/merge-patch+json", body, NULL) != 200)
                        continue;
                chaos.agents[i] = to;
                excuse(i, rig_now_ms(), rig_now_ms() + MOVE_MS);
        }
}

static void a_device_object_is_deleted_by_hand(void)
{
        const char *name = link_name(below((unsigned)chaos.n_links));

        (void)kube_request(&chaos.fleet.kube, "DELETE",
                           kube_device_path(&chaos.fleet.kube, "modbusdevices", name), NULL, NULL,
                           NULL);
}

static const struct trouble {
        const char *name;
        void (*happens)(void);
} troubles[] = {
        { "the API server dies", api_server_dies },
        { "the API server pauses", api_server_pauses },
        { "etcd dies", etcd_dies },
        { "the API server refuses", api_server_refuses },
        { "lines are cut", lines_are_cut },
        { "lines go dead", lines_go_dead },
        { "an agent dies", agent_dies },
        { "an operator dies", operator_dies },
        { "links change", links_change },
        { "links move", links_move },
        { "a device object is deleted by hand", a_device_object_is_deleted_by_hand },
};
enum { TROUBLES = sizeof(troubles) / sizeof(troubles[0]) };

/* An agent never ends by itself; an operator may, when it could not keep its Lease. */
static void members_live(void)
{
        for (int i = 0; i < FLEET_AGENTS; i++)
                if (!process_running(&chaos.fleet.agents[i].process)) {
                        fleet_show_logs(&chaos.fleet);
                        fail_msg("%s ended by itself", chaos.fleet.agents[i].name);
                }
        for (int i = 0; i < FLEET_OPERATORS; i++) {
                struct fleet_member *m = &chaos.fleet.operators[i];
                if (process_running(&m->process))
                        continue;
                process_kill(&m->process);
                fleet_start(m);
        }
}

/* --- the end */

/* All of it, by one excuse after the other. */
static bool is_excused(const struct fieldbus_gap *g)
{
        /* The last request may be as old as the interval when the agent dies. */
        int64_t upto_ms = g->from_ms + 2 * POLL_MS;
        bool more = true;

        while (more && g->to_ms && upto_ms < g->to_ms) {
                more = false;
                for (size_t i = 0; i < chaos.n_excuses; i++) {
                        const struct excuse *x = &chaos.excuses[i];
                        if (x->device == g->device && x->from_ms <= upto_ms && x->to_ms > upto_ms) {
                                upto_ms = x->to_ms;
                                more = true;
                        }
                }
        }
        return g->to_ms && upto_ms >= g->to_ms;
}

static void devices_were_polled_all_the_time(void)
{
        struct fieldbus_gap *gaps = NULL;
        size_t n = fieldbus_gaps(chaos.bus, &gaps);
        size_t bad = 0;

        for (size_t i = 0; i < n; i++) {
                if (is_excused(&gaps[i]))
                        continue;
                bad++;
                (void)fprintf(stderr, "%s was not polled for %lld ms, from %lld\n",
                              link_name(gaps[i].device),
                              (long long)(gaps[i].to_ms - gaps[i].from_ms),
                              (long long)gaps[i].from_ms);
        }
        free(gaps);
        if (bad)
                fail_msg("%zu gaps while the agent lived", bad);
}

static void devices_were_driven_by_one(void)
{
        for (size_t i = 0; i < chaos.n_links; i++)
                if (fieldbus_twice(chaos.bus, i))
                        fail_msg("%s was asked on two connections at once, %zu times", link_name(i),
                                 fieldbus_twice(chaos.bus, i));
}

/* One for each link, owned by it, as the link asked last, with a status. */
static bool instances_are_right(struct kube *k, void *ctx)
{
        struct json_object *links = list_links();
        struct json_object *devices = list("devices.edge.cattle.io", "modbusdevices");
        bool right = links && devices && count(links) == chaos.n_links &&
                     count(devices) == chaos.n_links;
        char round[16];

        (void)k;
        (void)ctx;
        for (size_t i = 0; right && i < chaos.n_links; i++) {
                struct json_object *owner = json_object_array_get_idx(
                        at(item(devices, i), "metadata", "ownerReferences"), 0);
                struct json_object *uid = at(item(links, i), "metadata", "uid");
                struct json_object *labels = at(item(devices, i), "metadata", "labels");
                const char *is =
                        labels ? json_object_get_string(json_object_object_get(labels, "round"))
                               : NULL;
                (void)snprintf(round, sizeof(round), "%u", chaos.rounds[i]);
                right = owner && json_object_equal(json_object_object_get(owner, "uid"), uid) &&
                        is && strcmp(is, round) == 0 &&
                        at(item(devices, i), "status", "properties");
        }
        json_object_put(links);
        json_object_put(devices);
        return right;
}

static void apply_links(void)
{
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        for (size_t i = 0; i < chaos.n_links; i++)
                (void)fprintf(f,
                              "---\napiVersion: edge.cattle.io/v1alpha1\nkind: DeviceLink\n"
                              "metadata: {name: %s, namespace: {space}}\n"
                              "spec:\n"
                              "  adaptor: {node: %s, name: adaptors.edge.cattle.io/modbus}\n"
                              "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, "
                              "kind: ModbusDevice}\n"
                              "  template:\n"
                              "    metadata: {labels: {round: \"0\"}}\n"
                              "    spec:\n"
                              "      parameters: {syncInterval: 1s, timeout: 2s}\n"
                              "      protocol: {tcp: {endpoint: \"127.0.0.1:%d\", workerID: 1}}\n"
                              "      properties:\n"
                              "      - {name: level, type: float, readOnly: true, visitor: "
                              "{register: HoldingRegister, offset: 0, quantity: 2}}\n",
                              link_name(i), chaos.fleet.agents[chaos.agents[i]].name,
                              fieldbus_port(chaos.bus, i));
        (void)fclose(f);
        kube_apply(&chaos.fleet.kube, "%s", text);
        free(text);
}

/* Each once, in any order, then again. */
static const struct trouble *next_trouble(void)
{
        static const struct trouble *order[TROUBLES];
        static size_t left;

        if (left == 0)
                for (; left < TROUBLES; left++) {
                        size_t at = below((unsigned)left + 1);
                        order[left] = order[at];
                        order[at] = &troubles[left];
                }
        return order[--left];
}

static void trouble_until(int64_t end_ms)
{
        int64_t spent_ms = 0;

        while (rig_now_ms() < end_ms) {
                const struct trouble *t = next_trouble();
                int64_t from_ms = rig_now_ms();
                print_message("%lld s left: %s\n", (long long)(end_ms - from_ms) / 1000, t->name);
                t->happens();
                members_live();
                no_condition_is_lost();
                spent_ms += rig_now_ms() - from_ms;
                rest(200, 4000);
                if (spent_ms > CALM_AFTER_MS) {
                        rest(CALM_MS, CALM_MS + 1000);
                        spent_ms = 0;
                }
        }
}

static void all_is_well_in_the_end(void **state)
{
        const char *is_long = getenv("DEVICELINK_LONG");
        bool wants_long = is_long && strcmp(is_long, "1") == 0;
        size_t descriptors[FLEET_AGENTS];

        (void)state;
        chaos.n_links = wants_long ? LINKS_MAX : LINKS_MAX / 5;
        chaos.bus = fieldbus_start(chaos.n_links, GAP_MS);
        for (size_t i = 0; i < chaos.n_links; i++)
                chaos.agents[i] = i % FLEET_AGENTS;
        for (int i = 0; i < FLEET_OPERATORS; i++)
                fleet_start(&chaos.fleet.operators[i]);
        for (int i = 0; i < FLEET_AGENTS; i++)
                fleet_start(&chaos.fleet.agents[i]);
        apply_links();
        converge("at first");
        for (int i = 0; i < FLEET_AGENTS; i++)
                descriptors[i] = fleet_descriptors(&chaos.fleet.agents[i]);

        trouble_until(rig_now_ms() + (wants_long ? LONG_MS : SHORT_MS));

        converge("in the end");
        kube_wait(&chaos.fleet.kube, instances_are_right, NULL, CONVERGE_MS,
                  "a device object for each link, as it asked for");
        no_condition_is_lost();
        devices_were_polled_all_the_time();
        devices_were_driven_by_one();
        for (int i = 0; i < FLEET_AGENTS; i++) {
                assert_in_range(fleet_descriptors(&chaos.fleet.agents[i]), 0,
                                descriptors[i] + DESCRIPTORS_MORE);
                fleet_stop(&chaos.fleet.agents[i]);
        }
        for (int i = 0; i < FLEET_OPERATORS; i++)
                fleet_stop(&chaos.fleet.operators[i]);
}

static int up(void **state)
{
        const char *seed = getenv("DEVICELINK_SEED");

        (void)state;
        chaos.seed = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)time(NULL);
        print_message("DEVICELINK_SEED=%u\n", chaos.seed);
        fleet_up(&chaos.fleet);
        return 0;
}

static int down(void **state)
{
        (void)state;
        fleet_down(&chaos.fleet);
        fieldbus_stop(chaos.bus);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_is_well_in_the_end, up, down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
