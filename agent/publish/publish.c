/* publish.c - the desired set against the running sessions.
 *
 * A link has a publication (what its section means), a seat in a session, and a route there.  A
 * session is one link's, or shared by all links of equal client options. */
#include "publish/publish.h"

#include "base/log.h"
#include "base/mem.h"
#include "publish/mqtt.h"

#include <assert.h>
#include <string.h>

struct seat; /* a link's */

struct connection {
        struct connection *next; /* the publisher's, all of them */
        struct mqtt_handle *mqtt;
        struct settings *settings;
        bool shared;
        bool closing;
        struct seat *seats;
        unsigned claimed; /* generation in which a link last asked for these settings */
        bool told;        /* rc and text are what the session last said */
        int rc;
        char *text;
};

struct seat {
        struct link_spec *spec;
        struct publication wanted;
        struct connection *connection; /* NULL: nothing is published */
        struct seat *next;             /* at the connection */
        struct route *route;
};

struct publisher {
        struct publish_config config;
        char *node;
        struct mqtt *mqtt;
        struct seat **seats; /* sorted by key */
        size_t n;
        struct connection *connections; /* those that are closing, too */
        size_t sessions;                /* those that are not */
        unsigned generation;
        bool stopping;
};

static void tell(const struct publisher *p, const struct seat *seat, int rc, const char *text)
{
        if (p->config.hooks.state)
                p->config.hooks.state(p->config.hooks.ctx, seat->spec, rc, text);
}

/* --- connections */

static void on_state(void *ctx, void *owner, int rc, const char *text)
{
        struct publisher *p = ctx;
        struct connection *c = owner;

        c->told = true;
        c->rc = rc;
        free(c->text);
        c->text = xstrdup(text);
        for (struct seat *s = c->seats; s; s = s->next)
                tell(p, s, rc, text);
}

static void connection_free(struct connection *c)
{
        settings_unref(c->settings);
        free(c->text);
        free(c);
}

static void on_closed(void *ctx, void *owner)
{
        struct publisher *p = ctx;
        struct connection **at = &p->connections;

        while (*at != owner)
                at = &(*at)->next;
        *at = (*at)->next;
        connection_free(owner);
}

static struct connection *connection_open(struct publisher *p, struct settings *s, bool shared)
{
        struct connection *c = xcalloc(1, sizeof(*c));

        c->settings = settings_ref(s);
        c->shared = shared;
        c->mqtt = mqtt_open(p->mqtt, s, c);
        c->next = p->connections;
        p->connections = c;
        p->sessions++;
        return c;
}

static void connection_close(struct publisher *p, struct connection *c)
{
        assert(!c->seats);
        c->closing = true;
        p->sessions--;
        mqtt_close(c->mqtt);
}

static void connection_change(struct connection *c, struct settings *s)
{
        settings_unref(c->settings);
        c->settings = settings_ref(s);
        c->told = false;
        mqtt_replace(c->mqtt, s);
}

static struct connection *shared_find(const struct publisher *p, const struct settings *s)
{
        for (struct connection *c = p->connections; c; c = c->next)
                if (c->shared && !c->closing && settings_same_identity(c->settings, s))
                        return c;
        return NULL;
}

/* NULL: another link has the session with another password. */
static struct connection *shared_join(struct publisher *p, struct settings *s)
{
        struct connection *c = shared_find(p, s);

        if (!c)
                c = connection_open(p, s, true);
        if (!settings_equal(c->settings, s)) {
                if (c->claimed == p->generation)
                        return NULL;
                connection_change(c, s);
        }
        c->claimed = p->generation;
        return c;
}

/* --- seats */

static void route_end(struct publisher *p, struct seat *seat)
{
        if (seat->route)
                mqtt_route_end(p->mqtt, steal(&seat->route));
}

static void leave(struct publisher *p, struct seat *seat)
{
        struct connection *c = steal(&seat->connection);

        if (!c)
                return;
        route_end(p, seat);
        for (struct seat **at = &c->seats; *at; at = &(*at)->next) {
                if (*at != seat)
                        continue;
                *at = seat->next;
                break;
        }
        if (!c->seats)
                connection_close(p, c);
}

