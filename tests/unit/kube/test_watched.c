/* Referenced Secrets and ConfigMaps: what is there, why one is not, and that nothing of them stays.
 */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
/* wrap: free */
#include "sim_api.h"

#include "kube/watched.h"

#include <malloc.h>

static struct watched *watched;
static unsigned changes;

/* Memory that was freed while it held one of these. */
static const char *const secrets[] = { "aHVudGVyMg==", "hunter2" };
static bool is_looking;
static unsigned left_behind;

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
        for (size_t i = 0; p && is_looking && i < sizeof(secrets) / sizeof(secrets[0]); i++)
                left_behind +=
                        memmem(p, malloc_usable_size(p), secrets[i], strlen(secrets[i])) != NULL;
        __real_free(p);
}

static void on_changed(void *ctx)
{
        (void)ctx;
        changes++;
}

static int set_up(void **state)
{
        struct watched_config c = { .changed = on_changed };

        (void)state;
        memset(&sim, 0, sizeof(sim));
        sim.now_ns = 1000 * NS_PER_S;
        changes = 0;
        left_behind = 0;
        watched = watched_new(&c);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        watched_free(watched);
        is_looking = false;
        assert_null(sim.calls);
        assert_int_equal(sim.n_timers, 0);
        return 0;
}

static void want_one(enum object_kind kind)
{
        watched_begin(watched);
        watched_add(watched, kind, "ns", "s");
        watched_end(watched);
        sim_pass(0);
}

static bool event(const char *type, int version, const char *rest)
{
        return sim_line(sim_call(),
                        "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"s\",\"namespace\":"
                        "\"ns\",\"uid\":\"u\",\"resourceVersion\":\"%d\",\"annotations\":{"
                        "\"kubectl.kubernetes.io/last-applied-configuration\":\"aHVudGVyMg==\"}}"
                        "%s}}",
                        type, version, rest);
}

/* What there is, as the list that is asked for first has it; the watch begins. */
static void read_all(const char *rest)
{
        auto_free char *body = xasprintf(
                "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[%s%s%s]}",
                rest ? "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\",\"uid\":\"u\","
                       "\"resourceVersion\":\"5\"}"
                     : "",
                rest ? rest : "", rest ? "}" : "");

        sim_http(sim_call(), 200, "application/json", body);
        sim_pass(0);
        sim_began(sim_call());
}

static void assert_trouble(enum object_kind kind, const char *text, bool unknown)
{
        bool is_unknown = !unknown;
        const char *now = watched_trouble(watched, kind, "ns", "s", &is_unknown);

        if (text)
                assert_string_equal(now, text);
        else
                assert_null(now);
        assert_int_equal(is_unknown, unknown);
}

static void assert_item(enum object_kind kind, const char *key, const char *value)
{
        struct object_index x = { 0 };
        struct findings f = { 0 };

        watched_index(watched, &x);
        object_index_seal(&x, &f);
        const struct object *o = object_find(&x, kind, "ns", "s");
        if (!value) {
                assert_null(o);
        } else {
                assert_non_null(o);
                assert_non_null(object_item(o, key));
                assert_string_equal(object_item(o, key)->data, value);
        }
        object_index_done(&x);
        findings_done(&f);
}

/* --- */

static void why_one_is_not_there_is_told_apart(void **state)
{
        (void)state;
        want_one(OBJECT_SECRET);
        assert_trouble(OBJECT_SECRET, "not read yet", true);
        sim_no_answer(sim_call());
        assert_trouble(OBJECT_SECRET, "not read yet", true);
        sim_pass(NS_PER_S);
        sim_status(sim_call(), 403, "Forbidden", "you may not watch secrets");
        assert_trouble(OBJECT_SECRET, "forbidden: you may not watch secrets", false);
        sim_pass(2 * NS_PER_S);
        assert_int_equal(changes, 1);
        read_all(NULL);
        assert_trouble(OBJECT_SECRET, "not found", false);
        sim_pass(0);
        assert_int_equal(changes, 2);
        assert_true(event("ADDED", 11, ",\"data\":{\"a\":\"aHVudGVyMg==\"}"));
        assert_trouble(OBJECT_SECRET, NULL, false);
        assert_item(OBJECT_SECRET, "a", "hunter2");
        sim_pass(0);
        assert_int_equal(changes, 3);
        assert_trouble(OBJECT_CONFIG_MAP, "not read yet", true); /* nobody asked for it */
}

