/* What the operator asks of the API server, in which order, and when it keeps still. */
/* wrap: kube_start kube_cancel kube_api_loop kube_api_space kube_api_server kube_api_counts */
/* wrap: kube_api_latencies */
/* wrap: reflector_open reflector_close reflector_synced reflector_feed */
/* wrap: leader_open leader_close leader_is leader_holder leader_release */
/* wrap: events_new events_free events_say events_dropped */
#include "operator.h"

#include "kube/events.h"
#include "kube/lease.h"
#include "kube/reflector.h"
#include "operator/brain.h"
#include "serve/serve.h"

enum { CALLS_MAX = 2048 };

/* --- an API server of the test's making */

struct kube_call {
        bool open;
        char method[8], path[256], body[4096];
        void *ctx;
        void (*done)(void *ctx, struct kube_answer *);
};

static struct {
        struct loop *loop;
        struct loop_timer timer;
        struct kube_call calls[CALLS_MAX];
        size_t n_calls;
        struct reflector_config watches[8];
        size_t n_watches;
        bool synced, leads;
        struct leader_config leader;
        size_t released;
        char said[1024];
        struct brain *op;
        bool lost, stopped;
} t;

struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r);
struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r)
{
        struct kube_call *c = &t.calls[t.n_calls++];

        (void)a;
        assert_true(t.n_calls < CALLS_MAX);
        *c = (struct kube_call){ .open = true, .ctx = r->ctx, .done = r->done };
        (void)snprintf(c->method, sizeof(c->method), "%s", r->method);
        (void)snprintf(c->path, sizeof(c->path), "%s", r->path);
        (void)snprintf(c->body, sizeof(c->body), "%.*s", (int)r->body_len, r->body ? r->body : "");
        return c;
}

void __wrap_kube_cancel(struct kube_call *c);
void __wrap_kube_cancel(struct kube_call *c)
{
        if (c) {
                assert_true(c->open);
                c->open = false;
        }
}

struct loop *__wrap_kube_api_loop(const struct kube_api *a);
struct loop *__wrap_kube_api_loop(const struct kube_api *a)
{
        (void)a;
        return t.loop;
}

const char *__wrap_kube_api_space(const struct kube_api *a);
const char *__wrap_kube_api_space(const struct kube_api *a)
{
        (void)a;
        return "octopus-system";
}

const char *__wrap_kube_api_server(const struct kube_api *a);
const char *__wrap_kube_api_server(const struct kube_api *a)
{
        (void)a;
        return "https://10.0.0.1:6443";
}

size_t __wrap_kube_api_counts(const struct kube_api *a, const struct kube_count **ret);
size_t __wrap_kube_api_counts(const struct kube_api *a, const struct kube_count **ret)
{
        static const struct kube_count rows[] = { { "PATCH", "devicelinks/status", 200, 7 },
                                                  { "GET", "devices", 0, 1 } };

        (void)a;
        *ret = rows;
        return 2;
}

size_t __wrap_kube_api_latencies(const struct kube_api *a, const struct kube_latency **ret);
size_t __wrap_kube_api_latencies(const struct kube_api *a, const struct kube_latency **ret)
{
        static const struct kube_latency row = { .method = "GET", .times = { .buckets = { 3 } } };

        (void)a;
        *ret = &row;
        return 1;
}

struct reflector *__wrap_reflector_open(const struct reflector_config *c);
struct reflector *__wrap_reflector_open(const struct reflector_config *c)
{
        t.watches[t.n_watches] = *c;
        return (struct reflector *)&t.watches[t.n_watches++];
}

void __wrap_reflector_close(struct reflector *r);
void __wrap_reflector_close(struct reflector *r)
{
        (void)r;
}

bool __wrap_reflector_synced(const struct reflector *r);
bool __wrap_reflector_synced(const struct reflector *r)
{
        (void)r;
        return t.synced;
}

void __wrap_reflector_feed(struct reflector *r, const struct tree *object, struct arena *owned);
void __wrap_reflector_feed(struct reflector *r, const struct tree *object, struct arena *owned)
{
        const struct reflector_config *c = (const struct reflector_config *)r;
        struct object_meta m;

        object_meta_read(object, owned, &m);
        c->upsert(c->ctx, object, &m, owned);
}

