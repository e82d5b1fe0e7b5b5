/* cluster_world_seams.h - what the linker puts in the place of the API server, and the steps of
 * tests.  The second half of cluster_world.h. */
#ifndef TEST_CLUSTER_WORLD_SEAMS_H
#define TEST_CLUSTER_WORLD_SEAMS_H

/* --- requests */

struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r);
struct kube_call *__wrap_kube_start(struct kube_api *a, const struct kube_request *r)
{
        struct call *c = xcalloc(1, sizeof(*c)), **where = &world.calls;

        (void)a;
        c->method = xstrdup(r->method);
        c->path = xstrdup(r->path);
        c->body = r->body ? xmalloc(r->body_len + 1) : NULL;
        if (c->body) {
                memcpy(c->body, r->body, r->body_len);
                c->body[r->body_len] = '\0';
        }
        c->type = xstrdup(r->content_type ? r->content_type : "application/json");
        c->ctx = r->ctx;
        c->done = r->done;
        while (*where)
                where = &(*where)->next;
        *where = c;
        world.n_calls++;
        return (struct kube_call *)c;
}

void __wrap_kube_cancel(struct kube_call *call);
void __wrap_kube_cancel(struct kube_call *call)
{
        struct call *c = (struct call *)call, **where = &world.calls;

        if (!c)
                return;
        while (*where != c)
                where = &(*where)->next;
        *where = c->next;
        free(c->method);
        free(c->path);
        free(c->body);
        free(c->type);
        free(c);
}

const char *__wrap_kube_api_space(const struct kube_api *a);
const char *__wrap_kube_api_space(const struct kube_api *a)
{
        (void)a;
        return "octopus-system";
}

int64_t __wrap_kube_api_away_since(const struct kube_api *a);
int64_t __wrap_kube_api_away_since(const struct kube_api *a)
{
        (void)a;
        return world.away ? 1 : 0;
}

/* --- reflectors */

struct reflector *__wrap_reflector_open(const struct reflector_config *config);
struct reflector *__wrap_reflector_open(const struct reflector_config *config)
{
        struct fake_reflector *r = &world.reflectors[world.n_reflectors++];

        assert_true(world.n_reflectors <= REFLECTORS);
        *r = (struct fake_reflector){ .config = *config,
                                      .plural = xstrdup(config->resource.plural),
                                      .open = true };
        return (struct reflector *)r;
}

void __wrap_reflector_close(struct reflector *reflector);
void __wrap_reflector_close(struct reflector *reflector)
{
        struct fake_reflector *r = (struct fake_reflector *)reflector;

        if (r)
                r->open = false;
}

void __wrap_reflector_feed(struct reflector *reflector, const struct tree *object,
                           struct arena *owned);
void __wrap_reflector_feed(struct reflector *reflector, const struct tree *object,
                           struct arena *owned)
{
        struct fake_reflector *r = (struct fake_reflector *)reflector;
        struct object_meta m;

        object_meta_read(object, owned, &m);
        r->config.upsert(r->config.ctx, object, &m, owned);
}

void __wrap_reflector_retry(struct reflector *reflector);
void __wrap_reflector_retry(struct reflector *reflector)
{
        assert_true(((struct fake_reflector *)reflector)->open);
}

/* --- references, events, heartbeat */

struct watched *__wrap_watched_new(const struct watched_config *config);
struct watched *__wrap_watched_new(const struct watched_config *config)
{
        world.watched = *config;
        return (struct watched *)&world;
}

void __wrap_watched_free(struct watched *w);
void __wrap_watched_free(struct watched *w)
{
        (void)w;
}

void __wrap_watched_begin(struct watched *w);
void __wrap_watched_begin(struct watched *w)
{
        (void)w;
        free(world.added);
        world.added = NULL;
}

void __wrap_watched_add(struct watched *w, enum object_kind kind, const char *space,
                        const char *name);
void __wrap_watched_add(struct watched *w, enum object_kind kind, const char *space,
                        const char *name)
{
        (void)w;
        (void)kind;
        free(world.added);
        world.added = xasprintf("%s/%s", space, name);
}

void __wrap_watched_end(struct watched *w);
void __wrap_watched_end(struct watched *w)
{
        (void)w;
}

void __wrap_watched_index(const struct watched *w, struct object_index *x);
void __wrap_watched_index(const struct watched *w, struct object_index *x)
{
        (void)w;
        if (world.secrets)
                object_index_add(x, world.secrets);
}

