/* cluster_world.h - a cluster room over an API server that lives in the test: a store of objects
 * that answers requests when it is told to, and tells the reflectors of what changed.
 *
 * The real server is the judge elsewhere (tests/kube); here are the orders and failures that it
 * cannot be made to show.  A test that includes this has the wrap lines of test_cluster.c.
 */
#ifndef TEST_CLUSTER_WORLD_H
#define TEST_CLUSTER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/cluster.h"
#include "kube/events.h"
#include "kube/last_known.h"
#include "kube/lease.h"
#include "kube/reflector.h"
#include "kube/watched.h"

#define helper __attribute__((unused))
#define MODBUS "adaptors.edge.cattle.io/modbus"
#define LINKS "/apis/edge.cattle.io/v1alpha1/namespaces/default/devicelinks"
#define DEVICES "/apis/devices.edge.cattle.io/v1alpha1/namespaces/default/modbusdevices"

struct call { /* a request that waits for its answer */
        struct call *next;
        char *method, *path, *body, *type;
        void *ctx;
        void (*done)(void *ctx, struct kube_answer *);
};

struct fake_reflector {
        struct reflector_config config;
        char *plural;
        bool open;
};

enum { REFLECTORS = 8, SAID_MAX = 32 };

struct world {
        struct loop *loop;
        struct loop_timer timer;
        struct cluster *cluster;
        struct cluster_config config;
        struct json_object *store; /* path -> object */
        int version, uids;
        struct call *calls;
        unsigned n_calls; /* started so far */
        struct fake_reflector reflectors[REFLECTORS];
        size_t n_reflectors;
        bool quiet; /* no events */
        bool away;
        bool no_plugin;
        /* what came out */
        struct desired desired; /* of the last changed(), with references of its own */
        int changes;
        char *said[SAID_MAX]; /* "Warning FailedFetched text" */
        size_t n_said;
        /* what is referred to */
        const char *secret_trouble; /* NULL: it is there */
        bool secret_unknown;
        struct object_set *secrets;
        char *added; /* the last name added */
        struct watched_config watched;
        /* on disk */
        struct json_object *kept; /* uid -> object */
        bool stopped;
};

static struct world world;

/* --- JSON */

helper static struct json_object *at(struct json_object *o, const char *path)
{
        struct json_object *ret = NULL;

        return json_pointer_get(o, path, &ret) == 0 ? ret : NULL;
}

helper static const char *text_in(struct json_object *o, const char *path)
{
        struct json_object *x = o ? at(o, path) : NULL;

        return x ? json_object_get_string(x) : "";
}

static struct json_object *parse(const char *text)
{
        struct json_object *o = json_tokener_parse(text);

        if (!o)
                fail_msg("no JSON: %s", text);
        return o;
}

static struct json_object *copy_of(struct json_object *o)
{
        return parse(json_object_to_json_string(o));
}

static void merge(struct json_object *to, struct json_object *patch)
{
        json_object_object_foreach(patch, key, value)
        {
                struct json_object *was = NULL;

                if (!value) {
                        json_object_object_del(to, key);
                } else if (json_object_is_type(value, json_type_object)) {
                        if (!json_object_object_get_ex(to, key, &was))
                                json_object_object_add(to, key, was = json_object_new_object());
                        merge(was, value);
                } else {
                        json_object_object_add(to, key, copy_of(value));
                }
        }
}

static void set_text_at(struct json_object **o, const char *path, const char *text)
{
        assert_int_equal(json_pointer_set(o, path, json_object_new_string(text)), 0);
}

static const struct tree *tree_of(struct json_object *o, struct arena *a)
{
        const char *text = json_object_to_json_string(o);
        const struct tree *t = NULL;

        assert_int_equal(tree_parse_json(a, text, strlen(text), &tree_limits_default, &t, NULL), 0);
        return t;
}

/* --- the store */

static const char *plural_of(const char *path)
{
        static char plural[64];
        const char *p = strstr(path, "/default/");

        (void)snprintf(plural, sizeof(plural), "%.*s", (int)strcspn(p + 9, "/"), p + 9);
        return plural;
}

static struct fake_reflector *reflector_named(const char *plural)
{
        for (size_t i = 0; i < world.n_reflectors; i++) {
                if (world.reflectors[i].open && strcmp(world.reflectors[i].plural, plural) == 0)
                        return &world.reflectors[i];
        }
        return NULL;
}

helper static struct json_object *stored(const char *path)
{
        struct json_object *o = NULL;

        (void)json_object_object_get_ex(world.store, path, &o);
        return o;
}

static void tell(const char *path)
{
        struct fake_reflector *r = reflector_named(plural_of(path));
        struct arena *a;
        struct object_meta m;

        if (!r || world.quiet)
                return;
        a = arena_new();
        const struct tree *t = tree_of(stored(path), a);
        object_meta_read(t, a, &m);
        r->config.upsert(r->config.ctx, t, &m, a);
}

static void bump(struct json_object *o)
{
        auto_free char *version = xasprintf("%d", ++world.version);

        set_text_at(&o, "/metadata/resourceVersion", version);
}

static void bump_generation(struct json_object *o)
{
        struct json_object *g = at(o, "/metadata/generation");

        assert_int_equal(
                json_pointer_set(&o, "/metadata/generation",
                                 json_object_new_int((g ? json_object_get_int(g) : 0) + 1)),
                0);
}

