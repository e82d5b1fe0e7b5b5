/* plan.h - what must happen so that the running set becomes the desired one.
 *
 * Pure: looks at both sets, touches nothing.  Decided by adaptor, kind, channel, connection, and
 * whether the device's own part of the spec (all but `extension`) or its references differ.
 */
#ifndef LINK_PLAN_H
#define LINK_PLAN_H

#include "model/spec.h"

enum plan_action {
        PLAN_STOP,    /* close */
        PLAN_START,   /* open; nothing ran */
        PLAN_REPLACE, /* close, then open: another adaptor, channel or connection */
        PLAN_UPDATE,  /* the same line, another device: points, interval, anything else */
        PLAN_KEEP,    /* go on with what runs, or, with an unusable desired spec, ran so far */
        PLAN_WAIT,    /* nothing runs and nothing can */
};

/* One link, desired or running.  Sets are sorted by spec->key, keys unique. */
struct plan_item {
        const struct link_spec *spec;
        const struct dl_adaptor *adaptor; /* NULL: there is none */
        const struct dl_info *info;       /* NULL: cannot run (desired), does not run (running) */
};

enum { PLAN_NONE = -1 };

struct plan_step {
        enum plan_action action;
        long desired; /* index or PLAN_NONE */
        long running;
};

/* One step per key of either set into `ret` (room for both sets), the stops first.  Returns how
 * many. */
size_t plan_make(const struct plan_item *desired, size_t n_desired, const struct plan_item *running,
                 size_t n_running, struct plan_step *ret);

/* Would the same device come out of both?  Then there is no need to compile. */
bool plan_same_device(const struct link_spec *a, const struct link_spec *b);

#endif
