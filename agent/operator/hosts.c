/* hosts.c - see hosts.h */
#include "operator/hosts.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

#define DURATION_NS (40 * NS_PER_S) /* of an agent's Lease, where none tells */
#define DURATION_MAX_NS (3600 * NS_PER_S)
#define PAUSE_NS (5 * NS_PER_S) /* judged later than this: we did not run */

struct hosts {
        struct hosts_config config;
        void *index;
        LIST_HEAD(, host) list;
        bool live;
        int64_t live_ns; /* since when */
        int64_t next_ns; /* when hosts_judge() wants to run */
        uint64_t episodes;
};

struct hosts *hosts_new(const struct hosts_config *config)
{
        struct hosts *s = xcalloc(1, sizeof(*s));

        s->config = *config;
        s->next_ns = INT64_MAX;
        LIST_INIT(&s->list);
        return s;
}

static void free_host(struct hosts *s, struct host *h)
{
        keyed_remove(&s->index, &h->keyed);
        LIST_REMOVE(h, entry);
        arena_free(h->arena);
        free(h->keyed.key);
        free(h);
}

void hosts_free(struct hosts *s)
{
        if (!s)
                return;
        while (!LIST_EMPTY(&s->list)) {
                struct host *h = LIST_FIRST(&s->list);
                assert(h->users == 0);
                free_host(s, h);
        }
        free(s);
}

/* --- when is who due? */

