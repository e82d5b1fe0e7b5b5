/* The CRDs keep Octopus' names and columns, explain every field and bound every size. */
#include "crds.h"

#include "kube/devicelink.h"
#include "model/state.h"

#include <stdlib.h>

static const char *text_of(const struct tree *t, const char *key)
{
        const char *s = tree_text(tree_get(t, key));

        return s ? s : "";
}

/* --- names and columns (octopus 1.1, 3.1, 3.5, 3.6) */

struct column {
        const char *name;
        const char *type;
        const char *path;
};

#define AGE                                                                                        \
        {                                                                                          \
                "AGE", "date", ".metadata.creationTimestamp"                                       \
        }

static const struct contract {
        const char *plural;
        const char *group;
        const char *kind;
        const char *short_name;
        struct column columns[8];
} contracts[] = {
        { "devicelinks",
          "edge.cattle.io",
          "DeviceLink",
          "dl",
          { { "KIND", "string", ".spec.model.kind" },
            { "NODE", "string", ".spec.adaptor.node" },
            { "ADAPTOR", "string", ".spec.adaptor.name" },
            { "PHASE", "string", ".status.conditions[-1].type" },
            { "STATUS", "string", ".status.conditions[-1].reason" },
            AGE } },
        { "modbusdevices",
          DEVICE_GROUP,
          "ModbusDevice",
          "modbus",
          { { "ENDPOINT", "string", ".spec.protocol..endpoint" },
            { "WORKER ID", "string", ".spec.protocol..workerID" },
            AGE } },
        { "dummyspecialdevices",
          DEVICE_GROUP,
          "DummySpecialDevice",
          "dummyspecial",
          { { "LOCATION", "string", ".spec.protocol.location" },
            { "GEAR", "string", ".status.gear" },
            { "SPEED", "integer", ".status.rotatingSpeed" },
            AGE } },
        { "dummyprotocoldevices",
          DEVICE_GROUP,
          "DummyProtocolDevice",
          "dummyprotocol",
          { { "IP", "string", ".spec.protocol.ip" }, AGE } },
};

static void check_names(const struct tree *crd, const struct contract *c)
{
        const struct tree *spec = tree_get(crd, "spec");
        const struct tree *names = tree_get(spec, "names");
        char text[128];

        (void)snprintf(text, sizeof(text), "%s.%s", c->plural, c->group);
        assert_string_equal(text_of(tree_get(crd, "metadata"), "name"), text);
        assert_string_equal(text_of(spec, "group"), c->group);
        assert_string_equal(text_of(spec, "scope"), "Namespaced");
        assert_string_equal(text_of(names, "kind"), c->kind);
        assert_string_equal(text_of(names, "plural"), c->plural);
        (void)snprintf(text, sizeof(text), "%sList", c->kind);
        assert_string_equal(text_of(names, "listKind"), text);
        assert_int_equal(tree_get(names, "shortNames")->n, 1);
        assert_string_equal(tree_text(tree_find(names, "shortNames[0]")), c->short_name);
        assert_string_equal(tree_text(tree_find(names, "categories[0]")), "edge");
        assert_int_equal(tree_get(spec, "versions")->n, 1);
        assert_string_equal(text_of(crd_version(crd), "name"), "v1alpha1");
        assert_non_null(tree_find(crd_version(crd), "subresources.status"));
}

static void names_are_those_of_octopus(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        assert_int_equal(CRDS, sizeof(contracts) / sizeof(contracts[0]));
        for (size_t i = 0; i < CRDS; i++)
                check_names(crd_read(a, contracts[i].plural), &contracts[i]);
}

static void columns_are_those_of_octopus_in_their_order(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 0; i < CRDS; i++) {
                const struct tree *list = tree_get(crd_version(crd_read(a, contracts[i].plural)),
                                                   "additionalPrinterColumns");
                size_t n = 0;

                for (const struct column *c = contracts[i].columns; c->name; c++, n++) {
                        const struct tree *t = tree_at(list, n);

                        assert_string_equal(text_of(t, "name"), c->name);
                        assert_string_equal(text_of(t, "type"), c->type);
                        assert_string_equal(text_of(t, "jsonPath"), c->path);
                        assert_null(tree_get(t, "priority"));
                }
                assert_int_equal(list->n, n);
        }
}

static void the_server_can_select_links_by_node_adaptor_and_kind(void **state)
{
        static const char *const paths[] = { ".spec.adaptor.node", ".spec.adaptor.name",
                                             ".spec.model.kind" };
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *list =
                tree_get(crd_version(crd_read(a, "devicelinks")), "selectableFields");

        (void)state;
        assert_int_equal(list->n, 3);
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(text_of(tree_at(list, i), "jsonPath"), paths[i]);
}

/* octopus 2.3: the columns of a device's table are JSON. */
static void the_user_interface_finds_its_annotations_on_devices(void **state)
{
        auto_of(arena) struct arena *a = arena_new();

        (void)state;
        for (size_t i = 1; i < CRDS; i++) {
                const struct tree *notes =
                        tree_find(crd_read(a, crd_names[i]), "metadata.annotations");
                const char *property = text_of(notes, DEVICE_GROUP "/device-property");
                const struct tree *t = NULL;
                struct err e = { 0 };

                assert_string_equal(text_of(notes, DEVICE_GROUP "/enable"), "true");
                assert_true(strlen(text_of(notes, DEVICE_GROUP "/description")) > 20);
                assert_non_null(tree_get(notes, DEVICE_GROUP "/icon"));
                assert_non_null(tree_get(notes, DEVICE_GROUP "/device-property"));
                if (property[0] != '\0')
                        assert_int_equal(tree_parse_json(a, property, strlen(property),
                                                         &tree_limits_default, &t, &e),
                                         0);
        }
}