static void sit(struct publisher *p, struct seat *seat, struct connection *c)
{
        seat->connection = c;
        seat->next = c->seats;
        c->seats = seat;
        if (c->told)
                tell(p, seat, c->rc, c->text);
}

/* Can the link's own session go on for these settings? */
static bool fits(const struct connection *c, const struct publication *wanted)
{
        return !c->shared && !wanted->shared && settings_same_peer(c->settings, wanted->settings);
}

static bool find_seat(struct publisher *p, struct seat *seat, const struct publication *wanted)
{
        struct connection *c = seat->connection;

        if (c && fits(c, wanted)) {
                if (!settings_equal(c->settings, wanted->settings))
                        connection_change(c, wanted->settings);
                return true;
        }
        if (wanted->shared) {
                struct connection *joined = shared_join(p, wanted->settings);

                if (joined == c)
                        return joined != NULL;
                leave(p, seat);
                if (!joined)
                        return false;
                sit(p, seat, joined);
                return true;
        }
        leave(p, seat);
        sit(p, seat, connection_open(p, wanted->settings, false));
        return true;
}

static bool same_route(const struct publication *a, const struct publication *b)
{
        return a->topic && b->topic && strcmp(a->topic, b->topic) == 0 && a->qos == b->qos &&
               a->retained == b->retained && a->depth == b->depth;
}

static void find_route(struct publisher *p, struct seat *seat, const struct publication *wanted)
{
        if (seat->route && same_route(&seat->wanted, wanted))
                return;
        route_end(p, seat);
        seat->route = mqtt_route_new(seat->connection->mqtt, wanted->topic, seat->spec->key,
                                     wanted->qos, wanted->retained, wanted->depth);
}

/* What all links of a session have in common is there once. */
static void share_settings(const struct connection *c, struct publication *wanted)
{
        if (c->settings == wanted->settings || !settings_equal(c->settings, wanted->settings))
                return;
        settings_unref(wanted->settings);
        wanted->settings = settings_ref(c->settings);
}

static void seat_take(struct publisher *p, struct seat *seat, struct publication *wanted)
{
        if (!wanted->settings) {
                leave(p, seat);
        } else if (find_seat(p, seat, wanted)) {
                find_route(p, seat, wanted);
                share_settings(seat->connection, wanted);
        } else {
                tell(p, seat, DL_CONFIG,
                     "shared session: another link has it with another password");
        }
        publication_done(&seat->wanted);
        seat->wanted = *wanted;
}

static void log_warnings(const struct seat *seat, const struct findings *f)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].severity == FINDING_WARNING)
                        LOG(WARNING, "publish.section", f->list[i].text,
                            LOG_STR("link", seat->spec->key), LOG_STR("path", f->list[i].path));
}

static void seat_compile(struct publisher *p, struct seat *seat)
{
        struct findings f = { .file = seat->spec->file };
        struct publication wanted = { 0 };
        char text[512];

        if (settings_compile(seat->spec, p->node, &f, &wanted) < 0) {
                leave(p, seat);
                publication_done(&seat->wanted);
                tell(p, seat, DL_CONFIG, findings_first(&f, text, sizeof(text)));
        } else {
                seat_take(p, seat, &wanted);
        }
        log_warnings(seat, &f);
        findings_done(&f);
}

static void seat_free(struct publisher *p, struct seat *seat)
{
        leave(p, seat);
        publication_done(&seat->wanted);
        link_spec_unref(seat->spec);
        free(seat);
}

/* --- applying */

static struct seat *seat_new(struct publisher *p, struct link_spec *spec)
{
        struct seat *seat = xcalloc(1, sizeof(*seat));

        seat->spec = link_spec_ref(spec);
        seat_compile(p, seat);
        return seat;
}

/* One that nobody has to be told of anew still holds its claim on a shared session. */
static void seat_keep(struct publisher *p, struct seat *seat, struct link_spec *spec)
{
        /* What was turned away from a shared session may get in now. */
        bool refused = seat->wanted.settings && !seat->connection;
        bool same = link_spec_equal(seat->spec, spec) && !refused;

        link_spec_unref(seat->spec);
        seat->spec = link_spec_ref(spec);
        if (!same)
                seat_compile(p, seat);
        else if (seat->connection)
                seat->connection->claimed = p->generation;
}

