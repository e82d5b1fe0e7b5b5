/* The dummy adaptor as its host sees it: specs, points, samples. */
/* wrap: clock_mono_ns */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <devicelink/adaptor.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int64_t __wrap_clock_mono_ns(void);

static int64_t now_ns;

int64_t __wrap_clock_mono_ns(void)
{
        return now_ns;
}

struct dl_sink {
        char text[4096]; /* samples as "point=value " */
        unsigned samples;
        unsigned bad;
};

static void emit(struct dl_sink *k, const struct dl_sample *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                size_t at = strlen(k->text);
                const struct dl_value *v = &s[i].value;

                k->samples++;
                k->bad += s[i].quality != DL_GOOD;
                if (v->type == DL_INT)
                        (void)snprintf(k->text + at, sizeof(k->text) - at, "%u=%lld ", s[i].point,
                                       (long long)v->as.i);
                else
                        (void)snprintf(k->text + at, sizeof(k->text) - at, "%u=%.*s ", s[i].point,
                                       (int)v->len, (const char *)v->as.data);
        }
}

static uint32_t seven(void)
{
        return 7;
}

static const struct dl_host host = { .size = sizeof(host), .emit = emit, .random = seven };

struct report {
        char text[4096]; /* "E path: text\n" */
};

static void report(void *ctx, enum dl_severity severity, const char *path, const char *text)
{
        struct report *r = ctx;
        size_t at = strlen(r->text);

        (void)snprintf(r->text + at, sizeof(r->text) - at, "%c %s: %s\n",
                       severity == DL_ERROR ? 'E' : 'W', path, text);
}

static int compile(const char *kind, const char *spec, struct dl_device **ret, struct report *r,
                   struct dl_error *e)
{
        const struct dl_request request = {
                .size = sizeof(request),
                .api_version = "devices.edge.cattle.io/v1alpha1",
                .kind = kind,
                .space = "default",
                .name = "test",
                .spec = spec,
                .spec_len = strlen(spec),
                .report = report,
                .report_ctx = r,
        };

        return dl_adaptor_v1(&host)->compile(&request, ret, e);
}

static struct dl_device *good(const char *kind, const char *spec)
{
        struct report r = { 0 };
        struct dl_error e = { 0 };
        struct dl_device *d = NULL;

        assert_int_equal(compile(kind, spec, &d, &r, &e), DL_OK);
        assert_string_equal(r.text, "");
        return d;
}

static void refused(const char *kind, const char *spec, const char *path, const char *says)
{
        struct report r = { 0 };
        struct dl_error e = { 0 };
        struct dl_device *d = NULL;

        assert_int_equal(compile(kind, spec, &d, &r, &e), DL_CONFIG);
        assert_null(d);
        assert_string_equal(e.path, path);
        if (!strstr(e.text, says))
                assert_string_equal(e.text, says);
        if (path[0])
                assert_non_null(strstr(r.text, path));
}

static void wrong_specs_are_refused_with_their_path(void **state)
{
        const char *special = "DummySpecialDevice";
        const char *protocol = "DummyProtocolDevice";

        (void)state;
        refused(special, "{\"protocol\":{\"location\":\"hall\"}}", "on", "required");
        refused(special, "{\"on\":true}", "protocol", "required");
        refused(special, "{\"protocol\":{},\"on\":true}", "protocol.location", "required");
        refused(special, "{\"protocol\":{\"location\":\"x\"},\"on\":\"yes\"}", "on", "expected");
        refused(special, "{\"protocol\":{\"location\":\"x\"},\"on\":true,\"gear\":\"warp\"}",
                "gear", "slow");
        refused(special, "[1]", "", "expected");
        refused(special, "{", "", "");
        refused("ToasterDevice", "{}", "", "expected DummySpecialDevice or DummyProtocolDevice");
        refused(protocol, "{}", "protocol", "required");
        refused(protocol, "{\"protocol\":{}}", "protocol.ip", "required");
        refused(protocol, "{\"protocol\":{\"ip\":\"x\"},\"properties\":[]}", "properties",
                "expected a map");
        refused(protocol, "{\"protocol\":{\"ip\":\"x\"},\"properties\":{\"a\":{}}}",
                "properties.a.type", "required");
        refused(protocol,
                "{\"protocol\":{\"ip\":\"x\"},\"properties\":{\"a\":{\"type\":\"array\","
                "\"arrayProperties\":{\"type\":\"object\",\"objectProperties\":{\"b\":"
                "{\"type\":\"complex\"}}}}}}",
                "properties.a.arrayProperties.objectProperties.b.type", "string");
}

