/* access_exec.c - running a credential plugin: no shell, no input, bounded in time and output. */
#include "kube/access_impl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define EXEC_LIMIT_NS (30 * NS_PER_S)

void access_grant_done(struct access_grant *g)
{
        access_wipe(g->token);
        free(g->certificate);
        access_wipe(g->key);
        *g = (struct access_grant){ 0 };
}

/* --- starting */

static bool overrides(char *const *list, const char *entry)
{
        size_t n = strcspn(entry, "=") + 1;

        for (size_t i = 0; list[i]; i++) {
                if (strncmp(list[i], entry, n) == 0)
                        return true;
        }
        return false;
}

/* Ours, where the plugin's does not say otherwise.  The entries are borrowed. */
static char **environment(const struct access_exec *x)
{
        size_t n = 0;
        size_t k = 0;

        while (environ[n])
                n++;
        while (x->environ[k])
                k++;
        char **all = xcalloc(n + k + 1, sizeof(char *));
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
                if (!overrides(x->environ, environ[i]))
                        all[at++] = environ[i];
        }
        memcpy(all + at, x->environ, k * sizeof(char *));
        return all;
}

/* A group of its own, so that what it started ends with it; its messages are ours to drop. */
static int spawn(const struct access_exec *x, int out, pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        auto_free char **env = environment(x);
        sigset_t none;
        sigset_t defaults;

        (void)sigemptyset(&none);
        (void)sigfillset(&defaults);
        (void)posix_spawn_file_actions_init(&actions);
        (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        (void)posix_spawnattr_init(&attributes);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                            POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
        int rc = posix_spawnp(ret, x->argv[0], &actions, &attributes, x->argv, env);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return rc;
}

/* --- listening */

/* In one piece from the beginning, so that no copy stays behind; memory that is not written costs
 * nothing. */
struct printed {
        char *bytes;
        size_t n;
};

/* What it prints until it closes its output.  0, or why not. */
static int listen_to(int out, int stop_fd, struct printed *text, struct err *e)
{
        int64_t end = clock_mono_ns() + EXEC_LIMIT_NS;

        for (;;) {
                struct pollfd fds[] = { { .fd = out, .events = POLLIN },
                                        { .fd = stop_fd, .events = POLLIN } };
                int64_t left_ms = (end - clock_mono_ns()) / NS_PER_MS;
                int ready = left_ms > 0 ? poll(fds, 2, (int)left_ms) : 0;

                if (ready < 0 && errno == EINTR)
                        continue;
                if (ready <= 0)
                        return err_set(e, DL_RETRY, "it did not end within %d s",
                                       (int)(EXEC_LIMIT_NS / NS_PER_S));
                if (fds[1].revents)
                        return err_set(e, DL_RETRY, "it is no longer wanted");
                ssize_t n = read(out, text->bytes + text->n, ACCESS_EXEC_MAX + 1 - text->n);
                if (n > 0)
                        text->n += (size_t)n;
                if (text->n > ACCESS_EXEC_MAX)
                        return err_set(e, DL_REFUSED, "it printed more than %d bytes",
                                       ACCESS_EXEC_MAX);
                if (n == 0 || (n < 0 && errno != EINTR))
                        return 0;
        }
}

static int say_end(int status, struct err *e)
{
        if (WIFSIGNALED(status))
                return err_set(e, DL_RETRY, "it was ended by signal %d", WTERMSIG(status));
        if (WEXITSTATUS(status) == 127)
                return err_set(e, DL_RETRY, "it could not be started, or ended with 127");
        if (WEXITSTATUS(status) != 0)
                return err_set(e, DL_RETRY, "it ended with %d", WEXITSTATUS(status));
        return 0;
}

/* Whether it ended within that time; it is not reaped yet. */
static bool ends_within(pid_t pid, int64_t ns)
{
        int64_t end = clock_mono_ns() + ns;

        for (;;) {
                siginfo_t info = { 0 };

                if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 ||
                    info.si_pid == pid)
                        return true;
                if (clock_mono_ns() > end)
                        return false;
                (void)poll(NULL, 0, 5);
        }
}

/* Its group is ended while its number cannot belong to somebody else. */
static int reap(pid_t pid, struct err *e)
{
        int status = 0;

        (void)kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0) {
                if (errno != EINTR)
                        return err_set(e, DL_RETRY, "wait for it: %m");
        }
        return say_end(status, e);
}

