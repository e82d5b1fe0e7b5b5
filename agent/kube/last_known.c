/* last_known.c - kept links: what changed is gathered, and one worker writes it in batches. */
#include "kube/digest.h"
#include "kube/last_known_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/worker.h"

#include <string.h>

#define GATHER_NS (50 * NS_PER_MS)
#define AGAIN_NS (60 * NS_PER_S) /* after a failure */
#define CLOSE_NS (2 * NS_PER_S)

/* One link.  `digest` is of the text that is on disk or on its way there. */
struct entry {
        char *uid;
        uint64_t digest;
        char *text; /* to be written */
        size_t len;
        bool remove;
        bool is_changed; /* text or remove waits */
};

struct batch {
        struct worker_job work;
        struct loop_message message;
        struct last_known *owner; /* the loop's; NULL: closed */
        struct loop *loop;
        char *path;
        struct last_known_change *list;
        size_t n;
        _Atomic int64_t deadline_ns;
        bool is_cancelled;
        int rc;
        struct err e;
};

struct last_known {
        struct loop *loop;
        char *path;
        char *node;
        struct entry *list; /* sorted by uid */
        size_t n;
        size_t cap;
        size_t changed;
        struct batch *batch; /* under way */
        struct worker_pool *pool;
        struct loop_timer timer;
        bool is_failing; /* and it was said */
        bool is_full;
};

/* --- entries */

