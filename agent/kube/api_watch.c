/* api_watch.c - what comes on a watch, while it runs. */
#include "kube/api_impl.h"

/* Calls back; false: the caller did not want it any more, and it is gone. */
static bool call_back(struct kube_call *c, const char *text, size_t n)
{
        struct kube_api *a = c->api;
        bool is_gone = false;

        api_enter(a);
        c->is_calling = true;
        if (a->closed)
                ;
        else if (text)
                c->line(c->ctx, text, n);
        else if (c->began)
                c->began(c->ctx);
        c->is_calling = false;
        is_gone = c->cancelled || a->closed;
        if (c->cancelled)
                call_free(c);
        api_leave(a);
        return !is_gone;
}

void watch_began(void *call, long status)
{
        struct kube_call *c = call;

        if (status != 200)
                return;
        counts_add(&c->api->counts, "WATCH", c->resource, 200);
        counts_time(&c->api->counts, "WATCH", loop_now(c->api->loop) - c->sent_ns);
        api_note(c->api, c, status, "");
        c->has_begun = true;
        (void)call_back(c, NULL, 0);
}

bool watch_line(void *call, const char *text, size_t n)
{
        return call_back(call, text, n);
}

void watch_data(void *call, const char *bytes, size_t n)
{
        struct kube_call *c = call;
        struct kube_answer r;

        if (!c->has_begun) /* 2xx, but no watch */
                return;
        api_note(c->api, c, 200, "");
        if (lines_feed(&c->lines, bytes, n) == 0)
                return;
        answer_none(KUBE_REFUSED, "a line of the stream is longer than 3 MiB", &r);
        call_fail(c, &r);
}
