/* The client of the API server against a real one: what its answers mean. */
/* libs: dl_kube */
#include "client.h"

#include "base/log.h"
#include "kube/api_answer.h"
#include "kube/reflector_event.h"

#include <fcntl.h>

static struct client client;

static int up(void **state)
{
        (void)state;
        client_up(&client, false, NULL);
        client_crd(&client, "one", true);
        return 0;
}

static int down(void **state)
{
        (void)state;
        client_down(&client);
        return 0;
}

#define ask(...) client_ask(&client, __VA_ARGS__)

/* reference A6 80, 74; octopus: a POST that finds its object there */
static void objects_are_made_once_read_changed_and_removed(void **state)
{
        auto_free char *list = client_thing_path(&client, NULL);
        auto_free char *path = client_thing_path(&client, "a");
        auto_free char *body = client_thing_body(&client, "a", "n1", 1);
        struct client_said s = ask("POST", list, NULL, body);

        (void)state;
        assert_int_equal(s.class, KUBE_OK);
        assert_int_equal(s.status, 201);
        assert_true(s.uid[0] != '\0');
        s = ask("POST", list, NULL, body);
        assert_int_equal(s.class, KUBE_EXISTS);
        assert_string_equal(s.reason, "AlreadyExists");
        struct client_said got = ask("GET", path, NULL, NULL);
        assert_int_equal(got.class, KUBE_OK);
        s = ask("PATCH", path, KUBE_MERGE_PATCH, "{\"spec\":{\"n\":2}}");
        assert_int_equal(s.class, KUBE_OK);
        assert_string_not_equal(s.version, got.version);
        s = ask("DELETE", path, NULL, "{\"preconditions\":{\"uid\":\"other\"}}");
        assert_int_equal(s.class, KUBE_CONFLICT);
        s = ask("DELETE", path, NULL, NULL);
        assert_int_equal(s.class, KUBE_OK);
        s = ask("GET", path, NULL, NULL);
        assert_int_equal(s.class, KUBE_MISSING);
        assert_false(s.no_resource);
        assert_non_null(strstr(s.message, "not found"));
}

/* reference A6 75, 76, 77, 73, A3 35 */
static void a_write_that_can_never_work_is_told_from_one_that_was_late(void **state)
{
        auto_free char *path = client_thing_path(&client, "b");
        auto_free char *missing = client_thing_path(&client, "missing");
        auto_free char *list = client_thing_path(&client, NULL);
        auto_free char *unordered = xasprintf("%s?resourceVersionMatch=Exact", list);
        auto_free char *whole = client_thing_body(&client, "b", "n1", 3);
        auto_free char *apply =
                xasprintf("{\"apiVersion\":\"%s/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
                          "\"b\"},\"spec\":{\"nonsense\":1}}",
                          client.group);
        struct client_said s;

        (void)state;
        client_thing(&client, "b", "n1", 1);
        s = ask("PATCH", path, KUBE_MERGE_PATCH,
                "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"n\":2}}");
        assert_int_equal(s.class, KUBE_CONFLICT);
        s = ask("PATCH", path, KUBE_JSON_PATCH,
                "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"x\"}]");
        assert_int_equal(s.class, KUBE_REFUSED);
        assert_int_equal(s.status, 422);
        s = ask("PUT", path, NULL, whole);
        assert_int_equal(s.class, KUBE_REFUSED);
        s = ask("PATCH", path, "application/strategic-merge-patch+json", "{}");
        assert_int_equal(s.status, 415);
        assert_int_equal(s.class, KUBE_REFUSED);
        s = ask("PATCH", path, "application/apply-patch+yaml", apply);
        assert_int_equal(s.status, 500);
        assert_int_equal(s.class, KUBE_REFUSED);
        s = ask("PATCH", path, KUBE_MERGE_PATCH, "{\"spec\":{\"n\":\"text\"}}");
        assert_int_equal(s.status, 422);
        assert_int_equal(s.class, KUBE_REFUSED);
        s = ask("PATCH", missing, KUBE_MERGE_PATCH, "{}");
        assert_int_equal(s.class, KUBE_MISSING);
        s = ask("GET", unordered, NULL, NULL);
        assert_int_equal(s.status, 422);
}

