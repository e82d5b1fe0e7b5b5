/* test_crds.c - a real API server and crds/: what Octopus' users wrote is taken unchanged, what is
 * wrong is refused (octopus 1.1, 3.1, 3.5, 3.6; reference A10 108, 110, 111). */
#include "crds.h"

#include <dirent.h>

/* --- what was taken is taken */

/* All of `sent` is in `got`; there may be more (defaults). */
static bool is_within(const struct tree *sent, const struct tree *got)
{
        if (!got || sent->type != got->type)
                return false;
        if (sent->type == TREE_MAP) {
                TREE_FOREACH (t, sent)
                        if (!is_within(t, tree_get(got, t->key)))
                                return false;
                return true;
        }
        if (sent->type != TREE_LIST)
                return tree_equal(sent, got);
        if (sent->n != got->n)
                return false;
        for (size_t i = 0; i < sent->n; i++)
                if (!is_within(tree_at(sent, i), tree_at(got, i)))
                        return false;
        return true;
}

static void expect_taken(struct kube *k, struct arena *a, const char *kind, const struct tree *spec,
                         const char *file)
{
        auto_of(buf) struct buf text = BUF(1 << 20);
        struct json_object *o = NULL;

        tree_json(spec, 0, &text);
        long status = post(k, kind, buf_text(&text), DRY, &o);
        if (status != 201)
                fail_msg("%s: a %s is refused: %ld %s", file, kind, status,
                         json_object_to_json_string(o));
        const struct tree *got = tree_get(tree_of(a, o), "spec");
        bool same = strcmp(kind, "DeviceLink") == 0 ? tree_equal(spec, got) : is_within(spec, got);
        if (!same)
                fail_msg("%s: a %s is changed: %s becomes %s", file, kind, buf_text(&text),
                         json_object_to_json_string(o));
        json_object_put(o);
}

/* Returns how many objects of ours there were. */
static size_t take_document(struct kube *k, struct arena *a, const struct tree *doc,
                            const char *file)
{
        const char *kind = tree_text(tree_get(doc, "kind"));
        size_t n = 0;

        if (strcmp(kind, "List") == 0) {
                TREE_FOREACH (item, tree_get(doc, "items"))
                        n += take_document(k, a, item, file);
                return n;
        }
        if (!strstr(tree_text(tree_get(doc, "apiVersion")), "edge.cattle.io/"))
                return 0;
        const struct tree *spec = tree_get(doc, "spec");
        expect_taken(k, a, kind, spec, file);
        if (strcmp(kind, "DeviceLink") == 0)
                expect_taken(k, a, tree_text(tree_find(spec, "model.kind")),
                             tree_find(spec, "template.spec"), file);
        return 1;
}

static size_t take_file(struct kube *k, const char *folder, const char *name)
{
        auto_of(arena) struct arena *a = arena_new();
        struct findings f = { 0 };
        const struct tree *docs = NULL;
        struct err e = { 0 };
        char path[512];
        size_t n = 0;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        char *text = rig_read_file(path);
        if (tree_parse_yaml(a, text, strlen(text), &tree_limits_default, &f, &docs, &e) < 0 ||
            f.n > 0)
                fail_msg("%s: %s", path, f.n > 0 ? f.list[0].text : e.text);
        TREE_FOREACH (doc, docs)
                n += take_document(k, a, doc, name);
        findings_done(&f);
        free(text);
        return n;
}

static size_t take_folder(struct kube *k, const char *folder)
{
        DIR *d = opendir(folder);
        size_t n = 0;

        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) /* NOLINT(concurrency-mt-unsafe): one thread */
                if (e->d_name[0] != '.')
                        n += take_file(k, folder, e->d_name);
        (void)closedir(d);
        return n;
}

static void manifests_are_taken_unchanged(void **state)
{
        assert_true(take_folder(*state, TEST_DATA "/good") >= 8);
        assert_true(take_folder(*state, TEST_SOURCE "/manifests/standalone") >= 4);
}

