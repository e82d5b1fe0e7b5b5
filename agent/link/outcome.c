/* outcome.c - what a driver makes of an operation that has ended, or that does not end. */
#include "link/driver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static const int64_t bug_pause_ns = 30 * NS_PER_S;
/* An interrupt that comes just before its call is lost on it. */
static const int64_t interrupt_again_ns = 200 * NS_PER_MS;
static const int64_t close_patience_ns = 3 * NS_PER_S;

/* --- outcomes */

void outcome_drop_old(struct dl_sink *s)
{
        device_unref(s->old);
        s->old = NULL;
}

static void report(struct dl_sink *s, int rc, const char *text)
{
        struct record_result *r = outbox_result(s->home->out, s, RECORD_POLLED, rc, text);

        if (s->op == OP_READ)
                r->took_ns = driver_now(s) - s->begun_ns;
}

static const char *reason(const struct dl_sink *s)
{
        if (s->error)
                return s->error;
        return s->rc == DL_BUG ? "the adaptor failed without a reason" : "no reason given";
}

void outcome_wait(struct dl_sink *s)
{
        int64_t now = driver_now(s);

        s->failing = true;
        s->retry_at_ns = now + retry_next_ns(&s->retry, now);
}

/* Results are named for what the agent does next. */
static void failed(struct dl_sink *s)
{
        report(s, s->rc, reason(s));
        switch (s->rc) {
        case DL_REFUSED: /* it answers */
                if (s->op == OP_OPEN) {
                        outcome_wait(s);
                } else {
                        s->failing = false;
                        retry_reset(&s->retry);
                }
                return;
        case DL_CONFIG:
                s->parked = true;
                s->reopen = s->object != NULL;
                return;
        case DL_BUG:
                s->failing = true;
                s->reopen = s->object != NULL;
                s->retry_at_ns = driver_now(s) + bug_pause_ns;
                return;
        default:
                outcome_wait(s);
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
        int64_t now = driver_now(s);

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
        outcome_drop_old(s);
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
        outcome_drop_old(s);
}

void outcome_finish(struct dl_sink *s)
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
        outcome_wait(s);
        driver_ready(s);
}

static void look_again(struct dl_sink *s, int64_t after_ns)
{
        s->limit_ns = driver_now(s) + after_ns;
        loop_timer_start_at(&s->timer, s->limit_ns, 0);
}

static void say_stuck(struct dl_sink *s)
{
        if (!s->stuck)
                (void)outbox_result(s->home->out, s, RECORD_STUCK, DL_BUG,
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
                if (driver_now(s) - s->closing_ns > close_patience_ns)
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

void outcome_check_limit(struct dl_sink *s)
{
        int64_t now = driver_now(s);

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
void outcome_hurry(struct dl_sink *s, const char *why)
{
        if (s->home->event_driven)
                drop_request(s, why);
        else if (!s->interrupted)
                hurry_call(s);
}
