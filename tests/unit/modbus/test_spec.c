/* The spec of a ModbusDevice: what users of Octopus have written works; what cannot work is named.
 */
#include "unit/modbus/common.h"

#include "base/clock.h"

#define PROPERTY(type, visitor, more)                                                              \
        SPEC_HEAD "\"properties\":[{\"name\":\"p\",\"type\":\"" type "\",\"visitor\":{" visitor    \
                  "}" more "}]}"
#define HOLDING(quantity) "\"register\":\"HoldingRegister\",\"offset\":0,\"quantity\":" quantity

static struct dl_device *good(const char *spec, struct reports *r)
{
        struct dl_device *d = NULL;
        struct err e = { 0 };

        if (compile(spec, &d, r, &e) < 0)
                fail_msg("%s: %s in %s", e.path, e.text, spec);
        return d;
}

/* The spec is refused, and the first error has this path and text. */
static void assert_refused(const char *spec, const char *path, const char *text)
{
        struct dl_device *d = NULL;
        struct reports r;
        struct err e = { 0 };

        assert_int_equal(compile(spec, &d, &r, &e), DL_CONFIG);
        assert_null(d);
        if (strcmp(e.path, path) != 0 || !strstr(e.text, text))
                fail_msg("'%s': '%s', expected '%s': '%s'", e.path, e.text, path, text);
        assert_true(reported(&r, DL_ERROR, path));
}

/* The fields of the example that ships with Octopus. */
static const char example[] =
        "{\"parameters\":{\"syncInterval\":\"5s\",\"timeout\":\"1m1s\"},"
        "\"protocol\":{\"tcp\":{\"endpoint\":\"192.168.0.5:5020\",\"workerID\":1}},"
        "\"properties\":["
        "{\"name\":\"temperature\",\"description\":\"data collection of temperature sensor\","
        "\"readOnly\":true,\"visitor\":{\"register\":\"HoldingRegister\",\"offset\":0,"
        "\"quantity\":2,\"orderOfOperations\":[{\"type\":\"Subtract\",\"value\":\"273.15\"}]},"
        "\"type\":\"float\"},"
        "{\"name\":\"threshold\",\"type\":\"int\",\"visitor\":{\"register\":\"HoldingRegister\","
        "\"offset\":4,\"quantity\":2}},"
        "{\"name\":\"setpoint\",\"type\":\"int32\",\"value\":\"-7\",\"visitor\":{\"register\":"
        "\"HoldingRegister\",\"offset\":6,\"quantity\":2,\"endianness\":\"LittleEndianSwap\"}},"
        "{\"name\":\"alarm\",\"type\":\"boolean\",\"readOnly\":true,\"visitor\":{\"register\":"
        "\"CoilRegister\",\"offset\":0}}],"
        "\"extension\":{\"mqtt\":{\"anything\":1}}}";

static void the_example_becomes_a_device(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d = good(example, &r);

        assert_int_equal(r.n, 0);
        assert_string_equal(d->info.channel, "192.168.0.5:5020");
        assert_string_equal(d->info.connection, "tcp unit 1 timeout 1m1s");
        assert_int_equal(d->info.interval_ns, 5 * NS_PER_S);
        assert_int_equal(d->info.timeout_ns, 61 * NS_PER_S);
        assert_int_equal(d->info.layout, DL_LAYOUT_PROPERTIES);
        assert_int_equal(d->info.n_points, 4);

        const struct dl_point *p = d->info.points;
        assert_string_equal(p[0].members, "\"name\":\"temperature\",\"type\":\"float\"");
        assert_int_equal(p[0].type, DL_REAL32);
        assert_int_equal(p[0].access, DL_READ);
        assert_int_equal(d->properties[0].n_ops, 1);
        assert_string_equal(p[1].members, "\"name\":\"threshold\",\"type\":\"int\"");
        assert_int_equal(p[1].access, DL_READ | DL_WRITE);
        assert_int_equal(p[1].desired.type, DL_NONE);
        assert_int_equal(p[2].desired.type, DL_INT);
        assert_int_equal(p[2].desired.as.i, -7);
        assert_int_equal(p[3].type, DL_BOOL);
        assert_int_equal(d->properties[3].shape.quantity, 1);
        spec_free(d);
}

