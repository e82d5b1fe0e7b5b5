/* Whatever a server and the line to it do by the rules, in the end the owner knows what is there
 * (reference A5 60): streams that break, events said twice, stale caches, pages that expire,
 * versions that are gone or from the future, objects that leave the selector and come back, answers
 * to own writes that overtake the stream or are overtaken. */
/* wrap: loop_now loop_timer_start loop_timer_stop loop_timer_end */
/* wrap: kube_api_loop kube_start kube_watch kube_cancel */
#include "sim_api.h"

#include "base/log.h"
#include "kube/reflector.h"

enum { NAMES = 8, HISTORY_MAX = 4096, STEPS = 300, RUNS = 400 };

/* --- the server */

struct thing {
        int uid; /* 0 = it does not exist */
        int64_t version;
        bool is_mine; /* matches the selector */
};

struct change {
        int64_t version;
        int name;
        struct thing before, after;
};

static struct {
        struct change history[HISTORY_MAX];
        size_t n;
        int64_t first; /* what a watch may begin from */
        int next_uid;
        bool has_initial_events;
        bool knows_field;
} server;

static uint64_t rng;

static unsigned pick(unsigned n)
{
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        return (unsigned)(rng >> 33) % n;
}

static int64_t now_version(void)
{
        return server.n ? server.history[server.n - 1].version : 1;
}

static void state_at(int64_t version, struct thing ret[NAMES])
{
        memset(ret, 0, NAMES * sizeof(*ret));
        for (size_t i = 0; i < server.n && server.history[i].version <= version; i++)
                ret[server.history[i].name] = server.history[i].after;
}

static char *thing_json(int name, const struct thing *t)
{
        return xasprintf("{\"metadata\":{\"name\":\"n%d\",\"namespace\":\"s\",\"uid\":\"u%d\","
                         "\"resourceVersion\":\"%lld\",\"managedFields\":[{}]},"
                         "\"spec\":{\"node\":\"%s\"}}",
                         name, t->uid, (long long)t->version, t->is_mine ? "n1" : "n2");
}

/* --- the owner's mirror, built from callbacks alone */

static struct mirror {
        int uid;
        int64_t version;
} mirror[NAMES];

static struct reflector *reflector;
static unsigned long long run_number;

static void broken(const char *what, int name)
{
        fail_msg("run %llu: %s n%d", run_number, what, name);
}

static void on_upsert(void *ctx, const struct tree *object, const struct object_meta *m,
                      struct arena *owned)
{
        int name = m->name[1] - '0';
        int uid = (int)strtol(m->uid + 1, NULL, 10);

        (void)ctx;
        (void)object;
        if (mirror[name].uid != 0 && mirror[name].uid != uid)
                broken("another uid without removal:", name);
        mirror[name] = (struct mirror){ uid, strtoll(m->version, NULL, 10) };
        arena_free(owned);
}

static void on_removed(void *ctx, const char *space, const char *name, const char *uid)
{
        struct mirror *x = &mirror[name[1] - '0'];

        (void)ctx;
        assert_string_equal(space, "s");
        if (x->uid == 0 || x->uid != strtol(uid + 1, NULL, 10))
                broken("removed, but unknown:", name[1] - '0');
        *x = (struct mirror){ 0 };
}

static bool keep(void *ctx, const struct tree *object)
{
        (void)ctx;
        return strcmp(tree_text(tree_find(object, "spec.node")), "n1") == 0;
}

/* --- writes */

static void feed(int name, const struct thing *t)
{
        auto_free char *text = thing_json(name, t);
        struct arena *a = arena_new();
        const struct tree *object = NULL;

        assert_int_equal(
                tree_parse_json(a, text, strlen(text), &tree_limits_default, &object, NULL), 0);
        reflector_feed(reflector, object, a);
}

static struct {
        int name; /* -1 = none */
        struct thing t;
} late_answer;

/* A write by anybody; ours are answered, soon or late. */
static void change(void)
{
        struct thing now[NAMES];
        int name = (int)pick(NAMES);

        if (server.n == HISTORY_MAX)
                return;
        state_at(now_version(), now);
        struct change c = { .version = now_version() + 1 + pick(3),
                            .name = name,
                            .before = now[name],
                            .after = now[name] };
        if (c.before.uid == 0)
                c.after = (struct thing){ .uid = ++server.next_uid, .is_mine = pick(4) > 0 };
        else if (pick(4) == 0)
                c.after.uid = 0;
        else if (pick(4) == 0)
                c.after.is_mine = !c.after.is_mine;
        c.after.version = c.version;
        server.history[server.n++] = c;
        if (c.after.uid == 0 || !c.after.is_mine || !c.before.is_mine || pick(3) > 0)
                return;
        if (pick(2) == 0) {
                feed(name, &c.after);
        } else {
                late_answer.name = name;
                late_answer.t = c.after;
        }
}