struct leader *__wrap_leader_open(const struct leader_config *c);
struct leader *__wrap_leader_open(const struct leader_config *c)
{
        t.leader = *c;
        return (struct leader *)&t.leader;
}

void __wrap_leader_close(struct leader *l);
void __wrap_leader_close(struct leader *l)
{
        (void)l;
}

bool __wrap_leader_is(const struct leader *l);
bool __wrap_leader_is(const struct leader *l)
{
        (void)l;
        return t.leads;
}

const char *__wrap_leader_holder(const struct leader *l);
const char *__wrap_leader_holder(const struct leader *l)
{
        (void)l;
        return "other_1";
}

void __wrap_leader_release(struct leader *l, int64_t limit_ns, void (*done)(void *ctx), void *ctx);
void __wrap_leader_release(struct leader *l, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        (void)l;
        assert_true(limit_ns >= 0);
        t.released++;
        t.leads = false;
        done(ctx);
}

struct events *__wrap_events_new(const struct events_config *c);
struct events *__wrap_events_new(const struct events_config *c)
{
        (void)c;
        return NULL;
}

void __wrap_events_free(struct events *ev);
void __wrap_events_free(struct events *ev)
{
        (void)ev;
}

void __wrap_events_say(struct events *ev, const struct event_about *about, bool warning,
                       const char *reason, const char *action, const char *note);
void __wrap_events_say(struct events *ev, const struct event_about *about, bool warning,
                       const char *reason, const char *action, const char *note)
{
        (void)ev;
        assert_true(warning);
        (void)snprintf(t.said, sizeof(t.said), "%s/%s %s %s: %s", about->space, about->name, reason,
                       action, note);
}

uint64_t __wrap_events_dropped(const struct events *ev);
uint64_t __wrap_events_dropped(const struct events *ev)
{
        (void)ev;
        return 0;
}

/* --- turns */

static void on_timer(void *ctx)
{
        (void)ctx;
        loop_stop(t.loop);
}

static void run_ms(int ms)
{
        loop_timer_start(&t.timer, ms * NS_PER_MS, LOOP_EXACT);
        loop_run(t.loop);
}

static void turn(void)
{
        run_ms(0);
        run_ms(0);
}

static void on_lost(void *ctx)
{
        (void)ctx;
        t.lost = true;
}

static void on_stopped(void *ctx)
{
        (void)ctx;
        t.stopped = true;
}

/* --- news */

static struct reflector_config *watch_of(const char *plural)
{
        for (size_t i = 0; i < t.n_watches; i++) {
                if (strcmp(t.watches[i].resource.plural, plural) == 0)
                        return &t.watches[i];
        }
        fail_msg("%s is not watched", plural);
        return NULL;
}

static void news(const char *plural, const char *yaml)
{
        const struct reflector_config *c = watch_of(plural);
        struct arena *a = arena_new();
        const struct tree *object = object_from(a, yaml);
        struct object_meta m;

        object_meta_read(object, a, &m);
        c->upsert(c->ctx, object, &m, a);
}

static void gone(const char *plural, const char *space, const char *name, const char *uid)
{
        const struct reflector_config *c = watch_of(plural);

        c->removed(c->ctx, space, name, uid);
}

static void states(enum reflector_state state, const char *text)
{
        for (size_t i = 0; i < t.n_watches; i++)
                t.watches[i].state(t.watches[i].ctx, state, text);
}

#define MODEL "apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice"
#define FORMER "apiVersion: devices.edge.cattle.io/v1alpha1, kind: OPCUADevice"
#define DEVICES "/apis/devices.edge.cattle.io/v1alpha1/namespaces/hall/"

static void news_node(const char *name)
{
        auto_free char *yaml = xasprintf(
                "metadata: {name: %s}\nstatus: {addresses: [{type: Hostname, address: h}]}\n",
                name);

        news("nodes", yaml);
}

