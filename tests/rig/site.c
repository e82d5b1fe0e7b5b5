/* site.c - see site.h */
/* libs: PkgConfig::JSONC PkgConfig::CURL */
#include "rig/site.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { ARGS_MAX = 40, LOG_SHOWN = 6000 };

const char site_healthy[] = "NodeExisted True Found ''\n"
                            "ModelExisted True Found ''\n"
                            "AdaptorExisted True Found ''\n"
                            "DeviceCreated True Success ''\n"
                            "DeviceConnected True Healthy ''\n";

static void show(const char *path)
{
        char *log = rig_read_file(path);
        size_t len = strlen(log);

        /* print_error() cuts at 1,024 */
        (void)fprintf(stderr, "--- %s\n%s\n", path, len > LOG_SHOWN ? log + len - LOG_SHOWN : log);
        free(log);
}

void site_show_logs(const struct site *s)
{
        show(s->operator_log);
        show(s->agent_log);
}

static size_t add_all(const char **argv, size_t n, const char *const more[])
{
        for (; more && *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        argv[n] = NULL;
        return n;
}

void site_operator_start(struct site *s, const char *const more[])
{
        char address[32];
        const char *argv[ARGS_MAX] = { TEST_BUILD "/devicelink", "operator",
                                       "--kubeconfig",           s->kube.kubeconfig,
                                       "--lease-namespace",      s->kube.space,
                                       "--metrics-addr",         address };

        (void)snprintf(address, sizeof(address), "127.0.0.1:%d", s->operator_port);
        (void)add_all(argv, 8, more);
        process_start(&s->operator, s->operator_log, argv);
}

void site_agent_start(struct site *s, const char *const more[])
{
        char address[32], state[320];
        const char *argv[ARGS_MAX] = { TEST_BUILD "/devicelink", "agent",       "--kubeconfig",
                                       s->kube.kubeconfig,       "--node-name", s->kube.node,
                                       "--lease-namespace",      s->kube.space, "--adaptors",
                                       TEST_BUILD "/adaptors",   "--state",     state,
                                       "--metrics-addr",         address };

        (void)snprintf(address, sizeof(address), "127.0.0.1:%d", s->agent_port);
        (void)snprintf(state, sizeof(state), "%s/state", s->dir);
        (void)add_all(argv, 14, more);
        process_start(&s->agent, s->agent_log, argv);
}

void site_agent_start_on(struct site *s, struct process *p, const char *node,
                         const char *const more[])
{
        char state[400], log[400];
        const char *argv[ARGS_MAX] = { TEST_BUILD "/devicelink",
                                       "agent",
                                       "--kubeconfig",
                                       s->kube.kubeconfig,
                                       "--node-name",
                                       node,
                                       "--lease-namespace",
                                       s->kube.space,
                                       "--adaptors",
                                       TEST_BUILD "/adaptors",
                                       "--state",
                                       state,
                                       "--metrics-addr",
                                       "0" };

        (void)snprintf(state, sizeof(state), "%s/state-%s", s->dir, node);
        (void)snprintf(log, sizeof(log), "%s/agent-%s.log", s->dir, node);
        (void)add_all(argv, 14, more);
        process_start(p, log, argv);
}

void site_program_stop(struct site *s, struct process *p, const char *log)
{
        int code = process_end(p, SIGTERM, 6000);

        (void)s;
        if (code != 0) {
                show(log);
                fail_msg("it ended with %d, see above", code);
        }
}

void site_device_start(struct site *s)
{
        char port[16], log[320];

        (void)snprintf(port, sizeof(port), "%d", s->device_port);
        (void)snprintf(log, sizeof(log), "%s/device.log", s->dir);
        process_start(&s->device, log,
                      (const char *const[]){ TEST_BUILD "/tests/modbus_sim", "--port", port,
                                             "--static", NULL });
        if (!rig_wait_for_port(s->device_port, 10000))
                fail_msg("the device does not listen, see %s", log);
}

void site_device_stop(struct site *s)
{
        process_kill(&s->device);
}

void site_up(struct site *s, unsigned flags, const char *const more[])
{
        memset(s, 0, sizeof(*s));
        if (flags & SITE_PRIVATE)
                kube_up_private(&s->kube, NULL);
        else
                kube_up(&s->kube);
        rig_scratch_make(s->dir);
        (void)snprintf(s->operator_log, sizeof(s->operator_log), "%s/operator.log", s->dir);
        (void)snprintf(s->agent_log, sizeof(s->agent_log), "%s/agent.log", s->dir);
        s->device_port = rig_free_port();
        s->agent_port = rig_free_port();
        s->operator_port = rig_free_port();
        broker_up(&s->broker, NULL);
        site_device_start(s);
        kube_node(&s->kube, s->kube.node, "10.1.2.3");
        site_operator_start(s, NULL);
        site_agent_start(s, more);
}

void site_down(struct site *s)
{
        process_kill(&s->agent);
        process_kill(&s->operator);
        process_kill(&s->device);
        broker_down(&s->broker);
        kube_down(&s->kube);
        rig_scratch_remove(s->dir);
}

/* /proc/net/tcp: "sl local:port remote:port state", in hex; state 01 is ESTABLISHED. */
unsigned site_device_connections(const struct site *s)
{
        FILE *f = fopen("/proc/net/tcp", "re");
        char line[512];
        unsigned n = 0, port, state;

        if (!f)
                fail_msg("/proc/net/tcp");
        while (fgets(line, sizeof(line), f)) {
                if (sscanf(line, " %*u: %*x:%x %*x:%*x %x", &port, &state) == 2 &&
                    port == s->device_port && state == 1)
                        n++;
        }
        (void)fclose(f);
        return n;
}

/* --- links */

static void replace_all(char **text, const char *what, const char *with)
{
        for (char *at; (at = strstr(*text, what));) {
                char *new = NULL;

                if (asprintf(&new, "%.*s%s%s", (int)(at - *text), *text, with, at + strlen(what)) <
                    0)
                        fail_msg("no memory");
                free(*text);
                *text = new;
        }
}

void site_link(struct site *s, const char *name, const char *extra)
{
        char *text = rig_read_file(TEST_DATA "/kube/link.yaml");
        char endpoint[64], broker[64];

        (void)snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", s->device_port);
        (void)snprintf(broker, sizeof(broker), "tcp://127.0.0.1:%d", s->broker.port);
        replace_all(&text, "{extra}", extra);
        replace_all(&text, "{name}", name);
        replace_all(&text, "{endpoint}", endpoint);
        replace_all(&text, "{broker}", broker);
        kube_apply(&s->kube, "%s", text);
        free(text);
}

void site_expect_conditions(struct site *s, const char *name, const char *expected, int within_ms)
{
        int64_t limit_ms = rig_now_ms() + within_ms;
        char *is = kube_conditions(&s->kube, name);

        while (strcmp(is, expected) != 0 && rig_now_ms() < limit_ms) {
                rig_sleep_ms(50);
                free(is);
                is = kube_conditions(&s->kube, name);
        }
        if (strcmp(is, expected) != 0) {
                site_show_logs(s);
                (void)fprintf(stderr, "expected:\n%sgot:\n%s", expected, is);
                fail_msg("%s does not get its conditions, see above", name);
        }
        free(is);
}

static const char *text_of(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;
        const char *text = json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;

        return text ? text : "";
}

static bool has_event(struct json_object *list, const char *name, const char *reason,
                      const char *note)
{
        struct json_object *items = NULL, *about = NULL;

        if (!json_object_object_get_ex(list, "items", &items))
                return false;
        for (size_t i = 0; i < json_object_array_length(items); i++) {
                struct json_object *e = json_object_array_get_idx(items, i);

                if (json_object_object_get_ex(e, "regarding", &about) &&
                    strcmp(text_of(about, "name"), name) == 0 &&
                    strcmp(text_of(e, "reason"), reason) == 0 && strstr(text_of(e, "note"), note))
                        return true;
        }
        return false;
}

void site_expect_event(struct site *s, const char *name, const char *reason, const char *note,
                       int within_ms)
{
        int64_t limit_ms = rig_now_ms() + within_ms;
        char path[256];

        (void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events",
                       s->kube.space);
        for (;;) {
                struct json_object *list = kube_get(&s->kube, path);
                bool found = has_event(list, name, reason, note);

                if (!found && rig_now_ms() > limit_ms) {
                        site_show_logs(s);
                        (void)fprintf(stderr, "events: %s\n", json_object_to_json_string(list));
                        fail_msg("no event %s '%s' about %s", reason, note, name);
                }
                json_object_put(list);
                if (found)
                        return;
                rig_sleep_ms(50);
        }
}

/* --- metrics */

struct text {
        char *data;
        size_t len;
};

static size_t collect(char *bytes, size_t size, size_t n, void *ctx)
{
        struct text *t = ctx;
        char *new = realloc(t->data, t->len + size * n + 1);

        if (!new)
                return 0;
        t->data = new;
        memcpy(t->data + t->len, bytes, size * n);
        t->len += size * n;
        t->data[t->len] = '\0';
        return size * n;
}

double site_metric(struct site *s, uint16_t port, const char *line)
{
        struct text t = { 0 };
        char url[64];
        CURL *curl = curl_easy_init();
        double value = -1;

        (void)s;
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", port);
        (void)curl_easy_setopt(curl, CURLOPT_URL, url);
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
        (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
        (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
        CURLcode rc = curl_easy_perform(curl);
        curl_easy_cleanup(curl);
        for (char *at = t.data, *next; rc == CURLE_OK && at && *at; at = next) {
                next = strchr(at, '\n');
                next = next ? next + 1 : at + strlen(at);
                if (strncmp(at, line, strlen(line)) == 0 && at[strlen(line)] == ' ')
                        value = strtod(at + strlen(line), NULL);
        }
        free(t.data);
        return value;
}
