/* The downward API tells what Octopus tells, for every recorded field path. */
#include "kube.h"

#include "kube/downward.h"
#include "kube/manifest.h"

#include <fcntl.h>
#include <unistd.h>

static const char *text_in(const struct tree *map, const char *key)
{
        return tree_text(tree_get(map, key));
}

static struct decoded_list pairs_in(struct arena *a, const struct tree *map)
{
        struct decoded_pair *pairs = arena_calloc(a, map ? map->n + 1 : 1, sizeof(*pairs));
        size_t n = 0;

        TREE_FOREACH (t, map)
                pairs[n++] = (struct decoded_pair){ .key = t->key, .value = t->as.text };
        return (struct decoded_list){ .items = pairs, .n = n };
}

static struct devicelink link_from(struct arena *a, const struct tree *t)
{
        const struct tree *status = tree_get(t, "status");

        return (struct devicelink){
                .meta = { .name = text_in(t, "name"),
                          .space = text_in(t, "namespace"),
                          .uid = text_in(t, "uid"),
                          .labels = pairs_in(a, tree_get(t, "labels")),
                          .annotations = pairs_in(a, tree_get(t, "annotations")) },
                .status = { .node_name = text_in(status, "nodeName"),
                            .node_host_name = text_in(status, "nodeHostName"),
                            .node_internal_ip = text_in(status, "nodeInternalIP"),
                            .node_internal_dns = text_in(status, "nodeInternalDNS"),
                            .node_external_ip = text_in(status, "nodeExternalIP"),
                            .node_external_dns = text_in(status, "nodeExternalDNS") },
        };
}

static void read_vectors(struct arena *a, const struct tree **ret)
{
        auto_of(buf) struct buf b = BUF(1 << 20);
        auto_close int fd = open(TEST_DATA "/vectors/downward.json", O_RDONLY | O_CLOEXEC);
        char chunk[4096];
        struct err e = { 0 };

        assert_true(fd >= 0);
        for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
                buf_add(&b, chunk, (size_t)n);
        if (tree_parse_json(a, b.data, b.len, &tree_limits_default, ret, &e) < 0)
                fail_msg("%s", e.text);
}

static void every_recorded_path_gives_the_recorded_text(void **state)
{
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *all = NULL;
        size_t n = 0;

        (void)state;
        read_vectors(a, &all);
        TREE_FOREACH (v, all) {
                struct devicelink link = link_from(a, tree_get(v, "link"));
                const char *path = text_in(v, "fieldPath");
                const char *want = text_in(v, "text");
                auto_of(buf) struct buf out = BUF(4096);
                struct err e = { 0 };
                int rc = downward_text(&link, path, &out, &e);

                if (rc != (want ? 0 : DL_CONFIG))
                        fail_msg("'%s': rc %d %s", path, rc, e.text);
                if (want && strcmp(buf_text(&out), want) != 0)
                        fail_msg("'%s': got '%s', want '%s'", path, buf_text(&out), want);
                if (!want)
                        assert_string_not_equal(e.text, "");
                n++;
        }
        assert_int_equal(n, 39);
}

static void the_node_name_is_told_too(void **state)
{
        struct devicelink link = { .status = { .node_name = "edge-worker" } };
        auto_of(buf) struct buf out = BUF(4096);
        struct err e = { 0 };

        (void)state;
        assert_int_equal(downward_text(&link, "status.nodeName", &out, &e), 0);
        assert_string_equal(buf_text(&out), "edge-worker");
}

static void an_annotation_key_is_checked_in_lower_case_but_found_as_it_is(void **state)
{
        struct decoded_pair pair = { .key = "Edge.Example/Note", .value = "v" };
        struct devicelink link = { .meta = { .annotations = { &pair, 1 },
                                             .labels = { &pair, 1 } } };
        auto_of(buf) struct buf out = BUF(4096);
        struct err e = { 0 };

        (void)state;
        assert_int_equal(
                downward_text(&link, "metadata.annotations['Edge.Example/Note']", &out, &e), 0);
        assert_string_equal(buf_text(&out), "v");
        assert_int_equal(
                downward_text(&link, "metadata.annotations['edge.example/note']", &out, &e), 0);
        assert_string_equal(buf_text(&out), "v");
        assert_int_equal(downward_text(&link, "metadata.labels['Edge.Example/Note']", &out, &e),
                         DL_CONFIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_path_gives_the_recorded_text),
                cmocka_unit_test(the_node_name_is_told_too),
                cmocka_unit_test(an_annotation_key_is_checked_in_lower_case_but_found_as_it_is),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