static void properties_nest_only_so_deep(void **state)
{
        auto_of(buf) struct buf spec = BUF(1 << 16);
        const struct dl_adaptor *a = dl_adaptor_v1(&host);

        (void)state;
        for (int levels = 16; levels <= 17; levels++) {
                struct report r = { 0 };
                struct dl_error e = { 0 };
                struct dl_device *d = NULL;

                buf_clear(&spec);
                buf_adds(&spec, "{\"protocol\":{\"ip\":\"x\"},\"properties\":{\"a\":");
                for (int i = 1; i < levels; i++)
                        buf_adds(&spec, "{\"type\":\"array\",\"arrayProperties\":");
                buf_adds(&spec, "{\"type\":\"int\"}");
                for (int i = 1; i < levels; i++)
                        buf_addc(&spec, '}');
                buf_adds(&spec, "}}");
                int rc = compile("DummyProtocolDevice", buf_text(&spec), &d, &r, &e);
                assert_int_equal(rc, levels == 16 ? DL_OK : DL_CONFIG);
                if (rc == DL_OK)
                        a->discard(d);
                else
                        assert_string_equal(e.text, "expected at most 16 levels of properties");
        }
}

static void everything_wrong_is_reported_not_only_the_first(void **state)
{
        struct report r = { 0 };
        struct dl_error e = { 0 };
        struct dl_device *d = NULL;

        (void)state;
        assert_int_equal(compile("DummyProtocolDevice",
                                 "{\"protocl\":1,\"properties\":{\"a\":{\"type\":\"x\"},\"b\":7}}",
                                 &d, &r, &e),
                         DL_CONFIG);
        assert_non_null(strstr(r.text, "W protocl: "));
        assert_non_null(strstr(r.text, "E protocol: "));
        assert_non_null(strstr(r.text, "E properties.a.type: "));
        assert_non_null(strstr(r.text, "E properties.b: "));
}

static const uint32_t both[] = { 0, 1 };

static void a_special_device_is_a_flat_document_that_follows_the_clock(void **state)
{
        const struct dl_adaptor *a = dl_adaptor_v1(&host);
        struct dl_device *d =
                good("DummySpecialDevice", "{\"protocol\":{\"location\":\"hall\"},\"on\":true,"
                                           "\"gear\":\"fast\",\"extension\":{\"mqtt\":{}}}");
        const struct dl_info *info = a->describe(d);
        struct dl_sink sink = { 0 };
        struct dl_link *l = NULL;
        struct dl_error e = { 0 };

        (void)state;
        assert_int_equal(info->layout, DL_LAYOUT_FLAT);
        assert_string_equal(info->time_key, "");
        assert_int_equal(info->n_points, 2);
        assert_string_equal(info->points[0].name, "gear");
        assert_string_equal(info->points[1].name, "rotatingSpeed");
        assert_int_equal(info->interval_ns, NS_PER_S);
        now_ns = 50 * NS_PER_S;
        assert_int_equal(a->open(d, &sink, &l, &e), DL_OK);
        now_ns = 60 * NS_PER_S;
        assert_int_equal(a->read(l, both, 2, &e), DL_OK);
        now_ns = 61 * NS_PER_S;
        assert_int_equal(a->read(l, both, 2, &e), DL_OK);
        assert_string_equal(sink.text, "0=fast 1=200 0=fast 1=201 ");
        a->close(l);
        a->discard(d);
}

static void an_update_turns_off_and_on_without_losing_the_speed(void **state)
{
        const struct dl_adaptor *a = dl_adaptor_v1(&host);
        const char *kind = "DummySpecialDevice";
        struct dl_device *on = good(kind, "{\"protocol\":{\"location\":\"x\"},\"on\":true}");
        struct dl_device *off = good(kind, "{\"protocol\":{\"location\":\"x\"},\"on\":false}");
        struct dl_device *other = good("DummyProtocolDevice", "{\"protocol\":{\"ip\":\"x\"}}");
        struct dl_sink sink = { 0 };
        struct dl_link *l = NULL;
        struct dl_error e = { 0 };

        (void)state;
        assert_int_equal(a->describe(on)->interval_ns, 3 * NS_PER_S);
        assert_int_equal(a->describe(off)->interval_ns, 0);
        assert_string_equal(a->describe(on)->connection, a->describe(off)->connection);
        now_ns = 0;
        assert_int_equal(a->open(off, &sink, &l, &e), DL_OK);
        assert_int_equal(a->read(l, both, 2, &e), DL_OK);
        assert_string_equal(sink.text, ""); /* never on: no status */
        assert_int_equal(a->update(l, on, &e), DL_OK);
        assert_int_equal(a->read(l, &both[1], 1, &e), DL_OK);
        now_ns = 6 * NS_PER_S;
        assert_int_equal(a->update(l, off, &e), DL_OK);
        now_ns = 90 * NS_PER_S;
        assert_int_equal(a->read(l, &both[1], 1, &e), DL_OK);
        assert_int_equal(a->update(l, on, &e), DL_OK);
        assert_int_equal(a->read(l, &both[1], 1, &e), DL_OK);
        now_ns = 93 * NS_PER_S;
        assert_int_equal(a->read(l, both, 2, &e), DL_OK);
        assert_string_equal(sink.text, "1=0 1=2 1=2 0=slow 1=3 ");
        assert_string_not_equal(a->describe(other)->connection, a->describe(on)->connection);
        assert_int_not_equal(a->update(l, other, &e), DL_OK);
        a->close(l);
        a->discard(on);
        a->discard(off);
        a->discard(other);
}

