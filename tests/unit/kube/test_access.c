/* Where the server is and who we are there: read as other clients of Kubernetes read it, and what
 * cannot be done is refused by name.  Numbers: reference A1. */
#include "access_room.h"

/* A kubeconfig with one cluster and one user of these lines (flow maps). */
static void put_config(struct room *r, const char *name, const char *cluster, const char *user)
{
        auto_free char *text = xasprintf("apiVersion: v1\nkind: Config\n"
                                         "current-context: here\n"
                                         "contexts:\n"
                                         "- name: here\n"
                                         "  context: {cluster: c1, user: u1, namespace: plant}\n"
                                         "clusters:\n"
                                         "- name: c1\n"
                                         "  cluster: {%s}\n"
                                         "users:\n"
                                         "- name: u1\n"
                                         "  user: {%s}\n",
                                         cluster, user);

        put(r, name, text);
}

/* --- in a cluster (1) */

static void put_service_account(struct room *r)
{
        put(r, "token", " abc.def \n");
        put(r, "ca.crt", r->ca.pem);
        put(r, "namespace", "kube-things");
        (void)setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
        (void)setenv("KUBERNETES_SERVICE_PORT", "443", 1);
}

static void a_pod_finds_everything_in_its_service_account(void **state)
{
        struct room *r = *state;
        struct http_tls tls;

        put_service_account(r);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://10.96.0.1:443");
        assert_string_equal(kube_access_space(r->access), "kube-things");
        assert_string_equal(kube_access_source(r->access), "in-cluster");
        assert_null(kube_access_proxy(r->access));
        assert_string_equal(authorization(r), "Bearer abc.def");
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.ca_pem, r->ca.pem);
        assert_null(tls.certificate_pem);
        assert_false(tls.insecure);
}

static void an_ipv6_host_is_bracketed(void **state)
{
        struct room *r = *state;

        put_service_account(r);
        (void)setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://[fd00::1]:443");
}

static void a_missing_or_empty_file_of_the_service_account_is_named(void **state)
{
        static const char *const names[] = { "token", "ca.crt", "namespace" };
        struct room *r = *state;

        for (size_t i = 0; i < 3; i++) {
                auto_free char *path = in_dir(r, names[i]);

                put_service_account(r);
                assert_int_equal(unlink(path), 0);
                is_refused(r, NULL, path);
                put(r, names[i], i == 1 ? "s3cret" : " \n");
                is_refused(r, NULL, path);
        }
}

/* --- which one counts (11) */

static void the_named_file_beats_the_environment_beats_the_pod_beats_home(void **state)
{
        struct room *r = *state;

        auto_free char *env = in_dir(r, "env");
        put_config(r, "named", "server: 'https://named:1'", "token: t");
        put_config(r, "env", "server: 'https://env:1'", "token: t");
        put_dir(r, ".kube");
        put_config(r, ".kube/config", "server: 'https://home:1'", "token: t");
        (void)setenv("HOME", r->dir, 1);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://home:1");
        put_service_account(r);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://10.96.0.1:443");
        (void)setenv("KUBECONFIG", "", 1);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://10.96.0.1:443");
        (void)setenv("KUBECONFIG", env, 1);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://env:1");
        opens(r, "named");
        assert_string_equal(kube_access_server(r->access), "https://named:1");
}

static void nothing_usable_is_said(void **state)
{
        struct room *r = *state;

        is_refused(r, NULL, "no way to a cluster");
        is_refused(r, "absent", "absent': No such file");
        (void)setenv("KUBECONFIG", "/nonexistent/a:/nonexistent/b", 1);
        is_refused(r, NULL, "$KUBECONFIG");
}

static void several_files_merge_and_the_first_to_say_something_wins(void **state)
{
        struct room *r = *state;
        auto_free char *list = xasprintf("%s/none::%s/a:%s/b", r->dir, r->dir, r->dir);

        put(r, "a",
            "current-context: two\n"
            "users:\n- name: u\n  user: {token: first}\n"
            "clusters:\n- name: c\n  cluster: {server: 'https://first:1'}\n");
        put(r, "b",
            "current-context: other\n"
            "contexts:\n- name: two\n  context: {cluster: c, user: u}\n"
            "users:\n- name: u\n  user: {token: second, client-certificate: x}\n"
            "clusters:\n- name: c\n  cluster: {server: 'https://second:1', proxy-url: "
            "'http://p'}\n");
        (void)setenv("KUBECONFIG", list, 1);
        opens(r, NULL);
        assert_string_equal(kube_access_server(r->access), "https://first:1");
        assert_null(kube_access_proxy(r->access)); /* the second entry counts for nothing */
        assert_string_equal(authorization(r), "Bearer first");
        assert_string_equal(kube_access_space(r->access), "default");
        assert_non_null(strstr(kube_access_source(r->access), "/a:"));
}