static int run(const struct access_exec *x, int stop_fd, struct printed *text, struct err *e)
{
        int pipe_fd[2];
        pid_t pid;

        if (pipe2(pipe_fd, O_CLOEXEC) < 0)
                return err_set(e, DL_RETRY, "pipe: %m");
        auto_close int out = pipe_fd[0];
        int rc = spawn(x, pipe_fd[1], &pid);
        (void)close(pipe_fd[1]);
        if (rc) {
                errno = rc;
                return err_set(e, DL_RETRY, "start it: %m%s%s", x->hint ? ": " : "",
                               x->hint ? x->hint : "");
        }
        rc = listen_to(out, stop_fd, text, e);
        if (rc < 0) {
                (void)reap(pid, NULL);
                return rc;
        }
        (void)ends_within(pid, NS_PER_S);
        return reap(pid, e);
}

/* --- understanding */

static const char *text_at(const struct tree *t, const char *key)
{
        const char *s = tree_text(tree_get(t, key));

        return s && s[0] ? s : NULL;
}

static int read_expiry(const struct tree *status, struct access_grant *g, struct err *e)
{
        const char *when = text_at(status, "expirationTimestamp");

        g->expires_wall_ns = INT64_MAX;
        if (when && text_parse_time(when, strlen(when), &g->expires_wall_ns, NULL) < 0)
                return err_set(e, DL_CONFIG,
                               "status.expirationTimestamp: expected a time, got '%.40s'", when);
        return 0;
}

static int read_status(const struct tree *status, struct access_grant *g, struct err *e)
{
        const char *token = text_at(status, "token");
        const char *certificate = text_at(status, "clientCertificateData");
        const char *key = text_at(status, "clientKeyData");
        const struct http_tls tls = { .certificate_pem = certificate, .key_pem = key };

        if (!token && !certificate && !key)
                return err_set(e, DL_CONFIG, "status: expected a token, or a certificate and key");
        if (token && !access_is_token(token, strlen(token)))
                return err_set(e, DL_CONFIG,
                               "status.token: expected printable text without spaces");
        if (http_check_tls(&tls, e) < 0)
                return err_wrap(e, "status");
        if (read_expiry(status, g, e) < 0)
                return DL_CONFIG;
        g->token = token ? xstrdup(token) : NULL;
        g->certificate = certificate ? xstrdup(certificate) : NULL;
        g->key = key ? xstrdup(key) : NULL;
        return 0;
}

int access_exec_parse(const struct access_exec *x, const char *text, size_t len,
                      struct access_grant *ret, struct err *e)
{
        static const struct tree_limits limits = { .bytes = ACCESS_EXEC_MAX,
                                                   .nodes = 1000,
                                                   .depth = 16 };
        auto_of(arena) struct arena *a = arena_new();
        const struct tree *t = NULL;
        struct access_grant g = { 0 };

        if (tree_parse_json(a, text, len, &limits, &t, NULL) < 0)
                return err_set(e, DL_CONFIG, "expected an ExecCredential as JSON");
        const char *kind = text_at(t, "kind");
        const char *version = text_at(t, "apiVersion");
        int rc = 0;
        if (!kind || strcmp(kind, "ExecCredential") != 0)
                rc = err_set(e, DL_CONFIG, "kind: expected ExecCredential");
        else if (!version || strcmp(version, x->api_version) != 0)
                rc = err_set(e, DL_CONFIG, "apiVersion: expected %s, got '%.100s'", x->api_version,
                             version ? version : "");
        else
                rc = read_status(tree_get(t, "status"), &g, e);
        access_wipe_tree(t);
        if (rc == 0)
                *ret = g;
        return rc;
}

int access_exec_run(const struct access_exec *x, int stop_fd, struct access_grant *ret,
                    struct err *e)
{
        struct printed text = { .bytes = xmalloc(ACCESS_EXEC_MAX + 1) };
        int rc = run(x, stop_fd, &text, e);

        if (rc == 0)
                rc = access_exec_parse(x, text.bytes, text.n, ret, e);
        explicit_bzero(text.bytes, text.n);
        free(text.bytes);
        return rc < 0 ? err_wrap(e, "exec plugin '%s'", x->argv[0]) : 0;
}
