/* view.h - links and devices as JSON, for the page that `devicelink get` reads: the same in a
 * cluster and without one.
 *
 * Lists of objects as the API server shows them, less what the agent does not know, and with its
 * own knowledge beside: "agent" and "polls".  Specs of devices are not shown: they may hold
 * secrets.
 *
 * Threads: the loop.
 */
#ifndef VIEW_H
#define VIEW_H

#include "base/buf.h"
#include "kube/cluster.h"
#include "link/links.h"

struct view_source {
        const struct links *links;
        void *ctx;
        /* In a cluster: the list that is in the API object; NULL = the link's own. */
        const struct conditions *(*conditions)(void *ctx, const char *key);
        const struct cluster
                *cluster; /* whose links that nothing drives are shown too; NULL = none */
};

/* space, name: only those; NULL = all. */
void view_links(const struct view_source *s, const char *space, const char *name, struct buf *out);
void view_devices(const struct view_source *s, const char *space, const char *name,
                  struct buf *out);

#endif