/* Put an object there as somebody else would: uid and versions are filled in. */
helper static void put(const char *path, struct json_object *o)
{
        struct json_object *was = stored(path);
        auto_free char *uid =
                was ? xstrdup(text_in(was, "/metadata/uid")) : xasprintf("uid-%d", ++world.uids);
        struct json_object *g = was ? at(was, "/metadata/generation") : NULL;

        if (text_in(o, "/metadata/uid")[0] == '\0')
                set_text_at(&o, "/metadata/uid", uid);
        if (g)
                json_object_object_add(at(o, "/metadata"), "generation", json_object_get(g));
        bump_generation(o);
        bump(o);
        json_object_object_add(world.store, path, o);
        tell(path);
}

/* Remove it, as the server does: the reflector tells. */
helper static void take_away(const char *path)
{
        struct json_object *o = stored(path);
        struct fake_reflector *r = reflector_named(plural_of(path));
        auto_free char *name = xstrdup(text_in(o, "/metadata/name"));
        auto_free char *uid = xstrdup(text_in(o, "/metadata/uid"));

        json_object_object_del(world.store, path);
        if (r && !world.quiet)
                r->config.removed(r->config.ctx, "default", name, uid);
}

/* --- answers */

static void end_call(struct call *c, enum kube_class class, long status, struct json_object *body,
                     const char *message)
{
        struct call **where = &world.calls;
        struct kube_answer a = { .class = class,
                                 .status = status,
                                 .arena = arena_new(),
                                 .reason = "",
                                 .message = message,
                                 .retry_after_ns = -1 };

        while (*where != c)
                where = &(*where)->next;
        *where = c->next;
        if (body)
                a.object = tree_of(body, a.arena);
        a.no_resource = class == KUBE_MISSING && strstr(message, "page not found");
        c->done(c->ctx, &a);
        arena_free(a.arena);
        free(c->method);
        free(c->path);
        free(c->body);
        free(c->type);
        free(c);
}

static void answer_ok(struct call *c, const char *path)
{
        end_call(c, KUBE_OK, 200, stored(path), "");
}

/* The instance patches: a test of the uid, then one change. */
static bool json_patch(struct json_object *o, struct json_object *patch)
{
        for (size_t i = 0; i < json_object_array_length(patch); i++) {
                struct json_object *op = json_object_array_get_idx(patch, i);
                const char *path = text_in(op, "/path"), *what = text_in(op, "/op");

                if (strcmp(what, "test") == 0 &&
                    strcmp(text_in(o, path), text_in(op, "/value")) != 0)
                        return false;
                if (strcmp(what, "add") == 0)
                        assert_int_equal(json_pointer_set(&o, path, copy_of(at(op, "/value"))), 0);
                if (strcmp(what, "remove") == 0)
                        json_object_object_del(at(o, "/metadata/annotations"),
                                               "edge.cattle.io/node-name");
        }
        return true;
}

static void serve_patch(struct call *c, const char *path)
{
        struct json_object *o = stored(path), *patch = parse(c->body);
        struct json_object *guard = at(patch, "/metadata/resourceVersion");

        if (guard &&
            strcmp(json_object_get_string(guard), text_in(o, "/metadata/resourceVersion")) != 0) {
                end_call(c, KUBE_CONFLICT, 409, NULL, "the object has been modified");
        } else if (strcmp(c->type, KUBE_JSON_PATCH) == 0 && !json_patch(o, patch)) {
                end_call(c, KUBE_REFUSED, 422, NULL, "the test failed");
        } else {
                if (strcmp(c->type, KUBE_MERGE_PATCH) == 0)
                        merge(o, patch);
                bump(o);
                answer_ok(c, path);
                if (text_in(o, "/metadata/deletionTimestamp")[0] != '\0' &&
                    !at(o, "/metadata/finalizers"))
                        take_away(path);
                else
                        tell(path);
        }
        json_object_put(patch);
}

static void serve_post(struct call *c)
{
        struct json_object *o = parse(c->body);
        auto_free char *path = xasprintf("%s/%s", c->path, text_in(o, "/metadata/name"));

        if (stored(path)) {
                json_object_put(o);
                end_call(c, KUBE_EXISTS, 409, NULL, "already exists");
                return;
        }
        world.quiet = true;
        put(path, o);
        world.quiet = false;
        answer_ok(c, path);
        tell(path);
}

static void serve_put(struct call *c)
{
        struct json_object *o = parse(c->body);

        if (strcmp(text_in(o, "/metadata/resourceVersion"),
                   text_in(stored(c->path), "/metadata/resourceVersion")) != 0) {
                json_object_put(o);
                end_call(c, KUBE_CONFLICT, 409, NULL, "the object has been modified");
                return;
        }
        auto_free char *path = xstrdup(c->path);
        world.quiet = true;
        put(path, o);
        world.quiet = false;
        answer_ok(c, path);
        tell(path);
}

/* Answer as the server would. */
helper static void serve(struct call *c)
{
        auto_free char *path = xstrdup(c->path);
        char *sub = strstr(path, "/status");

        if (sub && sub[7] == '\0')
                *sub = '\0';
        if (strcmp(c->method, "POST") == 0) {
                serve_post(c);
        } else if (!stored(path)) {
                end_call(c, KUBE_MISSING, 404, NULL, "not found");
        } else if (strcmp(c->method, "PATCH") == 0) {
                serve_patch(c, path);
        } else if (strcmp(c->method, "PUT") == 0) {
                serve_put(c);
        } else if (strcmp(c->method, "DELETE") == 0) {
                take_away(path);
                end_call(c, KUBE_OK, 200, NULL, "");
        } else {
                answer_ok(c, path);
        }
}

#include "cluster_world_seams.h"

#endif