const char *__wrap_watched_trouble(const struct watched *w, enum object_kind kind,
                                   const char *space, const char *name, bool *ret_unknown);
const char *__wrap_watched_trouble(const struct watched *w, enum object_kind kind,
                                   const char *space, const char *name, bool *ret_unknown)
{
        (void)w;
        (void)kind;
        (void)space;
        (void)name;
        *ret_unknown = world.secret_unknown;
        return world.secret_trouble;
}

struct events *__wrap_events_new(const struct events_config *config);
struct events *__wrap_events_new(const struct events_config *config)
{
        assert_string_equal(config->controller, "edge.cattle.io/limb");
        return (struct events *)&world;
}

void __wrap_events_free(struct events *ev);
void __wrap_events_free(struct events *ev)
{
        (void)ev;
}

void __wrap_events_say(struct events *ev, const struct event_about *about, bool warning,
                       const char *reason, const char *action, const char *note);
void __wrap_events_say(struct events *ev, const struct event_about *about, bool warning,
                       const char *reason, const char *action, const char *note)
{
        (void)ev;
        assert_string_equal(about->kind, "DeviceLink");
        assert_true(action[0] != '\0');
        assert_true(world.n_said < SAID_MAX);
        world.said[world.n_said++] =
                xasprintf("%s %s %s", warning ? "Warning" : "Normal", reason, note);
}

struct heartbeat *__wrap_heartbeat_open(const struct heartbeat_config *config);
struct heartbeat *__wrap_heartbeat_open(const struct heartbeat_config *config)
{
        assert_string_equal(config->node, "n1");
        return (struct heartbeat *)&world;
}

void __wrap_heartbeat_close(struct heartbeat *h);
void __wrap_heartbeat_close(struct heartbeat *h)
{
        (void)h;
}

const char *__wrap_heartbeat_trouble(const struct heartbeat *h);
const char *__wrap_heartbeat_trouble(const struct heartbeat *h)
{
        (void)h;
        return NULL;
}

/* --- disk */

int __wrap_last_known_open(struct loop *l, const char *state_dir, const char *node,
                           struct last_known **ret, struct err *e);
int __wrap_last_known_open(struct loop *l, const char *state_dir, const char *node,
                           struct last_known **ret, struct err *e)
{
        (void)l;
        (void)state_dir;
        (void)node;
        (void)e;
        *ret = (struct last_known *)&world;
        return 0;
}

void __wrap_last_known_read(struct last_known *k,
                            void (*each)(void *ctx, const struct tree *object,
                                         const struct instance_seen *, struct arena *owned),
                            void *ctx);
void __wrap_last_known_read(struct last_known *k,
                            void (*each)(void *ctx, const struct tree *object,
                                         const struct instance_seen *, struct arena *owned),
                            void *ctx)
{
        const struct instance_seen seen = { 0 };

        (void)k;
        json_object_object_foreach(world.kept, uid, object)
        {
                struct arena *a = arena_new();

                (void)uid;
                each(ctx, tree_of(object, a), &seen, a);
        }
}

void __wrap_last_known_put(struct last_known *k, const char *uid, const struct tree *object,
                           const struct instance_seen *seen);
void __wrap_last_known_put(struct last_known *k, const char *uid, const struct tree *object,
                           const struct instance_seen *seen)
{
        auto_of(buf) struct buf text = BUF(1024 * 1024);

        (void)k;
        (void)seen;
        tree_json(object, 0, &text);
        json_object_object_add(world.kept, uid, parse(buf_text(&text)));
}

void __wrap_last_known_remove(struct last_known *k, const char *uid);
void __wrap_last_known_remove(struct last_known *k, const char *uid)
{
        (void)k;
        json_object_object_del(world.kept, uid);
}

void __wrap_last_known_close(struct last_known *k);
void __wrap_last_known_close(struct last_known *k)
{
        (void)k;
}

/* --- the room's hooks */

static void on_changed(void *ctx, const struct desired *d, const struct findings *f)
{
        struct world *w = ctx;

        (void)f;
        desired_done(&w->desired);
        for (size_t i = 0; i < d->n; i++)
                assert_int_equal(desired_add(&w->desired, link_spec_ref(d->links[i]), NULL), 0);
        w->changes++;
}