/* reference A2 25 */
static void a_resource_that_is_not_there_is_told_from_an_object(void **state)
{
        struct kube_resource none = { client.group, "v1", "nothings" };
        auto_free char *path = kube_path(&none, client.kube.space, "a", NULL);
        auto_free char *list = kube_path(&none, client.kube.space, NULL, NULL);
        struct client_said s = ask("GET", path, NULL, NULL);

        (void)state;
        assert_int_equal(s.class, KUBE_MISSING);
        assert_true(s.no_resource);
        s = ask("GET", list, NULL, NULL);
        assert_true(s.no_resource);
}

/* reference A2 28 */
static void odd_names_reach_nothing_else(void **state)
{
        auto_free char *none = client_thing_path(&client, "");
        auto_free char *up_one = client_thing_path(&client, "..");
        auto_free char *slash = client_thing_path(&client, "../../../nodes");
        struct client_said s;

        (void)state;
        client_thing(&client, "kept", "n1", 1);
        s = ask("DELETE", none, NULL, NULL);
        assert_int_equal(s.class, KUBE_MISSING);
        s = ask("DELETE", up_one, NULL, NULL);
        assert_int_equal(s.class, KUBE_MISSING);
        s = ask("GET", slash, NULL, NULL);
        assert_int_not_equal(s.class, KUBE_OK);
        auto_free char *kept = client_thing_path(&client, "kept");
        s = ask("GET", kept, NULL, NULL);
        assert_int_equal(s.class, KUBE_OK);
}

/* reference A3 34, 36 */
static void versions_and_fields_that_are_not_known_have_their_class(void **state)
{
        auto_free char *list = client_thing_path(&client, NULL);
        auto_free char *future = xasprintf("%s?resourceVersion=99999999", list);
        auto_free char *field = xasprintf("%s?fieldSelector=spec.other%%3D1", list);
        struct client_said s = ask("GET", future, NULL, NULL);

        (void)state;
        assert_int_equal(s.class, KUBE_EXPIRED);
        assert_int_equal(s.status, 504);
        s = ask("GET", field, NULL, NULL);
        assert_int_equal(s.class, KUBE_REFUSED);
        assert_non_null(strstr(s.message, "field label not supported"));
}

static void who_may_not_and_who_is_not_known_have_theirs(void **state)
{
        auto_free char *token = client_account(&client, "nobody");
        auto_free char *list = client_thing_path(&client, NULL);
        struct client_said s;

        (void)state;
        client_open_as(&client, token);
        s = ask("GET", list, NULL, NULL);
        assert_int_equal(s.class, KUBE_FORBIDDEN);
        assert_non_null(strstr(s.message, "cannot list resource \"things\""));
        client_open_as(&client, "not-a-token");
        s = ask("GET", list, NULL, NULL);
        assert_int_equal(s.class, KUBE_UNAUTHORIZED);
        client_open(&client, NULL);
}

/* reference A6 79, A2 27 */
static void the_server_warns_of_fields_it_does_not_know(void **state)
{
        auto_free char *path = client_thing_path(&client, "w");
        char file[320];

        (void)state;
        client_thing(&client, "w", "n1", 1);
        (void)snprintf(file, sizeof(file), "%s/log", client.scratch);
        int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        log_setup(fd, LOG_INFO, LOG_FORMAT_TEXT);
        for (int i = 0; i < 2; i++)
                (void)ask("PATCH", path, KUBE_MERGE_PATCH, "{\"spec\":{\"misspelt\":1}}");
        log_setup(2, LOG_INFO, LOG_FORMAT_TEXT);
        (void)close(fd);
        auto_free char *text = rig_read_file(file);
        const char *first = strstr(text, "kube.warning");
        assert_non_null(first);
        assert_non_null(strstr(first, "spec.misspelt"));
        assert_null(strstr(first + 1, "kube.warning"));
}

/* --- watches */

enum { WATCHES = 150 };

struct watch {
        struct kube_call *call;
        bool began, ended;
        size_t lines;
        enum event_type last;
        enum kube_class class;
        char message[256];
};

static void on_began(void *ctx)
{
        ((struct watch *)ctx)->began = true;
}

static void on_line(void *ctx, const char *text, size_t n)
{
        struct watch *w = ctx;
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct kube_answer answer;
        struct event ev;

        assert_int_equal(event_read(text, n, &ev, NULL), 0);
        w->lines++;
        w->last = ev.type;
        if (ev.type != EVENT_ERROR)
                return;
        assert_int_equal(event_object(ev.object, a, &t, NULL), 0);
        answer_of_status(t, a, &answer);
        w->class = answer.class;
        (void)snprintf(w->message, sizeof(w->message), "%s", answer.message);
}