/* --- a kubeconfig (8, 9, 10) */

static void yaml_and_json_say_the_same(void **state)
{
        struct room *r = *state;

        put_config(r, "yaml", "server: 'https://h:6443/', tls-server-name: api, unknown: [1]",
                   "token: abc");
        put(r, "json",
            "\t{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"preferences\":{},"
            "\"current-context\":\"here\",\"contexts\":[{\"name\":\"here\",\"context\":"
            "{\"cluster\":\"c1\",\"user\":\"u1\",\"namespace\":\"plant\"}}],"
            "\"clusters\":[{\"name\":\"c1\",\"cluster\":{\"server\":\"https://h:6443/\","
            "\"tls-server-name\":\"api\"}}],"
            "\"users\":[{\"name\":\"u1\",\"user\":{\"token\":\"abc\"}}]}");
        for (int i = 0; i < 2; i++) {
                struct http_tls tls;

                opens(r, i ? "json" : "yaml");
                assert_string_equal(kube_access_server(r->access), "https://h:6443");
                assert_string_equal(kube_access_space(r->access), "plant");
                assert_string_equal(authorization(r), "Bearer abc");
                kube_access_tls(r->access, &tls);
                assert_string_equal(tls.server_name, "api");
                assert_null(tls.ca_pem);
        }
}

static void a_server_may_have_a_path(void **state)
{
        struct room *r = *state;

        put_config(r, "k", "server: 'https://rancher.test/k8s/clusters/c-1/'", "token: abc");
        opens(r, "k");
        assert_string_equal(kube_access_server(r->access), "https://rancher.test/k8s/clusters/c-1");
}

static void what_is_missing_is_named(void **state)
{
        struct room *r = *state;
        static const struct {
                const char *text;
                const char *says;
        } cases[] = {
                { "", "current-context is not set" },
                { "{}", "current-context is not set" },
                { "current-context: x\n", "there is no context 'x'" },
                { "current-context: x\ncontexts: [{name: x, context: {cluster: c1}}]\n",
                  "context 'x': there is no cluster 'c1'" },
                { "current-context: x\ncontexts: [{name: x}]\n",
                  "context 'x': there is no cluster ''" },
                { "current-context: x\ncontexts: [{name: x, context: {cluster: c1, user: z}}]\n"
                  "clusters: [{name: c1, cluster: {server: 'https://h'}}]\n",
                  "context 'x': there is no user 'z'" },
                { "current-context: x\ncontexts: [{name: x, context: {cluster: c1}}]\n"
                  "clusters: [{name: c1}]\n",
                  "cluster 'c1': server is not set" },
                { "current-context: x\ncontexts: [{name: x, context: {cluster: c1}}]\n"
                  "clusters: [{name: c1, cluster: {server: 'h:6443'}}]\n",
                  "cluster 'c1': server: expected https://host:port, got 'h:6443'" },
                { "users: [{name: u, user: {token: [s3cret]}}]\n",
                  "users[0].user.token: expected" },
                { "users: [{name: u, user: {password: *s3cret}}]\n", "line 1" },
                { "users: [{name: u}, {name: u}]\n", "users[1]" },
                { "users: [{name: u, user: {token: !s3cret x}}]\n", "line 1" },
                { "users: {token: s3cret\n", "line" },
                { "{\"users\": [s3cret]}", "kubeconfig" },
                { "[]", "kubeconfig" },
                { "just text", "kubeconfig" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                put(r, "k", cases[i].text[0] ? cases[i].text : "\n");
                is_refused(r, "k", cases[i].says);
        }
}

static void data_beats_the_file_of_the_same_name(void **state)
{
        struct room *r = *state;
        auto_free char *ca = base64(r->ca.pem);
        auto_free char *certificate = base64(r->client.pem);
        auto_free char *key = base64(r->client.key_pem);
        auto_free char *cluster =
                xasprintf("server: 'https://h', certificate-authority: /nonexistent/ca, "
                          "certificate-authority-data: %s",
                          ca);
        auto_free char *user = xasprintf("client-certificate: /nonexistent/x, "
                                         "client-certificate-data: %s, "
                                         "client-key: /nonexistent/y, client-key-data: %s",
                                         certificate, key);
        struct http_tls tls;

        put_config(r, "k", cluster, user);
        opens(r, "k");
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.ca_pem, r->ca.pem);
        assert_string_equal(tls.certificate_pem, r->client.pem);
        assert_string_equal(tls.key_pem, r->client.key_pem);
        assert_string_equal(authorization(r), "(none)"); /* a certificate says it all */
}