static void news_link(const char *name, const char *meta, const char *node, const char *status)
{
        auto_free char *yaml = xasprintf(
                "metadata: {name: %s, namespace: hall, uid: u-%s, resourceVersion: '7'%s}\nspec: "
                "{adaptor: {node: %s}, model: {" MODEL "}, template: {}}\nstatus: {%s}\n",
                name, name, meta, node, status);

        news("devicelinks", yaml);
}

static void news_lease(const char *node, int renewal, int seconds)
{
        char name[LEASE_NAME_SIZE];

        heartbeat_name(node, name);
        auto_free char *yaml = xasprintf(
                "metadata: {name: %s, annotations: {edge.cattle.io/node-name: %s}}\nspec: "
                "{holderIdentity: x, leaseDurationSeconds: %d, renewTime: "
                "'2026-01-02T03:04:%02d.000000Z'}\n",
                name, node, seconds, renewal);
        news("leases", yaml);
}

/* --- answers */

static struct kube_call *call(const char *method, const char *path)
{
        for (size_t i = 0; i < t.n_calls; i++) {
                struct kube_call *c = &t.calls[i];
                if (c->open && strcmp(c->method, method) == 0 && strcmp(c->path, path) == 0)
                        return c;
        }
        for (size_t i = 0; i < t.n_calls; i++)
                (void)fprintf(stderr, "%s %s%s\n", t.calls[i].method, t.calls[i].path,
                              t.calls[i].open ? "" : " (over)");
        fail_msg("%s %s is not asked", method, path);
        return NULL;
}

static size_t n_open(void)
{
        size_t n = 0;

        for (size_t i = 0; i < t.n_calls; i++)
                n += t.calls[i].open;
        return n;
}

static void answer(struct kube_call *c, enum kube_class class, const char *yaml)
{
        struct kube_answer a = { .class = class,
                                 .status = class == KUBE_OK ? 200 : 400,
                                 .reason = "",
                                 .message = class == KUBE_OK ? "" : "said why" };

        assert_true(c->open);
        c->open = false;
        if (yaml) {
                a.arena = arena_new();
                a.object = object_from(a.arena, yaml);
        }
        c->done(c->ctx, &a);
        arena_free(a.arena);
        turn();
}

/* The CRD of the links' model is there and read. */
static void serve_model(void)
{
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c1, generation: 1}");
        turn();
        answer(call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                           "modbusdevices.devices.edge.cattle.io"),
               KUBE_OK,
               "metadata: {generation: 1}\nspec: {versions: [{name: v1alpha1, served: true}, {name:"
               " v2, served: false}]}");
}

/* Read, leads, node n1 and the model are there, and a link "pump" like this. */
static void begin_with(const char *meta, const char *node, const char *status)
{
        news_node("n1");
        news_link("pump", meta, node, status);
        t.synced = true;
        states(REFLECTOR_LIVE, "");
        serve_model();
        t.leads = true;
        t.leader.elected(t.leader.ctx);
        turn();
}

static int set_up(void **state)
{
        const struct brain_config config = {
                .identity = "me_1", .elect = true, .grace_ns = 300 * NS_PER_S, .lost = on_lost
        };

        (void)state;
        memset(&t, 0, sizeof(t));
        t.loop = loop_new("test");
        loop_timer_init(&t.timer, t.loop, on_timer, NULL);
        t.op = brain_open(&config);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        brain_close(t.op);
        loop_timer_end(&t.timer);
        loop_free(t.loop);
        assert_int_equal(n_open(), 0); /* nothing is left under way */
        return 0;
}

#define PUMP "/apis/edge.cattle.io/v1alpha1/namespaces/hall/devicelinks/pump"
#define WELL(node, model)                                                                          \
        "nodeName: " node ", nodeHostName: h, model: {" model "}, conditions: [{type: "            \
        "NodeExisted, status: 'True', reason: Found}, {type: ModelExisted, status: 'True', "       \
        "reason: Found}, {type: AdaptorExisted, status: 'True', reason: Found}, {type: "           \
        "DeviceCreated, status: 'True', reason: Success}, {type: DeviceConnected, status: "        \
        "'True', reason: Healthy}]"
