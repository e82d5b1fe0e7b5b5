/* References resolve to exact bytes or to an error that names what is missing. */
#include "kube.h"

#include "kube/refs.h"

struct world {
        struct findings f;
        struct object_set *set;
        struct object_index index;
        struct arena *arena;
        const struct dl_reference *refs;
        size_t n;
        struct err e;
};

static const char link_head[] = "apiVersion: edge.cattle.io/v1alpha1\n"
                                "kind: DeviceLink\n"
                                "metadata: {name: pump, namespace: plant, labels: {hall: '3'}}\n"
                                "spec:\n"
                                "  adaptor: {node: edge-1, name: x}\n"
                                "  model: {apiVersion: acme.example/v1, kind: K}\n"
                                "  template: {}\n"
                                "  references:\n";

static const char others[] = "---\n"
                             "apiVersion: v1\n"
                             "kind: Secret\n"
                             "metadata: {name: login, namespace: plant}\n"
                             "data:\n"
                             "  user: YWRtaW4K\n"     /* "admin\n" */
                             "  password: cGEAc3M=\n" /* "pa\0ss" */
                             "  empty: ''\n"
                             "stringData: {extra: plain}\n"
                             "---\n"
                             "apiVersion: v1\n"
                             "kind: ConfigMap\n"
                             "metadata: {name: conf, namespace: plant}\n"
                             "data: {b: two, a: one}\n"
                             "binaryData: {c: AAAA}\n"
                             "---\n"
                             "apiVersion: v1\n"
                             "kind: Secret\n"
                             "metadata: {name: elsewhere}\n"
                             "data: {user: eA==}\n";

static const struct object *find(void *ctx, enum object_kind kind, const char *space,
                                 const char *name)
{
        const struct world *w = ctx;

        return object_find(&w->index, kind, space, name);
}

static int resolve(struct world *w, const char *references)
{
        auto_free char *yaml = xasprintf("%s%s%s", link_head, references, others);

        *w = (struct world){ .arena = arena_new() };
        w->set = objects_from(yaml, "a.yaml", &w->f);
        if (w->f.errors > 0)
                print_findings(&w->f);
        assert_int_equal(w->f.errors, 0);
        object_index_add(&w->index, w->set);
        object_index_seal(&w->index, &w->f);

        const struct object *o = object_find(&w->index, OBJECT_LINK, "plant", "pump");
        struct refs_source source = { .ctx = w, .find = find };
        assert_non_null(o);
        return refs_resolve(&o->link, &source, w->arena, &w->refs, &w->n, &w->e);
}

static void done(struct world *w)
{
        object_index_done(&w->index);
        object_set_free(w->set);
        findings_done(&w->f);
        arena_free(w->arena);
}

static void assert_ref(const struct world *w, size_t i, const char *name, const char *item,
                       const char *data, size_t len)
{
        assert_in_range(i, 0, w->n - 1);
        assert_string_equal(w->refs[i].name, name);
        assert_string_equal(w->refs[i].item, item);
        assert_int_equal(w->refs[i].len, len);
        assert_memory_equal(w->refs[i].data, data, len);
        assert_int_equal(((const char *)w->refs[i].data)[len], '\0');
}

static void a_secret_without_items_gives_all_keys_untrimmed(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(resolve(&w, "    - {name: login, secret: {name: login}}\n"), 0);
        assert_int_equal(w.n, 4);
        assert_ref(&w, 0, "login", "empty", "", 0);
        assert_ref(&w, 1, "login", "extra", "plain", 5);
        assert_ref(&w, 2, "login", "password", "pa\0ss", 5);
        assert_ref(&w, 3, "login", "user", "admin\n", 6);
        done(&w);
}

static void items_choose_and_order(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(
                resolve(&w, "    - {name: l, secret: {name: login, items: [user, extra]}}\n"), 0);
        assert_int_equal(w.n, 2);
        assert_ref(&w, 0, "l", "user", "admin\n", 6);
        assert_ref(&w, 1, "l", "extra", "plain", 5);
        done(&w);
}

static void a_config_map_gives_its_data_only(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(resolve(&w, "    - {name: conf, configMap: {name: conf}}\n"), 0);
        assert_int_equal(w.n, 2);
        assert_ref(&w, 0, "conf", "a", "one", 3);
        assert_ref(&w, 1, "conf", "b", "two", 3);
        done(&w);

        assert_int_equal(resolve(&w, "    - {name: conf, configMap: {name: conf, items: [c]}}\n"),
                         DL_RETRY);
        assert_string_equal(w.e.text, "ConfigMap 'plant/conf' has no key 'c'");
        done(&w);
}

static void fields_of_the_link_are_items(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(
                resolve(&w, "    - name: self\n"
                            "      downwardAPI:\n"
                            "        items:\n"
                            "          - {name: where, fieldRef: {fieldPath: metadata.namespace}}\n"
                            "          - {name: hall, fieldRef: {apiVersion: v7, fieldPath: "
                            "\"metadata.labels['hall']\"}}\n"),
                0);
        assert_int_equal(w.n, 2);
        assert_ref(&w, 0, "self", "where", "plant", 5);
        assert_ref(&w, 1, "self", "hall", "3", 1);
        done(&w);
}