static bool on_adaptor(void *ctx, const char *adaptor, const char *kind)
{
        (void)adaptor;
        (void)kind;
        return !((struct world *)ctx)->no_plugin;
}

static void on_timer(void *ctx)
{
        loop_stop(((struct world *)ctx)->loop);
}

/* --- steps */

/* Let time pass, and what is due be done. */
helper static void rest(int ms)
{
        loop_timer_start(&world.timer, ms * NS_PER_MS, LOOP_EXACT);
        loop_run(world.loop);
}

helper static void turn(void)
{
        rest(0);
}

helper static void is_live(const char *plural)
{
        struct fake_reflector *r = reflector_named(plural);

        assert_non_null(r);
        if (r->config.state)
                r->config.state(r->config.ctx, REFLECTOR_LIVE, "");
        turn();
}

helper static void open_world(void)
{
        struct err e = { 0 };

        world.config.loop = world.loop;
        world.config.node = "n1";
        world.config.state_dir = "/nowhere";
        world.config.cleanup_ns = NS_PER_S;
        world.config.ctx = &world;
        world.config.adaptor_exists = on_adaptor;
        world.config.changed = on_changed;
        if (cluster_open(&world.config, &world.cluster, &e) < 0)
                fail_msg("%s", e.text);
}

/* An agent that has read an empty collection. */
helper static int set_up(void **state)
{
        (void)state;
        log_setup(2, LOG_ERROR, LOG_FORMAT_TEXT);
        world = (struct world){ .loop = loop_new("test"),
                                .store = json_object_new_object(),
                                .kept = json_object_new_object(),
                                .version = 100 };
        loop_timer_init(&world.timer, world.loop, on_timer, &world);
        return 0;
}

helper static int tear_down(void **state)
{
        (void)state;
        cluster_close(world.cluster);
        assert_null(world.calls); /* what was under way is cancelled */
        for (size_t i = 0; i < world.n_reflectors; i++) {
                assert_false(world.reflectors[i].open);
                free(world.reflectors[i].plural);
        }
        for (size_t i = 0; i < world.n_said; i++)
                free(world.said[i]);
        desired_done(&world.desired);
        object_set_free(world.secrets);
        free(world.added);
        json_object_put(world.store);
        json_object_put(world.kept);
        loop_timer_end(&world.timer);
        loop_free(world.loop);
        return 0;
}

helper static void print_calls(void)
{
        for (struct call *c = world.calls; c; c = c->next)
                print_message("waits: %s %s %s\n", c->method, c->path, c->body ? c->body : "");
}

/* The request that waits; there is one. */
helper static struct call *waiting(const char *method, const char *path)
{
        for (struct call *c = world.calls; c; c = c->next) {
                if (strcmp(c->method, method) == 0 && strcmp(c->path, path) == 0)
                        return c;
        }
        print_calls();
        fail_msg("no request %s %s", method, path);
        return NULL;
}

helper static void served(const char *method, const char *path)
{
        serve(waiting(method, path));
        turn();
}

helper static void refused(const char *method, const char *path, enum kube_class class, long status,
                           const char *message)
{
        end_call(waiting(method, path), class, status, NULL, message);
        turn();
}

/* Serve all until nothing waits. */
helper static void serve_all(void)
{
        turn();
        for (int i = 0; world.calls; i++) {
                assert_true(i < 10000);
                serve(world.calls);
                turn();
        }
}

helper static void assert_quiet(void)
{
        turn();
        if (world.calls)
                print_calls();
        assert_null(world.calls);
}

helper static struct link_spec *driven(const char *key)
{
        for (size_t i = 0; i < world.desired.n; i++) {
                if (strcmp(world.desired.links[i]->key, key) == 0)
                        return world.desired.links[i];
        }
        return NULL;
}

/* What the link room says. */
helper static void device(const char *key, enum condition_status status, const char *message,
                          const char *cause)
{
        struct conditions list = { 0 };

        (void)conditions_set(&list, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL, false, 1);
        (void)conditions_set(&list, CONDITION_DEVICE_CONNECTED, status, message, false, 1);
        cluster_condition(world.cluster, driven(key), &list, cause);
        turn();
}

helper static void status(const char *key, const char *json)
{
        cluster_status(world.cluster, driven(key), json, strlen(json));
        turn();
}

