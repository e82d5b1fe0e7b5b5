/* access_room.h - what the tests of access share: a directory of files, an environment,
 * certificates. */
#ifndef UNIT_KUBE_ACCESS_ROOM_H
#define UNIT_KUBE_ACCESS_ROOM_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kube/access.h"
#include "unit/loop/http_certs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct room {
        struct loop *loop;
        struct kube_access *access;
        char dir[64];
        struct certs ca;
        struct certs client;
        int changes; /* of certificates */
        int answers;
        char value[4096]; /* of the last answer; "(none)" */
        struct err failure;
        bool close_in_answer;
};

static inline char *in_dir(const struct room *r, const char *name)
{
        return xasprintf("%s/%s", r->dir, name);
}

static inline void put(const struct room *r, const char *name, const char *text)
{
        auto_free char *path = in_dir(r, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void)close(fd);
}

static inline void put_dir(const struct room *r, const char *name)
{
        auto_free char *path = in_dir(r, name);

        assert_int_equal(mkdir(path, 0700), 0);
}

static inline char *base64(const char *text)
{
        struct buf b = BUF(1 << 20);

        buf_add_base64(&b, text, strlen(text));
        return buf_take(&b, NULL);
}

static inline void forget_environment(void)
{
        (void)unsetenv("KUBECONFIG");
        (void)unsetenv("KUBERNETES_SERVICE_HOST");
        (void)unsetenv("KUBERNETES_SERVICE_PORT");
        (void)setenv("HOME", "/nonexistent", 1);
}

static inline int set_up(void **state)
{
        struct room *r = xcalloc(1, sizeof(*r));

        forget_environment();
        r->loop = loop_new("test");
        (void)snprintf(r->dir, sizeof(r->dir), "/tmp/test_access.XXXXXX");
        assert_non_null(mkdtemp(r->dir));
        r->ca = certs_make("ca", NULL, NULL, 3600);
        r->client = certs_make("node-1", &r->ca, NULL, 3600);
        *state = r;
        return 0;
}

static inline void remove_dir(int at, const char *path)
{
        auto_free char *command = xasprintf("rm -rf '%s'", path);

        (void)at;
        assert_int_equal(system(command), 0);
}

static inline int tear_down(void **state)
{
        struct room *r = *state;

        kube_access_close(r->access);
        loop_free(r->loop);
        remove_dir(AT_FDCWD, r->dir);
        certs_done(&r->ca);
        certs_done(&r->client);
        free(r);
        return 0;
}

static inline void on_changed(void *ctx)
{
        struct room *r = ctx;

        r->changes++;
}

static inline int open_access(struct room *r, const char *kubeconfig, struct err *e)
{
        const struct kube_access_config c = { .loop = r->loop,
                                              .kubeconfig = kubeconfig,
                                              .service_account_dir = r->dir,
                                              .changed = on_changed,
                                              .ctx = r };

        kube_access_close(r->access);
        r->access = NULL;
        return kube_access_open(&c, &r->access, e);
}

static inline void opens(struct room *r, const char *name)
{
        auto_free char *path = name ? in_dir(r, name) : NULL;
        struct err e = { 0 };

        if (open_access(r, path, &e) < 0)
                fail_msg("%s", e.text);
}

static inline void is_refused(struct room *r, const char *name, const char *part)
{
        auto_free char *path = name ? in_dir(r, name) : NULL;
        struct err e = { 0 };

        assert_int_equal(open_access(r, path, &e), DL_CONFIG);
        assert_null(r->access);
        if (!strstr(e.text, part))
                fail_msg("expected '%s' in '%s'", part, e.text);
        assert_null(strstr(e.text, "s3cret"));
}

static inline void on_ready(void *ctx, const char *value, const struct err *e)
{
        struct room *r = ctx;

        r->answers++;
        (void)snprintf(r->value, sizeof(r->value), "%s", value ? value : "(none)");
        r->failure = e ? *e : (struct err){ 0 };
        if (r->close_in_answer) {
                kube_access_close(r->access);
                r->access = NULL;
        }
}

static inline void stop(void *ctx)
{
        loop_stop(ctx);
}

static inline void run_for(struct loop *l, int64_t ns)
{
        struct loop_timer t;

        loop_timer_init(&t, l, stop, l);
        loop_timer_start(&t, ns, LOOP_EXACT);
        loop_run(l);
        loop_timer_end(&t);
}

static inline bool run_until(struct loop *l, const int *count, int n)
{
        for (int i = 0; i < 500 && *count < n; i++)
                run_for(l, 10 * NS_PER_MS);
        return *count >= n;
}

/* What the Authorization header is now. */
static inline const char *authorization(struct room *r)
{
        int before = r->answers;

        (void)kube_access_authorize(r->access, on_ready, r);
        assert_true(run_until(r->loop, &r->answers, before + 1));
        return r->failure.rc < 0 ? r->failure.text : r->value;
}

#endif
