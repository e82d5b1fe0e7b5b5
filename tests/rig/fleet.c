/* fleet.c - see fleet.h */
#include "rig/fleet.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOG_SHOWN = 6000, END_MS = 8000 };

static const char space[] = "octopus-system"; /* of manifests/base */

/* A kubeconfig with the token that a Pod of this account on the node has, through the proxy. */
static void enrol(struct fleet *f, struct fleet_member *m, const char *account, const char *node)
{
        char *token = kube_node_token(&f->kube, space, account, node);
        char *text = NULL;

        (void)snprintf(m->kubeconfig, sizeof(m->kubeconfig), "%s/%s.kubeconfig", f->dir, m->name);
        (void)snprintf(m->log, sizeof(m->log), "%s/%s.log", f->dir, m->name);
        (void)snprintf(m->state, sizeof(m->state), "%s/%s.state", f->dir, m->name);
        if (asprintf(&text,
                     "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                     "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%d', "
                     "certificate-authority: '%s/pki/ca.crt'}}]\n"
                     "users: [{name: c, user: {token: '%s'}}]\n"
                     "contexts: [{name: c, context: {cluster: c, user: c, namespace: %s}}]\n",
                     proxy_port(f->proxy), f->kube.dir, token, space) < 0)
                fail_msg("no memory");
        rig_write_file(m->kubeconfig, text);
        free(text);
        free(token);
}

static void install(struct fleet *f)
{
        char *said = NULL;

        if (kube_ctl(&f->kube, &said,
                     (const char *const[]){ "apply", "--server-side", "--force-conflicts", "-k",
                                            TEST_SOURCE "/manifests/overlays/plain", NULL }) != 0) {
                (void)fprintf(stderr, "%s\n", said);
                fail_msg("the manifests cannot be applied, see above");
        }
        free(said);
}

void fleet_up(struct fleet *f)
{
        memset(f, 0, sizeof(*f));
        kube_up_private(&f->kube, NULL);
        install(f);
        rig_scratch_make(f->dir);
        f->proxy = proxy_start((uint16_t)strtoul(strrchr(f->kube.server, ':') + 1, NULL, 10));
        for (int i = 0; i < FLEET_AGENTS; i++) {
                struct fleet_member *m = &f->agents[i];
                m->is_agent = true;
                (void)snprintf(m->name, sizeof(m->name), "%s-%d", f->kube.node, i);
                enrol(f, m, "octopus-limb", m->name);
        }
        for (int i = 0; i < FLEET_OPERATORS; i++) {
                struct fleet_member *m = &f->operators[i];
                (void)snprintf(m->name, sizeof(m->name), "operator-%d", i);
                enrol(f, m, "octopus-brain", f->agents[0].name);
        }
}

void fleet_down(struct fleet *f)
{
        for (int i = 0; i < FLEET_AGENTS; i++)
                process_kill(&f->agents[i].process);
        for (int i = 0; i < FLEET_OPERATORS; i++)
                process_kill(&f->operators[i].process);
        proxy_stop(f->proxy);
        kube_down(&f->kube);
        if (f->dir[0])
                rig_scratch_remove(f->dir);
        memset(f, 0, sizeof(*f));
}

void fleet_start(struct fleet_member *m)
{
        const char *agent[] = { TEST_BUILD "/devicelink",
                                "agent",
                                "--kubeconfig",
                                m->kubeconfig,
                                "--node-name",
                                m->name,
                                "--adaptors",
                                TEST_BUILD "/adaptors",
                                "--state",
                                m->state,
                                "--metrics-addr",
                                "0",
                                NULL };
        const char *operator[] = { TEST_BUILD "/devicelink",
                                   "operator",
                                   "--kubeconfig",
                                   m->kubeconfig,
                                   "--metrics-addr",
                                   "0",
                                   NULL };

        process_start(&m->process, m->log, m->is_agent ? agent : operator);
}

static void show(const struct fleet_member *m)
{
        char *log = rig_read_file(m->log);
        size_t len = strlen(log);

        (void)fprintf(stderr, "--- %s\n%s\n", m->name,
                      len > LOG_SHOWN ? log + len - LOG_SHOWN : log);
        free(log);
}

void fleet_show_logs(const struct fleet *f)
{
        for (int i = 0; i < FLEET_OPERATORS; i++)
                show(&f->operators[i]);
        for (int i = 0; i < FLEET_AGENTS; i++)
                show(&f->agents[i]);
}

void fleet_stop(struct fleet_member *m)
{
        int code = process_end(&m->process, SIGTERM, END_MS);
        char *log = rig_read_file(m->log);
        bool is_clean = !strstr(log, "Sanitizer") && !strstr(log, "runtime error");

        free(log);
        if (code != 0 || !is_clean) {
                show(m);
                fail_msg("%s ended with %d, see above", m->name, code);
        }
}

size_t fleet_descriptors(const struct fleet_member *m)
{
        char path[64];
        size_t n = 0;

        (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)m->process.pid);
        DIR *d = opendir(path);
        while (d && readdir(d))
                n++;
        if (d)
                (void)closedir(d);
        return n;
}
