/* reflector_room.h - a reflector whose server is the test, and a log of what it told. */
#ifndef TEST_REFLECTOR_ROOM_H
#define TEST_REFLECTOR_ROOM_H

#include "sim_api.h"

#include "kube/reflector.h"

#define ROOM_FN __attribute__((unused)) static

struct seen {
        struct reflector *r;
        struct buf log; /* "+s/n:v " upserts, "-s/n:uid " removals */
        struct buf states;
        enum reflector_state state;
        char text[256];
        const char *close_at; /* within the log: closes itself */
        bool (*keep)(void *ctx, const struct tree *object);
};

static struct seen seen;

ROOM_FN void maybe_close(void)
{
        if (!seen.close_at || !strstr(buf_text(&seen.log), seen.close_at))
                return;
        reflector_close(seen.r);
        seen.r = NULL;
        seen.close_at = NULL;
}

ROOM_FN void on_upsert(void *ctx, const struct tree *object, const struct object_meta *m,
                       struct arena *owned)
{
        (void)ctx;
        assert_string_equal(tree_text(tree_find(object, "metadata.name")), m->name);
        buf_addf(&seen.log, "+%s/%s:%s ", m->space, m->name, m->version);
        arena_free(owned);
        maybe_close();
}

ROOM_FN void on_removed(void *ctx, const char *space, const char *name, const char *uid)
{
        (void)ctx;
        buf_addf(&seen.log, "-%s/%s:%s ", space, name, uid);
        maybe_close();
}

static const char *const state_names[] = { "starting", "live", "stale", "forbidden", "none" };

ROOM_FN void on_state(void *ctx, enum reflector_state state, const char *text)
{
        (void)ctx;
        seen.state = state;
        (void)snprintf(seen.text, sizeof(seen.text), "%s", text);
        buf_addf(&seen.states, "%s ", state_names[state]);
        buf_addf(&seen.log, "(%s) ", state_names[state]);
        maybe_close();
}

ROOM_FN bool keep_mine(void *ctx, const struct tree *object)
{
        const char *node = tree_text(tree_find(object, "spec.node"));

        (void)ctx;
        return node && strcmp(node, "n1") == 0;
}

ROOM_FN struct reflector_config config(void)
{
        return (struct reflector_config){ .resource = kube_devicelinks,
                                          .upsert = on_upsert,
                                          .removed = on_removed,
                                          .state = on_state };
}

ROOM_FN int set_up(void **state)
{
        (void)state;
        memset(&sim, 0, sizeof(sim));
        sim.now_ns = 1000 * NS_PER_S;
        seen = (struct seen){ .log = BUF(1 << 20), .states = BUF(1 << 16) };
        return 0;
}

ROOM_FN int tear_down(void **state)
{
        (void)state;
        reflector_close(seen.r);
        assert_null(sim.calls);
        assert_int_equal(sim.n_timers, 0);
        buf_done(&seen.log);
        buf_done(&seen.states);
        return 0;
}

/* --- shorthand */

ROOM_FN void open_with(const struct reflector_config *c)
{
        seen.r = reflector_open(c);
        assert_null(sim_call());
        sim_pass(0);
}

#define assert_log(text)                                                                           \
        do {                                                                                       \
                assert_string_equal(buf_text(&seen.log), (text));                                  \
                buf_clear(&seen.log);                                                              \
        } while (0)

ROOM_FN bool asks(const char *part)
{
        const struct kube_call *c = sim_call();

        return c && strstr(c->path, part);
}

#define assert_asks(part)                                                                          \
        do {                                                                                       \
                if (!asks(part))                                                                   \
                        fail_msg("%s is not in %s", (part),                                        \
                                 sim_call() ? sim_call()->path : "nothing");                       \
        } while (0)

#define OBJECT_FORMAT                                                                              \
        "{\"kind\":\"DeviceLink\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"s\",\"uid\":"      \
        "\"%s\",\"resourceVersion\":\"%d\"},\"spec\":{\"node\":\"%s\"}}"

ROOM_FN bool event_on(const char *type, const char *name, const char *uid, int version,
                      const char *node)
{
        return sim_line(sim_call(), "{\"type\":\"%s\",\"object\":" OBJECT_FORMAT "}", type, name,
                        uid, version, node);
}

ROOM_FN bool event(const char *type, const char *name, const char *uid, int version)
{
        return event_on(type, name, uid, version, "n1");
}

ROOM_FN bool bookmark(int version, bool end)
{
        return sim_line(sim_call(),
                        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"DeviceLink\",\"metadata\":{"
                        "\"resourceVersion\":\"%d\"%s}}}",
                        version,
                        end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

ROOM_FN void error_event(int code, const char *reason, const char *message)
{
        assert_false(sim_line(sim_call(),
                              "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":"
                              "\"v1\",\"code\":%d,\"reason\":\"%s\",\"message\":\"%s\"}}",
                              code, reason, message));
}

/* items: objects with commas */
ROOM_FN void answer_list(int version, const char *more, const char *items)
{
        auto_free char *body = xasprintf("{\"kind\":\"DeviceLinkList\",\"metadata\":{"
                                         "\"resourceVersion\":\"%d\",\"continue\":\"%s\"},"
                                         "\"items\":[%s]}",
                                         version, more, items);

        sim_http(sim_call(), 200, "application/json", body);
}

ROOM_FN char *object(const char *name, const char *uid, int version)
{
        return xasprintf(OBJECT_FORMAT, name, uid, version, "n1");
}

/* Two objects by a stream: a (uid 1, version 5), b (uid 2, version 6); the stream is at 10. */
ROOM_FN void open_live_with(const struct reflector_config *c)
{
        open_with(c);
        sim_began(sim_call());
        assert_true(event("ADDED", "a", "1", 5));
        assert_true(event("ADDED", "b", "2", 6));
        assert_true(bookmark(10, true));
        assert_log("+s/a:5 +s/b:6 (live) ");
}

ROOM_FN void open_live(void)
{
        struct reflector_config c = config();

        open_live_with(&c);
}

/* The same by a list, where the server has no initial events. */
ROOM_FN void open_live_by_list(const struct reflector_config *c)
{
        auto_free char *a = object("a", "1", 5);
        auto_free char *b = object("b", "2", 6);
        auto_free char *both = xasprintf("%s,%s", a, b);

        open_with(c);
        sim_status(sim_call(), 422, "Invalid", "sendInitialEvents is forbidden for watch");
        answer_list(10, "", both);
        sim_pass(0);
        sim_began(sim_call());
        assert_log("+s/a:5 +s/b:6 (live) ");
}

#endif
