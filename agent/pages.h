/* pages.h - the agent's pages: what serve asks for, from the rooms.
 *
 * Threads: the loop.
 */
#ifndef PAGES_H
#define PAGES_H

#include "kube/api.h"
#include "kube/cluster.h"
#include "link/links.h"
#include "publish/publish.h"
#include "serve/serve.h"

/* Kept by the agent, and kept right while serve is open. */
struct pages {
        const struct links *links;
        const struct publisher *publisher;
        const struct cluster *cluster; /* NULL: a folder */
        const struct kube_api *api;    /* NULL: a folder */
        size_t adaptors;               /* loaded */
        bool loaded;                   /* the first desired set was taken over */
        bool stopping;
};

/* Sets all of it but loop, address and socket. */
void pages_config(struct pages *p, struct serve_config *ret);

#endif
