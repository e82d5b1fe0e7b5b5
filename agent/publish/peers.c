/* peers.c - brokers and who waits for them. */
#include "publish/peers.h"

#include "base/mem.h"

#include <string.h>

struct peer *peer_take(struct peer **peers, const char *host, uint16_t port)
{
        for (struct peer *p = *peers; p; p = p->next) {
                if (p->port != port || strcmp(p->host, host) != 0)
                        continue;
                p->refs++;
                return p;
        }
        size_t room = strlen(host) + 1;
        struct peer *p = xcalloc(1, sizeof(*p) + room);

        p->port = port;
        p->refs = 1;
        memcpy(p->host, host, room);
        p->next = *peers;
        *peers = p;
        return p;
}

void peer_drop(struct peer **peers, struct peer *p)
{
        if (--p->refs > 0)
                return;
        while (*peers != p)
                peers = &(*peers)->next;
        *peers = p->next;
        free(p);
}

void peer_wait(struct peer *p, struct peer_waiter *w)
{
        if (w->at)
                return;
        w->at = p;
        w->prev = NULL;
        w->next = p->waiting;
        if (p->waiting)
                p->waiting->prev = w;
        p->waiting = w;
        p->n_waiting++;
}

void peer_unwait(struct peer *p, struct peer_waiter *w)
{
        if (!w->at)
                return;
        *(w->prev ? &w->prev->next : &p->waiting) = w->next;
        if (w->next)
                w->next->prev = w->prev;
        w->at = NULL;
        p->n_waiting--;
}
