#include "kube/lease.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/lease_body.h"

#include <assert.h>
#include <string.h>

enum { BODY_MAX = 4096 };

#define DURATION_NS (15 * NS_PER_S)
#define DEADLINE_NS (10 * NS_PER_S)
#define RETRY_NS (2 * NS_PER_S)

enum phase {
        FOLLOWS,
        LEADS,
        RELEASES, /* gives the Lease up, where it is held */
        OVER,
};

struct leader {
        struct kube_api *api;
        char *space, *name, *identity;
        char *path, *collection;
        int64_t duration_ns, deadline_ns, retry_ns;
        void *ctx;
        void (*elected)(void *ctx);
        void (*lost)(void *ctx);
        void *done_ctx;
        void (*done)(void *ctx); /* of leader_release() */

        enum phase phase;
        struct loop_timer retry;
        struct loop_timer deadline; /* LEADS: of the renewal; RELEASES: of the release */
        struct kube_call *call;
        int64_t begun_ns;   /* the call, monotonic */
        int64_t renewed_ns; /* when the last write that succeeded began */
        struct lease_view view;
        char *version; /* of the Lease in view; NULL = it must be read again */
        bool is_mine;  /* the Lease in view */
        bool is_sick;  /* the last request failed, and it was said */
};

bool leader_is(const struct leader *l)
{
        return l->phase == LEADS && clock_mono_ns() - l->renewed_ns < l->deadline_ns;
}

const char *leader_holder(const struct leader *l)
{
        return l->view.holder;
}

/* --- the end */

static void end(struct leader *l)
{
        l->phase = OVER;
        kube_cancel(steal(&l->call));
        loop_timer_stop(&l->retry);
        loop_timer_stop(&l->deadline);
}

/* Nothing of l is touched after the callback, here and wherever one is called. */
static void lose(struct leader *l, const char *why)
{
        end(l);
        LOG(WARNING, "kube.leader", "leads no more", LOG_STR("path", l->path),
            LOG_STR("reason", why), LOG_STR("holder", l->view.holder));
        l->lost(l->ctx);
}

static void released(struct leader *l)
{
        end(l);
        l->done(l->done_ctx);
}

/* --- what was read */

/* False: what came is no object of an API server. */
static bool see(struct leader *l, const struct tree *lease)
{
        const char *version = tree_text(tree_find(lease, "metadata.resourceVersion"));
        const char *holder = tree_text(tree_find(lease, "spec.holderIdentity"));
        bool same = holder && strcmp(holder, l->view.holder) == 0;

        lease_view_read(&l->view, lease, clock_mono_ns());
        free(l->version);
        l->version = version ? xstrdup(version) : NULL;
        l->is_mine = holder && strcmp(holder, l->identity) == 0;
        if (!same && !l->is_mine && l->view.holder[0] != '\0' && l->phase == FOLLOWS)
                LOG(INFO, "kube.leader", "another leads", LOG_STR("path", l->path),
                    LOG_STR("holder", l->view.holder));
        return version;
}

static void forget(struct leader *l)
{
        free(l->version);
        l->version = NULL;
}

/* --- requests */

static void start(struct leader *l, const char *method, const struct lease_body *b,
                  void (*done)(void *ctx, struct kube_answer *))
{
        auto_of(buf) struct buf body = BUF(BODY_MAX);
        struct kube_request r = { .method = method,
                                  .path = l->path,
                                  .resource = "leases",
                                  .lane = KUBE_LEASE,
                                  .limit_ns = l->deadline_ns / 2, /* time for a second one */
                                  .ctx = l,
                                  .done = done };

        if (b) {
                lease_body_add(b, &body);
                assert(buf_ok(&body));
                r.body = buf_text(&body);
                r.body_len = body.len;
                r.path = b->name ? l->collection : l->path;
                r.content_type = b->name ? NULL : KUBE_MERGE_PATCH;
        }
        l->begun_ns = clock_mono_ns();
        l->call = kube_start(l->api, &r);
}

