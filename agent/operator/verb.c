/* verb.c - the verb `operator`: wiring, signals, the end. */
#include "operator/brain.h"
#include "operator/policies.h"

#include "process.h"
#include "verbs.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "operator/operator_options.h"
#include "serve/serve.h"

#include <stdio.h>
#include <unistd.h>

#define STOP_NS (3 * NS_PER_S) /* SIGTERM to exit takes at most 5 s */

/* A pass costs one or two requests, and 1,000 links may come at once. */
enum { REQUESTS_PER_SECOND = 200, REQUESTS_AT_ONCE = 400 };

struct program {
        struct operator_options options;
        char *identity;
        struct process process;
        struct loop *loop;
        struct kube_api *api;
        struct serve *serve;
        struct brain *op;
        struct policies *policies;
        int code;
};

static void on_stopped(void *ctx)
{
        struct program *p = ctx;

        loop_stop(p->loop);
}

static void on_stop(void *ctx)
{
        struct program *p = ctx;

        brain_stop(p->op, STOP_NS, on_stopped, p);
}

static void on_lost(void *ctx)
{
        struct program *p = ctx;

        p->code = EXIT_FAILED;
        loop_stop(p->loop);
}

static bool may_write(void *ctx)
{
        const struct program *p = ctx;

        return p->op && brain_may_write(p->op);
}

static void on_ready(void *ctx, struct buf *out)
{
        const struct program *p = ctx;

        brain_ready(p->op, out);
}

static void on_metrics(void *ctx, struct buf *out)
{
        const struct program *p = ctx;

        brain_metrics(p->op, out);
        process_metrics(out);
}

/* --- */

static int open_api(struct program *p, struct err *e)
{
        auto_free char *agent =
                xasprintf("devicelink/" DEVICELINK_VERSION " (operator; %s)", p->identity);
        const struct kube_api_config config = {
                .loop = p->loop,
                .kubeconfig = p->options.kubeconfig,
                .agent = agent,
                .manager = "devicelink-operator",
                .rate = REQUESTS_PER_SECOND,
                .burst = REQUESTS_AT_ONCE,
                .may_write = may_write,
                .ctx = p,
        };

        return kube_api_open(&config, &p->api, e);
}

static int start(struct program *p, struct err *e)
{
        p->loop = loop_new("main");
        int rc = process_begin(&p->process, p->loop, "operator", on_stop, p, e);
        if (rc == 0)
                rc = open_api(p, e);
        if (rc < 0)
                return rc;
        const struct brain_config config = {
                .api = p->api,
                .lease_space = p->options.lease_space,
                .identity = p->identity,
                .elect = p->options.elect,
                .grace_ns = p->options.grace_ns,
                .ctx = p,
                .lost = on_lost,
        };
        p->op = brain_open(&config);
        p->policies = policies_check(p->api);
        const struct serve_config serve = {
                .loop = p->loop,
                .address = p->options.metrics,
                .ctx = p,
                .ready = on_ready,
                .metrics = on_metrics,
        };
        return serve_open(&serve, &p->serve, e);
}

static void finish(struct program *p)
{
        serve_close(p->serve);
        policies_close(p->policies);
        brain_close(p->op);
        kube_api_close(p->api);
        process_done(&p->process);
        loop_free(p->loop);
        free(p->identity);
        log_flush(true);
}

static char *make_identity(void)
{
        char host[65] = "";

        if (gethostname(host, sizeof(host) - 1) < 0)
                host[0] = '\0';
        return xasprintf("%s_%08x%08x", host, random_u32(), random_u32());
}

int verb_operator(int argc, char **argv)
{
        struct program p = { .code = EXIT_OK };
        struct err e = { 0 };

        int code = operator_options_parse(argc, argv, &p.options);
        if (code >= 0)
                return code;
        log_setup(STDERR_FILENO, p.options.level, p.options.format);
        process_prepare();
        p.identity = p.options.identity ? xstrdup(p.options.identity) : make_identity();
        LOG(INFO, "operator.start", "devicelink " DEVICELINK_VERSION,
            LOG_STR("identity", p.identity), LOG_BOOL("elect", p.options.elect));
        int rc = start(&p, &e);
        if (rc == 0)
                loop_run(p.loop);
        finish(&p);
        if (rc < 0) {
                (void)fprintf(stderr, "devicelink operator: %s\n", e.text);
                return EXIT_FAILED;
        }
        LOG(INFO, "operator.stopped", "ended");
        return p.code;
}
