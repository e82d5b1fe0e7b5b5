/* reflector_impl.h - what the files of the reflector share.  Not for others.
 *
 * One step is under way at a time: a wait, a list, a watch, or a look whether the server knows the
 * selector's field by now.  `version` is where a watch goes on from; without one the step is a
 * stream with initial events, or a list.  Callbacks may close the reflector: after each one ask
 * reflector_is_over().
 */
#ifndef KUBE_REFLECTOR_IMPL_H
#define KUBE_REFLECTOR_IMPL_H

#include "base/backoff.h"
#include "base/clock.h"
#include "kube/reflector.h"
#include "kube/reflector_event.h"
#include "kube/reflector_table.h"

/* How often the server is asked whether it knows the field by now. */
#define PROBE_NS (1800 * NS_PER_S)

enum reflector_step { STEP_WAIT, STEP_LIST, STEP_STREAM, STEP_WATCH, STEP_PROBE };

struct reflector {
        struct reflector_config config; /* its texts are ours */
        struct kube_api *api;
        struct loop *loop;
        struct table table;
        enum reflector_state state;
        bool synced;
        bool told_why; /* it does not start at once */
        char *texts;   /* of the configuration */

        enum reflector_step step;
        struct kube_call *call;
        struct loop_timer timer; /* of the step: its end, or the silence of a watch */
        struct backoff backoff;
        struct backoff slow; /* where only a person can help */

        char *version;           /* to watch from; NULL: all must be read again */
        char *seen;              /* the last version to watch from there was, or NULL */
        bool wants_newest;       /* the next list must not come from a cache */
        uint32_t mark;           /* of the list under way, or the last */
        bool is_initial;         /* a list or the first part of a stream is under way */
        bool is_fresh;           /* all was read since LIVE was told */
        bool is_unpaged;         /* pages failed: all in one */
        char *more;              /* what to ask the next page with */
        int64_t no_stream_ns;    /* until then no initial events are asked for; 0 = at all times */
        int64_t selector_off_ns; /* since when the server does not know the field; 0 = it does */
        int64_t begun_ns;        /* of the watch; 0 = it has not answered */
        int64_t heard_ns;
        bool had_event;
        int64_t limit_ns; /* that was asked for, of the watch */
        uint64_t skipped;

        unsigned depth; /* callbacks of ours on the stack */
        bool closed;    /* meanwhile */
};

/* --- reflector.c */
void reflector_enter(struct reflector *r);
bool reflector_leave(struct reflector *r); /* false: it is gone */
static inline bool reflector_is_over(const struct reflector *r)
{
        return r->closed;
}
void reflector_say(struct reflector *r, enum reflector_state state, const char *text);
/* Start the step that is right now. */
void reflector_step(struct reflector *r);
void reflector_wait(struct reflector *r, int64_t ns);
/* Path with selectors; more is added by kube_query(). */
void reflector_path(const struct reflector *r, bool with_fields, struct buf *path);
void reflector_forget_version(struct reflector *r, bool wants_newest);
void reflector_set_version(struct reflector *r, const char *version); /* older ones are ignored */
/* What a failed step means for the next one. */
void reflector_trouble(struct reflector *r, const struct kube_answer *a);
/* The server does not know the field of the selector.  False: that is not what it said. */
bool reflector_selector_refused(struct reflector *r, const struct kube_answer *a);

/* --- reflector_apply.c: objects into the table and to the owner.  The reflector may be over then.
 */
void reflector_begin_all(struct reflector *r, bool is_newest);
void reflector_end_all(struct reflector *r, const char *version);
void reflector_object(struct reflector *r, struct json_span object);
void reflector_deleted(struct reflector *r, struct json_span object);

/* --- reflector_list.c, reflector_watch.c */
void reflector_list(struct reflector *r);
void reflector_probe(struct reflector *r);
void reflector_watch(struct reflector *r, bool stream);
void reflector_watch_time(struct reflector *r); /* the timer fired */

#endif