static void on_end(void *ctx, struct kube_answer *a)
{
        struct watch *w = ctx;

        w->ended = true;
        w->call = NULL;
        if (w->last != EVENT_ERROR)
                w->class = a->class;
}

static void watch(struct watch *w, const char *query)
{
        auto_free char *list = client_thing_path(&client, NULL);
        auto_free char *path = xasprintf("%s?watch=1&%s", list, query);
        struct kube_watch_request r = { .path = path,
                                        .resource = "things",
                                        .ctx = w,
                                        .began = on_began,
                                        .line = on_line,
                                        .done = on_end };

        *w = (struct watch){ .last = EVENT_OTHER };
        w->call = kube_watch(client.api, &r);
}

static bool has_ended(void *ctx)
{
        return ((struct watch *)ctx)->ended;
}

/* reference A4 41 */
static void an_old_version_expires_within_the_stream(void **state)
{
        struct watch w;

        (void)state;
        watch(&w, "resourceVersion=1");
        assert_true(client_runs_until(&client, has_ended, &w, 20000));
        assert_true(w.began);
        assert_int_equal(w.last, EVENT_ERROR);
        assert_int_equal(w.class, KUBE_EXPIRED);
        assert_non_null(strstr(w.message, "too old resource version: 1 ("));
}

static void a_watch_ends_in_order_when_its_time_is_over(void **state)
{
        struct watch w;

        (void)state;
        watch(&w, "timeoutSeconds=1");
        assert_true(client_runs_until(&client, has_ended, &w, 20000));
        assert_int_equal(w.class, KUBE_OK);
}

static struct watch watches[WATCHES];

static bool all_told(void *ctx)
{
        (void)ctx;
        for (size_t i = 0; i < WATCHES; i++) {
                if (watches[i].lines == 0)
                        return false;
        }
        return true;
}

/* reference A2 16 */
static void watches_beyond_the_streams_of_one_connection_are_not_held_up(void **state)
{
        auto_free char *path = client_thing_path(&client, "b");
        struct client_said s = { 0 };

        (void)state;
        s = ask("GET", path, NULL, NULL);
        auto_free char *from = xasprintf("resourceVersion=%s", s.version);
        for (size_t i = 0; i < WATCHES; i++)
                watch(&watches[i], from);
        client_thing(&client, "b", "n1", 77);
        assert_true(client_runs_until(&client, all_told, NULL, 20000));
        s = ask("GET", path, NULL, NULL); /* and there is room for work */
        assert_int_equal(s.class, KUBE_OK);
        for (size_t i = 0; i < WATCHES; i++)
                kube_cancel(watches[i].call);
}

/* --- lists */

struct listing {
        bool done;
        size_t items, bytes;
};

static void on_list(void *ctx, struct kube_answer *a)
{
        struct listing *l = ctx;
        struct list_page page;
        struct json_span item;
        size_t cursor = 0;

        l->done = true;
        assert_int_equal(a->class, KUBE_OK);
        assert_int_equal(list_page_read(a->body, a->body_len, a->arena, &page, NULL), 0);
        l->bytes = a->body_len;
        while (json_span_next(page.items, &cursor, &item))
                l->items++;
}

static bool is_listed(void *ctx)
{
        return ((struct listing *)ctx)->done;
}

/* Six objects of a megabyte. */
static void make_big(void)
{
        auto_free char *list = client_thing_path(&client, NULL);
        auto_free char *text = xmalloc(1000001);

        memset(text, 'x', 1000000);
        text[1000000] = '\0';
        for (int i = 0; i < 6; i++) {
                auto_free char *body = xasprintf(
                        "{\"apiVersion\":\"%s/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
                        "\"big%d\"},\"spec\":{\"text\":\"%s\"}}",
                        client.group, i, text);
                assert_int_equal(kube_request(&client.kube, "POST", list, NULL, body, NULL), 201);
        }
}

static void remove_big(void)
{
        for (int i = 0; i < 6; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "big%d", i);
                client_thing_delete(&client, name);
        }
}

/* reference A2 23: packed on the way, beyond the limit of other bodies */
static void a_list_may_be_larger_than_any_object(void **state)
{
        auto_free char *list = client_thing_path(&client, NULL);
        struct listing l = { 0 };
        struct kube_request r = { .method = "GET",
                                  .path = list,
                                  .resource = "things",
                                  .raw = true,
                                  .ctx = &l,
                                  .done = on_list };

        (void)state;
        make_big();
        (void)kube_start(client.api, &r);
        assert_true(client_runs_until(&client, is_listed, &l, 60000));
        assert_true(l.items >= 6);
        assert_true(l.bytes > 6000000);
        remove_big();
}

