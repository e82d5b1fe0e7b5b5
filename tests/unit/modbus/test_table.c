/* Devices of one make share their properties; what differs in anything does not. */
#include "common.h"

#include "modbus/spec.h"

#include <pthread.h>

#define DEVICE(host, properties)                                                                   \
        "{\"protocol\":{\"tcp\":{\"endpoint\":\"" host                                             \
        ":502\",\"workerID\":1}},\"properties\":[" properties "]}"
#define POINT(name, offset, more)                                                                  \
        "{\"name\":\"" name "\",\"type\":\"int16\"" more                                           \
        ",\"visitor\":{\"register\":\"HoldingRegister\",\"offset\":" offset ",\"quantity\":1}}"
#define SCALED(value)                                                                              \
        "{\"name\":\"a\",\"type\":\"int16\",\"readOnly\":true,\"visitor\":{\"register\":"          \
        "\"HoldingRegister\",\"offset\":1,\"quantity\":1,\"orderOfOperations\":[{\"type\":"        \
        "\"Add\",\"value\":\"" value "\"}]}}"

static struct dl_device *device_of(const char *spec)
{
        const struct dl_request r = { .size = sizeof(r), .spec = spec, .spec_len = strlen(spec) };
        struct dl_device *d = NULL;
        struct err e = { 0 };

        if (spec_compile(&r, &d, &e) < 0)
                fail_msg("%s: %s %s", spec, e.path, e.text);
        return d;
}

static void equal_properties_are_there_once(void **state)
{
        struct dl_device *a = device_of(DEVICE("h1", POINT("a", "1", "") "," POINT("b", "2", "")));
        struct dl_device *b = device_of(DEVICE("h2", POINT("a", "1", "") "," POINT("b", "2", "")));

        (void)state;
        assert_ptr_equal(a->info.points, b->info.points);
        assert_ptr_equal(a->properties, b->properties);
        assert_string_not_equal(a->info.channel, b->info.channel);
        spec_free(a);
        assert_string_equal(b->info.points[1].name, "b"); /* whoever goes first */
        spec_free(b);
}

static void whatever_differs_is_not_shared(void **state)
{
        static const char *const specs[] = {
                DEVICE("h", POINT("a", "1", "")),
                DEVICE("h", POINT("b", "1", "")),
                DEVICE("h", POINT("a", "2", "")),
                DEVICE("h", POINT("a", "1", "") "," POINT("b", "2", "")),
                DEVICE("h", POINT("a", "1", ",\"readOnly\":true")),
                DEVICE("h", POINT("a", "1", ",\"value\":\"1\"")),
                DEVICE("h", POINT("a", "1", ",\"value\":\"2\"")),
                DEVICE("h", SCALED("1")),
                DEVICE("h", SCALED("2")),
                DEVICE("h", "{\"name\":\"a\",\"type\":\"uint16\",\"visitor\":{\"register\":"
                            "\"HoldingRegister\",\"offset\":1,\"quantity\":1}}"),
                DEVICE("h", "{\"name\":\"a\",\"type\":\"int16\",\"visitor\":{\"register\":"
                            "\"HoldingRegister\",\"offset\":1,\"quantity\":1,\"endianness\":"
                            "\"LittleEndian\"}}"),
                DEVICE("h",
                       "{\"name\":\"a\",\"type\":\"hexString\",\"value\":\"0a0b\",\"visitor\":{"
                       "\"register\":\"HoldingRegister\",\"offset\":1,\"quantity\":1}}"),
                DEVICE("h",
                       "{\"name\":\"a\",\"type\":\"hexString\",\"value\":\"0a0c\",\"visitor\":{"
                       "\"register\":\"HoldingRegister\",\"offset\":1,\"quantity\":1}}"),
                DEVICE("h", ""),
        };
        enum { N = sizeof(specs) / sizeof(specs[0]) };
        struct dl_device *devices[N];

        (void)state;
        for (size_t i = 0; i < N; i++) {
                devices[i] = device_of(specs[i]);
                for (size_t k = 0; k < i; k++)
                        if (devices[k]->table == devices[i]->table)
                                fail_msg("%s and %s share", specs[k], specs[i]);
                struct dl_device *again = device_of(specs[i]);
                assert_ptr_equal(again->table, devices[i]->table);
                spec_free(again);
        }
        for (size_t i = 0; i < N; i++)
                spec_free(devices[i]);
}

static void a_wrong_spec_leaves_nothing_behind(void **state)
{
        static const char spec[] = DEVICE("h", POINT("a", "70000", ""));
        const struct dl_request r = { .size = sizeof(r), .spec = spec, .spec_len = strlen(spec) };
        struct dl_device *d = NULL;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(spec_compile(&r, &d, &e), DL_CONFIG);
}

static void *compile_often(void *ctx)
{
        (void)ctx;
        for (int i = 0; i < 300; i++) {
                struct dl_device *a = device_of(DEVICE("h", POINT("a", "1", "")));
                struct dl_device *b = device_of(DEVICE("h", POINT("b", "1", "")));

                spec_free(a);
                spec_free(b);
        }
        return NULL;
}

static void any_thread_may_compile_and_discard(void **state)
{
        pthread_t threads[4];

        (void)state;
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, compile_often, NULL), 0);
        for (size_t i = 0; i < 4; i++)
                (void)pthread_join(threads[i], NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_properties_are_there_once),
                cmocka_unit_test(whatever_differs_is_not_shared),
                cmocka_unit_test(a_wrong_spec_leaves_nothing_behind),
                cmocka_unit_test(any_thread_may_compile_and_discard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
