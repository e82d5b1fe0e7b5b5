/* fd.c - watched descriptors. */
#include "loop/impl.h"

#include "base/mem.h"

struct watched {
        uv_poll_t uv;
        struct loop *loop;
        struct loop_fd *owner; /* NULL: ended */
        unsigned events;       /* asked for */
};

static void free_watched(uv_handle_t *h)
{
        free(h->data);
}

static void on_poll(uv_poll_t *h, int status, int events);

static int poll_again(struct watched *w)
{
        int events = 0;

        if (w->events & LOOP_READ)
                events |= UV_READABLE;
        if (w->events & LOOP_WRITE)
                events |= UV_WRITABLE;
        if (w->events & LOOP_HANGUP)
                events |= UV_DISCONNECT;
        return events ? uv_poll_start(&w->uv, events, on_poll) : uv_poll_stop(&w->uv);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
        struct watched *w = h->data;
        unsigned got = 0;

        loop_turn_begin(w->loop);
        if (status < 0)
                got = w->events | LOOP_HANGUP;
        if (events & UV_READABLE)
                got |= LOOP_READ;
        if (events & UV_WRITABLE)
                got |= LOOP_WRITE;
        if (events & UV_DISCONNECT)
                got |= LOOP_HANGUP;
        w->owner->ready(w->owner->ctx, got);
        /* libuv stops watching at an error. */
        if (status < 0 && w->owner)
                (void)poll_again(w);
}

int loop_fd_start(struct loop_fd *f, struct loop *l, int fd, unsigned events,
                  void (*ready)(void *ctx, unsigned events), void *ctx, struct err *e)
{
        struct watched *w = xcalloc(1, sizeof(*w));
        int rc = uv_poll_init(&l->uv, &w->uv, fd);

        if (rc < 0) {
                free(w);
                return err_set(e, DL_BUG, "watch descriptor %d: %s", fd, uv_strerror(rc));
        }
        w->uv.data = w;
        w->loop = l;
        w->owner = f;
        w->events = events;
        *f = (struct loop_fd){ .loop = l, .impl = w, .ready = ready, .ctx = ctx };
        rc = poll_again(w);
        if (rc < 0) {
                loop_fd_end(f);
                return err_set(e, DL_BUG, "watch descriptor %d: %s", fd, uv_strerror(rc));
        }
        return 0;
}

void loop_fd_set(struct loop_fd *f, unsigned events)
{
        struct watched *w = f->impl;

        if (!w || w->events == events)
                return;
        w->events = events;
        (void)poll_again(w);
}

void loop_fd_end(struct loop_fd *f)
{
        struct watched *w = f->impl;

        if (!w)
                return;
        f->impl = NULL;
        w->owner = NULL;
        uv_close((uv_handle_t *)&w->uv, free_watched);
}
