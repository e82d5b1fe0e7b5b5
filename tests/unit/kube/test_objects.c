/* Documents become objects; what is wrong is said and harms no other object; Secrets stay secret.
 */
#include "kube.h"

#include "kube/maker.h"

#define META(n) "metadata: {name: " n "}\n"

static void a_secret_holds_decoded_bytes_and_string_data_wins(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from("apiVersion: v1\n"
                             "kind: Secret\n" META("s") "type: Opaque\n"
                                                        "immutable: true\n"
                                                        "data:\n"
                                                        "  a: AAEC/w==\n"
                                                        "  b: b2xk\n"
                                                        "  folded: |\n"
                                                        "    bG9u\n"
                                                        "    Z2Vy\n"
                                                        "  nothing: null\n"
                                                        "stringData: {b: new, c: ' as is '}\n",
                             "a.yaml", &f);

        (void)state;
        assert_clean(&f);
        assert_int_equal(s->n, 1);
        const struct object *o = &s->list[0];
        assert_int_equal(o->n_items, 5);
        assert_int_equal(object_item(o, "a")->len, 4);
        assert_memory_equal(object_item(o, "a")->data, "\0\1\2\xff", 4);
        assert_string_equal(object_item(o, "b")->data, "new");
        assert_string_equal(object_item(o, "c")->data, " as is ");
        assert_string_equal(object_item(o, "folded")->data, "longer");
        assert_int_equal(object_item(o, "nothing")->len, 0);
        assert_null(object_item(o, "d"));
        object_set_free(s);
        findings_done(&f);
}

static void a_wrong_secret_is_reported_without_its_content(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from("apiVersion: v1\n"
                             "kind: Secret\n" META("s") "data:\n"
                                                        "  a: hunter2!\n"     /* 5 */
                                                        "  b: 424242\n"       /* 6 */
                                                        "  'c/d': aHVudGVy\n" /* 7 */
                                                        "  e: aHVudGV\n"      /* 8: length */
                                                        "  f: aHVu=dGV\n" /* 9: padding inside */
                                                        "  g: aHV-dGVy\n" /* 10: URL alphabet */
                                                        "stringData: {h: 424242, i: [hunter2]}\n",
                             "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 5, "data.a", "standard Base64");
        assert_finding(&f, FINDING_ERROR, 6, "data.b", "expected a text, got an integer");
        assert_finding(&f, FINDING_ERROR, 7, "data.c/d", "expected the key");
        assert_finding(&f, FINDING_ERROR, 8, "data.e", "standard Base64");
        assert_finding(&f, FINDING_ERROR, 9, "data.f", "standard Base64");
        assert_finding(&f, FINDING_ERROR, 10, "data.g", "standard Base64");
        assert_finding(&f, FINDING_ERROR, 11, "stringData.h", "expected a text, got an integer");
        assert_finding(&f, FINDING_ERROR, 11, "stringData.i", "expected a text, got a list");
        for (size_t i = 0; i < f.n; i++) {
                assert_null(strstr(f.list[i].text, "hunter2"));
                assert_null(strstr(f.list[i].text, "424242"));
                assert_null(strstr(f.list[i].text, "aHV"));
        }
        object_set_free(s);
        findings_done(&f);
}

static void a_secret_has_the_size_limit_of_the_api_server(void **state)
{
        struct findings f = { 0 };
        auto_free char *big = xmalloc(600 * 1024 + 1);

        (void)state;
        memset(big, 'x', 600 * 1024);
        big[600 * 1024] = '\0';
        auto_free char *one =
                xasprintf("apiVersion: v1\nkind: ConfigMap\n" META("s") "data: {a: %s}\n", big);
        struct object_set *s = objects_from(one, "a.yaml", &f);
        assert_clean(&f);
        object_set_free(s);

        auto_free char *both = xasprintf(
                "apiVersion: v1\nkind: ConfigMap\n" META("s") "data: {a: %s, b: %s}\n", big, big);
        s = objects_from(both, "a.yaml", &f);
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 4, "data", "at most 1048576 bytes");
        object_set_free(s);
        findings_done(&f);
}

