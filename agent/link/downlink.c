/* downlink.c - writes from outside: checked, sent to the link's thread, answered once and in time.
 */
#include "link/impl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/value.h"

#include <stdio.h>
#include <string.h>

enum { PENDING_MAX = 1024, WRITE_POINTS_MAX = 65535 };

struct write_pending {
        struct write_pending *next;
        struct links *links;
        uint64_t id;
        struct loop_timer timer;
        size_t n;
        size_t *index; /* of the job's writes in the caller's */
        bool *answered;
        struct links_write_result *results;
        void (*answer)(void *ctx, const struct links_write_result *, size_t n);
        void *ctx;
};

static void result(struct write_pending *p, size_t i, int rc, uint32_t code, const char *text)
{
        p->answered[i] = true;
        p->results[i] = (struct links_write_result){ .rc = rc, .code = code };
        (void)snprintf(p->results[i].text, sizeof(p->results[i].text), "%s", text);
}

static void forget(struct write_pending *p)
{
        struct write_pending **at = &p->links->pending;

        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
}

/* No longer in the list. */
static void finish(struct write_pending *p, const char *why)
{
        for (size_t i = 0; i < p->n; i++) {
                if (!p->answered[i])
                        result(p, i, DL_RETRY, 0, why);
        }
        loop_timer_end(&p->timer);
        p->answer(p->ctx, p->results, p->n);
        free(p->index);
        free(p->answered);
        free(p->results);
        free(p);
}

static void on_deadline(void *ctx)
{
        forget(ctx);
        finish(ctx, "the deadline has passed");
}

void downlink_written(struct links *l, const struct record_written *r)
{
        struct write_pending *p = l->pending;

        while (p && p->id != r->id)
                p = p->next;
        if (!p)
                return; /* the deadline was faster */
        for (size_t i = 0; i < r->n; i++)
                result(p, p->index[i], r->list[i].rc, r->list[i].code, r->list[i].text);
        forget(p);
        finish(p, "");
}

void downlink_cancel(struct links *l)
{
        struct write_pending *p = l->pending;

        l->pending = NULL;
        while (p) {
                struct write_pending *next = p->next;

                finish(p, "the agent ends");
                p = next;
        }
}

static int check(const struct link *k, const struct dl_write *w, char *text, size_t size)
{
        const struct dl_info *info = k->device->info;
        struct dl_error error = { .path = "" };
        struct err e = { 0 };

        if (w->point >= info->n_points) {
                (void)snprintf(text, size, "the device has no point %u", w->point);
                return DL_CONFIG;
        }
        if (!(info->points[w->point].access & DL_WRITE)) {
                (void)snprintf(text, size, "%.128s cannot be written", info->points[w->point].name);
                return DL_REFUSED;
        }
        if (value_check(&w->value, &e) < 0) {
                (void)snprintf(text, size, "%.200s", e.text);
                return DL_CONFIG;
        }
        int rc = k->device->adaptor->check(k->device->object, w->point, &w->value, &error);
        (void)snprintf(text, size, "%.*s", (int)sizeof(error.text) - 1, error.text);
        return rc;
}

/* Good ones go into the job, the others have their answer. */
static struct write_job *sort_out(struct write_pending *p, const struct link *k,
                                  const struct dl_write *writes)
{
        struct write_job *j = write_job_new(p->id, k->device, p->n);
        char text[256];

        j->n = 0;
        for (size_t i = 0; i < p->n; i++) {
                struct dl_write *w = &j->writes[j->n];
                int rc = check(k, &writes[i], text, sizeof(text));

                if (rc == DL_OK)
                        rc = value_copy(&writes[i].value, &w->value, NULL);
                if (rc != DL_OK) {
                        result(p, i, rc, 0, text);
                        continue;
                }
                w->size = sizeof(*w);
                w->point = writes[i].point;
                p->index[j->n++] = i;
        }
        return j;
}

static size_t count_pending(const struct links *l)
{
        size_t n = 0;

        for (const struct write_pending *p = l->pending; p; p = p->next)
                n++;
        return n;
}

static struct write_pending *pending_new(struct links *l, size_t n)
{
        struct write_pending *p = xcalloc(1, sizeof(*p));

        p->links = l;
        p->id = ++l->last_write_id;
        p->n = n;
        p->index = xcalloc(n + 1, sizeof(*p->index));
        p->answered = xcalloc(n + 1, sizeof(*p->answered));
        p->results = xcalloc(n + 1, sizeof(*p->results));
        p->next = l->pending;
        l->pending = p;
        loop_timer_init(&p->timer, l->config.loop, on_deadline, p);
        return p;
}

static int check_call(const struct links *l, const char *key, const struct link *k, size_t n,
                      struct err *e)
{
        if (!k)
                return err_set(e, DL_CONFIG, "there is no link '%s'", key);
        if (n > WRITE_POINTS_MAX)
                return err_set(e, DL_CONFIG, "writes: expected at most %d, got %zu",
                               WRITE_POINTS_MAX, n);
        if (!k->sink || !k->device || l->stopping)
                return err_set(e, DL_RETRY, "link '%s' does not run", key);
        if (count_pending(l) >= PENDING_MAX)
                return err_set(e, DL_RETRY, "too many writes are waiting");
        return 0;
}

int links_write(struct links *l, const char *key, const struct dl_write *writes, size_t n,
                int64_t deadline_ns,
                void (*answer)(void *ctx, const struct links_write_result *, size_t n), void *ctx,
                struct err *e)
{
        struct link *k = links_find(l, key);
        int rc = check_call(l, key, k, n, e);

        if (rc < 0)
                return rc;
        struct write_pending *p = pending_new(l, n);
        struct write_job *j = sort_out(p, k, writes);
        p->answer = answer;
        p->ctx = ctx;
        j->deadline_ns = deadline_ns;
        if (j->n == 0) { /* nothing to wait for, but answers never come at once */
                write_job_free(j);
                loop_timer_start(&p->timer, 0, LOOP_EXACT);
        } else {
                loop_timer_start_at(&p->timer, deadline_ns, 0);
                command_post(k->sink, COMMAND_WRITE, NULL, j, 0);
        }
        return 0;
}
