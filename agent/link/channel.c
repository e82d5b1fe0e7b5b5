#include "link/channel.h"

#include "base/mem.h"

#include <string.h>

uint32_t channel_hash(const char *name)
{
        uint32_t h = 2166136261U; /* FNV-1a */

        for (const unsigned char *c = (const unsigned char *)name; *c; c++)
                h = (h ^ *c) * 16777619U;
        return h ^ h >> 16;
}

static struct tenant *tenant_of(struct channels *c, const struct dl_adaptor *a)
{
        struct tenant *t = c->tenants;

        while (t && t->adaptor != a)
                t = t->next;
        if (t)
                return t;
        t = xcalloc(1, sizeof(*t));
        t->adaptor = a;
        t->next = c->tenants;
        c->tenants = t;
        return t;
}

static struct channel **slot_of(const struct channels *c, uint32_t hash)
{
        return &c->slots[hash & (c->n_slots - 1)];
}

static void grow(struct channels *c)
{
        struct channels old = *c;

        if (c->n < c->n_slots)
                return;
        c->n_slots = old.n_slots > 0 ? old.n_slots * 2 : 16;
        c->slots = xcalloc(c->n_slots, sizeof(struct channel *));
        for (size_t i = 0; i < old.n_slots; i++) {
                for (struct channel *ch = old.slots[i], *next; ch; ch = next) {
                        struct channel **slot = slot_of(c, ch->hash);

                        next = ch->next;
                        ch->next = *slot;
                        *slot = ch;
                }
        }
        free(old.slots);
}

static struct channel *find(const struct channels *c, const struct dl_adaptor *a, const char *name,
                            uint32_t hash)
{
        struct channel *ch = c->n_slots > 0 ? *slot_of(c, hash) : NULL;

        while (ch && (ch->tenant->adaptor != a || strcmp(ch->name, name) != 0))
                ch = ch->next;
        return ch;
}

static struct channel *make(struct channels *c, const struct dl_adaptor *a, const char *name,
                            uint32_t hash)
{
        size_t size = strlen(name) + 1;
        struct channel *ch = xcalloc(1, sizeof(*ch) + size);

        memcpy(ch->name, name, size);
        ch->hash = hash;
        ch->tenant = tenant_of(c, a);
        grow(c);
        ch->next = *slot_of(c, hash);
        *slot_of(c, hash) = ch;
        c->n++;
        return ch;
}

void channels_enter(struct channels *c, struct dl_sink *s, const char *name)
{
        uint32_t hash = channel_hash(name);
        struct channel *ch = find(c, s->adaptor, name, hash);

        if (!ch)
                ch = make(c, s->adaptor, name, hash);
        ch->n_sinks++;
        ch->tenant->n_sinks++;
        s->channel = ch;
}

static void drop_channel(struct channels *c, struct channel *ch)
{
        struct channel **at = slot_of(c, ch->hash);

        while (*at != ch)
                at = &(*at)->next;
        *at = ch->next;
        free(ch);
        c->n--;
}

static void unlink_tenant(struct channels *c, const struct tenant *t)
{
        struct tenant **at = &c->tenants;

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;
}

struct tenant *channels_leave(struct channels *c, struct dl_sink *s)
{
        struct channel *ch = s->channel;
        struct tenant *t = ch->tenant;

        s->channel = NULL;
        if (--ch->n_sinks == 0)
                drop_channel(c, ch);
        if (--t->n_sinks > 0)
                return NULL;
        unlink_tenant(c, t);
        return t;
}

void channels_done(struct channels *c)
{
        free(c->slots);
        *c = (struct channels){ 0 };
}