static int64_t later(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static int64_t duration_of(const struct host *h)
{
        int64_t ns = h->has_lease ? h->lease.duration_ns : 0;

        return ns <= 0 ? DURATION_NS : ns > DURATION_MAX_NS ? DURATION_MAX_NS : ns;
}

static int64_t quiet_since(const struct hosts *s, const struct host *h)
{
        return later(later(h->has_lease ? h->lease.seen_ns : 0, h->since_ns), s->live_ns);
}

/* Links of a node that is not there are nobody's business; what it holds is free at once. */
static bool is_judged(const struct host *h)
{
        return h->users > 0 && h->arena;
}

/* Lately: agents renew four times as often as they must. */
static bool nobody_spoke(const struct hosts *s, int64_t now_ns)
{
        const struct host *h;

        LIST_FOREACH (h, &s->list, entry) {
                if (h->has_lease && now_ns - h->lease.seen_ns < duration_of(h) / 2)
                        return false;
        }
        return true;
}

/* When it must be looked at. */
static int64_t due_of(const struct hosts *s, const struct host *h)
{
        if (!is_judged(h) || h->agent == AGENT_GONE)
                return INT64_MAX;
        if (h->agent == AGENT_SILENT)
                return later(h->silent_ns, s->live_ns) + s->config.grace_ns;
        return quiet_since(s, h) + duration_of(h) * (h->extended ? 2 : 1);
}

static void note_due(struct hosts *s, const struct host *h)
{
        int64_t due_ns = due_of(s, h);

        if (s->live && due_ns < s->next_ns)
                s->next_ns = due_ns;
}

/* --- the set */

static struct host *get(struct hosts *s, const char *node, int64_t now_ns)
{
        struct host *h = keyed_find(&s->index, node);

        if (h)
                return h;
        h = xcalloc(1, sizeof(*h));
        h->keyed.key = xstrdup(node);
        h->since_ns = now_ns;
        LIST_INIT(&h->links);
        LIST_INIT(&h->waiting);
        keyed_add(&s->index, &h->keyed);
        LIST_INSERT_HEAD(&s->list, h, entry);
        return h;
}

static void forget_unless_needed(struct hosts *s, struct host *h)
{
        if (h->users == 0 && !h->arena && !h->has_lease)
                free_host(s, h);
}

struct host *hosts_use(struct hosts *s, const char *node, int64_t now_ns)
{
        struct host *h = get(s, node, now_ns);

        h->users++;
        note_due(s, h);
        return h;
}

void hosts_drop(struct hosts *s, struct host *h)
{
        assert(h->users > 0);
        h->users--;
        forget_unless_needed(s, h);
}

/* --- Nodes */

static const char *copy(struct arena *a, const char *text)
{
        return arena_strdup(a, text);
}

static void start_anew(struct host *h, int64_t now_ns)
{
        h->since_ns = now_ns;
        h->extended = false;
        if (h->agent != AGENT_ALIVE)
                h->agent = AGENT_UNSEEN;
}

void hosts_node(struct hosts *s, const struct tree *object, const struct object_meta *m,
                int64_t now_ns)
{
        struct node_view v;

        if (m->deleted) {
                hosts_node_gone(s, m->name);
                return;
        }
        struct host *h = get(s, m->name, now_ns);
        node_view_read(object, &v);
        if (h->arena && node_view_equal(&h->view, &v))
                return;
        struct arena *a = arena_new();
        v.host_name = copy(a, v.host_name);
        v.internal_ip = copy(a, v.internal_ip);
        v.internal_dns = copy(a, v.internal_dns);
        v.external_ip = copy(a, v.external_ip);
        v.external_dns = copy(a, v.external_dns);
        if (!h->arena) /* its agent begins, too */
                start_anew(h, now_ns);
        arena_free(h->arena);
        h->arena = a;
        h->view = v;
        note_due(s, h);
        s->config.changed(s->config.ctx, h);
}

void hosts_node_gone(struct hosts *s, const char *node)
{
        struct host *h = keyed_find(&s->index, node);

        if (!h || !h->arena)
                return;
        arena_free(h->arena);
        h->arena = NULL;
        s->config.changed(s->config.ctx, h);
        forget_unless_needed(s, h);
}

const struct node_view *host_node(const struct host *h)
{
        return h && h->arena ? &h->view : NULL;
}

bool host_is_lost(const struct host *h)
{
        return !h->arena || h->agent == AGENT_SILENT || h->agent == AGENT_GONE;
}

/* --- agents */

static void set_agent(struct hosts *s, struct host *h, enum agent_state state)
{
        if (h->agent == state)
                return;
        h->agent = state;
        s->config.changed(s->config.ctx, h);
}

void hosts_lease(struct hosts *s, const struct tree *object, const struct object_meta *m,
                 int64_t now_ns)
{
        const char *node = tree_text(tree_get(m->annotations, HEARTBEAT_NODE));
        char name[LEASE_NAME_SIZE];

        if (!node || node[0] == '\0')
                return;
        heartbeat_name(node, name);
        if (strcmp(name, m->name) != 0)
                return; /* one agent must not speak for another */
        struct host *h = get(s, node, now_ns);
        int64_t seen_ns = h->lease.seen_ns;
        lease_view_read(&h->lease, object, now_ns);
        if (h->has_lease && h->lease.seen_ns == seen_ns)
                return; /* not renewed */
        h->has_lease = true;
        h->extended = false;
        set_agent(s, h, AGENT_ALIVE);
        note_due(s, h);
}

void hosts_lease_gone(struct hosts *s, const char *lease, int64_t now_ns)
{
        char name[LEASE_NAME_SIZE];
        struct host *h;

        LIST_FOREACH (h, &s->list, entry) {
                heartbeat_name(h->keyed.key, name);
                if (h->has_lease && strcmp(name, lease) == 0)
                        break;
        }
        if (!h)
                return;
        h->has_lease = false;
        h->lease = (struct lease_view){ 0 };
        h->since_ns = now_ns;
        if (h->agent == AGENT_ALIVE)
                set_agent(s, h, AGENT_UNSEEN);
        note_due(s, h);
        forget_unless_needed(s, h);
}

void hosts_watched(struct hosts *s, bool live, int64_t now_ns)
{
        s->live = live;
        s->live_ns = now_ns;
        s->next_ns = live ? now_ns : INT64_MAX;
}

/* --- judging */

static void judge(struct hosts *s, struct host *h, bool nobody, int64_t now_ns)
{
        if (now_ns < due_of(s, h))
                return;
        if (h->agent == AGENT_SILENT) {
                set_agent(s, h, AGENT_GONE);
                return;
        }
        if (nobody && !h->extended) {
                h->extended = true;
                return;
        }
        h->episode = ++s->episodes;
        h->silent_ns = now_ns;
        set_agent(s, h, AGENT_SILENT);
}

void hosts_judge(struct hosts *s, int64_t now_ns)
{
        struct host *h;

        if (s->next_ns < INT64_MAX && now_ns > s->next_ns + PAUSE_NS)
                s->live_ns = now_ns;
        s->next_ns = INT64_MAX;
        if (!s->live)
                return;
        bool nobody = nobody_spoke(s, now_ns);
        LIST_FOREACH (h, &s->list, entry) {
                if (is_judged(h))
                        judge(s, h, nobody, now_ns);
                note_due(s, h);
        }
}

int64_t hosts_next(const struct hosts *s)
{
        return s->next_ns;
}

void hosts_count(const struct hosts *s, size_t *ret)
{
        const struct host *h;

        LIST_FOREACH (h, &s->list, entry) {
                if (h->users > 0)
                        ret[h->agent]++;
        }
}
