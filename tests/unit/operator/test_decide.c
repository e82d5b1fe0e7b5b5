/* What the operator does about one link follows from what is, and ends in doing nothing. */
#include "operator.h"

#include "kube/link_status.h"

#define MODEL "apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice"
#define SPEC(node, model)                                                                          \
        "spec: {adaptor: {node: " node ", name: adaptors.edge.cattle.io/modbus}, model: {" model   \
        "}, template: {}}\n"
#define META "metadata: {name: pump, namespace: hall, uid: u1, resourceVersion: '7', generation: 3"

#define T(second) "1970-01-01T00:00:" second "Z"
#define COND(type, status, reason, at)                                                             \
        "{type: " type ", status: '" status "', reason: " reason                                   \
        ", message: '', lastUpdateTime: '" T(at) "', lastTransitionTime: '" T(at) "'}"
#define NODE_OK COND("NodeExisted", "True", "Found", "01")
#define MODEL_OK COND("ModelExisted", "True", "Found", "02")
#define ADAPTOR_OK COND("AdaptorExisted", "True", "Found", "03")
#define CREATED_OK COND("DeviceCreated", "True", "Success", "04")
#define HEALTHY COND("DeviceConnected", "True", "Healthy", "05")
#define ALL_OK "[" NODE_OK "," MODEL_OK "," ADAPTOR_OK "," CREATED_OK "," HEALTHY "]"
#define RECORDED(node, model)                                                                      \
        "nodeName: " node ", nodeHostName: h1, nodeInternalIP: 10.0.0.1, model: {" model "}"
#define STATUS(recorded, list) "status: {" recorded ", conditions: " list "}\n"

#define FRESH META "}\n" SPEC("n1", MODEL)
#define WELL META "}\n" SPEC("n1", MODEL) STATUS(RECORDED("n1", MODEL), ALL_OK)

static const struct node_view n1 = {
        .host_name = "h1",
        .internal_ip = "10.0.0.1",
        .internal_dns = "",
        .external_ip = "",
        .external_dns = "",
};

static struct decide_facts facts(void)
{
        return (struct decide_facts){
                .node = &n1, .model = MODEL_SERVED, .agent = AGENT_ALIVE, .now_ns = 20 * NS_PER_S
        };
}

/* The patch that a decision leads to, "" = none; for free(). */
static char *patch_of(const struct link_view *v, const struct decide_facts *f)
{
        auto_of(buf) struct buf out = BUF(65536);
        struct link_status s;

        assert_int_equal(decide(v, f, &s), DECIDE_STATUS);
        (void)link_status_patch(LINK_STATUS_OPERATOR, &v->status, &s, v->version, &out);
        return xstrdup(buf_text(&out));
}

static void assert_list(const char *yaml, const struct decide_facts *f, const char *want)
{
        auto_of(link_view) struct link_view *v = view_from(yaml);
        struct link_status s;

        assert_int_equal(decide(v, f, &s), DECIDE_STATUS);
        assert_string_equal(shown(&s.conditions), want);
}

static void assert_decision(const char *yaml, const struct decide_facts *f, enum decision want)
{
        auto_of(link_view) struct link_view *v = view_from(yaml);
        struct link_status s;

        assert_int_equal(decide(v, f, &s), want);
}

static void assert_nothing_to_do(const char *yaml, const struct decide_facts *f)
{
        auto_of(link_view) struct link_view *v = view_from(yaml);
        auto_free char *patch = patch_of(v, f);

        assert_string_equal(patch, "");
}

/* --- node and model */