#define COMING(node, model)                                                                        \
        "nodeName: " node ", nodeHostName: h, model: {" model "}, conditions: [{type: "            \
        "NodeExisted, status: 'True', reason: Found}, {type: ModelExisted, status: 'True', "       \
        "reason: Found}, {type: AdaptorExisted, status: Unknown, reason: Confirming, message: "    \
        "verify if there is a suitable adaptor to access}]"
#define INSTANCE(node)                                                                             \
        "metadata: {name: pump, uid: i1, annotations: {edge.cattle.io/node-name: " node            \
        "}, ownerReferences: [{kind: DeviceLink, name: pump, uid: u-pump, controller: true}]}"

/* --- when it works */

static void nothing_is_written_before_all_is_read_and_it_leads(void **state)
{
        (void)state;
        news_node("n1");
        news_link("pump", "", "n1", "");
        turn();
        t.leads = true;
        t.leader.elected(t.leader.ctx);
        turn();
        assert_int_equal(t.n_calls, 0);
        assert_false(brain_may_write(t.op));
        t.synced = true;
        states(REFLECTOR_LIVE, "");
        turn();
        assert_true(brain_may_write(t.op));
        (void)call("PATCH", PUMP "/status"); /* its model is known to be missing */
        assert_int_equal(n_open(), 1);
}

static void who_does_not_lead_reads_and_waits(void **state)
{
        (void)state;
        news_node("n1");
        news_link("pump", "", "n1", "");
        t.synced = true;
        states(REFLECTOR_LIVE, "");
        serve_model();
        assert_int_equal(n_open(), 0);
        t.leads = true;
        t.leader.elected(t.leader.ctx);
        turn();
        (void)call("PATCH", PUMP "/status");
}

static void a_lost_lease_ends_all_at_once(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        (void)call("PATCH", PUMP "/status");
        t.leads = false;
        t.leader.lost(t.leader.ctx);
        assert_true(t.lost);
        assert_int_equal(n_open(), 0);
        assert_false(brain_may_write(t.op));
        news_link("fan", "", "n1", "");
        turn();
        assert_int_equal(n_open(), 0);
}

static void a_lease_that_ran_out_unnoticed_writes_nothing(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        t.leads = false; /* the process was stopped, lost() has not been called yet */
        news_link("fan", "", "n1", "");
        turn();
        assert_int_equal(n_open(), 0);
}

static void stopping_ends_what_is_under_way_and_gives_the_lease_up(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        struct kube_call *patch = call("PATCH", PUMP "/status");
        brain_stop(t.op, 2 * NS_PER_S, on_stopped, NULL);
        news_link("fan", "", "n1", "");
        turn();
        assert_int_equal(n_open(), 1);
        assert_int_equal(t.released, 0);
        answer(patch, KUBE_OK, NULL);
        turn();
        assert_int_equal(t.released, 1);
        assert_true(t.stopped);
        assert_int_equal(n_open(), 0);
}

static void stopping_does_not_wait_for_a_server_that_is_away(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        brain_stop(t.op, 100 * NS_PER_MS, on_stopped, NULL);
        run_ms(80);
        assert_true(t.stopped);
        assert_int_equal(n_open(), 0);
}

/* --- one link */

static void node_and_model_are_written_together(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"nodeName\":\"n1\""));
        assert_non_null(strstr(patch->body, "\"kind\":\"ModbusDevice\""));
        answer(patch, KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '8'}\nspec: "
               "{adaptor: {node: n1}, model: {" MODEL "}}\nstatus: {" COMING("n1", MODEL) "}\n");
        assert_int_equal(n_open(), 0);
}

static void a_link_has_one_request_under_way(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        struct kube_call *patch = call("PATCH", PUMP "/status");
        news_link("pump", "", "n1", "adaptorName: x");
        gone("nodes", "", "n1", "");
        turn();
        assert_int_equal(n_open(), 1);
        answer(patch, KUBE_OK, NULL);
        patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "adaptor node isn't existed"));
}

