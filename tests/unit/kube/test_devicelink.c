/* A DeviceLink is taken as its CRD takes it, and what a cluster would refuse later is said now. */
#include "kube.h"

#define HEAD                                                                                       \
        "apiVersion: edge.cattle.io/v1alpha1\n" /* 1 */                                            \
        "kind: DeviceLink\n"                    /* 2 */                                            \
        "metadata: {name: pump}\n"              /* 3 */

#define SPEC                                                                                       \
        "spec:\n"                                                                      /* 4 */     \
        "  adaptor: {node: edge-1, name: adaptors.edge.cattle.io/modbus}\n"            /* 5 */     \
        "  model: {apiVersion: devices.edge.cattle.io/v1alpha1, kind: ModbusDevice}\n" /* 6 */

#define TEMPLATE "  template: {}\n"

static void everything_of_a_link_is_read(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(
                "apiVersion: edge.cattle.io/v1alpha1\n"
                "kind: DeviceLink\n"
                "metadata:\n"
                "  name: pump\n"
                "  namespace: plant\n"
                "  uid: 835aea2e-5f80-4d14-88f5-40c4bda41aa3\n"
                "  labels: {hall: '3'}\n"
                "  annotations: {note: \"spaces are fine\"}\n"
                "spec:\n"
                "  adaptor:\n"
                "    node: edge-1\n"
                "    name: adaptors.edge.cattle.io/modbus\n"
                "    parameters: {anything: [1, {goes: here}]}\n"
                "  model:\n"
                "    apiVersion: devices.edge.cattle.io/v1alpha1\n"
                "    kind: ModbusDevice\n"
                "  references:\n"
                "    - name: login\n"
                "      secret: {name: broker, items: [user, password]}\n"
                "    - name: config\n"
                "      configMap: {name: hall-3}\n"
                "    - name: self\n"
                "      downwardAPI:\n"
                "        items:\n"
                "          - {name: me, fieldRef: {apiVersion: v1, fieldPath: metadata.name}}\n"
                "  template:\n"
                "    metadata: {labels: {line: a}}\n"
                "    spec: {anything: 1}\n"
                "status: {nodeName: edge-1, nodeHostName: h, conditions: [], adaptorName: x}\n",
                "a.yaml", &f);

        (void)state;
        assert_clean(&f);
        assert_int_equal(s->n, 1);
        const struct object *o = &s->list[0];
        assert_int_equal(o->kind, OBJECT_LINK);
        assert_string_equal(o->key, "plant/pump");
        assert_string_equal(o->file, "a.yaml");
        assert_string_equal(o->meta.uid, "835aea2e-5f80-4d14-88f5-40c4bda41aa3");
        assert_int_equal(o->meta.labels.n, 1);
        assert_int_equal(o->meta.annotations.n, 1);
        assert_string_equal(o->link.spec.adaptor.node, "edge-1");
        assert_string_equal(o->link.spec.adaptor.name, "adaptors.edge.cattle.io/modbus");
        assert_string_equal(o->link.spec.model.kind, "ModbusDevice");
        assert_int_equal(o->link.spec.references.n, 3);
        const struct link_reference *refs = o->link.spec.references.items;
        assert_string_equal(refs[0].secret->name, "broker");
        assert_int_equal(refs[0].secret->items.n, 2);
        assert_null(refs[0].config_map);
        assert_string_equal(refs[1].config_map->name, "hall-3");
        const struct downward_item *items = refs[2].downward->items.items;
        assert_string_equal(items[0].field.path, "metadata.name");
        assert_int_equal(o->link.spec.template.meta.labels.n, 1);
        assert_string_equal(tree_get(o->spec, "anything")->key, "anything");
        assert_string_equal(o->link.status.node_host_name, "h");
        object_set_free(s);
        findings_done(&f);
}

static void only_adaptor_model_and_template_are_required(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(HEAD SPEC TEMPLATE, "a.yaml", &f);

        (void)state;
        assert_clean(&f);
        assert_int_equal(s->n, 1);
        assert_string_equal(s->list[0].key, "default/pump");
        assert_string_equal(s->list[0].spec_json, "{}");
        object_set_free(s);

        s = objects_from(HEAD "spec: {}\n", "a.yaml", &f);
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 4, "spec.adaptor", "required");
        assert_finding(&f, FINDING_ERROR, 4, "spec.model", "required");
        assert_finding(&f, FINDING_ERROR, 4, "spec.template", "required");
        object_set_free(s);
        findings_done(&f);
}

static void what_a_cluster_would_answer_with_a_condition_is_said(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(HEAD "spec:\n"
                                                 "  adaptor: {node: edge-1}\n"
                                                 "  model: {apiVersion: v1}\n"
                                                 "  template: {spec: [1]}\n",
                                            "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 7, "spec.template.spec", "expected a map, got a list");
        object_set_free(s);
        findings_clear(&f);

        s = objects_from(HEAD "spec:\n"
                              "  adaptor: {}\n"
                              "  model: {apiVersion: v1}\n"
                              "  template: {}\n",
                         "a.yaml", &f);
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 5, "spec.adaptor.name", "name of an adaptor");
        assert_finding(&f, FINDING_WARNING, 5, "spec.adaptor.node", "nobody drives this link");
        assert_finding(&f, FINDING_ERROR, 6, "spec.model.kind", "expected a kind");
        assert_finding(&f, FINDING_ERROR, 6, "spec.model.apiVersion", "group/version");
        object_set_free(s);
        findings_clear(&f);

        s = objects_from(HEAD "spec:\n"
                              "  adaptor: {node: edge-1, name: x}\n"
                              "  model: {apiVersion: devices.edge.cattle.io/v1, kind: K}\n"
                              "  template: {}\n",
                         "a.yaml", &f);
        assert_finding(&f, FINDING_ERROR, 6, "spec.model.apiVersion",
                       "expected devices.edge.cattle.io/v1alpha1, got 'devices.edge.cattle.io/v1'");
        object_set_free(s);
        findings_clear(&f);

        /* Anybody may bring kinds of his own group. */
        s = objects_from(HEAD "spec:\n"
                              "  adaptor: {node: edge-1, name: x}\n"
                              "  model: {apiVersion: acme.example/v7, kind: K}\n"
                              "  template: {}\n",
                         "a.yaml", &f);
        assert_clean(&f);
        assert_int_equal(s->n, 1);
        object_set_free(s);
        findings_done(&f);
}

