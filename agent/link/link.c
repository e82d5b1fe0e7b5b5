/* link.c - one link on the main loop: what runs for it, what it last said, and how it is. */
#include "link/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static const char message_reference[] = "unable to fetch the reference parameters";
static const char message_update[] = "unable to update the device from template";
static const char message_create[] = "unable to create device from template";
static const char message_adaptor[] = "the adaptor isn't existed";
static const char message_connect[] = "unable to connect to device";
static const char message_error[] = "received error from adaptor";

struct link *link_new(struct links *l, struct link_spec *spec)
{
        struct link *k = xcalloc(1, sizeof(*k));

        k->links = l;
        k->spec = link_spec_ref(spec);
        return k;
}

static void untouch(struct link *k)
{
        struct link **at = &k->links->touched;

        while (*at && *at != k)
                at = &(*at)->touched_next;
        if (*at)
                *at = k->touched_next;
}

void link_free(struct link *k)
{
        if (!k)
                return;
        untouch(k);
        if (k->waiting_for)
                k->waiting_for->successor = NULL;
        states_done(&k->states);
        device_unref(k->device);
        device_unref(k->target);
        link_spec_unref(k->spec);
        link_spec_unref(k->target_spec);
        free(k->cause);
        free(k);
}

static void set_cause(struct link *k, const char *cause)
{
        char *copy = cause && cause[0] != '\0' ? xstrdup(cause) : NULL;

        free(k->cause);
        k->cause = copy;
}

void link_touch(struct link *k)
{
        if (k->touched)
                return;
        k->touched = true;
        k->touched_next = k->links->touched;
        k->links->touched = k;
}

/* --- conditions */

static const char *phase_id(const struct condition *c)
{
        if (c->type == CONDITION_ADAPTOR_EXISTED)
                return "link.no-adaptor";
        if (c->type == CONDITION_DEVICE_CREATED)
                return "link.no-device";
        if (c->status == CONDITION_TRUE)
                return "link.healthy";
        return c->status == CONDITION_FALSE ? "link.unhealthy" : "link.connecting";
}

static void log_phase(const struct link *k)
{
        const struct condition *c = conditions_phase(&k->conditions);
        enum log_level level = c->status == CONDITION_FALSE ? LOG_WARNING : LOG_INFO;
        const struct log_field fields[] = {
                LOG_STR("link", k->spec->key),
                LOG_STR("condition", condition_type_name(c->type)),
                LOG_STR("reason", condition_reason(c->type, c->status)),
                LOG_STR("cause", c->status == CONDITION_FALSE ? k->cause : NULL),
        };

        if (log_wants(level))
                log_write(level, phase_id(c), c->message[0] ? c->message : "the device answers",
                          fields, sizeof(fields) / sizeof(fields[0]));
}

static void tell_conditions(struct link *k)
{
        const struct links_hooks *h = &k->links->config.hooks;

        log_phase(k);
        if (h->condition)
                h->condition(h->ctx, k->spec, &k->conditions, k->cause ? k->cause : "");
}

static bool set(struct link *k, enum condition_type type, enum condition_status status,
                const char *message, bool rewrite)
{
        return conditions_set(&k->conditions, type, status, message, rewrite, clock_wall_ns());
}

/* The last step of the chain, from what is known. */
static bool set_connected(struct link *k)
{
        enum condition_type type = CONDITION_DEVICE_CONNECTED;

        if (k->fault == FAULT_REFERENCES)
                return set(k, type, CONDITION_FALSE, message_reference, false);
        if (k->fault == FAULT_SPEC)
                return set(k, type, CONDITION_FALSE, message_update, false);
        if (k->line == LINE_UP)
                return set(k, type, CONDITION_TRUE, NULL, false);
        if (k->line == LINE_DOWN)
                return set(k, type, CONDITION_FALSE, k->was_up ? message_error : message_connect,
                           false);
        return set(k, type, CONDITION_UNKNOWN, NULL, false);
}