static void many_links_take_turns(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        for (int i = 0; i < 100; i++) {
                auto_free char *name = xasprintf("l%d", i);
                news_link(name, "", "n1", "");
        }
        turn();
        assert_int_equal(n_open(), 32);
        for (int done = 0; done < 100; done++) {
                size_t i = 0;
                while (!t.calls[i].open)
                        i++;
                answer(&t.calls[i], KUBE_OK, NULL);
                if (done < 60)
                        assert_int_equal(n_open(), 32);
        }
}

static void a_conflict_is_decided_anew_on_what_is_there_now(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        answer(call("PATCH", PUMP "/status"), KUBE_CONFLICT, NULL);
        answer(call("GET", PUMP), KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '9'}\nspec: "
               "{adaptor: {node: n1}, model: {" MODEL "}}\nstatus: {}\n");
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"resourceVersion\":\"9\""));
}

static void what_fails_is_tried_again_after_a_while(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        answer(call("PATCH", PUMP "/status"), KUBE_AWAY, NULL);
        assert_int_equal(n_open(), 0);
        run_ms(120);
        answer(call("PATCH", PUMP "/status"), KUBE_FORBIDDEN, NULL);
        run_ms(300);
        assert_int_equal(n_open(), 0); /* minutes */
}

static void a_link_that_goes_takes_its_request_with_it(void **state)
{
        (void)state;
        begin_with("", "n1", "");
        gone("devicelinks", "hall", "pump", "another");
        assert_int_equal(n_open(), 1);
        gone("devicelinks", "hall", "pump", "u-pump");
        assert_int_equal(n_open(), 0);
        turn();
        assert_int_equal(n_open(), 0);
}

static void a_model_that_comes_and_goes_is_followed(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        assert_int_equal(n_open(), 0);
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c1, generation: 2}");
        turn();
        answer(call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                           "modbusdevices.devices.edge.cattle.io"),
               KUBE_OK,
               "metadata: {generation: 2}\nspec: {versions: [{name: v1alpha1, served: false}]}");
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "model version isn't served"));
        answer(patch, KUBE_AWAY, NULL);
        gone("customresourcedefinitions", "", "modbusdevices.devices.edge.cattle.io", "c1");
        turn();
        patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "model isn't existed"));
}

#define CRD                                                                                        \
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"                                 \
        "modbusdevices.devices.edge.cattle.io"

static void a_model_that_cannot_be_read_does_not_hold_up_the_node(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c2, generation: 1}");
        news_link("fan", "", "n1", "");
        turn();
        struct kube_call *read = call("GET", CRD); /* made anew: nothing is known of it */
        assert_int_equal(n_open(), 1);
        answer(read, KUBE_FORBIDDEN, NULL);
        struct kube_call *patch = call(
                "PATCH", "/apis/edge.cattle.io/v1alpha1/namespaces/hall/devicelinks/fan/status");
        assert_non_null(strstr(patch->body, "\"ModelExisted\",\"status\":\"Unknown\""));
        assert_int_equal(n_open(), 1); /* what was well stays as it is */
}

static void versions_are_read_again_only_when_they_may_have_changed(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c1, generation: 1, "
             "labels: {a: b}}");
        news("customresourcedefinitions", "metadata: {name: others.x.y, uid: c9, generation: 1}");
        turn();
        assert_int_equal(n_open(), 0);
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c1, generation: 2}");
        news("customresourcedefinitions",
             "metadata: {name: modbusdevices.devices.edge.cattle.io, uid: c1, generation: 3}");
        turn();
        struct kube_call *read = call("GET", CRD);
        assert_int_equal(n_open(), 1);
        answer(read, KUBE_OK,
               "metadata: {generation: 2}\nspec: {versions: [{name: v1alpha1, served: true}]}");
        answer(call("GET", CRD), KUBE_OK, /* it changed meanwhile */
               "metadata: {generation: 3}\nspec: {versions: [{name: v1alpha1, served: true}]}");
        assert_int_equal(n_open(), 0);
}

/* --- instances */

