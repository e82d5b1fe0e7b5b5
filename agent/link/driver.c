/* driver.c - the life of one link on its thread: open, write what is desired, read when due, and
 * again.
 *
 * One operation at a time.  Operations are started by the home and end in driver_complete();
 * whatever happens puts the sink on the ready list, and driver_step() decides what is next.  So no
 * plugin is ever called from within its own call. */
#include "link/driver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

static const int64_t bug_pause_ns = 30 * NS_PER_S;
/* An event-driven plugin has its own time-outs; links of one line wait for each other. */
static const int64_t lost_request_ns = 120 * NS_PER_S;
/* An interrupt that comes just before its call is lost on it. */
static const int64_t interrupt_again_ns = 200 * NS_PER_MS;
static const int64_t close_patience_ns = 3 * NS_PER_S;

static int64_t now_of(const struct dl_sink *s)
{
        return loop_now(s->home->loop);
}

/* --- the ready list */

void driver_ready(struct dl_sink *s)
{
        struct home *h = s->home;
        bool was_empty = !h->ready;

        if (s->queued)
                return;
        s->queued = true;
        s->ready_next = NULL;
        if (was_empty)
                h->ready_last = &h->ready;
        *h->ready_last = s;
        h->ready_last = &s->ready_next;
        if (was_empty)
                h->wake(h);
}

static void driver_step(struct dl_sink *s);

void driver_run_ready(struct home *h)
{
        while (h->ready) {
                struct dl_sink *s = h->ready;

                h->ready = s->ready_next;
                s->queued = false;
                driver_step(s);
        }
}

static void on_timer(void *ctx)
{
        driver_ready(ctx);
}

/* --- operations */

void driver_complete(struct dl_sink *s, int rc, const char *error)
{
        assert(s->op != OP_NONE && !s->completed);
        s->completed = true;
        s->rc = rc > 0 || rc < DL_BUG ? DL_BUG : rc;
        free(s->error);
        s->error = s->rc < 0 && error && error[0] != '\0' ? xstrdup(error) : NULL;
        driver_ready(s);
}

static void begin(struct dl_sink *s, enum op op)
{
        int64_t timeout = s->device->info->timeout_ns;

        s->op = op;
        s->completed = false;
        s->interrupted = false;
        s->patience_ns =
                s->home->event_driven ? 10 * timeout + lost_request_ns : 3 * timeout + NS_PER_S;
        s->limit_ns = now_of(s) + s->patience_ns;
        s->home->start(s, op);
}

/* Points, desired values and rhythm are the new device's from here on. */
static void adopt(struct dl_sink *s)
{
        struct device *device = s->adopted;

        s->adopted = NULL;
        s->old = s->device; /* the plugin may look at it until update() has returned */
        (void)pthread_mutex_lock(&s->lock);
        s->device = device;
        (void)pthread_mutex_unlock(&s->lock);
        points_init(s, s->old);
        schedule_restart(&s->schedule, now_of(s));
        s->parked = false;
        outbox_adopted(s->home->out, s, device_ref(device));
}

static void drop_old(struct dl_sink *s)
{
        device_unref(s->old);
        s->old = NULL;
}

/* --- outcomes */

static void report(struct dl_sink *s, int rc, const char *text)
{
        outbox_result(s->home->out, s, RECORD_POLLED, rc, text);
}

static const char *reason(const struct dl_sink *s)
{
        if (s->error)
                return s->error;
        return s->rc == DL_BUG ? "the adaptor failed without a reason" : "no reason given";
}

static void wait_for_device(struct dl_sink *s)
{
        int64_t now = now_of(s);

        s->failing = true;
        s->retry_at_ns = now + retry_next_ns(&s->retry, now);
}

/* Results are named for what the agent does next. */
static void failed(struct dl_sink *s)
{
        report(s, s->rc, reason(s));
        switch (s->rc) {
        case DL_REFUSED:
                s->failing = false;
                if (s->op == OP_OPEN)
                        wait_for_device(s);
                return;
        case DL_CONFIG:
                s->parked = true;
                s->reopen = s->object != NULL;
                return;
        case DL_BUG:
                s->failing = true;
                s->reopen = s->object != NULL;
                s->retry_at_ns = now_of(s) + bug_pause_ns;
                return;
        default:
                wait_for_device(s);
        }
}

static void read_ended(struct dl_sink *s)
{
        points_unask(s);
        if (s->rc < 0) {
                failed(s);
                return;
        }
        s->failing = false;
        retry_reset(&s->retry);
        report(s, DL_OK, NULL);
}

