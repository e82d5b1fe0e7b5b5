/* Whatever happens, in whatever order, with events lost and doubled and requests failing: in the
 * end what is driven is what the API server says (reference A5 59, 60). */

/* wrap: loop_timer_start kube_start kube_cancel kube_api_space kube_api_away_since */
/* wrap: reflector_open reflector_close reflector_feed reflector_retry */
/* wrap: watched_new watched_free watched_begin watched_add watched_end watched_index */
/* wrap: watched_trouble events_new events_free events_say */
/* wrap: heartbeat_open heartbeat_close heartbeat_trouble */
/* wrap: last_known_open last_known_read last_known_put last_known_remove last_known_close */

#include "cluster_world.h"

#include "base/backoff.h"

#include <stdlib.h>

enum { NAMES = 6, STEPS = 150, SEEDS = 8 };

static uint32_t seed;

static unsigned pick(unsigned n)
{
        seed = seed * 1664525 + 1013904223;
        return (seed >> 8) % n;
}

/* A second is a millisecond here. */
void __real_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags);
void __wrap_loop_timer_start(struct loop_timer *t, int64_t after_ns, unsigned flags)
{
        __real_loop_timer_start(t, after_ns > 50 * NS_PER_MS ? after_ns / 1000 : after_ns, flags);
}

static char *path_of(const char *collection, unsigned i)
{
        return xasprintf("%s/l%u", collection, i);
}

/* --- what others do */

static void sometimes_lose_the_event(void)
{
        world.quiet = pick(4) == 0;
}

static void apply(unsigned i)
{
        auto_free char *path = path_of(LINKS, i), *name = xasprintf("l%u", i);
        auto_free char *spec = xasprintf("{\"a\":%u}", pick(3));
        struct json_object *was = stored(path), *o;

        if (!was) {
                o = link_object(name, spec);
        } else {
                o = copy_of(was);
                assert_int_equal(json_pointer_set(&o, "/spec/template/spec", parse(spec)), 0);
        }
        put(path, o);
}