static void a_new_link_gets_node_and_model_in_one_write(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(FRESH);
        struct decide_facts f = facts();

        (void)state;
        auto_free char *patch = patch_of(v, &f);
        assert_string_equal(
                patch,
                "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{\"conditions\":["
                "{\"type\":\"NodeExisted\",\"status\":\"True\",\"lastUpdateTime\":\"" T(
                        "20") "\","
                              "\"lastTransitionTime\":\"" T(
                                      "20") "\",\"reason\":\"Found\",\"message\":\"\"},"
                                            "{\"type\":\"ModelExisted\",\"status\":\"True\","
                                            "\"lastUpdateTime\":\"" T(
                                                    "20") "\","
                                                          "\"lastTransitionTime\":\"" T(
                                                                  "20") "\",\"reason\":\"Found\","
                                                                        "\"message\":\"\"},"
                                                                        "{\"type\":"
                                                                        "\"AdaptorExisted\","
                                                                        "\"status\":\"Unknown\","
                                                                        "\"lastUpdateTime\":\"" T("20") "\",\"lastTransitionTime\":\"" T(
                                                                                "20") "\","
                                                                                      "\"reason\":"
                                                                                      "\"Confirming"
                                                                                      "\","
                                                                                      "\"message\":"
                                                                                      "\"verify if "
                                                                                      "there is a "
                                                                                      "suitable "
                                                                                      "adaptor to "
                                                                                      "access\"}],"
                                                                                      "\"nodeName\""
                                                                                      ":\"n1\","
                                                                                      "\"nodeHostNa"
                                                                                      "me\":\"h1\","
                                                                                      "\"nodeIntern"
                                                                                      "alIP\":\"10."
                                                                                      "0.0.1\","
                                                                                      "\"model\":{"
                                                                                      "\"apiVersion"
                                                                                      "\":"
                                                                                      "\"devices."
                                                                                      "edge.cattle."
                                                                                      "io/"
                                                                                      "v1alpha1\","
                                                                                      "\"kind\":"
                                                                                      "\"ModbusDevi"
                                                                                      "ce\"}}}");
}

static void a_link_that_is_as_it_should_be_is_not_written(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_nothing_to_do(WELL, &f);
}

static void a_missing_node_is_the_only_entry_and_clears_the_node_fields(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(WELL);
        struct decide_facts f = facts();

        (void)state;
        f.node = NULL;
        auto_free char *patch = patch_of(v, &f);
        assert_non_null(strstr(patch, "\"nodeName\":null,\"nodeHostName\":null,"
                                      "\"nodeInternalIP\":null}}"));
        assert_null(strstr(patch, "\"model\"")); /* it stays as it was */
        assert_list(WELL, &f, "NodeExisted False NotFound 'adaptor node isn't existed' 20 5");
        f.model = MODEL_PENDING; /* is not waited for */
        assert_list(FRESH, &f, "NodeExisted False NotFound 'adaptor node isn't existed' 20 20");
}

static void a_node_that_is_still_missing_is_not_said_again(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.node = NULL;
        assert_nothing_to_do(
                META "}\n" SPEC("n1",
                                MODEL) "status: {conditions: [{type: NodeExisted"
                                       ", status: 'False', reason: NotFound, message: adaptor node "
                                       "isn't existed, lastUpdateTime: '" T("09") "'}]}\n",
                &f);
}

static void a_link_without_a_node_name_has_no_node(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.node = NULL;
        assert_list(META "}\nspec: {adaptor: {}, model: {}, template: {}}\n", &f,
                    "NodeExisted False NotFound 'adaptor node isn't existed' 20 20");
}

