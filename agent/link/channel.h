/* channel.h - one thread's worth of work: the links of one adaptor whose devices name the same
 * channel.
 *
 * Threads: the home's.
 */
#ifndef LINK_CHANNEL_H
#define LINK_CHANNEL_H

#include "link/sink.h"

/* All links of one adaptor in one home. */
struct tenant {
        const struct dl_adaptor *adaptor;
        size_t n_sinks;
        void *local; /* DL_SCOPE_THREAD */
        struct dl_watch *watches;
        struct dl_timer *timers;
        struct tenant *next;
};

struct channel {
        struct channel *next; /* of equal slot */
        uint32_t hash;
        struct tenant *tenant;
        size_t n_sinks;
        void *local; /* DL_SCOPE_CHANNEL */
        /* Blocking: whose call is under way, and who waits. */
        struct dl_sink *running;
        struct dl_sink *waiting, **waiting_last;
        char name[];
};

struct channels {
        struct channel **slots;
        size_t n_slots; /* a power of two, or 0 */
        size_t n;
        struct tenant *tenants;
};

uint32_t channel_hash(const char *name);
void channels_enter(struct channels *c, struct dl_sink *s, const char *name);
/* Returns the tenant when its last link has left: to be emptied and freed. */
struct tenant *channels_leave(struct channels *c, struct dl_sink *s);
void channels_done(struct channels *c); /* everybody has left */

#endif