static void answer_late(void)
{
        if (late_answer.name >= 0)
                feed(late_answer.name, &late_answer.t);
        late_answer.name = -1;
}

/* --- reads */

static bool has(const struct kube_call *c, const char *part)
{
        return strstr(c->path, part) != NULL;
}

static bool is_selected(const struct kube_call *c, const struct thing *t)
{
        return t->uid != 0 && (t->is_mine || !has(c, "fieldSelector"));
}

static int64_t asked_version(const struct kube_call *c)
{
        const char *at = strstr(c->path, "resourceVersion=");

        return at ? strtoll(at + strlen("resourceVersion="), NULL, 10) : -1;
}

static void serve_list(struct kube_call *c)
{
        const char *more = strstr(c->path, "continue=");
        int64_t asked = asked_version(c), version = now_version();
        struct thing now[NAMES];
        auto_of(buf) struct buf items = BUF(1 << 16);
        int from = 0, to = NAMES;

        if (more && (pick(6) == 0 || sscanf(more, "continue=%d_%lld", &from, /* a test's own */
                                            (long long *)&version) != 2)) {
                sim_status(c, 410, "Expired", "the continue parameter is too old");
                return;
        }
        if (asked > version) {
                sim_http(c, 504, "application/json",
                         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":504,\"details\":{"
                         "\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}]}}");
                return;
        }
        if (!more && asked >= 0) /* from a cache that may be behind */
                version -= pick((unsigned)(version - (asked > 0 ? asked : 1)) + 1);
        if (has(c, "limit="))
                to = from + 3 < NAMES ? from + 3 : NAMES;
        state_at(version, now);
        for (int i = from; i < to; i++) {
                auto_free char *text = thing_json(i, &now[i]);

                if (is_selected(c, &now[i]))
                        buf_addf(&items, "%s%s", items.len ? "," : "", text);
        }
        auto_free char *body =
                xasprintf("{\"metadata\":{\"resourceVersion\":\"%lld\",\"%s\":\"%d_%lld\"},"
                          "\"items\":[%s]}",
                          (long long)version, to < NAMES ? "continue" : "x", to, (long long)version,
                          buf_text(&items));
        sim_http(c, 200, "application/json", body);
}

static bool say(struct kube_call *c, const char *type, int name, const struct thing *t)
{
        auto_free char *text = thing_json(name, t);

        return sim_line(c, "{\"type\":\"%s\",\"object\":%s}", type, text);
}

/* What a watcher with that selector is told of a change. */
static bool say_change(struct kube_call *c, const struct change *h)
{
        bool before = is_selected(c, &h->before), after = is_selected(c, &h->after);
        struct thing last = h->before;

        if (!before && !after)
                return true;
        last.version = h->version;
        if (!after)
                return say(c, "DELETED", h->name, &last);
        return say(c, before ? "MODIFIED" : "ADDED", h->name, &h->after);
}