static void a_node_that_is_back_starts_the_chain_again(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_list(META "}\n" SPEC(
                            "n1", MODEL) "status: {model: {" MODEL
                                         "}, conditions: [{type: NodeExisted, status: 'False', "
                                         "reason: NotFound, "
                                         "message: adaptor node isn't existed, lastUpdateTime: '" T(
                                                 "09") "'}]}\n",
                    &f,
                    "NodeExisted True Found '' 20 9|ModelExisted True Found '' 20 20|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
}

static void a_changed_node_starts_the_chain_again(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_list(META "}\n" SPEC("n2", MODEL) STATUS(RECORDED("n1", MODEL), ALL_OK), &f,
                    "NodeExisted True Found '' 20 5|ModelExisted True Found '' 20 20|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
}

static void new_addresses_change_no_condition(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(WELL);
        struct decide_facts f = facts();
        struct node_view moved = n1;

        (void)state;
        moved.host_name = "";
        moved.internal_ip = "10.0.0.2";
        moved.external_dns = "n1.example.org";
        f.node = &moved;
        auto_free char *patch = patch_of(v, &f);
        assert_string_equal(patch, "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{"
                                   "\"nodeHostName\":null,\"nodeInternalIP\":\"10.0.0.2\","
                                   "\"nodeExternalDNS\":\"n1.example.org\"}}");
}

static void a_missing_model_is_said_after_the_node(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(WELL);
        struct decide_facts f = facts();

        (void)state;
        f.model = MODEL_MISSING;
        assert_list(WELL, &f,
                    "NodeExisted True Found '' 1 1|"
                    "ModelExisted False NotFound 'model isn't existed' 20 5");
        auto_free char *patch = patch_of(v, &f);
        assert_non_null(strstr(patch, "],\"model\":null}}"));
}

static void an_unserved_version_is_told_from_a_missing_model(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.model = MODEL_UNSERVED;
        assert_list(WELL, &f,
                    "NodeExisted True Found '' 1 1|"
                    "ModelExisted False NotFound 'model version isn't served' 20 5");
        assert_list(META
                    "}\n" SPEC("n1", MODEL) "status: {nodeName: n1, conditions: [" NODE_OK
                                            ",{type: ModelExisted, status: 'False', reason: "
                                            "NotFound, message: model "
                                            "isn't existed, lastUpdateTime: '" T("08") "'}]}\n",
                    &f,
                    "NodeExisted True Found '' 1 1|"
                    "ModelExisted False NotFound 'model version isn't served' 20 8");
}

static void a_model_that_is_back_goes_on_with_the_adaptor(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_list(META
                    "}\n" SPEC("n1", MODEL) "status: {nodeName: n1, conditions: [" NODE_OK
                                            ",{type: ModelExisted, status: 'False', reason: "
                                            "NotFound, message: model "
                                            "isn't existed, lastUpdateTime: '" T("08") "'}]}\n",
                    &f,
                    "NodeExisted True Found '' 1 1|ModelExisted True Found '' 20 8|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
}

static void a_changed_version_of_the_model_is_recorded_without_removing_anything(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(
                META "}\n" SPEC("n1", "apiVersion: devices.edge.cattle.io/v1beta1, kind: "
                                      "ModbusDevice") STATUS(RECORDED("n1", MODEL), ALL_OK));
        struct decide_facts f = facts();
        struct link_status s;

        (void)state;
        assert_string_equal(v->crd, v->recorded_crd);
        assert_int_equal(decide(v, &f, &s), DECIDE_STATUS);
        assert_string_equal(s.model_api_version, "devices.edge.cattle.io/v1beta1");
        assert_string_equal(shown(&s.conditions),
                            "NodeExisted True Found '' 1 1|ModelExisted True Found '' 20 5|"
                            "AdaptorExisted Unknown Confirming 'verify if there is a suitable "
                            "adaptor to access' 20 20");
}

static void nothing_is_decided_before_the_model_is_known(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.model = MODEL_PENDING;
        assert_decision(FRESH, &f, DECIDE_WAIT);
}

static void a_model_that_cannot_be_read_does_not_hold_up_the_node(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.model = MODEL_UNKNOWN;
        assert_list(FRESH, &f,
                    "NodeExisted True Found '' 20 20|ModelExisted Unknown Confirming 'verify if "
                    "there is a suitable model as a template' 20 20");
        assert_nothing_to_do(WELL, &f);
}

static void a_list_out_of_order_is_put_right(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_list(META "}\n" SPEC("n1", MODEL)
                            STATUS(RECORDED("n1", MODEL), "[" ADAPTOR_OK "," NODE_OK "]"),
                    &f,
                    "NodeExisted True Found '' 20 20|ModelExisted True Found '' 20 20|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
        f.node = NULL;
        assert_list(META "}\n" SPEC("n1", MODEL) STATUS(
                            RECORDED("n1", MODEL),
                            "[{type: NodeExisted, status: 'False', reason: NotFound, message: "
                            "adaptor node isn't existed, lastUpdateTime: '" T("09") "'}," HEALTHY
                                                                                    "]"),
                    &f, "NodeExisted False NotFound 'adaptor node isn't existed' 9 0");
}

/* --- the instance of a former kind */

#define OTHER_KIND                                                                                 \
        META "}\n" SPEC("n1", "apiVersion: devices.edge.cattle.io/v1alpha1, kind: OPCUADevice")    \
                STATUS(RECORDED("n1", MODEL), ALL_OK)

static void the_old_instance_is_removed_before_the_new_model_is_written(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.old = OLD_UNKNOWN;
        assert_decision(OTHER_KIND, &f, DECIDE_REMOVE_OLD);
        f.model = MODEL_MISSING; /* which would clear what tells the old kind */
        assert_decision(OTHER_KIND, &f, DECIDE_REMOVE_OLD);
        f.model = MODEL_SERVED;
        f.old = OLD_NONE;
        assert_list(OTHER_KIND, &f,
                    "NodeExisted True Found '' 1 1|ModelExisted True Found '' 20 5|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
}

static void an_old_instance_that_another_node_holds_is_waited_for(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(OTHER_KIND);
        struct decide_facts f = facts();
        struct link_status s;

        (void)state;
        f.old = OLD_HELD;
        assert_int_equal(decide(v, &f, &s), DECIDE_STATUS);
        assert_string_equal(shown(&s.conditions),
                            "NodeExisted True Found '' 1 1|ModelExisted Unknown Confirming 'verify "
                            "if there is a suitable model as a template' 20 5");
        assert_string_equal(s.model_kind, "ModbusDevice");
        assert_nothing_to_do(
                META "}\n" SPEC("n1", "apiVersion: devices.edge.cattle.io/v1alpha1, kind: "
                                      "OPCUADevice")
                        STATUS(RECORDED("n1", MODEL),
                               "[" NODE_OK ",{type: ModelExisted, status: Unknown, reason: "
                               "Confirming, message: verify if there is a suitable model as a "
                               "template}]"),
                &f);
}

static void a_missing_node_does_not_touch_the_old_instance(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.node = NULL;
        f.old = OLD_UNKNOWN;
        assert_decision(OTHER_KIND, &f, DECIDE_STATUS);
}

/* --- agents */

static void a_silent_agent_makes_its_connected_links_unknown(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.agent = AGENT_SILENT;
        assert_list(WELL, &f,
                    "NodeExisted True Found '' 1 1|ModelExisted True Found '' 2 2|"
                    "AdaptorExisted True Found '' 3 3|DeviceCreated True Success '' 4 4|"
                    "DeviceConnected Unknown AgentLost 'the agent of the node is silent' 20 5");
        f.agent = AGENT_UNSEEN;
        assert_nothing_to_do(WELL, &f);
}

static void lists_that_end_earlier_are_left_to_say_what_they_say(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.agent = AGENT_SILENT;
        assert_nothing_to_do(META "}\n" SPEC("n1", MODEL) STATUS(
                                     RECORDED("n1", MODEL),
                                     "[" NODE_OK "," MODEL_OK
                                     ",{type: AdaptorExisted, status: 'False', reason: NotFound, "
                                     "message: the adaptor isn't existed}]"),
                             &f);
}

static void a_silent_agent_is_said_once(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.agent = AGENT_SILENT;
        assert_nothing_to_do(
                META "}\n" SPEC("n1", MODEL) STATUS(
                        RECORDED("n1", MODEL),
                        "[" NODE_OK "," MODEL_OK "," ADAPTOR_OK "," CREATED_OK
                        ",{type: DeviceConnected, status: Unknown, reason: AgentLost, message: "
                        "the agent of the node is silent}]"),
                &f);
        f.told = true; /* and the agent wrote Healthy since: it lives, whatever its Lease says */
        assert_nothing_to_do(WELL, &f);
}

static void a_changed_node_counts_more_than_its_silent_agent(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.agent = AGENT_SILENT;
        assert_list(META "}\n" SPEC("n2", MODEL) STATUS(RECORDED("n1", MODEL), ALL_OK), &f,
                    "NodeExisted True Found '' 20 5|ModelExisted True Found '' 20 20|"
                    "AdaptorExisted Unknown Confirming 'verify if there is a suitable adaptor to "
                    "access' 20 20");
}

/* --- deletion */

#define DELETED                                                                                    \
        META ", deletionTimestamp: '" T("15") "', finalizers: [a/b, edge.cattle.io/octopus-limb]}" \
                                              "\n" SPEC("n1", MODEL)                               \
                                                      STATUS(RECORDED("n1", MODEL), ALL_OK)

static void a_deleted_link_is_left_to_its_agent(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_nothing_to_do(DELETED, &f);
        f.agent = AGENT_UNSEEN;
        assert_nothing_to_do(DELETED, &f);
}

static void a_deleted_link_of_a_gone_node_is_let_go_at_once(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.node = NULL;
        assert_decision(DELETED, &f, DECIDE_LET_GO);
        f.model = MODEL_PENDING;
        assert_decision(DELETED, &f, DECIDE_LET_GO);
}

static void a_deleted_link_without_a_model_is_let_go_when_no_agent_would(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        f.model = MODEL_MISSING;
        assert_nothing_to_do(DELETED, &f);
        f.agent = AGENT_UNSEEN;
        assert_decision(DELETED, &f, DECIDE_LET_GO);
        f.agent = AGENT_SILENT;
        assert_decision(DELETED, &f, DECIDE_LET_GO);
        f.model = MODEL_UNSERVED;
        assert_decision(DELETED, &f, DECIDE_LET_GO);
}

static void a_deleted_link_is_abandoned_only_after_the_grace(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(DELETED);
        struct decide_facts f = facts();
        struct link_status s;

        (void)state;
        f.agent = AGENT_SILENT;
        assert_int_equal(decide(v, &f, &s), DECIDE_STATUS);
        assert_true(says_agent_lost(&s));
        f.agent = AGENT_GONE;
        assert_decision(DELETED, &f, DECIDE_ABANDON);
}

static void finalizers_of_others_are_not_touched(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(DELETED);
        auto_of(buf) struct buf out = BUF(4096);
        struct decide_facts f = facts();

        (void)state;
        assert_true(finalizer_patch(v->finalizers, LINK_FINALIZER, false, &out));
        assert_string_equal(buf_text(&out), "{\"metadata\":{\"resourceVersion\":\"7\","
                                            "\"finalizers\":[\"a/b\"]}}");
        f.node = NULL;
        f.agent = AGENT_GONE;
        assert_decision(
                META ", deletionTimestamp: '" T("15") "', finalizers: [a/b]}\n" SPEC("n1", MODEL),
                &f, DECIDE_STATUS);
}

static void nothing_begins_on_a_deleted_link(void **state)
{
        struct decide_facts f = facts();

        (void)state;
        assert_nothing_to_do(META ", deletionTimestamp: '" T("15") "'}\n" SPEC("n1", MODEL), &f);
}

/* --- what is read */

static void the_last_address_of_each_type_counts(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct node_view v;

        (void)state;
        node_view_read(object_from(a, "status: {addresses: [{type: InternalIP, address: 10.0.0.1},"
                                      "{type: Hostname, address: n1}, {type: InternalIP, address: "
                                      "'fd00::1'}, {type: InternalDNS, address: n1.in}, {type: "
                                      "ExternalIP, address: 1.2.3.4}, {type: ExternalDNS, address: "
                                      "n1.out}, {type: Other, address: x}, {type: Hostname}]}"),
                       &v);
        assert_string_equal(v.internal_ip, "fd00::1");
        assert_string_equal(v.host_name, "n1");
        assert_string_equal(v.internal_dns, "n1.in");
        assert_string_equal(v.external_ip, "1.2.3.4");
        assert_string_equal(v.external_dns, "n1.out");
        node_view_read(object_from(a, "status: {addresses: none}"), &v);
        assert_string_equal(v.host_name, "");
}

static void the_name_of_a_crd_is_the_kind_and_an_s(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        assert_string_equal(crd_name("devices.edge.cattle.io/v1alpha1", "ModbusDevice", a),
                            "modbusdevices.devices.edge.cattle.io");
        assert_string_equal(crd_name("Group.X/v1", "BOX", a), "boxs.Group.X");
        assert_string_equal(crd_name("v1", "Node", a), "");
        assert_string_equal(crd_name("/v1", "Node", a), "");
        assert_string_equal(crd_name("a.b/v1", "", a), "");
        assert_string_equal(crd_name("", "", a), "");
}

static void a_view_outlives_its_object(void **state)
{
        auto_of(link_view) struct link_view *v = view_from(META "}\n" SPEC("n1", MODEL) STATUS(
                RECORDED("n1", MODEL) ", adaptorName: x, nodeExternalIP: e",
                "[{type: NodeExisted, status: 'False', reason: Odd, message: why}]"));

        (void)state;
        assert_string_equal(v->space, "hall");
        assert_string_equal(v->name, "pump");
        assert_string_equal(v->uid, "u1");
        assert_string_equal(v->version, "7");
        assert_string_equal(v->node, "n1");
        assert_string_equal(v->kind, "ModbusDevice");
        assert_string_equal(v->status.adaptor_name, "x");
        assert_string_equal(v->status.external_ip, "e");
        assert_string_equal(v->status.conditions.list[0].message, "why");
        assert_string_equal(v->status.conditions.list[0].reason, "Odd");
        assert_null(v->finalizers);
        assert_false(v->deleted);
}

static enum holder holder_in(const char *yaml, char *ret_node, size_t size)
{
        auto_of(arena) struct arena *a = arena_new();
        auto_of(link_view) struct link_view *v = view_from(FRESH);
        const char *node = "";

        enum holder h = holder_of(v, object_from(a, yaml), a, &node);
        (void)snprintf(ret_node, size, "%s", node);
        return h;
}

static void only_the_instance_of_the_link_has_a_holder(void **state)
{
        static const char owned[] =
                "metadata: {name: pump, annotations: {edge.cattle.io/node-name: "
                "%s}, ownerReferences: [{apiVersion: edge.cattle.io/v1alpha1, "
                "kind: DeviceLink, name: pump, uid: %s, controller: %s}]}";
        char yaml[512];
        char node[64];

        (void)state;
        (void)snprintf(yaml, sizeof(yaml), owned, "n2", "u1", "true");
        assert_int_equal(holder_in(yaml, node, sizeof(node)), HOLDER_OTHER);
        assert_string_equal(node, "n2");
        (void)snprintf(yaml, sizeof(yaml), owned, "n1", "u1", "true");
        assert_int_equal(holder_in(yaml, node, sizeof(node)), HOLDER_FREE);
        (void)snprintf(yaml, sizeof(yaml), owned, "''", "u1", "true");
        assert_int_equal(holder_in(yaml, node, sizeof(node)), HOLDER_FREE);
        (void)snprintf(yaml, sizeof(yaml), owned, "n2", "u2", "true");
        assert_int_equal(holder_in(yaml, node, sizeof(node)), HOLDER_FOREIGN);
        (void)snprintf(yaml, sizeof(yaml), owned, "n2", "u1", "false");
        assert_int_equal(holder_in(yaml, node, sizeof(node)), HOLDER_FOREIGN);
        assert_int_equal(holder_in("metadata: {name: pump}", node, sizeof(node)), HOLDER_FOREIGN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_link_gets_node_and_model_in_one_write),
                cmocka_unit_test(a_link_that_is_as_it_should_be_is_not_written),
                cmocka_unit_test(a_missing_node_is_the_only_entry_and_clears_the_node_fields),
                cmocka_unit_test(a_node_that_is_still_missing_is_not_said_again),
                cmocka_unit_test(a_link_without_a_node_name_has_no_node),
                cmocka_unit_test(a_node_that_is_back_starts_the_chain_again),
                cmocka_unit_test(a_changed_node_starts_the_chain_again),
                cmocka_unit_test(new_addresses_change_no_condition),
                cmocka_unit_test(a_missing_model_is_said_after_the_node),
                cmocka_unit_test(an_unserved_version_is_told_from_a_missing_model),
                cmocka_unit_test(a_model_that_is_back_goes_on_with_the_adaptor),
                cmocka_unit_test(
                        a_changed_version_of_the_model_is_recorded_without_removing_anything),
                cmocka_unit_test(nothing_is_decided_before_the_model_is_known),
                cmocka_unit_test(a_model_that_cannot_be_read_does_not_hold_up_the_node),
                cmocka_unit_test(a_list_out_of_order_is_put_right),
                cmocka_unit_test(the_old_instance_is_removed_before_the_new_model_is_written),
                cmocka_unit_test(an_old_instance_that_another_node_holds_is_waited_for),
                cmocka_unit_test(a_missing_node_does_not_touch_the_old_instance),
                cmocka_unit_test(a_silent_agent_makes_its_connected_links_unknown),
                cmocka_unit_test(lists_that_end_earlier_are_left_to_say_what_they_say),
                cmocka_unit_test(a_silent_agent_is_said_once),
                cmocka_unit_test(a_changed_node_counts_more_than_its_silent_agent),
                cmocka_unit_test(a_deleted_link_is_left_to_its_agent),
                cmocka_unit_test(a_deleted_link_of_a_gone_node_is_let_go_at_once),
                cmocka_unit_test(a_deleted_link_without_a_model_is_let_go_when_no_agent_would),
                cmocka_unit_test(a_deleted_link_is_abandoned_only_after_the_grace),
                cmocka_unit_test(finalizers_of_others_are_not_touched),
                cmocka_unit_test(nothing_begins_on_a_deleted_link),
                cmocka_unit_test(the_last_address_of_each_type_counts),
                cmocka_unit_test(the_name_of_a_crd_is_the_kind_and_an_s),
                cmocka_unit_test(a_view_outlives_its_object),
                cmocka_unit_test(only_the_instance_of_the_link_has_a_holder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