/* Without a cluster its part of the chain is true by itself. */
static bool set_chain(struct link *k, unsigned renamed)
{
        bool changed = set(k, CONDITION_NODE_EXISTED, CONDITION_TRUE, NULL, renamed & RENAMED_NODE);

        changed |= set(k, CONDITION_MODEL_EXISTED, CONDITION_TRUE, NULL, renamed & RENAMED_MODEL);
        if (k->fault == FAULT_ADAPTOR)
                return set(k, CONDITION_ADAPTOR_EXISTED, CONDITION_FALSE, message_adaptor, false) ||
                       changed;
        changed |=
                set(k, CONDITION_ADAPTOR_EXISTED, CONDITION_TRUE, NULL, renamed & RENAMED_ADAPTOR);
        if (k->fault == FAULT_SPEC && !k->target)
                return set(k, CONDITION_DEVICE_CREATED, CONDITION_FALSE, message_create, false) ||
                       changed;
        changed |= set(k, CONDITION_DEVICE_CREATED, CONDITION_TRUE, NULL, false);
        return set_connected(k) || changed;
}

void link_configured(struct link *k, const struct candidate *c, unsigned renamed)
{
        if (k->fault != c->fault)
                set_cause(k, NULL);
        k->fault = c->fault;
        if (c->cause)
                set_cause(k, c->cause);
        if (set_chain(k, renamed))
                tell_conditions(k);
        if (k->device && k->polled)
                link_touch(k);
}

static void line_is(struct link *k, enum line line, const char *cause)
{
        bool news = k->line != line ||
                    (line == LINE_DOWN && (!k->cause || !cause || strcmp(k->cause, cause) != 0));

        if (line == LINE_UP)
                k->was_up = true;
        k->line = line;
        if (k->fault != FAULT_NONE || !news)
                return;
        set_cause(k, cause);
        if (set_connected(k))
                tell_conditions(k);
        else
                log_phase(k);
}

/* --- what runs */

static void set_target(struct link *k, const struct candidate *c)
{
        device_unref(k->target);
        k->target = device_ref(c->device);
        link_spec_unref(k->target_spec);
        k->target_spec = link_spec_ref(c->spec);
}

/* The states follow: values of points that stay are kept. */
static void set_device(struct link *k, struct device *device)
{
        struct device *old = k->device;

        if (old == device)
                return;
        if (old)
                k->states = states_move(&k->states, old->info, device->info);
        else
                k->states = states_new(device->info->n_points);
        k->device = device_ref(device);
        device_unref(old);
        for (size_t i = 0; i < device->info->n_points; i++) {
                if (device->info->points[i].desired.type == DL_NONE)
                        states_write_error(&k->states, i, 0, NULL);
        }
}

static void open_or_wait(struct link *k, int64_t after_ns)
{
        struct dl_sink *old = links_closing(k->links, k->spec->key, false);

        if (old) {
                if (old->successor)
                        old->successor->waiting_for = NULL;
                old->successor = k;
                k->waiting_for = old;
        } else {
                k->sink = links_open(k->links, k, after_ns);
        }
}

void link_start(struct link *k, const struct candidate *c, int64_t after_ns)
{
        k->line = LINE_UNKNOWN;
        k->was_up = false;
        set_target(k, c);
        set_device(k, c->device);
        open_or_wait(k, after_ns);
}

void link_update(struct link *k, const struct candidate *c)
{
        set_target(k, c);
        if (k->sink)
                command_post(k->sink, COMMAND_ADOPT, device_ref(c->device), NULL, 0);
        else
                set_device(k, c->device);
}

static void close_sink(struct link *k)
{
        if (k->sink)
                links_close(k->links, k->sink);
        k->sink = NULL;
        if (k->waiting_for)
                k->waiting_for->successor = NULL;
        k->waiting_for = NULL;
}