helper static void assert_said(const char *text)
{
        for (size_t i = 0; i < world.n_said; i++) {
                if (strcmp(world.said[i], text) == 0)
                        return;
        }
        for (size_t i = 0; i < world.n_said; i++)
                print_message("said: %s\n", world.said[i]);
        fail_msg("nobody said: %s", text);
}

/* --- objects */

/* A link that the operator found node and model of. */
helper static struct json_object *link_object(const char *name, const char *spec)
{
        auto_free char *text = xasprintf(
                "{\"apiVersion\":\"edge.cattle.io/v1alpha1\",\"kind\":\"DeviceLink\","
                "\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\"},"
                "\"spec\":{\"adaptor\":{\"node\":\"n1\",\"name\":\"" MODBUS "\"},"
                "\"model\":{\"apiVersion\":\"devices.edge.cattle.io/v1alpha1\","
                "\"kind\":\"ModbusDevice\"},\"template\":{\"spec\":%s}},"
                "\"status\":{\"nodeName\":\"n1\",\"model\":{\"apiVersion\":"
                "\"devices.edge.cattle.io/v1alpha1\",\"kind\":\"ModbusDevice\"},\"conditions\":["
                "{\"type\":\"NodeExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                "{\"type\":\"ModelExisted\",\"status\":\"True\",\"reason\":\"Found\"},"
                "{\"type\":\"AdaptorExisted\",\"status\":\"Unknown\",\"reason\":\"Confirming\","
                "\"message\":\"verify if there is a suitable adaptor to access\"}]}}",
                name, spec);

        return parse(text);
}

/* "DeviceConnected True Healthy ''" */
helper static const char *phase(const char *path)
{
        static char text[256];
        struct json_object *list = at(stored(path), "/status/conditions");
        struct json_object *c = json_object_array_get_idx(list, json_object_array_length(list) - 1);

        (void)snprintf(text, sizeof(text), "%s %s %s '%s'", text_in(c, "/type"),
                       text_in(c, "/status"), text_in(c, "/reason"), text_in(c, "/message"));
        return text;
}

/* Open, read nothing, and put a link that becomes healthy. */
helper static void healthy(const char *name, const char *spec)
{
        auto_free char *path = xasprintf(LINKS "/%s", name);
        auto_free char *key = xasprintf("default/%s", name);

        put(path, link_object(name, spec));
        serve_all();
        if (!reflector_named("modbusdevices"))
                fail_msg("nobody watches instances");
        is_live("modbusdevices");
        serve_all();
        assert_non_null(driven(key));
        device(key, CONDITION_TRUE, NULL, "");
        serve_all();
        assert_string_equal(phase(path), "DeviceConnected True Healthy ''");
}

/* The agent ends and begins again; its disk stays.  Nothing is read yet. */
helper static void restart(void)
{
        cluster_close(world.cluster);
        assert_null(world.calls);
        desired_done(&world.desired);
        for (size_t i = 0; i < world.n_reflectors; i++)
                free(world.reflectors[i].plural);
        world.n_reflectors = 0;
        open_world();
}

helper static void begin(void)
{
        open_world();
        is_live("devicelinks");
}

/* Somebody writes "a" of the instance's spec. */
helper static void edit_instance_by_hand(void)
{
        struct json_object *o = copy_of(stored(DEVICES "/pump"));

        assert_int_equal(json_pointer_set(&o, "/spec/a", json_object_new_int(9)), 0);
        put(DEVICES "/pump", o);
}

helper static void delete_link(const char *path)
{
        struct json_object *o = copy_of(stored(path));

        set_text_at(&o, "/metadata/deletionTimestamp", "2026-01-01T00:00:00Z");
        put(path, o);
        turn();
}

helper static void released(const char *key)
{
        cluster_released(world.cluster, key);
        turn();
}

/* It is another node's now, and our selection no longer tells of it. */
helper static void move_link(const char *path, const char *node)
{
        struct json_object *o = copy_of(stored(path));
        auto_free char *name = xstrdup(text_in(o, "/metadata/name"));
        auto_free char *uid = xstrdup(text_in(o, "/metadata/uid"));
        struct fake_reflector *r = reflector_named("devicelinks");

        set_text_at(&o, "/spec/adaptor/node", node);
        world.quiet = true;
        put(path, o);
        world.quiet = false;
        r->config.removed(r->config.ctx, "default", name, uid);
        turn();
}

#endif