static bool bookmark(struct kube_call *c, bool end)
{
        return sim_line(c,
                        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":"
                        "\"%lld\"%s}}}",
                        (long long)c->version,
                        end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

/* All that is there, in any order; it may break off in the middle. */
static void serve_initial(struct kube_call *c)
{
        struct thing now[NAMES];
        unsigned begin = pick(NAMES), most = pick(4) ? NAMES : pick(NAMES);

        c->version = now_version();
        state_at(c->version, now);
        for (unsigned i = 0; i < most; i++) {
                int name = (int)((begin + i * 3) % NAMES);

                if (is_selected(c, &now[name]) && !say(c, "ADDED", name, &now[name]))
                        return;
        }
        if (most < NAMES)
                sim_no_answer(c);
        else
                (void)bookmark(c, true);
}

static void error_event(struct kube_call *c, int code, const char *reason)
{
        (void)sim_line(c,
                       "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\","
                       "\"code\":%d,\"reason\":\"%s\",\"message\":\"x\"}}",
                       code, reason);
}

static void serve_watch(struct kube_call *c)
{
        bool is_initial = has(c, "sendInitialEvents");

        if (is_initial && !server.has_initial_events) {
                sim_status(c, 422, "Invalid", "sendInitialEvents is forbidden for watch");
                return;
        }
        c->version = asked_version(c);
        if (!is_initial && c->version < server.first && pick(2) == 0) {
                sim_status(c, 410, "Gone", "too old resource version");
                return;
        }
        sim_began(c);
        if (is_initial)
                serve_initial(c);
        else if (c->version < server.first)
                error_event(c, 410, "Expired");
}

/* The next few changes, some of them twice. */
static void stream(struct kube_call *c, bool all)
{
        unsigned most = all ? HISTORY_MAX : 1 + pick(4);

        for (size_t i = 0; i < server.n && most > 0; i++) {
                const struct change *h = &server.history[i];

                if (h->version <= c->version)
                        continue;
                if (h->version < server.first && !all) {
                        error_event(c, 410, "Expired");
                        return;
                }
                c->version = h->version;
                most--;
                if (!say_change(c, h) || (pick(5) == 0 && !all && !say_change(c, h)))
                        return;
        }
        if (pick(3) == 0 || all)
                (void)bookmark(c, false);
}

static void serve(struct kube_call *c)
{
        if (has(c, "fieldSelector") && !server.knows_field)
                sim_status(c, 400, "BadRequest", "field label not supported: spec.node");
        else if (c->is_watch)
                serve_watch(c);
        else
                serve_list(c);
}

static void serve_badly(struct kube_call *c)
{
        switch (pick(4)) {
        case 0:
                sim_no_answer(c);
                break;
        case 1:
                sim_http(c, 429, "text/plain", "later");
                break;
        case 2:
                sim_status(c, 503, "ServiceUnavailable", "away");
                break;
        default:
                sim_http(c, 404, "text/plain", "404 page not found");
                break;
        }
}

/* The server's data are those of an hour ago, and nothing happens until that was noticed. */
static void restore(void)
{
        server.n -= pick((unsigned)server.n / 2 + 1);
        server.first = now_version();
        late_answer.name = -1;
        while (sim_call())
                sim_no_answer(sim_call());
        for (int i = 0; i < 60; i++) {
                sim_pass(5 * NS_PER_S);
                if (sim_call() && !sim_call()->has_begun)
                        serve(sim_call());
        }
}

static void trouble(void)
{
        struct kube_call *c = sim_call();

        switch (pick(8)) {
        case 0:
                server.first = now_version() - pick(3);
                break;
        case 1:
                server.has_initial_events = !server.has_initial_events;
                break;
        case 2:
                server.knows_field = !server.knows_field;
                break;
        case 3:
                if (pick(8) == 0)
                        restore();
                break;
        case 4:
                if (c && c->has_begun)
                        sim_end(c);
                break;
        default:
                if (c && c->has_begun)
                        sim_no_answer(c);
                else if (c)
                        serve_badly(c);
                break;
        }
}

static void step(void)
{
        struct kube_call *c = sim_call();

        switch (pick(6)) {
        case 0:
        case 1:
                change();
                break;
        case 2:
                answer_late();
                break;
        case 3:
                trouble();
                break;
        default:
                if (c && c->has_begun)
                        stream(c, false);
                else if (c)
                        serve(c);
                break;
        }
        sim_pass((int64_t)pick(2000) * NS_PER_MS);
}

/* From now on all goes well. */
static void settle(void)
{
        answer_late();
        server.first = 0;
        for (int i = 0; i < 200; i++) {
                struct kube_call *c = sim_call();

                if (c && c->has_begun)
                        stream(c, true);
                else if (c)
                        serve(c);
                sim_pass(NS_PER_S);
        }
}

static void compare(void)
{
        struct thing now[NAMES];
        size_t n = 0;

        state_at(now_version(), now);
        for (int i = 0; i < NAMES; i++) {
                bool is_there = now[i].uid != 0 && now[i].is_mine;

                n += is_there;
                if (is_there != (mirror[i].uid != 0))
                        broken(is_there ? "not known:" : "a ghost:", i);
                if (is_there &&
                    (mirror[i].uid != now[i].uid || mirror[i].version != now[i].version))
                        broken("out of date:", i);
        }
        assert_int_equal(reflector_count(reflector), n);
        assert_true(reflector_synced(reflector));
}

static void one_run(unsigned long long number)
{
        struct reflector_config c = { .resource = kube_devicelinks,
                                      .field_selector = "spec.node=n1",
                                      .keep = keep,
                                      .upsert = on_upsert,
                                      .removed = on_removed };

        run_number = number;
        rng = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
        memset(&server, 0, sizeof(server));
        memset(&sim, 0, sizeof(sim));
        memset(mirror, 0, sizeof(mirror));
        sim.now_ns = 1000 * NS_PER_S;
        server.has_initial_events = pick(2) == 0;
        server.knows_field = pick(4) > 0;
        late_answer.name = -1;
        reflector = reflector_open(&c);
        for (int i = 0; i < STEPS; i++)
                step();
        settle();
        compare();
        reflector_close(reflector);
        assert_int_equal(sim.n_timers, 0);
        assert_null(sim.calls);
}

static void in_the_end_the_owner_knows_what_is_there(void **state)
{
        (void)state;
        log_setup(2, LOG_ERROR, LOG_FORMAT_TEXT);
        for (unsigned long long i = 1; i <= RUNS; i++)
                one_run(i);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(in_the_end_the_owner_knows_what_is_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