static void a_link_needs_adaptor_model_and_template_and_no_more(void **state)
{
        struct kube *k = *state;

        assert_int_equal(post(k, "DeviceLink", EMPTY_LINK, DRY, NULL), 201);
        assert_int_equal(post(k, "DeviceLink", "{\"model\":{},\"template\":{}}", DRY, NULL), 422);
        assert_int_equal(post(k, "DeviceLink", "{\"adaptor\":{},\"template\":{}}", DRY, NULL), 422);
        assert_int_equal(post(k, "DeviceLink", "{\"adaptor\":{},\"model\":{}}", DRY, NULL), 422);
}

static void references_may_have_one_name_twice(void **state)
{
        assert_int_equal(
                post(*state, "DeviceLink",
                     "{\"adaptor\":{},\"model\":{},\"template\":{},\"references\":["
                     "{\"name\":\"a\",\"secret\":{\"name\":\"s\"}},"
                     "{\"name\":\"a\",\"configMap\":{\"name\":\"c\",\"items\":[\"k\",\"k\"]}},{}]}",
                     DRY, NULL),
                201);
}

/* --- defaults and refusals */

static void defaults_are_filled_in_as_the_agent_does_it(void **state)
{
        static const char spec[] =
                "{\"protocol\":{\"rtu\":{\"endpoint\":\"/dev/ttyS0\",\"workerID\":1}},"
                "\"parameters\":{},\"properties\":[{\"name\":\"a\",\"type\":\"int\",\"visitor\":{"
                "\"register\":\"CoilRegister\",\"offset\":-1}}],\"extension\":{\"mqtt\":{"
                "\"client\":{\"server\":\"tcp://b\",\"store\":{}},\"message\":{\"topic\":\"t\"}}}}";
        static const struct {
                const char *path;
                const char *json;
        } wanted[] = {
                { "parameters.syncInterval", "\"15s\"" },
                { "parameters.timeout", "\"10s\"" },
                { "protocol.rtu.baudRate", "19200" },
                { "protocol.rtu.dataBits", "8" },
                { "protocol.rtu.parity", "\"E\"" },
                { "protocol.rtu.stopBits", "1" },
                { "properties[0].visitor.quantity", "1" },
                { "properties[0].visitor.endianness", "\"BigEndian\"" },
                { "extension.mqtt.client.keepAlive", "\"30s\"" },
                { "extension.mqtt.client.protocolVersion", "0" },
                { "extension.mqtt.client.messageChannelDepth", "100" },
                { "extension.mqtt.client.maxReconnectInterval", "\"10m\"" },
                { "extension.mqtt.client.store.type", "\"Memory\"" },
                { "extension.mqtt.message.qos", "1" },
                { "extension.mqtt.message.retained", "true" },
                { "extension.mqtt.session", "\"PerLink\"" },
        };
        auto_of(arena) struct arena *a = arena_new();
        struct json_object *o = NULL;

        assert_int_equal(post(*state, "ModbusDevice", spec, DRY, &o), 201);
        const struct tree *got = tree_get(tree_of(a, o), "spec");
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                auto_of(buf) struct buf text = BUF(4096);
                const struct tree *t = tree_find(got, wanted[i].path);

                if (t)
                        tree_json(t, 0, &text);
                if (strcmp(buf_text(&text), wanted[i].json) != 0)
                        fail_msg("%s: expected %s, got %s", wanted[i].path, wanted[i].json,
                                 buf_text(&text));
        }
        json_object_put(o);
}

#define PROPERTY(more)                                                                             \
        "{\"protocol\":{},\"properties\":[{\"name\":\"a\",\"type\":\"int\",\"visitor\":{"          \
        "\"register\":\"CoilRegister\",\"offset\":0" more "}}]}"
#define CLIENT(more, message)                                                                      \
        "{\"protocol\":{},\"extension\":{\"mqtt\":{\"client\":{\"server\":\"tcp://b\"" more        \
        "},\"message\":{\"topic\":\"t\"" message "}}}}"

