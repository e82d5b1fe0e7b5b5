/* A credential plugin gives what it has in bounded time and space, and nobody waits for it twice.
 * Numbers: reference A1. */
/* wrap: clock_wall_ns clock_mono_ns */
#include "access_room.h"
#include "base/text.h"

#include <stdatomic.h>

int64_t __wrap_clock_wall_ns(void);
int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_mono_ns(void);
int64_t __real_clock_mono_ns(void);

static _Atomic int64_t wall_skew_ns;
static _Atomic int64_t mono_skew_ns;

int64_t __wrap_clock_wall_ns(void)
{
        return __real_clock_wall_ns() + atomic_load(&wall_skew_ns);
}

int64_t __wrap_clock_mono_ns(void)
{
        return __real_clock_mono_ns() + atomic_load(&mono_skew_ns);
}

#define CREDENTIAL                                                                                 \
        "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","

/* The plugin is a script in the room's directory; it counts its runs in the file "runs". */
static void use_plugin(struct room *r, const char *script, const char *more)
{
        auto_free char *text = xasprintf("#!/bin/sh\ncd '%s'\necho x >>runs\n%s\n", r->dir, script);
        auto_free char *config = xasprintf(
                "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://h:1', tls-server-name: api, "
                "extensions: [{name: client.authentication.k8s.io/exec, extension: {a: [1]}}]}}]\n"
                "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, "
                "command: ./plugin%s}}}]\n",
                more);

        put(r, "plugin", text);
        put(r, "k", config);
        opens(r, "k");
}

static void use_answer(struct room *r, const char *status)
{
        auto_free char *script =
                xasprintf("cat <<'END'\n" CREDENTIAL "\"status\":%s}\nEND", status);

        use_plugin(r, script, "");
}

static int runs(const struct room *r)
{
        auto_free char *path = in_dir(r, "runs");
        struct stat st;

        return stat(path, &st) < 0 ? 0 : (int)st.st_size / 2;
}

static char *file(const struct room *r, const char *name)
{
        auto_free char *path = in_dir(r, name);
        FILE *f = fopen(path, "re");
        char *text = xcalloc(1, 1 << 16);

        assert_non_null(f);
        assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
        (void)fclose(f);
        return text;
}

static int exec_set_up(void **state)
{
        atomic_store(&wall_skew_ns, 0);
        atomic_store(&mono_skew_ns, 0);
        return set_up(state);
}

static char *in_seconds(int64_t s)
{
        char text[TEXT_TIME_MAX];

        (void)text_time(__real_clock_wall_ns() + s * NS_PER_S, text);
        return xstrdup(text);
}

/* --- what it gives */

static void a_token_is_asked_for_once(void **state)
{
        struct room *r = *state;

        use_answer(r, "{\"token\":\"abc\"}");
        assert_int_equal(runs(r), 0); /* not before it is needed */
        for (int i = 0; i < 3; i++)
                assert_string_equal(authorization(r), "Bearer abc");
        assert_int_equal(runs(r), 1);
        assert_int_equal(r->changes, 0);
}

static void many_who_wait_share_one_run(void **state)
{
        struct room *r = *state;

        use_answer(r, "{\"token\":\"abc\"}");
        for (int i = 0; i < 50; i++)
                assert_non_null(kube_access_authorize(r->access, on_ready, r));
        assert_true(run_until(r->loop, &r->answers, 50));
        assert_int_equal(r->answers, 50);
        assert_int_equal(runs(r), 1);
}

static void a_certificate_is_told_before_the_answer(void **state)
{
        struct room *r = *state;
        struct buf status = BUF(1 << 16);
        struct http_tls tls;

        buf_adds(&status, "{\"clientCertificateData\":");
        buf_add_json(&status, r->client.pem, strlen(r->client.pem));
        buf_adds(&status, ",\"clientKeyData\":");
        buf_add_json(&status, r->client.key_pem, strlen(r->client.key_pem));
        buf_addc(&status, '}');
        use_answer(r, buf_text(&status));
        buf_done(&status);
        assert_string_equal(authorization(r), "(none)");
        assert_int_equal(r->changes, 1);
        kube_access_tls(r->access, &tls);
        assert_string_equal(tls.certificate_pem, r->client.pem);
        assert_string_equal(tls.key_pem, r->client.key_pem);
        kube_access_refused(r->access, clock_mono_ns());
        assert_string_equal(authorization(r), "(none)");
        assert_int_equal(runs(r), 2);
        assert_int_equal(r->changes, 1); /* the same again */
}

static void credentials_are_kept_until_shortly_before_they_expire(void **state)
{
        struct room *r = *state;
        auto_free char *when = in_seconds(3600);
        auto_free char *status =
                xasprintf("{\"token\":\"abc\",\"expirationTimestamp\":\"%s\"}", when);

        use_answer(r, status);
        assert_string_equal(authorization(r), "Bearer abc");
        atomic_store(&mono_skew_ns, 3600 * NS_PER_S);
        atomic_store(&wall_skew_ns, (3600 - 20) * NS_PER_S);
        assert_string_equal(authorization(r), "Bearer abc");
        assert_int_equal(runs(r), 1);
        atomic_store(&wall_skew_ns, (3600 - 9) * NS_PER_S);
        assert_string_equal(authorization(r), "Bearer abc");
        assert_int_equal(runs(r), 2);
}

