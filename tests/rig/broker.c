/* broker.c - see broker.h */
#include "rig/broker.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void make(struct broker *b)
{
        memset(b, 0, sizeof(*b));
        rig_scratch_make(b->dir);
        (void)snprintf(b->conf, sizeof(b->conf), "%s/mosquitto.conf", b->dir);
        (void)snprintf(b->log, sizeof(b->log), "%s/mosquitto.log", b->dir);
        b->port = rig_free_port();
}

/* A broker that root starts gives its rights up, and then cannot read the directory: it stays root.
 * {dir} in `more` is the scratch directory. */
static void configure(struct broker *b, const char *access, const char *more)
{
        char text[2048];
        const char *dir = more ? strstr(more, "{dir}") : NULL;
        int before = dir ? (int)(dir - more) : 0;

        (void)snprintf(text, sizeof(text),
                       "user root\nlistener %d 127.0.0.1\n%s\nmax_queued_messages 0\nlog_type all\n"
                       "log_dest stderr\n%.*s%s%s\n",
                       b->port, access, before, more ? more : "", dir ? b->dir : "",
                       dir            ? dir + strlen("{dir}")
                       : more && !dir ? more
                                      : "");
        rig_write_file(b->conf, text);
}

static const char *program(const char *name, const char *path)
{
        return access(path, X_OK) == 0 ? path : name;
}

void broker_start(struct broker *b)
{
        process_start(&b->process, b->log,
                      (const char *const[]){ program("mosquitto", "/usr/sbin/mosquitto"), "-c",
                                             b->conf, NULL });
        if (!rig_wait_for_port(b->port, 10000))
                fail_msg("the broker does not listen, see %s", b->log);
}

void broker_up(struct broker *b, const char *more)
{
        make(b);
        configure(b, "allow_anonymous true", more);
        broker_start(b);
}

void broker_up_with_user(struct broker *b, const char *user, const char *password)
{
        struct process p = { 0 };
        char users[320];
        char lines[512];

        make(b);
        (void)snprintf(users, sizeof(users), "%s/users", b->dir);
        (void)snprintf(lines, sizeof(lines), "allow_anonymous false\npassword_file %s", users);
        process_start(&p, b->log,
                      (const char *const[]){ "mosquitto_passwd", "-c", "-b", users, user, password,
                                             NULL });
        if (process_end(&p, 0, 10000) != 0)
                fail_msg("mosquitto_passwd failed, see %s", b->log);
        configure(b, lines, NULL);
        broker_start(b);
}

void broker_stop(struct broker *b)
{
        (void)process_end(&b->process, SIGTERM, 10000);
}

void broker_kill(struct broker *b)
{
        process_kill(&b->process);
}

void broker_freeze(struct broker *b)
{
        (void)kill(b->process.pid, SIGSTOP);
}

void broker_thaw(struct broker *b)
{
        (void)kill(b->process.pid, SIGCONT);
}

void broker_down(struct broker *b)
{
        process_kill(&b->process);
        rig_scratch_remove(b->dir);
}

size_t broker_log_count(const struct broker *b, const char *text)
{
        char *log = rig_read_file(b->log);
        size_t n = 0;

        for (const char *at = log; (at = strstr(at, text)); at += strlen(text))
                n++;
        free(log);
        return n;
}

bool broker_log_wait(const struct broker *b, const char *text, int within_ms)
{
        return rig_wait_for_text(b->log, text, within_ms);
}
