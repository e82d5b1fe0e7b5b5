/* reflector_list.c - all that is there, by lists in pages; and the look for the selector. */
#include "kube/reflector_impl.h"

#include "base/clock.h"

#include <string.h>

#define PAGE_ITEMS "200"

static void start(struct reflector *r, enum reflector_step step, struct buf *path,
                  void (*done)(void *ctx, struct kube_answer *))
{
        struct kube_request q = {
                .method = "GET",
                .path = buf_text(path),
                .resource = r->config.resource.plural,
                .accept = r->config.metadata_only ? KUBE_METADATA_LIST : NULL,
                .raw = true,
                .once = true,
                .secret = r->config.secret,
                .ctx = r,
                .done = done,
        };

        r->step = step;
        r->call = kube_start(r->api, &q);
        buf_done(path);
}

/* --- lists */

static void on_page(void *ctx, struct kube_answer *a);

static void ask_page(struct reflector *r)
{
        struct buf path;

        reflector_path(r, r->selector_off_ns == 0, &path);
        if (r->more) {
                kube_query(&path, "limit", PAGE_ITEMS);
                kube_query(&path, "continue", r->more);
        } else if (r->wants_newest) {
                if (!r->is_unpaged)
                        kube_query(&path, "limit", PAGE_ITEMS);
        } else {
                kube_query(&path, "resourceVersion", r->seen ? r->seen : "0");
                kube_query(&path, "resourceVersionMatch", "NotOlderThan");
        }
        start(r, STEP_LIST, &path, on_page);
}

static void forget_pages(struct reflector *r)
{
        free(r->more);
        r->more = NULL;
}

/* Pages that cannot be had any more: all in one, then. */
static bool pages_failed(struct reflector *r, const struct kube_answer *a)
{
        if (!r->more || (a->class != KUBE_EXPIRED && a->class != KUBE_REFUSED))
                return false;
        forget_pages(r);
        r->is_unpaged = true;
        r->wants_newest = true;
        reflector_list(r);
        return true;
}

static void list_failed(struct reflector *r, const struct kube_answer *a)
{
        if (pages_failed(r, a))
                return;
        forget_pages(r);
        r->is_unpaged = false;
        if (reflector_selector_refused(r, a)) {
                reflector_step(r);
                return;
        }
        if (a->class == KUBE_REFUSED && a->status == 0) /* too long: a cache gives no pages */
                r->wants_newest = true;
        reflector_trouble(r, a);
}

static void take_items(struct reflector *r, struct json_span items)
{
        struct json_span item;
        size_t cursor = 0;

        while (items.n > 0 && !reflector_is_over(r) && json_span_next(items, &cursor, &item))
                reflector_object(r, item);
}

static void take_page(struct reflector *r, const struct kube_answer *a)
{
        struct list_page page;
        struct err e = { 0 };

        if (list_page_read(a->body, a->body_len, a->arena, &page, &e) < 0) {
                struct kube_answer bad = { .class = KUBE_AWAY,
                                           .message = e.text,
                                           .retry_after_ns = -1 };

                list_failed(r, &bad);
                return;
        }
        take_items(r, page.items);
        if (reflector_is_over(r))
                return;
        forget_pages(r);
        if (page.more[0] != '\0') {
                r->more = xstrdup(page.more);
                ask_page(r);
                return;
        }
        r->is_unpaged = false;
        reflector_end_all(r, page.version);
        if (!reflector_is_over(r))
                reflector_step(r);
}

static void on_page(void *ctx, struct kube_answer *a)
{
        struct reflector *r = ctx;

        r->call = NULL;
        reflector_enter(r);
        if (a->class == KUBE_OK && a->body)
                take_page(r, a);
        else
                list_failed(r, a);
        (void)reflector_leave(r);
}

void reflector_list(struct reflector *r)
{
        reflector_begin_all(r, r->wants_newest);
        ask_page(r);
}

/* --- the look */

static void on_probe(void *ctx, struct kube_answer *a)
{
        struct reflector *r = ctx;

        r->call = NULL;
        reflector_enter(r);
        r->selector_off_ns = loop_now(r->loop);
        if (a->class == KUBE_OK) {
                r->selector_off_ns = 0;
                reflector_forget_version(r, false);
        }
        reflector_step(r);
        (void)reflector_leave(r);
}

void reflector_probe(struct reflector *r)
{
        struct buf path;

        reflector_path(r, true, &path);
        kube_query(&path, "limit", "1");
        start(r, STEP_PROBE, &path, on_probe);
}