static void references_that_cannot_work_as_meant_are_warned_of(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from(HEAD SPEC TEMPLATE "  references:\n"               /* 8 */
                                                "    - name: a\n"               /* 9 */
                                                "    - secret: {name: s}\n"     /* 10 */
                                                "    - name: a\n"               /* 11 */
                                                "      secret: {name: s}\n"     /* 12 */
                                                "      configMap: {name: c}\n", /* 13 */
                             "a.yaml", &f);

        (void)state;
        assert_int_equal(f.errors, 0);
        assert_int_equal(s->n, 1);
        assert_finding(&f, FINDING_WARNING, 9, "spec.references[0]", "got none of them");
        assert_finding(&f, FINDING_WARNING, 9, "spec.references[0].name", "the last one counts");
        assert_finding(&f, FINDING_WARNING, 10, "spec.references[1].name", "no ...Ref field");
        assert_finding(&f, FINDING_WARNING, 11, "spec.references[2]", "only secret is used");
        object_set_free(s);
        findings_done(&f);
}

static void required_fields_of_references_are_asked_for(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(
                HEAD SPEC TEMPLATE "  references:\n"
                                   "    - {name: a, secret: {items: [k]}}\n"
                                   "    - {name: b, configMap: {}}\n"
                                   "    - {name: c, downwardAPI: {items: []}}\n"
                                   "    - {name: d, downwardAPI: {}}\n"
                                   "    - name: e\n"
                                   "      downwardAPI: {items: [{name: me}, {fieldRef: {}}]}\n",
                "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 9, "spec.references[0].secret.name", "required");
        assert_finding(&f, FINDING_ERROR, 10, "spec.references[1].configMap.name", "required");
        assert_finding(&f, FINDING_ERROR, 11, "spec.references[2].downwardAPI.items", "list");
        assert_finding(&f, FINDING_ERROR, 12, "spec.references[3].downwardAPI.items", "required");
        assert_finding(&f, FINDING_ERROR, 14, "spec.references[4].downwardAPI.items[0].fieldRef",
                       "required");
        assert_finding(&f, FINDING_ERROR, 14, "spec.references[4].downwardAPI.items[1].name",
                       "required");
        assert_finding(&f, FINDING_ERROR, 14,
                       "spec.references[4].downwardAPI.items[1].fieldRef.fieldPath", "required");
        object_set_free(s);
        findings_done(&f);
}

static void names_and_labels_are_checked_as_kubernetes_does(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from("apiVersion: edge.cattle.io/v1alpha1\n"
                                            "kind: DeviceLink\n"
                                            "metadata:\n"
                                            "  name: Pump_1\n"
                                            "  namespace: a.b\n"
                                            "  uid: ../x\n"
                                            "  labels:\n"
                                            "    'a b': x\n"
                                            "    c: 'd e'\n"
                                            "    num: 1\n"
                                            "  annotations:\n"
                                            "    Fine.Example/X: 'd e'\n"
                                            "    'not/fine/': x\n" SPEC
                                            "  template: {metadata: {labels: {-x: z}}}\n",
                                            "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 4, "metadata.name", "got 'Pump_1'");
        assert_finding(&f, FINDING_ERROR, 5, "metadata.namespace", "got 'a.b'");
        assert_finding(&f, FINDING_ERROR, 6, "metadata.uid", "a uuid");
        assert_finding(&f, FINDING_ERROR, 8, "metadata.labels.a b", "expected the key");
        assert_finding(&f, FINDING_ERROR, 9, "metadata.labels.c", "got 'd e'");
        assert_finding(&f, FINDING_ERROR, 10, "metadata.labels.num", "quotes");
        assert_finding(&f, FINDING_ERROR, 13, "metadata.annotations.not/fine/", "expected the key");
        assert_finding(&f, FINDING_ERROR, 17, "spec.template.metadata.labels.-x", "the key");
        assert_int_equal(f.errors, 8);
        object_set_free(s);
        findings_done(&f);
}

static void an_unknown_field_is_a_warning_with_the_nearest_name(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(HEAD SPEC TEMPLATE "  refrences: []\n", "a.yaml", &f);

        (void)state;
        assert_int_equal(f.errors, 0);
        assert_int_equal(s->n, 1);
        assert_finding(&f, FINDING_WARNING, 8, "spec.refrences", "references");
        object_set_free(s);
        findings_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_of_a_link_is_read),
                cmocka_unit_test(only_adaptor_model_and_template_are_required),
                cmocka_unit_test(what_a_cluster_would_answer_with_a_condition_is_said),
                cmocka_unit_test(references_that_cannot_work_as_meant_are_warned_of),
                cmocka_unit_test(required_fields_of_references_are_asked_for),
                cmocka_unit_test(names_and_labels_are_checked_as_kubernetes_does),
                cmocka_unit_test(an_unknown_field_is_a_warning_with_the_nearest_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
