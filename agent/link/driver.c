/* driver.c - the life of one link on its thread: open, write what is desired, read when due, and
 * again.
 *
 * One operation at a time.  Operations are started by the home and end in driver_complete();
 * whatever happens puts the sink on the ready list, and driver_step() decides what is next.  So no
 * plugin is ever called from within its own call. */
#include "link/driver.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* An event-driven plugin has its own time-outs; links of one line wait for each other. */
static const int64_t lost_request_ns = 120 * NS_PER_S;

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
        s->begun_ns = driver_now(s);
        s->limit_ns = s->begun_ns + s->patience_ns;
        s->home->start(s, op);
}

void driver_switch(struct dl_sink *s, struct outbox *o)
{
        (void)pthread_mutex_lock(&s->lock);
        s->spoken = s->device;
        outbox_adopted(o, s, device_ref(s->device));
        outbox_flush(o); /* before anything that a foreign thread says */
        (void)pthread_mutex_unlock(&s->lock);
}

/* Points, desired values and rhythm are the new device's from here on.  A blocking plugin hears of
 * it when its channel's turn comes, and speaks of the old one until then. */
static void adopt(struct dl_sink *s)
{
        struct device *device = s->adopted;

        s->adopted = NULL;
        s->old = s->device; /* the plugin may look at it until update() has returned */
        s->device = device;
        points_init(s, s->old);
        schedule_restart(&s->schedule, driver_now(s));
        s->parked = false;
        if (s->home->event_driven || !s->object)
                driver_switch(s, s->home->out);
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
        (void)outbox_result(s->home->out, s, RECORD_CLOSED, DL_OK, NULL);
}

static bool sleep_until(struct dl_sink *s, int64_t at_ns)
{
        if (at_ns <= driver_now(s))
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
                due = driver_now(s);
        if (may_write_desired(s) && s->desired_at_ns < due)
                due = s->desired_at_ns;
        return due > s->start_at_ns ? due : s->start_at_ns;
}

static void poll(struct dl_sink *s)
{
        if (s->failing) /* what is back is read whole */
                schedule_restart(&s->schedule, driver_now(s));
        if (may_write_desired(s) && s->desired_at_ns <= driver_now(s)) {
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
        s->reopen = s->reopen && s->object;
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
                        outcome_drop_old(s);
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
                        outcome_finish(s);
                if (s->op != OP_NONE && s->closing && s->op != OP_CLOSE)
                        outcome_hurry(s, "the link is closed");
                if (s->op != OP_NONE) {
                        outcome_check_limit(s);
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
                outcome_hurry(s, "the link was changed"); /* there is no good line to be kept */
        s->failing = false;
}

static void reconnect(struct dl_sink *s)
{
        if (s->failing || s->op == OP_READ || s->parked)
                return;
        outcome_wait(s);
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
                s->start_at_ns = driver_now(s) + after_ns;
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
                s->closing_ns = driver_now(s);
                break;
        }
        driver_ready(s);
}