static void got(void *ctx, struct kube_answer *answer);
static void wrote(void *ctx, struct kube_answer *answer);
static void gave(void *ctx, struct kube_answer *answer);

static void create(struct leader *l)
{
        start(l, "POST",
              &(struct lease_body){ .space = l->space,
                                    .name = l->name,
                                    .holder = l->identity,
                                    .duration_ns = l->duration_ns,
                                    .now_ns = clock_wall_ns(),
                                    .acquires = true },
              wrote);
}

/* Renew what is ours, or take it over. */
static void write_ours(struct leader *l)
{
        start(l, "PATCH",
              &(struct lease_body){ .version = l->version,
                                    .holder = l->identity,
                                    .duration_ns = l->duration_ns,
                                    .now_ns = clock_wall_ns(),
                                    .acquires = !l->is_mine,
                                    .transitions = l->is_mine ? -1 : l->view.transitions + 1 },
              wrote);
}

static void give(struct leader *l)
{
        start(l, "PATCH",
              &(struct lease_body){ .version = l->version,
                                    .holder = "",
                                    .duration_ns = NS_PER_S,
                                    .now_ns = clock_wall_ns(),
                                    .transitions = -1 },
              gave);
}

/* Soon enough that a free Lease is seen within retry_ns. */
static void wait(struct leader *l)
{
        int64_t percent = 70 + random_u32() % 26;

        loop_timer_start(&l->retry, l->retry_ns / 100 * (l->phase == LEADS ? 100 : percent), 0);
}

/* With a Lease in view. */
static void act(struct leader *l)
{
        if (l->phase == LEADS && !l->is_mine)
                lose(l, "another holds the Lease");
        else if (l->phase == RELEASES && l->is_mine)
                give(l);
        else if (l->phase == RELEASES)
                released(l);
        else if (l->is_mine || lease_view_expired(&l->view, clock_mono_ns()))
                write_ours(l);
        else
                wait(l);
}

static void tick(void *ctx)
{
        struct leader *l = ctx;

        if (l->phase == LEADS && !leader_is(l))
                lose(l, "not renewed in time");
        else if (l->phase != FOLLOWS && l->version)
                act(l);
        else
                start(l, "GET", NULL, got);
}

/* --- answers */

static void failed(struct leader *l, const struct kube_answer *answer)
{
        bool was_there = l->version && answer->class == KUBE_MISSING;
        bool is_race = was_there || answer->class == KUBE_CONFLICT || answer->class == KUBE_EXISTS;

        forget(l);
        if (!is_race && !l->is_sick) {
                l->is_sick = true;
                LOG(WARNING, "kube.lease", "the Lease cannot be read or written",
                    LOG_STR("path", l->path), LOG_STR("reason", answer->message));
        }
        if (l->phase != RELEASES)
                wait(l);
        else if (is_race || answer->class == KUBE_AWAY)
                loop_timer_start(&l->retry, l->retry_ns / 10, 0);
        else
                released(l);
}

static void well(struct leader *l)
{
        if (l->is_sick)
                LOG(INFO, "kube.lease", "the Lease is read and written again",
                    LOG_STR("path", l->path));
        l->is_sick = false;
}

/* The process was stopped for so long that it leads no more, whatever the answer says. */
static bool is_late(struct leader *l)
{
        if (l->phase != LEADS || leader_is(l))
                return false;
        lose(l, "not renewed in time");
        return true;
}

/* There is no Lease: one that was seen a moment ago still protects who held it. */
static void missing(struct leader *l)
{
        bool is_fresh = l->view.seen_ns != 0 && !l->is_mine &&
                        !lease_view_expired(&l->view, clock_mono_ns());

        forget(l);
        if (l->phase == RELEASES)
                released(l);
        else if (l->phase == FOLLOWS && is_fresh)
                wait(l);
        else
                create(l);
}

