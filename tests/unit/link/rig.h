/* rig.h - a loop, the fakes, links, and what their hooks said; for the tests of this room. */
#ifndef LINK_TEST_RIG_H
#define LINK_TEST_RIG_H

#include "fake/fake.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "link/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FAKES TEST_BUILD "/tests/fakes"
#define EVENT "fake/event"
#define BLOCKING "fake/blocking"

enum { SEEN_MAX = 2100 };

struct seen {
        char key[32];
        int statuses;
        char document[2048];
        struct conditions conditions;
        char cause[256];
        int condition_calls;
};

struct rig {
        struct loop *loop;
        struct resolver *resolver;
        struct adaptors *adaptors;
        struct links *links;
        struct desired desired;
        struct seen seen[SEEN_MAX];
        size_t n_seen;
        bool (*until)(struct rig *);
        struct loop_timer limit, look;
        bool reached;
        bool stopped;
};

static struct fake_control *event_fake, *blocking_fake;

static inline struct seen *seen_of(struct rig *r, const char *key)
{
        for (size_t i = 0; i < r->n_seen; i++) {
                if (strcmp(r->seen[i].key, key) == 0)
                        return &r->seen[i];
        }
        struct seen *s = &r->seen[r->n_seen++];
        (void)snprintf(s->key, sizeof(s->key), "%s", key);
        return s;
}

static inline void rig_status(void *ctx, const struct link_spec *spec, const struct device *d,
                              const struct states *states)
{
        struct seen *s = seen_of(ctx, spec->key);
        struct buf out = BUF(1024 * 1024);

        device_status(d, states, &out);
        (void)snprintf(s->document, sizeof(s->document), "%s", buf_text(&out));
        s->statuses++;
        buf_done(&out);
}

static inline void rig_condition(void *ctx, const struct link_spec *spec,
                                 const struct conditions *c, const char *cause)
{
        struct seen *s = seen_of(ctx, spec->key);

        s->conditions = *c;
        (void)snprintf(s->cause, sizeof(s->cause), "%s", cause);
        s->condition_calls++;
}

static inline struct fake_control *fake_of(const char *file)
{
        void *handle = dlopen(file, RTLD_NOW | RTLD_NOLOAD);

        assert_non_null(handle);
        struct fake_control *c = dlsym(handle, "fake_control");
        assert_non_null(c);
        (void)dlclose(handle);
        return c;
}

static inline void fake_reset(struct fake_control *c)
{
        memset((void *)c->unit, 0, sizeof(c->unit));
        atomic_store(&c->release, 0);
        atomic_store(&c->compiles, 0);
}

static inline void on_look(void *ctx)
{
        struct rig *r = ctx;

        if (r->until && r->until(r)) {
                r->reached = true;
                loop_stop(r->loop);
        } else {
                loop_timer_start(&r->look, NS_PER_MS, LOOP_EXACT);
        }
}

static inline void on_limit(void *ctx)
{
        struct rig *r = ctx;

        loop_stop(r->loop);
}

/* Run until the condition holds; false when it does not within ms. */
static inline bool spin(struct rig *r, bool (*until)(struct rig *), int ms)
{
        r->until = until;
        r->reached = false;
        loop_timer_start(&r->limit, ms * NS_PER_MS, LOOP_EXACT);
        loop_timer_start(&r->look, 0, LOOP_EXACT);
        loop_run(r->loop);
        loop_timer_stop(&r->limit);
        loop_timer_stop(&r->look);
        return r->reached;
}

static inline void run_for(struct rig *r, int ms)
{
        (void)spin(r, NULL, ms);
}