static void times_of_zero_or_less_are_the_defaults(void **state)
{
        (void)state;
        static const char *const parameters[] = {
                "",
                "\"parameters\":{},",
                "\"parameters\":{\"syncInterval\":\"0\",\"timeout\":\"0s\"},",
                "\"parameters\":{\"syncInterval\":\"-5s\",\"timeout\":\"-1m\"},",
        };
        for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
                struct reports r;
                char spec[512];
                (void)snprintf(spec, sizeof(spec), SPEC_HEAD "%s\"properties\":[]}", parameters[i]);
                struct dl_device *d = good(spec, &r);
                assert_int_equal(d->info.interval_ns, 15 * NS_PER_S);
                assert_int_equal(d->info.timeout_ns, 10 * NS_PER_S);
                spec_free(d);
        }
        assert_refused("{\"parameters\":{\"timeout\":\"5\"},\"protocol\":{\"tcp\":{\"endpoint\":"
                       "\"h:1\",\"workerID\":1}}}",
                       "parameters.timeout", "");
}

static void a_device_without_properties_is_fine(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d =
                good("{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":1}}}", &r);

        assert_int_equal(d->info.n_points, 0);
        assert_int_equal(r.n, 0);
        spec_free(d);
}

static void only_what_makes_the_connection_is_its_identity(void **state)
{
        (void)state;
        static const char base[] = "{\"parameters\":{\"syncInterval\":\"1s\",\"timeout\":\"2s\"},"
                                   "\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":1}}}";
        static const struct {
                const char *spec;
                bool same;
        } others[] = {
                { "{\"parameters\":{\"syncInterval\":\"9s\",\"timeout\":\"2s\"},\"protocol\":{"
                  "\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":1}},\"properties\":[]}",
                  true },
                { "{\"parameters\":{\"timeout\":\"3s\"},\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\""
                  ",\"workerID\":1}}}",
                  false },
                { "{\"parameters\":{\"timeout\":\"2s\"},\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\""
                  ",\"workerID\":2}}}",
                  false },
        };
        struct reports r;
        struct dl_device *d = good(base, &r);

        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                struct dl_device *o = good(others[i].spec, &r);
                assert_string_equal(o->info.channel, d->info.channel);
                assert_int_equal(strcmp(o->info.connection, d->info.connection) == 0,
                                 others[i].same);
                spec_free(o);
        }
        spec_free(d);
}

static void endpoints_are_host_and_port(void **state)
{
        (void)state;
        static const struct {
                const char *endpoint;
                const char *host; /* NULL: refused */
                uint16_t port;
                const char *channel;
        } cases[] = {
                { "plc.example:502", "plc.example", 502, "plc.example:502" },
                { "10.0.0.7:65535", "10.0.0.7", 65535, "10.0.0.7:65535" },
                { "[fe80::1]:502", "fe80::1", 502, "[fe80::1]:502" },
                { ":502", "localhost", 502, "localhost:502" },
                { "10.0.0.7", NULL, 0, NULL },
                { "10.0.0.7:", NULL, 0, NULL },
                { "10.0.0.7:0", NULL, 0, NULL },
                { "10.0.0.7:65536", NULL, 0, NULL },
                { "10.0.0.7:x", NULL, 0, NULL },
                { "fe80::1:502", NULL, 0, NULL },
                { "", NULL, 0, NULL },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct reports r;
                char spec[256];
                (void)snprintf(spec, sizeof(spec),
                               "{\"protocol\":{\"tcp\":{\"endpoint\":\"%s\",\"workerID\":1}}}",
                               cases[i].endpoint);
                if (!cases[i].host) {
                        assert_refused(spec, "protocol.tcp.endpoint", "expected ");
                        continue;
                }
                struct dl_device *d = good(spec, &r);
                assert_string_equal(d->host, cases[i].host);
                assert_int_equal(d->port, cases[i].port);
                assert_string_equal(d->info.channel, cases[i].channel);
                spec_free(d);
        }
}

#define RTU "\"rtu\":{\"endpoint\":\"/dev/ttyS1\",\"workerID\":1}"