static void got(void *ctx, struct kube_answer *answer)
{
        struct leader *l = ctx;

        l->call = NULL;
        if (is_late(l))
                return;
        if (answer->class == KUBE_MISSING && !answer->no_resource) {
                well(l);
                missing(l);
        } else if (answer->class == KUBE_OK && see(l, answer->object)) {
                well(l);
                act(l);
        } else {
                failed(l, answer);
        }
}

static void lead(struct leader *l)
{
        bool is_new = l->phase == FOLLOWS;

        l->renewed_ns = l->begun_ns;
        if (is_new && clock_mono_ns() - l->begun_ns >= l->deadline_ns) {
                wait(l); /* ours, but too old to begin with: it will be renewed first */
                return;
        }
        l->phase = LEADS;
        loop_timer_start_at(&l->deadline, l->renewed_ns + l->deadline_ns, 0);
        loop_timer_start(&l->retry, l->retry_ns, 0);
        if (!is_new)
                return;
        LOG(INFO, "kube.leader", "leads", LOG_STR("path", l->path),
            LOG_STR("identity", l->identity));
        l->elected(l->ctx);
}

static void wrote(void *ctx, struct kube_answer *answer)
{
        struct leader *l = ctx;

        l->call = NULL;
        if (is_late(l))
                return;
        if (answer->class != KUBE_OK) {
                failed(l, answer);
                return;
        }
        well(l);
        (void)see(l, answer->object);
        if (l->phase != RELEASES)
                lead(l);
        else if (l->version)
                act(l);
        else
                loop_timer_start(&l->retry, 0, 0);
}

static void gave(void *ctx, struct kube_answer *answer)
{
        struct leader *l = ctx;

        l->call = NULL;
        if (answer->class != KUBE_OK) {
                failed(l, answer);
                return;
        }
        LOG(INFO, "kube.leader", "gave the Lease up", LOG_STR("path", l->path));
        released(l);
}

static void deadline_over(void *ctx)
{
        struct leader *l = ctx;

        if (l->phase == RELEASES)
                released(l);
        else
                lose(l, "not renewed in time");
}

/* --- opening and closing */

struct leader *leader_open(const struct leader_config *config)
{
        struct leader *l = xcalloc(1, sizeof(*l));

        l->api = config->api;
        l->space = xstrdup(config->space);
        l->name = xstrdup(config->name);
        l->identity = xstrdup(config->identity);
        l->duration_ns = config->duration_ns ? config->duration_ns : DURATION_NS;
        l->deadline_ns = config->deadline_ns ? config->deadline_ns : DEADLINE_NS;
        l->retry_ns = config->retry_ns ? config->retry_ns : RETRY_NS;
        assert(l->duration_ns > l->deadline_ns && l->deadline_ns > l->retry_ns / 10 * 12);
        l->ctx = config->ctx;
        l->elected = config->elected;
        l->lost = config->lost;
        l->path = kube_path(&kube_leases, l->space, l->name, NULL);
        l->collection = kube_path(&kube_leases, l->space, NULL, NULL);
        loop_timer_init(&l->retry, kube_api_loop(l->api), tick, l);
        loop_timer_init(&l->deadline, kube_api_loop(l->api), deadline_over, l);
        loop_timer_start(&l->retry, 0, 0);
        return l;
}

void leader_release(struct leader *l, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        bool held = l->phase == LEADS;

        l->done = done;
        l->done_ctx = ctx;
        l->phase = RELEASES;
        /* A call that is under way may be the one that takes it: its answer tells. */
        loop_timer_start(&l->deadline, held || l->call ? limit_ns : 0, 0);
        loop_timer_stop(&l->retry);
        if (held && !l->call)
                loop_timer_start(&l->retry, 0, 0);
}

void leader_close(struct leader *l)
{
        if (!l)
                return;
        kube_cancel(l->call);
        loop_timer_end(&l->retry);
        loop_timer_end(&l->deadline);
        free(l->space);
        free(l->name);
        free(l->identity);
        free(l->path);
        free(l->collection);
        free(l->version);
        free(l);
}
