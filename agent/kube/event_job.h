/* event_job.h - one Event to be written: what it says, where it goes, its bodies.
 *
 * Pure; threads: none shared.
 */
#ifndef KUBE_EVENT_JOB_H
#define KUBE_EVENT_JOB_H

#include "kube/events.h"

struct event_job {
        struct event_job *next;
        uint64_t key;
        const char *api_version, *kind, *space, *name, *uid; /* of the object */
        const char *reason, *action, *note;
        bool warning;
        bool is_repeat; /* of a series; else it is the first */
        unsigned attempts;
        char texts[]; /* all of the above */
};

/* The note as it is sent: at most 1,024 bytes, whole characters, UTF-8.  For free(). */
char *event_note(const char *note);

uint64_t event_object_digest(const struct event_about *about);
uint64_t event_digest(uint64_t object, bool warning, const char *reason, const char *action,
                      const char *note);

/* Copies all.  For free(). */
struct event_job *event_job_new(const struct event_about *about, bool warning, const char *reason,
                                const char *action, const char *note);
/* Of the first: the collection; of a repeat: the Event made then (wall, ns).  For free(). */
char *event_path(const struct event_job *j, int64_t made_ns);
/* The Event whole. */
void event_body(const struct event_job *j, const char *controller, const char *instance,
                int64_t made_ns, struct buf *out);
/* A merge patch. */
void event_series_body(uint32_t count, int64_t last_ns, struct buf *out);

#endif
