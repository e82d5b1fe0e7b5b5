/* Events on a real API server: taken as they are, one for the same, refused without harm. */
/* libs: dl_kube */
#include "turned.h"

#include "kube/events.h"

#include <stdio.h>
#include <unistd.h>

static struct kube kube;
static struct turned client;
static struct events *events;

static void open_events(const char *kubeconfig)
{
        turned_up(&client, kubeconfig);
        events = events_new(&(struct events_config){
                .api = client.api, .controller = "edge.cattle.io/limb", .instance = "edge-1" });
}

static int up(void **state)
{
        (void)state;
        kube_up(&kube);
        open_events(kube.kubeconfig);
        return 0;
}

static void close_events(void)
{
        events_free(events);
        events = NULL;
        turned_down(&client);
}

static int down(void **state)
{
        (void)state;
        close_events();
        kube_down(&kube);
        return 0;
}

static void say_in(const char *space, const char *name, const char *note)
{
        struct event_about about = { .api_version = "edge.cattle.io/v1alpha1",
                                     .kind = "DeviceLink",
                                     .space = space,
                                     .name = name,
                                     .uid = "6f1c" };

        events_say(events, &about, true, "FailedConnected", "Connecting", note);
}

static void say(const char *note)
{
        say_in(kube.space, "pump", note);
}

static void turn(int ms)
{
        (void)turned_run(&client, ms, NULL, NULL);
}

static bool has_dropped(void *ctx)
{
        (void)ctx;
        return events_dropped(events) > 0;
}

/* All Events of the namespace. */
static struct json_object *listed(void)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events",
                       kube.space);
        struct json_object *list = kube_get(&kube, path);
        assert_non_null(list);
        struct json_object *items = json_object_get(json_object_object_get(list, "items"));
        json_object_put(list);
        return items;
}

/* The only one. */
static struct json_object *only(void)
{
        struct json_object *items = listed();

        assert_int_equal(json_object_array_length(items), 1);
        struct json_object *ret = json_object_get(json_object_array_get_idx(items, 0));
        json_object_put(items);
        return ret;
}

static void the_server_takes_an_event_as_it_is_said(void **state)
{
        static const char *const want[][2] = {
                { "reason", "FailedConnected" },
                { "action", "Connecting" },
                { "type", "Warning" },
                { "note", "cannot connect to device: \"x\"\n" },
                { "reportingController", "edge.cattle.io/limb" },
                { "reportingInstance", "edge-1" },
                { "regarding.apiVersion", "edge.cattle.io/v1alpha1" },
                { "regarding.kind", "DeviceLink" },
                { "regarding.name", "pump" },
                { "regarding.uid", "6f1c" },
        };
        char *said = NULL;

        (void)state;
        say("cannot connect to device: \"x\"\n");
        turn(500);
        struct json_object *e = only();
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                assert_string_equal(text_at(e, want[i][0]), want[i][1]);
        assert_string_equal(text_at(e, "regarding.namespace"), kube.space);
        assert_int_equal(strlen(text_at(e, "eventTime")), strlen("2024-01-02T02:04:05.123456Z"));
        json_object_put(e);

        /* As people see it. */
        const char *argv[] = { "get", "events", "--for", "devicelink/pump", NULL };
        (void)kube_ctl(&kube, &said, argv);
        free(said);
        const char *all[] = { "get", "events", "-o", "wide", NULL };
        assert_int_equal(kube_ctl(&kube, &said, all), 0);
        assert_non_null(strstr(said, "FailedConnected"));
        assert_non_null(strstr(said, "devicelink/pump"));
        assert_non_null(strstr(said, "edge.cattle.io/limb, edge-1"));
        free(said);
        assert_int_equal(events_dropped(events), 0);
}

static void the_same_again_is_a_series_on_one_event(void **state)
{
        (void)state;
        for (int i = 0; i < 20; i++) {
                say("no answer");
                turn(20);
        }
        turn(300);
        struct json_object *e = only();
        /* Some while the first was under way, then the first repeat at once; the rest in half an
         * hour. */
        long count = strtol(text_at(e, "series.count"), NULL, 10);
        assert_in_range(count, 2, 20);
        assert_int_equal(strlen(text_at(e, "series.lastObservedTime")),
                         strlen("2024-01-02T02:04:05.123456Z"));
        json_object_put(e);
        say("connection refused");
        turn(300);
        struct json_object *items = listed();
        assert_int_equal(json_object_array_length(items), 2);
        json_object_put(items);
        assert_int_equal(events_dropped(events), 0);
}

static void an_event_that_is_gone_is_made_anew(void **state)
{
        char path[480], first[300];

        (void)state;
        say("no answer");
        turn(500);
        struct json_object *e = only();
        (void)snprintf(first, sizeof(first), "%s", text_at(e, "metadata.name"));
        json_object_put(e);
        (void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events/%s",
                       kube.space, first);
        assert_int_equal(kube_request(&kube, "DELETE", path, NULL, NULL, NULL), 200);
        say("no answer");
        turn(500);
        e = only();
        assert_string_not_equal(text_at(e, "metadata.name"), first);
        assert_string_equal(text_at(e, "series.count"), "");
        json_object_put(e);
}