static void a_config_map_wants_texts(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from("apiVersion: v1\n"
                                            "kind: ConfigMap\n" META("c") "data:\n"
                                                                          "  port: 1883\n",
                                            "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_ERROR, 5, "data.port", "quotes make a text of it");
        object_set_free(s);
        findings_done(&f);
}

static void a_device_may_be_given_directly(void **state)
{
        struct findings f = { 0 };
        struct object_set *s = objects_from(
                "apiVersion: devices.edge.cattle.io/v1alpha1\n"
                "kind: AnyDevice\n" META(
                        "d") "spec: {a: 1}\n"
                             "status: {whatever: 1}\n"
                             "---\n"
                             "apiVersion: devices.edge.cattle.io/v1alpha1\n"
                             "kind: AnyDevice\n" META(
                                     "bare") "---\n"
                                             "apiVersion: devices.edge.cattle.io/v2\n"
                                             "kind: AnyDevice\n" META(
                                                     "later") "---\n"
                                                              "apiVersion: "
                                                              "devices.edge.cattle.io/v1alpha1\n"
                                                              "kind: AnyDevice\n" META(
                                                                      "odd") "spec: 5\n",
                "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 2);
        assert_int_equal(s->list[0].kind, OBJECT_DEVICE);
        assert_string_equal(s->list[0].kind_name, "AnyDevice");
        assert_non_null(tree_get(s->list[0].spec, "a"));
        assert_int_equal(s->list[1].spec->type, TREE_MAP);
        assert_finding(&f, FINDING_ERROR, 11, "apiVersion",
                       "expected devices.edge.cattle.io/v1alpha1");
        assert_finding(&f, FINDING_ERROR, 18, "spec", "expected a map, got an integer");
        object_set_free(s);
        findings_done(&f);
}

static void a_list_is_as_good_as_its_items(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from("apiVersion: v1\n"
                             "kind: List\n"
                             "metadata: {resourceVersion: ''}\n"
                             "items:\n"
                             "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
                             "- {apiVersion: v1, kind: ConfigMap, metadata: {}}\n"
                             "- apiVersion: v1\n"
                             "  kind: List\n"
                             "  items:\n"
                             "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
                             "---\n"
                             "{apiVersion: v1, kind: List, items: x}\n",
                             "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 2);
        assert_string_equal(s->list[0].path, "items[0]");
        assert_string_equal(s->list[1].path, "items[2].items[0]");
        assert_string_equal(s->list[1].key, "default/b");
        assert_finding(&f, FINDING_ERROR, 6, "items[1].metadata.name", "required");
        assert_finding(&f, FINDING_ERROR, 12, "items", "expected a list");
        assert_int_equal(f.errors, 2);
        object_set_free(s);
        findings_done(&f);
}

static void a_foreign_kind_is_a_warning_and_a_misspelt_one_an_error(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from("{apiVersion: apps/v1, kind: Deployment}\n"
                             "---\n"
                             "{apiVersion: edge.cattle.io/v1alpha1, kind: DeviceLnk}\n"
                             "---\n"
                             "{apiVersion: edge.cattle.io/v1, kind: DeviceLink}\n"
                             "---\n"
                             "{apiVersion: v1, kind: Secert}\n"
                             "---\n"
                             "{kind: Secret}\n"
                             "---\n"
                             "{apiVersion: v1}\n"
                             "---\n"
                             "- 1\n"
                             "---\n"
                             "{apiVersion: v1, kind: 5}\n",
                             "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 0);
        assert_finding(&f, FINDING_WARNING, 1, "kind", "'Deployment' of apps/v1");
        assert_finding(&f, FINDING_ERROR, 3, "kind", "expected DeviceLink, got 'DeviceLnk'");
        assert_finding(&f, FINDING_ERROR, 5, "apiVersion", "expected edge.cattle.io/v1alpha1");
        assert_finding(&f, FINDING_ERROR, 7, "kind", "expected Secret, got 'Secert'");
        assert_finding(&f, FINDING_ERROR, 9, "apiVersion", "got nothing");
        assert_finding(&f, FINDING_ERROR, 11, "kind", "got nothing");
        assert_finding(&f, FINDING_ERROR, 13, "", "expected a map, got a list");
        assert_finding(&f, FINDING_ERROR, 15, "kind", "got an integer");
        assert_int_equal(f.n, 8);
        object_set_free(s);
        findings_done(&f);
}

static void one_bad_document_leaves_its_neighbours_alone(void **state)
{
        struct findings f = { 0 };
        struct object_set *s =
                objects_from("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
                             "---\n"
                             "{apiVersion: v1, kind: ConfigMap, metadata: {name: B}}\n"
                             "---\n"
                             "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n",
                             "a.yaml", &f);

        (void)state;
        assert_int_equal(s->n, 2);
        assert_int_equal(f.errors, 1);
        object_set_free(s);
        findings_done(&f);
}

static void the_first_of_a_name_stays_and_both_places_are_told(void **state)
{
        struct findings f = { 0 };
        struct object_index x = { 0 };
        struct object_set *a = objects_from(
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {from: a}}\n"
                "---\n"
                "{apiVersion: v1, kind: Secret, metadata: {name: same}}\n",
                "a.yaml", &f);
        struct object_set *b = objects_from(
                "# b\n"
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {from: b}}\n",
                "b.yaml", &f);

        (void)state;
        object_index_add(&x, a);
        object_index_add(&x, b);
        object_index_seal(&x, &f);
        assert_int_equal(x.n, 2);
        assert_finding(&f, FINDING_ERROR, 2, "metadata.name", "ConfigMap 'default/same'");
        assert_string_equal(f.list[0].file, "b.yaml");
        assert_non_null(strstr(f.list[0].text, "a.yaml:1"));
        const struct object *o = object_find(&x, OBJECT_CONFIG_MAP, "default", "same");
        assert_string_equal(object_item(o, "from")->data, "a");
        assert_non_null(object_find(&x, OBJECT_SECRET, "default", "same"));
        assert_null(object_find(&x, OBJECT_LINK, "default", "same"));
        object_index_done(&x);
        object_set_free(a);
        object_set_free(b);
        findings_done(&f);
}

static const char a_link[] = "apiVersion: edge.cattle.io/v1alpha1\n"
                             "kind: DeviceLink\n"
                             "metadata: {name: pump}\n"
                             "spec:\n"
                             "  adaptor: {node: edge-1, name: acme}\n"
                             "  model: {apiVersion: acme.example/v1, kind: K}\n"
                             "  template: {spec: {b: 2.50, a: 18446744073709551615}}\n";

static void a_link_comes_before_the_device_that_is_its_instance(void **state)
{
        struct findings f = { 0 };
        struct object_index x = { 0 };
        struct object_set *a =
                objects_from("apiVersion: devices.edge.cattle.io/v1alpha1\n"
                             "kind: K\n"
                             "metadata: {name: pump, ownerReferences: [{kind: x}]}\n",
                             "a.yaml", &f);
        struct object_set *b = objects_from(a_link, "b.yaml", &f);

        (void)state;
        object_index_add(&x, a);
        object_index_add(&x, b);
        object_index_seal(&x, &f);
        assert_int_equal(x.n, 1);
        assert_int_equal(x.list[0]->kind, OBJECT_LINK);
        assert_int_equal(f.errors, 0);
        assert_finding(&f, FINDING_WARNING, 3, "metadata.name", "is the instance of");
        object_index_done(&x);
        object_set_free(a);
        object_set_free(b);
        findings_done(&f);
}

static void the_desired_set_holds_what_a_link_says(void **state)
{
        struct findings f = { 0 };
        struct object_index x = { 0 };
        struct object_set *a = objects_from(a_link, "a.yaml", &f);
        struct maker *m = maker_new(NULL, "host-1");

        (void)state;
        object_index_add(&x, a);
        object_index_seal(&x, &f);
        assert_true(maker_run(m, &x, &f));
        assert_clean(&f);
        const struct desired *d = maker_desired(m);
        assert_int_equal(d->n, 1);
        const struct link_spec *s = d->links[0];
        assert_string_equal(s->key, "default/pump");
        assert_string_equal(s->space, "default");
        assert_string_equal(s->name, "pump");
        assert_int_equal(strlen(s->uid), 36);
        assert_string_equal(s->node, "edge-1");
        assert_string_equal(s->adaptor, "acme");
        assert_string_equal(s->api_version, "acme.example/v1");
        assert_string_equal(s->kind, "K");
        assert_string_equal(s->spec_json, "{\"a\":18446744073709551615,\"b\":2.5}");
        assert_int_equal(s->spec_json_len, strlen(s->spec_json));
        assert_string_equal(s->file, "a.yaml");
        assert_string_equal(s->spec_path, "spec.template.spec");
        assert_int_equal(tree_get(s->spec, "a")->line, 7);
        assert_false(s->has_references);
        assert_null(s->reference_error);
        object_index_done(&x);
        object_set_free(a);
        maker_free(m);
        findings_done(&f);
}

static void only_links_of_the_node_are_made_but_all_devices(void **state)
{
        struct findings f = { 0 };
        struct object_index x = { 0 };
        struct object_set *a = objects_from(a_link, "a.yaml", &f);
        struct object_set *b = objects_from("apiVersion: devices.edge.cattle.io/v1alpha1\n"
                                            "kind: K\n"
                                            "metadata: {name: fan}\n",
                                            "b.yaml", &f);
        struct maker *m = maker_new("edge-2", NULL);

        (void)state;
        object_index_add(&x, a);
        object_index_add(&x, b);
        object_index_seal(&x, &f);
        assert_true(maker_run(m, &x, &f));
        const struct desired *d = maker_desired(m);
        assert_int_equal(d->n, 1);
        assert_string_equal(d->links[0]->key, "default/fan");
        assert_string_equal(d->links[0]->adaptor, "");
        assert_string_equal(d->links[0]->node, "");
        assert_string_equal(d->links[0]->spec_json, "{}");
        assert_string_equal(d->links[0]->spec_path, "spec");
        object_index_done(&x);
        object_set_free(a);
        object_set_free(b);
        maker_free(m);
        findings_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_secret_holds_decoded_bytes_and_string_data_wins),
                cmocka_unit_test(a_wrong_secret_is_reported_without_its_content),
                cmocka_unit_test(a_secret_has_the_size_limit_of_the_api_server),
                cmocka_unit_test(a_config_map_wants_texts),
                cmocka_unit_test(a_device_may_be_given_directly),
                cmocka_unit_test(a_list_is_as_good_as_its_items),
                cmocka_unit_test(a_foreign_kind_is_a_warning_and_a_misspelt_one_an_error),
                cmocka_unit_test(one_bad_document_leaves_its_neighbours_alone),
                cmocka_unit_test(the_first_of_a_name_stays_and_both_places_are_told),
                cmocka_unit_test(a_link_comes_before_the_device_that_is_its_instance),
                cmocka_unit_test(the_desired_set_holds_what_a_link_says),
                cmocka_unit_test(only_links_of_the_node_are_made_but_all_devices),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