static void the_instance_of_a_former_kind_is_deleted_before_the_new_model_is_written(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", FORMER));
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_OK, INSTANCE("n1"));
        struct kube_call *delete = call("DELETE", DEVICES "opcuadevices/pump");
        assert_non_null(strstr(delete->body, "\"preconditions\":{\"uid\":\"i1\"}"));
        assert_int_equal(n_open(), 1);
        answer(delete, KUBE_OK, NULL);
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"kind\":\"ModbusDevice\""));
}

static void what_is_not_the_links_instance_is_left_alone(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", FORMER));
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_OK, "metadata: {name: pump, uid: x}");
        (void)call("PATCH", PUMP "/status");
        assert_int_equal(n_open(), 1);
}

static void a_former_instance_that_may_not_be_deleted_is_told_and_left(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", FORMER));
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_FORBIDDEN, NULL);
        assert_string_equal(t.said, "hall/pump FailedCleanup ChangeModel: the OPCUADevice that the "
                                    "link had cannot be removed: said why");
        (void)call("PATCH", PUMP "/status");
}

static void a_former_instance_held_by_a_living_node_is_waited_for(void **state)
{
        (void)state;
        news_node("n2");
        news_lease("n2", 1, 40);
        begin_with("", "n1", COMING("n1", FORMER));
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_OK, INSTANCE("n2"));
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"ModelExisted\",\"status\":\"Unknown\""));
        assert_null(strstr(patch->body, "\"model\""));
        answer(patch, KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '8'}\nspec: "
               "{adaptor: {node: n1}, model: {" MODEL "}}\nstatus: {nodeName: n1, nodeHostName: h, "
               "model: {" FORMER "}, conditions: [{type: NodeExisted, status: 'True', reason: "
               "Found}, {type: ModelExisted, status: Unknown, reason: Confirming, message: verify "
               "if there is a suitable model as a template}]}\n");
        assert_int_equal(n_open(), 0);
        run_ms(300);
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_OK, INSTANCE("n2"));
        assert_int_equal(n_open(), 0);
        gone("nodes", "", "n2", "");
        turn();
        answer(call("GET", DEVICES "opcuadevices/pump"), KUBE_OK, INSTANCE("n2"));
        answer(call("DELETE", DEVICES "opcuadevices/pump"), KUBE_MISSING, NULL);
        patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"kind\":\"ModbusDevice\""));
}

static void answer_moved(void)
{
        answer(call("PATCH", PUMP "/status"), KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '8'}\nspec: "
               "{adaptor: {node: n1}, model: {" MODEL "}}\nstatus: {" COMING("n1", MODEL) "}\n");
}

static void an_instance_is_taken_from_a_lost_node_after_a_move(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n9", MODEL));
        answer_moved();
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("n9"));
        struct kube_call *patch = call("PATCH", DEVICES "modbusdevices/pump");
        assert_non_null(strstr(patch->body, "\"value\":\"n9\""));
        assert_non_null(strstr(patch->body, "\"value\":\"i1\""));
        answer(patch, KUBE_OK, NULL);
        assert_non_null(strstr(t.said, "hall/pump HolderLost Release: taken from node 'n9'"));
        assert_int_equal(n_open(), 0);
}

/* Its new node waits for the instance before it lets the link go. */
static void an_instance_of_a_deleted_link_is_taken_from_a_lost_node_too(void **state)
{
        (void)state;
        begin_with(", deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: "
                   "[edge.cattle.io/octopus-limb]",
                   "n1", WELL("n9", MODEL));
        news_lease("n1", 1, 40);
        turn();
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("n9"));
        answer(call("PATCH", DEVICES "modbusdevices/pump"), KUBE_OK, NULL);
        assert_non_null(strstr(t.said, "hall/pump HolderLost Release: taken from node 'n9'"));
}

static void a_living_node_gives_its_instance_back_itself(void **state)
{
        (void)state;
        news_node("n2");
        news_lease("n2", 1, 1);
        begin_with("", "n1", WELL("n2", MODEL));
        answer_moved();
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("n2"));
        assert_int_equal(n_open(), 0);
        run_ms(300);
        assert_int_equal(n_open(), 0); /* nobody asks again and again */
        news_lease("n1", 1, 40);       /* somebody speaks */
        run_ms(1000);                  /* n2 has fallen silent */
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("n2"));
        answer(call("PATCH", DEVICES "modbusdevices/pump"), KUBE_OK, NULL);
        assert_non_null(strstr(t.said, "taken from node 'n2'"));
}