static void what_is_missing_fails_the_whole_and_is_named(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(resolve(&w, "    - {name: conf, configMap: {name: conf}}\n"
                                     "    - {name: l, secret: {name: nologin}}\n"),
                         DL_RETRY);
        assert_string_equal(w.e.path, "spec.references[1].secret.name");
        assert_string_equal(w.e.text, "Secret 'plant/nologin' does not exist");
        assert_int_equal(w.n, 0);
        done(&w);

        assert_int_equal(
                resolve(&w, "    - {name: l, secret: {name: login, items: [user, pin]}}\n"),
                DL_RETRY);
        assert_string_equal(w.e.path, "spec.references[0].secret.items[1]");
        assert_string_equal(w.e.text, "Secret 'plant/login' has no key 'pin'");
        assert_null(strstr(w.e.text, "admin"));
        done(&w);

        assert_int_equal(resolve(&w, "    - name: l\n"
                                     "      downwardAPI: {items: [{name: me, fieldRef: {fieldPath: "
                                     "metadata.nam}}]}\n"),
                         DL_CONFIG);
        assert_string_equal(w.e.path, "spec.references[0].downwardAPI.items[0].fieldRef.fieldPath");
        assert_non_null(strstr(w.e.text, "got 'metadata.nam'"));
        done(&w);
}

static void other_namespaces_are_out_of_reach(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(resolve(&w, "    - {name: l, secret: {name: elsewhere}}\n"), DL_RETRY);
        assert_string_equal(w.e.text, "Secret 'plant/elsewhere' does not exist");
        done(&w);
}

static void of_equal_names_the_last_wins_whole(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(resolve(&w, "    - {name: x, secret: {name: login}}\n"
                                     "    - {name: x, configMap: {name: conf, items: [a]}}\n"),
                         0);
        assert_int_equal(w.n, 1);
        assert_ref(&w, 0, "x", "a", "one", 3);
        done(&w);

        /* The one that is replaced has to be there all the same. */
        assert_int_equal(resolve(&w, "    - {name: x, secret: {name: nologin}}\n"
                                     "    - {name: x, configMap: {name: conf}}\n"),
                         DL_RETRY);
        done(&w);
}

static void of_several_sources_the_first_kind_counts(void **state)
{
        struct world w;

        (void)state;
        assert_int_equal(
                resolve(&w, "    - {name: x, configMap: {name: conf}, secret: {name: login, items: "
                            "[extra]}}\n"
                            "    - name: z\n"
                            "      downwardAPI: {items: [{name: me, fieldRef: {fieldPath: bad}}]}\n"
                            "      configMap: {name: conf, items: [b]}\n"
                            "    - {name: none}\n"),
                0);
        assert_int_equal(w.n, 2);
        assert_ref(&w, 0, "x", "extra", "plain", 5);
        assert_ref(&w, 1, "z", "b", "two", 3);
        done(&w);
}

static void a_link_cannot_gather_without_end(void **state)
{
        auto_of(buf) struct buf yaml = BUF(4 << 20);
        struct world w;

        (void)state;
        for (int i = 0; i < 40; i++)
                buf_addf(&yaml, "    - {name: n%d, configMap: {name: big}}\n", i);
        buf_adds(&yaml, "---\n"
                        "apiVersion: v1\n"
                        "kind: ConfigMap\n"
                        "metadata: {name: big, namespace: plant}\n"
                        "data: {a: '");
        for (int i = 0; i < 1000; i++)
                buf_addf(&yaml, "%01000d", i);
        buf_adds(&yaml, "'}\n");
        assert_int_equal(resolve(&w, buf_text(&yaml)), DL_CONFIG);
        assert_string_equal(w.e.path, "spec.references");
        assert_non_null(strstr(w.e.text, "at most 16777216 bytes"));
        done(&w);
}

struct seen {
        char text[256];
};

static void note(void *ctx, enum object_kind kind, const char *space, const char *name)
{
        struct seen *s = ctx;
        size_t n = strlen(s->text);

        (void)snprintf(s->text + n, sizeof(s->text) - n, "%s:%s/%s ",
                       kind == OBJECT_SECRET ? "s" : "c", space, name);
}

static void the_walk_names_each_object_that_is_asked_for(void **state)
{
        struct world w;
        struct seen seen = { "" };

        (void)state;
        (void)resolve(&w, "    - {name: x, secret: {name: login}}\n"
                          "    - {name: two, configMap: {name: conf}, secret: {name: none}}\n"
                          "    - {name: z, configMap: {name: conf}}\n");
        refs_walk(&object_find(&w.index, OBJECT_LINK, "plant", "pump")->link, note, &seen);
        assert_string_equal(seen.text, "s:plant/login s:plant/none c:plant/conf ");
        done(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_secret_without_items_gives_all_keys_untrimmed),
                cmocka_unit_test(items_choose_and_order),
                cmocka_unit_test(a_config_map_gives_its_data_only),
                cmocka_unit_test(fields_of_the_link_are_items),
                cmocka_unit_test(what_is_missing_fails_the_whole_and_is_named),
                cmocka_unit_test(other_namespaces_are_out_of_reach),
                cmocka_unit_test(of_equal_names_the_last_wins_whole),
                cmocka_unit_test(of_several_sources_the_first_kind_counts),
                cmocka_unit_test(a_link_cannot_gather_without_end),
                cmocka_unit_test(the_walk_names_each_object_that_is_asked_for),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