static void serial_lines_are_refused_by_name_and_tcp_wins(void **state)
{
        (void)state;
        struct reports r;

        assert_refused("{\"protocol\":{" RTU "}}", "protocol.rtu",
                       "serial lines are not supported yet");
        struct dl_device *d =
                good("{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":1}," RTU "}}", &r);
        assert_true(reported(&r, DL_WARNING, "protocol.rtu"));
        spec_free(d);
        assert_refused("{\"protocol\":{}}", "protocol", "expected tcp");
        assert_refused("{}", "protocol", "");
        assert_refused("{\"protocol\":{\"rtu\":{\"endpoint\":\"ttyS1\",\"workerID\":1}}}",
                       "protocol.rtu.endpoint", "an absolute path");
}

static void bounds_are_those_of_the_contract(void **state)
{
        (void)state;
        assert_refused("{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":0}}}",
                       "protocol.tcp.workerID", "1..247");
        assert_refused("{\"protocol\":{\"tcp\":{\"endpoint\":\"h:1\",\"workerID\":248}}}",
                       "protocol.tcp.workerID", "1..247");
        assert_refused("{\"protocol\":{\"tcp\":{\"workerID\":1}}}", "protocol.tcp.endpoint", "");
        assert_refused(PROPERTY("int16", "\"register\":\"HoldingRegister\",\"offset\":65536", ""),
                       "properties[0].visitor.offset", "0..65535");
        assert_refused(PROPERTY("int16", "\"register\":\"HoldingRegister\",\"offset\":-1", ""),
                       "properties[0].visitor.offset", "0..65535");
        assert_refused(PROPERTY("int16", "\"register\":\"HoldingRegister\"", ""),
                       "properties[0].visitor.offset", "");
        assert_refused(PROPERTY("int16", "\"register\":\"HoldingRegisters\",\"offset\":1", ""),
                       "properties[0].visitor.register", "");
        assert_refused(PROPERTY("int16", HOLDING("0"), ""), "properties[0].visitor.quantity", "");
        assert_refused(PROPERTY("string", HOLDING("1"), ""), "properties[0].type", "");
        assert_refused(PROPERTY("uint32", HOLDING("126"), ""), "properties[0].visitor.quantity",
                       "expected 1..125 registers, got 126");
        assert_refused(PROPERTY("hexString",
                                "\"register\":\"CoilRegister\",\"offset\":0,\"quantity\":2001", ""),
                       "properties[0].visitor.quantity", "expected 1..2000 coils, got 2001");
        assert_refused(PROPERTY("float",
                                "\"register\":\"HoldingRegister\",\"offset\":65535,\"quantity\":2",
                                ""),
                       "properties[0].visitor.offset", "beyond 65536");
        assert_refused(SPEC_HEAD
                       "\"properties\":[{\"name\":\"p\",\"visitor\":{" HOLDING("1") "}}]}",
                       "properties[0].type", "is missing");
}

static void a_float_in_one_register_is_told_what_it_takes(void **state)
{
        (void)state;
        assert_refused(PROPERTY("float", HOLDING("1"), ""), "properties[0].visitor.quantity",
                       "expected 2, which this type takes, got 1");
}

static void desired_values_are_checked_with_their_path(void **state)
{
        (void)state;
        assert_refused(PROPERTY("int16", HOLDING("1"), ",\"value\":\"70000\""),
                       "properties[0].value", "");
        assert_refused(PROPERTY("boolean", "\"register\":\"DiscreteInputRegister\",\"offset\":0",
                                ",\"value\":\"true\""),
                       "properties[0].value", "read-only");
        assert_refused(PROPERTY("int", HOLDING("3"), ",\"value\":\"7\""), "properties[0].value",
                       "quantity must be 2 to write this type");
}

static void a_read_only_property_keeps_its_value_to_itself(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d =
                good(PROPERTY("int16", HOLDING("1"), ",\"readOnly\":true,\"value\":\"5\""), &r);

        assert_int_equal(d->info.points[0].desired.type, DL_NONE);
        assert_int_equal(d->info.points[0].access, DL_READ);
        spec_free(d);
}

static void writable_by_default_is_no_error_on_inputs(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d =
                good(PROPERTY("int16", "\"register\":\"InputRegister\",\"offset\":0", ""), &r);

        assert_int_equal(r.n, 0);
        assert_int_equal(d->info.points[0].access, DL_READ);
        spec_free(d);
}