static void who_leads_anew_looks_for_moves_that_were_begun(void **state)
{
        (void)state;
        begin_with("", "n1", COMING("n1", MODEL));
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("n9"));
        answer(call("PATCH", DEVICES "modbusdevices/pump"), KUBE_REFUSED, NULL);
        run_ms(120); /* it was not what it was: look again */
        answer(call("GET", DEVICES "modbusdevices/pump"), KUBE_OK, INSTANCE("''"));
        run_ms(120);
        assert_int_equal(n_open(), 0);
        assert_string_equal(t.said, "");
}

static void a_node_that_comes_back_costs_no_look_at_instances(void **state)
{
        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        gone("nodes", "", "n1", "");
        turn();
        answer(call("PATCH", PUMP "/status"), KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '8'}\nspec: "
               "{adaptor: {node: n1}, model: {" MODEL "}}\nstatus: {model: {" MODEL
               "}, conditions: [{type: NodeExisted, status: 'False', reason: NotFound, message: "
               "adaptor node isn't existed}]}\n");
        news_node("n1");
        turn();
        answer_moved();
        assert_int_equal(n_open(), 0);
}

/* --- agents and deletion */

static void a_silent_agent_is_said_once_however_the_link_goes_on(void **state)
{
        (void)state;
        news_lease("n1", 1, 1);
        news_lease("n2", 1, 40); /* somebody speaks */
        begin_with("", "n1", WELL("n1", MODEL));
        run_ms(1100);
        struct kube_call *patch = call("PATCH", PUMP "/status");
        assert_non_null(strstr(patch->body, "\"reason\":\"AgentLost\""));
        answer(patch, KUBE_OK, NULL);
        news_link("pump", "", "n1", WELL("n1", MODEL)); /* the agent writes after all */
        turn();
        assert_int_equal(n_open(), 0);
        news_lease("n1", 2, 1);
        news_lease("n2", 2, 40);
        run_ms(1100); /* it falls silent again */
        (void)call("PATCH", PUMP "/status");
}

static void a_deleted_link_of_a_gone_node_loses_our_finalizer_alone(void **state)
{
        (void)state;
        begin_with(", deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [a/b, "
                   "edge.cattle.io/octopus-limb]",
                   "n9", "");
        struct kube_call *patch = call("PATCH", PUMP);
        assert_string_equal(patch->body, "{\"metadata\":{\"resourceVersion\":\"7\","
                                         "\"finalizers\":[\"a/b\"]}}");
        answer(patch, KUBE_OK, NULL);
        assert_string_equal(t.said, "");
        assert_int_equal(n_open(), 0);
}

static void a_finalizer_is_dropped_from_what_is_there_now(void **state)
{
        (void)state;
        begin_with(", deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: "
                   "[edge.cattle.io/octopus-limb]",
                   "n9", "");
        answer(call("PATCH", PUMP), KUBE_CONFLICT, NULL);
        answer(call("GET", PUMP), KUBE_OK,
               "metadata: {name: pump, namespace: hall, uid: u-pump, resourceVersion: '9', "
               "deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [x/y, "
               "edge.cattle.io/octopus-limb]}\nspec: {adaptor: {node: n9}}\n");
        assert_string_equal(call("PATCH", PUMP)->body,
                            "{\"metadata\":{\"resourceVersion\":\"9\",\"finalizers\":[\"x/y\"]}}");
        answer(call("PATCH", PUMP), KUBE_MISSING, NULL); /* the agent was faster */
        run_ms(120);
        assert_int_equal(n_open(), 0);
}

/* --- what is told */