/* Desired values that break the line are tried again at their own pace. */
static void pace_desired(struct dl_sink *s)
{
        int64_t now = now_of(s);

        if (s->rc == DL_RETRY || s->rc == DL_BUG) {
                s->write_fails++;
                s->desired_at_ns = now + retry_next_ns(&s->desired_retry, now);
        } else {
                s->write_fails = 0;
                retry_reset(&s->desired_retry);
        }
}

static void write_ended(struct dl_sink *s)
{
        struct write_job *j = s->writing;

        s->writing = NULL;
        writes_ended(s, j);
        if (j->id == 0)
                pace_desired(s);
        if (s->rc == DL_RETRY || s->rc == DL_BUG)
                failed(s);
        write_job_free(j);
}

static void update_ended(struct dl_sink *s)
{
        drop_old(s);
        if (s->rc < 0) {
                if (s->rc == DL_BUG)
                        sink_bug(s, reason(s));
                s->reopen = true;
                s->failing = false;
        }
}

static void open_ended(struct dl_sink *s)
{
        if (s->rc < 0)
                failed(s);
        else
                s->failing = false;
}

static void close_ended(struct dl_sink *s)
{
        s->object = NULL;
        s->reopen = false;
        drop_old(s);
}

static void finish(struct dl_sink *s)
{
        enum op op = s->op;

        s->completed = false;
        loop_timer_stop(&s->timer);
        switch (op) {
        case OP_OPEN:
                open_ended(s);
                break;
        case OP_UPDATE:
                update_ended(s);
                break;
        case OP_READ:
                read_ended(s);
                break;
        case OP_WRITE:
                write_ended(s);
                break;
        case OP_CLOSE:
                close_ended(s);
                break;
        case OP_NONE:
                break;
        }
        s->op = OP_NONE;
        s->stuck = false;
        free(s->error);
        s->error = NULL;
}

/* --- what takes too long */

/* Tickets are dead from here on: a done() that comes late is a bug of the plugin and ignored. */
static void drop_request(struct dl_sink *s, const char *why)
{
        for (unsigned i = 0; i < TICKETS; i++)
                s->tickets[i].live = false;
        if (s->op == OP_READ)
                points_unask(s);
        if (s->writing) {
                s->rc = DL_RETRY;
                free(s->error);
                s->error = xstrdup(why);
                writes_ended(s, s->writing);
                write_job_free(s->writing);
                s->writing = NULL;
        }
        s->op = OP_NONE;
        s->completed = false;
        s->reopen = s->object != NULL;
}

static void request_lost(struct dl_sink *s)
{
        sink_bug(s, "a request was never ended with done()");
        drop_request(s, "the adaptor lost a request");
        report(s, DL_RETRY, "the adaptor lost a request");
        wait_for_device(s);
        driver_ready(s);
}

static void look_again(struct dl_sink *s, int64_t after_ns)
{
        s->limit_ns = now_of(s) + after_ns;
        loop_timer_start_at(&s->timer, s->limit_ns, 0);
}

static void say_stuck(struct dl_sink *s)
{
        if (!s->stuck)
                outbox_result(s->home->out, s, RECORD_STUCK, DL_BUG,
                              "the adaptor does not return, not even when interrupted");
        s->stuck = true;
}

static void interrupt_call(struct dl_sink *s, int64_t again_ns)
{
        s->interrupted = true;
        s->home->hurry(s);
        look_again(s, again_ns);
}

static void hurry_call(struct dl_sink *s)
{
        if (s->closing) {
                if (now_of(s) - s->closing_ns > close_patience_ns)
                        say_stuck(s);
                interrupt_call(s, interrupt_again_ns);
        } else if (s->interrupted) {
                say_stuck(s);
        } else {
                LOG(WARNING, "link.stuck", "a call of the adaptor takes too long: interrupting it",
                    LOG_STR("link", s->key), LOG_STR("adaptor", s->adaptor->name));
                interrupt_call(s, s->patience_ns);
        }
}

static void check_limit(struct dl_sink *s)
{
        int64_t now = now_of(s);

        if (s->limit_ns > now) {
                loop_timer_start_at(&s->timer, s->limit_ns, 0);
                return;
        }
        if (s->home->event_driven) {
                request_lost(s);
                return;
        }
        int64_t since = s->home->since(s);
        if (since == 0) /* it waits for its turn */
                look_again(s, s->patience_ns);
        else if (!s->closing && !s->interrupted && since + s->patience_ns > now)
                look_again(s, since + s->patience_ns - now);
        else
                hurry_call(s);
}

/* Only a request can be under way at an event-driven plugin: it opens, updates and closes at once.
 */
static void hurry(struct dl_sink *s, const char *why)
{
        if (s->home->event_driven)
                drop_request(s, why);
        else if (!s->interrupted)
                hurry_call(s);
}

