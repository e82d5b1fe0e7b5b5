#include "link/driver.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/value.h"

#include <stdio.h>
#include <string.h>

struct write_job *write_job_new(uint64_t id, struct device *device, size_t n)
{
        struct write_job *j = xcalloc(1, sizeof(*j));

        j->id = id;
        j->device = device_ref(device);
        j->deadline_ns = INT64_MAX;
        j->n = n;
        j->writes = xcalloc(n > 0 ? n : 1, sizeof(*j->writes));
        j->results = xcalloc(n > 0 ? n : 1, sizeof(*j->results));
        j->answered = xcalloc(n > 0 ? n : 1, 1);
        return j;
}

void write_job_free(struct write_job *j)
{
        if (!j)
                return;
        for (size_t i = 0; i < j->n; i++)
                value_done(&j->writes[i].value);
        device_unref(j->device);
        free(j->writes);
        free(j->results);
        free(j->answered);
        free(j);
}

static void answer(struct write_job *j, size_t i, int rc, uint32_t code, const char *text)
{
        j->answered[i] = 1;
        j->results[i] =
                (struct record_write){ .point = j->writes[i].point, .rc = rc, .code = code };
        (void)snprintf(j->results[i].text, sizeof(j->results[i].text), "%s", text ? text : "");
}

static void answer_rest(struct write_job *j, int rc, const char *text)
{
        for (size_t i = 0; i < j->n; i++) {
                if (!j->answered[i])
                        answer(j, i, rc, 0, text);
        }
}

static void tell(struct dl_sink *s, const struct write_job *j)
{
        struct record_written *r = outbox_written(s->home->out, s, j->id, j->n);

        memcpy(r->list, j->results, j->n * sizeof(r->list[0]));
}

static void refuse(struct dl_sink *s, struct write_job *j, const char *why)
{
        answer_rest(j, DL_RETRY, why);
        tell(s, j);
        write_job_free(j);
}

void writes_add(struct dl_sink *s, struct write_job *j)
{
        if (s->closing || s->n_writes >= WRITES_QUEUED_MAX) {
                refuse(s, j, s->closing ? "the link is closed" : "too many writes are waiting");
                return;
        }
        if (!s->writes)
                s->writes_last = &s->writes;
        j->next = NULL;
        *s->writes_last = j;
        s->writes_last = &j->next;
        s->n_writes++;
}

static struct write_job *take(struct dl_sink *s)
{
        struct write_job *j = s->writes;

        if (j) {
                s->writes = j->next;
                s->n_writes--;
        }
        return j;
}

struct write_job *writes_next(struct dl_sink *s)
{
        struct write_job *j;

        while ((j = take(s))) {
                if (j->device != s->device)
                        refuse(s, j, "the link was changed meanwhile");
                else if (j->deadline_ns <= clock_mono_ns())
                        refuse(s, j, "the deadline has passed");
                else
                        return j;
        }
        return NULL;
}

void writes_refuse(struct dl_sink *s, const char *why)
{
        struct write_job *j;

        while ((j = take(s)))
                refuse(s, j, why);
}

struct write_job *writes_desired(struct dl_sink *s)
{
        const struct dl_info *info = s->device->info;
        struct write_job *j = write_job_new(0, s->device, s->n_desired);
        size_t n = 0;

        for (size_t i = 0; i < info->n_points; i++) {
                if (!(s->flags[i] & POINT_DESIRED))
                        continue;
                struct dl_write *w = &j->writes[n];
                if (value_copy(&info->points[i].desired, &w->value, NULL) < 0)
                        continue; /* compile checked it */
                w->size = sizeof(*w);
                w->point = (uint32_t)i;
                n++;
        }
        j->n = n;
        return j;
}

bool writes_outcome(struct dl_sink *s, uint32_t point, int rc, uint32_t code, const char *text)
{
        struct write_job *j = s->writing;

        for (size_t i = 0; j && i < j->n; i++) {
                if (j->writes[i].point == point && !j->answered[i]) {
                        answer(j, i, rc > 0 || rc < DL_BUG ? DL_BUG : rc, code, text);
                        return true;
                }
        }
        return false;
}

/* The device said yes or no to it; what it did not hear is said again. */
static void settle(struct dl_sink *s, const struct write_job *j)
{
        for (size_t i = 0; i < j->n; i++) {
                const struct record_write *r = &j->results[i];

                if (r->rc == DL_RETRY || (r->rc == DL_BUG && s->rc == DL_BUG))
                        continue;
                if (j->id == 0 && s->flags[r->point] & POINT_DESIRED) {
                        s->flags[r->point] &= (unsigned char)~POINT_DESIRED;
                        s->n_desired--;
                }
                if (r->rc == DL_OK)
                        points_want(s, r->point);
        }
}

void writes_ended(struct dl_sink *s, struct write_job *j)
{
        const char *why = s->error ? s->error : (s->rc < 0 ? "no reason given" : NULL);

        answer_rest(j, s->rc, why);
        tell(s, j);
        settle(s, j);
}