static void a_protocol_device_is_a_sorted_map_of_values(void **state)
{
        const struct dl_adaptor *a = dl_adaptor_v1(&host);
        struct dl_device *d =
                good("DummyProtocolDevice",
                     "{\"protocol\":{\"ip\":\"127.0.0.1\"},\"properties\":{"
                     "\"b\":{\"type\":\"int\",\"description\":\"x\",\"readOnly\":true},"
                     "\"unknown\":{\"type\":\"array\"},"
                     "\"B\":{\"type\":\"boolean\"},"
                     "\"a\":{\"type\":\"float\"}}}");
        const struct dl_info *info = a->describe(d);
        static const uint32_t all[] = { 0, 1, 2 };
        static const uint32_t none_such[] = { 3 };
        struct dl_sink sink = { 0 };
        struct dl_link *l = NULL;
        struct dl_error e = { 0 };

        (void)state;
        assert_int_equal(info->layout, DL_LAYOUT_MAP);
        assert_int_equal(info->interval_ns, 2 * NS_PER_S);
        assert_int_equal(info->n_points, 3);
        assert_string_equal(info->points[0].name, "B");
        assert_string_equal(info->points[1].name, "a");
        assert_string_equal(info->points[2].name, "b");
        assert_int_equal(a->open(d, &sink, &l, &e), DL_OK);
        assert_int_equal(a->read(l, all, 3, &e), DL_OK);
        assert_string_equal(sink.text, "0={\"type\":\"boolean\",\"booleanValue\":true} "
                                       "1={\"type\":\"float\",\"floatValue\":\"7u\"} "
                                       "2={\"type\":\"int\",\"intValue\":7} ");
        a->interrupt(l);
        assert_int_equal(a->read(l, all, 1, &e), DL_OK);
        assert_int_equal(a->read(l, none_such, 1, &e), DL_BUG);
        a->close(l);
        a->discard(d);
}

static void the_names_of_the_tagged_release_are_read_too(void **state)
{
        struct report r = { 0 };
        struct dl_error e = { 0 };
        struct dl_device *d = NULL;

        (void)state;
        assert_int_equal(compile("DummyProtocolDevice",
                                 "{\"protocol\":{\"ip\":\"x\"},\"props\":{\"a\":{\"type\":"
                                 "\"object\",\"objectProps\":{\"b\":{\"type\":\"int\"}}}}}",
                                 &d, &r, &e),
                         DL_OK);
        assert_int_equal(dl_adaptor_v1(&host)->describe(d)->n_points, 1);
        dl_adaptor_v1(&host)->discard(d);
}

static void a_value_over_the_limit_is_bad_and_harms_no_other(void **state)
{
        const struct dl_adaptor *a = dl_adaptor_v1(&host);
        auto_of(buf) struct buf spec = BUF(1 << 20);
        struct dl_sink sink = { 0 };
        struct dl_link *l = NULL;
        struct dl_error e = { 0 };

        (void)state;
        buf_adds(&spec,
                 "{\"protocol\":{\"ip\":\"x\"},\"properties\":{\"a\":{\"type\":\"int\"},"
                 "\"big\":{\"type\":\"object\",\"objectProperties\":{\"m\":{\"type\":\"int\"}");
        for (int i = 0; i < 4000; i++)
                buf_addf(&spec, ",\"m%d\":{\"type\":\"int\"}", i);
        buf_adds(&spec, "}}}}");
        struct dl_device *d = good("DummyProtocolDevice", buf_text(&spec));
        assert_int_equal(a->open(d, &sink, &l, &e), DL_OK);
        assert_int_equal(a->read(l, both, 2, &e), DL_OK);
        assert_int_equal(sink.samples, 2);
        assert_int_equal(sink.bad, 1);
        a->close(l);
        a->discard(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wrong_specs_are_refused_with_their_path),
                cmocka_unit_test(properties_nest_only_so_deep),
                cmocka_unit_test(everything_wrong_is_reported_not_only_the_first),
                cmocka_unit_test(a_special_device_is_a_flat_document_that_follows_the_clock),
                cmocka_unit_test(an_update_turns_off_and_on_without_losing_the_speed),
                cmocka_unit_test(a_protocol_device_is_a_sorted_map_of_values),
                cmocka_unit_test(the_names_of_the_tagged_release_are_read_too),
                cmocka_unit_test(a_value_over_the_limit_is_bad_and_harms_no_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