/* --- what is next */

static void end(struct dl_sink *s)
{
        loop_timer_end(&s->timer);
        s->home->leave(s);
        writes_refuse(s, "the link is closed");
        points_done(s);
        (void)pthread_mutex_lock(&s->lock);
        atomic_store(&s->closed, true);
        (void)pthread_mutex_unlock(&s->lock);
        outbox_result(s->home->out, s, RECORD_CLOSED, DL_OK, NULL);
}

static bool sleep_until(struct dl_sink *s, int64_t at_ns)
{
        if (at_ns <= now_of(s))
                return false;
        if (at_ns == SCHEDULE_NEVER)
                loop_timer_stop(&s->timer);
        else
                loop_timer_start_at(&s->timer, at_ns, 0);
        return true;
}

/* A device that drops the line at a write must still be readable. */
static bool may_write_desired(const struct dl_sink *s)
{
        return s->n_desired > 0 && !(s->failing && s->write_fails >= 2);
}

static int64_t next_poll(const struct dl_sink *s)
{
        int64_t due = schedule_due(&s->schedule);

        if (s->failing)
                return s->retry_at_ns;
        if (s->n_wanted > 0)
                due = now_of(s);
        if (may_write_desired(s) && s->desired_at_ns < due)
                due = s->desired_at_ns;
        return due > s->start_at_ns ? due : s->start_at_ns;
}

static void poll(struct dl_sink *s)
{
        if (s->failing) /* what is back is read whole */
                schedule_restart(&s->schedule, now_of(s));
        if (may_write_desired(s) && s->desired_at_ns <= now_of(s)) {
                s->writing = writes_desired(s);
                begin(s, OP_WRITE);
                return;
        }
        points_ask(s);
        begin(s, OP_READ);
}

/* One decision.  False: there is nothing to do now. */
static bool advance(struct dl_sink *s)
{
        if (s->closing || s->reopen) {
                if (s->object)
                        begin(s, OP_CLOSE);
                else if (s->closing)
                        end(s);
                return s->op != OP_NONE || !s->closing;
        }
        if (!s->object) {
                if (s->adopted) {
                        adopt(s);
                        drop_old(s);
                        s->failing = false;
                }
                if (s->parked || (s->failing && sleep_until(s, s->retry_at_ns))) {
                        writes_refuse(s, "the device is away");
                        return false;
                }
                begin(s, OP_OPEN);
                return true;
        }
        if (s->adopted) {
                adopt(s);
                begin(s, OP_UPDATE);
                return true;
        }
        if (s->writes) {
                s->writing = writes_next(s);
                if (s->writing)
                        begin(s, OP_WRITE);
                return true;
        }
        if (sleep_until(s, next_poll(s)))
                return false;
        poll(s);
        return true;
}

static void driver_step(struct dl_sink *s)
{
        bool ended = atomic_load(&s->closed);

        while (!ended) {
                if (s->op != OP_NONE && s->completed)
                        finish(s);
                if (s->op != OP_NONE && s->closing && s->op != OP_CLOSE)
                        hurry(s, "the link is closed");
                if (s->op != OP_NONE) {
                        check_limit(s);
                        return;
                }
                if (!advance(s))
                        return;
                ended = atomic_load(&s->closed);
        }
}

/* --- from the main loop */

static void adopt_later(struct dl_sink *s, struct device *device)
{
        device_unref(s->adopted);
        s->adopted = device;
        if (s->failing && s->op != OP_NONE && !s->completed && s->home->event_driven)
                hurry(s, "the link was changed"); /* there is no good line to be kept */
        s->failing = false;
}

static void reconnect(struct dl_sink *s)
{
        if (s->failing || s->op == OP_READ || s->parked)
                return;
        wait_for_device(s);
}

void driver_command(struct dl_sink *s, enum command_kind kind, struct device *device,
                    struct write_job *job, int64_t after_ns)
{
        switch (kind) {
        case COMMAND_OPEN:
                loop_timer_init(&s->timer, s->home->loop, on_timer, s);
                s->home->enter(s, s->device->info->channel);
                retry_reset(&s->retry);
                retry_reset(&s->desired_retry);
                points_init(s, NULL);
                s->start_at_ns = now_of(s) + after_ns;
                schedule_restart(&s->schedule, s->start_at_ns);
                break;
        case COMMAND_ADOPT:
                adopt_later(s, device);
                break;
        case COMMAND_WRITE:
                writes_add(s, job);
                break;
        case COMMAND_RECONNECT:
                reconnect(s);
                break;
        case COMMAND_CLOSE:
                s->closing = true;
                s->closing_ns = now_of(s);
                break;
        }
        driver_ready(s);
}
