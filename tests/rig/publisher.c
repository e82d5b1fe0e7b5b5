/* publisher.c - see publisher.h */
/* libs: dl_publish dl_model dl_loop */
#include "rig/publisher.h"

#include "base/clock.h"
#include "base/mem.h"
#include "rig/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t tick_ns = 2 * NS_PER_MS;

static struct link_state *state_of(struct bench *b, const char *key)
{
        for (size_t i = 0; i < b->n_states; i++)
                if (strcmp(b->states[i].key, key) == 0)
                        return &b->states[i];
        if (b->n_states == BENCH_LINKS_MAX)
                fail_msg("more than %d links", BENCH_LINKS_MAX);
        struct link_state *s = &b->states[b->n_states++];
        *s = (struct link_state){ .rc = 1 };
        (void)snprintf(s->key, sizeof(s->key), "%s", key);
        return s;
}

static void on_state(void *ctx, const struct link_spec *spec, int rc, const char *text)
{
        struct link_state *s = state_of(ctx, spec->key);

        s->rc = rc;
        s->told++;
        (void)snprintf(s->text, sizeof(s->text), "%s", text);
}

static void on_tick(void *ctx)
{
        struct bench *b = ctx;

        loop_stop(b->loop);
}

void bench_up(struct bench *b)
{
        memset(b, 0, sizeof(*b));
        b->loop = loop_new("test");
        b->resolver = resolver_new();
        const struct publish_config config = { .loop = b->loop,
                                               .resolver = b->resolver,
                                               .node = "edge-1",
                                               .hooks = { .ctx = b, .state = on_state } };
        b->publisher = publish_new(&config);
        loop_timer_init(&b->tick, b->loop, on_tick, b);
}

static void on_stopped(void *ctx)
{
        struct bench *b = ctx;

        b->stopped = true;
}

static bool is_stopped(void *ctx)
{
        const struct bench *b = ctx;

        return b->stopped;
}

void bench_stop(struct bench *b, int limit_ms)
{
        publish_stop(b->publisher, limit_ms * NS_PER_MS, on_stopped, b);
        if (!bench_until(b, is_stopped, b, limit_ms + 100))
                fail_msg("not stopped within %d ms", limit_ms);
}

void bench_down(struct bench *b)
{
        publish_free(b->publisher);
        desired_done(&b->desired);
        loop_timer_end(&b->tick);
        resolver_free(b->resolver);
        loop_free(b->loop);
}

/* --- time */

static void turn(struct bench *b)
{
        loop_timer_start(&b->tick, tick_ns, LOOP_EXACT);
        loop_run(b->loop);
}

/* --- links */

static struct link_spec *spec_new(const char *name, const char *yaml)
{
        struct link_spec *s = link_spec_new();
        struct findings f = { 0 };
        const struct tree *documents;
        struct err e = { 0 };

        int rc = tree_parse_yaml(s->arena, yaml, strlen(yaml), &tree_limits_default, &f, &documents,
                                 &e);
        if (rc < 0 || documents->n != 1)
                fail_msg("not YAML: %s", yaml);
        s->key = arena_printf(s->arena, "default/%s", name);
        s->space = "default";
        s->name = arena_strdup(s->arena, name);
        s->uid = arena_printf(s->arena, "uid-%s", name);
        s->node = s->adaptor = s->api_version = s->kind = "";
        s->spec = tree_first(documents);
        s->spec_json = arena_strdup(s->arena, yaml);
        s->spec_json_len = strlen(yaml);
        s->spec_path = "spec.template.spec";
        findings_done(&f);
        return s;
}

void bench_unlink(struct bench *b, const char *name)
{
        struct desired rest = { 0 };
        struct err e = { 0 };

        for (size_t i = 0; i < b->desired.n; i++)
                if (strcmp(b->desired.links[i]->name, name) != 0)
                        (void)desired_add(&rest, link_spec_ref(b->desired.links[i]), &e);
        desired_done(&b->desired);
        b->desired = rest;
}

static void put(struct bench *b, const char *name, const char *yaml)
{
        struct err e = { 0 };

        bench_unlink(b, name);
        if (desired_add(&b->desired, spec_new(name, yaml), &e) < 0)
                fail_msg("%s", e.text);
}

static void put_section(struct bench *b, const char *name, const char *server, const char *client,
                        const char *message, const char *session)
{
        auto_free char *yaml =
                xasprintf("extension: {mqtt: {client: {server: '%s'%s%s}, message: {%s}%s}}\n",
                          server, *client ? ", " : "", client, message, session);

        put(b, name, yaml);
}

static const char *server_at(char text[32], uint16_t port)
{
        (void)snprintf(text, 32, "tcp://127.0.0.1:%d", port);
        return text;
}

void bench_link(struct bench *b, const char *name, uint16_t port, const char *client,
                const char *message)
{
        char text[32];

        if (port)
                put_section(b, name, server_at(text, port), client, message, "");
        else
                put(b, name, "{}");
}

void bench_link_to(struct bench *b, const char *name, const char *server, const char *client,
                   const char *message)
{
        put_section(b, name, server, client, message, "");
}

void bench_shared_link(struct bench *b, const char *name, uint16_t port, const char *client,
                       const char *message)
{
        char text[32];

        put_section(b, name, server_at(text, port), client, message, ", session: Shared");
}

void bench_apply(struct bench *b)
{
        publish_apply(b->publisher, &b->desired);
        turn(b);
}

void bench_publish(struct bench *b, const char *name, const char *format, ...)
{
        char key[128];
        va_list args;

        va_start(args, format);
        auto_free char *text = xvasprintf(format, args);
        va_end(args);
        (void)snprintf(key, sizeof(key), "default/%s", name);
        publish_status(b->publisher, key, text, strlen(text));
}

void bench_run(struct bench *b, int ms)
{
        for (int64_t until = rig_now_ms() + ms; rig_now_ms() < until;)
                turn(b);
}

bool bench_until(struct bench *b, bool (*done)(void *ctx), void *ctx, int within_ms)
{
        for (int64_t until = rig_now_ms() + within_ms; !done(ctx); turn(b))
                if (rig_now_ms() > until)
                        return false;
        return true;
}

/* --- expectations */

const struct link_state *bench_state(const struct bench *b, const char *name)
{
        for (size_t i = 0; i < b->n_states; i++)
                if (strcmp(b->states[i].key + strlen("default/"), name) == 0)
                        return &b->states[i];
        return NULL;
}

void bench_expect(struct bench *b, const char *name, int rc, const char *text, int within_ms)
{
        const struct link_state *s = bench_state(b, name);

        for (int64_t until = rig_now_ms() + within_ms;; turn(b)) {
                s = bench_state(b, name);
                if (s && s->rc == rc && strstr(s->text, text))
                        return;
                if (rig_now_ms() > until)
                        break;
        }
        fail_msg("%s: expected %d '..%s..', got %d '%s'", name, rc, text, s ? s->rc : 1,
                 s ? s->text : "nothing");
}

static bool is_drained(void *ctx)
{
        struct publish_counts c = { 0 };

        publish_count(ctx, &c);
        return c.queued == 0;
}

void bench_drain(struct bench *b, int within_ms)
{
        bench_run(b, 20); /* what was asked for this turn is on its way */
        if (!bench_until(b, is_drained, b->publisher, within_ms))
                fail_msg("still something queued after %d ms", within_ms);
}