/* --- flow control */

#define REJECT                                                                                     \
        "apiVersion: flowcontrol.apiserver.k8s.io/v1\n"                                            \
        "kind: PriorityLevelConfiguration\n"                                                       \
        "metadata: {name: {space}}\n"                                                              \
        "spec:\n"                                                                                  \
        "  type: Limited\n"                                                                        \
        "  limited: {nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0, "  \
        "limitResponse: {type: Reject}}\n"                                                         \
        "---\n"                                                                                    \
        "apiVersion: flowcontrol.apiserver.k8s.io/v1\n"                                            \
        "kind: FlowSchema\n"                                                                       \
        "metadata: {name: {space}}\n"                                                              \
        "spec:\n"                                                                                  \
        "  matchingPrecedence: 2\n"                                                                \
        "  priorityLevelConfiguration: {name: {space}}\n"                                          \
        "  rules:\n"                                                                               \
        "  - subjects: [{kind: ServiceAccount, serviceAccount: {name: flood, namespace: "          \
        "{space}}}]\n"                                                                             \
        "    resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: "      \
        "['*'], clusterScope: true}]\n"

static uint64_t counted(const char *method, int code)
{
        const struct kube_count *rows = NULL;
        size_t n = kube_api_counts(client.api, &rows);
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += strcmp(rows[i].method, method) == 0 && rows[i].code == code ? rows[i].n : 0;
        return sum;
}

enum { FLOOD = 8 };

static bool all_listed(void *ctx)
{
        const struct listing *l = ctx;

        for (size_t i = 0; i < FLOOD; i++) {
                if (!l[i].done)
                        return false;
        }
        return true;
}

static void grant_all(const char *account)
{
        auto_free char *user = xasprintf("--serviceaccount=%s:%s", client.kube.space, account);
        const char *const bind[] = { "create", "rolebinding",
                                     account,  "--clusterrole=cluster-admin",
                                     user,     NULL };

        assert_int_equal(kube_ctl(&client.kube, NULL, bind), 0);
}

/* reference A2 24, 25: one seat for lists that take their time */
static void what_flow_control_rejects_is_asked_again_later(void **state)
{
        auto_free char *token = client_account(&client, "flood");
        auto_free char *list = client_thing_path(&client, NULL);
        const char *const remove[] = { "delete", "flowschema,prioritylevelconfiguration",
                                       client.kube.space, NULL };
        struct listing l[FLOOD] = { 0 };
        struct kube_request r = {
                .method = "GET", .path = list, .resource = "things", .raw = true, .done = on_list
        };

        (void)state;
        make_big();
        grant_all("flood");
        kube_apply(&client.kube, REJECT);
        client_open_as(&client, token);
        for (int i = 0; i < 20 && counted("GET", 429) == 0; i++) { /* until the schema holds */
                memset(l, 0, sizeof(l));
                for (size_t n = 0; n < FLOOD; n++) {
                        r.ctx = &l[n];
                        (void)kube_start(client.api, &r);
                }
                assert_true(client_runs_until(&client, all_listed, l, 60000));
        }
        assert_true(counted("GET", 429) > 0);
        for (size_t n = 0; n < FLOOD; n++)
                assert_true(l[n].bytes > 6000000);
        assert_int_equal(kube_ctl(&client.kube, NULL, remove), 0);
        remove_big();
        client_open(&client, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(objects_are_made_once_read_changed_and_removed),
                cmocka_unit_test(a_write_that_can_never_work_is_told_from_one_that_was_late),
                cmocka_unit_test(a_resource_that_is_not_there_is_told_from_an_object),
                cmocka_unit_test(odd_names_reach_nothing_else),
                cmocka_unit_test(versions_and_fields_that_are_not_known_have_their_class),
                cmocka_unit_test(who_may_not_and_who_is_not_known_have_theirs),
                cmocka_unit_test(the_server_warns_of_fields_it_does_not_know),
                cmocka_unit_test(an_old_version_expires_within_the_stream),
                cmocka_unit_test(a_watch_ends_in_order_when_its_time_is_over),
                cmocka_unit_test(watches_beyond_the_streams_of_one_connection_are_not_held_up),
                cmocka_unit_test(a_list_may_be_larger_than_any_object),
                cmocka_unit_test(what_flow_control_rejects_is_asked_again_later),
        };

        return cmocka_run_group_tests(tests, up, down);
}