void link_replace(struct link *k, const struct candidate *c)
{
        close_sink(k);
        link_start(k, c, 0);
}

void link_stop(struct link *k)
{
        close_sink(k);
        device_unref(k->target);
        k->target = NULL;
        link_spec_unref(k->target_spec);
        k->target_spec = NULL;
        device_unref(k->device);
        k->device = NULL;
        states_done(&k->states);
        k->line = LINE_UNKNOWN;
        k->polled = false;
        if (k->touched)
                untouch(k);
        k->touched = false;
}

void link_old_closed(struct link *k)
{
        k->waiting_for = NULL;
        k->sink = links_open(k->links, k, 0);
}

/* --- what it says */

static void take_sample(struct link *k, const struct record *r)
{
        struct err e = { 0 };
        bool asked, changed;
        const struct dl_sample *sample = record_sample_open(r, &asked);

        k->links->counts.samples++;
        if (states_apply(&k->states, sample, sample->arrival_ns, &changed, &e) < 0) {
                LOG(ERROR, "link.bug", e.text, LOG_STR("link", k->spec->key));
                return;
        }
        if (!asked) { /* else the end of the poll tells it */
                k->polled = true;
                link_touch(k);
        }
}

static bool all_bad_already(const struct link *k, const char *why)
{
        for (size_t i = 0; i < k->states.n; i++) {
                const struct dl_state *s = &k->states.list[i];

                if (s->quality != DL_BAD || !s->error || strcmp(s->error, why) != 0)
                        return false;
        }
        return k->polled;
}

static void line_down(struct link *k, const char *why)
{
        if (!all_bad_already(k, why)) {
                states_all_bad(&k->states, why);
                k->polled = true;
                link_touch(k);
        }
        line_is(k, LINE_DOWN, why);
}

static void take_polled(struct link *k, const struct record_result *r)
{
        counts_polled(k, r);
        if (r->rc < 0) {
                line_down(k, r->text);
                return;
        }
        k->polled = true;
        link_touch(k);
        line_is(k, LINE_UP, NULL);
}

static void take_state(struct link *k, const struct record_result *r)
{
        if (r->rc == DL_OK) {
                line_is(k, LINE_UP, NULL);
                return;
        }
        line_down(k, r->text[0] != '\0' ? r->text : "the line went");
        if (k->sink)
                command_post(k->sink, COMMAND_RECONNECT, NULL, NULL, 0);
}

/* Desired values: what the device refuses shows at the property and stops nothing. */
static void take_desired(struct link *k, const struct record_written *r)
{
        for (size_t i = 0; i < r->n; i++) {
                const struct record_write *w = &r->list[i];

                if (w->rc == DL_RETRY)
                        continue;
                if (w->rc < 0)
                        LOG(WARNING, "link.write", w->text, LOG_STR("link", k->spec->key),
                            LOG_STR("property", k->device->info->points[w->point].name));
                states_write_error(&k->states, w->point, w->code, w->rc < 0 ? w->text : NULL);
        }
}

static void take_adopted(struct link *k, const struct record_adopted *r)
{
        set_device(k, r->device);
        if (k->polled)
                link_touch(k);
}

void link_take(struct link *k, const struct record *r)
{
        const void *body = r;

        switch ((enum record_kind)r->kind) {
        case RECORD_SAMPLE:
                take_sample(k, r);
                break;
        case RECORD_POLLED:
                take_polled(k, body);
                break;
        case RECORD_STATE:
                take_state(k, body);
                break;
        case RECORD_WRITTEN:
                take_desired(k, body);
                break;
        case RECORD_ADOPTED:
                take_adopted(k, body);
                break;
        case RECORD_STUCK:
                LOG(ERROR, "link.stuck", ((const struct record_result *)body)->text,
                    LOG_STR("link", k->spec->key));
                line_down(k, ((const struct record_result *)body)->text);
                break;
        case RECORD_CLOSED:
                break;
        }
}