static void it_is_ready_when_all_is_read(void **state)
{
        auto_of(buf) struct buf out = BUF(65536);

        (void)state;
        brain_ready(t.op, &out);
        assert_non_null(strstr(buf_text(&out), "DeviceLinks: not read yet\n"));
        t.synced = true;
        states(REFLECTOR_LIVE, "");
        buf_clear(&out);
        brain_ready(t.op, &out);
        assert_string_equal(buf_text(&out), "");
        states(REFLECTOR_FORBIDDEN, "forbidden: no");
        brain_ready(t.op, &out);
        assert_non_null(strstr(buf_text(&out), "Leases: forbidden: no\n"));
}

static void metrics_tell_what_octopus_told_and_more(void **state)
{
        static const char *const lines[] = {
                "\ncontroller_runtime_reconcile_total{controller=\"brain_dl\",result=\"success\"} ",
                "\ncontroller_runtime_reconcile_errors_total{controller=\"brain_dl\"} 0\n",
                "\ncontroller_runtime_reconcile_time_seconds_bucket{controller=\"brain_dl\",le=",
                "\nrest_client_requests_total{code=\"200\",host=\"10.0.0.1:6443\",method="
                "\"PATCH\"} 7\n",
                "\nrest_client_requests_total{code=\"<error>\",host=\"10.0.0.1:6443\",method="
                "\"GET\"} 1\n",
                "\nrest_client_request_latency_seconds_count{url=\"https://10.0.0.1:6443\","
                "verb=\"GET\"} 3\n",
                "\ndevicelink_kube_requests_total{verb=\"PATCH\",resource=\"devicelinks/status\","
                "code=\"200\"} 7\n",
                "\ndevicelink_operator_links{phase=\"DeviceConnected\",status=\"True\"} 1\n",
                "\ndevicelink_operator_agents{state=\"unseen\"} 1\n",
                "\ndevicelink_operator_leader 1\n",
                "\ndevicelink_operator_leader_info{holder=\"other_1\"} 1\n",
        };
        auto_of(buf) struct buf out = BUF(65536);

        (void)state;
        begin_with("", "n1", WELL("n1", MODEL));
        brain_metrics(t.op, &out);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                if (!strstr(buf_text(&out), lines[i]))
                        fail_msg("no %s in\n%s", lines[i], buf_text(&out));
        }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(nothing_is_written_before_all_is_read_and_it_leads),
                TEST(who_does_not_lead_reads_and_waits),
                TEST(a_lost_lease_ends_all_at_once),
                TEST(a_lease_that_ran_out_unnoticed_writes_nothing),
                TEST(stopping_ends_what_is_under_way_and_gives_the_lease_up),
                TEST(stopping_does_not_wait_for_a_server_that_is_away),
                TEST(node_and_model_are_written_together),
                TEST(a_link_has_one_request_under_way),
                TEST(many_links_take_turns),
                TEST(a_conflict_is_decided_anew_on_what_is_there_now),
                TEST(what_fails_is_tried_again_after_a_while),
                TEST(a_link_that_goes_takes_its_request_with_it),
                TEST(a_model_that_comes_and_goes_is_followed),
                TEST(a_model_that_cannot_be_read_does_not_hold_up_the_node),
                TEST(versions_are_read_again_only_when_they_may_have_changed),
                TEST(the_instance_of_a_former_kind_is_deleted_before_the_new_model_is_written),
                TEST(what_is_not_the_links_instance_is_left_alone),
                TEST(a_former_instance_that_may_not_be_deleted_is_told_and_left),
                TEST(a_former_instance_held_by_a_living_node_is_waited_for),
                TEST(an_instance_is_taken_from_a_lost_node_after_a_move),
                TEST(an_instance_of_a_deleted_link_is_taken_from_a_lost_node_too),
                TEST(a_living_node_gives_its_instance_back_itself),
                TEST(who_leads_anew_looks_for_moves_that_were_begun),
                TEST(a_node_that_comes_back_costs_no_look_at_instances),
                TEST(a_silent_agent_is_said_once_however_the_link_goes_on),
                TEST(a_deleted_link_of_a_gone_node_loses_our_finalizer_alone),
                TEST(a_finalizer_is_dropped_from_what_is_there_now),
                TEST(it_is_ready_when_all_is_read),
                TEST(metrics_tell_what_octopus_told_and_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