static void relative_files_belong_to_the_directory_of_their_kubeconfig(void **state)
{
        struct room *r = *state;
        struct http_tls tls;

        put_dir(r, "etc");
        put_dir(r, "etc/pki");
        put(r, "etc/pki/ca.crt", r->ca.pem);
        put(r, "etc/tls.crt", r->client.pem);
        put(r, "etc/tls.key", r->client.key_pem);
        put(r, "etc/token", "file-token\n");
        put_config(r, "etc/k", "server: 'https://h', certificate-authority: pki/ca.crt",
                   "client-certificate: tls.crt, client-key: ./tls.key, tokenFile: token");
        opens(r, "etc/k");
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.ca_pem, r->ca.pem);
        assert_string_equal(tls.key_pem, r->client.key_pem);
        assert_string_equal(authorization(r), "Bearer file-token");

        auto_free char *old = getcwd(NULL, 0);
        struct err e = { 0 };
        assert_int_equal(chdir(r->dir), 0);
        assert_int_equal(open_access(r, "etc/k", &e), 0);
        assert_int_equal(chdir(old), 0);
        assert_string_equal(authorization(r), "Bearer file-token");
}

static void certificates_that_cannot_be_used_are_named(void **state)
{
        struct room *r = *state;
        auto_free char *certificate = base64(r->client.pem);
        auto_free char *other_key = base64(r->ca.key_pem);
        auto_free char *pair = xasprintf("client-certificate-data: %s, client-key-data: %s",
                                         certificate, other_key);
        auto_free char *half = xasprintf("client-certificate-data: %s", certificate);

        put_config(r, "k", "server: 'https://h', certificate-authority-data: '%%s3cret'", "");
        is_refused(r, "k", "cluster 'c1': certificate-authority-data: expected PEM in Base64");
        put_config(r, "k", "server: 'https://h', certificate-authority-data: czNjcmV0", "");
        is_refused(r, "k", "certificate authority: expected a PEM certificate");
        put_config(r, "k", "server: 'https://h'", "client-key-data: AAAA");
        is_refused(r, "k", "user 'u1': client-key-data: expected PEM in Base64");
        put_config(r, "k", "server: 'https://h'", pair);
        is_refused(r, "k", "does not belong");
        put_config(r, "k", "server: 'https://h'", half);
        is_refused(r, "k", "key is missing");
        put_config(r, "k", "server: 'https://h', certificate-authority: ca.crt", "");
        is_refused(r, "k", "/ca.crt");
}

/* --- who we are (12) */

static void user_and_password_work(void **state)
{
        struct room *r = *state;

        put_config(r, "k", "server: 'https://h'", "username: jo, password: 's3cret: x'");
        opens(r, "k");
        assert_string_equal(authorization(r), "Basic am86czNjcmV0OiB4");
}

static void nobody_in_particular_is_fine(void **state)
{
        struct room *r = *state;

        put_config(r, "k", "server: 'http://127.0.0.1:8001', proxy-url: ''", "");
        opens(r, "k");
        assert_string_equal(authorization(r), "(none)");
        assert_string_equal(kube_access_server(r->access), "http://127.0.0.1:8001");
}

static void with_token_and_file_the_file_counts(void **state)
{
        struct room *r = *state;

        put(r, "token", "from-file");
        put_config(r, "k", "server: 'https://h'", "token: fixed, tokenFile: token");
        opens(r, "k");
        assert_string_equal(authorization(r), "Bearer from-file");
        put_config(r, "k", "server: 'https://h'", "token: fixed, tokenFile: absent");
        opens(r, "k");
        assert_string_equal(authorization(r), "Bearer fixed");
}