static inline struct rig *rig_new_with(unsigned reactors, unsigned blocking_max,
                                       void (*released)(void *ctx, const char *key))
{
        struct rig *r = xcalloc(1, sizeof(*r));
        struct findings f = { 0 };

        r->loop = loop_new("main");
        r->resolver = resolver_new();
        r->adaptors = adaptors_load(FAKES, &f);
        assert_int_equal(f.n, 0);
        assert_int_equal(adaptors_count(r->adaptors), 2);
        event_fake = fake_of(FAKES "/fake_event.so");
        blocking_fake = fake_of(FAKES "/fake_blocking.so");
        fake_reset(event_fake);
        fake_reset(blocking_fake);
        struct links_config config = {
                .loop = r->loop,
                .adaptors = r->adaptors,
                .resolver = r->resolver,
                .reactors = reactors,
                .blocking_max = blocking_max,
                .hooks = { .ctx = r,
                           .status = rig_status,
                           .condition = rig_condition,
                           .released = released },
        };
        r->links = links_new(&config);
        loop_timer_init(&r->limit, r->loop, on_limit, r);
        loop_timer_init(&r->look, r->loop, on_look, r);
        return r;
}

static inline struct rig *rig_new(unsigned reactors, unsigned blocking_max)
{
        return rig_new_with(reactors, blocking_max, NULL);
}

static inline void on_stopped(void *ctx)
{
        struct rig *r = ctx;

        r->stopped = true;
}

static inline bool is_stopped(struct rig *r)
{
        return r->stopped;
}

static inline void rig_free(struct rig *r)
{
        if (!r->stopped) {
                links_stop(r->links, on_stopped, r);
                assert_true(spin(r, is_stopped, 5000));
        }
        links_free(r->links);
        desired_done(&r->desired);
        adaptors_free(r->adaptors);
        resolver_free(r->resolver);
        loop_timer_end(&r->limit);
        loop_timer_end(&r->look);
        loop_free(r->loop);
        assert_int_equal(atomic_load(&event_fake->devices), 0);
        free(r);
}

/* A link to a device with this spec (JSON with ' for "). */
static inline struct link_spec *link_of(const char *name, const char *adaptor, const char *json)
{
        struct link_spec *s = link_spec_new();
        char *text = arena_strdup(s->arena, json);
        const struct tree *t = NULL;

        for (char *c = text; *c; c++) {
                if (*c == '\'')
                        *c = '"';
        }
        assert_int_equal(
                tree_parse_json(s->arena, text, strlen(text), &tree_limits_default, &t, NULL), 0);
        s->key = arena_printf(s->arena, "default/%s", name);
        s->space = "default";
        s->name = arena_strdup(s->arena, name);
        s->uid = s->node = "";
        s->adaptor = arena_strdup(s->arena, adaptor);
        s->api_version = "example.com/v1";
        s->kind = strcmp(adaptor, BLOCKING) == 0 ? "BlockingDevice" : "EventDevice";
        s->spec = t;
        s->spec_json = text;
        s->spec_json_len = strlen(text);
        s->spec_path = "spec.template.spec";
        return s;
}

static inline void want(struct rig *r, struct link_spec *s)
{
        assert_int_equal(desired_add(&r->desired, s, NULL), 0);
}

static inline void apply(struct rig *r)
{
        links_apply(r->links, &r->desired);
        desired_done(&r->desired);
}

/* The whole set is this one link. */
static inline void apply_one(struct rig *r, const char *name, const char *adaptor, const char *json)
{
        want(r, link_of(name, adaptor, json));
        apply(r);
}

static inline const char *phase(struct rig *r, const char *key)
{
        static char text[128];
        const struct condition *c = conditions_phase(&seen_of(r, key)->conditions);

        if (!c)
                return "";
        (void)snprintf(text, sizeof(text), "%s/%s", condition_type_name(c->type),
                       condition_reason(c->type, c->status));
        return text;
}

static inline bool a_is_healthy(struct rig *r)
{
        return strcmp(phase(r, "default/a"), "DeviceConnected/Healthy") == 0;
}

static inline bool a_is_unhealthy(struct rig *r)
{
        return strcmp(phase(r, "default/a"), "DeviceConnected/Unhealthy") == 0;
}

static inline void quiet_log(void)
{
        log_setup(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_FORMAT_TEXT);
}

#endif
