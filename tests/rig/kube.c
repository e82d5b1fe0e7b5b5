/* kube.c - see kube.h: clusters, and kubectl. */
#include "rig/kube.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGS_MAX = 48, CRDS_MS = 60000 };

#define LINKS "/apis/edge.cattle.io/v1alpha1/devicelinks"

/* --- programs */

static int memory_file(const char *text)
{
        int fd = memfd_create("rig", MFD_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
            lseek(fd, 0, SEEK_SET) < 0)
                fail_msg("memfd: %s", strerror(errno));
        return fd;
}

static char *read_back(int fd)
{
        off_t len = lseek(fd, 0, SEEK_END);
        char *text = len < 0 ? NULL : calloc(1, (size_t)len + 1);

        if (!text || pread(fd, text, (size_t)len, 0) != len)
                fail_msg("memfd: %s", strerror(errno));
        return text;
}

/* Run to the end; *ret is what it said, both ways, for free().  extra: text that it finds in
 * /proc/self/fd/3. */
static int run(const char *const argv[], const char *input, const char *extra, char **ret)
{
        int fds[] = { memory_file(input), memory_file(""), memory_file(extra) };
        int status = 0;
        pid_t pid = fork();

        if (pid < 0)
                fail_msg("fork: %s", strerror(errno));
        if (pid == 0) {
                (void)dup2(fds[0], 0);
                (void)dup2(fds[1], 1);
                (void)dup2(fds[1], 2);
                if (fds[2] == 3)
                        (void)fcntl(3, F_SETFD, 0);
                else
                        (void)dup2(fds[2], 3);
                (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
                (void)dprintf(2, "exec %s: %m\n", argv[0]);
                _exit(127);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        fail_msg("waitpid: %s", strerror(errno));
        *ret = read_back(fds[1]);
        for (int i = 0; i < 3; i++)
                (void)close(fds[i]);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The namespace of the test is only the one of what names none: so not by --namespace. */
static int run_kubectl(struct kube *k, const char *input, const char *const more[], char **ret)
{
        char program[320], cache[320], config[400], context[256];
        const char *argv[ARGS_MAX] = { "env", config, program, "--cache-dir", cache };
        size_t n = 5;

        (void)snprintf(program, sizeof(program), "%s/bin/kubectl", k->dir);
        (void)snprintf(cache, sizeof(cache), "%s/kubectl-cache", k->dir);
        (void)snprintf(config, sizeof(config), "KUBECONFIG=/proc/self/fd/3:%s", k->kubeconfig);
        (void)snprintf(context, sizeof(context),
                       "apiVersion: v1\nkind: Config\ncontexts: [{name: test, context: "
                       "{cluster: test, user: admin, namespace: '%s'}}]\n",
                       k->space);
        for (; *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        return run(argv, input, context, ret);
}

/* cmocka cuts messages. */
static void fail_with(const char *what, int code, const char *said)
{
        (void)fprintf(stderr, "%s\n", said);
        fail_msg("%s ended with %d, see above", what, code);
}

int kube_ctl(struct kube *k, char **ret, const char *const argv[])
{
        char *said = NULL;
        int code = run_kubectl(k, "", argv, &said);

        if (ret)
                *ret = said;
        else
                free(said);
        return code;
}

/* hack/kube with these arguments; fails the test unless it ends with 0. */
static void hack_kube(const char *const more[])
{
        const char *argv[ARGS_MAX] = { TEST_SOURCE "/hack/kube" };
        char *said = NULL;
        size_t n = 1;

        for (; *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        int code = run(argv, "", "", &said);
        if (code != 0)
                fail_with(argv[1], code, said);
        free(said);
}

/* --- what a test writes */

static void put(FILE *f, const char *text, const char *name, const char *value, const char **end)
{
        size_t len = strlen(name);

        *end = NULL;
        if (strncmp(text, name, len) == 0) {
                (void)fputs(value, f);
                *end = text + len;
        }
}

static char *fill_in(struct kube *k, const char *text)
{
        char *ret = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&ret, &len);
        const char *end = NULL;

        if (!f)
                fail_msg("no memory");
        while (*text) {
                put(f, text, "{space}", k->space, &end);
                if (!end)
                        put(f, text, "{node}", k->node, &end);
                if (!end) {
                        (void)fputc(*text, f);
                        end = text + 1;
                }
                text = end;
        }
        (void)fclose(f);
        return ret;
}

void kube_apply(struct kube *k, const char *format, ...)
{
        char *text = NULL;
        char *said = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                fail_msg("no memory");
        va_end(ap);
        char *filled = fill_in(k, text);
        int code = run_kubectl(k, filled, (const char *const[]){ "apply", "-f", "-", NULL }, &said);
        if (code != 0)
                fail_with("kubectl apply", code, said);
        free(text);
        free(filled);
        free(said);
}

/* --- CRDs, once per cluster */

/* Names, sizes and times of crds/: when they are those of the last time, nothing has to be done. */
static char *crds_state(void)
{
        char *said = NULL;
        int code = run((const char *const[]){ "find", TEST_SOURCE "/crds", "-name", "*.yaml",
                                              "-printf", "%f %s %T@\\n", NULL },
                       "", "", &said);

        if (code != 0)
                fail_with("find crds", code, said);
        return said;
}

static bool links_are_served(struct kube *k)
{
        return kube_request(k, "GET", LINKS "?limit=1", NULL, NULL, NULL) == 200;
}

static void must_kubectl(struct kube *k, const char *const argv[])
{
        char *said = NULL;
        int code = run_kubectl(k, "", argv, &said);

        if (code != 0)
                fail_with("kubectl", code, said);
        free(said);
}

static void apply_crds(struct kube *k)
{
        int64_t until = rig_now_ms() + CRDS_MS;

        must_kubectl(k, (const char *const[]){ "apply", "--server-side", "--force-conflicts", "-f",
                                               TEST_SOURCE "/crds", NULL });
        must_kubectl(k, (const char *const[]){ "wait", "--for=condition=Established",
                                               "--timeout=60s", "-f", TEST_SOURCE "/crds", NULL });
        while (!links_are_served(k)) {
                if (rig_now_ms() > until)
                        fail_msg("the CRDs are established, but " LINKS " is not served");
                rig_sleep_ms(50);
        }
}

static void need_crds(struct kube *k)
{
        char lock[320];
        char mark[320];

        (void)snprintf(lock, sizeof(lock), "%s/crds.lock", k->dir);
        (void)snprintf(mark, sizeof(mark), "%s/crds.applied", k->dir);
        int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                fail_msg("lock %s: %s", lock, strerror(errno));
        char *now = crds_state();
        char *before = rig_read_file(mark);
        if (strcmp(now, before) != 0 || !links_are_served(k)) {
                apply_crds(k);
                rig_write_file(mark, now);
        }
        free(now);
        free(before);
        (void)close(fd);
}

/* --- clusters */

/* Of this run of this program: lower case, digits and dashes, at most 40. */
static void name_space(struct kube *k)
{
        static int number;
        const char *program = program_invocation_short_name;
        const char *prefix = "test_kube_";
        size_t n = 0;

        if (strncmp(program, prefix, strlen(prefix)) == 0)
                program += strlen(prefix);
        k->space[n++] = 't';
        k->space[n++] = '-';
        for (; *program && n < 24; program++)
                k->space[n++] =
                        (char)(isalnum((unsigned char)*program) ? tolower((unsigned char)*program)
                                                                : '-');
        (void)snprintf(k->space + n, sizeof(k->space) - n, "-%x-%x-%d", (unsigned)getpid(),
                       (unsigned)(rig_now_ms() & 0xfffff), ++number);
        (void)snprintf(k->node, sizeof(k->node), "node-%.50s", k->space);
}

static void make_space(struct kube *k)
{
        char body[256];

        name_space(k);
        (void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", k->space);
        long status = kube_request(k, "POST", "/api/v1/namespaces", NULL, body, NULL);
        if (status != 201)
                fail_msg("namespace %s: %ld", k->space, status);
}

static void use(struct kube *k)
{
        char path[320];

        (void)snprintf(k->kubeconfig, sizeof(k->kubeconfig), "%s/admin.kubeconfig", k->dir);
        (void)snprintf(path, sizeof(path), "%s/server", k->dir);
        char *server = rig_read_file(path);
        server[strcspn(server, "\n")] = '\0';
        if (server[0] == '\0' || strlen(server) >= sizeof(k->server))
                fail_msg("no cluster in %s", k->dir);
        (void)snprintf(k->server, sizeof(k->server), "%s", server);
        free(server);
        need_crds(k);
        make_space(k);
}

void kube_up(struct kube *k)
{
        const char *dir = getenv("DEVICELINK_KUBE");

        memset(k, 0, sizeof(*k));
        if (!dir || !dir[0])
                fail_msg("DEVICELINK_KUBE is not set: start a cluster with `hack/kube up`, or run "
                         "this under `hack/kube run`");
        (void)snprintf(k->dir, sizeof(k->dir), "%s", dir);
        use(k);
}

void kube_up_private(struct kube *k, const char *const more[])
{
        char owner[16];
        const char *argv[ARGS_MAX] = {
                "up", "--dir", k->dir, "--owner", owner, "--crds", TEST_SOURCE "/crds"
        };
        size_t n = 7;

        memset(k, 0, sizeof(*k));
        rig_scratch_make(k->dir);
        k->private_server = true;
        (void)snprintf(owner, sizeof(owner), "%d", (int)getpid());
        for (; more && *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        hack_kube(argv);
        use(k);
}

static void strip_finalizers(struct kube *k, struct json_object *list)
{
        struct json_object *items = json_object_object_get(list, "items");

        for (size_t i = 0; i < json_object_array_length(items); i++) {
                struct json_object *link = json_object_array_get_idx(items, i);
                struct json_object *meta = json_object_object_get(link, "metadata");
                const char *name = json_object_get_string(json_object_object_get(meta, "name"));
                (void)kube_request(k, "PATCH", kube_link_path(k, name),
                                   "application/merge-patch+json",
                                   "{\"metadata\":{\"finalizers\":null}}", NULL);
        }
}

/* Nothing of this test keeps an agent or an operator of the next one busy. */
static void clear_space(struct kube *k)
{
        char path[320];
        struct json_object *list = NULL;

        (void)snprintf(path, sizeof(path), "/api/v1/nodes?labelSelector=devicelink.test%%2Fof=%s",
                       k->space);
        (void)kube_request(k, "DELETE", path, NULL, NULL, NULL);
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s", k->space);
        (void)kube_request(k, "DELETE", path, NULL, NULL, NULL);
        (void)snprintf(path, sizeof(path),
                       "/apis/edge.cattle.io/v1alpha1/namespaces/%s/devicelinks", k->space);
        (void)kube_request(k, "DELETE", path, NULL, NULL, NULL);
        if (kube_request(k, "GET", path, NULL, NULL, &list) == 200)
                strip_finalizers(k, list);
        json_object_put(list);
}

void kube_down(struct kube *k)
{
        if (k->dir[0] == '\0')
                return;
        if (!k->private_server)
                clear_space(k);
        else if (access(k->kubeconfig, F_OK) == 0)
                hack_kube((const char *const[]){ "down", k->dir, NULL });
        if (k->private_server)
                rig_scratch_remove(k->dir);
        curl_easy_cleanup(k->curl);
        memset(k, 0, sizeof(*k));
}

void kube_signal(struct kube *k, const char *program, int number)
{
        char text[16];

        if (!k->private_server)
                fail_msg("the cluster is shared: %s stays", program);
        (void)snprintf(text, sizeof(text), "%d", number);
        hack_kube((const char *const[]){ "kill", k->dir, program, text, NULL });
}

void kube_start_again(struct kube *k, const char *program)
{
        hack_kube((const char *const[]){ "start", k->dir, program, NULL });
}