static void a_proxy_works(void **state)
{
        struct room *r = *state;

        put_config(r, "k", "server: 'https://h', proxy-url: 'socks5://p:1080'", "token: t");
        opens(r, "k");
        assert_string_equal(kube_access_proxy(r->access), "socks5://p:1080");
        put_config(r, "k", "server: 'https://h', proxy-url: 'ftp://u:s3cret@p'", "token: t");
        is_refused(r, "k", "cluster 'c1': proxy-url: expected");
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
        struct room *r = *state;
        static const char *const users[][2] = {
                { "auth-provider: {name: oidc}", "user 'u1': auth-provider is not supported" },
                { "token: t, as: admin", "user 'u1': as is not supported" },
                { "token: t, as-uid: '1'", "user 'u1': as-uid is not supported" },
                { "token: t, as-groups: [x]", "user 'u1': as-groups is not supported" },
                { "token: t, as-user-extra: {x: [z]}", "user 'u1': as-user-extra is not" },
                { "token: s3cret, username: jo", "user 'u1': expected one of token, username" },
                { "token: s3cret, exec: {apiVersion: client.authentication.k8s.io/v1, "
                  "command: x}",
                  "user 'u1': expected one of token, username and exec" },
                { "token: 's3cret x'", "user 'u1': token: expected printable text" },
                { "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}",
                  "exec.apiVersion: expected client.authentication.k8s.io/v1 or v1beta1" },
                { "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
                  "interactiveMode: Always}",
                  "user 'u1': exec.interactiveMode Always is not supported" },
                { "exec: {command: x}", "users[0].user.exec.apiVersion: required" },
                { "exec: {apiVersion: client.authentication.k8s.io/v1}",
                  "users[0].user.exec.command: required" },
                { "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
                  "env: [{name: 'A=B', value: s3cret}]}",
                  "exec.env[0].name: expected no '='" },
        };

        for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
                put_config(r, "k", "server: 'https://h'", users[i][0]);
                is_refused(r, "k", users[i][1]);
        }
        auto_free char *ca = base64(r->ca.pem);
        auto_free char *cluster = xasprintf("server: 'https://h', insecure-skip-tls-verify: true, "
                                            "certificate-authority-data: %s",
                                            ca);
        put_config(r, "k", cluster, "token: t");
        is_refused(r, "k", "cluster 'c1': insecure-skip-tls-verify and a certificate authority");
        put_config(r, "k", "server: 'https://jo:s3cret@h'", "token: t");
        is_refused(r, "k", "cluster 'c1': server: expected");
}

/* What the others say is of no concern while they are not the current ones. */
static void only_the_current_user_has_to_be_supported(void **state)
{
        struct room *r = *state;
        struct http_tls tls;

        put(r, "k",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c1, user: a}}]\n"
            "clusters: [{name: c1, cluster: {server: 'https://h', insecure-skip-tls-verify: true}},"
            " {name: z, cluster: {server: 'gopher'}}]\n"
            "users: [{name: b, user: {auth-provider: {name: gcp}}}, {name: a, user: {token: "
            "t}}]\n");
        opens(r, "k");
        kube_access_tls(r->access, &tls);
        assert_true(tls.insecure);
        assert_string_equal(authorization(r), "Bearer t");
}

static void files_that_are_none_are_refused(void **state)
{
        struct room *r = *state;
        auto_free char *fifo = in_dir(r, "fifo");
        auto_free char *big = in_dir(r, "big");

        put_dir(r, "dir");
        is_refused(r, "dir", "expected a regular file");
        assert_int_equal(mkfifo(fifo, 0600), 0);
        is_refused(r, "fifo", "expected a regular file");
        put(r, "big", "x");
        assert_int_equal(truncate(big, 4 << 20), 0);
        is_refused(r, "big", "expected at most");
        put(r, "token", "a\nb");
        put_config(r, "k", "server: 'https://h'", "tokenFile: token");
        is_refused(r, "k", "expected a token");
        put_config(r, "k", "server: 'https://h'", "tokenFile: fifo");
        is_refused(r, "k", "expected a regular file");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_pod_finds_everything_in_its_service_account,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_ipv6_host_is_bracketed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_missing_or_empty_file_of_the_service_account_is_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        the_named_file_beats_the_environment_beats_the_pod_beats_home, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(nothing_usable_is_said, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        several_files_merge_and_the_first_to_say_something_wins, set_up, tear_down),
                cmocka_unit_test_setup_teardown(yaml_and_json_say_the_same, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_server_may_have_a_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_missing_is_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(data_beats_the_file_of_the_same_name, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        relative_files_belong_to_the_directory_of_their_kubeconfig, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(certificates_that_cannot_be_used_are_named, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(user_and_password_work, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nobody_in_particular_is_fine, set_up, tear_down),
                cmocka_unit_test_setup_teardown(with_token_and_file_the_file_counts, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_proxy_works, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_not_supported_is_refused_by_name, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(only_the_current_user_has_to_be_supported, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(files_that_are_none_are_refused, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
