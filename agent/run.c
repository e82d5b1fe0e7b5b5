/* run.c - the verb `agent`: how the rooms begin and end. */
#include "agent.h"
#include "paths.h"
#include "state_dir.h"
#include "verbs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Links end in their own time, sessions after them; the process has 5 s for all. */
#define PUBLISH_STOP_NS (2 * NS_PER_S)
#define CLUSTER_STOP_NS (2 * NS_PER_S)

/* --- the end */

static void ended(void *ctx)
{
        struct agent *a = ctx;

        if (--a->ending == 0)
                loop_stop(a->loop);
}

static void on_links_stopped(void *ctx)
{
        struct agent *a = ctx;

        publish_stop(a->publisher, PUBLISH_STOP_NS, ended, a);
}

static void on_stop(void *ctx)
{
        struct agent *a = ctx;

        serve_close(a->serve);
        a->serve = NULL;
        folder_close(a->folder);
        a->folder = NULL;
        a->ending = a->cluster ? 2 : 1;
        if (a->cluster)
                cluster_stop(a->cluster, CLUSTER_STOP_NS, ended, a);
        links_stop(a->links, on_links_stopped, a);
}

static void finish(struct agent *a)
{
        serve_close(a->serve);
        folder_close(a->folder);
        cluster_close(a->cluster);
        kube_api_close(a->api);
        links_free(a->links);
        publish_free(a->publisher);
        loop_timer_end(&a->trim);
        process_done(&a->process);
        resolver_free(a->resolver);
        adaptors_free(a->adaptors);
        loop_free(a->loop);
        buf_done(&a->document);
        findings_done(&a->reported);
        log_flush(true);
}

/* --- the beginning */

static void load_adaptors(struct agent *a)
{
        struct findings f = { 0 };

        a->adaptors = adaptors_load(a->options.adaptors, &f);
        for (size_t i = 0; i < f.n; i++)
                LOG(ERROR, "adaptor.refused", f.list[i].text, LOG_STR("file", f.list[i].file));
        findings_done(&f);
        for (size_t i = 0; i < adaptors_count(a->adaptors); i++) {
                const struct dl_adaptor *ad = adaptors_at(a->adaptors, i);
                LOG(INFO, "adaptor.loaded", "adaptor loaded", LOG_STR("adaptor", ad->name),
                    LOG_STR("version", ad->version));
        }
}

static const char *node_or_host(const struct agent *a)
{
        return a->options.node ? a->options.node : a->host;
}

static void start_rooms(struct agent *a)
{
        const struct publish_config publish = {
                .loop = a->loop,
                .resolver = a->resolver,
                .node = node_or_host(a),
                .hooks = { .ctx = a, .state = agent_on_publish_state },
        };
        const struct links_config links = {
                .loop = a->loop,
                .adaptors = a->adaptors,
                .resolver = a->resolver,
                .hooks = { .ctx = a,
                           .status = agent_on_status,
                           .condition = agent_on_condition,
                           .released = agent_on_released },
        };

        a->publisher = publish_new(&publish);
        a->links = links_new(&links);
}

static int start_serve(struct agent *a, struct err *e)
{
        const char *usual = a->options.manifests ? NULL : "8080";
        auto_free char *socket = xasprintf("%s/agent.sock", a->state);
        const struct serve_config serve = {
                .loop = a->loop,
                .address = a->options.metrics ? a->options.metrics : usual,
                .socket = socket,
                .ctx = a,
                .ready = agent_ready,
                .metrics = agent_metrics,
                .links = agent_links,
                .devices = agent_devices,
        };

        return serve_open(&serve, &a->serve, e);
}

static int start_folder(struct agent *a, struct err *e)
{
        const struct folder_config folder = {
                .loop = a->loop,
                .dir = a->options.manifests,
                .node = a->options.node,
                .host = node_or_host(a),
                .ctx = a,
                .changed = agent_on_desired,
        };

        return folder_open(&folder, &a->folder, e);
}