/* The clocks differ: what it gave is tried, and it is not run for each request. */
static void credentials_that_come_expired_are_tried(void **state)
{
        struct room *r = *state;

        use_answer(r, "{\"token\":\"abc\",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"}");
        for (int i = 0; i < 5; i++)
                assert_string_equal(authorization(r), "Bearer abc");
        assert_int_equal(runs(r), 1);
        atomic_store(&mono_skew_ns, 6 * NS_PER_S);
        assert_string_equal(authorization(r), "Bearer abc");
        assert_int_equal(runs(r), 2);
}

static void refused_credentials_are_asked_for_anew(void **state)
{
        struct room *r = *state;
        int64_t early = clock_mono_ns();

        use_plugin(r, "n=$(wc -l <runs)\necho '" CREDENTIAL "\"status\":{\"token\":\"t'$n'\"}}'",
                   "");
        assert_string_equal(authorization(r), "Bearer t1");
        kube_access_refused(r->access, early);
        assert_string_equal(authorization(r), "Bearer t1");
        kube_access_refused(r->access, clock_mono_ns());
        assert_string_equal(authorization(r), "Bearer t2");
}

/* --- what it gets */

static void it_gets_arguments_environment_and_the_cluster_and_no_input(void **state)
{
        struct room *r = *state;

        (void)setenv("INHERITED", "yes", 1);
        (void)setenv("MODE", "ours", 1);
        use_plugin(r,
                   "printf '%s|' \"$@\" >args\necho \"$INHERITED $MODE\" >env\n"
                   "printf %s \"$KUBERNETES_EXEC_INFO\" >info\nreadlink /proc/self/fd/0 >input\n"
                   "echo noise >&2\necho '" CREDENTIAL "\"status\":{\"token\":\"t\"}}'",
                   ", args: ['a b', '$(touch evil)', ''], provideClusterInfo: true, "
                   "env: [{name: MODE, value: 'theirs; x'}]");
        assert_string_equal(authorization(r), "Bearer t");
        auto_free char *args = file(r, "args");
        auto_free char *env = file(r, "env");
        auto_free char *info = file(r, "info");
        auto_free char *input = file(r, "input");
        assert_string_equal(args, "a b|$(touch evil)||");
        assert_string_equal(env, "yes theirs; x\n");
        assert_string_equal(input, "/dev/null\n");
        assert_string_equal(
                info, "{\"kind\":\"ExecCredential\","
                      "\"apiVersion\":\"client.authentication.k8s.io/v1\","
                      "\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"https://h:1\","
                      "\"tls-server-name\":\"api\",\"config\":{\"a\":[1]}}}}");
        (void)unsetenv("INHERITED");
        (void)unsetenv("MODE");
}

static void without_a_slash_the_path_is_searched(void **state)
{
        struct room *r = *state;

        put(r, "k",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
            "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, "
            "command: echo, args: ['{\"kind\":\"ExecCredential\",\"apiVersion\":"
            "\"client.authentication.k8s.io/v1beta1\",\"status\":{\"token\":\"t\"}}']}}}]\n");
        opens(r, "k");
        assert_string_equal(authorization(r), "Bearer t");
}

/* --- what is wrong with it */

static void fails_with(struct room *r, const char *part)
{
        const char *text = authorization(r);

        assert_true(r->failure.rc < 0);
        assert_string_equal(r->value, "(none)");
        if (!strstr(text, part))
                fail_msg("expected '%s' in '%s'", part, text);
        assert_null(strstr(text, "s3cret"));
}