/* --- every node of a schema */

struct walk {
        const char *crd;
        struct buf path;
        struct buf found;
        size_t nodes;
};

static void complain(struct walk *w, const char *what)
{
        buf_addf(&w->found, "%s: %s: %s\n", w->crd, buf_text(&w->path), what);
}

static void check_explained(struct walk *w, const struct tree *schema)
{
        const char *text = text_of(schema, "description");
        size_t n = strlen(text);

        if (n < 5 || text[n - 1] != '.')
                complain(w, "expected a sentence as description");
}

static void check_bounded(struct walk *w, const struct tree *schema)
{
        const char *type = text_of(schema, "type");

        if (strcmp(type, "string") == 0 && !tree_get(schema, "maxLength") &&
            !tree_get(schema, "enum") && !tree_get(schema, "format"))
                complain(w, "expected maxLength");
        if (strcmp(type, "array") == 0 && !tree_get(schema, "maxItems"))
                complain(w, "expected maxItems");
        if (strcmp(type, "array") == 0 && !tree_get(schema, "x-kubernetes-list-type"))
                complain(w, "expected x-kubernetes-list-type");
        if (tree_get(schema, "additionalProperties") && !tree_get(schema, "maxProperties"))
                complain(w, "expected maxProperties");
        if (type[0] == '\0' && !tree_get(schema, "x-kubernetes-int-or-string"))
                complain(w, "expected a type");
}

static void walk_schema(struct walk *w, const char *name, const struct tree *schema);

static void walk_children(struct walk *w, const struct tree *schema)
{
        TREE_FOREACH (t, tree_get(schema, "properties"))
                walk_schema(w, t->key, t);
        if (tree_get(schema, "items"))
                walk_schema(w, "[]", tree_get(schema, "items"));
        if (tree_get(schema, "additionalProperties"))
                walk_schema(w, "*", tree_get(schema, "additionalProperties"));
}

static void walk_schema(struct walk *w, const char *name, const struct tree *schema)
{
        size_t was = w->path.len;

        buf_addf(&w->path, ".%s", name);
        /* The API server's own, with texts of its own. */
        if (strcmp(buf_text(&w->path), ".metadata") != 0) {
                check_explained(w, schema);
                check_bounded(w, schema);
                walk_children(w, schema);
                w->nodes++;
        }
        w->path.len = was;
        w->path.data[was] = '\0';
}

static void every_field_is_explained_and_bounded(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        struct walk w = { .path = BUF(4096), .found = BUF(1 << 16) };

        (void)state;
        for (size_t i = 0; i < CRDS; i++) {
                w.crd = crd_names[i];
                walk_children(&w,
                              tree_find(crd_version(crd_read(a, w.crd)), "schema.openAPIV3Schema"));
        }
        if (w.found.len > 0)
                fail_msg("\n%s", buf_text(&w.found));
        assert_true(w.nodes > 250);
        buf_done(&w.path);
        buf_done(&w.found);
}

static void publishing_is_the_same_for_every_device(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *modbus =
                tree_find(crd_schema(crd_read(a, "modbusdevices"), "spec"), "properties.extension");

        (void)state;
        assert_non_null(modbus);
        for (size_t i = 1; i < CRDS; i++) {
                const struct tree *mine = tree_find(crd_schema(crd_read(a, crd_names[i]), "spec"),
                                                    "properties.extension");

                assert_non_null(mine);
                assert_true(tree_equal(mine, modbus));
        }
}

/* What no table reads: the status, as the agent writes it, is kept whole. */
static void every_member_of_a_status_is_in_the_crd_and_no_more(void **state)
{
        static const struct dl_point point = { .size = sizeof(point),
                                               .access = DL_READ,
                                               .name = "t",
                                               .members = "\"name\":\"t\",\"type\":\"float\"" };
        static const struct dl_info info = { .points = &point, .n_points = 1 };
        static const struct dl_sample sample = { .size = sizeof(sample),
                                                 .arrival_ns = 1,
                                                 .flags = DL_SAMPLE_SCALED,
                                                 .value = { .type = DL_INT } };
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *status = crd_schema(crd_read(a, "modbusdevices"), "status");
        const struct tree *members = tree_find(status, "properties.properties.items.properties");
        struct states s = states_new(1);
        struct buf out = BUF(4096);
        const struct tree *t = NULL;
        struct err e = { 0 };
        bool changed;

        (void)state;
        assert_int_equal(states_apply(&s, &sample, 1, &changed, &e), 0);
        states_all_bad(&s, "it is away");
        status_render(&info, &s, &out);
        assert_int_equal(tree_parse_json(a, out.data, out.len, &tree_limits_default, &t, &e), 0);
        const struct tree *written = tree_find(t, "properties[0]");
        assert_non_null(written);
        TREE_FOREACH (member, written)
                if (!tree_get(members, member->key))
                        fail_msg("the CRD drops '%s'", member->key);
        assert_int_equal(members->n, written->n);
        buf_done(&out);
        states_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_those_of_octopus),
                cmocka_unit_test(columns_are_those_of_octopus_in_their_order),
                cmocka_unit_test(the_server_can_select_links_by_node_adaptor_and_kind),
                cmocka_unit_test(the_user_interface_finds_its_annotations_on_devices),
                cmocka_unit_test(every_field_is_explained_and_bounded),
                cmocka_unit_test(publishing_is_the_same_for_every_device),
                cmocka_unit_test(every_member_of_a_status_is_in_the_crd_and_no_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
