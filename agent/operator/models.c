/* models.c - see models.h */
#include "operator/models.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/decode.h"
#include "base/log.h"

#include <assert.h>
#include <string.h>

#define RETRY_FIRST_NS (500 * NS_PER_MS)
#define RETRY_MAX_NS (60 * NS_PER_S)

enum reading {
        READING_NEVER,  /* nothing is known yet */
        READING_DONE,   /* .versions holds */
        READING_FAILED, /* and nothing was known before */
};

struct model {
        struct keyed keyed; /* the CRD's name */
        LIST_ENTRY(model) entry;
        struct models *models;
        struct model_wards links;
        size_t users;
        char *uid; /* NULL: there is none, or it is being deleted */
        int64_t generation;
        enum reading reading;
        int64_t read_generation;
        struct arena *arena;
        struct decoded_list versions; /* of const char *, the served ones */
        struct kube_call *call;
        struct loop_timer retry;
        struct backoff backoff;
};

struct models {
        struct models_config config;
        void *index;
        LIST_HEAD(, model) list;
};

static void read_versions(struct model *m);

struct models *models_new(const struct models_config *config)
{
        struct models *s = xcalloc(1, sizeof(*s));

        s->config = *config;
        LIST_INIT(&s->list);
        return s;
}

static void stop_reading(struct model *m)
{
        kube_cancel(m->call);
        m->call = NULL;
        loop_timer_stop(&m->retry);
}

static void free_model(struct model *m)
{
        stop_reading(m);
        loop_timer_end(&m->retry);
        keyed_remove(&m->models->index, &m->keyed);
        LIST_REMOVE(m, entry);
        arena_free(m->arena);
        free(m->uid);
        free(m->keyed.key);
        free(m);
}

void models_free(struct models *s)
{
        if (!s)
                return;
        while (!LIST_EMPTY(&s->list)) {
                struct model *m = LIST_FIRST(&s->list);
                assert(m->users == 0);
                free_model(m);
        }
        free(s);
}

static void on_retry(void *ctx)
{
        read_versions(ctx);
}

static struct model *get(struct models *s, const char *crd)
{
        struct model *m = keyed_find(&s->index, crd);

        if (m)
                return m;
        m = xcalloc(1, sizeof(*m));
        m->keyed.key = xstrdup(crd);
        m->models = s;
        m->backoff = BACKOFF(RETRY_FIRST_NS, RETRY_MAX_NS);
        LIST_INIT(&m->links);
        loop_timer_init(&m->retry, s->config.loop, on_retry, m);
        keyed_add(&s->index, &m->keyed);
        LIST_INSERT_HEAD(&s->list, m, entry);
        return m;
}

struct model *models_use(struct models *s, const char *crd)
{
        struct model *m = get(s, crd);

        m->users++;
        read_versions(m);
        return m;
}

void models_drop(struct models *s, struct model *m)
{
        (void)s;
        assert(m->users > 0);
        m->users--;
        if (m->users > 0)
                return;
        stop_reading(m);
        if (!m->uid)
                free_model(m);
}

static void changed(struct model *m)
{
        m->models->config.changed(m->models->config.ctx, m);
}

/* --- which versions are served */

static void forget_versions(struct model *m)
{
        arena_free(m->arena);
        m->arena = NULL;
        m->versions = (struct decoded_list){ 0 };
        m->reading = READING_NEVER;
        m->read_generation = 0;
}

static bool is_served(const struct tree *version)
{
        const struct tree *served = tree_get(version, "served");

        return served && served->type == TREE_BOOL && served->as.b;
}

static void take_versions(struct model *m, const struct tree *crd)
{
        const struct tree *list = tree_find(crd, "spec.versions");
        const struct tree *generation = tree_find(crd, "metadata.generation");

        forget_versions(m);
        m->arena = arena_new();
        const char **names =
                arena_calloc(m->arena, list && list->n > 0 ? list->n : 1, sizeof(char *));
        TREE_FOREACH (child, list) {
                const char *name = tree_text(tree_get(child, "name"));
                if (name && is_served(child))
                        names[m->versions.n++] = arena_strdup(m->arena, name);
        }
        m->versions.items = names;
        m->reading = READING_DONE;
        m->read_generation =
                generation && generation->type == TREE_INT ? generation->as.i : m->generation;
}