static void what_it_prints_must_be_a_credential(void **state)
{
        struct room *r = *state;
        static const char *const cases[][2] = {
                { "", "expected an ExecCredential as JSON" },
                { "s3cret", "expected an ExecCredential as JSON" },
                { "{\"kind\":\"Config\"}", "kind: expected ExecCredential" },
                { "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
                  "v1beta1\",\"status\":{\"token\":\"s3cret\"}}",
                  "apiVersion: expected client.authentication.k8s.io/v1, got "
                  "'client.authentication.k8s.io/v1beta1'" },
                { CREDENTIAL "\"status\":{}}", "status: expected a token" },
                { CREDENTIAL "\"status\":{\"token\":\"\"}}", "status: expected a token" },
                { CREDENTIAL "\"status\":{\"token\":7}}", "status: expected a token" },
                { CREDENTIAL "\"status\":{\"token\":\"s3cret x\"}}", "status.token: expected" },
                { CREDENTIAL "\"status\":{\"clientCertificateData\":\"s3cret\"}}",
                  "status: client certificate: its key is missing" },
                { CREDENTIAL "\"status\":{\"token\":\"s3cret\",\"expirationTimestamp\":\"soon\"}}",
                  "status.expirationTimestamp: expected a time" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                auto_free char *script = xasprintf("cat <<'END'\n%s\nEND", cases[i][0]);

                use_plugin(r, script, "");
                fails_with(r, cases[i][1]);
        }
}

static void it_must_end_well(void **state)
{
        struct room *r = *state;

        use_plugin(r, "echo s3cret\nexit 3", "");
        fails_with(r, "exec plugin '");
        assert_non_null(strstr(r->failure.text, "it ended with 3"));
        use_plugin(r, "kill -9 $$", "");
        fails_with(r, "it was ended by signal 9");
        auto_free char *plugin = in_dir(r, "plugin");
        use_plugin(r, "", ", installHint: 'get it from the shop'");
        assert_int_equal(unlink(plugin), 0);
        fails_with(r, "No such file or directory: get it from the shop");
}

static void it_is_not_asked_again_at_once_after_a_failure(void **state)
{
        struct room *r = *state;

        use_plugin(r, "exit 1", "");
        for (int i = 0; i < 5; i++)
                fails_with(r, "it ended with 1");
        assert_int_equal(runs(r), 1);
        atomic_store(&mono_skew_ns, 6 * NS_PER_S);
        fails_with(r, "it ended with 1");
        assert_int_equal(runs(r), 2);
}

static void its_output_is_bounded(void **state)
{
        struct room *r = *state;

        use_plugin(r, "exec yes s3cret", "");
        fails_with(r, "it printed more than 1048576 bytes");
}

static bool runs_now(long pid)
{
        auto_free char *path = xasprintf("/proc/%ld/stat", pid);
        auto_fclose FILE *f = fopen(path, "re");
        char line[256] = "";

        if (!f || !fgets(line, sizeof(line), f))
                return false;
        return !strstr(line, ") Z "); /* ended, but nobody has asked yet */
}

static bool is_alive(const struct room *r, const char *name)
{
        auto_free char *text = file(r, name);

        for (int i = 0; i < 100; i++) {
                if (!runs_now(strtol(text, NULL, 10)))
                        return false;
                run_for(r->loop, 10 * NS_PER_MS);
        }
        return true;
}

/* It and what it started. */
static void it_is_ended_after_half_a_minute(void **state)
{
        struct room *r = *state;

        use_plugin(r,
                   "sh -c 'echo $$ >child; while :; do sleep 0.1; echo; done' &\n"
                   "while :; do sleep 0.1; echo; done",
                   "");
        assert_non_null(kube_access_authorize(r->access, on_ready, r));
        run_for(r->loop, 500 * NS_PER_MS);
        atomic_store(&mono_skew_ns, 29 * NS_PER_S);
        run_for(r->loop, 300 * NS_PER_MS);
        assert_int_equal(r->answers, 0);
        atomic_store(&mono_skew_ns, 31 * NS_PER_S);
        assert_true(run_until(r->loop, &r->answers, 1));
        assert_non_null(strstr(r->failure.text, "it did not end within 30 s"));
        assert_false(is_alive(r, "child"));
}

static void what_it_leaves_behind_is_ended(void **state)
{
        struct room *r = *state;

        use_plugin(r,
                   "sh -c 'echo $$ >child; exec sleep 1000' >/dev/null &\n"
                   "while [ ! -s child ]; do sleep 0.01; done\n"
                   "echo '" CREDENTIAL "\"status\":{\"token\":\"t\"}}'",
                   "");
        assert_string_equal(authorization(r), "Bearer t");
        assert_false(is_alive(r, "child"));
}

static void it_is_ended_when_nobody_wants_it_any_more(void **state)
{
        struct room *r = *state;
        int64_t at = clock_mono_ns();

        use_plugin(r, "echo $$ >child\nexec sleep 1000", "");
        assert_non_null(kube_access_authorize(r->access, on_ready, r));
        run_for(r->loop, 300 * NS_PER_MS);
        kube_access_close(r->access);
        r->access = NULL;
        assert_true(clock_mono_ns() - at < 5 * NS_PER_S);
        assert_false(is_alive(r, "child"));
        assert_int_equal(r->answers, 0);
}

/* It closes its output and stays. */
static void it_has_a_second_to_end_after_its_last_word(void **state)
{
        struct room *r = *state;

        use_plugin(r, "exec >&-\nexec sleep 1000", "");
        fails_with(r, "it was ended by signal 9");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_token_is_asked_for_once, exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(many_who_wait_share_one_run, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_certificate_is_told_before_the_answer,
                                                exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        credentials_are_kept_until_shortly_before_they_expire, exec_set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(credentials_that_come_expired_are_tried,
                                                exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(refused_credentials_are_asked_for_anew, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        it_gets_arguments_environment_and_the_cluster_and_no_input, exec_set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(without_a_slash_the_path_is_searched, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_it_prints_must_be_a_credential, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(it_must_end_well, exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_is_not_asked_again_at_once_after_a_failure,
                                                exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(its_output_is_bounded, exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_is_ended_after_half_a_minute, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_it_leaves_behind_is_ended, exec_set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(it_is_ended_when_nobody_wants_it_any_more,
                                                exec_set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_has_a_second_to_end_after_its_last_word,
                                                exec_set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
