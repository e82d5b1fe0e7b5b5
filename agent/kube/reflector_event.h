/* reflector_event.h - what a line of a watch and a page of a list say.
 *
 * Objects are found in the text and read one at a time, without their managedFields, and only those
 * that are wanted: most of a repeated list is what is known already.
 * Secrets: errors hold nothing of an object but its name.
 * Pure; threads: none shared.
 */
#ifndef KUBE_REFLECTOR_EVENT_H
#define KUBE_REFLECTOR_EVENT_H

#include "kube/object_meta.h"
#include "kube/reflector_json.h"

enum event_type {
        EVENT_ADDED,
        EVENT_MODIFIED,
        EVENT_DELETED,
        EVENT_BOOKMARK,
        EVENT_ERROR,
        EVENT_OTHER, /* of a later version than ours */
};

struct event {
        enum event_type type;
        struct json_span object; /* a JSON object, by its brackets */
};

/* DL_CONFIG: it is no event. */
int event_read(const char *line, size_t n, struct event *ret, struct err *e);

/* Of an object: space, name, uid and version, in the arena; the rest is empty.  DL_CONFIG: it has
 * no name or version. */
int event_identity(struct json_span object, struct arena *a, struct object_meta *ret,
                   struct err *e);
/* Read it whole but for its managedFields. */
int event_object(struct json_span object, struct arena *a, const struct tree **ret, struct err *e);
/* Of a Secret or ConfigMap: its identity and its data alone.  What is in Base64 reaches no memory
 * but the arena. */
int event_secret(struct json_span object, struct arena *a, const struct tree **ret, struct err *e);
/* Of a bookmark: how far the stream is, and whether all that was there at first has been said. */
int event_bookmark(struct json_span object, struct arena *a, const char **ret_version,
                   bool *ret_initial_end, struct err *e);

struct list_page {
        struct json_span items; /* n = 0: none */
        const char *version;    /* in the arena */
        const char *more;       /* what to ask the next page with; "" = this was the last */
};

int list_page_read(const char *text, size_t n, struct arena *a, struct list_page *ret,
                   struct err *e);

#endif
