/* Secrets and ConfigMaps of a real API server: there as they are now, each read by its name alone.
 */
/* libs: dl_kube */
#include "client.h"

#include "kube/watched.h"

static struct client client;
static struct watched *watched;
static unsigned changes;

static void on_changed(void *ctx)
{
        (void)ctx;
        changes++;
}

static int up(void **state)
{
        (void)state;
        client_up(&client, false, NULL);
        return 0;
}

static int down(void **state)
{
        (void)state;
        client_down(&client);
        return 0;
}

static int begin(void **state)
{
        struct watched_config c = { .api = client.api, .changed = on_changed };

        (void)state;
        changes = 0;
        watched = watched_new(&c);
        return 0;
}

static int end(void **state)
{
        (void)state;
        watched_free(watched);
        watched = NULL;
        return 0;
}

/* --- what is asked of it */

static void want(enum object_kind kind, const char *const names[])
{
        watched_begin(watched);
        for (; *names; names++)
                watched_add(watched, kind, client.kube.space, *names);
        watched_end(watched);
}

#define WANT(kind, ...) want(kind, (const char *const[]){ __VA_ARGS__, NULL })

struct expected {
        enum object_kind kind;
        const char *name;
        const char *key;
        const char *value; /* NULL: the key is not there */
        size_t len;
        const char *trouble; /* its beginning; NULL: none */
        bool unknown;
};

static bool is_so(void *ctx)
{
        const struct expected *x = ctx;
        struct object_index index = { 0 };
        struct findings f = { 0 };
        bool unknown = false, so = false;
        const char *trouble =
                watched_trouble(watched, x->kind, client.kube.space, x->name, &unknown);

        watched_index(watched, &index);
        object_index_seal(&index, &f);
        const struct object *o = object_find(&index, x->kind, client.kube.space, x->name);
        const struct object_item *item = o && x->key ? object_item(o, x->key) : NULL;
        if (x->trouble)
                so = !o && trouble && strncmp(trouble, x->trouble, strlen(x->trouble)) == 0 &&
                     unknown == x->unknown;
        else if (x->value)
                so = item && item->len == x->len && memcmp(item->data, x->value, x->len) == 0;
        else
                so = o && !item;
        object_index_done(&index);
        findings_done(&f);
        return so;
}

static void expect(struct expected x)
{
        bool unknown = false;

        if (!client_runs_until(&client, is_so, &x, 20000))
                fail_msg("%s: %s", x.name,
                         watched_trouble(watched, x.kind, client.kube.space, x.name, &unknown));
}

#define HAS(k, n, key_, value_)                                                                    \
        expect((struct expected){ .kind = (k),                                                     \
                                  .name = (n),                                                     \
                                  .key = (key_),                                                   \
                                  .value = (value_),                                               \
                                  .len = sizeof(value_) - 1 })
#define LACKS(k, n, why) expect((struct expected){ .kind = (k), .name = (n), .trouble = (why) })

static void secret(const char *name, const char *more)
{
        kube_apply(&client.kube,
                   "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: {space}}\n%s\n",
                   name, more);
}

static void delete_secret(const char *name)
{
        const char *const argv[] = { "delete", "secret", name, NULL };

        assert_int_equal(kube_ctl(&client.kube, NULL, argv), 0);
}

/* --- reference A9 101, 104, 105 */

static void a_secret_is_there_as_it_is_now(void **state)
{
        (void)state;
        WANT(OBJECT_SECRET, "s1");
        LACKS(OBJECT_SECRET, "s1", "not found");
        secret("s1", "data: {user: Ym9i, zero: AAEAAg==, none: ''}");
        HAS(OBJECT_SECRET, "s1", "user", "bob");
        HAS(OBJECT_SECRET, "s1", "zero", "\0\1\0\2");
        HAS(OBJECT_SECRET, "s1", "none", "");
        secret("s1", "data: {user: YWxpY2U=}");
        HAS(OBJECT_SECRET, "s1", "user", "alice");
        delete_secret("s1");
        LACKS(OBJECT_SECRET, "s1", "not found");
        secret("s1", "data: {user: ZXZl}");
        HAS(OBJECT_SECRET, "s1", "user", "eve");
}

static void a_config_map_has_its_texts(void **state)
{
        (void)state;
        kube_apply(&client.kube, "apiVersion: v1\nkind: ConfigMap\n"
                                 "metadata: {name: c1, namespace: {space}}\n"
                                 "data: {a: 'x y'}\nbinaryData: {b: AAEC}\n");
        WANT(OBJECT_CONFIG_MAP, "c1");
        HAS(OBJECT_CONFIG_MAP, "c1", "a", "x y");
        expect((struct expected){ .kind = OBJECT_CONFIG_MAP, .name = "c1", .key = "b" });
}