static void retry_later(struct model *m, const struct kube_answer *answer)
{
        bool is_away = answer->class == KUBE_AWAY;

        loop_timer_start(&m->retry, is_away ? backoff_next_ns(&m->backoff) : RETRY_MAX_NS, 0);
        if (m->reading != READING_NEVER)
                return;
        m->reading = READING_FAILED;
        LOG(WARNING, "operator.model-unread", answer->message, LOG_STR("path", m->keyed.key));
        changed(m);
}

static void on_read(void *ctx, struct kube_answer *answer)
{
        struct model *m = ctx;

        m->call = NULL;
        if (!m->uid)
                return;
        if (answer->class == KUBE_OK && answer->object) {
                backoff_reset(&m->backoff);
                take_versions(m, answer->object);
                changed(m);
                read_versions(m); /* it may have changed meanwhile */
        } else {
                /* Not even when it is missing: the watch will say so. */
                retry_later(m, answer);
        }
}

/* What is named, there and not known. */
static void read_versions(struct model *m)
{
        if (m->users == 0 || !m->uid || m->call || loop_timer_active(&m->retry) ||
            (m->reading == READING_DONE && m->read_generation >= m->generation))
                return;
        auto_free char *path = kube_path(&kube_crds, NULL, m->keyed.key, NULL);
        struct kube_request r = {
                .method = "GET",
                .path = path,
                .resource = "customresourcedefinitions",
                .ctx = m,
                .done = on_read,
        };
        m->call = kube_start(m->models->config.api, &r);
}

/* --- the watch */

void models_crd(struct models *s, const struct object_meta *m)
{
        if (m->deleted) {
                models_crd_gone(s, m->name);
                return;
        }
        struct model *model = get(s, m->name);
        if (!model->uid || strcmp(model->uid, m->uid) != 0) {
                free(model->uid);
                model->uid = xstrdup(m->uid);
                forget_versions(model);
                stop_reading(model);
                changed(model);
        }
        model->generation = m->generation;
        read_versions(model);
}

void models_crd_gone(struct models *s, const char *crd)
{
        struct model *m = keyed_find(&s->index, crd);

        if (!m || !m->uid)
                return;
        stop_reading(m);
        forget_versions(m);
        free(m->uid);
        m->uid = NULL;
        changed(m);
        if (m->users == 0)
                free_model(m);
}

/* --- answers */

static bool serves(const struct model *m, const char *version)
{
        const char *const *names = m->versions.items;

        for (size_t i = 0; i < m->versions.n; i++) {
                if (strcmp(names[i], version) == 0)
                        return true;
        }
        return false;
}

static const char *version_of(const char *api_version)
{
        const char *slash = strchr(api_version, '/');

        return slash ? slash + 1 : "";
}

enum model_state model_state(const struct model *m, const char *api_version)
{
        if (!m || !m->uid)
                return MODEL_MISSING;
        switch (m->reading) {
        case READING_NEVER:
                return MODEL_PENDING;
        case READING_FAILED:
                return MODEL_UNKNOWN;
        case READING_DONE:
                break;
        }
        return serves(m, version_of(api_version)) ? MODEL_SERVED : MODEL_UNSERVED;
}

struct model_wards *model_wards(struct model *m)
{
        return &m->links;
}

char *models_reach(const struct models *s, const char *crd, const char *api_version)
{
        const struct model *m = keyed_find(&s->index, crd);
        const char *slash = strchr(api_version, '/');

        if (!m || m->reading != READING_DONE || m->versions.n == 0 || !slash ||
            serves(m, slash + 1))
                return xstrdup(api_version);
        return xasprintf("%.*s/%s", (int)(slash - api_version), api_version,
                         ((const char *const *)m->versions.items)[0]);
}
