/* agent.c - see agent.h */
#include "rig/agent.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGS_MAX = 32 };

void rig_up(struct rig *r)
{
        memset(r, 0, sizeof(*r));
        rig_scratch_make(r->dir);
        (void)snprintf(r->manifests, sizeof(r->manifests), "%s/manifests", r->dir);
        (void)snprintf(r->agent_log, sizeof(r->agent_log), "%s/agent.log", r->dir);
        if (mkdir(r->manifests, 0700) < 0)
                fail_msg("mkdir %s", r->manifests);
        r->broker_port = rig_free_port();
        rig_broker_start(r);
}

void rig_down(struct rig *r)
{
        process_kill(&r->agent);
        process_kill(&r->broker);
        rig_scratch_remove(r->dir);
}

void rig_broker_start(struct rig *r)
{
        char conf[320];
        char log[320];
        char text[256];

        (void)snprintf(conf, sizeof(conf), "%s/mosquitto.conf", r->dir);
        (void)snprintf(log, sizeof(log), "%s/mosquitto.log", r->dir);
        (void)snprintf(text, sizeof(text),
                       "listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n",
                       r->broker_port);
        rig_write_file(conf, text);
        const char *program =
                access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
        process_start(&r->broker, log, (const char *const[]){ program, "-c", conf, NULL });
        if (!rig_wait_for_port(r->broker_port, 10000))
                fail_msg("the broker does not listen, see %s", log);
}

void rig_manifest(struct rig *r, const char *name, const char *format, ...)
{
        char path[512];
        char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                fail_msg("no memory");
        va_end(ap);
        (void)snprintf(path, sizeof(path), "%s/%s", r->manifests, name);
        rig_write_file(path, text);
        free(text);
}

void rig_agent_start(struct rig *r, const char *const more[])
{
        char state[320];
        const char *argv[ARGS_MAX] = {
                TEST_BUILD "/devicelink", "agent",   "--manifests", r->manifests, "--adaptors",
                TEST_BUILD "/adaptors",   "--state", state
        };
        size_t n = 8;

        (void)snprintf(state, sizeof(state), "%s/state", r->dir);
        for (; more && *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        process_start(&r->agent, r->agent_log, argv);
}

void rig_agent_stop(struct rig *r)
{
        int code = process_end(&r->agent, SIGTERM, 5000);

        if (code != 0) {
                char *log = rig_read_file(r->agent_log);
                size_t len = strlen(log);
                /* print_error() cuts at 1,024 */
                (void)fprintf(stderr, "%s\n", len > 8000 ? log + len - 8000 : log);
                free(log);
                fail_msg("the agent ended with %d", code);
        }
}

void rig_device_start(struct rig *r, struct rig_device *d, const char *const more[])
{
        char port[16];
        const char *argv[ARGS_MAX] = { TEST_BUILD "/tests/modbus_sim", "--port", port };
        size_t n = 3;

        if (d->port == 0)
                d->port = rig_free_port();
        (void)snprintf(port, sizeof(port), "%d", d->port);
        (void)snprintf(d->output, sizeof(d->output), "%s/device-%d.log", r->dir, d->port);
        for (; more && *more && n < ARGS_MAX - 1; more++)
                argv[n++] = *more;
        process_start(&d->process, d->output, argv);
        if (!rig_wait_for_port(d->port, 10000))
                fail_msg("the device does not listen, see %s", d->output);
}