/* reference A9 105: equal content is no change */
static void what_does_not_change_the_content_is_no_change(void **state)
{
        const char *const label[] = { "label", "secret", "s2", "a=b", NULL };

        (void)state;
        secret("s2", "data: {user: Ym9i}");
        WANT(OBJECT_SECRET, "s2");
        HAS(OBJECT_SECRET, "s2", "user", "bob");
        client_run_for(&client, 100);
        unsigned before = changes;
        assert_true(before > 0);
        assert_int_equal(kube_ctl(&client.kube, NULL, label), 0);
        client_run_for(&client, 500);
        assert_int_equal(changes, before);
        secret("s2", "data: {user: YWxpY2U=}");
        HAS(OBJECT_SECRET, "s2", "user", "alice");
        client_run_for(&client, 10);
        assert_int_equal(changes, before + 1);
}

static uint64_t watches(void)
{
        const struct kube_count *rows = NULL;
        size_t n = kube_api_counts(client.api, &rows);
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += strcmp(rows[i].method, "WATCH") == 0 ? rows[i].n : 0;
        return sum;
}

static bool has_watches(void *ctx)
{
        return watches() >= *(const uint64_t *)ctx;
}

static void each_is_watched_once_and_no_longer_than_it_is_needed(void **state)
{
        (void)state;
        secret("s3", "data: {a: YQ==}");
        secret("s4", "data: {a: YQ==}");
        uint64_t before = watches();
        WANT(OBJECT_SECRET, "s3", "s4", "s3", "s3");
        assert_int_equal(watched_count(watched), 2);
        HAS(OBJECT_SECRET, "s3", "a", "a");
        HAS(OBJECT_SECRET, "s4", "a", "a");
        before += 2;
        assert_true(client_runs_until(&client, has_watches, &before, 20000));
        assert_int_equal(watches(), before);
        WANT(OBJECT_SECRET, "s4");
        assert_int_equal(watched_count(watched), 1);
        assert_int_equal(watches(), before); /* the one that stays goes on */
        expect((struct expected){
                .kind = OBJECT_SECRET, .name = "s3", .trouble = "not read yet", .unknown = true });
        HAS(OBJECT_SECRET, "s4", "a", "a");
        secret("s4", "data: {a: Yg==}");
        HAS(OBJECT_SECRET, "s4", "a", "b");
}

/* reference A9 101: its watch goes on, for it may be made anew */
static void an_immutable_secret_may_be_replaced_by_another(void **state)
{
        (void)state;
        secret("fixed", "data: {a: YQ==}\nimmutable: true");
        WANT(OBJECT_SECRET, "fixed");
        HAS(OBJECT_SECRET, "fixed", "a", "a");
        delete_secret("fixed");
        secret("fixed", "data: {a: Yg==}\nimmutable: true");
        HAS(OBJECT_SECRET, "fixed", "a", "b");
}

/* reference A9 102, 106, A4 51 */
static void a_secret_that_may_not_be_read_is_told_from_one_that_is_missing(void **state)
{
        auto_free char *token = client_account(&client, "keeper");
        auto_free char *user = xasprintf("--serviceaccount=%s:keeper", client.kube.space);
        const char *const role[] = { "create",
                                     "role",
                                     "keeper",
                                     "--verb=list,watch",
                                     "--resource=secrets",
                                     "--resource-name=mine",
                                     NULL };
        const char *const wider[] = { "patch",
                                      "role",
                                      "keeper",
                                      "--type=json",
                                      "--patch",
                                      "[{\"op\":\"add\",\"path\":\"/rules/0/resourceNames/-\","
                                      "\"value\":\"other\"}]",
                                      NULL };
        const char *const bind[] = {
                "create", "rolebinding", "keeper", "--role=keeper", user, NULL
        };

        (void)state;
        secret("mine", "data: {a: YQ==}");
        secret("other", "data: {a: YQ==}");
        assert_int_equal(kube_ctl(&client.kube, NULL, role), 0);
        assert_int_equal(kube_ctl(&client.kube, NULL, bind), 0);
        watched_free(watched);
        client_open_as(&client, token);
        (void)begin(state);
        WANT(OBJECT_SECRET, "mine", "other");
        HAS(OBJECT_SECRET, "mine", "a", "a");
        LACKS(OBJECT_SECRET, "other", "forbidden: ");
        assert_int_equal(kube_ctl(&client.kube, NULL, wider), 0);
        HAS(OBJECT_SECRET, "other", "a", "a");
        watched_free(watched);
        client_open(&client, NULL);
        (void)begin(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(a_secret_is_there_as_it_is_now),
                TEST(a_config_map_has_its_texts),
                TEST(what_does_not_change_the_content_is_no_change),
                TEST(each_is_watched_once_and_no_longer_than_it_is_needed),
                TEST(an_immutable_secret_may_be_replaced_by_another),
                TEST(a_secret_that_may_not_be_read_is_told_from_one_that_is_missing),
        };

        return cmocka_run_group_tests(tests, up, down);
}
