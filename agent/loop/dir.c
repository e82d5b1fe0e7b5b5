/* dir.c - a directory whose entries change, by inotify.
 *
 * A mounted ConfigMap changes by renaming a symbolic link within the directory, an editor by
 * renaming a file: both show as entries moved in. */
#include "loop/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>

static const uint32_t interest = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                 IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                 IN_ONLYDIR;

struct dir {
        struct loop_dir *owner;
        char *path;
        int fd;
        int watch; /* -1: the directory is gone */
        struct loop_fd events;
        struct loop_timer retry;
};

static void look_again(struct dir *d)
{
        loop_timer_start(&d->retry, NS_PER_S, 0);
}

static void retry(void *ctx)
{
        struct dir *d = ctx;

        d->watch = inotify_add_watch(d->fd, d->path, interest);
        if (d->watch < 0)
                look_again(d);
        else
                d->owner->changed(d->owner->ctx);
}

/* Whether something happened to the directory itself. */
static bool drain(struct dir *d)
{
        _Alignas(struct inotify_event) char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX)];
        bool itself = false;

        for (ssize_t n; (n = read(d->fd, bytes, sizeof(bytes))) > 0;) {
                for (size_t at = 0; at < (size_t)n;) {
                        const struct inotify_event *ev = (const void *)(bytes + at);

                        if (ev->wd == d->watch && ev->len == 0)
                                itself = true;
                        at += sizeof(*ev) + ev->len;
                }
        }
        return itself;
}

/* Removed, moved or replaced?  A removed directory that is still open somewhere only shows by what
 * its path leads to. */
static void check_path(struct dir *d)
{
        int watch = inotify_add_watch(d->fd, d->path, interest);

        if (watch == d->watch)
                return;
        (void)inotify_rm_watch(d->fd, d->watch);
        d->watch = watch;
        if (watch < 0)
                look_again(d);
}

static void ready(void *ctx, unsigned events)
{
        struct dir *d = ctx;

        (void)events;
        if (drain(d))
                check_path(d);
        d->owner->changed(d->owner->ctx);
}

static void dir_free(struct dir *d)
{
        loop_timer_end(&d->retry);
        loop_fd_end(&d->events);
        (void)close(d->fd);
        free(d->path);
        free(d);
}

int loop_dir_start(struct loop_dir *d, struct loop *l, const char *path, void (*changed)(void *ctx),
                   void *ctx, struct err *e)
{
        auto_close int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (fd < 0)
                return err_set(e, DL_RETRY, "watch directory '%s': %m", path);

        int watch = inotify_add_watch(fd, path, interest);
        if (watch < 0)
                return err_set(e, errno == ENOSPC ? DL_RETRY : DL_CONFIG,
                               "watch directory '%s': %m", path);

        struct dir *w = xcalloc(1, sizeof(*w));
        int rc = loop_fd_start(&w->events, l, fd, LOOP_READ, ready, w, e);
        if (rc < 0) {
                free(w);
                return rc;
        }
        w->fd = steal_fd(&fd);
        w->watch = watch;
        w->path = xstrdup(path);
        w->owner = d;
        loop_timer_init(&w->retry, l, retry, w);
        *d = (struct loop_dir){ .impl = w, .changed = changed, .ctx = ctx };
        return 0;
}

void loop_dir_end(struct loop_dir *d)
{
        struct dir *w = d->impl;

        if (!w)
                return;
        d->impl = NULL;
        dir_free(w);
}
