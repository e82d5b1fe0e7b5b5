/* topic.h - topic templates, as Octopus renders them (octopus 4.3).
 *
 * A template is split at '/'; a segment that is one of :namespace :name :uid :path :operator is
 * replaced, any other segment that begins with ':' and any blank one is left out; the rest is
 * joined and cleaned as a path ("//", "." and ".." go).  Replaced text is not rendered again. Pure;
 * threads: none shared.
 */
#ifndef PUBLISH_TOPIC_H
#define PUBLISH_TOPIC_H

#include "base/buf.h"
#include "base/err.h"

enum { TOPIC_MAX_BYTES = 65535 };

/* NULL or "" = blank.  The first three are the link's. */
struct topic_names {
        const char *space;
        const char *name;
        const char *uid;
        const char *path;
        const char *operation; /* operator.write to publish, operator.read to subscribe; "null" is
                                  blank */
};

/* Adds the topic; nothing when no segment is left.  What has no room makes *out fail. */
void topic_render(const char *template, const struct topic_names *names, struct buf *out);

/* Adds the template of a will that has no topic of its own: `<topic>/$will`, cleaned. */
void topic_will_default(const char *template, struct buf *out);

/* Can be published to: not empty, no wildcard, UTF-8 without NUL, at most 65,535 bytes.  DL_CONFIG.
 */
int topic_check(const struct buf *topic, struct err *e);

#endif