static void what_was_read_stays_through_trouble(void **state)
{
        (void)state;
        want_one(OBJECT_SECRET);
        read_all(",\"data\":{\"a\":\"aHVudGVyMg==\"}");
        sim_pass(0);
        assert_int_equal(changes, 1);
        sim_no_answer(sim_call());
        sim_pass(NS_PER_S);
        sim_status(sim_call(), 403, "Forbidden", "no");
        sim_pass(0);
        assert_item(OBJECT_SECRET, "a", "hunter2");
        assert_trouble(OBJECT_SECRET, NULL, false);
        assert_int_equal(changes, 1);
}

static void only_other_content_is_a_change(void **state)
{
        (void)state;
        want_one(OBJECT_CONFIG_MAP);
        read_all(",\"data\":{\"a\":\"1\",\"b\":\"2\"}");
        sim_pass(0);
        assert_int_equal(changes, 1);
        assert_true(event("MODIFIED", 11, ",\"data\":{\"b\":\"2\",\"a\":\"1\"},\"x\":1"));
        sim_pass(0);
        assert_int_equal(changes, 1);
        assert_true(event("MODIFIED", 12, ",\"data\":{\"a\":\"1\"}"));
        sim_pass(0);
        assert_int_equal(changes, 2);
        assert_true(event("MODIFIED", 13, ",\"data\":{\"a\":\"9\"}"));
        assert_true(event("MODIFIED", 14, ",\"data\":{\"a\":\"8\"}"));
        sim_pass(0);
        assert_int_equal(changes, 3); /* two in one turn */
        assert_item(OBJECT_CONFIG_MAP, "a", "8");
        assert_true(event("DELETED", 15, ""));
        sim_pass(0);
        assert_int_equal(changes, 4);
        assert_item(OBJECT_CONFIG_MAP, "a", NULL);
        assert_trouble(OBJECT_CONFIG_MAP, "not found", false);
}

/* reference A9 105 */
static void what_cannot_be_decoded_is_told_without_its_content(void **state)
{
        bool unknown = false;

        (void)state;
        want_one(OBJECT_SECRET);
        read_all(",\"data\":{\"a\":\"aHVudGVyMg==\"}");
        assert_true(event("MODIFIED", 11, ",\"data\":{\"a\":\"hunter2!\"}"));
        assert_item(OBJECT_SECRET, "a", NULL);
        const char *text = watched_trouble(watched, OBJECT_SECRET, "ns", "s", &unknown);
        assert_non_null(strstr(text, "cannot be read: data.a: expected standard Base64"));
        assert_null(strstr(text, "hunter2"));
        assert_false(unknown);
        assert_true(event("MODIFIED", 12, ",\"data\":{\"a\":\"aHVudGVyMg==\"}"));
        assert_item(OBJECT_SECRET, "a", "hunter2");
        assert_trouble(OBJECT_SECRET, NULL, false);
}

/* reference A1 15, A9 107 */
static void nothing_of_a_secret_is_left_in_memory_that_was_given_back(void **state)
{
        static const char line[] =
                "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\","
                "\"uid\":\"u\",\"resourceVersion\":\"%d\",\"managedFields\":[1],\"annotations\":{"
                "\"last-applied\":\"aHVudGVyMg==\"}},\"data\":{\"%s\":\"aHVudGVyMg==\"}}}";

        (void)state;
        want_one(OBJECT_SECRET);
        read_all(NULL);
        struct kube_call *c = sim_call();
        c->is_calling = true;
        auto_free char *added = xasprintf(line, "ADDED", 11, "a");
        auto_free char *again = xasprintf(line, "MODIFIED", 12, "a"); /* the same content */
        auto_free char *other = xasprintf(line, "MODIFIED", 13, "b");
        auto_free char *gone = xasprintf(line, "DELETED", 14, "b");
        is_looking = true;
        c->line(c->ctx, added, strlen(added));
        c->line(c->ctx, again, strlen(again));
        c->line(c->ctx, other, strlen(other));
        c->line(c->ctx, gone, strlen(gone));
        c->line(c->ctx, added, strlen(added));
        watched_begin(watched);
        watched_end(watched); /* nobody needs it any more */
        is_looking = false;
        c->is_calling = false;
        assert_true(c->cancelled);
        sim_drop(c);
        assert_int_equal(left_behind, 0);
        char *noticed = xstrdup("hunter2"); /* the test would see it */
        is_looking = true;
        free(noticed);
        assert_int_equal(left_behind, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(why_one_is_not_there_is_told_apart),
                TEST(what_was_read_stays_through_trouble),
                TEST(only_other_content_is_a_change),
                TEST(what_cannot_be_decoded_is_told_without_its_content),
                TEST(nothing_of_a_secret_is_left_in_memory_that_was_given_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