static void delete (unsigned i)
{
        auto_free char *path = path_of(LINKS, i);
        struct json_object *was = stored(path), *o;

        if (!was)
                return;
        if (!at(was, "/metadata/finalizers")) {
                take_away(path);
                return;
        }
        o = copy_of(was);
        set_text_at(&o, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
        put(path, o);
}

static bool is_deleted(struct json_object *o)
{
        return text_in(o, "/metadata/deletionTimestamp")[0] != '\0';
}

static void move(unsigned i, const char *node)
{
        auto_free char *path = path_of(LINKS, i), *name = xasprintf("l%u", i);
        struct json_object *was = stored(path), *o;
        bool quiet = world.quiet;

        if (!was || is_deleted(was) || strcmp(text_in(was, "/spec/adaptor/node"), node) == 0)
                return;
        o = copy_of(was);
        set_text_at(&o, "/spec/adaptor/node", node);
        set_text_at(&o, "/status/nodeName", node);
        world.quiet = quiet || strcmp(node, "n1") != 0;
        put(path, o);
        struct fake_reflector *r = reflector_named("devicelinks");
        if (!quiet && strcmp(node, "n1") != 0)
                r->config.removed(r->config.ctx, "default", name, text_in(o, "/metadata/uid"));
}

/* The operator loses and finds the model. */
static void model(unsigned i, bool there)
{
        auto_free char *path = path_of(LINKS, i);
        struct json_object *o = stored(path);

        if (!o || is_deleted(o))
                return;
        set_text_at(&o, "/status/conditions/1/status", there ? "True" : "False");
        bump(o);
        if (strcmp(text_in(o, "/spec/adaptor/node"), "n1") == 0)
                tell(path);
}

static void edit_instance(unsigned i)
{
        auto_free char *path = path_of(DEVICES, i);
        struct json_object *o = stored(path);

        if (!o)
                return;
        o = copy_of(o);
        assert_int_equal(json_pointer_set(&o, "/spec", parse("{\"a\":9}")), 0);
        put(path, o);
}

static void delete_instance(unsigned i)
{
        auto_free char *path = path_of(DEVICES, i);

        if (stored(path))
                take_away(path);
}

/* An instance goes with its owner, as the garbage collector does it. */
static void collect(void)
{
        for (unsigned i = 0; i < NAMES; i++) {
                auto_free char *link = path_of(LINKS, i), *instance = path_of(DEVICES, i);
                struct json_object *o = stored(instance), *owner = stored(link);

                if (o && (!owner || strcmp(text_in(o, "/metadata/ownerReferences/0/uid"),
                                           text_in(owner, "/metadata/uid")) != 0))
                        take_away(instance);
        }
}

/* --- what the server does */

static void answer_one(void)
{
        unsigned n = 0;

        for (struct call *c = world.calls; c; c = c->next)
                n++;
        if (n == 0)
                return;
        struct call *c = world.calls;
        for (unsigned i = pick(n); i > 0; i--)
                c = c->next;
        switch (pick(8)) {
        case 0:
                end_call(c, KUBE_AWAY, 0, NULL, "no answer");
                break;
        case 1: /* it arrived, but nobody knows */
                world.quiet = true;
                if (strcmp(c->method, "POST") == 0) {
                        struct json_object *o = parse(c->body);
                        auto_free char *path =
                                xasprintf("%s/%s", c->path, text_in(o, "/metadata/name"));

                        if (stored(path))
                                json_object_put(o);
                        else
                                put(path, o);
                }
                end_call(c, KUBE_AWAY, 0, NULL, "no answer");
                break;
        case 2:
                end_call(c, KUBE_CONFLICT, 409, NULL, "the object has been modified");
                break;
        case 3:
                end_call(c, KUBE_FORBIDDEN, 403, NULL, "forbidden");
                break;
        default:
                serve(c);
        }
}

/* --- what the rooms do */

static void close_one(unsigned i)
{
        auto_free char *key = xasprintf("default/l%u", i);

        if (!driven(key))
                cluster_released(world.cluster, key);
}

static void say_one(unsigned i)
{
        auto_free char *key = xasprintf("default/l%u", i);
        struct conditions list = { 0 };
        enum condition_status s = (enum condition_status)pick(3);

        if (!driven(key))
                return;
        (void)conditions_set(&list, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL, false, 1);
        (void)conditions_set(&list, CONDITION_DEVICE_CONNECTED, s,
                             s == CONDITION_FALSE ? "received error from adaptor" : NULL, false, 1);
        cluster_condition(world.cluster, driven(key), &list, "x");
        cluster_status(world.cluster, driven(key), pick(2) ? "{\"a\":1}" : "{\"a\":2}", 7);
}

/* --- */

static void step(void)
{
        unsigned i = pick(NAMES);

        sometimes_lose_the_event();
        switch (pick(14)) {
        case 0:
        case 1:
                apply(i);
                break;
        case 2:
                delete (i);
                break;
        case 3:
                move(i, "n2");
                break;
        case 4:
        case 5:
                move(i, "n1");
                break;
        case 6:
                model(i, false);
                break;
        case 7:
                model(i, true);
                break;
        case 8:
                edit_instance(i);
                break;
        case 9:
                delete_instance(i);
                break;
        case 10:
                close_one(i);
                break;
        case 11:
                say_one(i);
                break;
        default:
                answer_one();
        }
        world.quiet = pick(4) == 0;
        collect();
        world.quiet = false;
        rest(pick(8) == 0 ? 5 : 0);
        for (size_t k = 0; k < world.n_said; k++)
                free(world.said[k]);
        world.n_said = 0;
}

/* A new LIST: what is there, and what is not. */
static void list_again(const char *collection)
{
        for (unsigned i = 0; i < NAMES; i++) {
                auto_free char *path = path_of(collection, i), *name = xasprintf("l%u", i);
                struct json_object *o = stored(path);
                bool is_link = collection[0] && strcmp(collection, LINKS) == 0;
                struct fake_reflector *r = reflector_named(plural_of(path));

                if (!r)
                        continue;
                if (o && (!is_link || strcmp(text_in(o, "/spec/adaptor/node"), "n1") == 0)) {
                        tell(path);
                        continue;
                }
                for (int uid = 1; uid <= world.uids; uid++) {
                        auto_free char *text = xasprintf("uid-%d", uid);

                        r->config.removed(r->config.ctx, "default", name, text);
                }
        }
        turn();
}

static void calm_down(void)
{
        for (int round = 0; round < 24; round++) {
                while (world.calls)
                        serve(world.calls);
                collect();
                for (unsigned i = 0; i < NAMES; i++)
                        close_one(i);
                rest(20);
                for (size_t k = 0; k < world.n_said; k++)
                        free(world.said[k]);
                world.n_said = 0;
        }
        while (world.calls)
                serve_all();
}

static void assert_right(unsigned i)
{
        auto_free char *link = path_of(LINKS, i), *instance = path_of(DEVICES, i);
        auto_free char *key = xasprintf("default/l%u", i);
        struct json_object *l = stored(link), *d = stored(instance);
        const struct link_spec *spec = driven(key);

        if (!l || strcmp(text_in(l, "/spec/adaptor/node"), "n1") != 0) {
                assert_null(spec);
                assert_null(cluster_conditions(world.cluster, key));
                if (d)
                        assert_string_equal(
                                text_in(d, "/metadata/annotations/edge.cattle.io~1node-name"), "");
                return;
        }
        assert_false(is_deleted(l)); /* it would be gone */
        if (strcmp(text_in(l, "/status/conditions/1/status"), "True") != 0) {
                assert_null(spec);
                return;
        }
        assert_non_null(spec);
        assert_non_null(d);
        assert_string_equal(spec->uid, text_in(l, "/metadata/uid"));
        assert_true(json_object_equal(at(l, "/spec/template/spec"), at(d, "/spec")));
        assert_string_equal(text_in(d, "/metadata/ownerReferences/0/uid"), spec->uid);
        assert_string_equal(text_in(d, "/metadata/annotations/edge.cattle.io~1node-name"), "n1");
        assert_string_equal(text_in(l, "/metadata/finalizers/0"), "edge.cattle.io/octopus-limb");
        assert_int_equal(json_object_array_length(at(l, "/status/conditions")), 5);
}

static void in_the_end_all_is_as_the_server_says(void **state)
{
        (void)state;
        const char *count = getenv("SEEDS");
        uint32_t seeds = count ? (uint32_t)strtoul(count, NULL, 10) : SEEDS;

        for (uint32_t n = 1; n <= seeds; n++) {
                auto_free char *text = getenv("SEED") ? xstrdup(getenv("SEED")) : NULL;

                seed = text ? (uint32_t)strtoul(text, NULL, 10) : n * 7919;
                print_message("seed %u\n", seed);
                assert_int_equal(set_up(NULL), 0);
                begin();
                for (int i = 0; i < STEPS; i++)
                        step();
                for (int i = 0; i < 2; i++) {
                        list_again(LINKS);
                        if (reflector_named("modbusdevices")) {
                                is_live("modbusdevices");
                                list_again(DEVICES);
                        }
                        calm_down();
                }
                for (unsigned i = 0; i < NAMES; i++)
                        assert_right(i);
                assert_int_equal(tear_down(NULL), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(in_the_end_all_is_as_the_server_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