static void what_no_device_can_be_is_refused(void **state)
{
        static const struct {
                const char *kind;
                const char *spec;
                const char *where;
        } wrong[] = {
                { "ModbusDevice", "{}", "spec.protocol" },
                { "ModbusDevice", "{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\"}}}",
                  "spec.protocol.tcp.workerID" },
                { "ModbusDevice", "{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":0}}}",
                  "spec.protocol.tcp.workerID" },
                { "ModbusDevice",
                  "{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":248}}}",
                  "spec.protocol.tcp.workerID" },
                { "ModbusDevice", "{\"protocol\":{\"rtu\":{\"endpoint\":\"COM1\",\"workerID\":1}}}",
                  "spec.protocol.rtu.endpoint" },
                { "ModbusDevice", PROPERTY(",\"quantity\":0"), "visitor.quantity" },
                { "ModbusDevice", PROPERTY(",\"endianness\":\"Middle\""), "visitor.endianness" },
                { "ModbusDevice", PROPERTY(",\"orderOfOperations\":[{\"type\":\"Power\"}]"),
                  "orderOfOperations" },
                { "ModbusDevice", PROPERTY("}},{\"name\":\"b\",\"visitor\":{"),
                  "spec.properties[1].type" },
                { "ModbusDevice",
                  PROPERTY("}},{\"name\":\"a\",\"type\":\"int\",\"visitor\":{"
                           "\"register\":\"CoilRegister\",\"offset\":0"),
                  "spec.properties[1]: Duplicate value" },
                { "ModbusDevice", CLIENT(",\"protocolVersion\":2", ""), "protocolVersion" },
                { "ModbusDevice", CLIENT(",\"server\":\"http://b\"", ""), "client.server" },
                { "ModbusDevice", CLIENT(",\"store\":{\"directoryPrefix\":\"/a/\"}", ""),
                  "directoryPrefix" },
                { "ModbusDevice", CLIENT("", ",\"qos\":3"), "message.qos" },
                { "ModbusDevice", CLIENT("", ",\"topic\":\"a/\""), "message.topic" },
                { "ModbusDevice", CLIENT("", ",\"will\":{}"), "will.content" },
                { "DummySpecialDevice", "{\"protocol\":{\"location\":\"l\"}}", "spec.on" },
                { "DummySpecialDevice",
                  "{\"protocol\":{\"location\":\"l\"},\"on\":true,\"gear\":\"reverse\"}",
                  "spec.gear" },
                { "DummyProtocolDevice", "{\"protocol\":{}}", "spec.protocol.ip" },
                { "DummyProtocolDevice",
                  "{\"protocol\":{\"ip\":\"i\"},\"properties\":{\"a\":{\"type\":\"date\"}}}",
                  "spec.properties.a.type" },
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct json_object *o = NULL;
                long status = post(*state, wrong[i].kind, wrong[i].spec, "?dryRun=All", &o);

                if (status != 422 || !strstr(json_object_to_json_string(o), wrong[i].where))
                        fail_msg("%s: expected 422 for %s, got %ld %s", wrong[i].spec,
                                 wrong[i].where, status, json_object_to_json_string(o));
                json_object_put(o);
        }
}

static void an_object_of_absurd_size_is_refused(void **state)
{
        static char name[5001];
        char *spec = NULL;

        memset(name, 'n', sizeof(name) - 1);
        assert_true(asprintf(&spec,
                             "{\"protocol\":{},\"properties\":[{\"name\":\"%s\",\"type\":"
                             "\"int\",\"visitor\":{\"register\":\"CoilRegister\",\"offset\":0}}]}",
                             name) > 0);
        assert_int_equal(post(*state, "ModbusDevice", spec, DRY, NULL), 422);
        free(spec);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(manifests_are_taken_unchanged, up, down),
                cmocka_unit_test_setup_teardown(a_link_needs_adaptor_model_and_template_and_no_more,
                                                up, down),
                cmocka_unit_test_setup_teardown(references_may_have_one_name_twice, up, down),
                cmocka_unit_test_setup_teardown(defaults_are_filled_in_as_the_agent_does_it, up,
                                                down),
                cmocka_unit_test_setup_teardown(what_no_device_can_be_is_refused, up, down),
                cmocka_unit_test_setup_teardown(an_object_of_absurd_size_is_refused, up, down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