static void the_longest_names_and_notes_are_taken(void **state)
{
        char name[254], note[4001];

        (void)state;
        for (size_t i = 0; i < 253; i++)
                name[i] = i % 60 == 59 ? '.' : 'n';
        name[253] = '\0';
        for (size_t i = 0; i < 4000; i++)
                note[i] = "\xe2\x82\xac"[i % 3];
        note[4000] = '\0';
        say_in(kube.space, name, note);
        say_in(kube.space, "odd", "\x01\xff<>&\xe2\x80\xa8");
        turn(500);
        assert_int_equal(events_dropped(events), 0);
        struct json_object *items = listed();
        assert_int_equal(json_object_array_length(items), 2);
        for (size_t i = 0; i < 2; i++) {
                struct json_object *e = json_object_array_get_idx(items, i);

                if (strcmp(text_at(e, "regarding.name"), name) == 0)
                        assert_in_range(strlen(text_at(e, "note")), 1022, 1024);
                else
                        assert_string_equal(text_at(e, "note"), "\x01?<>&\xe2\x80\xa8");
        }
        json_object_put(items);
}

static void what_has_no_namespace_is_told_in_default(void **state)
{
        struct event_about node = {
                .api_version = "v1", .kind = "Node", .name = kube.node, .uid = "1"
        };
        char selector[128];

        (void)state;
        events_say(events, &node, false, "Seen", "Watching", "here");
        turn(500);
        assert_int_equal(events_dropped(events), 0);
        (void)snprintf(selector, sizeof(selector), "involvedObject.name=%s", kube.node);
        const char *argv[] = { "delete",           "events", "--namespace", "default",
                               "--field-selector", selector, NULL };
        char *said = NULL;
        assert_int_equal(kube_ctl(&kube, &said, argv), 0);
        assert_non_null(strstr(said, "deleted"));
        free(said);
}

/* --- refusals */

static void without_the_namespace_it_is_dropped(void **state)
{
        (void)state;
        say_in("nowhere-at-all", "pump", "x");
        turned_wait(&client, 3000, has_dropped, NULL, "dropped");
        turn(1000);
        assert_int_equal(events_dropped(events), 1);
        say("still here");
        turn(300);
        json_object_put(only());
}

static void post(const char *path, const char *body)
{
        assert_int_equal(kube_request(&kube, "POST", path, NULL, body, NULL), 201);
}

static void in_a_namespace_that_is_going_it_is_dropped(void **state)
{
        char path[256], body[256], going[128];

        (void)state;
        (void)snprintf(going, sizeof(going), "%s-going", kube.space);
        (void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", going);
        post("/api/v1/namespaces", body);
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps", going);
        post(path, "{\"metadata\":{\"name\":\"stays\",\"finalizers\":[\"test/stays\"]}}");
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s", going);
        assert_int_equal(kube_request(&kube, "DELETE", path, NULL, NULL, NULL), 200);

        say_in(going, "pump", "x");
        turned_wait(&client, 3000, has_dropped, NULL, "dropped");
        turn(500);
        assert_int_equal(events_dropped(events), 1);
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/stays", going);
        assert_int_equal(kube_request(&kube, "PATCH", path, "application/merge-patch+json",
                                      "{\"metadata\":{\"finalizers\":null}}", NULL),
                         200);
}

static void without_the_right_it_is_dropped(void **state)
{
        char file[] = "/tmp/devicelink-events-XXXXXX";
        int fd = mkstemp(file);
        FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

        (void)state;
        assert_non_null(f);
        kube_node(&kube, kube.node, "10.0.0.1");
        kube_apply(&kube, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, "
                          "namespace: {space}}}\n");
        char *token = kube_node_token(&kube, kube.space, "nobody", kube.node);
        (void)fprintf(f,
                      "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                      "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
                      "clusters: [{name: c, cluster: {server: \"%s\", "
                      "insecure-skip-tls-verify: true}}]\n"
                      "users: [{name: u, user: {token: \"%s\"}}]\n",
                      kube.server, token);
        assert_int_equal(fclose(f), 0);
        free(token);
        close_events();
        open_events(file);
        (void)unlink(file);
        say("x");
        turned_wait(&client, 3000, has_dropped, NULL, "dropped");
        turn(500);
        assert_int_equal(events_dropped(events), 1);
}

/* Many at once are all taken, and none of them keeps the caller waiting. */
static void a_storm_is_taken_in_the_end(void **state)
{
        (void)state;
        int64_t begin_ns = clock_mono_ns();
        for (int i = 0; i < 200; i++) {
                char name[32];

                (void)snprintf(name, sizeof(name), "pump-%d", i);
                say_in(kube.space, name, "x");
        }
        assert_true(clock_mono_ns() - begin_ns < NS_PER_S / 2);
        turn(4000);
        struct json_object *items = listed();
        assert_int_equal(json_object_array_length(items), 200);
        json_object_put(items);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
        const struct CMUnitTest tests[] = {
                TEST(the_server_takes_an_event_as_it_is_said),
                TEST(the_same_again_is_a_series_on_one_event),
                TEST(an_event_that_is_gone_is_made_anew),
                TEST(the_longest_names_and_notes_are_taken),
                TEST(what_has_no_namespace_is_told_in_default),
                TEST(without_the_namespace_it_is_dropped),
                TEST(in_a_namespace_that_is_going_it_is_dropped),
                TEST(without_the_right_it_is_dropped),
                TEST(a_storm_is_taken_in_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
