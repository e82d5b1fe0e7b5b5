/* The CRDs and the decode tables say the same: what the API server takes the agent reads, and what
 * the agent reads the API server keeps. */
/* libs: dl_publish dl_adaptor_modbus dl_adaptor_dummy */
#include "crd_compare.h"

#include "kube/devicelink.h"
#include "publish/options.h"

/* Of modbus/fields.h and dummy/spec.h, which give different structs one name. */
extern const struct field spec_fields[];
extern const struct field dummy_special_fields[];
extern const struct field dummy_protocol_fields[];
extern const struct field dummy_property_fields[];

/* Where they may differ, and why. */

static const struct gap gaps[] = {
        /* As in Octopus: an object without them was taken, and told what is wrong. */
        { "devicelinks", "spec", "required" },
        /* It is the API server that asks for a name. */
        { "devicelinks", "metadata", "required" },
        /* Octopus' CRDs took any integer here; the adaptor says what is wrong with it. */
        { "modbusdevices", "spec.properties[].visitor.offset", "bounds" },
        { "modbusdevices", "spec.properties[].visitor.quantity", "bounds" },
        { "modbusdevices", "spec.protocol.rtu.baudRate", "bounds" },
        { "*", "spec.extension.mqtt.client.messageChannelDepth", "bounds" },
        /* Required by the server; the adaptor, which may run without one, tells the types. */
        { "modbusdevices", "spec.properties[].type", "required" },
        /* Octopus' CRDs left this default to the code. */
        { "*", "spec.extension.mqtt.client.disconnectQuiesce", "default" },
        /* Decoded by code: a map of lists of texts, a map of objects. */
        { "*", "spec.extension.mqtt.client.httpHeaders", "shape" },
        { "dummyprotocoldevices", "spec.properties.*.objectProperties", "shape" },
        { "dummyprotocoldevices", "spec.properties.*.objectProps", "shape" },
        { "dummyprotocoldevices", "spec.props.*.objectProperties", "shape" },
        { "dummyprotocoldevices", "spec.props.*.objectProps", "shape" },
};
enum { GAPS = sizeof(gaps) / sizeof(gaps[0]) };

/* Fields that one table leaves to another one. */
static const struct deeper deeper[] = {
        { "modbusdevices", "spec.extension", extension_fields, false },
        { "dummyspecialdevices", "spec.extension", extension_fields, false },
        { "dummyprotocoldevices", "spec.extension", extension_fields, false },
        { "dummyprotocoldevices", "spec.properties", dummy_property_fields, true },
        { "dummyprotocoldevices", "spec.props", dummy_property_fields, true },
};

static struct comparison comparison_new(void)
{
        return (struct comparison){
                .gaps = gaps,
                .n_gaps = GAPS,
                .deeper = deeper,
                .n_deeper = sizeof(deeper) / sizeof(deeper[0]),
                .path = BUF(4096),
                .found = BUF(1 << 16),
        };
}

static void comparison_done(struct comparison *c)
{
        buf_done(&c->path);
        buf_done(&c->found);
}

static void compare_crd(struct comparison *c, const char *crd, const char *part,
                        const struct field *fields)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *doc = crd_read(a, crd);

        c->crd = crd;
        if (!part) {
                compare_table(c, fields, tree_find(crd_version(doc), "schema.openAPIV3Schema"));
                return;
        }
        size_t was = into(c, ".", part);
        compare_table(c, fields, crd_schema(doc, part));
        back(c, was);
}

static void every_field_is_in_both_and_means_the_same(void **state)
{
        struct comparison c = comparison_new();

        (void)state;
        compare_crd(&c, "devicelinks", NULL, devicelink_fields);
        compare_crd(&c, "modbusdevices", "spec", spec_fields);
        compare_crd(&c, "dummyspecialdevices", "spec", dummy_special_fields);
        compare_crd(&c, "dummyprotocoldevices", "spec", dummy_protocol_fields);
        for (size_t i = 0; i < GAPS; i++)
                if (!c.used[i])
                        buf_addf(&c.found, "%s: %s: %s: no difference any more\n", gaps[i].crd,
                                 gaps[i].path, gaps[i].what);
        if (c.found.len > 0)
                fail_msg("\n%s", buf_text(&c.found));
        comparison_done(&c);
}

/* The comparison itself: a table that asks for more than the CRD has is found out. */
static void a_difference_is_found(void **state)
{
        static const struct field_choice gears[] = { { "slow", 0 }, { "reverse", 1 }, { NULL, 0 } };
        static const struct field wrong[] = {
                { .kind = FIELD_KIND_TEXT, .name = "on" },
                { .kind = FIELD_KIND_CHOICE, .name = "gear", .choices = gears },
                { .kind = FIELD_KIND_INT, .name = "speed" },
                { .kind = FIELD_KIND_TREE, .name = "extension" },
                FIELD_END,
        };
        struct comparison c = comparison_new();

        (void)state;
        compare_crd(&c, "dummyspecialdevices", "spec", wrong);
        const char *found = buf_text(&c.found);
        assert_non_null(strstr(found, "spec.on: type: the table says string, the CRD 'boolean'"));
        assert_non_null(strstr(found, "spec.on: required: the table says no"));
        assert_non_null(strstr(found, "spec.gear: enum: the CRD does not know 'reverse'"));
        assert_non_null(strstr(found, "spec.gear: default: the table says '', the CRD 'slow'"));
        assert_non_null(strstr(found, "spec.speed: field: the CRD does not have it"));
        assert_non_null(strstr(found, "spec.protocol: field: the table does not have it"));
        comparison_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field_is_in_both_and_means_the_same),
                cmocka_unit_test(a_difference_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