static void hex_strings_are_shown_as_hex(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d = good(PROPERTY("hexString", HOLDING("1"), ",\"value\":\"AB12\""), &r);

        assert_int_equal(d->info.points[0].encoding, DL_AS_HEX);
        assert_int_equal(d->info.points[0].desired.len, 2);
        assert_memory_equal(d->info.points[0].desired.as.data, "\xab\x12", 2);
        spec_free(d);
}

static void operations_on_what_is_no_number_are_warned_about(void **state)
{
        (void)state;
        struct reports r;
        struct dl_device *d = good(
                PROPERTY("hexString",
                         HOLDING("1") ",\"orderOfOperations\":[{\"type\":\"Add\",\"value\":\"x\"}]",
                         ""),
                &r);

        assert_true(reported(&r, DL_WARNING, "properties[0].visitor.orderOfOperations"));
        assert_int_equal(d->properties[0].n_ops, 0);
        spec_free(d);
        assert_refused(PROPERTY("int16",
                                HOLDING("1") ",\"orderOfOperations\":[{\"type\":\"Add\",\"value\":"
                                             "\"1\"},{\"type\":\"Add\",\"value\":\"1,5\"}]",
                                ""),
                       "properties[0].visitor.orderOfOperations[1].value", "");
}

static void everything_wrong_is_said_at_once(void **state)
{
        (void)state;
        struct dl_device *d = NULL;
        struct reports r;
        struct err e = { 0 };
        static const char spec[] =
                "{\"protocol\":{\"tcp\":{\"endpoint\":\"h\",\"workerID\":999}},\"properties\":["
                "{\"name\":\"a\",\"type\":\"float\",\"visitor\":{" HOLDING(
                        "1") "}},"
                             "{\"name\":\"b\",\"type\":\"int16\",\"value\":\"x\",\"visitor\":"
                             "{" HOLDING("1") "}},"
                                              "{\"name\":\"b\",\"type\":\"int16\",\"visiter\":1,"
                                              "\"visitor\":{" HOLDING("1") "}}]}";

        assert_int_equal(compile(spec, &d, &r, &e), DL_CONFIG);
        assert_true(reported(&r, DL_ERROR, "protocol.tcp.workerID"));
        assert_true(reported(&r, DL_ERROR, "protocol.tcp.endpoint"));
        assert_true(reported(&r, DL_ERROR, "properties[0].visitor.quantity"));
        assert_true(reported(&r, DL_ERROR, "properties[1].value"));
        assert_true(reported(&r, DL_ERROR, "properties[2].name"));
        assert_true(reported(&r, DL_WARNING, "properties[2].visiter"));
}

static void what_is_no_object_is_refused(void **state)
{
        (void)state;
        static const char *const specs[] = { "",
                                             "[]",
                                             "1",
                                             "{",
                                             "null",
                                             "{\"protocol\":[]}",
                                             SPEC_HEAD "\"properties\":{}}",
                                             SPEC_HEAD "\"properties\":[1]}" };
        for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
                struct dl_device *d = NULL;
                struct reports r;
                struct err e = { 0 };
                if (compile(specs[i], &d, &r, &e) != DL_CONFIG)
                        fail_msg("accepted: %s", specs[i]);
                assert_true(e.text[0] != '\0');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_example_becomes_a_device),
                cmocka_unit_test(times_of_zero_or_less_are_the_defaults),
                cmocka_unit_test(a_device_without_properties_is_fine),
                cmocka_unit_test(only_what_makes_the_connection_is_its_identity),
                cmocka_unit_test(endpoints_are_host_and_port),
                cmocka_unit_test(serial_lines_are_refused_by_name_and_tcp_wins),
                cmocka_unit_test(bounds_are_those_of_the_contract),
                cmocka_unit_test(a_float_in_one_register_is_told_what_it_takes),
                cmocka_unit_test(desired_values_are_checked_with_their_path),
                cmocka_unit_test(a_read_only_property_keeps_its_value_to_itself),
                cmocka_unit_test(writable_by_default_is_no_error_on_inputs),
                cmocka_unit_test(hex_strings_are_shown_as_hex),
                cmocka_unit_test(operations_on_what_is_no_number_are_warned_about),
                cmocka_unit_test(everything_wrong_is_said_at_once),
                cmocka_unit_test(what_is_no_object_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