static int start_api(struct agent *a, struct err *e)
{
        auto_free char *name =
                xasprintf("devicelink/" DEVICELINK_VERSION " (agent; %s)", a->options.node);
        const struct kube_api_config api = {
                .loop = a->loop,
                .kubeconfig = a->options.kubeconfig,
                .agent = name,
                .manager = "devicelink-agent",
        };

        return kube_api_open(&api, &a->api, e);
}

static int start_cluster(struct agent *a, struct err *e)
{
        const struct agent_options *o = &a->options;
        int rc = start_api(a, e);

        if (rc < 0)
                return rc;
        const struct cluster_config cluster = {
                .loop = a->loop,
                .api = a->api,
                .node = o->node,
                .space = o->space,
                .lease_space = o->lease_space,
                .state_dir = a->state,
                .status_interval_ns = o->status_interval_ns,
                .refresh_ns = o->status_refresh_ns,
                .cleanup_ns = o->cleanup_ns,
                .keep_ns = o->keep_ns,
                .start_jitter_ns = o->start_jitter_ns,
                .ctx = a,
                .kind = agent_kind,
                .adaptor_exists = agent_adaptor_exists,
                .changed = agent_on_desired,
        };
        LOG(INFO, "agent.cluster", "DeviceLinks of a cluster",
            LOG_STR("server", kube_api_server(a->api)));
        return cluster_open(&cluster, &a->cluster, e);
}

static void on_trim(void *ctx)
{
        (void)ctx;
        mem_trim();
}

static int start(struct agent *a, struct err *e)
{
        a->loop = loop_new("main");
        loop_timer_init(&a->trim, a->loop, on_trim, a);
        int rc = process_begin(&a->process, a->loop, "agent", on_stop, a, e);

        if (rc < 0)
                return rc;
        a->resolver = resolver_new();
        load_adaptors(a);
        start_rooms(a);
        rc = start_serve(a, e);
        if (rc < 0)
                return rc;
        return a->options.manifests ? start_folder(a, e) : start_cluster(a, e);
}

static int fail(const struct err *e)
{
        (void)fprintf(stderr, "devicelink agent: %s\n", e->text);
        return EXIT_FAILED;
}

static int run(struct agent *a)
{
        struct err e = { 0 };

        if (gethostname(a->host, sizeof(a->host) - 1) < 0)
                a->host[0] = '\0';
        LOG(INFO, "agent.start", "devicelink " DEVICELINK_VERSION,
            LOG_STR("manifests", a->options.manifests), LOG_STR("node", a->options.node));
        int rc = start(a, &e);
        if (rc == 0)
                loop_run(a->loop);
        finish(a);
        if (rc < 0)
                return fail(&e);
        LOG(INFO, "agent.stopped", "ended");
        return EXIT_OK;
}

int verb_agent(int argc, char **argv)
{
        struct agent a = { .document = BUF(AGENT_STATUS_BYTES_MAX) };
        struct err e = { 0 };
        auto_free char *adaptors = paths_adaptors();
        auto_close int lock = -1;
        const char *node = secure_getenv("NODE_NAME");

        agent_options_init(&a.options);
        a.options.adaptors = adaptors;
        a.options.node = node && node[0] != '\0' ? node : NULL;
        int code = agent_options_parse(argc, argv, &a.options);
        if (code >= 0)
                return code;

        auto_free char *missing = paths_missing(a.options.adaptors);
        if (missing) {
                (void)err_set(&e, DL_CONFIG, "adaptor directory %s", missing);
                return fail(&e);
        }
        auto_free char *state = a.options.state ? NULL : state_dir_default();
        a.state = state ? state : a.options.state;
        if (state_dir_lock(a.state, &lock, &e) < 0)
                return fail(&e);

        log_setup(STDERR_FILENO, a.options.level, a.options.format);
        process_prepare();
        return run(&a);
}