/* Both are sorted by key.  What goes goes first: its session may be another's client id. */
static void free_missing(struct publisher *p, const struct desired *d)
{
        size_t kept = 0;
        size_t at = 0;

        for (size_t i = 0; i < p->n; i++) {
                struct seat *seat = p->seats[i];

                while (at < d->n && strcmp(d->links[at]->key, seat->spec->key) < 0)
                        at++;
                if (at < d->n && strcmp(d->links[at]->key, seat->spec->key) == 0)
                        p->seats[kept++] = seat;
                else
                        seat_free(p, seat);
        }
        p->n = kept;
}

void publish_apply(struct publisher *p, const struct desired *d)
{
        if (p->stopping)
                return;
        free_missing(p, d);
        p->generation++;

        struct seat **seats = xcalloc(d->n ? d->n : 1, sizeof(struct seat *));
        size_t old = 0;
        for (size_t i = 0; i < d->n; i++) {
                struct link_spec *spec = d->links[i];

                if (old < p->n && strcmp(p->seats[old]->spec->key, spec->key) == 0) {
                        seats[i] = p->seats[old++];
                        seat_keep(p, seats[i], spec);
                } else {
                        seats[i] = seat_new(p, spec);
                }
        }
        free(p->seats);
        p->seats = seats;
        p->n = d->n;
}

/* --- the rest */

static struct seat *seat_find(const struct publisher *p, const char *key)
{
        size_t low = 0;
        size_t high = p->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(p->seats[middle]->spec->key, key);

                if (order == 0)
                        return p->seats[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

void publish_status(struct publisher *p, const char *key, const char *json, size_t len)
{
        struct seat *seat = p->stopping ? NULL : seat_find(p, key);

        if (seat && seat->route)
                mqtt_publish(p->mqtt, seat->route, json, len);
}

int publish_check(const struct link_spec *spec, struct findings *f)
{
        struct publication p = { 0 };

        int rc = settings_compile(spec, "", f, &p);
        publication_done(&p);
        return rc;
}

void publish_count(const struct publisher *p, struct publish_counts *ret)
{
        mqtt_count(p->mqtt, ret);
        ret->sessions = p->sessions;
}

void publish_each(const struct publisher *p, void (*each)(void *ctx, const struct publish_view *),
                  void *ctx)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct seat *seat = p->seats[i];
                const struct connection *c = seat->connection;

                if (!seat->wanted.settings)
                        continue;
                const struct publish_view v = {
                        .spec = seat->spec,
                        .connected = c && c->told && c->rc == DL_OK,
                        .queued = seat->route ? mqtt_route_queued(seat->route) : 0,
                };
                each(ctx, &v);
        }
}

struct publisher *publish_new(const struct publish_config *config)
{
        struct publisher *p = xcalloc(1, sizeof(*p));
        const struct mqtt_hooks hooks = { .ctx = p, .state = on_state, .closed = on_closed };

        p->config = *config;
        p->node = xstrdup(config->node ? config->node : "");
        p->mqtt = mqtt_new(config->loop, config->resolver, &hooks);
        return p;
}

void publish_stop(struct publisher *p, int64_t limit_ns, void (*done)(void *ctx), void *ctx)
{
        p->stopping = true;
        for (size_t i = 0; i < p->n; i++)
                route_end(p, p->seats[i]);
        mqtt_stop(p->mqtt, limit_ns, done, ctx);
}

void publish_free(struct publisher *p)
{
        if (!p)
                return;
        if (!p->stopping)
                publish_stop(p, 0, NULL, NULL);
        mqtt_free(p->mqtt);
        for (size_t i = 0; i < p->n; i++) {
                publication_done(&p->seats[i]->wanted);
                link_spec_unref(p->seats[i]->spec);
                free(p->seats[i]);
        }
        free(p->seats);
        while (p->connections) {
                struct connection *c = p->connections;

                p->connections = c->next;
                connection_free(c);
        }
        free(p->node);
        free(p);
}