static size_t place(const struct last_known *k, const char *uid)
{
        size_t low = 0;
        size_t high = k->n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;

                if (strcmp(k->list[mid].uid, uid) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static struct entry *find(struct last_known *k, const char *uid)
{
        size_t i = place(k, uid);

        return i < k->n && strcmp(k->list[i].uid, uid) == 0 ? &k->list[i] : NULL;
}

/* NULL: there are too many. */
static struct entry *find_or_add(struct last_known *k, const char *uid)
{
        size_t i = place(k, uid);

        if (i < k->n && strcmp(k->list[i].uid, uid) == 0)
                return &k->list[i];
        if (k->n >= LAST_KNOWN_FILES) {
                if (!k->is_full)
                        LOG(WARNING, "kube.last_known", "too many links, the rest is not kept",
                            LOG_INT("most", LAST_KNOWN_FILES));
                k->is_full = true;
                return NULL;
        }
        if (k->n == k->cap) {
                k->cap = k->cap ? 2 * k->cap : 16;
                k->list = xreallocarray(k->list, k->cap, sizeof(*k->list));
        }
        memmove(&k->list[i + 1], &k->list[i], (k->n - i) * sizeof(*k->list));
        k->list[i] = (struct entry){ .uid = xstrdup(uid) };
        k->n++;
        return &k->list[i];
}

static void drop(struct last_known *k, struct entry *x)
{
        size_t i = (size_t)(x - k->list);

        free(x->uid);
        free(x->text);
        k->n--;
        memmove(x, x + 1, (k->n - i) * sizeof(*k->list));
}

static void change(struct last_known *k, struct entry *x, char *text, size_t len)
{
        free(x->text);
        x->text = text;
        x->len = len;
        x->remove = !text;
        if (!x->is_changed)
                k->changed++;
        x->is_changed = true;
        if (!k->batch && !loop_timer_active(&k->timer))
                loop_timer_start(&k->timer, k->is_failing ? AGAIN_NS : GATHER_NS, 0);
}

/* --- batches */

static void batch_free(struct batch *b)
{
        for (size_t i = 0; i < b->n; i++) {
                free(b->list[i].uid);
                free(b->list[i].text);
        }
        free(b->list);
        free(b->path);
        free(b);
}

static void on_written(struct loop_message *m, bool cancelled);

static void run_batch(struct worker_job *w, bool cancelled)
{
        struct batch *b = (struct batch *)w;

        if (cancelled) { /* by last_known_close(), which does it */
                b->is_cancelled = true;
                return;
        }
        b->rc = last_known_write(b->path, b->list, b->n, &b->deadline_ns, &b->e);
        loop_post(b->loop, &b->message);
}

/* All that waits. */
static struct batch *gather(struct last_known *k)
{
        struct batch *b = xcalloc(1, sizeof(*b));

        b->work.run = run_batch;
        b->message.deliver = on_written;
        b->owner = k;
        b->loop = k->loop;
        b->path = xstrdup(k->path);
        b->list = xcalloc(k->changed, sizeof(*b->list));
        atomic_store(&b->deadline_ns, INT64_MAX);
        for (size_t i = 0; i < k->n; i++) {
                struct entry *x = &k->list[i];

                if (!x->is_changed)
                        continue;
                b->list[b->n++] = (struct last_known_change){ .uid = xstrdup(x->uid),
                                                              .text = steal(&x->text),
                                                              .len = x->len };
                x->is_changed = false;
        }
        k->changed = 0;
        return b;
}

static void on_time(void *ctx)
{
        struct last_known *k = ctx;

        if (k->batch || k->changed == 0)
                return;
        k->batch = gather(k);
        worker_submit(k->pool, &k->batch->work);
}

static void say(struct last_known *k, const struct batch *b)
{
        if (b->rc < 0 && !k->is_failing)
                LOG(WARNING, "kube.last_known",
                    "links cannot be kept: a restart without the API server will not know them",
                    LOG_STR("path", k->path), LOG_STR("error", b->e.text));
        else if (b->rc == 0 && k->is_failing)
                LOG(INFO, "kube.last_known", "links are kept again", LOG_STR("path", k->path));
        k->is_failing = b->rc < 0;
}

/* What failed waits for another try, unless there is newer. */
static void take_back(struct last_known *k, struct last_known_change *c)
{
        struct entry *x = find(k, c->uid);

        if (!x || x->is_changed)
                return;
        if (c->failed)
                change(k, x, steal(&c->text), c->len);
        else if (!c->text)
                drop(k, x);
}

static void on_written(struct loop_message *m, bool cancelled)
{
        struct batch *b = (struct batch *)((char *)m - offsetof(struct batch, message));
        struct last_known *k = b->owner;

        if (k && !cancelled) {
                say(k, b);
                for (size_t i = 0; i < b->n; i++)
                        take_back(k, &b->list[i]);
        }
        if (k) {
                k->batch = NULL;
                if (k->changed && !cancelled)
                        loop_timer_start(&k->timer, k->is_failing ? AGAIN_NS : GATHER_NS, 0);
        }
        batch_free(b);
}

/* --- */

int last_known_open(struct loop *l, const char *state_dir, const char *node,
                    struct last_known **ret, struct err *e)
{
        auto_free char *path = xasprintf("%s/links", state_dir);
        struct err why = { 0 };
        int dir = last_known_dir(path, &why);

        if (dir >= 0) {
                (void)close(dir);
        } else if (why.rc == DL_CONFIG) {
                if (e)
                        *e = why;
                return DL_CONFIG;
        }
        struct last_known *k = xcalloc(1, sizeof(*k));
        k->loop = l;
        k->path = steal(&path);
        k->node = xstrdup(node);
        k->pool = worker_pool_new("keep", 1);
        loop_timer_init(&k->timer, l, on_time, k);
        *ret = k;
        return 0;
}

struct reading {
        struct last_known *k;
        void (*each)(void *ctx, const struct tree *object, const struct instance_seen *,
                     struct arena *owned);
        void *ctx;
};

static void on_file(void *ctx, const char *uid, const char *text, size_t len,
                    const struct tree *object, const struct instance_seen *seen,
                    struct arena *owned)
{
        struct reading *r = ctx;
        struct entry *x = find_or_add(r->k, uid);

        if (x)
                x->digest = digest_bytes(text, len);
        r->each(r->ctx, object, seen, owned);
}

void last_known_read(struct last_known *k,
                     void (*each)(void *ctx, const struct tree *object,
                                  const struct instance_seen *, struct arena *owned),
                     void *ctx)
{
        struct reading r = { .k = k, .each = each, .ctx = ctx };

        last_known_scan(k->path, k->node, on_file, &r);
}

void last_known_put(struct last_known *k, const char *uid, const struct tree *object,
                    const struct instance_seen *seen)
{
        size_t len = 0;
        char *text = last_known_is_uid(uid) ? last_known_text(k->node, object, seen, &len) : NULL;

        if (!text) {
                LOG(WARNING, "kube.last_known",
                    "a link cannot be kept: too large, or a strange uid",
                    LOG_STR("link", tree_text(tree_find(object, "metadata.name"))));
                last_known_remove(k, uid);
                return;
        }
        struct entry *x = find_or_add(k, uid);
        uint64_t digest = digest_bytes(text, len);
        if (!x || (x->digest == digest && !x->remove)) {
                free(text);
                return;
        }
        x->digest = digest;
        change(k, x, text, len);
}

void last_known_remove(struct last_known *k, const char *uid)
{
        struct entry *x = find(k, uid);

        if (x && !x->remove) {
                x->digest = 0;
                change(k, x, NULL, 0);
        }
}

static void finish(struct last_known *k, struct batch *b, int64_t deadline_ns)
{
        atomic_store(&b->deadline_ns, deadline_ns);
        b->rc = last_known_write(b->path, b->list, b->n, &b->deadline_ns, &b->e);
        say(k, b);
        batch_free(b);
}

void last_known_close(struct last_known *k)
{
        if (!k)
                return;
        int64_t deadline_ns = clock_mono_ns() + CLOSE_NS;
        loop_timer_end(&k->timer);
        if (k->batch)
                atomic_store(&k->batch->deadline_ns, deadline_ns);
        worker_pool_free(k->pool);
        if (k->batch && k->batch->is_cancelled)
                finish(k, k->batch, deadline_ns);
        else if (k->batch)
                k->batch->owner = NULL; /* its message is on its way to the loop */
        if (k->changed)
                finish(k, gather(k), deadline_ns);
        while (k->n)
                drop(k, &k->list[k->n - 1]);
        free(k->list);
        free(k->path);
        free(k->node);
        free(k);
}
